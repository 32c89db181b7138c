// main.cpp -- see program.hpp.
// SPDX-License-Identifier: BSD-3-Clause
#include "certs/tool/program.hpp"

int main(int argc, char** argv) { return castvote::certs::tool::program(argc, argv); }
