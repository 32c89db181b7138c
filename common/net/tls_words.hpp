// tls_words.hpp -- OpenSSL's errors and certificates in plain words and plain values.
//
// OpenSSL's error queue is per thread and outlives the call that filled it: whoever sees a failure
// empties it here, whoever starts an operation clears it first.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <string>

#include "common/net/tls.hpp"

struct x509_st;

namespace castvote::net {

// Empties this thread's error queue; its first entry in OpenSSL's words, or "no reason given".
std::string openssl_reason();

// "the peer showed no certificate" for one packed OpenSSL error code; OpenSSL's own words for a
// code that needs none of ours.
std::string tls_failure_text(unsigned long packed_error);

// "certificate expired" for an X509_V_ERR_... number.
std::string verify_failure_text(int verify_error);

// The last CN and all DNS names; a name with a NUL in it is shown as empty.
PeerNames names_of(x509_st* certificate);

// Decimal.
std::string serial_of(const x509_st* certificate);

// SHA-256 of the certificate, lower-case hexadecimal.
std::string digest_of(const x509_st* certificate);

}  // namespace castvote::net
