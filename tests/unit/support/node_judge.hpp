// node_judge.hpp -- what must hold after every step of a node core, whatever happens to it.
//
// A second, much dumber book-keeping from events and actions alone: which ring is current, which
// was reported on this connection, what the arbiter said of it since, which echoes are unanswered.
// It knows nothing of how the core decides.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include "qdevice-client/core/events.hpp"

namespace castvote::tests {

using NodeEvent = decltype(qdevice::Event::what);

class NodeJudge {
public:
    explicit NodeJudge(const qdevice::Settings& settings)
        : heartbeat_(std::clamp<std::int64_t>(settings.device_timeout.count() * 8 / 10,
                                              settings.heartbeat_interval_min_ms,
                                              settings.heartbeat_interval_max_ms)),
          lease_longest_(std::min(Duration(3000), heartbeat_)),
          device_timeout_(settings.device_timeout),
          round_longest_(4 * settings.token_timeout + Duration(1000)) {}

    void look(const qdevice::Event& event, const qdevice::Actions& actions,
              std::optional<Instant> next_deadline);

    // May the provider say that the vote has come round?
    bool has_uncounted_vote() const { return last_cast_ == ring_ && ring_ && !is_counted_; }

    int yes_count = 0;
    int no_count = 0;
    int join_count = 0;

private:
    void hear(const qdevice::Event& event);
    void hear(const wire::Message& message);
    void hear_vote(const wire::Message& message);
    void forget_no();
    void see(const qdevice::Action& action);
    void accept(const wire::Message& reply);
    void see_sent(const wire::Message& message);
    void end_connection();
    [[noreturn]] static void blame(const std::string& what) { throw std::logic_error(what); }
    static void expect(bool holds, const char* what) {
        if (!holds) blame(what);
    }

    Duration heartbeat_;
    Instant now_;
    std::optional<wire::RingId> ring_;      // the provider's
    std::optional<wire::RingId> reported_;  // in a membership list of this connection
    bool has_ack_ = false;                  // for the reported ring, not withdrawn since
    bool had_ack_ = false;                  // before this step
    bool is_attempted_ = false;             // Connect, not ended yet
    bool may_send_ = false;
    // The lease: 0 while the arbiter has none; from when it counts; the ring whose vote was kept
    // when the connection ended.
    Duration lease_{0};
    Duration lease_longest_;
    Duration device_timeout_;  // for so long the provider counts a yes
    Duration round_longest_;   // who does not tell by then that a no has come round never will
    bool knows_leases_ = false;
    const wire::Message* accepted_ = nullptr;  // of the running step
    Instant init_at_;
    Instant answered_at_;
    std::optional<wire::RingId> kept_;
    std::optional<Instant> leaving_since_;
    bool was_counted_no_ = false;  // then
    bool has_ended_ = false;
    bool must_deny_ = false;  // this step lost the connection
    bool has_denied_ = false;
    std::deque<std::pair<std::uint32_t, Instant>> echoes_;  // unanswered
    // The ring for which the last vote was cast, and for which it was a yes; whether it has come
    // round, and whether the provider says so.
    std::optional<wire::RingId> last_cast_;
    std::optional<wire::RingId> last_yes_;
    Instant last_yes_at_;
    bool is_counted_ = false;
    bool tells_counts_ = true;  // until it has not for too long
    bool is_syncing_ = false;
    bool is_unreported_ = false;
    bool is_seen_on_ = false;             // the flag, in this step
    std::optional<Instant> no_since_;     // on its way round behind a yes
    bool is_yes_left_ = false;            // one of an earlier ring may still be in the queue
    std::optional<Instant> first_no_at_;  // which clears what a process before this one left
    struct VoteInfo {
        std::uint32_t number = 0;
        Instant at;
        bool wants_count = false;  // an ACK under a lease: answered when it counts, or not at all
        bool wants_no = false;     // a NACK behind a yes in a queue: when the no counts, or never
        bool is_optional = false;  // it came when a newer ring was known already
    };
    std::deque<VoteInfo> vote_infos_;  // unanswered
};

}  // namespace castvote::tests
