// directory.cpp -- see directory.hpp.
// SPDX-License-Identifier: BSD-3-Clause
#include "qnetd/store/directory.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>

#include "common/wire/system_words.hpp"

namespace castvote::qnetd::store {

namespace {

namespace fs = std::filesystem;

Unexpected<Trouble> failed(const std::string& path, int error) {
    return Unexpected<Trouble>(
        Trouble{fmt::format("{}: {}", path, system_words(error)), fault_of(error)});
}

}  // namespace

Expected<void, Trouble> sync_directory(const std::string& path) {
    const std::string name = path.empty() ? "." : path;
    const int handle = ::open(name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (handle < 0) return failed(name, errno);
    // Some file systems know no sync of a directory, and need none.
    const int error = ::fsync(handle) == 0 || errno == EINVAL ? 0 : errno;
    static_cast<void>(::close(handle));
    if (error != 0) return failed(name, error);
    return {};
}

Expected<void, Trouble> make_directory(const std::string& path) {
    struct stat facts {};
    if (::stat(path.c_str(), &facts) != 0) {
        if (errno != ENOENT) return failed(path, errno);
        const std::string parent = fs::path(path).parent_path().string();
        if (!parent.empty() && parent != path)
            if (auto made = make_directory(parent); !made) return made;
        if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) return failed(path, errno);
        return sync_directory(parent);
    }
    if (!S_ISDIR(facts.st_mode)) return failed(path, ENOTDIR);
    return {};
}

Expected<std::string, Trouble> put_aside(const std::string& file) {
    std::string to;
    std::error_code error;
    for (int number = 1; to.empty() || fs::exists(to, error); ++number)
        to = fmt::format("{}.damaged-{}", file, number);
    for (const char* part : {"", "-wal", "-journal", "-shm"})
        if (std::rename((file + part).c_str(), (to + part).c_str()) != 0 && errno != ENOENT) {
            auto trouble = failed(file + part, errno);
            trouble.value().text = "cannot rename " + trouble.value().text;
            return trouble;
        }
    if (auto synced = sync_directory(fs::path(file).parent_path().string()); !synced)
        return Unexpected<Trouble>(synced.error());
    return to;
}

}  // namespace castvote::qnetd::store
