// node_judge.cpp -- see node_judge.hpp.
// SPDX-License-Identifier: BSD-3-Clause
#include "tests/unit/support/node_judge.hpp"

#include <algorithm>

namespace castvote::tests {

using wire::Message;
using wire::MessageType;
using wire::Vote;

namespace {

constexpr std::ptrdiff_t actions_max = 12;  // besides confirmations
constexpr std::ptrdiff_t confirmations_max = 16;
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
    expect(!has_ended_ || actions.empty(), "actions after Exit");
    const auto confirmations = std::count_if(actions.begin(), actions.end(), is_confirmation);
    expect(confirmations <= confirmations_max, "too many confirmations at once");
    expect(std::ssize(actions) - confirmations <= actions_max, "too many actions");
    hear(event);
    for (const qdevice::Action& action : actions) see(action);
    expect(!must_deny_ || !ring_ || has_denied_ || has_ended_, "a lost connection without NACK");
    expect(echoes_.empty() || now_ - echoes_.front().second < heartbeat_ * 3 / 4,
           "connected with an echo unanswered for 0.75 HB");
    if (!std::holds_alternative<qdevice::TimePassed>(event.what)) return;
    expect(!next_deadline || *next_deadline > now_, "a deadline that has passed is asked for");
    expect(vote_infos_.empty() || now_ - vote_infos_.front().second <= confirmation_max,
           "a VOTE_INFO is not answered");
}

void NodeJudge::hear(const qdevice::Event& event) {
    if (const auto* changed = std::get_if<qdevice::RingChanged>(&event.what)) {
        ring_ = changed->ring;
        has_ack_ = false;
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
        while (!echoes_.empty() && message.msg_seq_number &&
               echoes_.front().first <= *message.msg_seq_number)
            echoes_.pop_front();
        return;
    }
    const bool is_vote = message.type == MessageType::vote_info ||
                         message.type == MessageType::node_list_reply ||
                         message.type == MessageType::ask_for_vote_reply ||
                         message.type == MessageType::heuristics_change_reply;
    if (!is_vote || !reported_ || !message.vote || !message.ring_id || !message.msg_seq_number)
        return;
    if (message.type == MessageType::vote_info)
        vote_infos_.emplace_back(*message.msg_seq_number, now_);
    if (message.ring_id != reported_ || *message.vote == Vote::no_change) return;
    has_ack_ = *message.vote == Vote::ack && reported_ == ring_;
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
        if (cast->vote) {
            expect(has_ack_ && reported_ == ring_, "a yes without the arbiter's ACK for this ring");
            ++yes_count;
        } else {
            has_denied_ = true;
            ++no_count;
        }
    } else if (std::holds_alternative<qdevice::Exit>(action)) {
        has_ended_ = true;
        end_connection();
    }
}

void NodeJudge::see_sent(const Message& message) {
    if (message.type == MessageType::echo_request) {
        echoes_.emplace_back(message.msg_seq_number.value_or(0), now_);
    } else if (message.node_list_type == wire::NodeListType::membership) {
        expect(message.ring_id == ring_, "an old ring was reported");
        if (!reported_) ++join_count;
        reported_ = ring_;
        has_ack_ = false;
    } else if (message.type == MessageType::vote_info_reply) {
        expect(!vote_infos_.empty() && message.msg_seq_number == vote_infos_.front().first,
               "a VOTE_INFO_REPLY that answers nothing");
        vote_infos_.pop_front();
    }
}

void NodeJudge::end_connection() {
    reported_.reset();
    has_ack_ = is_attempted_ = may_send_ = false;
    echoes_.clear();
    vote_infos_.clear();
}

}  // namespace castvote::tests
