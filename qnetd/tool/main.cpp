// main.cpp -- see program.hpp.
// SPDX-License-Identifier: BSD-3-Clause
#include "qnetd/tool/program.hpp"

int main(int argc, char** argv) { return castvote::qnetd::tool_program(argc, argv); }
