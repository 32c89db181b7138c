// revoked.cpp -- see revoked.hpp.
// SPDX-License-Identifier: BSD-3-Clause
#include "certs/revoked.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <ctime>
#include <nlohmann/json.hpp>
#include <optional>

#include "certs/arbiter_directory.hpp"
#include "certs/layout.hpp"
#include "certs/register.hpp"
#include "certs/x509.hpp"

namespace castvote::certs {
namespace {

using nlohmann::json;

constexpr int list_version = 1;
// An entry takes about 100 bytes: more than a hundred thousand.
constexpr std::size_t revoked_bytes_max = 16 * 1024 * 1024;

tl::unexpected<Error> damaged_list(const std::string& name, std::string_view why) {
    return fail(fmt::format("{} is damaged: {}", name, why),
                "restore it from a backup; moving it away lets in again whoever was revoked");
}

std::optional<Revoked> revoked_of(const json& object) {
    if (!object.is_object()) return std::nullopt;
    Revoked one;
    for (const auto& [name, place] :
         {std::pair("serial", &one.serial), std::pair("name", &one.name),
          std::pair("revoked_at", &one.revoked_at)}) {
        const auto found = object.find(name);
        if (found == object.end() || !found->is_string()) return std::nullopt;
        *place = found->get<std::string>();
    }
    if (one.serial.empty()) return std::nullopt;
    return one;
}

// As X.509 counts: one spelling for one number, or the daemon would look for another one.
std::optional<long> number_in(const std::string& serial) {
    long number = 0;
    const char* past = serial.data() + serial.size();
    const auto [end, error] = std::from_chars(serial.data(), past, number);
    if (error != std::errc() || end != past || std::to_string(number) != serial)
        return std::nullopt;
    return number;
}

// The cluster of a certificate that may be revoked.
Expected<std::string> cluster_of(const std::vector<Entry>& known, long last,
                                 const std::string& serial) {
    const auto number = number_in(serial);
    if (!number)
        return fail(fmt::format("\"{}\" is no serial number", serial), "see \"qcert list\"");
    const auto entry = std::find_if(known.begin(), known.end(),
                                    [&](const Entry& one) { return one.serial == serial; });
    // One that is not known is from before the register, or it is still to come: that one must not
    // be born dead.
    if (entry == known.end() && (*number < 1 || *number > last))
        return fail(fmt::format("no certificate with the serial number {} was issued here", serial),
                    "see \"qcert list\"");
    if (entry == known.end()) return std::string();
    if (entry->use == "cluster") return entry->name;
    return fail(fmt::format("{} is the serial number of the arbiter's own {}", serial,
                            entry->use == "authority" ? "authority" : "certificate"),
                "only certificates of clusters are revoked");
}

}  // namespace

Expected<std::vector<Revoked>> parse_revoked(const std::string& text, const std::string& name) {
    const json content = json::parse(text, nullptr, /*allow_exceptions=*/false);
    if (!content.is_object()) return damaged_list(name, "it is no JSON object");
    const auto version = content.find("version");
    if (version == content.end() || *version != list_version)
        return damaged_list(name, "its version is not 1");
    const auto list = content.find("revoked");
    if (list == content.end() || !list->is_array()) return damaged_list(name, "it has no list");
    std::vector<Revoked> all;
    for (const json& object : *list) {
        auto one = revoked_of(object);
        if (!one) return damaged_list(name, fmt::format("entry {}", all.size() + 1));
        all.push_back(std::move(*one));
    }
    return all;
}

std::string revoked_text(const std::vector<Revoked>& list) {
    json all = json::array();
    for (const Revoked& one : list)
        all.push_back({{"serial", one.serial}, {"name", one.name}, {"revoked_at", one.revoked_at}});
    const json content = {{"version", list_version}, {"revoked", std::move(all)}};
    return content.dump(1, ' ', false, json::error_handler_t::replace) + "\n";
}

Expected<std::vector<Revoked>> read_revoked(const Path& directory) {
    const Path file = directory / layout::revoked;
    // Only what is not there revokes nobody; what cannot be looked at does not.
    std::error_code unknown;
    if (std::filesystem::symlink_status(file, unknown).type() ==
        std::filesystem::file_type::not_found)
        return std::vector<Revoked>{};
    const Expected<std::string> text = read_file(file, revoked_bytes_max);
    if (!text) return tl::unexpected<Error>(text.error());
    return parse_revoked(*text, file.string());
}

Expected<Revocation> revoke(const Path& directory, const std::vector<std::string>& serials) {
    if (arbiter_format(directory) != Format::pem)
        return fail(fmt::format("there is no certificate authority in {}", directory.string()),
                    "name the arbiter's directory with --dir");
    const Expected<DirectoryLock> lock = DirectoryLock::take(directory);
    if (!lock) return tl::unexpected<Error>(lock.error());
    Expected<std::vector<Revoked>> all = read_revoked(directory);
    if (!all) return tl::unexpected<Error>(all.error());
    const Expected<std::vector<Entry>> known = known_certificates(directory);
    if (!known) return tl::unexpected<Error>(known.error());
    const Expected<long> last = last_serial(directory);
    if (!last) return tl::unexpected<Error>(last.error());
    const std::string now = date(std::time(nullptr));
    Revocation done;
    for (const std::string& serial : serials) {
        const Expected<std::string> cluster = cluster_of(*known, *last, serial);
        if (!cluster) return tl::unexpected<Error>(cluster.error());
        const auto before = std::find_if(all->begin(), all->end(),
                                         [&](const Revoked& one) { return one.serial == serial; });
        if (before != all->end()) {
            done.before.push_back(*before);
            continue;
        }
        done.added.push_back({serial, *cluster, now});
        all->push_back(done.added.back());
    }
    if (done.added.empty()) return done;
    const Expected<void> written = write_file(directory / layout::revoked, revoked_text(*all), 0640,
                                              arbiter_ownership(directory));
    if (!written) return tl::unexpected<Error>(written.error());
    return done;
}

}  // namespace castvote::certs
