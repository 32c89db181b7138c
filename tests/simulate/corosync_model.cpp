// corosync_model.cpp -- see corosync_model.hpp.
// SPDX-License-Identifier: BSD-3-Clause
#include "tests/simulate/corosync_model.hpp"

#include <algorithm>
#include <utility>

namespace castvote::simulate {

ClusterModel::ClusterModel(Schedule& schedule, Dice& dice, Timers timers, std::size_t nodes,
                           unsigned device_votes)
    : schedule_(schedule),
      dice_(dice),
      timers_(timers),
      expected_nodes_(nodes),
      device_votes_(device_votes) {
    for (NodeId id = 1; id <= nodes; ++id) {
        nodes_[id].id = id;
        in_order_.push_back(&nodes_[id]);
        groups_[id] = 0;
        device_timers_[id].emplace(
            schedule, [this, id] { lose_vote(nodes_.at(id), /*is_withdrawn=*/false); });
    }
}

Nodes ClusterModel::component(NodeId node) const {
    Nodes reached;
    for (const auto& [id, c] : nodes_)
        if (c.phase != Phase::down && groups_.at(id) == groups_.at(node)) reached.insert(id);
    return reached;
}

void ClusterModel::start(NodeId id, bool lost_ring_file) {
    Corosync& c = nodes_.at(id);
    if (c.phase != Phase::down) return;
    c = {.id = id,
         .seq = lost_ring_file ? 0 : c.seq,
         .waits_for_all = has_wait_for_all_,
         .life = c.life + 1,
         .listener = c.listener};
    enter(c, Phase::gather);
    c.gather_since = schedule_.now();
    // A fresh corosync is alone for some milliseconds, whoever else there is (fact 5).
    schedule_.after(dice_.between(ms(5), ms(60)), [this, id, life = c.life] {
        Corosync& me = nodes_.at(id);
        if (me.life == life && me.phase == Phase::gather && me.members.empty()) {
            form({id});
            disturb();
        }
    });
}

void ClusterModel::stop(NodeId id) {
    Corosync& c = nodes_.at(id);
    if (c.phase == Phase::down) return;
    enter(c, Phase::down);
    c.quorate = false;
    c.flag = c.alive = c.registered = c.holding = false;
    device_timers_.at(id)->set({});
    ++c.life;
    disturb();
}

void ClusterModel::set_group(NodeId id, int group) {
    if (groups_.at(id) == group) return;
    groups_.at(id) = group;
    disturb();
}

void ClusterModel::enter(Corosync& c, Phase phase) {
    c.phase = phase;
    has_changed_ = true;
}

// Whoever's ring no longer is what it can reach will notice.
void ClusterModel::disturb() {
    for (auto& [id, c] : nodes_) {
        if (c.phase == Phase::down || c.members.empty()) continue;
        const Nodes reached = component(id);
        const bool lost_somebody = !reached.includes(c.members);
        const bool was_stalled =
            std::exchange(c.stalled, lost_somebody && c.phase != Phase::gather);
        if (was_stalled && !c.stalled) go_on(c);
        if (c.phase != Phase::gather && reached == c.members) continue;
        const Micros delay = lost_somebody ? dice_.between(timers_.token, timers_.token * 13 / 10)
                                           : dice_.between(ms(5), ms(250));
        schedule_.after(delay, [this, node = id, life = c.life, gathering = c.gathering] {
            lose_token(node, life, gathering);
        });
    }
}

void ClusterModel::lose_token(NodeId id, std::uint64_t life, std::uint64_t gathering) {
    Corosync& c = nodes_.at(id);
    if (c.life != life || c.gathering != gathering || c.phase == Phase::down) return;
    if (c.phase != Phase::gather && component(id) == c.members) return;
    enter_gather(c);
    try_form(id);
}

void ClusterModel::enter_gather(Corosync& c) {
    if (c.phase == Phase::gather) return;
    enter(c, Phase::gather);
    ++c.gathering;
    c.gather_since = schedule_.now();
    c.holding = c.stalled = false;
    c.around.clear();
    join(c);
}

// The join message draws in everybody who hears it.
void ClusterModel::join(const Corosync& c) {
    for (const NodeId other : component(c.id)) {
        Corosync& o = nodes_.at(other);
        if (other == c.id || o.phase == Phase::gather || o.members.empty()) continue;
        schedule_.after(dice_.between(ms(1), ms(30)),
                        [this, other, life = o.life, gathering = o.gathering] {
                            Corosync& drawn = nodes_.at(other);
                            if (drawn.life != life || drawn.gathering != gathering) return;
                            if (drawn.phase == Phase::down) return;
                            enter_gather(drawn);
                            try_form(other);
                        });
    }
}

// The consensus time-out: members of the rings left behind who do not answer are waited for.
Micros ClusterModel::consensus(const Nodes& reached) const {
    for (const NodeId id : reached) {
        if (!reached.includes(nodes_.at(id).members)) return timers_.token * 12 / 10;
    }
    return 0;
}

// Consensus: after a while, when all who reach each other are gathering, they form a ring.
void ClusterModel::try_form(NodeId id) {
    const Corosync& c = nodes_.at(id);
    schedule_.after(dice_.between(ms(40), timers_.token / 5 + ms(60)), [this, id, life = c.life,
                                                                        gathering = c.gathering] {
        const Corosync& me = nodes_.at(id);
        if (me.life != life || me.gathering != gathering) return;
        if (me.phase != Phase::gather) return;
        const Nodes members = component(id);
        const Micros since = schedule_.now() - consensus(members);
        const bool is_agreed = std::all_of(members.begin(), members.end(), [&](NodeId n) {
            return nodes_.at(n).phase == Phase::gather && nodes_.at(n).gather_since <= since;
        });
        if (is_agreed) {
            form(members);
        } else {
            join(me);  // It is repeated: somebody may hear us only now.
            try_form(id);
        }
    });
}

void ClusterModel::form(const Nodes& members) {
    std::uint64_t seq = 0;
    for (const NodeId id : members) seq = std::max(seq, nodes_.at(id).seq);
    const RingId ring{*members.begin(), seq + 4};
    for (const NodeId id : members) {
        Corosync& c = nodes_.at(id);
        enter(c, Phase::sync);
        ++c.gathering;
        c.ring = ring;
        c.members = members;
        c.seq = ring.seq;
        c.holding = c.registered && c.alive;
        if (c.holding) arm_device_timer(c, timers_.device_sync_timeout);
    }
    for (const NodeId id : members) {
        tell(nodes_.at(id), [ring](Corosync& c) {
            if (c.ring == ring) c.listener->ring_changed(ring, c.members);
        });
    }
    schedule_.after(dice_.between(ms(1), ms(20)), [this, ring] { sync_maybe_done(ring); });
    // Somebody may have come or gone meanwhile.
    disturb();
}

void ClusterModel::sync_maybe_done(RingId ring) {
    bool anybody = false;
    Nodes members;
    for (const auto& [id, c] : nodes_) {
        if (c.phase != Phase::sync || c.ring != ring) continue;
        if (c.holding || c.stalled) return;
        anybody = true;
        members = c.members;
    }
    if (!anybody) return;
    for (const NodeId id : members) {
        Corosync& c = nodes_.at(id);
        if (c.phase != Phase::sync || c.ring != ring) {
            // A member that died or left in the middle: the ring breaks again.
            disturb();
            return;
        }
    }
    share_quorum(members);
    for (const NodeId id : members) operational(nodes_.at(id));
}

// Who joins a quorate member need not wait for all.
void ClusterModel::share_quorum(const Nodes& members) {
    const bool is_quorate = std::any_of(members.begin(), members.end(), [this](NodeId id) {
        return nodes_.at(id).quorate && !nodes_.at(id).waits_for_all;
    });
    if (!is_quorate) return;
    for (const NodeId id : members) nodes_.at(id).waits_for_all = false;
}

void ClusterModel::operational(Corosync& c) {
    enter(c, Phase::operational);
    ++c.gathering;
    reckon(c, /*must_tell=*/true);
    // Fact 1: what was queued before the synchronisation comes now, and overwrites.
    let_go(c);
    disturb();
}

// The token is there again before anybody has missed it.
void ClusterModel::go_on(Corosync& c) {
    if (c.phase == Phase::sync) {
        schedule_.after(dice_.between(ms(1), ms(20)),
                        [this, ring = c.ring] { sync_maybe_done(ring); });
    } else if (c.phase == Phase::operational) {
        let_go(c);
    }
}

void ClusterModel::let_go(Corosync& c) {
    Micros delay = 0;
    for (const Queued& it : std::exchange(c.queued, {})) {
        delay += dice_.between(200, ms(3));  // in the order in which they were sent
        c.delivered_by = std::max(c.delivered_by, schedule_.now() + delay);
        if (!it.vote) ++c.noes_under_way;
        schedule_.after(delay, [this, id = c.id, life = c.life, it] {
            Corosync& me = nodes_.at(id);
            if (me.life != life) return;
            if (!it.vote) --me.noes_under_way;
            me.old_yes.reset();
            if (it.vote && me.yes_ring != me.ring)
                me.old_yes = {schedule_.now() - it.since, schedule_.now()};
            deliver(me, it);
        });
    }
    for (auto& back : std::exchange(c.around, {})) let_around(c, std::move(back));
}

void ClusterModel::send_around(NodeId id, Task back) {
    Corosync& c = nodes_.at(id);
    if (c.phase == Phase::sync) c.around.push_back(std::move(back));
    if (c.phase == Phase::operational) let_around(c, std::move(back));
}

// Behind the votes, which take up to 4 ms, and behind all that come out of the queue.
void ClusterModel::let_around(Corosync& c, Task back) {
    const Micros last_vote = std::max(ms(4), c.delivered_by - schedule_.now());
    schedule_.after(last_vote + dice_.between(100, ms(2)), [this, id = c.id, life = c.life,
                                                            gathering = c.gathering,
                                                            back = std::move(back)]() mutable {
        Corosync& me = nodes_.at(id);
        if (me.life != life || me.gathering != gathering || me.phase != Phase::operational) return;
        if (me.stalled)
            me.around.push_back(std::move(back));
        else
            back();
    });
}

void ClusterModel::deliver(Corosync& c, Queued it) {
    if (c.phase != Phase::operational || c.stalled) {
        c.queued.push_back(it);
        return;
    }
    c.flag = it.vote;
    reckon(c, /*must_tell=*/false);
}

bool ClusterModel::poll(NodeId id, bool vote, RingId ring) {
    Corosync& c = nodes_.at(id);
    if (c.phase == Phase::down || !c.registered || c.ring != ring) return false;
    const bool was_set = c.flag;
    c.alive = true;
    c.is_stray = false;
    c.flag = vote;
    c.yes_ring = vote ? std::optional(ring) : std::nullopt;
    // A "no" that has to come round the ring leaves the old "yes" counted until then.
    if (vote || c.phase == Phase::sync) c.old_yes.reset();
    arm_device_timer(c, timers_.device_timeout);
    if (c.phase == Phase::sync) {
        // Synchronisation messages have a queue of their own: nothing waits here.
        if (c.holding) {
            c.holding = false;
            schedule_.after(dice_.between(500, ms(6)), [this, ring] { sync_maybe_done(ring); });
        }
        return true;
    }
    if (was_set != vote) send_vote(c, vote);
    return true;
}

// Its own message, which comes round the ring in the order of what it sent.
void ClusterModel::send_vote(Corosync& c, bool vote) {
    if (c.phase == Phase::gather) {
        c.queued.push_back({vote, schedule_.now()});
        return;
    }
    if (!vote) ++c.noes_under_way;
    c.delivered_by = std::max(schedule_.now() + dice_.between(300, ms(4)), c.delivered_by + 1);
    schedule_.after(c.delivered_by - schedule_.now(),
                    [this, id = c.id, life = c.life, vote, since = schedule_.now()] {
                        Corosync& me = nodes_.at(id);
                        if (me.life != life || me.phase == Phase::down) return;
                        if (!vote) --me.noes_under_way;
                        me.old_yes.reset();
                        deliver(me, {vote, since});
                    });
}

// The device is withdrawn, which is told in any case, or has not polled in time.
void ClusterModel::lose_vote(Corosync& c, bool is_withdrawn) {
    const bool was_set = std::exchange(c.flag, false);
    c.alive = false;
    if (c.phase == Phase::sync) {
        // Our daemons wait for the end of a synchronisation: behind what is in the queue by then.
        if (is_withdrawn) c.queued.push_back({false, schedule_.now()});
        if (std::exchange(c.holding, false)) sync_maybe_done(c.ring);
    } else if (was_set || is_withdrawn) {
        send_vote(c, false);
    }
}

void ClusterModel::register_device(NodeId id) { nodes_.at(id).registered = true; }

void ClusterModel::unregister_device(NodeId id) {
    Corosync& c = nodes_.at(id);
    c.registered = false;
    arm_device_timer(c, {});
    lose_vote(c, /*is_withdrawn=*/true);
}

// None: it is stopped.
void ClusterModel::arm_device_timer(Corosync& c, std::optional<Micros> delay) {
    ++c.device_timer;
    device_timers_.at(c.id)->set(delay ? std::optional(schedule_.now() + *delay) : std::nullopt);
}

void ClusterModel::reckon(Corosync& c, bool must_tell) {
    const std::size_t votes = c.members.size() + (c.flag ? device_votes_ : 0);
    const std::size_t quorum = (expected_nodes_ + device_votes_) / 2 + 1;
    const std::size_t wanted = c.waits_for_all ? expected_nodes_ + device_votes_ : quorum;
    const bool quorate = votes >= wanted;
    c.waits_for_all = has_wait_for_all_ && !quorate;
    if (!must_tell && quorate == c.quorate && c.view == c.members) return;
    c.quorate = quorate;
    c.view = c.members;
    has_changed_ = true;
    // As it was reckoned; the flag is asked for when that is read.
    tell(c, [quorate, view = c.view](Corosync& me) {
        me.listener->quorum_changed(quorate, view, me.flag);
    });
}

// Its daemon reads rings and quorum in the order in which they were told.
void ClusterModel::tell(Corosync& c, std::function<void(Corosync&)> word) {
    c.told_by = std::max(schedule_.now() + dice_.between(100, ms(2)), c.told_by + 1);
    schedule_.after(c.told_by - schedule_.now(),
                    [this, id = c.id, life = c.life, word = std::move(word)] {
                        Corosync& me = nodes_.at(id);
                        if (me.life == life && me.phase != Phase::down && me.listener != nullptr)
                            word(me);
                    });
}

bool ClusterModel::is_giving_back(const Corosync& c) {
    return c.noes_under_way > 0 ||
           std::any_of(c.queued.begin(), c.queued.end(), [](const Queued& it) { return !it.vote; });
}

ClusterModel::Overlap ClusterModel::double_quorum() const {
    for (auto one = in_order_.begin(); one != in_order_.end(); ++one) {
        const Corosync& c = **one;
        if (c.phase != Phase::operational || !c.quorate) continue;
        for (auto other = std::next(one); other != in_order_.end(); ++other) {
            const Corosync& o = **other;
            if (o.phase != Phase::operational || !o.quorate || c.view.meets(o.view)) continue;
            return {.one = c.id,
                    .other = o.id,
                    .one_gives_back = is_giving_back(c),
                    .other_gives_back = is_giving_back(o),
                    .one_old = c.old_yes,
                    .other_old = o.old_yes,
                    .is_stray = c.is_stray || o.is_stray};
        }
    }
    return {};
}

}  // namespace castvote::simulate
