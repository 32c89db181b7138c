// database.hpp -- the file of grants: a thin hand on SQLite, one thread at a time.
//
// Tables: `meta` (one row: the boot and the guard of the store itself) and `grants` (one row a
// cluster), each row with a checksum. Write-ahead log, synchronous=FULL: when commit returns, it is
// on stable storage. The lock is exclusive, so that two arbiters never share a file.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "common/wire/expected.hpp"
#include "qnetd/core/record.hpp"

struct sqlite3;

namespace castvote::qnetd::store {

constexpr int schema_version = 1;

// What went wrong, in words; is_damage: the file itself is bad, not the world around it.
struct Trouble {
    std::string text;
    bool is_damage = false;
};

// What a row says about the clock of its instants.
struct Boot {
    std::string id;  // of the running kernel; never empty
    bool operator==(const Boot&) const = default;
};

struct Row {
    std::string cluster;
    Record record;  // empty: the row goes
};

class Database {
public:
    // vfs: of SQLite, nullptr for the system's own. A file that does not exist is made, with a
    // guard from `now` in the same transaction.
    static Expected<Database, Trouble> open(const std::string& path, const char* vfs,
                                            const Boot& boot, Instant now);

    // All that is there; damaged if any of it cannot be trusted. longest_guard: after it a guard
    // of the same boot has run.
    Expected<Memory, Trouble> load(Instant now, Duration longest_guard);

    // All rows in one transaction.
    Expected<void, Trouble> write(const std::vector<Row>& rows);
    // The store's own guard: none when it has run.
    Expected<void, Trouble> write_guard(std::optional<Instant> from);

private:
    struct Close {
        void operator()(sqlite3* handle) const;
    };
    class Query;

    Database(sqlite3* handle, std::string path, Boot boot);
    Expected<void, Trouble> execute(const char* sql);
    Expected<void, Trouble> prepare_file(Instant now);
    Expected<void, Trouble> put_guard(std::optional<Instant> from);
    Expected<void, Trouble> put(const Row& row);
    Expected<std::optional<Instant>, Trouble> read_guard(Instant now, Duration longest_guard);
    Trouble trouble(const char* doing, int code) const;
    Expected<void, Trouble> check_identity() const;

    std::unique_ptr<sqlite3, Close> handle_;
    std::string path_;
    Boot boot_;
    std::uint64_t inode_ = 0;
};

}  // namespace castvote::qnetd::store
