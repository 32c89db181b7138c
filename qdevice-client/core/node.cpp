// node.cpp -- what happens on the node, and the vote that follows from it; see node.hpp.
// SPDX-License-Identifier: BSD-3-Clause
#include "qdevice-client/core/node.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "common/wire/check.hpp"

namespace castvote::qdevice {

using wire::Vote;

namespace {

// How long it may take corosync, at most, to stop counting a vote that we took back.
constexpr Duration counting_time_max{500};

// Their order means nothing (node.md 5.7).
bool is_same_set(std::vector<wire::NodeInfo> left, std::vector<wire::NodeInfo> right) {
    std::sort(left.begin(), left.end());
    std::sort(right.begin(), right.end());
    return left == right;
}

}  // namespace

Node::Node(Settings settings, Instant started)
    : settings_(std::move(settings)), now_(started), jitter_(settings_.jitter_seed) {}

Actions Node::step(const Event& event) {
    CHECK(event.now >= now_, "the shell's clock never goes back");
    now_ = event.now;
    if (has_ended_) return {};
    // Whatever is cast from here on is cast for the membership that the provider has now.
    if (const auto* changed = std::get_if<RingChanged>(&event.what)) {
        ring_ = changed->ring;
        members_ = changed->members;
    }
    // A process that was frozen must not vote on waking: the age of the arbiter's word comes first,
    // and what that connection still brings comes too late.
    if (leaving_since_)
        while_leaving(event);
    else if (check_contact() || (!std::holds_alternative<Received>(event.what) &&
                                 !std::holds_alternative<ConnectionLost>(event.what)))
        std::visit([&](const auto& what) { on(what); }, event.what);
    return std::exchange(actions_, {});
}

void Node::report(Level level, std::string text) {
    actions_.push_back(Report{level, std::move(text)});
}

// -- the quorum provider --------------------------------------------------------------------------

void Node::on(const RingChanged&) {
    const bool is_first = !last_cast_;
    sync_in_progress_ = true;
    next_regular_.reset();
    holds_until_.reset();
    deny_at_.reset();
    if (has_cast_in_ring_)
        left_uncounted_ =
            is_fresh_ || denied_since_ || (knows_of_counting_ && last_cast_vote_ && !is_counted_);
    if (denied_since_ && lease_.count() > 0) withheld_.clear();
    confirm_withheld();  // what the old ring counted is over
    denied_since_.reset();
    is_fresh_ = is_first;
    is_counted_ = has_cast_in_ring_ = false;
    uncounted_ack_.reset();
    if (has_lease()) deny_at_ = now_ + sync_patience();
    if (!is_accepted() && deny_at_) {
        standing_ = Standing::waiting;  // the arbiter was there a moment ago
        next_poll_.reset();
        return;
    }
    if (!is_accepted()) {
        // Also when the vote was NACK already: it ends the synchronisation at once. At the very
        // start it clears a vote that a crashed predecessor may have left (arbiter.md 10, W2).
        deny();
        if (is_first) connect();
        // Nothing waits for the result here; the status shows it.
        if (settings_.config.heuristics_mode != HeuristicsMode::off)
            run_heuristics(Purpose::membership);
        return;
    }
    paused_ = true;
    run_heuristics(link_ == Link::joined ? Purpose::membership : Purpose::connect);
}

void Node::on(const QuorumChanged& changed) {
    sync_in_progress_ = false;
    quorate_ = changed.quorate;
    quorum_list_ = changed.nodes;
    // What a process before us left is counted like a "yes" of our own until our "no" came round.
    if (std::exchange(is_fresh_, false) && has_cast_in_ring_ && !last_cast_vote_ && !is_counted_)
        denied_since_ = last_cast_;
    if (!quorate_) vote_is_off();
    if (link_ == Link::joined) send_quorum();
}

// Closes fact 1 of docs/safety.md on our side: an old message may have overwritten our vote. A yes
// of the ring before is left alone while the sync lasts (it counts for nothing there, and a poll
// would end the sync), but not after it: the time-out clears the flag, so what is on came behind
// it.
void Node::on(const FlagSeen& seen) {
    if (!ring_ || !last_cast_) return;
    const bool is_same_ring = last_cast_ring_ == ring_;
    const bool was_granted_here = is_same_ring && last_cast_vote_;
    if (!seen.cast) is_counted_ = false;
    if (seen.cast && !was_granted_here) {
        if (is_same_ring || !sync_in_progress_) take_back();
    } else if (!seen.cast && was_granted_here && standing_ == Standing::ack && !paused_) {
        cast(true);
    }
}

void Node::on(const VoteCounted&) {
    if (last_cast_ring_ != ring_) return;
    is_counted_ = knows_of_counting_ = true;
    if (last_cast_vote_) return confirm_counted_ack();
    denied_since_.reset();
    confirm_withheld();
}

void Node::on(const ConfigChanged& changed) {
    const bool has_new_nodes = !is_same_set(settings_.config.nodes, changed.config.nodes);
    const bool has_new_commands =
        settings_.config.heuristics_commands != changed.config.heuristics_commands;
    const auto version = settings_.config.config_version;
    settings_.config = changed.config;
    if (!has_new_nodes) settings_.config.config_version = version;  // node.md 5.7
    if (is_accepted() && arbiter_lacks_heuristics_ &&
        settings_.config.heuristics_mode != HeuristicsMode::off)
        give_up("heuristics are switched on and the arbiter does not know them", refusal_wait_max);
    if (has_new_nodes && link_ == Link::joined) send_config(wire::NodeListType::changed_config);
    if (has_new_commands && heuristics_purpose_ != Purpose::none)
        run_heuristics(heuristics_purpose_);
    if (settings_.config.heuristics_mode == HeuristicsMode::on)
        schedule_regular();
    else
        next_regular_.reset();
}

void Node::on(const CastRefused& refused) {
    report(Level::error, "the quorum provider refuses our votes: " + refused.detail);
    end(1);
}

void Node::on(const ProviderLost& lost) {
    report(Level::error, "the quorum provider is gone: " + lost.detail);
    end(1);
}

// -- votes ----------------------------------------------------------------------------------------

void Node::cast(bool vote) {
    CHECK(ring_.has_value(), "nothing is cast before the first membership");
    // corosync counts anew only when our own message has come round, some milliseconds later.
    if (!vote && counts_on_vote()) counted_until_ = now_ + counting_time_max;
    if (!vote || !is_voting() || has_lapsed()) is_counted_ = false;
    if (vote)
        denied_since_.reset();
    else if (has_cast_in_ring_ && is_voting() && knows_of_counting_ && !sync_in_progress_)
        denied_since_ = now_;
    if (!last_cast_ || last_cast_vote_ != vote) vote_since_ = now_;
    has_cast_in_ring_ = true;
    last_cast_ = now_;
    last_cast_vote_ = vote;
    last_cast_ring_ = ring_;
    Cast cast{vote, *ring_};
    if (vote && lease_.count() > 0) cast.not_after = lease_end();
    actions_.push_back(std::move(cast));
}

// A "yes" that nobody gave us here: the ring may count it until our "no" has come round, whatever
// cast() makes of what we cast before.
void Node::take_back() {
    cast(false);
    counted_until_ = now_ + counting_time_max;
    if (knows_of_counting_) denied_since_ = now_;
}

void Node::deny() {
    paused_ = false;
    apply(Vote::nack);
}

bool Node::is_voting() const { return last_cast_vote_ && last_cast_ring_ == ring_; }

// The provider has let our vote go: casting it anew might leave a "yes" in corosync's queue until
// after the next synchronisation (fact 1 of docs/safety.md).
bool Node::has_lapsed() const {
    return last_cast_vote_ && last_cast_ && now_ - *last_cast_ >= settings_.device_timeout * 9 / 10;
}

// Has it counted our vote all the time, and still does? Paused, it is in another ring, whatever
// that ring's id.
bool Node::keeps_vote() const {
    return is_voting() && !paused_ && standing_ != Standing::nack && !has_lapsed();
}

// The connection is over. Without a lease, whatever the algorithm: who is cut off has no vote.
void Node::lose_contact() {
    if (!ring_) return;
    if (has_lease() && keeps_vote())
        holds_until_ = lease_end();
    else if (deny_at_ && now_ < *deny_at_ && standing_ != Standing::nack)
        apply(Vote::wait_for_reply);
    else
        lose_lease();
}

// Nobody can still tell that the vote is ours. Where it is not needed it is left to run out: a "no"
// might wait in corosync's queue, and unseat us after the arbiter has given us the next ring.
void Node::lose_lease() {
    const bool is_left = lease_.count() > 0 && is_voting() && !sync_in_progress_ &&
                         standing_ != Standing::nack && is_quorate_without_vote();
    holds_until_.reset();
    deny_at_.reset();
    is_counted_ = false;
    if (is_left)
        apply(Vote::wait_for_reply);
    else
        deny();
}

// ffsplit: one vote; lms: all but one.
std::size_t Node::device_votes() const {
    const std::size_t nodes = settings_.config.nodes.size();
    return settings_.algorithm == wire::DecisionAlgorithm::lms && nodes > 1 ? nodes - 1 : 1;
}

bool Node::is_quorate_without_vote() const {
    return 2 * members_.size() > settings_.config.nodes.size() + device_votes();
}

// Would our partition stop without the vote?
bool Node::counts_on_vote() const {
    return quorate_ && last_cast_vote_ && !sync_in_progress_ && !is_quorate_without_vote();
}

// What a vote from the arbiter, or the lack of one, means (arbiter.md 1.2).
void Node::apply(Vote vote) {
    switch (vote) {
        case Vote::ack:
        case Vote::nack:
            standing_ = vote == Vote::ack ? Standing::ack : Standing::nack;
            deny_at_.reset();
            next_poll_ = now_ + poll_interval();
            if (!paused_ && ring_) cast(vote == Vote::ack);
            return;
        case Vote::wait_for_reply:
        case Vote::ask_later:
            standing_ = Standing::waiting;
            next_poll_.reset();
            return;
        case Vote::no_change:
        case Vote::undefined: return;
    }
}

// -- heuristics -----------------------------------------------------------------------------------

void Node::run_heuristics(Purpose purpose) {
    if (purpose == Purpose::connect && heuristics_purpose_ == Purpose::membership)
        owes_membership_ = true;
    if (purpose == Purpose::membership) owes_membership_ = false;
    heuristics_purpose_ = purpose;
    const bool delays_sync =
        purpose == Purpose::membership || (purpose == Purpose::connect && sync_in_progress_);
    actions_.push_back(
        RunHeuristics{++heuristics_number_, delays_sync ? settings_.config.heuristics_sync_timeout
                                                        : settings_.config.heuristics_timeout});
}

void Node::schedule_regular() {
    if (settings_.config.heuristics_mode == HeuristicsMode::on && !next_regular_)
        next_regular_ = now_ + settings_.config.heuristics_interval;
}

void Node::on(const HeuristicsDone& done) {
    if (done.number != heuristics_number_) return;
    const Purpose purpose = std::exchange(heuristics_purpose_, Purpose::none);
    const bool is_news = done.result != heuristics_latest_;
    switch (purpose) {
        case Purpose::none: return;
        case Purpose::membership:
            heuristics_membership_ = heuristics_latest_ = done.result;
            paused_ = false;
            if (link_ == Link::joined) {
                send_membership(done.result);
                if (lease_.count() > 0) send_echo();
                apply(Vote::wait_for_reply);
            }
            break;
        case Purpose::connect:
            heuristics_connect_ = heuristics_latest_ = done.result;
            if (std::exchange(owes_membership_, false)) heuristics_membership_ = done.result;
            paused_ = false;
            if (link_ == Link::heuristics) send_lists(done.result);
            break;
        case Purpose::regular:
            if (done.result == wire::Heuristics::undefined) break;
            heuristics_regular_ = heuristics_latest_ = done.result;
            if (!is_news) break;
            report(done.result == wire::Heuristics::fail ? Level::error : Level::notice,
                   fmt::format("heuristics result changed to {}", name_of(done.result)));
            if (link_ == Link::joined) {
                wire::Message change = request(wire::MessageType::heuristics_change);
                change.heuristics = done.result;
                send(std::move(change));
            }
            break;
    }
    schedule_regular();
}

// -- time -----------------------------------------------------------------------------------------

void Node::on(const TimePassed&) {
    if (connect_deadline_ && *connect_deadline_ <= now_ && link_ != Link::idle)
        give_up("no connection to the arbiter in time", settings_.connect_timeout);
    if (retry_at_ && *retry_at_ <= now_) connect();
    if (next_echo_ && *next_echo_ <= now_ && is_accepted()) send_echo();
    if (deny_at_ && *deny_at_ <= now_ && !is_accepted()) lose_lease();
    if (counted_until_ && *counted_until_ <= now_) vote_is_off();
    if (denied_since_ && *denied_since_ + round_patience() <= now_) {
        // Who told us of counted votes is gone (libcpg): as if he had never been there.
        knows_of_counting_ = false;
        denied_since_.reset();
        vote_is_off();
    }
    if (next_poll_ && *next_poll_ <= now_) {
        next_poll_ = now_ + poll_interval();
        if (!paused_ && ring_ && standing_ != Standing::waiting) cast(standing_ == Standing::ack);
    }
    if (next_regular_ && *next_regular_ <= now_) {
        next_regular_.reset();
        if (heuristics_purpose_ == Purpose::none)
            run_heuristics(Purpose::regular);
        else
            schedule_regular();
    }
}

std::optional<Instant> Node::next_deadline() const {
    std::optional<Instant> earliest;
    if (has_ended_) return earliest;
    if (leaving_since_) return *leaving_since_ + lease_;
    if (connect_deadline_) keep_earlier(earliest, *connect_deadline_);
    if (retry_at_) keep_earlier(earliest, *retry_at_);
    if (holds_until_) keep_earlier(earliest, *holds_until_);
    if (deny_at_ && !is_accepted()) keep_earlier(earliest, *deny_at_);
    if (next_poll_) keep_earlier(earliest, *next_poll_);
    if (next_regular_) keep_earlier(earliest, *next_regular_);
    if (counted_until_) keep_earlier(earliest, *counted_until_);
    if (denied_since_) keep_earlier(earliest, *denied_since_ + round_patience());
    if (is_accepted()) {
        if (next_echo_) keep_earlier(earliest, *next_echo_);
        if (!unanswered_.empty())
            keep_earlier(earliest, unanswered_.front().sent + echo_patience());
        keep_earlier(earliest, last_answered_sent_ + contact_lasts());
    }
    return earliest;
}

}  // namespace castvote::qdevice
