// record.cpp -- see record.hpp.
// SPDX-License-Identifier: BSD-3-Clause
#include "qnetd/core/record.hpp"

#include <algorithm>

namespace castvote::qnetd {

namespace {

bool says_the_same(const Holder& written, const Holder& wanted) {
    return written.grant == wanted.grant && written.timers == wanted.timers &&
           written.is_confirmed == wanted.is_confirmed &&
           written.needs_proof == wanted.needs_proof && written.is_restored == wanted.is_restored;
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
