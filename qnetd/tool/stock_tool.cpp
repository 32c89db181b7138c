// stock_tool.cpp -- see stock_tool.hpp.
// SPDX-License-Identifier: BSD-3-Clause
#include "qnetd/tool/stock_tool.hpp"

#include <getopt.h>

#include <array>
#include <cstdio>

#include "common/ipc/client.hpp"
#include "common/ipc/words.hpp"

namespace castvote::qnetd {

namespace {

constexpr std::array options{
    manual::StockOption{'H', nullptr, "end the arbiter"},
    manual::StockOption{'h', nullptr, "print the usage and leave with status 1"},
    manual::StockOption{'l', nullptr, "clusters and their nodes"},
    manual::StockOption{'s', nullptr, "how the arbiter is"},
    manual::StockOption{'v', nullptr, "more of it"},
    manual::StockOption{'c', "NAME", "only this cluster"},
    manual::StockOption{'p', "PATH", "control socket of the arbiter"},
};

struct Request {
    std::string operation;  // empty: none was given
    bool verbose = false;
    std::string cluster;
    std::string socket = "/var/run/corosync-qnetd/corosync-qnetd.sock";
    bool usage = false;
};

Request parse(std::vector<std::string>& arguments) {
    Request request;
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    ::optind = 0;
    int letter = 0;
    const std::string letters = manual::getopt_letters(options);
    while ((letter = ::getopt(static_cast<int>(arguments.size()), argv.data(), letters.c_str())) !=
           -1)
        switch (letter) {
            case 'H': request.operation = "shutdown"; break;
            case 'l': request.operation = "list"; break;
            case 's': request.operation = "status"; break;
            case 'v': request.verbose = true; break;
            case 'c': request.cluster = ::optarg; break;
            case 'p': request.socket = ::optarg; break;
            default: request.usage = true; return request;
        }
    return request;
}

}  // namespace

std::span<const manual::StockOption> stock_tool_options() { return options; }

int run_stock_tool(std::vector<std::string> arguments) {
    const std::string program = arguments[0].substr(arguments[0].find_last_of('/') + 1);
    const Request request = parse(arguments);
    if (request.usage || request.operation.empty()) {
        std::printf("usage: %s [-Hhlsv] [-c cluster_name] [-p qnetd_ipc_socket_path]\n",
                    program.c_str());
        return 1;
    }
    std::string line = request.operation + " ";
    if (request.verbose) line += "verbose ";
    if (!request.cluster.empty()) line += "cluster " + ipc::quote(request.cluster) + " ";
    const ipc::Response response = ipc::ask(request.socket, line);
    using Kind = ipc::Response::Kind;
    switch (response.kind) {
        case Kind::ok: std::fwrite(response.text.data(), 1, response.text.size(), stdout); return 0;
        case Kind::nothing: return 0;
        case Kind::error: std::fprintf(stderr, "Error: %s", response.text.c_str()); return 4;
        case Kind::cannot_connect:
            std::fprintf(stderr, "%s: Can't connect to qnetd socket (is QNetd running?): %s\n",
                         program.c_str(), response.text.c_str());
            return 3;
        case Kind::cannot_talk:
            std::fprintf(stderr, "%s: Can't talk to qnetd: %s\n", program.c_str(),
                         response.text.c_str());
            return 2;
        case Kind::unknown_status:
            std::fprintf(stderr, "%s: Unknown reply from qnetd: %s\n", program.c_str(),
                         response.text.c_str());
            return 3;
    }
    return 2;
}

}  // namespace castvote::qnetd
