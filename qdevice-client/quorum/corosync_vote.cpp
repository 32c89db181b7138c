// corosync_vote.cpp -- see corosync.hpp. Casting, and whether what was cast is counted.
// SPDX-License-Identifier: BSD-3-Clause
#include <corosync/corotypes.h>

#include "qdevice-client/quorum/corosync.hpp"

namespace castvote::qdevice {
namespace {

using std::chrono::milliseconds;

// Until a busy corosync is asked again to take a "no".
constexpr milliseconds busy_pause{20};

// A "yes" comes round in milliseconds; later than this somebody should know.
constexpr milliseconds count_patience{3000};

}  // namespace

// A synchronisation that waits for our vote looks for it when the token comes round, and corosync
// holds an idle ring's token back, for 561 ms with a token time-out of 3 s, until somebody has a
// message. A vote that changes nothing is none; this is one that changes nothing. Refused, the
// token takes its time. It is not called for a "no" with wait_for_all: that loss of quorum is final
// (fact 6), and a "yes" may still come before corosync looks.
void CorosyncProvider::call_the_token() {
    const char* name = options_.device_name.c_str();
    static_cast<void>(votequorum_qdevice_update(handle_, name, name));
}

bool CorosyncProvider::cast(bool vote, const wire::RingId& ring) {
    if (!open_ || lost_) return false;
    nack_timer_.cancel();
    if (!uncounted_ || !casts_yes_) uncounted_since_ = std::chrono::steady_clock::now();
    uncounted_.reset();
    casts_yes_ = vote;
    const votequorum_ring_id_t id{ring.node_id, ring.seq};
    const cs_error_t result =
        votequorum_qdevice_poll(handle_, options_.device_name.c_str(), vote ? 1 : 0, id);
    if (!vote) count_timer_.cancel();
    if (result == CS_OK && in_sync_ && (vote || !configuration_.settings.wait_for_all))
        call_the_token();
    if (result == CS_OK && round_trip_) {
        uncounted_ = ++casts_;
        round_trip_->send(casts_);
        if (vote) watch_count();
    }
    // MESSAGE_ERROR: the ring is no longer the current one; the next notification is on its way.
    if (result == CS_OK || result == CS_ERR_MESSAGE_ERROR) return true;
    if (result != CS_ERR_TRY_AGAIN) {
        refuse("votequorum_qdevice_poll", result);
        return false;
    }
    if (vote) return true;  // never vote later than the core said
    nack_timer_.expires_after(busy_pause);
    nack_timer_.async_wait(
        [this, ring, alive = std::weak_ptr(alive_)](const boost::system::error_code& error) {
            if (!error && !alive.expired()) static_cast<void>(cast(/*vote=*/false, ring));
        });
    return false;
}

std::optional<bool> CorosyncProvider::flag() const {
    votequorum_info info{};
    if (votequorum_getinfo(handle_, VOTEQUORUM_QDEVICE_NODEID, &info) != CS_OK) return {};
    return (info.flags & VOTEQUORUM_INFO_QDEVICE_CAST_VOTE) != 0;
}

// A token that was lost in between lets both the vote and this message wait for the next ring. That
// was announced before it began, and is read first.
void CorosyncProvider::came_round(std::uint64_t number) {
    const std::weak_ptr alive(alive_);
    drain_votequorum();
    if (alive.expired() || !open_ || lost_ || uncounted_ != number) return;
    uncounted_.reset();
    const std::optional<bool> seen = flag();
    if (!seen || !listener_) return;
    if (*seen == casts_yes_) return listener_(VoteCounted{});
    listener_(FlagSeen{*seen});  // an older message has overwritten it on the way (fact 1)
}

// While a synchronisation lasts nothing comes round. Every poll is a new message; the time runs
// from the first that did not come back.
void CorosyncProvider::watch_count() {
    if (told_uncounted_) return;
    count_timer_.expires_at(uncounted_since_ + count_patience);
    count_timer_.async_wait(
        [this, alive = std::weak_ptr(alive_)](const boost::system::error_code& error) {
            if (error || alive.expired() || !uncounted_ || !listener_) return;
            if (in_sync_) {
                uncounted_since_ = std::chrono::steady_clock::now();
                return watch_count();
            }
            told_uncounted_ = true;
            listener_(Remark{
                Level::warning,
                "our vote has not come round corosync's ring for 3 s (libcpg), so that the arbiter "
                "cannot know that it is counted: if this node dies now, the others may wait longer "
                "for the vote. Look at corosync-cfgtool -s and corosync's log"});
        });
}

}  // namespace castvote::qdevice
