// stock_tool.cpp -- see stock_tool.hpp.
// SPDX-License-Identifier: BSD-3-Clause
#include "qdevice-client/tool/stock_tool.hpp"

#include <getopt.h>

#include <array>
#include <cstdio>

#include "common/ipc/client.hpp"

namespace castvote::qdevice {

namespace {

constexpr std::array options{
    manual::StockOption{'H', nullptr, "end the daemon"},
    manual::StockOption{'h', nullptr, "print the usage and leave with status 1"},
    manual::StockOption{'s', nullptr, "how the daemon is"},
    manual::StockOption{'v', nullptr, "more of it"},
    manual::StockOption{'p', "PATH", "control socket of the daemon"},
};

struct Request {
    std::string operation;  // empty: none was given
    bool verbose = false;
    std::string socket = "/var/run/corosync-qdevice/corosync-qdevice.sock";
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
            case 's': request.operation = "status"; break;
            case 'v': request.verbose = true; break;
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
        std::printf("usage: %s [-Hhsv] [-p qdevice_ipc_socket_path]\n", program.c_str());
        return 1;
    }
    const ipc::Response response =
        ipc::ask(request.socket, request.operation + (request.verbose ? " verbose " : " "));
    using Kind = ipc::Response::Kind;
    switch (response.kind) {
        case Kind::ok: std::fwrite(response.text.data(), 1, response.text.size(), stdout); return 0;
        case Kind::nothing: return 0;
        case Kind::error: std::fprintf(stderr, "Error: %s", response.text.c_str()); return 4;
        case Kind::cannot_connect:
            std::fprintf(stderr, "%s: Can't connect to QDevice socket (is QDevice running?): %s\n",
                         program.c_str(), response.text.c_str());
            return 3;
        case Kind::cannot_talk:
            std::fprintf(stderr, "%s: Can't talk to QDevice: %s\n", program.c_str(),
                         response.text.c_str());
            return 2;
        case Kind::unknown_status:
            std::fprintf(stderr, "%s: Unknown reply from QDevice: %s\n", program.c_str(),
                         response.text.c_str());
            return 3;
    }
    return 2;
}

}  // namespace castvote::qdevice
