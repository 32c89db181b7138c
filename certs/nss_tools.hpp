// nss_tools.hpp -- certutil and pk12util of libnss3-tools: running them, reading what they say.
//
// They alone touch a stock database; nothing here knows its format. Their words are as of NSS 3.87
// (certificates.md 2), and were the same for many years.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "certs/error.hpp"
#include "certs/files.hpp"
#include "certs/openssl.hpp"

namespace castvote::certs {

// Both are in PATH; `done` completes "the stock certificate database cannot be ...".
Expected<void> check_nss_tools(std::string_view done);

// An existing database as `-d` names it.
std::string nss_database(const Path& directory);

// What it said; a status that is not 0 is an error with its last line.
Expected<std::string> run_nss_tool(const std::vector<std::string>& command);

struct Listed {
    std::string nickname;
    std::string trust;  // "CT,c,c": for TLS, mail, code
    bool operator==(const Listed&) const = default;
};

// The rows of `certutil -L`; one for each certificate, so that a nickname may come twice.
std::vector<Listed> read_listing(std::string_view said);

// All certificates of this nickname; an error if there is none.
Expected<std::vector<CertificatePtr>> exported_certificates(const Path& directory,
                                                            const char* nickname);

}  // namespace castvote::certs
