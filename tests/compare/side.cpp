// side.cpp -- see side.hpp.
// SPDX-License-Identifier: BSD-3-Clause
#include "tests/compare/side.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <utility>

#include "common/wire/describe.hpp"

namespace castvote::compare {

namespace {

constexpr Duration poll_every{1};
constexpr Duration answer_longest{20000};  // a busy machine, many handshakes at a time
constexpr int quiet_rounds_wanted = 2;

Standing standing_of(const ArbiterClient& client) {
    if (client.is_gone()) return Standing::gone;
    switch (client.vote()) {
        case wire::Vote::ack: return Standing::ack;
        case wire::Vote::nack: return Standing::nack;
        default: return Standing::waits;
    }
}

}  // namespace

std::string_view name_of(Standing standing) {
    switch (standing) {
        case Standing::waits: return "wait";
        case Standing::ack: return "ACK";
        case Standing::nack: return "NACK";
        case Standing::gone: return "closed";
    }
    return "?";
}

std::string to_string(const Standings& standings) {
    std::vector<std::string> words;
    for (const auto& [node, standing] : standings)
        words.push_back(fmt::format("{}={}", node, name_of(standing)));
    return fmt::format("{}", fmt::join(words, " "));
}

awaitable<bool> until(std::function<bool()> condition, Duration longest) {
    net::asio::steady_timer timer(co_await net::asio::this_coro::executor);
    const Clock::time_point end = Clock::now() + longest;
    while (!condition()) {
        if (Clock::now() > end) co_return false;
        timer.expires_after(poll_every);
        const auto waited = co_await timer.async_wait(net::as_result);
        static_cast<void>(waited);
    }
    co_return true;
}

Side::Side(net::asio::io_context& io, Place place, const Setup& setup, std::string cluster,
           Duration heartbeat)
    : io_(io),
      place_(std::move(place)),
      setup_(setup),
      cluster_(std::move(cluster)),
      heartbeat_(heartbeat) {}

std::unique_ptr<ArbiterClient> Side::make_client(NodeId node, wire::DecisionAlgorithm algorithm,
                                                 wire::TieBreaker tie_breaker,
                                                 Duration heartbeat) const {
    support::ArbiterClientSettings settings{
        .cluster = cluster_,
        .node_id = node,
        .algorithm = algorithm,
        .tie_breaker = tie_breaker,
        .heartbeat = heartbeat,
        .target = {.host = "127.0.0.1", .port = place_.port, .timeout = answer_longest},
        .tls = std::nullopt};
    if (setup_.tls) settings.tls = place_.tls;
    return std::make_unique<ArbiterClient>(io_, std::move(settings));
}

void Side::act(const Step& step) {
    const NodeId node = step.node;
    switch (step.deed) {
        case Deed::join:
            errors_seen_[node] = 0;
            clients_[node] = make_client(node, setup_.algorithm, setup_.tie_breaker, heartbeat_);
            client(node).join(step.nodes, step.membership, step.on);
            return;
        case Deed::leave:
            client(node).leave();
            clients_.erase(node);
            return;
        case Deed::report: client(node).report(step.membership); return;
        case Deed::configure:
        case Deed::bad_config: client(node).configure(step.nodes); return;
        case Deed::bad_membership:
            client(node).send_membership({step.membership.ring, step.nodes, {}});
            return;
        case Deed::heuristics: client(node).change_heuristics(step.heuristics); return;
        case Deed::keep_active: client(node).set_keep_active(step.on); return;
        case Deed::quorum: client(node).tell_quorum(step.nodes, step.on); return;
        case Deed::ask: client(node).ask_for_vote(); return;
        case Deed::hold: client(node).hold_replies(true); return;
        case Deed::release: client(node).hold_replies(false); return;
        case Deed::bad_heartbeat: client(node).set_heartbeat(Duration(1)); return;
        case Deed::wait_for_close:
        case Deed::knock: return;
    }
}

awaitable<bool> Side::perform(Step step) {
    if (step.deed == Deed::knock) {
        const bool is_answered = co_await knock(std::move(step));
        co_return is_answered;
    }
    if (!clients_.contains(step.node) && step.deed != Deed::join) co_return true;
    act(step);
    if (step.deed == Deed::leave) {
        // Its end is read before the second round of echoes of the others, sent later, is answered.
        for (int round = 0; round < quiet_rounds_wanted; ++round) {
            const bool is_answered = co_await echo_round();
            if (!is_answered) co_return false;
        }
        co_return true;
    }
    ArbiterClient& acting = client(step.node);
    if (step.deed == Deed::wait_for_close) {
        const bool is_closed = co_await until(
            [&] {
                keep_alive();
                return acting.is_gone();
            },
            heartbeat_ + heartbeat_ / 2);
        static_cast<void>(is_closed);
        co_return true;
    }
    if (step.deed == Deed::join) {
        const bool is_ready =
            co_await until([&] { return acting.is_ready() || acting.is_gone(); }, answer_longest);
        if (!is_ready) complaint_ = fmt::format("node {} cannot join", step.node);
        if (!is_ready) co_return false;
    }
    const std::uint32_t sent = acting.echo();
    const bool is_read = co_await until(
        [&] { return acting.is_gone() || acting.echoes_answered() >= sent; }, answer_longest);
    if (!is_read) complaint_ = fmt::format("node {} gets no answer to an echo", step.node);
    collect_errors(step.node, acting, errors_seen_[step.node]);
    co_return is_read;
}

awaitable<bool> Side::knock(Step step) {
    const std::unique_ptr<ArbiterClient> stranger =
        make_client(step.node, step.algorithm, step.tie_breaker,
                    step.heartbeat == Duration(0) ? heartbeat_ : step.heartbeat);
    stranger->knock(step.membership.ring);
    const bool is_ready =
        co_await until([&] { return stranger->is_ready() || stranger->is_gone(); }, answer_longest);
    if (!is_ready) complaint_ = "an INIT gets no answer";
    std::size_t seen = 0;
    collect_errors(step.node, *stranger, seen);
    co_return is_ready;
}

void Side::collect_errors(NodeId node, const ArbiterClient& client, std::size_t& seen) {
    for (; seen < client.errors().size(); ++seen)
        errors_.push_back(
            fmt::format("node {}: {}", node, wire::meaning_of(client.errors()[seen])));
}

awaitable<bool> Side::echo_round() {
    std::map<NodeId, std::uint32_t> sent;
    for (const auto& [node, client] : clients_)
        if (!client->is_gone()) sent[node] = client->echo();
    const bool is_answered = co_await until(
        [&] {
            for (const auto& [node, number] : sent) {
                const ArbiterClient& client = *clients_.at(node);
                if (!client.is_gone() && client.echoes_answered() < number) return false;
            }
            return true;
        },
        answer_longest);
    if (!is_answered) complaint_ = "echoes get no answer";
    co_return is_answered;
}

std::uint64_t Side::messages() const {
    std::uint64_t sum = 0;
    for (const auto& [node, client] : clients_) sum += client->messages() + client->is_gone();
    return sum;
}

awaitable<bool> Side::settle() {
    for (int quiet = 0; quiet < quiet_rounds_wanted; ++quiet) {
        const std::uint64_t before = messages();
        const bool is_answered = co_await echo_round();
        if (!is_answered) co_return false;
        if (messages() != before) quiet = -1;
    }
    for (const auto& [node, client] : clients_) collect_errors(node, *client, errors_seen_[node]);
    co_return true;
}

void Side::keep_alive() {
    for (const auto& [node, client] : clients_)
        if (!client->is_gone() && client->is_ready() && !client->awaits_echo()) client->echo();
}

Standings Side::standings() const {
    Standings standings;
    for (const auto& [node, client] : clients_) standings[node] = standing_of(*client);
    return standings;
}

std::string Side::complaint() const {
    std::string text = place_.name + ": " + complaint_;
    for (const auto& [node, client] : clients_)
        if (!client->failure().empty()) text += "; " + client->failure();
    return text;
}

}  // namespace castvote::compare
