// certs_token_test.cpp -- the word that an invitation hands out, and the proof of having it.
// SPDX-License-Identifier: BSD-3-Clause
#include <set>

#include "certs/token.hpp"
#include "tests/unit/certs_support.hpp"

using namespace castvote::certs;
using namespace castvote::certs::test;

namespace {

// The text with another letter of the alphabet at one place.
std::string mistyped(std::string text, std::size_t place) {
    text[place] = text[place] == 'a' ? 'b' : 'a';
    return text;
}

std::string refusal(const std::string& text) {
    const Expected<Token> token = parse_token(text);
    REQUIRE_FALSE(token);
    check_told(token.error(), "token");
    return token.error().what;
}

}  // namespace

TEST_CASE("a token comes back from its text, and is one word") {
    const Authority authority;
    const Token token = make_token(authority.ca.get());
    const std::string text = to_text(token);
    CHECK(parse_token(text) == token);
    CHECK(text.size() == 87);
    CHECK(text.find_first_not_of("abcdefghijklmnopqrstuvwxyz234567", 3) == text.npos);
    CHECK(text.starts_with("cv1"));
    std::string capitals = text;
    for (char& c : capitals) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    CHECK(parse_token(capitals) == token);
    CHECK(is_of_token(authority.ca.get(), token));
    CHECK_FALSE(is_of_token(Authority(1).ca.get(), token));
}

TEST_CASE("a token is written as it was in the first version") {
    const Token token{std::string(16, '\x01'), std::string(32, '\xfe')};
    CHECK(
        to_text(token) ==
        "cv1aeaqcaibaeaqcaibaeaqcaibah7p57x6737p57x6737p57x6737p57x6737p57x6737p57x6737p5cxd4kuq");
}

TEST_CASE("no two invitations have one secret") {
    const Authority authority;
    std::set<std::string> secrets;
    for (int i = 0; i < 100; ++i) secrets.insert(make_token(authority.ca.get()).secret);
    CHECK(secrets.size() == 100);
    CHECK(secrets.begin()->size() == secret_bytes);
}

TEST_CASE("a typo anywhere is told as one") {
    const std::string text = to_text(make_token(Authority().ca.get()));
    for (std::size_t place = 3; place < text.size(); ++place)
        CHECK(refusal(mistyped(text, place)).find("mistyped") != std::string::npos);
    std::string swapped = text;
    for (std::size_t i = 4; i < text.size(); ++i)
        if (text[i] != text[i - 1]) {
            std::swap(swapped[i], swapped[i - 1]);
            break;
        }
    CHECK(refusal(swapped).find("mistyped") != std::string::npos);
    CHECK(refusal(text.substr(0, 80)) == "the token has 80 characters, a whole one has 87");
    CHECK(refusal(text + "a") == "the token has 88 characters, a whole one has 87");
    CHECK(refusal(text.substr(0, 86) + "1").find("letters") != std::string::npos);
    CHECK(refusal("").find("no token") != std::string::npos);
    CHECK(refusal("cv").find("no token") != std::string::npos);
    CHECK(refusal("192.0.2.1").find("no token") != std::string::npos);
    CHECK(refusal("cv2" + text.substr(3)).find("does not know") != std::string::npos);
}

TEST_CASE("a proof is worth nothing for another secret, channel or request") {
    const Authority authority;
    const Token token = make_token(authority.ca.get());
    const std::string proof = join_proof(token, "channel", "request");
    CHECK(proof.size() == 32);
    CHECK(is_join_proof(proof, token, "channel", "request"));
    CHECK_FALSE(is_join_proof(proof, make_token(authority.ca.get()), "channel", "request"));
    CHECK_FALSE(is_join_proof(proof, token, "channeL", "request"));
    CHECK_FALSE(is_join_proof(proof, token, "channel", "requesT"));
    CHECK_FALSE(is_join_proof(proof, token, "channelr", "equest"));
    CHECK_FALSE(is_join_proof(proof.substr(0, 31), token, "channel", "request"));
    CHECK_FALSE(is_join_proof(proof + "x", token, "channel", "request"));
    CHECK_FALSE(is_join_proof("", token, "channel", "request"));
    std::string turned = proof;
    turned[31] = static_cast<char>(turned[31] ^ 1);
    CHECK_FALSE(is_join_proof(turned, token, "channel", "request"));
    // The secret is not in it, and the CA's fingerprint makes no proof.
    CHECK(proof.find(token.secret) == std::string::npos);
    CHECK(proof != join_proof({std::string(16, '\0'), token.ca_fingerprint}, "channel", "request"));
}
