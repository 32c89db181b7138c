// control.cpp -- see control.hpp.
// SPDX-License-Identifier: BSD-3-Clause
#include "qnetd/shell/control.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

#include "common/net/clock.hpp"

namespace castvote::qnetd {

namespace {

using ipc::is_word;

struct ListRequest {
    bool verbose = false;
    std::string cluster;  // empty: all
};

// Keywords in any order; an unknown one ends the parsing.
ListRequest list_request(const std::vector<std::string>& words, std::size_t first) {
    ListRequest request;
    for (std::size_t i = first; i < words.size(); ++i) {
        if (is_word(words[i], "verbose"))
            request.verbose = true;
        else if (is_word(words[i], "cluster") && i + 1 < words.size())
            request.cluster = words[++i];
        else
            break;
    }
    return request;
}

// release cluster NAME node NUMBER [certain]
struct ReleaseRequest {
    OperatorRelease word;
    bool is_certain = false;
};

std::optional<ReleaseRequest> release_request(const std::vector<std::string>& words) {
    if (words.size() < 5 || !is_word(words[1], "cluster") || !is_word(words[3], "node"))
        return std::nullopt;
    ReleaseRequest request;
    request.word.cluster = words[2];
    const std::string& number = words[4];
    const auto [end, error] =
        std::from_chars(number.data(), number.data() + number.size(), request.word.node);
    if (error != std::errc() || end != number.data() + number.size()) return std::nullopt;
    request.is_certain = words.size() > 5 && is_word(words[5], "certain");
    return request;
}

template <class Wanted>
const ClusterStatus* find(const std::vector<ClusterStatus>& clusters, const Wanted& is_wanted) {
    const auto found = std::find_if(clusters.begin(), clusters.end(), is_wanted);
    return found == clusters.end() ? nullptr : &*found;
}

// Why the operator's word is not wanted; empty if it is. cluster: null if there is none.
std::string why_not_release(const ClusterStatus* cluster, const OperatorRelease& word) {
    if (cluster == nullptr)
        return fmt::format("No cluster {} is known here\n", ipc::quote(word.cluster));
    const auto holder =
        std::find_if(cluster->holders.begin(), cluster->holders.end(),
                     [&](const HolderStatus& one) { return one.node_id == word.node; });
    if (holder == cluster->holders.end())
        return fmt::format("Node {} counts no vote: there is nothing to release\n", word.node);
    if (holder->connected)
        return fmt::format("Node {} is connected: it is asked itself whether it counts the vote\n",
                           word.node);
    return {};
}

constexpr const char* release_risk =
    "The arbiter has lost node {0} of cluster {1}, which was given the vote and may still count\n"
    "it. If you release it while it still runs, two partitions can work at once and your data\n"
    "can be lost. Do it only if node {0} is switched off, or its corosync is stopped.\n";

}  // namespace

Control::Control(net::asio::io_context& io, const Options& options, Common& common, Instant started,
                 std::function<void()> stop)
    : io_(io), options_(options), common_(common), started_(started), stop_(std::move(stop)) {}

void Control::handle(std::vector<std::string> words, ipc::Answer answer) {
    if (is_word(words[0], "status"))
        status(words, std::move(answer));
    else if (is_word(words[0], "list"))
        list(words, std::move(answer));
    else if (is_word(words[0], "json") && words.size() > 1)
        json(words, std::move(answer));
    else if (is_word(words[0], "release"))
        release(words, std::move(answer));
    else if (is_word(words[0], "reload"))
        reload(words, std::move(answer));
    else if (is_word(words[0], "shutdown"))
        answer(ipc::Reply{.ok = true, .text = {}, .after_sent = stop_});
    else
        answer(ipc::unknown_command(words[0]));
}

void Control::gather(Take take) {
    struct Gathering {
        std::size_t missing;
        std::vector<ClusterView> views;
        std::size_t connections = 0;
        Take take;
    };
    auto gathering = std::make_shared<Gathering>();
    gathering->missing = common_.shards.size();
    gathering->take = std::move(take);
    const auto add = [gathering](ShardView part) {
        std::move(part.clusters.begin(), part.clusters.end(), std::back_inserter(gathering->views));
        gathering->connections += part.connections;
        if (--gathering->missing > 0) return;
        std::stable_sort(
            gathering->views.begin(), gathering->views.end(),
            [](const ClusterView& a, const ClusterView& b) { return a.order < b.order; });
        Everything everything;
        everything.totals.clients = gathering->connections;
        for (ClusterView& view : gathering->views) {
            if (!view.status.nodes.empty()) ++everything.totals.clusters;
            everything.clusters.push_back(std::move(view.status));
        }
        gathering->take(everything);
    };
    for (const auto& shard : common_.shards)
        shard->collect([this, add](ShardView part) {
            net::asio::post(io_, [add, part = std::move(part)]() mutable { add(std::move(part)); });
        });
}

void Control::status(const std::vector<std::string>& words, ipc::Answer answer) {
    const bool verbose = words.size() > 1 && is_word(words[1], "verbose");
    gather([this, verbose, answer = std::move(answer)](const Everything& all) {
        answer(ipc::Reply{
            .ok = true, .text = status_text(options_, all.totals, verbose), .after_sent = {}});
    });
}

void Control::list(const std::vector<std::string>& words, ipc::Answer answer) {
    gather([request = list_request(words, 1), answer = std::move(answer)](const Everything& all) {
        answer(ipc::Reply{.ok = true,
                          .text = list_text(all.clusters, request.verbose, request.cluster),
                          .after_sent = {}});
    });
}

// Asked once, it says what is at stake; only a request that is certain does it.
void Control::release(const std::vector<std::string>& words, ipc::Answer answer) {
    const auto request = release_request(words);
    if (!request) {
        answer(ipc::error("Wanted: release cluster NAME node NUMBER [certain]\n"));
        return;
    }
    gather([this, request = *request, answer = std::move(answer)](const Everything& all) {
        const OperatorRelease& word = request.word;
        const ClusterStatus* cluster =
            find(all.clusters, [&](const auto& one) { return goes_by(one, word.cluster); });
        if (const std::string why = why_not_release(cluster, word); !why.empty()) {
            answer(ipc::error(why));
            return;
        }
        if (!request.is_certain) {
            answer(
                ipc::Reply{.ok = true,
                           .text = fmt::format(release_risk, word.node, ipc::quote(word.cluster)),
                           .after_sent = {}});
            return;
        }
        // That cluster and no other, whatever its names mean by then.
        const OperatorRelease kept{cluster->kept_as, word.node};
        common_.shard_of(common_.names.nearest(kept.cluster)).release(kept);
        gather([kept, word, answer](const Everything& after) {
            const ClusterStatus* left =
                find(after.clusters, [&](const auto& one) { return one.kept_as == kept.cluster; });
            if (left != nullptr && why_not_release(left, word).empty())
                answer(ipc::error(fmt::format("Node {} could not be released\n", word.node)));
            else
                answer(ipc::Reply{.ok = true,
                                  .text = fmt::format("Node {} is released\n", word.node),
                                  .after_sent = {}});
        });
    });
}

void Control::json(const std::vector<std::string>& words, ipc::Answer answer) {
    const bool wants_status = is_word(words[1], "status");
    if (!wants_status && !is_word(words[1], "list")) {
        answer(ipc::unknown_command(words[0] + " " + words[1]));
        return;
    }
    gather([this, wants_status, request = list_request(words, 2),
            answer = std::move(answer)](const Everything& all) {
        const ProcessFacts process{
            common_.shards.size(), started_,
            common_.store ? std::optional(common_.store->health()) : std::nullopt};
        answer(ipc::Reply{
            .ok = true,
            .text = wants_status
                        ? status_json(options_, all.totals, process, all.clusters, net::now())
                        : list_json(all.clusters, request.cluster, net::now()),
            .after_sent = {}});
    });
}

}  // namespace castvote::qnetd
