// program.hpp -- the arbiter's program: `qnetd`, and `corosync-qnetd` under that name.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

namespace castvote::qnetd {

// From the command line to the exit status.
int daemon_program(int argc, char** argv);

}  // namespace castvote::qnetd
