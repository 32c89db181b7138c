// wire_framer_test.cpp -- a stream cut anywhere gives the same frames, and no byte too many is
// taken.
//
// Guards the receive limits and error codes of protocol.md 1 and 6.1 and the property that STARTTLS
// rests on: the framer never wants a byte beyond the current message.
// SPDX-License-Identifier: BSD-3-Clause
#include <catch2/catch.hpp>

#include "common/wire/describe.hpp"
#include "tests/unit/support/generator.hpp"
#include "tests/unit/support/vectors.hpp"

namespace castvote::tests {

namespace {

using namespace castvote::wire;

constexpr std::size_t limit = 200;  // small, so that a message over it still makes a short stream

Bytes with_length(std::uint16_t type, std::uint32_t announced, std::size_t sent) {
    Bytes bytes;
    for (int shift : {8, 0}) bytes.push_back(static_cast<std::uint8_t>(type >> shift));
    for (int shift : {24, 16, 8, 0}) bytes.push_back(static_cast<std::uint8_t>(announced >> shift));
    bytes.resize(header_size + sent);
    return bytes;
}

// Feeds the pieces one after the other, as a reader that ignores wanted() would.
class Reader {
public:
    explicit Reader(std::size_t message_size_max) : framer_(message_size_max) {}

    void read(wire::View piece) {
        while (!piece.empty()) {
            const std::size_t wanted = framer_.wanted();
            const std::size_t taken = framer_.feed(piece);
            REQUIRE(taken >= 1);
            REQUIRE(taken <= wanted);
            piece = piece.subspan(taken);
            if (auto frame = framer_.next()) frames.push_back(std::move(*frame));
        }
    }

    std::vector<Inbound> frames;

private:
    Framer framer_;
};

struct Expectation {
    Bytes stream;
    std::vector<Inbound> frames;

    void add(const Bytes& bytes, Inbound frame) {
        stream.insert(stream.end(), bytes.begin(), bytes.end());
        frames.push_back(std::move(frame));
    }
};

Message vote_info_reply(std::uint32_t number) {
    Message message;
    message.type = MessageType::vote_info_reply;
    message.msg_seq_number = number;
    return message;
}

// Good, undecodable, unknown, empty and too long messages in turn.
Expectation mixed_stream() {
    Expectation mixed;
    const auto good = [&](std::uint32_t number) {
        mixed.add(encode(vote_info_reply(number)), vote_info_reply(number));
    };
    const auto skipped = [&](const Bytes& bytes, ReplyErrorCode code) {
        const auto type = static_cast<std::uint16_t>(bytes[0] << 8 | bytes[1]);
        const bool is_known = code == ReplyErrorCode::message_too_long;
        mixed.add(bytes, Skipped{code, is_known ? std::uint16_t{0} : type});
    };
    good(1);
    mixed.add(from_hex("000f00000000"), DecodeError{.kind = DecodeErrorKind::empty_body,
                                                    .type = MessageType::vote_info_reply,
                                                    .option = Option::msg_seq_number,
                                                    .msg_seq_number = std::nullopt});
    skipped(with_length(18, 5, 5), ReplyErrorCode::unsupported_message);
    skipped(with_length(0xffff, 0, 0), ReplyErrorCode::unsupported_message);
    good(2);
    skipped(with_length(0, limit - header_size + 1, limit - header_size + 1),
            ReplyErrorCode::message_too_long);
    skipped(with_length(18, limit, limit), ReplyErrorCode::unsupported_message);
    good(3);
    return mixed;
}

}  // namespace

TEST_CASE("a stream cut in two places gives the same frames") {
    const Expectation mixed = mixed_stream();
    const wire::View stream = mixed.stream;
    for (std::size_t first = 0; first <= stream.size(); ++first) {
        for (std::size_t second = first; second <= stream.size(); second += 3) {
            Reader reader(limit);
            reader.read(stream.first(first));
            reader.read(stream.subspan(first, second - first));
            reader.read(stream.subspan(second));
            if (reader.frames != mixed.frames) FAIL("cut at " << first << " and " << second);
        }
    }
}

TEST_CASE("a short stream cut in every possible way gives the same frames") {
    const Bytes stream = from_hex(
        "000f00000000"
        "00110000000500ff000161");
    const Reader whole = [&] {
        Reader reader(limit);
        reader.read(stream);
        return reader;
    }();
    REQUIRE(whole.frames.size() == 2);
    for (std::uint32_t cuts = 0; cuts < 1u << (stream.size() - 1); ++cuts) {
        Reader reader(limit);
        std::size_t from = 0;
        for (std::size_t at = 1; at <= stream.size(); ++at) {
            if (at < stream.size() && (cuts >> (at - 1) & 1) == 0) continue;
            reader.read(wire::View(stream).subspan(from, at - from));
            from = at;
        }
        if (reader.frames != whole.frames) FAIL("cuts " << cuts);
    }
}

TEST_CASE("wanted() leads exactly to the end of each message") {
    // What a careful reader does: it never asks the socket for more than wanted().
    const Expectation mixed = mixed_stream();
    Framer framer(limit);
    std::vector<Inbound> frames;
    std::size_t at = 0;
    while (at < mixed.stream.size()) {
        const std::size_t wanted = framer.wanted();
        REQUIRE(wanted >= 1);
        REQUIRE(at + wanted <= mixed.stream.size());
        REQUIRE(framer.feed(wire::View(mixed.stream).subspan(at, wanted)) == wanted);
        at += wanted;
        if (auto frame = framer.next()) frames.push_back(std::move(*frame));
    }
    CHECK(frames == mixed.frames);
    CHECK(framer.wanted() == header_size);
}

TEST_CASE("the hello behind STARTTLS stays untouched") {
    const Bytes stream = from_hex(
        "0002000000080000000400000002"
        "1603010200010001fc0303");
    Framer framer(limit);
    wire::View rest = stream;
    while (!rest.empty()) {
        rest = rest.subspan(framer.feed(rest));
        if (const auto frame = framer.next()) {
            CHECK(describe(*frame) == "STARTTLS MSG_SEQ_NUMBER=2");
            break;
        }
    }
    CHECK(to_hex(rest) == "1603010200010001fc0303");
}

TEST_CASE("nothing is taken while a frame waits to be fetched") {
    Framer framer(limit);
    const Bytes bytes = encode(vote_info_reply(1));
    REQUIRE(framer.feed(bytes) == header_size);
    REQUIRE(framer.feed(wire::View(bytes).subspan(header_size)) == bytes.size() - header_size);
    CHECK(framer.feed(bytes) == 0);
    CHECK(framer.next() == Inbound(vote_info_reply(1)));
    CHECK_FALSE(framer.next().has_value());
    CHECK(framer.feed(bytes) == header_size);
}

TEST_CASE("the limit counts header and body, and applies to the next header") {
    // PREINIT of exactly `limit` bytes: one cluster name that fills it.
    Message longest;
    longest.cluster_name = std::string(limit - header_size - 4, 'x');
    const Bytes fits = encode(longest);
    REQUIRE(fits.size() == limit);

    Reader reader(limit);
    reader.read(fits);
    Reader narrow(limit - 1);
    narrow.read(fits);
    CHECK(reader.frames == std::vector<Inbound>{longest});
    CHECK(narrow.frames == std::vector<Inbound>{Skipped{ReplyErrorCode::message_too_long}});

    Framer framer(limit);
    REQUIRE(framer.feed(wire::View(fits).first(10)) == header_size);
    framer.set_message_size_max(header_size);  // this message began under the old limit
    framer.feed(wire::View(fits).subspan(header_size));
    CHECK(framer.next() == Inbound(longest));
    framer.feed(fits);
    framer.feed(wire::View(fits).subspan(header_size));
    CHECK(framer.next() == Inbound(Skipped{ReplyErrorCode::message_too_long}));
}

TEST_CASE("an unknown type is said before a length that is too long, and empty bodies are not 0") {
    // The stock server answers an unknown type without a body by error 0 (protocol.md 13).
    const auto frame_of = [](const Bytes& bytes) {
        Reader reader(32768);
        reader.read(bytes);
        REQUIRE(reader.frames.size() == 1);
        return reader.frames.front();
    };
    CHECK(frame_of(with_length(18, 40000, 40000)) ==
          Inbound(Skipped{ReplyErrorCode::unsupported_message, 18}));
    CHECK(frame_of(with_length(18, 0, 0)) ==
          Inbound(Skipped{ReplyErrorCode::unsupported_message, 18}));
    CHECK(frame_of(with_length(17, 40000, 40000)) ==
          Inbound(Skipped{ReplyErrorCode::message_too_long}));
}

TEST_CASE("random streams in random pieces never disagree with themselves") {
    for (std::uint64_t seed = 1; seed <= 300; ++seed) {
        Generator chance(seed);
        Expectation sent;
        for (int i = 0; i < 10; ++i) {
            Message message = any_message(chance);
            const Bytes bytes = encode(message);
            message = message_of(bytes);
            if (bytes.size() <= limit)
                sent.add(bytes, message);
            else
                sent.add(bytes, Skipped{ReplyErrorCode::message_too_long});
        }
        Reader reader(limit);
        for (wire::View rest = sent.stream; !rest.empty();) {
            const std::size_t length = std::min<std::size_t>(1 + chance.below(40), rest.size());
            reader.read(rest.first(length));
            rest = rest.subspan(length);
        }
        if (reader.frames != sent.frames) FAIL("seed " << seed);
    }
}

}  // namespace castvote::tests
