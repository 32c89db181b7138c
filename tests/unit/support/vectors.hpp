// vectors.hpp -- tests/data/wire-vectors.json, and bytes as hexadecimal text.
//
// The file holds what the stock programs said on the wire; docs/protocol.md explains it. Everything
// here throws (and so fails the running test) when the file is not what the tests were written for.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <fmt/format.h>

#include <charconv>
#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <string_view>

#include "common/wire/codec.hpp"

namespace castvote::tests {

using Json = nlohmann::json;

inline wire::Bytes from_hex(std::string_view text) {
    wire::Bytes bytes;
    for (std::size_t i = 0; i < text.size(); i += 2) {
        std::uint8_t byte = 0;
        const char* end = text.data() + std::min(i + 2, text.size());
        const auto result = std::from_chars(text.data() + i, end, byte, 16);
        if (result.ec != std::errc() || result.ptr != text.data() + i + 2)
            throw std::invalid_argument("not hexadecimal: " + std::string(text));
        bytes.push_back(byte);
    }
    return bytes;
}

inline std::string to_hex(wire::View bytes) {
    std::string text;
    for (const std::uint8_t byte : bytes) text += fmt::format("{:02x}", byte);
    return text;
}

// The whole file, read once.
inline const Json& wire_vectors() {
    static const Json all = [] {
        std::ifstream file(CASTVOTE_SOURCE_DIR "/tests/data/wire-vectors.json");
        if (!file) throw std::runtime_error("tests/data/wire-vectors.json cannot be read");
        return Json::parse(file);
    }();
    return all;
}

// Decodes one whole message; throws if it is not one.
inline wire::Message message_of(wire::View bytes) {
    if (bytes.size() < wire::header_size) throw std::invalid_argument("shorter than a header");
    const auto type = static_cast<wire::MessageType>(bytes[0] << 8 | bytes[1]);
    auto decoded = wire::decode(type, bytes.subspan(wire::header_size));
    if (!decoded) throw std::invalid_argument("not a message: " + to_hex(bytes));
    return *decoded;
}

}  // namespace castvote::tests
