// certificates.hpp -- the arbiter's side of TLS as its certificate directory has it now: its own
// certificate, its CA, and what was revoked. Read at the start, and again when qcert has changed
// it.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <optional>
#include <string>

#include "common/net/tls.hpp"
#include "qnetd/shell/options.hpp"

namespace castvote::qnetd {

// Nothing where TLS is off. Warnings are logged; an error is one line.
Expected<std::optional<net::TlsContext>, std::string> load_tls(const Options& options);

}  // namespace castvote::qnetd
