// arbiter_client.hpp -- one node, as far as an arbiter sees it: the client's side of the protocol.
//
// Joins, plain or with TLS, sends lists when it is told to, and confirms every VOTE_INFO at once or
// when it is released. It notes the vote that it ends up with as a stock node daemon would
// (docs/arbiter.md 1.2), and is the same for every arbiter. It has no corosync, sends no echo by
// itself and never reconnects.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/net/channel.hpp"
#include "common/net/connect.hpp"

namespace castvote::support {

using Clock = std::chrono::steady_clock;
using NodeList = std::vector<wire::NodeId>;

struct ArbiterClientSettings {
    std::string cluster;
    wire::NodeId node_id = 0;
    wire::DecisionAlgorithm algorithm = wire::DecisionAlgorithm::ffsplit;
    wire::TieBreaker tie_breaker;
    Duration heartbeat{0};  // declared in INIT
    net::ConnectTarget target;
    std::optional<net::TlsContext> tls;  // none: plain
};

// What a node tells when it has passed INIT, and whenever its corosync has a new ring.
struct Membership {
    wire::RingId ring;
    NodeList members;
    wire::Heuristics heuristics = wire::Heuristics::undefined;
    bool operator==(const Membership&) const = default;
};

class ArbiterClient {
public:
    ArbiterClient(net::asio::io_context& io, ArbiterClientSettings settings);
    ~ArbiterClient();
    ArbiterClient(const ArbiterClient&) = delete;
    ArbiterClient& operator=(const ArbiterClient&) = delete;

    // Connects, passes INIT, and sends both lists without waiting in between. Once.
    void join(const NodeList& configured, const Membership& membership,
              std::optional<bool> keep_active = {});
    // Connects and sends INIT, to see how it is answered. Once, in place of join().
    void knock(wire::RingId ring);

    // Sends the membership list of a ring; its vote is unknown until an answer to it comes.
    void report(const Membership& membership);
    // The same as if it were refused: its ring and its vote stay what they are.
    void send_membership(const Membership& membership);
    void configure(const NodeList& configured);
    void tell_quorum(const NodeList& nodes, bool quorate);
    void change_heuristics(wire::Heuristics heuristics);
    void set_keep_active(bool keep_active);
    void set_heartbeat(Duration heartbeat);
    void ask_for_vote();
    // From now on VOTE_INFOs stay unanswered, or are answered again, the held ones first.
    void hold_replies(bool hold);
    // Ends the connection, as a daemon that stops. An end seen by it is no failure then.
    void leave();

    // Sends an echo. Whatever was sent before it on this connection has been read by the arbiter
    // once echoes_answered() reaches the number returned.
    std::uint32_t echo();
    std::uint32_t echoes_answered() const { return echoes_answered_; }
    bool awaits_echo() const { return echoes_answered_ < echoes_sent_; }

    // What counts for the ring reported last; `undefined`: nothing was said yet.
    wire::Vote vote() const { return vote_; }
    // When that was said.
    Clock::time_point voted_at() const { return voted_at_; }
    // When report() was called last.
    Clock::time_point reported_at() const { return reported_at_; }
    // VOTE_INFOs not answered because replies are held.
    std::size_t held() const { return held_.size(); }
    // Messages that arrived, echo replies excepted.
    std::uint64_t messages() const { return messages_; }
    // INIT has been answered and, if it was accepted, both lists have been sent.
    bool is_ready() const { return is_ready_; }
    // The arbiter ended the connection, or never accepted it.
    bool is_gone() const { return is_gone_; }
    // Error codes in order of arrival, of INIT_REPLY and SERVER_ERROR.
    const std::vector<wire::ReplyErrorCode>& errors() const { return errors_; }
    // Plain words; empty while all is well.
    const std::string& failure() const { return failure_; }

private:
    void connect();
    wire::Message request(wire::MessageType type);
    void send(const wire::Message& message);
    void connected(net::tcp::socket socket);
    void received(const wire::Inbound& inbound);
    void handle(const wire::Message& message);
    void take_vote(const wire::Message& message);
    void confirm(std::uint32_t sequence);
    void settle();
    void send_init();
    void send_lists();
    void fail(const std::string& what);

    net::asio::io_context& io_;
    ArbiterClientSettings settings_;
    std::shared_ptr<net::Connector> connector_;
    std::shared_ptr<net::Channel> channel_;
    std::uint32_t sequence_ = 0;
    std::uint32_t echoes_sent_ = 0;
    std::uint32_t echoes_answered_ = 0;
    bool joins_ = false;
    NodeList configured_;    // to be sent after INIT, as is keep_active_
    Membership membership_;  // to be sent after INIT; then the last that was
    std::optional<bool> keep_active_;
    bool holds_replies_ = false;
    std::vector<std::uint32_t> held_;
    bool is_settled_ = false;  // the quorum list of this ring was sent
    wire::RingId ring_;
    wire::Vote vote_ = wire::Vote::undefined;
    Clock::time_point voted_at_;
    Clock::time_point reported_at_;
    std::uint64_t messages_ = 0;
    bool is_ready_ = false;
    bool is_gone_ = false;
    std::vector<wire::ReplyErrorCode> errors_;
    std::string failure_;
};

}  // namespace castvote::support
