// directory.hpp -- the directory of grants: made, synced, and what is bad in it put aside.
//
// Every error of the system is looked at: a name that is not on stable storage is a grant that is
// not.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <string>

#include "qnetd/store/database.hpp"

namespace castvote::qnetd::store {

// What a directory lists is on stable storage.
Expected<void, Trouble> sync_directory(const std::string& path);

// With its parents, each on stable storage; what is made is only for us.
Expected<void, Trouble> make_directory(const std::string& path);

// Renames a file and its journal, for whoever wants to know what happened to it; the new name.
Expected<std::string, Trouble> put_aside(const std::string& file);

}  // namespace castvote::qnetd::store
