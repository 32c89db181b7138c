// join_options.cpp -- the command line of qcert join.
// SPDX-License-Identifier: BSD-3-Clause
#include <fmt/format.h>

#include "certs/layout.hpp"
#include "certs/tool/enrol.hpp"

namespace castvote::certs::tool {

CLI::App* describe_join(CLI::App& app, JoinOptions& options) {
    CLI::App* verb = app.add_subcommand(
        "join", "Node: get a key and a certificate from an arbiter that has invited");
    verb->add_option("ADDRESS", options.address, "The arbiter, with :PORT if it is not 5403")
        ->required();
    verb->add_option("TOKEN", options.token, "What \"qcert invite\" printed; - reads it from input")
        ->required();
    verb->add_option("--arbiter-port", options.arbiter_port,
                     "For corosync.conf, where the invitation has a port of its own")
        ->check(CLI::Range(1, 65535));
    verb->add_flag("--apply", options.apply,
                   "Put the quorum device into corosync.conf, and keep the old file");
    verb->add_flag("--force", options.force, "Replace the certificate that this node has");
    verb->add_flag("--stock", options.stock,
                   "For the stock corosync-qdevice: fill its certificate database");
    CLI::Option* cluster_wide =
        verb->add_flag("--cluster-wide", options.cluster_wide,
                       "Then the same on all other nodes of corosync.conf, over ssh as root");
    verb->add_option("--ssh", options.ssh, "With --cluster-wide: this command instead of ssh")
        ->type_name("COMMAND")
        ->needs(cluster_wide);
    verb->add_option("--cluster", options.cluster,
                     "The cluster (default: cluster_name of corosync.conf)")
        ->type_name("NAME");
    verb->add_option("--corosync-conf", options.configuration,
                     fmt::format("The file (default {}, else {})", proxmox_configuration,
                                 plain_configuration))
        ->type_name("FILE");
    verb->add_option("--dir,--node-dir", options.directory,
                     fmt::format("Certificate directory (default {})", layout::node_directory))
        ->type_name("DIR");
    verb->add_flag("--json", options.as_json, "Print JSON");
    verb->footer(
        "Nothing is started or restarted.\n"
        "Exit status: 0 done, also if it was done before; 1 failed; 2 wrong usage, or a mistyped\n"
        "token; 3 no connection, or no invitation is open; 4 the invitation refused; 5 this is\n"
        "not the arbiter that the token is from; 6 there are other certificates here (--force),\n"
        "or those of the other daemon (--stock); 7 done here, but not on all other nodes.");
    return verb;
}

}  // namespace castvote::certs::tool
