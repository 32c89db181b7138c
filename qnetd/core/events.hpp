// events.hpp -- what happens to the arbiter, and what it wants done.
//
// The arbiter core is `step(event) -> actions` and nothing else: no clock, no socket, no log, no
// thread. A shell (or the simulator, the explorer, a fuzzer) turns the world into events and
// carries the actions out in the order given. A connection is a number that the shell never uses
// twice.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "common/wire/cluster_names.hpp"
#include "common/wire/framer.hpp"
#include "common/wire/instant.hpp"
#include "qnetd/core/note.hpp"
#include "qnetd/core/record.hpp"

namespace castvote::qnetd {

using ConnectionId = std::uint64_t;

// A connection was accepted, or moved here from another shard before its cluster was known.
struct Opened {
    ConnectionId connection = 0;
    std::string peer_address;  // as the status shows it, "::ffff:10.0.0.1:4711"
    auto operator<=>(const Opened&) const = default;
};

// One frame of a connection, in the order of arrival.
struct Received {
    ConnectionId connection = 0;
    wire::Inbound inbound;
    bool operator==(const Received&) const = default;
};

// The names in a client certificate that the TLS layer has already verified against our own CA.
struct PeerCertificate {
    std::string common_name;
    std::vector<std::string> dns_names;  // subjectAltName; when there are any, only they count
    std::string key_fingerprint;  // of the public key, or the owner that stands for it: tells
                                  // owners of one name apart
    auto operator<=>(const PeerCertificate&) const = default;
};

// The handshake after StartTls is done.
struct TlsEstablished {
    ConnectionId connection = 0;
    std::optional<PeerCertificate> certificate;  // empty: the client showed none
    auto operator<=>(const TlsEstablished&) const = default;
};

// Why a connection ended, as the arbiter saw it. Only `end_of_stream` proves that the node itself
// ended it (FIN or close_notify was read); after any other the node may not know (safety.md R2e).
enum class CloseCause : std::uint8_t { end_of_stream, reset_or_error, queue_full, tls_failed };

struct Closed {
    ConnectionId connection = 0;
    CloseCause cause = CloseCause::reset_or_error;
    auto operator<=>(const Closed&) const = default;
};

// The time named by next_deadline() has come. The shell delivers all input that is already readable
// first, so that a stall of ours does not look like the silence of a node (protocol.md 9).
struct TimePassed {
    auto operator<=>(const TimePassed&) const = default;
};

// The operator's word that a node which is not connected counts no vote any more: it is switched
// off. The only release of a node that has no lifetime (docs/safety.md R2e). Without effect on a
// node that is connected or holds nothing.
struct OperatorRelease {
    std::string cluster;  // by the name that it is kept under
    wire::NodeId node = 0;
    auto operator<=>(const OperatorRelease&) const = default;
};

// The record of Persist, or a later one of the same cluster, is on stable storage.
struct Persisted {
    std::string cluster;
    std::uint64_t number = 0;
    auto operator<=>(const Persisted&) const = default;
};

// Another list of renamed clusters. It is announced to every shard first, and taken up by all of
// them only if Arbiter::stands_against() finds nothing in any: in between nobody enters by a name
// that changes hands, so that what was found stays true. Dropped: all is as before.
struct Renamed {
    enum class Stage : std::uint8_t { announced, taken_up, dropped } stage = Stage::announced;
    wire::ClusterNames names;
    std::uint64_t known_grant =
        0;  // when it is taken up: the greatest Arbiter::known_grant() of all
    bool operator==(const Renamed&) const = default;
};

struct Event {
    Instant now;
    std::variant<Opened, Received, TlsEstablished, Closed, TimePassed, OperatorRelease, Persisted,
                 Renamed>
        what;
};

// Put a message on a connection's queue.
struct Send {
    ConnectionId connection = 0;
    wire::Message message;
    bool operator==(const Send&) const = default;
};

// The byte after the message just received is the first of a TLS hello: do the server's handshake
// once everything queued before has been written, then report TlsEstablished or Closed.
struct StartTls {
    ConnectionId connection = 0;
    auto operator<=>(const StartTls&) const = default;
};

// End a connection. The core has forgotten it already: no Closed is expected and a late one is
// ignored.
struct Close {
    ConnectionId connection = 0;
    auto operator<=>(const Close&) const = default;
};

// Something that a person should be able to read: log line, journal row, page and metric.
struct Report {
    Note note;
    bool operator==(const Report&) const = default;
};

// Write the record in place of the cluster's former one (R3); an empty one takes its row away. Tell
// by Persisted with this number when it is on stable storage, and never before. Numbers grow.
struct Persist {
    std::string cluster;
    std::uint64_t number = 0;
    Record record;
    bool operator==(const Persist&) const = default;
};

using Action = std::variant<Send, StartTls, Close, Report, Persist>;
using Actions = std::vector<Action>;

}  // namespace castvote::qnetd
