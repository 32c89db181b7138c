// main.cpp -- `simulator`: runs seeds and prints the trace of the first that fails.
//
//   simulator --seed N           one seed, with its trace
//   simulator --seeds A-B        many; stops at the first violation and names it
//   simulator --state kept ...   grants survive restarts of the arbiter (R3)
//   simulator --without R2 ...   with a rule switched off: if nothing fails then, nothing is tested
//
// Exit status: 0 no violation, 1 a violation, 2 not understood.
// SPDX-License-Identifier: BSD-3-Clause
#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <chrono>
#include <map>

#include "tests/simulate/world.hpp"

namespace {

using namespace castvote::simulate;
namespace qnetd = castvote::qnetd;

struct Arguments {
    std::uint64_t seed = 0;
    std::string seeds;
    std::string nodes = "stock";
    bool no_restarts = false;
    std::string state = "none";
    std::string without;
    std::string failover = "stock";
    std::vector<std::uint64_t> only_faults;
    bool keep_going = false;
};

const std::map<std::string, bool qnetd::Rules::*> rules_by_name = {
    {"R2", &qnetd::Rules::release_before_handover},
    {"R2s-i", &qnetd::Rules::late_ack_after_connect},
    {"R2s-ii", &qnetd::Rules::recent_flag_needs_proof},
    {"R2s-iii", &qnetd::Rules::repeat_nack_when_quorate},
    {"R3-guard", &qnetd::Rules::guard_after_start},
};

const std::map<std::string, qnetd::FailOver> policies{qnetd::failover_names.begin(),
                                                      qnetd::failover_names.end()};

Options options_for(const Arguments& arguments, std::uint64_t seed) {
    Options options = options_of(seed);
    options.our_nodes = arguments.nodes == "ours";
    options.mixed_nodes = arguments.nodes == "mixed";
    options.keeps_state = arguments.state == "kept";
    options.arbiter_restarts = !arguments.no_restarts;
    if (!arguments.only_faults.empty())
        options.only_faults = {arguments.only_faults.begin(), arguments.only_faults.end()};
    options.failover = policies.at(arguments.failover);
    if (!arguments.without.empty()) options.rules.*rules_by_name.at(arguments.without) = false;
    return options;
}

int run_one(const Arguments& arguments) {
    const Result result = run(options_for(arguments, arguments.seed), true);
    for (const std::string& line : result.trace) fmt::print("{}\n", line);
    fmt::print("seed {}: {}\n", arguments.seed,
               result.violation ? result.violation->what : "no violation");
    return result.violation ? 1 : 0;
}

int run_many(const Arguments& arguments) {
    std::uint64_t first = 0, last = 0;
    if (std::sscanf(arguments.seeds.c_str(), "%lu-%lu", &first, &last) != 2 || last < first) {
        fmt::print(stderr, "simulator: --seeds wants A-B, for example 1-1000\n");
        return 2;
    }
    const auto began = std::chrono::steady_clock::now();
    double hours = 0;
    std::uint64_t grants = 0, faults = 0, violations = 0, overlaps = 0, old_yeses = 0;
    Micros longest_overlap = 0;
    for (std::uint64_t seed = first; seed <= last; ++seed) {
        const Result result = run(options_for(arguments, seed), false);
        hours += static_cast<double>(result.simulated) / 3.6e9;
        grants += result.grants;
        faults += result.faults.size();
        overlaps += result.overlaps;
        old_yeses += result.old_yeses;
        longest_overlap = std::max(longest_overlap, result.longest_overlap);
        if (!result.violation) continue;
        ++violations;
        fmt::print("seed {} at {:.3f} s: {}\n", seed,
                   static_cast<double>(result.violation->at) / 1e6, result.violation->what);
        fmt::print("repeat it with: ./dev simulate --nodes {} --failover {} --state {} --seed {}\n",
                   arguments.nodes, arguments.failover, arguments.state, seed);
        if (!arguments.keep_going) break;
    }
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
    if (overlaps > 0)
        fmt::print(
            "{} times a stock node's withdrawn vote was counted until its message came round, "
            "at most {:.1f} ms\n",
            overlaps, static_cast<double>(longest_overlap) / 1e3);
    if (old_yeses > 0)
        fmt::print(
            "{} times two halves counted an old \"yes\" until their next poll, without the "
            "arbiter\n",
            old_yeses);
    fmt::print("{:.1f} cluster-hours, {} faults, {} votes given, in {:.1f} s: {} violations\n",
               hours, faults, grants, took.count(), violations);
    return violations == 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app{"simulator: the real cores against every fault that a seed can think of"};
    Arguments arguments;
    app.add_option("--seed", arguments.seed, "one seed, with its trace");
    app.add_option("--seeds", arguments.seeds, "a range, A-B");
    app.add_option("--nodes", arguments.nodes, "node daemons: stock, ours or mixed")
        ->check(CLI::IsMember({"stock", "ours", "mixed"}));
    app.add_option("--failover", arguments.failover, "the arbiter's policy: stock, fast or strict")
        ->check(CLI::IsMember(policies));
    app.add_option("--state", arguments.state,
                   "the arbiter's grants: kept by a store with faults, or none (in memory)")
        ->check(CLI::IsMember({"kept", "none"}));
    app.add_flag("--no-restarts", arguments.no_restarts, "the arbiter never restarts");
    app.add_option("--without", arguments.without, "switches one rule of docs/safety.md off")
        ->check(CLI::IsMember(rules_by_name));
    app.add_option("--only-faults", arguments.only_faults,
                   "of the faults of a seed, only those with these numbers: 3,7,9")
        ->delimiter(',');
    app.add_flag("--keep-going", arguments.keep_going, "do not stop at the first violation");
    CLI11_PARSE(app, argc, argv);
    return arguments.seeds.empty() ? run_one(arguments) : run_many(arguments);
}
