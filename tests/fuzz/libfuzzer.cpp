// libfuzzer.cpp -- a target under libFuzzer; a broken promise ends the process, input kept.
// SPDX-License-Identifier: BSD-3-Clause
#include "tests/fuzz/target.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    castvote::fuzz::run({data, size});
    return 0;
}
