// stock_options.cpp -- the command line of corosync-qnetd, word for word (tests:
// qnetd_shell_options).
// SPDX-License-Identifier: BSD-3-Clause
#include <fmt/format.h>
#include <getopt.h>

#include <algorithm>
#include <array>

#include "common/ipc/words.hpp"
#include "qnetd/shell/advanced.hpp"
#include "qnetd/shell/options.hpp"

namespace castvote::qnetd {

namespace {

// The version of the stock package whose behaviour this is; tools compare it.
constexpr const char* stock_version = "3.0.3";

constexpr std::array options{
    manual::StockOption{'4', nullptr, "listen on IPv4 only"},
    manual::StockOption{'6', nullptr, "listen on IPv6 only (default: both)"},
    manual::StockOption{'d', nullptr,
                        "log every message; given twice, with the priority of others"},
    manual::StockOption{'f', nullptr, "stay in the foreground"},
    manual::StockOption{'h', nullptr, "print the usage and leave with status 1"},
    manual::StockOption{'v', nullptr, "print the version and leave with status 1"},
    manual::StockOption{'l', "ADDRESS", "address to listen on (default: all)"},
    manual::StockOption{'p', "PORT", "TCP port (default 5403)"},
    manual::StockOption{'s', "on|off|required",
                        "on: nodes may use TLS (default); required, or req: they must; off: they "
                        "cannot"},
    manual::StockOption{'c', "on|off",
                        "whether a node in TLS must show its cluster's certificate (default on)"},
    manual::StockOption{'m', "NUMBER", "connections at a time (default 0: no limit)"},
    manual::StockOption{'S', "NAME=VALUE[,NAME=VALUE...]", "advanced settings, see below"},
};

std::string usage(const std::string& program) {
    return fmt::format(
        "usage: {} [-46dfhv] [-l listen_addr] [-p listen_port] [-s tls]\n"
        "              [-c client_cert_required] [-m max_clients] "
        "[-S option=value[,option2=value2,...]]\n",
        program);
}

std::string version() {
    return fmt::format(
        "Corosync Qdevice Network Daemon, version '{}'\n\n"
        "Supported algorithms: Test (0), Fifty-Fifty split (1), 2 Node LMS (2), LMS (3)\n"
        "Supported message types: Preinit (0), Preinit reply (1), StartTLS (2), Init (3), "
        "Init reply (4), Server error (5), Set option (6), Set option reply (7), "
        "Echo request (8), Echo reply (9), Node list (10), Node list reply (11), "
        "Ask for vote (12), Ask for vote reply (13), Vote info (14), Vote info reply (15), "
        "Heuristics change (16), Heuristics change reply (17)\n",
        stock_version);
}

class StockParser {
public:
    explicit StockParser(const std::vector<std::string>& arguments) : arguments_(arguments) {
        program_ = arguments_[0].substr(arguments_[0].find_last_of('/') + 1);
        options_.stock_name = true;
        options_.foreground = false;
        options_.lock_file = "/var/run/corosync-qnetd/corosync-qnetd.pid";
        options_.shards = default_shards();
    }

    Parsed parse() {
        std::vector<char*> argv;
        for (std::string& argument : arguments_) argv.push_back(argument.data());
        argv.push_back(nullptr);
        ::opterr = 0;
        ::optind = 0;  // restarts glibc's getopt
        int letter = 0;
        const std::string letters = manual::getopt_letters(options);
        while ((letter = ::getopt(static_cast<int>(arguments_.size()), argv.data(),
                                  letters.c_str())) != -1)
            if (auto leave = take(letter)) return *leave;
        if (debug_ > 0) options_.log_level = net::LogLevel::debug;
        options_.log_debug_as_info = debug_ > 1;
        return options_;
    }

private:
    std::optional<Leave> take(int letter) {
        const std::string value = ::optarg != nullptr ? ::optarg : "";
        switch (letter) {
            case '4': options_.family = AddressFamily::v4; return std::nullopt;
            case '6': options_.family = AddressFamily::v6; return std::nullopt;
            case 'd': ++debug_; return std::nullopt;
            case 'f': options_.foreground = true; return std::nullopt;
            case 'l': options_.address = value; return std::nullopt;
            case 'p': return port(value);
            case 's': return tls(value);
            case 'c': return client_certificate(value);
            case 'm': return clients_max(value);
            case 'S': return advanced(value);
            case 'h': return Leave{1, usage(program_), {}};
            case 'v': return Leave{1, version(), {}};
            default: return unknown(letter);
        }
    }

    std::optional<Leave> complain(const std::string& words) const {
        return Leave{1, {}, fmt::format("{}: {}\n", program_, words)};
    }

    std::optional<Leave> unknown(int) const {
        const char letter = static_cast<char>(::optopt);
        const bool known =
            std::any_of(options.begin(), options.end(), [letter](const auto& option) {
                return option.letter == letter && option.argument != nullptr;
            });
        return Leave{1, usage(program_),
                     fmt::format("{}: {} -- '{}'\n", program_,
                                 known ? "option requires an argument" : "invalid option", letter)};
    }

    std::optional<Leave> port(const std::string& value) {
        const auto number = whole_number(value, 1, 65535);
        if (!number) return complain("host port must be in range 1-65535");
        options_.port = static_cast<std::uint16_t>(*number);
        return std::nullopt;
    }

    std::optional<Leave> tls(const std::string& value) {
        if (ipc::is_word(value, "on"))
            options_.arbiter.tls = wire::TlsSupported::supported;
        else if (ipc::is_word(value, "off"))
            options_.arbiter.tls = wire::TlsSupported::unsupported;
        // The stock daemon takes "req" only, its manual says "required": both are right here.
        else if (ipc::is_word(value, "req") || ipc::is_word(value, "required"))
            options_.arbiter.tls = wire::TlsSupported::required;
        else
            return complain("tls must be one of on, off, req");
        return std::nullopt;
    }

    std::optional<Leave> client_certificate(const std::string& value) {
        const auto wanted = on_or_off(value);
        if (!wanted) return complain("client_cert_required should be on/yes/1, off/no/0");
        options_.arbiter.client_certificate_required = *wanted;
        return std::nullopt;
    }

    std::optional<Leave> clients_max(const std::string& value) {
        const auto number = whole_number(value, 0, std::numeric_limits<long long>::max());
        if (!number) return complain(fmt::format("max clients value {} is invalid", value));
        options_.clients_max = static_cast<std::size_t>(*number);
        return std::nullopt;
    }

    std::optional<Leave> advanced(const std::string& value) {
        const auto applied = apply_advanced(value, options_);
        if (!applied) return complain(applied.error());
        return std::nullopt;
    }

    std::vector<std::string> arguments_;
    std::string program_;
    Options options_;
    int debug_ = 0;
};

}  // namespace

std::span<const manual::StockOption> stock_options() { return options; }

Parsed parse_stock_options(const std::vector<std::string>& arguments) {
    return StockParser(arguments).parse();
}

}  // namespace castvote::qnetd
