// golden_story.cpp -- see golden_story.hpp.
// SPDX-License-Identifier: BSD-3-Clause
#include "tests/unit/support/golden_story.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <utility>

#include "tests/unit/support/scenario_text.hpp"

namespace castvote::tests {

namespace {

using scenario::refuse;

std::string content_of(const std::filesystem::path& path) {
    std::ifstream file(path);
    std::ostringstream content;
    content << file.rdbuf();
    return content.str();
}

// Where two texts part, in words.
std::string first_difference(const std::string& expected, const std::string& now) {
    std::istringstream left(expected);
    std::istringstream right(now);
    for (std::size_t number = 1;; ++number) {
        std::string one;
        std::string other;
        const bool has_left = static_cast<bool>(std::getline(left, one));
        const bool has_right = static_cast<bool>(std::getline(right, other));
        if (!has_left && !has_right) return "the end of the file";
        if (has_left != has_right || one != other)
            return "line " + std::to_string(number) + "\n  file: " + one + "\n  now:  " + other;
    }
}

}  // namespace

std::string GoldenStory::run(const std::string& text) {
    std::istringstream stream(text);
    std::string result;
    std::size_t line_number = 0;
    bool has_commands = false;
    bool is_outcome = false;  // behind the dashed line
    const auto finish_block = [&] {
        if (has_commands) result += "----\n" + (outcome_.empty() ? "(nothing)\n" : outcome_);
        outcome_.clear();
        has_commands = is_outcome = false;
    };
    for (std::string line; std::getline(stream, line);) {
        ++line_number;
        if (line.empty()) {
            finish_block();
            result += "\n";
        } else if (line == "----") {
            is_outcome = true;
        } else if (!is_outcome) {
            result += line + "\n";
            if (line.front() == '#') continue;
            has_commands = true;
            try {
                Words words = words_of(line);
                const std::string command = words.at(0);
                words.plain.erase(words.plain.begin());
                execute(command, std::move(words));
            } catch (const std::exception& error) {
                refuse(fmt::format("line {}: {}: {}", line_number, line, error.what()));
            }
        }
    }
    finish_block();
    return result;
}

const std::string& GoldenStory::Words::at(std::size_t index) const {
    if (index >= plain.size()) refuse("too few words");
    return plain[index];
}

std::string GoldenStory::Words::take(const std::string& option, const std::string& otherwise) {
    const auto found = options.find(option);
    if (found == options.end()) return otherwise;
    const std::string value = found->second;
    options.erase(found);
    return value;
}

void GoldenStory::Words::expect_none_left() const {
    if (!options.empty()) refuse("no such option here: " + options.begin()->first);
}

GoldenStory::Words GoldenStory::words_of(const std::string& line) {
    Words words;
    std::istringstream stream(line);
    for (std::string word; stream >> word;) {
        const auto equals = word.find('=');
        if (equals == std::string::npos)
            words.plain.push_back(word);
        else
            words.options[word.substr(0, equals)] = word.substr(equals + 1);
    }
    return words;
}

void check_golden_folder(const std::string& folder, std::size_t least,
                         const std::function<std::string(const std::string&)>& play) {
    const bool rewrites = std::getenv("CASTVOTE_GOLDEN_REWRITE") != nullptr;
    std::vector<std::filesystem::path> paths;
    for (const auto& entry :
         std::filesystem::directory_iterator(CASTVOTE_SOURCE_DIR "/tests/golden/" + folder))
        if (entry.path().extension() == ".txt") paths.push_back(entry.path());
    std::sort(paths.begin(), paths.end());
    REQUIRE(paths.size() >= least);
    for (const auto& path : paths) {
        INFO("tests/golden/" << folder << "/" << path.filename().string()
                             << "; ./dev golden rewrites it when the change is meant");
        const std::string expected = content_of(path);
        std::string now;
        REQUIRE_NOTHROW(now = play(expected));
        if (rewrites && now != expected) std::ofstream(path) << now;
        if (!rewrites && now != expected) FAIL_CHECK(first_difference(expected, now));
    }
}

}  // namespace castvote::tests
