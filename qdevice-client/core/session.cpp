// session.cpp -- the client's side of the protocol: what is said when, and what an answer leads to.
//
// Compatible with a stock arbiter message by message. The order of every way out is the same: first
// the vote is given back, then the socket is closed, then the next attempt is set.
// SPDX-License-Identifier: BSD-3-Clause
#include <fmt/format.h>

#include "common/wire/codec.hpp"
#include "qdevice-client/core/algorithms.hpp"
#include "qdevice-client/core/node.hpp"
#include "qdevice-client/core/requests.hpp"

namespace castvote::qdevice {

using answers::Fault;
using wire::MessageType;
using wire::Vote;

// -- connecting -----------------------------------------------------------------------------------

void Node::connect() {
    next_attempt_.reset();
    phase_ = Phase::connecting;
    // For everything up to INIT_REPLY (protocol.md 9).
    connect_deadline_ = now_ + settings_.connect_timeout;
    actions_.push_back(Connect{});
}

void Node::on(const Connected&) {
    if (phase_ != Phase::connecting) return;
    phase_ = Phase::awaiting_preinit_reply;
    // PREINIT alone repeats the last number instead of taking the next (protocol.md 4).
    send(requests::preinit(number_, settings_));
}

void Node::preinit_reply(const wire::Message& message) {
    if (phase_ != Phase::awaiting_preinit_reply)
        return lose(answers::unexpected(message.type), EndedBy::us);
    const auto transport = answers::judge_preinit(message, number_, settings_.tls);
    if (!transport) return lose(transport.error(), EndedBy::us);
    if (*transport == answers::Transport::plain) return send_init();
    send(requests::starttls(++number_));
    phase_ = Phase::securing;
    actions_.push_back(StartTls{});
}

void Node::on(const TlsEstablished& established) {
    if (phase_ != Phase::securing) return;
    tls_ = true;
    client_certificate_sent_ = established.client_certificate_sent;
    send_init();
}

void Node::send_init() {
    phase_ = Phase::awaiting_init_reply;
    init_sent_ = now_;
    send(requests::init(++number_, settings_, intervals_.heartbeat, *ring_));
}

void Node::init_reply(const wire::Message& message) {
    if (phase_ != Phase::awaiting_init_reply)
        return lose(answers::unexpected(message.type), EndedBy::us);
    const auto terms = answers::judge_init(message, number_, settings_);
    if (!terms) return lose(terms.error(), EndedBy::us);
    terms_ = *terms;
    phase_ = Phase::running_heuristics;
    connect_deadline_.reset();
    contact_.begin(init_sent_, now_, intervals_);
    run(heuristics_.for_connect(settings_.config, sync_in_progress_, now_));
}

// SET_OPTION and the three lists, back to back (protocol.md 5). Nothing is cast until the arbiter
// answers: what we cast while we were cut off, a no, is left to run out.
void Node::send_first_lists(wire::Heuristics heuristics) {
    phase_ = Phase::connected;
    connected_since_ = now_;
    reported_vote_.reset();
    report(Level::notice, fmt::format("connected to the arbiter   tls={}", tls_ ? "yes" : "no"));
    if (terms_->has_keep_active)
        send(requests::set_option(++number_, settings_.keep_active_partition));
    send_list(
        requests::config_list(++number_, wire::NodeListType::initial_config, settings_.config));
    send_list(requests::membership_list(++number_, *ring_, members_, heuristics));
    send_list(requests::quorum_list(++number_, quorate_, quorum_list_));
    if (phase_ != Phase::connected) return;
    policy_.resume();
    policy_.wait();
}

void Node::send(wire::Message message) {
    if (phase_ == Phase::unconnected) return;
    actions_.push_back(Send{std::move(message)});
}

// Lists alone can outgrow what the arbiter takes.
void Node::send_list(wire::Message list) {
    if (phase_ == Phase::unconnected) return;
    if (wire::encode(list).size() > terms_->request_size_max)
        return lose({Retry::later, fmt::format("the node list is longer than the arbiter's limit "
                                               "of {} bytes",
                                               terms_->request_size_max)},
                    EndedBy::us);
    send(std::move(list));
}

// -- what the arbiter says ------------------------------------------------------------------------

void Node::on(const Received& received) {
    if (phase_ == Phase::unconnected || phase_ == Phase::connecting) return;
    if (const auto* message = std::get_if<wire::Message>(&received.inbound))
        handle(*message);
    else if (const auto* error = std::get_if<wire::DecodeError>(&received.inbound))
        lose(answers::fault_of(*error), EndedBy::us);
    else
        lose(answers::fault_of(std::get<wire::Skipped>(received.inbound)), EndedBy::us);
}

void Node::handle(const wire::Message& message) {
    switch (message.type) {
        case MessageType::preinit_reply: return preinit_reply(message);
        case MessageType::init_reply: return init_reply(message);
        case MessageType::server_error:
            return lose(answers::fault_of_server_error(message), EndedBy::us);
        case MessageType::echo_reply: return echo_reply(message);
        case MessageType::node_list_reply:
        case MessageType::ask_for_vote_reply:
        case MessageType::vote_info:
        case MessageType::heuristics_change_reply: return vote_message(message);
        case MessageType::set_option_reply:
            // It may carry a heartbeat only if we asked for one, which we never do.
            if (phase_ == Phase::connected) return;
            break;
        case MessageType::preinit:
        case MessageType::starttls:
        case MessageType::init:
        case MessageType::set_option:
        case MessageType::echo_request:
        case MessageType::node_list:
        case MessageType::ask_for_vote:
        case MessageType::vote_info_reply:
        case MessageType::heuristics_change: break;
    }
    lose(answers::unexpected(message.type), EndedBy::us);
}

void Node::echo_reply(const wire::Message& message) {
    if (!message.msg_seq_number || !contact_.confirm(*message.msg_seq_number, now_))
        lose({Retry::later, "the arbiter answered an echo that is not the oldest one under way"},
             EndedBy::us);
}

// The vote first, the confirmation after it: the arbiter takes the confirmation of a NACK as proof
// (safety.md R2a). It is sent for every VOTE_INFO, also for one that changes nothing.
//
// A NACK for the ring that we reported last may come when corosync already is in a newer one. Stock
// confirms it without a cast; arbiter.md 10 (W6) advises to cast no on the new ring before; we
// follow safety.md and confirm it without: nothing is counted while the newer ring synchronises, no
// yes of ours can be cast there (vote_policy), and a no there would end the synchronisation without
// the vote that the arbiter may be about to give.
void Node::vote_message(const wire::Message& message) {
    if (phase_ != Phase::connected) return lose(answers::unexpected(message.type), EndedBy::us);
    if (const auto fault = answers::judge_vote(message)) return lose(*fault, EndedBy::us);
    cast(policy_.apply(*message.vote, *message.ring_id, now_));
    if (phase_ != Phase::connected) return;
    if (message.type == MessageType::vote_info)
        send(requests::vote_info_reply(*message.msg_seq_number));
    if (message.ring_id == ring_) report_vote(*message.vote);
}

void Node::report_vote(Vote vote) {
    if (vote == Vote::no_change || vote == reported_vote_) return;
    reported_vote_ = vote;
    const std::string ring = wire::to_string(*ring_);
    if (vote == Vote::ack)
        report(Level::notice, fmt::format("the arbiter gives us its vote   ring={}", ring));
    else if (vote == Vote::nack)
        report(Level::notice, fmt::format("the arbiter denies us its vote   ring={}", ring));
    else
        report(Level::info, fmt::format("the arbiter has not decided yet   ring={}", ring));
}

// -- the end of a connection ----------------------------------------------------------------------

void Node::on(const ConnectionLost& lost) {
    if (phase_ == Phase::unconnected) return;
    std::string text = lost.detail.empty() ? "the connection was lost" : lost.detail;
    // In TLS 1.3 a refused client certificate shows only now (protocol.md 8).
    if (phase_ == Phase::awaiting_init_reply && tls_)
        text += "; the arbiter may have refused our certificate";
    lose({Retry::soon, std::move(text)}, EndedBy::them);
}

// Also the end of an attempt that never became a connection.
void Node::lose(const Fault& fault, EndedBy ended_by) {
    const bool had_vote = policy_.is_granted();
    const bool was_connected = connected_since_.has_value();
    if (!policy_.is_denying()) cast(policy_.deny(now_));
    if (ended_by == EndedBy::us) actions_.push_back(Disconnect{});
    if (was_connected && now_ - *connected_since_ >= intervals_.heartbeat) backoff_.reset();
    const Duration wait = backoff_.next(fault.retry, settings_.connect_timeout);
    next_attempt_ = now_ + wait;
    found_nobody_ = phase_ == Phase::connecting;

    phase_ = Phase::unconnected;
    connect_deadline_.reset();
    connected_since_.reset();
    terms_.reset();
    contact_.end();
    tls_ = client_certificate_sent_ = false;
    heuristics_.forget_connect(settings_.config, now_);

    // Every attempt may fail in the same way for days: told once, then in the debug log.
    const bool is_news = was_connected || fault.text != last_disconnect_reason_;
    report(!is_news                      ? Level::debug
           : fault.retry == Retry::later ? Level::error
                                         : Level::warning,
           fmt::format("{}: {}   retry_in={}ms",
                       was_connected ? "lost the arbiter" : "no connection to the arbiter",
                       fault.text, wait.count()));
    if (had_vote && stock_keeps_vote(settings_.algorithm, settings_.wait_for_all, quorate_))
        report(Level::warning, fmt::format("gave the vote back, as nobody who is cut off from the "
                                           "arbiter may keep it   algorithm={}",
                                           wire::name_of(settings_.algorithm)));
    last_disconnect_reason_ = fault.text;
}

}  // namespace castvote::qdevice
