// wrong_tries.hpp -- who has sent wrong tokens, and is not listened to for a while.
//
// A token cannot be guessed; this keeps a stranger from keeping an invitation busy, without a way
// to close it for its nodes. Each address is on its own. Pure: `now` is a parameter.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <map>
#include <string>

#include "common/wire/instant.hpp"

namespace castvote::certs::enrol {

class WrongTries {
public:
    // So many at once, then one more each time that this has passed: room for who has an old
    // command in his hands, none for a flood.
    static constexpr int tries_max = 5;
    static constexpr Duration one_more_each{10'000};
    // What a stranger with many addresses can fill; who comes then is listened to, and costs the
    // handshake that he would have cost with an address of his own.
    static constexpr std::size_t addresses_max = 1024;

    bool must_wait(const std::string& address, Instant now) const;
    void add(const std::string& address, Instant now);

private:
    std::map<std::string, Instant> all_back_;  // when an address has all of its tries again
};

}  // namespace castvote::certs::enrol
