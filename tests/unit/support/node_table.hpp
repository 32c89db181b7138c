// node_table.hpp -- a node core with an arbiter and a quorum provider that a test plays by hand.
//
// `from` makes the arbiter's messages; NodeTable brings the core to where a test begins and finds
// its answers. Nothing here judges; that is node_judge.hpp.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "tests/unit/support/node_driver.hpp"

namespace castvote::tests {

namespace from {

wire::Message of_type(wire::MessageType type, std::optional<std::uint32_t> number = {});
wire::Message preinit_reply(std::uint32_t number,
                            wire::TlsSupported tls = wire::TlsSupported::unsupported);
wire::Message init_reply(std::uint32_t number,
                         wire::ReplyErrorCode error = wire::ReplyErrorCode::no_error);
wire::Message vote_info(std::uint32_t number, wire::Vote vote, wire::RingId ring);
wire::Message list_reply(wire::NodeListType type, wire::Vote vote, wire::RingId ring);
wire::Message echo_reply(std::uint32_t number);
wire::Message server_error(wire::ReplyErrorCode error);

}  // namespace from

// Node 1 of two, T 10 s, HB 8 s, no TLS, ffsplit.
qdevice::Settings table_settings();

template <class Wanted>
std::vector<Wanted> all_of(const qdevice::Actions& actions) {
    std::vector<Wanted> found;
    for (const auto& action : actions)
        if (const auto* one = std::get_if<Wanted>(&action)) found.push_back(*one);
    return found;
}

template <class Wanted>
bool has(const qdevice::Actions& actions) {
    return !all_of<Wanted>(actions).empty();
}

// The messages that were sent, without echoes.
std::vector<wire::Message> sent(const qdevice::Actions& actions);
// The first of that type; fails if there is none.
wire::Message sent(const qdevice::Actions& actions, wire::MessageType type);
// What was cast: "yes 1.5", "no 1.5 no 1.6", "" for nothing.
std::string casts(const qdevice::Actions& actions);
// The reports of at least that level, joined by "; ".
std::string reports(const qdevice::Actions& actions, qdevice::Level least);
bool gave_up(const qdevice::Actions& actions);

class NodeTable : public NodeDriver {
public:
    explicit NodeTable(const qdevice::Settings& settings = table_settings())
        : NodeDriver(settings) {}

    static constexpr wire::RingId ring{1, 5};
    static constexpr wire::RingId next_ring{1, 6};

    // The provider's first membership; the core connects.
    qdevice::Actions start() { return step(qdevice::RingChanged{ring, {1, 2}}); }
    qdevice::Actions start_and_sync();
    // The number that an answer to PREINIT or INIT must carry.
    std::uint32_t number() const { return number_; }
    // TCP is there; returns after PREINIT or INIT was sent.
    qdevice::Actions reach_preinit();
    qdevice::Actions reach_init();
    // INIT is accepted and the lists are sent.
    qdevice::Actions join();
    // All of it, from the first membership on.
    void start_and_join();
    void start_and_hold_vote();

    qdevice::Actions vote(wire::Vote vote, wire::RingId of) {
        return receive(from::vote_info(++vote_infos_, vote, of));
    }
    std::uint32_t last_vote_info() const { return vote_infos_; }
    // The ring changes, and heuristics are off: the list goes out at once.
    qdevice::Actions change_ring(wire::RingId to, std::vector<wire::NodeId> members);
    // Time passes; every echo is answered at once.
    qdevice::Actions run(Duration duration);

private:
    qdevice::Actions follow(qdevice::Actions actions);

    std::uint32_t number_ = 0;
    std::uint32_t vote_infos_ = 0;
};

}  // namespace castvote::tests
