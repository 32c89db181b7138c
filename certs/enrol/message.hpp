// message.hpp -- what node and invitation say to each other inside TLS (docs/protocol.md 16).
//
// The node: length, proof, body. The invitation: length, body. The node again: one byte, when all
// is stored. A body is JSON, and is read only after its proof. Pure.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "certs/enrol/invitation.hpp"

namespace castvote::certs::enrol {

// A request of RSA 4096 with a long name takes 2 KiB, an answer with a certificate and two CAs 6
// KiB.
inline constexpr std::size_t message_bytes_max = 16 * 1024;
inline constexpr std::size_t length_bytes = 4;
inline constexpr char stored_byte = 'k';

struct Request {
    std::string cluster;
    std::string request_pem;
    bool operator==(const Request&) const = default;
};

std::string request_body(const Request& request);
std::optional<Request> read_request(std::string_view body);

// `authorities_pem`: the CAs that the node is to trust; empty from an arbiter that says none, which
// means the one that it shows.
struct Issued {
    std::string certificate_pem;
    std::string authorities_pem;
    bool operator==(const Issued&) const = default;
};

std::string answer_body(const Issued& issued);
std::string answer_body(const Refusal& refusal);
// The certificate, or why not; nothing if it is neither.
std::optional<Expected<Issued, Refusal>> read_answer(std::string_view body);

// Big-endian, as everywhere in the protocol.
std::string with_length(std::string_view message);
std::size_t length_in(std::string_view head);

}  // namespace castvote::certs::enrol
