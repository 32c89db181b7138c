// qdevice_certificates_test.cpp -- the node daemon's certificates, read again for each connection.
// SPDX-License-Identifier: BSD-3-Clause
#include "qdevice-client/shell/certificates.hpp"

#include "certs/layout.hpp"
#include "certs/node_directory.hpp"
#include "certs/pkcs12.hpp"
#include "tests/unit/certs_support.hpp"

using namespace castvote::certs;
using namespace castvote::certs::test;

TEST_CASE("a node that had a certificate keeps it while the file is away") {
    const Scratch scratch;
    const Path node = scratch / "node";
    const Authority authority;
    put(scratch / "ca.crt", to_pem(authority.ca.get()));
    REQUIRE(import_ca(node, scratch / "ca.crt", Existing::fresh_only));
    auto certificates = castvote::qdevice::Certificates::read(node, layout::server_name);
    REQUIRE(certificates);
    CHECK_FALSE(certificates->current().has_certificate());  // none yet: taken up when it is there
    const Bundle bundle{KeyPtr(EVP_PKEY_dup(key(2))), authority.cluster(key(2)), {}};
    REQUIRE(store_bundle(node, bundle, "there"));
    CHECK(certificates->current().has_certificate());
    const Path file = node / layout::cluster_certificate;
    std::filesystem::rename(file, scratch / "away");
    CHECK(certificates->current().has_certificate());
    // A daemon that begins without it goes on without it.
    const auto begun = castvote::qdevice::Certificates::read(node, layout::server_name);
    REQUIRE(begun);
    std::filesystem::rename(scratch / "away", file);
    CHECK(certificates->current().has_certificate());
}
