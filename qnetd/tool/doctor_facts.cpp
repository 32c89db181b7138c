// doctor_facts.cpp -- see doctor.hpp: what is looked at.
// SPDX-License-Identifier: BSD-3-Clause
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "certs/identity.hpp"
#include "certs/layout.hpp"
#include "common/doctor/machine.hpp"
#include "common/ipc/client.hpp"
#include "common/net/names.hpp"
#include "qnetd/tool/doctor.hpp"

namespace castvote::qnetd {

namespace {

constexpr Duration probe_patience{3000};

// Where the arbiter says that it listens, as this machine reaches it.
std::optional<net::ConnectTarget> own_port(const std::string& status) {
    const auto parsed = nlohmann::json::parse(status, nullptr, false);
    if (!parsed.is_object()) return std::nullopt;
    const std::string address = parsed.value("address", "*");
    const std::string here = net::looks_names_up ? "localhost" : "127.0.0.1";
    return net::ConnectTarget{.host = address == "*" ? here : address,
                              .port = parsed.value<std::uint16_t>("port", 5403),
                              .timeout = probe_patience};
}

}  // namespace

ArbiterFacts gather(const DoctorPlaces& places) {
    ArbiterFacts facts;
    facts.own_addresses = doctor::own_addresses();
    facts.is_clock_synchronised = doctor::is_clock_synchronised();
    const auto identity = certs::load_arbiter_identity(places.certificates);
    if (identity) {
        for (const certs::Error& warning : identity->warnings)
            facts.certificate_warnings.push_back(warning.what);
    } else {
        facts.certificate_trouble = identity.error().what;
        facts.certificate_remedy = identity.error().remedy;
    }
    namespace fs = std::filesystem;
    for (const char* key : {certs::layout::ca_key, certs::layout::next_ca_key}) {
        std::error_code error;
        const fs::perms perms = fs::status(places.certificates / key, error).permissions();
        if (!error && (perms & (fs::perms::group_read | fs::perms::others_read)) != fs::perms::none)
            facts.is_ca_key_readable_by_others = true;
    }

    const ipc::Response status = ipc::ask(places.socket, "json status");
    if (status.kind != ipc::Response::Kind::ok) {
        facts.trouble = fmt::format("no arbiter answers at {}", places.socket);
        return facts;
    }
    facts.status = status.text;
    if (const auto target = own_port(status.text))
        facts.probe = doctor::probe(*target, "doctor", std::nullopt);
    return facts;
}

}  // namespace castvote::qnetd
