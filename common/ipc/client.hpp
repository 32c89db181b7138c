// client.hpp -- one request to a daemon's control socket, for the tools (tools.md 2 and 6).
//
// Blocking: a tool has nothing else to do. The exit statuses are those of the stock tools.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <string>
#include <string_view>

namespace castvote::ipc {

struct Response {
    enum class Kind {
        ok,              // text: the payload
        error,           // text: the daemon's one line
        nothing,         // closed without a byte
        cannot_connect,  // text: the system's words
        cannot_talk,     // sending or receiving failed; text: the system's words
        unknown_status,  // the first line is neither OK nor Error; text: that line
    };
    Kind kind = Kind::nothing;
    std::string text;
};

// `request` without its LF.
Response ask(const std::string& socket_path, std::string_view request);

// Whether a daemon listens there; it is asked nothing, so that one that hangs holds nobody up.
bool is_listening(const std::string& socket_path);

}  // namespace castvote::ipc
