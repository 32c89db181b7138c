// control_reload.cpp -- the command `reload`: what qcert has changed is taken up, or told why not.
//
// Names first: whatever stands against them changes nothing at all. Every shard hears of them
// before the first takes them up (Renamed), so that no cluster is two for a moment.
// SPDX-License-Identifier: BSD-3-Clause
#include <fmt/format.h>

#include <filesystem>
#include <optional>
#include <utility>

#include "common/wire/describe.hpp"
#include "qnetd/shell/certificates.hpp"
#include "qnetd/shell/control.hpp"

namespace castvote::qnetd {

namespace {

using Stage = Renamed::Stage;

// Tells every shard; `then` is called by the last of them, on its thread, with what stands against
// the names in any.
void tell_all(Common& common, const Renamed& renamed,
              std::function<void(std::optional<std::string>)> then) {
    struct Count {
        std::atomic<std::size_t> missing;
        std::vector<std::optional<std::string>> against;
    };
    auto count = std::make_shared<Count>();
    count->missing = common.shards.size();
    count->against.resize(common.shards.size());
    for (std::size_t i = 0; i < common.shards.size(); ++i)
        common.shards[i]->rename(renamed, [count, i, then](std::optional<std::string> against) {
            count->against[i] = std::move(against);
            if (--count->missing > 0) return;
            for (auto& one : count->against)
                if (one) return then(std::move(one));
            then(std::nullopt);
        });
}

}  // namespace

// reload [DIRECTORY]: where the certificates are that were changed, if the asker knows. Answered
// when no connection is left whose certificate is worthless now. What cannot be used is told, and
// changes nothing.
void Control::reload(const std::vector<std::string>& words, ipc::Answer answer) {
    std::error_code failure;
    if (words.size() > 1 && !std::filesystem::equivalent(words[1], options_.certificates, failure))
        return answer(ipc::error(
            fmt::format("The certificates of this arbiter are in {}\n", options_.certificates)));
    const auto refuse = [answer](const std::string& why) {
        net::log(net::LogLevel::error, fmt::format("the certificates are not taken up: {}", why));
        answer(ipc::error(why + "\n"));
    };
    auto tls = load_tls(options_);
    if (!tls) return refuse(tls.error());
    auto names = load_names(options_);
    if (!names) return refuse(names.error());
    const bool binds = options_.arbiter.tls == wire::TlsSupported::required &&
                       options_.arbiter.client_certificate_required;
    const auto reply = [binds, answer](std::size_t ended) {
        answer(ipc::Reply{
            .ok = true,
            .text = fmt::format("Certificates are taken up, connections ended: {}{}\n", ended,
                                binds ? ""
                                      : "; who comes without TLS or without a certificate is "
                                        "served all the same"),
            .after_sent = {}});
    };
    rename(std::move(*names), [this, tls = std::move(*tls), refuse, reply](const std::string& why) {
        if (!why.empty()) return refuse(why);
        if (!tls) return reply(0);
        net::log(net::LogLevel::notice, "the certificates are read again");
        take_up(*tls, reply);
    });
}

// `then` is called on our own thread, with what stands against it.
void Control::rename(wire::ClusterNames names, std::function<void(std::string)> then) {
    if (names == common_.names) return then({});
    if (is_renaming_) return then("another list of names is just being taken up; ask again");
    is_renaming_ = true;
    const auto over = [this, then](const std::string& why) {
        is_renaming_ = false;
        then(why);
    };
    const auto decide = [this, names, over](const std::optional<std::string>& against) {
        const Stage stage = against ? Stage::dropped : Stage::taken_up;
        tell_all(common_, {stage, names}, [this, names, over, against](const auto&) {
            net::asio::post(io_, [this, names, over, against] {
                if (against)
                    return over(fmt::format(
                        "{} stands for a cluster that has nodes here, or may count a vote: it "
                        "cannot come to mean another one until they are gone",
                        wire::quoted(*against)));
                common_.names = names;
                net::log(net::LogLevel::notice, "the names of renamed clusters are read again");
                over({});
            });
        });
    };
    tell_all(common_, {Stage::announced, names},
             [this, decide](std::optional<std::string> against) {
                 net::asio::post(io_, [decide, against = std::move(against)] { decide(against); });
             });
}

// `then` is called on our own thread, with the number of connections that were ended.
void Control::take_up(net::TlsContext tls, std::function<void(std::size_t)> then) {
    struct Count {
        std::size_t missing;
        std::size_t ended = 0;
    };
    auto count = std::make_shared<Count>(Count{common_.shards.size()});
    for (const auto& shard : common_.shards)
        shard->take_up(tls, [this, count, then](std::size_t ended) {
            net::asio::post(io_, [count, then, ended] {
                count->ended += ended;
                if (--count->missing == 0) then(count->ended);
            });
        });
}

}  // namespace castvote::qnetd
