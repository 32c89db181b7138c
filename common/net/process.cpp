// process.cpp -- see process.hpp.
// SPDX-License-Identifier: BSD-3-Clause
#include "common/net/process.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <filesystem>
#include <utility>

#include "common/wire/system_words.hpp"

namespace castvote::net {

namespace {

constexpr mode_t directory_mode = 0770;
constexpr mode_t file_mode = 0640;

Unexpected<PidFile::Error> failed(const std::string& path, int error) {
    return Unexpected<PidFile::Error>(
        PidFile::Error{false, fmt::format("lock file {}: {}", path, system_words(error))});
}

}  // namespace

Expected<PidFile, PidFile::Error> PidFile::take(const std::string& path) {
    const std::string directory = std::filesystem::path(path).parent_path().string();
    if (!directory.empty()) ::mkdir(directory.c_str(), directory_mode);
    const int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, file_mode);
    if (descriptor < 0) return failed(path, errno);
    PidFile file(descriptor);
    if (::lockf(descriptor, F_TLOCK, 0) != 0) {
        if (errno == EACCES || errno == EAGAIN)
            return Unexpected<Error>(
                Error{true, fmt::format("another instance is running (it holds {})", path)});
        return failed(path, errno);
    }
    const std::string pid = std::to_string(::getpid()) + "\n";
    if (::ftruncate(descriptor, 0) != 0 ||
        ::pwrite(descriptor, pid.data(), pid.size(), 0) != static_cast<ssize_t>(pid.size()))
        return failed(path, errno);
    return file;
}

bool PidFile::is_taken(const std::string& path) {
    if (path.empty()) return false;
    const int descriptor = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
    if (descriptor < 0) return false;
    const bool is_taken = ::lockf(descriptor, F_TEST, 0) != 0;
    ::close(descriptor);
    return is_taken;
}

PidFile::PidFile(PidFile&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}

PidFile::~PidFile() {
    if (descriptor_ >= 0) ::close(descriptor_);
}

Expected<Background, std::string> Background::enter() {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0)
        return Unexpected<std::string>("going into the background: " + system_words(errno));
    const pid_t child = ::fork();
    if (child < 0)
        return Unexpected<std::string>("going into the background: " + system_words(errno));
    if (child > 0) {
        ::close(ends[1]);
        unsigned char status = 1;
        while (::read(ends[0], &status, 1) < 0 && errno == EINTR) {
        }
        ::_exit(status);
    }
    ::close(ends[0]);
    ::setsid();
    return Background(ends[1]);
}

Background::Background(Background&& other) noexcept : pipe_(std::exchange(other.pipe_, -1)) {}

Background::~Background() {
    if (pipe_ >= 0) ::close(pipe_);
}

void Background::report(int status) {
    if (pipe_ < 0) return;
    if (status == 0) {
        const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
        for (int standard = 0; standard <= 2 && null >= 0; ++standard) ::dup2(null, standard);
        if (null > 2) ::close(null);
        // An unmountable file system is worse than a relative path that no longer works.
        static_cast<void>(::chdir("/") == 0);
    }
    const auto byte = static_cast<unsigned char>(status);
    static_cast<void>(::write(pipe_, &byte, 1) == 1);
    ::close(std::exchange(pipe_, -1));
}

}  // namespace castvote::net
