// vote_counter.hpp -- corosync's votequorum in small, for clusters without corosync
// (arbiter.md 1.1).
//
// Pure: `now` comes with every call. The rules kept: a vote counts only for the ring that it names;
// it lapses T after the last vote; a new membership is held back, counting nothing, until the first
// vote for it or until S has passed. One vote per node; the device's votes count by its flag alone.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <optional>
#include <variant>
#include <vector>

#include "common/wire/instant.hpp"
#include "common/wire/types.hpp"

namespace castvote::qdevice {

struct VoteCounterSettings {
    std::vector<wire::NodeId> nodes;  // all configured nodes, one vote each
    std::uint32_t device_votes = 1;
    Duration timeout{10000};       // T
    Duration sync_timeout{30000};  // S
    bool operator==(const VoteCounterSettings&) const = default;
};

// What a consumer may rely on. While `syncing` nothing counts: quorate is false.
struct Tally {
    wire::RingId ring;
    std::vector<wire::NodeId> members;
    bool syncing = false;
    bool vote = false;  // the device's vote is counted
    std::uint32_t votes = 0;
    std::uint32_t expected = 0;
    std::uint32_t quorum = 0;
    bool quorate = false;
    bool operator==(const Tally&) const = default;
};

class VoteCounter {
public:
    explicit VoteCounter(VoteCounterSettings settings);

    // A new ring begins; sequence numbers grow. Held back if the device is alive.
    void begin_ring(const wire::RingId& ring, std::vector<wire::NodeId> members, Instant now);
    // False: `ring` is not the current one, and nothing happened.
    bool cast(bool vote, const wire::RingId& ring, Instant now);
    // Fires the timers that are due.
    void pass_time(Instant now);
    // The configured nodes changed: expected votes and quorum follow.
    void reconfigure(std::vector<wire::NodeId> nodes, std::uint32_t device_votes);
    // The device is withdrawn: its vote is gone at once, and nothing is held back for it.
    void withdraw();

    std::optional<Instant> deadline() const { return deadline_; }
    Tally tally() const;

    bool operator==(const VoteCounter&) const = default;

private:
    void forget_vote();

    VoteCounterSettings settings_;
    wire::RingId ring_;
    std::vector<wire::NodeId> members_;
    bool alive_ = false;
    bool vote_ = false;
    bool syncing_ = false;
    std::optional<Instant> deadline_;  // of the one device timer: T, or S while syncing
};

}  // namespace castvote::qdevice
