// scenario.cpp -- see scenario.hpp.
// SPDX-License-Identifier: BSD-3-Clause
#include "tests/unit/support/scenario.hpp"

#include <algorithm>

#include "tests/unit/support/scenario_text.hpp"

namespace castvote::tests {

namespace {

using namespace scenario;
using wire::Message;
using wire::MessageType;
using wire::NodeListType;

Message of_type(MessageType type) {
    Message message;
    message.type = type;
    return message;
}

// What every join has in common, and answers to echoes: they would drown the rest.
bool is_boring(const Message& message) {
    switch (message.type) {
        case MessageType::preinit_reply:
        case MessageType::set_option_reply:
        case MessageType::echo_reply: return true;
        case MessageType::init_reply:
            return message.reply_error_code == wire::ReplyErrorCode::no_error;
        case MessageType::node_list_reply:
            return message.node_list_type == NodeListType::initial_config ||
                   message.node_list_type == NodeListType::quorum;
        default: return false;
    }
}

std::string text_of(const qnetd::Record& record) {
    if (record.is_empty()) return "nothing to remember";
    std::string text = fmt::format("grant {}", record.grant_number);
    for (const auto& [node, holder] : record.holders)
        text += fmt::format(
            ", holder {} in {} of {}{}{}{}", node, wire::to_string(holder.grant.ring.id),
            qnetd::to_string(holder.grant.ring.members), holder.is_confirmed ? " confirmed" : "",
            holder.needs_proof ? " wants proof" : "",
            holder.is_restored ? " not heard since the restart" : "");
    return text + (record.guard_from ? ", guard" : "");
}

// The message without what is the same in every scenario.
std::string line_of(Message message) {
    if (message.type == MessageType::init_reply) {
        const auto code = message.reply_error_code.value_or(wire::ReplyErrorCode::no_error);
        return fmt::format("INIT_REPLY {} ({})", static_cast<int>(code), wire::meaning_of(code));
    }
    std::string line = wire::describe(message);
    if (message.type == MessageType::server_error)
        line += fmt::format(" ({})", wire::meaning_of(*message.reply_error_code));
    return line;
}

}  // namespace

Scenario::Scenario() = default;

// -- commands -------------------------------------------------------------------------------------

void Scenario::execute(const std::string& command, Words words) {
    static const std::map<std::string, void (Scenario::*)(Words)> commands = {
        {"settings", &Scenario::settings}, {"connect", &Scenario::connect},
        {"ring", &Scenario::ring},         {"config", &Scenario::config},
        {"quorum", &Scenario::quorum},     {"leave", &Scenario::leave},
        {"release", &Scenario::release},   {"restart", &Scenario::restart},
        {"store", &Scenario::store},       {"heuristics", &Scenario::heuristics},
        {"reply", &Scenario::reply},       {"wait", &Scenario::wait},
        {"close", &Scenario::end},         {"silent", &Scenario::silent},
        {"heard", &Scenario::heard},       {"heartbeat", &Scenario::set_heartbeat},
        {"stall", &Scenario::stall},       {"rename", &Scenario::rename}};
    if (command == "status") {
        status();
        return;
    }
    const auto found = commands.find(command);
    if (found == commands.end()) refuse("no such command");
    (this->*found->second)(std::move(words));
    show_happenings();
}

void Scenario::show_happenings() {
    if (!driver_) return;
    for (const Happening& happening : driver_->take()) {
        const std::string at = seconds(happening.at);
        if (const auto* message = std::get_if<Message>(&happening.what)) {
            if (!is_boring(*message))
                show(fmt::format("{:>8} {} <- {}", at, happening.client, line_of(*message)));
        } else if (const auto* note = std::get_if<qnetd::Note>(&happening.what)) {
            show(fmt::format("{:>8} # {}", at, qnetd::to_line(*note)));
        } else if (const auto* persist = std::get_if<qnetd::Persist>(&happening.what)) {
            show(fmt::format("{:>8} store: {}", at, text_of(persist->record)));
        } else if (std::holds_alternative<qnetd::Close>(happening.what)) {
            show(fmt::format("{:>8} {} is disconnected", at, happening.client));
            nodes_.erase(happening.client);
        }
    }
}

ArbiterDriver& Scenario::driver() {
    if (!driver_ && settings_.durable_grants)
        driver_ = std::make_unique<ArbiterDriver>(settings_, started_, memory_);
    if (!driver_) driver_ = std::make_unique<ArbiterDriver>(settings_, started_);
    return *driver_;
}

Scenario::Node& Scenario::node(const std::string& client) {
    const auto found = nodes_.find(client);
    if (found == nodes_.end()) refuse(client + " is not connected");
    return found->second;
}

void Scenario::settings(Words words) {
    if (driver_) refuse("settings come first");
    const std::map<std::string, bool> on_off = {{"on", true}, {"off", false}};
    if (words.take("started") == "now") started_ = at_ms(0);
    settings_.test_algorithm_enabled = one_of(words.take("test", "off"), on_off);
    cluster_ = words.take("cluster", cluster_);
    if (const auto value = words.take("device_timeout"); !value.empty())
        settings_.device_timeout = duration(value);
    const std::map<std::string, qnetd::FailOver> policies{qnetd::failover_names.begin(),
                                                          qnetd::failover_names.end()};
    settings_.failover = one_of(words.take("failover", "stock"), policies);
    // A complete store, without any grant; or one that was made when the arbiter started.
    const std::string state = words.take("state", "none");
    settings_.durable_grants =
        one_of<bool>(state, {{"none", false}, {"kept", true}, {"new", true}});
    if (state == "new") memory_.guard_from = started_;
    qnetd::Rules& rules = settings_.rules;
    rules.release_before_handover = one_of(words.take("R2", "on"), on_off);
    rules.late_ack_after_connect = one_of(words.take("R2s-i", "on"), on_off);
    rules.recent_flag_needs_proof = one_of(words.take("R2s-ii", "on"), on_off);
    rules.repeat_nack_when_quorate = one_of(words.take("R2s-iii", "on"), on_off);
    words.expect_none_left();
}

// What a node daemon of ours tells besides.
void Scenario::add_terms(Message& option, const std::string& lease, Words& words) {
    const auto ms = [](Duration span) { return static_cast<std::uint32_t>(span.count()); };
    option.lease = ms(duration(lease));
    option.device_timeout = ms(duration(words.take("timeout", "10s")));
    option.sync_timeout = ms(duration(words.take("sync-timeout", "30s")));
    if (const auto seen = words.take("grant"); !seen.empty())
        option.grant_number = number<std::uint64_t>(seen);
    if (const auto kept = words.take("keeps"); !kept.empty()) option.ring_id = ring_id(kept);
}

void Scenario::connect(Words words) {
    const std::string client = words.at(0);
    Node fresh;
    fresh.id = number<wire::NodeId>(words.take("node"));
    fresh.heartbeat = duration(words.take("heartbeat", "8s"));
    fresh.config = words.take("config");
    driver().open(client);
    nodes_[client] = fresh;

    Message preinit = of_type(MessageType::preinit);
    preinit.cluster_name = words.take("cluster", cluster_);
    send(client, preinit);

    Message init = of_type(MessageType::init);
    const std::string ring = words.take("ring");
    const std::string tie = words.take("tie", "lowest");
    init.node_id = fresh.id;
    init.ring_id = ring_id(ring);
    init.heartbeat_interval = static_cast<std::uint32_t>(fresh.heartbeat.count());
    init.decision_algorithm = one_of<wire::DecisionAlgorithm>(
        words.take("algorithm", "ffsplit"), {{"ffsplit", wire::DecisionAlgorithm::ffsplit},
                                             {"lms", wire::DecisionAlgorithm::lms},
                                             {"2nodelms", wire::DecisionAlgorithm::two_node_lms},
                                             {"test", wire::DecisionAlgorithm::test}});
    if (tie == "lowest" || tie == "highest")
        init.tie_breaker = wire::TieBreaker{
            .mode = tie == "lowest" ? wire::TieBreakerMode::lowest : wire::TieBreakerMode::highest};
    else
        init.tie_breaker = wire::TieBreaker{.mode = wire::TieBreakerMode::node_id,
                                            .node_id = number<wire::NodeId>(tie)};
    const std::string lease = words.take("lease");
    if (!lease.empty()) init.supported_options = wire::known_options();
    const std::size_t before = driver().arbiter().client_count();
    send(client, init);
    if (driver().arbiter().client_count() == before) {  // refused: it goes away
        nodes_.erase(client);
        driver().close(client, qnetd::CloseCause::end_of_stream);
        return;
    }
    nodes_[client].echo_interval = lease.empty() ? fresh.heartbeat : duration(lease) / 6;
    nodes_[client].next_echo = driver().now() + nodes_[client].echo_interval;

    Message option = of_type(MessageType::set_option);
    option.keep_active_partition_tie_breaker = one_of<wire::KeepActivePartition>(
        words.take("keep-active", "on"),
        {{"on", wire::KeepActivePartition::enabled}, {"off", wire::KeepActivePartition::disabled}});
    if (!lease.empty()) add_terms(option, lease, words);
    // Without a config list the client is one that has sent nothing after INIT.
    if (fresh.config.empty()) {
        words.expect_none_left();
        return;
    }
    send(client, option);
    send_lists(client, ring, words);
}

// As every client does when it joins. Its quorum list may be older than the ring.
void Scenario::send_lists(const std::string& client, const std::string& ring, Words& words) {
    Message config = of_type(MessageType::node_list);
    config.node_list_type = NodeListType::initial_config;
    config.node_info = nodes(node(client).config);
    send(client, config);
    const std::string present = words.take("quorum");
    const Message joined = membership(client, ring, words);
    send(client, joined);
    words.expect_none_left();
    Message quorum = of_type(MessageType::node_list);
    quorum.node_list_type = NodeListType::quorum;
    quorum.quorate = wire::Quorate::inquorate;
    quorum.node_info = present.empty() ? joined.node_info : nodes(present);
    send(client, quorum);
}

Message Scenario::membership(const std::string& client, const std::string& ring, Words& words) {
    Message list = of_type(MessageType::node_list);
    list.node_list_type = NodeListType::membership;
    list.ring_id = ring_id(ring);
    list.node_info = nodes(words.take("members", std::to_string(node(client).id)));
    if (const auto value = words.take("heuristics"); !value.empty())
        list.heuristics = heuristics_of(value);
    return list;
}

void Scenario::ring(Words words) {
    const std::string client = words.at(0);
    send(client, membership(client, words.at(1), words));
    words.expect_none_left();
}

void Scenario::config(Words words) {
    Message list = of_type(MessageType::node_list);
    list.node_list_type = NodeListType::changed_config;
    list.node_info = nodes(words.at(1));
    send(words.at(0), list);
}

void Scenario::leave(Words words) {
    Message option = of_type(MessageType::set_option);
    option.released = 1;
    send(words.at(0), option);
    words.expect_none_left();
}

void Scenario::quorum(Words words) {
    Message list = of_type(MessageType::node_list);
    list.node_list_type = NodeListType::quorum;
    list.quorate = one_of<wire::Quorate>(words.at(1), {{"quorate", wire::Quorate::quorate},
                                                       {"inquorate", wire::Quorate::inquorate}});
    list.node_info = nodes(words.take("members", std::to_string(node(words.at(0)).id)));
    for (wire::NodeInfo& info : list.node_info) info.state = wire::NodeState::member;
    for (const wire::NodeInfo& one : nodes(words.take("dead")))
        list.node_info.push_back({.node_id = one.node_id, .state = wire::NodeState::dead});
    words.expect_none_left();
    send(words.at(0), list);
}

void Scenario::heuristics(Words words) {
    Message change = of_type(MessageType::heuristics_change);
    change.heuristics = heuristics_of(words.at(1));
    send(words.at(0), change);
}

void Scenario::set_heartbeat(Words words) {
    Message option = of_type(MessageType::set_option);
    Node& changed = node(words.at(0));
    changed.heartbeat = changed.echo_interval = duration(words.at(1));
    changed.next_echo = driver().now() + changed.echo_interval;
    option.heartbeat_interval = static_cast<std::uint32_t>(changed.heartbeat.count());
    send(words.at(0), option);
}

void Scenario::reply(Words words) {
    Message reply = of_type(MessageType::vote_info_reply);
    for (const std::string& client : words.plain) {
        if (node(client).is_silent) refuse(client + " is silent");
        reply.msg_seq_number = driver().last_vote_info(client);
        if (const auto value = words.take("number"); !value.empty())
            reply.msg_seq_number = number<std::uint32_t>(value);
        driver().receive(client, reply);
    }
}

// Time passes; whoever is not silent sends its echoes meanwhile.
void Scenario::wait(Words words) {
    const Instant until = driver().now() + duration(words.at(0));
    for (;;) {
        Instant next = until;
        for (const auto& [client, one] : nodes_)
            if (!one.is_silent) next = std::min(next, one.next_echo);
        next = std::max(next, driver().now());  // echoes that waited while the arbiter stood still
        driver().advance_to(next);
        show_happenings();
        for (auto& [client, one] : nodes_) {
            if (one.is_silent || one.next_echo > next) continue;
            Message echo = of_type(MessageType::echo_request);
            echo.msg_seq_number = ++one.echo;
            one.next_echo += one.echo_interval;
            driver().receive(client, echo);
        }
        if (next == until) return;
    }
}

void Scenario::release(Words words) {
    driver().release(cluster_, static_cast<wire::NodeId>(std::stoul(words.at(0))));
}

void Scenario::rename(Words words) {
    if (!driver().rename(words.at(0), words.at(1))) show("the list of names is refused");
}

// The arbiter is killed and starts again; what it finds in its store.
void Scenario::restart(Words words) {
    const Duration down = duration(words.at(0));
    const std::string finds = words.take("finds", "its-record");
    nodes_.clear();
    if (finds == "its-record" || finds == "record-of-another-boot") {
        driver().restart(down, finds == "its-record");
    } else if (finds == "nothing") {  // a new store, or a damaged one: the guard
        driver().restart(down, true, qnetd::Memory{.guard_from = driver().now() + down});
    } else {
        refuse("finds its-record, record-of-another-boot or nothing");
    }
    words.expect_none_left();
}

void Scenario::store(Words words) {
    driver().store_is_slow(one_of<bool>(words.at(0), {{"slow", true}, {"works", false}}));
}

void Scenario::stall(Words words) {
    const Duration by = duration(words.at(0));
    if (words.plain.size() == 1) return driver().stall(by);
    if (words.at(1) != "reply") refuse("stall: there is only 'reply' to read");
    words.plain.erase(words.plain.begin(), words.plain.begin() + 2);
    driver().stall(by, [&] { reply(words); });
}

void Scenario::end(Words words) {
    const auto cause =
        one_of<qnetd::CloseCause>(words.at(1), {{"fin", qnetd::CloseCause::end_of_stream},
                                                {"reset", qnetd::CloseCause::reset_or_error},
                                                {"queue-full", qnetd::CloseCause::queue_full},
                                                {"tls", qnetd::CloseCause::tls_failed}});
    nodes_.erase(words.at(0));
    driver().close(words.at(0), cause);
}

void Scenario::silent(Words words) {
    for (const std::string& client : words.plain) node(client).is_silent = true;
}

void Scenario::heard(Words words) {
    for (const std::string& client : words.plain) node(client).is_silent = false;
}

void Scenario::send(const std::string& client, Message message) {
    if (node(client).is_silent) refuse(client + " is silent");
    message.msg_seq_number = ++node(client).number;
    driver().receive(client, message);
}

void Scenario::status() {
    for (const qnetd::ClusterStatus& cluster : driver().arbiter().clusters()) {
        if (cluster.granted_ring)
            show(fmt::format("{} vote: ring {} of {} since {}", wire::quoted(cluster.name),
                             wire::to_string(*cluster.granted_ring),
                             text_of(cluster.granted_members), seconds(*cluster.granted_since)));
        else
            show(fmt::format("{} vote: nobody", wire::quoted(cluster.name)));
        for (const qnetd::NodeStatus& one : cluster.nodes)
            show(fmt::format("  node {}: ring {}, last told {}", one.node_id,
                             wire::to_string(one.ring), wire::name_of(one.last_ack_or_nack)));
        for (const qnetd::HolderStatus& one : cluster.holders)
            show(fmt::format("  holder {}: ring {} of {}, {}{}", one.node_id,
                             wire::to_string(one.ring), text_of(one.members),
                             one.connected ? "connected" : "gone",
                             one.connected      ? std::string()
                             : one.lifetime_end ? ", until " + seconds(*one.lifetime_end)
                                                : ", until released"));
        show("  " + qnetd::to_line(cluster.last_decision));
    }
}

}  // namespace castvote::tests
