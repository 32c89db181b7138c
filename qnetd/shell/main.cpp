// main.cpp -- see program.hpp.
// SPDX-License-Identifier: BSD-3-Clause
#include "qnetd/shell/program.hpp"

int main(int argc, char** argv) { return castvote::qnetd::daemon_program(argc, argv); }
