// agenda.hpp -- who has to be looked at when, without touching everybody.
//
// Deadlines of silence move with every message, so an entry may be earlier than the real deadline:
// whoever is due is asked again and entered anew. An early look costs nothing, a late one is wrong.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "common/wire/instant.hpp"

namespace castvote::qnetd {

template <class Key>
class Agenda {
public:
    // Makes sure that `key` is looked at no later than `at`.
    void look_at(const Key& key, Instant at) {
        const auto [entry, is_new] = when_.try_emplace(key, at);
        if (!is_new) {
            if (entry->second <= at) return;
            order_.erase({entry->second, key});
            entry->second = at;
        }
        order_.insert({at, key});
    }

    // Looks at `key` at that time, and at no other; none: not at all.
    void move(const Key& key, std::optional<Instant> at) {
        const auto entry = when_.find(key);
        if (entry != when_.end() && entry->second == at) return;
        if (entry != when_.end() && at) {
            auto place = order_.extract({entry->second, key});
            place.value().first = entry->second = *at;
            order_.insert(std::move(place));
        } else if (at) {
            look_at(key, *at);
        } else {
            forget(key);
        }
    }

    void forget(const Key& key) {
        const auto entry = when_.find(key);
        if (entry == when_.end()) return;
        order_.erase({entry->second, key});
        when_.erase(entry);
    }

    std::optional<Instant> next() const {
        return order_.empty() ? std::nullopt : std::optional(order_.begin()->first);
    }

    // Those who are due now; they are forgotten until they are entered again.
    std::vector<Key> take_due(Instant now) {
        std::vector<Key> due;
        while (!order_.empty() && order_.begin()->first <= now) {
            due.push_back(order_.begin()->second);
            when_.erase(order_.begin()->second);
            order_.erase(order_.begin());
        }
        return due;
    }

    bool operator==(const Agenda&) const = default;

private:
    std::map<Key, Instant> when_;
    std::set<std::pair<Instant, Key>> order_;
};

}  // namespace castvote::qnetd
