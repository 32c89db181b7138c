// asio.hpp -- Boost.Asio as our shells use it.
//
// One thread per io_context; coroutines by the five rules of docs/style.md:
// `as_tuple(use_awaitable)` everywhere, so that no operation throws.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace castvote::net {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

// The completion token of every operation in a coroutine: results as a tuple, error_code first.
constexpr auto as_result = asio::as_tuple(asio::use_awaitable);

}  // namespace castvote::net
