// exchange.cpp -- see exchange.hpp.
// SPDX-License-Identifier: BSD-3-Clause
#include "certs/exchange.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <ctime>
#include <map>
#include <set>
#include <tuple>

#include "certs/arbiter_directory.hpp"
#include "certs/issuing.hpp"
#include "certs/layout.hpp"
#include "certs/pair.hpp"
#include "certs/register.hpp"
#include "certs/revoked.hpp"

namespace castvote::certs {
namespace {

std::string export_text(X509* authority) { return to_text(authority) + to_pem(authority); }

// From here on the register says of everything whose it is, also of what was only found: its
// authority is not there for ever.
Expected<void> register_next(const Path& directory, X509* present, X509* next, std::time_t now,
                             const Ownership& owner) {
    Expected<std::vector<Entry>> entries = known_certificates(directory);
    if (!entries) return tl::unexpected<Error>(entries.error());
    for (Entry& entry : *entries)
        if (entry.authority.empty() && entry.use != "authority")
            entry.authority = serial_number(present);
    entries->push_back(entry_for(next, nullptr, "rotate", now));
    return write_register(directory, *entries, owner);
}

Expected<StepPlan> plan_begin(const Path& directory, const Authorities& authorities) {
    const Path file = directory / layout::next_ca;
    const Expected<Signer> present = load_signer(directory, Which::present);
    if (!present) return tl::unexpected<Error>(present.error());
    if (const Expected<void> later = check_renewal(directory); !later)
        return tl::unexpected<Error>(later.error());
    const Ownership owner = arbiter_ownership(directory);
    const Expected<long> serial = take_serial(directory, owner);
    if (!serial) return tl::unexpected<Error>(serial.error());
    const std::time_t now = std::time(nullptr);
    const KeyPtr key = make_key();
    const CertificatePtr next =
        make_ca(key.get(), *serial, now, fmt::format("{} {}", layout::ca_name, *serial));
    const Expected<void> registered =
        register_next(directory, authorities.present.get(), next.get(), now, owner);
    if (!registered) return tl::unexpected<Error>(registered.error());
    // The certificate's file last: it says that the exchange has begun.
    return StepPlan{false,
                    file,
                    {{directory / layout::next_ca_key, to_pem(key.get()), 0600, Ownership{}},
                     {file, export_text(next.get()), 0644, owner}}};
}

// What is trusted grows before it shrinks, so that every file on the way fits all others.
Expected<StepPlan> plan_switch(const Path& directory, const Authorities& authorities) {
    StepPlan plan{false, directory / layout::ca_export, {}};
    const Expected<Signer> present = load_signer(directory, Which::present);
    if (!present) return tl::unexpected<Error>(present.error());
    const Expected<Signer> next = load_signer(directory, Which::newest);
    if (!next) return tl::unexpected<Error>(next.error());
    const Ownership owner = arbiter_ownership(directory);
    Expected<std::vector<FileChange>> renewal = server_renewal(directory, *next, owner);
    if (!renewal) return tl::unexpected<Error>(renewal.error());
    plan.changes = std::move(*renewal);
    // Broken off behind this, the one before is there already.
    if (!is_same(authorities.present.get(), authorities.next.get()))
        plan.changes.push_back(
            {directory / layout::ca_before, export_text(authorities.present.get()), 0644, owner});
    const Pair pair{
        .certificate = {directory / layout::ca_export, export_text(next->certificate.get()), 0644,
                        owner},
        .key = {directory / layout::ca_key, to_pem(next->key.get()), 0600, Ownership{}}};
    for (FileChange& change : exchange_steps(pair, to_pem(present->key.get())))
        plan.changes.push_back(std::move(change));
    plan.changes.push_back({directory / layout::next_ca, std::nullopt});
    plan.changes.push_back({directory / layout::next_ca_key, std::nullopt});
    return plan;
}

StepPlan plan_finish(const Path& directory) {
    return {false,
            directory / layout::ca_export,
            {{directory / layout::next_ca_key, std::nullopt},  // a switch was broken off
             {directory / layout::ca_before, std::nullopt}}};
}

// Errors: this is not its turn.
Expected<bool> is_due(Stage stage, Step step) {
    switch (step) {
        case Step::begin:
            if (stage != Stage::switched) return stage == Stage::none;
            return fail("the exchange before this one is not over",
                        "\"qcert rotate --authority finish\" first");
        case Step::switch_over:
            if (stage != Stage::none) return stage == Stage::begun;
            return fail("there is no second authority",
                        "\"qcert rotate --authority begin\" makes one");
        case Step::finish:
            if (stage != Stage::begun) return stage == Stage::switched;
            return fail("the arbiter still shows a certificate of the authority that is to go",
                        "\"qcert rotate --authority switch\" first");
    }
    return false;
}

Expected<Authorities> authorities_in(const Path& directory) {
    if (arbiter_format(directory) == Format::pem) return read_authorities(directory);
    return fail(fmt::format("there is no certificate authority in {}", directory.string()),
                "name the arbiter's directory with --dir, or make one with \"qcert init\"");
}

// What a power cut left of keys that were being written, so that none outlives its authority.
Expected<void> sweep_keys(const Path& directory) {
    for (const char* key : {layout::ca_key, layout::next_ca_key, layout::server_key})
        if (const auto swept = remove_unfinished(directory / key); !swept) return swept;
    return {};
}

bool is_revoked(const std::vector<Revoked>& revoked, const Entry& entry) {
    return std::any_of(revoked.begin(), revoked.end(),
                       [&](const Revoked& one) { return one.serial == entry.serial; });
}

// Who has certificates of which authority: each is one at an address; signed by hand they are as
// many as there are keys, since all nodes of a cluster share one.
struct Holders {
    LeftBehind told;
    std::set<std::string> old, renewed;
    bool is_left_behind() const {
        // Two clusters of one name, or a key and the one after it: only who has signed them knows.
        const bool is_unclear = told.address.empty() && old.size() > 1;
        return is_unclear || old.size() > renewed.size();
    }
};

std::string lower(std::string text) {
    for (char& c : text)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
    return text;
}

}  // namespace

Expected<bool> is_turn_of(const Path& directory, Step step) {
    const Expected<Authorities> authorities = authorities_in(directory);
    if (!authorities) return tl::unexpected<Error>(authorities.error());
    return is_due(authorities->stage(), step);
}

Expected<StepPlan> plan_step(const Path& directory, Step step) {
    const Expected<Authorities> authorities = authorities_in(directory);
    if (!authorities) return tl::unexpected<Error>(authorities.error());
    const Expected<bool> due = is_due(authorities->stage(), step);
    if (!due) return tl::unexpected<Error>(due.error());
    if (!*due)
        return StepPlan{
            true, directory / (step == Step::begin ? layout::next_ca : layout::ca_export), {}};
    switch (step) {
        case Step::begin: return plan_begin(directory, *authorities);
        case Step::switch_over: return plan_switch(directory, *authorities);
        case Step::finish: break;
    }
    return plan_finish(directory);
}

Expected<StepPlan> take_step(const Path& directory, Step step) {
    if (const Expected<bool> due = is_turn_of(directory, step); !due)
        return tl::unexpected<Error>(due.error());
    const Expected<DirectoryLock> lock = DirectoryLock::take(directory);
    if (!lock) return tl::unexpected<Error>(lock.error());
    if (const Expected<void> swept = sweep_keys(directory); !swept)
        return tl::unexpected<Error>(swept.error());
    Expected<StepPlan> plan = plan_step(directory, step);
    if (!plan) return plan;
    if (const Expected<void> done = carry_out(plan->changes); !done)
        return tl::unexpected<Error>(done.error());
    return plan;
}

Expected<std::vector<LeftBehind>> left_behind(const Path& directory) {
    const Expected<Authorities> authorities = read_authorities(directory);
    if (!authorities) return tl::unexpected<Error>(authorities.error());
    if (authorities->stage() == Stage::none) return std::vector<LeftBehind>{};
    const Expected<std::vector<Entry>> entries = known_certificates(directory);
    if (!entries) return tl::unexpected<Error>(entries.error());
    const Expected<std::vector<Revoked>> revoked = read_revoked(directory);
    if (!revoked) return tl::unexpected<Error>(revoked.error());
    const std::string newest = serial_number(authorities->newest());
    const std::time_t now = std::time(nullptr);
    std::map<std::tuple<std::string, std::string, std::string>, Holders> groups;
    for (const Entry& entry : *entries) {
        if (entry.use != "cluster" || is_revoked(*revoked, entry)) continue;
        const bool is_by_hand = entry.address.empty();
        const std::string owner = is_by_hand ? "" : entry.owner;
        Holders& group = groups[{lower(entry.name), owner, entry.address}];
        LeftBehind& told = group.told;
        if (told.cluster.empty()) told = {entry.name, owner, entry.address, {}, 0};
        const std::string& holder = is_by_hand ? entry.owner : entry.serial;
        if (entry.authority == newest) {
            if (entry.stored != "no") group.renewed.insert(holder);
        } else if (days_until(entry.not_after, now).value_or(0) >= 0) {
            told.serials.push_back(entry.serial);
            group.old.insert(holder);
        }
    }
    std::vector<LeftBehind> list;
    for (auto& [key, group] : groups) {
        group.told.renewed = group.renewed.size();
        if (group.is_left_behind()) list.push_back(std::move(group.told));
    }
    return list;
}

}  // namespace castvote::certs
