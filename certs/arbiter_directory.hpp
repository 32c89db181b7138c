// arbiter_directory.hpp -- the arbiter's certificate directory: CA, server certificate, signing.
//
// Guards the CA: an existing one is never overwritten, serial numbers never repeat, and nothing is
// signed that was not asked for under its own name. The CA's key is for root alone; the daemon
// reads server.key and never needs ca.key (certificates.md 7.1).
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "certs/authorities.hpp"
#include "certs/error.hpp"
#include "certs/files.hpp"
#include "certs/openssl.hpp"

namespace castvote::certs {

// What a directory holds. `nss` means: a database of the stock tools and nothing of ours.
enum class Format { none, pem, nss };

bool has_nss_database(const Path& directory);
Format arbiter_format(const Path& directory);

// Stock option -G clears it: directory 0750 and files 0640 instead of 0770 and 0660.
enum class GroupWrite { yes, no };

// What an operation has written, and what its caller should tell the user beyond that.
struct Stored {
    Path file;
    std::vector<std::string> notes;
};

// Makes CA (serial 101) and server certificate (102); `file` is the exported CA certificate. Fails
// with "already exists" if the directory holds certificates of either format.
Expected<Stored> init_arbiter(const Path& directory, GroupWrite group_write);

// Checks and signs a cluster's request (PEM or DER) from `request_file`; `file` is the certificate,
// `cluster-<name>.crt`, in DER. Fails without consuming a serial number or touching the old file.
Expected<Stored> sign_request(const Path& directory, const Path& request_file,
                              std::string_view cluster);

// A new key and certificate for the arbiter itself, from the same authority, so that nodes take it
// as the old one; `file` is the certificate. Whoever loads the directory meanwhile gets one pair or
// the other, also after a power cut.
Expected<Stored> renew_server(const Path& directory);

// What a certificate is issued for, besides its request.
struct Issuance {
    std::string_view cluster;
    std::string_view by;       // as in the register
    std::string_view owner;    // empty: the key stands for it
    std::string_view address;  // of the node that asks; empty: not known
    // The newest authority where the answer says which ones to trust.
    Which which = Which::present;
    // Who asks says later whether it has stored the certificate (mark_stored).
    bool is_confirmed = false;
};

// Could something be issued for this cluster: is its name one, is the authority's key here?
Expected<void> check_signing(const Path& directory, std::string_view cluster);

// The same for a request in memory, whose name goes into errors. Registered, but no file.
Expected<CertificatePtr> issue_certificate(const Path& directory, X509_REQ* request,
                                           std::string_view name, const Issuance& issuance);

// The last serial number that was given, as far as anything here tells; 100 where nothing was.
Expected<long> last_serial(const Path& directory);

// User and group for what the arbiter's daemon must be able to read.
Ownership arbiter_ownership(const Path& directory);

}  // namespace castvote::certs
