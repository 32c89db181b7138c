// marker.hpp -- the file which tells pcs, and a curious reader, that a directory is initialised.
//
// Its name belongs to NSS; the content is comment only, so that NSS can still make a database in
// the same directory, should the owner go back to the stock programs (certificates.md 7.1, 7.6).
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <string>

namespace castvote::certs {

inline std::string marker_text() {
    return "# This directory holds Castvote's certificates as PEM files; there is no NSS database\n"
           "# unless cert9.db exists. \"qcert show\" describes what is here. The name of this "
           "file\n"
           "# lets administration tools see that the directory is initialised.\n";
}

}  // namespace castvote::certs
