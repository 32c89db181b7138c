// faulty_vfs.hpp -- SQLite's own file system, with a power cut at any operation.
//
// Counts everything that changes a file (write, sync, truncate, delete) and at a chosen one ends
// the process by SIGKILL. Before that, what was never synced is taken back, wholly or in part, as
// after a power cut: a file then is what its last sync left, and any of the later writes. Or every
// operation from a chosen one on fails, as on a full disk.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>

namespace castvote::tests {

enum class Loss : std::uint8_t { nothing, unsynced, every_second_unsynced };

struct Faults {
    int kill_at = 0;  // number of the operation, from 1; 0: never
    Loss loss = Loss::nothing;
    int fail_with = 0;  // result of every operation while it is not 0, SQLITE_FULL for example
    int fail_reads_with = 0;    // result of every read while it is not 0
    bool is_read_only = false;  // files open as on a file system that can only be read
};

// Registers it once; `faulty` is its name for SQLite. Not for several threads at a time that open
// files: a store opens its file before its thread runs.
constexpr const char* faulty_vfs_name = "faulty";
void use_faults(const Faults& faults);
// Operations since use_faults().
int operations();

}  // namespace castvote::tests
