// finding.hpp -- what the doctors of both sides say: one finding for each thing that was looked at.
//
// A doctor only looks. What is wrong is said together with what to do about it; what could not be
// looked at is said as well, since silence would pass for health.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace castvote::doctor {

enum class Verdict : std::uint8_t {
    fine,
    warning,  // works, but will hurt one day
    wrong,    // does not work, or does not protect
    unknown,  // could not be looked at
};

struct Finding {
    Verdict verdict = Verdict::fine;
    std::string check;   // a word: what was looked at
    std::string what;    // one sentence
    std::string remedy;  // what to do; empty only if it is fine

    bool operator==(const Finding&) const = default;
};

using Findings = std::vector<Finding>;

inline Finding fine(std::string check, std::string what) {
    return {Verdict::fine, std::move(check), std::move(what), {}};
}

inline Finding warning(std::string check, std::string what, std::string remedy) {
    return {Verdict::warning, std::move(check), std::move(what), std::move(remedy)};
}
inline Finding wrong(std::string check, std::string what, std::string remedy) {
    return {Verdict::wrong, std::move(check), std::move(what), std::move(remedy)};
}
inline Finding unknown(std::string check, std::string what, std::string remedy) {
    return {Verdict::unknown, std::move(check), std::move(what), std::move(remedy)};
}

// For a person: a line for each finding, its remedy below, and a sentence at the end.
std::string to_text(const Findings& findings);
// {"findings": [{"check", "verdict", "what", "remedy"}], "wrong": N, "warnings": N, "unknown": N}
std::string to_json(const Findings& findings);

// The status with which the tools end: 0, or 6 if anything is wrong.
int exit_status(const Findings& findings);

// Prints them to standard output in either form; the exit status.
int report(const Findings& findings, bool as_json);

}  // namespace castvote::doctor
