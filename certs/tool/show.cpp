// show.cpp -- what a certificate directory holds, in plain words or as JSON.
//
// Reads only. The verdict comes from the very function the daemons load their certificates with, so
// "can be used" here and a daemon's start cannot disagree.
// SPDX-License-Identifier: BSD-3-Clause
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include "certs/arbiter_directory.hpp"
#include "certs/authorities.hpp"
#include "certs/identity.hpp"
#include "certs/layout.hpp"
#include "certs/node_directory.hpp"
#include "certs/tool/tool.hpp"
#include "certs/x509.hpp"

namespace castvote::certs::tool {
namespace {

using nlohmann::json;

// One certificate as it lies there; key file names are empty where no key belongs.
struct CertificateFile {
    std::string title;
    Path file;
    Path key_file;
    std::size_t number = 0;  // in a file of several
};

struct Side {
    const char* role;      // "arbiter" or "node"
    const char* programs;  // Who loads this directory.
    std::vector<CertificateFile> entries;
};

Side arbiter_side(const Path& directory) {
    Side side{"arbiter", "qnetd", {}};
    side.entries.push_back({"CA", directory / layout::ca_export, directory / layout::ca_key});
    if (is_there(directory / layout::next_ca))
        side.entries.push_back(
            {"next CA", directory / layout::next_ca, directory / layout::next_ca_key});
    if (is_there(directory / layout::ca_before))
        side.entries.push_back({"CA before", directory / layout::ca_before, {}});
    side.entries.push_back({"arbiter's certificate", directory / layout::server_certificate,
                            directory / layout::server_key});
    std::vector<CertificateFile> signed_here;
    std::error_code failure;
    for (const auto& file : std::filesystem::directory_iterator(directory, failure)) {
        const std::string name = file.path().filename().string();
        if (name.rfind("cluster-", 0) == 0 && file.path().extension() == ".crt")
            signed_here.push_back({"signed for a cluster", file.path(), {}});
    }
    std::sort(signed_here.begin(), signed_here.end(),
              [](const CertificateFile& a, const CertificateFile& b) { return a.file < b.file; });
    side.entries.insert(side.entries.end(), signed_here.begin(), signed_here.end());
    return side;
}

Side node_side(const Path& directory) {
    Side side{"node", "qdevice-client", {}};
    const Path ca_file = directory / layout::node_ca;
    const Expected<std::string> text = read_file(ca_file);
    const auto cas = text ? parse_certificates(*text, ca_file.string())
                          : Expected<Certificates>(tl::unexpected<Error>(text.error()));
    for (std::size_t i = 0; i < (cas ? cas->size() : 1); ++i)
        side.entries.push_back({"CA", ca_file, {}, i});
    if (is_there(directory / layout::cluster_certificate))
        side.entries.push_back({"cluster certificate", directory / layout::cluster_certificate,
                                directory / layout::cluster_key});
    return side;
}

std::string key_state(const Path& file, const X509* certificate) {
    if (!is_there(file)) return "missing";
    const Expected<std::string> text = read_file(file);
    if (!text) return "not readable for this user";
    Expected<std::vector<KeyPtr>> keys = parse_keys(*text, file.string());
    if (!keys) return "damaged";
    return take_fitting(*keys, certificate) != nullptr ? "present" : "does not fit";
}

json describe(const CertificateFile& entry) {
    json found = {{"what", entry.title}, {"file", entry.file.string()}};
    const Expected<std::string> bytes = read_file(entry.file);
    const Expected<Certificates> certificates =
        bytes ? parse_certificates(*bytes, entry.file.string())
              : Expected<Certificates>(tl::unexpected<Error>(bytes.error()));
    if (!certificates || entry.number >= certificates->size()) {
        found["error"] = certificates ? "it has changed meanwhile" : certificates.error().what;
        return found;
    }
    const X509* x509 = certificates->at(entry.number).get();
    found["name"] = common_name(X509_get_subject_name(x509)).value_or("(none)");
    found["issuer"] = common_name(X509_get_issuer_name(x509)).value_or("(none)");
    found["serial"] = serial_number(x509);
    found["not_before"] = date(X509_get0_notBefore(x509));
    found["not_after"] = date(X509_get0_notAfter(x509));
    found["expired"] = is_expired(x509);
    found["fingerprint_sha256"] = fingerprint(x509);
    if (!entry.key_file.empty()) {
        found["key_file"] = entry.key_file.string();
        found["key"] = key_state(entry.key_file, x509);
    }
    return found;
}

json verdict_of(const std::vector<Error>& warnings, const std::optional<Error>& error) {
    json verdict = {{"usable", !error.has_value()}, {"warnings", json::array()}};
    for (const Error& warning : warnings)
        verdict["warnings"].push_back({{"what", warning.what}, {"remedy", warning.remedy}});
    if (error) verdict["error"] = {{"what", error->what}, {"remedy", error->remedy}};
    return verdict;
}

json judge(const Path& directory, bool is_node) {
    if (is_node) {
        const auto identity = load_node_identity(directory);
        if (!identity) return verdict_of({}, identity.error());
        return verdict_of(identity->warnings, std::nullopt);
    }
    const auto identity = load_arbiter_identity(directory);
    if (!identity) return verdict_of({}, identity.error());
    return verdict_of(identity->warnings, std::nullopt);
}

json inspect(const Path& directory) {
    json answer = {{"directory", directory.string()}};
    const bool has_node_files =
        node_format(directory) == Format::pem || is_there(directory / layout::pending_keys);
    const bool is_node = has_node_files || (arbiter_format(directory) != Format::pem &&
                                            directory == Path(layout::node_directory));
    answer["stock_database"] = has_nss_database(directory);
    answer["verdict"] = judge(directory, is_node);
    const bool is_ours = is_node ? has_node_files : arbiter_format(directory) == Format::pem;
    if (!is_ours) return answer;
    const Side side = is_node ? node_side(directory) : arbiter_side(directory);
    answer["role"] = side.role;
    answer["program"] = side.programs;
    answer["certificates"] = json::array();
    for (const CertificateFile& entry : side.entries)
        answer["certificates"].push_back(describe(entry));
    answer["request_pending"] = is_there(directory / layout::pending_keys);
    if (is_node) return answer;
    if (const Expected<Authorities> authorities = read_authorities(directory))
        answer["exchange"] = name_of(authorities->stage());
    return answer;
}

std::string text_of(const json& value) { return value.get<std::string>(); }

void print_certificate(const json& found) {
    fmt::print("\n  {}: {}\n", text_of(found["what"]),
               found.contains("name") ? text_of(found["name"]) : "unreadable");
    fmt::print("    file         {}\n", text_of(found["file"]));
    if (found.contains("error")) {
        fmt::print("    error        {}\n", text_of(found["error"]));
        return;
    }
    fmt::print("    issued by    {}, serial number {}\n", text_of(found["issuer"]),
               text_of(found["serial"]));
    fmt::print("    valid        {} to {}{}\n", text_of(found["not_before"]),
               text_of(found["not_after"]), found["expired"].get<bool>() ? " (EXPIRED)" : "");
    fmt::print("    fingerprint  {}\n", text_of(found["fingerprint_sha256"]));
    if (found.contains("key"))
        fmt::print("    private key  {} ({})\n", text_of(found["key"]), text_of(found["key_file"]));
}

void print_remark(const char* sign, const json& remark) {
    fmt::print("\n  {}: {}\n    {}\n", sign, text_of(remark["what"]), text_of(remark["remedy"]));
}

void print_words(const json& answer) {
    fmt::print("{}", text_of(answer["directory"]));
    if (answer.contains("role"))
        fmt::print(": certificates of {} {}", answer["role"] == "arbiter" ? "an" : "a",
                   text_of(answer["role"]));
    fmt::print("\n");
    if (answer.contains("certificates"))
        for (const json& found : answer["certificates"]) print_certificate(found);
    if (const std::string words = words_of_exchange(answer.value("exchange", "")); !words.empty())
        fmt::print("\n  {}\n", words);
    if (answer.value("request_pending", false))
        fmt::print("\n  A certificate request waits for its signature.\n");
    if (answer["stock_database"].get<bool>())
        fmt::print("\n  There is a database of the stock programs, too; {}\n",
                   answer.contains("role") ? "it is not used." : "nothing was imported yet.");
    const json& verdict = answer["verdict"];
    for (const json& warning : verdict["warnings"]) print_remark("Warning", warning);
    if (verdict.contains("error"))
        print_remark("Cannot be used", verdict["error"]);
    else
        fmt::print("\n  {} can use this directory.\n", text_of(answer["program"]));
}

}  // namespace

int show(const std::vector<Path>& directories, bool as_json) {
    json all = json::array();
    for (const Path& directory : directories) all.push_back(inspect(directory));
    const bool usable = std::all_of(all.begin(), all.end(), [](const json& answer) {
        return answer["verdict"]["usable"].get<bool>();
    });
    if (as_json) {
        const json answer = {{"directories", all}};
        fmt::print("{}\n", answer.dump(2, ' ', false, json::error_handler_t::replace));
    } else {
        for (std::size_t i = 0; i < all.size(); ++i) {
            if (i > 0) fmt::print("\n");
            print_words(all[i]);
        }
    }
    return usable ? done : failed;
}

}  // namespace castvote::certs::tool
