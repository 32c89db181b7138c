// node_judge.cpp -- see node_judge.hpp.
// SPDX-License-Identifier: BSD-3-Clause
#include "tests/unit/support/node_judge.hpp"

#include <algorithm>

namespace castvote::tests {

using wire::Message;
using wire::MessageType;
using wire::Vote;

namespace {

constexpr std::ptrdiff_t actions_max = 12;            // besides confirmations
constexpr std::ptrdiff_t confirmations_max = 16 + 1;  // all that waited, and the ACK behind them
// A NACK may be confirmed a little later, when the vote is certainly no longer counted.
constexpr Duration confirmation_max{1000};

bool is_confirmation(const qdevice::Action& action) {
    const auto* send = std::get_if<qdevice::Send>(&action);
    return send != nullptr && send->message.type == MessageType::vote_info_reply;
}

}  // namespace

void NodeJudge::look(const qdevice::Event& event, const qdevice::Actions& actions,
                     std::optional<Instant> next_deadline) {
    now_ = event.now;
    must_deny_ = has_denied_ = false;
    accepted_ = nullptr;
    had_ack_ = has_ack_ && reported_ == ring_;
    expect(!has_ended_ || actions.empty(), "actions after Exit");
    const auto confirmations = std::count_if(actions.begin(), actions.end(), is_confirmation);
    expect(confirmations <= confirmations_max, "too many confirmations at once");
    expect(std::ssize(actions) - confirmations <= actions_max, "too many actions");
    hear(event);
    if (no_since_ && now_ - *no_since_ >= round_longest_ &&
        std::holds_alternative<qdevice::TimePassed>(event.what)) {
        tells_counts_ = false;
        forget_no();
    }
    // What the arbiter answers counts unless the connection ends in this step.
    const bool is_read =
        std::none_of(actions.begin(), actions.end(), [](const qdevice::Action& action) {
            return std::holds_alternative<qdevice::Disconnect>(action);
        });
    if (accepted_ != nullptr && is_read) accept(*accepted_);
    for (const qdevice::Action& action : actions) see(action);
    expect(!must_deny_ || !ring_ || has_denied_ || has_ended_ || lease_.count() > 0,
           "a lost connection without NACK");
    expect(leaving_since_ || echoes_.empty() || now_ - echoes_.front().second < heartbeat_ * 3 / 4,
           "connected with an echo unanswered for 0.75 HB");
    if (!std::holds_alternative<qdevice::TimePassed>(event.what)) return;
    expect(!next_deadline || *next_deadline > now_, "a deadline that has passed is asked for");
    expect(std::none_of(vote_infos_.begin(), vote_infos_.end(),
                        [this](const VoteInfo& info) {
                            return !info.wants_count && !info.wants_no && !info.is_optional &&
                                   now_ - info.at > confirmation_max;
                        }),
           "a VOTE_INFO is not answered");
}

void NodeJudge::hear(const qdevice::Event& event) {
    is_seen_on_ = false;
    if (const auto* changed = std::get_if<qdevice::RingChanged>(&event.what)) {
        ring_ = changed->ring;
        has_ack_ = had_ack_ = false;
        kept_.reset();
        if (last_cast_)
            is_yes_left_ =
                first_no_at_ || no_since_ || (tells_counts_ && last_yes_ && !is_counted_);
        no_since_.reset();
        last_yes_.reset();
        last_cast_.reset();
        is_counted_ = false;
        is_syncing_ = is_unreported_ = true;
        first_no_at_.reset();
        // Who moves on answers no more for a no that may wait in the queue.
        std::erase_if(vote_infos_, [](const VoteInfo& info) { return info.wants_no; });
    } else if (std::holds_alternative<qdevice::QuorumChanged>(event.what)) {
        is_syncing_ = false;
        if (first_no_at_ && !is_counted_ && !last_yes_) no_since_ = first_no_at_;
        first_no_at_.reset();
    } else if (std::holds_alternative<qdevice::StopRequested>(event.what)) {
        if (!leaving_since_) leaving_since_ = now_;
        was_counted_no_ = is_counted_ && last_cast_ == ring_ && !last_yes_;
        vote_infos_.clear();
    } else if (std::holds_alternative<qdevice::VoteCounted>(event.what)) {
        is_counted_ = tells_counts_ = true;
        if (last_yes_ != ring_) forget_no();
    } else if (const auto* seen = std::get_if<qdevice::FlagSeen>(&event.what)) {
        is_counted_ = is_counted_ && seen->cast;
        is_seen_on_ = seen->cast;
    } else if (std::holds_alternative<qdevice::Connected>(event.what)) {
        may_send_ = is_attempted_;
    } else if (std::holds_alternative<qdevice::ConnectionLost>(event.what)) {
        must_deny_ = is_attempted_;
        end_connection();
    } else if (const auto* received = std::get_if<qdevice::Received>(&event.what)) {
        if (const auto* message = std::get_if<Message>(&received->inbound)) hear(*message);
    }
}

void NodeJudge::hear(const Message& message) {
    if (message.type == MessageType::echo_reply) {
        const auto answered = std::find_if(echoes_.begin(), echoes_.end(), [&](const auto& echo) {
            return echo.first == message.msg_seq_number;
        });
        if (answered == echoes_.end()) return;  // of another number, it proves nothing
        answered_at_ = answered->second;
        echoes_.erase(echoes_.begin(), std::next(answered));
        return;
    }
    const bool is_for_options =
        message.type == MessageType::set_option_reply && knows_leases_ && reported_;
    if ((message.type == MessageType::init_reply && may_send_) || is_for_options)
        accepted_ = &message;
    const bool is_vote = message.type == MessageType::vote_info ||
                         message.type == MessageType::node_list_reply ||
                         message.type == MessageType::ask_for_vote_reply ||
                         message.type == MessageType::heuristics_change_reply;
    if (!is_vote || !reported_ || !message.vote || !message.ring_id || !message.msg_seq_number)
        return;
    // No ACK is answered any more behind a NACK, or behind another that is acted upon.
    if (message.type == MessageType::vote_info &&
        (*message.vote == Vote::nack ||
         (*message.vote == Vote::ack && message.ring_id == reported_)))
        std::erase_if(vote_infos_, [](const VoteInfo& info) { return info.wants_count; });
    // An ACK, in whatever message, says more than a NACK before it: whether that is confirmed
    // proves nothing to the arbiter any more.
    if (!leaving_since_ && *message.vote == Vote::ack && message.ring_id == reported_)
        for (VoteInfo& before : vote_infos_) before.wants_no = false;
    if (message.type == MessageType::vote_info) hear_vote(message);
    if (message.ring_id != reported_ || *message.vote == Vote::no_change) return;
    has_ack_ = *message.vote == Vote::ack && reported_ == ring_;
}

void NodeJudge::forget_no() {
    no_since_.reset();
    for (VoteInfo& info : vote_infos_)
        if (std::exchange(info.wants_no, false)) info.at = now_;
}

// Under a lease what is answered proves something about corosync's queue (fact 1).
void NodeJudge::hear_vote(const Message& message) {
    if (leaving_since_) return;
    VoteInfo info{.number = *message.msg_seq_number, .at = now_};
    const bool proves = lease_.count() > 0;
    if (*message.vote == Vote::nack && proves && is_unreported_ && !last_cast_ && is_yes_left_)
        return;  // never answered
    if (*message.vote == Vote::ack) {
        info.wants_count = proves;
    } else if (*message.vote == Vote::nack && proves && (tells_counts_ || no_since_)) {
        info.is_optional = is_unreported_;
        info.wants_no = no_since_ || (last_yes_ && message.ring_id == reported_ &&
                                      !is_unreported_ && !is_syncing_);
        // The last one is answered for all of them.
        if (info.wants_no)
            std::erase_if(vote_infos_, [](const VoteInfo& before) { return before.wants_no; });
    }
    vote_infos_.push_back(info);
}

void NodeJudge::accept(const Message& message) {
    if (message.type == MessageType::set_option_reply) {
        const bool is_first = lease_.count() == 0;
        lease_ = std::min(Duration(message.lease.value_or(0)), lease_longest_);
        // What was asked before it waits like what is asked under it.
        if (is_first && lease_.count() > 0 && no_since_)
            for (VoteInfo& info : vote_infos_) info.wants_no = true;
        return;
    }
    constexpr auto lease = static_cast<std::uint16_t>(wire::Option::lease);
    const auto& options = message.supported_options;
    knows_leases_ = options && std::find(options->begin(), options->end(), lease) != options->end();
    if (!knows_leases_) lease_ = Duration(0);
    answered_at_ = init_at_;
}

void NodeJudge::see(const qdevice::Action& action) {
    expect(!has_ended_, "an action after Exit");
    if (std::holds_alternative<qdevice::Connect>(action)) {
        expect(!is_attempted_, "a second connection");
        is_attempted_ = true;
    } else if (std::holds_alternative<qdevice::Disconnect>(action)) {
        expect(is_attempted_ || must_deny_, "disconnected from nothing");
        must_deny_ = true;
        end_connection();
    } else if (const auto* sent = std::get_if<qdevice::Send>(&action)) {
        expect(may_send_, "sent without a connection");
        see_sent(sent->message);
    } else if (const auto* cast = std::get_if<qdevice::Cast>(&action)) {
        expect(cast->ring == ring_, "cast for another ring than the current one");
        if (!cast->vote || last_yes_ != ring_) is_counted_ = false;
        last_cast_ = ring_;
        if (cast->vote)
            no_since_.reset();
        else if (tells_counts_ && (is_seen_on_ || (last_yes_ && !is_syncing_)))
            no_since_ = now_;
        last_yes_ = cast->vote ? ring_ : std::nullopt;
        if (cast->vote) {
            last_yes_at_ = now_;
            expect((has_ack_ && reported_ == ring_) || kept_ == ring_,
                   "a yes without the arbiter's ACK for this ring");
            expect(lease_.count() == 0 || now_ < answered_at_ + lease_, "a yes after the lease");
            expect(lease_.count() == 0 || cast->not_after == answered_at_ + lease_,
                   "a yes that may be given too late");
            ++yes_count;
        } else {
            has_denied_ = true;
            if (is_seen_on_)
                for (VoteInfo& info : vote_infos_) info.at = now_;  // counted a little longer
            if (no_count++ == 0 && yes_count == 0) first_no_at_ = now_;
        }
    } else if (const auto* exit = std::get_if<qdevice::Exit>(&action)) {
        const bool is_off = was_counted_no_ || (is_counted_ && !last_yes_);
        expect(!exit->farewell || (is_off && lease_.count() > 0),
               "a farewell while a yes may wait in the queue");
        has_ended_ = true;
        end_connection();
    }
}

void NodeJudge::see_sent(const Message& message) {
    if (message.type == MessageType::init) init_at_ = now_;
    if (message.type == MessageType::echo_request) {
        echoes_.emplace_back(message.msg_seq_number.value_or(0), now_);
    } else if (message.node_list_type == wire::NodeListType::membership) {
        expect(message.ring_id == ring_, "an old ring was reported");
        if (!reported_) ++join_count;
        is_unreported_ = false;
        reported_ = ring_;
        has_ack_ = false;
        kept_.reset();
    } else if (message.type == MessageType::vote_info_reply) {
        // In their order, but that an ACK whose yes may wait in a queue is answered later, or
        // never.
        const bool counts = is_counted_ && last_yes_ == ring_;
        const auto answered =
            std::find_if_not(vote_infos_.begin(), vote_infos_.end(), [&](const VoteInfo& info) {
                return (info.wants_count && (!counts || info.number != message.msg_seq_number)) ||
                       ((info.is_optional || info.wants_no) &&
                        info.number != message.msg_seq_number);
            });
        expect(answered == vote_infos_.end() || !answered->wants_no,
               "a NACK is confirmed while a yes may wait in the queue");
        expect(answered != vote_infos_.end() && answered->number == message.msg_seq_number,
               "a VOTE_INFO_REPLY that answers nothing, or an ACK too early");
        vote_infos_.erase(answered);
    }
}

void NodeJudge::end_connection() {
    // A message that is not read because the connection is given up before it takes nothing back,
    // and to wait is not to give back what is still counted.
    const bool is_yes_left = last_yes_ == ring_ && reported_ == ring_ &&
                             now_ - last_yes_at_ < device_timeout_ && now_ < answered_at_ + lease_;
    const bool keeps = had_ack_ || (has_ack_ && reported_ == ring_) || is_yes_left;
    if (lease_.count() > 0 && keeps) kept_ = ring_;
    had_ack_ = false;
    knows_leases_ = false;
    reported_.reset();
    has_ack_ = is_attempted_ = may_send_ = false;
    echoes_.clear();
    vote_infos_.clear();
}

}  // namespace castvote::tests
