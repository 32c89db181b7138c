// catch_main.cpp -- the one main() of all Catch2 test programs.
// SPDX-License-Identifier: BSD-3-Clause
#define CATCH_CONFIG_MAIN
#include <catch2/catch.hpp>
