// backoff.cpp -- see backoff.hpp.
// SPDX-License-Identifier: BSD-3-Clause
#include "qdevice-client/core/backoff.hpp"

#include <algorithm>

namespace castvote::qdevice {

namespace {

constexpr Duration soon_first{250};
constexpr Duration later_first{1000};
constexpr Duration later_max{30000};
constexpr std::uint32_t doublings_max = 10;  // 250 ms << 10 is beyond every limit

}  // namespace

// splitmix64: small, ours, the same on every machine.
std::uint64_t Backoff::draw(std::uint64_t below) {
    std::uint64_t z = random_ += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (z ^ (z >> 31)) % below;
}

Duration Backoff::next(Retry retry, Duration connect_timeout) {
    const bool is_soon = retry == Retry::soon;
    const Duration first = is_soon ? soon_first : later_first;
    // A try costs the arbiter little and finds it back quickly; a stock client asks once per
    // connect timeout or every 2.2 s on average.
    const Duration longest = is_soon ? std::max(connect_timeout / 4, soon_first) : later_max;
    const Duration full = std::min(first * (1 << std::min(failures_, doublings_max)), longest);
    ++failures_;
    return full / 2 + Duration(draw(static_cast<std::uint64_t>(full.count() / 2) + 1));
}

}  // namespace castvote::qdevice
