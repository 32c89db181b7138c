// arbiter.cpp -- fuzz target: whole event sequences against the arbiter core.
//
// Eight clients in two clusters connect, report, confirm, fall silent, end and come back, or send
// anything; time passes and stands still. After every step: equal state and event give equal
// actions, NACK, reply, ACK is kept (arbiter_driver.hpp); no ACK while somebody else may count the
// vote (vote_watch.hpp); the other clusters stay as they are (I6); few actions; all are readable.
//
// Input: one byte of settings, then records of one byte (client and deed) and what it needs; see
// act(). SPDX-License-Identifier: BSD-3-Clause
#include <algorithm>
#include <array>

#include "tests/fuzz/reader.hpp"
#include "tests/fuzz/target.hpp"
#include "tests/fuzz/vote_watch.hpp"
#include "tests/unit/support/arbiter_driver.hpp"

namespace castvote::fuzz {

namespace {

using tests::ArbiterDriver;
using tests::Happening;
using wire::Message;
using wire::MessageType;
using wire::NodeListType;

constexpr unsigned clients = 8;
constexpr Duration echo_interval{2500};     // enough for a heartbeat of 2 s
constexpr std::size_t happenings_max = 40;  // of one message

qnetd::Settings settings_of(std::uint8_t choice) {
    qnetd::Settings settings;
    settings.tls = wire::TlsSupported::unsupported;
    settings.test_algorithm_enabled = (choice & 1) != 0;
    settings.keep_active_partition_default = (choice & 2) != 0;
    settings.failover = static_cast<qnetd::FailOver>((choice >> 3) % 3);
    return settings;
}

class Play {
public:
    explicit Play(std::uint8_t choice)
        : driver_(settings_of(choice), at_ms((choice & 4) != 0 ? 0 : -3'600'000)) {}

    void act(Reader& reader) {
        const std::uint8_t what = reader.byte();
        client_ = what >> 5;
        switch (what & 31) {
            case 0: connect(reader); break;
            case 1: config(reader, NodeListType::initial_config); break;
            case 2: config(reader, NodeListType::changed_config); break;
            case 3: membership(reader); break;
            case 4: quorum(reader); break;
            case 5: reply(0); break;
            case 6: reply(1); break;
            case 7: heuristics(reader); break;
            case 8: close(reader); break;
            case 9: set_option(reader); break;
            case 10: send(of_type(MessageType::ask_for_vote)); break;
            case 11: send(of_type(MessageType::echo_request)); break;
            case 12: open(); break;
            case 13: raw(reader); break;
            case 14: pass_in_silence(Duration(reader.byte() * 10)); break;
            case 15: pass_in_silence(Duration(reader.byte() * 500)); break;
            case 16: driver_.stall(Duration(reader.byte() * 100)); break;
            case 17: wait(reader); break;
            case 18: release(reader); break;
            default: reply(0); break;  // the most frequent thing
        }
        look();
    }

    void end() {
        for (client_ = 0; client_ < clients; ++client_) {
            if (driver_.is_open(name())) end_connection(qnetd::CloseCause::reset_or_error);
            look();
        }
        // The longest lifetime that was declared, twice over.
        driver_.advance(Duration(1'200'000));
        expect(driver_.arbiter().client_count() == 0, "clients of nobody");
        for (const qnetd::ClusterStatus& cluster : driver_.arbiter().clusters())
            for (const qnetd::HolderStatus& holder : cluster.holders)
                expect(!holder.lifetime_end, "a lifetime that does not end");
    }

private:
    struct Client {
        std::string named;  // by PREINIT
        wire::NodeId claimed = 0;
        wire::DecisionAlgorithm algorithm = wire::DecisionAlgorithm::test;
        std::optional<VoteWatch::Who> who;  // accepted
        std::uint32_t confirmed = 0;        // the last VOTE_INFO to which an answer was sent
    };

    // Clients 0 to 5 are nodes 1 to 6 of "x", 6 and 7 nodes 1 and 2 of "y".
    static std::string name_of(unsigned client) {
        return std::string(1, static_cast<char>('A' + client));
    }
    std::string name() const { return name_of(client_); }
    wire::NodeId node() const { return client_ < 6 ? client_ + 1 : client_ - 5; }

    static Message of_type(MessageType type) {
        Message message;
        message.type = type;
        message.msg_seq_number = 9;
        return message;
    }

    static wire::RingId ring(Reader& reader) {
        const std::uint8_t choice = reader.byte();
        return {.node_id = 1 + (choice & 7u), .seq = (choice >> 3) * 4u};
    }

    static void fill(Message& list, std::uint8_t mask) {
        for (wire::NodeId id = 1; id <= 6; ++id)
            if ((mask >> (id - 1) & 1) != 0) list.node_info.push_back({.node_id = id});
    }

    void open() {
        if (driver_.is_open(name())) return;
        driver_.open(name());
        state() = {};
    }

    // Algorithm, tie-breaker, heartbeat; the node of somebody else; the ring.
    void connect(Reader& reader) {
        const std::uint8_t choice = reader.byte();
        open();
        Message preinit = of_type(MessageType::preinit);
        preinit.cluster_name = client_ < 6 ? "x" : "y";
        send(preinit);
        Message init = of_type(MessageType::init);
        init.decision_algorithm = static_cast<wire::DecisionAlgorithm>((choice & 3) ^ 1);
        init.tie_breaker = wire::TieBreaker{
            .mode = static_cast<wire::TieBreakerMode>(1 + (choice >> 2 & 3) % 3), .node_id = 2};
        init.heartbeat_interval = (choice & 16) != 0 ? 2000 : (choice & 32) != 0 ? 20000 : 8000;
        init.node_id = (choice & 64) != 0 ? 1 : node();
        init.ring_id = ring(reader);
        send(init);
    }

    void config(Reader& reader, NodeListType type) {
        Message list = of_type(MessageType::node_list);
        list.node_list_type = type;
        fill(list, reader.byte());
        send(list);
    }

    void membership(Reader& reader) {
        Message list = of_type(MessageType::node_list);
        list.node_list_type = NodeListType::membership;
        const std::uint8_t mask = reader.byte();
        fill(list, mask);
        if (mask >> 6 != 0) list.heuristics = static_cast<wire::Heuristics>(1 + (mask >> 6) % 2);
        list.ring_id = ring(reader);
        send(list);
    }

    void quorum(Reader& reader) {
        Message list = of_type(MessageType::node_list);
        list.node_list_type = NodeListType::quorum;
        const std::uint8_t mask = reader.byte();
        fill(list, mask);
        list.quorate = (mask & 64) != 0 ? wire::Quorate::quorate : wire::Quorate::inquorate;
        send(list);
    }

    void reply(std::uint32_t late) {
        if (!driver_.is_open(name())) return;
        Message message = of_type(MessageType::vote_info_reply);
        message.msg_seq_number = driver_.last_vote_info(name()) - late;
        state().confirmed = *message.msg_seq_number;
        send(message);
    }

    void heuristics(Reader& reader) {
        Message message = of_type(MessageType::heuristics_change);
        message.heuristics = reader.flag() ? wire::Heuristics::fail : wire::Heuristics::pass;
        send(message);
    }

    void set_option(Reader& reader) {
        const std::uint8_t choice = reader.byte();
        Message message = of_type(MessageType::set_option);
        if ((choice & 1) != 0)
            message.keep_active_partition_tie_breaker =
                static_cast<wire::KeepActivePartition>(choice >> 1 & 1);
        if ((choice & 4) != 0) message.heartbeat_interval = 1000u * (choice >> 3);
        send(message);
    }

    void raw(Reader& reader) {
        const std::uint16_t type = reader.byte();
        const std::uint8_t size = reader.byte();
        deliver(frame(type, reader.take(size)));
    }

    void close(Reader& reader) {
        const auto cause = static_cast<qnetd::CloseCause>(reader.below(4));
        if (driver_.is_open(name())) end_connection(cause);
    }

    void end_connection(qnetd::CloseCause cause) {
        left(client_, driver_.now());
        driver_.close(name(), cause);
    }

    void left(unsigned client, Instant at) {
        if (state_[client].who) watch_.left(*state_[client].who, at);
        state_[client] = {};
    }

    // The operator's word about a node of the client's cluster; it counts for those who are gone.
    void release(Reader& reader) {
        const VoteWatch::Who who{client_ < 6 ? "x" : "y", 1 + reader.below(6)};
        driver_.release(who.first, who.second);
        const bool is_connected = std::any_of(state_.begin(), state_.end(),
                                              [&](const Client& one) { return one.who == who; });
        if (!is_connected) watch_.released(who);
    }

    // Everybody may be silent meanwhile.
    void pass_in_silence(Duration duration) {
        driver_.advance(duration);
        look();
    }

    // Time during which the clients of the mask echo, and perhaps confirm what they are told.
    void wait(Reader& reader) {
        const std::uint8_t choice = reader.byte();
        const std::uint8_t mask = reader.byte();
        const unsigned before = client_;
        for (int times = choice & 31; times > 0; --times) {
            pass_in_silence(echo_interval);
            for (client_ = 0; client_ < clients; ++client_) {
                if ((mask >> client_ & 1) == 0 || !driver_.is_open(name())) continue;
                send(of_type(MessageType::echo_request));
                if ((choice & 128) != 0 && driver_.is_open(name()) &&
                    driver_.last_vote_info(name()) != state().confirmed)
                    reply(0);
            }
        }
        client_ = before;
    }

    void send(const Message& message) {
        if (driver_.is_open(name()) && is_encodable(message)) deliver(wire::encode(message));
    }

    // One whole message of the current client.
    void deliver(const wire::Bytes& bytes) {
        if (!driver_.is_open(name())) return;
        look();
        const wire::Inbound inbound = inbound_of(bytes);
        const auto* message = std::get_if<Message>(&inbound);
        if (message != nullptr) before(*message);
        const std::string mine = state().who ? state().who->first : "";
        const auto others = texts();
        driver_.receive(name(), bytes);
        auto happenings = driver_.take();
        expect(happenings.size() <= happenings_max, "many actions for one message");
        if (message != nullptr) accepted(*message, happenings);
        look_at(happenings);
        const std::string now_mine = state().who ? state().who->first : mine;
        for (const auto& [cluster, text] : texts())
            if (cluster != now_mine && cluster != mine && others.contains(cluster))
                expect(others.at(cluster) == text, "another cluster changed: " + text);
    }

    // What counts as soon as it arrives.
    void before(const Message& message) {
        Client& client = state();
        if (client.who) watch_.heard(*client.who, driver_.now());
        if (message.type == MessageType::preinit && !client.who)
            client.named = message.cluster_name.value_or(client.named);
        if (message.type == MessageType::init && !client.who) {
            client.claimed = message.node_id.value_or(0);
            client.algorithm = message.decision_algorithm.value_or(wire::DecisionAlgorithm::test);
        }
        if (message.type == MessageType::vote_info_reply && client.who && message.msg_seq_number)
            watch_.confirmed(*client.who, *message.msg_seq_number);
    }

    // What counts once it is accepted; a vote may be told in the same step, ahead of the answer.
    void accepted(const Message& message, const std::vector<Happening>& happenings) {
        Client& client = state();
        for (const Happening& one : happenings) {
            const auto* answer = std::get_if<Message>(&one.what);
            if (answer == nullptr || one.client != name()) continue;
            if (answer->type == MessageType::node_list_reply && client.who)
                watch_.listed(*client.who, message);
            if (answer->type == MessageType::init_reply && !client.who &&
                answer->reply_error_code == wire::ReplyErrorCode::no_error) {
                client.who = VoteWatch::Who{client.named, client.claimed};
                watch_.joined(*client.who, client.algorithm, driver_.now());
            }
        }
    }

    void look() { look_at(driver_.take()); }

    void look_at(const std::vector<Happening>& happenings) {
        for (const Happening& one : happenings) {
            const unsigned whose =
                one.client.empty() ? 0 : static_cast<unsigned>(one.client[0] - 'A');
            if (const auto* message = std::get_if<Message>(&one.what)) {
                round_trip(*message);
                if (message->type == MessageType::vote_info)
                    watch_.told(state_[whose].who.value(), *message, one.at);
            } else if (std::holds_alternative<qnetd::Close>(one.what)) {
                left(whose, one.at);
            }
        }
    }

    // Everything that a status can show of each cluster.
    std::map<std::string, std::string> texts() const {
        std::map<std::string, std::string> all;
        const auto clusters = driver_.arbiter().clusters();
        if (clusters.size() < 2) return all;
        for (const qnetd::ClusterStatus& one : clusters) {
            std::string& text = all[one.name];
            text = qnetd::to_line(one.last_decision);
            for (const auto& node : one.nodes)
                text += fmt::format("; {} {} {} {}", node.node_id, wire::to_string(node.ring),
                                    static_cast<int>(node.last_vote), node.membership_list.size());
            for (const auto& holder : one.holders)
                text += fmt::format("; {} {}", holder.node_id, wire::to_string(holder.ring));
        }
        return all;
    }

    Client& state() { return state_[client_]; }

    ArbiterDriver driver_;
    VoteWatch watch_;
    unsigned client_ = 0;  // whose turn it is
    std::array<Client, clients> state_;
};

}  // namespace

void run(wire::View bytes) {
    constexpr int acts_max = 200;
    Reader reader(bytes);
    Play play(reader.byte());
    for (int i = 0; i < acts_max && !reader.is_empty(); ++i) play.act(reader);
    play.end();
}

}  // namespace castvote::fuzz
