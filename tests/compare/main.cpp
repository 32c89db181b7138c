// main.cpp -- the same events to the stock arbiter and to ours, and what their clients end up with.
//
//   compare --stock PORT CERTIFICATES --ours PORT CERTIFICATES --cluster NAME [--seeds A-B] ...
//
// compare.py starts both arbiters and calls this. Seeds run side by side, each as a cluster of its
// own. Prints what was met of the differences that docs/compatibility.md names, and the story of
// every seed with another one. Exit status: 0 none; 1 there is one, or an arbiter does not answer;
// 2 wrong usage.
// SPDX-License-Identifier: BSD-3-Clause
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <tuple>

#include "tests/compare/duel.hpp"

namespace castvote::compare {

namespace {

struct Arguments {
    std::tuple<std::uint16_t, std::string> stock;
    std::tuple<std::uint16_t, std::string> ours;
    std::uint64_t first = 1;
    std::uint64_t last = 200;
    int jobs = 48;
    DuelOptions options;
};

struct Total {
    int seeds = 0;
    int different = 0;
    int events = 0;
    int comparisons = 0;
    Tally tally;
    std::map<std::string, int> kinds;  // seeds of each algorithm, and with TLS
};

std::string content_of(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

Expected<Place, std::string> make_place(const std::string& name,
                                        const std::tuple<std::uint16_t, std::string>& where) {
    const auto& [port, folder] = where;
    const auto tls =
        net::TlsContext::client({.ca_pem = content_of(folder + "/ca.pem"),
                                 .certificate_pem = content_of(folder + "/cluster.pem"),
                                 .key_pem = content_of(folder + "/cluster.key")});
    if (!tls) return Unexpected<std::string>(folder + ": " + tls.error());
    return Place{name, port, *tls};
}

void add(Total& total, const Outcome& outcome, bool trace) {
    ++total.seeds;
    total.different += outcome.is_different ? 1 : 0;
    total.events += outcome.events;
    total.comparisons += outcome.comparisons;
    total.tally.add(outcome.tally);
    if (outcome.is_different || trace) fmt::print("{}", outcome.story);
    if (outcome.is_different)
        fmt::print("repeat it with: ./dev compare --seed {} --trace\n\n", outcome.seed);
    std::fflush(stdout);
}

// Takes the next seed until there is none.
awaitable<void> work(net::asio::io_context& io, Place stock, Place ours, const Arguments& arguments,
                     std::uint64_t& next, Total& total) {
    while (next <= arguments.last) {
        const Setup setup = draw_setup(next++);
        const Outcome outcome = co_await duel(io, stock, ours, setup, arguments.options);
        add(total, outcome, arguments.options.trace);
        ++total.kinds[std::string(wire::name_of(setup.algorithm))];
        if (setup.tls) ++total.kinds["TLS"];
    }
}

int report(const Total& total) {
    fmt::print("{} seeds, {} events, {} comparisons of all clients of a cluster\n", total.seeds,
               total.events, total.comparisons);
    std::vector<std::string> kinds;
    for (const auto& [kind, count] : total.kinds)
        kinds.push_back(fmt::format("{} {}", kind, count));
    fmt::print("seeds by kind: {}\n", fmt::join(kinds, ", "));
    fmt::print("differences that docs/compatibility.md names, and how often they were met:\n");
    for (std::size_t i = 0; i < row_count; ++i)
        fmt::print("  {:5}  {}\n", total.tally.met[i], title_of(static_cast<Row>(i)));
    fmt::print("seeds with another difference: {}\n", total.different);
    return total.different == 0 ? 0 : 1;
}

int run(const Arguments& arguments) {
    const auto stock = make_place("stock", arguments.stock);
    const auto ours = make_place("ours", arguments.ours);
    for (const auto* place : {&stock, &ours}) {
        if (*place) continue;
        fmt::print(stderr, "compare: {}\n", place->error());
        return 1;
    }
    net::asio::io_context io{1};
    std::uint64_t next = arguments.first;
    Total total;
    for (int i = 0; i < arguments.jobs; ++i)
        net::asio::co_spawn(io, work(io, *stock, *ours, arguments, next, total),
                            net::asio::detached);
    io.run();
    return report(total);
}

}  // namespace

}  // namespace castvote::compare

int main(int argc, char** argv) {
    castvote::compare::Arguments given;
    std::string seeds = "1-200";
    std::int64_t guard_ms = 5000;
    CLI::App app{"compare: the same events to the stock arbiter and to ours"};
    app.add_option("--stock", given.stock, "port and a node's certificate directory")->required();
    app.add_option("--ours", given.ours, "port and a node's certificate directory")->required();
    app.add_option("--cluster", given.options.cluster, "whose certificates these are")->required();
    app.add_option("--seeds", seeds, "one seed, or A-B");
    app.add_option("--jobs", given.jobs, "seeds side by side")->check(CLI::Range(1, 1000));
    app.add_option("--guard", guard_ms, "what is left of our arbiter's guard, milliseconds");
    app.add_flag("--trace", given.options.trace, "tell every step and what came of it");
    app.add_flag("--swap-tie-breaker", given.options.swap_tie_breaker,
                 "tell our arbiter another tie-breaker, to see that it is noticed");
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : 2;
    }
    const std::size_t dash = seeds.find('-');
    const auto number = [](const std::string& text) {
        return static_cast<std::uint64_t>(std::strtoull(text.c_str(), nullptr, 10));
    };
    given.first = number(seeds);
    given.last = dash == std::string::npos ? given.first : number(seeds.substr(dash + 1));
    if (given.first == 0 || given.last < given.first) {
        fmt::print(stderr, "compare: --seeds takes a number, or two as in 1-200\n");
        return 2;
    }
    given.options.timers.guard_ends =
        castvote::compare::Clock::now() + castvote::Duration(guard_ms);
    return castvote::compare::run(given);
}
