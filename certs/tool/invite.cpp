// invite.cpp -- qcert invite: opens an invitation, prints the command for the nodes, says what
// happens until it ends.
// SPDX-License-Identifier: BSD-3-Clause
#include <fmt/format.h>
#include <openssl/rand.h>

#include <array>
#include <boost/asio/ip/host_name.hpp>
#include <boost/asio/ip/udp.hpp>
#include <charconv>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <optional>

#include "certs/enrol/serve.hpp"
#include "certs/layout.hpp"
#include "certs/names.hpp"
#include "certs/register.hpp"
#include "certs/tool/enrol.hpp"
#include "certs/tool/running.hpp"
#include "certs/tool/tool.hpp"
#include "certs/x509.hpp"
#include "common/net/certificate_owner.hpp"
#include "common/net/clock.hpp"
#include "common/wire/printable.hpp"

namespace castvote::certs::tool {
namespace {

using nlohmann::json;
namespace asio = net::asio;

constexpr std::uint16_t any_port = 5403;
constexpr std::int64_t valid_longest_s = 24 * 60 * 60;
constexpr std::size_t nodes_max = 384;  // corosync has no more

template <class Number>
std::optional<Number> whole(std::string_view text) {
    Number number = 0;
    const char* past = text.data() + text.size();
    const auto [end, error] = std::from_chars(text.data(), past, number);
    return error == std::errc() && end == past ? std::optional(number) : std::nullopt;
}

// "90s", "15m" or "2h".
std::optional<Duration> time_in(std::string_view text) {
    if (text.empty()) return std::nullopt;
    const char unit = text.back();
    const std::int64_t seconds = unit == 's' ? 1 : unit == 'm' ? 60 : unit == 'h' ? 3600 : 0;
    const auto number = whole<std::int64_t>(text.substr(0, text.size() - 1));
    if (!number || seconds == 0 || *number < 1 || *number > valid_longest_s / seconds)
        return std::nullopt;
    return Duration(*number * seconds * 1000);
}

// "PORT" or "ADDRESS:PORT", an IPv6 address in brackets.
bool set_listen(enrol::Door& door, std::string_view text) {
    const auto colon = text.rfind(':');
    const auto port = whole<std::uint16_t>(colon == text.npos ? text : text.substr(colon + 1));
    if (!port || *port == 0) return false;
    door.port = *port;
    if (colon == text.npos) return true;
    std::string_view address = text.substr(0, colon);
    if (address.starts_with('[') && address.ends_with(']'))
        address = address.substr(1, address.size() - 2);
    door.address = address;
    return !address.empty();
}

// The address from which this host would go to the world: nothing is sent.
std::string address_of_this_host() {
    asio::io_context io;
    asio::ip::udp::socket socket(io);
    net::error_code error;
    socket.open(asio::ip::udp::v4(), error);
    if (!error) socket.connect({asio::ip::make_address("192.0.2.1"), any_port}, error);
    const auto own = error ? asio::ip::udp::endpoint() : socket.local_endpoint(error);
    if (!error && !own.address().is_unspecified()) return own.address().to_string();
    return asio::ip::host_name(error);
}

std::string where(const InviteOptions& options, const enrol::Door& door) {
    if (!options.address.empty()) return options.address;
    std::string address = door.address.empty() ? address_of_this_host() : door.address;
    if (address.find(':') != address.npos) address = "[" + address + "]";
    return door.port == 0 ? address : fmt::format("{}:{}", address, door.port);
}

std::string new_owner() {
    std::array<unsigned char, net::owner_bytes> bytes{};
    must(RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) == 1, "an owner");
    return fmt::format("{:02x}", fmt::join(bytes, ""));
}

// Which of the clusters of this name it is.
Expected<std::string> owner_for(const InviteOptions& options, const Path& directory) {
    Expected<std::vector<Entry>> entries = known_certificates(directory);
    if (!entries) return tl::unexpected<Error>(entries.error());
    const Expected<std::vector<Renaming>> renamed = read_renamings(directory);
    if (!renamed) return tl::unexpected<Error>(renamed.error());
    const std::vector<Entry> known =
        latest_of_each_owner(by_present_names(std::move(*entries), *renamed), options.cluster);
    if (options.another) return new_owner();
    if (options.more && !known.empty()) return owner_meant(known, options.cluster, options.owner);
    if (options.more)
        return fail(
            fmt::format("no certificate of a cluster \"{}\" is known here", options.cluster),
            "leave --more out, or see \"qcert list\"");
    if (known.empty()) return new_owner();
    return fail(fmt::format("a cluster \"{}\" has certificates of this arbiter already "
                            "(\"qcert list\")",
                            options.cluster),
                "say --more to invite nodes of it, --another for another cluster of that name");
}

// Words or events, one line each, at once.
class Teller {
public:
    Teller(const InviteOptions& options, const enrol::Invitation*& invitation)
        : options_(options), invitation_(invitation) {}

    void say(const json& event, const std::string& words) const {
        if (event["event"] != "waiting")
            say_to_syslog(
                fmt::format("invitation for cluster \"{}\": {}", options_.cluster, words));
        if (options_.as_json)
            fmt::print("{}\n", event.dump(-1, ' ', false, json::error_handler_t::replace));
        else
            fmt::print("{}\n", words);
        std::fflush(stdout);
    }

    void waiting(const std::string& command, Duration valid) const {
        say({{"event", "waiting"},
             {"cluster", options_.cluster},
             {"nodes", options_.nodes},
             {"seconds", valid.count() / 1000},
             {"command", command}},
            fmt::format(
                "Run this on {} of cluster \"{}\", as root, within {}:\n\n  {}\n\nWaiting. "
                "Ctrl-C ends the invitation.",
                options_.nodes == 1 ? "the node" : fmt::format("each of {} nodes", options_.nodes),
                options_.cluster, options_.valid_for, command));
    }

    void happened(const enrol::Happening& happening) const {
        using What = enrol::Happening::What;
        const std::string from = printable(happening.address);
        const std::string what = printable(happening.words.what);
        const std::size_t joined = invitation_->confirmed_nodes();
        switch (happening.what) {
            case What::issued:
                return say({{"event", "issued"}, {"address", from}, {"serial", happening.serial}},
                           fmt::format("{}: signed certificate {}", from, happening.serial));
            case What::joined:
                return say({{"event", "joined"},
                            {"address", from},
                            {"joined", joined},
                            {"nodes", options_.nodes}},
                           fmt::format("{}: joined, {} of {}", from, joined, options_.nodes));
            case What::refused:
                return say({{"event", "refused"},
                            {"address", from},
                            {"code", happening.code},
                            {"what", happening.words.what}},
                           fmt::format("{}: refused: {}", from, what));
            case What::broken:
                return say({{"event", "broken"}, {"address", from}, {"what", happening.words.what}},
                           fmt::format("{}: {}", from, what));
        }
    }

    int ended(enrol::Ending ending) const {
        const std::size_t joined = invitation_->confirmed_nodes();
        const auto tell = [&](const char* name, const std::string& words, int status) {
            say({{"event", "ended"}, {"reason", name}, {"joined", joined}},
                fmt::format("{} The token is worth nothing any more.", words));
            return status;
        };
        const std::string some = fmt::format("{} of {} nodes have joined.", joined, options_.nodes);
        switch (ending) {
            case enrol::Ending::all_joined: return tell("all_joined", "All have joined.", done);
            case enrol::Ending::expired:
                return tell("expired", "The time is over; " + some, invite_expired);
            case enrol::Ending::interrupted: break;
        }
        return tell("interrupted", "Ended; " + some, invite_interrupted);
    }

private:
    const InviteOptions& options_;
    const enrol::Invitation*& invitation_;
};

int report(const InviteOptions& options, const Error& error, int status = failed) {
    if (!options.as_json) {
        print_error(error);
        return status;
    }
    const json event = {{"event", "failed"}, {"what", error.what}, {"remedy", error.remedy}};
    fmt::print("{}\n", event.dump(-1, ' ', false, json::error_handler_t::replace));
    return status;
}

}  // namespace

int invite(const InviteOptions& options) {
    const auto valid = time_in(options.valid_for);
    if (!valid)
        return report(options, {"--valid-for is no time", "say 90s, 15m or 2h; 24h at most"},
                      wrong_usage);
    enrol::Door door{options.control_socket, {}, 0};
    if (door.control_socket.empty()) door.control_socket = standard_control_socket;
    if (!options.listen.empty() && !set_listen(door, options.listen))
        return report(options, {"--listen is no port", "say 5404, or 192.0.2.1:5404"}, wrong_usage);
    const Path directory =
        options.directory.empty() ? Path(layout::arbiter_directory) : Path(options.directory);
    const Expected<ArbiterIdentity> identity = load_arbiter_identity(directory);
    if (!identity) return report(options, identity.error());
    if (const Expected<void> ready = check_signing(directory, options.cluster); !ready)
        return report(options, ready.error());
    if (const Expected<void> present = check_present_name(directory, options.cluster); !present)
        return report(options, present.error());
    const Expected<std::string> owner = owner_for(options, directory);
    if (!owner) return report(options, owner.error());
    const Expected<CertificatePtr> ca = parse_certificate(identity->ca_pem, "the CA certificate");
    if (!ca) return report(options, ca.error());
    const Token token = make_token(ca->get());
    const enrol::Invitation* invitation = nullptr;
    const Teller teller(options, invitation);
    auto inviter = enrol::Inviter::open(
        {directory, options.cluster, *owner, door}, *identity,
        enrol::Invitation(token, options.nodes, net::now() + *valid),
        [&](const enrol::Happening& happening) { teller.happened(happening); });
    if (!inviter) return report(options, inviter.error());
    invitation = &(*inviter)->invitation();
    say_to_syslog(fmt::format("an invitation for {} nodes of cluster \"{}\" is open", options.nodes,
                              options.cluster));
    // At a port of its own there is no arbiter when this is over.
    const std::string port =
        door.port == 0 ? "" : fmt::format(" --arbiter-port {}", options.arbiter_port);
    teller.waiting(fmt::format("qcert join {} {}{}", where(options, door), to_text(token), port),
                   *valid);
    return teller.ended((*inviter)->run());
}

CLI::App* describe_invite(CLI::App& app, InviteOptions& options) {
    CLI::App* verb = app.add_subcommand(
        "invite", "Arbiter: let nodes of a cluster join: prints one command, waits for them");
    verb->add_option("--cluster", options.cluster, "cluster_name of their corosync.conf")
        ->required()
        ->type_name("NAME");
    verb->add_option("--nodes", options.nodes, "How many nodes may join (default 2)")
        ->check(CLI::Range(std::size_t{1}, nodes_max));
    verb->add_option("--valid-for", options.valid_for, "How long: 90s, 15m (default) or 2h")
        ->type_name("TIME");
    verb->add_option("--address", options.address,
                     "The arbiter's address as the nodes see it, with :PORT if it is not 5403")
        ->type_name("ADDRESS");
    verb->add_option("--listen", options.listen,
                     "A port of its own, where the arbiter is not ours or does not run")
        ->type_name("[ADDRESS:]PORT");
    verb->add_option("--arbiter-port", options.arbiter_port,
                     "With --listen: the port where the arbiter is asked for votes (default 5403)")
        ->check(CLI::Range(1, 65535));
    verb->add_option(
            "--socket", options.control_socket,
            fmt::format("The arbiter's control socket (default {})", standard_control_socket))
        ->type_name("PATH");
    CLI::Option* more = verb->add_flag("--more", options.more,
                                       "More nodes, or new certificates, of a cluster that has "
                                       "certificates of this arbiter");
    verb->add_option("--owner", options.owner,
                     "With --more, where several clusters have the name: the beginning of the "
                     "owner of the one that is meant")
        ->type_name("HEX")
        ->needs(more);
    verb->add_flag("--another", options.another, "Another cluster of a name that is known already")
        ->excludes(more);
    verb->add_option("--dir", options.directory,
                     fmt::format("Certificate directory (default {})", layout::arbiter_directory))
        ->type_name("DIR");
    verb->add_flag("--json", options.as_json, "Print events, one JSON object a line");
    verb->footer(
        "Exit status: 0 all nodes have joined; 1 failed; 2 wrong usage; 3 the time was over\n"
        "before; 5 ended by a signal.");
    return verb;
}

}  // namespace castvote::certs::tool
