// names.cpp -- see names.hpp.
// SPDX-License-Identifier: BSD-3-Clause
#include "certs/names.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <optional>
#include <set>
#include <utility>

#include "certs/arbiter_directory.hpp"
#include "certs/issue.hpp"
#include "certs/layout.hpp"
#include "certs/list_file.hpp"
#include "certs/revoked.hpp"
#include "certs/x509.hpp"

namespace castvote::certs {
namespace {

constexpr std::array<Member<Renaming>, 3> names_members{
    {{"was", &Renaming::was}, {"is", &Renaming::is}, {"renamed_at", &Renaming::renamed_at}}};

constexpr ListFile<Renaming> names_file{
    layout::names, "renamed",
    // An entry takes about 130 bytes: more than a hundred thousand.
    16 * 1024 * 1024,
    "restore it from a backup; without it a renamed cluster would be two, with a vote each",
    names_members};

// No name may belong to two clusters.
ListFile<Renaming>::Judge names_judge() {
    return [names = wire::ClusterNames()](const Renaming& one) mutable {
        return check_cluster_name(one.was) && check_cluster_name(one.is) &&
               names.rename(one.was, one.is);
    };
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
    return names_file.write(directory, list, arbiter_ownership(directory));
}

}  // namespace

Expected<std::vector<Renaming>> parse_renamings(const std::string& text, const std::string& name) {
    return names_file.parse(text, name, names_judge());
}

std::string renamings_text(const std::vector<Renaming>& list) { return names_file.text(list); }

Expected<std::vector<Renaming>> read_renamings(const Path& directory) {
    return names_file.read(directory, names_judge());
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
    list->push_back({was, is, date(std::time(nullptr))});
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
