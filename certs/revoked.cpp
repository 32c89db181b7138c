// revoked.cpp -- see revoked.hpp.
// SPDX-License-Identifier: BSD-3-Clause
#include "certs/revoked.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <ctime>
#include <optional>

#include "certs/arbiter_directory.hpp"
#include "certs/layout.hpp"
#include "certs/list_file.hpp"
#include "certs/register.hpp"
#include "certs/x509.hpp"

namespace castvote::certs {
namespace {

constexpr std::array<Member<Revoked>, 3> revoked_members{
    {{"serial", &Revoked::serial}, {"name", &Revoked::name}, {"revoked_at", &Revoked::revoked_at}}};

constexpr ListFile<Revoked> revoked_file{
    layout::revoked, "revoked",
    // An entry takes about 100 bytes: more than a hundred thousand.
    16 * 1024 * 1024, "restore it from a backup; moving it away lets in again whoever was revoked",
    revoked_members};

bool is_sound_revocation(const Revoked& one) { return !one.serial.empty(); }

bool is_revoking(const Entry& entry) { return !entry.revokes.empty(); }

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
    return revoked_file.parse(text, name, is_sound_revocation);
}

std::string revoked_text(const std::vector<Revoked>& list) { return revoked_file.text(list); }

Expected<std::vector<Revoked>> read_revoked(const Path& directory) {
    if (!is_missing(directory / layout::revoked))
        return revoked_file.read(directory, is_sound_revocation);
    const Expected<std::vector<Entry>> known = read_register(directory);
    if (!known) return tl::unexpected<Error>(known.error());
    if (std::none_of(known->begin(), known->end(), is_revoking)) return std::vector<Revoked>{};
    return fail(fmt::format("{} is missing: {} says that certificates were revoked",
                            (directory / layout::revoked).string(), layout::certificate_register),
                R"(restore it from a backup; without one, write {"version": 1, "revoked": []} )"
                "into it, and revoke again whom you do not want back");
}

// All authorities, since it is not known of each number whose it is.
Expected<void> expect_revoked(const Path& directory, std::optional<Ownership> owner) {
    Expected<std::vector<Entry>> known = known_certificates(directory);
    if (!known) return tl::unexpected<Error>(known.error());
    if (std::any_of(known->begin(), known->end(), is_revoking)) return {};
    for (Entry& entry : *known)
        if (entry.use == "authority") entry.revokes = "yes";
    std::erase_if(*known,
                  [](const Entry& entry) { return entry.by == "found" && !is_revoking(entry); });
    return write_register(directory, *known, owner);
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
    const Ownership owner = arbiter_ownership(directory);
    if (!done.added.empty())
        if (const auto written = revoked_file.write(directory, *all, owner); !written)
            return tl::unexpected<Error>(written.error());
    if (const Expected<void> noted = expect_revoked(directory, owner); !noted)
        return tl::unexpected<Error>(noted.error());
    return done;
}

}  // namespace castvote::certs
