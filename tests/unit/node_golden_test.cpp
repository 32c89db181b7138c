// node_golden_test.cpp -- plays every scenario of tests/golden/qdevice.
//
// A scenario that does something else than its file says fails with the first line that differs.
// CASTVOTE_GOLDEN_REWRITE=1 writes the files anew; commit only differences that you can explain.
// SPDX-License-Identifier: BSD-3-Clause
#include <catch2/catch.hpp>

#include "tests/unit/support/node_story.hpp"

namespace castvote::tests {

TEST_CASE("golden scenarios of the node") {
    check_golden_folder("qdevice", 15,
                        [](const std::string& text) { return NodeStory().run(text); });
}

TEST_CASE("a scenario of the node that nobody can follow is refused, with its line") {
    const auto refused = [](const char* text) {
        REQUIRE_THROWS_WITH(NodeStory().run(text), Catch::StartsWith("line 2: "));
    };
    refused("# no such command\nrimg 1.8\n");
    refused("# no such option\nring 1.8 memebers=1\n");
    refused("# nobody is connecting\ntcp\n");
    refused("# no such vote\nvote YES\n");
    refused("ring 1.8\nsettings tls=on\n");
}

}  // namespace castvote::tests
