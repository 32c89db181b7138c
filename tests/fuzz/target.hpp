// target.hpp -- what every fuzz target is: a function of bytes that throws when a promise is
// broken.
//
// The same function is linked with libFuzzer (libfuzzer.cpp) and with a small program that replays
// the corpus and seeded mutations of it (replay.cpp).
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "common/wire/types.hpp"

namespace castvote::fuzz {

void run(wire::View bytes);

}  // namespace castvote::fuzz
