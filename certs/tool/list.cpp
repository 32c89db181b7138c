// list.cpp -- qcert list: what the arbiter's CA has issued, in words or as JSON.
// SPDX-License-Identifier: BSD-3-Clause
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "certs/authorities.hpp"
#include "certs/names.hpp"
#include "certs/register.hpp"
#include "certs/revoked.hpp"
#include "certs/tool/tool.hpp"
#include "certs/x509.hpp"

namespace castvote::certs::tool {
namespace {

using nlohmann::json;

// When, or empty.
std::string revoked_at(const std::vector<Revoked>& revoked, const Entry& entry) {
    const auto found = std::find_if(revoked.begin(), revoked.end(),
                                    [&](const Revoked& one) { return one.serial == entry.serial; });
    return found == revoked.end() ? "" : found->revoked_at;
}

json to_json(const Entry& entry, const std::string& revoked, const std::string& present) {
    json object = {{"serial", entry.serial},
                   {"use", entry.use},
                   {"name", entry.name},
                   {"by", entry.by},
                   {"fingerprint", entry.fingerprint},
                   {"not_after", entry.not_after}};
    if (!entry.owner.empty()) object["owner"] = entry.owner;
    if (!entry.issued_at.empty()) object["issued_at"] = entry.issued_at;
    if (!entry.address.empty()) object["address"] = entry.address;
    if (!entry.authority.empty()) object["authority"] = entry.authority;
    if (!revoked.empty()) object["revoked_at"] = revoked;
    if (present != entry.name) object["called_now"] = present;
    if (const auto days = days_until(entry.not_after, std::time(nullptr)))
        object["days_left"] = *days;
    return object;
}

std::string how(const Entry& entry) {
    if (entry.by == "found") return "issued before there was a register";
    const char* way = entry.by == "invite"   ? "by invitation"
                      : entry.by == "sign"   ? "signed"
                      : entry.by == "rotate" ? "in place of an older one"
                                             : "made with the authority";
    return fmt::format("{} {}{}{}", entry.issued_at, way, entry.address.empty() ? "" : ", for ",
                       entry.address);
}

// What is to be said about its end; empty while that is far.
std::string ending(const Entry& entry) {
    const auto days = days_until(entry.not_after, std::time(nullptr));
    if (!days || *days >= expiry_notice_days) return {};
    return *days < 0 ? "EXPIRED" : fmt::format("EXPIRES in {} days", *days);
}

// Nobody says that one was dropped where they cannot be read.
bool is_trusted(const Expected<Authorities>& authorities, const std::string& serial) {
    if (!authorities) return true;
    const Certificates trusted = authorities->trusted();
    return std::any_of(trusted.begin(), trusted.end(), [&](const CertificatePtr& one) {
        return serial_number(one.get()) == serial;
    });
}

Entry unlisted(const Revoked& one) {
    Entry entry;
    entry.serial = one.serial;
    entry.use = "cluster";
    entry.name = one.name;
    entry.by = "found";
    return entry;
}

}  // namespace

std::string words_of_exchange(std::string_view stage) {
    if (stage == name_of(Stage::begun))
        return "The authority is being exchanged: both are trusted, the arbiter shows the old one "
               "(qcert rotate --authority switch).";
    if (stage == name_of(Stage::switched))
        return "The authority is being exchanged: the arbiter shows the new one, both are trusted "
               "(qcert rotate --authority finish).";
    return {};
}

int list(const Path& directory, bool as_json) {
    Expected<std::vector<Entry>> entries = known_certificates(directory);
    if (!entries) return report_error(entries.error());
    Expected<std::vector<Revoked>> revoked = read_revoked(directory);
    if (!revoked) return report_error(revoked.error());
    // Those from before the register are known by this list alone.
    for (const Revoked& one : *revoked)
        if (std::none_of(entries->begin(), entries->end(),
                         [&](const Entry& entry) { return entry.serial == one.serial; }))
            entries->push_back(unlisted(one));
    const Expected<std::vector<Renaming>> renamed = read_renamings(directory);
    if (!renamed) return report_error(renamed.error());
    const auto called_now = [names = cluster_names(*renamed)](const Entry& entry) {
        return entry.use == "cluster" ? present_name(names, entry.name) : entry.name;
    };
    // Without them, none of theirs would be listed either.
    const Expected<Authorities> authorities = read_authorities(directory);
    const char* stage = name_of(authorities ? authorities->stage() : Stage::none);
    if (as_json) {
        json all = json::array();
        for (const Entry& entry : *entries)
            all.push_back(to_json(entry, revoked_at(*revoked, entry), called_now(entry)));
        const json answer = {{"directory", directory.string()},
                             {"exchange", stage},
                             {"certificates", std::move(all)}};
        fmt::print("{}\n", answer.dump(2, ' ', false, json::error_handler_t::replace));
        return done;
    }
    for (const Entry& entry : *entries) {
        fmt::print("{:>5}  {} \"{}\": {}\n       until {}, {}\n", entry.serial, entry.use,
                   entry.name, how(entry), entry.not_after, entry.fingerprint);
        if (!entry.owner.empty()) fmt::print("       owner {}\n", entry.owner);
        if (const std::string present = called_now(entry); present != entry.name)
            fmt::print("       called \"{}\" now\n", present);
        if (!entry.authority.empty())
            fmt::print("       of authority {}{}\n", entry.authority,
                       is_trusted(authorities, entry.authority) ? "" : ", which was DROPPED");
        const std::string end = ending(entry);
        if (!end.empty()) fmt::print("       {}\n", end);
        const std::string when = revoked_at(*revoked, entry);
        if (!when.empty()) fmt::print("       REVOKED {}\n", when);
    }
    if (const std::string words = words_of_exchange(stage); !words.empty())
        fmt::print("{}\n", words);
    return done;
}

}  // namespace castvote::certs::tool
