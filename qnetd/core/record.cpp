// record.cpp -- see record.hpp.
// SPDX-License-Identifier: BSD-3-Clause
#include "qnetd/core/record.hpp"

#include <algorithm>

namespace castvote::qnetd {

namespace {

// Of whom a restart will want proof in any case, that it is not wanted now is not worth a write.
bool says_the_same(const Holder& written, const Holder& wanted) {
    if (written.grant != wanted.grant || written.timers != wanted.timers ||
        written.is_restored != wanted.is_restored)
        return false;
    return Ledger::wants_proof_after_restart(wanted) ||
           (written.is_confirmed == wanted.is_confirmed &&
            written.needs_proof == wanted.needs_proof);
}

}  // namespace

bool says_the_same(const Record& written, const Gist& wanted) {
    return written.grant_number == wanted.grant_number && written.granted == wanted.granted &&
           written.guard_from == wanted.guard_from &&
           std::equal(written.holders.begin(), written.holders.end(), wanted.holders.begin(),
                      wanted.holders.end(), [](const auto& one, const auto& other) {
                          return one.first == other.first &&
                                 says_the_same(one.second, other.second);
                      });
}

}  // namespace castvote::qnetd
