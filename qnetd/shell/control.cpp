// control.cpp -- see control.hpp.
// SPDX-License-Identifier: BSD-3-Clause
#include "qnetd/shell/control.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <optional>
#include <utility>

#include "common/net/clock.hpp"
#include "qnetd/shell/certificates.hpp"

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

// Why the operator's word is not wanted; empty if it is.
std::string why_not_release(const std::vector<ClusterStatus>& clusters,
                            const OperatorRelease& word) {
    const auto cluster = std::find_if(clusters.begin(), clusters.end(),
                                      [&](const auto& c) { return c.name == word.cluster; });
    if (cluster == clusters.end())
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
        if (const std::string why = why_not_release(all.clusters, word); !why.empty()) {
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
        common_.shard_of(word.cluster).release(word);
        gather([word, answer](const Everything& after) {
            if (why_not_release(after.clusters, word).empty())
                answer(ipc::error(fmt::format("Node {} could not be released\n", word.node)));
            else
                answer(ipc::Reply{.ok = true,
                                  .text = fmt::format("Node {} is released\n", word.node),
                                  .after_sent = {}});
        });
    });
}

// reload [DIRECTORY]: where the certificates are that were changed, if the asker knows. Answered
// when no connection is left whose certificate is worthless now. What cannot be used is told, and
// changes nothing.
void Control::reload(const std::vector<std::string>& words, ipc::Answer answer) {
    std::error_code failure;
    if (words.size() > 1 && !std::filesystem::equivalent(words[1], options_.certificates, failure))
        return answer(ipc::error(
            fmt::format("The certificates of this arbiter are in {}\n", options_.certificates)));
    auto tls = load_tls(options_);
    if (!tls) {
        net::log(net::LogLevel::error,
                 fmt::format("the certificates are not taken up: {}", tls.error()));
        return answer(ipc::error(tls.error() + "\n"));
    }
    const bool binds = options_.arbiter.tls == wire::TlsSupported::required &&
                       options_.arbiter.client_certificate_required;
    const auto reply = [binds](std::size_t ended) {
        return ipc::Reply{
            .ok = true,
            .text = fmt::format("Certificates are taken up, connections ended: {}{}\n", ended,
                                binds ? ""
                                      : "; who comes without TLS or without a certificate is "
                                        "served all the same"),
            .after_sent = {}};
    };
    if (!*tls) return answer(reply(0));
    net::log(net::LogLevel::notice, "the certificates are read again");
    struct Count {
        std::size_t missing;
        std::size_t ended = 0;
    };
    auto count = std::make_shared<Count>(Count{common_.shards.size()});
    for (const auto& shard : common_.shards)
        shard->take_up(**tls, [this, count, reply, answer](std::size_t ended) {
            net::asio::post(io_, [count, reply, answer, ended] {
                count->ended += ended;
                if (--count->missing == 0) answer(reply(count->ended));
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
