// corosync_config.cpp -- configuration changes in the running cluster (node.md 5.6, 5.7).
//
// Any tracked change leads to one fresh reading of everything, some milliseconds later and never in
// a synchronisation or in the middle of a reload; what differs from before is passed on.
// SPDX-License-Identifier: BSD-3-Clause
#include <fmt/format.h>
#include <poll.h>

#include <utility>

#include "qdevice-client/quorum/corosync.hpp"

namespace castvote::qdevice {
namespace {

using std::chrono::milliseconds;

// A failed reload leaves the key at 1 for ever, with nothing changed; so patience has an end.
constexpr auto reload_patience = std::chrono::seconds(10);

bool is_readable(int fd) {
    pollfd p{fd, POLLIN, 0};
    return ::poll(&p, 1, 0) > 0;
}

}  // namespace

void CorosyncProvider::reread_soon(milliseconds delay) {
    reread_timer_.expires_after(delay);
    reread_timer_.async_wait(
        [this, alive = std::weak_ptr(alive_)](const boost::system::error_code& error) {
            if (!error && !alive.expired()) reread();
        });
}

void CorosyncProvider::reread() {
    const std::weak_ptr alive(alive_);
    drain_votequorum();  // a synchronisation may have begun
    if (alive.expired() || in_sync_ || !open_ || lost_ || !listener_) return;
    bool lost = false;
    const int votequorum_fd = votequorum_watch_.native_handle();
    const auto map = cmap_.snapshot([&] { return !is_readable(votequorum_fd); }, lost);
    if (lost) return lose("the configuration service does not answer");
    if (!map) return reread_soon(milliseconds(20));
    if (reload_in_progress(*map)) {
        const auto now = std::chrono::steady_clock::now();
        if (!reload_seen_) reload_seen_ = now;
        if (now - *reload_seen_ < reload_patience) return reread_soon(milliseconds(100));
    } else {
        reload_seen_.reset();
    }
    dirty_ = false;
    apply(*map);
}

void CorosyncProvider::apply(const Snapshot& map) {
    const std::weak_ptr alive(alive_);
    std::vector<std::string> logging_warnings;
    const bool debug = castvote::qdevice::debug_wanted(map, logging_warnings);
    if (debug != std::exchange(debug_, debug)) listener_(DebugWanted{debug});
    if (alive.expired() || !listener_) return;
    if (const std::string model = device_model(map); model != "net")
        return listener_(DeviceRemoved{model});
    Configuration fresh = reread_configuration(map, options_.limits, configuration_);
    fresh.warnings.insert(fresh.warnings.end(), logging_warnings.begin(), logging_warnings.end());
    const bool same = fresh == configuration_;
    if (same && !std::exchange(recheck_, false)) return;
    if (const auto detail = misfit(fresh)) return listener_(Unfit{*detail});
    if (same) return;
    configuration_ = fresh;
    listener_(Reconfigured{std::move(fresh)});
}

// node.md 6.6: ffsplit is safe only while every node and the device have one vote each.
std::optional<std::string> CorosyncProvider::misfit(const Configuration& configuration) {
    if (configuration.settings.algorithm != wire::DecisionAlgorithm::ffsplit) return std::nullopt;
    for (const wire::NodeInfo& node : configuration.settings.config.nodes) {
        votequorum_info info{};
        const cs_error_t result = votequorum_getinfo(handle_, node.node_id, &info);
        if (result != CS_OK) continue;  // NOT_EXIST: corosync has never seen that node
        if (info.node_votes == 1 && info.qdevice_votes == 1) continue;
        return fmt::format(
            "node {} has {} vote(s) and the device {}: the algorithm ffsplit is safe only with one "
            "vote for each; write 'quorum_votes: 1' for every node and 'votes: 1' for the device",
            node.node_id, info.node_votes, info.qdevice_votes);
    }
    return std::nullopt;
}

}  // namespace castvote::qdevice
