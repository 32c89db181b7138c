// words.cpp -- see words.hpp.
// SPDX-License-Identifier: BSD-3-Clause
#include "qdevice-client/heuristics/words.hpp"

namespace castvote::qdevice {

std::vector<std::string> split_words(std::string_view line) {
    std::vector<std::string> words;
    std::size_t at = 0;
    const auto is_end = [&] { return at >= line.size() || line[at] == '\n' || line[at] == '\r'; };
    while (true) {
        while (!is_end() && (line[at] == ' ' || line[at] == '\t')) ++at;
        if (is_end()) return words;
        std::string word;
        bool quoted = false;
        for (; !is_end(); ++at) {
            const char c = line[at];
            if (!quoted && (c == ' ' || c == '\t')) break;
            if (c == '"') {
                quoted = !quoted;
                continue;
            }
            if (c == '\\' && at + 1 < line.size()) {
                const char next = line[at + 1];
                if (!quoted || next == '"' || next == '\\') {
                    word += next;
                    ++at;
                    continue;
                }
            }
            word += c;
        }
        if (word.empty()) return words;
        words.push_back(std::move(word));
    }
}

}  // namespace castvote::qdevice
