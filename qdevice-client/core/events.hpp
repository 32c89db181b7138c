// events.hpp -- what happens to a node's daemon, and what it wants done.
//
// The node core is `step(event) -> actions` and nothing else: no clock, no socket, no cmap, no log.
// It knows the protocol's order from the client's side, the algorithms' client rules and the policy
// of when to cast which vote; where the vote goes (corosync or a pipe) is the quorum provider's
// business.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "common/wire/framer.hpp"
#include "common/wire/instant.hpp"
#include "qdevice-client/core/settings.hpp"

namespace castvote::qdevice {

// -- what happens ---------------------------------------------------------------------------------

// The quorum provider reports a new membership: polls count for this ring from now on
// (node.md 6.2).
struct RingChanged {
    wire::RingId ring;
    std::vector<wire::NodeId> members;
    bool operator==(const RingChanged&) const = default;
};

// The synchronisation is over, or quorum changed (node.md 6.4). The list has no device entry.
struct QuorumChanged {
    bool quorate = false;
    std::vector<wire::NodeInfo> nodes;
    bool operator==(const QuorumChanged&) const = default;
};

// What the provider says about our own vote: is it counted at the moment? Wanted after every
// RingChanged and QuorumChanged, once the actions of those have been carried out.
struct FlagSeen {
    bool cast = false;
    bool operator==(const FlagSeen&) const = default;
};

// The vote that was cast last is counted: it has come round the ring, waits in no queue, and
// nothing older has overwritten it (then it is FlagSeen). Said only while that ring is the current
// one and no newer is known; may never be said.
struct VoteCounted {
    bool operator==(const VoteCounted&) const = default;
};

// The cluster's configuration was read anew (node.md 5.7).
struct ConfigChanged {
    NodeConfig config;
    bool operator==(const ConfigChanged&) const = default;
};

// Outcome of the heuristics run `number`; `undefined` means disabled (node.md 12). The result of a
// run that was superseded may come or not.
struct HeuristicsDone {
    std::uint32_t number = 0;
    wire::Heuristics result = wire::Heuristics::undefined;
    bool operator==(const HeuristicsDone&) const = default;
};

// The TCP connection asked for by Connect is there.
struct Connected {
    bool operator==(const Connected&) const = default;
};

// One frame from the arbiter.
struct Received {
    wire::Inbound inbound;
    bool operator==(const Received&) const = default;
};

// The handshake asked for by StartTls is done.
struct TlsEstablished {
    bool client_certificate_sent = false;
    bool operator==(const TlsEstablished&) const = default;
};

enum class LostCause : std::uint8_t {
    connect_failed,
    end_of_stream,
    reset_or_error,
    queue_full,
    tls_failed,
    vote_not_taken,  // we hung up ourselves: what corosync counts now is not known
};

// The connection (attempt) ended, not by us. `detail`: plain words for the log.
struct ConnectionLost {
    LostCause cause = LostCause::connect_failed;
    std::string detail;
    bool operator==(const ConnectionLost&) const = default;
};

// A Cast was refused for good: the quorum provider no longer takes our votes.
struct CastRefused {
    std::string detail;
    bool operator==(const CastRefused&) const = default;
};

// The provider is gone (corosync stopped or died).
struct ProviderLost {
    std::string detail;
    bool operator==(const ProviderLost&) const = default;
};

// SIGTERM, SIGINT, the local command `shutdown`, or a configuration with which this core cannot go
// on. The Exit may take as long as the lease: with a farewell to say (R2d of docs/safety.md) it
// waits until the "no" has come round the ring. A second one ends that wait.
struct StopRequested {
    bool says_farewell = true;
    bool operator==(const StopRequested&) const = default;
};

// The time named by next_deadline() has come; readable input was delivered first.
struct TimePassed {
    bool operator==(const TimePassed&) const = default;
};

struct Event {
    Instant now;
    std::variant<RingChanged, QuorumChanged, FlagSeen, VoteCounted, ConfigChanged, HeuristicsDone,
                 Connected, Received, TlsEstablished, ConnectionLost, CastRefused, ProviderLost,
                 StopRequested, TimePassed>
        what;
};

// -- what is wanted -------------------------------------------------------------------------------

// Resolve the arbiter's name and connect; answered by Connected or ConnectionLost.
struct Connect {
    bool operator==(const Connect&) const = default;
};

struct Send {
    wire::Message message;
    bool operator==(const Send&) const = default;
};

// After everything queued before has been written: the client's TLS handshake.
struct StartTls {
    bool operator==(const StartTls&) const = default;
};

// From now on the arbiter may send messages of up to so many bytes, header included; until then,
// and on every new connection at first, Settings::message_receive_size_initial holds (protocol.md
// 1).
struct SetReceiveLimit {
    std::uint32_t bytes = 0;
    bool operator==(const SetReceiveLimit&) const = default;
};

// Drop the connection or the attempt; no ConnectionLost is expected for it.
struct Disconnect {
    bool operator==(const Disconnect&) const = default;
};

// Give this vote to the quorum provider, for this ring, now (votequorum_qdevice_poll, node.md 4.2).
// A yes is not given after not_after: who was asleep when it should have gone out takes it back.
struct Cast {
    bool vote = false;
    wire::RingId ring;
    std::optional<Instant> not_after = {};
    bool operator==(const Cast&) const = default;
};

// Run the heuristics commands; a run in flight is superseded (node.md 12). With mode off the shell
// answers `undefined` at once.
struct RunHeuristics {
    std::uint32_t number = 0;
    Duration timeout{0};
    bool operator==(const RunHeuristics&) const = default;
};

enum class Level : std::uint8_t { debug, info, notice, warning, error };

struct Report {
    Level level = Level::info;
    std::string text;  // a plain sentence, then key=value
    bool operator==(const Report&) const = default;
};

// Leave: unregister, clean up, end with this exit status (node.md 2). No action follows it. With a
// farewell the connection is still there: it goes to the arbiter when the provider has proved that
// it counts our vote no more (R2d of docs/safety.md), and the connection ends in any case.
struct Exit {
    int status = 0;
    std::optional<wire::Message> farewell = {};
    bool operator==(const Exit&) const = default;
};

using Action = std::variant<Connect, Send, StartTls, SetReceiveLimit, Disconnect, Cast,
                            RunHeuristics, Report, Exit>;
using Actions = std::vector<Action>;

}  // namespace castvote::qdevice
