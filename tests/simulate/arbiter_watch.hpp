// arbiter_watch.hpp -- sees what passes between the arbiter and its clients.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>

#include "common/wire/instant.hpp"
#include "common/wire/message.hpp"

namespace castvote::simulate {

using ConnectionId = std::uint64_t;

// Times are those of the arbiter's clock, as if its machine had never been started anew.
class ArbiterWatch {
public:
    virtual ~ArbiterWatch() = default;
    // remembers: it knows, and trusts, all that its predecessor knew.
    virtual void started(bool remembers, Instant now) = 0;
    virtual void died() = 0;
    // Before the arbiter has made anything of it.
    virtual void received(ConnectionId connection, const wire::Message& message, Instant now) = 0;
    virtual void sent(ConnectionId connection, const wire::Message& message, Instant now) = 0;
    // By either side.
    virtual void closed(ConnectionId connection) = 0;
    // No new grant can be recorded at this instant.
    virtual void store_is_stuck() = 0;
};

}  // namespace castvote::simulate
