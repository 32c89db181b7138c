// leaving.cpp -- the end of a node core, in order or not; see node.hpp.
//
// Guards rule R2d of docs/safety.md on the node's side (N8): the arbiter is told that nobody counts
// our vote when that is proved, and not at all otherwise.
// SPDX-License-Identifier: BSD-3-Clause
#include <fmt/format.h>

#include "qdevice-client/core/node.hpp"

namespace castvote::qdevice {

// The farewell is proof that nobody counts our vote (R2d), and nothing in corosync's queue will
// make anybody count it (fact 1): it waits until our "no" came round, or is not said at all.
void Node::on(const StopRequested& stop) {
    const bool is_counted_no = is_counted_ && !last_cast_vote_ && last_cast_ring_ == ring_;
    const bool has_somebody_to_tell = link_ == Link::joined && lease_.count() > 0;
    if (ring_) deny();
    if (is_counted_no || !has_somebody_to_tell || !stop.says_farewell)
        return end(0, stop.says_farewell);
    leaving_since_ = now_;
}

// Nothing is heard of the arbiter any more; by the end of the lease it waits for us anyway.
void Node::while_leaving(const Event& event) {
    if (const auto* seen = std::get_if<FlagSeen>(&event.what)) {
        on(*seen);
    } else if (std::holds_alternative<VoteCounted>(event.what)) {
        end(0);
    } else if (std::holds_alternative<RingChanged>(event.what)) {
        deny();  // nobody's synchronisation waits for us
        leave_untold("the membership changed");
    } else if (std::holds_alternative<ConnectionLost>(event.what)) {
        link_ = Link::idle;
        end(0);
    } else if (std::holds_alternative<ProviderLost>(event.what) ||
               std::holds_alternative<CastRefused>(event.what)) {
        leave_untold("corosync is gone");
    } else if (std::holds_alternative<StopRequested>(event.what)) {
        leave_untold("asked twice");
    } else if (*leaving_since_ + lease_ <= now_) {
        leave_untold("corosync did not tell in time");
    }
}

void Node::leave_untold(const char* why) {
    report(
        Level::notice,
        fmt::format("the arbiter is not told that the vote is given back, and waits until it must "
                    "have run out: {}",
                    why));
    end(0, /*says_farewell=*/false);
}

void Node::end(int exit_status, bool says_farewell) {
    Exit exit{exit_status};
    if (says_farewell && exit_status == 0 && link_ == Link::joined && lease_.count() > 0) {
        exit.farewell = request(wire::MessageType::set_option);
        exit.farewell->released = 1;
    } else if (link_ != Link::idle) {
        actions_.push_back(Disconnect{});
    }
    link_ = Link::idle;
    outcome_ = ConnectionState::disconnected;
    standing_ = Standing::waiting;
    actions_.push_back(std::move(exit));
    has_ended_ = true;
}

}  // namespace castvote::qdevice
