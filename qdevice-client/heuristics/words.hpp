// words.hpp -- a heuristics command line cut into words, the stock way (node.md 12.3).
//
// Blanks separate, double quotes group, a backslash takes the next character. There is no shell:
// no variables, globs, pipes or single quotes.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace castvote::qdevice {

// CR or LF ends the command, and so does an empty quoted word. Empty result: nothing to run.
std::vector<std::string> split_words(std::string_view line);

}  // namespace castvote::qdevice
