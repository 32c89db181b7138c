// note.cpp -- a note in one line.
// SPDX-License-Identifier: BSD-3-Clause
#include "qnetd/core/note.hpp"

#include <fmt/format.h>

#include <array>

#include "common/wire/describe.hpp"

namespace castvote::qnetd {

std::string_view name_of(Reason reason) {
    static constexpr std::array<std::string_view, 20> names = {"node_joined",
                                                               "node_left",
                                                               "init_refused",
                                                               "certificate_refused",
                                                               "dead_peer",
                                                               "nack_unanswered",
                                                               "probe_unanswered",
                                                               "lease_over",
                                                               "connection_taken_over",
                                                               "record_is_old",
                                                               "waits_exceed_sync_timeout",
                                                               "granted",
                                                               "denied",
                                                               "waiting_for_views",
                                                               "waiting_for_release",
                                                               "waiting_for_replies",
                                                               "waiting_after_start",
                                                               "waiting_for_record",
                                                               "nobody_qualifies",
                                                               "released"};
    const auto index = static_cast<std::size_t>(reason);
    return index < names.size() ? names[index] : "?";
}

namespace {

std::string_view sentence_of(Reason reason) {
    switch (reason) {
        case Reason::node_joined: return "joined";
        case Reason::node_left: return "left";
        case Reason::init_refused: return "was refused";
        case Reason::certificate_refused: return "showed a certificate of another cluster";
        case Reason::dead_peer: return "is silent";
        case Reason::probe_unanswered:
        case Reason::nack_unanswered: return "does not answer";
        case Reason::lease_over: return "is silent, its lease is over";
        case Reason::connection_taken_over: return "was taken over by a new connection";
        case Reason::waits_exceed_sync_timeout: return "may cost the others their quorum";
        case Reason::record_is_old: return "knows of a later grant";
        case Reason::granted: return "was given the vote";
        case Reason::denied: return "was denied the vote";
        case Reason::waiting_for_views: return "waiting for the nodes' views";
        case Reason::waiting_for_release: return "the vote cannot be handed over yet";
        case Reason::waiting_for_replies: return "waiting for confirmations";
        case Reason::waiting_after_start: return "the vote is held back after the start";
        case Reason::waiting_for_record: return "waiting for the disk";
        case Reason::nobody_qualifies: return "nobody has the vote";
        case Reason::released: return "released the vote";
    }
    return "?";
}

}  // namespace

std::string to_line(const Note& note) {
    std::string line = fmt::format("cluster {}: ", wire::quoted(note.cluster));
    const bool is_about_node = note.node != 0 && note.reason != Reason::waiting_for_release &&
                               note.reason != Reason::waiting_for_replies;
    if (is_about_node) line += fmt::format("node {} ", note.node);
    line += sentence_of(note.reason);
    if (!note.detail.empty()) line += fmt::format(": {}", note.detail);
    line += fmt::format("   reason={}", name_of(note.reason));
    if (note.ring.seq != 0) line += fmt::format(" ring={}", to_string(note.ring));
    if (!note.members.empty())
        line += fmt::format(" members={} of={}", fmt::join(note.members, ","), note.configured);
    if (note.wait.count() > 0) line += fmt::format(" wait={}ms", note.wait.count());
    return line;
}

}  // namespace castvote::qnetd
