// process.hpp -- running another program and collecting what it said.
//
// No shell in between: arguments arrive as they are. Used for the NSS tools at migration and for
// ssh and scp in the quick start.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <string>
#include <vector>

#include "certs/error.hpp"

namespace castvote::certs {

enum class Output { collect, pass_through };

struct Finished {
    int status = 0;      // Exit status; 128 + signal if a signal ended it.
    std::string output;  // Standard output and error together; empty if passed through.
};

// Looks `command[0]` up in PATH. Standard input is /dev/null when the output is collected, or
// `input`, which fits into a pipe: a page at most.
Expected<Finished> run(const std::vector<std::string>& command, Output output,
                       const std::string& input = {});

// Whether PATH has such a program.
bool has_program(const std::string& name);

}  // namespace castvote::certs
