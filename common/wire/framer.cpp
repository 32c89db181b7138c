// framer.cpp -- see framer.hpp.
// SPDX-License-Identifier: BSD-3-Clause
#include "common/wire/framer.hpp"

#include <algorithm>
#include <utility>

namespace castvote::wire {

Framer::Framer(std::size_t message_size_max) : message_size_max_(message_size_max) {}

std::size_t Framer::wanted() const { return std::max<std::size_t>(missing_, 1); }

std::size_t Framer::feed(View in) {
    if (ready_) return 0;
    const std::size_t taken = std::min(in.size(), missing_);
    if (!skip_) buffer_.insert(buffer_.end(), in.begin(), in.begin() + static_cast<long>(taken));
    missing_ -= taken;
    if (missing_ == 0 && !in_body_) begin_body();
    if (missing_ == 0 && in_body_) finish();
    return taken;
}

void Framer::begin_body() {
    type_ = static_cast<std::uint16_t>(buffer_[0] << 8 | buffer_[1]);
    const std::uint64_t body = static_cast<std::uint64_t>(buffer_[2]) << 24 |
                               static_cast<std::uint64_t>(buffer_[3]) << 16 |
                               static_cast<std::uint64_t>(buffer_[4]) << 8 | buffer_[5];
    missing_ = static_cast<std::size_t>(body);
    in_body_ = true;
    buffer_.clear();
    // An unknown type is judged before the length (protocol.md 6.1).
    if (type_ >= message_type_count)
        skip_ = ReplyErrorCode::unsupported_message;
    else if (header_size + body > message_size_max_)  // 64 bits: no wrap on a 32-bit machine
        skip_ = ReplyErrorCode::message_too_long;
}

void Framer::finish() {
    if (skip_) {
        ready_ = Skipped{*skip_, type_ >= message_type_count ? type_ : std::uint16_t{0}};
    } else {
        auto decoded = decode(static_cast<MessageType>(type_), buffer_);
        if (decoded)
            ready_ = std::move(*decoded);
        else
            ready_ = decoded.error();
    }
    buffer_.clear();
    in_body_ = false;
    skip_.reset();
    missing_ = header_size;
}

std::optional<Inbound> Framer::next() { return std::exchange(ready_, std::nullopt); }

}  // namespace castvote::wire
