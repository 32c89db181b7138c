// join_relay.hpp -- hands joining nodes through to an open invitation (docs/protocol.md 16).
//
// The arbiter's part of an enrolment is to pass bytes on: it parses none of them and holds no key
// for them. Guards the votes against what comes this way: few connections at a time, few bytes,
// few seconds, on the main loop, where no cluster lives. What it relays is no client any more and
// does not count as one.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "common/net/asio.hpp"
#include "common/net/log.hpp"
#include "common/net/places.hpp"

namespace castvote::qnetd {

class JoinRelay {
public:
    // The invitation's socket lies beside the control socket, while there is one.
    JoinRelay(net::asio::io_context& io, const std::string& control_socket);

    // A connection to the invitation, closed where it is dropped.
    class Place {
    public:
        Place(int descriptor, std::shared_ptr<void> held)
            : descriptor_(descriptor), held_(std::move(held)) {}
        ~Place();
        Place(const Place&) = delete;
        Place& operator=(const Place&) = delete;
        // For whoever closes it in our place.
        int take_descriptor();

    private:
        int descriptor_;
        std::shared_ptr<void> held_;
    };

    // From any thread, and at once: nothing if no invitation is open, or too many are in it
    // already, from this address or from all.
    std::shared_ptr<Place> open(const std::string& address);
    // From any thread.
    void relay(std::shared_ptr<Place> place, net::tcp::socket client, std::string address);

private:
    net::asio::io_context& io_;
    std::string path_;
    net::Places places_;
    net::RateLimit lines_;  // on the main loop
};

}  // namespace castvote::qnetd
