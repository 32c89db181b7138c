// golden_story.hpp -- a golden scenario: a text file that is test, expectation and documentation.
//
// Blocks are separated by blank lines. A block is comments, commands, a dashed line, and what was
// done. Running a text gives the same text with what is done now; a test compares, and
// CASTVOTE_GOLDEN_REWRITE=1 writes it back. Which commands there are, and what they do, is the
// business of whoever derives from GoldenStory.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

namespace castvote::tests {

class GoldenStory {
public:
    virtual ~GoldenStory() = default;

    // The text with every block's outcome replaced by what happens now. Throws
    // std::invalid_argument, with the line's number, for a command that it does not understand.
    std::string run(const std::string& text);

protected:
    // What stands behind a command: "ring A 1.8 members=1,2" has the plain words A and 1.8 and one
    // option.
    struct Words {
        std::vector<std::string> plain;
        std::map<std::string, std::string> options;

        const std::string& at(std::size_t index) const;
        std::string take(const std::string& option, const std::string& otherwise = {});
        void expect_none_left() const;
    };

    virtual void execute(const std::string& command, Words words) = 0;

    // A line of the running block's outcome.
    void show(const std::string& line) { outcome_ += line + "\n"; }

private:
    static Words words_of(const std::string& line);

    std::string outcome_;
};

// Plays every *.txt of tests/golden/<folder>, at least so many, as part of the running test case;
// a file that says something else than `play` fails with the first line that differs.
void check_golden_folder(const std::string& folder, std::size_t least,
                         const std::function<std::string(const std::string&)>& play);

}  // namespace castvote::tests
