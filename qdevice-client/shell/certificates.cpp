// certificates.cpp -- see certificates.hpp.
// SPDX-License-Identifier: BSD-3-Clause
#include "qdevice-client/shell/certificates.hpp"

#include <fmt/format.h>

#include "certs/identity.hpp"
#include "common/net/log.hpp"

namespace castvote::qdevice {

Expected<Certificates, std::string> Certificates::read(std::filesystem::path directory,
                                                       std::string server_name) {
    Certificates certificates(std::move(directory), std::move(server_name));
    if (const auto taken = certificates.take(); !taken)
        return Unexpected<std::string>(taken.error());
    return certificates;
}

const net::TlsContext& Certificates::current() {
    const auto taken = take();
    if (!taken && taken.error() != trouble_)
        net::log(net::LogLevel::warning,
                 "the certificates stay as they were read before: " + taken.error());
    trouble_ = taken ? std::string() : taken.error();
    return context_;
}

Expected<void, std::string> Certificates::take() {
    const auto identity = certs::load_node_identity(directory_);
    if (!identity)
        return Unexpected<std::string>(identity.error().what + "; " + identity.error().remedy);
    const net::TlsIdentity fresh{identity->ca_pem, identity->certificate_pem.value_or(""),
                                 identity->key_pem.value_or("")};
    if (fresh == identity_) return {};
    // Without it the arbiter would not take this node; it is missing while it is changed, say.
    if (fresh.certificate_pem.empty() && !identity_.certificate_pem.empty())
        return Unexpected<std::string>(
            fmt::format("the cluster certificate is gone from {}; put it back, or get a new one by "
                        "`qcert join`",
                        directory_.string()));
    auto context = net::TlsContext::client(fresh, server_name_);
    if (!context)
        return Unexpected<std::string>(
            fmt::format("certificates in {}: {}; import them anew with `qcert import`",
                        directory_.string(), context.error()));
    for (const certs::Error& warning : identity->warnings)
        net::log(net::LogLevel::warning, warning.what + "; " + warning.remedy);
    if (!identity_.ca_pem.empty())
        net::log(net::LogLevel::notice,
                 fmt::format("new certificates in {} are taken up", directory_.string()));
    identity_ = fresh;
    context_ = std::move(*context);
    return {};
}

}  // namespace castvote::qdevice
