// store_model.cpp -- see store_model.hpp.
// SPDX-License-Identifier: BSD-3-Clause
#include "tests/simulate/store_model.hpp"

#include <algorithm>
#include <utility>

#include "qnetd/store/store.hpp"

namespace castvote::simulate {

using qnetd::Memory;
using qnetd::Persist;
using qnetd::Persisted;

Memory StoreModel::open(const Now& now) {
    stuck_.clear();
    opening_.reset();
    distrust_.clear();
    Memory memory;
    has_read_ = disk_ != Disk::unreadable;
    if (has_read_ && file_) {
        open_file(now, memory);
    } else {
        // Nothing can be read, or there is nothing: both count as absent. What is made now has a
        // guard from its first transaction on.
        memory.guard_from = now.at;
        if (has_read_) opening_ = File{.guard = Guard{now.at, now.boot}};
    }
    guard_from_ = memory.guard_from;
    if (is_writable()) write_opening(now);
    return memory;
}

void StoreModel::open_file(const Now& now, Memory& memory) {
    File opening = *file_;
    memory.last_grant_number = file_->last_grant;
    for (const auto& [cluster, row] : file_->rows) {
        const bool is_same_clock = row.boot == now.boot;
        memory.records[cluster] = {row.record, is_same_clock};
        opening.rows[cluster].boot = is_same_clock ? now.boot : 0;
    }
    if (const auto& guard = file_->guard) {
        // Of another clock: how much of it has run is not known.
        const bool is_ours = guard->boot == now.boot && guard->from <= now.at;
        memory.guard_from = is_ours ? guard->from : now.at;
        if (is_ours && now.at >= guard->from + longest_guard_) memory.guard_from.reset();
    }
    if (file_->stop) {
        const Duration pause =
            file_->stop->boot == now.boot
                ? now.at - file_->stop->at
                : Duration(std::chrono::seconds(now.wall_s - file_->stop->wall_s));
        if (pause < Duration(0)) distrust_ = "a clock went back";
        if (pause > qnetd::store::longest_pause) distrust_ = "it was not used for long";
    }
    if (distrust_.empty()) {
        opening.rows = file_->rows;
    } else {
        memory.guard_from = now.at;
        for (auto& [cluster, restored] : memory.records) {
            restored.record.guard_from = now.at;
            restored.record.known_from.clear();
            opening.rows[cluster].record = restored.record;
        }
    }
    opening.stop.reset();
    opening.guard.reset();
    if (memory.guard_from) opening.guard = Guard{*memory.guard_from, now.boot};
    opening_ = std::move(opening);
}

void StoreModel::write_opening(const Now& now) {
    if (!has_read_) {
        // Who has records now was taken for absent, and does not come back.
        opening_ = File{.guard = Guard{guard_from_.value_or(now.at), now.boot}};
        has_read_ = true;
    }
    if (opening_) file_ = std::exchange(opening_, std::nullopt);
    if (guard_from_ && now.at >= *guard_from_ + longest_guard_) {
        guard_from_.reset();
        file_->guard.reset();
    }
}

void StoreModel::put_row(const Persist& persist, const Now& now) {
    file_->last_grant = std::max(file_->last_grant, persist.record.grant_number);
    if (persist.record.is_empty())
        file_->rows.erase(persist.cluster);
    else
        file_->rows.insert_or_assign(persist.cluster, Row{persist.record, now.boot});
}

std::vector<Persisted> StoreModel::land(Persist persist, const Now& now) {
    const std::string cluster = persist.cluster;
    stuck_.insert_or_assign(cluster, std::move(persist));
    return flush(now);
}

std::vector<Persisted> StoreModel::flush(const Now& now) {
    std::vector<Persisted> done;
    if (!is_writable()) return done;
    write_opening(now);
    for (const auto& [cluster, persist] : stuck_) {
        put_row(persist, now);
        done.push_back({cluster, persist.number});
    }
    stuck_.clear();
    return done;
}

void StoreModel::stop(const Now& now) {
    flush(now);
    if (is_writable() && file_ && !opening_) file_->stop = now;
}

}  // namespace castvote::simulate
