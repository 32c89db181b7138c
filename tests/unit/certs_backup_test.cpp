// certs_backup_test.cpp -- an arbiter's certificates go into a file and come back whole, or not.
// SPDX-License-Identifier: BSD-3-Clause
#include "certs/backup.hpp"

#include <nlohmann/json.hpp>

#include "certs/identity.hpp"
#include "certs/layout.hpp"
#include "certs/register.hpp"
#include "certs/x509.hpp"
#include "tests/unit/certs_support.hpp"

using namespace castvote::certs;
using namespace castvote::certs::test;
using nlohmann::json;

namespace {

struct BackedUp {
    BackedUp() {
        REQUIRE(init_arbiter(old, GroupWrite::no));
        put(scratch / "request", to_der(make_request(key(1), "alpha").get()));
        REQUIRE(sign_request(old, scratch / "request", "alpha"));
        put(old / "cert9.db", "a stock database");
        const Expected<Stored> stored = back_up(old, file);
        REQUIRE(stored);
        CHECK(mode_of(file) == 0600);
    }

    std::vector<std::string> beside() {
        std::vector<std::string> names;
        for (const auto& entry : std::filesystem::directory_iterator(scratch / ""))
            names.push_back(entry.path().filename().string());
        return names;
    }

    // The backup with something changed in it.
    Path changed(const std::function<void(json&)>& change) {
        json content = json::parse(get(file));
        change(content);
        put(scratch / "changed", content.dump());
        return scratch / "changed";
    }

    Scratch scratch;
    Path old = scratch / "old";
    Path file = scratch / "backup";
    Path fresh = scratch / "fresh";
};

void check_refused(const Expected<Stored>& stored, std::string_view why) {
    REQUIRE_FALSE(stored);
    check_told(stored.error(), why);
}

}  // namespace

TEST_CASE("a restored arbiter is the old one, and repeats no number") {
    BackedUp world;
    REQUIRE(restore(world.fresh, world.file, Present::refuse));
    for (const char* name :
         {layout::ca_export, layout::ca_key, layout::server_certificate, layout::server_key,
          layout::certificate_register, layout::marker, "cluster-alpha.crt"}) {
        CHECK(get(world.fresh / name) == get(world.old / name));
        CHECK(mode_of(world.fresh / name) == mode_of(world.old / name));
    }
    CHECK_FALSE(is_there(world.fresh / "cert9.db"));
    CHECK(load_arbiter_identity(world.fresh)->certificate_pem ==
          load_arbiter_identity(world.old)->certificate_pem);
    const Expected<Stored> next = sign_request(world.fresh, world.scratch / "request", "alpha");
    REQUIRE(next);
    const auto certificate = parse_certificate(get(next->file), "next");
    CHECK(serial_number(certificate->get()) == "1104");
    for (const std::string& name : world.beside()) CHECK(name[0] != '.');
}

TEST_CASE("what is there already is refused, or moved aside whole") {
    BackedUp world;
    REQUIRE(init_arbiter(world.fresh, GroupWrite::no));
    const std::string other = get(world.fresh / layout::ca_key);
    check_refused(restore(world.fresh, world.file, Present::refuse), "already");
    CHECK(get(world.fresh / layout::ca_key) == other);
    const Expected<Stored> stored = restore(world.fresh, world.file, Present::aside);
    REQUIRE(stored);
    CHECK(get(world.fresh / layout::ca_key) == get(world.old / layout::ca_key));
    const std::string& note = stored->notes.back();
    CHECK(get(Path(note.substr(note.find('/'))) / layout::ca_key) == other);
    // Also twice in one second.
    REQUIRE(restore(world.fresh, world.file, Present::aside));
    CHECK(get(Path(note.substr(note.find('/'))) / layout::ca_key) == other);
}

TEST_CASE("a backup that is not whole changes nothing") {
    BackedUp world;
    REQUIRE(init_arbiter(world.fresh, GroupWrite::no));
    const std::string other = get(world.fresh / layout::ca_key);
    const auto refuse = [&](const Path& file) {
        check_refused(restore(world.fresh, file, Present::aside), "is no whole backup");
        CHECK(get(world.fresh / layout::ca_key) == other);
    };
    for (const char* text : {"", "{", "[]", "7", "{\"castvote_backup\": 1}",
                             "{\"castvote_backup\": 2, \"files\": {}}"}) {
        put(world.scratch / "garbage", text);
        refuse(world.scratch / "garbage");
    }
    put(world.scratch / "half", get(world.file).substr(0, 2000));
    refuse(world.scratch / "half");
    for (const char* name :
         {"ca.key", "server.key", "server.pem", "qnetd-cacert.crt", "serial.txt"})
        refuse(world.changed([&](json& content) { content["files"].erase(name); }));
    for (const char* name : {"../ca.key", "cluster-../x.crt", "cert9.db", ""})
        refuse(world.changed([&](json& content) { content["files"][name] = "eA=="; }));
    refuse(world.changed([](json& content) { content["files"]["ca.key"] = 7; }));
    refuse(world.changed([](json& content) { content["files"]["ca.key"] = "no base 64"; }));
    refuse(world.changed([](json& content) { content["files"]["serial.txt"] = "eA=="; }));
    // Each of them good, but of two authorities.
    refuse(world.changed(
        [](json& content) { content["files"]["ca.key"] = content["files"]["server.key"]; }));
    refuse(world.changed(
        [](json& content) { content["files"]["server.key"] = content["files"]["ca.key"]; }));
    check_refused(restore(world.fresh, world.scratch / "nowhere", Present::aside), "nowhere");
}

TEST_CASE("a backup is made of a whole arbiter, and over no other file") {
    BackedUp world;
    check_refused(back_up(world.old, world.file), "already exists");
    check_refused(back_up(world.scratch / "nobody", world.scratch / "new"), "does not exist");
    std::filesystem::remove(world.old / layout::ca_key);
    check_refused(back_up(world.old, world.scratch / "new"), "ca.key is not in");
    CHECK_FALSE(is_there(world.scratch / "new"));
}
