// exchange.hpp -- qcert rotate --authority: the steps in which the arbiter gets another authority.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "certs/tool/rotate.hpp"

namespace castvote::certs::tool {

int exchange(const RotateOptions& options);

}  // namespace castvote::certs::tool
