// join.hpp -- what the parts of qcert join share: its plan, what it has found out and done, and how
// it fails.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "certs/arbiter_directory.hpp"
#include "certs/enrol/ask.hpp"
#include "certs/enrol/corosync_conf.hpp"
#include "certs/tool/enrol.hpp"
#include "certs/tool/join_others.hpp"
#include "certs/tool/tool.hpp"

namespace castvote::certs::tool {

struct Failure {
    int status = failed;
    Error words;
};

inline tl::unexpected<Failure> fail_with(int status, std::string what, std::string remedy) {
    return tl::unexpected<Failure>(Failure{status, {std::move(what), std::move(remedy)}});
}
inline tl::unexpected<Failure> fail_with(const Error& error) {
    return tl::unexpected<Failure>(Failure{failed, error});
}

// What corosync.conf says, and what it is to say.
struct Configuration {
    Path file;
    std::string text;
    enrol::ConfigurationFacts facts;
};

struct Plan {
    enrol::Where where;
    std::uint16_t arbiter_port = 0;
    Token token;
    std::string cluster;
    Path directory;
    std::optional<Configuration> configuration;
    bool by_force = false;
    bool is_stock = false;  // for corosync-qdevice, and its database

    bool is_on_proxmox() const {
        return configuration && configuration->file == Path(proxmox_configuration);
    }
};

// What was found out and done, for words and JSON alike.
struct Told {
    bool is_new = false;
    bool must_restart = false;  // the stock daemon runs, by what was there before
    std::vector<std::string> notes;
    std::string section;             // for quorum { } of corosync.conf
    bool is_configured = false;      // this device stands there already
    std::vector<std::string> lines;  // of the change
    std::string backup;
    std::vector<Joined> others;
    bool is_applied_elsewhere = false;  // on those of the others that did not fail

    bool is_everywhere() const {
        return std::all_of(others.begin(), others.end(),
                           [](const Joined& one) { return one.status == 0; });
    }
};

// -- corosync.conf (join_configuration.cpp) ------------------------------------------------------

// Nothing where there is none and nobody wants it changed.
Expected<std::optional<Configuration>, Failure> find_configuration(const JoinOptions& options);

// What is to be written, if anything; found out before the arbiter is asked for anything.
Expected<std::optional<enrol::Change>, Failure> plan_change(const Plan& plan, bool does_apply,
                                                            Told& told);

// Writes it, or what it is by now: minutes after it was planned the file may be another.
Expected<void, Failure> apply(Plan& plan, enrol::Change change, Told& told);

// A name for the old one of a file or directory, with the time in it.
Path backup_of(const Path& file);

// -- a node with the stock daemon (join_stock.cpp) -----------------------------------------------

// Does the stock database hold what this node would get? Anything else is left alone. First of all
// the stock tools must be there.
Expected<bool, Failure> has_stock_database(const Plan& plan);

// The request for a key that waits for its certificate beside the database, for root alone. Whoever
// asks twice asks for the same key.
Expected<RequestPtr> stock_request(const Plan& plan);

// A new database with that key takes its place; a directory that was there is kept aside, if force
// is allowed. `file` is the PKCS#12 file.
Expected<Stored> store_stock_database(const Plan& plan, X509* certificate, const Certificates& cas,
                                      std::string_view source);

// The key in clear goes when the database has it.
void remove_waiting_key(const Plan& plan);

bool is_stock_daemon_running();

// -- its words (join_words.cpp) ------------------------------------------------------------------

// Prints what came of it, in words or as JSON; the exit status.
int print(const Plan& plan, const Told& told, const JoinOptions& options);
int report(const JoinOptions& options, const Failure& failure);

}  // namespace castvote::certs::tool
