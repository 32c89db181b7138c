// names.cpp -- see names.hpp.
// SPDX-License-Identifier: BSD-3-Clause
#include "certs/names.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <ctime>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <utility>

#include "certs/arbiter_directory.hpp"
#include "certs/issue.hpp"
#include "certs/layout.hpp"
#include "certs/revoked.hpp"
#include "certs/x509.hpp"

namespace castvote::certs {
namespace {

using nlohmann::json;

constexpr int names_version = 1;
// An entry takes about 150 bytes: more than a hundred thousand.
constexpr std::size_t names_bytes_max = 16 * 1024 * 1024;

tl::unexpected<Error> damaged_names(const std::string& name, std::string_view why) {
    return fail(fmt::format("{} is damaged: {}", name, why),
                "restore it from a backup; without it a renamed cluster would be two, with a vote "
                "each");
}

std::optional<Renaming> renaming_of(const json& object) {
    if (!object.is_object()) return std::nullopt;
    Renaming one;
    for (const auto& [name, place] :
         {std::pair("was", &one.was), std::pair("is", &one.is),
          std::pair("renamed_at", &one.renamed_at), std::pair("by", &one.by)}) {
        const auto found = object.find(name);
        if (found == object.end() || !found->is_string()) return std::nullopt;
        *place = found->get<std::string>();
    }
    return one;
}

bool is_one_of(const std::vector<std::string>& names, const std::string& wanted) {
    return std::any_of(names.begin(), names.end(),
                       [&](const std::string& name) { return equal_without_case(name, wanted); });
}

// What may still connect, under these names.
std::vector<Entry> valid_of(const std::vector<Entry>& known, const std::vector<Revoked>& revoked,
                            const std::vector<std::string>& names) {
    std::vector<Entry> valid;
    for (const Entry& entry : known)
        if (entry.use == "cluster" && is_one_of(names, entry.name) &&
            std::none_of(revoked.begin(), revoked.end(),
                         [&](const Revoked& one) { return one.serial == entry.serial; }))
            valid.push_back(entry);
    return valid;
}

// What is known of clusters, besides the list.
struct Facts {
    std::vector<Entry> known;
    std::vector<Revoked> revoked;
    const std::vector<std::string>& running;
};

Expected<void> check_old_name(const std::string& was, const std::vector<std::string>& names,
                              const Facts& facts) {
    const std::vector<Entry> valid = valid_of(facts.known, facts.revoked, names);
    if (names.size() == 1 && valid.empty() &&
        std::find(facts.running.begin(), facts.running.end(), was) == facts.running.end())
        return fail(fmt::format("no cluster \"{}\" is known here", was),
                    "see \"qcert list\", and \"qnetd-tool list\" for those without certificates, "
                    "which must be connected");
    std::set<std::string> owners;
    for (const Entry& entry : valid) owners.insert(entry.owner);
    if (owners.size() > 1)
        return fail(fmt::format("{} clusters \"{}\" have certificates, and a name is taken for one "
                                "of them only when the other is gone",
                                owners.size(), was),
                    "revoke what is not used any more (\"qcert list\", \"qcert revoke\"), or give "
                    "the one that changes certificates of its new name: \"qcert invite\"");
    return {};
}

Expected<void> check_new_name(const std::string& is, const std::vector<std::string>& names,
                              const Facts& facts) {
    if (std::find(facts.running.begin(), facts.running.end(), is) != facts.running.end())
        return fail(
            fmt::format("the arbiter knows a cluster \"{}\": its nodes are connected, or may count "
                        "the vote",
                        is),
            "choose another name; if that cluster is to go, stop it first, see \"qnetd-tool "
            "list\"");
    if (!is_one_of(names, is) && !valid_of(facts.known, facts.revoked, {is}).empty())
        return fail(fmt::format("there are certificates of a cluster \"{}\"", is),
                    fmt::format("choose another name, or \"qcert revoke --cluster\" that one, if "
                                "it is no more"));
    return {};
}

// The arbiter tells names apart by their letters, certificates do not: with the wrong spelling the
// cluster would go on beside the one that is renamed.
Expected<void> check_spelling(const std::string& name, const std::vector<std::string>& own,
                              const wire::ClusterNames& listed, const Facts& facts) {
    std::vector<std::string> others = facts.running;
    others.push_back(listed.spelled(name));
    for (const std::string& other : others)
        if (other != name && equal_without_case(other, name) &&
            std::find(own.begin(), own.end(), other) == own.end())
            return fail(fmt::format("there is a cluster \"{}\": \"{}\" differs from it in case "
                                    "only, which the arbiter takes for another name",
                                    other, name),
                        fmt::format("say \"{}\" if you mean that one, as its corosync.conf does, "
                                    "or choose another name",
                                    other));
    return {};
}

Expected<void> write_list(const Path& directory, const std::vector<Renaming>& list) {
    return write_file(directory / layout::names, renamings_text(list), 0640,
                      arbiter_ownership(directory));
}

}  // namespace

Expected<std::vector<Renaming>> parse_renamings(const std::string& text, const std::string& name) {
    const json content = json::parse(text, nullptr, /*allow_exceptions=*/false);
    if (!content.is_object()) return damaged_names(name, "it is no JSON object");
    const auto version = content.find("version");
    if (version == content.end() || *version != names_version)
        return damaged_names(name, "its version is not 1");
    const auto list = content.find("renamed");
    if (list == content.end() || !list->is_array()) return damaged_names(name, "it has no list");
    std::vector<Renaming> all;
    wire::ClusterNames names;
    for (const json& object : *list) {
        auto one = renaming_of(object);
        if (!one || !check_cluster_name(one->was) || !check_cluster_name(one->is) ||
            !names.rename(one->was, one->is))
            return damaged_names(name, fmt::format("entry {}", all.size() + 1));
        all.push_back(std::move(*one));
    }
    return all;
}

std::string renamings_text(const std::vector<Renaming>& list) {
    json all = json::array();
    for (const Renaming& one : list)
        all.push_back(
            {{"was", one.was}, {"is", one.is}, {"renamed_at", one.renamed_at}, {"by", one.by}});
    const json content = {{"version", names_version}, {"renamed", std::move(all)}};
    return content.dump(1, ' ', false, json::error_handler_t::replace) + "\n";
}

Expected<std::vector<Renaming>> read_renamings(const Path& directory) {
    const Path file = directory / layout::names;
    // Only what is not there renames nothing; what cannot be looked at does not.
    std::error_code unknown;
    if (std::filesystem::symlink_status(file, unknown).type() ==
        std::filesystem::file_type::not_found)
        return std::vector<Renaming>{};
    const Expected<std::string> text = read_file(file, names_bytes_max);
    if (!text) return tl::unexpected<Error>(text.error());
    return parse_renamings(*text, file.string());
}

wire::ClusterNames cluster_names(const std::vector<Renaming>& list) {
    wire::ClusterNames names;
    for (const Renaming& one : list) names.rename(one.was, one.is);
    return names;
}

std::string present_name(const wire::ClusterNames& names, const std::string& name) {
    return names.present(names.spelled(name));
}

Expected<void> check_present_name(const Path& directory, std::string_view cluster) {
    const Expected<std::vector<Renaming>> list = read_renamings(directory);
    if (!list) return tl::unexpected<Error>(list.error());
    const std::string present = present_name(cluster_names(*list), std::string(cluster));
    if (equal_without_case(present, cluster)) return {};
    return fail(
        fmt::format("the cluster \"{}\" is called \"{}\" now: another one with its old name "
                    "would be taken for it",
                    cluster, present),
        fmt::format("say \"{}\" if you mean that cluster, or give the other one a name that "
                    "none has had",
                    present));
}

std::vector<Entry> by_present_names(std::vector<Entry> entries, const std::vector<Renaming>& list) {
    const wire::ClusterNames names = cluster_names(list);
    for (Entry& entry : entries)
        if (entry.use == "cluster") entry.name = present_name(names, entry.name);
    return entries;
}

Expected<Rename> rename_cluster(const Path& directory, const std::string& was,
                                const std::string& is, const std::vector<std::string>& running) {
    for (const std::string& name : {was, is})
        if (const Expected<void> good = check_cluster_name(name); !good)
            return tl::unexpected<Error>(good.error());
    const Expected<DirectoryLock> lock = DirectoryLock::take(directory);
    if (!lock) return tl::unexpected<Error>(lock.error());
    Expected<std::vector<Renaming>> list = read_renamings(directory);
    if (!list) return tl::unexpected<Error>(list.error());
    wire::ClusterNames names = cluster_names(*list);
    const wire::ClusterNames before = names;
    const std::vector<std::string> had = names.all(was);
    if (had.size() > 1 && had.back() == is) {
        const auto last = std::find_if(list->rbegin(), list->rend(),
                                       [&](const Renaming& one) { return one.is == is; });
        return Rename{*last, /*was_done_before=*/true};
    }
    Expected<std::vector<Entry>> known = known_certificates(directory);
    if (!known) return tl::unexpected<Error>(known.error());
    Expected<std::vector<Revoked>> revoked = read_revoked(directory);
    if (!revoked) return tl::unexpected<Error>(revoked.error());
    if (!names.rename(was, is))
        return fail(was == is ? std::string("the two names are the same")
                              : fmt::format("\"{}\" is a name of another renamed cluster", is),
                    "choose another name");
    // One that it had before has been its own ever since.
    if (std::find(had.begin(), had.end(), is) == had.end()) {
        const Facts facts{std::move(*known), std::move(*revoked), running};
        for (const std::string& name : names.all(was))
            if (const Expected<void> good = check_spelling(name, had, before, facts); !good)
                return tl::unexpected<Error>(good.error());
        if (const Expected<void> old = check_old_name(was, had, facts); !old)
            return tl::unexpected<Error>(old.error());
        if (const Expected<void> fresh = check_new_name(is, had, facts); !fresh)
            return tl::unexpected<Error>(fresh.error());
    }
    list->push_back({was, is, date(std::time(nullptr)), "rename"});
    const Expected<void> written = write_list(directory, *list);
    if (!written) return tl::unexpected<Error>(written.error());
    return Rename{list->back(), false};
}

Expected<void> withdraw(const Path& directory, const Renaming& refused) {
    const Expected<DirectoryLock> lock = DirectoryLock::take(directory);
    if (!lock) return tl::unexpected<Error>(lock.error());
    Expected<std::vector<Renaming>> list = read_renamings(directory);
    if (!list) return tl::unexpected<Error>(list.error());
    if (list->empty() || list->back() != refused)
        return fail("others have changed the list of names meanwhile", "see \"qcert list\"");
    list->pop_back();
    return write_list(directory, *list);
}

Expected<void> write_back(const Path& directory, const Renaming& withdrawn) {
    const Expected<DirectoryLock> lock = DirectoryLock::take(directory);
    if (!lock) return tl::unexpected<Error>(lock.error());
    Expected<std::vector<Renaming>> list = read_renamings(directory);
    if (!list) return tl::unexpected<Error>(list.error());
    if (!cluster_names(*list).rename(withdrawn.was, withdrawn.is))
        return fail("others have changed the list of names meanwhile", "see \"qcert list\"");
    list->push_back(withdrawn);
    return write_list(directory, *list);
}

}  // namespace castvote::certs
