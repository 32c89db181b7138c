// json_lines.cpp -- see json_lines.hpp.
// SPDX-License-Identifier: BSD-3-Clause
#include "qdevice-client/quorum/json_lines.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace castvote::qdevice {
namespace {

using Json = nlohmann::ordered_json;

Unexpected<std::string> wrong(std::string text) { return Unexpected<std::string>(std::move(text)); }

std::optional<std::uint64_t> number(const Json& object, const char* key, std::uint64_t most) {
    const auto found = object.find(key);
    if (found == object.end() || !found->is_number_unsigned()) return std::nullopt;
    const auto value = found->get<std::uint64_t>();
    return value <= most ? std::optional(value) : std::nullopt;
}

Expected<std::vector<wire::NodeId>, std::string> node_ids(const Json& list, const char* key) {
    if (!list.is_array() || list.empty())
        return wrong(std::string("'") + key + "' must be a list of node ids, like [1,2]");
    std::vector<wire::NodeId> ids;
    for (const Json& item : list) {
        if (!item.is_number_unsigned() || item.get<std::uint64_t>() == 0 ||
            item.get<std::uint64_t>() > 0xffffffffU)
            return wrong(std::string("'") + key + "' holds something else than a node id");
        const auto id = static_cast<wire::NodeId>(item.get<std::uint64_t>());
        if (std::find(ids.begin(), ids.end(), id) != ids.end())
            return wrong(std::string("'") + key + "' names a node twice");
        ids.push_back(id);
    }
    return ids;
}

Expected<InputLine, std::string> membership(const Json& object) {
    const auto members = node_ids(object["members"], "members");
    if (!members) return wrong(members.error());
    const auto ring = object.find("ring");
    if (ring == object.end() || !ring->is_object())
        return wrong(R"('ring' is missing: write "ring":{"node":1,"seq":12})");
    const auto node = number(*ring, "node", 0xffffffffU);
    const auto seq = number(*ring, "seq", ~std::uint64_t{0});
    if (!node || !seq) return wrong("'ring' needs the whole numbers 'node' and 'seq'");
    return MembershipLine{{static_cast<wire::NodeId>(*node), *seq}, *members};
}

Expected<InputLine, std::string> nodes(const Json& object) {
    const auto ids = node_ids(object["nodes"], "nodes");
    if (!ids) return wrong(ids.error());
    const auto version = number(object, "config_version", ~std::uint64_t{0});
    if (!version && object.contains("config_version"))
        return wrong("'config_version' must be a whole number");
    return NodesLine{*ids, version};
}

Json ring_of(const Tally& tally) { return {{"node", tally.ring.node_id}, {"seq", tally.ring.seq}}; }

// What the world hands us may be no valid UTF-8; such bytes are replaced, never thrown at us.
std::string written(const Json& object) {
    return object.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace

Expected<InputLine, std::string> parse_input_line(std::string_view line) {
    if (line.size() > input_line_size_max) return wrong("the line is longer than 64 KiB");
    Json object = Json::parse(line, nullptr, /*allow_exceptions=*/false);
    if (object.is_discarded() || !object.is_object()) return wrong("the line is no JSON object");
    if (object.contains("members")) return membership(object);
    if (object.contains("nodes")) return nodes(object);
    const auto stop = object.find("stop");
    if (stop != object.end() && stop->is_boolean() && stop->get<bool>()) return StopLine{};
    return wrong("the object has neither 'members' nor 'nodes' nor 'stop'");
}

std::string started_line(const std::string& cluster, wire::NodeId node, const Tally& tally) {
    return written({{"event", "started"},
                    {"cluster", cluster},
                    {"node", node},
                    {"expected", tally.expected},
                    {"quorum", tally.quorum}});
}

std::string sync_line(const Tally& tally) {
    return written({{"event", "sync"}, {"ring", ring_of(tally)}, {"members", tally.members}});
}

std::string vote_line(const Tally& tally) {
    return written({{"event", "vote"}, {"cast", tally.vote}, {"ring", ring_of(tally)}});
}

std::string quorum_line(const Tally& tally) {
    return written({{"event", "quorum"},
                    {"quorate", tally.quorate},
                    {"votes", tally.votes},
                    {"expected", tally.expected},
                    {"quorum", tally.quorum},
                    {"vote", tally.vote},
                    {"ring", ring_of(tally)},
                    {"members", tally.members}});
}

std::string status_line(const std::string& connection, const std::string& arbiter) {
    return written({{"event", "status"}, {"connection", connection}, {"arbiter", arbiter}});
}

std::string error_line(std::uint64_t line_number, const std::string& text) {
    return written({{"event", "error"}, {"line", line_number}, {"text", text}});
}

std::string stopped_line(const std::string& reason) {
    return written({{"event", "stopped"}, {"reason", reason}});
}

}  // namespace castvote::qdevice
