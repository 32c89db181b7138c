// program.hpp -- qcert, under its own name and the two stock ones.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

namespace castvote::certs::tool {

// From the command line to the exit status; argv[0] chooses the face.
int program(int argc, char** argv);

}  // namespace castvote::certs::tool
