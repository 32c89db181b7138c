// files.cpp -- atomic files, directory lock, temporary directory.
// SPDX-License-Identifier: BSD-3-Clause
#include "certs/files.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <utility>

namespace castvote::certs {
namespace {

class Descriptor {
public:
    explicit Descriptor(int value) : value_(value) {}
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    ~Descriptor() {
        if (value_ >= 0) ::close(value_);
    }
    int get() const { return value_; }
    bool is_open() const { return value_ >= 0; }

private:
    int value_;
};

std::string remedy_for(int error, const Path& path) {
    switch (error) {
        case ENOENT: return fmt::format("check the path {}", path.string());
        case EACCES:
        case EPERM: return "run this as root, or give this user access to it";
        case ENOSPC: return "make room on this file system, then repeat";
        case EROFS: return "make the file system writable, then repeat";
        default: return fmt::format("look at {} with ls -ld", path.string());
    }
}

tl::unexpected<Error> system_error(const char* doing, const Path& path, int error) {
    return fail(fmt::format("cannot {} {}: {}", doing, path.string(), std::strerror(error)),
                remedy_for(error, path));
}

void give_to(int descriptor, const std::optional<Ownership>& owner) {
    if (!owner || ::geteuid() != 0) return;
    if (::fchown(descriptor, owner->user, owner->group) != 0) errno = 0;
}

bool write_all(int descriptor, std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t written = ::write(descriptor, bytes.data(), bytes.size());
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return false;
        bytes.remove_prefix(static_cast<std::size_t>(written));
    }
    return true;
}

// What is missing above a directory is open to all, whatever the umask: the modes that matter are
// those of the directory itself and of its files, and the daemon must come as far.
void make_passage(const Path& path) {
    if (path.empty() || is_there(path)) return;
    make_passage(path.parent_path());
    if (::mkdir(path.c_str(), 0700) == 0) ::chmod(path.c_str(), 0755);
}

// A rename survives a power cut only once the directory itself is on disk.
void sync_directory(const Path& directory) {
    const Descriptor opened(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (opened.is_open()) ::fsync(opened.get());
}

Expected<void> sync_files(const Path& directory) {
    std::error_code failure;
    for (const auto& entry : std::filesystem::directory_iterator(directory, failure)) {
        const Descriptor file(::open(entry.path().c_str(), O_RDONLY | O_CLOEXEC));
        if (!file.is_open() || ::fsync(file.get()) != 0)
            return system_error("keep", entry.path(), errno);
    }
    if (failure) return system_error("read", directory, failure.value());
    sync_directory(directory);
    return {};
}

Expected<std::string> read_all(int descriptor, const Path& path, std::size_t max_bytes) {
    std::string bytes;
    std::array<char, 16384> buffer{};
    for (;;) {
        const ssize_t got = ::read(descriptor, buffer.data(), buffer.size());
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return system_error("read", path, errno);
        if (got == 0) return bytes;
        bytes.append(buffer.data(), static_cast<std::size_t>(got));
        if (bytes.size() > max_bytes)
            return fail(
                fmt::format("{} is larger than {} MiB", path.string(), max_bytes / max_file_bytes),
                "name the certificate file itself");
    }
}

// The name of a temporary file for this one, but for its six last letters.
std::string unfinished_name(const Path& path) { return "." + path.filename().string() + "."; }

}  // namespace

bool is_there(const Path& path) {
    struct stat status {};
    return ::stat(path.c_str(), &status) == 0;
}

bool is_missing(const Path& path) {
    std::error_code unknown;
    return std::filesystem::symlink_status(path, unknown).type() ==
           std::filesystem::file_type::not_found;
}

Expected<std::string> read_file(const Path& path, std::size_t max_bytes) {
    const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file.is_open()) return system_error("read", path, errno);
    return read_all(file.get(), path, max_bytes);
}

Expected<std::string> read_key_file(const Path& path, KeyUse use) {
    // O_NONBLOCK: a pipe in its place would make us wait.
    const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
    struct stat status {};
    if (!file.is_open() && errno != ELOOP) return system_error("read", path, errno);
    if (!file.is_open() || ::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode))
        return fail(fmt::format("{} is no regular file, as a private key must be", path.string()),
                    "find out who has put it there, and restore the key from a backup");
    const bool is_of_caller = status.st_uid == 0 || status.st_uid == ::geteuid();
    if (use == KeyUse::signing && (!is_of_caller || (status.st_mode & 077) != 0))
        return fail(fmt::format("{}, which signs certificates, is not root's alone", path.string()),
                    fmt::format("if it is the right one: chown root:root {0} && chmod 600 {0}",
                                path.string()));
    return read_all(file.get(), path, max_file_bytes);
}

Expected<void> write_file(const Path& path, std::string_view bytes, mode_t mode,
                          std::optional<Ownership> owner) {
    const Path directory = path.has_parent_path() ? path.parent_path() : Path(".");
    std::string temporary = (directory / (unfinished_name(path) + "XXXXXX")).string();
    const Descriptor file(::mkostemp(temporary.data(), O_CLOEXEC));  // Mode 0600 from the start.
    if (!file.is_open()) return system_error("write", path, errno);
    give_to(file.get(), owner);
    const bool stored = ::fchmod(file.get(), mode) == 0 && write_all(file.get(), bytes) &&
                        ::fsync(file.get()) == 0 && ::rename(temporary.c_str(), path.c_str()) == 0;
    if (!stored) {
        const int error = errno;
        ::unlink(temporary.c_str());
        return system_error("write", path, error);
    }
    sync_directory(directory);
    return {};
}

Expected<void> remove_file(const Path& path) {
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) return system_error("remove", path, errno);
    sync_directory(path.has_parent_path() ? path.parent_path() : Path("."));
    return {};
}

Expected<void> remove_unfinished(const Path& path) {
    const std::string beginning = unfinished_name(path);
    std::vector<Path> found;
    std::error_code failure;
    for (const auto& entry : std::filesystem::directory_iterator(path.parent_path(), failure)) {
        const std::string name = entry.path().filename().string();
        if (name.starts_with(beginning) && name.size() == beginning.size() + 6)
            found.push_back(entry.path());
    }
    for (const Path& file : found)
        if (const Expected<void> removed = remove_file(file); !removed) return removed;
    return {};
}

Expected<void> carry_out(const std::vector<FileChange>& changes) {
    for (const FileChange& change : changes) {
        const Expected<void> done =
            change.bytes ? write_file(change.file, *change.bytes, change.mode, change.owner)
                         : remove_file(change.file);
        if (!done) return done;
    }
    return {};
}

Expected<void> make_directory(const Path& path, mode_t mode, std::optional<Ownership> owner) {
    if (is_there(path)) return {};
    make_passage(path.parent_path());
    if (::mkdir(path.c_str(), 0700) != 0) {
        if (errno == EEXIST) return {};
        return system_error("create", path, errno);
    }
    const Descriptor directory(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!directory.is_open()) return system_error("open", path, errno);
    give_to(directory.get(), owner);
    if (::fchmod(directory.get(), mode) != 0) return system_error("set the mode of", path, errno);
    return {};
}

Path name_aside(const Path& path, std::string_view word) {
    const std::time_t now = std::time(nullptr);
    std::tm utc{};
    gmtime_r(&now, &utc);
    const std::string name = fmt::format("{}.{}-{:04}{:02}{:02}T{:02}{:02}{:02}Z", path.string(),
                                         word, utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday,
                                         utc.tm_hour, utc.tm_min, utc.tm_sec);
    Path free = name;
    for (int number = 2; is_there(free); ++number) free = fmt::format("{}-{}", name, number);
    return free;
}

int exchange_names(const char* one, const char* other) {
    return ::renameat2(AT_FDCWD, one, AT_FDCWD, other, RENAME_EXCHANGE);
}

Expected<bool> put_directory(const Path& complete, const Path& place,
                             const std::optional<Path>& aside, Exchange exchange) {
    if (const Expected<void> synced = sync_files(complete); !synced)
        return tl::unexpected<Error>(synced.error());
    const Path parent = place.has_parent_path() ? place.parent_path() : Path(".");
    if (::rename(complete.c_str(), place.c_str()) == 0) {
        sync_directory(parent);
        return false;
    }
    if (!aside || (errno != ENOTEMPTY && errno != EEXIST))
        return system_error("replace", place, errno);
    // Under the name that the old one is to have; then both names change hands in one step.
    if (::rename(complete.c_str(), aside->c_str()) != 0) return system_error("make", *aside, errno);
    if (exchange(aside->c_str(), place.c_str()) != 0) {
        const int error = errno;
        if (::rename(aside->c_str(), complete.c_str()) != 0)
            return system_error("take back", *aside, errno);
        // It is not known here: then one after the other, or none.
        if (error != EINVAL && error != ENOSYS) return system_error("exchange", place, error);
        if (::rename(place.c_str(), aside->c_str()) != 0) return system_error("move", place, errno);
        if (::rename(complete.c_str(), place.c_str()) != 0) {
            const int why = errno;
            if (::rename(aside->c_str(), place.c_str()) != 0)
                return system_error("move it back from", *aside, errno);
            return system_error("replace", place, why);
        }
    }
    sync_directory(parent);
    return true;
}

std::optional<Ownership> owner_of(const Path& path) {
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0) return std::nullopt;
    return Ownership{.user = status.st_uid, .group = status.st_gid};
}

std::optional<mode_t> mode_of(const Path& path) {
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0) return std::nullopt;
    return status.st_mode & 07777;
}

Expected<DirectoryLock> DirectoryLock::take(const Path& directory) {
    const int descriptor = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0) return system_error("open", directory, errno);
    while (::flock(descriptor, LOCK_EX) != 0) {
        if (errno == EINTR) continue;
        const int error = errno;
        ::close(descriptor);
        return system_error("lock", directory, error);
    }
    return DirectoryLock(descriptor);
}

DirectoryLock::DirectoryLock(DirectoryLock&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)) {}

DirectoryLock::~DirectoryLock() {
    if (descriptor_ >= 0) ::close(descriptor_);
}

Expected<TemporaryDirectory> TemporaryDirectory::make(const Path& parent) {
    std::string name = (parent / ".castvote-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr)
        return system_error("create a directory in", parent, errno);
    return TemporaryDirectory(Path(name));
}

TemporaryDirectory::TemporaryDirectory(TemporaryDirectory&& other) noexcept
    : path_(std::exchange(other.path_, Path())) {}

TemporaryDirectory::~TemporaryDirectory() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
}

}  // namespace castvote::certs
