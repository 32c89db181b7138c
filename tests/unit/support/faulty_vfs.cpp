// faulty_vfs.cpp -- see faulty_vfs.hpp.
// SPDX-License-Identifier: BSD-3-Clause
#include "tests/unit/support/faulty_vfs.hpp"

#include <sqlite3.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstring>
#include <new>
#include <string>
#include <vector>

namespace castvote::tests {

namespace {

// What a write has replaced.
struct Before {
    sqlite3_int64 offset = 0;
    std::string bytes;
    sqlite3_int64 size = 0;  // of the file
};

struct Unsynced {
    std::vector<Before> writes;
};

struct File {
    sqlite3_file base;
    Unsynced* unsynced;
    sqlite3_file* real() { return reinterpret_cast<sqlite3_file*>(this + 1); }
};

Faults current;
std::atomic<int> fail_with = 0;
std::atomic<int> fail_reads_with = 0;
std::atomic<bool> is_read_only = false;
std::atomic<int> count = 0;
std::vector<File*> open_files;
sqlite3_vfs* system_vfs = nullptr;

File* file_of(sqlite3_file* base) { return reinterpret_cast<File*>(base); }

void take_back(File* file) {
    auto& writes = file->unsynced->writes;
    for (std::size_t i = writes.size(); i-- > 0;) {
        if (current.loss == Loss::every_second_unsynced && i % 2 == 0) continue;
        sqlite3_file* real = file->real();
        const Before& before = writes[i];
        real->pMethods->xWrite(real, before.bytes.data(), static_cast<int>(before.bytes.size()),
                               before.offset);
        // Only what grew the file last can shrink it again.
        if (current.loss == Loss::unsynced) real->pMethods->xTruncate(real, before.size);
    }
}

// The chosen operation is not done: the power is gone before it.
int count_operation() {
    if (++count == current.kill_at) {
        if (current.loss != Loss::nothing)
            for (File* file : open_files) take_back(file);
        ::kill(::getpid(), SIGKILL);
    }
    return fail_with;
}

int close_file(sqlite3_file* base) {
    File* file = file_of(base);
    std::erase(open_files, file);
    delete file->unsynced;
    return file->real()->pMethods->xClose(file->real());
}

int read_file(sqlite3_file* base, void* to, int size, sqlite3_int64 offset) {
    if (const int failure = fail_reads_with) return failure;
    return file_of(base)->real()->pMethods->xRead(file_of(base)->real(), to, size, offset);
}

int write_file(sqlite3_file* base, const void* from, int size, sqlite3_int64 offset) {
    if (const int failure = count_operation()) return failure;
    File* file = file_of(base);
    sqlite3_file* real = file->real();
    Before before{.offset = offset};
    real->pMethods->xFileSize(real, &before.size);
    const sqlite3_int64 there = std::max<sqlite3_int64>(before.size - offset, 0);
    before.bytes.resize(static_cast<std::size_t>(std::min<sqlite3_int64>(there, size)));
    if (!before.bytes.empty())
        real->pMethods->xRead(real, before.bytes.data(), static_cast<int>(before.bytes.size()),
                              offset);
    file->unsynced->writes.push_back(std::move(before));
    return real->pMethods->xWrite(real, from, size, offset);
}

// A file that got shorter stays so: what it was is not kept here. The store cuts none in its life.
int truncate_file(sqlite3_file* base, sqlite3_int64 size) {
    if (const int failure = count_operation()) return failure;
    return file_of(base)->real()->pMethods->xTruncate(file_of(base)->real(), size);
}

int sync_file(sqlite3_file* base, int) {
    if (const int failure = count_operation()) return failure;
    // A killed process loses nothing that the system has: what would be lost is kept here.
    file_of(base)->unsynced->writes.clear();
    return SQLITE_OK;
}

int file_size(sqlite3_file* base, sqlite3_int64* size) {
    return file_of(base)->real()->pMethods->xFileSize(file_of(base)->real(), size);
}
int lock_file(sqlite3_file* base, int level) {
    return file_of(base)->real()->pMethods->xLock(file_of(base)->real(), level);
}
int unlock_file(sqlite3_file* base, int level) {
    return file_of(base)->real()->pMethods->xUnlock(file_of(base)->real(), level);
}
int is_locked(sqlite3_file* base, int* result) {
    return file_of(base)->real()->pMethods->xCheckReservedLock(file_of(base)->real(), result);
}
int control_file(sqlite3_file* base, int what, void* argument) {
    return file_of(base)->real()->pMethods->xFileControl(file_of(base)->real(), what, argument);
}
int sector_size(sqlite3_file* base) {
    return file_of(base)->real()->pMethods->xSectorSize(file_of(base)->real());
}
int characteristics(sqlite3_file*) { return 0; }

// Version 1: no shared memory, which a file under an exclusive lock does not need.
const sqlite3_io_methods methods = {
    1,         close_file,  read_file, write_file,   truncate_file, sync_file,      file_size,
    lock_file, unlock_file, is_locked, control_file, sector_size,   characteristics};

int open_file(sqlite3_vfs*, const char* name, sqlite3_file* base, int flags, int* flags_out) {
    File* file = file_of(base);
    file->base.pMethods = nullptr;
    if (is_read_only)
        flags = (flags & ~(SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE)) | SQLITE_OPEN_READONLY;
    const int code = system_vfs->xOpen(system_vfs, name, file->real(), flags, flags_out);
    if (code != SQLITE_OK) return code;
    file->unsynced = new Unsynced;
    file->base.pMethods = &methods;
    open_files.push_back(file);
    return SQLITE_OK;
}

int delete_file(sqlite3_vfs*, const char* name, int) {
    if (const int failure = count_operation()) return failure;
    return system_vfs->xDelete(system_vfs, name, /*syncDir=*/0);
}

}  // namespace

void use_faults(const Faults& faults) {
    static sqlite3_vfs faulty;
    if (system_vfs == nullptr) {
        system_vfs = ::sqlite3_vfs_find(nullptr);
        faulty = *system_vfs;
        faulty.zName = faulty_vfs_name;
        faulty.szOsFile = static_cast<int>(sizeof(File)) + system_vfs->szOsFile;
        faulty.xOpen = open_file;
        faulty.xDelete = delete_file;
        ::sqlite3_vfs_register(&faulty, 0);
    }
    current = faults;
    fail_with = faults.fail_with;
    fail_reads_with = faults.fail_reads_with;
    is_read_only = faults.is_read_only;
    count = 0;
}

int operations() { return count; }

}  // namespace castvote::tests
