// database.cpp -- see database.hpp.
// SPDX-License-Identifier: BSD-3-Clause
#include "qnetd/store/database.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>

#include "common/wire/system_words.hpp"
#include "qnetd/store/query.hpp"
#include "qnetd/store/record_text.hpp"

namespace castvote::qnetd::store {

namespace {

using Done = Expected<void, Trouble>;

constexpr const char* was_replaced =
    "was removed or replaced while the arbiter runs: stop it, delete the file if there is one "
    "(never go back to an old one), and start it again";
constexpr const char* no_boot = "another clock";

Unexpected<Trouble> damaged(std::string text) {
    return Unexpected<Trouble>(Trouble{.text = std::move(text), .fault = Fault::file});
}

// system_error: what the last call of the system said, if it is that which failed.
Fault fault_of_code(int code, int system_error) {
    switch (code & 0xff) {
        case SQLITE_CORRUPT:
        case SQLITE_NOTADB: return Fault::file;
        case SQLITE_FULL:
        case SQLITE_READONLY:
        case SQLITE_IOERR: return Fault::disk;
        case SQLITE_CANTOPEN: return fault_of(system_error);
        default: return Fault::refusal;
    }
}

FileId id_of(const std::string& path) {
    struct stat facts {};
    return ::stat(path.c_str(), &facts) == 0 ? FileId(facts.st_dev, facts.st_ino) : FileId();
}

// Only for its owner, and so is the journal, which SQLite makes after its pattern.
Done make_private(const std::string& path) {
    const int handle = ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (handle >= 0) {
        static_cast<void>(::close(handle));
        return {};
    }
    int error = errno;
    if (error == EEXIST) {
        // Of another owner it stays as it is.
        if (::chmod(path.c_str(), 0600) != 0 && errno != EPERM && errno != EROFS)
            error = errno;
        else
            error = ::access(path.c_str(), R_OK | W_OK) == 0 ? 0 : errno;
        // It may be readable all the same, which is tried next.
        if (error == 0 || error == EROFS) return {};
    }
    return Unexpected<Trouble>(
        Trouble{fmt::format("{}: {}", path, system_words(error)), fault_of(error)});
}

std::string text_of(std::optional<Instant> from) {
    return from ? fmt::format("{}", from->time_since_epoch().count()) : "none";
}
std::string text_of(const std::optional<Stop>& stop) {
    return stop ? fmt::format("{} {}", stop->at.time_since_epoch().count(), stop->wall_s) : "none";
}

std::uint64_t row_sum(const std::string& key, const std::string& boot, const std::string& value) {
    return sum_of(key + '\n' + boot + '\n' + value);
}

std::uint64_t total_of(const std::map<std::string, std::uint64_t>& sums) {
    std::uint64_t total = 0;
    for (const auto& [key, sum] : sums) total += sum;
    return total;
}

// Who says that something happened later than now has looked at another clock. Some instants are
// ends of waits, and lie ahead by right.
bool is_misdated(const Record& record, Instant now, Duration longest_wait) {
    const auto ahead = [now](Instant at) { return at > now; };
    const auto far_ahead = [now, longest_wait](Instant at) { return at > now + longest_wait; };
    const auto holder_is = [&](const auto& entry) {
        const Holder& holder = entry.second;
        return ahead(holder.flag_on) || ahead(holder.last_message) || ahead(holder.last_echo) ||
               (holder.ended && ahead(*holder.ended)) || far_ahead(holder.unbroken_until) ||
               (holder.proof_complete && far_ahead(*holder.proof_complete));
    };
    return (record.guard_from && ahead(*record.guard_from)) ||
           std::any_of(record.holders.begin(), record.holders.end(), holder_is) ||
           std::any_of(record.words.begin(), record.words.end(),
                       [&](const auto& entry) {
                           return ahead(entry.second.at) || ahead(entry.second.first_list_at);
                       }) ||
           std::any_of(record.known_from.begin(), record.known_from.end(),
                       [&](const auto& entry) { return far_ahead(entry.second); });
}

}  // namespace

Fault fault_of(int error) {
    const bool may_pass = error == ENOSPC || error == EDQUOT || error == EROFS || error == EIO;
    return may_pass ? Fault::disk : Fault::refusal;
}

void Database::Close::operator()(sqlite3* handle) const { ::sqlite3_close_v2(handle); }

Database::Database(sqlite3* handle, std::string path, Boot boot)
    : handle_(handle), path_(std::move(path)), boot_(std::move(boot)) {}

Trouble Database::trouble(const char* doing, int code) const {
    return {.text = fmt::format("{} {}: {}", doing, path_, ::sqlite3_errmsg(handle_.get())),
            .fault = fault_of_code(code, ::sqlite3_system_errno(handle_.get()))};
}

Done Database::execute(const char* sql) {
    const int code = ::sqlite3_exec(handle_.get(), sql, nullptr, nullptr, nullptr);
    if (code != SQLITE_OK) return Unexpected<Trouble>(trouble("cannot write", code));
    return {};
}

bool Database::is_read_only() const { return ::sqlite3_db_readonly(handle_.get(), "main") == 1; }

Expected<Database, Trouble> Database::open(const std::string& path, const char* vfs,
                                           const Boot& boot, Instant guard_from) {
    if (auto made = make_private(path); !made) return Unexpected<Trouble>(made.error());
    sqlite3* handle = nullptr;
    const int code =
        ::sqlite3_open_v2(path.c_str(), &handle,
                          SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, vfs);
    Database database(handle, path, boot);
    if (code != SQLITE_OK) return Unexpected<Trouble>(database.trouble("cannot open", code));
    ::sqlite3_extended_result_codes(handle, 1);
    database.file_id_ = id_of(path);
    if (auto done = database.configure(); !done) return Unexpected<Trouble>(done.error());
    if (auto done = database.prepare_file(guard_from); !done)
        return Unexpected<Trouble>(done.error());
    return database;
}

Done Database::configure() {
    for (const char* pragma : {"PRAGMA locking_mode=EXCLUSIVE", "PRAGMA synchronous=EXTRA"})
        if (auto done = execute(pragma); !done) return done;
    // Takes the lock, and rolls back what a killed arbiter left half done.
    for (const char* words : {"BEGIN EXCLUSIVE", "SELECT count(*) FROM sqlite_master", "COMMIT"})
        if (auto done = execute(words); !done) {
            done.error().text =
                fmt::format("cannot use {}: {}", path_, ::sqlite3_errmsg(handle_.get()));
            return done;
        }
    if (is_read_only()) return {};
    Query mode(handle_.get(), "PRAGMA journal_mode=PERSIST");
    if (const int code = mode.step(); code != SQLITE_ROW)
        return Unexpected<Trouble>(trouble("cannot open", code));
    if (mode.bytes(0) != "persist")
        return damaged(fmt::format("{} keeps its journal as {}", path_, mode.bytes(0)));
    return {};
}

Done Database::prepare_file(Instant guard_from) {
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
        "CREATE TABLE meta(key BLOB PRIMARY KEY, boot BLOB, value BLOB, checksum BLOB) STRICT;"
        "CREATE TABLE grants(cluster BLOB PRIMARY KEY, boot BLOB, record BLOB, checksum BLOB)"
        " STRICT;"
        "PRAGMA user_version=2");
    Sums sums;
    if (done)
        done = apply({.guard = std::optional(guard_from), .stop = std::optional<Stop>()}, sums);
    if (done) done = execute("COMMIT");
    if (!done)
        static_cast<void>(execute("ROLLBACK"));
    else
        sums_ = std::move(sums);
    return done;
}

Done Database::put_meta(const std::string& key, const std::string& value, Sums& sums) {
    const std::uint64_t sum = row_sum(key, boot_.id, value);
    Query query(handle_.get(), "INSERT OR REPLACE INTO meta VALUES(?, ?, ?, ?)");
    query.bind(1, key);
    query.bind(2, boot_.id);
    query.bind(3, value);
    query.bind(4, text_of_sum(sum));
    if (const int code = query.step(); code != SQLITE_DONE)
        return Unexpected<Trouble>(trouble("cannot write", code));
    if (key != "total") sums.insert_or_assign("meta " + key, sum);
    return {};
}

Done Database::put_row(const Row& row, Sums& sums) {
    const bool goes = row.record.is_empty();
    const std::string text = store::text_of(row.record);
    const std::string boot = row.is_same_clock ? boot_.id : no_boot;
    const std::uint64_t sum = row_sum(row.cluster, boot, text);
    Query query(handle_.get(), goes ? "DELETE FROM grants WHERE cluster=?"
                                    : "INSERT OR REPLACE INTO grants VALUES(?, ?, ?, ?)");
    query.bind(1, row.cluster);
    if (!goes) {
        query.bind(2, boot);
        query.bind(3, text);
        query.bind(4, text_of_sum(sum));
    }
    if (const int code = query.step(); code != SQLITE_DONE)
        return Unexpected<Trouble>(trouble("cannot write", code));
    if (goes)
        sums.erase("grants " + row.cluster);
    else
        sums.insert_or_assign("grants " + row.cluster, sum);
    return {};
}

Done Database::apply(const Changes& changes, Sums& sums) {
    Done done;
    for (const Row& row : changes.rows)
        if (done) done = put_row(row, sums);
    if (done && changes.guard) done = put_meta("guard", text_of(*changes.guard), sums);
    if (done && changes.stop) done = put_meta("stop", text_of(*changes.stop), sums);
    // Rows go, the number of the last grant stays.
    for (const Row& row : changes.rows)
        last_grant_ = std::max(last_grant_, row.record.grant_number);
    if (done && (!changes.rows.empty() || changes.guard))
        done = put_meta("last_grant", fmt::format("{}", last_grant_), sums);
    if (done) done = put_meta("total", text_of_sum(total_of(sums)), sums);
    return done;
}

// A file that was removed or replaced goes on taking what we write, for nobody.
Done Database::check_identity() const {
    if (id_of(path_) == file_id_) return {};
    return Unexpected<Trouble>(Trouble{.text = fmt::format("{} {}", path_, was_replaced)});
}

Done Database::write(const Changes& changes) {
    if (auto same = check_identity(); !same) return same;
    if (!sums_are_known_)
        if (auto read = check_total(); !read) return read;
    if (auto done = execute("BEGIN IMMEDIATE"); !done) return done;
    Sums sums = sums_;
    Done done = apply(changes, sums);
    if (done) done = execute("COMMIT");
    if (done) {
        sums_ = std::move(sums);
        return done;
    }
    static_cast<void>(execute("ROLLBACK"));
    sums_are_known_ = false;
    return done;
}

Expected<Database::MetaValue, Trouble> Database::read_meta(const char* key) {
    Query query(handle_.get(), "SELECT boot, value, checksum FROM meta WHERE key=?");
    query.bind(1, key);
    const int code = query.step();
    if (code == SQLITE_DONE) return damaged(fmt::format("{} is not complete", path_));
    if (code == SQLITE_ERROR) return damaged(fmt::format("{} has other columns", path_));
    if (code != SQLITE_ROW) return Unexpected<Trouble>(trouble("cannot read", code));
    MetaValue found{query.bytes(0), query.bytes(1)};
    if (query.bytes(2) != text_of_sum(row_sum(key, found.boot, found.value)))
        return damaged(fmt::format("{}: the row of the {} is damaged", path_, key));
    return found;
}

Done Database::check_total() {
    Sums sums;
    for (const char* key : {"guard", "stop", "last_grant"}) {
        const auto found = read_meta(key);
        if (!found) return Unexpected<Trouble>(found.error());
        sums.emplace(std::string("meta ") + key, row_sum(key, found->boot, found->value));
    }
    Query query(handle_.get(), "SELECT cluster, boot, record FROM grants");
    int code = query.step();
    for (; code == SQLITE_ROW; code = query.step())
        sums.emplace("grants " + query.bytes(0),
                     row_sum(query.bytes(0), query.bytes(1), query.bytes(2)));
    if (code != SQLITE_DONE) return Unexpected<Trouble>(trouble("cannot read", code));
    const auto total = read_meta("total");
    if (!total) return Unexpected<Trouble>(total.error());
    if (total->value != text_of_sum(total_of(sums)))
        return damaged(fmt::format("{}: its parts are not of one moment", path_));
    sums_ = std::move(sums);
    sums_are_known_ = true;
    return {};
}

Done Database::read_grants(Instant now, Duration longest_guard, Contents& contents) {
    Query query(handle_.get(), "SELECT cluster, boot, record, checksum FROM grants");
    int code = query.step();
    for (; code == SQLITE_ROW; code = query.step()) {
        const std::string cluster = query.bytes(0);
        const std::string boot = query.bytes(1);
        const std::string text = query.bytes(2);
        const auto record = record_of(text);
        if (!record || query.bytes(3) != text_of_sum(row_sum(cluster, boot, text)))
            return damaged(fmt::format("{}: the row of a cluster is damaged", path_));
        const bool is_ours = boot == boot_.id;
        const bool is_past = !is_misdated(*record, now, longest_guard);
        contents.memory.records[cluster] = {*record, is_ours && is_past};
        if (is_ours && !is_past) contents.misdated.push_back(cluster);
    }
    // A statement that does not fit: other columns than ours.
    if (code == SQLITE_ERROR) return damaged(fmt::format("{} has other columns", path_));
    if (code != SQLITE_DONE) return Unexpected<Trouble>(trouble("cannot read", code));
    return {};
}

Expected<Contents, Trouble> Database::load(Instant now, Duration longest_guard) {
    {
        Query check(handle_.get(), "PRAGMA integrity_check(1)");
        const int code = check.step();
        if (code != SQLITE_ROW) return Unexpected<Trouble>(trouble("cannot read", code));
        if (check.bytes(0) != "ok")
            return damaged(fmt::format("{} is damaged: {}", path_, check.bytes(0)));
    }
    Contents contents;
    const auto guard = read_meta("guard");
    if (!guard) return Unexpected<Trouble>(guard.error());
    const auto stop = read_meta("stop");
    if (!stop) return Unexpected<Trouble>(stop.error());
    const auto last_grant = read_meta("last_grant");
    if (!last_grant) return Unexpected<Trouble>(last_grant.error());
    last_grant_ = std::strtoull(last_grant->value.c_str(), nullptr, 10);
    contents.memory.last_grant_number = last_grant_;
    if (auto done = read_grants(now, longest_guard, contents); !done)
        return Unexpected<Trouble>(done.error());
    if (auto done = check_total(); !done) return Unexpected<Trouble>(done.error());
    std::optional<Instant>& from = contents.memory.guard_from;
    if (guard->value != "none") {
        from = at_ms(std::strtoll(guard->value.c_str(), nullptr, 10));
        // Of another clock: how much of it has run is not known.
        const bool is_ours = guard->boot == boot_.id && *from <= now;
        if (!is_ours)
            from = now;
        else if (now >= *from + longest_guard)
            from.reset();
        contents.guard_differs = !is_ours || !from;
    }
    if (stop->value != "none") {
        char* rest = nullptr;
        const Instant at = at_ms(std::strtoll(stop->value.c_str(), &rest, 10));
        contents.stop = Stop{at, std::strtoll(rest, nullptr, 10), stop->boot == boot_.id};
    }
    return contents;
}

}  // namespace castvote::qnetd::store
