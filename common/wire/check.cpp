// check.cpp -- the last words of a broken promise.
//
// The one place in the pure rooms that writes: the process ends here, and nobody is left to tell.
// SPDX-License-Identifier: BSD-3-Clause
#include "common/wire/check.hpp"

#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>

namespace castvote {

void check_failed(const char* file, int line, const char* promise) {
    std::fputs(fmt::format("{}:{}: broken promise: {}\n", file, line, promise).c_str(), stderr);
    std::abort();
}

}  // namespace castvote
