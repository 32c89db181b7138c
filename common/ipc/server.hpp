// server.hpp -- the local control socket of both daemons (tools.md 1 and 2).
//
// One request line, one reply, close. Guards the daemon against its local clients: their number,
// the size of a request, the size of a reply, and the time that they may stay silent are bounded.
// Who may connect is the business of the directory's mode.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <sys/types.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/ipc/words.hpp"
#include "common/net/asio.hpp"
#include "common/wire/expected.hpp"
#include "common/wire/instant.hpp"

namespace castvote::ipc {

struct Settings {
    std::string path;
    std::size_t clients_max = 10;  // 0: unlimited
    std::size_t request_size_max = 4096;
    std::size_t reply_size_max = 10485760;  // the node daemon's is 65536
    int backlog = 10;
    std::optional<mode_t> umask;  // around bind only
    std::optional<gid_t> group;
    Duration idle_timeout{10000};  // from connect to the end of the request, and for the reply
    Quoting quoting = Quoting::quotes;
};

// What is answered: `OK` and the text, or `Error` and one line (the LF is added where it lacks).
struct Reply {
    bool ok = true;
    std::string text;
    std::function<void()> after_sent;  // e.g. the shutdown that was asked for
};

inline Reply error(std::string text) { return Reply{.ok = false, .text = std::move(text)}; }

// Called once with the answer, on the server's thread, at once or later.
using Answer = std::function<void(Reply)>;
// `words` is never empty; an empty line is answered by the server. Use unknown_command() for the
// rest.
using Handler = std::function<void(std::vector<std::string> words, Answer answer)>;

Reply unknown_command(const std::string& word);

class Server {
public:
    // Unlinks whatever is at the path, binds, listens. The error is one line that names path and
    // cause.
    static Expected<std::unique_ptr<Server>, std::string> listen(net::asio::io_context& io,
                                                                 Settings settings,
                                                                 Handler handler);
    // Closes and unlinks the socket, drops the clients.
    ~Server();

private:
    struct State;
    explicit Server(std::shared_ptr<State> state);
    std::shared_ptr<State> state_;
    friend struct ServerLoops;
};

}  // namespace castvote::ipc
