// certificate_owner.hpp -- the extension in which our CA names the owner of a cluster certificate.
//
// Nodes that share a key are one cluster by their key (docs/compatibility.md). Nodes with a key
// each need something else that only the CA can say: 32 bytes, the same in the certificates of one
// cluster's nodes, another for another cluster of the same name (docs/adr/0008-enrolment.md). The
// extension is not critical, so that stock peers pass over it.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <openssl/x509.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace castvote::net {

// Below 2.25 everybody may use the number of a UUID of his own.
inline constexpr const char* owner_extension = "2.25.184915479790755686105593005050387266192";
inline constexpr std::size_t owner_bytes = 32;
// In the extension they are an OCTET STRING in DER: this, then the bytes.
inline constexpr std::string_view owner_head{"\x04\x20", 2};

// Lower-case hexadecimal, as the fingerprint of a key which it stands for; nothing if there is no
// such extension, or it is not of that form.
inline std::optional<std::string> owner_named_in(const X509* certificate) {
    const std::unique_ptr<ASN1_OBJECT, decltype(&ASN1_OBJECT_free)> name(
        OBJ_txt2obj(owner_extension, 1), ASN1_OBJECT_free);
    if (!name) return std::nullopt;
    const int place = X509_get_ext_by_OBJ(certificate, name.get(), -1);
    if (place < 0) return std::nullopt;
    const ASN1_OCTET_STRING* data = X509_EXTENSION_get_data(X509_get_ext(certificate, place));
    const std::string_view value(reinterpret_cast<const char*>(ASN1_STRING_get0_data(data)),
                                 static_cast<std::size_t>(ASN1_STRING_length(data)));
    if (value.size() != owner_head.size() + owner_bytes || !value.starts_with(owner_head))
        return std::nullopt;
    std::string text;
    for (const char c : value.substr(owner_head.size())) {
        const auto byte = static_cast<unsigned char>(c);
        text += "0123456789abcdef"[byte >> 4];
        text += "0123456789abcdef"[byte & 15];
    }
    return text;
}

}  // namespace castvote::net
