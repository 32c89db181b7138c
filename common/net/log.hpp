// log.hpp -- where log lines go. One line per event, said by whoever calls, with the time of the
// call, and written by a thread of its own: a slow disk or a stuck journal holds nobody up. Nothing
// is decided here.
//
// Under our own names: standard error, with a `<priority>` prefix when systemd reads it, with time
// and level otherwise. Under the stock names: syslog (facility daemon, with pid), and with -f also
// standard error in the stock format (node.md 13). Callable from any thread after log_start().
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "common/wire/instant.hpp"

namespace castvote::net {

enum class LogLevel : int { debug, info, notice, warning, error, critical };

// "debug", "info", "notice", "warning", "error" or "critical".
std::optional<LogLevel> log_level_named(std::string_view name);

struct LogSettings {
    std::string ident = "castvote";
    LogLevel lowest = LogLevel::info;  // lines below it are dropped
    bool to_stderr = true;
    bool to_syslog = false;
    bool syslog_debug_as_info = false;
    bool stock_format = false;  // on standard error: "Nov 25 06:53:03 error   text"
};

// Also again, with other settings. Starts a thread: after the fork of a daemon, not before it.
void log_start(const LogSettings& settings);
bool log_wants(LogLevel level);
// Waits until all that was said is written, a second at most.
void log_flush();
// The last thing that main does: as log_flush(), but where the log is stuck the process ends here,
// with this status. Returns it otherwise.
int log_end(int status);
// Control characters in the line become '?': nobody can forge a second line.
void log(LogLevel level, std::string_view line);

// For lines that a remote party can cause without end: `burst` at once, then one per `interval`.
class RateLimit {
public:
    RateLimit(std::size_t burst, Duration interval) : burst_(burst), interval_(interval) {}

    // May this line be written? If so, `suppressed` says how many were not since the last one.
    bool allows(Instant now, std::size_t& suppressed);

private:
    std::size_t burst_;
    Duration interval_;
    std::size_t used_ = 0;
    std::size_t suppressed_ = 0;
    Instant last_refill_;
};

}  // namespace castvote::net
