// answers.cpp -- see answers.hpp.
// SPDX-License-Identifier: BSD-3-Clause
#include "qdevice-client/core/answers.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "common/wire/describe.hpp"

namespace castvote::qdevice::answers {

using wire::ReplyErrorCode;
using wire::TlsSupported;

namespace {

tl::unexpected<Fault> later(std::string text) {
    return tl::make_unexpected(Fault{Retry::later, std::move(text)});
}

bool lists(const std::vector<std::uint16_t>& numbers, std::uint16_t wanted) {
    return std::find(numbers.begin(), numbers.end(), wanted) != numbers.end();
}

bool lists(const std::vector<std::uint16_t>& numbers, wire::Option wanted) {
    return lists(numbers, static_cast<std::uint16_t>(wanted));
}

// What passes when another connection of ours, or of a node that is being changed, is gone.
bool is_passing(ReplyErrorCode code) {
    return code == ReplyErrorCode::duplicate_node_id ||
           code == ReplyErrorCode::tie_breaker_differs_from_other_nodes ||
           code == ReplyErrorCode::algorithm_differs_from_other_nodes;
}

}  // namespace

Expected<Transport, Fault> judge_preinit(const wire::Message& reply, std::uint32_t number,
                                         TlsSupported ours) {
    if (reply.msg_seq_number != number)
        return later("the arbiter's answer to PREINIT carries a wrong number");
    if (!reply.tls_supported || !reply.tls_client_cert_required)
        return later("the arbiter's answer to PREINIT is incomplete");
    const TlsSupported theirs = *reply.tls_supported;
    if (ours == TlsSupported::required && theirs == TlsSupported::unsupported)
        return later("TLS is required here and the arbiter does not offer it");
    if (ours == TlsSupported::unsupported && theirs == TlsSupported::required)
        return later("the arbiter requires TLS and it is switched off here");
    const bool is_plain = ours == TlsSupported::unsupported || theirs == TlsSupported::unsupported;
    return is_plain ? Transport::plain : Transport::tls;
}

Expected<Terms, Fault> judge_init(const wire::Message& reply, std::uint32_t number,
                                  const Settings& settings) {
    if (reply.msg_seq_number != number)
        return later("the arbiter's answer to INIT carries a wrong number");
    if (!reply.reply_error_code) return later("the arbiter's answer to INIT is incomplete");
    if (const ReplyErrorCode code = *reply.reply_error_code; code != ReplyErrorCode::no_error)
        return tl::make_unexpected(
            Fault{is_passing(code) ? Retry::soon : Retry::later,
                  fmt::format("the arbiter refuses this node: {}", wire::meaning_of(code))});
    if (!reply.server_maximum_request_size || !reply.server_maximum_reply_size ||
        !reply.supported_messages || !reply.supported_options ||
        !reply.supported_decision_algorithms)
        return later("the arbiter's answer to INIT is incomplete");
    if (*reply.server_maximum_request_size < settings.message_send_size_min)
        return later(fmt::format("the arbiter takes messages of {} bytes only, {} are needed",
                                 *reply.server_maximum_request_size,
                                 settings.message_send_size_min));
    if (*reply.server_maximum_reply_size > settings.message_receive_size_max)
        return later(fmt::format("the arbiter may send messages of {} bytes, {} are allowed",
                                 *reply.server_maximum_reply_size,
                                 settings.message_receive_size_max));
    if (!lists(*reply.supported_decision_algorithms,
               static_cast<std::uint16_t>(settings.algorithm)))
        return later(fmt::format("the arbiter does not know the algorithm {}",
                                 wire::name_of(settings.algorithm)));
    const Terms terms{.has_heuristics = lists(*reply.supported_options, wire::Option::heuristics),
                      .has_keep_active = lists(*reply.supported_options,
                                               wire::Option::keep_active_partition_tie_breaker),
                      .request_size_max = *reply.server_maximum_request_size};
    if (settings.config.heuristics_mode != HeuristicsMode::off && !terms.has_heuristics)
        return later("heuristics are configured and the arbiter does not know them");
    return terms;
}

std::optional<Fault> judge_vote(const wire::Message& message) {
    const bool lacks_heuristics =
        message.type == wire::MessageType::heuristics_change_reply && !message.heuristics;
    const bool lacks_list_type =
        message.type == wire::MessageType::node_list_reply && !message.node_list_type;
    if (message.vote && message.msg_seq_number && message.ring_id && !lacks_heuristics &&
        !lacks_list_type)
        return {};
    return Fault{Retry::later,
                 fmt::format("the arbiter sent an incomplete {}", wire::name_of(message.type))};
}

Fault fault_of(const wire::DecodeError& error) {
    return {Retry::soon,
            fmt::format("the arbiter sent what cannot be read ({})", wire::describe(error))};
}

Fault fault_of(const wire::Skipped& skipped) {
    // Stock: an unknown type ends the process, a message that is too long only the connection.
    if (skipped.code == ReplyErrorCode::unsupported_message)
        return {Retry::later, "the arbiter sent a message of an unknown type"};
    return {Retry::soon, "the arbiter sent a message that is too long"};
}

Fault fault_of_server_error(const wire::Message& message) {
    return {Retry::later,
            fmt::format("the arbiter reports an error: {}",
                        message.reply_error_code ? wire::meaning_of(*message.reply_error_code)
                                                 : "it does not say which")};
}

Fault unexpected(wire::MessageType type) {
    return {Retry::later, fmt::format("the arbiter sent an unexpected {}", wire::name_of(type))};
}

}  // namespace castvote::qdevice::answers
