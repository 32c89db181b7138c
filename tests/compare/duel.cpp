// duel.cpp -- see duel.hpp.
// SPDX-License-Identifier: BSD-3-Clause
#include "tests/compare/duel.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace castvote::compare {

using wire::DecisionAlgorithm;

namespace {

// A name that differs from `name` in case only: certificates do not look at case, clusters do.
std::string variant_of(std::string name, std::uint64_t number) {
    for (char& c : name) {
        if (number % 2 != 0 && c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
        number /= 2;
    }
    return name;
}

Setup swapped(Setup setup) {
    setup.tie_breaker.mode = setup.tie_breaker.mode == wire::TieBreakerMode::lowest
                                 ? wire::TieBreakerMode::highest
                                 : wire::TieBreakerMode::lowest;
    return setup;
}

std::set<NodeId> nodes_with(const Standings& standings, Standing wanted) {
    std::set<NodeId> nodes;
    for (const auto& [node, standing] : standings)
        if (standing == wanted) nodes.insert(node);
    return nodes;
}

bool judges_one_by_one(DecisionAlgorithm algorithm) {
    return algorithm == DecisionAlgorithm::lms || algorithm == DecisionAlgorithm::two_node_lms;
}

class Duel {
public:
    Duel(net::asio::io_context& io, Place stock, Place ours, const Setup& setup,
         const DuelOptions& options)
        : setup_(setup),
          options_(options),
          script_(setup),
          stock_(io, std::move(stock), setup, variant_of(options.cluster, setup.seed),
                 options.timers.heartbeat),
          ours_(io, std::move(ours), options.swap_tie_breaker ? swapped(setup) : setup,
                variant_of(options.cluster, setup.seed), options.timers.heartbeat),
          facts_(setup, options.timers) {
        outcome_.seed = setup.seed;
        tell(fmt::format("seed {}: {}", setup.seed, to_string(setup)));
    }

    awaitable<Outcome> run();
    void keep_alive() {
        stock_.keep_alive();
        ours_.keep_alive();
    }

private:
    void tell(std::string line) { outcome_.story += line + '\n'; }
    void tell_standings();
    bool differ(std::string why);
    awaitable<bool> play(Event event);
    awaitable<bool> perform(Step step);
    awaitable<bool> settle();
    awaitable<bool> pause(Duration span);
    awaitable<bool> compare();
    awaitable<bool> close_who_was_closed();
    awaitable<bool> explain();
    awaitable<bool> wait_for_ours();
    awaitable<bool> ask_again();
    bool is_equal() const { return stock_.standings() == ours_.standings(); }
    bool is_ours_behind() const;
    std::set<NodeId> late() const;
    bool met(Row row);
    std::optional<Row> lasting_row() const;
    bool is_node_id_defect() const;
    bool is_about_newcomers() const;
    bool is_about_memory() const;

    Setup setup_;
    DuelOptions options_;
    Script script_;
    Side stock_;
    Side ours_;
    Facts facts_;
    Outcome outcome_;
};

bool Duel::differ(std::string why) {
    outcome_.is_different = true;
    tell_standings();
    tell("  " + why);
    return false;
}

void Duel::tell_standings() {
    tell("    stock: " + to_string(stock_.standings()));
    tell("    ours:  " + to_string(ours_.standings()));
}

bool Duel::met(Row row) {
    outcome_.tally.add(row);
    tell(fmt::format("    (named: {})", title_of(row)));
    return true;
}

awaitable<Outcome> Duel::run() {
    for (int i = 0; i < setup_.events && !outcome_.is_different; ++i) {
        const bool goes_on = co_await play(script_.next());
        if (!goes_on) break;
        ++outcome_.events;
    }
    co_return std::move(outcome_);
}

awaitable<bool> Duel::play(Event event) {
    tell("  " + event.name);
    facts_.begin_event();
    for (std::size_t i = 0; i < event.steps.size(); ++i) {
        const bool is_done = co_await perform(event.steps[i]);
        if (!is_done) co_return false;
        if (event.steps[i].deed == Deed::wait_for_close) {
            const bool is_closed = co_await close_who_was_closed();
            if (!is_closed) co_return false;
        }
        const bool is_last = i + 1 == event.steps.size();
        if (!is_last && !event.is_compared_between) continue;
        const bool goes_on = co_await compare();
        if (!goes_on) co_return false;
    }
    co_return true;
}

awaitable<bool> Duel::perform(Step step) {
    // It was closed earlier, and the script does not know.
    if (step.deed != Deed::join && !stock_.is_connected(step.node)) co_return true;
    tell("    " + to_string(step));
    facts_.performed(step);
    for (Side* side : {&stock_, &ours_}) {
        const bool is_done = co_await side->perform(step);
        if (!is_done) co_return differ(side->complaint());
        const bool is_settled = co_await side->settle();
        if (!is_settled) co_return differ(side->complaint());
    }
    facts_.seen(ours_);
    if (!facts_.alarm().empty()) co_return differ(facts_.alarm());
    co_return true;
}

awaitable<bool> Duel::pause(Duration span) {
    const bool is_over = co_await until([] { return false; }, span);
    co_return is_over;
}

// A stock lms arbiter looks again at who waits every quarter of a heartbeat.
awaitable<bool> Duel::settle() {
    const auto waits = [&] {
        const Standings standings = stock_.standings();
        return std::any_of(standings.begin(), standings.end(),
                           [](const auto& entry) { return entry.second == Standing::waits; });
    };
    for (int looks = 0; looks < 3; ++looks) {
        for (Side* side : {&stock_, &ours_}) {
            const bool is_settled = co_await side->settle();
            if (!is_settled) co_return differ(side->complaint());
        }
        if (setup_.algorithm != DecisionAlgorithm::lms || !waits() || facts_.has_contradictions())
            break;
        co_await pause(options_.timers.heartbeat / 4 + options_.timers.heartbeat / 8);
    }
    co_return true;
}

awaitable<bool> Duel::compare() {
    ++outcome_.comparisons;
    bool goes_on = co_await settle();
    if (!goes_on) co_return false;
    if (stock_.errors() != ours_.errors()) {
        for (const Side* side : {&stock_, &ours_})
            for (const std::string& error : side->errors())
                tell(fmt::format("    {}: {}", side->name(), error));
        co_return differ("the errors differ");
    }
    if (!is_equal()) goes_on = co_await close_who_was_closed();
    if (goes_on && !is_equal()) goes_on = co_await explain();
    if (!goes_on) co_return false;
    facts_.seen(ours_);
    if (!facts_.alarm().empty()) co_return differ(facts_.alarm());
    tell("    -> " + to_string(ours_.standings()));
    co_return true;
}

// Every node for which they differ has the vote from stock, and not from us.
bool Duel::is_ours_behind() const {
    const Standings stock = stock_.standings();
    const Standings ours = ours_.standings();
    return std::all_of(stock.begin(), stock.end(), [&](const auto& entry) {
        const Standing our = ours.at(entry.first);
        return our == entry.second || (entry.second == Standing::ack && our != Standing::gone);
    });
}

// Our arbiter may close who does not confirm a NACK (R5): then the node leaves the other as well.
awaitable<bool> Duel::close_who_was_closed() {
    for (const NodeId node : nodes_with(ours_.standings(), Standing::gone)) {
        if (!facts_.held_too_long(node)) co_return differ("our arbiter closed a connection");
        met(Row::unanswered_nack);
        Step step;
        step.deed = Deed::leave;
        step.node = node;
        const bool is_done = co_await perform(step);
        if (!is_done) co_return false;
    }
    const bool is_settled = co_await settle();
    co_return is_settled;
}

awaitable<bool> Duel::explain() {
    tell_standings();
    if (judges_one_by_one(setup_.algorithm) && facts_.has_contradictions())
        co_return met(Row::views_agree);
    if (facts_.has_contradictions()) {
        if (Clock::now() - facts_.contradict_since() > options_.timers.heartbeat)
            co_return met(Row::views_agree);
        co_return differ("they differ while the views contradict each other");
    }
    if (judges_one_by_one(setup_.algorithm)) {
        const Standings before = stock_.standings();
        const bool is_asked = co_await ask_again();
        if (!is_asked) co_return false;
        if (stock_.standings() != before) met(Row::decided_again);
        if (is_equal()) co_return true;
    }
    const bool goes_on = co_await wait_for_ours();
    if (!goes_on || is_equal()) co_return goes_on;
    if (const auto row = lasting_row()) co_return met(*row);
    if (setup_.algorithm == DecisionAlgorithm::ffsplit) {
        const bool is_asked = co_await ask_again();
        if (!is_asked) co_return false;
        const bool is_waited = co_await wait_for_ours();
        if (!is_waited) co_return false;
        if (is_equal() && facts_.has_late_replies()) co_return met(Row::late_reply);
        if (is_equal() && facts_.has_left()) co_return met(Row::leaving_node);
        if (is_equal() && facts_.has_new_heuristics()) co_return met(Row::heuristics_everywhere);
        if (is_about_memory()) {
            // From here on each keeps another partition active: there is nothing left to compare.
            met(Row::memory);
            co_return false;
        }
    }
    co_return differ("they differ, and nothing that is named explains it");
}

// Both are told again what they know: whoever judges only when he is told something judges now.
awaitable<bool> Duel::ask_again() {
    tell("    (all nodes repeat their reports)");
    for (int round = 0; round < 2; ++round) {
        for (const auto& [node, membership] : facts_.reported()) {
            Step step;
            step.deed = Deed::report;
            step.node = node;
            step.membership = membership;
            for (Side* side : {&stock_, &ours_}) {
                const bool is_done = co_await side->perform(step);
                if (!is_done) co_return differ(side->complaint());
            }
        }
        const bool is_settled = co_await settle();
        if (!is_settled) co_return false;
    }
    co_return true;
}

// Nodes that have no vote from us yet although stock, or the book, gives it to them.
std::set<NodeId> Duel::late() const {
    const bool is_by_the_book = judges_one_by_one(setup_.algorithm) || !is_ours_behind();
    std::set<NodeId> late = is_by_the_book ? facts_.winners_by_the_book(Facts::Judge::ours)
                                           : nodes_with(stock_.standings(), Standing::ack);
    for (const NodeId node : nodes_with(ours_.standings(), Standing::ack)) late.erase(node);
    return late;
}

awaitable<bool> Duel::wait_for_ours() {
    std::optional<Row> row;
    for (const NodeId node : late()) {
        if (facts_.is_blocked_for_good(node)) co_return true;
        if (!row) row = facts_.why_later(node);
    }
    if (!row) co_return true;
    const Clock::time_point end = Clock::now() + facts_.longest_wait();
    while (!is_equal() && !late().empty() && Clock::now() < end) {
        co_await pause(Duration(20));
        const bool is_settled = co_await ours_.settle();
        if (!is_settled) co_return differ(ours_.complaint());
    }
    if (late().empty()) met(*row);
    co_return true;
}

std::optional<Row> Duel::lasting_row() const {
    if (is_node_id_defect()) return Row::node_id_tie_breaker;
    if (is_about_newcomers()) return Row::newcomers;
    if (!is_ours_behind()) return std::nullopt;
    const Standings ours = ours_.standings();
    for (const auto& [node, standing] : stock_.standings())
        if (standing != ours.at(node) && !facts_.is_blocked_for_good(node)) return std::nullopt;
    return Row::no_lifetime;
}

// Each does what the book says of it, and the books differ in that newcomers compete.
bool Duel::is_about_newcomers() const {
    if (!judges_one_by_one(setup_.algorithm) || !facts_.has_newcomers()) return false;
    const std::set<NodeId> ours = nodes_with(ours_.standings(), Standing::ack);
    const std::set<NodeId> our_book = facts_.winners_by_the_book(Facts::Judge::ours);
    const bool is_blocked =
        ours.empty() && std::any_of(our_book.begin(), our_book.end(),
                                    [&](NodeId node) { return facts_.is_blocked_for_good(node); });
    const std::set<NodeId> stock = nodes_with(stock_.standings(), Standing::ack);
    const std::set<NodeId> stock_book = facts_.winners_by_the_book(Facts::Judge::stock);
    const NodeId nominated = setup_.tie_breaker.node_id;  // see is_node_id_defect()
    const bool is_one_of_them = setup_.algorithm == DecisionAlgorithm::lms &&
                                stock_book.contains(nominated) && stock == std::set{nominated};
    return (ours == our_book || is_blocked) && (stock == stock_book || is_one_of_them);
}

// All nodes were gone: stock has forgotten then which partition was active, ours has not.
bool Duel::is_about_memory() const {
    const std::set<NodeId> stock = nodes_with(stock_.standings(), Standing::ack);
    return facts_.was_empty() && !stock.empty() &&
           nodes_with(ours_.standings(), Standing::ack) ==
               facts_.winners_by_the_book(Facts::Judge::ours) &&
           stock == facts_.winners_by_the_book(Facts::Judge::stock, *stock.begin());
}

// Stock lms gives the vote to the nominated node alone, not to the others of its ring.
bool Duel::is_node_id_defect() const {
    if (setup_.algorithm != DecisionAlgorithm::lms ||
        setup_.tie_breaker.mode != wire::TieBreakerMode::node_id)
        return false;
    const Standings ours = ours_.standings();
    const auto nominated = facts_.reported().find(setup_.tie_breaker.node_id);
    if (nominated == facts_.reported().end()) return false;
    for (const auto& [node, standing] : stock_.standings()) {
        if (standing == ours.at(node)) continue;
        const bool is_beside_it = facts_.reported().at(node).ring == nominated->second.ring;
        if (!is_beside_it || node == nominated->first || standing != Standing::nack ||
            ours.at(node) != Standing::ack)
            return false;
    }
    return true;
}

// As node daemons do; whoever has to wait for one node shall not lose the others.
awaitable<void> echo_while_it_runs(std::weak_ptr<Duel> watched, Duration every) {
    net::asio::steady_timer timer(co_await net::asio::this_coro::executor);
    for (;;) {
        if (const auto running = watched.lock())
            running->keep_alive();
        else
            co_return;
        timer.expires_after(every);
        const auto waited = co_await timer.async_wait(net::as_result);
        static_cast<void>(waited);
    }
}

}  // namespace

awaitable<Outcome> duel(net::asio::io_context& io, Place stock, Place ours, Setup setup,
                        DuelOptions options) {
    const auto running = std::make_shared<Duel>(io, stock, ours, setup, options);
    net::asio::co_spawn(io, echo_while_it_runs(running, options.timers.heartbeat / 4),
                        net::asio::detached);
    Outcome outcome = co_await running->run();
    co_return outcome;
}

}  // namespace castvote::compare
