// tls_verify.hpp -- what one handshake tolerates, what it refuses, and what it found out.
//
// The rules of certificates.md 7.3 (arbiter: expired or revoked refused, valid within 24 h
// tolerated) and 7.4 (node: both times tolerated with a warning, the arbiter's name checked,
// nothing else forgiven).
// Keeps the reason of a refusal in plain words, because OpenSSL's own says less.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <string>
#include <vector>

#include "common/net/tls.hpp"

struct ssl_st;
struct x509_store_ctx_st;

namespace castvote::net {

class TlsCheck {
public:
    explicit TlsCheck(const TlsContext& context) : context_(context) {}
    TlsCheck(const TlsCheck&) = delete;
    TlsCheck& operator=(const TlsCheck&) = delete;

    // A new SSL object that this check watches; the caller owns it and ends it before the check.
    // Null only when memory is exhausted.
    ssl_st* make_ssl();

    // After a successful handshake.
    TlsFacts facts(const ssl_st* ssl) const;

    // Why the peer's certificate was refused; empty if it was not.
    const std::string& refusal() const { return refusal_; }

private:
    static int on_verify(int preverified, x509_store_ctx_st* store);
    static int on_certificate_wanted(ssl_st* ssl, void* check);
    bool judge(bool preverified, x509_store_ctx_st* store);
    bool tolerates(x509_store_ctx_st* store);
    bool is_expected_name(x509_store_ctx_st* store);
    bool is_revoked(x509_store_ctx_st* store);

    TlsContext context_;
    std::string refusal_;
    std::vector<std::string> warnings_;
    bool certificate_wanted_ = false;
};

}  // namespace castvote::net
