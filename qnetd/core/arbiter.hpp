// arbiter.hpp -- the arbiter of all clusters of one shard: step(event) -> actions.
//
// Owns the sessions (the protocol's order) and the clusters (members, decision, ledger) and nothing
// else. Copyable and comparable: equal state and equal event give equal actions. Nothing that one
// client sends, in any order, touches another cluster (safety.md I6).
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "common/wire/cluster_names.hpp"
#include "qnetd/core/agenda.hpp"
#include "qnetd/core/cluster.hpp"
#include "qnetd/core/events.hpp"
#include "qnetd/core/session.hpp"
#include "qnetd/core/settings.hpp"
#include "qnetd/core/status.hpp"

namespace castvote::qnetd {

// Clusters remembered at a time on one shard; a further one is told to come back later. Bounds the
// memory that clients without a certificate can take.
constexpr std::size_t clusters_max = 65536;

class Arbiter {
public:
    // started: when this process began to arbitrate; nothing is known of what happened before.
    // names: of renamed clusters.
    Arbiter(Settings settings, Instant started, wire::ClusterNames names = {});
    // memory: what the store knows. Wants TimePassed at once, if there is any record.
    Arbiter(Settings settings, Instant started, const Memory& memory,
            wire::ClusterNames names = {});

    Actions step(const Event& event);

    // When TimePassed is wanted at the latest; none while nothing can happen by itself.
    std::optional<Instant> next_deadline() const;

    // True while the connection may still name another cluster by PREINIT, so that a shell may move
    // it to the shard of that cluster: close it here, open it there, deliver the PREINIT there.
    bool is_movable(ConnectionId connection) const;

    // The name that the cluster called so is kept under here: one cluster, one vote, whatever names
    // it has had.
    const std::string& kept_as(const std::string& name) const;
    // Nobody can say whose it is: the list has changed while we did not run, and there is a record
    // of another name of that cluster, to whose holders it may have led; or it is a listed name in
    // another spelling. Nobody enters by it.
    bool is_unclear(const std::string& name) const;
    const wire::ClusterNames& names() const { return names_; }
    // The name to show people for a cluster that is kept under this one.
    const std::string& shown_as(const std::string& kept) const;
    // A name which that list takes to another cluster while one that it may have stood for is not
    // forgotten: the list must not be taken up. See Renamed.
    std::optional<std::string> stands_against(const wire::ClusterNames& names) const;
    // Of the last grant to any cluster that was forgotten. See Renamed.
    std::uint64_t known_grant() const { return known_grant_; }

    // What status and list show (tools.md 4 and 5). Clusters in order of their first connection.
    std::vector<ClusterStatus> clusters() const;
    // Connections which have passed INIT.
    std::size_t client_count() const;

    bool operator==(const Arbiter&) const = default;

private:
    friend struct Innards;  // tests/explore: the state as a key

    void on(const Opened& opened);
    void on(const Received& received);
    void on(const TlsEstablished& established);
    void on(const Closed& closed);
    void on(const TimePassed&);
    void on(const OperatorRelease& release);
    void on(const Persisted& persisted);
    void on(const Renamed& renamed);

    bool is_apart(const std::string& name) const;
    bool is_held(const std::string& name) const;
    std::vector<std::string> names_of(const Session& session) const;
    std::uint64_t grant_of_others(const std::string& kept) const;

    void handle(Session& session, const wire::Message& message);
    void preinit(Session& session, const wire::Message& message);
    void starttls(Session& session, const wire::Message& message);
    void init(Session& session, const wire::Message& message);
    wire::ReplyErrorCode admit(Session& session, const wire::Message& message, std::string& detail);
    void take_over(const Session& session, const std::string& cluster, wire::NodeId node,
                   ConnectionId replaced);
    void set_option(Session& session, const wire::Message& message);
    void node_list(Session& session, const wire::Message& message);
    void ask_for_vote(Session& session, const wire::Message& message);
    void vote_info_reply(Session& session, const wire::Message& message);
    void heuristics_change(Session& session, const wire::Message& message);

    // The message that is sent, to be filled in.
    wire::Message& send(const Session& session);
    void send(const Session& session, wire::Message message);
    void send_error(const Session& session, wire::ReplyErrorCode code,
                    std::optional<std::uint32_t> msg_seq_number);
    // Ends the connection from our side, and the session.
    void close(ConnectionId connection);
    // The session is over; end_of_stream: by the node's own FIN or close_notify.
    void forget(ConnectionId connection, bool end_of_stream);
    // The cluster of an inited session; its deadlines are looked up again when the step ends.
    Cluster& cluster_of(const Session& session);
    Cluster& touch(const std::string& name);
    Cluster::Step cluster_step();
    void evict();
    void tidy();
    using Clusters = std::map<std::string, Cluster>;
    void forget_cluster(Clusters::iterator forgotten);

    Settings settings_;
    wire::ClusterNames names_;
    std::set<std::string> held_;  // names by which nobody enters while a list is announced
    std::optional<wire::ClusterNames> announced_;  // that list
    std::set<std::string> misspelled_;   // clusters of before the list, called as none of its names
    std::optional<Instant> guard_from_;  // of clusters without a record
    Instant now_;
    Instant sent_after_;  // of the running step, see Cluster::Step
    std::map<ConnectionId, Session> sessions_;
    Clusters clusters_;
    std::uint64_t next_cluster_number_ = 0;
    std::uint64_t last_write_ = 0;
    std::uint64_t last_grant_ = 0;
    std::uint64_t known_grant_ = 0;    // of the last grant to any cluster that has no record now
    std::uint64_t renamed_grant_ = 0;  // ... as far as one of a renamed cluster's names had it
    Agenda<ConnectionId> silence_;
    Agenda<std::string> waits_;
    // Of the running step; empty between steps.
    std::vector<ConnectionId> evictions_;      // connections that a cluster wants closed
    std::vector<Clusters::iterator> touched_;  // whose deadlines may have changed
    Actions actions_;
};

}  // namespace castvote::qnetd
