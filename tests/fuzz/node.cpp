// node.cpp -- fuzz target: whatever the arbiter and the provider do, the node keeps its promises.
//
// The judge (tests/unit/support/node_judge.hpp) looks at every step: no yes without this
// connection's ACK for the ring that was reported on it, nothing cast for another ring, a NACK with
// every lost connection, no deadline that has passed, few actions. What is sent must be readable.
//
// Input: three bytes of settings, then records of one byte each and what it needs; see act().
// SPDX-License-Identifier: BSD-3-Clause
#include <array>

#include "tests/fuzz/reader.hpp"
#include "tests/fuzz/target.hpp"
#include "tests/unit/support/node_table.hpp"

namespace castvote::fuzz {

namespace {

using qdevice::HeuristicsMode;
using tests::NodeTable;
using wire::Message;
using wire::MessageType;
namespace from = tests::from;

qdevice::Settings settings_of(Reader& reader) {
    qdevice::Settings settings = tests::table_settings();
    const std::uint8_t choice = reader.byte();
    settings.algorithm = static_cast<wire::DecisionAlgorithm>(choice & 3);
    settings.wait_for_all = (choice & 4) != 0;
    settings.device_timeout = Duration((choice & 8) != 0 ? 2000 : 10000);
    settings.keep_active_partition = (choice & 16) != 0;
    settings.tls = static_cast<wire::TlsSupported>(reader.below(3));
    settings.config.heuristics_mode = static_cast<HeuristicsMode>(reader.below(3));
    return settings;
}

class Play {
public:
    explicit Play(Reader& reader) : table_(settings_of(reader)) {}

    void act(Reader& reader) {
        switch (reader.below(16)) {
            case 0: change_ring(reader); break;
            case 1: change_quorum(reader); break;
            case 2: table_.step(qdevice::FlagSeen{reader.flag()}); break;
            case 3: change_config(reader); break;
            case 4: heuristics(reader); break;
            case 5: pass_time(Duration(reader.byte() * 20)); break;
            case 6: table_.freeze(Duration(reader.byte() * 100)); break;
            case 7: lose(reader); break;
            case 8: table_.step(qdevice::TlsEstablished{reader.flag()}); break;
            case 9: table_.step(qdevice::Connected{}); break;
            case 10: raw(reader); break;
            case 11: vote(reader); break;
            case 12: end(reader); break;
            case 13: table_.step(qdevice::TimePassed{}); break;
            default: answer(reader); break;
        }
        look();
    }

private:
    void change_ring(Reader& reader) {
        const std::uint8_t choice = reader.byte();
        ring_.seq += choice >> 6 == 3 ? 0 : 1 + (choice >> 6);
        ring_.node_id = 1 + (choice >> 5 & 1);
        std::vector<wire::NodeId> members = {1};
        for (wire::NodeId id = 2; id <= 5; ++id)
            if ((choice >> id & 1) != 0) members.push_back(id);
        table_.step(qdevice::RingChanged{ring_, members});
    }

    void change_quorum(Reader& reader) {
        const std::uint8_t choice = reader.byte();
        std::vector<wire::NodeInfo> nodes;
        for (wire::NodeId id = 1; id <= 3; ++id)
            nodes.push_back(
                {.node_id = id, .state = static_cast<wire::NodeState>(choice >> (2 * id) & 3)});
        table_.step(qdevice::QuorumChanged{(choice & 1) != 0, nodes});
    }

    void pass_time(Duration duration) {
        table_.advance(duration);
        if (duration.count() % 40 == 0) table_.count_vote();
    }

    void change_config(Reader& reader) {
        const std::uint8_t choice = reader.byte();
        qdevice::NodeConfig config = tests::table_settings().config;
        if ((choice & 1) != 0) config.nodes.push_back({.node_id = 3});
        if ((choice & 2) != 0) config.config_version = choice;
        config.heuristics_mode = static_cast<HeuristicsMode>((choice >> 2) % 3);
        config.heuristics_commands = (choice & 64) != 0 ? "ping" : "disk";
        table_.step(qdevice::ConfigChanged{config});
    }

    void heuristics(Reader& reader) {
        const std::uint8_t choice = reader.byte();
        const std::uint32_t number = table_.last_heuristics() - (choice >> 6 == 3 ? 1 : 0);
        table_.step(qdevice::HeuristicsDone{number, static_cast<wire::Heuristics>(choice % 3)});
    }

    void lose(Reader& reader) {
        const std::uint8_t choice = reader.byte();
        table_.step(qdevice::ConnectionLost{static_cast<qdevice::LostCause>(choice % 5),
                                            choice > 127 ? "why" : ""});
    }

    // Three ways to come to an end; seldom, since nothing follows.
    void end(Reader& reader) {
        switch (reader.byte()) {
            case 0xf0: table_.step(qdevice::ProviderLost{"gone"}); break;
            case 0xf1: table_.step(qdevice::CastRefused{"refused"}); break;
            case 0xf2: table_.step(qdevice::StopRequested{}); break;
            default: break;
        }
    }

    // One frame of any content.
    void raw(Reader& reader) {
        const std::uint16_t type = reader.byte();
        const std::uint8_t size = reader.byte();
        table_.step(qdevice::Received{inbound_of(frame(type, reader.take(size)))});
    }

    void vote(Reader& reader) {
        static constexpr std::array types = {MessageType::vote_info, MessageType::node_list_reply,
                                             MessageType::ask_for_vote_reply,
                                             MessageType::heuristics_change_reply};
        const std::uint8_t choice = reader.byte();
        wire::RingId of = ring_;
        of.seq -= choice >> 6;
        Message message = from::vote_info(++votes_, static_cast<wire::Vote>(1 + choice % 5), of);
        message.type = types[choice >> 4 & 3];
        message.node_list_type = wire::NodeListType::membership;
        message.heuristics = wire::Heuristics::pass;
        table_.receive(message);
    }

    // What the core waits for; the byte says how well it is answered.
    void answer(Reader& reader) {
        if (waiting_.empty()) return;
        const Message request = waiting_.front();
        waiting_.erase(waiting_.begin());
        const std::uint8_t choice = reader.byte();
        const std::uint32_t number = request.msg_seq_number.value_or(0) + (choice == 255 ? 1 : 0);
        switch (request.type) {
            case MessageType::preinit:
                table_.receive(
                    from::preinit_reply(number, static_cast<wire::TlsSupported>(choice % 3)));
                break;
            case MessageType::starttls: table_.step(qdevice::TlsEstablished{choice < 128}); break;
            case MessageType::init: table_.receive(init_reply(number, choice)); break;
            case MessageType::echo_request: table_.receive(from::echo_reply(number)); break;
            case MessageType::set_option: {
                Message reply = request;
                reply.type = MessageType::set_option_reply;
                if (choice % 4 == 3 && reply.lease) reply.lease = choice * 16u;
                table_.receive(reply);
                break;
            }
            case MessageType::node_list: {
                const auto vote = static_cast<wire::Vote>(1 + choice % 5);
                Message reply = from::list_reply(*request.node_list_type, vote, ring_);
                reply.msg_seq_number = number;
                table_.receive(reply);
                break;
            }
            default: break;
        }
    }

    static Message init_reply(std::uint32_t number, std::uint8_t choice) {
        const auto error = choice < 240 ? wire::ReplyErrorCode::no_error
                                        : static_cast<wire::ReplyErrorCode>(choice - 234);
        Message reply = from::init_reply(number, error);
        if ((choice & 33) == 32) reply.supported_options = wire::known_options();
        if ((choice & 1) != 0) reply.supported_options->resize(22 + (choice >> 1 & 1));
        if ((choice & 28) == 28) reply.server_maximum_request_size = choice * 128u;
        return reply;
    }

    void look() {
        for (const tests::NodeAct& act : table_.take()) {
            if (std::holds_alternative<qdevice::Connect>(act.what) ||
                std::holds_alternative<qdevice::Disconnect>(act.what)) {
                waiting_.clear();
            } else if (const auto* send = std::get_if<qdevice::Send>(&act.what)) {
                round_trip(send->message);
                waiting_.push_back(send->message);
            }
        }
        if (table_.status().next_attempt) waiting_.clear();
    }

    NodeTable table_;
    wire::RingId ring_{1, 100};
    std::uint32_t votes_ = 0;
    std::vector<Message> waiting_;  // requests that are not answered yet
};

}  // namespace

void run(wire::View bytes) {
    constexpr int acts_max = 400;
    Reader reader(bytes);
    Play play(reader);
    for (int i = 0; i < acts_max && !reader.is_empty(); ++i) play.act(reader);
}

}  // namespace castvote::fuzz
