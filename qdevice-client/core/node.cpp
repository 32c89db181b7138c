// node.cpp -- what happens on the node, and what follows from it; see node.hpp.
// SPDX-License-Identifier: BSD-3-Clause
#include "qdevice-client/core/node.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "common/wire/check.hpp"
#include "qdevice-client/core/requests.hpp"

namespace castvote::qdevice {

namespace {

// Their order says nothing (node.md 5.7).
bool has_same_nodes(std::vector<wire::NodeInfo> left, std::vector<wire::NodeInfo> right) {
    std::sort(left.begin(), left.end());
    std::sort(right.begin(), right.end());
    return left == right;
}

bool has_same_heuristics(const NodeConfig& left, const NodeConfig& right) {
    return left.heuristics_mode == right.heuristics_mode &&
           left.heuristics_commands == right.heuristics_commands &&
           left.heuristics_timeout == right.heuristics_timeout &&
           left.heuristics_sync_timeout == right.heuristics_sync_timeout &&
           left.heuristics_interval == right.heuristics_interval;
}

}  // namespace

Node::Node(Settings settings, Instant started)
    : settings_(std::move(settings)),
      intervals_(intervals_of(settings_)),
      now_(started),
      policy_(intervals_.poll),
      init_sent_(started),
      backoff_(settings_.jitter_seed) {}

Actions Node::step(const Event& event) {
    CHECK(event.now >= now_, "the shell's clock never goes back");
    now_ = event.now;
    if (!has_ended_) std::visit([&](const auto& what) { on(what); }, event.what);
    return std::exchange(actions_, {});
}

void Node::report(Level level, std::string text) {
    actions_.push_back(Report{level, std::move(text)});
}

// -- the quorum provider --------------------------------------------------------------------------

void Node::on(const RingChanged& changed) {
    const bool is_first = !ring_;
    ring_ = changed.ring;
    members_ = changed.members;
    sync_in_progress_ = true;
    reported_vote_.reset();
    policy_.enter(changed.ring);
    // Nobody can give us the vote in this ring: say no at once, which lets corosync go on, also
    // when it was no already (node.md 15). At the start it takes back the yes that a crashed
    // predecessor may have left behind, before we connect (arbiter.md 10, W2).
    if (phase_ != Phase::connected) cast(policy_.deny(now_));
    run(heuristics_.for_membership(settings_.config, now_));
    if (is_first) connect();
}

void Node::on(const QuorumChanged& changed) {
    sync_in_progress_ = false;
    quorate_ = changed.quorate;
    quorum_list_ = changed.nodes;
    if (phase_ == Phase::connected)
        send_list(requests::quorum_list(++number_, quorate_, quorum_list_));
}

void Node::on(const FlagSeen& seen) { cast(policy_.compare(seen.cast, sync_in_progress_, now_)); }

void Node::on(const ConfigChanged& changed) {
    const bool has_new_nodes = !has_same_nodes(settings_.config.nodes, changed.config.nodes);
    const bool has_new_heuristics = !has_same_heuristics(settings_.config, changed.config);
    const auto version = settings_.config.config_version;
    settings_.config = changed.config;
    // The version goes with the list; alone it changes nothing (node.md 5.7).
    if (!has_new_nodes) settings_.config.config_version = version;
    if (has_new_heuristics) run(heuristics_.again(settings_.config, sync_in_progress_, now_));
    if (has_new_heuristics && is_accepted() && !terms_->has_heuristics &&
        settings_.config.heuristics_mode != HeuristicsMode::off)
        lose({Retry::later, "heuristics are configured and the arbiter does not know them"},
             EndedBy::us);
    if (has_new_nodes && phase_ == Phase::connected)
        send_list(
            requests::config_list(++number_, wire::NodeListType::changed_config, settings_.config));
}

void Node::on(const CastRefused& refused) {
    report(Level::error, fmt::format("our vote is no longer taken: {}; ending", refused.detail));
    exit(1);
}

// A last cast could reach nobody.
void Node::on(const ProviderLost& lost) {
    report(Level::error, fmt::format("the quorum provider is gone: {}; ending", lost.detail));
    exit(1);
}

void Node::on(const StopRequested&) {
    if (ring_) cast(policy_.deny(now_));
    exit(0);
}

void Node::exit(int status) {
    if (phase_ != Phase::unconnected) actions_.push_back(Disconnect{});
    phase_ = Phase::unconnected;
    actions_.push_back(Exit{status});
    has_ended_ = true;
}

// The one way of a vote out. A yes needs fresh word from the arbiter: while this process was
// frozen, or its messages lay unread, the vote may have gone to others.
void Node::cast(const std::optional<Cast>& wanted) {
    if (!wanted) return;
    if (wanted->vote && !contact_.may_vote(now_, intervals_))
        return lose({Retry::soon, "the last word from the arbiter is too old"}, EndedBy::us);
    actions_.push_back(*wanted);
}

// -- heuristics -----------------------------------------------------------------------------------

void Node::run(const std::optional<RunHeuristics>& wanted) {
    if (wanted) actions_.push_back(*wanted);
}

void Node::on(const HeuristicsDone& done) {
    if (const auto finished = heuristics_.finish(done.number, done.result, settings_.config, now_))
        use(*finished);
}

void Node::use(const HeuristicsRuns::Finished& finished) {
    const Purposes& purposes = finished.purposes;
    if (purposes.connect && phase_ == Phase::running_heuristics) {
        send_first_lists(finished.result);
    } else if (purposes.membership && phase_ == Phase::connected) {
        send_list(requests::membership_list(++number_, *ring_, members_, finished.result));
        policy_.resume();
        policy_.wait();
    } else if (purposes.regular && finished.is_news) {
        report(finished.result == wire::Heuristics::fail ? Level::error : Level::notice,
               fmt::format("heuristics result changed to {}", wire::name_of(finished.result)));
        if (phase_ == Phase::connected)
            send(requests::heuristics_change(++number_, finished.result));
    }
}

// -- time -----------------------------------------------------------------------------------------

void Node::on(const TimePassed&) {
    // First what takes the vote back, then what casts it.
    if (contact_.is_lost(now_, intervals_))
        lose({Retry::soon, "the arbiter does not answer"}, EndedBy::us);
    if (connect_deadline_ && now_ >= *connect_deadline_)
        lose({Retry::soon, "the arbiter was not reached in time"}, EndedBy::us);
    if (const auto finished = heuristics_.expire(settings_.config, now_)) {
        report(Level::warning, "the heuristics run gave no result in time");
        use(*finished);
    }
    if (const auto number = contact_.next_echo(now_, intervals_))
        send(requests::echo_request(*number));
    cast(policy_.tick(now_));
    run(heuristics_.for_interval(settings_.config, now_));
    if (next_attempt_ && now_ >= *next_attempt_) connect();
}

std::optional<Instant> Node::next_deadline() const {
    std::optional<Instant> earliest;
    if (has_ended_) return earliest;
    for (const auto& at : {contact_.deadline(intervals_), connect_deadline_, policy_.deadline(),
                           heuristics_.deadline(), next_attempt_})
        if (at) keep_earlier(earliest, *at);
    return earliest;
}

// -- what is known --------------------------------------------------------------------------------

Status Node::status() const {
    Status status;
    status.settings = settings_;
    status.heartbeat_interval = intervals_.heartbeat;
    status.vote_timer_interval = intervals_.poll;
    status.ring = ring_.value_or(wire::RingId{});
    status.members = members_;
    status.quorate = quorate_;
    status.quorum_list = quorum_list_;
    status.sync_in_progress = sync_in_progress_;
    status.connection = phase_ == Phase::connected     ? ConnectionState::connected
                        : phase_ != Phase::unconnected ? ConnectionState::connecting
                        : found_nobody_                ? ConnectionState::connect_failed
                                                       : ConnectionState::disconnected;
    status.tls = tls_;
    status.client_certificate_sent = client_certificate_sent_;
    status.arbiter_lacks_keep_active = terms_ && !terms_->has_keep_active;
    status.vote_timer = policy_.timer();
    if (const auto& last = policy_.last()) {
        status.last_cast = last->at;
        status.last_cast_vote = last->cast.vote;
    }
    status.connected_since = connected_since_;
    status.last_echo_reply = contact_.last_reply();
    const HeuristicsRuns::Results& results = heuristics_.results();
    status.heuristics_latest = results.latest;
    status.heuristics_regular = results.regular;
    status.heuristics_membership = results.membership;
    status.heuristics_connect = results.connect;
    status.last_disconnect_reason = last_disconnect_reason_;
    status.next_attempt = next_attempt_;
    return status;
}

}  // namespace castvote::qdevice
