// arbiter_sessions_test.cpp -- the recorded conversations of the stock server, replayed on our
// core.
//
// With the rules of docs/safety.md that stock does not have switched off, every client must be sent
// exactly what stock sent it, in order; where ours differs on purpose, a table below says so. Then
// the same clients with all rules on, which answer and echo as real ones do: the moments are
// others, but in the end the same nodes hold the vote. The driver checks the order NACK, reply, ACK
// at every step.
// SPDX-License-Identifier: BSD-3-Clause
#include <catch2/catch.hpp>
#include <deque>
#include <map>
#include <set>

#include "tests/unit/support/arbiter_driver.hpp"
#include "tests/unit/support/vectors.hpp"

namespace castvote::tests {

namespace {

// What we send instead of what stock sent at a step of a session. A step that is no `expect` (or
// lies behind the last one) stands for: stock sent nothing here.
struct Difference {
    const char* session;  // the beginning of its title
    std::size_t step;
    const char* client;
    std::vector<std::string> ours;
    const char* why;
};

constexpr const char* leaving = "stock counts the client that is leaving (arbiter.md 3.4)";

const std::vector<Difference>& differences() {
    static const std::vector<Difference> table = {
        {"ffsplit: late VOTE_INFO_REPLY",
         34,
         "A",
         {"VOTE_INFO MSG_SEQ_NUMBER=3 VOTE=ACK RING_ID=1.c"},
         "stock takes the late reply to ACK 2 for one to the ACK that is still to be sent (3.5)"},
        // The leaving N1 is not counted: {3,4} has two connected nodes and {1,2} one.
        {"ffsplit 4 nodes 2+2",
         54,
         "N2",
         {"VOTE_INFO MSG_SEQ_NUMBER=3 VOTE=NACK RING_ID=1.8"},
         leaving},
        {"ffsplit 4 nodes 2+2", 55, "N3", {}, leaving},
        {"ffsplit 4 nodes 2+2", 56, "N4", {}, leaving},
        {"ffsplit 4 nodes 2+2", 59, "N2", {}, leaving},
        {"ffsplit 4 nodes 2+2",
         64,
         "N3",
         {"VOTE_INFO MSG_SEQ_NUMBER=3 VOTE=ACK RING_ID=3.8"},
         leaving},
        {"ffsplit 4 nodes 2+2",
         65,
         "N4",
         {"VOTE_INFO MSG_SEQ_NUMBER=2 VOTE=ACK RING_ID=3.8"},
         leaving},
    };
    return table;
}

// Stock lms and 2nodelms put the vote into the reply, each node for itself; ours comes as VOTE_INFO
// after the losers have confirmed (R4). Of these sessions everything but the votes must be the
// same.
bool is_voted_by_reply(const std::string& title) {
    return title.starts_with("lms") || title.starts_with("2nodelms");
}

// Who holds the vote when a session is over and the last wait has ended.
struct End {
    const char* session;
    std::set<std::string> holders;
    const char* why = "as stock";
};

const std::vector<End>& ends() {
    static const std::vector<End> table = {
        {"ffsplit 2 nodes: join, split, heal", {"A", "B"}},
        {"ffsplit: peer dies", {"A"}},
        {"ffsplit: unanswered NACK", {"A"}},
        {"ffsplit: tie-breaker lowest", {"A"}},
        {"ffsplit: heuristics change", {"B"}},
        {"ffsplit: late VOTE_INFO_REPLY", {"A"}, "the stock defect of 3.5 gives it to nobody"},
        {"ffsplit: duplicate node id", {"A"}},
        {"ffsplit 4 nodes 2+2", {"N3", "N4"}},
        {"ffsplit: changed config", {"A", "B"}},
        {"lms 2 nodes", {"A"}},
        {"lms: vote moves", {"B"}, "stock leaves it with A as well (arbiter.md 8, W9)"},
        {"2nodelms", {}, "A may go on voting for ever after it was cut off: W10, R2e"},
        {"test algorithm", {"A"}},
    };
    return table;
}

const Difference* difference(const std::string& title, std::size_t step) {
    for (const Difference& one : differences())
        if (title.starts_with(one.session) && one.step == step) return &one;
    return nullptr;
}

qnetd::Settings stock_like() {
    qnetd::Settings settings;
    settings.tls = wire::TlsSupported::unsupported;
    settings.test_algorithm_enabled = true;
    settings.rules = {.release_before_handover = false,
                      .late_ack_after_connect = false,
                      .recent_flag_needs_proof = false,
                      .repeat_nack_when_quorate = false,
                      .guard_after_start = false};
    return settings;
}

std::string line_of(const wire::Message& message) { return wire::describe(message); }

// The same without what R4 changes.
std::string line_without_vote(wire::Message message) {
    if (message.vote) message.vote = wire::Vote::undefined;
    return wire::describe(message);
}

// A driver whose clients' messages are fetched one by one.
class Replay {
public:
    Replay(const qnetd::Settings& settings, bool is_by_reply)
        : driver(settings), is_by_reply_(is_by_reply) {}

    void play(const Json& step) {
        const std::string client = step.at("client");
        if (step.value("event", "") == "tcp connect")
            driver.open(client);
        else if (step.value("event", "") == "tcp close by client")
            driver.close(client, qnetd::CloseCause::end_of_stream);
        else if (step.contains("send"))
            driver.receive(client, from_hex(step.at("send").get<std::string>()));
        else
            throw std::invalid_argument("a step of an unknown kind: " + step.dump());
    }

    std::string next(const std::string& client) {
        fetch();
        if (sent[client].empty()) return "(nothing)";
        const std::string line = sent[client].front();
        sent[client].pop_front();
        return line;
    }

    std::string expected(const Json& step) const {
        const auto message = message_of(from_hex(step.at("expect").get<std::string>()));
        if (!is_by_reply_) return line_of(message);
        // These come from a timer of stock (arbiter.md 4) and are votes, nothing else.
        return message.type == wire::MessageType::vote_info ? "" : line_without_vote(message);
    }

    void fetch() {
        for (const Happening& happening : driver.take()) {
            auto& lines = sent[happening.client];
            if (std::holds_alternative<qnetd::Close>(happening.what)) lines.push_back("(closed)");
            const auto* message = std::get_if<wire::Message>(&happening.what);
            if (message == nullptr) continue;
            if (!is_by_reply_)
                lines.push_back(line_of(*message));
            else if (message->type != wire::MessageType::vote_info)
                lines.push_back(line_without_vote(*message));
        }
    }

    ArbiterDriver driver;
    std::map<std::string, std::deque<std::string>> sent;

private:
    bool is_by_reply_;
};

// Clients which, beside their script, answer every VOTE_INFO and send echoes.
class LivingClients {
public:
    explicit LivingClients(const qnetd::Settings& settings)
        : driver_(settings, at_ms(-3'600'000)) {}

    void play(const Json& step, bool answers) {
        const std::string client = step.at("client");
        if (step.value("event", "") == "tcp connect") {
            driver_.open(client);
        } else if (step.value("event", "") == "tcp close by client") {
            driver_.close(client, qnetd::CloseCause::end_of_stream);
            votes_.erase(client);
        } else if (step.contains("send") && driver_.is_open(client)) {
            const auto message = message_of(from_hex(step.at("send").get<std::string>()));
            if (message.type == wire::MessageType::vote_info_reply) return;
            // From its list on a node waits for the answer to it (arbiter.md 1.3).
            if (message.node_list_type == wire::NodeListType::membership) votes_.erase(client);
            driver_.receive(client, message);
        }
        if (!answers) silent_.insert(client);
        hear();
    }

    void live(Duration time) {
        for (const Instant end = driver_.now() + time; driver_.now() < end;) {
            driver_.advance(Duration(500));
            wire::Message echo;
            echo.type = wire::MessageType::echo_request;
            echo.msg_seq_number = 1;
            for (const char* name : {"A", "B", "D", "N1", "N2", "N3", "N4"})
                if (driver_.is_open(name)) driver_.receive(name, echo);
            hear();
        }
    }

    std::set<std::string> holders() const {
        std::set<std::string> holders;
        for (const auto& [client, vote] : votes_)
            if (vote == wire::Vote::ack) holders.insert(client);
        return holders;
    }

private:
    void hear() {
        for (auto happenings = driver_.take(); !happenings.empty(); happenings = driver_.take()) {
            for (const Happening& happening : happenings) {
                if (std::holds_alternative<qnetd::Close>(happening.what))
                    votes_.erase(happening.client);
                if (const auto* message = std::get_if<wire::Message>(&happening.what))
                    hear(happening.client, *message);
            }
        }
    }

    void hear(const std::string& client, const wire::Message& message) {
        if (message.vote == wire::Vote::ack || message.vote == wire::Vote::nack)
            votes_[client] = *message.vote;
        if (message.type != wire::MessageType::vote_info || silent_.contains(client)) return;
        wire::Message reply;
        reply.type = wire::MessageType::vote_info_reply;
        reply.msg_seq_number = message.msg_seq_number;
        if (driver_.is_open(client)) driver_.receive(client, reply);
    }

    ArbiterDriver driver_;
    std::set<std::string> silent_;
    std::map<std::string, wire::Vote> votes_;
};

}  // namespace

TEST_CASE("recorded sessions give what the stock server gave") {
    std::set<const Difference*> used;
    const Json& sessions = wire_vectors().at("sessions");
    REQUIRE(sessions.size() == 13);
    for (const Json& session : sessions) {
        const std::string title = session.at("title");
        Replay replay(stock_like(), is_voted_by_reply(title));
        std::size_t number = 0;
        const auto compare = [&](const Difference& other) {
            INFO(title << ", step " << number << " to " << other.client << ": " << other.why);
            for (const std::string& line : other.ours) CHECK(replay.next(other.client) == line);
            used.insert(&other);
        };
        for (const Json& step : session.at("steps")) {
            const Difference* other = difference(title, number);
            if (!step.contains("expect")) {
                replay.play(step);
            } else if (other == nullptr && !replay.expected(step).empty()) {
                INFO(title << ", step " << number << " to " << step.at("client"));
                CHECK(replay.next(step.at("client")) == replay.expected(step));
            }
            if (other != nullptr) compare(*other);
            ++number;
        }
        if (const Difference* other = difference(title, number)) compare(*other);
        replay.driver.advance(Duration(3000));
        replay.fetch();
        for (const auto& [client, lines] : replay.sent) {
            INFO(title << ", after the end, to " << client);
            CHECK(lines == std::deque<std::string>{});
        }
    }
    CHECK(used.size() == differences().size());
}

TEST_CASE("with all rules on the same nodes hold the vote in the end") {
    qnetd::Settings settings = stock_like();
    settings.rules = {};
    const Json& sessions = wire_vectors().at("sessions");
    REQUIRE(ends().size() == sessions.size());
    for (std::size_t i = 0; i < sessions.size(); ++i) {
        const std::string title = sessions.at(i).at("title");
        const End& end = ends().at(i);
        INFO(title << ": " << end.why);
        REQUIRE(title.starts_with(end.session));
        // In the third session B never answers the NACK; it closes instead.
        const bool b_is_silent = title.starts_with("ffsplit: unanswered NACK");
        LivingClients clients(settings);
        for (const Json& step : sessions.at(i).at("steps"))
            clients.play(step, /*answers=*/!(b_is_silent && step.at("client") == "B"));
        clients.live(Duration(60'000));
        CHECK(clients.holders() == end.holders);
        // It stays so: nothing moves any more.
        clients.live(Duration(120'000));
        CHECK(clients.holders() == end.holders);
    }
}

}  // namespace castvote::tests
