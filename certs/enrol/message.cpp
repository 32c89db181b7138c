// message.cpp -- see message.hpp.
// SPDX-License-Identifier: BSD-3-Clause
#include "certs/enrol/message.hpp"

#include <nlohmann/json.hpp>

#include "common/wire/printable.hpp"

namespace castvote::certs::enrol {
namespace {

using nlohmann::json;

constexpr std::size_t words_max = 300;  // of a refusal: it is shown on a terminal

std::string text_of(const json& object) {
    return object.dump(-1, ' ', true, json::error_handler_t::replace);
}

std::optional<std::string> member(const json& object, const char* name) {
    if (!object.is_object()) return std::nullopt;
    const auto found = object.find(name);
    if (found == object.end() || !found->is_string()) return std::nullopt;
    return found->get<std::string>();
}

// What another machine said, fit for a terminal.
std::string harmless(std::string text) {
    if (text.size() > words_max) text.resize(words_max);
    return printable(std::move(text));
}

}  // namespace

std::string request_body(const Request& request) {
    return text_of({{"cluster", request.cluster}, {"request", request.request_pem}});
}

std::optional<Request> read_request(std::string_view body) {
    const json object = json::parse(body, nullptr, /*allow_exceptions=*/false);
    auto cluster = member(object, "cluster");
    auto request = member(object, "request");
    if (!cluster || !request) return std::nullopt;
    return Request{std::move(*cluster), std::move(*request)};
}

std::string answer_body(const Issued& issued) {
    return text_of(
        {{"certificate", issued.certificate_pem}, {"authorities", issued.authorities_pem}});
}

std::string answer_body(const Refusal& refusal) {
    return text_of({{"error",
                     {{"code", refusal.code},
                      {"what", refusal.words.what},
                      {"remedy", refusal.words.remedy}}}});
}

std::optional<Expected<Issued, Refusal>> read_answer(std::string_view body) {
    const json object = json::parse(body, nullptr, /*allow_exceptions=*/false);
    if (auto certificate = member(object, "certificate"))
        return Issued{std::move(*certificate), member(object, "authorities").value_or("")};
    if (!object.is_object() || !object.contains("error")) return std::nullopt;
    const json& error = object["error"];
    auto code = member(error, "code");
    auto what = member(error, "what");
    auto remedy = member(error, "remedy");
    if (!code || !what || !remedy) return std::nullopt;
    return tl::unexpected<Refusal>(Refusal{harmless(*code), {harmless(*what), harmless(*remedy)}});
}

std::string with_length(std::string_view message) {
    std::string framed;
    for (int shift = 24; shift >= 0; shift -= 8)
        framed += static_cast<char>(message.size() >> shift & 255);
    return framed + std::string(message);
}

std::size_t length_in(std::string_view head) {
    std::size_t length = 0;
    for (const char c : head.substr(0, length_bytes))
        length = length << 8 | static_cast<unsigned char>(c);
    return length;
}

}  // namespace castvote::certs::enrol
