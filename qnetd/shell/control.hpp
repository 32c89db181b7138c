// control.hpp -- the commands of the arbiter's control socket (tools.md 2).
//
// Asks every shard for its part by post, never reaches into one. `json status`, `json list`,
// `release` and `reload` are ours (the last in control_reload.cpp); the rest is stock.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <deque>
#include <functional>
#include <string>
#include <vector>

#include "common/ipc/server.hpp"
#include "qnetd/shell/arbiter_shard.hpp"
#include "qnetd/shell/status_json.hpp"

namespace castvote::qnetd {

class Control {
public:
    // stop: what `shutdown` does once its answer has left. All references must outlive this.
    Control(net::asio::io_context& io, const Options& options, Common& common, Instant started,
            std::function<void()> stop);

    void handle(std::vector<std::string> words, ipc::Answer answer);
    // The lists of names and of the revoked may have changed after they were read and before
    // anybody could tell us. Wants the shards to run.
    void read_lists_again();

private:
    struct Everything {
        std::vector<ClusterStatus> clusters;  // in order of first connection
        Totals totals;
    };
    using Take = std::function<void(const Everything&)>;

    // Calls `take` later, on our own thread.
    void gather(Take take);
    void status(const std::vector<std::string>& words, ipc::Answer answer);
    void list(const std::vector<std::string>& words, ipc::Answer answer);
    void json(const std::vector<std::string>& words, ipc::Answer answer);
    void release(const std::vector<std::string>& words, ipc::Answer answer);
    void reload(const std::vector<std::string>& words, ipc::Answer answer);
    void in_turn(std::function<void()> what);
    void next_turn();
    void read_again(ipc::Answer answer);
    void rename(wire::ClusterNames names, std::function<void(std::string)> then);
    void say(std::size_t ended, const std::string& refused, ipc::Answer answer);
    void take_up(net::TlsContext tls, std::function<void(std::size_t)> then);

    net::asio::io_context& io_;
    const Options& options_;
    Common& common_;
    Instant started_;
    std::function<void()> stop_;
    // Reloads, the running one first. No more than the clients of the socket.
    std::deque<std::function<void()>> turns_;
};

}  // namespace castvote::qnetd
