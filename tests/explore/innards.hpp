// innards.hpp -- the whole state of the arbiter core as a key, and one cluster of it.
//
// Two states with equal keys behave alike for ever: times count from now, those that are long over
// are all alike, ring sequences count only by their order, and what is only shown is left out.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <optional>
#include <vector>

#include "qnetd/core/arbiter.hpp"
#include "tests/explore/key.hpp"
#include "tests/explore/node_model.hpp"
#include "tests/explore/store.hpp"

namespace castvote::explore {

class World;

Key key_of(const World& world);

// Gathers numbers in two rounds: first the ring sequences, then everything.
class KeyWriter {
public:
    explicit KeyWriter(Instant now) : now_(now) {}

    void number(std::uint64_t value);
    void flag(bool value) { number(value ? 1 : 0); }
    void time(Instant at);
    void future(Instant at);  // matters only while it is to come
    void time(const std::optional<Instant>& at);
    void ring_id(const wire::RingId& ring);
    void ring(const qnetd::Ring& ring);
    void ring(const std::optional<qnetd::Ring>& ring);
    void nodes(const qnetd::Nodes& nodes);

    // Ends the first round.
    void rank_sequences();
    Key key() const { return key_; }

private:
    Instant now_;
    bool is_ranking_ = true;
    std::vector<std::uint64_t> sequences_;
    Key key_{0x9e3779b97f4a7c15u, 0xc2b2ae3d27d4eb4fu};
};

}  // namespace castvote::explore

namespace castvote::qnetd {

// Named a friend by the classes of the core.
struct Innards {
    // The number of the last VOTE_INFO on a connection of cluster "alpha"; 0 if it is over.
    static std::uint32_t sequence(const Arbiter& arbiter, ConnectionId connection);
    static std::optional<Cluster> cluster(const Arbiter& arbiter, const std::string& name);
    static bool holds(const Cluster& cluster, NodeId node);
    static void write(explore::KeyWriter& key, const Arbiter& arbiter,
                      const std::map<ConnectionId, NodeId>& sessions);
    static void write(explore::KeyWriter& key, const Arbiter& arbiter, const explore::Store& store);
    static void write(explore::KeyWriter& key, const Arbiter& arbiter, const explore::Node& node);

private:
    static void write(explore::KeyWriter& key, const Member& member);
    static void write(explore::KeyWriter& key, const Cluster& cluster);
    static void write(explore::KeyWriter& key, const Ledger& ledger);
    static void write(explore::KeyWriter& key, const Holder& holder);
    static void write(explore::KeyWriter& key, const Word& word);
    // last: the number of the last grant.
    static void write(explore::KeyWriter& key, const Record& record, std::uint64_t last);
};

}  // namespace castvote::qnetd
