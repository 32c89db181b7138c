// exchange.hpp -- another certificate authority for the arbiter, by overlap of trust, in three
// steps.
//
// begin: there is a second one, whose certificates are taken, too; nodes that join get theirs from
// it and trust both. switch: the arbiter shows a certificate of it, and it alone signs. finish: the
// first one is not trusted any more. Repeating a step is fine; one that was broken off is completed
// by repeating it. The running arbiter must be told after each (certificates.md 7.9).
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <string>
#include <vector>

#include "certs/authorities.hpp"
#include "certs/error.hpp"
#include "certs/files.hpp"

namespace castvote::certs {

enum class Step { begin, switch_over, finish };

// What a step has still to write; the numbers and register entries that it needs are written when
// it is handed out. `file`: what the operator may want to look at.
struct StepPlan {
    bool was_done = false;
    Path file;
    std::vector<FileChange> changes;
};

// Errors: it is not the turn of this step. Under the directory's lock.
Expected<StepPlan> plan_step(const Path& directory, Step step);

// Has this step still to be taken? Errors as plan_step's; writes nothing.
Expected<bool> is_turn_of(const Path& directory, Step step);

// Takes the lock, plans, carries out.
Expected<StepPlan> take_step(const Path& directory, Step step);

// Nodes that would be left behind: certificates of a cluster that are of an older authority,
// neither revoked nor expired, and more of them than the newest has issued for the same cluster at
// the same address and its nodes have stored. Nodes that share an address are told by their number
// alone. Signed by hand, keys count instead, and several old ones are always told: which of them
// are in use is not known here. A certificate in nobody's use any more is out of this by being
// revoked.
struct LeftBehind {
    std::string cluster;
    std::string owner;  // empty where the certificates were signed by hand: a new key, a new owner
    std::string address;               // the same
    std::vector<std::string> serials;  // of the older authority
    std::size_t renewed = 0;           // certificates, or keys, of the newest
};

Expected<std::vector<LeftBehind>> left_behind(const Path& directory);

}  // namespace castvote::certs
