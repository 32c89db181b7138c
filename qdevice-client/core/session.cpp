// session.cpp -- the client's side of the protocol: what is said when, and what an answer leads to.
//
// Where the stock client ends its process for good we go back and try again later: an arbiter that
// is wrong today may be right tomorrow, and a node without its daemon has no chance to notice.
// SPDX-License-Identifier: BSD-3-Clause
#include <fmt/format.h>

#include <algorithm>

#include "common/wire/describe.hpp"
#include "qdevice-client/core/node.hpp"

namespace castvote::qdevice {

using wire::MessageType;
using wire::ReplyErrorCode;
using wire::TlsSupported;
using wire::Vote;

namespace {

// An arbiter has one vote under way; one that sends so many at once means no good.
constexpr std::size_t withheld_max = 16;

}  // namespace

wire::Message& Node::send() {
    return std::get<Send>(actions_.emplace_back(std::in_place_type<Send>)).message;
}

void Node::send(wire::Message message) { send() = std::move(message); }

// A request with the next number of our own counter (protocol.md 4).
wire::Message Node::request(MessageType type) {
    wire::Message message;
    message.type = type;
    message.msg_seq_number = ++sequence_;
    return message;
}

void Node::on(const Connected&) {
    if (link_ != Link::connecting) return;
    link_ = Link::preinit;
    connect_deadline_ = attempt_began_ + settings_.connect_timeout;
    wire::Message preinit;
    preinit.type = MessageType::preinit;
    preinit.msg_seq_number = sequence_;
    preinit.cluster_name = settings_.cluster_name;
    send(std::move(preinit));
}

void Node::on(const TlsEstablished& established) {
    if (link_ != Link::tls) return;
    tls_ = true;
    client_certificate_sent_ = established.client_certificate_sent;
    send_init();
}

void Node::on(const Received& received) {
    if (link_ == Link::idle || link_ == Link::connecting) return;
    if (const auto* message = std::get_if<wire::Message>(&received.inbound))
        handle(*message);
    else
        give_up("the arbiter sent what we cannot read", settings_.connect_timeout,
                describe(received.inbound));
}

void Node::handle(const wire::Message& message) {
    switch (message.type) {
        case MessageType::preinit_reply: preinit_reply(message); return;
        case MessageType::init_reply: init_reply(message); return;
        case MessageType::server_error:
            give_up(
                fmt::format("the arbiter refuses: {}",
                            message.reply_error_code ? wire::meaning_of(*message.reply_error_code)
                                                     : "no reason given"),
                refusal_wait_max);
            return;
        case MessageType::node_list_reply:
        case MessageType::ask_for_vote_reply:
        case MessageType::vote_info:
        case MessageType::heuristics_change_reply: vote_message(message); return;
        case MessageType::echo_reply: echo_reply(message); return;
        case MessageType::set_option_reply:
            if (link_ != Link::joined) break;
            // It counts on the lease from now on, and grants nothing before.
            if (arbiter_knows_leases_) {
                lease_ = std::min(Duration(message.lease.value_or(0)), lease_wanted());
                if (next_echo_) next_echo_ = std::min(*next_echo_, now_ + echo_interval());
            }
            return;
        default: break;
    }
    give_up(fmt::format("the arbiter sent an unexpected {}", name_of(message.type)),
            refusal_wait_max);
}

// Our mode against the arbiter's (protocol.md 8).
void Node::preinit_reply(const wire::Message& message) {
    if (link_ != Link::preinit || message.msg_seq_number != sequence_ || !message.tls_supported ||
        !message.tls_client_cert_required) {
        give_up("the arbiter's answer to PREINIT does not fit", refusal_wait_max);
        return;
    }
    const TlsSupported theirs = *message.tls_supported;
    if (settings_.tls == TlsSupported::required && theirs == TlsSupported::unsupported) {
        give_up("we require TLS and the arbiter does not offer it", refusal_wait_max);
    } else if (settings_.tls == TlsSupported::unsupported && theirs == TlsSupported::required) {
        give_up("the arbiter requires TLS and it is switched off here", refusal_wait_max);
    } else if (settings_.tls == TlsSupported::unsupported || theirs == TlsSupported::unsupported) {
        send_init();
    } else {
        send(request(MessageType::starttls));
        link_ = Link::tls;
        actions_.push_back(StartTls{});
    }
}

void Node::send_init() {
    wire::Message init = request(MessageType::init);
    init.supported_messages = wire::all_message_types();
    init.supported_options = wire::known_options();
    init.node_id = settings_.node_id;
    init.decision_algorithm = settings_.algorithm;
    init.heartbeat_interval = static_cast<std::uint32_t>(heartbeat().count());
    init.tie_breaker = settings_.tie_breaker;
    init.ring_id = ring_.value_or(wire::RingId{});
    reported_ring_ = init.ring_id;
    init_sent_ = now_;
    link_ = Link::init;
    send(std::move(init));
}

// What is wrong with an accepted INIT; nullptr if nothing is (protocol.md 10).
const char* Node::judge_init_reply(const wire::Message& m) const {
    if (!m.server_maximum_request_size || !m.server_maximum_reply_size || !m.supported_messages ||
        !m.supported_options || !m.supported_decision_algorithms)
        return "the arbiter's answer to INIT is incomplete";
    if (*m.server_maximum_request_size < settings_.message_send_size_min)
        return "the arbiter takes only messages that are too small for us";
    if (*m.server_maximum_reply_size > settings_.message_receive_size_max)
        return "the arbiter's messages may be larger than we allow";
    if (!wire::lists(m.supported_decision_algorithms, settings_.algorithm))
        return "the arbiter does not know our decision algorithm";
    if (settings_.config.heuristics_mode != HeuristicsMode::off &&
        !wire::lists(m.supported_options, wire::Option::heuristics))
        return "heuristics are switched on and the arbiter does not know them";
    return nullptr;
}

void Node::init_reply(const wire::Message& message) {
    if (link_ != Link::init || message.msg_seq_number != sequence_ || !message.reply_error_code) {
        give_up("the arbiter's answer to INIT does not fit", refusal_wait_max);
        return;
    }
    const ReplyErrorCode error = *message.reply_error_code;
    if (error != ReplyErrorCode::no_error) {
        // Another connection of ours, or of a node that is being changed, may soon be gone.
        const bool passes = error == ReplyErrorCode::duplicate_node_id ||
                            error == ReplyErrorCode::tie_breaker_differs_from_other_nodes ||
                            error == ReplyErrorCode::algorithm_differs_from_other_nodes;
        const bool is_taken = error == ReplyErrorCode::duplicate_node_id;
        give_up(fmt::format("the arbiter refuses: {}{}", wire::meaning_of(error),
                            is_taken ? ": a node with this number, or another cluster of the same "
                                       "name, is connected"
                                     : ""),
                passes ? Duration(2000) : refusal_wait_max);
        return;
    }
    if (const char* fault = judge_init_reply(message)) {
        give_up(fault, refusal_wait_max);
        return;
    }
    arbiter_lacks_keep_active_ =
        !wire::lists(message.supported_options, wire::Option::keep_active_partition_tie_breaker);
    arbiter_lacks_heuristics_ = !wire::lists(message.supported_options, wire::Option::heuristics);
    arbiter_knows_leases_ = wire::lists(message.supported_options, wire::Option::lease);
    if (!arbiter_knows_leases_ && lease_.count() > 0) {
        lease_ = Duration(0);  // another arbiter, which knows nothing of it
        lose_lease();
    }
    actions_.push_back(SetReceiveLimit{*message.server_maximum_reply_size});
    link_ = Link::heuristics;
    // What the arbiter accepts, it knew of us no earlier than this was sent.
    last_answered_sent_ = init_sent_;
    // A kept vote is cast once more, and then waits for this arbiter's word, which knows nothing of
    // it yet and may need a moment; corosync counts it for T.
    if (holds_until_ && keeps_vote()) {
        cast(true);
        apply(Vote::wait_for_reply);
    }
    holds_until_.reset();
    connect_deadline_.reset();
    echo_number_ = 0;
    unanswered_.clear();
    next_echo_ = now_ + echo_interval();
    run_heuristics(Purpose::connect);
}

// SET_OPTION and the three lists, back to back (protocol.md 5).
void Node::send_lists(wire::Heuristics heuristics) {
    link_ = Link::joined;
    connected_since_ = now_;
    report(Level::notice, "connected to the arbiter");
    last_disconnect_reason_.clear();
    if (!arbiter_lacks_keep_active_) send_options();
    send_config(wire::NodeListType::initial_config);
    send_membership(heuristics);
    send_quorum();
    apply(Vote::wait_for_reply);
}

void Node::send_options() {
    wire::Message option = request(MessageType::set_option);
    option.keep_active_partition_tie_breaker = settings_.keep_active_partition
                                                   ? wire::KeepActivePartition::enabled
                                                   : wire::KeepActivePartition::disabled;
    if (arbiter_knows_leases_) {
        option.lease = static_cast<std::uint32_t>(lease_wanted().count());
        option.device_timeout = static_cast<std::uint32_t>(settings_.device_timeout.count());
        option.sync_timeout = static_cast<std::uint32_t>(settings_.device_sync_timeout.count());
        if (grant_number_ > 0) option.grant_number = grant_number_;
        if (keeps_vote() && now_ - *last_cast_ < poll_interval()) option.ring_id = ring_;
    }
    send(std::move(option));
}

// An echo which is answered renews the lease from when it was sent.
void Node::send_echo() {
    wire::Message& echo = send();
    echo.type = MessageType::echo_request;
    echo.msg_seq_number = ++echo_number_;
    unanswered_.push_back({echo_number_, now_});
    next_echo_ = now_ + echo_interval();
}

void Node::send_config(wire::NodeListType type) {
    wire::Message list = request(MessageType::node_list);
    list.node_list_type = type;
    list.config_version = settings_.config.config_version;
    list.node_info = settings_.config.nodes;
    send(std::move(list));
}

void Node::send_membership(wire::Heuristics heuristics) {
    wire::Message list = request(MessageType::node_list);
    list.node_list_type = wire::NodeListType::membership;
    list.ring_id = ring_;
    for (const wire::NodeId member : members_) list.node_info.push_back({.node_id = member});
    if (heuristics != wire::Heuristics::undefined) list.heuristics = heuristics;
    reported_ring_ = ring_;
    send(std::move(list));
}

void Node::send_quorum() {
    wire::Message list = request(MessageType::node_list);
    list.node_list_type = wire::NodeListType::quorum;
    list.quorate = quorate_ ? wire::Quorate::quorate : wire::Quorate::inquorate;
    list.node_info = quorum_list_;
    send(std::move(list));
}

// A vote is bound to its ring: one for another ring than we reported last changes nothing. A NACK
// that comes when we already know a newer ring is confirmed without a poll there, if at all: we are
// paused, and our vote is given back with the new membership list (docs/safety.md).
void Node::vote_message(const wire::Message& message) {
    if (link_ != Link::joined || !message.vote || !message.msg_seq_number || !message.ring_id) {
        give_up(fmt::format("the arbiter sent an unexpected {}", name_of(message.type)),
                refusal_wait_max);
        return;
    }
    if (message.grant_number) grant_number_ = std::max(grant_number_, *message.grant_number);
    const bool is_acted_upon = message.ring_id == reported_ring_ && !paused_;
    if (is_acted_upon) {
        if (*message.vote == Vote::ack) confirm_withheld();  // in the order of the votes
        apply(*message.vote);
    } else if (message.ring_id == reported_ring_ && *message.vote == Vote::nack) {
        apply(Vote::wait_for_reply);
    }
    if (message.type != MessageType::vote_info) return;
    // With a lease an ACK is confirmed when its "yes" waits in no queue (fact 1 of docs/safety.md):
    // the arbiter then knows that a broken ring ends it. One that was not acted upon, because we
    // know a newer ring, is not confirmed at all.
    if (*message.vote == Vote::nack) uncounted_ack_.reset();
    if (*message.vote == Vote::ack && lease_.count() > 0) {
        if (is_acted_upon) uncounted_ack_ = message.msg_seq_number;
        return confirm_counted_ack();
    }
    if (withheld_.size() == withheld_max) {
        give_up("the arbiter sends votes faster than they can be counted", refusal_wait_max);
        return;
    }
    // A NACK is confirmed when our partition no longer counts the vote.
    const bool is_nack = *message.vote == Vote::nack;
    if (is_nack && lease_.count() > 0 && paused_ && left_uncounted_)
        return;  // the report says more
    if (denied_since_ && lease_.count() > 0) {
        if (!is_nack) return confirm(*message.msg_seq_number);  // it asks whether we are there
        withheld_.clear();                                      // it asks for its last word only
    }
    withheld_.push_back(*message.msg_seq_number);
    if (!counted_until_) vote_is_off();
}

// The flag is off. Until the "no" has come round, a ring that has lost its token counts the vote,
// and a "yes" before it may wait in the same queue (fact 1).
void Node::vote_is_off() {
    counted_until_.reset();
    if (!denied_since_ || lease_.count() == 0) confirm_withheld();
}

void Node::confirm_withheld() {
    counted_until_.reset();
    for (const std::uint32_t number : std::exchange(withheld_, {})) confirm(number);
}

void Node::confirm_counted_ack() {
    if (!is_counted_ || paused_ || standing_ != Standing::ack) return;
    if (const auto number = std::exchange(uncounted_ack_, {})) confirm(*number);
}

void Node::confirm(std::uint32_t number) {
    wire::Message reply;
    reply.type = MessageType::vote_info_reply;
    reply.msg_seq_number = number;
    send(std::move(reply));
}

void Node::echo_reply(const wire::Message& message) {
    const auto answered =
        std::find_if(unanswered_.begin(), unanswered_.end(),
                     [&](const Echo& echo) { return echo.number == message.msg_seq_number; });
    if (!is_accepted() || answered == unanswered_.end()) {
        give_up("the arbiter answered an echo that we did not send", refusal_wait_max);
        return;
    }
    last_answered_sent_ = answered->sent;
    last_echo_reply_ = now_;
    // Only an arbiter that really answers makes us forget what went wrong before.
    failures_ = 0;
    told_.clear();
    unanswered_.erase(unanswered_.begin(), std::next(answered));
}

}  // namespace castvote::qdevice
