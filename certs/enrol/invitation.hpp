// invitation.hpp -- one open invitation: who may still come in, and when it ends.
//
// Guards the token: right proofs only, so many nodes and no more, until its time is over. Wrong
// ones end nothing: 128 bits are not guessed, and a stranger shall not close it (wrong_tries.hpp).
// A node whose answer was lost may ask again for the same key and takes no second place. Pure:
// `now` is a parameter, a monotonic one.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "certs/token.hpp"
#include "common/wire/instant.hpp"

namespace castvote::certs::enrol {

enum class Ending { all_joined, expired, interrupted };

// Why somebody is not let in. The code is for programs, and part of the protocol.
struct Refusal {
    std::string code;  // wrong_token, expired, used_up, other_authority, other_cluster
                       // or bad_request
    Error words;
};

class Invitation {
public:
    Invitation(Token token, std::size_t nodes, Instant ends)
        : token_(std::move(token)), nodes_(nodes), ends_(ends) {}

    // Whether this is somebody who has the token, and in time.
    Expected<void, Refusal> admit(std::string_view proof, std::string_view channel,
                                  std::string_view body, Instant now) const;

    // For somebody admitted, before anything is issued: the CA that the token names is among those
    // that nodes are told to trust. It is not if they were exchanged since.
    Expected<void, Refusal> check_authorities(const Certificates& for_nodes) const;

    // For somebody admitted: the answer that this key has got already; nothing if there is a
    // place for it; refused if there is none.
    Expected<std::optional<std::string>, Refusal> place_for(const std::string& key) const;
    void issued(const std::string& key, std::string answer);
    // The node has stored it.
    void confirmed(const std::string& key);

    // Nothing while it is open.
    std::optional<Ending> ending(Instant now) const;

    std::size_t confirmed_nodes() const { return confirmed_; }
    std::size_t nodes() const { return nodes_; }
    Instant ends() const { return ends_; }

private:
    struct Place {
        std::string answer;
        bool is_confirmed = false;
    };

    Token token_;
    std::size_t nodes_;
    Instant ends_;
    std::size_t confirmed_ = 0;
    std::map<std::string, Place> places_;  // by the key's fingerprint
};

}  // namespace castvote::certs::enrol
