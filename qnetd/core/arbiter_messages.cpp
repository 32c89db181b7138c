// arbiter_messages.cpp -- what each message of a client leads to: the order of docs/protocol.md 6.
// SPDX-License-Identifier: BSD-3-Clause
#include <fmt/format.h>

#include "common/wire/check.hpp"
#include "common/wire/describe.hpp"
#include "qnetd/core/arbiter.hpp"

namespace castvote::qnetd {

namespace {

using wire::MessageType;
using wire::ReplyErrorCode;
using wire::Vote;

wire::Message reply_to(const wire::Message& request, MessageType type) {
    wire::Message reply;
    reply.type = type;
    reply.msg_seq_number = request.msg_seq_number;
    return reply;
}

bool knows_private_options(const wire::Message& init) {
    return wire::lists(init.supported_options, wire::Option::lease);
}

}  // namespace

void Arbiter::handle(Session& session, const wire::Message& message) {
    // Neither PREINIT, STARTTLS nor messages that only a server sends pass the TLS check.
    switch (message.type) {
        case MessageType::preinit: preinit(session, message); return;
        case MessageType::starttls: starttls(session, message); return;
        case MessageType::preinit_reply:
        case MessageType::init_reply:
        case MessageType::server_error:
        case MessageType::set_option_reply:
        case MessageType::echo_reply:
        case MessageType::node_list_reply:
        case MessageType::ask_for_vote_reply:
        case MessageType::vote_info:
        case MessageType::heuristics_change_reply:
            send_error(session, ReplyErrorCode::unexpected_message, message.msg_seq_number);
            return;
        default: break;
    }
    const TlsVerdict verdict = check_tls(session, settings_, names_of(session));
    if (verdict == TlsVerdict::tls_required) {
        send_error(session, ReplyErrorCode::tls_required, message.msg_seq_number);
        return;
    }
    if (verdict == TlsVerdict::close) {
        actions_.push_back(Report{
            Note{.level = Level::info,
                 .reason = Reason::certificate_refused,
                 .cluster = session.cluster_name.value_or(""),
                 .detail = fmt::format(
                     "{} from {}",
                     session.certificate ? wire::quoted(session.certificate->common_name) : "none",
                     session.peer_address)}});
        close(session.connection);
        return;
    }
    if (message.type == MessageType::init) {
        init(session, message);
        return;
    }
    if (!session.is_inited) {
        send_error(session, ReplyErrorCode::init_required, message.msg_seq_number);
        return;
    }
    switch (message.type) {
        case MessageType::set_option: set_option(session, message); return;
        case MessageType::echo_request: {
            cluster_of(session).echoed(session.node, now_);
            wire::Message& reply = send(session);
            reply = message;
            reply.type = MessageType::echo_reply;
            return;
        }
        case MessageType::node_list: node_list(session, message); return;
        case MessageType::ask_for_vote: ask_for_vote(session, message); return;
        case MessageType::vote_info_reply: vote_info_reply(session, message); return;
        case MessageType::heuristics_change: heuristics_change(session, message); return;
        default: CHECK(false, "every message type has its case");
    }
}

void Arbiter::preinit(Session& session, const wire::Message& message) {
    // A name is bound once it is protected or in use (protocol.md 13).
    if (session.is_inited || session.tls_requested) {
        send_error(session, ReplyErrorCode::unexpected_message, message.msg_seq_number);
        return;
    }
    if (!message.cluster_name) {
        send_error(session, ReplyErrorCode::doesnt_contain_required_option, message.msg_seq_number);
        return;
    }
    // No certificate can name a NUL: such a name would be checked only up to it.
    if (message.cluster_name->find('\0') != std::string::npos) {
        send_error(session, ReplyErrorCode::error_decoding_message, message.msg_seq_number);
        return;
    }
    if (is_held(*message.cluster_name)) {
        close(session.connection);
        return;
    }
    session.cluster_name = message.cluster_name;
    wire::Message reply = reply_to(message, MessageType::preinit_reply);
    reply.tls_supported = settings_.tls;
    reply.tls_client_cert_required = settings_.client_certificate_required ? 1 : 0;
    send(session, std::move(reply));
}

void Arbiter::starttls(Session& session, const wire::Message& message) {
    if (!session.cluster_name) {
        send_error(session, ReplyErrorCode::preinit_required, message.msg_seq_number);
    } else if (settings_.tls == wire::TlsSupported::unsupported) {
        close(session.connection);
    } else if (session.is_inited || session.tls_requested) {
        send_error(session, ReplyErrorCode::unexpected_message, message.msg_seq_number);
        close(session.connection);
    } else {
        session.tls_requested = true;
        actions_.push_back(StartTls{session.connection});
    }
}

void Arbiter::init(Session& session, const wire::Message& message) {
    ReplyErrorCode error = judge_init(session, message, settings_);
    std::string detail;
    if (error == ReplyErrorCode::no_error)
        error =
            session.is_inited ? ReplyErrorCode::duplicate_node_id : admit(session, message, detail);
    if (error != ReplyErrorCode::no_error) {
        actions_.push_back(
            Report{Note{.level = Level::info,
                        .reason = Reason::init_refused,
                        .cluster = session.cluster_name.value_or(""),
                        .node = message.node_id.value_or(0),
                        .detail = detail.empty() ? std::string(wire::meaning_of(error)) : detail}});
    }
    wire::Message reply = reply_to(message, MessageType::init_reply);
    reply.reply_error_code = error;
    if (message.supported_messages) reply.supported_messages = wire::all_message_types();
    if (message.supported_options)
        reply.supported_options =
            knows_private_options(message) ? wire::known_options() : wire::all_options();
    reply.server_maximum_request_size = settings_.message_receive_size_max;
    reply.server_maximum_reply_size = settings_.message_send_size_max;
    reply.supported_decision_algorithms.emplace();
    for (const Algorithm* row : all_algorithms())
        if (row->number != wire::DecisionAlgorithm::test || settings_.test_algorithm_enabled)
            reply.supported_decision_algorithms->push_back(static_cast<std::uint16_t>(row->number));
    send(session, std::move(reply));
}

ReplyErrorCode Arbiter::admit(Session& session, const wire::Message& message, std::string& detail) {
    const std::string name = kept_as(*session.cluster_name);
    Member member;
    member.node = *message.node_id;
    member.connection = session.connection;
    member.peer_address = session.peer_address;
    member.algorithm = *message.decision_algorithm;
    member.tie_breaker = *message.tie_breaker;
    member.heartbeat = Duration(*message.heartbeat_interval);
    member.ring.id = *message.ring_id;
    member.tls = session.tls_established;
    member.certificate_verified = session.certificate_checked;
    if (session.certificate_checked) member.key_fingerprint = session.certificate->key_fingerprint;

    const auto found = clusters_.find(name);
    if (is_unclear(*session.cluster_name)) {
        const std::string& listed = names_.spelled(*session.cluster_name);
        detail =
            listed == *session.cluster_name
                ? "a record of another name of this cluster must be over first"
                : fmt::format("this differs from {}, a name of a renamed cluster, only in case",
                              wire::quoted(listed));
        return ReplyErrorCode::duplicate_node_id;
    }
    if (found == clusters_.end()) {
        if (clusters_.size() >= clusters_max) return ReplyErrorCode::duplicate_node_id;
        clusters_.emplace(
            name, Cluster(name, settings_, guard_from_, next_cluster_number_++, known_grant_));
    } else if (found->second.has_another_owner(member)) {
        // The same name twice: "come back later" is what a stock client survives.
        detail =
            "its certificate has another key than that of the connected nodes: this is "
            "another cluster of the same name, or a certificate was renewed on some nodes only";
        return ReplyErrorCode::duplicate_node_id;
    } else {
        const ReplyErrorCode error = found->second.judge_join(member);
        const auto replaced = found->second.connection_replaced_by(member);
        if (error == ReplyErrorCode::duplicate_node_id && replaced &&
            knows_private_options(message))
            take_over(session, name, member.node, *replaced);
        else if (error != ReplyErrorCode::no_error)
            return error;
    }
    session.is_inited = true;
    session.cluster_name = name;
    session.node = member.node;
    session.heartbeat = member.heartbeat;
    session.knows_private_options = knows_private_options(message);
    if (const auto deadline = silence_deadline(session, settings_))
        silence_.look_at(session.connection, *deadline);
    touch(name).join(std::move(member), cluster_step());
    return ReplyErrorCode::no_error;
}

// R5: what the old connection still brings is not read any more. Twice in a short time it may mean
// two daemons with one number, so that an operator should look.
void Arbiter::take_over(const Session& session, const std::string& cluster, wire::NodeId node,
                        ConnectionId replaced) {
    actions_.push_back(Report{
        Note{.level = Level::warning,
             .reason = Reason::connection_taken_over,
             .cluster = cluster,
             .node = node,
             .detail = fmt::format("from {} with the same certificate; the old one, from "
                                   "{}, is closed",
                                   session.peer_address, sessions_.at(replaced).peer_address)}});
    close(replaced);
}

void Arbiter::set_option(Session& session, const wire::Message& message) {
    wire::Message reply = reply_to(message, MessageType::set_option_reply);
    if (message.heartbeat_interval) {
        if (*message.heartbeat_interval < settings_.heartbeat_interval_min_ms ||
            *message.heartbeat_interval > settings_.heartbeat_interval_max_ms) {
            send_error(session, ReplyErrorCode::invalid_heartbeat_interval, message.msg_seq_number);
            return;
        }
        session.heartbeat = Duration(*message.heartbeat_interval);
        if (const auto deadline = silence_deadline(session, settings_))
            silence_.look_at(session.connection, *deadline);
        cluster_of(session).set_heartbeat(session.node, session.heartbeat);
        reply.heartbeat_interval = message.heartbeat_interval;
    }
    if (message.keep_active_partition_tie_breaker) {
        reply.keep_active_partition_tie_breaker = message.keep_active_partition_tie_breaker;
        cluster_of(session).set_keep_active(
            session.node,
            *message.keep_active_partition_tie_breaker == wire::KeepActivePartition::enabled);
    }
    if (session.knows_private_options)
        cluster_of(session).set_private_options(
            session.node, message, grant_of_others(*session.cluster_name), reply, cluster_step());
    // A reply without any option could not be decoded; the request had one of the two, or a number.
    if (!reply.msg_seq_number && !reply.heartbeat_interval &&
        !reply.keep_active_partition_tie_breaker)
        return;
    send(session, std::move(reply));
}

void Arbiter::node_list(Session& session, const wire::Message& message) {
    const bool is_membership = message.node_list_type == wire::NodeListType::membership;
    const bool is_quorum = message.node_list_type == wire::NodeListType::quorum;
    if (!message.node_list_type || !message.msg_seq_number || (is_membership && !message.ring_id) ||
        (is_quorum && !message.quorate)) {
        send_error(session, ReplyErrorCode::doesnt_contain_required_option, message.msg_seq_number);
        return;
    }
    const auto vote = cluster_of(session).node_list(session.node, message, cluster_step());
    if (!vote) {
        send_error(session, vote.error(), message.msg_seq_number);
        return;
    }
    wire::Message reply = reply_to(message, MessageType::node_list_reply);
    reply.node_list_type = message.node_list_type;
    reply.ring_id = cluster_of(session).ring_of(session.node);
    reply.vote = *vote;
    cluster_of(session).replied(session.node, *vote);
    send(session, std::move(reply));
}

void Arbiter::ask_for_vote(Session& session, const wire::Message& message) {
    if (!message.msg_seq_number) {
        send_error(session, ReplyErrorCode::doesnt_contain_required_option, std::nullopt);
        return;
    }
    const auto vote = cluster_of(session).ask_for_vote(session.node);
    if (!vote) {
        send_error(session, vote.error(), message.msg_seq_number);
        return;
    }
    wire::Message reply = reply_to(message, MessageType::ask_for_vote_reply);
    reply.vote = *vote;
    cluster_of(session).replied(session.node, *vote);
    reply.ring_id = cluster_of(session).ring_of(session.node);
    send(session, std::move(reply));
}

void Arbiter::vote_info_reply(Session& session, const wire::Message& message) {
    if (!message.msg_seq_number) {
        send_error(session, ReplyErrorCode::doesnt_contain_required_option, std::nullopt);
        return;
    }
    cluster_of(session).vote_info_reply(session.node, *message.msg_seq_number, cluster_step());
}

void Arbiter::heuristics_change(Session& session, const wire::Message& message) {
    if (!message.msg_seq_number || !message.heuristics) {
        send_error(session, ReplyErrorCode::doesnt_contain_required_option, message.msg_seq_number);
        return;
    }
    const Vote vote =
        cluster_of(session).heuristics_change(session.node, *message.heuristics, cluster_step());
    wire::Message reply = reply_to(message, MessageType::heuristics_change_reply);
    reply.vote = vote;
    cluster_of(session).replied(session.node, vote);
    reply.ring_id = cluster_of(session).ring_of(session.node);
    reply.heuristics = message.heuristics;
    send(session, std::move(reply));
}

}  // namespace castvote::qnetd
