// asio.cpp -- the one place where Boost.Asio's own functions are compiled.
// SPDX-License-Identifier: BSD-3-Clause
#include <boost/asio/impl/src.hpp>
#include <boost/asio/ssl/impl/src.hpp>
