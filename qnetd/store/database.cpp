// database.cpp -- see database.hpp.
// SPDX-License-Identifier: BSD-3-Clause
#include "qnetd/store/database.hpp"

#include <fmt/format.h>
#include <sqlite3.h>
#include <sys/stat.h>

#include <cstdlib>
#include <utility>

#include "qnetd/store/record_text.hpp"

namespace castvote::qnetd::store {

namespace {

using Done = Expected<void, Trouble>;

bool is_damage(int code) {
    return (code & 0xff) == SQLITE_CORRUPT || (code & 0xff) == SQLITE_NOTADB;
}

Unexpected<Trouble> damaged(std::string text) {
    return Unexpected<Trouble>(Trouble{.text = std::move(text), .is_damage = true});
}

std::string guard_text(std::optional<Instant> from) {
    return from ? fmt::format("{}", from->time_since_epoch().count()) : "none";
}

std::uint64_t inode_of(const std::string& path) {
    struct stat facts {};
    return ::stat(path.c_str(), &facts) == 0 ? facts.st_ino : 0;
}

}  // namespace

// One statement; columns and parameters count as in SQLite.
class Database::Query {
public:
    Query(sqlite3* handle, const char* sql) {
        code_ = ::sqlite3_prepare_v2(handle, sql, -1, &statement_, nullptr);
    }
    ~Query() { ::sqlite3_finalize(statement_); }
    Query(const Query&) = delete;
    Query& operator=(const Query&) = delete;

    // A cluster's name is any bytes.
    void bind(int place, const std::string& bytes) {
        if (code_ == SQLITE_OK)
            code_ = ::sqlite3_bind_blob(statement_, place, bytes.data(),
                                        static_cast<int>(bytes.size()), SQLITE_TRANSIENT);
    }
    // SQLITE_ROW, SQLITE_DONE or an error.
    int step() { return code_ == SQLITE_OK ? ::sqlite3_step(statement_) : code_; }
    std::string bytes(int column) const {
        const auto* data = static_cast<const char*>(::sqlite3_column_blob(statement_, column));
        const int size = ::sqlite3_column_bytes(statement_, column);
        return data == nullptr ? std::string() : std::string(data, static_cast<std::size_t>(size));
    }
    int number(int column) const { return ::sqlite3_column_int(statement_, column); }

private:
    sqlite3_stmt* statement_ = nullptr;
    int code_ = SQLITE_OK;
};

void Database::Close::operator()(sqlite3* handle) const { ::sqlite3_close_v2(handle); }

Database::Database(sqlite3* handle, std::string path, Boot boot)
    : handle_(handle), path_(std::move(path)), boot_(std::move(boot)) {}

Trouble Database::trouble(const char* doing, int code) const {
    return {.text = fmt::format("{} {}: {}", doing, path_, ::sqlite3_errmsg(handle_.get())),
            .is_damage = is_damage(code)};
}

Done Database::execute(const char* sql) {
    const int code = ::sqlite3_exec(handle_.get(), sql, nullptr, nullptr, nullptr);
    if (code != SQLITE_OK) return Unexpected<Trouble>(trouble("cannot write", code));
    return {};
}

Expected<Database, Trouble> Database::open(const std::string& path, const char* vfs,
                                           const Boot& boot, Instant now) {
    sqlite3* handle = nullptr;
    const int code =
        ::sqlite3_open_v2(path.c_str(), &handle,
                          SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, vfs);
    Database database(handle, path, boot);
    if (code != SQLITE_OK) return Unexpected<Trouble>(database.trouble("cannot open", code));
    ::sqlite3_extended_result_codes(handle, 1);
    for (const char* pragma :
         {"PRAGMA locking_mode=EXCLUSIVE", "PRAGMA journal_mode=WAL", "PRAGMA synchronous=FULL"})
        if (auto done = database.execute(pragma); !done) return Unexpected<Trouble>(done.error());
    if (auto done = database.prepare_file(now); !done) return Unexpected<Trouble>(done.error());
    database.inode_ = inode_of(path);
    return database;
}

Done Database::prepare_file(Instant now) {
    int version = 0;
    int tables = 0;
    {
        Query query(handle_.get(),
                    "SELECT (SELECT user_version FROM pragma_user_version), "
                    "(SELECT count(*) FROM sqlite_master WHERE type='table')");
        const int code = query.step();
        if (code != SQLITE_ROW) return Unexpected<Trouble>(trouble("cannot read", code));
        version = query.number(0);
        tables = query.number(1);
    }
    if (version == schema_version && tables == 2) return {};
    // Anything else than an empty file was not made here, or by another version.
    if (version != 0 || tables != 0)
        return damaged(
            fmt::format("{} has {} tables of format {}, this program reads 2 of format {}", path_,
                        tables, version, schema_version));
    if (auto done = execute("BEGIN IMMEDIATE"); !done) return done;
    Done done = execute(
        "CREATE TABLE meta(key TEXT PRIMARY KEY, boot BLOB, value BLOB, checksum BLOB) STRICT;"
        "CREATE TABLE grants(cluster BLOB PRIMARY KEY, boot BLOB, record BLOB, checksum BLOB)"
        " STRICT;"
        "PRAGMA user_version=1");
    if (done) done = put_guard(now);
    if (done) done = execute("COMMIT");
    if (!done) static_cast<void>(execute("ROLLBACK"));
    return done;
}

Done Database::put_guard(std::optional<Instant> from) {
    const std::string value = guard_text(from);
    Query query(handle_.get(), "INSERT OR REPLACE INTO meta VALUES('guard', ?, ?, ?)");
    query.bind(1, boot_.id);
    query.bind(2, value);
    query.bind(3, checksum_of(boot_.id + '\n' + value));
    if (const int code = query.step(); code != SQLITE_DONE)
        return Unexpected<Trouble>(trouble("cannot write", code));
    return {};
}

Done Database::put(const Row& row) {
    const bool goes = row.record.is_empty();
    const std::string text = text_of(row.record);
    Query query(handle_.get(), goes ? "DELETE FROM grants WHERE cluster=?"
                                    : "INSERT OR REPLACE INTO grants VALUES(?, ?, ?, ?)");
    query.bind(1, row.cluster);
    if (!goes) {
        query.bind(2, boot_.id);
        query.bind(3, text);
        query.bind(4, checksum_of(row.cluster + '\n' + boot_.id + '\n' + text));
    }
    if (const int code = query.step(); code != SQLITE_DONE)
        return Unexpected<Trouble>(trouble("cannot write", code));
    return {};
}

// A file that was removed or replaced goes on taking what we write, for nobody.
Done Database::check_identity() const {
    if (inode_of(path_) == inode_) return {};
    return Unexpected<Trouble>(
        Trouble{.text = fmt::format("{} was removed or replaced while the arbiter runs", path_)});
}

Done Database::write(const std::vector<Row>& rows) {
    if (auto same = check_identity(); !same) return same;
    if (auto done = execute("BEGIN IMMEDIATE"); !done) return done;
    Done done;
    for (const Row& row : rows)
        if (done) done = put(row);
    if (done) done = execute("COMMIT");
    if (!done) static_cast<void>(execute("ROLLBACK"));
    return done;
}

Done Database::write_guard(std::optional<Instant> from) {
    if (auto same = check_identity(); !same) return same;
    return put_guard(from);
}

Expected<std::optional<Instant>, Trouble> Database::read_guard(Instant now,
                                                               Duration longest_guard) {
    Query query(handle_.get(), "SELECT boot, value, checksum FROM meta WHERE key='guard'");
    const int code = query.step();
    if (code != SQLITE_ROW && code != SQLITE_DONE)
        return Unexpected<Trouble>(trouble("cannot read", code));
    if (code == SQLITE_DONE) return damaged(fmt::format("{} is not complete", path_));
    const std::string boot = query.bytes(0);
    const std::string value = query.bytes(1);
    if (query.bytes(2) != checksum_of(boot + '\n' + value))
        return damaged(fmt::format("{}: the row of the guard is damaged", path_));
    if (value == "none") return std::optional<Instant>();
    // Of another boot: how much of it has run is not known.
    if (boot != boot_.id) return std::optional(now);
    const Instant from = at_ms(std::strtoll(value.c_str(), nullptr, 10));
    if (now >= from + longest_guard) return std::optional<Instant>();
    return std::optional(from);
}

Expected<Memory, Trouble> Database::load(Instant now, Duration longest_guard) {
    {
        Query check(handle_.get(), "PRAGMA integrity_check(1)");
        const int code = check.step();
        if (code != SQLITE_ROW) return Unexpected<Trouble>(trouble("cannot read", code));
        if (check.bytes(0) != "ok")
            return damaged(fmt::format("{} is damaged: {}", path_, check.bytes(0)));
    }
    Memory memory;
    auto guard = read_guard(now, longest_guard);
    if (!guard) return Unexpected<Trouble>(guard.error());
    memory.guard_from = *guard;
    Query query(handle_.get(), "SELECT cluster, boot, record, checksum FROM grants");
    int code = query.step();
    for (; code == SQLITE_ROW; code = query.step()) {
        const std::string cluster = query.bytes(0);
        const std::string boot = query.bytes(1);
        const std::string text = query.bytes(2);
        const auto record = record_of(text);
        if (!record || query.bytes(3) != checksum_of(cluster + '\n' + boot + '\n' + text))
            return damaged(fmt::format("{}: the row of a cluster is damaged", path_));
        memory.records[cluster] = {*record, boot == boot_.id};
    }
    // A statement that does not fit: other columns than ours.
    if (code == SQLITE_ERROR) return damaged(fmt::format("{} has other columns", path_));
    if (code != SQLITE_DONE) return Unexpected<Trouble>(trouble("cannot read", code));
    return memory;
}

}  // namespace castvote::qnetd::store
