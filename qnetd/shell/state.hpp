// state.hpp -- opens the store of grants as the options say, and says what is wrong with it.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <memory>
#include <string>

#include "common/wire/expected.hpp"
#include "qnetd/shell/options.hpp"
#include "qnetd/store/store.hpp"

namespace castvote::qnetd {

// Null with `none`. The error is a sentence with the remedy.
Expected<std::unique_ptr<store::Store>, std::string> open_state(const Options& options);

// Which of the store's memory is about clusters that `is_ours` names.
template <class IsOurs>
Memory part_of(const Memory& memory, IsOurs is_ours) {
    Memory part;
    part.guard_from = memory.guard_from;
    part.last_grant_number = memory.last_grant_number;
    for (const auto& [cluster, restored] : memory.records)
        if (is_ours(cluster)) part.records.emplace(cluster, restored);
    return part;
}

}  // namespace castvote::qnetd
