// finding.cpp -- see finding.hpp.
// SPDX-License-Identifier: BSD-3-Clause
#include "common/doctor/finding.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "common/wire/printable.hpp"

namespace castvote::doctor {

namespace {

constexpr int something_is_wrong = 6;

const char* word(Verdict verdict) {
    switch (verdict) {
        case Verdict::fine: return "ok";
        case Verdict::warning: return "warning";
        case Verdict::wrong: return "wrong";
        case Verdict::unknown: return "unknown";
    }
    return "unknown";
}

std::size_t count(const Findings& findings, Verdict verdict) {
    return static_cast<std::size_t>(
        std::count_if(findings.begin(), findings.end(),
                      [verdict](const Finding& f) { return f.verdict == verdict; }));
}

std::string counted(std::size_t number, const char* one, const char* many) {
    return fmt::format("{} {}", number, number == 1 ? one : many);
}

}  // namespace

std::string to_text(const Findings& findings) {
    std::string text;
    for (const Finding& finding : findings) {
        const std::string verdict =
            finding.verdict == Verdict::wrong ? "WRONG" : word(finding.verdict);
        text += fmt::format("{:<8} {:<14} {}\n", verdict, finding.check, printable(finding.what));
        if (!finding.remedy.empty())
            text += fmt::format("{:<8} {:<14} -> {}\n", "", "", printable(finding.remedy));
    }
    const std::size_t wrong = count(findings, Verdict::wrong);
    const std::size_t warnings = count(findings, Verdict::warning);
    const std::size_t unknown = count(findings, Verdict::unknown);
    text +=
        fmt::format("\n{}: {}, {}{}\n", counted(findings.size(), "check", "checks"),
                    wrong == 0 ? std::string("nothing is wrong") : fmt::format("{} wrong", wrong),
                    counted(warnings, "warning", "warnings"),
                    unknown == 0 ? "" : fmt::format(", {} could not be made", unknown));
    return text;
}

std::string to_json(const Findings& findings) {
    nlohmann::ordered_json list = nlohmann::ordered_json::array();
    for (const Finding& finding : findings)
        list.push_back({{"check", finding.check},
                        {"verdict", word(finding.verdict)},
                        {"what", finding.what},
                        {"remedy", finding.remedy}});
    const nlohmann::ordered_json object{{"findings", std::move(list)},
                                        {"wrong", count(findings, Verdict::wrong)},
                                        {"warnings", count(findings, Verdict::warning)},
                                        {"unknown", count(findings, Verdict::unknown)}};
    return object.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

int exit_status(const Findings& findings) {
    return count(findings, Verdict::wrong) == 0 ? 0 : something_is_wrong;
}

int report(const Findings& findings, bool as_json) {
    const std::string text = as_json ? to_json(findings) : to_text(findings);
    std::fwrite(text.data(), 1, text.size(), stdout);
    return exit_status(findings);
}

}  // namespace castvote::doctor
