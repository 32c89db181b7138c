// certificates.hpp -- the node's side of TLS as its certificate directory has it now.
//
// Read at the start, and again for each connection: a node that was given new certificates shows
// them when it connects next, and needs no restart. While they cannot be used (another program is
// changing them, say) those that were read before stay.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <filesystem>
#include <string>

#include "common/net/tls.hpp"

namespace castvote::qdevice {

class Certificates {
public:
    // Warnings are logged; an error is one line.
    static Expected<Certificates, std::string> read(std::filesystem::path directory,
                                                    std::string server_name);

    // For a connection that begins now.
    const net::TlsContext& current();

private:
    Certificates(std::filesystem::path directory, std::string server_name)
        : directory_(std::move(directory)), server_name_(std::move(server_name)) {}
    Expected<void, std::string> take();

    std::filesystem::path directory_;
    std::string server_name_;
    net::TlsIdentity identity_;  // what the context was made of
    net::TlsContext context_;
    std::string trouble_;  // told already
};

}  // namespace castvote::qdevice
