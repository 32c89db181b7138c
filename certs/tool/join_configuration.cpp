// join_configuration.cpp -- qcert join and corosync.conf: which file, what is to be in it, and
// writing it with the old one kept.
// SPDX-License-Identifier: BSD-3-Clause
#include <fmt/format.h>

#include "certs/tool/join.hpp"

namespace castvote::certs::tool {

Expected<std::optional<Configuration>, Failure> find_configuration(const JoinOptions& options) {
    Configuration found;
    found.file = options.configuration;
    if (options.configuration.empty())
        found.file = is_there(proxmox_configuration) ? proxmox_configuration : plain_configuration;
    if (!is_there(found.file)) {
        if (options.configuration.empty() && !options.apply) return std::nullopt;
        return fail_with(failed, fmt::format("there is no {}", found.file.string()),
                         "set up corosync first, or name its file with --corosync-conf");
    }
    const Expected<std::string> text = read_file(found.file);
    if (!text) return fail_with(text.error());
    const auto facts = enrol::read_configuration(*text);
    if (!facts) return fail_with(facts.error());
    found.text = *text;
    found.facts = *facts;
    return std::optional(std::move(found));
}

// The old file beside the new one; Proxmox VE's folder is for its own files.
Path backup_of(const Path& file) {
    const Path kept = file == Path(proxmox_configuration) ? Path(plain_configuration) : file;
    return name_aside(kept, "before-castvote");
}

Expected<std::optional<enrol::Change>, Failure> plan_change(const Plan& plan, bool does_apply,
                                                            Told& told) {
    if (!plan.configuration) {
        told.section = enrol::device_section({plan.where.host, plan.arbiter_port, 2});
        return std::nullopt;
    }
    const enrol::ConfigurationFacts& facts = plan.configuration->facts;
    const enrol::Device device{plan.where.host, plan.arbiter_port, facts.nodes};
    told.section = enrol::device_section(device);
    told.is_configured = facts.has_device && facts.device_host == plan.where.host &&
                         facts.device_port == std::to_string(plan.arbiter_port);
    if (told.is_configured || !does_apply) return std::nullopt;
    Expected<enrol::Change> change = enrol::with_device(plan.configuration->text, device);
    if (!change) return fail_with(change.error());
    told.lines = change->lines;
    return std::optional(std::move(*change));
}

// Where a link leads is what is written, and the link stays.
Expected<void, Failure> apply(Plan& plan, enrol::Change change, Told& told) {
    Configuration& configuration = *plan.configuration;
    std::error_code failure;
    const Path leads_to = std::filesystem::canonical(configuration.file, failure);
    const Path file = failure ? configuration.file : leads_to;
    const Expected<std::string> text = read_file(file);
    if (!text) return fail_with(text.error());
    if (*text != configuration.text) {
        const auto facts = enrol::read_configuration(*text);
        if (!facts) return fail_with(facts.error());
        configuration.text = *text;
        configuration.facts = *facts;
        auto fresh = plan_change(plan, /*does_apply=*/true, told);
        if (!fresh) return tl::unexpected<Failure>(fresh.error());
        if (!*fresh) return {};
        change = std::move(**fresh);
    }
    const Path backup = backup_of(file);
    const auto mode = mode_of(file).value_or(0644);
    const auto owner = owner_of(file);
    if (const auto kept = write_file(backup, configuration.text, mode, owner); !kept)
        return fail_with(kept.error());
    if (const auto written = write_file(file, change.text, mode, owner); !written)
        return fail_with(written.error());
    told.backup = backup.string();
    return {};
}

}  // namespace castvote::certs::tool
