// names.hpp -- which clusters were given another name, and keep the certificates of the old one.
//
// A JSON file of its own beside the register: the daemon reads it before it serves anybody. It only
// grows: a name that a cluster has had stays its name, and a renaming is taken back by another one.
// A list that has lost one would make two clusters of one; so a damaged one is an error, never an
// empty list.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "certs/error.hpp"
#include "certs/files.hpp"
#include "certs/register.hpp"
#include "common/wire/cluster_names.hpp"

namespace castvote::certs {

struct Renaming {
    std::string was;
    std::string is;
    std::string renamed_at;  // "2126-11-25 06:32:00 UTC"

    bool operator==(const Renaming&) const = default;
};

// In the order in which it happened. No file: none.
Expected<std::vector<Renaming>> read_renamings(const Path& directory);
// A list in which one name belongs to two clusters is damaged.
Expected<std::vector<Renaming>> parse_renamings(const std::string& text, const std::string& name);
std::string renamings_text(const std::vector<Renaming>& list);

// Of a list that was read.
wire::ClusterNames cluster_names(const std::vector<Renaming>& list);
// What the cluster of this name is called now; compared as in certificates, without case.
std::string present_name(const wire::ClusterNames& names, const std::string& name);
// A new certificate must not name a cluster that is called otherwise now.
Expected<void> check_present_name(const Path& directory, std::string_view cluster);
// Certificates of clusters with the names that these have now.
std::vector<Entry> by_present_names(std::vector<Entry> entries, const std::vector<Renaming>& list);

struct Rename {
    Renaming renaming;
    bool was_done_before = false;
};

// `running`: the clusters that the running arbiter knows by these names. Names are as they are
// spelled there and in corosync.conf, also where a certificate has other letters. On the disk when
// it returns; a running daemon must be told.
Expected<Rename> rename_cluster(const Path& directory, const std::string& was,
                                const std::string& is, const std::vector<std::string>& running);
// The running daemon has refused it, and works by the list before: that is the list again, so that
// it can go on to read what else is changed. Refused if others came after it.
Expected<void> withdraw(const Path& directory, const Renaming& refused);
// It has taken up the list with it meanwhile, and refuses the shorter one: the line again, last.
Expected<void> write_back(const Path& directory, const Renaming& withdrawn);

}  // namespace castvote::certs
