// world.cpp -- the course of things and the faults; see world.hpp.
// SPDX-License-Identifier: BSD-3-Clause
#include "tests/explore/world.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "tests/explore/innards.hpp"
#include "tests/explore/messages.hpp"

namespace castvote::explore {

namespace {

constexpr Duration an_hour{3'600'000};
const std::array<const char*, 2> cluster_names = {"beta", "alpha"};

}  // namespace

World::World(const Scope& scope, Instant now)
    : scope_(&scope),
      now_(now),
      arbiter_(scope.settings, now - an_hour),
      oracle_(scope.votes, scope.settings.failover) {
    if (scope.settings.durable_grants)  // of an old disk, which knows all
        arbiter_ = qnetd::Arbiter(scope.settings, now - an_hour, store_.memory());
    Nodes all;
    for (NodeId id = 1; id <= scope.votes.nodes; ++id) all.insert(id);
    for (const NodeId id : all) {
        Node node;
        node.id = id;
        node.ring = {{1, 100}, all};
        node.seq = 100;
        node.has_lease = scope.votes.leased.contains(id);
        nodes_.push_back(node);
    }
}

World World::fresh(const Scope& scope) {
    World world(scope, at_ms(an_hour.count()));
    if (scope.second_cluster) {
        for (std::size_t index : {0, 1}) world.flap(index);
        for (int i = 0; i < 4; ++i) world.pass_time();
    }
    for (Node& node : world.nodes_) world.connect(node);
    return world;
}

World World::granted(const Scope& scope, bool is_settled) {
    World world = fresh(scope);
    world.settle();
    for (int i = 0; i < 3; ++i) {
        world.pass_time();
        world.settle();
    }
    for (int i = 0; is_settled && i < 15; ++i) world.pass_time();
    return world;
}

World World::split(const Scope& scope) {
    World world = granted(scope, /*is_settled=*/true);
    Nodes others;
    for (const Node& one : world.nodes_)
        if (one.id != 1) others.insert(one.id);
    for (const Nodes& set : {Nodes{1}, others}) world.form(set);
    for (int i = 0; i < 15; ++i) {
        world.settle();
        world.pass_time();
    }
    return world;
}

// All that is under way arrives.
void World::settle() {
    for (bool is_moving = true; is_moving;) {
        is_moving = store_.under_way() > 0;
        while (store_.under_way() > 0) apply({Step::Kind::write});
        for (Node& one : nodes_) {
            while (!one.is_cut && one.is_alive && one.link == Node::Link::open &&
                   (!one.up.empty() || !one.down.empty())) {
                apply({one.up.empty() ? Step::Kind::take : Step::Kind::deliver, one.id});
                is_moving = true;
            }
        }
    }
}

bool World::has_session(NodeId id) const {
    return std::any_of(sessions_.begin(), sessions_.end(),
                       [&](const auto& entry) { return entry.second == id; });
}

// -- the arbiter ----------------------------------------------------------------------------------

void World::violate(std::string what) {
    if (first_violation_.empty()) first_violation_ = what;
    if (violation_.empty()) violation_ = std::move(what);
}

void World::step(Input what) {
    qnetd::Event event{.now = now_};
    std::visit([&](auto& one) { event.what = std::move(one); }, what);
    for (const qnetd::Action& action : arbiter_.step(event)) {
        if (const auto* persist = std::get_if<qnetd::Persist>(&action)) store_.write(*persist);
        if (const auto* close = std::get_if<qnetd::Close>(&action)) {
            const auto found = sessions_.find(close->connection);
            if (found != sessions_.end()) {
                oracle_.ended(found->second, /*by_itself=*/false, now_);
                Node& closed = node(found->second);
                if (closed.connection == close->connection && closed.link == Node::Link::open)
                    closed.link = Node::Link::broken;
                sessions_.erase(found);
            }
            for (ConnectionId& connection : beta_.connections)
                if (connection == close->connection) connection = 0;
        }
        if (const auto* send = std::get_if<qnetd::Send>(&action)) is_told(*send);
    }
    look();
}

void World::is_told(const qnetd::Send& send) {
    const auto found = sessions_.find(send.connection);
    if (found == sessions_.end() || send.message.type != wire::MessageType::vote_info) return;
    Node& to = node(found->second);
    const Down down{.number = *send.message.msg_seq_number,
                    .vote = *send.message.vote,
                    .ring = *send.message.ring_id,
                    .grant = send.message.grant_number.value_or(0)};
    if (scope_->settings.durable_grants && down.vote == wire::Vote::ack) {
        const auto& word = oracle_.entries().at(to.id).word;
        if (!word || !store_.is_certain_of(to.id, *word))
            violate(fmt::format("I3: ACK to node {}, which a restart may forget", to.id));
    }
    if (std::string wrong = oracle_.told(to.id, down, now_); scope_->judges_rules && !wrong.empty())
        violate(std::move(wrong));
    if (to.connection == send.connection && to.link == Node::Link::open) to.down.push_back(down);
}

// I1.
void World::look() {
    for (const Node& one : nodes_) {
        if (!is_quorate(one, scope_->votes, now_)) continue;
        for (const Node& other : nodes_) {
            if (other.id <= one.id || !is_quorate(other, scope_->votes, now_)) continue;
            const bool is_disjoint =
                std::none_of(one.ring.members.begin(), one.ring.members.end(),
                             [&](NodeId member) { return other.ring.members.contains(member); });
            if (is_disjoint)
                violate(fmt::format("I1: nodes {} and {} are quorate in disjoint rings", one.id,
                                    other.id));
        }
    }
}

// -- rings ----------------------------------------------------------------------------------------

void World::form(const Nodes& set) {
    std::uint64_t seq = 0;
    std::vector<Ring> left;
    for (const NodeId id : set) {
        seq = std::max(seq, node(id).seq);
        left.push_back(node(id).ring);
    }
    const Ring ring{{*set.begin(), seq + 1}, set};
    for (Node& one : nodes_)
        if (set.contains(one.id))
            enter_ring(one, ring);
        else if (std::find(left.begin(), left.end(), one.ring) != left.end())
            one.is_gathering = true;
}

// -- time -----------------------------------------------------------------------------------------

void World::echo_all() {
    for (Node& one : nodes_) {
        if (one.link != Node::Link::open || one.is_cut || !one.up.empty()) continue;
        echo(one);
    }
    for (const ConnectionId connection : beta_.connections)
        if (connection != 0) step(qnetd::Received{connection, message::echo()});
}

void World::advance_to(Instant end) {
    for (auto next = arbiter_.next_deadline(); next && *next <= end;
         next = arbiter_.next_deadline()) {
        now_ = std::max(now_, *next);
        settle_clocks();
        step(qnetd::TimePassed{});
        settle_clocks();
    }
    now_ = end;
    settle_clocks();
}

// What nodes do because a time of theirs is over.
void World::settle_clocks() {
    for (Node& one : nodes_) {
        if (one.flag_until && now_ >= *one.flag_until) {
            one.flag = false;
            one.flag_until.reset();
        }
        // Nothing is read from a connection on which nothing came for so long.
        if (one.link == Node::Link::broken && now_ >= one.heard + 2 * heartbeat) one.down.clear();
        if (const auto end = lets_go_at(one, scope_->votes); end && now_ >= *end) {
            const bool is_told = !one.is_cut && one.link == Node::Link::open;
            let_go(one, scope_->votes, now_);
            if (is_told) end_session(one, qnetd::CloseCause::end_of_stream);
        }
    }
}

// Time goes on to where the arbiter has waited long enough for something.
void World::pass_moment() {
    advance_to(*arbiter_.next_deadline());
    look();
}

void World::pass_time() {
    echo_all();
    advance_to(now_ + tick);
    // Fact 5: whoever is in a ring that a member has left loses the token.
    for (Node& one : nodes_)
        for (const NodeId member : one.ring.members)
            if (node(member).ring != one.ring) one.is_gathering = true;
    look();
}

// -- steps ----------------------------------------------------------------------------------------

void World::carry_out(const Step& what) {
    using Kind = Step::Kind;
    const bool is_of_node =
        what.node != 0 && what.kind != Kind::flap && what.kind != Kind::restart_arbiter;
    Node* one = is_of_node ? &node(what.node) : nullptr;
    switch (what.kind) {
        case Kind::deliver: deliver(*one); break;
        case Kind::take:
            take_vote(*one, one->down.front(), now_);
            one->down.pop_front();
            break;
        case Kind::pass: pass_time(); break;
        case Kind::pass_moment: pass_moment(); break;
        case Kind::connect: connect(*one); break;
        case Kind::notice: notice_end(*one, scope_->votes, now_); break;
        case Kind::start: start(*one); break;
        case Kind::mend: one->is_cut = false; break;
        case Kind::form: form(what.set); break;
        case Kind::lose_token:
            for (const NodeId member : Nodes(one->ring.members))
                if (node(member).ring == one->ring) node(member).is_gathering = true;
            break;
        case Kind::restart:
            restart(*one);
            if (!one->is_cut) end_session(*one, qnetd::CloseCause::end_of_stream);
            break;
        case Kind::stop: stop(*one); break;
        case Kind::cut:
            one->is_cut = true;
            lose_late_yes(*one);
            break;
        case Kind::reset:
            lose_late_yes(*one);
            one->link = Node::Link::broken;
            one->up.clear();
            one->down.clear();
            end_session(*one, qnetd::CloseCause::reset_or_error);
            break;
        case Kind::kill:
            kill_daemon(*one, scope_->votes, now_);
            if (!one->is_cut) end_session(*one, qnetd::CloseCause::end_of_stream);
            break;
        case Kind::pass_check:
            one->up.push_back({.kind = Up::Kind::heuristics, .heuristics = wire::Heuristics::pass});
            break;
        case Kind::fail_check:
            one->up.push_back({.kind = Up::Kind::heuristics, .heuristics = wire::Heuristics::fail});
            break;
        case Kind::write: write(); break;
        case Kind::restart_arbiter: restart_arbiter(what.node, /*loses_store=*/false); break;
        case Kind::lose_store: restart_arbiter(0, /*loses_store=*/true); break;
        case Kind::flap: flap(what.node - 1); break;
    }
}

void World::apply(const Step& step_to_do) {
    using Kind = Step::Kind;
    violation_.clear();
    const Kind kind = step_to_do.kind;
    const bool is_beta = kind == Kind::flap;
    const bool is_watched =
        scope_->second_cluster && kind != Kind::pass && kind != Kind::restart_arbiter;
    std::optional<qnetd::Cluster> other;
    const char* other_name = cluster_names.at(is_beta ? 1 : 0);
    if (is_watched) other = qnetd::Innards::cluster(arbiter_, other_name);
    carry_out(step_to_do);
    for (Node& each : nodes_)
        if (each.link != Node::Link::open) each.up.clear();
    look();
    if (is_watched && other != qnetd::Innards::cluster(arbiter_, other_name))
        violate(fmt::format("I6: the event changed the cluster \"{}\"", other_name));
    if (story_ != nullptr) story_->push_back(to_string(step_to_do) + "\n" + to_text());
}

}  // namespace castvote::explore
