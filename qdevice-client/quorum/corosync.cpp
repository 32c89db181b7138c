// corosync.cpp -- see corosync.hpp. Starting, watching and stopping; the vote is in
// corosync_vote.cpp, changes of the configuration are in corosync_config.cpp.
// SPDX-License-Identifier: BSD-3-Clause
#include "qdevice-client/quorum/corosync.hpp"

#include <corosync/corotypes.h>
#include <fmt/format.h>

#include <boost/asio/post.hpp>
#include <utility>

namespace castvote::qdevice {
namespace {

using std::chrono::milliseconds;

StartError start_error(const char* call, cs_error_t result) {
    if (result == CS_ERR_TRY_AGAIN)
        return {StartProblem::try_again, fmt::format("corosync is busy ({})", call)};
    if (result == CS_ERR_LIBRARY || result == CS_ERR_BAD_HANDLE)
        return {StartProblem::not_running,
                fmt::format("Can't talk to corosync ({}: {}): is corosync running? Start it first "
                            "(systemctl start corosync)",
                            call, cs_strerror(result))};
    if (result == CS_ERR_ACCESS)
        return {StartProblem::refused,
                fmt::format("corosync refuses a quorum device ({}): the quorum section of "
                            "corosync.conf conflicts with it (two_node, last_man_standing, "
                            "auto_tie_breaker), see corosync's log",
                            call)};
    if (result == CS_ERR_EXIST)
        return {
            StartProblem::refused,
            fmt::format("corosync knows another quorum device ({}): stop that one on every node",
                        call)};
    return {StartProblem::refused,
            fmt::format("corosync refused {}: {}", call, cs_strerror(result))};
}

}  // namespace

struct CorosyncProvider::Callbacks {
    static CorosyncProvider& self(votequorum_handle_t handle) {
        void* context = nullptr;
        votequorum_context_get(handle, &context);
        return *static_cast<CorosyncProvider*>(context);
    }

    static void quorum(votequorum_handle_t handle, std::uint64_t, std::uint32_t quorate,
                       std::uint32_t count, votequorum_node_t nodes[]) {
        QuorumChanged event{quorate != 0, {}};
        for (std::uint32_t i = 0; i < count; ++i)
            if (nodes[i].nodeid != VOTEQUORUM_QDEVICE_NODEID)
                event.nodes.push_back(
                    {nodes[i].nodeid, 0, static_cast<wire::NodeState>(nodes[i].state)});
        self(handle).queue_.emplace_back(std::move(event));
    }

    static void expected_votes(votequorum_handle_t handle, std::uint64_t, std::uint32_t expected) {
        self(handle).expected_votes_ = expected;
        self(handle).recheck_ = self(handle).dirty_ = true;
    }

    static void node_list(votequorum_handle_t handle, std::uint64_t, votequorum_ring_id_t ring,
                          std::uint32_t count, std::uint32_t nodes[]) {
        self(handle).queue_.emplace_back(
            RingChanged{{ring.nodeid, ring.seq}, {nodes, nodes + count}});
    }
};

CorosyncProvider::CorosyncProvider(boost::asio::io_context& io, CorosyncOptions options)
    : io_(io),
      options_(std::move(options)),
      votequorum_watch_(io),
      cmap_watch_(io),
      reread_timer_(io),
      stop_timer_(io),
      nack_timer_(io),
      count_timer_(io) {}

CorosyncProvider::~CorosyncProvider() { close(); }

void CorosyncProvider::close() {
    // The descriptors belong to the libraries: let go of them before the libraries close them.
    if (votequorum_watch_.is_open()) votequorum_watch_.release();
    if (cmap_watch_.is_open()) cmap_watch_.release();
    reread_timer_.cancel();
    nack_timer_.cancel();
    count_timer_.cancel();
    round_trip_.reset();
    cmap_.close();
    if (std::exchange(open_, false)) votequorum_finalize(handle_);
}

Expected<Configuration, StartError> CorosyncProvider::open() {
    const auto fail = [this](StartError error) {
        close();
        return tl::make_unexpected(std::move(error));
    };
    cs_error_t result = cmap_.open();
    if (result != CS_OK) return fail(start_error("cmap_initialize", result));
    votequorum_callbacks_t callbacks{};
    callbacks.votequorum_quorum_notify_fn = Callbacks::quorum;
    callbacks.votequorum_expectedvotes_notify_fn = Callbacks::expected_votes;
    callbacks.votequorum_nodelist_notify_fn = Callbacks::node_list;
    result = votequorum_initialize(&handle_, &callbacks);
    if (result != CS_OK) return fail(start_error("votequorum_initialize", result));
    open_ = true;
    votequorum_context_set(handle_, this);

    bool lost = false;
    const auto map = cmap_.snapshot([] { return true; }, lost);
    if (!map)
        return fail({lost ? StartProblem::not_running : StartProblem::try_again,
                     "corosync does not hand out its configuration (cmap)"});
    auto configuration = read_configuration(*map, options_.limits);
    if (!configuration) {
        const bool not_ready = device_model(*map).empty() || reload_in_progress(*map);
        return fail({not_ready ? StartProblem::not_ready : StartProblem::configuration,
                     configuration.error().text()});
    }
    if (const auto detail = misfit(*configuration))
        return fail({StartProblem::configuration, *detail});
    debug_ = castvote::qdevice::debug_wanted(*map, configuration->warnings);
    configuration_ = *configuration;
    return configuration_;
}

Expected<std::monostate, StartError> CorosyncProvider::register_device() {
    const char* call = "votequorum_qdevice_register";
    cs_error_t result = votequorum_qdevice_register(handle_, options_.device_name.c_str());
    registered_ = result == CS_OK;
    int fd = -1;
    if (result == CS_OK) {
        call = "votequorum_qdevice_master_wins";
        result = votequorum_qdevice_master_wins(handle_, options_.device_name.c_str(),
                                                options_.master_wins ? 1 : 0);
    }
    if (result == CS_OK) {
        call = "votequorum_trackstart";
        result = votequorum_trackstart(handle_, 0, CS_TRACK_CHANGES);
    }
    if (result == CS_OK) {
        call = "votequorum_fd_get";
        result = votequorum_fd_get(handle_, &fd);
    }
    if (result == CS_OK) {
        call = "cmap_track_add";
        result = cmap_.track([this] { dirty_ = true; });
    }
    votequorum_info info{};
    if (result == CS_OK) {
        call = "votequorum_getinfo";
        result = votequorum_getinfo(handle_, VOTEQUORUM_QDEVICE_NODEID, &info);
    }
    if (result == CS_OK) {
        expected_votes_ = info.node_expected_votes;
        votequorum_watch_.assign(fd);
        cmap_watch_.assign(cmap_.fd());
        return std::monostate{};
    }
    if (registered_) votequorum_qdevice_unregister(handle_, options_.device_name.c_str());
    registered_ = false;
    return tl::make_unexpected(start_error(call, result));
}

Expected<std::monostate, StartError> CorosyncProvider::start(ProviderListener listener) {
    const auto registered = register_device();
    if (!registered) {
        close();
        return registered;
    }
    listener_ = std::move(listener);
    round_trip_.emplace(io_, [this, alive = std::weak_ptr(alive_)](std::uint64_t number) {
        if (!alive.expired()) came_round(number);
    });
    dirty_ = true;  // what changed between open() and the start of the tracking
    reread_soon(milliseconds(0));
    watch_votequorum();
    watch_cmap();
    return std::monostate{};
}

void CorosyncProvider::watch_votequorum() {
    votequorum_watch_.async_wait(
        boost::asio::posix::stream_descriptor::wait_read,
        [this, alive = std::weak_ptr(alive_)](const boost::system::error_code& error) {
            if (error || alive.expired() || !votequorum_watch_.is_open()) return;
            drain_votequorum();
            if (!alive.expired() && votequorum_watch_.is_open()) watch_votequorum();
        });
}

// Deaf during a synchronisation: after_notification() begins to watch again.
void CorosyncProvider::watch_cmap() {
    if (in_sync_ || std::exchange(cmap_watched_, true)) return;
    cmap_watch_.async_wait(
        boost::asio::posix::stream_descriptor::wait_read,
        [this, alive = std::weak_ptr(alive_)](const boost::system::error_code& error) {
            if (error || alive.expired() || !cmap_watch_.is_open()) return;
            cmap_watched_ = false;
            drain_votequorum();  // a synchronisation may have begun in the meantime
            if (alive.expired() || in_sync_ || !cmap_watch_.is_open()) return;
            if (!cmap_.dispatch()) return lose("the configuration service hung up");
            if (dirty_) reread_soon(milliseconds(20));
            watch_cmap();
        });
}

void CorosyncProvider::deliver_pending() { drain_votequorum(); }

void CorosyncProvider::drain_votequorum() {
    if (!open_ || lost_ || std::exchange(draining_, true)) return;
    const std::weak_ptr alive(alive_);
    while (open_ && !lost_) {
        const cs_error_t result = votequorum_dispatch(handle_, CS_DISPATCH_ONE_NONBLOCKING);
        if (result == CS_ERR_TRY_AGAIN) break;
        if (result != CS_OK) {
            lose(fmt::format("the connection to corosync broke ({})", cs_strerror(result)));
            break;
        }
        while (!queue_.empty()) {
            ProviderEvent event = std::move(queue_.front());
            queue_.pop_front();
            notice(std::move(event));
            if (alive.expired()) return;
        }
    }
    draining_ = false;
    if (dirty_ && open_ && !lost_ && !in_sync_) reread_soon(milliseconds(20));
}

void CorosyncProvider::notice(ProviderEvent event) {
    const bool ring = std::holds_alternative<RingChanged>(event);
    const bool quorum = std::holds_alternative<QuorumChanged>(event);
    if (ring) {
        in_sync_ = true;
        uncounted_.reset();
        told_uncounted_ = false;
    }
    if (quorum) in_sync_ = false;
    const std::weak_ptr alive(alive_);
    if (listener_) listener_(std::move(event));
    if (alive.expired() || !open_) return;
    if (ring || quorum) after_notification();
}

void CorosyncProvider::after_notification() {
    const std::optional<bool> seen = flag();
    const std::weak_ptr alive(alive_);
    if (seen && listener_) listener_(FlagSeen{*seen});
    if (alive.expired() || !open_ || in_sync_) return;
    if (stopped_) {
        stop_timer_.cancel();
        return withdraw(/*attempts_left=*/10);
    }
    watch_cmap();
}

void CorosyncProvider::refuse(const char* call, cs_error_t result) {
    std::string detail = fmt::format("{}: {}", call, cs_strerror(result));
    if (result == CS_ERR_LIBRARY || result == CS_ERR_BAD_HANDLE) return lose(std::move(detail));
    boost::asio::post(votequorum_watch_.get_executor(),
                      [this, detail = std::move(detail), alive = std::weak_ptr(alive_)] {
                          if (!alive.expired() && listener_) listener_(CastRefused{detail});
                      });
}

void CorosyncProvider::lose(std::string detail) {
    if (std::exchange(lost_, true)) return;
    registered_ = false;
    boost::asio::post(votequorum_watch_.get_executor(),
                      [this, detail = std::move(detail), alive = std::weak_ptr(alive_)] {
                          if (alive.expired()) return;
                          close();
                          if (auto stopped = std::exchange(stopped_, nullptr)) return stopped(true);
                          if (listener_) listener_(ProviderLost{detail});
                      });
}

void CorosyncProvider::stop(std::function<void(bool withdrawn)> done) {
    listener_ = nullptr;
    reread_timer_.cancel();
    if (!open_ || lost_ || !registered_) {
        close();
        return done(true);
    }
    stopped_ = std::move(done);
    if (!in_sync_) return withdraw(/*attempts_left=*/10);
    // The last vote has just released the synchronisation; its end is awaited for a moment only.
    stop_timer_.expires_after(std::chrono::seconds(5));
    stop_timer_.async_wait(
        [this, alive = std::weak_ptr(alive_)](const boost::system::error_code& error) {
            if (!error && !alive.expired() && stopped_) withdraw(/*attempts_left=*/10);
        });
}

void CorosyncProvider::withdraw(int attempts_left) {
    const cs_error_t result = votequorum_qdevice_unregister(handle_, options_.device_name.c_str());
    if (result == CS_ERR_TRY_AGAIN && attempts_left > 0) {
        stop_timer_.expires_after(milliseconds(100));
        stop_timer_.async_wait([this, attempts_left, alive = std::weak_ptr(alive_)](
                                   const boost::system::error_code& error) {
            if (!error && !alive.expired()) withdraw(attempts_left - 1);
        });
        return;
    }
    votequorum_info info{};
    const bool withdrawn =
        votequorum_getinfo(handle_, VOTEQUORUM_QDEVICE_NODEID, &info) == CS_OK &&
        (info.flags & (VOTEQUORUM_INFO_QDEVICE_REGISTERED | VOTEQUORUM_INFO_QDEVICE_CAST_VOTE)) ==
            0;
    votequorum_trackstop(handle_);
    registered_ = false;
    const auto done = std::exchange(stopped_, nullptr);
    boost::asio::post(votequorum_watch_.get_executor(),
                      [this, done, withdrawn, alive = std::weak_ptr(alive_)] {
                          if (alive.expired()) return;
                          close();
                          done(withdrawn);
                      });
}

}  // namespace castvote::qdevice
