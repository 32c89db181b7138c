// running.cpp -- see running.hpp.
// SPDX-License-Identifier: BSD-3-Clause
#include "certs/tool/running.hpp"

#include <syslog.h>

#include "common/ipc/client.hpp"
#include "common/ipc/words.hpp"
#include "common/wire/printable.hpp"

namespace castvote::certs::tool {

Hearing have_read_again(const std::string& control_socket, const Path& directory) {
    using Kind = ipc::Response::Kind;
    using What = Hearing::What;
    std::error_code ignored;
    const Path whole = std::filesystem::absolute(directory, ignored);
    const ipc::Response response = ipc::ask(control_socket, "reload " + ipc::quote(whole.string()));
    std::string text = printable(response.text.substr(0, response.text.find('\n')));
    switch (response.kind) {
        case Kind::ok: return {What::taken_up, std::move(text)};
        case Kind::cannot_connect:
        case Kind::cannot_talk: return {What::no_answer, std::move(text)};
        case Kind::nothing: return {What::no_answer, "it said nothing"};
        case Kind::unknown_status: return {What::stock, std::move(text)};
        case Kind::error: break;
    }
    const bool is_stock = text.starts_with("Unknown command");
    return {is_stock ? What::stock : What::refused, std::move(text)};
}

void say_to_syslog(std::string_view line) {
    ::openlog("qcert", LOG_PID, LOG_AUTH);
    ::syslog(LOG_NOTICE, "%s", printable(std::string(line)).c_str());
    ::closelog();
}

}  // namespace castvote::certs::tool
