// daemon.hpp -- the arbiter as a process: start, run, stop.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "qnetd/shell/options.hpp"

namespace castvote::qnetd {

// Runs until SIGTERM, SIGINT or `shutdown`. What kept it from starting is said in one line, in the
// log and on standard error.
ExitStatus run_daemon(Options options);

}  // namespace castvote::qnetd
