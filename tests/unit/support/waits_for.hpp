// waits_for.hpp -- until another thread, or process, has come as far as a test wants it.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>

namespace castvote::tests {

// Steps between polls of a condition are short; false after ten seconds.
inline bool waits_for(const std::function<bool()>& condition) {
    std::mutex mutex;
    std::condition_variable nobody_tells;
    std::unique_lock lock(mutex);
    for (int i = 0; i < 2000 && !condition(); ++i)
        nobody_tells.wait_for(lock, std::chrono::milliseconds(5));
    return condition();
}

}  // namespace castvote::tests
