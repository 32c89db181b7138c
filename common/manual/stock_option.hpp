// stock_option.hpp -- what a program takes under its stock name: one table, from which getopt's
// letters and the manual page are made, so that neither knows what the other does not.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <span>
#include <string>

namespace castvote::manual {

struct StockOption {
    char letter;
    const char* argument;  // null: it takes none
    const char* help;
};

// A name that -S takes.
struct Setting {
    std::string name;
    std::string help;
};

// "ab:" for -a and -b ARGUMENT.
std::string getopt_letters(std::span<const StockOption> options);

}  // namespace castvote::manual
