// tool.hpp -- the faces of qcert: its own verbs, and the two stock names.
//
// The program is one; the name it is started with chooses the face. Exit statuses of all faces:
// 0 done, 1 refused or failed, 2 wrong usage or a named file does not exist.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "certs/error.hpp"
#include "certs/files.hpp"
#include "certs/nss_import.hpp"
#include "common/manual/stock_option.hpp"

namespace castvote::certs::tool {

enum ExitStatus : int { done = 0, failed = 1, wrong_usage = 2 };

// The faces; each is the whole program from command line to exit status.
int own_verbs(int argc, char** argv);
int stock_arbiter(int argc, char** argv);
int stock_node(int argc, char** argv);

// What the stock faces read, and how their usage lists it.
std::span<const manual::StockOption> stock_arbiter_options();
std::span<const manual::StockOption> stock_node_options();
void print_options(std::span<const manual::StockOption> options);

// A database of the stock programs becomes ours the first time we are asked to work with it; does
// nothing where there is none, or where we have taken it over already. Notes go to standard error:
// tools match standard output.
Expected<void> adopt_stock_database(const Path& directory, Role role);

struct QuickStart {
    std::string cluster;
    std::string arbiter;
    std::vector<std::string> nodes;
    std::string ssh = "ssh";
    std::string scp = "scp";
    std::string node_command = "corosync-qdevice-net-certutil";  // As the nodes know it.
};

// Sets up arbiter and nodes over ssh and scp, as certificates.md 4.4.
int quick_start(const QuickStart& plan);

// A word that a remote shell takes as it is.
std::string shell_word(std::string_view word);
// "ssh -p 22": a program, or a program with options, as its words.
std::vector<std::string> words_of(const std::string& command);

// What a certificate directory holds, in words or as JSON, to standard output. Status `failed` if a
// directory that was asked for is missing or its certificates cannot be used.
int show(const std::vector<Path>& directories, bool as_json);

// Where the exchange of the authority stands, by its name for programs; empty if there is none.
std::string words_of_exchange(std::string_view stage);

// What the arbiter's CA has issued, by its register and the files beside it.
int list(const Path& directory, bool as_json);

// Two lines on standard error: what, and what to do.
void print_error(const Error& error);
int report_error(const Error& error);  // The same, and status `failed`.

}  // namespace castvote::certs::tool
