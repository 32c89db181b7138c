// test.cpp -- everybody gets the vote at once: for trying out a network path, never for data.
//
// Exempt from the rules of the ledger, therefore refused unless the operator enabled it
// (docs/safety.md R4; arbiter.md 6).
// SPDX-License-Identifier: BSD-3-Clause
#include "qnetd/core/algorithms/view.hpp"

namespace castvote::qnetd {

namespace {

Proposal propose(const View&) {
    Proposal proposal;
    proposal.kind = ProposalKind::everyone;
    return proposal;
}

bool never(std::size_t, std::size_t) { return false; }

}  // namespace

const Algorithm test_algorithm = {.number = wire::DecisionAlgorithm::test,
                                  .propose = propose,
                                  .check_config = any_list,
                                  .check_membership = any_list,
                                  .is_quorate_without_vote = never,
                                  .before_lists = wire::Vote::no_change,
                                  .answers_ask_for_vote = true,
                                  .takes_turns = false};

}  // namespace castvote::qnetd
