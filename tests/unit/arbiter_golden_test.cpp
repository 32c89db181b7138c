// arbiter_golden_test.cpp -- plays every scenario of tests/golden/qnetd.
//
// A scenario that does something else than its file says fails with the first line that differs.
// CASTVOTE_GOLDEN_REWRITE=1 writes the files anew; commit only differences that you can explain.
// SPDX-License-Identifier: BSD-3-Clause
#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/unit/support/scenario.hpp"

namespace castvote::tests {

namespace {

std::string content_of(const std::filesystem::path& path) {
    std::ifstream file(path);
    std::ostringstream content;
    content << file.rdbuf();
    return content.str();
}

// Where two texts part, in words.
std::string first_difference(const std::string& expected, const std::string& now) {
    std::istringstream left(expected);
    std::istringstream right(now);
    for (std::size_t number = 1;; ++number) {
        std::string one;
        std::string other;
        const bool has_left = static_cast<bool>(std::getline(left, one));
        const bool has_right = static_cast<bool>(std::getline(right, other));
        if (!has_left && !has_right) return "the end of the file";
        if (has_left != has_right || one != other)
            return "line " + std::to_string(number) + "\n  file: " + one + "\n  now:  " + other;
    }
}

}  // namespace

TEST_CASE("golden scenarios of the arbiter") {
    const bool rewrites = std::getenv("CASTVOTE_GOLDEN_REWRITE") != nullptr;
    std::vector<std::filesystem::path> paths;
    for (const auto& entry :
         std::filesystem::directory_iterator(CASTVOTE_SOURCE_DIR "/tests/golden/qnetd"))
        if (entry.path().extension() == ".txt") paths.push_back(entry.path());
    std::sort(paths.begin(), paths.end());
    REQUIRE(paths.size() >= 20);
    for (const auto& path : paths) {
        INFO("tests/golden/qnetd/" << path.filename().string()
                                   << "; ./dev golden rewrites it when the change is meant");
        const std::string expected = content_of(path);
        std::string now;
        REQUIRE_NOTHROW(now = Scenario().run(expected));
        if (rewrites && now != expected) std::ofstream(path) << now;
        if (!rewrites && now != expected) FAIL_CHECK(first_difference(expected, now));
    }
}

TEST_CASE("a scenario that nobody can follow is refused, with its line") {
    const auto refused = [](const char* text) {
        REQUIRE_THROWS_WITH(Scenario().run(text), Catch::StartsWith("line 2: "));
    };
    refused("# no such command\nconect A node=1\n");
    refused("# no such client\nring A 1.8\n");
    refused("# no such option\nconnect A node=1 ring=1.8 config=1,2 memebers=1,2\n");
    refused("# no such time\nwait 12\n");
    // Output of a former run is replaced, comments and blank lines stay.
    CHECK(Scenario().run("# nobody\n\nstatus\n----\nwrong\n") ==
          "# nobody\n\nstatus\n----\n(nothing)\n");
}

}  // namespace castvote::tests
