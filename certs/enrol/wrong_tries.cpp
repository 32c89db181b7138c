// wrong_tries.cpp -- see wrong_tries.hpp.
// SPDX-License-Identifier: BSD-3-Clause
#include "certs/enrol/wrong_tries.hpp"

#include <algorithm>

namespace castvote::certs::enrol {

bool WrongTries::must_wait(const std::string& address, Instant now) const {
    const auto found = all_back_.find(address);
    return found != all_back_.end() && found->second - now > one_more_each * (tries_max - 1);
}

void WrongTries::add(const std::string& address, Instant now) {
    if (all_back_.size() >= addresses_max)
        std::erase_if(all_back_, [now](const auto& one) { return one.second <= now; });
    if (all_back_.size() >= addresses_max && !all_back_.contains(address)) return;
    Instant& all_back = all_back_.try_emplace(address, now).first->second;
    all_back = std::max(all_back, now) + one_more_each;
}

}  // namespace castvote::certs::enrol
