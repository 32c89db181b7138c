// listener.hpp -- accepting connections and dealing them out to the shards.
//
// Runs on one loop. At the limit of descriptors it waits instead of spinning; above the limit of
// clients a connection is accepted and closed at once, as stock does (protocol.md 1).
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <memory>
#include <string>

#include "common/wire/expected.hpp"
#include "qnetd/shell/arbiter_shard.hpp"
#include "qnetd/shell/options.hpp"

namespace castvote::qnetd {

class Listener {
public:
    // The error names address and cause in one line.
    static Expected<std::unique_ptr<Listener>, std::string> open(net::asio::io_context& io,
                                                                 const Options& options,
                                                                 Common& common);
    // No further connections.
    ~Listener();

    std::uint16_t port() const;

private:
    struct State;
    explicit Listener(std::shared_ptr<State> state);
    std::shared_ptr<State> state_;
    friend struct ListenerLoops;
};

}  // namespace castvote::qnetd
