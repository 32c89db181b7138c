// contact.cpp -- is the arbiter there? Attempts and the waits between them, and the age of its
// word.
//
// Guards the rule that a node without the arbiter has no vote: every way in which a connection ends
// comes through disconnected(), and nothing is done before check_contact() (docs/safety.md).
// SPDX-License-Identifier: BSD-3-Clause
#include <fmt/format.h>

#include <algorithm>

#include "qdevice-client/core/node.hpp"

namespace castvote::qdevice {

namespace {

// After a lost connection the next attempt comes soon; each failure doubles the wait up to a limit.
constexpr Duration retry_first{250};
// What a person hardly notices, and an arbiter needs to start anew.
constexpr Duration lease_longest{3000};
constexpr Duration urgent_timeout{1000};
// After a change of ring.
constexpr Duration answer_patience{5000};
// Before corosync's own limit of a synchronisation.
constexpr Duration sync_reserve{2000};
// Nobody there: asking again costs little, and a vote may depend on it.
constexpr Duration unreachable_wait_max{2000};
// Settings may be tiny, but no timer fires twice in one instant.
constexpr Duration shortest{1};

const char* meaning_of(LostCause cause) {
    switch (cause) {
        case LostCause::connect_failed: return "the arbiter cannot be reached";
        case LostCause::end_of_stream: return "the arbiter closed the connection";
        case LostCause::reset_or_error: return "the connection to the arbiter broke";
        case LostCause::queue_full: return "the arbiter takes no more messages";
        case LostCause::vote_not_taken: return "corosync is too busy to take our vote";
        case LostCause::tls_failed: return "TLS with the arbiter failed";
    }
    return "the connection was lost";
}

}  // namespace

// HB = 0.8 T, clipped (protocol.md 9).
Duration Node::heartbeat() const {
    const Duration least(std::max(settings_.heartbeat_interval_min_ms, 1u));
    const Duration most(settings_.heartbeat_interval_max_ms);
    return std::clamp(settings_.device_timeout * 8 / 10, least, std::max(least, most));
}

Duration Node::poll_interval() const { return std::max(settings_.device_timeout / 2, shortest); }
Duration Node::echo_interval() const {
    return std::max(arbiter_knows_leases_ ? lease_wanted() / 6 : heartbeat() / 8, shortest);
}
// With a short heartbeat the owner wants to be rid of the dead sooner.
Duration Node::lease_wanted() const { return std::min(lease_longest, heartbeat()); }
Duration Node::contact_lasts() const { return lease_.count() > 0 ? lease_ : heartbeat(); }
// How long the arbiter is waited for after a change of ring. A "no" ends the synchronisation
// without quorum, which is final with wait_for_all (fact 6).
Duration Node::sync_patience() const {
    const Duration limit = settings_.device_sync_timeout;
    const Duration longest = std::max(limit - sync_reserve, limit / 2);
    return settings_.wait_for_all ? longest : std::min(answer_patience, longest);
}
// A "no" has come round by then, or the next ring is there: the loss of the token is noticed after
// its time-out, and the consensus takes 1.2 of that, or twice as much when a node boots meanwhile.
Duration Node::round_patience() const { return 4 * settings_.token_timeout + Duration(1000); }
Duration Node::echo_patience() const { return std::max(heartbeat() * 3 / 4, shortest); }

std::uint64_t Node::draw(std::uint64_t below) {
    std::uint64_t z = (jitter_ += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return below == 0 ? 0 : (z ^ (z >> 31)) % below;
}

// False when the arbiter's word has grown too old: the vote is given back and the connection
// dropped. An answered echo proves that the arbiter knew of us when it was sent; without one for
// 0.75 HB (an echo goes every HB/8) we stop, long before the arbiter may give the vote away
// (arbiter.md 10).
bool Node::check_contact() {
    if (holds_until_ && *holds_until_ <= now_) lose_lease();
    if (!is_accepted()) return true;
    const bool is_overdue =
        !unanswered_.empty() && now_ - unanswered_.front().sent >= echo_patience();
    const bool is_stale = now_ - last_answered_sent_ >= contact_lasts();
    const bool is_late = standing_ == Standing::ack && !paused_ && has_lapsed();
    if (!is_overdue && !is_stale && !is_late) return true;
    give_up(is_late ? "this program did not run for a while, its vote has lapsed"
                    : "the arbiter does not answer",
            settings_.connect_timeout);
    return false;
}

void Node::connect() {
    retry_at_.reset();
    link_ = Link::connecting;
    attempt_began_ = now_;
    // While the vote hangs on it: the arbiter's machine may be back any moment.
    const bool is_urgent = holds_until_ || (deny_at_ && now_ < *deny_at_);
    connect_deadline_ = now_ + (is_urgent ? std::min(urgent_timeout, settings_.connect_timeout)
                                          : settings_.connect_timeout);
    actions_.push_back(Connect{});
}

void Node::give_up(const std::string& why, Duration wait_max, const std::string& detail) {
    actions_.push_back(Disconnect{});
    disconnected(why, wait_max, detail);
}

void Node::disconnected(const std::string& why, Duration wait_max, const std::string& detail) {
    if (link_ == Link::connecting) {
        outcome_ = ConnectionState::connect_failed;
        wait_max = unreachable_wait_max;
    } else {
        outcome_ = ConnectionState::disconnected;
    }
    link_ = Link::idle;
    tls_ = client_certificate_sent_ = false;
    connect_deadline_.reset();
    connected_since_.reset();
    next_echo_.reset();
    unanswered_.clear();
    withheld_.clear();
    uncounted_ack_.reset();
    reported_ring_.reset();
    if (heuristics_purpose_ == Purpose::connect) {
        heuristics_purpose_ = owes_membership_ ? Purpose::membership : Purpose::none;
        schedule_regular();
    }
    owes_membership_ = false;
    lose_contact();
    Duration wait = std::min(retry_first * (1 << std::min(failures_, 10u)), wait_max);
    if (holds_until_ || (deny_at_ && now_ < *deny_at_)) wait = retry_first;
    wait = wait / 2 + Duration(draw(static_cast<std::uint64_t>(wait.count() / 2) + 1));
    ++failures_;
    retry_at_ = now_ + std::max(wait, shortest);
    // Told once for every reason until things go well again, however its details change.
    const bool is_news = told_.insert(why).second;
    last_disconnect_reason_ = detail.empty() ? why : fmt::format("{} ({})", why, detail);
    report(is_news ? Level::warning : Level::debug,
           fmt::format("not connected to the arbiter: {}   retry_in={}ms", last_disconnect_reason_,
                       wait.count()));
}

void Node::on(const ConnectionLost& lost) {
    if (lost.cause == LostCause::vote_not_taken) last_cast_ring_.reset();
    if (link_ == Link::idle) return;
    std::string why = meaning_of(lost.cause);
    // TLS 1.3 tells a client late, if at all, that its certificate was refused.
    if (link_ == Link::init && tls_)
        why += "; it may have refused our certificate, its log says why";
    disconnected(why, settings_.connect_timeout, lost.detail);
}

}  // namespace castvote::qdevice
