// log.cpp -- see log.hpp.
// SPDX-License-Identifier: BSD-3-Clause
#include "common/net/log.hpp"

#include <fmt/chrono.h>
#include <spdlog/details/null_mutex.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/spdlog.h>
#include <syslog.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <mutex>
#include <utility>
#include <vector>

#include "common/net/shard.hpp"
#include "common/wire/printable.hpp"

namespace castvote::net {

namespace {

// spdlog has no "notice": its six levels carry our six, in the same order.
constexpr std::array<const char*, 6> level_names{"debug",   "info",  "notice",
                                                 "warning", "error", "crit"};
constexpr std::array<int, 6> priorities{LOG_DEBUG,   LOG_INFO, LOG_NOTICE,
                                        LOG_WARNING, LOG_ERR,  LOG_CRIT};

spdlog::level::level_enum carried(LogLevel level) {
    return static_cast<spdlog::level::level_enum>(level);
}

std::size_t index_of(const spdlog::details::log_msg& message) {
    return std::min<std::size_t>(static_cast<std::size_t>(message.level), level_names.size() - 1);
}

enum class StderrFormat { plain, systemd, stock };

class StderrSink final : public spdlog::sinks::base_sink<std::mutex> {
public:
    explicit StderrSink(StderrFormat format) : format_(format) {}

private:
    void sink_it_(const spdlog::details::log_msg& message) override {
        const std::size_t level = index_of(message);
        const std::string_view text(message.payload.data(), message.payload.size());
        const std::time_t seconds = spdlog::log_clock::to_time_t(message.time);
        std::tm time{};
        ::localtime_r(&seconds, &time);
        std::string line;
        switch (format_) {
            case StderrFormat::systemd:
                line = fmt::format("<{}>{}\n", priorities[level], text);
                break;
            case StderrFormat::stock:
                line = fmt::format("{:%b %d %H:%M:%S} {:<7} {}\n", time, level_names[level], text);
                break;
            case StderrFormat::plain:
                line =
                    fmt::format("{:%Y-%m-%d %H:%M:%S} {:<7} {}\n", time, level_names[level], text);
                break;
        }
        std::fwrite(line.data(), 1, line.size(), stderr);
    }
    void flush_() override {}

    StderrFormat format_;
};

class SyslogSink final : public spdlog::sinks::base_sink<std::mutex> {
public:
    SyslogSink(std::string ident, bool debug_as_info)
        : ident_(std::move(ident)), debug_as_info_(debug_as_info) {
        ::openlog(ident_.c_str(), LOG_PID, LOG_DAEMON);
    }
    ~SyslogSink() override { ::closelog(); }

private:
    void sink_it_(const spdlog::details::log_msg& message) override {
        const int priority = priorities[index_of(message)];
        ::syslog(debug_as_info_ && priority == LOG_DEBUG ? LOG_INFO : priority, "%.*s",
                 static_cast<int>(message.payload.size()), message.payload.data());
    }
    void flush_() override {}

    std::string ident_;  // openlog keeps the pointer
    bool debug_as_info_;
};

// While whoever reads the log is stuck so many lines wait; the newer ones are left out.
constexpr std::size_t lines_waiting_max = 8192;
// How long the end of a daemon, or a change of its log, waits for lines to be written.
constexpr std::chrono::milliseconds flush_longest{1000};

struct Line {
    spdlog::log_clock::time_point time;
    LogLevel level;
    std::string text;
};

// Takes lines from any thread and writes them in one of its own: a log that nobody reads must not
// hold up a vote.
class Writer {
public:
    bool wants(LogLevel level) const { return static_cast<int>(level) >= lowest_; }

    void start(std::shared_ptr<spdlog::logger> logger, LogLevel lowest) {
        flush();  // what was said before goes where it was meant to go
        lowest_ = static_cast<int>(lowest);
        logger->set_level(spdlog::level::trace);
        const std::lock_guard lock(mutex_);
        logger_ = std::move(logger);
        if (!std::exchange(is_started_, true)) shard_.start();
    }

    void add(LogLevel level, std::string text) {
        const std::lock_guard lock(mutex_);
        if (waiting_.size() >= lines_waiting_max) {
            ++left_out_;
            return;
        }
        waiting_.push_back({spdlog::log_clock::now(), level, std::move(text)});
        if (waiting_.size() == 1) shard_.post([this] { write_waiting(); });
    }

    // False if whoever reads the log is stuck.
    bool flush() {
        std::unique_lock lock(mutex_);
        return written_.wait_for(lock, flush_longest, [this] {
            return !is_started_ || (waiting_.empty() && !is_writing_);
        });
    }

private:
    // In the shard's thread: the only place that may be stuck, and no lock is held there.
    void write_waiting() {
        std::vector<Line> lines;
        std::size_t left_out = 0;
        std::shared_ptr<spdlog::logger> logger;
        {
            const std::lock_guard lock(mutex_);
            lines.swap(waiting_);
            left_out = std::exchange(left_out_, 0);
            logger = logger_;
            is_writing_ = true;
        }
        for (const Line& line : lines)
            logger->log(line.time, spdlog::source_loc{}, carried(line.level),
                        spdlog::string_view_t(line.text));
        if (left_out > 0)
            logger->log(carried(LogLevel::warning),
                        fmt::format("{} lines were left out here: whoever reads this log is slow",
                                    left_out));
        const std::lock_guard lock(mutex_);
        is_writing_ = false;
        written_.notify_all();
    }

    std::atomic<int> lowest_ = static_cast<int>(LogLevel::critical) + 1;  // nothing, until start()
    std::mutex mutex_;                                                    // all of these
    std::vector<Line> waiting_;
    std::size_t left_out_ = 0;
    bool is_writing_ = false;
    bool is_started_ = false;
    std::shared_ptr<spdlog::logger> logger_;
    std::condition_variable written_;
    Shard shard_;  // ends first
};

Writer& writer() {
    static Writer the_writer;
    return the_writer;
}

}  // namespace

std::optional<LogLevel> log_level_named(std::string_view name) {
    if (name == "critical") return LogLevel::critical;
    for (std::size_t i = 0; i + 1 < level_names.size(); ++i)
        if (name == level_names[i]) return static_cast<LogLevel>(i);
    return std::nullopt;
}

void log_start(const LogSettings& settings) {
    std::vector<spdlog::sink_ptr> sinks;
    if (settings.to_stderr) {
        const bool systemd = std::getenv("JOURNAL_STREAM") != nullptr && !settings.stock_format;
        sinks.push_back(std::make_shared<StderrSink>(settings.stock_format ? StderrFormat::stock
                                                     : systemd             ? StderrFormat::systemd
                                                                           : StderrFormat::plain));
    }
    if (settings.to_syslog)
        sinks.push_back(
            std::make_shared<SyslogSink>(settings.ident, settings.syslog_debug_as_info));
    auto logger = std::make_shared<spdlog::logger>(settings.ident, sinks.begin(), sinks.end());
    writer().start(std::move(logger), settings.lowest);
}

bool log_wants(LogLevel level) { return writer().wants(level); }

void log(LogLevel level, std::string_view line) {
    if (log_wants(level)) writer().add(level, printable(std::string(line)));
}

void log_flush() { static_cast<void>(writer().flush()); }

int log_end(int status) {
    if (!writer().flush()) ::_exit(status);
    return status;
}

bool RateLimit::allows(Instant now, std::size_t& suppressed) {
    const auto refilled = interval_.count() > 0 ? (now - last_refill_) / interval_ : 0;
    if (refilled > 0) {
        used_ -= std::min(used_, static_cast<std::size_t>(refilled));
        last_refill_ = now;
    }
    if (used_ >= burst_) {
        ++suppressed_;
        return false;
    }
    ++used_;
    suppressed = std::exchange(suppressed_, 0);
    return true;
}

}  // namespace castvote::net
