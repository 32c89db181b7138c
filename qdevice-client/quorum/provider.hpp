// provider.hpp -- where the vote goes: the one interface of corosync and of the stdio emulation.
//
// A provider reports memberships and quorum, takes votes bound to a ring, and says whether the vote
// counts at the moment. It knows nothing of the arbiter and decides nothing.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <functional>
#include <string>
#include <variant>

#include "common/wire/expected.hpp"
#include "qdevice-client/core/events.hpp"
#include "qdevice-client/quorum/configuration.hpp"

namespace castvote::qdevice {

// The configuration was read anew and differs; warnings are inside.
struct Reconfigured {
    Configuration configuration;
};

// quorum.device.model is gone, or names another model: nobody wants our vote any more.
struct DeviceRemoved {
    std::string model;  // empty: none
};

// Logging keys changed.
struct DebugWanted {
    bool on = false;
};

// The running cluster no longer suits the algorithm (node.md 6.6); go with exit status 1.
struct Unfit {
    std::string detail;
};

// The parent closed the stream or asked to stop (stdio only).
struct StopWanted {
    std::string detail;
};

struct Remark {
    Level level = Level::info;
    std::string text;
};

using ProviderEvent =
    std::variant<RingChanged, QuorumChanged, FlagSeen, VoteCounted, CastRefused, ProviderLost,
                 Reconfigured, DeviceRemoved, DebugWanted, Unfit, StopWanted, Remark>;
using ProviderListener = std::function<void(ProviderEvent)>;

enum class StartProblem : std::uint8_t {
    not_running,    // there is no corosync to talk to
    try_again,      // it is busy; ask again in a second
    not_ready,      // the configuration is incomplete and corosync is still (re)loading
    configuration,  // wrong configuration; the text names key and remedy
    refused,        // corosync does not take a device
};

struct StartError {
    StartProblem problem = StartProblem::refused;
    std::string text;
};

class QuorumProvider {
public:
    virtual ~QuorumProvider() = default;

    // Connects and reads the configuration; registers nothing, so a failure leaves no trace.
    virtual Expected<Configuration, StartError> open() = 0;

    // Registers as the quorum device and begins to deliver events, never from within this call.
    virtual Expected<std::monostate, StartError> start(ProviderListener listener) = 0;

    // Hands over a vote for `ring`; a vote for another ring than the current one has no effect. A
    // vote that was taken is followed by VoteCounted when it has come round.
    // False: a "no" was not taken yet, and an older "yes" may still count: nothing that rests on it
    // may be said any more. It is tried again until it is taken; trouble comes as an event
    // (CastRefused, ProviderLost), not from within this call.
    [[nodiscard]] virtual bool cast(bool vote, const wire::RingId& ring) = 0;

    // Delivers what is already readable, before time-outs are judged.
    virtual void deliver_pending() = 0;

    // Withdraws the device, outside a synchronisation if that ends soon, and checks that it is
    // gone; then calls `done` with the proof (true) or without. No event follows. Call once.
    virtual void stop(std::function<void(bool withdrawn)> done) = 0;

    // Expected votes as the provider counts them, the device's included; for the status.
    virtual std::uint32_t expected_votes() const = 0;

    // What the daemon wants known beside its log: a change of state in one word (stdio writes it).
    virtual void tell_status(const std::string& connection, const std::string& arbiter) {
        static_cast<void>(connection);
        static_cast<void>(arbiter);
    }
};

}  // namespace castvote::qdevice
