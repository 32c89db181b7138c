// connect.hpp -- from a host name to a connected TCP socket.
//
// Tries the addresses in the resolver's order, each at most a fair share of the time that is left,
// so that a first address which swallows packets does not use up the second's chance. Numeric
// addresses are not looked up. A look-up in progress cannot be interrupted, only ignored.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "common/net/asio.hpp"
#include "common/wire/expected.hpp"
#include "common/wire/instant.hpp"

namespace castvote::net {

enum class IpVersion { any, v4, v6 };

struct ConnectTarget {
    std::string host;
    std::uint16_t port = 5403;
    IpVersion version = IpVersion::any;
    Duration timeout{8000};  // for look-up and all addresses together
};

class Connector : public std::enable_shared_from_this<Connector> {
public:
    // The socket, or one plain line: "connecting to 10.0.0.1:5403: Connection refused".
    using Result = Expected<tcp::socket, std::string>;

    // Begins; on_done is called once, later, unless cancel() comes first.
    static std::shared_ptr<Connector> start(asio::io_context& io, ConnectTarget target,
                                            std::function<void(Result)> on_done);
    void cancel();

private:
    struct State;
    explicit Connector(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
    friend struct ConnectorLoops;

public:
    ~Connector();
};

}  // namespace castvote::net
