// running.hpp -- what qcert says to others: to the arbiter that runs here, and to the system's log.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "certs/files.hpp"

namespace castvote::certs::tool {

inline constexpr const char* standard_control_socket =
    "/var/run/corosync-qnetd/corosync-qnetd.sock";

struct Hearing {
    enum class What {
        taken_up,       // it works by what is in the directory now; text: what it did
        no_answer,      // none runs there; text: the system's words
        stock,          // it is the stock arbiter, or another program
        refused,        // text: why
        names_refused,  // ... the list of renamed clusters is, and nothing else
        names_apart,    // it works by all of it, but a name does not lead to its cluster yet
    } what = What::no_answer;
    std::string text;
};

// The options of a verb that changes what the running arbiter works by.
void add_arbiter_options(CLI::App& verb, std::string& control_socket, std::string& directory,
                         bool& as_json);

// The running arbiter reads its certificates again, which are to be those in `directory`. Whatever
// is said of names, it has taken them up then.
Hearing have_read_again(const std::string& control_socket, const Path& directory);
// The same, for whom the names matter.
Hearing have_names_read_again(const std::string& control_socket, const Path& directory);

// The names of the clusters that the arbiter knows which runs there; none if none of ours answers.
std::vector<std::string> clusters_of_running(const std::string& control_socket);

// "taken_up", for programs.
const char* name_of(Hearing::What what);
// That it is so, with these words, on standard output, or why not and what to do, on standard
// error.
void print_hearing(const Hearing& heard, const std::string& control_socket, const char* words);

// One line, facility auth, also where standard output is read by nobody. Control characters become
// '?'.
void say_to_syslog(std::string_view line);

}  // namespace castvote::certs::tool
