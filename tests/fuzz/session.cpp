// session.cpp -- fuzz target: what two hostile connections send leaves a healthy cluster as it is.
//
// The same healthy cluster lives at two arbiters; only one of them hears the hostile bytes. Node by
// node and millisecond by millisecond it must be told the same by both (safety.md I6), the vote
// must still be handed over at the end, and what the hostile ones cost is bounded.
//
// Input: one byte of settings, then records: what to do, its length, its bytes; see Attack::act().
// SPDX-License-Identifier: BSD-3-Clause

#include "tests/fuzz/reader.hpp"
#include "tests/fuzz/target.hpp"
#include "tests/unit/support/arbiter_driver.hpp"

namespace castvote::fuzz {

namespace {

using tests::ArbiterDriver;
using tests::Happening;
using wire::Message;
using wire::MessageType;
using wire::NodeListType;

constexpr Duration heartbeat{2000};
constexpr const char* healthy = "healthy";
constexpr const char* new_name = "hale";  // where it was renamed
constexpr std::size_t happenings_per_frame_max = 12;

Message of_type(MessageType type) {
    Message message;
    message.type = type;
    message.msg_seq_number = 7;
    return message;
}

// Nodes 1 and 2 of the healthy cluster, at one arbiter.
class Healthy {
public:
    explicit Healthy(ArbiterDriver& driver) : driver_(driver) {}

    void start() {
        for (const char* name : {"A", "B"}) join(name);
        run(2 * heartbeat);
    }

    // Time passes; both nodes echo once a second and confirm every vote.
    void run(Duration duration) {
        const Instant until = driver_.now() + duration;
        while (driver_.now() < until) {
            driver_.advance_to(std::min(until, driver_.now() + Duration(1000)));
            for (const char* name : {"A", "B"})
                driver_.receive(name, of_type(MessageType::echo_request));
            listen();
        }
        listen();
    }

    void split() {
        driver_.receive("A", list(NodeListType::membership, {1}, {1, 12}));
        driver_.receive("B", list(NodeListType::membership, {2}, {2, 12}));
        run(3 * heartbeat);
    }

    const std::string& heard() const { return heard_; }
    const std::vector<Happening>& others() const { return others_; }

    // Takes what was said since; confirms votes.
    void listen() {
        others_.clear();
        for (bool is_quiet = false; !is_quiet;) {
            is_quiet = true;
            for (const Happening& one : driver_.take()) {
                if (one.client != "A" && one.client != "B") {
                    others_.push_back(one);
                    continue;
                }
                is_quiet = false;
                expect(!std::holds_alternative<qnetd::Close>(one.what),
                       "a healthy node is disconnected");
                const auto* message = std::get_if<Message>(&one.what);
                if (message == nullptr) continue;
                heard_ += fmt::format("{} {} {}\n", one.at.time_since_epoch().count(), one.client,
                                      wire::describe(*message));
                if (message->type != MessageType::vote_info) continue;
                Message reply = of_type(MessageType::vote_info_reply);
                reply.msg_seq_number = message->msg_seq_number;
                driver_.receive(one.client, reply);
            }
        }
    }

private:
    void join(const std::string& name) {
        const wire::NodeId node = name == "A" ? 1 : 2;
        driver_.open(name);
        Message preinit = of_type(MessageType::preinit);
        preinit.cluster_name = healthy;
        driver_.receive(name, preinit);
        if (driver_.is_open(name)) {
            driver_.receive(name, of_type(MessageType::starttls));
            driver_.tls_established(
                name, qnetd::PeerCertificate{.common_name = healthy, .key_fingerprint = "ours"});
        }
        Message init = of_type(MessageType::init);
        init.node_id = node;
        init.ring_id = wire::RingId{1, 8};
        init.heartbeat_interval = static_cast<std::uint32_t>(heartbeat.count());
        init.decision_algorithm = wire::DecisionAlgorithm::ffsplit;
        init.tie_breaker = wire::TieBreaker{};
        driver_.receive(name, init);
        driver_.receive(name, list(NodeListType::initial_config, {1, 2}, {}));
        driver_.receive(name, list(NodeListType::membership, {1, 2}, {1, 8}));
    }

    static Message list(NodeListType type, const std::vector<wire::NodeId>& nodes,
                        wire::RingId ring) {
        Message message = of_type(MessageType::node_list);
        message.node_list_type = type;
        if (type == NodeListType::membership) message.ring_id = ring;
        for (const wire::NodeId id : nodes) message.node_info.push_back({.node_id = id});
        return message;
    }

    ArbiterDriver& driver_;
    std::string heard_;
    std::vector<Happening> others_;
};

qnetd::Settings settings_of(std::uint8_t choice) {
    qnetd::Settings settings;
    settings.tls = wire::TlsSupported::required;
    settings.test_algorithm_enabled = (choice & 1) != 0;
    settings.keep_active_partition_default = (choice & 2) != 0;
    if ((choice & 4) != 0) settings.message_receive_size_max = 1024;
    return settings;
}

// An arbiter with the healthy cluster at work; each is made only once.
ArbiterDriver at_work(std::uint8_t choice) {
    static std::map<std::uint8_t, ArbiterDriver> all;
    const std::uint8_t kind = choice & 23;
    const auto found = all.find(kind);
    if (found != all.end()) return found->second;
    ArbiterDriver driver(settings_of(kind), at_ms(-3'600'000));
    Healthy(driver).start();
    if ((kind & 16) != 0) expect(driver.rename(healthy, new_name), "a new name is not taken up");
    return all.emplace(kind, driver).first->second;
}

class Attack {
public:
    explicit Attack(std::uint8_t choice)
        : attacked_(at_work(choice)), alone_(attacked_), here_(attacked_), there_(alone_) {
        if ((choice & 8) != 0) certificate_.common_name = healthy;
    }

    // H or I: open and send bytes, or end, or time passes.
    void act(Reader& reader) {
        const std::uint8_t what = reader.byte();
        const std::string name = (what & 8) != 0 ? "I" : "H";
        const std::uint8_t size = reader.byte();
        switch (what & 7) {
            case 0: pass(Duration(size * 40)); break;
            case 1:
                if (attacked_.is_open(name))
                    attacked_.close(name, static_cast<qnetd::CloseCause>(size % 4));
                break;
            case 2: send(name, reader.take(size * std::size_t{16})); break;
            default: send(name, reader.take(size)); break;
        }
        look();
    }

    void end() {
        pass(Duration(1000));
        here_.split();
        there_.split();
        look();
        expect(attacked_.last_told("A") == wire::Vote::ack, "the lower node has not got the vote");
        expect(attacked_.last_told("B") == wire::Vote::nack, "the other was not denied it");
    }

private:
    void send(const std::string& name, wire::View bytes) {
        if (!attacked_.is_open(name)) {
            attacked_.open(name);
            ++opened_;
        }
        frames_ += bytes.size() / wire::header_size + 1;
        attacked_.receive(name, bytes);
    }

    void pass(Duration duration) {
        here_.run(duration);
        there_.run(duration);
        frames_ += static_cast<std::size_t>(duration.count()) / 1000 + 4;
    }

    void look() {
        here_.listen();
        there_.listen();
        expect(here_.heard() == there_.heard(), "the healthy cluster was told something else");
        // Over all connections, since a step of one may end the other.
        frames_ += 2;
        expect(here_.others().size() <= frames_ * happenings_per_frame_max,
               "many actions for few frames");
        frames_ = 0;
        for (const Happening& one : here_.others()) answer(one);
        expect(attacked_.arbiter().clusters().size() <= opened_ + 1, "clusters of nobody");
        expect(attacked_.arbiter().client_count() <= 4, "clients of nobody");
    }

    // A handshake succeeds with the certificate of another cluster, or of another owner's cluster
    // of the same name, which gets into the first one's as little.
    void answer(const Happening& one) {
        if (const auto* message = std::get_if<Message>(&one.what)) round_trip(*message);
        if (std::holds_alternative<qnetd::StartTls>(one.what) && attacked_.is_open(one.client))
            attacked_.tls_established(one.client, certificate_);
    }

    ArbiterDriver attacked_;
    ArbiterDriver alone_;
    Healthy here_;
    Healthy there_;
    qnetd::PeerCertificate certificate_{.common_name = "evil", .key_fingerprint = "theirs"};
    std::size_t opened_ = 0;
    std::size_t frames_ = 0;
};

}  // namespace

void run(wire::View bytes) {
    constexpr int acts_max = 64;
    Reader reader(bytes);
    Attack attack(reader.byte());
    for (int i = 0; i < acts_max && !reader.is_empty(); ++i) attack.act(reader);
    attack.end();
}

}  // namespace castvote::fuzz
