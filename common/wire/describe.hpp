// describe.hpp -- a message in one line, for logs, golden scenarios and test failures.
//
// Bytes that a peer chose are shown quoted and escaped, so that no peer can write a log line.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <string>

#include "common/wire/framer.hpp"

namespace castvote::wire {

// "VOTE_INFO MSG_SEQ_NUMBER=1 VOTE=ACK RING_ID=1.8"; lists that hold every number are "all".
std::string describe(const Message& message);
// "NODE_LIST: bad value in option VOTE"
std::string describe(const DecodeError& error);
std::string describe(const Inbound& inbound);

// Text from outside, printable ASCII kept, everything else as \xNN, in double quotes.
std::string quoted(std::string_view text);

}  // namespace castvote::wire
