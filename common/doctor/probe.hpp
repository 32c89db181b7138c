// probe.hpp -- asks an arbiter what a node would ask it first: is somebody there, does that speak
// the protocol, and does TLS with these certificates work (protocol.md 6 and 8).
//
// Ends before INIT: it joins no cluster and moves no vote. Blocks until the answer is there.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <optional>
#include <string>

#include "common/net/connect.hpp"
#include "common/net/tls.hpp"
#include "common/wire/types.hpp"

namespace castvote::doctor {

struct Probed {
    std::string connect_failure;  // one plain line; empty: a TCP connection came about
    std::string silence;          // why there was no PREINIT_REPLY; empty: there was one
    wire::TlsSupported tls = wire::TlsSupported::unsupported;  // the arbiter's
    bool wants_certificate = false;
    std::optional<net::TlsFacts> tls_facts;  // a handshake was made, and stood
    std::string tls_failure;                 // ... or why not

    bool is_answered() const { return connect_failure.empty() && silence.empty(); }
};

// tls: none asks the arbiter only what it offers. target.timeout also bounds the rest.
Probed probe(const net::ConnectTarget& target, const std::string& cluster_name,
             const std::optional<net::TlsContext>& tls);

}  // namespace castvote::doctor
