// possible.cpp -- which steps a world can take next, and in words.
// SPDX-License-Identifier: BSD-3-Clause
#include <fmt/format.h>

#include <algorithm>

#include "common/wire/describe.hpp"
#include "tests/explore/world.hpp"

namespace castvote::explore {

namespace {

using Kind = Step::Kind;

Nodes set_of(unsigned bits) {
    Nodes set;
    for (NodeId id = 1; bits >> id != 0; ++id)
        if ((bits >> id & 1) != 0) set.insert(id);
    return set;
}

}  // namespace

// Not where it would change nothing.
bool World::can_form(const Nodes& set) const {
    const Ring& ring = node(*set.begin()).ring;
    return ring.members != set || std::any_of(set.begin(), set.end(), [&](NodeId id) {
               return node(id).ring != ring || node(id).is_gathering;
           });
}

// Those who lost the token form a ring in any case: that is no fault of its own.
bool World::is_fault(const Step& step) const {
    if (step.kind == Kind::form)
        return std::any_of(step.set.begin(), step.set.end(),
                           [&](NodeId id) { return !node(id).is_gathering; });
    return step.kind > Kind::form;
}

// A stock node waits until its old connection is gone; ours takes that over (R5).
bool World::may_connect(const Node& n) const {
    return n.is_alive && n.link == Node::Link::none && !n.is_cut &&
           (n.has_lease || !has_session(n.id));
}

std::vector<Step> World::possible() const {
    std::vector<Step> steps;
    const auto may = [&](bool condition, Kind kind, NodeId id) {
        if (condition) steps.push_back({kind, id});
    };
    steps.push_back({Kind::pass});
    // Under `fast` a second matters.
    const auto deadline = arbiter_.next_deadline();
    may(scope_->settings.failover == qnetd::FailOver::fast && deadline && *deadline < now_ + tick,
        Kind::pass_moment, 0);
    may(store_.under_way() > 0, Kind::write, 0);
    for (NodeId landed = 0; scope_->arbiter_restarts && landed <= store_.under_way(); ++landed)
        steps.push_back({Kind::restart_arbiter, landed});
    may(scope_->store_losses, Kind::lose_store, 0);
    for (const Node& n : nodes_) {
        const bool is_open = n.link == Node::Link::open;
        may(!n.is_cut && is_open && !n.up.empty(), Kind::deliver, n.id);
        may(!n.is_cut && !n.down.empty(), Kind::take, n.id);
        may(may_connect(n), Kind::connect, n.id);
        may(n.link == Node::Link::broken && !n.is_cut, Kind::notice, n.id);
        may(!n.is_alive, Kind::start, n.id);
        may(n.is_cut, Kind::mend, n.id);
        may(!n.is_cut, Kind::cut, n.id);
        may(is_open && !n.is_cut, Kind::reset, n.id);
        may(n.is_alive, Kind::kill, n.id);
        may(n.has_lease && n.is_alive && is_open && !n.is_cut && !n.is_gathering, Kind::stop, n.id);
        may(true, Kind::restart, n.id);
        may(scope_->has_heuristics && is_open, Kind::pass_check, n.id);
        may(scope_->has_heuristics && is_open, Kind::fail_check, n.id);
        may(!n.is_gathering && std::none_of(nodes_.begin(), nodes_.end(),
                                            [&](const Node& other) {
                                                return other.id < n.id && other.ring == n.ring &&
                                                       !other.is_gathering;
                                            }),
            Kind::lose_token, n.id);
    }
    for (unsigned bits = 2; bits < 2u << nodes_.size(); bits += 2)
        if (const Nodes set = set_of(bits); can_form(set)) steps.push_back({Kind::form, 0, set});
    if (scope_->second_cluster)
        for (const NodeId id : {1u, 2u}) steps.push_back({Kind::flap, id});
    return steps;
}

std::string to_string(const Step& step) {
    const NodeId id = step.node;
    switch (step.kind) {
        case Kind::deliver: return fmt::format("the arbiter reads the next message of {}", id);
        case Kind::take: return fmt::format("{} reads its next VOTE_INFO and confirms it", id);
        case Kind::pass: return "half a heartbeat passes";
        case Kind::pass_moment: return "the arbiter's next deadline comes";
        case Kind::connect: return fmt::format("{} connects", id);
        case Kind::notice: return fmt::format("{} learns that its connection is over", id);
        case Kind::start: return fmt::format("the daemon of {} starts", id);
        case Kind::mend: return fmt::format("{} can reach the arbiter again", id);
        case Kind::form: return fmt::format("{} form a ring", qnetd::to_string(step.set));
        case Kind::lose_token: return fmt::format("the ring of {} loses the token", id);
        case Kind::restart: return fmt::format("the corosync of {} starts anew", id);
        case Kind::cut: return fmt::format("{} is cut off from the arbiter", id);
        case Kind::reset: return fmt::format("the arbiter sees the connection of {} reset", id);
        case Kind::stop: return fmt::format("the daemon of {} is stopped in order", id);
        case Kind::kill: return fmt::format("the daemon of {} is killed", id);
        case Kind::pass_check: return fmt::format("the heuristics of {} pass", id);
        case Kind::fail_check: return fmt::format("the heuristics of {} fail", id);
        case Kind::write: return "what the arbiter wrote first is on the disk";
        case Kind::restart_arbiter:
            return id == 0 ? "the arbiter starts anew"
                           : fmt::format("{} writes are done, then the arbiter starts anew", id);
        case Kind::lose_store: return "the arbiter starts anew, on a new disk";
        case Kind::flap: return fmt::format("beta's node {} leaves, or is back", id);
    }
    return "?";
}

std::string World::to_text() const {
    std::string text;
    for (const Node& n : nodes_) {
        text += fmt::format("  {}: ring {} of {}{}{}{}{}", n.id, wire::to_string(n.ring.id),
                            qnetd::to_string(n.ring.members), n.is_gathering ? ", gathering" : "",
                            n.counts(now_) ? ", VOTES" : "", n.is_alive ? "" : ", no daemon",
                            n.is_cut ? ", cut off" : "");
        if (n.link != Node::Link::open && n.is_alive)
            text += n.link == Node::Link::none ? ", not connected" : ", connection broken";
        if (!n.up.empty()) text += fmt::format(", {} to the arbiter", n.up.size());
        for (const Down& down : n.down)
            text += fmt::format(", is sent {} for {}", wire::name_of(down.vote),
                                wire::to_string(down.ring));
        text += "\n";
    }
    return text;
}

}  // namespace castvote::explore
