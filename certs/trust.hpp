// trust.hpp -- which CAs a node trusts when it is given others.
//
// Guards what was dropped: the arbiter's CA before the present one does not come back by a file
// from the time in which both were trusted. Knows no files.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "certs/x509.hpp"

namespace castvote::certs {

struct Bundle;

struct Trust {
    Certificates now;
    Certificates then;
};

// Who is to be trusted with a bundle: its CAs, unless one that is trusted now has signed its
// certificate. Then those, and the bundle's that were made after all of them: an exchange goes that
// way, and one that was made before them was dropped.
Certificates trusted_with(const Certificates& now, const Bundle& bundle);

// What is to be told about it, a line for each CA that is trusted newly.
std::vector<std::string> notes_of(const Trust& trust, std::string_view source);

}  // namespace castvote::certs
