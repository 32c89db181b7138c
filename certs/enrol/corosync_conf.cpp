// corosync_conf.cpp -- see corosync_conf.hpp.
// SPDX-License-Identifier: BSD-3-Clause
#include "certs/enrol/corosync_conf.hpp"

#include <fmt/format.h>

#include <charconv>
#include <optional>

namespace castvote::certs::enrol {
namespace {

constexpr const char* look = "look at it, or say with --corosync-conf which file it is";

std::string_view trimmed(std::string_view text) {
    const auto first = text.find_first_not_of(" \t\r");
    if (first == text.npos) return {};
    return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

std::vector<std::string> lines_of(std::string_view text) {
    std::vector<std::string> lines;
    while (!text.empty()) {
        const auto end = text.find('\n');
        lines.emplace_back(text.substr(0, end));
        if (end == text.npos) break;
        text.remove_prefix(end + 1);
    }
    return lines;
}

// One line, and the section it stands in: "quorum.device.net".
struct Place {
    std::string section;
    std::string key;    // of a setting; or the name of the section that begins, or empty
    std::string value;  // of a setting
    enum class What { nothing, begin, setting, end } what = What::nothing;
};

// Every line, in order. Fails where brackets do not match.
Expected<std::vector<Place>> places_of(const std::vector<std::string>& lines) {
    std::vector<Place> places;
    std::string section;
    const auto wrong = [&](const char* why) {
        return fail(fmt::format("line {} of corosync.conf: {}", places.size() + 1, why), look);
    };
    for (const std::string& line : lines) {
        const std::string_view text = trimmed(line);
        Place place{section, {}, {}, Place::What::nothing};
        if (text.empty() || text.front() == '#') {
        } else if (text.back() == '{') {
            place.what = Place::What::begin;
            place.key = trimmed(text.substr(0, text.size() - 1));
            section += (section.empty() ? "" : ".") + place.key;
        } else if (text == "}") {
            if (section.empty()) return wrong("a bracket too many");
            place.what = Place::What::end;
            const auto dot = section.find_last_of('.');
            section.erase(dot == section.npos ? 0 : dot);
        } else {
            const auto colon = text.find(':');
            if (colon == text.npos) return wrong("neither a section nor a setting");
            place.what = Place::What::setting;
            place.key = trimmed(text.substr(0, colon));
            place.value = trimmed(text.substr(colon + 1));
        }
        places.push_back(std::move(place));
    }
    if (!section.empty()) return wrong("a bracket is missing");
    return places;
}

ConfigurationFacts facts_of(const std::vector<Place>& places) {
    ConfigurationFacts facts;
    for (const Place& place : places) {
        const bool begins = place.what == Place::What::begin;
        if (begins && place.section == "nodelist" && place.key == "node") {
            ++facts.nodes;
            facts.members.emplace_back();
        }
        if (begins && place.section == "quorum" && place.key == "device") facts.has_device = true;
        if (place.what != Place::What::setting) continue;
        if (place.section == "totem" && place.key == "cluster_name") facts.cluster = place.value;
        if (place.section == "nodelist.node" && place.key == "name")
            facts.members.back().name = place.value;
        if (place.section == "nodelist.node" && place.key == "ring0_addr")
            facts.members.back().address = place.value;
        if (place.section != "quorum.device.net") continue;
        if (place.key == "host") facts.device_host = place.value;
        if (place.key == "port") facts.device_port = place.value;
    }
    return facts;
}

std::optional<std::string> raised(const std::string& line, const std::string& version) {
    std::uint64_t number = 0;
    const char* end = version.data() + version.size();
    const auto [past, error] = std::from_chars(version.data(), end, number);
    if (error != std::errc() || past != end) return std::nullopt;
    const auto place = line.rfind(version);
    return line.substr(0, place) + std::to_string(number + 1) + line.substr(place + version.size());
}

// The new file, line by line, and what differs.
struct Editor {
    Change change;

    void keep(const std::string& line) { change.text += line + '\n'; }
    void drop(const std::string& line) { change.lines.push_back("- " + line); }
    void add(const std::string& line) {
        keep(line);
        change.lines.push_back("+ " + line);
    }
    void add_all(const std::string& text) {
        for (const std::string& line : lines_of(text)) add(line);
    }
};

bool is_off(const std::string& value) { return value == "0" || value == "no" || value == "off"; }

// What corosync does not start with beside a device: at a reload it only says so, and the next boot
// fails.
std::optional<Error> conflict_of(const std::vector<Place>& places) {
    for (std::size_t i = 0; i < places.size(); ++i) {
        const Place& place = places[i];
        if (place.what != Place::What::setting) continue;
        const bool is_in_quorum = place.section == "quorum";
        const bool is_option = place.key == "auto_tie_breaker" ||
                               place.key == "last_man_standing" || place.key == "allow_downscale";
        const bool is_wrong =
            (is_in_quorum && place.key == "expected_votes") ||
            (is_in_quorum && is_option && !is_off(place.value)) ||
            (place.section == "nodelist.node" && place.key == "quorum_votes" && place.value != "1");
        if (is_wrong)
            return Error{fmt::format("line {} of corosync.conf, \"{}: {}\", does not go with a "
                                     "quorum device: corosync would not start",
                                     i + 1, place.key, place.value),
                         "take that line out on every node first, and reload corosync "
                         "(corosync-cfgtool -R)"};
    }
    return std::nullopt;
}

}  // namespace

Expected<ConfigurationFacts> read_configuration(std::string_view text) {
    const auto places = places_of(lines_of(text));
    if (!places) return tl::unexpected<Error>(places.error());
    return facts_of(*places);
}

std::string device_section(const Device& device) {
    const bool is_even = device.nodes % 2 == 0;
    std::string text = "  device {\n    model: net\n";
    if (is_even) text += "    votes: 1\n";
    text += fmt::format("    net {{\n      host: {}\n", device.host);
    if (device.port != 5403) text += fmt::format("      port: {}\n", device.port);
    text += fmt::format("      algorithm: {}\n      tls: required\n    }}\n  }}\n",
                        is_even ? "ffsplit" : "lms");
    return text;
}

Expected<Change> with_device(std::string_view text, const Device& device) {
    const std::vector<std::string> lines = lines_of(text);
    const auto places = places_of(lines);
    if (!places) return tl::unexpected<Error>(places.error());
    const ConfigurationFacts facts = facts_of(*places);
    if (facts.has_device)
        return fail(
            fmt::format("corosync.conf has a quorum device already{}",
                        facts.device_host.empty()
                            ? ""
                            : fmt::format(", at {} port {}", facts.device_host, facts.device_port)),
            "take that one out first (on Proxmox VE with \"pvecm qdevice remove\")");
    if (facts.nodes == 0)
        return fail("corosync.conf lists no nodes",
                    "their number decides about the algorithm: add a nodelist");
    if (auto conflict = conflict_of(*places)) return tl::unexpected<Error>(std::move(*conflict));
    Editor editor;
    bool is_added = false;
    for (std::size_t i = 0; i < lines.size(); ++i) {
        const Place& place = (*places)[i];
        const bool is_setting = place.what == Place::What::setting;
        if (place.what == Place::What::end && place.section == "quorum" && !is_added) {
            editor.add_all(device_section(device));
            is_added = true;
        }
        if (is_setting && place.section == "quorum" && place.key == "two_node") {
            editor.drop(lines[i]);
        } else if (is_setting && place.section == "totem" && place.key == "config_version") {
            const auto line = raised(lines[i], place.value);
            if (!line)
                return fail(fmt::format("config_version \"{}\" is no number", place.value), look);
            editor.drop(lines[i]);
            editor.add(*line);
        } else {
            editor.keep(lines[i]);
        }
    }
    if (!is_added)
        return fail("corosync.conf has no quorum section",
                    "set up the cluster's quorum first: provider: corosync_votequorum");
    return std::move(editor.change);
}

}  // namespace castvote::certs::enrol
