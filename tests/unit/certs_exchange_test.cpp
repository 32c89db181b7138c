// certs_exchange_test.cpp -- another authority for the arbiter: what is trusted, who signs and who
// is left behind in each step, and what lies there when it is broken off.
// SPDX-License-Identifier: BSD-3-Clause
#include "certs/exchange.hpp"

#include <fmt/format.h>

#include "certs/arbiter_directory.hpp"
#include "certs/backup.hpp"
#include "certs/identity.hpp"
#include "certs/layout.hpp"
#include "certs/node_directory.hpp"
#include "certs/pkcs12.hpp"
#include "certs/register.hpp"
#include "certs/revoked.hpp"
#include "tests/unit/certs_support.hpp"

using namespace castvote::certs;
using namespace castvote::certs::test;

namespace {

const std::string the_owner(64, 'a');

void copy_all(const Path& from, const Path& to) {
    std::filesystem::remove_all(to);
    std::filesystem::copy(from, to, std::filesystem::copy_options::recursive);
}

struct Exchanging {
    Exchanging() { fresh_arbiter(directory); }

    StepPlan take(Step step) {
        Expected<StepPlan> taken = take_step(directory, step);
        INFO((taken ? "" : taken.error().what));
        REQUIRE(taken);
        return *taken;
    }
    // As an invitation does it, for the node in this directory.
    CertificatePtr issue(const Path& node, std::string_view address) {
        const Expected<RequestPtr> request = pending_request(node, "alpha");
        REQUIRE(request);
        const auto made = issue_certificate(directory, request->get(), "the request",
                                            {.cluster = "alpha",
                                             .by = "invite",
                                             .owner = the_owner,
                                             .address = address,
                                             .which = Which::newest,
                                             .is_confirmed = true});
        REQUIRE(made);
        return share(made->get());
    }
    void join(const Path& node, std::string_view address = "192.0.2.1") {
        const CertificatePtr made = issue(node, address);
        REQUIRE(store_signed(node, made.get(), authorities().for_nodes(), "the arbiter"));
        REQUIRE(mark_stored(directory, serial_number(made.get())));
    }
    Path sign(std::size_t key_number, std::string_view cluster) {
        put(scratch / "request", to_der(make_request(key(key_number), cluster).get()));
        const Expected<Stored> stored = sign_request(directory, scratch / "request", cluster);
        REQUIRE(stored);
        return stored->file;
    }
    Authorities authorities() const {
        Expected<Authorities> read = read_authorities(directory);
        REQUIRE(read);
        return std::move(*read);
    }
    std::vector<Entry> known() const {
        Expected<std::vector<Entry>> entries = known_certificates(directory);
        REQUIRE(entries);
        return *entries;
    }
    std::vector<std::string> left() const {
        const auto found = left_behind(directory);
        REQUIRE(found);
        std::vector<std::string> lines;
        for (const LeftBehind& one : *found)
            lines.push_back(fmt::format("{} {}: {} {}", one.cluster, one.address,
                                        fmt::join(one.serials, ","), one.renewed));
        return lines;
    }

    Scratch scratch;
    Path directory = scratch / "arbiter";
};

X509* issuer_of(const Path& file, const Certificates& authorities, Usage usage) {
    const auto certificate = parse_certificate(get(file), file.string());
    REQUIRE(certificate);
    const auto issuer = issuer_among(authorities, certificate->get(), usage);
    return issuer ? *issuer : nullptr;
}

std::size_t count(const std::string& pem) {
    const auto all = parse_certificates(pem, "pem");
    return all ? all->size() : 0;
}

// The arbiter can be started, and takes and is taken by these nodes.
void check_sound(const Path& arbiter, const std::vector<Path>& nodes) {
    const auto identity = load_arbiter_identity(arbiter);
    INFO((identity ? "" : identity.error().what));
    REQUIRE(identity);
    const auto trusted = parse_certificates(identity->ca_pem, "CAs");
    const auto shown = parse_certificate(identity->certificate_pem, "the arbiter's");
    REQUIRE((trusted && shown));
    // The first one is the chain's, and the one that a token names.
    CHECK(verify_issued_by(shown->get(), trusted->front().get(), Usage::server));
    for (const Path& node : nodes) {
        const auto its = load_node_identity(node);
        INFO(node.string() << " " << (its ? "" : its.error().what));
        REQUIRE((its && its->certificate_pem));
        const auto node_trusts = parse_certificates(its->ca_pem, "the node's CAs");
        const auto certificate = parse_certificate(*its->certificate_pem, "the node's");
        REQUIRE((node_trusts && certificate));
        CHECK(issuer_among(*trusted, certificate->get(), Usage::client));
        CHECK(issuer_among(*node_trusts, shown->get(), Usage::server));
    }
}

}  // namespace

TEST_CASE("trust overlaps in every step, and ends with the new authority alone") {
    Exchanging arbiter;
    const Path early = arbiter.scratch / "early", late = arbiter.scratch / "late";
    arbiter.join(early);
    arbiter.join(late, "192.0.2.2");
    const std::string old_ca = get(arbiter.directory / layout::ca_export);
    const std::string old_key = get(arbiter.directory / layout::ca_key);

    CHECK_FALSE(arbiter.take(Step::begin).was_done);
    CHECK(arbiter.authorities().stage() == Stage::begun);
    CHECK(get(arbiter.directory / layout::ca_export) == old_ca);
    CHECK(mode_of(arbiter.directory / layout::next_ca_key) == 0600);
    check_sound(arbiter.directory, {early, late});
    arbiter.join(early);
    check_sound(arbiter.directory, {early, late});
    CHECK(count(load_node_identity(early)->ca_pem) == 2);
    CHECK(count(load_node_identity(late)->ca_pem) == 1);
    // The stock flow goes on with the old one: its nodes know no other.
    const Certificates old_only = only(arbiter.authorities().present);
    CHECK(issuer_of(arbiter.sign(2, "beta"), old_only, Usage::client) != nullptr);
    arbiter.join(late, "192.0.2.2");

    CHECK_FALSE(arbiter.take(Step::switch_over).was_done);
    CHECK(arbiter.authorities().stage() == Stage::switched);
    CHECK(issuer_of(arbiter.directory / layout::server_certificate, old_only, Usage::server) ==
          nullptr);
    CHECK(get(arbiter.directory / layout::ca_export) != old_ca);
    CHECK(get(arbiter.directory / layout::ca_key).find(old_key) == std::string::npos);
    CHECK_FALSE(is_there(arbiter.directory / layout::next_ca));
    CHECK_FALSE(is_there(arbiter.directory / layout::next_ca_key));
    CHECK(issuer_of(arbiter.sign(3, "gamma"), old_only, Usage::client) == nullptr);
    check_sound(arbiter.directory, {early, late});

    CHECK_FALSE(arbiter.take(Step::finish).was_done);
    CHECK(arbiter.authorities().stage() == Stage::none);
    CHECK(count(load_arbiter_identity(arbiter.directory)->ca_pem) == 1);
    check_sound(arbiter.directory, {early, late});
    // Who joins now knows nothing of the old one; the others forget it when they are told.
    arbiter.join(early);
    CHECK(count(load_node_identity(early)->ca_pem) == 1);
    REQUIRE(import_ca(late, arbiter.directory / layout::ca_export, Existing::same_is_fine));
    CHECK(count(load_node_identity(late)->ca_pem) == 1);
    check_sound(arbiter.directory, {early, late});
}

TEST_CASE("broken off behind any file, arbiter and nodes load, and the same step completes it") {
    Exchanging arbiter;
    const Path old_node = arbiter.scratch / "old", new_node = arbiter.scratch / "new";
    arbiter.join(old_node);
    arbiter.join(new_node, "192.0.2.2");
    for (const Step step : {Step::begin, Step::switch_over, Step::finish}) {
        const Expected<StepPlan> plan = plan_step(arbiter.directory, step);
        REQUIRE(plan);
        REQUIRE(plan->changes.size() >= 2);
        const Path before = arbiter.scratch / "before";
        copy_all(arbiter.directory, before);
        for (std::size_t done = 0; done <= plan->changes.size(); ++done) {
            copy_all(before, arbiter.directory);
            std::vector<FileChange> changes = plan->changes;
            changes.resize(done);
            REQUIRE(carry_out(changes));
            INFO("step " << static_cast<int>(step) << ", broken off behind " << done);
            check_sound(arbiter.directory, {old_node, new_node});
            CHECK(check_signing(arbiter.directory, "alpha"));
            arbiter.take(step);
            check_sound(arbiter.directory, {old_node, new_node});
            CHECK(check_signing(arbiter.directory, "alpha"));
            CHECK(arbiter.take(step).was_done);
        }
        if (step == Step::begin) arbiter.join(new_node, "192.0.2.2");
        if (step == Step::begin) arbiter.join(old_node);
    }
    CHECK(arbiter.authorities().stage() == Stage::none);
    CHECK_FALSE(is_there(arbiter.directory / layout::next_ca_key));
}

TEST_CASE("numbers never repeat, and the register says whose each is") {
    Exchanging arbiter;
    arbiter.join(arbiter.scratch / "one");
    arbiter.sign(2, "beta");
    std::filesystem::remove(arbiter.directory / layout::certificate_register);  // as an old one
    arbiter.take(Step::begin);
    std::filesystem::remove(arbiter.directory / layout::serial);
    arbiter.join(arbiter.scratch / "one");
    arbiter.take(Step::switch_over);
    arbiter.take(Step::finish);
    std::vector<std::string> lines;
    for (const Entry& one : arbiter.known())
        lines.push_back(
            fmt::format("{} {} {} {} {}", one.serial, one.use, one.name, one.by, one.authority));
    CHECK(lines == std::vector<std::string>{
                       "101 authority QNet CA found ", "102 arbiter Qnetd Server found 101",
                       "104 cluster beta found 101", "105 authority QNet CA 105 rotate ",
                       "106 cluster alpha invite 105", "107 arbiter Qnetd Server rotate 105"});
}

TEST_CASE("a register of before is read, and what is in it belongs to the first authority") {
    Exchanging arbiter;
    arbiter.join(arbiter.scratch / "one");
    std::vector<Entry> entries = arbiter.known();
    for (Entry& entry : entries) entry.authority.clear();
    REQUIRE(write_register(arbiter.directory, entries, std::nullopt));
    CHECK(get(arbiter.directory / layout::certificate_register).find("\"authority\":") ==
          std::string::npos);
    CHECK(arbiter.known() == entries);
    arbiter.take(Step::begin);
    CHECK(arbiter.known()[2].authority == "101");
    CHECK(arbiter.left() == std::vector<std::string>{"alpha 192.0.2.1: 103 0"});
}

TEST_CASE("who would be left behind is counted at each address") {
    Exchanging arbiter;
    using Lines = std::vector<std::string>;
    arbiter.join(arbiter.scratch / "one", "192.0.2.1");
    arbiter.join(arbiter.scratch / "two", "192.0.2.1");  // both behind one address
    arbiter.join(arbiter.scratch / "three", "192.0.2.3");
    arbiter.sign(2, "Beta");
    CHECK(arbiter.left().empty());  // nothing is exchanged
    arbiter.take(Step::begin);
    CHECK(arbiter.left() ==
          Lines{"alpha 192.0.2.1: 103,104 0", "alpha 192.0.2.3: 105 0", "Beta : 106 0"});
    arbiter.issue(arbiter.scratch / "three", "192.0.2.3");  // and the answer was lost
    CHECK(arbiter.left()[1] == "alpha 192.0.2.3: 105 0");
    arbiter.join(arbiter.scratch / "one", "192.0.2.1");
    arbiter.join(arbiter.scratch / "three", "192.0.2.3");
    CHECK(arbiter.left() == Lines{"alpha 192.0.2.1: 103,104 1", "Beta : 106 0"});
    REQUIRE(revoke(arbiter.directory, {"104"}));
    CHECK(arbiter.left() == Lines{"Beta : 106 0"});
    arbiter.take(Step::switch_over);
    CHECK(arbiter.left() == Lines{"Beta : 106 0"});
    arbiter.sign(3, "beta");  // another key, another owner, the same cluster
    CHECK(arbiter.left().empty());
    arbiter.take(Step::finish);
    CHECK(arbiter.left().empty());
}

TEST_CASE("signed by hand, keys count, and several old ones are told always") {
    Exchanging arbiter;
    for (const std::size_t key_number : {2u, 3u}) arbiter.sign(key_number, "two");  // 103, 104
    for (int times = 0; times < 2; ++times) arbiter.sign(2, "one");                 // 105, 106
    arbiter.take(Step::begin);
    arbiter.take(Step::switch_over);
    for (const std::size_t key_number : {2u, 3u}) arbiter.sign(key_number, "two");
    CHECK(arbiter.left() == std::vector<std::string>{"one : 105,106 0", "two : 103,104 2"});
    arbiter.sign(3, "one");
    CHECK(arbiter.left() == std::vector<std::string>{"two : 103,104 2"});
    REQUIRE(revoke(arbiter.directory, {"103"}));
    CHECK(arbiter.left().empty());
}

TEST_CASE("no step is taken before its turn") {
    Exchanging arbiter;
    const auto refused = [&](Step step, const char* naming) {
        const auto taken = take_step(arbiter.directory, step);
        REQUIRE_FALSE(taken);
        check_told(taken.error(), naming);
    };
    CHECK(arbiter.take(Step::finish).was_done);
    refused(Step::switch_over, "no second authority");
    arbiter.take(Step::begin);
    const std::string next = get(arbiter.directory / layout::next_ca);
    CHECK(arbiter.take(Step::begin).was_done);
    CHECK(get(arbiter.directory / layout::next_ca) == next);
    refused(Step::finish, "still shows");
    arbiter.take(Step::switch_over);
    CHECK(arbiter.take(Step::switch_over).was_done);
    refused(Step::begin, "not over");
    arbiter.take(Step::finish);
    CHECK(arbiter.take(Step::finish).was_done);
    CHECK_FALSE(arbiter.take(Step::begin).was_done);  // another exchange
    CHECK(take_step(arbiter.scratch / "nowhere", Step::begin).error().what.find("no certificate") !=
          std::string::npos);
}

TEST_CASE("a begun exchange goes with the backup, and what was revoked stays so across it") {
    Exchanging arbiter;
    arbiter.join(arbiter.scratch / "one");
    arbiter.take(Step::begin);
    REQUIRE(back_up(arbiter.directory, arbiter.scratch / "backup"));
    arbiter.join(arbiter.scratch / "one");
    arbiter.take(Step::switch_over);
    arbiter.take(Step::finish);
    REQUIRE(revoke(arbiter.directory, {"105"}));
    REQUIRE(restore(arbiter.directory, arbiter.scratch / "backup", Present::aside));
    CHECK(arbiter.authorities().stage() == Stage::begun);
    CHECK(check_signing(arbiter.directory, "alpha"));
    CHECK(mode_of(arbiter.directory / layout::next_ca_key) == 0600);
    const auto revoked = read_revoked(arbiter.directory);
    REQUIRE(revoked);
    REQUIRE(revoked->size() == 1);
    CHECK(revoked->front().serial == "105");
    check_sound(arbiter.directory, {arbiter.scratch / "one"});
}

TEST_CASE("an exchange that is forgotten is told") {
    Exchanging arbiter;
    arbiter.take(Step::begin);
    const auto warnings_at = [&](long days) {
        return days_in_exchange(arbiter.authorities(), std::time(nullptr) + days * 86400);
    };
    CHECK(warnings_at(0) < exchange_notice_days);
    CHECK(warnings_at(31) >= exchange_notice_days);
    const std::time_t long_ago = std::time(nullptr) - 40 * 86400;
    put(arbiter.directory / layout::next_ca,
        to_pem(make_ca(key(3), 104, long_ago, "QNet CA 104").get()));
    const auto identity = load_arbiter_identity(arbiter.directory);
    REQUIRE(identity);
    REQUIRE(identity->warnings.size() == 1);
    check_told(identity->warnings[0], "the exchange of the authority");
}

TEST_CASE("a node takes a new pair and other authorities at every step") {
    const Scratch scratch;
    const Authority old(0), fresh(1);
    const Path node = scratch / "node";
    const auto sign = [&](const Authority& authority) {
        const Expected<RequestPtr> request = pending_request(node, "alpha");
        REQUIRE(request);
        return make_cluster_certificate(request->get(), authority.issuer(), 103, authority.now);
    };
    Certificates both = only(old.ca);
    both.push_back(share(fresh.ca.get()));
    REQUIRE(store_signed(node, sign(old).get(), only(old.ca), "the arbiter"));
    REQUIRE(store_signed(node, sign(fresh).get(), both, "the arbiter"));
    CHECK(count(get(node / layout::node_ca)) == 2);
    const auto bundle = read_bundle(get(node / layout::bundle), "bundle");
    REQUIRE(bundle);
    CHECK(bundle->others.size() == 2);
    // Another node of the cluster gets them by the bundle, and keeps what it has of them.
    const Path other = scratch / "other";
    put(scratch / "old.crt", to_pem(old.ca.get()));
    REQUIRE(import_ca(other, scratch / "old.crt", Existing::fresh_only));
    for (int times = 0; times < 2; ++times) {
        REQUIRE(import_bundle(other, node / layout::bundle));
        CHECK(count(get(other / layout::node_ca)) == 2);
        REQUIRE(load_node_identity(other));
    }
    // While the files change places: new keys before old ones, both authorities.
    const std::string key_before = get(node / layout::cluster_key);
    const std::string certificate_before = get(node / layout::cluster_certificate);
    REQUIRE(store_signed(node, sign(fresh).get(), only(fresh.ca), "the arbiter"));
    const std::string key_after = get(node / layout::cluster_key);
    const std::string certificate_after = get(node / layout::cluster_certificate);
    CHECK(key_after.find(key_before) == std::string::npos);
    for (const std::string& certificate : {certificate_before, certificate_after}) {
        put(node / layout::node_ca, to_pem(both));
        put(node / layout::cluster_key, key_after + key_before);
        put(node / layout::cluster_certificate, certificate);
        CHECK(load_node_identity(node));
    }
}

// Certificates of stock CAs say nothing of their issuer but its name.
TEST_CASE("two authorities of one arbiter have two names") {
    Exchanging arbiter;
    arbiter.take(Step::begin);
    const Authorities authorities = arbiter.authorities();
    CHECK(X509_NAME_cmp(X509_get_subject_name(authorities.present.get()),
                        X509_get_subject_name(authorities.next.get())) != 0);
}
