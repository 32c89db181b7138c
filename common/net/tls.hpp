// tls.hpp -- the two kinds of TLS context, made from PEM text (certificates.md 7.3 and 7.4).
//
// TLS 1.2 at least, security level 2, our own CAs only, no session resumption. The arbiter's side
// refuses expired and revoked client certificates and tolerates those valid within a day; the
// node's side accepts both with a warning, as stock does, and checks the arbiter's name. What a
// client certificate's name must be is the core's business. Immutable; one may serve all threads.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "common/wire/expected.hpp"

struct ssl_ctx_st;

namespace castvote::net {

struct TlsIdentity {
    std::string ca_pem;           // one CA, or several while they are exchanged
    std::string certificate_pem;  // client: may be empty, then none is shown
    std::string key_pem;
    bool operator==(const TlsIdentity&) const = default;
};

// The names in a certificate that was verified against a CA of ours.
struct PeerNames {
    std::string common_name;
    std::vector<std::string> dns_names;
    // SHA-256 of the public key, or the owner that the CA has named in its place
    // (certificate_owner.hpp); lower-case hexadecimal.
    std::string key_fingerprint;
    std::string serial;     // decimal
    std::string authority;  // SHA-256 of the CA's certificate, lower-case hexadecimal
};

// Serial numbers, decimal, of certificates that are worth nothing any more.
using RevokedSerials = std::set<std::string>;

// What came out of a handshake.
struct TlsFacts {
    std::optional<PeerNames> peer;      // none: the peer showed no certificate
    bool own_certificate_sent = false;  // client: the arbiter asked and we had one
    std::string version;                // "TLSv1.3, TLS_AES_256_GCM_SHA384"
    std::vector<std::string> warnings;  // plain words: what was tolerated
};

enum class ClientCertificate { not_requested, required };

class TlsContext {
public:
    // The arbiter's side. Errors are one plain sentence.
    static Expected<TlsContext, std::string> server(const TlsIdentity& identity,
                                                    ClientCertificate client_certificate,
                                                    RevokedSerials revoked = {});
    // The node's side. expected_name: of the arbiter's certificate (net_nss_qnetd_cn); also the
    // SNI.
    static Expected<TlsContext, std::string> client(const TlsIdentity& identity,
                                                    std::string expected_name = "Qnetd Server");

    bool is_server() const { return is_server_; }
    const std::string& expected_name() const { return expected_name_; }
    bool has_certificate() const { return has_certificate_; }
    bool is_revoked(const std::string& serial) const { return revoked_->contains(serial); }
    const RevokedSerials& revoked() const { return *revoked_; }
    // By the digest in PeerNames.
    bool trusts(const std::string& authority) const { return trusted_->contains(authority); }
    ssl_ctx_st* native() const { return context_.get(); }

private:
    std::shared_ptr<ssl_ctx_st> context_;
    std::shared_ptr<const RevokedSerials> revoked_ = std::make_shared<RevokedSerials>();
    std::shared_ptr<const std::set<std::string>> trusted_ =
        std::make_shared<std::set<std::string>>();
    bool is_server_ = false;
    bool has_certificate_ = false;
    std::string expected_name_;
};

}  // namespace castvote::net
