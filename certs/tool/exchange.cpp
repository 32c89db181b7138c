// exchange.cpp -- see exchange.hpp. Nodes that would be left behind stop a step, unless by force.
// SPDX-License-Identifier: BSD-3-Clause
#include "certs/tool/exchange.hpp"

#include <fmt/format.h>

#include <array>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "certs/arbiter_directory.hpp"
#include "certs/exchange.hpp"
#include "certs/layout.hpp"
#include "certs/tool/running.hpp"
#include "certs/tool/tool.hpp"

namespace castvote::certs::tool {
namespace {

using nlohmann::json;

struct Wording {
    const char* name;  // as on the command line
    Step step;
    const char* done;      // the file's name follows
    const char* was_done;  // the same
    const char* next;
    const char* log;
    const char* remedy;  // where nodes would be left behind; null: none can be
};

constexpr std::array wordings{
    Wording{"begin", Step::begin, "There is a second authority:", "There is a second authority:",
            "Next, one node after the other: \"qcert invite --more\" here, \"qcert join --force\" "
            "there.\nNodes whose certificates are signed by hand must be given this file to trust, "
            "too\n(\"qcert import --ca FILE --add\"). Then: qcert rotate --authority switch",
            "a second authority is made", nullptr},
    Wording{
        "switch", Step::switch_over,
        "The arbiter has a certificate of the new authority, which alone signs now:",
        "The new authority is in its place already:",
        "Clusters whose certificates are signed by hand get new ones from now on (-r, -s, -M, "
        "-m).\nWhen all have one: qcert rotate --authority finish",
        "the new authority takes the place of the old one",
        "renew them (\"qcert invite --more\", \"qcert join --force\"), and revoke what is in no "
        "use any more; --force when nodes signed by hand trust the new one"},
    Wording{
        "finish", Step::finish,
        "The old authority is dropped; there is one:", "No authority is exchanged; there is one:",
        "Nodes trust the old one until they are given this file (\"qcert import --ca FILE\"); "
        "stock\nones until \"certutil -D -d DIR -n \"QNet CA\"\" and a restart of their daemon, or "
        "\"qcert join\n--stock --force\".",
        "the old authority is dropped",
        "renew them, and revoke what is in no use any more; --force leaves the others behind"}};

json to_json(const std::vector<LeftBehind>& list) {
    json all = json::array();
    for (const LeftBehind& one : list)
        all.push_back({{"cluster", one.cluster},
                       {"owner", one.owner},
                       {"address", one.address},
                       {"serials", one.serials},
                       {"renewed", one.renewed}});
    return all;
}

std::string line_of(const LeftBehind& one) {
    return fmt::format("cluster \"{}\"{}{}: {} of the old authority ({}), {} of the new one",
                       one.cluster, one.address.empty() ? ", signed by hand" : ", ", one.address,
                       one.serials.size(), fmt::join(one.serials, ", "), one.renewed);
}

void print_json(const json& answer) {
    fmt::print("{}\n", answer.dump(2, ' ', false, json::error_handler_t::replace));
}

int report(const RotateOptions& options, const Error& error, const std::vector<LeftBehind>& left) {
    if (options.as_json) {
        json answer = {{"error", {{"what", error.what}, {"remedy", error.remedy}}}};
        if (!left.empty()) answer["left_behind"] = to_json(left);
        print_json(answer);
        return failed;
    }
    for (const LeftBehind& one : left) fmt::print(stderr, "{}\n", line_of(one));
    return report_error(error);
}

int print(const RotateOptions& options, const Wording& words, const StepPlan& taken,
          const std::vector<LeftBehind>& left, const Hearing& heard, const std::string& socket) {
    const bool is_known = heard.what == Hearing::What::taken_up;
    const int status = is_known ? static_cast<int>(done) : rotate_not_taken_up;
    if (options.as_json) {
        print_json({{"step", words.name},
                    {"was_done", taken.was_done},
                    {"files", {taken.file.string()}},
                    {"left_behind", to_json(left)},
                    {"arbiter", name_of(heard.what)},
                    {"arbiter_says", heard.text}});
        return status;
    }
    fmt::print("{} {}\n", taken.was_done ? words.was_done : words.done, taken.file.string());
    for (const LeftBehind& one : left) fmt::print("Left behind: {}\n", line_of(one));
    fmt::print("{}\n", words.next);
    if (words.step == Step::switch_over && has_nss_database(taken.file.parent_path()))
        fmt::print(
            "The stock database here keeps the old authority. Should the stock arbiter come back, "
            "nodes\nneed certificates anew from it, and first its own file:\n"
            "certutil -L -d {0} -n \"{1}\" -a > qnetd-cacert.crt\n",
            taken.file.parent_path().string(), layout::ca_nickname);
    print_hearing(heard, socket, "The arbiter works by it from now on");
    return status;
}

}  // namespace

int exchange(const RotateOptions& options) {
    const Path directory =
        options.directory.empty() ? Path(layout::arbiter_directory) : Path(options.directory);
    const std::string socket =
        options.control_socket.empty() ? standard_control_socket : options.control_socket;
    const Wording* words = nullptr;
    for (const Wording& one : wordings)
        if (options.authority == one.name) words = &one;
    if (words == nullptr)
        return report(options, {"no such step", "say begin, switch or finish"}, {});
    std::vector<LeftBehind> left;
    const Expected<bool> is_due = is_turn_of(directory, words->step);
    if (!is_due) return report(options, is_due.error(), {});
    if (words->remedy != nullptr && *is_due) {
        Expected<std::vector<LeftBehind>> found = left_behind(directory);
        if (!found) return report(options, found.error(), {});
        left = std::move(*found);
    }
    if (!left.empty() && !options.force)
        return report(options,
                      {"these have no certificate of the new authority yet", words->remedy}, left);
    const Expected<StepPlan> taken = take_step(directory, words->step);
    if (!taken) return report(options, taken.error(), {});
    if (!taken->was_done)
        say_to_syslog(fmt::format("{}, in {}{}", words->log, directory.string(),
                                  left.empty() ? "" : ", by force"));
    return print(options, *words, *taken, left, have_read_again(socket, directory), socket);
}

}  // namespace castvote::certs::tool
