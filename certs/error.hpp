// error.hpp -- how this room says that something went wrong.
//
// Whatever the world hands us (files, requests, foreign PKCS#12) may be missing, unreadable or
// wrong; that is a value, never an exception. Every error is written for the person who has to mend
// it.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <string>
#include <tl/expected.hpp>
#include <utility>

namespace castvote::certs {

// `what`: one line that names the file or thing. `remedy`: one line, what to do about it.
struct Error {
    std::string what;
    std::string remedy;
};

template <class T, class E = Error>
using Expected = tl::expected<T, E>;

inline tl::unexpected<Error> fail(std::string what, std::string remedy) {
    return tl::unexpected<Error>(Error{std::move(what), std::move(remedy)});
}

}  // namespace castvote::certs
