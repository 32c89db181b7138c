// pair.cpp -- see pair.hpp.
// SPDX-License-Identifier: BSD-3-Clause
#include "certs/pair.hpp"

namespace castvote::certs {

std::vector<FileChange> exchange_steps(const Pair& pair, const std::string& old_keys) {
    FileChange both = pair.key;
    *both.bytes += old_keys;
    return {both, pair.certificate, pair.key};
}

}  // namespace castvote::certs
