// arbiter_names_apart_test.cpp -- names that do not lead to their cluster yet, or never will: what
// is left from before the list, and listed names in other letters.
// SPDX-License-Identifier: BSD-3-Clause
#include <algorithm>
#include <catch2/catch.hpp>
#include <variant>
#include <vector>

#include "tests/unit/support/named_clients.hpp"

namespace castvote::tests {

TEST_CASE("who said its name before a cluster of that name was gone enters the renamed one") {
    ArbiterDriver driver = with_store();
    for (const auto& [client, cluster, node] :
         {std::tuple("A", "alpha", 1U), std::tuple("B", "beta", 2U)}) {
        join(driver, client, cluster, node);
        send_lists(driver, client, node, 8);
    }
    CHECK_FALSE(driver.rename("alpha", "beta"));
    driver.restart(Duration(100), /*is_same_clock=*/true);
    // Two records: each name still stands for its own.
    CHECK(driver.arbiter().kept_as("beta") == "beta");
    CHECK(driver.arbiter().clusters().size() == 2);
    for (const auto& cluster : driver.arbiter().clusters()) {
        CHECK(cluster.name == cluster.kept_as);
        CHECK(cluster.renamed_from.empty());
    }
    driver.advance(Duration(20000));
    driver.open("C");
    say_name(driver, "C", "beta");
    driver.advance(Duration(20000));
    REQUIRE(driver.arbiter().kept_as("beta") == "alpha");
    CHECK(init(driver, "C", 2) == ReplyErrorCode::no_error);
    CHECK(only(driver.arbiter().clusters()).kept_as == "alpha");
}

TEST_CASE("a third name is nobody's while a record of the second stands apart") {
    ArbiterDriver driver = with_store();
    REQUIRE(driver.rename("beta", "gamma"));
    join(driver, "A", "gamma", 1);
    send_lists(driver, "A", 1, 8);
    wire::ClusterNames other;
    other.rename("alpha", "beta");
    other.rename("beta", "gamma");
    CHECK_FALSE(driver.take_up(other));
    driver.restart(Duration(100), /*is_same_clock=*/true);
    CHECK(driver.arbiter().is_unclear("gamma"));
    CHECK(join(driver, "B", "gamma", 2) == ReplyErrorCode::duplicate_node_id);
    CHECK(join(driver, "C", "alpha", 2) == ReplyErrorCode::duplicate_node_id);
    driver.advance(Duration(40000));
    CHECK_FALSE(driver.arbiter().is_unclear("gamma"));
    CHECK(join(driver, "B", "gamma", 2) == ReplyErrorCode::no_error);
    CHECK(only(driver.arbiter().clusters()).kept_as == "alpha");
}

TEST_CASE("a listed name in another spelling is nobody's") {
    ArbiterDriver driver = with_store();
    SECTION("nothing is listed: names are bytes") {
        CHECK(join(driver, "A", "alpha", 1) == ReplyErrorCode::no_error);
        CHECK(join(driver, "B", "Alpha", 1) == ReplyErrorCode::no_error);
        CHECK(driver.arbiter().clusters().size() == 2);
    }
    SECTION("it becomes no cluster of its own beside the renamed one") {
        REQUIRE(driver.rename("alpha", "beta"));
        CHECK(join(driver, "A", "Alpha", 1) == ReplyErrorCode::duplicate_node_id);
        CHECK(join(driver, "B", "BETA", 1) == ReplyErrorCode::duplicate_node_id);
        CHECK(join(driver, "C", "beta", 2) == ReplyErrorCode::no_error);
        CHECK(only(driver.arbiter().clusters()).kept_as == "alpha");
        // It is a name like others when it is listed itself.
        REQUIRE(driver.rename("beta", "Beta"));
        CHECK(join(driver, "D", "Beta", 1) == ReplyErrorCode::no_error);
        CHECK(only(driver.arbiter().clusters()).nodes.size() == 2);
    }
    SECTION("a list is refused while a cluster is called so") {
        join(driver, "A", "Alpha", 1);
        CHECK_FALSE(driver.rename("alpha", "beta"));
        driver.close("A", fin);
        CHECK(driver.rename("alpha", "beta"));
    }
    SECTION("nobody enters by it while a list is announced") {
        wire::ClusterNames names;
        names.rename("alpha", "beta");
        qnetd::Arbiter arbiter = driver.arbiter();
        wire::Message preinit = of_type(wire::MessageType::preinit, 1);
        preinit.cluster_name = "Alpha";
        arbiter.step({at_ms(0), qnetd::Renamed{qnetd::Renamed::Stage::announced, names}});
        arbiter.step({at_ms(0), qnetd::Opened{1, "x"}});
        const auto told = arbiter.step({at_ms(0), qnetd::Received{1, preinit}});
        REQUIRE(told.size() == 1);
        CHECK(std::holds_alternative<qnetd::Close>(told[0]));
    }
    SECTION("a record of it that a longer list finds stands apart") {
        join(driver, "A", "Alpha", 1);
        send_lists(driver, "A", 1, 8);
        CHECK_FALSE(driver.rename("alpha", "beta"));
        driver.restart(Duration(100), /*is_same_clock=*/true);
        CHECK(only(driver.arbiter().clusters()).apart_from == "beta");
        CHECK(join(driver, "B", "beta", 2) == ReplyErrorCode::duplicate_node_id);
        CHECK(join(driver, "C", "alpha", 2) == ReplyErrorCode::duplicate_node_id);
        CHECK(join(driver, "A", "Alpha", 1) == ReplyErrorCode::no_error);
        CHECK_FALSE(driver.take_up({}));  // on another shard it could be two
        driver.close("A", fin);
        driver.advance(Duration(40000));
        CHECK(join(driver, "B", "beta", 2) == ReplyErrorCode::no_error);
        CHECK(join(driver, "A", "Alpha", 1) == ReplyErrorCode::duplicate_node_id);
    }
}

namespace {

// alpha was renamed twice, and beta has a record of its own: node 2, node 1 is alpha's.
ArbiterDriver with_beta_apart() {
    ArbiterDriver driver = with_store();
    for (const auto& [client, cluster, node] :
         {std::tuple("A", "alpha", 1U), std::tuple("B", "beta", 2U)}) {
        join(driver, client, cluster, node);
        send_lists(driver, client, node, 8);
    }
    wire::ClusterNames names;
    names.rename("alpha", "beta");
    names.rename("beta", "gamma");
    CHECK_FALSE(driver.take_up(names));
    driver.restart(Duration(100), /*is_same_clock=*/true);
    return driver;
}

const qnetd::ClusterStatus& kept_as(const std::vector<qnetd::ClusterStatus>& clusters,
                                    const std::string& name) {
    const auto found = std::find_if(clusters.begin(), clusters.end(),
                                    [&](const auto& one) { return one.kept_as == name; });
    REQUIRE(found != clusters.end());
    return *found;
}

}  // namespace

TEST_CASE("a certificate of a name that stands apart opens its own cluster only") {
    ArbiterDriver driver = with_beta_apart();
    CHECK_FALSE(join_with(driver, "C", "alpha", 2, "beta", "key"));
    CHECK_FALSE(join_with(driver, "D", "beta", 3, "alpha", "key"));
    CHECK(join_with(driver, "E", "alpha", 1, "gamma", "key") == ReplyErrorCode::no_error);
    CHECK(join_with(driver, "F", "beta", 2, "beta", "key") == ReplyErrorCode::no_error);
}

TEST_CASE(
    "a name that stands apart is shown as that, and the operator's word goes to one cluster") {
    ArbiterDriver driver = with_beta_apart();
    auto clusters = driver.arbiter().clusters();
    CHECK(kept_as(clusters, "alpha").name == "gamma");
    CHECK(kept_as(clusters, "alpha").renamed_from == std::vector<std::string>{"alpha"});
    CHECK(kept_as(clusters, "alpha").apart_from.empty());
    CHECK(kept_as(clusters, "beta").apart_from == "gamma");
    CHECK_FALSE(goes_by(kept_as(clusters, "alpha"), "beta"));
    driver.release("gamma", 1);
    driver.release("beta", 1);
    clusters = driver.arbiter().clusters();
    CHECK(kept_as(clusters, "alpha").holders.size() == 1);
    driver.release("alpha", 1);
    clusters = driver.arbiter().clusters();
    CHECK(only(clusters).kept_as == "beta");
}

TEST_CASE("a grant that was seen in a cluster of another name is no older copy of the record") {
    ArbiterDriver driver = with_store();
    join(driver, "A", "alpha", 1);
    send_lists(driver, "A", 1, 8);
    const auto is_alarmed = [&](std::uint64_t grant) {
        wire::Message option = of_type(wire::MessageType::set_option, 6);
        option.lease = 3000;
        option.grant_number = grant;
        driver.take();
        driver.receive("B", option);
        const auto told = driver.take();
        return std::any_of(told.begin(), told.end(), [](const Happening& happening) {
            const auto* note = std::get_if<qnetd::Note>(&happening.what);
            return note != nullptr && note->reason == qnetd::Reason::record_is_old;
        });
    };
    std::uint64_t seen = 0;
    SECTION("on this shard") {
        join(driver, "B", "beta", 2);
        send_lists(driver, "B", 2, 8);
        driver.close("B", fin);
        driver.advance(Duration(40000));
        seen = driver.arbiter().known_grant();
        CHECK(seen == 2);
        REQUIRE(driver.rename("alpha", "beta"));
    }
    SECTION("on another one") {
        seen = 7;
        wire::ClusterNames names;
        names.rename("alpha", "beta");
        REQUIRE(driver.take_up(names, seen));
        if (GENERATE(false, true)) {  // what another cluster is granted it cannot have seen
            join(driver, "C", "gamma", 2);
            send_lists(driver, "C", 2, 8);
            driver.close("C", fin);
            for (int i = 0; i < 20; ++i) {
                driver.advance(Duration(2000));
                driver.receive("A", of_type(wire::MessageType::echo_request, 7));
            }
            REQUIRE(driver.arbiter().known_grant() == seen + 1);
        }
    }
    REQUIRE(join(driver, "B", "beta", 2, wire::known_options()) == ReplyErrorCode::no_error);
    CHECK_FALSE(is_alarmed(seen));
    CHECK(is_alarmed(seen + 1));
}

}  // namespace castvote::tests
