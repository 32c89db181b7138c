// node.hpp -- the node daemon's state machine: step(event) -> actions.
//
// Copyable and comparable: equal state and equal event give equal actions. Decides when to connect,
// what to say, and above all when to cast which vote; see docs/safety.md for the rules on the node.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <deque>
#include <set>

#include "qdevice-client/core/events.hpp"
#include "qdevice-client/core/status.hpp"

namespace castvote::qdevice {

class Node {
public:
    // started: now. The first RingChanged must follow before anything is connected.
    Node(Settings settings, Instant started);

    Actions step(const Event& event);

    // When TimePassed is wanted at the latest.
    std::optional<Instant> next_deadline() const;

    Status status() const;

    bool operator==(const Node&) const = default;

private:
    enum class Link : std::uint8_t {
        idle,        // between attempts
        connecting,  // TCP
        preinit,     // PREINIT sent
        tls,         // STARTTLS sent
        init,        // INIT sent
        heuristics,  // accepted; the connect heuristics run
        joined,      // lists sent
    };
    enum class Standing : std::uint8_t { waiting, nack, ack };  // ack only while joined
    enum class Purpose : std::uint8_t { none, membership, connect, regular };

    struct Echo {
        std::uint32_t number = 0;
        Instant sent;
        auto operator<=>(const Echo&) const = default;
    };

    void on(const RingChanged& changed);
    void on(const QuorumChanged& changed);
    void on(const FlagSeen& seen);
    void on(const VoteCounted&);
    void on(const ConfigChanged& changed);
    void on(const HeuristicsDone& done);
    void on(const Connected&);
    void on(const Received& received);
    void on(const TlsEstablished& established);
    void on(const ConnectionLost& lost);
    void on(const CastRefused& refused);
    void on(const ProviderLost& lost);
    void on(const StopRequested&);
    void on(const TimePassed&);

    // messages (session.cpp)
    void handle(const wire::Message& message);
    void preinit_reply(const wire::Message& message);
    void init_reply(const wire::Message& message);
    const char* judge_init_reply(const wire::Message& message) const;
    void vote_message(const wire::Message& message);
    void echo_reply(const wire::Message& message);
    void send_init();
    void send_lists(wire::Heuristics heuristics);
    void send_options();
    void send_config(wire::NodeListType type);
    void send_membership(wire::Heuristics heuristics);
    void send_quorum();
    wire::Message& send();  // the message that is sent, to be filled in
    void send(wire::Message message);
    wire::Message request(wire::MessageType type);

    // votes
    void apply(wire::Vote vote);
    void cast(bool vote);
    void take_back();
    void deny();
    void lose_contact();
    void lose_lease();
    bool has_lapsed() const;
    bool is_voting() const;
    bool keeps_vote() const;
    bool is_quorate_without_vote() const;
    std::size_t device_votes() const;
    bool counts_on_vote() const;
    void vote_is_off();
    void confirm_withheld();
    void confirm(std::uint32_t number);
    void confirm_counted_ack();

    // connection
    void connect();
    // `why` is one of few, `detail` any text: see told_.
    void give_up(const std::string& why, Duration wait_max, const std::string& detail = {});
    void disconnected(const std::string& why, Duration wait_max, const std::string& detail);
    // says_farewell: if there is somebody to say it to.
    void end(int exit_status, bool says_farewell = true);
    void while_leaving(const Event& event);
    void leave_untold(const char* why);
    bool check_contact();
    void send_echo();
    void report(Level level, std::string text);
    std::uint64_t draw(std::uint64_t below);

    void run_heuristics(Purpose purpose);
    void schedule_regular();

    Duration heartbeat() const;
    Duration poll_interval() const;
    Duration echo_interval() const;
    Duration echo_patience() const;
    Duration contact_lasts() const;
    Duration lease_wanted() const;
    Duration round_patience() const;
    Duration sync_patience() const;
    Instant lease_end() const { return last_answered_sent_ + lease_; }
    bool has_lease() const { return lease_.count() > 0 && now_ < lease_end(); }
    bool is_accepted() const { return link_ == Link::heuristics || link_ == Link::joined; }

    // Between attempts after an answer that will hardly change by itself.
    static constexpr Duration refusal_wait_max{30000};

    Settings settings_;
    Instant now_;
    std::uint64_t jitter_ = 0;

    // what the quorum provider said
    std::optional<wire::RingId> ring_;
    std::vector<wire::NodeId> members_;
    bool sync_in_progress_ = false;
    bool quorate_ = false;
    std::vector<wire::NodeInfo> quorum_list_;

    // the vote
    Standing standing_ = Standing::waiting;
    bool paused_ = false;  // a newer ring is known than the arbiter was told
    std::optional<Instant> next_poll_;
    std::optional<Instant> last_cast_;
    bool last_cast_vote_ = false;
    std::optional<Instant> vote_since_;  // when the vote last changed
    std::optional<wire::RingId> last_cast_ring_;
    // Until then the provider may still count a vote that was taken back; meanwhile the numbers of
    // the VOTE_INFO messages that are not confirmed yet.
    std::optional<Instant> counted_until_;
    std::vector<std::uint32_t> withheld_;
    // What was cast last waits in no queue of the provider; with a lease the ACK which was told
    // last is confirmed only then.
    bool is_counted_ = false;
    bool knows_of_counting_ = true;  // the provider says so, as far as we know
    // Since when a "no" is on its way round this ring, behind a "yes": with a lease a NACK is
    // confirmed when it has come round, and not at all when the ring ends before.
    std::optional<Instant> denied_since_;
    bool has_cast_in_ring_ = false;
    bool left_uncounted_ = false;  // a ring ended while its last vote was on its way
    bool is_fresh_ = true;         // a process before us may have left a "yes" in this ring
    std::optional<std::uint32_t> uncounted_ack_;
    // The lease (docs/safety.md): 0 with an arbiter that knows none. Without a connection the vote
    // is kept until holds_until_; after a change of ring the arbiter is waited for until deny_at_.
    Duration lease_{0};
    std::optional<Instant> holds_until_;
    std::optional<Instant> deny_at_;
    std::uint64_t grant_number_ = 0;  // the last that the arbiter told

    // the connection
    Link link_ = Link::idle;
    bool tls_ = false;
    bool client_certificate_sent_ = false;
    bool arbiter_lacks_keep_active_ = false;
    bool arbiter_lacks_heuristics_ = false;
    bool arbiter_knows_leases_ = false;
    std::uint32_t sequence_ = 1;  // protocol.md 4
    std::optional<wire::RingId> reported_ring_;
    std::optional<Instant> connect_deadline_;
    Instant attempt_began_;
    std::optional<Instant> retry_at_;
    unsigned failures_ = 0;       // since an arbiter last answered an echo
    std::set<std::string> told_;  // reasons of those failures
    // What became of the last attempt; stands until one succeeds.
    ConnectionState outcome_ = ConnectionState::connecting;
    std::optional<Instant> connected_since_;
    std::string last_disconnect_reason_;

    // echoes
    std::uint32_t echo_number_ = 0;
    std::deque<Echo> unanswered_;
    Instant last_answered_sent_;
    Instant init_sent_;
    std::optional<Instant> last_echo_reply_;
    std::optional<Instant> next_echo_;

    // heuristics
    std::uint32_t heuristics_number_ = 0;
    Purpose heuristics_purpose_ = Purpose::none;
    bool owes_membership_ = false;  // a membership run was superseded by one for the connection
    std::optional<Instant> next_regular_;
    wire::Heuristics heuristics_latest_ = wire::Heuristics::undefined;
    wire::Heuristics heuristics_regular_ = wire::Heuristics::undefined;
    wire::Heuristics heuristics_membership_ = wire::Heuristics::undefined;
    wire::Heuristics heuristics_connect_ = wire::Heuristics::undefined;

    std::optional<Instant> leaving_since_;  // asked to stop; the "no" is on its way round the ring
    bool has_ended_ = false;
    Actions actions_;  // of the running step; empty between steps
};

}  // namespace castvote::qdevice
