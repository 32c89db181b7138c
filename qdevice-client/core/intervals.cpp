// intervals.cpp -- see intervals.hpp.
// SPDX-License-Identifier: BSD-3-Clause
#include "qdevice-client/core/intervals.hpp"

#include <algorithm>

namespace castvote::qdevice {

Intervals intervals_of(const Settings& settings) {
    constexpr Duration least{1};
    const Duration heartbeat = std::clamp(
        Duration(settings.device_timeout.count() * 8 / 10),
        Duration(settings.heartbeat_interval_min_ms),
        Duration(std::max(settings.heartbeat_interval_min_ms, settings.heartbeat_interval_max_ms)));
    return {.heartbeat = std::max(heartbeat, least),
            .echo = std::max(heartbeat / 8, least),
            .answer = std::max(heartbeat * 3 / 4, least),
            .contact = std::max(heartbeat, least),
            .poll = std::max(settings.device_timeout / 2, least)};
}

}  // namespace castvote::qdevice
