// line_writer.hpp -- lines to a pipe whose reader may be slow, without ever waiting for it.
//
// The queue is bounded: a parent that stops reading must not make the daemon late with a vote, nor
// be left with an old "quorate" for ever; so an overflow is reported and the provider ends itself.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <functional>
#include <string>

namespace castvote::qdevice {

class LineWriter {
public:
    // Takes a duplicate of `fd`. on_failure is called once, from the loop.
    LineWriter(boost::asio::io_context& io, int fd, std::function<void(std::string)> on_failure);

    void write(const std::string& line);
    bool is_idle() const { return !busy_ && waiting_.empty(); }

private:
    void pump();
    void fail(std::string why);

    boost::asio::posix::stream_descriptor out_;
    std::function<void(std::string)> on_failure_;
    std::string waiting_;
    std::string sending_;
    bool busy_ = false;
    bool failed_ = false;
};

}  // namespace castvote::qdevice
