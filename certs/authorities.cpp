// authorities.cpp -- see authorities.hpp.
// SPDX-License-Identifier: BSD-3-Clause
#include "certs/authorities.hpp"

#include <fmt/format.h>

#include <utility>

#include "certs/arbiter_directory.hpp"
#include "certs/layout.hpp"

namespace castvote::certs {
namespace {

void add_once(Certificates& list, const CertificatePtr& certificate) {
    if (certificate == nullptr || holds(list, certificate.get())) return;
    list.push_back(share(certificate.get()));
}

Expected<CertificatePtr> read_certificate(const Path& file) {
    const Expected<std::string> bytes = read_file(file);
    if (!bytes) return tl::unexpected<Error>(bytes.error());
    return parse_certificate(*bytes, file.string());
}

}  // namespace

Stage Authorities::stage() const {
    if (next != nullptr) return Stage::begun;  // also where a switch was broken off
    return before != nullptr ? Stage::switched : Stage::none;
}

Certificates Authorities::trusted() const {
    Certificates all = for_nodes();
    add_once(all, before);
    return all;
}

Certificates Authorities::for_nodes() const {
    Certificates all;
    add_once(all, present);
    add_once(all, next);
    return all;
}

Expected<Authorities> read_authorities(const Path& directory) {
    Authorities found;
    for (const auto& [name, place] :
         {std::pair(layout::ca_export, &found.present), std::pair(layout::next_ca, &found.next),
          std::pair(layout::ca_before, &found.before)}) {
        const Path file = directory / name;
        if (place != &found.present && !is_there(file)) continue;
        Expected<CertificatePtr> certificate = read_certificate(file);
        if (!certificate) return tl::unexpected<Error>(certificate.error());
        *place = std::move(*certificate);
    }
    return found;
}

const char* name_of(Stage stage) {
    switch (stage) {
        case Stage::none: return "none";
        case Stage::begun: return "begun";
        case Stage::switched: return "switched";
    }
    return "";
}

long days_in_exchange(const Authorities& authorities, std::time_t now) {
    if (authorities.stage() == Stage::none) return 0;
    const std::string made = date(X509_get0_notBefore(authorities.newest()));
    return -days_until(made, now).value_or(0);
}

Expected<Signer> load_signer(const Path& directory, Which which) {
    if (arbiter_format(directory) != Format::pem)
        return fail(fmt::format("there is no certificate authority in {}", directory.string()),
                    "make one with -i or \"qcert init\"");
    const bool is_next = which == Which::newest && is_there(directory / layout::next_ca);
    const Path file = directory / (is_next ? layout::next_ca : layout::ca_export);
    const Path key_file = directory / (is_next ? layout::next_ca_key : layout::ca_key);
    Expected<CertificatePtr> certificate = read_certificate(file);
    if (!certificate) return tl::unexpected<Error>(certificate.error());
    const Expected<std::string> text = read_key_file(key_file, KeyUse::signing);
    if (!text) return tl::unexpected<Error>(text.error());
    Expected<std::vector<KeyPtr>> keys = parse_keys(*text, key_file.string());
    if (!keys) return tl::unexpected<Error>(keys.error());
    KeyPtr key = take_fitting(*keys, certificate->get());
    if (key == nullptr)
        return fail(fmt::format("{} does not fit {}", key_file.string(), file.string()),
                    "restore both files from the same backup");
    return Signer{std::move(*certificate), std::move(key)};
}

}  // namespace castvote::certs
