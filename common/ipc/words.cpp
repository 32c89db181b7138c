// words.cpp -- see words.hpp.
// SPDX-License-Identifier: BSD-3-Clause
#include "common/ipc/words.hpp"

#include <algorithm>

namespace castvote::ipc {

namespace {

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\f' || c == '\v'; }

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

// Outside quotes a backslash takes the next character as it is; inside only `\"` and `\\` are
// escapes. At the end of the line a backslash is dropped.
class Splitter {
public:
    explicit Splitter(Quoting quoting) : quoting_(quoting) {}

    void take(char c) {
        if (escaped_)
            finish_escape(c);
        else if (c == '\\' && quoting_ == Quoting::quotes)
            escaped_ = in_word_ = true;
        else if (c == '"' && quoting_ == Quoting::quotes)
            quoted_ = !quoted_, in_word_ = true;
        else if (is_blank(c) && !quoted_)
            end_word();
        else
            add(c);
    }

    std::vector<std::string> finish() {
        end_word();
        return std::move(words_);
    }

private:
    void finish_escape(char c) {
        escaped_ = false;
        if (quoted_ && c != '"' && c != '\\') word_ += '\\';
        add(c);
    }
    void add(char c) {
        word_ += c;
        in_word_ = true;
    }
    void end_word() {
        if (in_word_) words_.push_back(std::move(word_));
        word_.clear();
        in_word_ = false;
    }

    Quoting quoting_;
    bool quoted_ = false;
    bool escaped_ = false;
    bool in_word_ = false;
    std::string word_;
    std::vector<std::string> words_;
};

}  // namespace

std::vector<std::string> split_words(std::string_view request, Quoting quoting) {
    Splitter splitter(quoting);
    for (const char c : request.substr(0, request.find_first_of("\r\n"))) splitter.take(c);
    return splitter.finish();
}

std::string quote(std::string_view text) {
    std::string quoted = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') quoted += '\\';
        quoted += c;
    }
    return quoted + '"';
}

bool is_word(std::string_view word, std::string_view keyword) {
    return std::equal(word.begin(), word.end(), keyword.begin(), keyword.end(),
                      [](char a, char b) { return lower(a) == lower(b); });
}

}  // namespace castvote::ipc
