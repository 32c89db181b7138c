// quick_start.cpp -- setting up the arbiter and all nodes over ssh and scp (certificates.md 4.4).
//
// Talks to the other hosts only through the stock commands and the stock file names, so that each
// of them may run stock tools or ours. Files between two remote hosts pass through this one, since
// those two need not trust each other. Stops at the first step that fails.
// SPDX-License-Identifier: BSD-3-Clause
#include <fmt/format.h>

#include <cstdio>
#include <sstream>

#include "certs/issue.hpp"
#include "certs/layout.hpp"
#include "certs/process.hpp"
#include "certs/tool/tool.hpp"

namespace castvote::certs::tool {

std::string shell_word(std::string_view word) {
    std::string text = "'";
    for (const char c : word) text += c == '\'' ? std::string("'\\''") : std::string(1, c);
    return text + "'";
}

std::vector<std::string> words_of(const std::string& command) {
    if (is_there(command)) return {command};
    std::istringstream stream(command);
    std::vector<std::string> words;
    for (std::string word; stream >> word;) words.push_back(word);
    if (words.empty()) words.push_back(command);
    return words;
}

namespace {

constexpr const char* arbiter_command = "corosync-qnetd-certutil";

// scp takes a colon for the end of the host.
std::string remote_file(const std::string& host, const std::string& path) {
    const bool is_ipv6 = host.find(':') != host.npos && host.front() != '[';
    return fmt::format("root@{}{}{}:{}", is_ipv6 ? "[" : "", host, is_ipv6 ? "]" : "", path);
}

class Remote {
public:
    explicit Remote(const QuickStart& plan) : ssh_(words_of(plan.ssh)), scp_(words_of(plan.scp)) {}

    // The remote status, or 255 if it was not reached.
    Expected<int> status(const std::string& host, const std::string& command, Output output) {
        std::vector<std::string> words = ssh_;
        words.push_back("root@" + host);
        words.push_back(command);
        std::fflush(stdout);
        const Expected<Finished> finished = run(words, output);
        if (!finished) return tl::unexpected<Error>(finished.error());
        return finished->status;
    }

    Expected<void> command(const std::string& host, const std::string& command) {
        const Expected<int> ended = status(host, command, Output::pass_through);
        if (!ended) return tl::unexpected<Error>(ended.error());
        if (*ended == 0) return {};
        return fail(fmt::format("on {}, \"{}\" ended with status {}", host, command, *ended),
                    "mend what it said, remove what was made so far on the nodes, then repeat");
    }

    Expected<void> copy(const std::string& from, const std::string& to) {
        const Expected<TemporaryDirectory> scratch =
            TemporaryDirectory::make(std::filesystem::temp_directory_path());
        if (!scratch) return tl::unexpected<Error>(scratch.error());
        const std::string between = (scratch->path() / "file").string();
        if (const Expected<void> fetched = copy_one(from, between); !fetched) return fetched;
        return copy_one(between, to);
    }

private:
    Expected<void> copy_one(const std::string& from, const std::string& to) {
        std::vector<std::string> words = scp_;
        words.push_back(from);
        words.push_back(to);
        std::fflush(stdout);
        const Expected<Finished> finished = run(words, Output::pass_through);
        if (!finished) return tl::unexpected<Error>(finished.error());
        if (finished->status == 0) return {};
        return fail(
            fmt::format("copying {} to {} ended with status {}", from, to, finished->status),
            "see that ssh and scp reach root on this host without a question");
    }

    std::vector<std::string> ssh_;
    std::vector<std::string> scp_;
};

std::string in_node_directory(const std::string& name) {
    return fmt::format("{}/{}", layout::node_directory, name);
}

Expected<void> check_nodes(Remote& remote, const QuickStart& plan) {
    for (const std::string& node : plan.nodes) {
        const Expected<int> has_directory =
            remote.status(node, fmt::format("[ -d {} ]", shell_word(layout::node_directory)),
                          Output::pass_through);
        if (!has_directory) return tl::unexpected<Error>(has_directory.error());
        if (*has_directory == 0)
            return fail(fmt::format("node {} already has certificates", node),
                        fmt::format("remove {} there, then repeat", layout::node_directory));
        const Expected<int> has_tool =
            remote.status(node, shell_word(plan.node_command), Output::collect);
        if (!has_tool) return tl::unexpected<Error>(has_tool.error());
        if (*has_tool != 0)
            return fail(
                fmt::format("node {} cannot be reached or has no {}", node, plan.node_command),
                "see that ssh reaches root there, and that the program is installed");
    }
    return {};
}

Expected<void> distribute_ca(Remote& remote, const QuickStart& plan) {
    // An arbiter that serves other clusters is initialised already: its status does not count.
    const Expected<int> initialised =
        remote.status(plan.arbiter, fmt::format("{} -i", arbiter_command), Output::pass_through);
    if (!initialised) return tl::unexpected<Error>(initialised.error());
    const std::string exported = fmt::format("{}/{}", layout::arbiter_directory, layout::ca_export);
    const std::string copy = fmt::format("/tmp/{}", layout::ca_export);
    for (const std::string& node : plan.nodes) {
        const Expected<void> copied =
            remote.copy(remote_file(plan.arbiter, exported), remote_file(node, copy));
        if (!copied) return copied;
        const Expected<void> taken = remote.command(
            node, fmt::format("{} -i -c {} && rm {}", shell_word(plan.node_command), copy, copy));
        if (!taken) return taken;
    }
    return {};
}

Expected<void> get_signed(Remote& remote, const QuickStart& plan) {
    const std::string& first = plan.nodes.front();
    const std::string node_command = shell_word(plan.node_command);
    const std::string request = fmt::format("/tmp/{}", layout::request);
    const std::string certificate = fmt::format("cluster-{}.crt", plan.cluster);
    if (const auto made = remote.command(
            first, fmt::format("{} -r -n {}", node_command, shell_word(plan.cluster)));
        !made)
        return made;
    if (const auto copied = remote.copy(remote_file(first, in_node_directory(layout::request)),
                                        remote_file(plan.arbiter, request));
        !copied)
        return copied;
    if (const auto made = remote.command(
            plan.arbiter,
            fmt::format("{} -s -c {} -n {}", arbiter_command, request, shell_word(plan.cluster)));
        !made)
        return made;
    const std::string at_arbiter = fmt::format("{}/{}", layout::arbiter_directory, certificate);
    if (const auto copied = remote.copy(remote_file(plan.arbiter, at_arbiter),
                                        remote_file(first, in_node_directory(certificate)));
        !copied)
        return copied;
    return remote.command(first, fmt::format("{} -M -c {}", node_command,
                                             shell_word(in_node_directory(certificate))));
}

Expected<void> distribute_bundle(Remote& remote, const QuickStart& plan) {
    const std::string bundle = in_node_directory(layout::bundle);
    for (std::size_t i = 1; i < plan.nodes.size(); ++i) {
        const std::string& node = plan.nodes[i];
        const Expected<void> copied =
            remote.copy(remote_file(plan.nodes.front(), bundle), remote_file(node, bundle));
        if (!copied) return copied;
        const Expected<void> taken = remote.command(
            node, fmt::format("{} -m -c {}", shell_word(plan.node_command), shell_word(bundle)));
        if (!taken) return taken;
    }
    return {};
}

int wrong(const char* text) {
    fmt::print(stderr, "{}\n", text);
    return wrong_usage;
}

}  // namespace

int quick_start(const QuickStart& plan) {
    if (plan.cluster.empty()) return wrong("Name the cluster with -n");
    if (plan.arbiter.empty()) return wrong("Name the arbiter's host after the options");
    if (plan.nodes.empty()) return wrong("Name the nodes after the arbiter");
    if (const Expected<void> named = check_cluster_name(plan.cluster); !named)
        return report_error(named.error());
    Remote remote(plan);
    for (const auto& step : {check_nodes, distribute_ca, get_signed, distribute_bundle})
        if (const Expected<void> stepped = step(remote, plan); !stepped)
            return report_error(stepped.error());
    return done;
}

}  // namespace castvote::certs::tool
