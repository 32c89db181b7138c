// certs_names_test.cpp -- which renamings of clusters are taken, and what is kept about them.
// SPDX-License-Identifier: BSD-3-Clause
#include "certs/names.hpp"

#include "certs/arbiter_directory.hpp"
#include "certs/backup.hpp"
#include "certs/layout.hpp"
#include "certs/revoked.hpp"
#include "tests/unit/certs_support.hpp"

using namespace castvote::certs;
using namespace castvote::certs::test;

namespace {

using Names = std::vector<std::string>;

std::vector<Renaming> listed(const Path& directory) {
    const auto list = read_renamings(directory);
    REQUIRE(list);
    return *list;
}

struct RenamingArbiter {
    RenamingArbiter() {
        fresh_arbiter(directory);
        REQUIRE(sign("alpha", 2));  // 103
        REQUIRE(sign("beta", 3));   // 104
    }

    Expected<Stored> sign(std::string_view cluster, std::size_t key_number) {
        put(scratch / "request", to_der(make_request(key(key_number), cluster).get()));
        return sign_request(directory, scratch / "request", cluster);
    }

    void refused(const std::string& was, const std::string& is, std::string_view why,
                 const Names& running = {}) {
        const auto done = rename_cluster(directory, was, is, running);
        REQUIRE_FALSE(done);
        check_told(done.error(), why);
    }

    Scratch scratch;
    Path directory = scratch / "arbiter";
};

}  // namespace

TEST_CASE("a renaming is written down once, and taken back by another") {
    RenamingArbiter arbiter;
    const auto first = rename_cluster(arbiter.directory, "alpha", "gamma", {"alpha"});
    REQUIRE(first);
    CHECK_FALSE(first->was_done_before);
    CHECK(first->renaming.renamed_at.ends_with(" UTC"));
    CHECK(mode_of(arbiter.directory / layout::names) == 0640);
    const auto again = rename_cluster(arbiter.directory, "alpha", "gamma", {"gamma"});
    REQUIRE(again);
    CHECK(again->was_done_before);
    CHECK(again->renaming == first->renaming);
    REQUIRE(rename_cluster(arbiter.directory, "gamma", "alpha", {"gamma"}));
    REQUIRE(rename_cluster(arbiter.directory, "alpha", "gamma", {"alpha"}));
    const auto list = listed(arbiter.directory);
    CHECK(list.size() == 3);
    CHECK(cluster_names(list).kept_as("gamma") == "alpha");
    CHECK(present_name(cluster_names(list), "ALPHA") == "gamma");
    CHECK(present_name(cluster_names(list), "beta") == "beta");
    CHECK(*parse_renamings(renamings_text(list), "text") == list);
    CHECK(renamings_text(list).find("\"by\"") == std::string::npos);
}

TEST_CASE("a name that means another cluster is refused, and one that means none") {
    RenamingArbiter arbiter;
    arbiter.refused("nobody", "gamma", "no cluster \"nobody\" is known");
    arbiter.refused("alpha", "alpha", "the same");
    arbiter.refused("alpha", "a/b", "slash");
    arbiter.refused("alpha", "Beta", "certificates of a cluster \"Beta\"");
    arbiter.refused("alpha", "gamma", "knows a cluster \"gamma\"", {"alpha", "gamma"});
    REQUIRE(rename_cluster(arbiter.directory, "beta", "delta", {}));
    arbiter.refused("alpha", "delta", "another renamed cluster");
    arbiter.refused("alpha", "beta", "another renamed cluster");
    // Known to the arbiter alone: without certificates.
    CHECK(rename_cluster(arbiter.directory, "bare", "plain", {"bare"}));
    // Who is revoked is no more.
    REQUIRE(arbiter.sign("omega", 2));  // 105
    arbiter.refused("alpha", "omega", "certificates of a cluster \"omega\"");
    REQUIRE(revoke(arbiter.directory, {"105"}));
    CHECK(rename_cluster(arbiter.directory, "alpha", "omega", {}));
}

TEST_CASE("a name is renamed as the arbiter knows it, letter by letter") {
    RenamingArbiter arbiter;
    arbiter.refused("alpha", "gamma", "there is a cluster \"Alpha\"", {"Alpha"});
    arbiter.refused("alpha", "gamma", "there is a cluster \"Gamma\"", {"alpha", "Gamma"});
    CHECK_FALSE(std::filesystem::exists(arbiter.directory / layout::names));
    // The certificates name it in other letters, which is fine.
    REQUIRE(rename_cluster(arbiter.directory, "Alpha", "gamma", {"Alpha"}));
    arbiter.refused("alpha", "delta", "there is a cluster \"Alpha\"");
    arbiter.refused("beta", "GAMMA", "GAMMA");
    arbiter.refused("Gamma", "delta", "there is a cluster \"gamma\"", {"gamma"});
    // Only its letters change.
    REQUIRE(rename_cluster(arbiter.directory, "gamma", "Gamma", {"gamma"}));
    REQUIRE(rename_cluster(arbiter.directory, "Gamma", "delta", {"Gamma"}));
    CHECK(cluster_names(listed(arbiter.directory)).kept_as("Gamma") == "Alpha");
}

TEST_CASE("a renaming that the arbiter refuses can be withdrawn, while it is the last") {
    RenamingArbiter arbiter;
    const auto first = rename_cluster(arbiter.directory, "alpha", "gamma", {});
    REQUIRE(first);
    const auto before = listed(arbiter.directory);
    const auto second = rename_cluster(arbiter.directory, "beta", "delta", {});
    REQUIRE(second);
    CHECK_FALSE(withdraw(arbiter.directory, first->renaming));
    REQUIRE(withdraw(arbiter.directory, second->renaming));
    CHECK(listed(arbiter.directory) == before);
    // Taken up after all.
    REQUIRE(write_back(arbiter.directory, second->renaming));
    CHECK(listed(arbiter.directory).back() == second->renaming);
    REQUIRE(withdraw(arbiter.directory, second->renaming));
    REQUIRE(rename_cluster(arbiter.directory, "gamma", "delta", {}));
    CHECK_FALSE(write_back(arbiter.directory, second->renaming));
}

TEST_CASE("two clusters of one name are not renamed together") {
    RenamingArbiter arbiter;
    REQUIRE(arbiter.sign("alpha", 3));  // 105
    arbiter.refused("alpha", "gamma", "2 clusters \"alpha\"");
    REQUIRE(revoke(arbiter.directory, {"103"}));
    CHECK(rename_cluster(arbiter.directory, "alpha", "gamma", {}));
}

TEST_CASE("nothing is issued to a name that was given up") {
    RenamingArbiter arbiter;
    REQUIRE(rename_cluster(arbiter.directory, "alpha", "gamma", {}));
    const auto stored = arbiter.sign("alpha", 1);
    REQUIRE_FALSE(stored);
    check_told(stored.error(), "is called \"gamma\" now");
    const auto other_key = arbiter.sign("gamma", 1);
    REQUIRE(other_key);
    CHECK(other_key->notes.size() == 1);  // its other nodes' certificates, of the old name, count
    CHECK(arbiter.sign("beta", 3));
    // Taken back, whoever has certificates by now.
    REQUIRE(rename_cluster(arbiter.directory, "gamma", "alpha", {}));
    CHECK(arbiter.sign("alpha", 1));
    CHECK_FALSE(arbiter.sign("gamma", 1));
}

TEST_CASE("a damaged list of names is an error, never an empty one") {
    const auto entry = [](const char* was, const char* is) {
        return std::string(R"({"was": ")") + was + R"(", "is": ")" + is +
               R"(", "renamed_at": "x"})";
    };
    const auto list = [](const std::string& entries) {
        return R"({"version": 1, "renamed": [)" + entries + "]}";
    };
    CHECK(parse_renamings(list(""), "f"));
    // As it was written once: how says nothing, since there is one way only.
    CHECK(parse_renamings(list(R"({"was": "a", "is": "b", "renamed_at": "x", "by": "rename"})"),
                          "f"));
    CHECK(parse_renamings(list(entry("a", "b") + "," + entry("b", "c")), "f"));
    for (const std::string& text :
         {std::string("{"), std::string("[]"), std::string(R"({"version": 2, "renamed": []})"),
          std::string(R"({"version": 1})"), list("1"), list(R"({"was": "a", "is": "b"})"),
          list(entry("a", "a")), list(entry("", "b")),
          list(entry("a", "b") + "," + entry("c", "b")), list(entry("a", "b/c"))}) {
        INFO(text);
        const auto parsed = parse_renamings(text, "f");
        REQUIRE_FALSE(parsed);
        check_told(parsed.error(), "f is damaged");
    }
    RenamingArbiter arbiter;
    put(arbiter.directory / layout::names, "{");
    CHECK_FALSE(rename_cluster(arbiter.directory, "alpha", "gamma", {}));
    CHECK_FALSE(arbiter.sign("alpha", 2));
}

TEST_CASE("a restored backup brings its names and takes none away") {
    RenamingArbiter arbiter;
    REQUIRE(rename_cluster(arbiter.directory, "alpha", "gamma", {}));
    const Path file = arbiter.scratch / "backup";
    REQUIRE(back_up(arbiter.directory, file));
    REQUIRE(restore(arbiter.scratch / "fresh", file, Present::refuse));
    CHECK(listed(arbiter.scratch / "fresh") == listed(arbiter.directory));
    REQUIRE(rename_cluster(arbiter.directory, "beta", "delta", {}));
    const auto before = listed(arbiter.directory);
    REQUIRE(restore(arbiter.directory, file, Present::aside));
    CHECK(listed(arbiter.directory) == before);
    // One name, two clusters.
    Path other = arbiter.scratch / "other";
    REQUIRE(init_arbiter(other, GroupWrite::yes));
    REQUIRE(rename_cluster(other, "one", "gamma", {"one"}));
    const auto contradicted = restore(other, file, Present::aside);
    REQUIRE_FALSE(contradicted);
    check_told(contradicted.error(), "contradict");
    // A cluster would be kept under another name than that of its records here.
    other = arbiter.scratch / "third";
    REQUIRE(init_arbiter(other, GroupWrite::yes));
    REQUIRE(rename_cluster(other, "gamma", "zeta", {"gamma"}));
    const auto moved = restore(other, file, Present::aside);
    REQUIRE_FALSE(moved);
    check_told(moved.error(), "contradict");
}
