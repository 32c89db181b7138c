// invitation.cpp -- see invitation.hpp.
// SPDX-License-Identifier: BSD-3-Clause
#include "certs/enrol/invitation.hpp"

#include <fmt/format.h>

#include <utility>

namespace castvote::certs::enrol {
namespace {

constexpr const char* invite_again = "run \"qcert invite\" on the arbiter again";

tl::unexpected<Refusal> refuse(const char* code, std::string what, const char* remedy) {
    return tl::unexpected<Refusal>(Refusal{code, Error{std::move(what), remedy}});
}

}  // namespace

Expected<void, Refusal> Invitation::admit(std::string_view proof, std::string_view channel,
                                          std::string_view body, Instant now) const {
    // Who has no proof learns nothing more than that, and not whether it came too late.
    if (!is_join_proof(proof, token_, channel, body))
        return refuse("wrong_token", "the token is not that of the open invitation",
                      "use the command that \"qcert invite\" printed last");
    if (now >= ends_) return refuse("expired", "the invitation has expired", invite_again);
    return {};
}

Expected<void, Refusal> Invitation::check_authorities(const Certificates& for_nodes) const {
    if (is_any_of_token(for_nodes, token_)) return {};
    return refuse("other_authority", "the arbiter's authority was exchanged since the invitation",
                  invite_again);
}

Expected<std::optional<std::string>, Refusal> Invitation::place_for(const std::string& key) const {
    const auto found = places_.find(key);
    if (found != places_.end()) return found->second.answer;
    if (places_.size() < nodes_) return std::nullopt;
    return refuse("used_up",
                  fmt::format("the invitation was for {} node{} and is used up", nodes_,
                              nodes_ == 1 ? "" : "s"),
                  invite_again);
}

void Invitation::issued(const std::string& key, std::string answer) {
    places_.emplace(key, Place{std::move(answer), false});
}

void Invitation::confirmed(const std::string& key) {
    const auto found = places_.find(key);
    if (found != places_.end() && !std::exchange(found->second.is_confirmed, true)) ++confirmed_;
}

std::optional<Ending> Invitation::ending(Instant now) const {
    if (confirmed_ >= nodes_) return Ending::all_joined;
    if (now >= ends_) return Ending::expired;
    return std::nullopt;
}

}  // namespace castvote::certs::enrol
