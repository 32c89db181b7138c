// arbiter_faults.cpp -- what befalls the arbiter's process, its machine and its store in wide
// worlds.
// SPDX-License-Identifier: BSD-3-Clause
#include <fmt/format.h>

#include "qnetd/core/ledger.hpp"
#include "tests/simulate/faults.hpp"

namespace castvote::simulate {

// As long as a clean end is trusted, and longer.
Micros Faults::down_time() {
    return dice_.one_in(2)   ? dice_.between(ms(5), ms(300))
           : dice_.one_in(3) ? dice_.between(ms(61000), ms(90000))
                             : dice_.between(ms(5), ms(59000));
}

void Faults::start_arbiter_later(Micros delay) {
    scene_.schedule.after(delay, [this] {
        if ((scene_.host != nullptr && !scene_.host->is_on()) || scene_.arbiter.is_running())
            return;
        scene_.trace("arbiter started");
        scene_.arbiter.start();
    });
}

void Faults::keep_copy() {
    if (!scene_.options.wide || scene_.host == nullptr) return;
    if (const auto& file = scene_.host->store_file()) copies_.push_back(*file);
    if (copies_.size() > 4) copies_.pop_front();
}

bool Faults::stop_arbiter() {
    if (scene_.host == nullptr || !scene_.options.arbiter_restarts || !scene_.arbiter.is_running())
        return false;
    const Micros delay = down_time();
    say(fmt::format("arbiter stopped in order, back in {} ms", delay / 1000));
    scene_.host->stop();
    keep_copy();
    start_arbiter_later(delay);
    return true;
}

bool Faults::reboot_arbiter() {
    if (scene_.host == nullptr || !scene_.options.arbiter_restarts || !scene_.host->is_on())
        return false;
    const bool in_order = dice_.one_in(2);
    const Micros off = dice_.between(ms(500), ms(30000));
    const Micros delay = off + dice_.between(ms(100), ms(10000));
    say(fmt::format("the arbiter's machine {}, the arbiter is back in {} ms",
                    in_order ? "is rebooted" : "loses power", delay / 1000));
    scene_.host->machine_off(in_order);
    keep_copy();
    scene_.schedule.after(off, [this] { scene_.host->machine_on(); });
    start_arbiter_later(delay);
    return true;
}

// Grants are counted over all clusters, anew when the store is lost: what a node remembers of that
// count then depends on the other clusters, and I6 cannot be asked.
bool Faults::may_lose_store() const {
    return scene_.options.keeps_state && scene_.options.clusters == 1;
}

// -- its store ------------------------------------------------------------------------------------

bool Faults::fill_disk() {
    if (scene_.host == nullptr || !scene_.options.keeps_state) return false;
    if (scene_.host->disk() != StoreModel::Disk::well) return false;
    const Micros length = dice_.between(ms(100), ms(40000));
    say(fmt::format("the disk takes no writes for {} ms", length / 1000));
    scene_.host->set_disk(StoreModel::Disk::takes_no_writes);
    scene_.schedule.after(length, [this] {
        scene_.trace("the disk is well again");
        scene_.host->set_disk(StoreModel::Disk::well);
    });
    return true;
}

bool Faults::break_store() {
    if (scene_.host == nullptr || !may_lose_store() || !scene_.options.arbiter_restarts)
        return false;
    if (!scene_.arbiter.is_running()) return false;
    if (scene_.host->disk() != StoreModel::Disk::well) return false;
    const bool is_lost = dice_.one_in(2);
    const Micros delay = down_time();
    scene_.arbiter.kill();
    keep_copy();
    if (is_lost) {
        say(fmt::format("arbiter killed and its store lost, back in {} ms", delay / 1000));
        scene_.host->lose_store();
    } else {
        const Micros length = delay + dice_.between(ms(100), ms(20000));
        say(fmt::format("arbiter killed, back in {} ms; its disk cannot be read for {} ms",
                        delay / 1000, length / 1000));
        scene_.host->set_disk(StoreModel::Disk::unreadable);
        scene_.schedule.after(length, [this] {
            scene_.trace("the disk is well again");
            scene_.host->set_disk(StoreModel::Disk::well);
        });
    }
    start_arbiter_later(delay);
    return true;
}

// A copy without a clean end, or with one of a minute ago, is believed (docs/safety.md, R3): what
// was granted since is forgotten until a node that knows better is heard, or its time is over.
bool Faults::put_older_store_back() {
    if (scene_.host == nullptr || !may_lose_store() || !scene_.options.arbiter_restarts)
        return false;
    if (!scene_.arbiter.is_running() || copies_.empty()) return false;
    const Micros delay = down_time();
    StoreModel::File older = copies_[dice_.below(copies_.size())];
    const bool is_killed = dice_.one_in(2);
    say(fmt::format("arbiter {}, an older copy of its store put back, back in {} ms",
                    is_killed ? "killed" : "stopped", delay / 1000));
    is_killed ? scene_.arbiter.kill() : scene_.host->stop();
    scene_.schedule.after(delay - 1, [this, older = std::move(older)] {
        if (scene_.arbiter.is_running()) return;
        if (!scene_.host->would_distrust(older)) {
            const Duration timeout(scene_.options.timers.device_timeout / 1000);
            const Duration longest =
                qnetd::Ledger::guard_length({.heartbeat = timeout, .device_timeout = timeout});
            scene_.excuse("an older copy of the store was put back, and believed",
                          scene_.schedule.now() + 2 * longest.count() * 1000);
        }
        scene_.host->put_back(older);
    });
    start_arbiter_later(delay);
    return true;
}

}  // namespace castvote::simulate
