// check.hpp -- assertions about our own code, on in every build.
//
// CHECK(condition, "what was promised") ends the process when we have broken a promise to
// ourselves. A missing arbiter is safe, a wrong one is not. Nothing that a peer or a file can
// choose may ever be tested with it: that is input, and input is a value to be judged.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

namespace castvote {

// Writes the place and the broken promise to standard error and aborts.
[[noreturn]] void check_failed(const char* file, int line, const char* promise);

}  // namespace castvote

#define CHECK(condition, promise) \
    ((condition) ? static_cast<void>(0) : ::castvote::check_failed(__FILE__, __LINE__, promise))
