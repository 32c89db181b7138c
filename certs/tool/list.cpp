// list.cpp -- qcert list: what the arbiter's CA has issued, in words or as JSON.
// SPDX-License-Identifier: BSD-3-Clause
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "certs/register.hpp"
#include "certs/tool/tool.hpp"

namespace castvote::certs::tool {
namespace {

using nlohmann::json;

json to_json(const Entry& entry) {
    json object = {{"serial", entry.serial},
                   {"use", entry.use},
                   {"name", entry.name},
                   {"by", entry.by},
                   {"fingerprint", entry.fingerprint},
                   {"not_after", entry.not_after}};
    if (!entry.owner.empty()) object["owner"] = entry.owner;
    if (!entry.issued_at.empty()) object["issued_at"] = entry.issued_at;
    if (!entry.address.empty()) object["address"] = entry.address;
    return object;
}

std::string how(const Entry& entry) {
    if (entry.by == "found") return "issued before there was a register";
    const char* way = entry.by == "invite" ? "by invitation"
                      : entry.by == "sign" ? "signed"
                                           : "made with the authority";
    return fmt::format("{} {}{}{}", entry.issued_at, way, entry.address.empty() ? "" : ", for ",
                       entry.address);
}

}  // namespace

int list(const Path& directory, bool as_json) {
    const Expected<std::vector<Entry>> entries = known_certificates(directory);
    if (!entries) return report_error(entries.error());
    if (as_json) {
        json all = json::array();
        for (const Entry& entry : *entries) all.push_back(to_json(entry));
        const json answer = {{"directory", directory.string()}, {"certificates", std::move(all)}};
        fmt::print("{}\n", answer.dump(2, ' ', false, json::error_handler_t::replace));
        return done;
    }
    for (const Entry& entry : *entries) {
        fmt::print("{:>5}  {} \"{}\": {}\n       until {}, {}\n", entry.serial, entry.use,
                   entry.name, how(entry), entry.not_after, entry.fingerprint);
        if (!entry.owner.empty()) fmt::print("       owner {}\n", entry.owner);
    }
    return done;
}

}  // namespace castvote::certs::tool
