// duel.cpp -- see duel.hpp.
// SPDX-License-Identifier: BSD-3-Clause
#include "tests/compare/duel.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "tests/compare/verdict.hpp"

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
    Verdict verdict() const { return {setup_, facts_, stock_.standings(), ours_.standings()}; }
    bool is_equal() const { return verdict().is_equal(); }
    bool met(Row row);

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
    facts_.performed(step,
                     setup_.algorithm != DecisionAlgorithm::test && !verdict().late().empty());
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

// First ours, which must come to what the book says; then stock, which is asked again.
awaitable<bool> Duel::explain() {
    tell_standings();
    if (facts_.has_contradictions()) {
        const bool is_pressed =
            Clock::now() - facts_.contradict_since() > options_.timers.heartbeat;
        if (judges_one_by_one(setup_.algorithm) || is_pressed) co_return met(Row::views_agree);
        co_return differ("they differ while the views contradict each other");
    }
    if (setup_.algorithm == DecisionAlgorithm::test)
        co_return differ("they differ, and nothing that is named explains it");
    bool is_waited = co_await wait_for_ours();
    if (!is_waited || is_equal()) co_return is_waited;
    // Who came to the vote in the middle of an event kept newcomers out that came after it.
    if (!verdict().late().empty() && judges_one_by_one(setup_.algorithm) && facts_.has_withdrawn())
        facts_.seen(ours_);
    if (!verdict().late().empty() && !verdict().is_blocked_for_good())
        co_return differ(
            "ours has not come to what the algorithm says, and nothing that is "
            "named keeps it from that");

    const Standings before = stock_.standings();
    const bool is_asked = co_await ask_again();
    if (!is_asked) co_return false;
    is_waited = co_await wait_for_ours();
    if (!is_waited) co_return false;
    if (judges_one_by_one(setup_.algorithm)) {
        if (stock_.standings() != before) met(Row::decided_again);
        if (is_equal()) co_return true;
    } else if (is_equal()) {
        if (const auto row = verdict().defect_of_stock()) co_return met(*row);
    }
    if (const auto row = verdict().lasting_row()) co_return met(*row);
    if (verdict().each_keeps_its_own()) {
        // From here on each keeps another partition active: there is nothing left to compare.
        met(facts_.was_empty() ? Row::memory : *verdict().defect_of_stock());
        co_return false;
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

awaitable<bool> Duel::wait_for_ours() {
    if (verdict().is_blocked_for_good()) co_return true;
    std::optional<Row> row;
    const std::set<NodeId> late = verdict().late();
    for (const NodeId node : late)
        if (!row) row = facts_.why_later(node);
    if (!row) co_return true;
    const Clock::time_point end = Clock::now() + facts_.longest_wait();
    while (!is_equal() && !verdict().late().empty() && Clock::now() < end) {
        co_await pause(Duration(20));
        const bool is_settled = co_await ours_.settle();
        if (!is_settled) co_return differ(ours_.complaint());
    }
    if (verdict().late().empty()) met(*row);
    co_return true;
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
