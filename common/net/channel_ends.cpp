// channel_ends.cpp -- see channel_ends.hpp.
// SPDX-License-Identifier: BSD-3-Clause
#include "common/net/channel_ends.hpp"

#include <netinet/tcp.h>

#include <boost/asio/ssl/error.hpp>

#include "common/net/tls_words.hpp"

namespace castvote::net {

bool is_of_tls(const error_code& error) {
    return error.category() == asio::error::get_ssl_category();
}

std::string words_of(const error_code& error) {
    if (error == asio::error::eof || error == asio::ssl::error::stream_truncated)
        return "the peer closed the connection";
    if (is_of_tls(error)) return tls_failure_text(static_cast<unsigned int>(error.value()));
    return error.message();
}

ChannelEnd end_of(const error_code& error) {
    if (error == asio::error::eof || error == asio::ssl::error::stream_truncated)
        return ChannelEnd::end_of_stream;
    if (is_of_tls(error)) return ChannelEnd::tls_failed;
    return ChannelEnd::reset_or_error;
}

// The system tells a reset only once. When a write was told, the reader is shown an end of stream
// that the peer never sent; but after a FIN alone the connection would still stand on our side.
bool is_gone(tcp::socket& socket) {
    tcp_info info{};
    socklen_t size = sizeof info;
    return ::getsockopt(socket.native_handle(), IPPROTO_TCP, TCP_INFO, &info, &size) != 0 ||
           info.tcpi_state == TCP_CLOSE;
}

}  // namespace castvote::net
