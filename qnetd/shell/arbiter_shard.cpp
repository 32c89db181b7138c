// arbiter_shard.cpp -- see arbiter_shard.hpp.
// SPDX-License-Identifier: BSD-3-Clause
#include "qnetd/shell/arbiter_shard.hpp"

#include <fmt/format.h>

#include <functional>
#include <utility>

#include "common/net/clock.hpp"
#include "common/net/enrolment.hpp"
#include "common/wire/describe.hpp"
#include "qnetd/shell/join_relay.hpp"

namespace castvote::qnetd {

namespace {

namespace asio = net::asio;

// The timer runs on a clock that stands still while the machine sleeps, deadlines do not: look
// again at least so often.
constexpr Duration timer_longest{1000};
// Before silence is judged, input must have ended for so many turns of the loop (a frame takes up
// to three), or the time below be over: a flood on one connection cannot hold back the others'
// deadlines.
constexpr int quiet_turns_wanted = 5;
constexpr Duration drain_longest{250};
// What happened is told when it is over: writing a line at once takes the processor from the nodes
// of a small box, or from the next message, at the very moment of a decision.
constexpr Duration report_patience{10};
// A client that reconnects in a circle may fill the log with these per shard, no more.
constexpr std::size_t remote_lines_burst = 200;
constexpr Duration remote_lines_interval{200};
// Whoever reaches the port may make up a cluster and have the arbiter warn about it without end. A
// name has this many warnings; names share a limit by chance only, so that a flood about one leaves
// room for what is said about others.
constexpr std::size_t warning_limits = 64;
constexpr std::size_t warnings_burst = 50;
constexpr Duration warnings_interval{2000};

CloseCause cause_of(net::ChannelEnd end) {
    switch (end) {
        case net::ChannelEnd::end_of_stream: return CloseCause::end_of_stream;
        case net::ChannelEnd::reset_or_error: return CloseCause::reset_or_error;
        case net::ChannelEnd::queue_full: return CloseCause::queue_full;
        case net::ChannelEnd::tls_failed: return CloseCause::tls_failed;
    }
    return CloseCause::reset_or_error;
}

net::LogLevel log_level_of(Level level) {
    switch (level) {
        case Level::debug: return net::LogLevel::debug;
        case Level::info: return net::LogLevel::info;
        case Level::warning: return net::LogLevel::warning;
        case Level::error: return net::LogLevel::error;
    }
    return net::LogLevel::error;
}

}  // namespace

ArbiterShard& Common::shard_of(const std::string& cluster) const {
    return *shards[place_of(cluster, shards.size())];
}

std::size_t Common::place_of(const std::string& cluster, std::size_t shards) {
    return std::hash<std::string>{}(cluster) % shards;
}

Slot take_slot(Common& common) {
    ++common.connections;
    return Slot(nullptr, [&common](void*) { --common.connections; });
}

ArbiterShard::ArbiterShard(Common& common, Instant started, const Memory& memory)
    : common_(common),
      core_(common.settings.durable_grants ? Arbiter(common.settings, started, memory, common.names)
                                           : Arbiter(common.settings, started, common.names)),
      tls_(common.tls),
      timer_(loop_.io()),
      report_timer_(loop_.io()),
      remote_lines_(remote_lines_burst, remote_lines_interval),
      warnings_(warning_limits, net::RateLimit(warnings_burst, warnings_interval)) {}

ArbiterShard::~ArbiterShard() {
    loop_.stop();
    tell();
    for (auto& [id, connection] : connections_) connection.channel->close();
}

void ArbiterShard::adopt(net::tcp::socket socket, std::string address, Slot slot,
                         std::optional<wire::Inbound> first) {
    net::error_code error;
    const auto protocol = socket.local_endpoint(error).protocol();
    if (error) return;
    const auto handle = socket.release(error);
    if (error) return;
    // A descriptor that a stopped loop never takes up is closed with the process.
    asio::post(loop_.io(), [this, protocol, handle, address = std::move(address),
                            slot = std::move(slot), first = std::move(first)]() mutable {
        net::error_code refused;
        net::tcp::socket here(loop_.io());
        here.assign(protocol, handle, refused);
        if (!refused) open(std::move(here), std::move(address), std::move(slot), std::move(first));
    });
}

void ArbiterShard::open(net::tcp::socket socket, std::string address, Slot slot,
                        std::optional<wire::Inbound> first) {
    // Its cluster was renamed while it was on its way: it comes again.
    if (first && &home_of(*first) != this) return;
    const ConnectionId id = common_.next_connection++;
    auto channel = net::Channel::make(std::move(socket), common_.limits);
    connections_.emplace(id, Connection{channel, address, std::move(slot)});
    step(Opened{id, std::move(address)});
    if (first) step(Received{id, std::move(*first)});
    channel->start(
        {.on_message = [this, id](wire::Inbound inbound) { received(id, std::move(inbound)); },
         .on_tls = [this, id](const net::TlsFacts& facts) { secured(id, facts); },
         .on_end = [this, id](net::ChannelEnd end,
                              const std::string& detail) { ended(id, end, detail); }});
}

void ArbiterShard::received(ConnectionId id, wire::Inbound inbound) {
    ++inputs_;
    const auto found = connections_.find(id);
    if (found == connections_.end()) return;
    if (net::log_wants(net::LogLevel::debug))
        net::log(net::LogLevel::debug,
                 fmt::format("from {}: {}", found->second.address, wire::describe(inbound)));
    if (!goes_to_invitation(id, inbound) && !moves_away(id, inbound))
        step(Received{id, std::move(inbound)});
}

// Where the cluster is that a message names; here, if it names none.
ArbiterShard& ArbiterShard::home_of(const wire::Inbound& inbound) {
    const auto* message = std::get_if<wire::Message>(&inbound);
    if (message == nullptr || message->type != wire::MessageType::preinit || !message->cluster_name)
        return *this;
    return common_.shard_of(core_.names().nearest(*message->cluster_name));
}

bool ArbiterShard::moves_away(ConnectionId id, const wire::Inbound& inbound) {
    ArbiterShard& target = home_of(inbound);
    if (&target == this || !core_.is_movable(id)) return false;
    Connection moving = std::move(connections_.extract(id).mapped());
    step(Closed{id, CloseCause::reset_or_error});
    moving.channel->release([&target, address = std::move(moving.address),
                             slot = std::move(moving.slot), inbound](net::tcp::socket socket) {
        if (socket.is_open()) target.adopt(std::move(socket), address, slot, inbound);
    });
    return true;
}

// Where no invitation is open this is a message like any other that nobody knows.
bool ArbiterShard::goes_to_invitation(ConnectionId id, const wire::Inbound& inbound) {
    const auto* skipped = std::get_if<wire::Skipped>(&inbound);
    if (skipped == nullptr || skipped->type != net::join_message_type) return false;
    if (common_.joins == nullptr || !core_.is_movable(id)) return false;
    auto place = common_.joins->open(connections_.at(id).address);
    if (!place) return false;
    const Connection leaving = std::move(connections_.extract(id).mapped());
    step(Closed{id, CloseCause::reset_or_error});
    leaving.channel->release([relay = common_.joins, place = std::move(place),
                              address = leaving.address](net::tcp::socket socket) {
        if (socket.is_open()) relay->relay(place, std::move(socket), address);
    });
    return true;
}

void ArbiterShard::ended(ConnectionId id, net::ChannelEnd end, const std::string& detail) {
    const auto found = connections_.find(id);
    if (found == connections_.end()) return;
    const Connection gone = std::move(connections_.extract(found).mapped());
    std::size_t suppressed = 0;
    const bool tells = end == net::ChannelEnd::tls_failed || end == net::ChannelEnd::queue_full;
    if (tells && remote_lines_.allows(net::now(), suppressed))
        net::log(net::LogLevel::info,
                 fmt::format("connection from {} ended: {}{}   reason={}", gone.address,
                             end == net::ChannelEnd::tls_failed ? "TLS: " : "", detail,
                             end == net::ChannelEnd::tls_failed ? "tls_failed" : "queue_full"));
    else if (net::log_wants(net::LogLevel::debug))
        net::log(net::LogLevel::debug,
                 fmt::format("connection from {} ended: {}", gone.address, detail));
    step(Closed{id, cause_of(end)});
}

void ArbiterShard::secured(ConnectionId id, const net::TlsFacts& facts) {
    const auto found = connections_.find(id);
    if (found == connections_.end()) return;
    std::optional<PeerCertificate> certificate;
    if (facts.peer) {
        found->second.serial = facts.peer->serial;
        found->second.authority = facts.peer->authority;
        // It was good when the handshake looked at it.
        if (end_if_worthless(id)) return;
        certificate = PeerCertificate{facts.peer->common_name, facts.peer->dns_names,
                                      facts.peer->key_fingerprint};
    }
    step(TlsEstablished{id, std::move(certificate)});
}

// To the core this is an end like any other of which nobody knows what the node still counts.
bool ArbiterShard::end_if_worthless(ConnectionId id) {
    const auto found = connections_.find(id);
    if (!tls_ || found->second.serial.empty()) return false;
    const bool is_revoked = tls_->is_revoked(found->second.serial);
    if (!is_revoked && tls_->trusts(found->second.authority)) return false;
    const Connection ending = std::move(connections_.extract(found).mapped());
    net::log(net::LogLevel::warning,
             fmt::format("connection from {} ended: its certificate {} {}", ending.address,
                         ending.serial,
                         is_revoked ? "was revoked   reason=certificate_revoked"
                                    : "is of an authority that is not trusted any more   "
                                      "reason=authority_dropped"));
    ending.channel->close();
    step(Closed{id, CloseCause::reset_or_error});
    return true;
}

void ArbiterShard::take_up(net::TlsContext tls, std::function<void(std::size_t)> taken_up) {
    asio::post(loop_.io(), [this, tls = std::move(tls), taken_up = std::move(taken_up)] {
        tls_ = tls;
        std::vector<ConnectionId> all;
        for (const auto& [id, connection] : connections_) all.push_back(id);
        std::size_t ended = 0;
        for (const ConnectionId id : all)
            if (connections_.contains(id) && end_if_worthless(id)) ++ended;
        taken_up(ended);
    });
}

template <class What>
void ArbiterShard::step(What what) {
    Actions actions = core_.step(Event{net::now(), std::move(what)});
    for (Action& action : actions)
        std::visit([this](auto& wanted) { this->carry_out(wanted); }, action);
    arm_timer();
}

void ArbiterShard::carry_out(Report& report) {
    reports_.push_back(std::move(report.note));
    if (reports_.size() > 1) return;
    report_timer_.expires_after(report_patience);
    report_timer_.async_wait([this](const net::error_code& error) {
        if (!error) tell();
    });
}

void ArbiterShard::carry_out(Persist& persist) {
    Persisted written{persist.cluster, persist.number};
    const auto tell_core = [this, written = std::move(written)] {
        asio::post(loop_.io(), [this, written]() mutable { step(std::move(written)); });
    };
    if (common_.store == nullptr)
        tell_core();
    else
        common_.store->write(std::move(persist), tell_core);
}

void ArbiterShard::tell() {
    for (Note& note : std::exchange(reports_, {})) tell(std::move(note));
}

void ArbiterShard::carry_out(Send& send) {
    const auto found = connections_.find(send.connection);
    if (found == connections_.end()) return;
    if (net::log_wants(net::LogLevel::debug))
        net::log(net::LogLevel::debug,
                 fmt::format("to {}: {}", found->second.address, wire::describe(send.message)));
    found->second.channel->send(send.message);
}

void ArbiterShard::carry_out(const StartTls& start) {
    const auto found = connections_.find(start.connection);
    if (found != connections_.end() && tls_) found->second.channel->start_tls(*tls_);
}

void ArbiterShard::carry_out(const Close& close) {
    const auto found = connections_.find(close.connection);
    if (found == connections_.end()) return;
    const Connection ending = std::move(connections_.extract(found).mapped());
    ending.channel->close();
}

void ArbiterShard::tell(Note note) {
    remember_order(note);
    note.cluster = core_.shown_as(note.cluster);
    const net::LogLevel level = log_level_of(note.level);
    if (!net::log_wants(level)) return;
    std::size_t suppressed = 0;
    net::RateLimit& limit =
        note.level == Level::info
            ? remote_lines_
            : warnings_[std::hash<std::string>{}(note.cluster) % warnings_.size()];
    if (note.level != Level::debug && !limit.allows(net::now(), suppressed)) return;
    if (suppressed > 0)
        net::log(level, fmt::format("{} lines like the next were left out", suppressed));
    net::log(level, to_line(note));
}

void ArbiterShard::remember_order(const Note& note) {
    if (note.reason == Reason::node_joined) {
        Order& order = orders_[note.cluster];
        if (order.nodes++ == 0) order.order = common_.next_cluster++;
    } else if (note.reason == Reason::node_left) {
        const auto found = orders_.find(note.cluster);
        if (found != orders_.end() && --found->second.nodes == 0) orders_.erase(found);
    }
}

void ArbiterShard::arm_timer() {
    const std::optional<Instant> deadline = core_.next_deadline();
    if (!deadline) return;
    const Instant now = net::now();
    const Instant next = std::min(*deadline, now + timer_longest);
    if (armed_for_ && *armed_for_ <= next) return;
    armed_for_ = next;
    timer_.expires_after(std::max(next - now, Duration(0)));
    timer_.async_wait([this](const net::error_code& error) {
        if (!error) timer_fired();
    });
}

void ArbiterShard::timer_fired() {
    const std::optional<Instant> deadline = core_.next_deadline();
    const Instant now = net::now();
    if (!deadline || *deadline > now) {
        armed_for_.reset();
        arm_timer();
        return;
    }
    quiet_turns_ = 0;
    inputs_seen_ = inputs_;
    drain_until_ = now + drain_longest;
    drain();
}

// One turn: every reader that has something gets its chance before silence is judged.
void ArbiterShard::drain() {
    bool quiet = inputs_ == inputs_seen_;
    inputs_seen_ = inputs_;
    for (const auto& [id, connection] : connections_)
        quiet = quiet && !connection.channel->has_input();
    quiet_turns_ = quiet ? quiet_turns_ + 1 : 0;
    if (quiet_turns_ < quiet_turns_wanted && net::now() < drain_until_) {
        asio::post(loop_.io(), [this] { drain(); });
        return;
    }
    armed_for_.reset();
    step(TimePassed{});
}

void ArbiterShard::release(OperatorRelease word) {
    asio::post(loop_.io(), [this, word = std::move(word)]() mutable { step(std::move(word)); });
}

void ArbiterShard::rename(Renamed renamed, std::function<void(Objection)> done) {
    asio::post(loop_.io(), [this, renamed = std::move(renamed), done = std::move(done)] {
        Objection objection{core_.stands_against(renamed.names), core_.known_grant()};
        step(renamed);
        done(std::move(objection));
    });
}

void ArbiterShard::collect(std::function<void(ShardView)> take) {
    asio::post(loop_.io(), [this, take = std::move(take)] {
        tell();  // the order of clusters is in it
        ShardView view;
        for (ClusterStatus& status : core_.clusters()) {
            const auto found = orders_.find(status.kept_as);
            const std::uint64_t order = found == orders_.end() ? 0 : found->second.order;
            view.clusters.push_back(ClusterView{std::move(status), order});
        }
        view.connections = connections_.size();
        take(std::move(view));
    });
}

}  // namespace castvote::qnetd
