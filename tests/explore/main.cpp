// main.cpp -- `explorer`: every order of events in a small cluster, against the real arbiter core.
//
//   explorer                    a table of explorations, half an hour
//   explorer --nodes 3 --depth 8 --faults 2
//   explorer --without R2 ...   with a rule switched off: if nothing fails then, nothing is tested
//
// Prints how many states and transitions were seen, depth by depth, and of a violation the shortest
// way to it.
// Exit status: 0 no violation, 1 a violation, 2 not understood.
// SPDX-License-Identifier: BSD-3-Clause
#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <chrono>
#include <cstdio>
#include <map>

#include "tests/explore/search.hpp"

namespace {

using namespace castvote::explore;
namespace qnetd = castvote::qnetd;
namespace wire = castvote::wire;

struct Arguments {
    std::size_t nodes = 2;
    std::string algorithm = "ffsplit";
    std::vector<std::string> starts = {"settled", "young", "fresh"};
    std::string without;
    bool keep_active = false;
    bool heuristics = false;
    bool restarts = false;
    bool durable = false;
    std::string leases = "none";
    std::string failover = "stock";
    bool second = false;
    bool no_rest = false;
    bool no_oracle = false;
    Bounds bounds;
};

const std::map<std::string, bool qnetd::Rules::*> rules_by_name = {
    {"R2", &qnetd::Rules::release_before_handover},
    {"R2s-i", &qnetd::Rules::late_ack_after_connect},
    {"R2s-ii", &qnetd::Rules::recent_flag_needs_proof},
    {"R2s-iii", &qnetd::Rules::repeat_nack_when_quorate},
    {"R3-guard", &qnetd::Rules::guard_after_start},
};

const std::map<std::string, wire::DecisionAlgorithm> algorithms_by_name = {
    {"ffsplit", wire::DecisionAlgorithm::ffsplit},
    {"lms", wire::DecisionAlgorithm::lms},
    {"2nodelms", wire::DecisionAlgorithm::two_node_lms},
};

const std::map<std::string, qnetd::FailOver> failovers_by_name(qnetd::failover_names.begin(),
                                                               qnetd::failover_names.end());

Scope scope_of(const Arguments& arguments) {
    Scope scope;
    scope.settings.failover = failovers_by_name.at(arguments.failover);
    scope.votes = {.algorithm = algorithms_by_name.at(arguments.algorithm),
                   .nodes = arguments.nodes};
    for (NodeId id = 1; id <= arguments.nodes; ++id)
        if (arguments.leases == "all" || (arguments.leases == "first" && id == 1))
            scope.votes.leased.insert(id);
    scope.settings.keep_active_partition_default = arguments.keep_active;
    if (!arguments.without.empty())
        scope.settings.rules.*rules_by_name.at(arguments.without) = false;
    scope.has_heuristics = arguments.heuristics;
    scope.arbiter_restarts = arguments.restarts || arguments.durable;
    scope.settings.durable_grants = arguments.durable;
    // Who votes for ever (fact 3) outlasts any guard.
    scope.store_losses = arguments.durable && scope.votes.all_let_go();
    scope.judges_rules = !arguments.no_oracle;
    scope.second_cluster = arguments.second;
    return scope;
}

World world_of(const Scope& scope, const std::string& start) {
    if (start == "fresh") return World::fresh(scope);
    if (start == "split") return World::split(scope);
    return World::granted(scope, start == "settled");
}

// False after a violation. A line for each depth, as soon as it is reached.
bool explore(const Scope& scope, const std::string& start, const Bounds& bounds) {
    const auto began = std::chrono::steady_clock::now();
    const auto tell = [&](const Outcome& so_far) {
        const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
        fmt::print("{}, depth {}: {} states, {} transitions, {} looked at for I4, {:.1f} s\n",
                   start, so_far.depth, so_far.states, so_far.transitions, so_far.rests,
                   took.count());
    };
    const Outcome outcome = search(world_of(scope, start), scope, bounds, tell);
    if (outcome.violation.empty()) return true;
    for (const std::string& line : outcome.path) fmt::print("{}", line);
    fmt::print("{}\n", outcome.violation);
    return false;
}

}  // namespace

// True without a violation.
bool run(const Arguments& arguments) {
    const Scope scope = scope_of(arguments);
    for (const std::string& start : arguments.starts)
        if (!explore(scope, start, arguments.bounds)) return false;
    fmt::print("no violation\n");
    return true;
}

// Depths that a small machine comes through in about a minute each.
bool run_all() {
    using List = std::vector<std::pair<const char*, Arguments>>;
    const std::vector<std::string> apart_too{"settled", "young", "fresh", "split"};
    const Bounds two{.depth = 8, .faults = 3};
    const Bounds some{.depth = 7, .faults = 3};
    for (const auto& [what, arguments] : List{
             {"2 nodes", {.bounds = two}},
             {"2 nodes, active partition kept", {.keep_active = true, .bounds = two}},
             {"2 nodes, heuristics", {.heuristics = true, .bounds = some}},
             {"2 nodes, fail-over fast", {.failover = "fast", .bounds = {.depth = 6, .faults = 2}}},
             {"2 nodes, fail-over strict",
              {.failover = "strict", .bounds = {.depth = 6, .faults = 2}}},
             {"2 nodes, the arbiter is restarted", {.restarts = true, .bounds = some}},
             {"2 nodes, the arbiter keeps a record", {.durable = true, .bounds = some}},
             {"2 nodes with leases",
              {.starts = apart_too, .leases = "all", .bounds = {.depth = 6, .faults = 3}}},
             {"2 nodes with leases, the arbiter keeps a record",
              {.starts = apart_too,
              .durable = true,
              .leases = "all",
              .bounds = {.depth = 5, .faults = 2}}},
             {"2 nodes, one with a lease",
              {.starts = apart_too, .leases = "first", .bounds = {.depth = 6, .faults = 2}}},
             {"2 nodes, lms", {.algorithm = "lms", .bounds = some}},
             {"2 nodes, 2nodelms", {.algorithm = "2nodelms", .bounds = some}},
             {"a second cluster", {.second = true, .bounds = {.depth = 6, .faults = 3}}},
             {"3 nodes", {.nodes = 3, .bounds = {.depth = 6, .faults = 2}}},
             {"3 nodes, lms",
              {.nodes = 3, .algorithm = "lms", .bounds = {.depth = 5, .faults = 2}}},
             {"3 nodes with leases, lms",
              {.nodes = 3,
              .algorithm = "lms",
              .leases = "all",
              .bounds = {.depth = 4, .faults = 2}}},
             {"4 nodes", {.nodes = 4, .bounds = {.depth = 5, .faults = 2}}},
         }) {
        fmt::print("== {}: {} steps, {} faults\n", what, arguments.bounds.depth,
                   arguments.bounds.faults);
        if (!run(arguments)) return false;
    }
    return true;
}

int main(int argc, char** argv) {
    // A whole run takes half an hour: each line is seen as soon as it is known.
    std::setvbuf(stdout, nullptr, _IOLBF, BUFSIZ);
    CLI::App app{"explorer: every order of events in a small cluster"};
    Arguments arguments;
    app.add_option("--nodes", arguments.nodes, "of the cluster")->check(CLI::Range(2, 4));
    app.add_option("--algorithm", arguments.algorithm, "ffsplit, lms or 2nodelms")
        ->check(CLI::IsMember(algorithms_by_name));
    app.add_option("--start", arguments.starts,
                   "settled, young, fresh: with the vote for a minute, since now, not yet; "
                   "split: node 1 apart from the others; the first three by default")
        ->check(CLI::IsMember({"settled", "young", "fresh", "split"}))
        ->delimiter(',');
    app.add_option("--depth", arguments.bounds.depth, "steps at most");
    app.add_option("--faults", arguments.bounds.faults, "of which are faults");
    app.add_option("--states", arguments.bounds.states, "states at most, for each start");
    app.add_option("--without", arguments.without, "switches one rule of docs/safety.md off")
        ->check(CLI::IsMember(rules_by_name));
    app.add_flag("--keep-active", arguments.keep_active, "the active partition is kept");
    app.add_flag("--heuristics", arguments.heuristics, "heuristics pass and fail");
    app.add_flag("--restarts", arguments.restarts, "the arbiter is restarted");
    app.add_flag("--durable", arguments.durable,
                 "... with a record of what it granted (R3): writes, kills, lost stores");
    app.add_option("--leases", arguments.leases,
                   "who is a node of ours, with a lease: none (by default), the first, all")
        ->check(CLI::IsMember({"none", "first", "all"}));
    app.add_option("--failover", arguments.failover,
                   "how long a silent node is waited for: stock (by default), fast or strict")
        ->check(CLI::IsMember(failovers_by_name));
    app.add_flag("--second-cluster", arguments.second, "events of another cluster among them (I6)");
    app.add_flag("--no-rest", arguments.no_rest, "does not look at I4");
    app.add_flag("--no-oracle", arguments.no_oracle, "judges only what the nodes count (I1)");
    CLI11_PARSE(app, argc, argv);
    arguments.bounds.rest = !arguments.no_rest;
    return (argc == 1 ? run_all() : run(arguments)) ? 0 : 1;
}
