// stock_arbiter.cpp -- qcert under the name corosync-qnetd-certutil (certificates.md 3.1, 7.2).
//
// Letters, files, the lines that administration tools match and the exit statuses are those of the
// stock script, except that a failure to sign is told by the status.
// SPDX-License-Identifier: BSD-3-Clause
#include <fmt/format.h>
#include <getopt.h>

#include <array>
#include <cstdio>
#include <optional>
#include <string>

#include "certs/arbiter_directory.hpp"
#include "certs/layout.hpp"
#include "certs/tool/tool.hpp"

namespace castvote::certs::tool {
namespace {

constexpr std::array arbiter_options{
    manual::StockOption{'i', nullptr,
                        "make the certificate authority and the arbiter's certificate"},
    manual::StockOption{'s', nullptr, "sign a cluster's certificate request"},
    manual::StockOption{'c', "REQUEST", "the request file, qdevice-net-node.crq of a node"},
    manual::StockOption{'n', "CLUSTER", "the cluster's name, cluster_name in corosync.conf"},
    manual::StockOption{'G', nullptr, "new files are not writable for the group"},
    manual::StockOption{'h', nullptr, "print the usage and leave"},
};

enum class ArbiterOperation { usage, init, sign };

struct ArbiterCall {
    ArbiterOperation operation = ArbiterOperation::usage;
    GroupWrite group_write = GroupWrite::yes;
    std::string file;
    std::string cluster;
};

int print_arbiter_usage(const char* program) {
    fmt::print(
        "Usage: {0} -i [-G]\n"
        "       {0} -s -c REQUEST -n CLUSTER\n\n",
        program);
    print_options(arbiter_options);
    fmt::print("\nExit status: 0 done, 1 refused or failed, 2 file or name missing.\n");
    return done;
}

// Nothing, if the command line is wrong; that has been told then. -h ends the reading.
std::optional<ArbiterCall> read_arbiter_call(int argc, char** argv) {
    ArbiterCall call;
    ::opterr = 0;
    const std::string letters = "+:" + manual::getopt_letters(arbiter_options);
    for (int letter = 0; (letter = ::getopt(argc, argv, letters.c_str())) != -1;) {
        switch (letter) {
            case 'i': call.operation = ArbiterOperation::init; break;
            case 's': call.operation = ArbiterOperation::sign; break;
            case 'h': return ArbiterCall{};
            case 'c': call.file = ::optarg; break;
            case 'n': call.cluster = ::optarg; break;
            case 'G': call.group_write = GroupWrite::no; break;
            case ':': fmt::print(stderr, "Option -{:c} needs a value\n", ::optopt); return {};
            default: fmt::print(stderr, "Unknown option -{:c}\n", ::optopt); return {};
        }
    }
    return call;
}

int init(const Path& directory, GroupWrite group_write) {
    if (const Expected<void> adopted = adopt_stock_database(directory, Role::arbiter); !adopted)
        print_error(adopted.error());
    const Expected<Stored> made = init_arbiter(directory, group_write);
    if (!made) return report_error(made.error());
    fmt::print(
        "Made a certificate authority and the arbiter's certificate in {}\n"
        "QNetd CA certificate is exported as {}\n",
        directory.string(), made->file.string());
    return done;
}

int sign(const Path& directory, const ArbiterCall& call) {
    if (!is_there(call.file)) {
        fmt::print(stderr, "The certificate request \"{}\" does not exist\n", call.file);
        return wrong_usage;
    }
    if (call.cluster.empty()) {
        fmt::print(stderr, "Name the cluster with -n\n");
        return wrong_usage;
    }
    if (const Expected<void> adopted = adopt_stock_database(directory, Role::arbiter); !adopted)
        return report_error(adopted.error());
    const Expected<Stored> made = sign_request(directory, call.file, call.cluster);
    if (!made) return report_error(made.error());
    for (const std::string& note : made->notes) fmt::print(stderr, "{}\n", note);
    fmt::print("Signing cluster certificate\nCertificate stored in {}\n", made->file.string());
    return done;
}

}  // namespace

std::span<const manual::StockOption> stock_arbiter_options() { return arbiter_options; }

int stock_arbiter(int argc, char** argv) {
    const std::optional<ArbiterCall> call = read_arbiter_call(argc, argv);
    if (!call) return failed;
    const Path directory = layout::arbiter_directory;
    switch (call->operation) {
        case ArbiterOperation::init: return init(directory, call->group_write);
        case ArbiterOperation::sign: return sign(directory, *call);
        case ArbiterOperation::usage: return print_arbiter_usage(argv[0]);
    }
    return failed;
}

}  // namespace castvote::certs::tool
