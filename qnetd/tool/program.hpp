// program.hpp -- the arbiter's control program: `qnetd-tool`, and `corosync-qnetd-tool` by that
// name.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

namespace castvote::qnetd {

// From the command line to the exit status.
int tool_program(int argc, char** argv);

}  // namespace castvote::qnetd
