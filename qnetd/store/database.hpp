// database.hpp -- the file of grants: a thin hand on SQLite, one thread at a time.
//
// Tables: `meta` (the store's own guard, when it was stopped, and a total) and `grants` (one row a
// cluster), each row with a checksum; the total is over all of them, so that a file of which one
// part is older than the other is noticed. A rollback journal: what is committed stands in the
// file itself, and a journal that is lost or rotten can only spoil what nobody was told. When a
// commit returns, it is on stable storage. The lock is exclusive: two arbiters never share a file.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "common/wire/expected.hpp"
#include "qnetd/core/record.hpp"

struct sqlite3;

namespace castvote::qnetd::store {

constexpr int schema_version = 2;

// Where the fault lies.
enum class Fault : std::uint8_t {
    disk,     // full, read-only or sick: may pass
    file,     // cannot be trusted
    refusal,  // no permission, in use, not a directory: somebody must act
};

struct Trouble {
    std::string text;
    Fault fault = Fault::disk;
};

// Of an errno.
Fault fault_of(int error);

// What a row says about the clock of its instants.
struct Boot {
    std::string id;  // of the running kernel and its clock; never empty
    bool operator==(const Boot&) const = default;
};

struct Row {
    std::string cluster;
    Record record;              // empty: the row goes
    bool is_same_clock = true;  // else it is of no boot that there will ever be
};

// A clean end.
struct Stop {
    Instant at;
    std::int64_t wall_s = 0;  // of the wall clock, since 1970
    bool is_same_clock = true;
};

// What one transaction writes.
struct Changes {
    std::vector<Row> rows;
    std::optional<std::optional<Instant>> guard;  // of the store itself; inner none: it has run
    std::optional<std::optional<Stop>> stop;      // inner none: an arbiter works with the store
};

struct Contents {
    Memory memory;
    std::optional<Stop> stop;
    // Rows whose instants are not past, though they claim to be of this boot: of another clock.
    std::vector<std::string> misdated;
    bool guard_differs = false;  // the guard must be written as it stands in `memory`
};

// Names a file for as long as it exists.
using FileId = std::pair<std::uint64_t, std::uint64_t>;

class Database {
public:
    // vfs: of SQLite, nullptr for the system's own. A file that does not exist is made, with a
    // guard from `guard_from` in the same transaction.
    static Expected<Database, Trouble> open(const std::string& path, const char* vfs,
                                            const Boot& boot, Instant guard_from);

    // All that is there; a Fault::file if any of it cannot be trusted. longest_guard: after it a
    // guard of the same boot has run.
    Expected<Contents, Trouble> load(Instant now, Duration longest_guard);
    // In one transaction.
    Expected<void, Trouble> write(const Changes& changes);

    // The file can be read only: it must be opened anew when that may have changed.
    bool is_read_only() const;
    FileId file_id() const { return file_id_; }

private:
    struct Close {
        void operator()(sqlite3* handle) const;
    };
    // The checksum of each row, by table and key.
    using Sums = std::map<std::string, std::uint64_t>;
    struct MetaValue {
        std::string boot;
        std::string value;
    };

    Database(sqlite3* handle, std::string path, Boot boot);
    Expected<void, Trouble> execute(const char* sql);
    Expected<void, Trouble> configure();
    Expected<void, Trouble> prepare_file(Instant guard_from);
    Expected<void, Trouble> apply(const Changes& changes, Sums& sums);
    Expected<void, Trouble> put_row(const Row& row, Sums& sums);
    Expected<void, Trouble> put_meta(const std::string& key, const std::string& value, Sums& sums);
    Expected<MetaValue, Trouble> read_meta(const char* key);
    Expected<void, Trouble> read_grants(Instant now, Duration longest_guard, Contents& contents);
    Expected<void, Trouble> check_total();
    Trouble trouble(const char* doing, int code) const;
    Expected<void, Trouble> check_identity() const;

    std::unique_ptr<sqlite3, Close> handle_;
    std::string path_;
    Boot boot_;
    FileId file_id_;
    Sums sums_;  // of what is committed
    // Not less than that of any grant ever written; higher after a commit that failed.
    std::uint64_t last_grant_ = 0;
    // A commit failed, so that it is not known which sums hold: they are read anew.
    bool sums_are_known_ = true;
};

}  // namespace castvote::qnetd::store
