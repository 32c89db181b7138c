// ffsplit_select_test.cpp -- which partition ffsplit chooses (arbiter.md 3.3 and 3.4).
//
// A table, one line a case, for the eye; and 100,000 random views against a second implementation
// that was written from the same pages in another way (support/dumb_ffsplit.hpp).
// SPDX-License-Identifier: BSD-3-Clause
#include <catch2/catch.hpp>
#include <map>
#include <sstream>

#include "tests/unit/support/dumb_ffsplit.hpp"
#include "tests/unit/support/generator.hpp"

namespace castvote::tests {

namespace {

using qnetd::Nodes;
using qnetd::ProposalKind;
using qnetd::View;

// Nodes are single digits. A view "3-:34" is that of node 3, whose heuristics failed (+ for passed)
// and which sees the ring {3,4}. tie: < lowest, > highest, or a node. kept: keep-active is on, and
// who had the vote.
struct Case {
    const char* views;
    const char* configured;
    char tie;
    const char* kept;
    const char* chosen;
    const char* why;
};

// clang-format off
const Case table[] = {
    // views                    of       tie  kept  chosen    why
    {"1:12 2:12",             "12",   '<', "",   "1,2",    "everybody"},
    {"1:1",                   "12",   '<', "",   "1",      "a half without a rival"},
    {"2:2",                   "12",   '<', "",   "2",      "... even without the preferred node"},
    {"2:2",                   "12",   '1', "",   "2",      "... whatever the tie-breaker says"},
    {"1:1 2:2",               "12",   '<', "",   "1",      "tie-breaker lowest"},
    {"1:1 2:2",               "12",   '>', "",   "2",      "tie-breaker highest"},
    {"1:1 2:2",               "12",   '2', "",   "2",      "tie-breaker node 2"},
    {"1:1 2:2",               "12",   '9', "",   "1",      "nobody has the preferred node"},
    {"1:1 2:2",               "12",   '<', "2",  "2",      "the active partition is kept"},
    {"1:1 2:2",               "12",   '>', "1",  "1",      "... against the tie-breaker"},
    {"1:1 2:2",               "12",   '>', "12", "2",      "both were active: tie-breaker"},
    {"1-:1 2:2",              "12",   '<', "1",  "2",      "heuristics go before keep-active"},
    {"1:1 2+:2",              "12",   '<', "1",  "2",      "passed is better than undefined"},
    {"1-:1 2-:2",             "12",   '<', "",   "1",      "both failed: tie-breaker"},
    {"1-:1",                  "12",   '<', "",   "1",      "failed, but without a rival"},
    {"1:12 2:2",              "12",   '<', "",   "wait",   "1 still lists 2, which is elsewhere"},
    {"1:1 2:12",              "12",   '<', "",   "wait",   "2 still lists 1, which is elsewhere"},
    {"1:1",                   "123",  '<', "",   "nobody", "one of three"},
    {"1:12 2:12 3:3",         "123",  '>', "",   "1,2",    "two of three"},
    {"1:12 2:12 3:3",         "123",  '>', "3",  "1,2",    "a majority beats the active partition"},
    {"1-:12 2-:12 3+:3",      "123",  '>', "",   "1,2",    "... and better heuristics"},
    {"3:123",                 "123",  '<', "",   "1,2,3",  "one of its nodes speaks for a ring"},
    {"1:1 2:2 3:3",           "123",  '<', "1",  "nobody", "three pieces"},
    {"1:12 2:12 3:34 4:34",   "1234", '<', "",   "1,2",    "halves: tie-breaker lowest"},
    {"1:12 2:12 3:34 4:34",   "1234", '>', "",   "3,4",    "halves: tie-breaker highest"},
    {"1:12 2:12 3:34 4:34",   "1234", '3', "",   "3,4",    "halves: tie-breaker node 3"},
    {"1:12 2:12 3:34 4:34",   "1234", '<', "34", "3,4",    "halves: the active one is kept"},
    {"1:12      3:34 4:34",   "1234", '<', "12", "3,4",    "more nodes reach the arbiter"},
    {"1+:12     3:34 4:34",   "1234", '<', "",   "3,4",    "equal scores: more connected nodes"},
    {"1+:12 2:12 3:34 4:34",  "1234", '>', "34", "1,2",    "one passed"},
    {"1-:12 2:12 3:34 4:34",  "1234", '<', "12", "3,4",    "one failed"},
    {"1-:12 2+:12 3:34 4:34", "1234", '<', "",   "1,2",    "passed and failed cancel out"},
    {"1:123 2:123 3:123 4:4", "1234", '>', "4",  "1,2,3",  "three of four"},
    {"4:4",                   "1234", '>', "4",  "nobody", "one of four"},
    {"1:14 2:23 3:23",        "1234", '4', "",   "2,3",    "1 is alone with node 4"},
    {"1:13 2:23",             "1234", '<', "",   "1,3",    "both claim 3, not connected"},
    {"1:13 2:123 4:4",        "1234", '<', "",   "wait",   "2 lists 1, which is elsewhere"},
    {"1:1 2:2 3:3 4:4",       "1234", '<', "1",  "nobody", "four pieces"},
    {"1:13 2:234",            "1234", '<', "1",  "2,3,4",  "a majority beats a half found first"},
    {"1:134 2:23",            "1234", '>', "2",  "1,3,4",  "... and one found later"},
};
// clang-format on

Nodes digits(std::string_view text) {
    Nodes nodes;
    for (const char c : text) nodes.insert(static_cast<wire::NodeId>(c - '0'));
    return nodes;
}

View view_of(const Case& one) {
    View view;
    wire::TieBreaker tie{.mode = wire::TieBreakerMode::lowest, .node_id = 0};
    if (one.tie == '>') tie.mode = wire::TieBreakerMode::highest;
    if (one.tie >= '0' && one.tie <= '9')
        tie = {.mode = wire::TieBreakerMode::node_id,
               .node_id = static_cast<wire::NodeId>(one.tie - '0')};
    std::istringstream stream(one.views);
    for (std::string text; stream >> text;) {
        const std::string members = text.substr(text.find(':') + 1);
        qnetd::ViewNode node;
        node.node = static_cast<wire::NodeId>(text[0] - '0');
        node.ring.members = digits(members);
        node.ring.id = {.node_id = *node.ring.members.begin(), .seq = 8};
        node.configured = digits(one.configured);
        if (text[1] == '+') node.heuristics = wire::Heuristics::pass;
        if (text[1] == '-') node.heuristics = wire::Heuristics::fail;
        node.tie_breaker = tie;
        view.nodes.push_back(node);
    }
    view.keep_active = *one.kept != '\0';
    if (view.keep_active) view.granted = qnetd::Ring{.id = {1, 4}, .members = digits(one.kept)};
    return view;
}

std::string chosen_by_ffsplit(const View& view) {
    const qnetd::Proposal proposal = qnetd::ffsplit.propose(view);
    switch (proposal.kind) {
        case ProposalKind::wait: return "wait";
        case ProposalKind::nobody: return "nobody";
        case ProposalKind::ring: return qnetd::to_string(proposal.ring.members);
        case ProposalKind::everyone: return "everyone";
    }
    return "?";
}

Nodes some_of(Generator& chance, const Nodes& nodes) {
    Nodes some;
    for (const wire::NodeId node : nodes)
        if (chance.one_in(2)) some.insert(node);
    return some;
}

// Mostly partitions as real nodes see them, now and then with a view that lags behind.
View any_view(Generator& chance) {
    View view;
    Nodes configured;
    const std::size_t size = 1 + chance.below(7);
    while (configured.size() < size)
        configured.insert(1 + static_cast<wire::NodeId>(chance.below(9)));
    const std::uint64_t pieces = 1 + chance.below(3);
    std::vector<Nodes> rings(pieces);
    for (const wire::NodeId node : configured) rings[chance.below(pieces)].insert(node);
    wire::TieBreaker tie;
    any::fill(chance, tie);
    tie.node_id = 1 + static_cast<wire::NodeId>(chance.below(9));
    for (const wire::NodeId node : configured) {
        if (chance.one_in(4)) continue;  // not connected
        qnetd::ViewNode one;
        one.node = node;
        for (const Nodes& ring : rings)
            if (ring.contains(node)) one.ring.members = ring;
        if (chance.one_in(12)) one.ring.members = some_of(chance, configured);
        one.ring.members.insert(node);  // a list without its sender is refused (error 19)
        one.ring.id = {.node_id = *one.ring.members.begin(), .seq = chance.one_in(30) ? 9u : 8u};
        one.configured = configured;
        if (chance.one_in(60)) one.configured.insert(9);
        one.heuristics = static_cast<wire::Heuristics>(chance.below(3));
        one.tie_breaker = tie;
        view.nodes.push_back(one);
    }
    view.keep_active = chance.one_in(2);
    if (chance.one_in(2))
        view.granted = qnetd::Ring{.id = {1, 4}, .members = some_of(chance, configured)};
    return view;
}

std::string text_of(const View& view) {
    std::ostringstream text;
    for (const auto& node : view.nodes)
        text << node.node
             << (node.heuristics == wire::Heuristics::pass   ? "+"
                 : node.heuristics == wire::Heuristics::fail ? "-"
                                                             : "")
             << ":" << qnetd::to_string(node.ring.members) << " of "
             << qnetd::to_string(node.configured) << "; ";
    if (view.granted) text << "had it: " << qnetd::to_string(view.granted->members);
    text << (view.keep_active ? ", keep" : "");
    return text.str();
}

}  // namespace

TEST_CASE("ffsplit chooses as the table says") {
    for (const Case& one : table) {
        INFO(one.views << " of " << one.configured << ", tie " << one.tie << ": " << one.why);
        CHECK(chosen_by_ffsplit(view_of(one)) == one.chosen);
        CHECK(dumb_ffsplit(view_of(one)) == one.chosen);
    }
}

TEST_CASE("ffsplit and its dumb twin choose alike") {
    constexpr std::uint64_t seed = 34;
    Generator chance(seed);
    std::map<std::string, int> seen;
    for (int number = 0; number < 100'000; ++number) {
        const View view = any_view(chance);
        const std::string ours = chosen_by_ffsplit(view);
        if (ours != dumb_ffsplit(view))
            FAIL("seed " << seed << " case " << number << ": " << text_of(view) << ": " << ours
                         << ", the twin says " << dumb_ffsplit(view));
        ++seen[ours == "wait" || ours == "nobody" ? ours : "a ring"];
    }
    // All kinds of answers came up often enough to mean something.
    CHECK(seen["wait"] > 10'000);
    CHECK(seen["nobody"] > 5'000);
    CHECK(seen["a ring"] > 30'000);
}

TEST_CASE("what ffsplit refuses, and what is quorate without it") {
    using wire::ReplyErrorCode;
    const qnetd::Algorithm& row = qnetd::ffsplit;
    CHECK(row.check_config(1, {1, 2}) == ReplyErrorCode::no_error);
    CHECK(row.check_config(3, {1, 2}) == ReplyErrorCode::invalid_config_node_list);
    CHECK(row.check_config(1, {}) == ReplyErrorCode::invalid_config_node_list);
    CHECK(row.check_membership(1, {1}) == ReplyErrorCode::no_error);
    CHECK(row.check_membership(3, {1, 2}) == ReplyErrorCode::invalid_membership_node_list);
    CHECK(row.check_membership(1, {}) == ReplyErrorCode::invalid_membership_node_list);
    // Quorum of n nodes and one device vote is (n + 1) / 2 + 1 (arbiter.md 1.1).
    for (std::size_t configured = 1; configured <= 16; ++configured)
        for (std::size_t members = 1; members <= configured; ++members)
            CHECK(row.is_quorate_without_vote(members, configured) ==
                  (members >= (configured + 1) / 2 + 1));
}

}  // namespace castvote::tests
