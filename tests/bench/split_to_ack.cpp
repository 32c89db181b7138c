// split_to_ack.cpp -- how long an arbiter takes to give the vote when a cluster splits.
//
//   split_to_ack --arbiter NAME PORT CERTIFICATES [--arbiter ...] [--rounds N] [--heartbeat MS]
//
// Two clients of one cluster (ffsplit) hold the vote in one ring. Both report a ring of their own
// at the same moment; the one that is told NACK confirms it at once; the other is told ACK. A
// sample is the time from the sending of the later list to the arrival of the ACK. Then both report
// one ring again, and rest: an arbiter may want proof of a vote that is younger than two heartbeats
// (rule R2s of docs/safety.md), which is not what is measured here. Several arbiters take turns
// round by round, so that each sees the same machine. Prints {"name": [microseconds, ...], ...}.
// Exit status: 0 measured; 1 an arbiter did not do what it must, the last line says what; 2 wrong
// usage.
// SPDX-License-Identifier: BSD-3-Clause
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <tuple>

#include "common/wire/expected.hpp"
#include "tests/support/arbiter_client.hpp"

namespace castvote::bench {

namespace {

using support::Clock;
using wire::RingId;
using wire::Vote;
using Client = support::ArbiterClient;
using Microseconds = std::chrono::duration<double, std::micro>;
using Done = Expected<void, std::string>;

constexpr const char* cluster_name = "bench";  // as in the certificate
constexpr std::chrono::seconds answer_longest{10};
constexpr std::chrono::milliseconds rest_beyond_heartbeats{20};
constexpr std::uint64_t ring_step = 4;  // as corosync counts
const support::NodeList both_nodes{1, 2};

struct ArbiterPlace {
    std::string name;
    std::uint16_t port = 0;
    std::string certificates;  // a node's certificate directory
};

// A cluster of two and its arbiter.
struct Cluster {
    std::string name;  // of the arbiter
    std::unique_ptr<Client> one;
    std::unique_ptr<Client> two;
    std::uint64_t sequence = ring_step;  // of rings
    Clock::time_point rested_at;
    std::vector<double> samples_us;
};

std::string content_of(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

Expected<Cluster, std::string> make_cluster(net::asio::io_context& io, const ArbiterPlace& place,
                                            Duration heartbeat) {
    const auto tls =
        net::TlsContext::client({.ca_pem = content_of(place.certificates + "/ca.pem"),
                                 .certificate_pem = content_of(place.certificates + "/cluster.pem"),
                                 .key_pem = content_of(place.certificates + "/cluster.key")});
    if (!tls) return Unexpected<std::string>(place.certificates + ": " + tls.error());
    Cluster cluster;
    cluster.name = place.name;
    const auto client = [&](wire::NodeId node) {
        return std::make_unique<Client>(
            io, support::ArbiterClientSettings{.cluster = cluster_name,
                                               .node_id = node,
                                               .heartbeat = heartbeat,
                                               .target = {.host = "127.0.0.1", .port = place.port},
                                               .tls = *tls});
    };
    cluster.one = client(1);
    cluster.two = client(2);
    return cluster;
}

// A measurement ends with whatever goes wrong.
std::string complaint_of(const Client& client) {
    if (client.errors().empty()) return client.failure();
    return fmt::format("it refuses: {}", wire::meaning_of(client.errors().front()));
}

// Runs the loop until the condition holds, the cluster fails, or it takes too long.
template <class Condition>
Done run_until(net::asio::io_context& io, const Cluster& cluster, Condition condition,
               const char* what) {
    const Clock::time_point end = Clock::now() + answer_longest;
    while (!condition()) {
        for (const Client* client : {cluster.one.get(), cluster.two.get()})
            if (const std::string wrong = complaint_of(*client); !wrong.empty())
                return Unexpected<std::string>(cluster.name + ": " + wrong);
        if (Clock::now() > end)
            return Unexpected<std::string>(
                fmt::format("{}: not within {} s: {}", cluster.name, answer_longest.count(), what));
        // Short, so that conditions of time alone are seen in time.
        io.run_one_for(std::chrono::milliseconds(1));
    }
    return {};
}

Done wait_for_both(net::asio::io_context& io, Cluster& cluster, Duration heartbeat) {
    const Done both = run_until(
        io, cluster,
        [&] { return cluster.one->vote() == Vote::ack && cluster.two->vote() == Vote::ack; },
        "both nodes are given the vote in one ring");
    if (both)
        cluster.rested_at = std::max(cluster.one->voted_at(), cluster.two->voted_at()) +
                            2 * heartbeat + rest_beyond_heartbeats;
    return both;
}

Done join(net::asio::io_context& io, Cluster& cluster, Duration heartbeat) {
    for (Client* client : {cluster.one.get(), cluster.two.get()})
        client->join(both_nodes, {.ring = {1, cluster.sequence}, .members = both_nodes});
    return wait_for_both(io, cluster, heartbeat);
}

// The loser's list is the later one in every other round: whoever is waited for, it shall count.
Done split(net::asio::io_context& io, Cluster& cluster, bool loser_is_later) {
    cluster.sequence += ring_step;
    Client& earlier = loser_is_later ? *cluster.one : *cluster.two;
    Client& later = loser_is_later ? *cluster.two : *cluster.one;
    const wire::NodeId earlier_id = loser_is_later ? 1 : 2;
    const wire::NodeId later_id = loser_is_later ? 2 : 1;
    earlier.report({.ring = {earlier_id, cluster.sequence}, .members = {earlier_id}});
    later.report({.ring = {later_id, cluster.sequence}, .members = {later_id}});
    const Done told = run_until(
        io, cluster,
        [&] { return cluster.one->vote() == Vote::ack && cluster.two->vote() == Vote::nack; },
        "after the split node 1 is given the vote and node 2 is refused it");
    if (!told) return told;
    const Microseconds took = cluster.one->voted_at() - later.reported_at();
    cluster.samples_us.push_back(took.count());
    return {};
}

Done heal(net::asio::io_context& io, Cluster& cluster, Duration heartbeat) {
    cluster.sequence += ring_step;
    for (Client* client : {cluster.one.get(), cluster.two.get()})
        client->report({.ring = {1, cluster.sequence}, .members = both_nodes});
    return wait_for_both(io, cluster, heartbeat);
}

Done measure(net::asio::io_context& io, std::vector<Cluster>& clusters, int rounds,
             Duration heartbeat) {
    for (Cluster& cluster : clusters)
        if (const Done done = join(io, cluster, heartbeat); !done) return done;
    for (int round = 0; round < rounds; ++round) {
        for (Cluster& cluster : clusters) {
            const auto rested = [&] { return Clock::now() >= cluster.rested_at; };
            Done done = run_until(io, cluster, rested, "the rest between two rounds");
            if (done) done = split(io, cluster, /*loser_is_later=*/round % 2 == 0);
            if (done) done = heal(io, cluster, heartbeat);
            if (!done)
                return Unexpected<std::string>(
                    fmt::format("{} (round {})", done.error(), round + 1));
        }
    }
    return {};
}

int complain(const std::string& what) {
    fmt::print(stderr, "split_to_ack: {}\n", what);
    return 1;
}

int run(const std::vector<ArbiterPlace>& places, int rounds, Duration heartbeat) {
    net::asio::io_context io{1};
    std::vector<Cluster> clusters;
    for (const ArbiterPlace& place : places) {
        auto cluster = make_cluster(io, place, heartbeat);
        if (!cluster) return complain(cluster.error());
        clusters.push_back(std::move(*cluster));
    }
    if (const Done done = measure(io, clusters, rounds, heartbeat); !done)
        return complain(done.error());
    std::vector<std::string> rows;
    for (const Cluster& cluster : clusters)
        rows.push_back(
            fmt::format("\"{}\": [{:.1f}]", cluster.name, fmt::join(cluster.samples_us, ", ")));
    fmt::print("{{{}}}\n", fmt::join(rows, ",\n "));
    return 0;
}

}  // namespace

}  // namespace castvote::bench

int main(int argc, char** argv) {
    std::vector<std::tuple<std::string, std::uint16_t, std::string>> arbiters;
    int rounds = 200;
    int heartbeat_ms = 80;
    CLI::App app{"split_to_ack: how long an arbiter takes to give the vote when a cluster splits"};
    app.add_option("--arbiter", arbiters, "NAME PORT and a node's certificate directory")
        ->required();
    app.add_option("--rounds", rounds, "how many splits")->check(CLI::Range(1, 100000));
    app.add_option("--heartbeat", heartbeat_ms, "what the clients declare, milliseconds")
        ->check(CLI::Range(1, 10000));
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : 2;
    }
    std::vector<castvote::bench::ArbiterPlace> places;
    for (const auto& [name, port, certificates] : arbiters)
        places.push_back({name, port, certificates});
    return castvote::bench::run(places, rounds, castvote::Duration(heartbeat_ms));
}
