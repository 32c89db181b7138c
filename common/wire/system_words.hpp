// system_words.hpp -- what an errno says, in the system's words.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <string>
#include <system_error>

namespace castvote {

inline std::string system_words(int error) { return std::generic_category().message(error); }

}  // namespace castvote
