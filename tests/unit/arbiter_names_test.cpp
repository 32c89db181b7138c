// arbiter_names_test.cpp -- a renamed cluster is one cluster, whichever of its names a node says.
//
// Whoever is connected, or may count the vote, came by a name that still leads to its cluster: this
// is asked after every step of a long random story, too (safety.md, I6, renamed clusters).
// SPDX-License-Identifier: BSD-3-Clause
#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <random>
#include <set>
#include <vector>

#include "tests/unit/support/named_clients.hpp"

namespace castvote::tests {

TEST_CASE("names follow one another, and one name is one cluster's") {
    wire::ClusterNames names;
    CHECK(names.kept_as("alpha") == "alpha");
    CHECK(names.rename("alpha", "beta"));
    CHECK(names.rename("beta", "gamma"));
    for (const char* name : {"alpha", "beta", "gamma"}) {
        CHECK(names.kept_as(name) == "alpha");
        CHECK(names.present(name) == "gamma");
    }
    CHECK(names.all("beta") == std::vector<std::string>{"alpha", "beta", "gamma"});
    CHECK(names.rename("gamma", "alpha"));
    CHECK(names.present("beta") == "alpha");
    CHECK(names.all("alpha") == std::vector<std::string>{"beta", "gamma", "alpha"});
    CHECK(names.rename("delta", "epsilon"));
    const wire::ClusterNames before = names;
    CHECK_FALSE(names.rename("alpha", "epsilon"));
    CHECK_FALSE(names.rename("zeta", "beta"));
    CHECK_FALSE(names.rename("eta", "eta"));
    CHECK(names == before);
    CHECK(wire::ClusterNames().that_change_hands(names) ==
          std::vector<std::string>{"beta", "epsilon", "gamma"});
    CHECK(names.that_change_hands(names).empty());
}

TEST_CASE("whichever name its nodes say, a renamed cluster is one, and is shown by the last") {
    ArbiterDriver driver{qnetd::Settings{}};
    CHECK(join(driver, "A", "alpha", 1) == ReplyErrorCode::no_error);
    REQUIRE(driver.rename("alpha", "beta"));
    REQUIRE(driver.rename("beta", "gamma"));
    CHECK(join(driver, "B", "gamma", 2) == ReplyErrorCode::no_error);
    CHECK(join(driver, "twin", "beta", 1) == ReplyErrorCode::duplicate_node_id);
    const auto clusters = driver.arbiter().clusters();
    CHECK(only(clusters).nodes.size() == 2);
    CHECK(only(clusters).name == "gamma");
    CHECK(only(clusters).kept_as == "alpha");
    CHECK(only(clusters).renamed_from == std::vector<std::string>{"alpha", "beta"});
    CHECK(goes_by(only(clusters), "alpha"));
    CHECK_FALSE(goes_by(only(clusters), "delta"));
    // Taken back: nobody has to leave, and it is the same cluster.
    REQUIRE(driver.rename("gamma", "alpha"));
    CHECK(only(driver.arbiter().clusters()).name == "alpha");
    CHECK(only(driver.arbiter().clusters()).nodes.size() == 2);
}

TEST_CASE("a certificate of any of its names lets a node in, another cluster's does not") {
    ArbiterDriver driver{qnetd::Settings{}};
    REQUIRE(driver.rename("alpha", "beta"));
    CHECK(join_with(driver, "A", "alpha", 1, "ALPHA", "key") == ReplyErrorCode::no_error);
    CHECK(join_with(driver, "B", "beta", 2, "alpha", "key") == ReplyErrorCode::no_error);
    CHECK(join_with(driver, "C", "alpha", 3, "Beta", "key") == ReplyErrorCode::no_error);
    CHECK_FALSE(join_with(driver, "D", "beta", 4, "gamma", "key"));
    CHECK_FALSE(join_with(driver, "E", "gamma", 5, "alpha", "key"));
    SECTION("nor one of another owner, by whichever name it comes") {
        CHECK(join_with(driver, "F", "beta", 6, "beta", "other") ==
              ReplyErrorCode::duplicate_node_id);
        CHECK(join_with(driver, "G", "alpha", 6, "alpha", "other") ==
              ReplyErrorCode::duplicate_node_id);
    }
}

TEST_CASE("a list is refused while a name that changes hands stands for somebody") {
    ArbiterDriver driver = with_store();
    SECTION("the new name has nodes of its own") {
        join(driver, "A", "alpha", 1);
        join(driver, "B", "beta", 1);
        CHECK_FALSE(driver.rename("alpha", "beta"));
        CHECK(driver.arbiter().clusters().size() == 2);
        CHECK(driver.arbiter().kept_as("beta") == "beta");
        driver.close("B", fin);
        CHECK(driver.rename("alpha", "beta"));
    }
    SECTION("of the new name there is a holder only") {
        join(driver, "B", "beta", 2);
        send_lists(driver, "B", 2, 8);
        driver.close("B", qnetd::CloseCause::reset_or_error);
        REQUIRE(only(driver.arbiter().clusters()).holders.size() == 1);
        CHECK_FALSE(driver.rename("alpha", "beta"));
        driver.advance(Duration(120000));
        CHECK(driver.rename("alpha", "beta"));
    }
    SECTION("the list has lost a renaming, and a node is there by the new name") {
        REQUIRE(driver.rename("alpha", "beta"));
        join(driver, "A", "alpha", 1);
        join(driver, "B", "beta", 2);
        CHECK_FALSE(driver.take_up({}));
        driver.close("B", fin);
        CHECK_FALSE(driver.take_up({}));  // nobody has noted by which name it came
        driver.close("A", fin);
        CHECK(driver.take_up({}));
        CHECK(driver.arbiter().kept_as("beta") == "beta");
    }
    SECTION("the shell does not ask") {
        join(driver, "B", "beta", 1);
        qnetd::Arbiter arbiter = driver.arbiter();
        wire::ClusterNames names;
        names.rename("alpha", "beta");
        arbiter.step({driver.now(), qnetd::Renamed{qnetd::Renamed::Stage::taken_up, names}});
        CHECK(arbiter.kept_as("beta") == "beta");
    }
}

TEST_CASE("nobody enters by a name that changes hands while a list is announced") {
    qnetd::Arbiter arbiter{qnetd::Settings{}, at_ms(0)};
    wire::ClusterNames names;
    names.rename("alpha", "beta");
    const auto comes = [&](qnetd::ConnectionId connection, const std::string& cluster) {
        wire::Message preinit = of_type(wire::MessageType::preinit, 1);
        preinit.cluster_name = cluster;
        arbiter.step({at_ms(0), qnetd::Opened{connection, "x"}});
        return arbiter.step({at_ms(0), qnetd::Received{connection, preinit}});
    };
    const auto is_closed = [](const qnetd::Actions& actions, qnetd::ConnectionId connection) {
        return std::any_of(actions.begin(), actions.end(), [&](const qnetd::Action& action) {
            const auto* close = std::get_if<qnetd::Close>(&action);
            return close != nullptr && close->connection == connection;
        });
    };
    using Stage = qnetd::Renamed::Stage;
    comes(1, "beta");
    comes(2, "alpha");
    const auto told = arbiter.step({at_ms(0), qnetd::Renamed{Stage::announced, names}});
    CHECK(is_closed(told, 1));
    CHECK_FALSE(is_closed(told, 2));
    CHECK(is_closed(comes(3, "beta"), 3));
    CHECK_FALSE(is_closed(comes(4, "alpha"), 4));
    SECTION("taken up") {
        arbiter.step({at_ms(0), qnetd::Renamed{Stage::taken_up, names}});
        CHECK(arbiter.kept_as("beta") == "alpha");
    }
    SECTION("dropped") {
        arbiter.step({at_ms(0), qnetd::Renamed{Stage::dropped, names}});
        CHECK(arbiter.kept_as("beta") == "beta");
    }
    SECTION("nor by other names of the cluster that it was of") {
        wire::ClusterNames three = names;
        three.rename("beta", "gamma");
        arbiter.step({at_ms(0), qnetd::Renamed{Stage::announced, three}});
        arbiter.step({at_ms(0), qnetd::Renamed{Stage::taken_up, three}});
        wire::ClusterNames two;
        two.rename("alpha", "gamma");
        arbiter.step({at_ms(0), qnetd::Renamed{Stage::announced, two}});
        for (const char* name : {"alpha", "beta", "gamma"}) {
            const qnetd::ConnectionId connection = 6 + static_cast<unsigned char>(name[0]);
            CHECK(is_closed(comes(connection, name), connection));
        }
        arbiter.step({at_ms(0), qnetd::Renamed{Stage::dropped, two}});
    }
    CHECK_FALSE(is_closed(comes(5, "beta"), 5));
}

namespace {

// A few clients that say any of a few names, and lists that grow, are taken back and lose entries.
class RandomNames {
public:
    explicit RandomNames(std::uint32_t seed) : random_(seed) {}

    void run(int steps) {
        for (int i = 0; i < steps; ++i) {
            step();
            check();
        }
    }
    int refusals() const { return refusals_; }
    int renamings() const { return renamings_; }

private:
    std::uint32_t below(std::uint32_t bound) {
        return static_cast<std::uint32_t>(random_() % bound);
    }
    const std::string& any_name() { return names_[below(4)]; }

    void step() {
        const std::string client = "client" + std::to_string(below(5));
        switch (below(8)) {
            case 0:
            case 1: enter(client); return;
            case 2:
                if (driver_.is_open(client))
                    send_lists(driver_, client, nodes_[client], 8 + 4 * seq_++);
                return;
            case 3:
            case 4:
                if (driver_.is_open(client))
                    driver_.close(client, below(2) == 0 ? fin : qnetd::CloseCause::reset_or_error);
                return;
            case 5: driver_.advance(Duration(below(30000))); return;
            case 6: change_list(); return;
            default:
                if (below(10) == 0) driver_.restart(Duration(100), /*is_same_clock=*/true);
        }
    }

    void enter(const std::string& client) {
        if (driver_.is_open(client)) return;
        const std::string name = any_name();
        nodes_[client] = 1 + below(2);
        if (join(driver_, client, name, nodes_[client]) != ReplyErrorCode::no_error) return;
        came_by_[{driver_.arbiter().kept_as(name), nodes_[client]}].insert(name);
    }

    void change_list() {
        wire::ClusterNames list = driver_.arbiter().names();
        if (below(4) == 0)
            list = {};
        else if (!list.rename(any_name(), any_name()))
            return;
        const bool is_taken = driver_.take_up(list);
        ++(is_taken ? renamings_ : refusals_);
        // A longer list that is refused stays on the disk, and a restart finds it. One that has
        // lost an entry does not: of that no core could know.
        if (!is_taken && (list == wire::ClusterNames() || below(2) == 0))
            driver_.take_up(driver_.arbiter().names());
    }

    void check() {
        std::map<std::pair<std::string, wire::NodeId>, std::set<std::string>> still;
        for (const auto& cluster : driver_.arbiter().clusters()) {
            std::set<wire::NodeId> nodes;
            for (const auto& node : cluster.nodes) nodes.insert(node.node_id);
            for (const auto& holder : cluster.holders) nodes.insert(holder.node_id);
            for (const wire::NodeId node : nodes)
                for (const std::string& name : came_by_[{cluster.kept_as, node}]) {
                    INFO(name << " of node " << node << " in " << cluster.kept_as);
                    REQUIRE((driver_.arbiter().is_unclear(name) ||
                             driver_.arbiter().kept_as(name) == cluster.kept_as));
                    still[{cluster.kept_as, node}].insert(name);
                }
        }
        came_by_ = std::move(still);
    }

    const std::vector<std::string> names_ = {"alpha", "beta", "gamma", "Beta"};
    std::mt19937 random_;
    ArbiterDriver driver_ = with_store();
    std::map<std::string, wire::NodeId> nodes_;
    // By which names a node came that is connected to a cluster or may count its vote.
    std::map<std::pair<std::string, wire::NodeId>, std::set<std::string>> came_by_;
    std::uint64_t seq_ = 0;
    int refusals_ = 0;
    int renamings_ = 0;
};

}  // namespace

TEST_CASE("whoever is connected or counts the vote came by a name that leads to its cluster") {
    int refusals = 0;
    int renamings = 0;
    for (std::uint32_t seed = 1; seed <= 200; ++seed) {
        INFO("seed " << seed);
        RandomNames story(seed);
        story.run(300);
        refusals += story.refusals();
        renamings += story.renamings();
    }
    CHECK(refusals > 1000);
    CHECK(renamings > 1000);
}

}  // namespace castvote::tests
