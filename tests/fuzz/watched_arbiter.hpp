// watched_arbiter.hpp -- an arbiter core with eight clients, and the judges who see every step.
//
// They hold to it: equal state and event give equal actions, NACK, reply, ACK (arbiter_driver.hpp);
// no ACK while somebody else may count the vote, whether the arbiter was restarted since or not
// (vote_watch.hpp); private options only for who knows them (protocol.md 15); the other clusters
// stay as they are (I6); whoever is connected or may count a vote came by a name that leads to its
// cluster, and nobody by one that differs from a listed one in case only (safety.md, I6, renamed
// clusters); few actions, and all are readable.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <array>

#include "tests/fuzz/vote_watch.hpp"
#include "tests/unit/support/arbiter_driver.hpp"

namespace castvote::fuzz {

constexpr unsigned clients = 8;

// What an arbiter finds when it starts again.
enum class Found : std::uint8_t { its_record, record_of_another_boot, nothing, older_copy };

class WatchedArbiter {
public:
    // is_new_store: nothing is known of grants before the start (R3), if there is a store at all.
    WatchedArbiter(const qnetd::Settings& settings, Instant started, bool is_new_store);

    // Clients 0 to 5 are nodes 1 to 6 of "x", 6 and 7 nodes 1 and 2 of "y".
    static std::string cluster_of(unsigned client) { return client < 6 ? "x" : "y"; }
    // What nodes may say instead, and clusters be renamed to.
    static constexpr std::array<const char*, 4> all_names{"x", "y", "z", "X"};
    static wire::NodeId node_of(unsigned client) { return client < 6 ? client + 1 : client - 5; }

    void open(unsigned client);
    void close(unsigned client, qnetd::CloseCause cause);
    bool is_open(unsigned client) const { return driver_.is_open(name_of(client)); }
    // One whole message.
    void deliver(unsigned client, const wire::Bytes& bytes);
    void send(unsigned client, const wire::Message& message);
    // An answer to the last VOTE_INFO, or to an earlier one.
    void reply(unsigned client, std::uint32_t late);
    bool owes_reply(unsigned client) const;
    // Everybody may be silent meanwhile.
    void pass_in_silence(Duration duration);
    void stall(Duration duration) { driver_.stall(duration); }
    // The operator's word; it counts for those who are gone.
    void release(const VoteWatch::Who& who);
    void restart(Duration down, Found found);
    // The operator renames a cluster; a list that is refused is withdrawn, or left on the disk for
    // the next start.
    void rename(const std::string& was, const std::string& is, bool is_withdrawn);
    // The list is lost while the arbiter runs; restored if that is refused.
    void forget_names();
    void copy_store() { copy_ = driver_.memory_of_store(/*is_same_clock=*/true); }
    void store_is_slow(bool is_slow);
    void store_writes(std::size_t count);
    // What was done since is judged.
    void look() { look_at(driver_.take()); }

    const qnetd::Arbiter& arbiter() const { return driver_.arbiter(); }

private:
    struct Client {
        std::string named;  // by PREINIT
        wire::NodeId claimed = 0;
        wire::DecisionAlgorithm algorithm = wire::DecisionAlgorithm::test;
        Duration heartbeat{0};
        bool knows_private_options = false;
        std::optional<VoteWatch::Who> who;  // accepted
        std::uint32_t confirmed = 0;        // the last VOTE_INFO to which an answer was sent
    };

    static std::string name_of(unsigned client) {
        return std::string(1, static_cast<char>('A' + client));
    }
    void left(unsigned client, Instant at);
    void before(Client& client, const wire::Message& message);
    void accepted(unsigned client, const wire::Message& message,
                  const std::vector<tests::Happening>& happenings, bool was_misspelled);
    void look_at(const std::vector<tests::Happening>& happenings);
    void look_at_names();
    bool take_up(const wire::ClusterNames& names);
    // A name that differs from a listed one in case only, and of which there is no cluster.
    bool is_misspelled(const std::string& name) const;
    std::map<std::string, std::string> texts() const;

    qnetd::Settings settings_;
    tests::ArbiterDriver driver_;
    VoteWatch watch_;
    std::array<Client, clients> clients_;
    wire::ClusterNames on_disk_;
    wire::ClusterNames taken_up_;
    // By which names a node came that is connected to a cluster, or may count its vote.
    std::map<VoteWatch::Who, std::set<std::string>> came_by_;
    qnetd::Memory copy_;  // of the store, as it was
};

}  // namespace castvote::fuzz
