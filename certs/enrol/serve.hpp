// serve.hpp -- an open invitation: waits for nodes, signs for those that prove the token.
//
// Comes in through the arbiter, by a socket of ours beside its control socket, or by a port of its
// own. Everything that a stranger can use up is bounded: connections at a time, bytes, seconds.
// What happens is told to the caller in events; it prints them.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "certs/arbiter_directory.hpp"
#include "certs/enrol/invitation.hpp"
#include "certs/identity.hpp"
#include "common/net/asio.hpp"

namespace castvote::certs::enrol {

// Where nodes come in: exactly one of the two.
struct Door {
    std::string control_socket;  // of the arbiter; ours lies beside it
    std::string address;         // own port: all addresses if empty
    std::uint16_t port = 0;      // 0: through the arbiter
};

struct Happening {
    enum class What { issued, joined, refused, broken } what = What::issued;
    std::string address;  // of the node
    std::string serial;   // issued, joined
    Error words;          // refused, broken: why
    std::string code;     // refused
};

struct Invite {
    Path directory;
    std::string cluster;
    std::string owner;
    Door door;
};

class Inviter {
public:
    using Tell = std::function<void(const Happening&)>;

    // Opens the door: nodes may come from now on, and are served when run() runs.
    static Expected<std::unique_ptr<Inviter>> open(Invite invite, const ArbiterIdentity& identity,
                                                   Invitation invitation, Tell tell);
    ~Inviter();

    // Until all have joined, the time is over, too many proofs were wrong or a signal came. The
    // door is closed then, and the socket is gone.
    Ending run();

    std::uint16_t port() const;  // of an own door
    const Invitation& invitation() const;

private:
    struct State;
    Inviter();
    net::asio::io_context io_{1};  // first: what waits in it holds the state
    std::shared_ptr<State> state_;
    friend struct InviterLoops;
};

}  // namespace castvote::certs::enrol
