// framer.cpp -- fuzz target: a stream, however it is cut, gives the same frames.
//
// Input: one byte for the receive limit, one byte for the cutting, then the stream. The framer must
// never want or take a byte beyond the current message, and never keep more than it was sent.
// SPDX-License-Identifier: BSD-3-Clause
#include <vector>

#include "common/wire/describe.hpp"
#include "tests/fuzz/reader.hpp"
#include "tests/fuzz/target.hpp"

namespace castvote::fuzz {

namespace {

std::size_t limit_of(std::uint8_t choice) {
    return choice < 128 ? 16 + choice * std::size_t{8} : 32768;
}

// As a plain-text channel does it: at most wanted() bytes at a time.
std::vector<wire::Inbound> read_as_wanted(std::size_t limit, wire::View stream) {
    wire::Framer framer(limit);
    std::vector<wire::Inbound> frames;
    while (!stream.empty()) {
        expect(framer.wanted() > 0, "it wants nothing");
        const wire::View part = stream.first(std::min(framer.wanted(), stream.size()));
        expect(framer.feed(part) == part.size(), "it leaves what it wanted");
        stream = stream.subspan(part.size());
        if (auto next = framer.next()) frames.push_back(std::move(*next));
    }
    return frames;
}

// As a TLS channel does it: whatever a record held.
std::vector<wire::Inbound> read_in_pieces(std::size_t limit, wire::View stream, unsigned cut) {
    wire::Framer framer(limit);
    std::vector<wire::Inbound> frames;
    unsigned state = cut + 1;
    while (!stream.empty()) {
        state = state * 1103515245 + 12345;
        const std::size_t size = cut == 0 ? stream.size() : 1 + (state >> 16) % (cut * 4);
        wire::View piece = stream.first(std::min(size, stream.size()));
        stream = stream.subspan(piece.size());
        while (!piece.empty()) {
            const std::size_t taken = framer.feed(piece);
            expect(taken > 0 && taken <= piece.size(), "it takes nothing, or too much");
            piece = piece.subspan(taken);
            if (auto next = framer.next()) frames.push_back(std::move(*next));
        }
    }
    return frames;
}

}  // namespace

void run(wire::View bytes) {
    Reader reader(bytes);
    const std::size_t limit = limit_of(reader.byte());
    const unsigned cut = reader.byte();
    const wire::View stream = reader.take(bytes.size());
    const auto frames = read_as_wanted(limit, stream);
    expect(frames == read_in_pieces(limit, stream, cut), "the cutting changes the frames");
    expect(frames.size() * wire::header_size <= stream.size(), "more frames than headers");
    for (const wire::Inbound& one : frames) static_cast<void>(wire::describe(one));
}

}  // namespace castvote::fuzz
