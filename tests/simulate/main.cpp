// main.cpp -- `simulator`: runs seeds; the first that fails is shrunk to a few faults and told.
//
//   simulator --seed N           one seed, with its whole trace
//   simulator --seeds A-B        many; stops at the first violation
//   simulator --fresh SECONDS    seeds that nobody has run yet, by the time of day
//   simulator --state kept ...   grants survive restarts of the arbiter (R3)
//   simulator --arbiter stock .. a model of the stock arbiter, whose windows are measured
//   simulator --clusters N ...   at one arbiter: the first is told what it is told alone (I6)
//   simulator --cases            the directed cases, stock against ours; --case NAME: one of them
//   simulator --without R2 ...   with a rule switched off: if nothing fails then, nothing is tested
//
// Exit status: 0 no violation, 1 a violation, 2 not understood.
// SPDX-License-Identifier: BSD-3-Clause
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <CLI/CLI.hpp>

#include <chrono>
#include <map>

#include "tests/simulate/campaign.hpp"
#include "tests/simulate/cases.hpp"
#include "tests/simulate/shrink.hpp"

namespace {

using namespace castvote::simulate;
namespace qnetd = castvote::qnetd;

struct Arguments {
    std::optional<std::uint64_t> seed;
    std::string seeds;
    std::optional<double> fresh;
    std::string nodes = "stock";
    std::optional<std::size_t> size;
    std::string algorithm = "ffsplit";
    bool wait_for_all = false;
    std::string arbiter = "ours";
    bool no_restarts = false;
    std::string state = "none";
    std::string without;
    std::string failover = "stock";
    std::string world = "plain";
    std::size_t clusters = 1;
    std::vector<std::uint64_t> only_faults;
    bool keep_going = false;
    bool no_shrink = false;
    bool report = false;
    unsigned jobs = 1;
    bool cases = false;
    std::string one_case;
    bool with_trace = false;
};

constexpr std::size_t trace_lines = 60;  // of a run that was shrunk

const std::map<std::string, bool qnetd::Rules::*> rules_by_name = {
    {"R2", &qnetd::Rules::release_before_handover},
    {"R2s-i", &qnetd::Rules::late_ack_after_connect},
    {"R2s-ii", &qnetd::Rules::recent_flag_needs_proof},
    {"R2s-iii", &qnetd::Rules::repeat_nack_when_quorate},
    {"R3-guard", &qnetd::Rules::guard_after_start},
};

using castvote::wire::DecisionAlgorithm;
const std::map<std::string, DecisionAlgorithm> algorithms = {
    {"ffsplit", DecisionAlgorithm::ffsplit},
    {"lms", DecisionAlgorithm::lms},
    {"2nodelms", DecisionAlgorithm::two_node_lms},
};

const std::map<std::string, qnetd::FailOver> policies{qnetd::failover_names.begin(),
                                                      qnetd::failover_names.end()};

// `any` leaves the choice to the seed.
Arguments resolved(Arguments arguments, std::uint64_t seed) {
    Dice dice(derived_seed(seed, 0xa11));
    const auto resolve = [&dice](std::string& word, const std::vector<std::string>& choices) {
        const std::string& thrown = choices[dice.below(choices.size())];
        if (word == "any") word = thrown;
    };
    resolve(arguments.nodes, {"stock", "ours", "mixed"});
    resolve(arguments.state, {"kept", "kept", "none"});
    resolve(arguments.failover, {"stock", "stock", "fast", "strict"});
    resolve(arguments.algorithm, {"ffsplit", "ffsplit", "lms", "2nodelms"});
    return arguments;
}

Options options_for(const Arguments& any, std::uint64_t seed) {
    const Arguments arguments = resolved(any, seed);
    Options options = options_of(seed, {.nodes = arguments.size,
                                        .algorithm = algorithms.at(arguments.algorithm),
                                        .wait_for_all = arguments.wait_for_all});
    options.clusters = arguments.clusters;
    options.wide = arguments.world == "wide";
    options.our_nodes = arguments.nodes == "ours";
    options.mixed_nodes = arguments.nodes == "mixed";
    options.stock_arbiter = arguments.arbiter == "stock";
    options.keeps_state = arguments.state == "kept";
    options.arbiter_restarts = !arguments.no_restarts;
    if (!arguments.only_faults.empty())
        options.only_faults = {arguments.only_faults.begin(), arguments.only_faults.end()};
    options.failover = policies.at(arguments.failover);
    if (!arguments.without.empty()) options.rules.*rules_by_name.at(arguments.without) = false;
    return options;
}

std::string command_for(const Arguments& any, std::uint64_t seed) {
    const Arguments arguments = resolved(any, seed);
    std::string command = fmt::format("./dev simulate --nodes {} --failover {} --state {}",
                                      arguments.nodes, arguments.failover, arguments.state);
    if (arguments.algorithm != "ffsplit") command += " --algorithm " + arguments.algorithm;
    if (arguments.wait_for_all) command += " --wait-for-all";
    if (arguments.size) command += fmt::format(" --size {}", *arguments.size);
    if (arguments.arbiter != "ours") command += " --arbiter " + arguments.arbiter;
    if (arguments.world != "plain") command += " --world " + arguments.world;
    if (arguments.clusters != 1) command += fmt::format(" --clusters {}", arguments.clusters);
    if (arguments.no_restarts) command += " --no-restarts";
    if (!arguments.without.empty()) command += " --without " + arguments.without;
    return command + fmt::format(" --seed {}", seed);
}

int run_one(const Arguments& arguments) {
    const Result result = run(options_for(arguments, *arguments.seed), true);
    for (const std::string& line : result.trace) fmt::print("{}\n", line);
    fmt::print("seed {}: {}\n", *arguments.seed,
               result.violation ? result.violation->what : "no violation");
    return result.violation ? 1 : 0;
}

void tell_failure(const Arguments& arguments, std::uint64_t seed, const Result& failed) {
    fmt::print("seed {} at {:.3f} s: {}\n", seed, static_cast<double>(failed.violation->at) / 1e6,
               failed.violation->what);
    const std::string command = command_for(arguments, seed);
    if (!arguments.no_shrink && !arguments.keep_going) {
        const Shrunk shrunk = shrink(options_for(arguments, seed), failed);
        fmt::print("shrunk from {} faults to {} in {} runs:\n", failed.faults.size(),
                   shrunk.faults.size(), shrunk.runs);
        for (const std::string& line : excerpt(shrunk.result.trace, trace_lines))
            fmt::print("{}\n", line);
        if (!shrunk.faults.empty())
            fmt::print("this alone: {} --only-faults {}\n", command, fmt::join(shrunk.faults, ","));
    }
    fmt::print("repeat it with: {}\n", command);
}

void tell_reached(const Totals& totals) {
    for (const auto& [what, count] : totals.reached)
        if (count > 0) fmt::print("{:>12}  {}\n", count, what);
    for (const auto& [what, count] : totals.reached)
        if (count == 0) fmt::print("not reached:  {}\n", what);
}

int run_many(const Arguments& arguments, const Campaign& campaign) {
    const Totals totals = run(campaign);
    for (const auto& [seed, failed] : totals.failed) tell_failure(arguments, seed, failed);
    if (arguments.report) tell_reached(totals);
    if (totals.overlaps > 0)
        fmt::print(
            "{} times a withdrawn vote was counted until its message came round, by a stock node "
            "or without libcpg, "
            "at most {:.1f} ms\n",
            totals.overlaps, static_cast<double>(totals.longest_overlap) / 1e3);
    for (const auto& [name, count] : totals.excused)
        fmt::print("{} times both halves were quorate while nothing is promised: {}\n", count,
                   name);
    if (totals.old_yeses > 0)
        fmt::print(
            "{} times an old \"yes\" was counted until the next poll (T at most, by ours 20 ms), "
            "without the arbiter\n",
            totals.old_yeses);
    if (totals.windows > 0)
        fmt::print(
            "the stock arbiter let two halves be quorate in {} seeds, for {:.1f} s at most; for "
            "longer "
            "than the arithmetic allows in {}\n",
            totals.windows, static_cast<double>(totals.longest_window) / 1e6,
            totals.unexplained_windows);
    fmt::print(
        "{:.1f} cluster-hours, {} faults, {} votes given, in {:.1f} s ({:.0f} cluster-hours a "
        "minute): {} violations\n",
        totals.hours, totals.faults, totals.grants, totals.seconds,
        totals.hours / totals.seconds * 60, totals.failed.size());
    return totals.failed.empty() ? 0 : 1;
}

int run_campaign(const Arguments& arguments) {
    Campaign campaign;
    campaign.options = [&](std::uint64_t seed) { return options_for(arguments, seed); };
    campaign.jobs = arguments.jobs;
    campaign.keep_going = arguments.keep_going;
    if (arguments.fresh) {
        const auto now = std::chrono::system_clock::now().time_since_epoch();
        const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
        campaign.first = static_cast<std::uint64_t>(ms) * 1000;
        campaign.seconds = *arguments.fresh;
        fmt::print("fresh seeds, from {}\n", campaign.first);
    } else if (std::sscanf(arguments.seeds.c_str(), "%lu-%lu", &campaign.first, &campaign.last) !=
                   2 ||
               campaign.last < campaign.first) {
        fmt::print(stderr, "simulator: --seeds wants A-B, for example 1-1000\n");
        return 2;
    }
    return run_many(arguments, campaign);
}

int run_cases(const Arguments& arguments) {
    qnetd::Rules rules;
    if (!arguments.without.empty()) rules.*rules_by_name.at(arguments.without) = false;
    const std::uint64_t runs = arguments.with_trace ? 1 : 20;
    return play_cases(arguments.one_case, rules, runs, arguments.with_trace) ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app{"simulator: the real cores against every fault that a seed can think of"};
    Arguments arguments;
    auto* which = app.add_option_group("seeds")->require_option(1);
    which->add_option("--seed", arguments.seed, "one seed, with its trace");
    which->add_option("--seeds", arguments.seeds, "a range, A-B");
    which->add_flag("--cases", arguments.cases,
                    "the directed cases: each stock window, measured, and ours");
    which->add_option("--case", arguments.one_case, "one of the directed cases");
    which->add_option("--fresh", arguments.fresh, "seeds by the time of day, for so many seconds");
    app.add_option("--nodes", arguments.nodes, "node daemons: stock, ours, mixed or any")
        ->check(CLI::IsMember({"stock", "ours", "mixed", "any"}));
    app.add_option("--algorithm", arguments.algorithm, "ffsplit, lms, 2nodelms (two nodes) or any")
        ->check(CLI::IsMember({"ffsplit", "lms", "2nodelms", "any"}));
    app.add_flag("--wait-for-all", arguments.wait_for_all,
                 "who lost quorum, or has just started, needs all nodes and the vote");
    app.add_option("--size", arguments.size, "nodes in the cluster, instead of what the seed says")
        ->check(CLI::Range(2, 6));
    app.add_option("--arbiter", arguments.arbiter,
                   "ours, or a model of the stock one: two quorate halves are then measured")
        ->check(CLI::IsMember({"ours", "stock"}));
    app.add_option("--failover", arguments.failover,
                   "the arbiter's policy: stock, fast, strict or any")
        ->check(CLI::IsMember({"stock", "fast", "strict", "any"}));
    app.add_option("--state", arguments.state,
                   "the arbiter's grants: kept by a store with faults, none (in memory) or any")
        ->check(CLI::IsMember({"kept", "none", "any"}));
    app.add_option("--world", arguments.world,
                   "plain; or wide: more befalls the arbiter's machine and its store")
        ->check(CLI::IsMember({"plain", "wide"}));
    app.add_option("--clusters", arguments.clusters,
                   "at our arbiter: the first is told what it is told alone (I6)")
        ->check(CLI::Range(1, 4));
    app.add_flag("--no-restarts", arguments.no_restarts, "the arbiter never restarts");
    app.add_option("--without", arguments.without, "switches one rule of docs/safety.md off")
        ->check(CLI::IsMember(rules_by_name));
    app.add_option("--only-faults", arguments.only_faults,
                   "of the faults of a seed, only those with these numbers: 3,7,9")
        ->delimiter(',');
    app.add_flag("--keep-going", arguments.keep_going, "do not stop at the first violation");
    app.add_flag("--no-shrink", arguments.no_shrink,
                 "a failing seed is named, not shrunk; --keep-going implies it");
    app.add_flag("--report", arguments.report, "what was reached how often, and what never");
    app.add_flag("--trace", arguments.with_trace, "of each case one run, with what happens in it");
    app.add_option("--jobs", arguments.jobs, "seeds at a time")->check(CLI::Range(1, 1024));
    CLI11_PARSE(app, argc, argv);
    if (arguments.arbiter == "stock" &&
        (arguments.clusters > 1 || arguments.algorithm != "ffsplit")) {
        fmt::print(stderr, "simulator: the stock arbiter's model is of one cluster and ffsplit\n");
        return 2;
    }
    if (arguments.cases || !arguments.one_case.empty()) return run_cases(arguments);
    return arguments.seed ? run_one(arguments) : run_campaign(arguments);
}
