// enrolment.hpp -- what the arbiter and an open invitation agree on (docs/protocol.md 16).
//
// A node that joins comes to the arbiter's port and says so by one empty message of a type that
// corosync does not know. The arbiter hands such a connection to the socket of the invitation,
// which lies beside its control socket. Whoever is no arbiter of ours answers as to any unknown
// message, and so does ours when no invitation is open.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace castvote::net {

inline constexpr std::uint16_t join_message_type = 0x434a;  // "CJ"
// The whole message, header only: type, and a body of no bytes. The invitation answers the same.
inline constexpr std::string_view join_message{"CJ\0\0\0\0", 6};

// Whoever has shown nothing yet may hold so many places, for seconds; from one address so many that
// nodes behind one router still get in, and that a stranger with one address leaves room.
inline constexpr std::size_t joining_max = 32;
inline constexpr std::size_t joining_each_max = 4;

// Before the first byte of TLS the arbiter says to the invitation whose connection this is: an
// address as the log shows it, and LF.
inline constexpr std::size_t address_line_max = 80;

inline std::string invitation_socket_beside(const std::string& control_socket) {
    return control_socket.substr(0, control_socket.find_last_of('/') + 1) + "castvote-invite.sock";
}

}  // namespace castvote::net
