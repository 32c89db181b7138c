// store_model.hpp -- what qnetd/store makes of a disk, and what can befall that disk.
//
// The file's contents, each with the boot that wrote it; writes that land late, or never while the
// disk takes none; what a start makes of what it finds (docs/safety.md, R3). No SQLite, no threads:
// the host says when a write lands. store_model_test holds it against the real store.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "qnetd/core/events.hpp"

namespace castvote::simulate {

class StoreModel {
public:
    // The running kernel's clock, and the wall's.
    struct Now {
        Instant at;
        unsigned boot = 0;
        std::int64_t wall_s = 0;
    };
    struct Row {
        qnetd::Record record;
        unsigned boot = 0;  // 0: of no boot that there will ever be
        bool operator==(const Row&) const = default;
    };
    struct Guard {
        Instant from;
        unsigned boot = 0;
        bool operator==(const Guard&) const = default;
    };
    // The file. A copy of it can be put back later.
    struct File {
        std::map<std::string, Row> rows;
        std::optional<Guard> guard;
        std::optional<Now> stop;  // a clean end
        std::uint64_t last_grant = 0;
    };
    enum class Disk : std::uint8_t { well, takes_no_writes, unreadable };

    explicit StoreModel(Duration longest_guard) : longest_guard_(longest_guard) {}

    // A process starts, and serves at once.
    qnetd::Memory open(const Now& now);
    // Why the guard runs beside what was found at the start; empty: it does not.
    const std::string& distrust() const { return distrust_; }

    // The write is done, as far as the disk allows: whoever may be told so.
    std::vector<qnetd::Persisted> land(qnetd::Persist persist, const Now& now);
    // What waited for the disk lands when it is well again.
    std::vector<qnetd::Persisted> flush(const Now& now);
    // All writes have landed, and the process ends in order.
    void stop(const Now& now);
    // It is killed; what waited for the disk is gone.
    void kill() { stuck_.clear(); }

    void set_disk(Disk disk) { disk_ = disk; }
    Disk disk() const { return disk_; }
    // A new disk, or damage: both count as absent.
    void lose() { file_.reset(); }
    const std::optional<File>& file() const { return file_; }
    void put_back(File older) { file_ = std::move(older); }

private:
    bool is_writable() const { return disk_ == Disk::well; }
    void open_file(const Now& now, qnetd::Memory& memory);
    void write_opening(const Now& now);
    void put_row(const qnetd::Persist& persist, const Now& now);

    Duration longest_guard_;
    Disk disk_ = Disk::well;
    std::optional<File> file_;  // none: there is no file that could be trusted
    // Of the running process: what must be written before anything else, its own guard, and the
    // last record of each cluster that waits for the disk.
    std::optional<File> opening_;
    std::optional<Instant> guard_from_;
    bool has_read_ = false;
    std::string distrust_;
    std::map<std::string, qnetd::Persist> stuck_;
};

}  // namespace castvote::simulate
