// certs_directory_test.cpp -- the directories of arbiter and node through a whole set-up and its
// mishaps.
// SPDX-License-Identifier: BSD-3-Clause
#include <fmt/format.h>

#include <array>
#include <set>
#include <thread>

#include "certs/arbiter_directory.hpp"
#include "certs/identity.hpp"
#include "certs/layout.hpp"
#include "certs/node_directory.hpp"
#include "certs/pkcs12.hpp"
#include "tests/unit/certs_support.hpp"

using namespace castvote::certs;
using namespace castvote::certs::test;

namespace {

// An arbiter and a node that knows its CA.
struct World {
    World() {
        REQUIRE(init_arbiter(arbiter, GroupWrite::yes));
        REQUIRE(import_ca(node, arbiter / layout::ca_export, Existing::fresh_only));
    }

    // Request, signature; the path of the certificate.
    Path sign(std::string_view cluster = "alpha") {
        const Expected<Stored> request = request_certificate(node, cluster);
        REQUIRE(request);
        const Expected<Stored> signed_one = sign_request(arbiter, request->file, cluster);
        REQUIRE(signed_one);
        return signed_one->file;
    }

    Scratch scratch;
    Path arbiter = scratch / "arbiter";
    Path node = scratch / "node";
};

std::string serial_of(const Path& file) {
    const Expected<CertificatePtr> certificate = parse_certificate(get(file), file.string());
    REQUIRE(certificate);
    return serial_number(certificate->get());
}

std::size_t files_in(const Path& directory) {
    std::size_t count = 0;
    for (const auto& entry : std::filesystem::directory_iterator(directory)) {
        CHECK(entry.path().filename().string()[0] != '.');  // No temporary file stays behind.
        ++count;
    }
    return count;
}

}  // namespace

TEST_CASE("the whole way: init, request, sign, import, the other node") {
    World world;
    const Path certificate = world.sign();
    CHECK(certificate == world.arbiter / "cluster-alpha.crt");
    CHECK(serial_of(certificate) == "103");
    CHECK(get(world.arbiter / layout::serial) == "103\n");
    const Expected<Stored> bundle = import_certificate(world.node, certificate);
    REQUIRE(bundle);
    CHECK(bundle->file == world.node / layout::bundle);
    CHECK_FALSE(is_there(world.node / layout::pending_keys));

    const Path other = world.scratch / "other";
    REQUIRE(import_ca(other, world.arbiter / layout::ca_export, Existing::fresh_only));
    for (const Path& directory : {other, world.node})
        REQUIRE(import_bundle(directory, bundle->file));
    const auto one = load_node_identity(world.node);
    const auto two = load_node_identity(other);
    REQUIRE((one && two && load_arbiter_identity(world.arbiter)));
    CHECK(one->certificate_pem == two->certificate_pem);
    CHECK(one->key_pem == two->key_pem);
    CHECK(files_in(world.arbiter) == 8);
    CHECK(files_in(world.node) == 6);
    CHECK(files_in(other) == 4);
}

TEST_CASE("modes: the CA's key for its owner alone, the server's for the group") {
    World world;
    REQUIRE(import_certificate(world.node, world.sign()));
    CHECK(mode_of(world.arbiter) == 0770u);
    CHECK(mode_of(world.arbiter / layout::ca_key) == 0600u);
    CHECK(mode_of(world.arbiter / layout::server_key) == 0640u);
    CHECK(mode_of(world.arbiter / layout::serial) == 0660u);
    CHECK(mode_of(world.node / layout::cluster_key) == 0600u);
    CHECK(mode_of(world.node / layout::bundle) == 0600u);
    CHECK(mode_of(world.node / layout::request) == 0640u);
    REQUIRE(init_arbiter(world.scratch / "strict", GroupWrite::no));
    CHECK(mode_of(world.scratch / "strict") == 0750u);
    CHECK(mode_of(world.scratch / "strict/serial.txt") == 0640u);
}

TEST_CASE("every import succeeds twice, and so does the first request after a second") {
    World world;
    const Path certificate = world.sign();
    REQUIRE(import_certificate(world.node, certificate));
    const std::string key_before = get(world.node / layout::cluster_key);
    REQUIRE(import_certificate(world.node, certificate));
    REQUIRE(import_bundle(world.node, world.node / layout::bundle));
    REQUIRE(import_ca(world.node, world.arbiter / layout::ca_export, Existing::same_is_fine));
    CHECK(get(world.node / layout::cluster_key) == key_before);

    const Path first = world.scratch / "first.crq";
    REQUIRE(request_certificate(world.node, "alpha"));
    put(first, get(world.node / layout::request));
    REQUIRE(request_certificate(world.node, "alpha"));
    REQUIRE(sign_request(world.arbiter, first, "alpha"));
    REQUIRE(import_certificate(world.node, world.arbiter / "cluster-alpha.crt"));
    CHECK(is_there(world.node / layout::pending_keys));  // The second one still waits.
    REQUIRE(sign_request(world.arbiter, world.node / layout::request, "alpha"));
    REQUIRE(import_certificate(world.node, world.arbiter / "cluster-alpha.crt"));
    CHECK_FALSE(is_there(world.node / layout::pending_keys));
}

TEST_CASE("an existing CA is never touched again") {
    World world;
    const std::string before = get(world.arbiter / layout::ca_key);
    const Expected<Stored> again = init_arbiter(world.arbiter, GroupWrite::yes);
    REQUIRE_FALSE(again);
    check_told(again.error(), "already exists");
    std::filesystem::remove(world.arbiter / layout::server_certificate);
    REQUIRE_FALSE(init_arbiter(world.arbiter, GroupWrite::yes));
    CHECK(get(world.arbiter / layout::ca_key) == before);
    REQUIRE(make_directory(world.scratch / "stock", 0700, std::nullopt));
    put(world.scratch / "stock/cert9.db", "a database");
    const Expected<Stored> stock = init_arbiter(world.scratch / "stock", GroupWrite::yes);
    REQUIRE_FALSE(stock);
    check_told(stock.error(), "already exists");
}

TEST_CASE("serial numbers never repeat, even if serial.txt is lost or old") {
    World world;
    world.sign("alpha");
    world.sign("beta");
    std::filesystem::remove(world.arbiter / layout::serial);
    CHECK(serial_of(world.sign("gamma")) == "105");
    put(world.arbiter / layout::serial, "rubbish");
    CHECK(serial_of(world.sign("delta")) == "106");
    put(world.arbiter / layout::serial, "900\n");
    CHECK(serial_of(world.sign("alpha")) == "901");
}

TEST_CASE("two tools that sign at the same time hand out different numbers") {
    World world;
    const Path request = request_certificate(world.node, "any")->file;
    EVP_PKEY* const shared_key = key(1);  // made here: two threads would make it twice
    std::array<std::set<std::string>, 2> serials;
    {
        std::array<std::jthread, 2> tools;
        for (std::size_t i = 0; i < tools.size(); ++i)
            tools[i] = std::jthread([&, i] {
                const Path own = world.scratch / std::string(1, static_cast<char>('a' + i));
                for (int round = 0; round < 6; ++round) {
                    const std::string cluster = fmt::format("c{}-{}", i, round);
                    const RequestPtr made = make_request(shared_key, cluster);
                    if (!write_file(own, to_der(made.get()), 0600, std::nullopt)) return;
                    const Expected<Stored> stored = sign_request(world.arbiter, own, cluster);
                    if (!stored) return;
                    const Expected<std::string> bytes = read_file(stored->file);
                    if (!bytes) return;
                    const Expected<CertificatePtr> certificate = parse_certificate(*bytes, "c");
                    if (certificate) serials[i].insert(serial_number(certificate->get()));
                }
            });
    }
    std::set<std::string> all = serials[0];
    all.insert(serials[1].begin(), serials[1].end());
    CHECK(all.size() == 12);
}

TEST_CASE("a refused request costs no serial number and leaves the old certificate") {
    World world;
    const Path certificate = world.sign();
    const std::string before = get(certificate);
    put(world.scratch / "bad.crq", "no request");
    for (const auto& [file, name] :
         {std::pair<Path, const char*>{world.scratch / "bad.crq", "alpha"},
          {world.node / layout::request, "beta"},
          {world.scratch / "missing", "alpha"},
          {world.node / layout::request, "a/b"}}) {
        const Expected<Stored> refused = sign_request(world.arbiter, file, name);
        REQUIRE_FALSE(refused);
        CHECK_FALSE(refused.error().remedy.empty());
    }
    CHECK(get(certificate) == before);
    CHECK(get(world.arbiter / layout::serial) == "103\n");
    put(world.arbiter / layout::ca_key, to_pem(key(1)));
    const Expected<Stored> unfit =
        sign_request(world.arbiter, world.node / layout::request, "alpha");
    REQUIRE_FALSE(unfit);
    check_told(unfit.error(), "does not fit");
    CHECK(get(world.arbiter / layout::serial) == "103\n");
}

TEST_CASE("a certificate without its key, or of another CA, is not taken") {
    World world;
    World stranger;
    const Path certificate = world.sign();
    const Expected<Stored> foreign = import_certificate(stranger.node, certificate);
    REQUIRE_FALSE(foreign);
    check_told(foreign.error(), "not signed by this CA");
    const Path keyless = world.scratch / "keyless";
    REQUIRE(import_ca(keyless, world.arbiter / layout::ca_export, Existing::fresh_only));
    const Expected<Stored> unfit = import_certificate(keyless, certificate);
    REQUIRE_FALSE(unfit);
    check_told(unfit.error(), "no key");
    CHECK_FALSE(is_there(keyless / layout::cluster_certificate));
    CHECK_FALSE(is_there(keyless / layout::bundle));
}

TEST_CASE("what is no CA is not taken for one") {
    World world;
    const Path certificate = world.sign();
    const Expected<Stored> taken =
        import_ca(world.scratch / "fresh", certificate, Existing::fresh_only);
    REQUIRE_FALSE(taken);
    check_told(taken.error(), "not that of a CA");
    CHECK_FALSE(is_there(world.scratch / "fresh"));
}

TEST_CASE("a bundle replaces the CA exactly if it brings the one that signed it") {
    World old;
    World young;
    REQUIRE(import_certificate(old.node, old.sign()));
    REQUIRE(import_certificate(young.node, young.sign()));
    const Expected<Stored> moved = import_bundle(old.node, young.node / layout::bundle);
    REQUIRE(moved);
    REQUIRE(moved->notes.size() == 1);
    CHECK(moved->notes[0].find("Replaced the CA") != std::string::npos);
    CHECK(get(old.node / layout::node_ca) == get(young.node / layout::node_ca));
    CHECK(load_node_identity(old.node));

    // A CA in the bundle that did not sign the certificate is worth nothing.
    World third;
    const Authority unrelated(3);
    const auto certificate = parse_certificate(get(young.node / layout::cluster_certificate), "c");
    const auto its_key = parse_key(get(young.node / layout::cluster_key), "k");
    REQUIRE((certificate && its_key));
    const Expected<Stored> refused = store_bundle(
        third.node,
        *read_bundle(write_bundle(its_key->get(), certificate->get(), only(unrelated.ca)), "b"),
        "b");
    REQUIRE_FALSE(refused);
    check_told(refused.error(), "neither by the CA");
    CHECK_FALSE(is_there(third.node / layout::cluster_certificate));
}

TEST_CASE("a new CA does not silently spoil a cluster certificate") {
    World old;
    World young;
    REQUIRE(import_certificate(old.node, old.sign()));
    const std::string before = get(old.node / layout::node_ca);
    const Expected<Stored> taken =
        import_ca(old.node, young.arbiter / layout::ca_export, Existing::same_is_fine);
    REQUIRE_FALSE(taken);
    check_told(taken.error(), "another CA");
    CHECK(get(old.node / layout::node_ca) == before);
}

TEST_CASE("an interrupted import is healed by repeating it") {
    World world;
    const Path certificate = world.sign();
    const std::string pending = get(world.node / layout::pending_keys);
    REQUIRE(import_certificate(world.node, certificate));
    // As if the power had gone after the key, before the certificate.
    std::filesystem::remove(world.node / layout::cluster_certificate);
    std::filesystem::remove(world.node / layout::bundle);
    put(world.node / layout::pending_keys, pending);
    REQUIRE(import_certificate(world.node, certificate));
    CHECK(load_node_identity(world.node)->certificate_pem.has_value());
    CHECK(is_there(world.node / layout::bundle));
}

TEST_CASE("requests that are never signed do not pile up keys") {
    World world;
    std::string many;
    for (int i = 0; i < 20; ++i) many += to_pem(key(1));
    put(world.node / layout::pending_keys, many);
    REQUIRE(request_certificate(world.node, "alpha"));
    const auto keys = parse_keys(get(world.node / layout::pending_keys), "k");
    REQUIRE(keys);
    CHECK(keys->size() == 16);
    REQUIRE(sign_request(world.arbiter, world.node / layout::request, "alpha"));
    CHECK(import_certificate(world.node, world.arbiter / "cluster-alpha.crt"));
}

TEST_CASE("a file that cannot be read or written is told") {
    World world;
    const Expected<void> written =
        write_file(world.scratch / "missing/file", "x", 0600, std::nullopt);
    REQUIRE_FALSE(written);
    check_told(written.error(), "missing/file");
    const Expected<std::string> directory = read_file(world.node);
    REQUIRE_FALSE(directory);
    put(world.scratch / "huge", std::string(1024 * 1024 + 1, 'x'));
    const Expected<std::string> huge = read_file(world.scratch / "huge");
    REQUIRE_FALSE(huge);
    check_told(huge.error(), "larger than 1 MiB");
}
