// innards.cpp -- see innards.hpp.
// SPDX-License-Identifier: BSD-3-Clause
#include "tests/explore/innards.hpp"

#include <algorithm>

#include "tests/explore/world.hpp"

namespace castvote::explore {

namespace {

// No rule looks back further than a lifetime, which is less.
constexpr Duration long_ago{64'000};

// last: the number of the last VOTE_INFO to the node; others count from it.
void write(KeyWriter& key, const Node& node, std::uint32_t last) {
    key.ring(node.ring);
    key.flag(node.is_gathering);
    key.ring_id({node.id, node.seq});
    key.flag(node.is_alive);
    key.flag(node.is_cut);
    key.number(static_cast<std::uint64_t>(node.link));
    key.ring_id(node.reported);
    key.time(node.heard);
    if (node.has_lease) key.time(node.echoed);
    key.flag(node.flag);
    key.time(node.flag_until);
    key.flag(node.is_cast);
    key.flag(node.has_late_yes);
    key.number(node.up.size());
    for (const Up& up : node.up) {
        key.number(static_cast<std::uint64_t>(up.kind));
        key.number(static_cast<std::uint64_t>(up.heuristics));
        key.number(last - up.number);
        key.ring(up.ring);
    }
    key.number(node.down.size());
    for (const Down& down : node.down) {
        key.number(last - down.number);
        key.number(static_cast<std::uint64_t>(down.vote));
        key.ring_id(down.ring);
    }
}

void write(KeyWriter& key, const Entry& entry, std::uint32_t last, bool has_lease) {
    key.flag(entry.is_connected);
    key.flag(entry.has_reported);
    key.ring(entry.word);
    key.time(entry.word_at);
    if (has_lease) key.time(entry.echoed);
    key.flag(entry.is_old_word);
    key.flag(entry.is_voting);
    key.time(entry.waits_since);
    key.time(entry.flag_on);
    key.flag(entry.told.has_value());
    if (entry.told) {
        key.number(last - entry.told->number);
        key.number(static_cast<std::uint64_t>(entry.told->vote));
        key.ring(entry.told->ring);
    }
    key.flag(entry.is_denied);
    key.flag(entry.probe.has_value());
    if (entry.probe) {
        key.number(last - entry.probe->number);
        key.time(entry.probe->sent);
        key.flag(entry.probe->is_answered);
    }
    key.flag(entry.grant.has_value());
    if (!entry.grant) return;
    key.ring(entry.grant->ring);
    key.flag(entry.grant->is_answered);
    key.time(entry.grant->heard_before_break);
    key.flag(entry.grant->left_young);
    key.time(entry.grant->proof_at);
    key.time(entry.grant->ended);
    key.flag(entry.grant->by_itself);
    key.flag(entry.grant->is_restored);
    key.future(entry.grant->unbroken_until);
    key.time(entry.grant->forgotten);
}

void write(KeyWriter& key, const World& world) {
    const auto last = [&](const Node& node) {
        return qnetd::Innards::sequence(world.arbiter(), node.connection);
    };
    for (const Node& node : world.nodes()) write(key, node, last(node));
    for (const auto& [id, entry] : world.oracle().entries()) {
        key.number(id);
        const Node& node = world.nodes().at(id - 1);
        write(key, entry, last(node), node.has_lease);
    }
    for (const ConnectionId connection : world.beta().connections) key.flag(connection != 0);
    qnetd::Innards::write(key, world.arbiter(), world.sessions());
    qnetd::Innards::write(key, world.arbiter(), world.store());
    for (const Node& node : world.nodes()) qnetd::Innards::write(key, world.arbiter(), node);
}

std::uint64_t mix(std::uint64_t z) {
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

}  // namespace

void KeyWriter::number(std::uint64_t value) {
    if (is_ranking_) return;
    key_.high = mix(key_.high ^ value) + 0x9e3779b97f4a7c15u;
    key_.low = mix(key_.low + value * 0xd6e8feb86659fd93u + 0x165667b19e3779f9u);
}

void KeyWriter::time(Instant at) {
    number(static_cast<std::uint64_t>(std::min(now_ - at, long_ago).count()));
}

void KeyWriter::future(Instant at) { time(std::max(at, now_)); }

void KeyWriter::time(const std::optional<Instant>& at) {
    flag(at.has_value());
    if (at) time(*at);
}

void KeyWriter::ring_id(const wire::RingId& ring) {
    if (is_ranking_) sequences_.push_back(ring.seq);
    if (is_ranking_) return;
    number(ring.node_id);
    const auto at = std::lower_bound(sequences_.begin(), sequences_.end(), ring.seq);
    number(static_cast<std::uint64_t>(at - sequences_.begin()));
}

void KeyWriter::ring(const qnetd::Ring& ring) {
    ring_id(ring.id);
    nodes(ring.members);
}

void KeyWriter::ring(const std::optional<qnetd::Ring>& one) {
    flag(one.has_value());
    if (one) ring(*one);
}

void KeyWriter::nodes(const qnetd::Nodes& nodes) {
    std::uint64_t bits = 0;
    for (const qnetd::NodeId node : nodes) bits |= std::uint64_t{1} << node;
    number(bits);
}

void KeyWriter::rank_sequences() {
    std::sort(sequences_.begin(), sequences_.end());
    sequences_.erase(std::unique(sequences_.begin(), sequences_.end()), sequences_.end());
    is_ranking_ = false;
}

Key key_of(const World& world) {
    KeyWriter key(world.now());
    write(key, world);
    key.rank_sequences();
    write(key, world);
    return key.key();
}

}  // namespace castvote::explore

namespace castvote::qnetd {

using explore::KeyWriter;

std::uint32_t Innards::sequence(const Arbiter& arbiter, ConnectionId connection) {
    const auto session = arbiter.sessions_.find(connection);
    if (session == arbiter.sessions_.end()) return 0;
    return arbiter.clusters_.at("alpha").members_.at(session->second.node).sequence;
}

std::optional<Cluster> Innards::cluster(const Arbiter& arbiter, const std::string& name) {
    const auto found = arbiter.clusters_.find(name);
    return found == arbiter.clusters_.end() ? std::nullopt : std::optional(found->second);
}

bool Innards::holds(const Cluster& cluster, NodeId node) {
    return cluster.ledger_.holders().contains(node);
}

void Innards::write(KeyWriter& key, const Arbiter& arbiter,
                    const std::map<ConnectionId, NodeId>& sessions) {
    for (const auto& [connection, node] : sessions) {
        const Session& session = arbiter.sessions_.at(connection);
        key.number(node);
        key.flag(session.is_inited);
        key.time(session.last_message);
        key.time(session.grace_until);
        const bool is_burst = arbiter.now_ < session.burst_until;
        key.future(session.burst_until);
        key.time(is_burst ? session.before_burst : arbiter.now_);
    }
    for (const auto& [name, cluster] : arbiter.clusters_) {
        key.number(name.size());
        write(key, cluster);
    }
    key.number(arbiter.clusters_.size());
}

// Grants count by how far back they are.
void Innards::write(KeyWriter& key, const Arbiter& arbiter, const explore::Node& node) {
    if (!arbiter.settings_.durable_grants || !node.has_lease) return;
    key.number(arbiter.last_grant_ - node.last_grant);
    for (const explore::Down& down : node.down) key.number(arbiter.last_grant_ - down.grant);
}

void Innards::write(KeyWriter& key, const Member& m) {
    key.number(m.node);
    key.flag(m.keep_active);
    key.number(static_cast<std::uint64_t>(m.lease.count()));
    if (m.lease.count() > 0) key.time(m.last_echo);
    key.flag(m.kept_vote_of.has_value());
    if (m.kept_vote_of) key.ring_id(*m.kept_vote_of);
    key.flag(m.has_doubtful_quorum_list);
    key.flag(m.has_quorum_list);
    key.flag(m.quorum_list_ahead.has_value());
    if (m.quorum_list_ahead) key.nodes(*m.quorum_list_ahead);
    key.ring(m.ring);
    key.flag(m.has_membership);
    key.flag(m.has_moved);
    key.time(m.last_sent_after);
    key.flag(m.has_config);
    key.nodes(m.configured);
    key.number(static_cast<std::uint64_t>(m.heuristics));
    key.number(static_cast<std::uint64_t>(m.due));
    key.flag(m.told.has_value());
    if (m.told) {
        key.number(m.sequence - m.told->sequence);
        key.number(static_cast<std::uint64_t>(m.told->vote));
        key.ring(m.told->ring);
        key.flag(m.told->switches_on);
    }
    key.time(m.nack_unanswered_since);
    key.time(m.never_confirms_since);
    if (m.never_confirms_since) key.time(m.last_nack);
    key.future(m.ack_not_before);
    key.flag(m.is_newcomer);
    key.time(m.first_list_at);
    key.flag(m.is_set_aside);
    key.flag(m.was_passed_over);
    key.flag(m.probe.has_value());
    if (m.probe) {
        key.number(m.sequence - m.probe->sequence);
        key.ring(m.probe->ring);
        key.time(m.probe->sent);
        key.flag(m.probe->is_answered);
    }
    key.ring(m.voting_in);
    key.time(m.flag_on);
    key.time(m.poll_paused);
    key.number(static_cast<std::uint64_t>(m.last_ack_or_nack));
}

void Innards::write(KeyWriter& key, const Cluster& cluster) {
    for (const auto& [node, member] : cluster.members_) write(key, member);
    write(key, cluster.ledger_);
    key.flag(cluster.is_stable_);
    key.time(cluster.unstable_since_);
    key.flag(cluster.candidate_.has_value());
    if (cluster.candidate_) {
        key.ring(cluster.candidate_->ring);
        key.nodes(cluster.candidate_->configured);
    }
    key.ring(cluster.granted_);
    key.flag(cluster.granted_since_.has_value());
    key.time(cluster.look_again_);
}

void Innards::write(KeyWriter& key, const Holder& holder) {
    key.ring(holder.grant.ring);
    key.nodes(holder.grant.configured);
    key.number(static_cast<std::uint64_t>(holder.timers.heartbeat.count()));
    key.number(static_cast<std::uint64_t>(holder.timers.lease.count()));
    key.time(holder.flag_on);
    key.flag(holder.is_confirmed);
    key.time(holder.last_message);
    key.time(holder.last_echo);
    key.time(holder.ended);
    key.flag(holder.end_of_stream);
    key.flag(holder.is_at_rest);
    key.flag(holder.needs_proof);
    key.time(holder.proof_complete);
    key.time(holder.round_over);
    key.time(holder.broken_since);
    key.time(holder.last_before_break);
    key.flag(holder.is_restored);
    key.flag(holder.is_awaited);
    key.future(holder.unbroken_until);
}

void Innards::write(KeyWriter& key, const Word& word) {
    key.ring(word.ring);
    key.time(word.at);
    key.time(word.first_list_at);
    key.time(word.denied);
    key.time(word.settled);
}

void Innards::write(KeyWriter& key, const Ledger& ledger) {
    key.time(ledger.guard_from_);
    for (const auto& [node, holder] : ledger.holders_) {
        key.number(node);
        write(key, holder);
    }
    key.number(ledger.holders_.size());
    for (const auto& [node, word] : ledger.words_) {
        key.number(node);
        write(key, word);
    }
    key.number(ledger.words_.size());
    for (const auto& [node, at] : ledger.unheard_since_) {
        key.number(node);
        key.time(at);
    }
    key.number(ledger.unheard_since_.size());
    for (const auto& [node, at] : ledger.known_from_) {
        key.number(node);
        key.time(at);
    }
}

void Innards::write(KeyWriter& key, const Record& record, std::uint64_t last) {
    key.number(last - record.grant_number);
    key.ring(record.granted);
    key.time(record.guard_from);
    for (const auto& [node, holder] : record.holders) {
        key.number(node);
        write(key, holder);
    }
    key.number(record.holders.size());
    for (const auto& [node, word] : record.words) {
        key.number(node);
        write(key, word);
    }
    key.number(record.words.size());
    for (const auto& [node, at] : record.known_from) {
        key.number(node);
        key.time(at);
    }
}

// What the store has and what it was asked for, in the arbiter's book-keeping and in fact.
void Innards::write(KeyWriter& key, const Arbiter& arbiter, const explore::Store& store) {
    if (!arbiter.settings_.durable_grants) return;
    const std::uint64_t last = arbiter.last_grant_;
    key.time(arbiter.guard_from_);
    key.time(store.guard_from());
    for (const auto& [name, record] : store.records()) write(key, record, last);
    key.number(store.records().size());
    for (const qnetd::Persist& persist : store.pending()) {
        key.number(arbiter.last_write_ - persist.number);
        write(key, persist.record, last);
    }
    key.number(store.pending().size());
    for (const auto& [name, cluster] : arbiter.clusters_) {
        for (const auto& [node, intent] : cluster.intents_) {
            key.number(node);
            write(key, intent);
        }
        write(key, cluster.asked_, last);
        key.number(arbiter.last_write_ - cluster.asked_number_);
        for (const auto& [node, holder] : cluster.durable_) {
            key.number(node);
            write(key, holder);
        }
        key.flag(cluster.durable_granted_.has_value());
        if (cluster.durable_granted_) key.ring(*cluster.durable_granted_);
        key.number(last - cluster.grant_number_);
        key.flag(cluster.restored_until_.has_value());
        if (cluster.restored_until_) key.future(*cluster.restored_until_);
        key.flag(cluster.must_write_);
        key.time(cluster.waits_for_record_since_);
    }
}

}  // namespace castvote::qnetd
