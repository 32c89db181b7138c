// expected.hpp -- Expected<T, E>: a value or the reason why there is none.
//
// The names are those of std::expected, which the compilers that we support do not all have yet.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <tl/expected.hpp>

namespace castvote {

template <class T, class E>
using Expected = tl::expected<T, E>;

template <class E>
using Unexpected = tl::unexpected<E>;

}  // namespace castvote
