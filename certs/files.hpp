// files.hpp -- reading and writing the files of a certificate directory.
//
// A file is either the old one or the new one, never half of it: temporary file beside it, fsync,
// rename. Private keys get their mode before their first byte. Knows nothing about certificates.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "certs/error.hpp"

namespace castvote::certs {

using Path = std::filesystem::path;

// Applied only when we are root; failure to apply it is ignored, as by the stock scripts.
struct Ownership {
    uid_t user = 0;
    gid_t group = 0;
};

bool is_there(const Path& path);
// Only where nothing has that name: not a link to nowhere, nor what cannot be looked at.
bool is_missing(const Path& path);

inline constexpr std::size_t max_file_bytes = 1024 * 1024;  // No certificate comes near it.

// The whole file. Refuses directories and anything larger.
Expected<std::string> read_file(const Path& path, std::size_t max_bytes = max_file_bytes);

// A private key, also where others may write the directory: never by a link, which may lead
// anywhere. `signing`: such a key is refused, too, unless the file is root's (or the caller's)
// alone.
enum class KeyUse { own, signing };
Expected<std::string> read_key_file(const Path& path, KeyUse use);

// Replaces `path` atomically and durably; the mode is exact, whatever the umask.
Expected<void> write_file(const Path& path, std::string_view bytes, mode_t mode,
                          std::optional<Ownership> owner);

// Nothing if it is not there; durable, too.
Expected<void> remove_file(const Path& path);

// What writers of this file have left that were cut short. Under the directory's lock, with which
// no other one writes it.
Expected<void> remove_unfinished(const Path& path);

// One file that is to be written, or to go.
struct FileChange {
    Path file;
    std::optional<std::string> bytes;  // none: it goes
    mode_t mode = 0640;
    std::optional<Ownership> owner = std::nullopt;
};

// One after the other, each durable before the next one begins: a power cut leaves the first so
// many of them done, and the rest not begun.
Expected<void> carry_out(const std::vector<FileChange>& changes);

// Creates the directory and its parents; mode and owner go to `path` alone. Nothing if it exists.
Expected<void> make_directory(const Path& path, mode_t mode, std::optional<Ownership> owner);

// For the old one of a file or directory: `path` with that word and the time; a name that is free.
Path name_aside(const Path& path, std::string_view word);

// Lets two names change hands: 0, or -1 and errno.
using Exchange = int (*)(const char* one, const char* other);
int exchange_names(const char* one, const char* other);

// Puts a complete directory where `place` is at one instant, its files on disk before: a power cut
// leaves the old one or the new. A directory with anything in it moves to `aside`; without an
// `aside` it is an error. Returns whether there was one. All are on one file system. One that
// cannot exchange names (ZFS before 2.2, NFS) has no directory at `place` for an instant.
Expected<bool> put_directory(const Path& complete, const Path& place,
                             const std::optional<Path>& aside, Exchange exchange = exchange_names);

// User and group of an existing path.
std::optional<Ownership> owner_of(const Path& path);
std::optional<mode_t> mode_of(const Path& path);  // Permission bits.

// Keeps two tools from changing one directory at a time; waits for the other one.
class DirectoryLock {
public:
    static Expected<DirectoryLock> take(const Path& directory);
    DirectoryLock(DirectoryLock&& other) noexcept;
    DirectoryLock& operator=(DirectoryLock&&) = delete;
    ~DirectoryLock();

private:
    explicit DirectoryLock(int descriptor) : descriptor_(descriptor) {}
    int descriptor_;
};

// A private (0700) directory which is removed with its content.
class TemporaryDirectory {
public:
    static Expected<TemporaryDirectory> make(const Path& parent);
    TemporaryDirectory(TemporaryDirectory&& other) noexcept;
    TemporaryDirectory& operator=(TemporaryDirectory&&) = delete;
    ~TemporaryDirectory();
    const Path& path() const { return path_; }

private:
    explicit TemporaryDirectory(Path path) : path_(std::move(path)) {}
    Path path_;
};

}  // namespace castvote::certs
