// arbiter_golden_test.cpp -- plays every scenario of tests/golden/qnetd.
//
// A scenario that does something else than its file says fails with the first line that differs.
// CASTVOTE_GOLDEN_REWRITE=1 writes the files anew; commit only differences that you can explain.
// SPDX-License-Identifier: BSD-3-Clause
#include <catch2/catch.hpp>

#include "tests/unit/support/scenario.hpp"

namespace castvote::tests {

TEST_CASE("golden scenarios of the arbiter") {
    check_golden_folder("qnetd", 20, [](const std::string& text) { return Scenario().run(text); });
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
