// store_driver.hpp -- a store on a scratch directory, with a clock that only the test turns.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <atomic>
#include <chrono>
#include <filesystem>
#include <functional>
#include <future>
#include <mutex>
#include <stdexcept>
#include <string>
#include <vector>

#include "qnetd/store/store.hpp"
#include "tests/unit/support/scratch_directory.hpp"
#include "tests/unit/support/waits_for.hpp"

namespace castvote::tests {

constexpr Duration test_guard{60'000};

class StoreDriver {
public:
    explicit StoreDriver(std::string directory) : directory_(std::move(directory)) {}

    Expected<std::unique_ptr<qnetd::store::Store>, std::string> try_open() {
        qnetd::store::Settings settings;
        settings.directory = directory_;
        settings.boot.id = boot;
        settings.now = [this] { return at_ms(now_ms); };
        settings.wall_s = [this] { return wall_s.load(); };
        settings.longest_guard = test_guard;
        settings.vfs = vfs;
        settings.say = [this](bool, const std::string& line) {
            if (on_say) on_say();
            const std::lock_guard lock(mutex_);
            said_.push_back(line);
        };
        return qnetd::store::Store::open(std::move(settings));
    }
    void open() {
        auto opened = try_open();
        if (!opened) throw std::runtime_error(opened.error());
        store = std::move(*opened);
        store->begin();
    }
    void close() { store.reset(); }

    // Waits until it is on stable storage.
    void write(const std::string& cluster, const qnetd::Record& record) {
        std::promise<void> done;
        store->write({cluster, 1, record}, [&] { done.set_value(); });
        if (done.get_future().wait_for(std::chrono::seconds(20)) != std::future_status::ready)
            throw std::runtime_error("the write is never done");
    }
    std::vector<std::string> said() {
        const std::lock_guard lock(mutex_);
        return said_;
    }
    std::string file() const { return directory_ + "/grants.db"; }
    const std::string& directory() const { return directory_; }
    // What a restart finds if the arbiter is killed now: a copy, for another driver.
    void copy_to(const std::string& directory) const {
        std::filesystem::copy(directory_, directory);
    }

    std::string boot = "boot-1";
    std::atomic<std::int64_t> now_ms = 1000;
    std::atomic<std::int64_t> wall_s = 1'000'000;
    const char* vfs = nullptr;
    std::function<void()> on_say;
    std::unique_ptr<qnetd::store::Store> store;

private:
    std::string directory_;
    std::mutex mutex_;
    std::vector<std::string> said_;
};

// A record of two holders; different for every number.
inline qnetd::Record record_number(std::uint64_t number) {
    qnetd::Record record;
    record.grant_number = number;
    for (const qnetd::NodeId node : {1u, 2u}) {
        qnetd::Holder holder;
        holder.grant = {.ring = {{1, 4 * number}, {1, 2}}, .configured = {1, 2}};
        holder.timers = {Duration(8000), Duration(10001)};
        holder.flag_on = at_ms(5);
        holder.last_message = at_ms(6 + static_cast<std::int64_t>(number));
        record.holders[node] = holder;
    }
    record.granted = qnetd::Ring{{1, 4 * number}, {1, 2}};
    return record;
}

}  // namespace castvote::tests
