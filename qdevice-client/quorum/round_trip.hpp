// round_trip.hpp -- has what our corosync was given before come round its ring? (libcpg)
//
// Messages of one node are delivered in the order in which it gave them to corosync, a vote of
// votequorum among them: a message to ourselves, given after the vote, is behind it in every queue.
// During a synchronisation corosync answers no such call, and the synchronisation may be waiting
// for our vote, so all calls are made by a thread of its own (docs/adr/0006).
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <thread>

namespace castvote::qdevice {

class RoundTrip {
public:
    // on_back: a message is back, with its number; called by whoever runs `io`, never after our
    // end. Without libcpg's service it is not called at all; it is looked for again and again.
    RoundTrip(boost::asio::io_context& io, std::function<void(std::uint64_t number)> on_back);
    // A call that corosync does not answer is not waited for.
    ~RoundTrip();
    RoundTrip(const RoundTrip&) = delete;
    RoundTrip& operator=(const RoundTrip&) = delete;

    // Sends a message with this number, greater than all before, soon; only the last one counts.
    // Never blocks.
    void send(std::uint64_t number);

private:
    class Shared;

    std::shared_ptr<Shared> shared_;
    std::jthread thread_;
};

}  // namespace castvote::qdevice
