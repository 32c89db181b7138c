// campaign.cpp -- see campaign.hpp.
// SPDX-License-Identifier: BSD-3-Clause
#include "tests/simulate/campaign.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <mutex>
#include <thread>
#include <vector>

namespace castvote::simulate {

namespace {

using Clock = std::chrono::steady_clock;

class Runner {
public:
    explicit Runner(const Campaign& campaign)
        : campaign_(campaign), next_(campaign.first), last_(campaign.last) {}

    Totals run() {
        {
            std::vector<std::jthread> others;
            for (unsigned job = 1; job < campaign_.jobs; ++job)
                others.emplace_back([this] { work(); });
            work();
        }
        totals_.seconds = passed();
        if (has_progress_ && is_terminal_) fmt::print(stderr, "\r\033[K");
        return std::move(totals_);
    }

private:
    void work() {
        while (const auto seed = take()) {
            Result result = simulate::run(campaign_.options(*seed), false);
            const std::lock_guard lock(mutex_);
            add(*seed, std::move(result));
            show_progress();
        }
    }

    // Seeds are begun in their order: when one fails, all before it have been begun.
    std::optional<std::uint64_t> take() {
        const std::lock_guard lock(mutex_);
        const bool is_over =
            is_done_ || next_ > last_ || (campaign_.seconds && passed() >= *campaign_.seconds);
        if (is_over) return std::nullopt;
        is_done_ = next_ == last_;
        return next_++;
    }

    void add(std::uint64_t seed, Result result) {
        ++totals_.seeds;
        totals_.hours += static_cast<double>(result.simulated) / 3.6e9;
        totals_.grants += result.grants;
        totals_.faults += result.faults.size();
        totals_.overlaps += result.overlaps;
        totals_.old_yeses += result.old_yeses;
        totals_.longest_overlap = std::max(totals_.longest_overlap, result.longest_overlap);
        if (result.window) {
            ++totals_.windows;
            if (!result.is_window_explained) ++totals_.unexplained_windows;
            totals_.longest_window = std::max(totals_.longest_window, *result.window);
        }
        for (const auto& [name, count] : result.excused) totals_.excused[name] += count;
        totals_.reached["a start that did not trust its store"] += result.distrusts;
        totals_.reached["I5: a ring beside one that is held"] += result.contests;
        totals_.reached["I5: a holder is back, and told ACK again"] += result.returns;
        for (const auto& [kind, count] : result.kinds)
            totals_.reached[fmt::format("fault: {}", kind)] += count;
        for (std::size_t i = 0; i < result.reasons.size(); ++i)
            totals_
                .reached[fmt::format("note: {}", qnetd::name_of(static_cast<qnetd::Reason>(i)))] +=
                result.reasons[i];
        if (!result.violation) return;
        totals_.failed.emplace(seed, std::move(result));
        if (campaign_.keep_going) return;
        last_ = std::min(last_, seed);
        totals_.failed.erase(std::next(totals_.failed.begin()), totals_.failed.end());
    }

    // A line that is written over on a terminal; elsewhere one in half a minute.
    void show_progress() {
        const double now = passed();
        if (now - shown_ < (is_terminal_ ? 1 : 30)) return;
        shown_ = now;
        has_progress_ = true;
        fmt::print(stderr, "{}{} seeds, {:.0f} cluster-hours in {:.0f} s, {} violations{}",
                   is_terminal_ ? "\r" : "", totals_.seeds, totals_.hours, now,
                   totals_.failed.size(), is_terminal_ ? "\033[K" : "\n");
    }

    double passed() const { return std::chrono::duration<double>(Clock::now() - began_).count(); }

    const Campaign& campaign_;
    const Clock::time_point began_ = Clock::now();
    const bool is_terminal_ = isatty(STDERR_FILENO) == 1;
    std::mutex mutex_;
    std::uint64_t next_;
    std::uint64_t last_;
    bool is_done_ = false;
    double shown_ = 0;
    bool has_progress_ = false;
    Totals totals_;
};

}  // namespace

Totals run(const Campaign& campaign) { return Runner(campaign).run(); }

}  // namespace castvote::simulate
