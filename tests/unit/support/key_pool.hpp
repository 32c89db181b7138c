// key_pool.hpp -- RSA keys of 2048 bits out of a pool, for the programs that link
// castvote_key_pool.
//
// Making one takes a tenth of a second, and most tests do not care which they get, so long as no
// two of theirs are the same. The linker puts the pool before OpenSSL's generation, which our code
// calls as ever. Out of the pool, 16 keys that follow each other are all different.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

namespace castvote::testing {

// While one lives, keys are made as always, and nobody else gets them: for what a whole run keeps,
// and for a test of the making itself.
class OwnKeys {
public:
    OwnKeys();
    ~OwnKeys();
    OwnKeys(const OwnKeys&) = delete;
    OwnKeys& operator=(const OwnKeys&) = delete;
};

}  // namespace castvote::testing
