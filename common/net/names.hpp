// names.hpp -- whether names of hosts and groups are looked up. A static program takes numbers: for
// names it would need libraries of its host's.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

namespace castvote::net {

#ifdef CASTVOTE_STATIC
constexpr bool looks_names_up = false;
#else
constexpr bool looks_names_up = true;
#endif

}  // namespace castvote::net
