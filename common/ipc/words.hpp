// words.hpp -- a request line of the control sockets to its words, and back (tools.md 2).
//
// Bytes, no encoding. Two dialects: the arbiter's parser knows quotes and backslashes, the node
// daemon's splits at blanks only.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace castvote::ipc {

enum class Quoting { none, quotes };

// The words of the first line; `request` is whatever arrived, up to or beyond its first LF or CR.
std::vector<std::string> split_words(std::string_view request, Quoting quoting);

// In double quotes, `"` and `\` escaped: what a stock tool sends for a cluster name.
std::string quote(std::string_view text);

// How an Error begins that `reload` answers about the names of renamed clusters: the certificates
// are taken up all the same (tools.md 2).
inline constexpr std::string_view names_are_refused =
    "The names of renamed clusters are not taken up";
inline constexpr std::string_view names_are_apart = "A name of a renamed cluster stands apart";

// ASCII letters without case, as commands and keywords are compared.
bool is_word(std::string_view word, std::string_view keyword);

}  // namespace castvote::ipc
