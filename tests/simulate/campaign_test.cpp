// campaign_test.cpp -- many seeds come to the same however many run at a time, and what fails is
// shrunk to what it takes.
// SPDX-License-Identifier: BSD-3-Clause
#include "tests/simulate/campaign.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <map>
#include <set>

#include "tests/simulate/shrink.hpp"

using namespace castvote::simulate;

namespace {

Options without_ledger(std::uint64_t seed) {
    Options options = options_of(seed);
    options.rules.release_before_handover = false;
    return options;
}

Campaign campaign_of(std::uint64_t last, Options (*options)(std::uint64_t), unsigned jobs) {
    Campaign campaign;
    campaign.last = last;
    campaign.jobs = jobs;
    campaign.options = options;
    return campaign;
}

}  // namespace

TEST_CASE("seeds stand for clusters of two to six nodes and for every tie-breaker") {
    std::map<std::size_t, std::size_t> sizes;
    std::set<castvote::wire::TieBreakerMode> modes;
    std::set<bool> keep_active;
    for (std::uint64_t seed = 1; seed <= 100; ++seed) {
        const Options options = options_of(seed);
        ++sizes[options.nodes];
        modes.insert(options.device.tie_breaker.mode);
        keep_active.insert(options.device.keep_active);
        const Nodes part = last_part(options);
        CHECK(part.size() > 0);
        CHECK(part.size() < options.nodes);
    }
    CHECK(sizes.size() == 5);
    CHECK(sizes.begin()->first == 2);
    CHECK(sizes.rbegin()->first == 6);
    CHECK(modes.size() == 3);
    CHECK(keep_active.size() == 2);
}

TEST_CASE("the arbiter has as many votes as the algorithm wants") {
    using castvote::wire::DecisionAlgorithm;
    CHECK(device_votes(options_of(1, {.nodes = 5})) == 1);
    CHECK(device_votes(options_of(1, {.nodes = 5, .algorithm = DecisionAlgorithm::lms})) == 4);
    const Options two = options_of(1, {.nodes = 5, .algorithm = DecisionAlgorithm::two_node_lms});
    CHECK(two.nodes == 2);
    CHECK(device_votes(two) == 1);
}

TEST_CASE("of two parts the larger goes on, of two halves that of the tie-breaker") {
    Options options;
    options.nodes = 5;
    CHECK(goes_on_alone(options, {2, 4, 5}));
    CHECK_FALSE(goes_on_alone(options, {1, 3}));
    options.nodes = 4;
    CHECK(goes_on_alone(options, {1, 4}));
    options.device.tie_breaker.mode = castvote::wire::TieBreakerMode::highest;
    CHECK(goes_on_alone(options, {1, 4}));
    CHECK_FALSE(goes_on_alone(options, {1, 2}));
    options.device.tie_breaker = {castvote::wire::TieBreakerMode::node_id, 2};
    CHECK(goes_on_alone(options, {1, 2}));
    CHECK_FALSE(goes_on_alone(options, {3, 4}));
}

TEST_CASE("a campaign reaches the same with one job and with several") {
    const Totals alone = run(campaign_of(12, options_of, 1));
    const Totals shared = run(campaign_of(12, options_of, 3));
    CHECK(alone.seeds == 12);
    CHECK(alone.failed.empty());
    CHECK(alone.reached.at("fault: the cluster is cut apart") > 0);
    CHECK(shared.seeds == alone.seeds);
    CHECK(shared.failed.empty());
    CHECK(shared.hours == Approx(alone.hours));
    CHECK(shared.grants == alone.grants);
    CHECK(shared.reached == alone.reached);
}

TEST_CASE("a campaign stops at the same violation, which is shrunk to the faults that it takes") {
    const Totals alone = run(campaign_of(1000, without_ledger, 1));
    const Totals shared = run(campaign_of(1000, without_ledger, 3));
    REQUIRE(alone.failed.size() == 1);
    REQUIRE(shared.failed.size() == 1);
    const auto& [seed, failed] = *alone.failed.begin();
    CHECK(shared.failed.begin()->first == seed);
    CHECK(seed == alone.seeds);

    const Options options = without_ledger(seed);
    const Shrunk shrunk = shrink(options, failed);
    REQUIRE(shrunk.result.violation);
    CHECK(invariant_of(*shrunk.result.violation) == "I1");
    CHECK(shrunk.faults.size() < failed.faults.size());
    // None of them can be left out.
    for (const std::uint64_t fault : shrunk.faults) {
        Options rest = options;
        rest.only_faults = {shrunk.faults.begin(), shrunk.faults.end()};
        rest.only_faults->erase(fault);
        const auto violation = run(rest, false).violation;
        CHECK((!violation || invariant_of(*violation) != "I1"));
    }

    const auto lines = excerpt(shrunk.result.trace, 30);
    CHECK(lines.size() <= 60);
    CHECK(lines.back() == shrunk.result.trace.back());
    const auto faults_in = [](const std::vector<std::string>& trace) {
        return std::count_if(trace.begin(), trace.end(), [](const std::string& line) {
            return line.find(" fault ") != std::string::npos;
        });
    };
    CHECK(faults_in(lines) == faults_in(shrunk.result.trace));
}

TEST_CASE("an excerpt keeps each fault, the end, and what surrounds them") {
    std::vector<std::string> trace(100, "     1.000 something happens");
    trace[40] = "     2.000 fault 7: a node crashes";
    const auto kept = excerpt(trace, 8);
    CHECK(kept.size() == 10);
    CHECK(kept.front() == "           (38 lines)");
    CHECK(kept[3] == trace[40]);
    CHECK(kept[6] == "           (54 lines)");
    CHECK(excerpt(trace, 200) == trace);
}
