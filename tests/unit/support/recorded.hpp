// recorded.hpp -- what the stock tools printed (tests/golden/tools), byte for byte.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <catch2/catch.hpp>
#include <fstream>
#include <sstream>
#include <string>

namespace castvote::tests {

inline std::string recorded(const std::string& name) {
    std::ifstream file(CASTVOTE_SOURCE_DIR "/tests/golden/tools/" + name + ".txt");
    INFO("tests/golden/tools/" << name << ".txt");
    REQUIRE(file.good());
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

}  // namespace castvote::tests
