// cases.cpp -- plays the directed cases and prints the table; see cases.hpp.
// SPDX-License-Identifier: BSD-3-Clause
#include "tests/simulate/cases.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace castvote::simulate {

namespace {

struct Column {
    std::string_view head;
    Mix mix;
};
// Arbiter and nodes.
constexpr std::array<Column, 4> columns{{{"stock, stock", {false, false}},
                                         {"ours, stock", {true, false}},
                                         {"ours, ours", {true, true}},
                                         {"stock, ours", {false, true}}}};

Window expected(const Case& of, Mix mix) {
    if (mix.our_arbiter) return mix.our_nodes ? Window{} : of.ours_with_stock_nodes;
    return mix.our_nodes ? of.stock_with_our_nodes : of.stock;
}

// The longest window over the seeds, and what was not as expected.
struct Outcome {
    std::int64_t window_ms = 0;
    std::vector<std::string> complaints;
};

Outcome play(const Case& of, Mix mix, qnetd::Rules rules, std::uint64_t seeds, bool with_trace) {
    Outcome outcome;
    for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
        Stage stage(of.setup, mix, rules, seed, with_trace);
        of.script(stage);
        const std::vector<std::string> complaints = stage.complaints();
        for (const std::string& line : stage.trace()) fmt::print("{}\n", line);
        // Part of a millisecond is a window as well.
        outcome.window_ms = std::max(outcome.window_ms, (stage.window() + 999) / 1000);
        for (const std::string& complaint : complaints)
            outcome.complaints.push_back(fmt::format("seed {}: {}", seed, complaint));
    }
    const Window window = expected(of, mix);
    if (outcome.window_ms < window.low || outcome.window_ms > window.high)
        outcome.complaints.push_back(fmt::format("two rings were quorate for {} ms, not {} .. {}",
                                                 outcome.window_ms, window.low, window.high));
    return outcome;
}

// As Markdown, which docs/safety.md shows.
void print_head() {
    fmt::print("| {:24} | {:52} |", "arbiter, nodes:", "");
    for (const Column& column : columns) fmt::print(" {:>12} |", column.head);
    fmt::print(" {:52} |\n|{:-<26}|{:-<54}|", "the stock window", "", "");
    for (std::size_t i = 0; i < columns.size(); ++i) fmt::print("{:->13}:|", "");
    fmt::print("{:-<54}|\n", "");
}

void print_row(const Case& of, const std::array<Outcome, columns.size()>& outcomes) {
    fmt::print("| {:24} | {:52} |", of.name, of.what);
    for (const Outcome& outcome : outcomes) fmt::print(" {:>12} |", outcome.window_ms);
    fmt::print(" {:52} |\n", of.arithmetic);
}

}  // namespace

bool play_cases(std::string_view name, qnetd::Rules rules, std::uint64_t seeds, bool with_trace) {
    std::vector<Case> cases = window_cases();
    for (const Case& of : rule_cases()) cases.push_back(of);
    std::vector<std::string> complaints;
    std::size_t played = 0;
    fmt::print("Milliseconds in which two rings were quorate, the longest of {} runs.\n\n", seeds);
    print_head();
    for (const Case& of : cases) {
        if (!name.empty() && name != of.name) continue;
        ++played;
        std::array<Outcome, columns.size()> outcomes;
        for (std::size_t i = 0; i < columns.size(); ++i) {
            const Column& column = columns[i];
            if (with_trace) fmt::print("-- {} with arbiter, nodes: {}\n", of.name, column.head);
            outcomes[i] = play(of, column.mix, rules, seeds, with_trace);
            for (const std::string& complaint : outcomes[i].complaints)
                complaints.push_back(fmt::format("{} ({}): {}", of.name, column.head, complaint));
        }
        print_row(of, outcomes);
    }
    for (const std::string& complaint : complaints) fmt::print("{}\n", complaint);
    fmt::print("\n{} cases, {} complaints\n", played, complaints.size());
    return played > 0 && complaints.empty();
}

}  // namespace castvote::simulate
