// session.cpp -- see session.hpp.
// SPDX-License-Identifier: BSD-3-Clause
#include "qnetd/core/session.hpp"

#include <algorithm>
#include <utility>

#include "qnetd/core/algorithms/view.hpp"

namespace castvote::qnetd {

namespace {

using wire::ReplyErrorCode;

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool equal_ignoring_case(const std::string& one, const std::string& other) {
    return std::equal(one.begin(), one.end(), other.begin(), other.end(),
                      [](char a, char b) { return lower(a) == lower(b); });
}

}  // namespace

bool certificate_names_cluster(const PeerCertificate& certificate,
                               const std::vector<std::string>& names) {
    const auto names_it = [&](const std::string& certified) {
        return std::any_of(names.begin(), names.end(), [&](const std::string& name) {
            return equal_ignoring_case(certified, name);
        });
    };
    if (certificate.dns_names.empty()) return names_it(certificate.common_name);
    return std::any_of(certificate.dns_names.begin(), certificate.dns_names.end(), names_it);
}

TlsVerdict check_tls(Session& session, const Settings& settings,
                     const std::vector<std::string>& names) {
    if (!session.tls_established)
        return settings.tls == wire::TlsSupported::required ? TlsVerdict::tls_required
                                                            : TlsVerdict::pass;
    if (!settings.client_certificate_required || session.certificate_checked)
        return TlsVerdict::pass;
    if (!session.certificate || !certificate_names_cluster(*session.certificate, names))
        return TlsVerdict::close;
    session.certificate_checked = true;
    return TlsVerdict::pass;
}

Instant note_message(Session& session, Instant now) {
    constexpr Duration burst_longest{1000};
    const Instant before = std::exchange(session.last_message, now);
    if (now >= session.burst_until && now - before > burst_longest) {
        session.before_burst = before;
        session.burst_until = now + burst_longest;
    }
    return now < session.burst_until ? session.before_burst : now;
}

std::optional<Instant> silence_deadline(const Session& session, const Settings& settings) {
    if (!session.is_inited) return session.opened + settings.init_timeout;
    if (settings.dead_peer_coefficient <= 0) return std::nullopt;
    const auto silence = static_cast<std::int64_t>(settings.dead_peer_coefficient *
                                                   static_cast<double>(session.heartbeat.count()));
    const Instant deadline = session.last_message + Duration(silence);
    return session.grace_until ? std::max(deadline, *session.grace_until) : deadline;
}

ReplyErrorCode judge_init(const Session& session, const wire::Message& init,
                          const Settings& settings) {
    // The range checks come even after an earlier error and override it, as stock has it; an option
    // that is missing then counts as 0.
    constexpr auto none = ReplyErrorCode::no_error;
    constexpr auto missing = ReplyErrorCode::doesnt_contain_required_option;
    ReplyErrorCode error = session.cluster_name ? none : ReplyErrorCode::preinit_required;
    if (error == none && (init.node_id.value_or(0) == 0 || !init.ring_id)) error = missing;

    const std::uint32_t heartbeat = init.heartbeat_interval.value_or(0);
    if (error == none && !init.heartbeat_interval)
        error = missing;
    else if (heartbeat < settings.heartbeat_interval_min_ms ||
             heartbeat > settings.heartbeat_interval_max_ms)
        error = ReplyErrorCode::invalid_heartbeat_interval;

    if (error == none && !init.tie_breaker) error = missing;
    const auto number = init.decision_algorithm.value_or(wire::DecisionAlgorithm::test);
    if (error == none && !init.decision_algorithm)
        error = missing;
    else if (find_algorithm(number) == nullptr ||
             (number == wire::DecisionAlgorithm::test && init.decision_algorithm &&
              !settings.test_algorithm_enabled))
        error = ReplyErrorCode::unsupported_decision_algorithm;
    return error;
}

}  // namespace castvote::qnetd
