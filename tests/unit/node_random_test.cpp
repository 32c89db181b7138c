// node_random_test.cpp -- an arbiter that says anything at any time, and a provider that does, too.
//
// The judge (node_judge.hpp) looks at every step: no yes without this connection's ACK for the ring
// that was reported on it, nothing cast for another ring than the current one, a NACK with every
// lost connection, no deadline that has passed, few actions. The driver compares each step with the
// same step of a copy. A failing run prints its seed.
// SPDX-License-Identifier: BSD-3-Clause
#include <catch2/catch.hpp>

#include "tests/unit/support/generator.hpp"
#include "tests/unit/support/node_table.hpp"

namespace castvote::tests {

namespace {

using qdevice::HeuristicsMode;
using wire::Message;
using wire::MessageType;
using wire::Vote;

class Chaos {
public:
    // wildness: one in so many messages is not one that the core waits for.
    Chaos(std::uint64_t seed, std::uint64_t wildness)
        : chance_(seed), wildness_(wildness), table_(settings(chance_, seed)) {}

    void act() {
        switch (chance_.below(16)) {
            case 0: change_ring(); break;
            case 1: change_quorum(); break;
            case 2: table_.step(qdevice::FlagSeen{chance_.one_in(2)}); break;
            case 3: change_config(); break;
            case 4:
            case 5: heuristics(); break;
            case 6:
            case 7:
            case 8: pass_time(); break;
            case 9:
                if (chance_.one_in(12)) lose();
                break;
            case 10: table_.step(qdevice::TimePassed{}); break;
            case 11: odd_event(); break;
            default: answer(); break;
        }
        look();
    }

    void end() {
        if (chance_.one_in(3))
            table_.step(qdevice::ProviderLost{"gone"});
        else if (chance_.one_in(2))
            table_.step(qdevice::CastRefused{"refused"});
        else
            table_.step(qdevice::StopRequested{});
        for (int i = 0; i < 20; ++i) act();
        REQUIRE(!table_.node().next_deadline());
    }

    const NodeJudge& judge() const { return table_.judge(); }

private:
    static qdevice::Settings settings(Generator& chance, std::uint64_t seed) {
        qdevice::Settings settings = table_settings();
        settings.algorithm = static_cast<wire::DecisionAlgorithm>(chance.below(4));
        settings.tls = static_cast<wire::TlsSupported>(chance.below(3));
        settings.wait_for_all = chance.one_in(2);
        settings.config.heuristics_mode = static_cast<HeuristicsMode>(chance.below(3));
        settings.device_timeout = Duration(chance.one_in(2) ? 10000 : 2000);
        settings.jitter_seed = seed;
        return settings;
    }

    // Mostly a new one; now and then the same once more, as corosync never does.
    void change_ring() {
        if (!chance_.one_in(8)) ring_.seq += 1 + chance_.below(4);
        std::vector<wire::NodeId> members = {1};
        for (wire::NodeId id = 2; id <= 4; ++id)
            if (chance_.one_in(2)) members.push_back(id);
        table_.step(qdevice::RingChanged{ring_, members});
    }

    void change_quorum() {
        table_.step(qdevice::QuorumChanged{chance_.one_in(2),
                                           {{.node_id = 1, .state = wire::NodeState::member}}});
    }

    void change_config() {
        qdevice::NodeConfig config = table_settings().config;
        if (chance_.one_in(2)) config.nodes.push_back({.node_id = 3});
        config.heuristics_mode = static_cast<HeuristicsMode>(chance_.below(3));
        config.heuristics_commands = chance_.one_in(2) ? "ping" : "disk";
        table_.step(qdevice::ConfigChanged{config});
    }

    void heuristics() {
        const std::uint32_t number = table_.last_heuristics();
        table_.step(qdevice::HeuristicsDone{chance_.one_in(10) ? number - 1 : number,
                                            static_cast<wire::Heuristics>(chance_.below(3))});
    }

    void pass_time() {
        const Duration duration(static_cast<std::int64_t>(chance_.below(2500)));
        if (chance_.one_in(60))
            table_.freeze(duration * 10);
        else
            table_.advance(duration);
        if (chance_.one_in(2)) table_.count_vote();
    }

    void lose() {
        table_.step(qdevice::ConnectionLost{static_cast<qdevice::LostCause>(chance_.below(5)),
                                            chance_.one_in(2) ? "why" : ""});
    }

    void odd_event() {
        switch (chance_.below(3)) {
            case 0: table_.step(qdevice::TlsEstablished{chance_.one_in(2)}); break;
            case 1: table_.step(qdevice::Connected{}); break;
            default:
                if (chance_.one_in(wildness_))
                    table_.step(qdevice::Received{
                        wire::Skipped{wire::ReplyErrorCode::unsupported_message}});
                break;
        }
    }

    // What the core waits for, or anything.
    void answer() {
        if (chance_.one_in(wildness_)) {
            table_.receive(any_message(chance_));
            return;
        }
        if (wants_tcp_) {
            table_.step(qdevice::Connected{});
            return;
        }
        if (!waiting_.empty()) {
            const Message message = waiting_.front();
            waiting_.erase(waiting_.begin());
            reply_to(message);
            return;
        }
        if (listed_) table_.receive(vote_info());
    }

    Message vote_info() {
        wire::RingId of = ring_;
        if (chance_.one_in(4)) of.seq -= chance_.below(6);
        const Vote vote = chance_.one_in(2) ? Vote::ack : static_cast<Vote>(1 + chance_.below(5));
        Message message = from::vote_info(chance_.number<std::uint32_t>(), vote, of);
        if (chance_.one_in(4)) message.type = MessageType::node_list_reply;
        message.node_list_type = wire::NodeListType::membership;
        return message;
    }

    void reply_to(const Message& request) {
        const std::uint32_t number = request.msg_seq_number.value_or(0);
        switch (request.type) {
            case MessageType::preinit:
                table_.receive(
                    from::preinit_reply(number, static_cast<wire::TlsSupported>(chance_.below(3))));
                return;
            case MessageType::starttls: table_.step(qdevice::TlsEstablished{true}); return;
            case MessageType::init: {
                Message reply = from::init_reply(number);
                if (chance_.one_in(10))
                    reply.reply_error_code = wire::ReplyErrorCode::duplicate_node_id;
                if (chance_.one_in(4))
                    reply.supported_options->resize(22 + chance_.below(2));
                else if (knows_leases_ != chance_.one_in(20))
                    reply.supported_options = wire::known_options();
                table_.receive(reply);
                return;
            }
            case MessageType::echo_request: table_.receive(from::echo_reply(number)); return;
            case MessageType::set_option: {
                Message reply = request;
                reply.type = MessageType::set_option_reply;
                table_.receive(reply);
                return;
            }
            case MessageType::node_list: table_.receive(vote_info()); return;
            default: return;
        }
    }

    void look() {
        for (const NodeAct& act : table_.take()) {
            if (std::holds_alternative<qdevice::Connect>(act.what)) {
                forget();
                wants_tcp_ = true;
            } else if (std::holds_alternative<qdevice::Disconnect>(act.what)) {
                forget();
            } else if (const auto* send = std::get_if<qdevice::Send>(&act.what)) {
                wants_tcp_ = false;
                waiting_.push_back(send->message);
                listed_ = listed_ || send->message.type == MessageType::node_list;
            }
        }
        if (table_.status().next_attempt) forget();
    }

    void forget() {
        wants_tcp_ = listed_ = false;
        waiting_.clear();
    }

    Generator chance_;
    std::uint64_t wildness_;
    NodeTable table_;
    wire::RingId ring_{1, 100};
    bool knows_leases_ = chance_.one_in(2);
    bool wants_tcp_ = false;
    bool listed_ = false;
    std::vector<Message> waiting_;  // requests that are not answered yet
};

}  // namespace

TEST_CASE("whatever the arbiter and the provider do, the node keeps its promises") {
    int yes = 0;
    int joins = 0;
    for (const std::uint64_t wildness : {3u, 30u, 400u}) {
        for (std::uint64_t seed = 1; seed <= 150; ++seed) {
            INFO("seed " << seed << ", wildness " << wildness);
            Chaos chaos(seed, wildness);
            REQUIRE_NOTHROW([&] {
                for (int i = 0; i < 400; ++i) chaos.act();
                chaos.end();
            }());
            yes += chaos.judge().yes_count;
            joins += chaos.judge().join_count;
        }
    }
    // The chaos was not so wild that nothing ever came of it.
    CHECK(joins > 500);
    CHECK(yes > 800);
}

}  // namespace castvote::tests
