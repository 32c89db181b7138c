// issuing.cpp -- see issuing.hpp.
// SPDX-License-Identifier: BSD-3-Clause
#include "certs/issuing.hpp"

#include <fmt/format.h>
#include <openssl/x509v3.h>

#include <ctime>

#include "certs/arbiter_directory.hpp"
#include "certs/layout.hpp"
#include "certs/pair.hpp"
#include "certs/register.hpp"

namespace castvote::certs {
namespace {

// The arbiter's keys, if it has any, as PEM.
Expected<std::string> keys_to_be_replaced(const Path& directory) {
    const Path file = directory / layout::server_certificate,
               key_file = directory / layout::server_key;
    if (is_there(file)) {
        const Expected<std::string> text = read_file(file);
        if (!text) return text;
        const Expected<CertificatePtr> old = parse_certificate(*text, file.string());
        if (!old) return tl::unexpected<Error>(old.error());
        if (X509_check_host(old->get(), layout::server_name, 0, 0, nullptr) != 1)
            return fail(fmt::format("the certificate in {} is for another name than \"{}\", which "
                                    "the nodes ask for (net_nss_qnetd_cn)",
                                    file.string(), layout::server_name),
                        "make the new one by the tools that made it");
    }
    if (!is_there(key_file)) return std::string();
    const Expected<std::string> text = read_key_file(key_file, KeyUse::own);
    if (!text) return text;
    const Expected<std::vector<KeyPtr>> keys = parse_keys(*text, key_file.string());
    if (!keys) return tl::unexpected<Error>(keys.error());
    std::string pem;
    for (const KeyPtr& key : *keys) pem += to_pem(key.get());
    return pem;
}

}  // namespace

Expected<Issuing> Issuing::begin(const Path& directory, Which which) {
    Expected<Signer> authority = load_signer(directory, which);
    if (!authority) return tl::unexpected<Error>(authority.error());
    Expected<DirectoryLock> lock = DirectoryLock::take(directory);
    if (!lock) return tl::unexpected<Error>(lock.error());
    // Who had the lock before may have exchanged it.
    authority = load_signer(directory, which);
    if (!authority) return tl::unexpected<Error>(authority.error());
    return Issuing{std::move(*authority), std::move(*lock), arbiter_ownership(directory)};
}

Expected<long> take_serial(const Path& directory, const Ownership& owner) {
    const Expected<long> last = last_serial(directory);
    if (!last) return last;
    const Path file = directory / layout::serial;
    const Expected<void> counted =
        write_file(file, fmt::format("{}\n", *last + 1), mode_of(file).value_or(0640), owner);
    if (!counted) return tl::unexpected<Error>(counted.error());
    return *last + 1;
}

Expected<std::vector<FileChange>> server_renewal(const Path& directory, const Signer& authority,
                                                 const Ownership& owner) {
    const Expected<std::string> old_keys = keys_to_be_replaced(directory);
    if (!old_keys) return tl::unexpected<Error>(old_keys.error());
    const Expected<long> serial = take_serial(directory, owner);
    if (!serial) return tl::unexpected<Error>(serial.error());
    const std::time_t now = std::time(nullptr);
    const KeyPtr key = make_key();
    const CertificatePtr certificate =
        make_server_certificate(key.get(), authority.issuer(), *serial, now);
    const Expected<void> registered = add_to_register(
        directory, {entry_for(certificate.get(), authority.certificate.get(), "rotate", now)},
        owner);
    if (!registered) return tl::unexpected<Error>(registered.error());
    return exchange_steps({.certificate = {directory / layout::server_certificate,
                                           to_pem(certificate.get()), 0644, owner},
                           .key = {directory / layout::server_key, to_pem(key.get()), 0640, owner}},
                          *old_keys);
}

Expected<void> check_renewal(const Path& directory) {
    const Expected<std::string> keys = keys_to_be_replaced(directory);
    if (!keys) return tl::unexpected<Error>(keys.error());
    return {};
}

}  // namespace castvote::certs
