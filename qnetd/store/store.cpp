// store.cpp -- see store.hpp.
// SPDX-License-Identifier: BSD-3-Clause
#include "qnetd/store/store.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <utility>

#include "common/wire/system_words.hpp"
#include "qnetd/store/directory.hpp"

namespace castvote::qnetd::store {

namespace {

namespace fs = std::filesystem;

using Done = Expected<void, Trouble>;

constexpr const char* file_name = "grants.db";
// A full or sick disk is not asked more often.
constexpr std::chrono::seconds retry_interval{1};

constexpr const char* counts_as_absent =
    "counts as absent: votes are held back until nobody can hold an old one";

}  // namespace

// -- the start ------------------------------------------------------------------------------------

Expected<std::unique_ptr<Store>, std::string> Store::open(Settings settings) {
    std::unique_ptr<Store> store(new Store(std::move(settings)));
    const auto done = store->look();
    if (done) return store;
    if (done.error().fault != Fault::disk) return Unexpected<std::string>(done.error().text);
    // R3: what cannot be read counts as absent.
    store->database_.reset();
    store->memory_ = Memory();
    store->memory_.guard_from = store->guard_from_ = store->settings_.now();
    store->health_.trouble = done.error().text;
    store->settings_.say(
        true, fmt::format("{}; what was recorded cannot be read and {}; no new ring is given the "
                          "vote until it can be recorded",
                          done.error().text, counts_as_absent));
    return store;
}

Store::Store(Settings settings) : settings_(std::move(settings)) {
    health_.directory = settings_.directory;
}

std::string Store::file() const { return (fs::path(settings_.directory) / file_name).string(); }

Done Store::look() {
    if (auto made = make_directory(settings_.directory); !made) return made;
    if (::access(settings_.directory.c_str(), R_OK | W_OK | X_OK) != 0 && errno != EROFS) {
        const int error = errno;
        return Unexpected<Trouble>(Trouble{
            fmt::format("{}: {}", settings_.directory, system_words(error)), fault_of(error)});
    }
    return find_or_put_aside();
}

Done Store::find_or_put_aside() {
    auto found = find();
    if (found || found.error().fault != Fault::file) return found;
    const std::string damage = found.error().text;
    database_.reset();
    auto renamed = put_aside(file());
    if (!renamed)
        return Unexpected<Trouble>(
            Trouble{damage + "; " + renamed.error().text, renamed.error().fault});
    {
        const std::lock_guard lock(mutex_);
        health_.put_aside = *renamed;
    }
    settings_.say(true,
                  fmt::format("{}; it is kept as {}, and {}", damage, *renamed, counts_as_absent));
    return find();
}

Done Store::find() {
    const Instant now = settings_.now();
    auto database =
        Database::open(file(), settings_.vfs, settings_.boot, guard_from_.value_or(now));
    if (!database) return Unexpected<Trouble>(database.error());
    auto contents = database->load(now, settings_.longest_guard);
    if (!contents) return Unexpected<Trouble>(contents.error());
    if (!database->is_read_only())
        if (auto synced = sync_directory(settings_.directory); !synced) return synced;
    database_ = std::move(*database);
    take(std::move(*contents));
    return {};
}

// What must be written before anything is served comes from here.
void Store::take(Contents contents) {
    read_from_ = database_->file_id();
    memory_ = std::move(contents.memory);
    Changes opening;
    if (contents.guard_differs) opening.guard = memory_.guard_from;
    if (contents.stop) opening.stop = std::optional<Stop>();
    std::string why = why_distrusted(contents.stop);
    if (why.empty()) {
        for (const std::string& cluster : contents.misdated)
            opening.rows.push_back({cluster, memory_.records.at(cluster).record, false});
    } else {
        distrust(std::move(why));
        opening.guard = memory_.guard_from;
        for (const auto& [cluster, restored] : memory_.records)
            opening.rows.push_back({cluster, restored.record, restored.is_same_clock});
    }
    guard_from_ = memory_.guard_from;
    if (opening.guard || opening.stop || !opening.rows.empty()) opening_ = std::move(opening);
}

// Empty: nobody else can have been the arbiter since this store was used last. Without a clean end
// nothing is known of that: the recorded holders are what there is.
std::string Store::why_distrusted(const std::optional<Stop>& stop) const {
    if (!stop) return {};
    const Duration pause = stop->is_same_clock
                               ? settings_.now() - stop->at
                               : std::chrono::seconds(settings_.wall_s() - stop->wall_s);
    if (pause < Duration(0))
        return fmt::format("{} was stopped later than now, so that a clock must be wrong",
                           settings_.directory);
    if (pause > longest_pause)
        return fmt::format("{} was last used {} s ago, and another arbiter may have worked since",
                           settings_.directory, pause.count() / 1000);
    return {};
}

// The recorded holders hold, and beside them the guard runs, for every cluster.
void Store::distrust(std::string why) {
    const Instant now = settings_.now();
    memory_.guard_from = now;
    for (auto& [cluster, restored] : memory_.records) {
        restored.record.guard_from = now;
        restored.record.known_from.clear();
    }
    settings_.say(true,
                  fmt::format("{}: votes are held back until nobody can hold another one", why));
    health_.distrust = std::move(why);
}

void Store::begin() {
    if (database_ && !is_usable())
        tell_trouble(fmt::format("{} can only be read", file()));
    else if (auto done = is_usable() ? write_opening() : Done(); !done)
        tell_trouble(done.error().text);
    thread_ = std::jthread([this] { run(); });
}

Store::~Store() {
    if (!thread_.joinable()) return;
    {
        const std::lock_guard lock(mutex_);
        is_ending_ = true;
    }
    wanted_.notify_one();
    thread_.join();
}

// -- from any thread ------------------------------------------------------------------------------

void Store::write(Persist persist, std::function<void()> done) {
    {
        const std::lock_guard lock(mutex_);
        waiting_[persist.cluster] = {std::move(persist.record), std::move(done)};
        health_.waiting = waiting_.size();
    }
    wanted_.notify_one();
}

Health Store::health() const {
    const std::lock_guard lock(mutex_);
    return health_;
}

// -- the thread -----------------------------------------------------------------------------------

void Store::run() {
    std::unique_lock lock(mutex_);
    for (;;) {
        const auto has_work = [this] { return is_ending_ || !waiting_.empty(); };
        if (guard_from_ || opening_ || !is_usable())
            wanted_.wait_for(lock, retry_interval, has_work);
        else
            wanted_.wait(lock, has_work);
        Batch batch = std::exchange(waiting_, {});
        const bool is_ending = is_ending_;
        lock.unlock();
        const bool is_written = !has_something_to_write(batch) || write_batch(batch);
        if (is_ending) {
            if (is_written) write_end();
            return;
        }
        lock.lock();
        if (!is_written) {
            put_back(std::move(batch));
            wanted_.wait_for(lock, retry_interval, [this] { return is_ending_; });
        }
    }
}

// Later records of the same clusters have taken the place of these.
void Store::put_back(Batch batch) {
    waiting_.merge(batch);
    health_.waiting = waiting_.size();
}

bool Store::guard_is_over() const {
    return guard_from_ && settings_.now() >= *guard_from_ + settings_.longest_guard;
}

bool Store::is_usable() const { return database_ && !database_->is_read_only(); }

bool Store::has_something_to_write(const Batch& batch) const {
    return !batch.empty() || opening_ || !is_usable() || guard_is_over();
}

// True when it is on stable storage, and everybody who waited was told.
bool Store::write_batch(const Batch& batch) {
    Done done;
    if (!is_usable()) done = reopen();
    if (done && !is_usable())
        done = Unexpected<Trouble>(Trouble{fmt::format("{} can only be read", file())});
    if (done) done = write_opening();
    if (done) done = write_changes(batch);
    if (!done) {
        tell_trouble(done.error().text);
        return false;
    }
    bool was_trouble = false;
    {
        const std::lock_guard lock(mutex_);
        was_trouble = !std::exchange(health_.trouble, {}).empty();
        health_.writes += batch.size();
        health_.waiting = waiting_.size();
    }
    if (was_trouble) settings_.say(false, fmt::format("{} is written again", settings_.directory));
    for (const auto& [cluster, entry] : batch) entry.done();
    return true;
}

// After a start on a sick disk.
Done Store::reopen() {
    database_.reset();
    if (auto made = make_directory(settings_.directory); !made) return made;
    auto database = Database::open(file(), settings_.vfs, settings_.boot,
                                   guard_from_.value_or(settings_.now()));
    if (database && read_from_ && database->file_id() != *read_from_)
        return Unexpected<Trouble>(Trouble{
            fmt::format("{} was replaced after the start: stop the arbiter, delete the file, "
                        "and start it again",
                        file())});
    auto contents = database ? database->load(settings_.now(), settings_.longest_guard)
                             : Unexpected<Trouble>(database.error());
    if (!read_from_)
        if (auto done = adopt(contents); !done) return done;
    if (!contents) return Unexpected<Trouble>(contents.error());
    if (!database->is_read_only())
        if (auto synced = sync_directory(settings_.directory); !synced) return synced;
    read_from_ = database->file_id();
    database_ = std::move(*database);
    return {};
}

// The start could read nothing, and took it for absent. Who has records now is still that, and
// does not come back.
Done Store::adopt(const Expected<Contents, Trouble>& contents) {
    if (contents && contents->memory.records.empty()) {
        opening_ = Changes{.rows = {}, .guard = guard_from_, .stop = std::optional<Stop>()};
        return {};
    }
    if (!contents && contents.error().fault != Fault::file)
        return Unexpected<Trouble>(contents.error());
    auto renamed = put_aside(file());
    if (!renamed) return Unexpected<Trouble>(renamed.error());
    {
        const std::lock_guard lock(mutex_);
        health_.put_aside = *renamed;
    }
    return Unexpected<Trouble>(
        Trouble{fmt::format("{} could not be read at the start; it is kept as {}, and {}", file(),
                            *renamed, counts_as_absent)});
}

Done Store::write_opening() {
    if (!opening_) return {};
    if (auto done = database_->write(*opening_); !done) return done;
    opening_.reset();
    const std::lock_guard lock(mutex_);
    ++health_.syncs;
    return {};
}

Done Store::write_changes(const Batch& batch) {
    Changes changes;
    for (const auto& [cluster, entry] : batch) changes.rows.push_back({cluster, entry.record});
    const bool guard_ends = guard_is_over();
    if (guard_ends) changes.guard = std::optional<Instant>();
    if (changes.rows.empty() && !guard_ends) return {};
    if (auto done = database_->write(changes); !done) return done;
    if (guard_ends) guard_from_.reset();
    const std::lock_guard lock(mutex_);
    ++health_.syncs;
    return {};
}

void Store::write_end() {
    if (!is_usable() || opening_) return;
    const Stop stop{settings_.now(), settings_.wall_s()};
    if (auto done = database_->write({.stop = std::optional(stop)}); !done)
        settings_.say(true, done.error().text + "; the end of this arbiter is not recorded");
}

// Once per trouble, not once per attempt.
void Store::tell_trouble(const std::string& text) {
    {
        const std::lock_guard lock(mutex_);
        if (health_.trouble == text) return;
        health_.trouble = text;
    }
    settings_.say(true,
                  fmt::format("{}; no new ring is given the vote until it can be recorded", text));
}

}  // namespace castvote::qnetd::store
