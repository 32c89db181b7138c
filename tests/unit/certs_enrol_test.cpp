// certs_enrol_test.cpp -- an invitation's rules, what is said in it, and whose certificate comes
// out: without a socket.
// SPDX-License-Identifier: BSD-3-Clause
#include "certs/arbiter_directory.hpp"
#include "certs/enrol/ask.hpp"
#include "certs/enrol/invitation.hpp"
#include "certs/enrol/message.hpp"
#include "certs/enrol/wrong_tries.hpp"
#include "certs/layout.hpp"
#include "certs/node_directory.hpp"
#include "certs/pkcs12.hpp"
#include "certs/register.hpp"
#include "certs/x509.hpp"
#include "common/net/tls_words.hpp"
#include "tests/unit/certs_support.hpp"

using castvote::at_ms;
using castvote::Instant;
namespace net = castvote::net;
using namespace castvote::certs;
using namespace castvote::certs::enrol;
using namespace castvote::certs::test;

namespace {

struct Open {
    explicit Open(std::size_t nodes)
        : token(make_token(Authority().ca.get())), invitation(token, nodes, at_ms(1000)) {}

    // The refusal's code; empty if admitted.
    std::string ask(const Token& with, Instant now = at_ms(0)) {
        const auto admitted =
            invitation.admit(join_proof(with, "channel", "body"), "channel", "body", now);
        return admitted ? "" : admitted.error().code;
    }
    std::string ask() { return ask(token); }

    void join(const std::string& key) {
        const auto place = invitation.place_for(key);
        REQUIRE(place);
        REQUIRE_FALSE(*place);
        invitation.issued(key, "certificate of " + key);
        invitation.confirmed(key);
    }

    Token token;
    Invitation invitation;
};

}  // namespace

TEST_CASE("an invitation lets in who has the token, so many nodes and no more") {
    Open open(2);
    CHECK(open.ask() == "");
    open.join("one");
    CHECK_FALSE(open.invitation.ending(at_ms(0)));
    CHECK(open.ask() == "");
    open.join("two");
    CHECK(open.invitation.ending(at_ms(0)) == Ending::all_joined);
    const auto third = open.invitation.place_for("three");
    REQUIRE_FALSE(third);
    CHECK(third.error().code == "used_up");
}

TEST_CASE("a node that asks again for its key gets the same certificate and no second place") {
    Open open(2);
    REQUIRE(open.invitation.place_for("one"));
    open.invitation.issued("one", "first");
    CHECK(open.invitation.place_for("one").value() == "first");
    CHECK_FALSE(open.invitation.ending(at_ms(0)));  // not stored yet, as far as we know
    open.invitation.confirmed("one");
    open.invitation.confirmed("one");
    CHECK(open.invitation.confirmed_nodes() == 1);
    CHECK(open.invitation.place_for("one").value() == "first");
    open.invitation.confirmed("nobody");
    CHECK(open.invitation.confirmed_nodes() == 1);
    open.join("two");
    CHECK(open.invitation.confirmed_nodes() == 2);
    // A place that is taken, but not confirmed, is not given away.
    Open full(1);
    full.invitation.issued("one", "first");
    CHECK_FALSE(full.invitation.place_for("two"));
}

TEST_CASE("an invitation ends with its time") {
    Open open(1);
    CHECK(open.ask(open.token, at_ms(999)) == "");
    CHECK_FALSE(open.invitation.ending(at_ms(999)));
    CHECK(open.ask(open.token, at_ms(1000)) == "expired");
    CHECK(open.invitation.ending(at_ms(1000)) == Ending::expired);
}

TEST_CASE("wrong proofs end nothing, and learn nothing") {
    Open open(1);
    const Token wrong = make_token(Authority().ca.get());
    for (int i = 0; i < 100; ++i) CHECK(open.ask(wrong) == "wrong_token");
    CHECK(open.ask(wrong, at_ms(2000)) == "wrong_token");  // late or not
    CHECK_FALSE(open.invitation.ending(at_ms(0)));
    CHECK(open.ask() == "");
}

TEST_CASE("who sends wrong tokens waits, and nobody else") {
    WrongTries tries;
    for (int i = 0; i < WrongTries::tries_max; ++i) {
        CHECK_FALSE(tries.must_wait("192.0.2.1", at_ms(0)));
        tries.add("192.0.2.1", at_ms(0));
    }
    CHECK(tries.must_wait("192.0.2.1", at_ms(0)));
    CHECK_FALSE(tries.must_wait("192.0.2.2", at_ms(0)));
    CHECK(tries.must_wait("192.0.2.1", at_ms(9'999)));
    CHECK_FALSE(tries.must_wait("192.0.2.1", at_ms(10'000)));
    tries.add("192.0.2.1", at_ms(10'000));
    CHECK(tries.must_wait("192.0.2.1", at_ms(19'999)));
    CHECK_FALSE(tries.must_wait("192.0.2.1", at_ms(20'000)));
    // All are back after so long, and no more than all.
    for (int i = 0; i < WrongTries::tries_max; ++i) {
        CHECK_FALSE(tries.must_wait("192.0.2.1", at_ms(500'000)));
        tries.add("192.0.2.1", at_ms(500'000));
    }
    CHECK(tries.must_wait("192.0.2.1", at_ms(500'000)));
}

TEST_CASE("many addresses fill no memory, and free nobody") {
    WrongTries tries;
    const auto fill = [&](std::size_t i, Instant now) {
        for (int n = 0; n < WrongTries::tries_max; ++n) tries.add(std::to_string(i), now);
    };
    for (std::size_t i = 0; i < WrongTries::addresses_max; ++i) fill(i, at_ms(0));
    fill(WrongTries::addresses_max, at_ms(0));
    CHECK_FALSE(tries.must_wait(std::to_string(WrongTries::addresses_max), at_ms(0)));
    CHECK(tries.must_wait("0", at_ms(0)));
    // Those whose time is over make room.
    fill(WrongTries::addresses_max, at_ms(50'000));
    CHECK(tries.must_wait(std::to_string(WrongTries::addresses_max), at_ms(50'000)));
}

TEST_CASE("what node and arbiter say comes back as it was said") {
    const Request request{"alpha \"x\"\n", "-----BEGIN"};
    CHECK(read_request(request_body(request)) == request);
    CHECK(read_answer(answer_body(Issued{"certificate", "CAs"})).value().value() ==
          Issued{"certificate", "CAs"});
    const auto refused = read_answer(answer_body(Refusal{"used_up", {"what", "remedy"}}));
    REQUIRE(refused);
    REQUIRE_FALSE(*refused);
    CHECK(refused->error().code == "used_up");
    CHECK(refused->error().words.what == "what");
    CHECK(length_in(with_length(std::string(70000, 'x'))) == 70000);
    CHECK(with_length("abc") == std::string("\0\0\0\3abc", 7));
}

TEST_CASE("what is none of it is refused, and a terminal is not written to at will") {
    for (const char* text : {"", "{", "7", "[]", "{}", "{\"cluster\": 7, \"request\": \"x\"}",
                             "{\"cluster\": \"x\"}", "{\"error\": {\"code\": \"x\"}}",
                             "{\"error\": 7}", "{\"certificate\": 7}", "null", "\"certificate\""}) {
        CHECK_FALSE(read_request(text));
        CHECK_FALSE(read_answer(text));
    }
    CHECK_FALSE(read_request(std::string(16000, '[')));
    const auto nasty = read_answer(
        answer_body(Refusal{"x", {"\x1b[2Jgone", "two\nlines " + std::string(1000, 'x')}}));
    CHECK(nasty.value().error().words.what == "?[2Jgone");
    CHECK(nasty.value().error().words.remedy.substr(0, 9) == "two?lines");
    CHECK(nasty.value().error().words.remedy.size() == 300);
}

// The core tells clusters of one name apart by this word of the shell's.
TEST_CASE("the arbiter's shell takes a named owner in the place of the key") {
    const Authority authority;
    const std::string owner(64, 'c');
    const auto with = [&](std::size_t key_number, const std::string& named) {
        const CertificatePtr made =
            make_cluster_certificate(make_request(key(key_number), "alpha").get(),
                                     authority.issuer(), 103, authority.now, named);
        CHECK(net::names_of(made.get()).key_fingerprint == cluster_owner(made.get()));
        return net::names_of(made.get()).key_fingerprint;
    };
    CHECK(with(1, owner) == owner);
    CHECK(with(2, owner) == owner);
    CHECK(with(1, "") != with(2, ""));
    CHECK(with(1, with(2, "")) == with(2, ""));
}

TEST_CASE("an invitation from before an exchange lets nobody in") {
    const Authority old(0), fresh(1);
    const Invitation invitation(make_token(old.ca.get()), 1, at_ms(1000));
    Certificates both = only(old.ca);
    both.push_back(share(fresh.ca.get()));
    CHECK(invitation.check_authorities(both));
    const auto refused = invitation.check_authorities(only(fresh.ca));
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == "other_authority");
}

TEST_CASE("what an arbiter tells to trust is judged") {
    const Authority old(0), fresh(1), third(2);
    const Token token = make_token(old.ca.get());
    const std::string o = to_pem(old.ca.get()), f = to_pem(fresh.ca.get());
    const auto told = [&](const std::string& pem) {
        const auto cas = authorities_told(Issued{"", pem}, old.ca.get(), token);
        if (!cas) check_told(cas.error(), "tells to trust");
        return cas ? cas->size() : 0;
    };
    CHECK(told("") == 1);
    CHECK(told(o) == 1);
    CHECK(told(o + f) == 2);
    CHECK(told(o + f + to_pem(third.ca.get())) == 0);
    CHECK(told(f) == 0);
    CHECK(told(o + to_pem(fresh.cluster(key(2)).get())) == 0);
    CHECK(told("nothing") == 0);
}

TEST_CASE("a node keeps its pending request until it is signed") {
    Scratch scratch;
    const Path node = scratch / "node";
    const auto key_in = [](const Expected<RequestPtr>& request) {
        REQUIRE(request);
        return KeyPtr(X509_REQ_get_pubkey(request->get()));
    };
    const KeyPtr first = key_in(pending_request(node, "alpha"));
    CHECK(EVP_PKEY_eq(first.get(), key_in(pending_request(node, "alpha")).get()) == 1);
    CHECK(EVP_PKEY_eq(first.get(), key_in(pending_request(node, "beta")).get()) != 1);
    put(node / layout::request, "damaged");
    CHECK(EVP_PKEY_eq(first.get(), key_in(pending_request(node, "alpha")).get()) != 1);
}

TEST_CASE("what an arbiter has signed is stored with its CA, in the place of another's") {
    Scratch scratch;
    const Path node = scratch / "node";
    const Authority old(0), fresh(1);
    for (const Authority* authority : {&old, &fresh}) {
        const Expected<RequestPtr> request = pending_request(node, "alpha");
        REQUIRE(request);
        const CertificatePtr made =
            make_cluster_certificate(request->get(), authority->issuer(), 103, authority->now);
        const Expected<Stored> stored =
            store_signed(node, made.get(), only(authority->ca), "the arbiter");
        REQUIRE(stored);
        CHECK(get(node / layout::node_ca) == to_pem(authority->ca.get()));
        CHECK(get(node / layout::cluster_certificate) == to_pem(made.get()));
        CHECK_FALSE(is_there(node / layout::pending_keys));
        const Expected<Bundle> bundle = read_bundle(get(stored->file), "bundle");
        REQUIRE(bundle);
        CHECK(is_same(bundle->certificate.get(), made.get()));
        CHECK(mode_of(stored->file) == 0600);
    }
    // A certificate for a key that is not here leaves everything as it is.
    const std::string before = get(node / layout::cluster_certificate);
    const Expected<Stored> refused =
        store_signed(node, fresh.cluster(key(3)).get(), only(fresh.ca), "the arbiter");
    REQUIRE_FALSE(refused);
    check_told(refused.error(), "no key");
    CHECK(get(node / layout::cluster_certificate) == before);
}
