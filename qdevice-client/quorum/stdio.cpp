// stdio.cpp -- see stdio.hpp.
// SPDX-License-Identifier: BSD-3-Clause
#include "qdevice-client/quorum/stdio.hpp"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>
#include <utility>

namespace castvote::qdevice {
namespace {

std::vector<wire::NodeId> ids_of(const std::vector<wire::NodeInfo>& nodes) {
    std::vector<wire::NodeId> ids;
    for (const wire::NodeInfo& node : nodes) ids.push_back(node.node_id);
    return ids;
}

VoteCounterSettings counter_settings(const Configuration& c) {
    return {.nodes = ids_of(c.settings.config.nodes),
            .device_votes = c.device_votes,
            .timeout = c.settings.device_timeout,
            .sync_timeout = c.settings.device_sync_timeout};
}

bool contains(const std::vector<wire::NodeId>& ids, wire::NodeId id) {
    return std::find(ids.begin(), ids.end(), id) != ids.end();
}

}  // namespace

std::uint32_t usual_device_votes(wire::DecisionAlgorithm algorithm, std::size_t nodes) {
    if (algorithm != wire::DecisionAlgorithm::lms || nodes < 2) return 1;
    return static_cast<std::uint32_t>(nodes - 1);
}

StdioProvider::StdioProvider(boost::asio::io_context& io, Configuration configuration,
                             std::function<Instant()> now, int in_fd, int out_fd)
    : configuration_(std::move(configuration)),
      now_(std::move(now)),
      counter_(counter_settings(configuration_)),
      in_(io),
      timer_(io),
      out_(io, out_fd,
           [this, alive = std::weak_ptr(alive_)](const std::string& why) {
               if (!alive.expired()) tell(StopWanted{why});
           }),
      in_fd_(in_fd) {}

StdioProvider::~StdioProvider() = default;

Expected<Configuration, StartError> StdioProvider::open() { return configuration_; }

Expected<std::monostate, StartError> StdioProvider::start(ProviderListener listener) {
    boost::system::error_code error;
    const int own = ::fcntl(in_fd_, F_DUPFD_CLOEXEC, 3);
    if (own < 0 || in_.assign(own, error))
        return tl::make_unexpected(
            StartError{StartProblem::refused,
                       "standard input can't be read: start the program with a pipe on it"});
    listener_ = std::move(listener);
    told_ = counter_.tally();
    out_.write(
        started_line(configuration_.settings.cluster_name, configuration_.settings.node_id, told_));
    read();
    return std::monostate{};
}

void StdioProvider::tell(ProviderEvent event) {
    if (listener_) listener_(std::move(event));
}

void StdioProvider::read() {
    in_.async_read_some(boost::asio::buffer(chunk_),
                        [this, alive = std::weak_ptr(alive_)](
                            const boost::system::error_code& error, std::size_t size) {
                            if (alive.expired() || error == boost::asio::error::operation_aborted)
                                return;
                            if (error) return tell(StopWanted{"standard input ended"});
                            take(size);
                            if (!alive.expired() && in_.is_open()) read();
                        });
}

void StdioProvider::take(std::size_t size) {
    const std::weak_ptr alive(alive_);
    for (std::size_t i = 0; i < size; ++i) {
        const char c = chunk_[i];
        if (c != '\n') {
            if (!skipping_) buffer_ += c;
            if (buffer_.size() <= input_line_size_max) continue;
            refuse_line("the line is longer than 64 KiB");
            buffer_.clear();
            skipping_ = true;
            continue;
        }
        if (!std::exchange(skipping_, false)) take_line(std::exchange(buffer_, {}));
        if (alive.expired()) return;
        ++line_number_;
    }
}

void StdioProvider::take_line(std::string_view line) {
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) return;
    const auto input = parse_input_line(line);
    if (!input) return refuse_line(input.error());
    if (const auto* membership = std::get_if<MembershipLine>(&*input))
        return begin_ring(*membership);
    if (const auto* nodes = std::get_if<NodesLine>(&*input)) return reconfigure(*nodes);
    tell(StopWanted{"asked to on standard input"});
}

void StdioProvider::refuse_line(const std::string& text) {
    tell(Remark{Level::error,
                fmt::format("standard input line {} is ignored: {}", line_number_, text)});
    out_.write(error_line(line_number_, text));
}

void StdioProvider::begin_ring(const MembershipLine& line) {
    const Tally before = counter_.tally();
    if (!contains(line.members, configuration_.settings.node_id))
        return refuse_line(
            fmt::format("'members' lacks this node, {}; a node is always in its own "
                        "membership",
                        configuration_.settings.node_id));
    for (const wire::NodeId id : line.members)
        if (!contains(ids_of(configuration_.settings.config.nodes), id))
            return refuse_line(fmt::format("node {} is not among the configured nodes", id));
    if (line.ring == before.ring && line.members == before.members) return;  // said twice
    if (!before.members.empty() && line.ring.seq <= before.ring.seq)
        return refuse_line(fmt::format(
            "a new membership needs a ring 'seq' greater than the last one, {}", before.ring.seq));
    counter_.begin_ring(line.ring, line.members, now_());
    const std::weak_ptr alive(alive_);
    tell(RingChanged{line.ring, line.members});
    if (alive.expired()) return;
    tell(FlagSeen{counter_.tally().vote});
    if (!alive.expired()) update();
}

void StdioProvider::reconfigure(const NodesLine& line) {
    if (!contains(line.nodes, configuration_.settings.node_id))
        return refuse_line(
            fmt::format("'nodes' lacks this node, {}", configuration_.settings.node_id));
    auto& config = configuration_.settings.config;
    // A weight that was given by hand stays; the usual one follows the number of nodes.
    const auto algorithm = configuration_.settings.algorithm;
    if (configuration_.device_votes == usual_device_votes(algorithm, config.nodes.size()))
        configuration_.device_votes = usual_device_votes(algorithm, line.nodes.size());
    config.nodes.clear();
    for (const wire::NodeId id : line.nodes)
        config.nodes.push_back({id, 0, wire::NodeState::not_set});
    config.config_version = line.config_version;
    counter_.reconfigure(line.nodes, configuration_.device_votes);
    const std::weak_ptr alive(alive_);
    tell(Reconfigured{configuration_});
    if (!alive.expired()) update();
}

bool StdioProvider::cast(bool vote, const wire::RingId& ring) {
    const bool is_taken = counter_.cast(vote, ring, now_());
    // The core is in the middle of its actions: what follows from the vote comes afterwards.
    boost::asio::post(timer_.get_executor(),
                      [this, is_taken, vote, ring, alive = std::weak_ptr(alive_)] {
                          if (alive.expired()) return;
                          update();
                          if (alive.expired() || !is_taken) return;
                          const Tally now = counter_.tally();
                          if (now.vote == vote && now.ring == ring) tell(VoteCounted{});
                      });
    return true;
}

// Writes what changed since the last time, and tells the core; the order is vote, then quorum.
void StdioProvider::update() {
    counter_.pass_time(now_());
    const Tally now = counter_.tally();
    const Tally before = std::exchange(told_, now);
    rearm();
    if (now == before || now.members.empty()) return;
    if (now.syncing) return out_.write(sync_line(now));
    if (now.vote != before.vote || now.ring != before.ring) out_.write(vote_line(now));
    out_.write(quorum_line(now));
    QuorumChanged event{now.quorate, {}};
    for (const wire::NodeInfo& node : configuration_.settings.config.nodes)
        event.nodes.push_back({node.node_id, 0,
                               contains(now.members, node.node_id) ? wire::NodeState::member
                                                                   : wire::NodeState::dead});
    const std::weak_ptr alive(alive_);
    tell(std::move(event));
    if (!alive.expired()) tell(FlagSeen{counter_.tally().vote});
}

void StdioProvider::rearm() {
    const auto deadline = counter_.deadline();
    timer_.cancel();
    if (!deadline) return;
    timer_.expires_after(std::max(*deadline - now_(), Duration(1)));
    timer_.async_wait(
        [this, alive = std::weak_ptr(alive_)](const boost::system::error_code& error) {
            if (!error && !alive.expired()) update();
        });
}

void StdioProvider::tell_status(const std::string& connection, const std::string& arbiter) {
    const std::string line = status_line(connection, arbiter);
    if (line != std::exchange(status_, line)) out_.write(line);
}

void StdioProvider::stop(std::function<void(bool withdrawn)> done) {
    listener_ = nullptr;
    stopped_ = std::move(done);
    if (in_.is_open()) in_.close();
    counter_.withdraw();
    update();
    timer_.cancel();
    out_.write(stopped_line("withdrawn"));
    finish_when_idle(/*polls_left=*/50);
}

// The last lines should reach a parent that reads; one that does not is not waited for long.
void StdioProvider::finish_when_idle(int polls_left) {
    timer_.expires_after(Duration(out_.is_idle() ? 0 : 20));
    timer_.async_wait(
        [this, polls_left, alive = std::weak_ptr(alive_)](const boost::system::error_code& error) {
            if (error || alive.expired()) return;
            if (!out_.is_idle() && polls_left > 0) return finish_when_idle(polls_left - 1);
            if (const auto done = std::exchange(stopped_, nullptr)) done(true);
        });
}

}  // namespace castvote::qdevice
