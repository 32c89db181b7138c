// world.cpp -- see world.hpp.
// SPDX-License-Identifier: BSD-3-Clause
#include "tests/simulate/world.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <memory>

#include "common/wire/describe.hpp"
#include "qnetd/core/ledger.hpp"
#include "tests/simulate/arbiter_host.hpp"
#include "tests/simulate/companion.hpp"
#include "tests/simulate/faults.hpp"
#include "tests/simulate/incumbents.hpp"
#include "tests/simulate/stock_arbiter.hpp"
#include "tests/simulate/taken_back.hpp"

namespace castvote::simulate {

namespace {

class World {
public:
    // clusters: as many as the options say, or 1.
    World(const Options& options, bool with_trace, std::size_t clusters)
        : options_(options),
          with_trace_(with_trace),
          dice_(derived_seed(options.seed, 0), schedule_.clock()),
          network_(schedule_, dice_),
          cluster_(schedule_, dice_, options.timers, options.nodes, device_votes(options)),
          incumbents_(ack_allowance()),
          arbiter_(make_arbiter()),
          faults_({options_, schedule_, network_, cluster_, *arbiter_, host_, members_,
                   [this](const std::string& text) { trace(text); },
                   [this](std::string_view name, Micros until) { excuse(name, until); }}) {
        network_.attach(arbiter_.get());
        if (options_.device.wait_for_all) cluster_.wait_for_all();
        for (std::size_t number = 1; host_ != nullptr && number < clusters; ++number)
            companions_.push_back(std::make_unique<Companion>(
                options_, number, schedule_, *host_, [this, number](const std::string& text) {
                    if (with_trace_) trace(fmt::format("sim{}: {}", number, text));
                }));
        members_ = make_members({schedule_, dice_, cluster_, network_,
                                 [this](NodeId node, const std::string& text) {
                                     if (with_trace_) trace(fmt::format("node {}: {}", node, text));
                                 },
                                 options_.device},
                                options_);
    }

    Result run() {
        trace(to_string(options_));
        arbiter_->start();
        start_all(members_, cluster_);
        faults_.begin();
        for (auto& companion : companions_) companion->start();
        play(options_.duration);
        if (!result_.violation) heal_and_check();
        result_.simulated = schedule_.now();
        result_.grants = arbiter_->grants();
        result_.distrusts = host_ == nullptr ? 0 : host_->distrusts();
        result_.told = transcript_.lines();
        result_.contests = incumbents_.contests();
        result_.returns = incumbents_.returns();
        result_.faults = faults_.happened();
        result_.kinds = faults_.counts();
        return std::move(result_);
    }

private:
    std::unique_ptr<ArbiterProcess> make_arbiter() {
        if (options_.stock_arbiter)
            return std::make_unique<StockArbiter>(
                schedule_, network_,
                [this](const std::string& text) { trace("arbiter: " + text); });
        auto ours = std::make_unique<ArbiterHost>(schedule_, network_, settings(), arbiter_rate(),
                                                  [this](const qnetd::Note& note) { hear(note); });
        host_ = ours.get();
        if (options_.clusters > 1) {
            ours->be_punctual();
            ours->watch(transcript_);
        } else {
            ours->watch(incumbents_);
        }
        // Mostly quick, now and then a disk that takes its time.
        ours->slow_store(
            [this] {
                return dice_.one_in(8) ? dice_.between(ms(1), ms(3000)) : dice_.between(0, ms(20));
            },
            [this] { return dice_.one_in(2); });
        return ours;
    }

    qnetd::Settings settings() const {
        qnetd::Settings settings;
        settings.device_timeout = Duration(options_.timers.device_timeout / 1000);
        settings.rules = options_.rules;
        settings.failover = options_.failover;
        settings.durable_grants = options_.keeps_state;
        return settings;
    }

    std::int64_t arbiter_rate() {
        return options_.wide ? Dice(derived_seed(options_.seed, 0xc10c)).between(990, 1010) : 1000;
    }

    // Beside the heartbeats: writes that are slow, one after the other, and the ways of messages. A
    // record may name a holder that was passed over, too: its lifetime begins again.
    Duration ack_allowance() const {
        const Duration timeout(options_.timers.device_timeout / 1000);
        return Duration(2 * 3000 + 3000) +
               qnetd::Ledger::guard_length({.heartbeat = timeout, .device_timeout = timeout});
    }

    void trace(const std::string& text) {
        if (with_trace_)
            result_.trace.push_back(
                fmt::format("{:10.3f} {}", static_cast<double>(schedule_.now()) / 1e6, text));
    }

    void hear(const qnetd::Note& note) {
        ++result_.reasons[static_cast<std::size_t>(note.reason)];
        if (with_trace_) trace("arbiter: " + to_line(note));
    }

    void play(Micros end) {
        while (!result_.violation && schedule_.step(end)) {
            look_at_quorum();
            if (!incumbents_.violation().empty() && !result_.violation)
                complain(incumbents_.violation());
        }
    }

    void look_at_quorum() {
        if (!cluster_.has_changed() && !has_overlap_) return;
        const ClusterModel::Overlap overlap = cluster_.double_quorum();
        has_overlap_ = overlap.one != 0;
        if (options_.stock_arbiter) {
            measure(overlap);
        } else if (!has_overlap_) {
            overlap_since_.reset();
            old_yes_seen_.reset();
            running_excuse_ = {};
        } else if (schedule_.now() < excused_until_) {
            if (running_excuse_ != excuse_) ++result_.excused[excuse_];
            running_excuse_ = excuse_;
        } else if (const auto name = name_of_vote_alone(overlap); !name.empty()) {
            if (running_excuse_ != name) ++result_.excused[name];
            running_excuse_ = name;
        } else if (!is_named(overlap)) {
            complain(
                fmt::format("I1: nodes {} and {} are both quorate", overlap.one, overlap.other));
        }
    }

    // How long the stock arbiter lets two halves be quorate; milliseconds in which a withdrawn vote
    // is on its way round the ring do not count.
    void measure(const ClusterModel::Overlap& overlap) {
        if (overlap.one != 0 && !overlap.is_last_moment()) {
            if (overlap_since_) return;
            overlap_since_ = schedule_.now();
            measured_ = overlap;
            trace(fmt::format("nodes {} and {} are both quorate", overlap.one, overlap.other));
        } else if (overlap_since_) {
            result_.window = schedule_.now() - *overlap_since_;
            result_.is_window_explained = *result_.window <= longest_window(measured_);
            complain(fmt::format("I1: nodes {} and {} were both quorate for {:.3f} s",
                                 measured_.one, measured_.other,
                                 static_cast<double>(*result_.window) / 1e6));
        }
    }

    // By arithmetic: a holder that is cut off goes on for two heartbeats, ours for 3/4 and 1/8 of
    // one; its vote outlives its daemon by T.
    Micros longest_window(const ClusterModel::Overlap& overlap) {
        const Micros timeout = cluster_.timers().device_timeout;
        const Micros heartbeat = std::max(timeout * 8 / 10, ms(1000));
        const bool are_ours = members_[overlap.one].is_ours && members_[overlap.other].is_ours;
        return timeout + (are_ours ? heartbeat * 7 / 8 : 2 * heartbeat);
    }

    void excuse(std::string_view name, Micros until) {
        excuse_ = name;
        excused_until_ = std::max(excused_until_, until);
    }

    // Does docs/safety.md name it among what no arbiter can close? Counted, and not for longer than
    // it says there.
    bool is_named(const ClusterModel::Overlap& overlap) {
        const bool is_ffsplit = options_.device.algorithm == wire::DecisionAlgorithm::ffsplit;
        const auto is_too_old = [&](NodeId node, std::optional<OldYes> yes) {
            const Micros timeout = cluster_.timers().device_timeout;
            const Micros heartbeat =  // with a lease, less is waited
                members_[node].is_ours ? 0 : std::max(timeout * 8 / 10, ms(1000));
            if (!yes) return false;
            // A broken ring is proof however young the vote: it has no lifetime.
            if (!members_[node].is_ours && !is_ffsplit) return true;
            // A ring that took longer than R2s (ii) reckons with; a vote of ours waits in no queue.
            if (!members_[node].is_ours && yes->waited > 2 * heartbeat) return true;
            return arbiter_->has_outlived(node, schedule_.now() - yes->waited, heartbeat, timeout);
        };
        // Told "yes" while the ring was being lost: each counts what waited in its queue (fact 1),
        // a stock daemon until its next poll. Our daemon looks for that, and corrects it.
        const bool are_old = overlap.one_old && overlap.other_old;
        const bool is_one_old = are_old || is_too_old(overlap.one, overlap.one_old);
        const bool is_other_old = are_old || is_too_old(overlap.other, overlap.other_old);
        if (is_one_old || is_other_old) {
            if (!old_yes_seen_) ++result_.old_yeses;
            old_yes_seen_ = schedule_.now();
            overlap_since_.reset();
            const bool is_one_late = is_one_old && is_late(overlap.one, *overlap.one_old);
            const bool is_other_late = is_other_old && is_late(overlap.other, *overlap.other_old);
            return !is_one_late && !is_other_late;
        }
        // The "no" that takes an old "yes" back is on its way round the ring.
        if (overlap.is_last_moment() && old_yes_seen_ &&
            schedule_.now() - *old_yes_seen_ <= corrected_within)
            return true;
        // A stock daemon confirms before its corosync has counted anew; ours waits for that, unless
        // libcpg tells it nothing. A ring without a token counts the vote until that is noticed.
        const auto confirms_before = [this](NodeId node) {
            return !members_[node].daemon->confirms_what_came_round();
        };
        if ((overlap.one_gives_back && confirms_before(overlap.one)) ||
            (overlap.other_gives_back && confirms_before(overlap.other))) {
            if (!overlap_since_) ++result_.overlaps;
            overlap_since_ = overlap_since_.value_or(schedule_.now());
            const Micros lasted = schedule_.now() - *overlap_since_;
            result_.longest_overlap = std::max(result_.longest_overlap, lasted);
            return lasted <= cluster_.timers().token * 13 / 10 + ms(10);
        }
        return false;
    }

    // A stock daemon that votes on without the arbiter: what docs/safety.md says no arbiter can
    // close.
    std::string_view name_of_vote_alone(const ClusterModel::Overlap& overlap) {
        if (!may_vote_alone(options_.device)) return {};
        if (!overlap.is_stray) stray_since_.reset();
        if (overlap.is_stray) stray_since_ = stray_since_.value_or(schedule_.now());
        // It sleeps before it connects again, for 0.9 T/2 at most.
        const Micros slept = cluster_.timers().device_timeout * 9 / 20;
        if (stray_since_ && schedule_.now() - *stray_since_ <= slept + corrected_within)
            return "a stock daemon that votes on alone lost the arbiter just when its ring changed";
        const auto is_stock = [this](NodeId node) { return !members_[node].is_ours; };
        if ((is_stock(overlap.one) && overlap.one_old) ||
            (is_stock(overlap.other) && overlap.other_old))
            return "a stock daemon, with the arbiter lost, counts what waited in its queue";
        for (const NodeId node : {overlap.one, overlap.other})
            if (is_stock(node) && incumbents_.is_forgotten(node))
                return "the arbiter forgot a stock daemon, which votes on alone";
        return {};
    }

    bool is_late(NodeId node, const OldYes& yes) {
        const Member& member = members_[node];
        const Micros within = member.is_ours
                                  ? corrected_within
                                  : stock_takes_back_within(options_.timers.device_timeout);
        return is_taken_back_late(yes, member.daemon->runs_since(), within, schedule_.now());
    }

    // -- the end ----------------------------------------------------------------------------------

    // I4: when faults stop, all nodes come to one quorate ring that the arbiter granted; and when
    // the cluster is then cut in two, the part goes on which the algorithm prefers.
    void heal_and_check() {
        trace("everything heals");
        if (host_ != nullptr) {
            host_->machine_on();
            host_->set_disk(StoreModel::Disk::well);
        }
        arbiter_->thaw();
        if (!arbiter_->is_running()) arbiter_->start();
        for (auto& [id, member] : members_) {
            network_.set_link(id, true, true);
            cluster_.set_group(id, 0);
            cluster_.start(id, false);
            member.daemon->thaw();
            // With lms it may wait for ever for an echo of a connection that is long gone: somebody
            // starts it anew.
            if (is_stuck_alone(member)) member.daemon->kill(true);
            member.daemon->start();
        }
        const Micros bound = 8 * options_.timers.device_timeout + ms(60000);
        play(schedule_.now() + bound);
        if (result_.violation) return;
        for (auto& [id, member] : members_) {
            const Corosync& c = cluster_.node(id);
            if (c.phase != Phase::operational || c.members.size() != options_.nodes || !c.flag ||
                !c.quorate)
                return complain(fmt::format(
                    "I4: node {} has no vote in the whole cluster (phase {}, {} members)", id,
                    static_cast<int>(c.phase), c.members.size()));
        }
        const Nodes part = last_part(options_);
        trace(fmt::format("split: {} from the rest", fmt::join(part, ",")));
        for (auto& [id, member] : members_) cluster_.set_group(id, part.contains(id) ? 1 : 2);
        play(schedule_.now() + bound);
        if (result_.violation) return;
        const bool goes_on = goes_on_alone(options_, part);
        for (auto& [id, member] : members_) {
            const bool must = part.contains(id) == goes_on;
            if (cluster_.node(id).quorate != must)
                return complain(
                    fmt::format("I4: after a split node {} is {}quorate", id, must ? "in" : ""));
        }
    }

    bool is_stuck_alone(const Member& member) const {
        return !member.is_ours && options_.device.wait_for_all &&
               options_.device.algorithm == wire::DecisionAlgorithm::lms;
    }

    void complain(std::string what) {
        result_.violation = Violation{schedule_.now(), std::move(what)};
        trace(result_.violation->what);
    }

    Options options_;
    bool with_trace_;
    Result result_;
    bool has_overlap_ = false;
    std::optional<Micros> overlap_since_;
    ClusterModel::Overlap measured_;
    std::optional<Micros> old_yes_seen_;
    std::optional<Micros> stray_since_;
    std::string_view excuse_, running_excuse_;
    Micros excused_until_ = 0;
    Schedule schedule_;
    Dice dice_;
    Network network_;
    ClusterModel cluster_;
    Incumbents incumbents_;
    Transcript transcript_{incumbents_};
    ArbiterHost* host_ = nullptr;  // the arbiter, if it is ours
    std::unique_ptr<ArbiterProcess> arbiter_;
    Members members_;
    Faults faults_;
    std::vector<std::unique_ptr<Companion>> companions_;
};

}  // namespace

Result run(const Options& options, bool with_trace) {
    Result result = World(options, with_trace, options.clusters).run();
    if (options.clusters == 1 || result.violation) return result;
    const Result alone = World(options, false, 1).run();
    if (std::string difference = first_difference(result.told, alone.told); !difference.empty())
        result.violation = Violation{result.simulated, std::move(difference)};
    return result;
}

}  // namespace castvote::simulate
