// contact.cpp -- see contact.hpp.
// SPDX-License-Identifier: BSD-3-Clause
#include "qdevice-client/core/contact.hpp"

namespace castvote::qdevice {

void Contact::begin(Instant init_sent, Instant now, const Intervals& intervals) {
    *this = Contact{};
    proven_ = init_sent;
    next_echo_ = now + intervals.echo;
}

void Contact::end() { *this = Contact{}; }

std::optional<std::uint32_t> Contact::next_echo(Instant now, const Intervals& intervals) {
    if (!next_echo_ || now < *next_echo_) return {};
    // From now, not from when it was due: after a stall one echo tells as much as several.
    next_echo_ = now + intervals.echo;
    unanswered_.push_back({++number_, now});
    return number_;
}

bool Contact::confirm(std::uint32_t number, Instant now) {
    // The arbiter answers in order, and so the oldest first.
    if (unanswered_.empty() || unanswered_.front().number != number) return false;
    proven_ = unanswered_.front().sent;
    last_reply_ = now;
    unanswered_.pop_front();
    return true;
}

bool Contact::is_lost(Instant now, const Intervals& intervals) const {
    return !unanswered_.empty() && now - unanswered_.front().sent >= intervals.answer;
}

bool Contact::may_vote(Instant now, const Intervals& intervals) const {
    return proven_ && now - *proven_ < intervals.contact;
}

std::optional<Instant> Contact::deadline(const Intervals& intervals) const {
    std::optional<Instant> earliest = next_echo_;
    if (!unanswered_.empty()) keep_earlier(earliest, unanswered_.front().sent + intervals.answer);
    return earliest;
}

}  // namespace castvote::qdevice
