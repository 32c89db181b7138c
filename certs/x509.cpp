// x509.cpp -- reading, writing, describing and verifying X.509 objects.
// SPDX-License-Identifier: BSD-3-Clause
#include "certs/x509.hpp"

#include <fmt/format.h>
#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <ctime>

namespace castvote::certs {
namespace {

// OpenSSL asks the terminal for a passphrase unless it is given somebody to ask.
int no_passphrase(char*, int, int, void*) { return -1; }

constexpr const char* foreign = "was not signed by this CA";

bool looks_like_pem(std::string_view bytes) { return bytes.find("-----BEGIN ") != bytes.npos; }

std::string openssl_string(char* owned) {
    std::string text = owned != nullptr ? owned : "";
    OPENSSL_free(owned);
    return text;
}

}  // namespace

Expected<CertificatePtr> parse_certificate(std::string_view bytes, std::string_view name) {
    const BioPtr bio = read_from(bytes);
    CertificatePtr certificate(looks_like_pem(bytes)
                                   ? PEM_read_bio_X509(bio.get(), nullptr, no_passphrase, nullptr)
                                   : d2i_X509_bio(bio.get(), nullptr));
    if (certificate != nullptr) return certificate;
    return fail(fmt::format("{} holds no readable certificate ({})", name, openssl_words()),
                "give a certificate in PEM or DER form");
}

Expected<Certificates> parse_certificates(std::string_view bytes, std::string_view name) {
    Certificates all;
    if (!looks_like_pem(bytes)) {
        Expected<CertificatePtr> only = parse_certificate(bytes, name);
        if (!only) return tl::unexpected<Error>(only.error());
        all.push_back(std::move(*only));
        return all;
    }
    const BioPtr bio = read_from(bytes);
    while (CertificatePtr one{PEM_read_bio_X509(bio.get(), nullptr, no_passphrase, nullptr)})
        all.push_back(std::move(one));
    const bool is_whole = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
    const std::string reason = openssl_words();
    if (is_whole && !all.empty()) return all;
    return fail(fmt::format("{} holds no readable certificate ({})", name, reason),
                "give certificates in PEM or DER form");
}

Expected<RequestPtr> parse_request(std::string_view bytes, std::string_view name) {
    const BioPtr bio = read_from(bytes);
    RequestPtr request(looks_like_pem(bytes)
                           ? PEM_read_bio_X509_REQ(bio.get(), nullptr, no_passphrase, nullptr)
                           : d2i_X509_REQ_bio(bio.get(), nullptr));
    if (request != nullptr) return request;
    return fail(fmt::format("{} holds no readable certificate request ({})", name, openssl_words()),
                "give the request file a node has made, qdevice-net-node.crq");
}

Expected<std::vector<KeyPtr>> parse_keys(std::string_view pem, std::string_view name) {
    const BioPtr bio = read_from(pem);
    std::vector<KeyPtr> keys;
    while (KeyPtr key{PEM_read_bio_PrivateKey(bio.get(), nullptr, no_passphrase, nullptr)})
        keys.push_back(std::move(key));
    const std::string reason = openssl_words();  // Also "no start line" after the last key.
    if (!keys.empty()) return keys;
    return fail(fmt::format("{} holds no readable private key ({})", name, reason),
                "give an unencrypted private key in PEM form");
}

Expected<KeyPtr> parse_key(std::string_view pem, std::string_view name) {
    Expected<std::vector<KeyPtr>> keys = parse_keys(pem, name);
    if (!keys) return tl::unexpected<Error>(keys.error());
    return std::move(keys->front());
}

std::string to_pem(const X509* certificate) {
    const BioPtr bio = memory();
    must(PEM_write_bio_X509(bio.get(), certificate) == 1, "writing a certificate as PEM");
    return content(bio.get());
}

std::string to_pem(const Certificates& certificates) {
    std::string text;
    for (const CertificatePtr& certificate : certificates) text += to_pem(certificate.get());
    return text;
}

std::string to_pem(const EVP_PKEY* key) {
    const BioPtr bio = memory();
    must(PEM_write_bio_PrivateKey(bio.get(), key, nullptr, nullptr, 0, nullptr, nullptr) == 1,
         "writing a key as PEM");
    return content(bio.get());
}

std::string to_der(const X509* certificate) {
    const BioPtr bio = memory();
    must(i2d_X509_bio(bio.get(), certificate) == 1, "writing a certificate as DER");
    return content(bio.get());
}

std::string to_der(const X509_REQ* request) {
    const BioPtr bio = memory();
    must(i2d_X509_REQ_bio(bio.get(), request) == 1, "writing a request as DER");
    return content(bio.get());
}

std::string to_pem(const X509_REQ* request) {
    const BioPtr bio = memory();
    must(PEM_write_bio_X509_REQ(bio.get(), request) == 1, "writing a request as PEM");
    return content(bio.get());
}

std::string to_text(X509* certificate) {
    const BioPtr bio = memory();
    must(X509_print(bio.get(), certificate) == 1, "writing a certificate as text");
    return content(bio.get());
}

std::optional<std::string> common_name(const X509_NAME* name) {
    const int first = X509_NAME_get_index_by_NID(name, NID_commonName, -1);
    if (first < 0 || X509_NAME_get_index_by_NID(name, NID_commonName, first) >= 0)
        return std::nullopt;
    const ASN1_STRING* value = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, first));
    unsigned char* utf8 = nullptr;
    const int length = ASN1_STRING_to_UTF8(&utf8, value);
    if (length < 0) {
        openssl_words();
        return std::nullopt;
    }
    std::string text(reinterpret_cast<char*>(utf8), static_cast<std::size_t>(length));
    OPENSSL_free(utf8);
    if (text.empty() || text.find('\0') != text.npos) return std::nullopt;
    return text;
}

std::string fingerprint(const X509* certificate) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned length = 0;
    must(X509_digest(certificate, EVP_sha256(), digest.data(), &length) == 1, "a fingerprint");
    std::string text;
    for (unsigned i = 0; i < length; ++i) text += fmt::format("{}{:02X}", i ? ":" : "", digest[i]);
    return text;
}

std::string serial_number(const X509* certificate) {
    BIGNUM* number = ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate), nullptr);
    must(number != nullptr, "reading a serial number");
    std::string text = openssl_string(BN_bn2dec(number));
    BN_free(number);
    return text;
}

std::string date(const ASN1_TIME* time) {
    std::tm parts{};
    if (ASN1_TIME_to_tm(time, &parts) != 1) {
        openssl_words();
        return "an unreadable date";
    }
    return fmt::format("{:04}-{:02}-{:02} {:02}:{:02}:{:02} UTC", parts.tm_year + 1900,
                       parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec);
}

std::string date(std::time_t seconds) {
    std::tm utc{};
    gmtime_r(&seconds, &utc);
    return fmt::format("{:04}-{:02}-{:02} {:02}:{:02}:{:02} UTC", utc.tm_year + 1900,
                       utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec);
}

std::optional<long> days_until(std::string_view written, std::time_t now) {
    const auto number = [&](std::size_t from, std::size_t digits) {
        int value = -1;
        if (written.size() >= from + digits)
            std::from_chars(written.data() + from, written.data() + from + digits, value);
        return value;
    };
    const std::chrono::year_month_day day{std::chrono::year(number(0, 4)),
                                          std::chrono::month(static_cast<unsigned>(number(5, 2))),
                                          std::chrono::day(static_cast<unsigned>(number(8, 2)))};
    const int hour = number(11, 2);
    if (!day.ok() || hour < 0) return std::nullopt;
    const auto end = std::chrono::sys_days(day) + std::chrono::hours(hour);
    const std::chrono::sys_seconds begin{std::chrono::seconds(now)};
    return std::chrono::floor<std::chrono::days>(end - begin).count();
}

CertificatePtr share(X509* certificate) {
    must(X509_up_ref(certificate) == 1, "a certificate");
    return CertificatePtr(certificate);
}

bool is_same(const X509* a, const X509* b) { return X509_cmp(a, b) == 0; }

bool holds(const Certificates& certificates, const X509* certificate) {
    return std::any_of(
        certificates.begin(), certificates.end(),
        [certificate](const CertificatePtr& one) { return is_same(one.get(), certificate); });
}

bool fits(const X509* certificate, const EVP_PKEY* key) {
    const bool is_fit = X509_check_private_key(certificate, key) == 1;
    if (!is_fit) openssl_words();
    return is_fit;
}

KeyPtr take_fitting(std::vector<KeyPtr>& keys, const X509* certificate) {
    const auto found = std::find_if(keys.begin(), keys.end(), [certificate](const KeyPtr& key) {
        return fits(certificate, key.get());
    });
    if (found == keys.end()) return nullptr;
    KeyPtr key = std::move(*found);
    keys.erase(found);
    return key;
}

bool is_made_after(const X509* certificate, const X509* other) {
    const int order =
        ASN1_TIME_compare(X509_get0_notBefore(certificate), X509_get0_notBefore(other));
    if (order != 0) return order > 0;
    return ASN1_INTEGER_cmp(X509_get0_serialNumber(certificate), X509_get0_serialNumber(other)) > 0;
}

bool is_expired(const X509* certificate) {
    return X509_cmp_current_time(X509_get0_notAfter(certificate)) < 0;
}

bool is_not_yet_valid(const X509* certificate) {
    return X509_cmp_current_time(X509_get0_notBefore(certificate)) > 0;
}

Expected<void, std::string> verify_issued_by(X509* certificate, X509* ca, Usage usage) {
    const StorePtr store(X509_STORE_new());
    const StoreContextPtr context(X509_STORE_CTX_new());
    must(store != nullptr && context != nullptr, "memory for verifying");
    must(X509_STORE_add_cert(store.get(), ca) == 1, "trusting a CA");
    must(X509_STORE_CTX_init(context.get(), store.get(), certificate, nullptr) == 1, "verifying");
    X509_VERIFY_PARAM* rules = X509_STORE_CTX_get0_param(context.get());
    X509_VERIFY_PARAM_set_flags(rules, X509_V_FLAG_NO_CHECK_TIME);
    X509_VERIFY_PARAM_set_depth(rules, 1);
    X509_VERIFY_PARAM_set_auth_level(rules, 2);
    X509_VERIFY_PARAM_set_purpose(
        rules, usage == Usage::server ? X509_PURPOSE_SSL_SERVER : X509_PURPOSE_SSL_CLIENT);
    if (X509_verify_cert(context.get()) == 1) return {};
    const int verdict = X509_STORE_CTX_get_error(context.get());
    openssl_words();
    switch (verdict) {
        case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
        case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
        case X509_V_ERR_CERT_SIGNATURE_FAILURE:
        case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT: return tl::unexpected<std::string>(foreign);
        case X509_V_ERR_EE_KEY_TOO_SMALL:
        case X509_V_ERR_CA_KEY_TOO_SMALL:
            return tl::unexpected<std::string>("rests on a key shorter than 2048 bits");
        case X509_V_ERR_CA_MD_TOO_WEAK:
            return tl::unexpected<std::string>("is signed with an outdated digest");
        default: return tl::unexpected<std::string>(X509_verify_cert_error_string(verdict));
    }
}

Expected<X509*, std::string> issuer_among(const Certificates& authorities, X509* certificate,
                                          Usage usage) {
    std::string why = foreign;
    for (const CertificatePtr& authority : authorities) {
        const auto issued = verify_issued_by(certificate, authority.get(), usage);
        if (issued) return authority.get();
        if (issued.error() != foreign) why = issued.error();  // it is the signer, and this is wrong
    }
    return tl::unexpected<std::string>(why);
}

bool equal_without_case(std::string_view a, std::string_view b) {
    const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [&](char x, char y) { return lower(x) == lower(y); });
}

}  // namespace castvote::certs
