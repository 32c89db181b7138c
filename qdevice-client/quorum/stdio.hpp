// stdio.hpp -- the quorum provider for whatever is not corosync: JSON lines on a pair of pipes.
//
// A parent writes memberships to standard input and reads votes and quorum from standard output
// (docs/stdio.md). The counting itself is VoteCounter; here are only the pipes and the timer.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>

#include "qdevice-client/quorum/json_lines.hpp"
#include "qdevice-client/quorum/line_writer.hpp"
#include "qdevice-client/quorum/provider.hpp"

namespace castvote::qdevice {

class StdioProvider final : public QuorumProvider {
public:
    // `configuration` comes from the command line; `now` is the daemon's clock.
    StdioProvider(boost::asio::io_context& io, Configuration configuration,
                  std::function<Instant()> now, int in_fd = 0, int out_fd = 1);
    ~StdioProvider() override;

    Expected<Configuration, StartError> open() override;
    Expected<std::monostate, StartError> start(ProviderListener listener) override;
    [[nodiscard]] bool cast(bool vote, const wire::RingId& ring) override;
    void deliver_pending() override {}
    void stop(std::function<void(bool withdrawn)> done) override;
    std::uint32_t expected_votes() const override { return counter_.tally().expected; }
    void tell_status(const std::string& connection, const std::string& arbiter) override;

private:
    void read();
    void take(std::size_t size);
    void take_line(std::string_view line);
    void refuse_line(const std::string& text);
    void begin_ring(const MembershipLine& line);
    void reconfigure(const NodesLine& line);
    void tell(ProviderEvent event);
    void update();
    void rearm();
    void finish_when_idle(int polls_left);

    Configuration configuration_;
    std::function<Instant()> now_;
    VoteCounter counter_;
    Tally told_;  // as it was last written
    boost::asio::posix::stream_descriptor in_;
    boost::asio::steady_timer timer_;
    LineWriter out_;
    ProviderListener listener_;
    std::function<void(bool)> stopped_;
    std::string buffer_;
    std::array<char, 4096> chunk_{};
    std::uint64_t line_number_ = 1;
    bool skipping_ = false;  // the rest of a line that is too long
    int in_fd_;
    std::string status_;
    std::shared_ptr<int> alive_ = std::make_shared<int>();
};

// Device votes as the algorithm wants them: N-1 for lms, else 1 (arbiter.md 1.1).
std::uint32_t usual_device_votes(wire::DecisionAlgorithm algorithm, std::size_t nodes);

}  // namespace castvote::qdevice
