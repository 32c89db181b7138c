// cluster_names.cpp -- see cluster_names.hpp.
// SPDX-License-Identifier: BSD-3-Clause
#include "common/wire/cluster_names.hpp"

#include <algorithm>

namespace castvote::wire {

namespace {

// As in certificates: ASCII letters only.
std::string in_small_letters(std::string name) {
    for (char& c : name)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    return name;
}

}  // namespace

bool ClusterNames::rename(const std::string& was, const std::string& is) {
    const std::string first = kept_as(was);
    if (was == is || (first_.contains(is) && kept_as(is) != first)) return false;
    std::vector<std::string>& had = had_[first];
    if (had.empty()) had.push_back(first);
    std::erase(had, is);
    had.push_back(is);
    first_[first] = first;
    first_[is] = first;
    for (const std::string& name : {first, is}) spelling_.emplace(in_small_letters(name), name);
    return true;
}

const std::string& ClusterNames::kept_as(const std::string& name) const {
    const auto found = first_.find(name);
    return found == first_.end() ? name : found->second;
}

const std::string& ClusterNames::present(const std::string& name) const {
    const auto found = had_.find(kept_as(name));
    return found == had_.end() ? name : found->second.back();
}

const std::string& ClusterNames::spelled(const std::string& name) const {
    if (spelling_.empty() || first_.contains(name)) return name;
    const auto found = spelling_.find(in_small_letters(name));
    return found == spelling_.end() ? name : found->second;
}

std::vector<std::string> ClusterNames::all(const std::string& name) const {
    const auto found = had_.find(kept_as(name));
    return found == had_.end() ? std::vector<std::string>{name} : found->second;
}

std::vector<std::string> ClusterNames::that_change_hands(const ClusterNames& other) const {
    std::vector<std::string> names;
    for (const auto* list : {this, &other})
        for (const auto& [name, first] : list->first_)
            if (kept_as(name) != other.kept_as(name)) names.push_back(name);
    std::sort(names.begin(), names.end());
    names.erase(std::unique(names.begin(), names.end()), names.end());
    return names;
}

}  // namespace castvote::wire
