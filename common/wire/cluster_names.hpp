// cluster_names.hpp -- the names that a cluster has had, one after the other: it is one cluster.
//
// A cluster is kept under the first of them, which never changes, and shown by the last. The
// arbiter and qcert take a name to its cluster by this and nothing else (safety.md, renamed
// clusters). Names are exact bytes, as on the wire; but certificates name clusters without case, so
// that two spellings of one name are never two clusters once it is listed.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <map>
#include <string>
#include <vector>

namespace castvote::wire {

class ClusterNames {
public:
    // The cluster called `was`, now or formerly, is called `is` from now on, which may be a name
    // that it had before. False, and nothing changes: `is` is a name of another renamed cluster, or
    // the two are the same.
    bool rename(const std::string& was, const std::string& is);

    // The name that a cluster is kept under: its first. A name that is in no renaming is its own.
    const std::string& kept_as(const std::string& name) const;
    // What a cluster is called now.
    const std::string& present(const std::string& name) const;
    // The listed name that this one differs from in case only; itself if there is none, or if it is
    // listed. A cluster that is called otherwise than this is none of ours, nor one of its own.
    const std::string& spelled(const std::string& name) const;
    // The cluster that a name may be taken for: as kept_as(), whichever its spelling.
    const std::string& nearest(const std::string& name) const { return kept_as(spelled(name)); }
    // All names of a cluster, the present one last.
    std::vector<std::string> all(const std::string& name) const;
    // The names that this list and another one take to different clusters.
    std::vector<std::string> that_change_hands(const ClusterNames& other) const;

    bool operator==(const ClusterNames&) const = default;

private:
    std::map<std::string, std::string> first_;             // of every name in a renaming
    std::map<std::string, std::vector<std::string>> had_;  // by the first; the present one last
    std::map<std::string, std::string> spelling_;  // in small letters: as it is listed first
};

}  // namespace castvote::wire
