// quick_new.cpp -- memory for the simulator's program: what was freed is taken again, by its size.
//
// A run makes millions of small values that live for microseconds, and every one of them passes
// through here. Each thread has a list of free blocks for each size, and gives none back before the
// program ends; what is large is malloc's. A block knows its size, so that it may be freed by
// another thread. Only linked where no sanitizer watches memory itself.
// SPDX-License-Identifier: BSD-3-Clause
#include <array>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <new>

namespace {

constexpr std::size_t unit = 16;          // blocks are that many bytes, or a multiple
constexpr std::size_t units_max = 64;     // ... which covers a message and an action
constexpr std::size_t slab_size = 65536;  // is cut into blocks of any size, as they are wanted
// Before each block: how many units it has with this number; 0: it is malloc's.
using Units = std::size_t;

struct Free {
    Free* next;
};

constinit thread_local std::array<Free*, units_max + 1> free_blocks{};
constinit thread_local char* slab = nullptr;
constinit thread_local std::size_t slab_left = 0;

void set_units(void* block, Units units) {
    std::memcpy(static_cast<char*>(block) - sizeof(Units), &units, sizeof(Units));
}
Units units_of(const void* block) {
    Units units = 0;
    std::memcpy(&units, static_cast<const char*>(block) - sizeof(Units), sizeof(Units));
    return units;
}

[[gnu::noinline]] void* from_malloc(std::size_t size) {
    void* const room = std::malloc(size);
    if (room == nullptr) std::abort();  // a simulation that lacks memory has no result
    return room;
}

[[gnu::noinline]] void* cut(Units units) {
    const std::size_t size = units * unit;
    if (slab_left < size) {
        // Blocks are aligned, the numbers before them are not.
        slab = static_cast<char*>(from_malloc(slab_size)) + unit;
        slab_left = slab_size - unit;
    }
    void* const block = slab;
    slab += size;
    slab_left -= size;
    set_units(block, units);
    return block;
}

[[gnu::noinline]] void* large(std::size_t size) {
    void* const block = static_cast<char*>(from_malloc(size + unit)) + unit;
    set_units(block, 0);
    return block;
}

}  // namespace

void* operator new(std::size_t size) {
    const Units units = (size + sizeof(Units) + unit - 1) / unit;
    if (units > units_max) return large(size);
    Free* const block = free_blocks[units];
    if (block == nullptr) return cut(units);
    free_blocks[units] = block->next;
    return block;
}

void operator delete(void* block) noexcept {
    if (block == nullptr) return;
    const Units units = units_of(block);
    if (units == 0) {
        std::free(static_cast<char*>(block) - unit);
        return;
    }
    free_blocks[units] = new (block) Free{free_blocks[units]};
}

void operator delete(void* block, std::size_t) noexcept { ::operator delete(block); }
