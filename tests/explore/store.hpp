// store.hpp -- the disk of an explored arbiter: what it has written, and what it was asked to
// write.
//
// Writes land one after the other, in their order. A process that is killed leaves any number of
// those under way done. Where and how a real store keeps them is store_test's business.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <string>

#include "qnetd/core/events.hpp"

namespace castvote::explore {

class Store {
public:
    void write(const qnetd::Persist& what) { pending_.push_back(what); }
    // The first write under way is done; what the arbiter is told.
    qnetd::Persisted land();
    // The process is killed: the writes under way are not done.
    void kill() { pending_.clear(); }
    // A new disk: nothing is known of grants before now.
    void lose(Instant now);
    // What a new process reads, with the clock of the old one.
    qnetd::Memory memory() const;

    // Is it certain that a restart would find the node as a holder of this ring, however many of
    // the writes under way are done by then?
    bool is_certain_of(wire::NodeId node, const qnetd::Ring& ring) const;

    std::size_t under_way() const { return pending_.size(); }
    const std::deque<qnetd::Persist>& pending() const { return pending_; }
    const std::map<std::string, qnetd::Record>& records() const { return records_; }
    std::optional<Instant> guard_from() const { return guard_from_; }

private:
    std::map<std::string, qnetd::Record> records_;
    std::optional<Instant> guard_from_;  // of a new disk
    std::uint64_t last_grant_ = 0;
    std::deque<qnetd::Persist> pending_;
};

}  // namespace castvote::explore
