// net_tls_test.cpp -- which certificates are accepted, by whom, and what is said about the others
// (certificates.md 5, 7.3 and 7.4).
// SPDX-License-Identifier: BSD-3-Clause
#include "tests/unit/support/channel_pair.hpp"
#include "tests/unit/support/test_certificates.hpp"

using namespace castvote;
using namespace castvote::testing;

namespace {

constexpr long day = 24 * 3600;

struct Outcome {
    bool established = false;           // on the arbiter's side
    std::string arbiter_says;           // why not
    std::string node_says;              // why not
    std::vector<std::string> warnings;  // of the node
    std::string serial;                 // of the node's certificate, as the arbiter saw it
    std::string authority;              // that signed it
};

// One handshake over loopback, both sides ours.
Outcome shake_hands(const net::TlsIdentity& arbiter_identity, const net::TlsIdentity& node_identity,
                    const std::string& expected_name = "Qnetd Server",
                    const net::RevokedSerials& revoked = {}) {
    Loopback loopback;
    Listening node(std::move(loopback.near), {});
    Listening arbiter(std::move(loopback.far), {});
    arbiter.tls =
        net::TlsContext::server(arbiter_identity, net::ClientCertificate::required, revoked)
            .value();
    node.tls = net::TlsContext::client(node_identity, expected_name).value();
    node.switch_at = wire::MessageType::echo_request;
    arbiter.start();
    node.start();
    arbiter.channel->send(echo(1));
    node.channel->send(numbered(wire::MessageType::starttls, 1));
    loopback.until([&] { return arbiter.facts || (arbiter.end && node.end); });
    Outcome outcome{arbiter.facts.has_value(), arbiter.detail, node.detail, {}, {}, {}};
    if (node.facts) outcome.warnings = node.facts->warnings;
    if (arbiter.facts) outcome.serial = arbiter.facts->peer->serial;
    if (arbiter.facts) outcome.authority = arbiter.facts->peer->authority;
    return outcome;
}

net::TlsIdentity arbiter_with(Authority::Wish wish) { return authority().issue(wish); }
net::TlsIdentity good_arbiter() {
    return arbiter_with({.common_name = "Qnetd Server", .dns_names = {}});
}
net::TlsIdentity good_node() {
    return authority().issue({.common_name = "alpha", .dns_names = {}});
}

}  // namespace

TEST_CASE("the arbiter judges the node's certificate") {
    const auto with = [](long begins, long ends) {
        return shake_hands(good_arbiter(), authority().issue({"alpha", {}, begins, ends}));
    };
    CHECK(with(-day, day).established);
    CHECK(with(day / 2, 3 * day).established);  // within the tolerated day
    CHECK(with(2 * day, 3 * day).arbiter_says ==
          "the peer's certificate not yet valid (check both clocks)");
    CHECK(with(-3 * day, -day).arbiter_says == "the peer's certificate expired");
    CHECK(shake_hands(good_arbiter(), authority().only_trust()).arbiter_says ==
          "the peer showed no certificate");
    net::TlsIdentity foreign =
        Authority("QNet CA").issue({.common_name = "alpha", .dns_names = {}});
    foreign.ca_pem = good_node().ca_pem;
    CHECK(shake_hands(good_arbiter(), foreign).arbiter_says ==
          "the peer's certificate not signed by our CA");
}

TEST_CASE("the arbiter refuses a certificate that was revoked, and the node learns why") {
    const net::TlsIdentity node = good_node();
    const std::string serial = shake_hands(good_arbiter(), node).serial;
    REQUIRE_FALSE(serial.empty());
    const Outcome revoked = shake_hands(good_arbiter(), node, "Qnetd Server", {"1", serial});
    CHECK_FALSE(revoked.established);
    CHECK(revoked.arbiter_says == "the peer's certificate was revoked");
    CHECK(revoked.node_says == "the peer says our certificate is revoked");
    CHECK(shake_hands(good_arbiter(), node, "Qnetd Server", {serial + "0"}).established);
}

TEST_CASE("while an authority is exchanged both sides trust two, and know which one it was") {
    const Authority next("QNet CA 105");
    const auto both = [&](const Authority& who, const char* name) {
        net::TlsIdentity identity = who.issue({.common_name = name, .dns_names = {}});
        identity.ca_pem = good_node().ca_pem + next.only_trust().ca_pem;
        return identity;
    };
    // The old node, and one that was renewed, before and after the arbiter's change.
    const net::TlsIdentity before = both(authority(), "Qnetd Server");
    const net::TlsIdentity after = both(next, "Qnetd Server");
    const Outcome old_one = shake_hands(before, good_node());
    const Outcome new_one = shake_hands(before, both(next, "alpha"));
    CHECK((old_one.established && new_one.established));
    CHECK(shake_hands(after, both(next, "alpha")).established);
    CHECK(shake_hands(after, both(authority(), "alpha")).established);
    CHECK_FALSE(shake_hands(after, good_node()).established);
    const auto trusting = [](const net::TlsIdentity& identity) {
        return net::TlsContext::server(identity, net::ClientCertificate::required).value();
    };
    CHECK(
        (trusting(before).trusts(old_one.authority) && trusting(before).trusts(new_one.authority)));
    const net::TlsIdentity alone = next.issue({.common_name = "Qnetd Server", .dns_names = {}});
    const net::TlsContext finished = trusting(alone);
    CHECK(finished.trusts(new_one.authority));
    CHECK_FALSE(finished.trusts(old_one.authority));
    CHECK(shake_hands(alone, both(authority(), "alpha")).arbiter_says ==
          "the peer's certificate not signed by our CA");
}

TEST_CASE("the node judges the arbiter's name") {
    const auto named = [](const std::string& name, std::vector<std::string> dns) {
        return shake_hands(arbiter_with({.common_name = name, .dns_names = std::move(dns)}),
                           good_node());
    };
    CHECK(named("qnetd server", {}).established);
    CHECK(named("x", {"other", "Qnetd Server"}).established);
    CHECK(named("Qnetd Server", {"qnetd.example"})
              .node_says.starts_with("the peer's certificate is for"));
    CHECK(named("Other", {}).node_says ==
          "the peer's certificate is for \"Other\", expected \"Qnetd Server\"");
    CHECK(shake_hands(arbiter_with({.common_name = "Other", .dns_names = {}}), good_node(), "other")
              .established);
}

TEST_CASE("the node tolerates the arbiter's dates, aloud, and nothing else") {
    const auto dated = [](long begins, long ends) {
        return shake_hands(arbiter_with({"Qnetd Server", {}, begins, ends}), good_node());
    };
    const Outcome expired = dated(-3 * day, -day);
    CHECK(expired.established);
    CHECK(expired.warnings == std::vector<std::string>{"the arbiter's certificate has expired"});
    CHECK(dated(2 * day, 3 * day).warnings ==
          std::vector<std::string>{"the arbiter's certificate is not valid yet"});
    CHECK(dated(day / 2, 3 * day).warnings.empty());
    // Expired and of another name: the name decides.
    CHECK_FALSE(shake_hands(arbiter_with({"Other", {}, -3 * day, -day}), good_node()).established);
    net::TlsIdentity foreign =
        Authority("QNet CA").issue({.common_name = "Qnetd Server", .dns_names = {}});
    const Outcome untrusted = shake_hands(foreign, good_node());
    CHECK_FALSE(untrusted.established);
    CHECK(untrusted.node_says == "the peer's certificate not signed by our CA");
}

TEST_CASE("a context names what is wrong with its PEM") {
    net::TlsIdentity identity = good_arbiter();
    identity.key_pem = good_node().key_pem;
    CHECK(net::TlsContext::server(identity, net::ClientCertificate::required)
              .error()
              .find("does not fit") != std::string::npos);
    identity.key_pem = "nonsense";
    CHECK(net::TlsContext::client(identity).error().find("private key") != std::string::npos);
    identity.certificate_pem = "nonsense";
    CHECK(net::TlsContext::client(identity).error().find("certificate is no PEM") !=
          std::string::npos);
    identity.ca_pem.clear();
    CHECK(net::TlsContext::client(identity).error().find("CA certificate") != std::string::npos);
}
