// certificates.cpp -- see certificates.hpp.
// SPDX-License-Identifier: BSD-3-Clause
#include "qnetd/shell/certificates.hpp"

#include <fmt/format.h>

#include "certs/identity.hpp"
#include "certs/names.hpp"
#include "certs/revoked.hpp"

namespace castvote::qnetd {

namespace {

net::RevokedSerials serials_of(const std::vector<certs::Revoked>& revoked) {
    net::RevokedSerials serials;
    for (const certs::Revoked& one : revoked) serials.insert(one.serial);
    return serials;
}

}  // namespace

Expected<std::optional<net::TlsContext>, std::string> load_tls(const Options& options) {
    if (options.arbiter.tls == wire::TlsSupported::unsupported) return std::nullopt;
    const auto fail = [](const certs::Error& error) {
        return Unexpected<std::string>(error.what + "; " + error.remedy);
    };
    const auto identity = certs::load_arbiter_identity(options.certificates);
    if (!identity) return fail(identity.error());
    // Without the list nobody knows who must be refused: better no arbiter than an open one.
    const auto revoked = certs::read_revoked(options.certificates);
    if (!revoked) return fail(revoked.error());
    for (const certs::Error& warning : identity->warnings)
        net::log(net::LogLevel::warning, warning.what + "; " + warning.remedy);
    auto context = net::TlsContext::server(
        {identity->ca_pem, identity->certificate_pem, identity->key_pem},
        options.arbiter.client_certificate_required ? net::ClientCertificate::required
                                                    : net::ClientCertificate::not_requested,
        serials_of(*revoked));
    if (!context)
        return Unexpected<std::string>(
            fmt::format("certificates in {}: {}; make new ones with `qcert init`",
                        options.certificates, context.error()));
    return std::move(*context);
}

bool are_others_revoked(const Options& options, const net::TlsContext& context) {
    const auto revoked = certs::read_revoked(options.certificates);
    return !revoked || serials_of(*revoked) != context.revoked();
}

Expected<wire::ClusterNames, std::string> load_names(const Options& options) {
    const auto renamings = certs::read_renamings(options.certificates);
    if (!renamings)
        return Unexpected<std::string>(renamings.error().what + "; " + renamings.error().remedy);
    return certs::cluster_names(*renamings);
}

}  // namespace castvote::qnetd
