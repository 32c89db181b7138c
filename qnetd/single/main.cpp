// main.cpp -- the arbiter, its tool and qcert in one file, for machines without our packages.
//
// It is whichever its name says (a link, under any name that those have); under another name the
// first word says it: `castvote-arbiter qnetd --port 5403`.
// SPDX-License-Identifier: BSD-3-Clause
#include <cstdio>
#include <string_view>

#include "certs/tool/program.hpp"
#include "qnetd/shell/program.hpp"
#include "qnetd/tool/program.hpp"

namespace {

struct Program {
    std::string_view name;
    int (*run)(int argc, char** argv);
};

constexpr Program programs[] = {
    {"qnetd", castvote::qnetd::daemon_program},
    {"corosync-qnetd", castvote::qnetd::daemon_program},
    {"qnetd-tool", castvote::qnetd::tool_program},
    {"corosync-qnetd-tool", castvote::qnetd::tool_program},
    {"qcert", castvote::certs::tool::program},
    {"corosync-qnetd-certutil", castvote::certs::tool::program},
};

const Program* program_of(std::string_view path) {
    for (const Program& program : programs)
        if (path.substr(path.find_last_of('/') + 1) == program.name) return &program;
    return nullptr;
}

int print_usage(std::FILE* to) {
    std::fputs("usage: castvote-arbiter PROGRAM [OPTION]...\nPrograms, each with --help:", to);
    for (const Program& program : programs)
        std::fprintf(to, " %.*s", static_cast<int>(program.name.size()), program.name.data());
    std::fputs("\n", to);
    return to == stdout ? 0 : 2;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 1) return 2;
    if (const Program* program = program_of(argv[0])) return program->run(argc, argv);
    if (argc < 2) return print_usage(stderr);
    if (const Program* program = program_of(argv[1])) return program->run(argc - 1, argv + 1);
    return print_usage(std::string_view(argv[1]) == "--help" ? stdout : stderr);
}
