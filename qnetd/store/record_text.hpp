// record_text.hpp -- a record as text for its row, and back.
//
// JSON, so that a person can read what the arbiter remembers. Every field is always written; a text
// without one of them, or with another type, is no record: nothing is guessed (R3).
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "qnetd/core/record.hpp"

namespace castvote::qnetd::store {

std::string text_of(const Record& record);
std::optional<Record> record_of(const std::string& text);

// FNV-1a, 64 bits: against bits that rot, not against people.
std::uint64_t sum_of(const std::string& bytes);
// 16 hexadecimal digits.
std::string text_of_sum(std::uint64_t sum);

}  // namespace castvote::qnetd::store
