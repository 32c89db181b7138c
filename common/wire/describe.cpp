// describe.cpp -- see describe.hpp.
// SPDX-License-Identifier: BSD-3-Clause
#include "common/wire/describe.hpp"

#include <fmt/format.h>

namespace castvote::wire {

namespace {

std::string text_of(std::uint8_t value) { return fmt::format("{}", value); }
std::string text_of(std::uint32_t value) { return fmt::format("{}", value); }
std::string text_of(std::uint64_t value) { return fmt::format("{}", value); }
std::string text_of(const std::string& value) { return quoted(value); }
std::string text_of(TlsSupported value) { return fmt::format("{}", static_cast<int>(value)); }
std::string text_of(ReplyErrorCode value) { return fmt::format("{}", static_cast<int>(value)); }
std::string text_of(Quorate value) { return value == Quorate::quorate ? "yes" : "no"; }
std::string text_of(KeepActivePartition value) {
    return value == KeepActivePartition::enabled ? "enabled" : "disabled";
}
std::string text_of(const RingId& value) { return to_string(value); }

template <class Enum>
requires requires(Enum value) { name_of(value); }
std::string text_of(Enum value) {
    const std::string_view name = name_of(value);
    return name == "?" ? fmt::format("{}", static_cast<unsigned>(value)) : std::string(name);
}

std::string text_of(const std::vector<std::uint16_t>& value) {
    if (value == all_options() || value == all_message_types()) return "all";
    if (value == known_options()) return "all+private";
    return fmt::format("{}", fmt::join(value, ","));
}

std::string text_of(const TieBreaker& value) {
    return value.mode == TieBreakerMode::node_id ? fmt::format("{}", value.node_id)
                                                 : std::string(name_of(value.mode));
}

std::string text_of(const NodeInfo& value) {
    std::string text = fmt::format("{}", value.node_id);
    if (value.data_center_id != 0) text += fmt::format("@{}", value.data_center_id);
    if (value.state != NodeState::not_set) text += fmt::format(":{}", name_of(value.state));
    return text;
}

template <class Value>
void append(std::string& line, Option option, const std::optional<Value>& value) {
    if (value) line += fmt::format(" {}={}", name_of(option), text_of(*value));
}

void append(std::string& line, Option option, const std::vector<NodeInfo>& list) {
    if (list.empty()) return;
    std::vector<std::string> texts;
    for (const NodeInfo& info : list) texts.push_back(text_of(info));
    line += fmt::format(" {}={}", name_of(option), fmt::join(texts, ","));
}

}  // namespace

std::string quoted(std::string_view text) {
    std::string out = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\')
            out += fmt::format("\\{}", c);
        else if (c >= ' ' && c <= '~')
            out += c;
        else
            out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    }
    return out + "\"";
}

std::string describe(const Message& message) {
    std::string line(name_of(message.type));
    for (const Option option : option_order(message.type))
        with_field(option, [&](auto field) { append(line, option, message.*field.member); });
    return line;
}

std::string describe(const DecodeError& error) {
    switch (error.kind) {
        case DecodeErrorKind::empty_body: return fmt::format("{}: empty body", name_of(error.type));
        case DecodeErrorKind::truncated_option:
            return fmt::format("{}: truncated option", name_of(error.type));
        case DecodeErrorKind::bad_option_length:
            return fmt::format("{}: bad length of option {}", name_of(error.type),
                               name_of(error.option));
        case DecodeErrorKind::bad_option_value:
            return fmt::format("{}: bad value in option {}", name_of(error.type),
                               name_of(error.option));
    }
    return "?";
}

std::string describe(const Inbound& inbound) {
    if (const auto* message = std::get_if<Message>(&inbound)) return describe(*message);
    if (const auto* error = std::get_if<DecodeError>(&inbound)) return describe(*error);
    return fmt::format("skipped: {}", meaning_of(std::get<Skipped>(inbound).code));
}

}  // namespace castvote::wire
