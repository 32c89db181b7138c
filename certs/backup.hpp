// backup.hpp -- the arbiter's certificate directory as one file, and back on another machine.
//
// Guards the identity: what is restored fits together, an authority that is there is moved aside
// and never overwritten, and serial numbers that were given after the backup are not given again.
// Grants are none of this: they must never be restored (docs/operations.md 8).
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "certs/arbiter_directory.hpp"
#include "certs/error.hpp"
#include "certs/files.hpp"

namespace castvote::certs {

// Writes a new file (0600); `file` is its path. It holds the authority's key in clear.
Expected<Stored> back_up(const Path& directory, const Path& file);

// Puts a backup into the directory's place. `aside`: what certificates are there already are moved
// to a directory beside it; otherwise they are a reason to refuse.
enum class Present { refuse, aside };
Expected<Stored> restore(const Path& directory, const Path& file, Present present);

}  // namespace castvote::certs
