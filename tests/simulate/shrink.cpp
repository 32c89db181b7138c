// shrink.cpp -- see shrink.hpp.
// SPDX-License-Identifier: BSD-3-Clause
#include "tests/simulate/shrink.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace castvote::simulate {

namespace {

using Numbers = std::vector<std::uint64_t>;

// A run takes milliseconds to tenths of a second; nobody waits for minutes.
constexpr std::uint64_t runs_max = 200;

class Shrinker {
public:
    Shrinker(const Options& options, const Result& failed)
        : options_(options), invariant_(invariant_of(*failed.violation)), faults_(failed.faults) {}

    // Delta debugging: leaves out one part of many; if none can be left out, the parts get smaller.
    Shrunk shrink() {
        std::size_t parts = 2;
        while (!faults_.empty() && runs_ < runs_max) {
            parts = std::min(parts, faults_.size());
            if (leave_out_one_of(parts)) {
                parts = std::max<std::size_t>(parts - 1, 2);
            } else if (parts == faults_.size()) {
                break;
            } else {
                parts *= 2;
            }
        }
        return {faults_, run_with(faults_, true), runs_};
    }

private:
    Result run_with(const Numbers& faults, bool with_trace) const {
        Options options = options_;
        options.only_faults = {faults.begin(), faults.end()};
        return run(options, with_trace);
    }

    bool leave_out_one_of(std::size_t parts) {
        for (std::size_t part = 0; part < parts && runs_ < runs_max; ++part) {
            const auto begin = static_cast<std::ptrdiff_t>(part * faults_.size() / parts);
            const auto end = static_cast<std::ptrdiff_t>((part + 1) * faults_.size() / parts);
            Numbers rest(faults_.begin(), faults_.begin() + begin);
            rest.insert(rest.end(), faults_.begin() + end, faults_.end());
            ++runs_;
            Result result = run_with(rest, false);
            if (!result.violation || invariant_of(*result.violation) != invariant_) continue;
            faults_ = std::move(result.faults);
            return true;
        }
        return false;
    }

    Options options_;
    std::string invariant_;
    Numbers faults_;  // that are still needed
    std::uint64_t runs_ = 0;
};

// Lines begin with the time in ten places.
bool is_fault(const std::string& line) { return line.find(" fault ") == 10; }

}  // namespace

std::string invariant_of(const Violation& violation) {
    return violation.what.substr(0, violation.what.find(':'));
}

Shrunk shrink(const Options& options, const Result& failed) {
    return Shrinker(options, failed).shrink();
}

std::vector<std::string> excerpt(const std::vector<std::string>& trace, std::size_t lines) {
    // As many lines around each fault, and before the end, as there is room for.
    std::vector<bool> is_kept(trace.size(), false);
    for (std::size_t radius = 0; radius < trace.size(); ++radius) {
        std::vector<bool> wanted(trace.size(), false);
        for (std::size_t i = 0; i < trace.size(); ++i) {
            if (!is_fault(trace[i]) && i + 1 != trace.size()) continue;
            const std::size_t from = i - std::min(i, radius);
            for (std::size_t near = from; near < std::min(i + radius + 1, trace.size()); ++near)
                wanted[near] = true;
        }
        const auto count = std::count(wanted.begin(), wanted.end(), true);
        if (static_cast<std::size_t>(count) > lines && radius > 0) break;
        is_kept = std::move(wanted);
    }
    std::vector<std::string> kept;
    std::size_t left_out = 0;
    for (std::size_t i = 0; i < trace.size(); ++i) {
        if (!is_kept[i]) {
            ++left_out;
            continue;
        }
        if (left_out > 0) kept.push_back(fmt::format("           ({} lines)", left_out));
        left_out = 0;
        kept.push_back(trace[i]);
    }
    return kept;
}

}  // namespace castvote::simulate
