// answers.hpp -- what an answer of the arbiter must hold, and what is wrong with one that does not.
//
// Pure checks, in the order of the stock client (protocol.md 10). Where stock ends its process we
// come back later: an arbiter that is wrong today may be mended tomorrow, and a node without its
// daemon would not notice.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <optional>
#include <string>

#include "common/wire/expected.hpp"
#include "common/wire/framer.hpp"
#include "qdevice-client/core/backoff.hpp"
#include "qdevice-client/core/settings.hpp"

namespace castvote::qdevice::answers {

// Why a connection is given up, and how soon another try makes sense.
struct Fault {
    Retry retry = Retry::soon;
    std::string text;  // plain words for log and status
    bool operator==(const Fault&) const = default;
};

enum class Transport : std::uint8_t { plain, tls };

// PREINIT_REPLY: our TLS mode against the arbiter's (protocol.md 8).
Expected<Transport, Fault> judge_preinit(const wire::Message& reply, std::uint32_t number,
                                         wire::TlsSupported ours);

// What the arbiter can do and take.
struct Terms {
    bool has_heuristics = false;         // option 22
    bool has_keep_active = false;        // option 23
    std::uint32_t request_size_max = 0;  // bytes that we may send in one message
    bool operator==(const Terms&) const = default;
};

// INIT_REPLY.
Expected<Terms, Fault> judge_init(const wire::Message& reply, std::uint32_t number,
                                  const Settings& settings);

// A message that carries a vote: NODE_LIST_REPLY, ASK_FOR_VOTE_REPLY, VOTE_INFO,
// HEURISTICS_CHANGE_REPLY. None: everything needed is there.
std::optional<Fault> judge_vote(const wire::Message& message);

// What could not be read at all.
Fault fault_of(const wire::DecodeError& error);
Fault fault_of(const wire::Skipped& skipped);
// SERVER_ERROR.
Fault fault_of_server_error(const wire::Message& message);
// A message that does not belong here, or not now.
Fault unexpected(wire::MessageType type);

}  // namespace castvote::qdevice::answers
