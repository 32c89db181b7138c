// watched_arbiter.cpp -- see watched_arbiter.hpp.
// SPDX-License-Identifier: BSD-3-Clause
#include "tests/fuzz/watched_arbiter.hpp"

#include <algorithm>

#include "tests/fuzz/private_options.hpp"

namespace castvote::fuzz {

namespace {

using tests::ArbiterDriver;
using tests::Happening;
using wire::Message;
using wire::MessageType;

constexpr std::size_t happenings_max = 40;  // of one message

ArbiterDriver driver_of(const qnetd::Settings& settings, Instant started, bool is_new_store) {
    if (!settings.durable_grants) return ArbiterDriver(settings, started);
    qnetd::Memory memory;
    if (is_new_store) memory.guard_from = started;
    return ArbiterDriver(settings, started, memory);
}

bool lists_lease(const Message& init) {
    const auto lease = static_cast<std::uint16_t>(wire::Option::lease);
    return init.supported_options &&
           std::count(init.supported_options->begin(), init.supported_options->end(), lease) != 0;
}

}  // namespace

WatchedArbiter::WatchedArbiter(const qnetd::Settings& settings, Instant started, bool is_new_store)
    : settings_(settings), driver_(driver_of(settings, started, is_new_store)) {
    copy_store();
}

void WatchedArbiter::open(unsigned client) {
    if (is_open(client)) return;
    driver_.open(name_of(client));
    clients_[client] = {};
}

void WatchedArbiter::close(unsigned client, qnetd::CloseCause cause) {
    if (!is_open(client)) return;
    left(client, driver_.now());
    driver_.close(name_of(client), cause);
}

void WatchedArbiter::left(unsigned client, Instant at) {
    if (clients_[client].who) watch_.left(*clients_[client].who, at);
    clients_[client] = {};
}

void WatchedArbiter::send(unsigned client, const Message& message) {
    if (is_open(client) && is_encodable(message)) deliver(client, wire::encode(message));
}

void WatchedArbiter::reply(unsigned client, std::uint32_t late) {
    if (!is_open(client)) return;
    Message message;
    message.type = MessageType::vote_info_reply;
    message.msg_seq_number = driver_.last_vote_info(name_of(client)) - late;
    clients_[client].confirmed = *message.msg_seq_number;
    send(client, message);
}

bool WatchedArbiter::owes_reply(unsigned client) const {
    return is_open(client) && driver_.last_vote_info(name_of(client)) != clients_[client].confirmed;
}

void WatchedArbiter::release(const VoteWatch::Who& who) {
    const VoteWatch::Who kept{arbiter().kept_as(who.first), who.second};
    driver_.release(kept.first, kept.second);
    const bool is_connected = std::any_of(clients_.begin(), clients_.end(),
                                          [&](const Client& one) { return one.who == kept; });
    if (!is_connected) watch_.released(kept);
}

bool WatchedArbiter::take_up(const wire::ClusterNames& names) {
    on_disk_ = names;
    const bool is_taken_up = driver_.take_up(names, arbiter().known_grant());
    if (is_taken_up) taken_up_ = names;
    return is_taken_up;
}

void WatchedArbiter::rename(const std::string& was, const std::string& is, bool is_withdrawn) {
    const wire::ClusterNames before = on_disk_;
    wire::ClusterNames names = before;
    if (!names.rename(was, is)) return;
    if (!take_up(names) && is_withdrawn) take_up(before);
    look();
}

void WatchedArbiter::forget_names() {
    const wire::ClusterNames before = on_disk_;
    if (!take_up({})) take_up(before);
    look();
}

bool WatchedArbiter::is_misspelled(const std::string& name) const {
    if (taken_up_.spelled(name) == name) return false;
    const auto clusters = driver_.arbiter().clusters();
    return std::none_of(clusters.begin(), clusters.end(),
                        [&](const qnetd::ClusterStatus& one) { return one.kept_as == name; });
}

void WatchedArbiter::pass_in_silence(Duration duration) {
    driver_.advance(duration);
    look();
}

void WatchedArbiter::store_is_slow(bool is_slow) {
    driver_.store_is_slow(is_slow);
    look();
}

void WatchedArbiter::store_writes(std::size_t count) {
    driver_.store_writes(count);
    look();
}

void WatchedArbiter::restart(Duration down, Found found) {
    look();
    for (unsigned client = 0; client < clients; ++client) left(client, driver_.now());
    const Instant start = driver_.now() + down;
    taken_up_ = on_disk_;
    if (!settings_.durable_grants) found = Found::nothing;
    switch (found) {
        case Found::its_record:
        case Found::record_of_another_boot:
            // A guard that was begun, and not written yet, is known to nobody any more.
            if (driver_.is_writing()) watch_.unguarded();
            driver_.restart(down, found == Found::its_record);
            break;
        case Found::nothing:
            watch_.forgotten(start);
            driver_.restart(down, true, qnetd::Memory{.guard_from = start});
            break;
        case Found::older_copy:
            watch_.forgotten(std::nullopt);
            driver_.restart(down, true, copy_);
            break;
    }
    look();
}

void WatchedArbiter::deliver(unsigned client, const wire::Bytes& bytes) {
    if (!is_open(client)) return;
    look();
    Client& sender = clients_[client];
    const wire::Inbound inbound = inbound_of(bytes);
    const auto* message = std::get_if<Message>(&inbound);
    if (message != nullptr) {
        // Nothing is answered to that, so that nobody can see what was accepted.
        if (sender.knows_private_options && has_private_options(*message) &&
            !message->msg_seq_number)
            return;
        before(sender, *message);
    }
    const bool was_misspelled =
        message != nullptr && message->type == MessageType::init && is_misspelled(sender.named);
    const std::string mine = sender.who ? sender.who->first : "";
    const auto others = texts();
    driver_.receive(name_of(client), bytes);
    auto happenings = driver_.take();
    expect(happenings.size() <= happenings_max, "many actions for one message");
    if (message != nullptr) accepted(client, *message, happenings, was_misspelled);
    look_at(happenings);
    const std::string now_mine = sender.who ? sender.who->first : mine;
    for (const auto& [cluster, text] : texts())
        if (cluster != now_mine && cluster != mine && others.contains(cluster))
            expect(others.at(cluster) == text, "another cluster changed: " + text);
}

// What counts as soon as it arrives.
void WatchedArbiter::before(Client& client, const Message& message) {
    if (client.who)
        watch_.heard(*client.who, message.type == MessageType::echo_request, driver_.now());
    if (message.type == MessageType::preinit && !client.who)
        client.named = message.cluster_name.value_or(client.named);
    if (message.type == MessageType::init && !client.who) {
        client.claimed = message.node_id.value_or(0);
        client.algorithm = message.decision_algorithm.value_or(wire::DecisionAlgorithm::test);
        client.heartbeat = Duration(message.heartbeat_interval.value_or(0));
        client.knows_private_options = lists_lease(message);
    }
    if (message.type == MessageType::vote_info_reply && client.who && message.msg_seq_number)
        watch_.confirmed(*client.who, *message.msg_seq_number);
}

// What counts once it is accepted; a vote may be told in the same step, ahead of the answer.
void WatchedArbiter::accepted(unsigned client, const Message& message,
                              const std::vector<Happening>& happenings, bool was_misspelled) {
    Client& sender = clients_[client];
    for (const Happening& one : happenings) {
        const auto* answer = std::get_if<Message>(&one.what);
        if (answer == nullptr || one.client != name_of(client)) continue;
        if (answer->type == MessageType::node_list_reply && sender.who)
            watch_.listed(*sender.who, message, one.at);
        if (answer->type == MessageType::set_option_reply && sender.who) {
            expect(sender.knows_private_options || !has_private_options(*answer),
                   "a private option is accepted from who does not know them");
            watch_.agreed(*sender.who, message, *answer);
        }
        if (answer->type == MessageType::init_reply && !sender.who &&
            answer->reply_error_code == wire::ReplyErrorCode::no_error) {
            expect(!was_misspelled, "a listed name opens its cluster in other letters");
            sender.who = VoteWatch::Who{arbiter().kept_as(sender.named), sender.claimed};
            came_by_[*sender.who].insert(sender.named);
            watch_.joined(*sender.who, sender.algorithm, sender.heartbeat, driver_.now());
        }
    }
}

void WatchedArbiter::look_at(const std::vector<Happening>& happenings) {
    for (const Happening& one : happenings) {
        const unsigned whose = one.client.empty() ? 0 : static_cast<unsigned>(one.client[0] - 'A');
        if (const auto* message = std::get_if<Message>(&one.what)) {
            round_trip(*message);
            if (message->type == MessageType::vote_info)
                watch_.told(clients_[whose].who.value(), *message, one.at);
        } else if (std::holds_alternative<qnetd::Close>(one.what)) {
            left(whose, one.at);
        } else if (const auto* note = std::get_if<qnetd::Note>(&one.what)) {
            if (note->reason == qnetd::Reason::record_is_old)
                watch_.distrusted(arbiter().kept_as(note->cluster), one.at);
        }
    }
    look_at_names();
}

void WatchedArbiter::look_at_names() {
    std::map<VoteWatch::Who, std::set<std::string>> still;
    for (const qnetd::ClusterStatus& cluster : arbiter().clusters()) {
        std::set<wire::NodeId> nodes;
        for (const auto& node : cluster.nodes) nodes.insert(node.node_id);
        for (const auto& holder : cluster.holders) nodes.insert(holder.node_id);
        for (const wire::NodeId node : nodes)
            for (const std::string& name : came_by_[{cluster.kept_as, node}]) {
                expect(arbiter().is_unclear(name) || arbiter().kept_as(name) == cluster.kept_as,
                       fmt::format("node {} of {} came by {}, which leads to another cluster now",
                                   node, cluster.kept_as, name));
                still[{cluster.kept_as, node}].insert(name);
            }
    }
    came_by_ = std::move(still);
}

// Everything that a status can show of each cluster.
std::map<std::string, std::string> WatchedArbiter::texts() const {
    std::map<std::string, std::string> all;
    const auto clusters = driver_.arbiter().clusters();
    if (clusters.size() < 2) return all;
    for (const qnetd::ClusterStatus& one : clusters) {
        std::string& text = all[one.kept_as];
        text = qnetd::to_line(one.last_decision);
        for (const auto& node : one.nodes)
            text += fmt::format("; {} {} {} {}", node.node_id, wire::to_string(node.ring),
                                static_cast<int>(node.last_vote), node.membership_list.size());
        for (const auto& holder : one.holders)
            text += fmt::format("; {} {}", holder.node_id, wire::to_string(holder.ring));
    }
    return all;
}

}  // namespace castvote::fuzz
