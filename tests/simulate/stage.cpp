// stage.cpp -- see stage.hpp.
// SPDX-License-Identifier: BSD-3-Clause
#include "tests/simulate/stage.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace castvote::simulate {

void Ear::opened(ConnectionId connection, NodeId node) {
    nodes_[connection] = node;
    arbiter->opened(connection, node);
}

void Ear::received(ConnectionId connection, wire::Message&& message) {
    const NodeId node = nodes_[connection];
    if (message.type == wire::MessageType::vote_info_reply && swallows_replies_of.contains(node))
        return;
    if (message.type == wire::MessageType::echo_request) {
        ++echoes[node];
        echo_at[node] = schedule->now();
    }
    if (message.node_list_type == wire::NodeListType::membership) {
        ++lists[node];
        Word& word = words[node] = {};
        word.ring = message.ring_id.value_or(RingId{});
        for (const auto& info : message.node_info) word.members.insert(info.node_id);
    }
    arbiter->received(connection, std::move(message));
}

Stage::Stage(const Setup& setup, Mix mix, qnetd::Rules rules, std::uint64_t seed, bool with_trace)
    : setup_(setup),
      mix_(mix),
      with_trace_(with_trace),
      dice_(seed),
      network_(schedule_, dice_),
      cluster_(schedule_, dice_, setup.timers, setup.nodes, 1) {
    if (mix.our_arbiter) {
        auto ours = std::make_unique<ArbiterHost>(
            schedule_, network_, settings(rules), 1000,
            [this](const qnetd::Note& said) { note("arbiter: " + to_line(said)); });
        ours->slow_store([this] { return setup_.store_delay; }, [] { return false; });
        ours->watch_acks([this, host = ours.get()](NodeId node, RingId ring) {
            judge_ack(node, ring);
            if (setup_.keeps_state && !host->is_recorded(node, ring))
                complain(fmt::format("R3: an ACK for node {} before it is recorded", node));
        });
        arbiter_ = std::move(ours);
    } else {
        arbiter_ = std::make_unique<StockArbiter>(
            schedule_, network_, [this](const std::string& text) { note("arbiter: " + text); });
    }
    ear_.arbiter = arbiter_.get();
    ear_.schedule = &schedule_;
    network_.attach(&ear_);
    Nodes configured;
    for (NodeId id = 1; id <= setup.nodes; ++id) configured.insert(id);
    for (const NodeId id : configured) {
        const DaemonWorld world{schedule_, dice_, cluster_, network_,
                                [this](NodeId node, const std::string& text) {
                                    note(fmt::format("node {}: {}", node, text));
                                }};
        daemons_[id] = mix.our_nodes ? make_our_daemon(world, id, configured, 1000)
                                     : make_stock_daemon(world, id, configured);
        network_.attach(id, daemons_[id].get());
        cluster_.node(id).listener = daemons_[id].get();
    }
}

qnetd::Settings Stage::settings(qnetd::Rules rules) const {
    qnetd::Settings settings;
    settings.device_timeout = Duration(setup_.timers.device_timeout / 1000);
    settings.failover = setup_.failover;
    settings.durable_grants = setup_.keeps_state;
    settings.rules = rules;
    return settings;
}

// -- time -----------------------------------------------------------------------------------------

bool Stage::step(Micros end) {
    // What is so after a step stays so until the next one.
    const auto overlap = cluster_.double_quorum();
    const bool is_window = overlap.one != 0 && !(overlap.is_last_moment() && !mix_.our_nodes);
    const Micros before = now();
    Nodes quorate;
    for (const auto& [id, c] : cluster_.nodes())
        if (is_quorate(id)) quorate.insert(id);
    const bool is_done = schedule_.step(end);
    for (const NodeId id : quorate) quorate_time_[id] += now() - before;
    if (is_window) window_ += now() - before;
    if (with_trace_) {
        const auto after = cluster_.double_quorum();
        if (after.one != overlap.one)
            note(after.one != 0
                     ? fmt::format("nodes {} and {} are both quorate", after.one, after.other)
                     : "no two rings are quorate any more");
    }
    return is_done;
}

void Stage::play(Micros duration) {
    const Micros end = now() + duration;
    while (step(end)) {
    }
}

// -- situations -----------------------------------------------------------------------------------

void Stage::whole() {
    start_arbiter();
    for (auto& [id, daemon] : daemons_) {
        cluster_.start(id, false);
        daemon->start();
    }
    const auto is_whole = [this] {
        return std::all_of(daemons_.begin(), daemons_.end(), [this](const auto& entry) {
            const Corosync& c = cluster_.nodes().at(entry.first);
            return is_quorate(c.id) && c.flag && c.members.size() == daemons_.size();
        });
    };
    play_until(is_whole, ms(120000), "a whole cluster with the vote");
    play(5 * setup_.timers.device_timeout);
}

void Stage::split(const Nodes& part) {
    note("the cluster is split");
    ++groups_;
    for (auto& [id, daemon] : daemons_)
        cluster_.set_group(id, part.contains(id) ? 2 * groups_ : 2 * groups_ + 1);
}

void Stage::heal() {
    note("the cluster's links heal");
    ++groups_;
    for (auto& [id, daemon] : daemons_) cluster_.set_group(id, 2 * groups_);
}

void Stage::hold(const Nodes& part) {
    whole();
    split(part);
    const auto holds = [&] {
        return std::all_of(daemons_.begin(), daemons_.end(), [&](const auto& entry) {
            const Corosync& c = cluster_.nodes().at(entry.first);
            return c.phase == Phase::operational && c.quorate == part.contains(c.id) &&
                   (!part.contains(c.id) || c.members == part);
        });
    };
    play_until(holds, ms(60000), "this part has the vote");
    // Votes come to rest: two heartbeats and some.
    play(2 * setup_.timers.device_timeout);
}

void Stage::after_echo(NodeId node) {
    const std::uint64_t before = ear_.echoes[node];
    play_until([&] { return ear_.echoes[node] > before; }, ms(60000), "an echo");
    play(ms(5));
}

void Stage::after_poll(NodeId node) {
    const std::uint64_t before = cluster_.node(node).device_timer;
    play_until([&] { return cluster_.node(node).device_timer != before; }, ms(60000), "a poll");
}

void Stage::after_list(NodeId node) {
    const std::uint64_t before = ear_.lists[node];
    play_until([&] { return ear_.lists[node] > before; }, ms(60000), "a membership list");
}

// -- what befalls ---------------------------------------------------------------------------------

void Stage::power_off(NodeId node) {
    note(fmt::format("node {} loses power", node));
    daemons_[node]->kill(/*with_fin=*/false);
    cluster_.stop(node);
}

void Stage::boot(NodeId node) {
    note(fmt::format("node {} boots", node));
    cluster_.start(node, /*lost_ring_file=*/false);
    daemons_[node]->start();
}

void Stage::restart_corosync(NodeId node) {
    note(fmt::format("node {}: corosync and its daemon are restarted", node));
    daemons_[node]->kill(/*with_fin=*/true);
    cluster_.stop(node);
    boot(node);
}

void Stage::start_arbiter() {
    note("the arbiter starts");
    arbiter_->start();
}

// Its new life need not know what was reported to the old one.
void Stage::kill_arbiter() {
    note("the arbiter is killed");
    arbiter_->kill();
    ear_.words.clear();
}

void Stage::power_off_arbiter() {
    note("the arbiter's machine loses power");
    arbiter_->lose_power();
    ear_.words.clear();
}

void Stage::restart_arbiter(Micros after) {
    kill_arbiter();
    play(after);
    start_arbiter();
}

void Stage::freeze_arbiter() {
    note("the arbiter is frozen");
    arbiter_->freeze();
}

void Stage::thaw_arbiter() {
    note("the arbiter is thawed");
    arbiter_->thaw();
}

void Stage::lose_store() {
    note("the arbiter's store is lost");
    arbiter_->lose_store();
}

// -- what is asked --------------------------------------------------------------------------------

bool Stage::is_quorate(NodeId node) const {
    const Corosync& c = cluster_.nodes().at(node);
    return c.phase == Phase::operational && c.quorate;
}

bool Stage::is_quorate_anew(NodeId node) const {
    const Nodes& members = cluster_.nodes().at(node).members;
    return is_quorate(node) && std::all_of(members.begin(), members.end(), [&](NodeId other) {
               return cluster_.nodes().at(other).phase != Phase::down &&
                      cluster_.group(other) == cluster_.group(node);
           });
}

void Stage::expect(bool is_so, const std::string& what) {
    if (is_ours() && !is_so) complain(what);
}

void Stage::expect_quorate(NodeId node, Micros within) {
    if (!is_ours()) return play(within);
    const Micros began = now();
    play_until([&] { return is_quorate_anew(node); }, within,
               fmt::format("node {} is quorate", node));
    note(fmt::format("node {} is quorate after {:.3f} s", node,
                     static_cast<double>(now() - began) / 1e6));
}

void Stage::note(const std::string& text) {
    if (with_trace_)
        trace_.push_back(fmt::format("{:10.3f} {}", static_cast<double>(now()) / 1e6, text));
}

// R1: it names the ring that its node reported last, and no member has reported a later one.
void Stage::judge_ack(NodeId node, RingId ring) {
    const Ear::Word& word = ear_.words[node];
    if (word.ring != ring) return complain("R1: an ACK for another ring than the one reported");
    for (const NodeId member : word.members)
        if (ear_.words[member].ring.seq > ring.seq)
            return complain(fmt::format("R1: an ACK for a ring which node {} has left", member));
}

std::vector<std::string> Stage::complaints() { return complaints_; }

void Stage::complain(const std::string& what) {
    complaints_.push_back(fmt::format("at {:.3f} s: {}", static_cast<double>(now()) / 1e6, what));
    note(complaints_.back());
}

}  // namespace castvote::simulate
