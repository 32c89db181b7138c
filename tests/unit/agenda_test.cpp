// agenda_test.cpp -- who is looked at when: look_at() only brings a look forward, move() sets it.
// SPDX-License-Identifier: BSD-3-Clause
#include "qnetd/core/agenda.hpp"

#include <catch2/catch.hpp>

#include <string>

using castvote::at_ms;
using Agenda = castvote::qnetd::Agenda<std::string>;
using Keys = std::vector<std::string>;

TEST_CASE("the earliest look counts, and each is taken once") {
    Agenda agenda;
    agenda.look_at("a", at_ms(30));
    agenda.look_at("b", at_ms(20));
    agenda.look_at("a", at_ms(10));
    agenda.look_at("b", at_ms(40));
    CHECK(agenda.next() == at_ms(10));
    CHECK(agenda.take_due(at_ms(9)).empty());
    CHECK(agenda.take_due(at_ms(20)) == Keys{"a", "b"});
    CHECK(!agenda.next());
}

TEST_CASE("a moved look is at its new time only") {
    Agenda agenda;
    agenda.move("a", at_ms(10));
    agenda.look_at("b", at_ms(15));
    agenda.move("a", at_ms(20));
    CHECK(agenda.take_due(at_ms(15)) == Keys{"b"});
    agenda.move("a", at_ms(18));
    CHECK(agenda.next() == at_ms(18));
    agenda.move("a", at_ms(18));
    CHECK(agenda.take_due(at_ms(30)) == Keys{"a"});

    agenda.move("a", at_ms(40));
    agenda.move("a", std::nullopt);
    agenda.move("never there", std::nullopt);
    CHECK(agenda == Agenda{});
}
