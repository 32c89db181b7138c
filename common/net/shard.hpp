// shard.hpp -- one event loop, and a thread of its own if wanted.
//
// All that belongs to one cluster happens on one shard, in one thread, without locks. Other threads
// reach it by post() only.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <functional>
#include <optional>
#include <thread>
#include <utility>

#include "common/net/asio.hpp"

namespace castvote::net {

class Shard {
public:
    Shard() : work_(asio::make_work_guard(io_)) {}
    ~Shard() { stop(); }
    Shard(const Shard&) = delete;
    Shard& operator=(const Shard&) = delete;

    asio::io_context& io() { return io_; }
    template <class Work>
    void post(Work work) {
        asio::post(io_, std::move(work));
    }

    // In the calling thread, until stop().
    void run() { io_.run(); }
    // In a thread of its own.
    void start() {
        thread_.emplace([this] { io_.run(); });
    }
    // From any other thread than its own: ends the loop and waits for the thread.
    void stop() {
        io_.stop();
        thread_.reset();
    }

private:
    asio::io_context io_{1};
    asio::executor_work_guard<asio::io_context::executor_type> work_;
    std::optional<std::jthread> thread_;
};

}  // namespace castvote::net
