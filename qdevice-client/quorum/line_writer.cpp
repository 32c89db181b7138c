// line_writer.cpp -- see line_writer.hpp.
// SPDX-License-Identifier: BSD-3-Clause
#include "qdevice-client/quorum/line_writer.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <utility>

namespace castvote::qdevice {
namespace {

// Some thousand lines: a parent that is so far behind does not read at all.
constexpr std::size_t waiting_size_max = std::size_t{1} << 20;

// A pipe or terminal is opened anew, so that our non-blocking mode is not shared with others.
int duplicate(int fd) {
    struct stat about {};
    if (fstat(fd, &about) == 0 && (S_ISFIFO(about.st_mode) || S_ISCHR(about.st_mode))) {
        const std::string path = "/proc/self/fd/" + std::to_string(fd);
        const int own = ::open(path.c_str(), O_WRONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        if (own >= 0) return own;
    }
    return ::fcntl(fd, F_DUPFD_CLOEXEC, 3);
}

}  // namespace

LineWriter::LineWriter(boost::asio::io_context& io, int fd,
                       std::function<void(std::string)> on_failure)
    : out_(io), on_failure_(std::move(on_failure)) {
    boost::system::error_code error;
    const int own = duplicate(fd);
    if (own < 0 || out_.assign(own, error)) fail("standard output can't be used");
}

void LineWriter::write(const std::string& line) {
    if (failed_) return;
    if (waiting_.size() + line.size() > waiting_size_max)
        return fail("nobody reads standard output");
    waiting_ += line;
    waiting_ += '\n';
    pump();
}

void LineWriter::pump() {
    if (busy_ || waiting_.empty()) return;
    busy_ = true;
    sending_ = std::exchange(waiting_, {});
    boost::asio::async_write(out_, boost::asio::buffer(sending_),
                             [this](const boost::system::error_code& error, std::size_t) {
                                 if (error == boost::asio::error::operation_aborted) return;
                                 busy_ = false;
                                 if (error)
                                     fail("standard output is closed: " + error.message());
                                 else
                                     pump();
                             });
}

void LineWriter::fail(std::string why) {
    if (std::exchange(failed_, true)) return;
    waiting_.clear();
    boost::asio::post(out_.get_executor(),
                      [callback = on_failure_, why = std::move(why)] { callback(why); });
}

}  // namespace castvote::qdevice
