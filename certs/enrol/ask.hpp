// ask.hpp -- the node's side of an enrolment: one connection, from the address to the certificate.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "certs/enrol/message.hpp"
#include "certs/openssl.hpp"
#include "certs/token.hpp"
#include "certs/x509.hpp"

namespace castvote::certs::enrol {

struct Where {
    std::string host;
    std::uint16_t port = 5403;
};

enum class AskFailure { unreachable, not_the_arbiter, refused, not_stored };

struct AskError {
    AskFailure kind = AskFailure::unreachable;
    Error words;
    std::string code;  // refused: the refusal's
};

// Stores what came, and says whether it worked; the arbiter is told then. `cas`: to be trusted.
using Store = std::function<Expected<void>(X509* certificate, const Certificates& cas)>;

// The CAs that an answer tells to trust; without any the one that was shown, which the token names.
// One or two, the token's among them, and nothing but CAs.
Expected<Certificates> authorities_told(const Issued& issued, X509* shown, const Token& token);

// Blocks for half a minute at most.
Expected<void, AskError> ask(const Where& where, const Token& token, const Request& request,
                             const Store& store);

}  // namespace castvote::certs::enrol
