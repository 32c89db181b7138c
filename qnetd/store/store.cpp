// store.cpp -- see store.hpp.
// SPDX-License-Identifier: BSD-3-Clause
#include "qnetd/store/store.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>

namespace castvote::qnetd::store {

namespace {

namespace fs = std::filesystem;

constexpr const char* file_name = "grants.db";
// A full or sick disk is not asked more often.
constexpr std::chrono::seconds retry_interval{1};

// What a directory lists is on stable storage.
void sync_directory(const std::string& path) {
    const int handle = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (handle < 0) return;
    static_cast<void>(::fsync(handle));
    static_cast<void>(::close(handle));
}

Expected<void, std::string> make_directory(const std::string& path) {
    std::error_code error;
    const bool is_new = fs::create_directories(path, error);
    if (error) return Unexpected<std::string>(fmt::format("{}: {}", path, error.message()));
    if (is_new) fs::permissions(path, fs::perms::owner_all, error);
    if (::access(path.c_str(), R_OK | W_OK | X_OK) != 0)
        return Unexpected<std::string>(
            fmt::format("{}: {}", path, std::generic_category().message(errno)));
    sync_directory(fs::path(path).parent_path().string());
    return {};
}

// Kept for whoever wants to know what happened to it. The log of SQLite goes with its file.
Expected<std::string, std::string> put_aside(const std::string& file) {
    std::string to;
    std::error_code error;
    for (int number = 1; to.empty() || fs::exists(to, error); ++number)
        to = fmt::format("{}.damaged-{}", file, number);
    fs::rename(file, to, error);
    if (error)
        return Unexpected<std::string>(fmt::format("cannot rename {}: {}", file, error.message()));
    for (const char* part : {"-wal", "-journal", "-shm"}) {
        std::error_code none;
        fs::rename(file + part, to + part, none);
    }
    sync_directory(fs::path(file).parent_path().string());
    return to;
}

struct Found {
    Database database;
    Memory memory;
};

Expected<Found, Trouble> find(const std::string& file, const Settings& settings) {
    auto database = Database::open(file, settings.vfs, settings.boot, settings.now());
    if (!database) return Unexpected<Trouble>(database.error());
    auto memory = database->load(settings.now(), settings.longest_guard);
    if (!memory) return Unexpected<Trouble>(memory.error());
    return Found{std::move(*database), std::move(*memory)};
}

}  // namespace

Expected<std::unique_ptr<Store>, std::string> Store::open(Settings settings) {
    if (auto made = make_directory(settings.directory); !made)
        return Unexpected<std::string>(made.error());
    const std::string file = (fs::path(settings.directory) / file_name).string();
    std::string aside;
    auto found = find(file, settings);
    if (!found && found.error().is_damage) {
        const std::string damage = found.error().text;
        auto renamed = put_aside(file);
        if (!renamed) return Unexpected<std::string>(damage + "; " + renamed.error());
        aside = *renamed;
        settings.say(true, fmt::format("{}; it is kept as {}, and counts as absent: votes are held "
                                       "back until nobody can hold an old one",
                                       damage, aside));
        found = find(file, settings);
    }
    if (!found) return Unexpected<std::string>(found.error().text);
    sync_directory(settings.directory);
    // The guard of another boot begins anew, once: that is recorded before anything is decided.
    if (found->memory.guard_from)
        if (auto done = found->database.write_guard(found->memory.guard_from); !done)
            return Unexpected<std::string>(done.error().text);
    return std::unique_ptr<Store>(new Store(std::move(settings), std::move(found->database),
                                            std::move(found->memory), std::move(aside)));
}

Store::Store(Settings settings, Database database, Memory memory, std::string aside)
    : settings_(std::move(settings)),
      database_(std::move(database)),
      memory_(std::move(memory)),
      guard_from_(memory_.guard_from) {
    health_.directory = settings_.directory;
    health_.put_aside = std::move(aside);
    thread_ = std::jthread([this] { run(); });
}

Store::~Store() {
    {
        const std::lock_guard lock(mutex_);
        is_ending_ = true;
    }
    wanted_.notify_one();
    thread_.join();
}

void Store::write(Persist persist, std::function<void()> done) {
    {
        const std::lock_guard lock(mutex_);
        Waiting& entry = waiting_[persist.cluster];
        entry.record = std::move(persist.record);
        entry.done.push_back(std::move(done));
        health_.waiting = waiting_.size();
    }
    wanted_.notify_one();
}

Health Store::health() const {
    const std::lock_guard lock(mutex_);
    return health_;
}

void Store::run() {
    std::unique_lock lock(mutex_);
    for (;;) {
        const auto has_work = [this] { return is_ending_ || !waiting_.empty(); };
        if (guard_from_)
            wanted_.wait_for(lock, retry_interval, has_work);
        else
            wanted_.wait(lock, has_work);
        Batch batch = std::exchange(waiting_, {});
        const bool is_ending = is_ending_;
        lock.unlock();
        clear_guard();
        const bool is_written = batch.empty() || write_batch(batch);
        lock.lock();
        if (!is_written) {
            // Later records of the same clusters take the place of these; their waiters stay.
            for (auto& [cluster, old] : batch) {
                const auto [entry, is_first] = waiting_.try_emplace(cluster, old);
                if (!is_first)
                    entry->second.done.insert(entry->second.done.begin(), old.done.begin(),
                                              old.done.end());
            }
            health_.waiting = waiting_.size();
            wanted_.wait_for(lock, retry_interval, [this] { return is_ending_; });
        }
        if (is_ending && (is_written || batch.empty() || !health_.trouble.empty())) return;
    }
}

// True when it is on stable storage, and everybody who waited was told.
bool Store::write_batch(Batch& batch) {
    std::vector<Row> rows;
    for (const auto& [cluster, entry] : batch) rows.push_back({cluster, entry.record});
    if (auto done = database_.write(rows); !done) {
        tell_trouble(done.error().text);
        return false;
    }
    {
        const std::lock_guard lock(mutex_);
        if (!health_.trouble.empty())
            settings_.say(false, fmt::format("{} is written again", settings_.directory));
        health_.trouble.clear();
        health_.writes += rows.size();
        ++health_.syncs;
        health_.waiting = waiting_.size();
    }
    for (auto& [cluster, entry] : batch)
        for (const auto& tell : entry.done) tell();
    return true;
}

void Store::clear_guard() {
    if (!guard_from_ || settings_.now() < *guard_from_ + settings_.longest_guard) return;
    if (auto done = database_.write_guard(std::nullopt); !done)
        tell_trouble(done.error().text);
    else
        guard_from_.reset();
}

// Once per trouble, not once per attempt.
void Store::tell_trouble(const std::string& text) {
    const std::lock_guard lock(mutex_);
    if (health_.trouble == text) return;
    health_.trouble = text;
    settings_.say(true,
                  fmt::format("{}; no new ring is given the vote until it can be recorded", text));
}

}  // namespace castvote::qnetd::store
