// stock_node.cpp -- qcert under the name corosync-qdevice-net-certutil (certificates.md 3.2, 7.2).
//
// Letters, files, the lines that administration tools match and the exit statuses are those of the
// stock script, except that failures of -r and -M are told by the status.
// SPDX-License-Identifier: BSD-3-Clause
#include <fmt/format.h>
#include <getopt.h>

#include <array>
#include <cstdio>
#include <optional>
#include <string>

#include "certs/layout.hpp"
#include "certs/node_directory.hpp"
#include "certs/tool/tool.hpp"

namespace castvote::certs::tool {
namespace {

constexpr std::array node_options{
    manual::StockOption{'i', nullptr, "begin on this node with the arbiter's qnetd-cacert.crt"},
    manual::StockOption{'r', nullptr, "make a key and a certificate request for the cluster"},
    manual::StockOption{'M', nullptr,
                        "take the certificate the arbiter signed; makes the file for the other "
                        "nodes"},
    manual::StockOption{'m', nullptr, "take that file (qdevice-net-node.p12) on another node"},
    manual::StockOption{'Q', nullptr,
                        "do all this on the arbiter and all nodes, over ssh and scp as root"},
    manual::StockOption{'c', "FILE", "the file to read"},
    manual::StockOption{'n', "CLUSTER", "the cluster's name, cluster_name in corosync.conf"},
    manual::StockOption{'S', "SSH", "use this command instead of ssh"},
    manual::StockOption{'C', "SCP", "use this command instead of scp"},
    manual::StockOption{'h', nullptr, "print the usage and leave"},
};

enum class NodeOperation { usage, init, import_bundle, import_certificate, request, quick_start };

struct NodeCall {
    NodeOperation operation = NodeOperation::usage;
    std::string file;
    std::string cluster;
    std::optional<std::string> ssh;
    std::optional<std::string> scp;
};

int print_node_usage(const char* program) {
    fmt::print(
        "Usage: {0} -i -c CA-CERTIFICATE\n"
        "       {0} -r -n CLUSTER\n"
        "       {0} -M -c CERTIFICATE\n"
        "       {0} -m -c PKCS12\n"
        "       {0} -Q -n CLUSTER [-S SSH] [-C SCP] ARBITER NODE...\n\n",
        program);
    print_options(node_options);
    fmt::print(
        "\nBy hand: \"corosync-qnetd-certutil -i\" on the arbiter; -i on every node; -r on one "
        "node;\n"
        "\"corosync-qnetd-certutil -s\" on the arbiter; -M on that node; -m on all others.\n\n"
        "Exit status: 0 done, 1 refused or failed, 2 file or name missing.\n");
    return done;
}

// Nothing, if the command line is wrong; that has been told then. -h ends the reading.
std::optional<NodeCall> read_node_call(int argc, char** argv) {
    NodeCall call;
    ::opterr = 0;
    const std::string letters = "+:" + manual::getopt_letters(node_options);
    for (int letter = 0; (letter = ::getopt(argc, argv, letters.c_str())) != -1;) {
        switch (letter) {
            case 'i': call.operation = NodeOperation::init; break;
            case 'm': call.operation = NodeOperation::import_bundle; break;
            case 'M': call.operation = NodeOperation::import_certificate; break;
            case 'r': call.operation = NodeOperation::request; break;
            case 'Q': call.operation = NodeOperation::quick_start; break;
            case 'h': return NodeCall{};
            case 'c': call.file = ::optarg; break;
            case 'n': call.cluster = ::optarg; break;
            case 'S': call.ssh = ::optarg; break;
            case 'C': call.scp = ::optarg; break;
            case ':': fmt::print(stderr, "Option -{:c} needs a value\n", ::optopt); return {};
            default: fmt::print(stderr, "Unknown option -{:c}\n", ::optopt); return {};
        }
    }
    return call;
}

Expected<void> check_initialised(const Path& directory) {
    if (const Expected<void> adopted = adopt_stock_database(directory, Role::node); !adopted)
        return adopted;
    if (node_format(directory) == Format::pem) return {};
    return fail(fmt::format("there are no certificates in {} yet", directory.string()),
                "begin with -i and the arbiter's qnetd-cacert.crt");
}

int init(const Path& directory, const NodeCall& call) {
    if (const Expected<void> adopted = adopt_stock_database(directory, Role::node); !adopted)
        print_error(adopted.error());
    const Expected<Stored> stored = import_ca(directory, call.file, Existing::fresh_only);
    if (!stored) return report_error(stored.error());
    fmt::print("Importing CA\n");
    for (const std::string& note : stored->notes) fmt::print("{}\n", note);
    return done;
}

int request(const Path& directory, const NodeCall& call) {
    if (call.cluster.empty()) {
        fmt::print(stderr, "Name the cluster with -n\n");
        return wrong_usage;
    }
    if (const Expected<void> ready = check_initialised(directory); !ready)
        return report_error(ready.error());
    const Expected<Stored> stored = request_certificate(directory, call.cluster);
    if (!stored) return report_error(stored.error());
    fmt::print("Creating new certificate request\nCertificate request stored in {}\n",
               stored->file.string());
    return done;
}

int import_signed(const Path& directory, const NodeCall& call) {
    if (const Expected<void> ready = check_initialised(directory); !ready)
        return report_error(ready.error());
    const Expected<Stored> stored = import_signed_certificate(directory, call.file);
    if (!stored) return report_error(stored.error());
    fmt::print("Importing signed cluster certificate\nCertificate stored in {}\n",
               stored->file.string());
    return done;
}

int import_from_bundle(const Path& directory, const NodeCall& call) {
    if (const Expected<void> ready = check_initialised(directory); !ready)
        return report_error(ready.error());
    const Expected<Stored> stored = certs::import_bundle(directory, call.file);
    if (!stored) return report_error(stored.error());
    fmt::print("Importing cluster certificate and key\n");
    for (const std::string& note : stored->notes) fmt::print("{}\n", note);
    return done;
}

int start_quickly(int argc, char** argv, const NodeCall& call) {
    QuickStart plan;
    plan.cluster = call.cluster;
    if (call.ssh) plan.ssh = *call.ssh;
    if (call.scp) plan.scp = *call.scp;
    // Nodes are asked under the same path, if we were called by one.
    if (argv[0][0] == '/') plan.node_command = argv[0];
    if (::optind < argc) plan.arbiter = argv[::optind];
    for (int i = ::optind + 1; i < argc; ++i) plan.nodes.emplace_back(argv[i]);
    return quick_start(plan);
}

}  // namespace

std::span<const manual::StockOption> stock_node_options() { return node_options; }

int stock_node(int argc, char** argv) {
    const std::optional<NodeCall> call = read_node_call(argc, argv);
    if (!call) return failed;
    const Path directory = layout::node_directory;
    switch (call->operation) {
        case NodeOperation::usage: return print_node_usage(argv[0]);
        case NodeOperation::request: return request(directory, *call);
        case NodeOperation::quick_start: return start_quickly(argc, argv, *call);
        default: break;
    }
    if (!is_there(call->file)) {
        fmt::print(stderr, "The certificate file \"{}\" does not exist\n", call->file);
        return wrong_usage;
    }
    switch (call->operation) {
        case NodeOperation::init: return init(directory, *call);
        case NodeOperation::import_certificate: return import_signed(directory, *call);
        default: return import_from_bundle(directory, *call);
    }
}

}  // namespace castvote::certs::tool
