// lms_select_test.cpp -- which partition lms and 2nodelms choose (arbiter.md 4 and 5).
//
// Tables, one line a case, for the eye; and 100,000 random views for each against a second
// implementation that was written from the same pages in another way (support/dumb_*.hpp).
// SPDX-License-Identifier: BSD-3-Clause
#include <catch2/catch.hpp>
#include <map>
#include <sstream>

#include "tests/unit/support/dumb_lms.hpp"
#include "tests/unit/support/dumb_two_node_lms.hpp"
#include "tests/unit/support/generator.hpp"

namespace castvote::tests {

namespace {

using qnetd::Nodes;
using qnetd::ProposalKind;
using qnetd::View;

// Nodes are single digits. A view "3-:34" is that of node 3, whose heuristics failed (+ for passed)
// and which sees the ring {3,4}; "3*" is a newcomer, "3?" has no ring yet (sequence 0). tie: <
// lowest, > highest, or a node. had: the ring which was given the vote last.
struct Case {
    const char* views;
    char tie;
    const char* had;
    const char* chosen;
    const char* why;
};

// clang-format off
const Case lms_table[] = {
    // views                       tie  had   chosen   why
    {"1:12 2:12",                  '<', "",   "1,2",    "one ring"},
    {"1:1",                        '<', "",   "1",      "one ring, however small"},
    {"3:1234",                     '<', "",   "1,2,3,4", "one node speaks for a ring"},
    {"1?:1",                       '<', "",   "wait",   "no ring at all yet"},
    {"1?:1 2:2",                   '<', "",   "2",      "a node without a ring does not count"},
    {"1:12 2:2",                   '<', "",   "wait",   "1 still lists 2, which is elsewhere"},
    {"1:1 2:12",                   '<', "",   "wait",   "2 still lists 1, which is elsewhere"},
    {"1:1 2:2",                    '<', "",   "1",      "tie-breaker lowest"},
    {"1:1 2:2",                    '>', "",   "2",      "tie-breaker highest"},
    {"1:1 2:2",                    '2', "",   "2",      "tie-breaker node 2"},
    {"1:1 2:2",                    '9', "",   "nobody", "the nominated node is not connected"},
    {"1:12 2:12 3:34 4:34",        '3', "",   "3,4",    "the nominated node's whole ring wins"},
    {"1:12 2:12 3:34 4:34",        '<', "34", "1,2",    "the active one is not kept"},
    {"1:1 2:234 3:234 4:234",      '<', "",   "2,3,4",  "the better score, here the larger"},
    {"1+:1 2-:2",                  '>', "",   "1",      "passed and failed"},
    {"1:1 2-:2",                   '>', "2",  "1",      "failed, though it has the vote"},
    {"1+:1 2:23 3:23",             '<', "",   "2,3",    "equal scores: the larger"},
    {"1-:123 2-:123 3:123 4:4",    '>', "",   "1,2,3",  "equal scores: the larger"},
    {"1-:12 2-:12 3:3 4:4",        '<', "",   "1,2",    "two best are tied: the largest of all"},
    {"1-:1 2:2 3:3",               '<', "",   "1",      "all equal in size: tie-breaker of all"},
    {"1:1 2:23 3:23 4:45 5:45",    '<', "",   "1",      "two largest are tied: tie-breaker of all"},
    {"1:1 2:23 3:23 4:45 5:45",    '4', "",   "4,5",    "... here node 4"},
    {"1*:1 2:2",                   '<', "2",  "2",      "a newcomer against the vote"},
    {"1*:12 2*:12 3:3",            '<', "3",  "3",      "... more of them"},
    {"1+*:1 2-:2",                 '<', "2",  "2",      "... better heuristics"},
    {"1*:12 2:12 3:3",             '<', "3",  "1,2",    "... with an old node among them"},
    {"1*:1 2:2",                   '<', "",   "1",      "nobody has the vote: nothing to protect"},
    {"1*:1 2*:2",                  '<', "2",  "1",      "the holder itself came back: both new"},
    {"1*:1 2:2 3:3",               '<', "3",  "2",      "the newcomer is not asked for the tie"},
};

const Case two_node_table[] = {
    // views                       tie  had   chosen   why
    {"1:12 2:12",                  '<', "",   "1,2",    "both"},
    {"1:12",                       '<', "",   "1,2",    "both, one of them connected"},
    {"2:2",                        '<', "",   "2",      "alone"},
    {"2-:2",                       '1', "",   "2",      "alone, whatever else"},
    {"1:12 2:2",                   '<', "",   "wait",   "1 still lists 2, which is elsewhere"},
    {"1:1 2:12",                   '<', "",   "wait",   "2 still lists 1, which is elsewhere"},
    {"1:1 2:2",                    '<', "2",  "1",      "tie-breaker lowest"},
    {"1:1 2:2",                    '>', "1",  "2",      "tie-breaker highest"},
    {"1:1 2:2",                    '2', "",   "2",      "tie-breaker node 2"},
    {"1:1 2:2",                    '9', "",   "nobody", "the nominated node is not connected"},
    {"1:1 2+:2",                   '<', "",   "2",      "passed is better than undefined"},
    {"1-:1 2:2",                   '<', "1",  "2",      "undefined is better than failed"},
    {"1-:1 2+:2",                  '<', "1",  "2",      "passed is better than failed"},
    {"1-:1 2-:2",                  '<', "",   "1",      "both failed: tie-breaker"},
    {"1*:1 2:2",                   '<', "2",  "2",      "a newcomer against the vote"},
    {"1:1 2*:2",                   '>', "1",  "1",      "... the other way round"},
    {"1+*:1 2-:2",                 '<', "2",  "2",      "... better heuristics"},
    {"1*:13 2:2",                  '<', "2",  "2",      "... who claims another node"},
    {"1*:1 2:2",                   '<', "",   "1",      "nobody has the vote: nothing to protect"},
    {"1*:1 2*:2",                  '<', "2",  "1",      "the holder itself came back: both new"},
};
// clang-format on

Nodes digits(std::string_view text) {
    Nodes nodes;
    for (const char c : text) nodes.insert(static_cast<wire::NodeId>(c - '0'));
    return nodes;
}

qnetd::Ring ring_of(const Nodes& members, std::uint64_t seq) {
    return {.id = {.node_id = *members.begin(), .seq = seq}, .members = members};
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
        const std::string marks = text.substr(1, text.find(':') - 1);
        const auto has = [&](char mark) { return marks.find(mark) != std::string::npos; };
        qnetd::ViewNode node;
        node.node = static_cast<wire::NodeId>(text[0] - '0');
        node.ring = ring_of(digits(text.substr(text.find(':') + 1)), has('?') ? 0 : 8);
        node.configured = {1, 2, 3, 4, 5};
        if (has('+')) node.heuristics = wire::Heuristics::pass;
        if (has('-')) node.heuristics = wire::Heuristics::fail;
        node.is_newcomer = has('*');
        node.tie_breaker = tie;
        view.nodes.push_back(node);
    }
    if (*one.had != '\0') view.granted = ring_of(digits(one.had), 8);
    return view;
}

std::string chosen_by(const qnetd::Algorithm& algorithm, const View& view) {
    const qnetd::Proposal proposal = algorithm.propose(view);
    switch (proposal.kind) {
        case ProposalKind::wait: return "wait";
        case ProposalKind::nobody: return "nobody";
        case ProposalKind::ring: return qnetd::to_string(proposal.ring.members);
        case ProposalKind::everyone: return "everyone";
    }
    return "?";
}

// Partitions of up to `most` nodes as they see them, now and then with a view that lags behind.
View any_view(Generator& chance, std::uint64_t most) {
    View view;
    Nodes configured;
    const std::size_t size = 1 + chance.below(most);
    for (wire::NodeId id = 1; configured.size() < size; ++id)
        if (chance.one_in(2)) configured.insert(chance.one_in(10) ? 0x80000000u + id : id);
    std::vector<Nodes> rings(1 + chance.below(size < 4 ? size : 4));
    for (const wire::NodeId node : configured) rings[chance.below(rings.size())].insert(node);
    wire::TieBreaker tie;
    any::fill(chance, tie);
    tie.node_id = static_cast<wire::NodeId>(1 + chance.below(9));
    std::uint64_t seq = 8;
    for (const Nodes& members : rings) {
        // Halves of a split usually have the same sequence.
        if (chance.one_in(3)) seq += 4;
        const bool all_old = chance.one_in(2);
        for (const wire::NodeId node : members) {
            if (chance.one_in(5)) continue;  // not connected
            qnetd::ViewNode one;
            one.node = node;
            one.configured = configured;
            one.ring = ring_of(members, chance.one_in(30) ? 0 : seq);
            if (chance.one_in(25)) one.ring = ring_of({node}, 20);
            if (chance.one_in(25)) one.ring = ring_of({node, 77}, 24);
            if (chance.one_in(25)) one.ring.id.seq = 5;
            one.heuristics = static_cast<wire::Heuristics>(chance.below(3));
            one.is_newcomer = !all_old && chance.one_in(2);
            one.tie_breaker = tie;
            view.nodes.push_back(one);
        }
        if (!members.empty() && !view.granted && chance.one_in(3))
            view.granted = ring_of(members, seq);
    }
    std::sort(view.nodes.begin(), view.nodes.end(),
              [](const auto& one, const auto& other) { return one.node < other.node; });
    return view;
}

std::string text_of(const View& view) {
    std::ostringstream text;
    for (const auto& node : view.nodes)
        text << node.node << (node.is_newcomer ? "*" : "")
             << (node.heuristics == wire::Heuristics::pass   ? "+"
                 : node.heuristics == wire::Heuristics::fail ? "-"
                                                             : "")
             << ":" << qnetd::to_string(node.ring.members) << " seq " << node.ring.id.seq << "; ";
    if (!view.nodes.empty())
        text << "tie " << static_cast<int>(view.nodes[0].tie_breaker.mode) << " node "
             << view.nodes[0].tie_breaker.node_id << "; ";
    if (view.granted)
        text << "had it: " << qnetd::to_string(view.granted->members) << " seq "
             << view.granted->id.seq;
    return text.str();
}

template <class Table>
void check_table(const qnetd::Algorithm& algorithm, std::string (*twin)(const View&),
                 const Table& table) {
    for (const Case& one : table) {
        INFO(one.views << ", tie " << one.tie << ", had " << one.had << ": " << one.why);
        CHECK(chosen_by(algorithm, view_of(one)) == one.chosen);
        CHECK(twin(view_of(one)) == one.chosen);
    }
}

std::map<std::string, int> check_random(const qnetd::Algorithm& algorithm,
                                        std::string (*twin)(const View&), std::uint64_t most) {
    constexpr std::uint64_t seed = 35;
    Generator chance(seed);
    std::map<std::string, int> seen;
    for (int number = 0; number < 100'000; ++number) {
        const View view = any_view(chance, most);
        const std::string ours = chosen_by(algorithm, view);
        if (ours != twin(view))
            FAIL("seed " << seed << " case " << number << ": " << text_of(view) << ": " << ours
                         << ", the twin says " << twin(view));
        ++seen[ours == "wait" || ours == "nobody" ? ours : "a ring"];
        for (const qnetd::ViewNode& node : view.nodes) seen["newcomers"] += node.is_newcomer;
    }
    return seen;
}

}  // namespace

TEST_CASE("lms chooses as the table says") { check_table(qnetd::lms, dumb_lms, lms_table); }

TEST_CASE("lms and its dumb twin choose alike") {
    auto seen = check_random(qnetd::lms, dumb_lms, 7);
    // All kinds of answers came up often enough to mean something.
    CHECK(seen["wait"] > 10'000);
    CHECK(seen["nobody"] > 300);
    CHECK(seen["a ring"] > 30'000);
    CHECK(seen["newcomers"] > 30'000);
}

TEST_CASE("2nodelms chooses as the table says") {
    check_table(qnetd::two_node_lms, dumb_two_node_lms, two_node_table);
}

TEST_CASE("2nodelms and its dumb twin choose alike") {
    auto seen = check_random(qnetd::two_node_lms, dumb_two_node_lms, 2);
    CHECK(seen["wait"] > 5'000);
    CHECK(seen["nobody"] > 300);
    CHECK(seen["a ring"] > 30'000);
    CHECK(seen["newcomers"] > 10'000);
}

TEST_CASE("what lms and 2nodelms refuse, and what is quorate without them") {
    using wire::ReplyErrorCode;
    // lms takes any list, even one without its sender; 2nodelms wants two nodes configured.
    CHECK(qnetd::lms.check_config(3, {1, 2}) == ReplyErrorCode::no_error);
    CHECK(qnetd::lms.check_membership(3, {}) == ReplyErrorCode::no_error);
    CHECK(qnetd::two_node_lms.check_config(1, {1, 2}) == ReplyErrorCode::no_error);
    CHECK(qnetd::two_node_lms.check_config(1, {1}) ==
          ReplyErrorCode::unsupported_decision_algorithm);
    CHECK(qnetd::two_node_lms.check_config(1, {1, 2, 3}) ==
          ReplyErrorCode::unsupported_decision_algorithm);
    // n nodes and n - 1 device votes: quorum is n (arbiter.md 1.1).
    for (std::size_t configured = 1; configured <= 8; ++configured)
        for (std::size_t members = 1; members <= configured; ++members)
            CHECK(qnetd::lms.is_quorate_without_vote(members, configured) ==
                  (members == configured));
    CHECK_FALSE(qnetd::two_node_lms.is_quorate_without_vote(1, 2));
    CHECK(qnetd::two_node_lms.is_quorate_without_vote(2, 2));
}

}  // namespace castvote::tests
