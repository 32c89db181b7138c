// record.hpp -- what must outlive this process, one value per cluster (rule R3 in docs/safety.md).
//
// A record names every node that may still count the vote when the process ends, at any moment. It
// is conservative: what changes without a new grant (echoes, connections that come and go, the same
// vote told again) is not written, so a restored holder counts as heard until the restart. Where
// and how a record is kept is the store's business. Instants are those of the clock that wrote it.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <map>
#include <optional>
#include <string>

#include "qnetd/core/ledger.hpp"

namespace castvote::qnetd {

struct Record {
    std::uint64_t grant_number = 0;     // of the last new grant; each is greater than all before
    std::optional<Ring> granted;        // which was given the vote last: keep-active survives
    std::optional<Instant> guard_from;  // nothing is known of grants made before this
    std::map<NodeId, Holder> holders;   // unreleased
    std::map<NodeId, Word> words;
    std::map<NodeId, Instant> known_from;

    // Nothing to remember: it needs no row.
    bool is_empty() const { return holders.empty() && !granted && !guard_from; }
    bool operator==(const Record&) const = default;
};

// What of it a restart needs; the rest are times.
struct Gist {
    std::uint64_t grant_number;
    const std::optional<Ring>& granted;
    const std::optional<Instant>& guard_from;
    const std::map<NodeId, Holder>& holders;
};

// Would `written` serve a restart as well as a record of that gist?
bool says_the_same(const Record& written, const Gist& wanted);

struct Restored {
    Record record;
    // Its instants are of the clock that runs now: the machine was not started anew since.
    bool is_same_clock = false;
};

// What a store knows at the start.
struct Memory {
    // For clusters without a record: nothing is known of grants before this. None: the store is
    // complete, and no record means that nothing is granted.
    std::optional<Instant> guard_from;
    std::map<std::string, Restored> records;
    // Not less than any that was ever given, also to clusters whose record is gone.
    std::uint64_t last_grant_number = 0;
};

}  // namespace castvote::qnetd
