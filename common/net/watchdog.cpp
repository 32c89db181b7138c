// watchdog.cpp -- see watchdog.hpp. A round goes through every other loop once; the next begins
// when it is complete and a quarter of the time has passed.
// SPDX-License-Identifier: BSD-3-Clause
#include "common/net/watchdog.hpp"

#include <unistd.h>

#include <charconv>
#include <cstdlib>
#include <string_view>
#include <utility>

#include "common/net/notify.hpp"

namespace castvote::net {

namespace {

std::optional<std::int64_t> number_in(const char* variable) {
    const char* text = std::getenv(variable);
    if (text == nullptr) return std::nullopt;
    const std::string_view digits = text;
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(digits.begin(), digits.end(), number);
    if (error != std::errc() || end != digits.end()) return std::nullopt;
    return number;
}

}  // namespace

std::optional<std::chrono::microseconds> Watchdog::wanted() {
    const auto microseconds = number_in("WATCHDOG_USEC");
    if (!microseconds || *microseconds <= 0) return std::nullopt;
    if (number_in("WATCHDOG_PID").value_or(::getpid()) != ::getpid()) return std::nullopt;
    return std::chrono::microseconds(*microseconds);
}

Watchdog::Watchdog(asio::io_context& io, std::vector<Shard*> others)
    : io_(io), others_(std::move(others)), timer_(io) {
    const auto longest = wanted();
    if (!longest) return;
    pause_ = *longest / 4;
    begin_round();
}

void Watchdog::begin_round() {
    awaited_ = others_.size();
    for (Shard* const other : others_)
        other->post([this] {
            asio::post(io_, [this] {
                if (--awaited_ == 0) end_round();
            });
        });
    if (others_.empty()) end_round();
}

void Watchdog::end_round() {
    notify_service_manager("WATCHDOG=1", /*waits=*/false);
    timer_.expires_after(pause_);
    timer_.async_wait([this](const error_code& error) {
        if (!error) begin_round();
    });
}

}  // namespace castvote::net
