// arbiter_driver.hpp -- an arbiter core, a clock that only tests turn, and clients with names.
//
// Bytes go in through a framer, as from a socket; what the core wants sent, closed or said comes
// out as one list in order. Every step is also made on a copy, which must come to the same result:
// the core is a pure function of its state. After every step the rule NACK, reply, ACK is checked.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <map>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "common/wire/describe.hpp"
#include "qnetd/core/arbiter.hpp"

namespace castvote::tests {

// Something that the core did, to whom and when.
struct Happening {
    Instant at;
    std::string client;  // empty for a note
    std::variant<wire::Message, qnetd::StartTls, qnetd::Close, qnetd::Note, qnetd::Persist> what;
};

class ArbiterDriver {
public:
    // started: when the arbiter began, at or before the driver's clock, which shows 0 at first.
    explicit ArbiterDriver(qnetd::Settings settings, Instant started = at_ms(0))
        : settings_(settings), arbiter_(settings, started) {}
    // With what a store knows; see restart().
    ArbiterDriver(qnetd::Settings settings, Instant started, const qnetd::Memory& memory)
        : settings_(settings),
          arbiter_(settings, started, memory),
          store_guard_(memory.guard_from),
          last_grant_(memory.last_grant_number) {}

    void open(const std::string& name) {
        if (is_open(name)) throw std::logic_error(name + " is connected already");
        Client client{.connection = next_connection_++, .framer = framer()};
        names_[client.connection] = name;
        const std::string address = fmt::format("::ffff:10.0.0.{}:4000", client.connection);
        clients_.insert_or_assign(name, client);
        step(qnetd::Opened{client.connection, address});
    }

    // Bytes from the client; those behind a message that ended the connection are dropped.
    void receive(const std::string& name, wire::View bytes) {
        const qnetd::ConnectionId connection = client(name).connection;
        while (!bytes.empty() && names_.contains(connection)) {
            wire::Framer& framer = client(name).framer;
            bytes = bytes.subspan(framer.feed(bytes));
            if (auto frame = framer.next()) {
                if (const auto* message = std::get_if<wire::Message>(&*frame))
                    note_reply(client(name), *message);
                step(qnetd::Received{connection, std::move(*frame)});
            }
        }
    }

    void receive(const std::string& name, const wire::Message& message) {
        receive(name, wire::encode(message));
    }

    void tls_established(const std::string& name,
                         std::optional<qnetd::PeerCertificate> certificate) {
        step(qnetd::TlsEstablished{client(name).connection, std::move(certificate)});
    }

    void close(const std::string& name, qnetd::CloseCause cause) {
        const qnetd::ConnectionId connection = client(name).connection;
        names_.erase(connection);
        clients_.erase(name);
        step(qnetd::Closed{connection, cause});
    }

    // Lets time pass; the core is woken whenever it asked for it.
    void advance_to(Instant end) {
        if (end < now_) throw std::logic_error("time goes back");
        for (auto next = arbiter_.next_deadline(); next && *next <= end;
             next = arbiter_.next_deadline()) {
            // One that is over is due at once; one that does not move when it has come would keep a
            // shell busy for ever.
            if (*next <= now_ && ++wakes_at_once_ > 10)
                throw std::logic_error("the core asks again and again for a time that is over");
            if (*next > now_) wakes_at_once_ = 0;
            now_ = std::max(now_, *next);
            step(qnetd::TimePassed{});
        }
        now_ = end;
        wakes_at_once_ = 0;
    }
    void advance(Duration by) { advance_to(now_ + by); }

    // The arbiter itself stands still for so long; then it wakes, with all its deadlines over.
    // read: what had arrived by then is read first.
    void stall(
        Duration by, const std::function<void()>& read = [] {}) {
        now_ += by;
        read();
        step(qnetd::TimePassed{});
    }

    void release(const std::string& cluster, wire::NodeId node) {
        step(qnetd::OperatorRelease{cluster, node});
    }

    // Another list of renamed clusters is on the disk, and the running arbiter told. False: it has
    // not taken it up; it will find it when it starts again. known_grant: of other shards.
    bool take_up(const wire::ClusterNames& names, std::uint64_t known_grant = 0) {
        using Stage = qnetd::Renamed::Stage;
        renamed_ = names;
        step(qnetd::Renamed{Stage::announced, names});
        const bool is_good = !arbiter_.stands_against(names);
        step(qnetd::Renamed{is_good ? Stage::taken_up : Stage::dropped, names, known_grant});
        return is_good;
    }
    bool rename(const std::string& was, const std::string& is) {
        wire::ClusterNames names = renamed_;
        if (!names.rename(was, is)) throw std::logic_error(is + " is another cluster's");
        return take_up(names);
    }

    // The process ends at any moment and starts again after `down`: connections are gone, and it
    // knows what the store has. is_same_clock: the machine was not started anew. Without `memory`
    // that is what was written.
    void restart(Duration down, bool is_same_clock, std::optional<qnetd::Memory> memory = {}) {
        clients_.clear();
        names_.clear();
        pending_.clear();
        now_ += down;
        if (!memory) memory = memory_of_store(is_same_clock);
        store_guard_ = memory->guard_from;
        store_.clear();
        for (const auto& [name, restored] : memory->records) store_[name] = restored.record;
        last_grant_ = memory->last_grant_number;
        arbiter_ = qnetd::Arbiter(settings_, now_, *memory, renamed_);
        advance(Duration(0));
    }
    // What an arbiter that starts now would find.
    qnetd::Memory memory_of_store(bool is_same_clock) const {
        qnetd::Memory memory;
        memory.guard_from = is_same_clock || !store_guard_ ? store_guard_ : now_;
        for (const auto& [name, record] : store_) memory.records[name] = {record, is_same_clock};
        memory.last_grant_number = last_grant_;
        return memory;
    }
    // Writes wait from now on (is_slow), or are done, those that wait too.
    void store_is_slow(bool is_slow) {
        is_store_slow_ = is_slow;
        if (!is_slow) write(pending_.size());
    }
    // The first so many of the writes that wait are done.
    void store_writes(std::size_t count) { write(count); }
    bool is_writing() const { return !pending_.empty(); }

    bool is_open(const std::string& name) const { return clients_.contains(name); }
    Instant now() const { return now_; }
    const qnetd::Arbiter& arbiter() const { return arbiter_; }

    // Everything since the last call.
    std::vector<Happening> take() { return std::exchange(happenings_, {}); }

    // The number of the last VOTE_INFO that was sent to the client; 0 if there was none.
    std::uint32_t last_vote_info(const std::string& name) const {
        return clients_.at(name).vote_info;
    }
    // The last ACK or NACK that was sent to the client on this connection.
    wire::Vote last_told(const std::string& name) const { return clients_.at(name).told; }

private:
    struct Client {
        qnetd::ConnectionId connection = 0;
        wire::Framer framer;
        std::uint32_t vote_info = 0;
        wire::Vote told = wire::Vote::undefined;
        std::optional<wire::RingId> told_ring = {};
        bool is_answered = true;
        std::string named = {};                // by its last PREINIT
        std::string cluster = {};              // that its INIT was accepted in
        std::optional<qnetd::Ring> ring = {};  // of the last membership list that it sent
    };

    // An ACK of the running step, and who had not confirmed a NACK when it left.
    struct Given {
        std::string winner;
        std::vector<std::string> denied;
    };

    wire::Framer framer() const { return wire::Framer(settings_.message_receive_size_max); }

    Client& client(const std::string& name) {
        const auto found = clients_.find(name);
        if (found == clients_.end()) throw std::logic_error(name + " is not connected");
        return found->second;
    }

    void note_reply(Client& client, const wire::Message& message) {
        if (message.type == wire::MessageType::vote_info_reply &&
            message.msg_seq_number == client.vote_info)
            client.is_answered = true;
        if (message.type == wire::MessageType::preinit && message.cluster_name)
            client.named = *message.cluster_name;
        if (message.node_list_type == wire::NodeListType::membership && message.ring_id)
            client.ring = qnetd::Ring{*message.ring_id, qnetd::nodes_of(message.node_info)};
    }

    template <class What>
    void step(What what) {
        const qnetd::Event event{.now = now_, .what = std::move(what)};
        qnetd::Arbiter copy = arbiter_;
        const qnetd::Actions actions = arbiter_.step(event);
        if (copy.step(event) != actions || !(copy == arbiter_))
            throw std::logic_error("the same event led to something else on a copy");
        std::vector<Given> given;
        for (const qnetd::Action& action : actions)
            std::visit([&](const auto& what_to_do) { carry_out(what_to_do, given); }, action);
        for (const Given& one : given) check_order(one);
        if (!is_store_slow_) write(pending_.size());
    }

    // The first of what waits are written, in order, and the core is told; that may lead to more.
    void write(std::size_t count) {
        for (; count > 0 && !pending_.empty(); --count) {
            const qnetd::Persist one = std::move(pending_.front());
            pending_.erase(pending_.begin());
            last_grant_ = std::max(last_grant_, one.record.grant_number);
            if (one.record.is_empty())
                store_.erase(one.cluster);
            else
                store_.insert_or_assign(one.cluster, one.record);
            step(qnetd::Persisted{one.cluster, one.number});
        }
    }

    void carry_out(const qnetd::Send& send, std::vector<Given>& given) {
        const std::string name = name_of(send.connection);
        happenings_.push_back({now_, name, send.message});
        Client& to = client(name);
        // It gave its vote back by its own word (R2d), which says more than an answer to a NACK.
        if (send.message.released) to.told = wire::Vote::undefined;
        if (send.message.type == wire::MessageType::init_reply &&
            send.message.reply_error_code == wire::ReplyErrorCode::no_error)
            to.cluster = arbiter_.kept_as(to.named);
        // A NACK of a ring that it has left, as was accepted, is not waited for (R5).
        if (send.message.type == wire::MessageType::node_list_reply &&
            send.message.node_list_type == wire::NodeListType::membership &&
            send.message.ring_id != to.told_ring)
            to.is_answered = true;
        if (send.message.type != wire::MessageType::vote_info) return;
        to.told_ring = send.message.ring_id;
        to.vote_info = send.message.msg_seq_number.value();
        to.told = send.message.vote.value();
        to.is_answered = false;
        if (to.told == wire::Vote::ack) given.push_back({name, denied_beside(name)});
    }
    void carry_out(const qnetd::StartTls& start, std::vector<Given>&) {
        happenings_.push_back({now_, name_of(start.connection), start});
    }
    void carry_out(const qnetd::Close& close, std::vector<Given>&) {
        const std::string name = name_of(close.connection);
        happenings_.push_back({now_, name, close});
        names_.erase(close.connection);
        clients_.erase(name);
    }
    void carry_out(const qnetd::Report& report, std::vector<Given>&) {
        happenings_.push_back({now_, "", report.note});
    }

    std::string name_of(qnetd::ConnectionId connection) const {
        const auto found = names_.find(connection);
        if (found == names_.end())
            throw std::logic_error("the core speaks to a connection that has ended");
        return found->second;
    }

    void carry_out(const qnetd::Persist& persist, std::vector<Given>&) {
        happenings_.push_back({now_, "", persist});
        pending_.push_back(persist);
    }

    // Others of the winner's cluster whose NACK is not confirmed yet. Who has come into the
    // winner's ring since is no rival: its own ACK is only later (R2s i).
    std::vector<std::string> denied_beside(const std::string& winner) const {
        std::vector<std::string> names;
        for (const auto& [name, other] : clients_)
            if (other.cluster == clients_.at(winner).cluster && other.told == wire::Vote::nack &&
                !other.is_answered && (!other.ring || other.ring != clients_.at(winner).ring))
                names.push_back(name);
        return names;
    }

    // R4: an ACK leaves only when no NACK that left before it is unanswered, unless it is overtaken
    // by an ACK in the same step. A NACK that leaves behind it in the same step, as when several
    // connections end at once and each of them is decided upon, is none of its business.
    void check_order(const Given& given) const {
        if (!is_open(given.winner)) return;  // closed in the same step
        for (const std::string& name : given.denied)
            if (is_open(name) && clients_.at(name).told == wire::Vote::nack &&
                !clients_.at(name).is_answered)
                throw std::logic_error(
                    fmt::format("ACK to {} before {} confirmed its NACK", given.winner, name));
    }

    qnetd::Settings settings_;
    qnetd::Arbiter arbiter_;
    wire::ClusterNames renamed_;  // as on the disk
    Instant now_ = at_ms(0);
    int wakes_at_once_ = 0;
    qnetd::ConnectionId next_connection_ = 1;
    std::map<std::string, Client> clients_;
    std::map<qnetd::ConnectionId, std::string> names_;
    std::vector<Happening> happenings_;
    bool is_store_slow_ = false;
    std::vector<qnetd::Persist> pending_;
    std::map<std::string, qnetd::Record> store_;
    std::optional<Instant> store_guard_;
    std::uint64_t last_grant_ = 0;  // that was ever written
};

}  // namespace castvote::tests
