// corosync.hpp -- the quorum provider over libvotequorum, libcmap and libcpg (node.md 3 to 6).
//
// Guards two rules: nothing is registered before the configuration was found good, and cmap is
// never touched between a node list notification and the following quorum notification. The
// libraries' calls block until corosync answers, as in the stock daemon; corosync answers them from
// its main loop within milliseconds, votequorum's also during a synchronisation.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <corosync/votequorum.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <deque>
#include <memory>

#include "qdevice-client/quorum/cmap.hpp"
#include "qdevice-client/quorum/provider.hpp"
#include "qdevice-client/quorum/round_trip.hpp"

namespace castvote::qdevice {

struct CorosyncOptions {
    std::string device_name = "Qdevice";  // must be the same on all nodes
    bool master_wins = false;
    ConfigurationLimits limits;
};

class CorosyncProvider final : public QuorumProvider {
public:
    CorosyncProvider(boost::asio::io_context& io, CorosyncOptions options);
    ~CorosyncProvider() override;
    CorosyncProvider(const CorosyncProvider&) = delete;
    CorosyncProvider& operator=(const CorosyncProvider&) = delete;

    Expected<Configuration, StartError> open() override;
    Expected<std::monostate, StartError> start(ProviderListener listener) override;
    [[nodiscard]] bool cast(bool vote, const wire::RingId& ring) override;
    void deliver_pending() override;
    void stop(std::function<void(bool withdrawn)> done) override;
    std::uint32_t expected_votes() const override { return expected_votes_; }

    // What logging.debug says at the moment of open().
    bool debug_wanted() const { return debug_; }

private:
    struct Callbacks;  // the C functions that libvotequorum calls

    Expected<std::monostate, StartError> register_device();
    void watch_votequorum();
    void watch_cmap();
    void drain_votequorum();
    void notice(ProviderEvent event);
    std::optional<bool> flag() const;  // does votequorum count our vote?
    void after_notification();
    void came_round(std::uint64_t number);
    void watch_count();
    void call_the_token();
    void reread_soon(std::chrono::milliseconds delay);
    void reread();
    void apply(const Snapshot& map);
    std::optional<std::string> misfit(const Configuration& configuration);
    void refuse(const char* call, cs_error_t result);
    void lose(std::string detail);
    void close();
    void withdraw(int attempts_left);

    boost::asio::io_context& io_;
    CorosyncOptions options_;
    boost::asio::posix::stream_descriptor votequorum_watch_;
    boost::asio::posix::stream_descriptor cmap_watch_;
    boost::asio::steady_timer reread_timer_;
    boost::asio::steady_timer stop_timer_;
    boost::asio::steady_timer nack_timer_;
    boost::asio::steady_timer count_timer_;
    Cmap cmap_;
    votequorum_handle_t handle_ = 0;
    bool open_ = false;  // libvotequorum is connected
    bool registered_ = false;
    bool lost_ = false;
    bool draining_ = false;
    bool cmap_watched_ = false;
    bool in_sync_ = false;  // a node list came, the quorum notification did not yet
    bool dirty_ = false;    // cmap changed since it was last read
    bool recheck_ = false;  // votes may have changed: look whether they still suit ffsplit
    bool debug_ = false;
    std::uint32_t expected_votes_ = 0;
    std::optional<std::chrono::steady_clock::time_point> reload_seen_;
    Configuration configuration_;
    ProviderListener listener_;
    std::deque<ProviderEvent> queue_;  // filled by the callbacks, emptied outside of them
    std::function<void(bool)> stopped_;
    std::optional<RoundTrip> round_trip_;     // from the start to the end
    std::uint64_t casts_ = 0;                 // that were taken
    std::optional<std::uint64_t> uncounted_;  // the last one, if cast in the current ring
    bool casts_yes_ = false;
    std::chrono::steady_clock::time_point uncounted_since_;
    bool told_uncounted_ = false;                           // in the current ring
    std::shared_ptr<int> alive_ = std::make_shared<int>();  // posted work checks that we still are
};

}  // namespace castvote::qdevice
