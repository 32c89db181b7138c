// wire_memory_test.cpp -- a header may announce 4 GiB; memory follows what came, never what was
// said.
//
// Counts every allocation of this test program, so it also fails if the framer reserved ahead.
// SPDX-License-Identifier: BSD-3-Clause
#include <malloc.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <new>

#include "common/wire/framer.hpp"
#include "tests/unit/support/vectors.hpp"

namespace {

std::size_t live = 0;     // bytes allocated by new and not yet freed
std::size_t highest = 0;  // the most that `live` has been since it was last set back

}  // namespace

void* operator new(std::size_t size) {
    void* memory = std::malloc(std::max<std::size_t>(size, 1));
    if (memory == nullptr) throw std::bad_alloc();
    live += malloc_usable_size(memory);
    highest = std::max(highest, live);
    return memory;
}

void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
    void* memory = std::malloc(std::max<std::size_t>(size, 1));
    if (memory != nullptr) live += malloc_usable_size(memory);
    highest = std::max(highest, live);
    return memory;
}

void operator delete(void* memory) noexcept {
    if (memory != nullptr) live -= malloc_usable_size(memory);
    std::free(memory);
}

void operator delete(void* memory, std::size_t) noexcept { operator delete(memory); }

namespace castvote::tests {

namespace {

using namespace castvote::wire;

constexpr std::size_t limit = 32768;

}  // namespace

TEST_CASE("four gibibytes of announced body pass without being kept") {
    // Type 8 is too long, type 18 unknown: both bodies are passed over to their last byte.
    for (const char* header : {"0008ffffffff", "0012ffffffff"}) {
        const Bytes chunk(std::size_t{1} << 20, 0x5a);
        Framer framer(limit);
        REQUIRE(framer.feed(from_hex(header)) == header_size);
        highest = live;
        const std::size_t before = live;
        std::uint64_t missing = 0xffffffff;
        while (missing > chunk.size()) {
            if (framer.feed(chunk) != chunk.size())
                FAIL("it took less with " << missing << " to go");
            if (framer.next()) FAIL("it was done with " << missing << " to go");
            missing -= chunk.size();
        }
        CHECK(framer.wanted() == missing);
        CHECK(framer.feed(chunk) == missing);
        CHECK(highest == before);
        CHECK(framer.next().has_value());
        CHECK(framer.wanted() == header_size);
    }
}

TEST_CASE("a long message that never comes costs nothing") {
    Framer framer(limit);
    const Bytes header = from_hex("000800007ffa");  // the longest body that is allowed
    highest = live;
    const std::size_t before = live;
    REQUIRE(framer.feed(header) == header_size);
    CHECK(highest - before <= 256);
    for (int i = 0; i < 100; ++i) framer.feed(wire::View(header).first(1));
    CHECK(highest - before <= 1024);
}

TEST_CASE("the longest message costs a small multiple of its length") {
    // Every option of it is one that takes more room decoded than on the wire.
    Bytes bytes = from_hex("000a00007ffa");
    while (bytes.size() + 12 <= limit)
        for (const std::uint8_t byte : from_hex("001100080009000400000001")) bytes.push_back(byte);
    const std::size_t body = bytes.size() - header_size;
    bytes[4] = static_cast<std::uint8_t>(body >> 8);
    bytes[5] = static_cast<std::uint8_t>(body);
    Framer framer(limit);
    highest = live;
    const std::size_t before = live;
    framer.feed(bytes);
    framer.feed(wire::View(bytes).subspan(header_size));
    CHECK(highest - before <= 8 * limit);
    const auto frame = framer.next();
    REQUIRE(frame.has_value());
    CHECK(std::get<Message>(*frame).node_info.size() == body / 12);
}

}  // namespace castvote::tests
