// control_reload.cpp -- the command `reload`: what qcert has changed is taken up, or told why not.
//
// Every shard hears of other names before the first takes them up (Renamed), so that no cluster is
// two for a moment. What stands against them leaves the names as they were, and nothing else.
// SPDX-License-Identifier: BSD-3-Clause
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <utility>

#include "common/ipc/words.hpp"
#include "common/wire/describe.hpp"
#include "qnetd/shell/certificates.hpp"
#include "qnetd/shell/control.hpp"

namespace castvote::qnetd {

namespace {

using Stage = Renamed::Stage;

void say_refused(const std::string& why) {
    net::log(net::LogLevel::error,
             fmt::format("the names of renamed clusters are not taken up: {}", why));
}

// Tells every shard; `then` is called by the last of them, on its thread, with what all of them
// answered: one name that stands against the list in any, and the last grant.
void tell_all(Common& common, const Renamed& renamed,
              std::function<void(ArbiterShard::Objection)> then) {
    struct Count {
        std::atomic<std::size_t> missing;
        std::vector<ArbiterShard::Objection> answers;
    };
    auto count = std::make_shared<Count>();
    count->missing = common.shards.size();
    count->answers.resize(common.shards.size());
    for (std::size_t i = 0; i < common.shards.size(); ++i)
        common.shards[i]->rename(renamed, [count, i, then](ArbiterShard::Objection answer) {
            count->answers[i] = std::move(answer);
            if (--count->missing > 0) return;
            ArbiterShard::Objection all;
            for (auto& one : count->answers) {
                if (one.against) all.against = std::move(one.against);
                all.known_grant = std::max(all.known_grant, one.known_grant);
            }
            then(std::move(all));
        });
}

// What is to be said of the names, by the words that qcert looks for (tools.md 2); mostly nothing.
std::string line_about_names(const std::string& refused, const std::vector<ClusterStatus>& all) {
    if (!refused.empty()) return fmt::format("{}: {}", ipc::names_are_refused, refused);
    std::vector<std::string> apart;
    for (const ClusterStatus& one : all)
        if (!one.apart_from.empty())
            apart.push_back(fmt::format("{} is not yet one with {}", wire::quoted(one.name),
                                        wire::quoted(one.apart_from)));
    if (apart.empty()) return {};
    return fmt::format("{}: {}, until none of its nodes is connected or may count the vote",
                       ipc::names_are_apart, fmt::join(apart, ", "));
}

}  // namespace

// reload [DIRECTORY]: where the certificates are that were changed, if the asker knows. Answered
// when no connection is left whose certificate is worthless now. Each looks at the files when its
// turn has come, so that what is refused is what the asker has written.
void Control::reload(const std::vector<std::string>& words, ipc::Answer answer) {
    std::error_code failure;
    if (words.size() > 1 && !std::filesystem::equivalent(words[1], options_.certificates, failure))
        return answer(ipc::error(
            fmt::format("The certificates of this arbiter are in {}\n", options_.certificates)));
    in_turn([this, answer = std::move(answer)] {
        read_again([this, answer](ipc::Reply reply) {
            answer(std::move(reply));
            next_turn();
        });
    });
}

void Control::read_lists_again() {
    in_turn([this] {
        if (common_.tls && are_others_revoked(options_, *common_.tls))
            return read_again([this](const ipc::Reply&) { next_turn(); });
        auto names = load_names(options_);
        const auto over = [this](const std::string& why) {
            if (!why.empty()) say_refused(why);
            next_turn();
        };
        if (!names) return over(names.error());
        rename(std::move(*names), over);
    });
}

void Control::in_turn(std::function<void()> what) {
    turns_.push_back(std::move(what));
    if (turns_.size() == 1) turns_.front()();
}

void Control::next_turn() {
    net::asio::post(io_, [this] {
        turns_.pop_front();
        if (!turns_.empty()) turns_.front()();
    });
}

// Certificates that cannot be used change nothing; names that cannot keep nothing else from being
// taken up: somebody may have been revoked.
void Control::read_again(ipc::Answer answer) {
    auto tls = load_tls(options_);
    if (!tls) {
        net::log(net::LogLevel::error,
                 fmt::format("the certificates are not taken up: {}", tls.error()));
        return answer(ipc::error(tls.error() + "\n"));
    }
    const auto then = [this, tls = std::move(*tls), answer](const std::string& why) {
        if (!why.empty()) say_refused(why);
        const auto reply = [this, why, answer](std::size_t ended) { say(ended, why, answer); };
        if (!tls) return reply(0);
        net::log(net::LogLevel::notice, "the certificates are read again");
        take_up(*tls, reply);
    };
    auto names = load_names(options_);
    if (!names) return then(names.error());
    rename(std::move(*names), then);
}

// The last word about a reload. refused: why the names are, or empty.
void Control::say(std::size_t ended, const std::string& refused, ipc::Answer answer) {
    const bool binds = options_.arbiter.tls == wire::TlsSupported::required &&
                       options_.arbiter.client_certificate_required;
    std::string done = fmt::format("Certificates are taken up, connections ended: {}{}", ended,
                                   binds ? ""
                                         : "; who comes without TLS or without a certificate is "
                                           "served all the same");
    gather([done = std::move(done), refused, answer = std::move(answer)](const Everything& all) {
        const std::string names = line_about_names(refused, all.clusters);
        if (names.empty())
            answer(ipc::Reply{.ok = true, .text = done + "\n", .after_sent = {}});
        else
            answer(ipc::error(fmt::format("{}. {}\n", names, done)));
    });
}

// `then` is called on our own thread, with what stands against it.
void Control::rename(wire::ClusterNames names, std::function<void(std::string)> then) {
    if (names == common_.names) return then({});
    const auto decide = [this, names, then](const ArbiterShard::Objection& objection) {
        const Stage stage = objection.against ? Stage::dropped : Stage::taken_up;
        const auto over = [this, names, then, against = objection.against] {
            if (against)
                return then(fmt::format(
                    "{} stands for a cluster that has nodes here, or may count a vote: it "
                    "cannot come to mean another one until they are gone",
                    wire::quoted(*against)));
            common_.names = names;
            net::log(net::LogLevel::notice, "the names of renamed clusters are read again");
            then({});
        };
        tell_all(common_, {stage, names, objection.known_grant},
                 [this, over](const auto&) { net::asio::post(io_, over); });
    };
    tell_all(common_, {Stage::announced, names}, [this, decide](ArbiterShard::Objection all) {
        net::asio::post(io_, [decide, all = std::move(all)] { decide(all); });
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
