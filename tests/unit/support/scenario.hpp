// scenario.hpp -- a golden scenario: a text file that is test, expectation and documentation.
//
// Blocks are separated by blank lines. A block is comments, commands, a dashed line, and what the
// arbiter did: messages to clients, notes, closed connections. Running a file gives the same text
// with what was done now; a test compares, CASTVOTE_GOLDEN_REWRITE=1 writes it back. The commands
// are described in tests/golden/qnetd/README.md.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tests/unit/support/arbiter_driver.hpp"

namespace castvote::tests {

class Scenario {
public:
    Scenario();

    // The text with every block's output replaced by what happens now. Throws
    // std::invalid_argument, with the line's number, for a command that it does not understand.
    std::string run(const std::string& text);

private:
    // A command's words: "ring A 1.8 members=1,2" has the plain words A and 1.8 and one option.
    struct Words {
        std::vector<std::string> plain;
        std::map<std::string, std::string> options;

        const std::string& at(std::size_t index) const;
        std::string take(const std::string& option, const std::string& otherwise = {});
        void expect_none_left() const;
    };

    struct Node {
        wire::NodeId id = 0;
        Duration heartbeat{0};
        Instant next_echo;
        std::uint32_t echo = 0;
        std::uint32_t number = 0;  // of the last request
        std::string config;
        bool is_silent = false;
    };

    static Words words_of(const std::string& line);
    void execute(const std::string& line);
    void settings(Words words);
    void connect(Words words);
    void ring(Words words);
    void config(Words words);
    void quorum(Words words);
    void heuristics(Words words);
    void reply(Words words);
    void wait(Words words);
    void stall(Words words);
    void end(Words words);
    void silent(Words words);
    void set_heartbeat(Words words);
    void status();

    ArbiterDriver& driver();
    Node& node(const std::string& client);
    void send(const std::string& client, wire::Message message);
    wire::Message membership(const std::string& client, const std::string& ring, Words& words);
    void show_happenings();
    void show(const std::string& line);

    qnetd::Settings settings_;
    Instant started_ = at_ms(-3'600'000);
    std::string cluster_ = "alpha";
    std::unique_ptr<ArbiterDriver> driver_;  // made by the first command that needs it
    std::map<std::string, Node> nodes_;
    std::string output_;  // of the running block
};

}  // namespace castvote::tests
