// node_story.cpp -- see node_story.hpp.
// SPDX-License-Identifier: BSD-3-Clause
#include "tests/unit/support/node_story.hpp"

#include <algorithm>

#include "common/wire/describe.hpp"
#include "tests/unit/support/node_table.hpp"
#include "tests/unit/support/scenario_text.hpp"

namespace castvote::tests {

namespace {

using namespace scenario;
using qdevice::ConnectionState;
using qdevice::HeuristicsMode;
using qdevice::Level;
using qdevice::VoteTimer;
using wire::MessageType;
using wire::TlsSupported;

const std::map<std::string, TlsSupported> tls_words = {{"off", TlsSupported::unsupported},
                                                       {"on", TlsSupported::supported},
                                                       {"required", TlsSupported::required}};
const std::map<std::string, bool> on_off = {{"on", true}, {"off", false}};

wire::Vote vote_of(const std::string& text) {
    return one_of<wire::Vote>(text, {{"ACK", wire::Vote::ack},
                                     {"NACK", wire::Vote::nack},
                                     {"ASK_LATER", wire::Vote::ask_later},
                                     {"WAIT_FOR_REPLY", wire::Vote::wait_for_reply},
                                     {"NO_CHANGE", wire::Vote::no_change}});
}

const char* word_of(Level level) {
    switch (level) {
        case Level::debug: return "debug";
        case Level::info: return "info";
        case Level::notice: return "notice";
        case Level::warning: return "warning";
        case Level::error: return "error";
    }
    return "?";
}

const char* word_of(ConnectionState state) {
    switch (state) {
        case ConnectionState::disconnected: return "disconnected";
        case ConnectionState::connecting: return "connecting";
        case ConnectionState::connect_failed: return "connect failed";
        case ConnectionState::connected: return "connected";
    }
    return "?";
}

const char* word_of(VoteTimer timer) {
    switch (timer) {
        case VoteTimer::stopped: return "waiting";
        case VoteTimer::casting_nack: return "NACK";
        case VoteTimer::casting_ack: return "ACK";
    }
    return "?";
}

// What every join has in common.
bool is_handshake(const qdevice::Action& action) {
    if (const auto* send = std::get_if<qdevice::Send>(&action)) {
        const auto list = send->message.node_list_type;
        return list != wire::NodeListType::membership && list != wire::NodeListType::quorum;
    }
    return std::holds_alternative<qdevice::StartTls>(action) ||
           std::holds_alternative<qdevice::SetReceiveLimit>(action);
}

}  // namespace

void NodeStory::execute(const std::string& command, Words words) {
    static const std::map<std::string, void (NodeStory::*)(Words)> commands = {
        {"settings", &NodeStory::settings},
        {"ring", &NodeStory::ring},
        {"quorum", &NodeStory::quorum},
        {"flag", &NodeStory::flag},
        {"counted", &NodeStory::counted},
        {"config", &NodeStory::config},
        {"heuristics", &NodeStory::heuristics},
        {"tcp", &NodeStory::tcp},
        {"preinit-reply", &NodeStory::preinit_reply},
        {"tls-done", &NodeStory::tls_done},
        {"init-reply", &NodeStory::init_reply},
        {"accept", &NodeStory::accept},
        {"vote", &NodeStory::vote},
        {"list-reply", &NodeStory::list_reply},
        {"error", &NodeStory::error},
        {"lost", &NodeStory::lost},
        {"echoes", &NodeStory::echoes},
        {"wait", &NodeStory::wait},
        {"freeze", &NodeStory::freeze},
        {"wake", &NodeStory::wake},
        {"stop", &NodeStory::stop},
        {"provider-lost", &NodeStory::provider_lost},
        {"status", &NodeStory::status}};
    const auto found = commands.find(command);
    if (found == commands.end()) refuse("no such command");
    (this->*found->second)(std::move(words));
}

NodeDriver& NodeStory::driver() {
    if (!has_settings_) settings(Words{});
    if (!driver_) driver_ = std::make_unique<NodeDriver>(settings_);
    return *driver_;
}

// -- what was done --------------------------------------------------------------------------------

void NodeStory::step(NodeEvent what) {
    driver().step(std::move(what));
    follow();
}

void NodeStory::follow() {
    for (const NodeAct& act : driver().take()) {
        const auto* send = std::get_if<qdevice::Send>(&act.what);
        if (send != nullptr && send->message.type == MessageType::echo_request) {
            if (are_echoes_answered_) receive(from::echo_reply(*send->message.msg_seq_number));
            continue;
        }
        if (send != nullptr && send->message.type != MessageType::vote_info_reply)
            number_ = send->message.msg_seq_number.value_or(0);
        if (send != nullptr) last_sent_ = send->message.type;
        if (std::holds_alternative<qdevice::Connect>(act.what)) vote_infos_ = 0;
        if (std::holds_alternative<qdevice::RunHeuristics>(act.what) &&
            settings_.config.heuristics_mode == HeuristicsMode::off) {
            driver().heuristics_done();
            follow();
            continue;
        }
        if (!is_handshake_hidden_ || !is_handshake(act.what)) show_act(act);
    }
}

void NodeStory::show_act(const NodeAct& act) {
    std::string text;
    if (const auto* send = std::get_if<qdevice::Send>(&act.what))
        text = "-> " + wire::describe(send->message);
    else if (const auto* cast = std::get_if<qdevice::Cast>(&act.what))
        text =
            fmt::format("casts {} for {}", cast->vote ? "yes" : "no", wire::to_string(cast->ring));
    else if (const auto* report = std::get_if<qdevice::Report>(&act.what))
        text = fmt::format("# {}: {}", word_of(report->level), report->text);
    else if (const auto* run = std::get_if<qdevice::RunHeuristics>(&act.what))
        text = fmt::format("runs its heuristics, for at most {} ms", run->timeout.count());
    else if (const auto* limit = std::get_if<qdevice::SetReceiveLimit>(&act.what))
        text = fmt::format("takes messages of up to {} bytes", limit->bytes);
    else if (const auto* exit = std::get_if<qdevice::Exit>(&act.what))
        text = fmt::format("exits with status {}{}", exit->status,
                           exit->farewell ? ", farewell: " + describe(*exit->farewell) : "");
    else if (std::holds_alternative<qdevice::Connect>(act.what))
        text = "connects";
    else if (std::holds_alternative<qdevice::StartTls>(act.what))
        text = "starts TLS";
    else if (std::holds_alternative<qdevice::Disconnect>(act.what))
        text = "hangs up";
    show(fmt::format("{:>8} {}", seconds(act.at), text));
}

// -- commands -------------------------------------------------------------------------------------

void NodeStory::settings(Words words) {
    if (has_settings_) refuse("settings come first, and once");
    has_settings_ = true;
    settings_ = table_settings();
    settings_.tls = one_of(words.take("tls", "off"), tls_words);
    settings_.device_timeout = duration(words.take("timeout", "10s"));
    settings_.algorithm = one_of<wire::DecisionAlgorithm>(
        words.take("algorithm", "ffsplit"), {{"ffsplit", wire::DecisionAlgorithm::ffsplit},
                                             {"lms", wire::DecisionAlgorithm::lms},
                                             {"2nodelms", wire::DecisionAlgorithm::two_node_lms}});
    settings_.wait_for_all = one_of(words.take("wait-for-all", "off"), on_off);
    settings_.config.heuristics_mode = one_of<HeuristicsMode>(
        words.take("heuristics", "off"),
        {{"off", HeuristicsMode::off}, {"on", HeuristicsMode::on}, {"sync", HeuristicsMode::sync}});
    settings_.config.nodes = nodes(words.take("config", "1,2"));
    words.expect_none_left();
}

void NodeStory::ring(Words words) {
    ring_ = ring_id(words.at(0));
    std::vector<wire::NodeId> members;
    for (const wire::NodeInfo& node : nodes(words.take("members", "1")))
        members.push_back(node.node_id);
    words.expect_none_left();
    step(qdevice::RingChanged{ring_, members});
}

void NodeStory::quorum(Words words) {
    qdevice::QuorumChanged changed{
        one_of<bool>(words.at(0), {{"quorate", true}, {"inquorate", false}}), {}};
    for (wire::NodeInfo& node : nodes(words.take("members", "1"))) {
        node.state = wire::NodeState::member;
        changed.nodes.push_back(node);
    }
    for (wire::NodeInfo& node : nodes(words.take("dead"))) {
        node.state = wire::NodeState::dead;
        changed.nodes.push_back(node);
    }
    words.expect_none_left();
    step(std::move(changed));
}

void NodeStory::flag(Words words) { step(qdevice::FlagSeen{one_of(words.at(0), on_off)}); }

void NodeStory::counted(Words) {
    driver().count_vote();
    follow();
}

void NodeStory::config(Words words) {
    qdevice::NodeConfig changed = driver().status().settings.config;
    changed.nodes = nodes(words.at(0));
    if (const auto value = words.take("version"); !value.empty())
        changed.config_version = number<std::uint64_t>(value);
    words.expect_none_left();
    step(qdevice::ConfigChanged{changed});
}

void NodeStory::heuristics(Words words) {
    if (settings_.config.heuristics_mode == HeuristicsMode::off) refuse("heuristics are off");
    driver().heuristics_done(heuristics_of(words.at(0)));
    follow();
}

void NodeStory::tcp(Words) {
    step(qdevice::Connected{});
    if (last_sent_ != MessageType::preinit) refuse("nobody is connecting");
}

void NodeStory::preinit_reply(Words words) {
    const TlsSupported tls = one_of(words.take("tls", "off"), tls_words);
    words.expect_none_left();
    receive(from::preinit_reply(number_, tls));
}

void NodeStory::tls_done(Words) { step(qdevice::TlsEstablished{true}); }

void NodeStory::init_reply(Words words) {
    wire::Message reply = from::init_reply(
        number_, wire::ReplyErrorCode{number<std::uint16_t>(words.take("error", "0"))});
    if (const auto missing = words.take("without"); !missing.empty())
        reply.supported_options->resize(
            one_of<std::size_t>(missing, {{"keep-active", 23}, {"heuristics", 22}}));
    const std::string lease = words.take("lease");
    if (!lease.empty()) reply.supported_options = wire::known_options();
    words.expect_none_left();
    receive(reply);
    if (lease.empty()) return;
    // The node tells its options when the heuristics of the connection are done.
    if (settings_.config.heuristics_mode != HeuristicsMode::off)
        driver().heuristics_done(wire::Heuristics::pass);
    wire::Message options;
    options.type = MessageType::set_option_reply;
    options.lease = static_cast<std::uint32_t>(duration(lease).count());
    receive(options);
}

// The whole handshake, of which only the lists are shown that a story is about.
void NodeStory::accept(Words words) {
    is_handshake_hidden_ = true;
    Words tls;
    tls.options["tls"] = words.take("tls", "off");
    tcp({});
    preinit_reply(tls);
    if (last_sent_ == MessageType::starttls) tls_done({});
    init_reply(std::move(words));
    is_handshake_hidden_ = false;
}

wire::RingId NodeStory::ring_of(Words& words) const {
    const std::string text = words.take("ring");
    return text.empty() ? ring_ : ring_id(text);
}

void NodeStory::vote(Words words) {
    const wire::RingId of = ring_of(words);
    wire::Message info = from::vote_info(++vote_infos_, vote_of(words.at(0)), of);
    if (const auto grant = words.take("grant"); !grant.empty())
        info.grant_number = number<std::uint64_t>(grant);
    words.expect_none_left();
    receive(info);
}

void NodeStory::list_reply(Words words) {
    const wire::RingId of = ring_of(words);
    words.expect_none_left();
    receive(from::list_reply(wire::NodeListType::membership, vote_of(words.at(0)), of));
}

void NodeStory::error(Words words) {
    receive(from::server_error(wire::ReplyErrorCode{number<std::uint16_t>(words.at(0))}));
}

void NodeStory::lost(Words words) {
    const auto cause = one_of<qdevice::LostCause>(
        words.at(0), {{"connect-failed", qdevice::LostCause::connect_failed},
                      {"fin", qdevice::LostCause::end_of_stream},
                      {"reset", qdevice::LostCause::reset_or_error},
                      {"queue-full", qdevice::LostCause::queue_full},
                      {"tls", qdevice::LostCause::tls_failed}});
    words.plain.erase(words.plain.begin());
    step(qdevice::ConnectionLost{cause, fmt::format("{}", fmt::join(words.plain, " "))});
}

void NodeStory::echoes(Words words) {
    are_echoes_answered_ = one_of<bool>(words.at(0), {{"answered", true}, {"unanswered", false}});
}

void NodeStory::wait(Words words) {
    const Instant until = driver().now() + duration(words.at(0));
    while (driver().now() < until) advance_to(until);
}

void NodeStory::advance_to(Instant until) {
    const auto deadline = driver().node().next_deadline();
    const Instant next = std::min(until, std::max(driver().now(), deadline.value_or(until)));
    driver().advance(next - driver().now());
    follow();
}

void NodeStory::freeze(Words words) { driver().freeze(duration(words.at(0))); }

void NodeStory::wake(Words) { step(qdevice::TimePassed{}); }

void NodeStory::stop(Words) { step(qdevice::StopRequested{}); }

void NodeStory::provider_lost(Words words) {
    step(qdevice::ProviderLost{fmt::format("{}", fmt::join(words.plain, " "))});
}

void NodeStory::status(Words) {
    const qdevice::Status now = driver().status();
    show(fmt::format("{:>8} {}{}, vote: {}, ring {} of {}{}", seconds(driver().now()),
                     word_of(now.connection), now.tls ? " with TLS" : "", word_of(now.vote_timer),
                     wire::to_string(now.ring), text_of(now.members),
                     now.sync_in_progress ? ", in sync" : ""));
    if (now.vote_until)
        show(fmt::format("         kept by a lease of {}, for another {}",
                         seconds(Instant(now.lease)),
                         seconds(Instant(*now.vote_until - driver().now()))));
    if (!now.last_disconnect_reason.empty())
        show(fmt::format("         last trouble: {}", now.last_disconnect_reason));
}

}  // namespace castvote::tests
