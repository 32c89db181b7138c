// arbiter_host.hpp -- the arbiter's machine: the real core on a clock of its own, its store, and
// the process that can be killed, stopped, frozen and thawed.
//
// Carries out the core's actions as the shell does. It knows nothing of nodes or invariants.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "qnetd/core/arbiter.hpp"
#include "tests/simulate/alarm.hpp"
#include "tests/simulate/arbiter_process.hpp"
#include "tests/simulate/store_model.hpp"

namespace castvote::simulate {

class ArbiterHost final : public ArbiterProcess {
public:
    ArbiterHost(Schedule& schedule, Network& network, qnetd::Settings settings, std::int64_t rate,
                std::function<void(const qnetd::Note&)> heard);

    // The writes of the first cluster take up to so long, from now on; 0: they are done at once.
    // lands: is a write under way done when the process is killed?
    void slow_store(std::function<Micros()> delay, std::function<bool()> lands) {
        served_.front().delay = std::move(delay);
        served_.front().lands = std::move(lands);
    }
    // Another cluster; networks are numbered in this order.
    void serve(Network& network, const std::string& cluster);
    // When the first cluster is told something does not depend on the others' timers.
    void be_punctual() {
        is_punctual_ = true;
        alarm_.be_last();
    }

    // These see the first cluster only.
    void watch(ArbiterWatch& watch) { watch_ = &watch; }
    // Told of each ACK that leaves: to whom, and for which ring.
    void watch_acks(std::function<void(NodeId, RingId)> watch) { acked_ = std::move(watch); }

    void start() override;
    void kill() override;
    void lose_power() override;
    // SIGTERM: what waits is written, and that this is a clean end.
    void stop();
    void freeze() override { is_frozen_ = core_.has_value(); }
    void thaw() override;
    // The machine ends, and the process with it; later it boots, with a clock that begins anew.
    void machine_off(bool in_order);
    void machine_on();

    // -- the store --------------------------------------------------------------------------------
    // A damaged file is nothing else.
    void lose_store() override;
    void set_disk(StoreModel::Disk disk);
    StoreModel::Disk disk() const { return store_.disk(); }
    const std::optional<StoreModel::File>& store_file() const { return store_.file(); }
    // An older copy: while the process is down.
    void put_back(StoreModel::File older);
    // R3: is it a holder in this very ring in the store as that is now?
    bool is_recorded(NodeId node, RingId ring) const;
    // Would a start distrust it now?
    bool would_distrust(const StoreModel::File& older) const;
    // Starts that did not trust what they found.
    std::uint64_t distrusts() const { return distrusts_; }

    bool is_running() const override { return core_.has_value(); }
    bool is_on() const { return is_on_; }
    bool has_outlived(NodeId node, Micros cast_at, Micros heartbeat, Micros timeout) const override;
    std::uint64_t grants() const override { return grants_; }

    bool is_listening() const override { return core_.has_value(); }
    void opened(ConnectionId connection, NodeId node) override;
    void received(ConnectionId connection, wire::Message&& message) override;
    void closed(ConnectionId connection, Ending ending) override;

private:
    using What = decltype(qnetd::Event::what);
    struct Word {
        Micros at = 0;
        bool is_end = false;  // it ended its stream itself
    };
    struct Ack {
        NodeId to = 0;
        Micros at = 0;
        SmallMap<NodeId, Word> words;  // of all nodes, the last by then
    };

    struct Served {
        Network* network = nullptr;
        std::string cluster;
        std::function<Micros()> delay = [] { return Micros(0); };
        std::function<bool()> lands = [] { return false; };
        std::deque<qnetd::Persist> pending;  // writes under way
        Micros written_at = 0;
    };

    Instant local_now() const { return local(schedule_.now() - booted_at_); }
    // For whoever watches: it goes on through a boot.
    Instant steady_now() const { return local(schedule_.now()); }
    Instant local(Micros time) const { return at_ms(time / 1000 * rate_ / 1000); }
    StoreModel::Now store_now() const;

    Served& served(ConnectionId connection) { return served_.at(Network::number_of(connection)); }
    static bool is_of_first(ConnectionId connection) { return Network::number_of(connection) == 0; }

    void happens(What&& what);
    void step(What&& what);
    void step(const qnetd::Event& event);
    void note(const qnetd::Event& event);
    void note_sent(const qnetd::Send& send);
    void carry_out(qnetd::Actions actions);
    void end_process();
    bool remembers(const qnetd::Memory& memory) const;
    void write(qnetd::Persist persist);
    void land(Served& cluster);
    void tell(std::vector<qnetd::Persisted> done);
    void wake();

    Schedule& schedule_;
    std::deque<Served> served_;
    qnetd::Settings settings_;
    std::int64_t rate_;
    ArbiterWatch* watch_ = nullptr;
    std::function<void(NodeId, RingId)> acked_;
    std::function<void(const qnetd::Note&)> heard_;  // what it says
    std::optional<qnetd::Arbiter> core_;
    bool is_frozen_ = false;
    std::vector<What> inbox_;
    // Of a message, which most events are: made once, as it is large.
    qnetd::Event arrival_{{}, qnetd::Received{0, wire::Message{}}};
    Alarm alarm_;
    bool is_punctual_ = false;
    std::uint64_t life_ = 0;  // of the process
    std::uint64_t grants_ = 0;
    // Whose a connection of the first cluster is, and whether INIT was sent there.
    struct Peer {
        NodeId node = 0;
        bool is_introduced = false;
    };
    std::vector<Peer> peers_;  // by the connection's number
    SmallMap<NodeId, Word> last_word_;
    std::deque<Ack> acks_;  // the last ones
    static constexpr std::size_t acks_remembered = 64;
    Micros forgot_at_ = 0;  // when it last started without a record that it trusts

    bool is_on_ = true;
    Micros booted_at_ = 0;
    unsigned boot_ = 1;
    unsigned remembered_boot_ = 1;  // of the process before

    StoreModel store_;
    bool store_is_another_ = true;  // than the process before wrote
    std::uint64_t distrusts_ = 0;
};

}  // namespace castvote::simulate
