// script.hpp -- what happens to a cluster, drawn from a seed: the same for both arbiters.
//
// A small world of nodes, rings and connections from which events are drawn that corosync and its
// daemons could produce: whoever is connected reports its ring when it changes. An event is a few
// steps, each of one node; nothing in a script depends on what an arbiter answers. Avoided is what
// the stock arbiter dies of (docs/arbiter.md): a client without a configuration while another
// leaves, and a second cluster name on one connection.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "tests/support/arbiter_client.hpp"

namespace castvote::compare {

using support::Membership;
using support::NodeList;
using wire::NodeId;

enum class Deed : std::uint8_t {
    join,            // connects, with both lists
    leave,           // ends its connection
    report,          // sends its membership list
    configure,       // sends a changed configuration
    heuristics,      // tells a result of its regular heuristics
    keep_active,     // switches keep_active by SET_OPTION
    quorum,          // sends a quorum list
    ask,             // ASK_FOR_VOTE, which no stock node does
    hold,            // leaves VOTE_INFOs unanswered from now on
    release,         // answers those that it held
    wait_for_close,  // stays silent until an arbiter has closed its connection, if it will
    bad_config,      // a configuration without itself
    bad_membership,  // a membership without itself
    bad_heartbeat,   // SET_OPTION beyond the range
    knock,           // another connection sends an INIT that must be refused
};

struct Step {
    Deed deed = Deed::report;
    NodeId node = 0;
    Membership membership;                // join, report
    NodeList nodes;                       // join, configure, quorum, the bad lists
    bool on = false;                      // join and keep_active: wanted; quorum: quorate
    wire::Heuristics heuristics{};        // heuristics
    wire::DecisionAlgorithm algorithm{};  // knock
    wire::TieBreaker tie_breaker;         // knock
    Duration heartbeat{0};                // knock
};

// "node 2 reports ring 1.c of 1,2".
std::string to_string(const Step& step);

struct Event {
    std::string name;
    std::vector<Step> steps;
    bool is_compared_between = false;  // after each of its steps, not only after the last
};

// What stays the same for a whole seed.
struct Setup {
    std::uint64_t seed = 0;
    std::size_t nodes = 2;
    wire::DecisionAlgorithm algorithm = wire::DecisionAlgorithm::ffsplit;
    wire::TieBreaker tie_breaker;
    bool keep_active = false;
    bool with_heuristics = false;
    bool tls = false;
    int events = 20;
};
Setup draw_setup(std::uint64_t seed);
// "ffsplit, 4 nodes, tie-breaker lowest, keep-active, heuristics, TLS".
std::string to_string(const Setup& setup);

class Script {
public:
    explicit Script(const Setup& setup);

    // The next event; the first ones connect nodes.
    Event next();

private:
    struct Node {
        Membership membership;
        bool is_connected = false;
        bool keep_active = false;
    };

    std::uint64_t number(std::uint64_t below);
    bool chance(unsigned percent) { return number(100) < percent; }
    template <class Value>
    Value one_of(const std::vector<Value>& list) {
        return list[number(list.size())];
    }
    NodeList connected() const;
    NodeList shuffled(NodeList nodes);
    std::vector<NodeList> rings() const;
    void form_ring(const NodeList& members);
    Step step_of(NodeId node, Deed deed) const;
    Step report_of(NodeId node);
    void add_reports(Event& event, NodeList nodes);

    bool draw(Event& event);
    bool join(Event& event);
    bool leave(Event& event);
    bool all_again(Event& event);
    bool die(Event& event);
    bool come_back(Event& event);
    bool split(Event& event);
    bool merge(Event& event);
    bool ring_again(Event& event);
    bool report_again(Event& event);
    bool configure(Event& event);
    bool heuristics(Event& event);
    bool keep_active(Event& event);
    bool quorum(Event& event);
    bool ask(Event& event);
    bool hold(Event& event);
    bool mute(Event& event);
    bool mistake(Event& event);
    bool knock(Event& event);

    Setup setup_;
    std::mt19937_64 random_;
    std::map<NodeId, Node> nodes_;
    NodeList configured_;
    int drawn_ = 0;
};

}  // namespace castvote::compare
