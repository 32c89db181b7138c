// doctor.hpp -- what the arbiter's doctor makes of what it found: the mistakes that people make
// with an arbiter, each with what to do about it.
//
// examine() is pure: facts in, findings out. gather() only looks; it blocks for some seconds where
// nobody answers.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "common/doctor/finding.hpp"
#include "common/doctor/probe.hpp"

namespace castvote::qnetd {

struct ArbiterFacts {
    std::optional<std::string> status;  // the answer to `json status`
    std::string trouble;                // ... or why there is none
    std::string certificate_trouble;    // empty: they are good
    std::string certificate_remedy;
    std::vector<std::string> certificate_warnings;
    bool is_ca_key_readable_by_others = false;
    std::optional<doctor::Probed> probe;  // of the arbiter's own port; none: it does not run
    std::set<std::string> own_addresses;
    std::optional<bool> is_clock_synchronised;
};

struct DoctorPlaces {
    std::string socket;
    std::filesystem::path certificates;
};

ArbiterFacts gather(const DoctorPlaces& places);

doctor::Findings examine(const ArbiterFacts& facts);

}  // namespace castvote::qnetd
