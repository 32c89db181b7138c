// record_text.cpp -- see record_text.hpp.
// SPDX-License-Identifier: BSD-3-Clause
#include "qnetd/store/record_text.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace castvote::qnetd::store {

namespace {

using nlohmann::json;

json json_of(Instant at) { return at.time_since_epoch().count(); }
json json_of(const std::optional<Instant>& at) { return at ? json_of(*at) : json(); }
json json_of(const Ring& ring) {
    return {{"node", ring.id.node_id}, {"seq", ring.id.seq}, {"members", ring.members}};
}

json json_of(const Holder& holder) {
    return {{"ring", json_of(holder.grant.ring)},
            {"configured", holder.grant.configured},
            {"algorithm", static_cast<int>(holder.grant.algorithm)},
            {"heartbeat_ms", holder.timers.heartbeat.count()},
            {"device_timeout_ms", holder.timers.device_timeout.count()},
            {"lease_ms", holder.timers.lease.count()},
            {"flag_on", json_of(holder.flag_on)},
            {"is_confirmed", holder.is_confirmed},
            {"last_message", json_of(holder.last_message)},
            {"last_echo", json_of(holder.last_echo)},
            {"ended", json_of(holder.ended)},
            {"end_of_stream", holder.end_of_stream},
            {"needs_proof", holder.needs_proof},
            {"proof_complete", json_of(holder.proof_complete)},
            {"is_restored", holder.is_restored},
            {"unbroken_until", json_of(holder.unbroken_until)}};
}

// These throw when something is missing or of another type; record_of() catches.
Instant instant_of(const json& value) { return at_ms(value.get<std::int64_t>()); }
std::optional<Instant> maybe_instant_of(const json& value) {
    return value.is_null() ? std::nullopt : std::optional(instant_of(value));
}
Ring ring_of(const json& value) {
    return {.id = {value.at("node").get<NodeId>(), value.at("seq").get<std::uint64_t>()},
            .members = value.at("members").get<Nodes>()};
}

Holder holder_of(const json& value) {
    Holder holder;
    holder.grant.ring = ring_of(value.at("ring"));
    holder.grant.configured = value.at("configured").get<Nodes>();
    holder.grant.algorithm =
        static_cast<wire::DecisionAlgorithm>(value.at("algorithm").get<std::uint16_t>());
    holder.timers.heartbeat = Duration(value.at("heartbeat_ms").get<std::int64_t>());
    holder.timers.device_timeout = Duration(value.at("device_timeout_ms").get<std::int64_t>());
    holder.timers.lease = Duration(value.at("lease_ms").get<std::int64_t>());
    holder.flag_on = instant_of(value.at("flag_on"));
    holder.is_confirmed = value.at("is_confirmed").get<bool>();
    holder.last_message = instant_of(value.at("last_message"));
    holder.last_echo = instant_of(value.at("last_echo"));
    holder.ended = maybe_instant_of(value.at("ended"));
    holder.end_of_stream = value.at("end_of_stream").get<bool>();
    holder.needs_proof = value.at("needs_proof").get<bool>();
    holder.proof_complete = maybe_instant_of(value.at("proof_complete"));
    holder.is_restored = value.at("is_restored").get<bool>();
    holder.unbroken_until = instant_of(value.at("unbroken_until"));
    return holder;
}

NodeId node_of(const json& entry) { return entry.at("id").get<NodeId>(); }

}  // namespace

std::string text_of(const Record& record) {
    json value{{"grant_number", record.grant_number},
               {"granted", record.granted ? json_of(*record.granted) : json()},
               {"guard_from", json_of(record.guard_from)},
               {"holders", json::array()},
               {"words", json::array()},
               {"known_from", json::array()}};
    for (const auto& [node, holder] : record.holders) {
        json entry = json_of(holder);
        entry["id"] = node;
        value["holders"].push_back(std::move(entry));
    }
    for (const auto& [node, word] : record.words)
        value["words"].push_back({{"id", node},
                                  {"ring", json_of(word.ring)},
                                  {"at", json_of(word.at)},
                                  {"first_list_at", json_of(word.first_list_at)},
                                  {"settled", json_of(word.settled)}});
    for (const auto& [node, at] : record.known_from)
        value["known_from"].push_back({{"id", node}, {"at", json_of(at)}});
    return value.dump();
}

std::optional<Record> record_of(const std::string& text) {
    try {
        const json value = json::parse(text);
        Record record;
        record.grant_number = value.at("grant_number").get<std::uint64_t>();
        if (const json& granted = value.at("granted"); !granted.is_null())
            record.granted = ring_of(granted);
        record.guard_from = maybe_instant_of(value.at("guard_from"));
        for (const json& entry : value.at("holders"))
            record.holders.emplace(node_of(entry), holder_of(entry));
        for (const json& entry : value.at("words"))
            record.words.emplace(node_of(entry),
                                 Word{.ring = ring_of(entry.at("ring")),
                                      .at = instant_of(entry.at("at")),
                                      .first_list_at = instant_of(entry.at("first_list_at")),
                                      .settled = maybe_instant_of(entry.at("settled"))});
        for (const json& entry : value.at("known_from"))
            record.known_from.emplace(node_of(entry), instant_of(entry.at("at")));
        return record;
    } catch (const json::exception&) {
        return std::nullopt;
    }
}

std::uint64_t sum_of(const std::string& bytes) {
    std::uint64_t sum = 0xcbf29ce484222325u;
    for (const char byte : bytes) sum = (sum ^ static_cast<unsigned char>(byte)) * 0x100000001b3u;
    return sum;
}

std::string text_of_sum(std::uint64_t sum) { return fmt::format("{:016x}", sum); }

}  // namespace castvote::qnetd::store
