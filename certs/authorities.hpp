// authorities.hpp -- the arbiter's certificate authorities: one, or two while it is exchanged.
//
// Where an exchange stands is what the files say (certificates.md 7.9), so that it cannot be told
// wrongly: the next authority lies beside the present one from the beginning on, and takes its
// place with the switch; the one before it is trusted to the end. Whoever needs a list takes it
// from here and knows no stages.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <vector>

#include "certs/error.hpp"
#include "certs/files.hpp"
#include "certs/issue.hpp"
#include "certs/x509.hpp"

namespace castvote::certs {

enum class Stage { none, begun, switched };  // of an exchange

struct Authorities {
    CertificatePtr present;  // signs for nodes that know no other one
    CertificatePtr next;     // null: none is on its way
    CertificatePtr before;   // null: none is trusted for the sake of nodes that are late

    Stage stage() const;
    // The one that is to stay.
    X509* newest() const { return next != nullptr ? next.get() : present.get(); }
    // Whose certificates the arbiter takes, each once.
    Certificates trusted() const;
    // Which nodes must trust: one of them has signed the arbiter's certificate, or is about to.
    Certificates for_nodes() const;
};

// qnetd-cacert.crt must be there; a file that is there and cannot be read is an error.
Expected<Authorities> read_authorities(const Path& directory);

// "begun", for programs.
const char* name_of(Stage stage);

// An exchange that was begun longer ago is likely to have been forgotten.
inline constexpr long exchange_notice_days = 30;
// Since it began; 0 while there is none.
long days_in_exchange(const Authorities& authorities, std::time_t now);

// An authority that can sign.
struct Signer {
    CertificatePtr certificate;
    KeyPtr key;
    Issuer issuer() const { return {certificate.get(), key.get()}; }
};

// `newest`: for nodes that are told of it by the same answer. They differ between begin and switch.
enum class Which { present, newest };

Expected<Signer> load_signer(const Path& directory, Which which);

}  // namespace castvote::certs
