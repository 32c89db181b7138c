// store.hpp -- grants on stable storage, written by a thread of its own (R3).
//
// Whatever waits goes into one transaction: grants that fall together share one sync. A write that
// fails is said, kept and tried again; nobody is told that it is done before it is. A file that
// cannot be trusted is put aside under another name and counts as absent: the guard then runs. It
// runs as well, beside the recorded holders, when the store was stopped for so long that another
// arbiter may have worked meanwhile.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <thread>

#include "qnetd/core/events.hpp"
#include "qnetd/store/database.hpp"

namespace castvote::qnetd::store {

// Who was stopped for longer may not be the last arbiter of its clusters.
constexpr Duration longest_pause{60'000};

struct Settings {
    std::string directory;  // made if it can be
    Boot boot;
    std::function<Instant()> now;
    std::function<std::int64_t()> wall_s;  // of the wall clock, since 1970
    Duration longest_guard{0};
    std::function<void(bool is_error, const std::string& line)> say;  // from any thread
    const char* vfs = nullptr;                                        // tests: with faults
};

struct Health {
    std::string directory;
    std::string trouble;       // of the last write; empty: all is well
    std::string put_aside;     // name of a damaged file, of this start
    std::string distrust;      // why a guard runs beside the records of this start
    std::uint64_t writes = 0;  // records that reached stable storage
    std::uint64_t syncs = 0;   // transactions
    std::size_t waiting = 0;   // records
};

class Store {
public:
    // Reads what is there, and makes the file if there is none; writes nothing else. A disk that is
    // full, read-only or sick is no error: what can be read counts, nothing read means a guard. An
    // error is a plain sentence about what somebody must change.
    static Expected<std::unique_ptr<Store>, std::string> open(Settings settings);
    // If it has begun: writes what still waits, and that this is a clean end, unless that fails.
    ~Store();
    Store(const Store&) = delete;
    Store& operator=(const Store&) = delete;

    // What was found at the start.
    const Memory& memory() const { return memory_; }
    // Once, before anything is served: the store says from now on that an arbiter works with it,
    // or, as long as that cannot be written, goes on saying since when none does.
    void begin();
    // From any thread. `done` is called on the store's thread when the record, or a later one of
    // the same cluster, is on stable storage; never if it cannot be written, or when a later one
    // was asked for before its turn came.
    void write(Persist persist, std::function<void()> done);
    // From any thread.
    Health health() const;

private:
    struct Waiting {
        Record record;
        std::function<void()> done;
    };
    using Batch = std::map<std::string, Waiting>;

    explicit Store(Settings settings);
    std::string file() const;
    Expected<void, Trouble> look();
    Expected<void, Trouble> find();
    Expected<void, Trouble> find_or_put_aside();
    void take(Contents contents);
    void distrust(std::string why);
    std::string why_distrusted(const std::optional<Stop>& stop) const;

    void run();
    bool has_something_to_write(const Batch& batch) const;
    bool write_batch(const Batch& batch);
    Expected<void, Trouble> reopen();
    Expected<void, Trouble> adopt(const Expected<Contents, Trouble>& contents);
    bool is_usable() const;
    Expected<void, Trouble> write_opening();
    Expected<void, Trouble> write_changes(const Batch& batch);
    void put_back(Batch batch);
    void write_end();
    bool guard_is_over() const;
    void tell_trouble(const std::string& text);

    Settings settings_;
    std::optional<Database> database_;  // of the thread, once it runs; none: it cannot be opened
    std::optional<FileId> read_from_;   // the file that `memory_` is from
    Memory memory_;
    std::optional<Instant> guard_from_;
    std::optional<Changes> opening_;  // what must be written before anything else
    mutable std::mutex mutex_;
    std::condition_variable wanted_;
    Batch waiting_;
    Health health_;
    bool is_ending_ = false;
    std::jthread thread_;  // last: it uses all of the above
};

}  // namespace castvote::qnetd::store
