// json_lines.hpp -- the dialect of the stdio provider, one JSON object a line (docs/stdio.md).
//
// Reading is strict: what is not understood is an error in words, never a guess.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "common/wire/expected.hpp"
#include "qdevice-client/quorum/vote_counter.hpp"

namespace castvote::qdevice {

struct MembershipLine {
    wire::RingId ring;
    std::vector<wire::NodeId> members;
    bool operator==(const MembershipLine&) const = default;
};

struct NodesLine {
    std::vector<wire::NodeId> nodes;
    std::optional<std::uint64_t> config_version;
    bool operator==(const NodesLine&) const = default;
};

struct StopLine {
    bool operator==(const StopLine&) const = default;
};

using InputLine = std::variant<MembershipLine, NodesLine, StopLine>;

// A line longer than this is refused unread; room for some thousand nodes.
constexpr std::size_t input_line_size_max = 65536;

Expected<InputLine, std::string> parse_input_line(std::string_view line);

// Output lines, without the line feed.
std::string started_line(const std::string& cluster, wire::NodeId node, const Tally& tally);
std::string sync_line(const Tally& tally);
std::string vote_line(const Tally& tally);
std::string quorum_line(const Tally& tally);
std::string status_line(const std::string& connection, const std::string& arbiter);
std::string error_line(std::uint64_t line_number, const std::string& text);
std::string stopped_line(const std::string& reason);

}  // namespace castvote::qdevice
