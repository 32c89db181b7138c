// tls.hpp -- the two TLS contexts of an enrolment, and what both sides take from a connection.
//
// TLS 1.3 alone: both ends are ours. The node has no CA yet, so that nothing is verified during
// the handshake; afterwards `ca_shown` looks for the CA that the token means in what the arbiter
// showed, and verifies the arbiter's certificate against that one.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <string>

#include "certs/error.hpp"
#include "certs/identity.hpp"
#include "certs/openssl.hpp"
#include "certs/token.hpp"
#include "common/net/asio.hpp"

namespace castvote::certs::enrol {

// TCP, or the local socket of an invitation.
using Socket = net::asio::generic::stream_protocol::socket;
using Stream = net::asio::ssl::stream<Socket>;

Expected<net::asio::ssl::context> server_context(const ArbiterIdentity& identity);
net::asio::ssl::context client_context();

// What TLS exports for this connection: both ends have the same, and nobody else.
std::string exported(Stream& stream);

// The CA that the token means, if it has signed the certificate of the arbiter we are talking to.
Expected<CertificatePtr> ca_shown(Stream& stream, const Token& token);

}  // namespace castvote::certs::enrol
