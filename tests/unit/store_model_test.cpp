// store_model_test.cpp -- the simulator's store and the real one make the same of the same events.
//
// Starts, writes, clean ends, kills, boots, long pauses, a full disk, damage and older copies, by
// seed; after every start both must remember the same.
// SPDX-License-Identifier: BSD-3-Clause
#include <sqlite3.h>

#include <catch2/catch.hpp>
#include <fstream>

#include "tests/simulate/store_model.hpp"
#include "tests/unit/support/faulty_vfs.hpp"
#include "tests/unit/support/generator.hpp"
#include "tests/unit/support/store_driver.hpp"

namespace castvote::tests {

namespace {

using simulate::StoreModel;

class Pair {
public:
    explicit Pair(ScratchDirectory& scratch) : scratch_(scratch) { begin("state0"); }
    ~Pair() { use_faults({}); }

    void start() {
        driver_->open();
        const qnetd::Memory memory = model_.open(now());
        CHECK(driver_->store->memory().guard_from == memory.guard_from);
        CHECK(driver_->store->memory().last_grant_number == memory.last_grant_number);
        CHECK(driver_->store->health().distrust.empty() == model_.distrust().empty());
        const auto& records = driver_->store->memory().records;
        CHECK(records.size() == memory.records.size());
        for (const auto& [cluster, restored] : memory.records) {
            REQUIRE(records.contains(cluster));
            CHECK(records.at(cluster).record == restored.record);
            CHECK(records.at(cluster).is_same_clock == restored.is_same_clock);
        }
        guarded += memory.guard_from.has_value();
        distrusted += !model_.distrust().empty();
        remembered += !memory.records.empty();
    }
    void write(const std::string& cluster, const qnetd::Record& record) {
        driver_->write(cluster, record);
        CHECK(model_.land({cluster, 1, record}, now()).size() == 1);
    }
    // Until the disk is well again it is not done; a later one takes its place.
    void write_in_vain(const std::string& cluster, const qnetd::Record& record) {
        driver_->store->write({cluster, 1, record}, [this] { ++done_; });
        CHECK(model_.land({cluster, 1, record}, now()).empty());
    }
    void set_full(bool is_full) {
        use_faults({.fail_with = is_full ? SQLITE_FULL : 0});
        model_.set_disk(is_full ? StoreModel::Disk::takes_no_writes : StoreModel::Disk::well);
        if (is_full) return;
        const int landed = static_cast<int>(model_.flush(now()).size());
        CHECK(waits_for([&] { return done_ == landed; }));
        done_ = 0;
    }
    void stop() {
        driver_->close();
        model_.stop(now());
    }
    // A restart finds what a copy finds that is taken now.
    void kill() {
        const std::string directory = next_name();
        driver_->copy_to(directory);
        driver_->close();
        model_.kill();
        begin_in(directory);
    }
    void damage() {
        std::ofstream(driver_->file(), std::ios::trunc) << "not a store";
        model_.lose();
    }
    // While it is down.
    void take_copy() {
        copy_ = next_name();
        driver_->copy_to(copy_);
        copied_ = model_.file().value();
    }
    void put_back() {
        if (copy_.empty()) return;
        const std::string directory = next_name();
        std::filesystem::copy(copy_, directory);
        begin_in(directory);
        model_.put_back(copied_);
    }
    void pass(std::int64_t duration_ms) {
        now_ms_ += duration_ms;
        wall_s_ += duration_ms / 1000;
        driver_->now_ms = now_ms_;
        driver_->wall_s = wall_s_;
    }
    void boot() {
        ++boot_;
        now_ms_ = 300;
        begin_in(driver_->directory());
    }

    int guarded = 0, distrusted = 0, remembered = 0;

private:
    StoreModel::Now now() const { return {at_ms(now_ms_), boot_, wall_s_}; }
    std::string next_name() { return scratch_.path("state" + std::to_string(++copies_)); }
    void begin(const std::string& name) { begin_in(scratch_.path(name)); }
    void begin_in(const std::string& directory) {
        driver_ = std::make_unique<StoreDriver>(directory);
        driver_->now_ms = now_ms_;
        driver_->wall_s = wall_s_;
        driver_->boot = "boot-" + std::to_string(boot_);
        driver_->vfs = faulty_vfs_name;
    }

    ScratchDirectory& scratch_;
    std::unique_ptr<StoreDriver> driver_;
    StoreModel model_{test_guard};
    std::int64_t now_ms_ = 1000;
    std::int64_t wall_s_ = 1'000'000;
    unsigned boot_ = 1;
    int copies_ = 0;
    std::string copy_;
    StoreModel::File copied_;
    std::atomic<int> done_ = 0;
};

// One life of the process, and what happens until the next begins.
void live(Pair& pair, Generator& chance, std::uint64_t& number) {
    pair.start();
    for (std::uint64_t i = chance.below(4); i > 0; --i) {
        pair.pass(static_cast<std::int64_t>(chance.below(20'000)));
        const bool goes = chance.one_in(5);
        pair.write(chance.one_in(2) ? "alpha" : "beta",
                   goes ? qnetd::Record() : record_number(++number));
    }
    pair.pass(static_cast<std::int64_t>(chance.below(40'000)));
    chance.one_in(2) ? pair.stop() : pair.kill();
    if (chance.one_in(3)) pair.take_copy();
    pair.pass(static_cast<std::int64_t>(chance.below(chance.one_in(3) ? 150'000 : 20'000)));
    switch (chance.below(8)) {
        case 0: pair.boot(); break;
        case 1: pair.damage(); break;
        case 2: pair.put_back(); break;
        default: break;
    }
}

}  // namespace

TEST_CASE("the simulator's store remembers what the real one does") {
    use_faults({});
    int guarded = 0, distrusted = 0, remembered = 0;
    for (std::uint64_t seed = 1; seed <= 25; ++seed) {
        INFO("seed " << seed);
        ScratchDirectory scratch;
        Generator chance(seed);
        Pair pair(scratch);
        std::uint64_t number = 0;
        for (int life = 0; life < 8; ++life) live(pair, chance, number);
        guarded += pair.guarded;
        distrusted += pair.distrusted;
        remembered += pair.remembered;
    }
    CHECK(guarded > 50);
    CHECK(distrusted > 10);
    CHECK(remembered > 50);
}

TEST_CASE("the simulator's store waits for a full disk as the real one does") {
    use_faults({});
    ScratchDirectory scratch;
    Pair pair(scratch);
    pair.start();
    pair.write("alpha", record_number(1));
    pair.set_full(true);
    pair.write_in_vain("alpha", record_number(2));
    pair.write_in_vain("beta", record_number(3));
    pair.kill();  // nothing of that is there
    pair.start();
    pair.write_in_vain("beta", record_number(4));
    pair.set_full(false);
    pair.stop();
    pair.set_full(true);
    pair.pass(100'000);  // distrusted, which cannot be written: so is the next start
    pair.start();
    pair.kill();
    pair.pass(10'000);
    pair.start();
    pair.set_full(false);
    pair.write("alpha", record_number(5));
    pair.kill();
    pair.start();
    CHECK(pair.distrusted == 2);
    pair.stop();
}

}  // namespace castvote::tests
