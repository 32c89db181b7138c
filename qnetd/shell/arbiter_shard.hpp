// arbiter_shard.hpp -- the connections and the core of one shard.
//
// Turns what the sockets say into events, carries the core's actions out in their order, and knows
// nothing of votes. A connection that names a cluster of another shard moves there before the core
// here has seen the name. Everything but adopt(), collect(), release(), take_up() and rename()
// happens on the shard's own thread.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/net/channel.hpp"
#include "common/net/log.hpp"
#include "common/net/shard.hpp"
#include "common/net/tls.hpp"
#include "qnetd/core/arbiter.hpp"
#include "qnetd/store/store.hpp"

namespace castvote::qnetd {

class ArbiterShard;
class JoinRelay;

// What all shards share; written before the first thread starts, but for the counters.
struct Common {
    Settings settings;
    net::ChannelLimits limits;
    std::optional<net::TlsContext> tls;  // what the shards begin with
    wire::ClusterNames names;            // ... too; then what all of them have taken up
    std::atomic<ConnectionId> next_connection{1};
    std::atomic<std::uint64_t> next_cluster{1};
    std::atomic<std::size_t> connections{0};
    JoinRelay* joins = nullptr;                         // null: nobody is passed on
    store::Store* store = nullptr;                      // null: grants are kept in memory only
    std::vector<std::unique_ptr<ArbiterShard>> shards;  // last: they end before what they use

    // cluster: as ClusterNames::nearest() has it, so that spellings of one name meet.
    ArbiterShard& shard_of(const std::string& cluster) const;
    static std::size_t place_of(const std::string& cluster, std::size_t shards);
};

// Counts one connection for as long as it lives.
using Slot = std::shared_ptr<void>;
Slot take_slot(Common& common);

struct ClusterView {
    ClusterStatus status;
    std::uint64_t order = 0;  // of first connection, over all shards
};

struct ShardView {
    std::vector<ClusterView> clusters;
    std::size_t connections = 0;
};

class ArbiterShard {
public:
    // memory: what the store knows of this shard's clusters.
    ArbiterShard(Common& common, Instant started, const Memory& memory);
    ~ArbiterShard();

    net::Shard& loop() { return loop_; }
    // Before the loop starts: the core may have something to do without any input.
    void wake() { arm_timer(); }

    // From any thread: a connected socket, its peer's address, and the message which made it come.
    void adopt(net::tcp::socket socket, std::string address, Slot slot,
               std::optional<wire::Inbound> first);
    // From any thread; `take` is called on the shard's.
    void collect(std::function<void(ShardView)> take);
    // From any thread: the operator's word about a node of a cluster of this shard.
    void release(OperatorRelease word);
    // From any thread: TLS as it is from now on. Connections whose certificate is worthless by it
    // (it was revoked, or its authority is not trusted any more) end at once; `taken_up` is called
    // on the shard's thread then, with their number.
    void take_up(net::TlsContext tls, std::function<void(std::size_t)> taken_up);

    // What a shard answers to a list of renamed clusters.
    struct Objection {
        std::optional<std::string> against;  // the name that stands against it here, if any
        std::uint64_t known_grant = 0;
    };
    // From any thread: a stage of another list. `done` is called on the shard's.
    void rename(Renamed renamed, std::function<void(Objection)> done);

private:
    struct Connection {
        std::shared_ptr<net::Channel> channel;
        std::string address;
        Slot slot;
        std::string serial = {};     // of the peer's certificate; empty: it showed none
        std::string authority = {};  // that signed it, as in net::PeerNames
    };

    void open(net::tcp::socket socket, std::string address, Slot slot,
              std::optional<wire::Inbound> first);
    void received(ConnectionId id, wire::Inbound inbound);
    void ended(ConnectionId id, net::ChannelEnd end, const std::string& detail);
    void secured(ConnectionId id, const net::TlsFacts& facts);
    bool end_if_worthless(ConnectionId id);
    ArbiterShard& home_of(const wire::Inbound& inbound);
    bool moves_away(ConnectionId id, const wire::Inbound& inbound);
    bool goes_to_invitation(ConnectionId id, const wire::Inbound& inbound);

    template <class What>
    void step(What what);
    void carry_out(Send& send);
    void carry_out(const StartTls& start);
    void carry_out(const Close& close);
    void carry_out(Report& report);
    void carry_out(Persist& persist);
    void tell();
    void tell(Note note);

    void arm_timer();
    void timer_fired();
    void drain();
    void remember_order(const Note& note);

    Common& common_;
    net::Shard loop_;
    Arbiter core_;
    std::optional<net::TlsContext> tls_;
    std::map<ConnectionId, Connection> connections_;
    // Connected nodes and order of the clusters that have any.
    struct Order {
        std::uint64_t order = 0;
        std::size_t nodes = 0;
    };
    std::map<std::string, Order> orders_;
    net::asio::steady_timer timer_;
    net::asio::steady_timer report_timer_;
    std::vector<Note> reports_;  // not told yet
    std::optional<Instant> armed_for_;
    std::uint64_t inputs_ = 0;  // frames so far: shows that draining is not over
    std::uint64_t inputs_seen_ = 0;
    int quiet_turns_ = 0;
    Instant drain_until_;
    net::RateLimit remote_lines_;
    std::vector<net::RateLimit> warnings_;  // by the cluster's name
};

}  // namespace castvote::qnetd
