// backup.cpp -- see backup.hpp. The file is JSON: names, and contents in base 64.
// SPDX-License-Identifier: BSD-3-Clause
#include "certs/backup.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>

#include "certs/identity.hpp"
#include "certs/layout.hpp"
#include "certs/names.hpp"
#include "certs/openssl.hpp"
#include "certs/register.hpp"
#include "certs/revoked.hpp"
#include "certs/x509.hpp"

namespace castvote::certs {
namespace {

using nlohmann::json;

constexpr const char* version_name = "castvote_backup";
constexpr int backup_version = 1;
constexpr std::size_t backup_bytes_max = 256 * 1024 * 1024;
// More certificates than that are not issued between a backup and its use.
constexpr long serials_skipped = 1000;

// What a directory must hold, and the modes of `qcert init`.
struct Known {
    const char* name;
    mode_t mode;
    bool is_needed;
};
constexpr std::array<Known, 12> known_files{{{layout::marker, 0640, false},
                                             {layout::serial, 0640, true},
                                             {layout::certificate_register, 0640, false},
                                             {layout::revoked, 0640, false},
                                             {layout::names, 0640, false},
                                             {layout::ca_export, 0644, true},
                                             {layout::ca_key, 0600, true},
                                             {layout::next_ca, 0644, false},
                                             {layout::next_ca_key, 0600, false},
                                             {layout::ca_before, 0644, false},
                                             {layout::server_key, 0640, true},
                                             {layout::server_certificate, 0644, true}}};

using Files = std::map<std::string, std::string>;  // name -> content

bool is_signed_file(const std::string& name) {
    return name.starts_with("cluster-") && name.ends_with(".crt") && name.find('/') == name.npos &&
           name.find('\0') == name.npos;
}

const Known* known(const std::string& name) {
    const auto found = std::find_if(known_files.begin(), known_files.end(),
                                    [&](const Known& one) { return name == one.name; });
    return found == known_files.end() ? nullptr : &*found;
}

std::string to_base64(const std::string& bytes) {
    std::string text((bytes.size() + 2) / 3 * 4 + 1, '\0');  // OpenSSL writes a zero behind it.
    const int size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                                     reinterpret_cast<const unsigned char*>(bytes.data()),
                                     static_cast<int>(bytes.size()));
    text.resize(static_cast<std::size_t>(size));
    return text;
}

std::optional<std::string> from_base64(const std::string& text) {
    std::string bytes(text.size(), '\0');
    const int size = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()),
                                     reinterpret_cast<const unsigned char*>(text.data()),
                                     static_cast<int>(text.size()));
    if (size < 0) return std::nullopt;
    const auto padding = static_cast<std::size_t>(text.ends_with("==") ? 2 : text.ends_with("="));
    bytes.resize(static_cast<std::size_t>(size) - padding);
    return bytes;
}

Expected<Files> files_in_directory(const Path& directory) {
    Files files;
    std::error_code failure;
    for (const auto& entry : std::filesystem::directory_iterator(directory, failure)) {
        const std::string name = entry.path().filename().string();
        if (known(name) == nullptr && !is_signed_file(name)) continue;
        Expected<std::string> bytes = read_file(entry.path(), backup_bytes_max);
        if (!bytes) return tl::unexpected<Error>(bytes.error());
        files.emplace(name, std::move(*bytes));
    }
    return files;
}

tl::unexpected<Error> no_backup(const Path& file, std::string_view why) {
    return fail(fmt::format("{} is no whole backup: {}", file.string(), why),
                "give a file that \"qcert backup\" has written");
}

Expected<Files> files_in_backup(const Path& file) {
    const Expected<std::string> text = read_file(file, backup_bytes_max);
    if (!text) return tl::unexpected<Error>(text.error());
    const json content = json::parse(*text, nullptr, /*allow_exceptions=*/false);
    if (!content.is_object() || content.value(version_name, json()) != backup_version)
        return no_backup(file, "it is not in that form");
    const auto list = content.find("files");
    if (list == content.end() || !list->is_object()) return no_backup(file, "it has no files");
    Files files;
    for (const auto& [name, value] : list->items()) {
        if (known(name) == nullptr && !is_signed_file(name))
            return no_backup(file, "a file in it is none of an arbiter's");
        if (!value.is_string()) return no_backup(file, name);
        auto bytes = from_base64(value.get<std::string>());
        if (!bytes) return no_backup(file, name);
        files.emplace(name, std::move(*bytes));
    }
    for (const Known& one : known_files)
        if (one.is_needed && !files.contains(one.name))
            return no_backup(file, fmt::format("{} is not in it", one.name));
    return files;
}

// Numbers that were given after the backup was made are not known here.
bool skip_serials(Files& files) {
    std::string& text = files[layout::serial];
    long last = 0;
    if (std::from_chars(text.data(), text.data() + text.size(), last).ec != std::errc())
        return false;
    text = fmt::format("{}\n", last + serials_skipped);
    return true;
}

// Has this directory's arbiter had an authority of the backup's? One that was exchanged stands in
// the register. What cannot be read is taken for it.
bool is_same_arbiter(const Path& directory, const Files& files) {
    if (!read_file(directory / layout::ca_export)) return true;
    const Expected<std::vector<Entry>> here = known_certificates(directory);
    if (!here) return true;
    for (const char* name : {layout::ca_export, layout::next_ca, layout::ca_before}) {
        const auto file = files.find(name);
        if (file == files.end()) continue;
        const Expected<CertificatePtr> ca = parse_certificate(file->second, name);
        if (!ca) continue;
        const std::string print = fingerprint(ca->get());
        if (std::any_of(here->begin(), here->end(),
                        [&](const Entry& entry) { return entry.fingerprint == print; }))
            return true;
    }
    return false;
}

// Who was revoked here after the backup was made stays so, where it is the same arbiter: serial
// numbers never repeat under its authorities.
Expected<void> keep_revoked(const Path& directory, Files& files) {
    if (is_missing(directory / layout::revoked) || !is_same_arbiter(directory, files)) return {};
    Expected<std::vector<Revoked>> here = read_revoked(directory);
    if (!here) return tl::unexpected<Error>(here.error());
    if (here->empty()) return {};
    std::vector<Revoked> all;
    if (const auto found = files.find(layout::revoked); found != files.end()) {
        Expected<std::vector<Revoked>> then = parse_revoked(found->second, layout::revoked);
        if (!then) return tl::unexpected<Error>(then.error());
        all = std::move(*then);
    }
    for (const Revoked& one : *here)
        if (std::none_of(all.begin(), all.end(),
                         [&](const Revoked& other) { return other.serial == one.serial; }))
            all.push_back(one);
    files[layout::revoked] = revoked_text(all);
    return {};
}

bool is_kept(const std::vector<Renaming>& here, const wire::ClusterNames& all) {
    const wire::ClusterNames names = cluster_names(here);
    return std::all_of(here.begin(), here.end(), [&](const Renaming& one) {
        return names.kept_as(one.is) == all.kept_as(one.is);
    });
}

// A name that a cluster has had here stays its name, whatever authority it is.
Expected<void> keep_names(const Path& directory, Files& files) {
    const Expected<std::vector<Renaming>> here = read_renamings(directory);
    if (!here) return tl::unexpected<Error>(here.error());
    if (here->empty()) return {};
    Expected<std::vector<Renaming>> all = here;
    if (const auto found = files.find(layout::names); found != files.end()) {
        const Expected<std::vector<Renaming>> then = parse_renamings(found->second, layout::names);
        if (!then) return tl::unexpected<Error>(then.error());
        for (const Renaming& one : *then)
            if (std::find(all->begin(), all->end(), one) == all->end()) all->push_back(one);
        std::stable_sort(all->begin(), all->end(), [](const Renaming& a, const Renaming& b) {
            return a.renamed_at < b.renamed_at;
        });
    }
    const std::string text = renamings_text(*all);
    const auto sound = parse_renamings(text, layout::names);
    // Under its first name a cluster has its records here.
    if (!sound || !is_kept(*here, cluster_names(*sound)))
        return fail(
            fmt::format("the renamed clusters in {} and in the backup contradict each other",
                        directory.string()),
            "see names.json in both; if nothing here is in use, move the directory away");
    files[layout::names] = text;
    return {};
}

Expected<void> write_files(const Path& directory, const Files& files, const Ownership& owner) {
    for (const auto& [name, bytes] : files) {
        const Known* one = known(name);
        const bool is_for_root = name == layout::ca_key || name == layout::next_ca_key;
        const Expected<void> written =
            write_file(directory / name, bytes, one != nullptr ? one->mode : 0640,
                       is_for_root ? Ownership{} : owner);
        if (!written) return written;
    }
    return {};
}

}  // namespace

Expected<Stored> back_up(const Path& directory, const Path& file) {
    if (is_there(file))
        return fail(fmt::format("{} already exists", file.string()), "name a new file");
    const Expected<ArbiterIdentity> identity = load_arbiter_identity(directory);
    if (!identity) return tl::unexpected<Error>(identity.error());
    const Expected<DirectoryLock> lock = DirectoryLock::take(directory);
    if (!lock) return tl::unexpected<Error>(lock.error());
    if (const auto revoked = read_revoked(directory); !revoked)
        return tl::unexpected<Error>(revoked.error());
    const Expected<Files> files = files_in_directory(directory);
    if (!files) return tl::unexpected<Error>(files.error());
    for (const Known& one : known_files)
        if (one.is_needed && !files->contains(one.name))
            return fail(fmt::format("{} is not in {}", one.name, directory.string()),
                        "without it an arbiter is not whole: look for an older backup");
    json list = json::object();
    for (const auto& [name, bytes] : *files) list[name] = to_base64(bytes);
    const json content = {{version_name, backup_version}, {"files", std::move(list)}};
    const Expected<void> written = write_file(file, content.dump(1) + "\n", 0600, std::nullopt);
    if (!written) return tl::unexpected<Error>(written.error());
    return Stored{file,
                  {"It holds the authority's private key in clear: whoever has it can make "
                   "certificates for all clusters."}};
}

Expected<Stored> restore(const Path& directory, const Path& file, Present present) {
    Expected<Files> files = files_in_backup(file);
    if (!files) return tl::unexpected<Error>(files.error());
    if (!skip_serials(*files)) return no_backup(file, layout::serial);
    if (present == Present::refuse && arbiter_format(directory) != Format::none)
        return fail(fmt::format("there are certificates in {} already", directory.string()),
                    "say --force to move them aside");
    std::optional<DirectoryLock> lock;  // nobody is revoked here between that and the exchange
    if (is_there(directory)) {
        Expected<DirectoryLock> taken = DirectoryLock::take(directory);
        if (!taken) return tl::unexpected<Error>(taken.error());
        lock.emplace(std::move(*taken));
    }
    if (const Expected<void> kept = keep_revoked(directory, *files); !kept)
        return tl::unexpected<Error>(kept.error());
    if (const Expected<void> kept = keep_names(directory, *files); !kept)
        return tl::unexpected<Error>(kept.error());
    const Ownership owner = arbiter_ownership(directory);
    const mode_t mode = mode_of(directory).value_or(0750);
    const Path parent = directory.parent_path().empty() ? Path(".") : directory.parent_path();
    const Expected<TemporaryDirectory> scratch = TemporaryDirectory::make(parent);
    if (!scratch) return tl::unexpected<Error>(scratch.error());
    const Path fresh = scratch->path() / "restored";
    const Expected<void> made = make_directory(fresh, mode, owner);
    if (!made) return tl::unexpected<Error>(made.error());
    if (const Expected<void> written = write_files(fresh, *files, owner); !written)
        return tl::unexpected<Error>(written.error());
    if (const auto identity = load_arbiter_identity(fresh); !identity)
        return no_backup(file, "its certificates do not fit together");
    const auto revoked = read_revoked(fresh);
    if (!revoked) return no_backup(file, revoked.error().what);
    if (!revoked->empty())
        if (const Expected<void> noted = expect_revoked(fresh, owner); !noted)
            return tl::unexpected<Error>(noted.error());
    if (const auto names = read_renamings(fresh); !names)
        return no_backup(file, names.error().what);
    if (const Expected<void> signing = check_signing(fresh, "any"); !signing)
        return no_backup(file, "the authority's key does not fit its certificate");
    const Path old = name_aside(directory, "before-restore");
    const Expected<bool> is_replaced = put_directory(fresh, directory, old);
    if (!is_replaced) return tl::unexpected<Error>(is_replaced.error());
    Stored stored{directory, {"Restart the arbiter to use them."}};
    if (*is_replaced) stored.notes.push_back(fmt::format("What was there is in {}", old.string()));
    return stored;
}

}  // namespace castvote::certs
