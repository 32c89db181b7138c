// node_story.hpp -- golden scenarios of the node daemon: what corosync and the arbiter do, and what
// the node makes of it.
//
// The outcome is what was cast, sent, reported and wanted of the connection. The commands are
// described in tests/golden/qdevice/README.md.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <memory>
#include <string>

#include "tests/unit/support/golden_story.hpp"
#include "tests/unit/support/node_driver.hpp"

namespace castvote::tests {

class NodeStory : public GoldenStory {
private:
    void execute(const std::string& command, Words words) override;
    void settings(Words words);
    void ring(Words words);
    void quorum(Words words);
    void flag(Words words);
    void counted(Words);
    void config(Words words);
    void heuristics(Words words);
    void tcp(Words words);
    void preinit_reply(Words words);
    void tls_done(Words words);
    void init_reply(Words words);
    void accept(Words words);
    void vote(Words words);
    void list_reply(Words words);
    void error(Words words);
    void lost(Words words);
    void echoes(Words words);
    void wait(Words words);
    void freeze(Words words);
    void wake(Words words);
    void stop(Words words);
    void provider_lost(Words words);
    void status(Words words);

    NodeDriver& driver();
    void step(NodeEvent what);
    void receive(const wire::Message& message) { step(qdevice::Received{message}); }
    // Time passes until then, at most to the next thing that the daemon wants to do.
    void advance_to(Instant until);
    // Shows what was done, and answers what nobody wants to read: echoes, heuristics that are off.
    void follow();
    void show_act(const NodeAct& act);
    wire::RingId ring_of(Words& words) const;

    qdevice::Settings settings_;
    bool has_settings_ = false;
    std::unique_ptr<NodeDriver> driver_;  // made by the first command that needs it
    wire::RingId ring_;
    std::uint32_t number_ = 0;      // of the last request
    std::uint32_t vote_infos_ = 0;  // so many were sent
    wire::MessageType last_sent_ = wire::MessageType::server_error;
    bool are_echoes_answered_ = true;
    bool is_handshake_hidden_ = false;
};

}  // namespace castvote::tests
