// pair.hpp -- a key and its certificate take the place of older ones.
//
// Two files cannot change at once. So the key's file holds both keys while the certificate changes,
// and whoever loads the pair takes the key that fits: a power cut at any step leaves a pair.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <string>
#include <vector>

#include "certs/files.hpp"
#include "certs/x509.hpp"

namespace castvote::certs {

struct Pair {
    FileChange certificate;  // as it is to be
    FileChange key;
};

// What must be done for it, in order. `old_keys`: PEM, what the key's file holds now; may be empty.
std::vector<FileChange> exchange_steps(const Pair& pair, const std::string& old_keys);

}  // namespace castvote::certs
