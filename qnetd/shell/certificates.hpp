// certificates.hpp -- the arbiter's side of TLS as its certificate directory has it now: its own
// certificate, its CA, what was revoked, and which clusters were renamed. Read at the start, and
// again when qcert has changed it.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <optional>
#include <string>

#include "common/net/tls.hpp"
#include "common/wire/cluster_names.hpp"
#include "qnetd/shell/options.hpp"

namespace castvote::qnetd {

// Nothing where TLS is off. Warnings are logged; an error is one line.
Expected<std::optional<net::TlsContext>, std::string> load_tls(const Options& options);

// Is another list of the revoked there than this context has? One that cannot be read is another.
bool are_others_revoked(const Options& options, const net::TlsContext& context);

// The renamed clusters, with TLS and without; an error is one line.
Expected<wire::ClusterNames, std::string> load_names(const Options& options);

}  // namespace castvote::qnetd
