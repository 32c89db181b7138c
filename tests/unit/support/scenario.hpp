// scenario.hpp -- golden scenarios of the arbiter: what clients tell it, and what it does then.
//
// The outcome is messages to clients, notes and closed connections. The commands are described in
// tests/golden/qnetd/README.md.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tests/unit/support/arbiter_driver.hpp"
#include "tests/unit/support/golden_story.hpp"

namespace castvote::tests {

class Scenario : public GoldenStory {
public:
    Scenario();

private:
    struct Node {
        wire::NodeId id = 0;
        Duration heartbeat{0};
        Duration echo_interval{0};
        Instant next_echo;
        std::uint32_t echo = 0;
        std::uint32_t number = 0;  // of the last request
        std::string config;
        bool is_silent = false;
    };

    void execute(const std::string& command, Words words) override;
    void settings(Words words);
    void connect(Words words);
    void ring(Words words);
    void config(Words words);
    void quorum(Words words);
    void leave(Words words);
    void send_lists(const std::string& client, const std::string& ring, Words& words);
    static void add_terms(wire::Message& option, const std::string& lease, Words& words);
    void heuristics(Words words);
    void reply(Words words);
    void wait(Words words);
    void stall(Words words);
    void end(Words words);
    void silent(Words words);
    void heard(Words words);
    void set_heartbeat(Words words);
    void release(Words words);
    void rename(Words words);
    void restart(Words words);
    void store(Words words);
    void status();

    ArbiterDriver& driver();
    Node& node(const std::string& client);
    void send(const std::string& client, wire::Message message);
    wire::Message membership(const std::string& client, const std::string& ring, Words& words);
    void show_happenings();

    qnetd::Settings settings_;
    qnetd::Memory memory_;
    Instant started_ = at_ms(-3'600'000);
    std::string cluster_ = "alpha";
    std::unique_ptr<ArbiterDriver> driver_;  // made by the first command that needs it
    std::map<std::string, Node> nodes_;
};

}  // namespace castvote::tests
