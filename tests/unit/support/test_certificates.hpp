// test_certificates.hpp -- certificates as right or as wrong as a test wants them, in memory.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "common/net/tls.hpp"

namespace castvote::testing {

class Authority {
public:
    explicit Authority(const std::string& name = "QNet CA");

    struct Wish {
        std::string common_name;
        std::vector<std::string> dns_names;
        long begins_s = -3600;  // from now
        long ends_s = 3600;     // from now
    };
    // With this CA's certificate beside it.
    net::TlsIdentity issue(const Wish& wish) const;
    // Trusts this CA, shows nothing.
    net::TlsIdentity only_trust() const;

private:
    struct Keys;
    std::shared_ptr<Keys> keys_;
};

// One for all tests of a program.
const Authority& authority();

}  // namespace castvote::testing
