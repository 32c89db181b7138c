// arbiter.cpp -- fuzz target: whole event sequences against the arbiter core.
//
// Eight clients in two clusters, which may get other names, connect, report, confirm, fall silent,
// end and come back, say what our own daemons say or send anything; time passes and stands still;
// the arbiter is restarted, and finds its record, nothing, or an older copy; writes take their
// time. The judges are in watched_arbiter.hpp.
//
// Input: one byte of settings, then records of one byte (client and deed) and what it needs; see
// act().
// SPDX-License-Identifier: BSD-3-Clause
#include "tests/fuzz/private_options.hpp"
#include "tests/fuzz/target.hpp"
#include "tests/fuzz/watched_arbiter.hpp"

namespace castvote::fuzz {

namespace {

using wire::Message;
using wire::MessageType;
using wire::NodeListType;

constexpr Duration echo_interval{2500};  // enough for a heartbeat of 2 s

qnetd::Settings settings_of(std::uint8_t choice) {
    qnetd::Settings settings;
    settings.tls = wire::TlsSupported::unsupported;
    settings.test_algorithm_enabled = (choice & 1) != 0;
    settings.keep_active_partition_default = (choice & 2) != 0;
    settings.failover = static_cast<qnetd::FailOver>((choice >> 3 & 3) % 3);
    settings.durable_grants = (choice & 32) != 0;
    return settings;
}

Message of_type(MessageType type) {
    Message message;
    message.type = type;
    message.msg_seq_number = 9;
    return message;
}

void fill(Message& list, std::uint8_t mask) {
    for (wire::NodeId id = 1; id <= 6; ++id)
        if ((mask >> (id - 1) & 1) != 0) list.node_info.push_back({.node_id = id});
}

class Play {
public:
    explicit Play(std::uint8_t choice)
        : arbiter_(settings_of(choice), at_ms((choice & 4) != 0 ? 0 : -3'600'000),
                   (choice & 64) != 0) {}

    void act(Reader& reader) {
        const std::uint8_t what = reader.byte();
        client_ = what >> 5;
        switch (what & 31) {
            case 0: connect(reader, WatchedArbiter::cluster_of(client_)); break;
            case 1: config(reader, NodeListType::initial_config); break;
            case 2: config(reader, NodeListType::changed_config); break;
            case 3: membership(reader); break;
            case 4: quorum(reader); break;
            case 5: arbiter_.reply(client_, 0); break;
            case 6: arbiter_.reply(client_, 1); break;
            case 7: heuristics(reader); break;
            case 8: close(reader); break;
            case 9: set_option(reader); break;
            case 10: send(of_type(MessageType::ask_for_vote)); break;
            case 11: send(of_type(MessageType::echo_request)); break;
            case 12: arbiter_.open(client_); break;
            case 13: raw(reader); break;
            case 14: arbiter_.pass_in_silence(Duration(reader.byte() * 10)); break;
            case 15: arbiter_.pass_in_silence(Duration(reader.byte() * 500)); break;
            case 16: arbiter_.stall(Duration(reader.byte() * 100)); break;
            case 17: wait(reader); break;
            case 18:
                arbiter_.release({WatchedArbiter::cluster_of(client_), 1 + reader.below(6)});
                break;
            case 19: send(any_private_options(reader)); break;
            case 20: restart(reader); break;
            case 21: store(reader); break;
            case 22: rename(reader); break;
            case 23: connect(reader, WatchedArbiter::all_names.at(reader.below(4))); break;
            default: arbiter_.reply(client_, 0); break;  // the most frequent thing
        }
        arbiter_.look();
    }

    void end() {
        arbiter_.store_is_slow(false);
        for (client_ = 0; client_ < clients; ++client_) {
            arbiter_.close(client_, qnetd::CloseCause::reset_or_error);
            arbiter_.look();
        }
        // The longest lifetime that was declared, twice over.
        arbiter_.pass_in_silence(Duration(1'200'000));
        expect(arbiter_.arbiter().client_count() == 0, "clients of nobody");
        for (const qnetd::ClusterStatus& cluster : arbiter_.arbiter().clusters())
            for (const qnetd::HolderStatus& holder : cluster.holders)
                expect(!holder.lifetime_end, "a lifetime that does not end");
    }

private:
    void send(const Message& message) { arbiter_.send(client_, message); }

    // Algorithm, tie-breaker, heartbeat, the node of somebody else, our own daemon; the ring.
    void connect(Reader& reader, const std::string& cluster) {
        const std::uint8_t choice = reader.byte();
        arbiter_.open(client_);
        Message preinit = of_type(MessageType::preinit);
        preinit.cluster_name = cluster;
        send(preinit);
        Message init = of_type(MessageType::init);
        init.decision_algorithm = static_cast<wire::DecisionAlgorithm>((choice & 3) ^ 1);
        init.tie_breaker = wire::TieBreaker{
            .mode = static_cast<wire::TieBreakerMode>(1 + (choice >> 2 & 3) % 3), .node_id = 2};
        init.heartbeat_interval = (choice & 16) != 0 ? 2000 : (choice & 32) != 0 ? 20000 : 8000;
        init.node_id = (choice & 64) != 0 ? 1 : WatchedArbiter::node_of(client_);
        if ((choice & 128) != 0) init.supported_options = wire::known_options();
        init.ring_id = any_ring(reader);
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
        list.ring_id = any_ring(reader);
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
        arbiter_.deliver(client_, frame(type, reader.take(size)));
    }

    void close(Reader& reader) {
        arbiter_.close(client_, static_cast<qnetd::CloseCause>(reader.below(4)));
    }

    // Time during which the clients of the mask echo, and perhaps confirm what they are told.
    void wait(Reader& reader) {
        const std::uint8_t choice = reader.byte();
        const std::uint8_t mask = reader.byte();
        for (int times = choice & 31; times > 0; --times) {
            arbiter_.pass_in_silence(echo_interval);
            for (client_ = 0; client_ < clients; ++client_) {
                if ((mask >> client_ & 1) == 0 || !arbiter_.is_open(client_)) continue;
                send(of_type(MessageType::echo_request));
                if ((choice & 128) != 0 && arbiter_.owes_reply(client_)) arbiter_.reply(client_, 0);
            }
        }
    }

    // How long it is down, in tenths of a second; what it finds.
    void restart(Reader& reader) {
        const std::uint8_t choice = reader.byte();
        arbiter_.restart(Duration((choice >> 2) * 100), static_cast<Found>(choice & 3));
    }

    // From one name to another, or all renamings are lost.
    void rename(Reader& reader) {
        const std::uint8_t choice = reader.byte();
        if ((choice & 32) != 0) return arbiter_.forget_names();
        arbiter_.rename(WatchedArbiter::all_names.at(choice & 3),
                        WatchedArbiter::all_names.at(choice >> 2 & 3), (choice & 16) == 0);
    }

    // It gets slow or works again, writes a few of what waits, or is copied.
    void store(Reader& reader) {
        const std::uint8_t choice = reader.byte();
        switch (choice & 3) {
            case 0: arbiter_.store_is_slow(true); break;
            case 1: arbiter_.store_is_slow(false); break;
            case 2: arbiter_.store_writes(choice >> 2); break;
            default: arbiter_.copy_store(); break;
        }
    }

    WatchedArbiter arbiter_;
    unsigned client_ = 0;  // whose turn it is
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
