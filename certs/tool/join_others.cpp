// join_others.cpp -- see join_others.hpp.
// SPDX-License-Identifier: BSD-3-Clause
#include "certs/tool/join_others.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/ip/host_name.hpp>
#include <cstdio>
#include <set>

#include "certs/process.hpp"
#include "certs/tool/tool.hpp"
#include "certs/x509.hpp"
#include "common/doctor/machine.hpp"
#include "common/net/asio.hpp"
#include "common/wire/printable.hpp"

namespace castvote::certs::tool {
namespace {

constexpr int not_reached = 255;

bool is_this_host(const enrol::Member& member, const std::set<std::string>& own) {
    net::error_code ignored;
    const std::string name = net::asio::ip::host_name(ignored);
    if (!member.name.empty() && equal_without_case(member.name, name)) return true;
    if (member.address.empty()) return false;
    const std::set<std::string> addresses = doctor::addresses_of(member.address);
    return std::any_of(addresses.begin(), addresses.end(),
                       [&](const std::string& address) { return own.contains(address); });
}

// Another machine's words, line by line.
std::string printable_lines(const std::string& text) {
    std::string lines;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = std::min(text.find('\n', at), text.size());
        lines += printable(text.substr(at, end - at)) + "\n";
        at = end + 1;
    }
    return lines;
}

// What a word of ssh's command line must not begin with.
bool is_host(const std::string& text) { return !text.empty() && text.front() != '-'; }

}  // namespace

Expected<std::vector<std::string>> other_nodes(const std::vector<enrol::Member>& members) {
    const std::set<std::string> own = doctor::own_addresses();
    std::vector<std::string> others;
    for (const enrol::Member& member : members) {
        if (is_this_host(member, own)) continue;
        const std::string& host = member.address.empty() ? member.name : member.address;
        if (!is_host(host))
            return fail("corosync.conf says neither name nor address of a node",
                        "join on each node by itself");
        others.push_back(host);
    }
    if (others.size() + 1 == members.size()) return others;
    return fail("this host is not exactly one of the nodes in corosync.conf",
                "join on each node by itself");
}

std::vector<Joined> join_on(const std::vector<std::string>& hosts, const std::string& ssh,
                            const std::string& address, const std::string& token,
                            const std::vector<std::string>& options) {
    std::string command = "qcert join " + shell_word(address) + " -";
    for (const std::string& option : options) command += " " + shell_word(option);
    std::vector<Joined> all;
    for (const std::string& host : hosts) {
        std::vector<std::string> words = words_of(ssh);
        words.push_back("root@" + host);
        words.push_back(command);
        std::fflush(stdout);
        const Expected<Finished> finished = run(words, Output::collect, token + "\n");
        if (finished)
            all.push_back({host, finished->status, printable_lines(finished->output)});
        else
            all.push_back({host, not_reached, printable_lines(finished.error().what)});
    }
    return all;
}

}  // namespace castvote::certs::tool
