// nss_tools.cpp -- see nss_tools.hpp.
// SPDX-License-Identifier: BSD-3-Clause
#include "certs/nss_tools.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "certs/process.hpp"
#include "certs/x509.hpp"

namespace castvote::certs {
namespace {

constexpr std::string_view begin_certificate = "-----BEGIN CERTIFICATE-----";

std::string last_line(std::string_view text) {
    while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.remove_suffix(1);
    if (text.empty()) return "no message";
    return std::string(text.substr(text.find_last_of('\n') + 1));  // npos + 1 is the beginning.
}

// "CT,c,c", "u,u,u", ",,"; the table's head has other letters and slashes.
bool is_trust(std::string_view word) {
    return std::count(word.begin(), word.end(), ',') == 2 &&
           word.find_first_not_of("pPcCTuwg,") == word.npos;
}

}  // namespace

Expected<void> check_nss_tools(std::string_view done) {
    for (const char* tool : {"certutil", "pk12util"})
        if (!has_program(tool))
            return fail(fmt::format("{} is not installed, so the stock certificate database cannot "
                                    "be {}",
                                    tool, done),
                        "install the NSS tools (package libnss3-tools), then repeat");
    return {};
}

std::string nss_database(const Path& directory) {
    // Without the prefix NSS picks by its version's default; both formats may lie side by side.
    const char* kind = is_there(directory / "cert9.db") ? "sql:" : "dbm:";
    return kind + directory.string();
}

Expected<std::string> run_nss_tool(const std::vector<std::string>& command) {
    Expected<Finished> finished = run(command, Output::collect);
    if (!finished) return tl::unexpected<Error>(finished.error());
    if (finished->status == 0) return std::move(finished->output);
    return fail(fmt::format("{} ended with status {}: {}", command[0], finished->status,
                            last_line(finished->output)),
                "check the database with \"certutil -L -d DIRECTORY\"");
}

std::vector<Listed> read_listing(std::string_view said) {
    std::vector<Listed> rows;
    for (std::size_t at = 0; at < said.size();) {
        const std::size_t end = std::min(said.find('\n', at), said.size());
        std::string_view line = said.substr(at, end - at);
        at = end + 1;
        while (line.ends_with(' ') || line.ends_with('\r')) line.remove_suffix(1);
        const std::size_t gap = line.find_last_of(' ');
        if (gap == line.npos || !is_trust(line.substr(gap + 1))) continue;
        const std::string_view name = line.substr(0, gap);
        rows.push_back({std::string(name.substr(0, name.find_last_not_of(' ') + 1)),
                        std::string(line.substr(gap + 1))});
    }
    return rows;
}

Expected<std::vector<CertificatePtr>> exported_certificates(const Path& directory,
                                                            const char* nickname) {
    const Expected<std::string> pem =
        run_nss_tool({"certutil", "-L", "-d", nss_database(directory), "-n", nickname, "-a"});
    if (!pem) return tl::unexpected<Error>(pem.error());
    std::vector<CertificatePtr> all;
    const std::string name = fmt::format("\"{}\" in {}", nickname, directory.string());
    std::size_t at = pem->find(begin_certificate);
    do {
        const std::size_t next =
            at == pem->npos ? at : pem->find(begin_certificate, at + begin_certificate.size());
        Expected<CertificatePtr> one =
            parse_certificate(at == pem->npos ? *pem : pem->substr(at, next - at), name);
        if (!one) return tl::unexpected<Error>(one.error());
        all.push_back(std::move(*one));
        at = next;
    } while (at != pem->npos);
    return all;
}

}  // namespace castvote::certs
