// manual.hpp -- manual pages, made of the tables by which command lines are read.
//
// Our own options come from the same CLI::App as --help, those under stock names from the table
// that getopt gets its letters from: a page cannot leave out what the program takes.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "common/manual/stock_option.hpp"

namespace castvote::manual {

struct File {
    std::string path;
    std::string what;
};

// The page of one stock name.
struct StockPage {
    std::string name;
    std::string summary;  // one line, without the name
    std::vector<StockOption> options;
    std::vector<Setting> settings;  // of -S
    std::string operands;           // what may follow the options
};

struct Manual {
    std::string summary;  // of the own page, as above
    std::vector<StockPage> stock;
    std::vector<File> files;  // on all pages
    std::vector<Setting> settings;
    std::vector<std::string> see_also;  // pages of section 8
};

// `--manual NAME` prints the page of that name and leaves, as --version does; --help does not list
// it. `manual` is called only then. The app's own name must be set.
void add_manual_option(CLI::App& app, Manual (*manual)());

}  // namespace castvote::manual
