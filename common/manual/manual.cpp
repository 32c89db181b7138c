// manual.cpp -- see manual.hpp. The language is man(7)'s.
// SPDX-License-Identifier: BSD-3-Clause
#include "common/manual/manual.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

namespace castvote::manual {

namespace {

// Text that troff prints as it is.
std::string plain(std::string_view text) {
    std::string out;
    for (const char c : text) {
        if ((c == '.' || c == '\'') && (out.empty() || out.back() == '\n')) out += "\\&";
        if (c == '\\')
            out += "\\e";
        else if (c == '-')
            out += "\\-";
        else
            out += c;
    }
    return out;
}

std::string bold(std::string_view text) { return "\\fB" + plain(text) + "\\fR"; }

std::string italic(std::string_view text) {
    return text.empty() ? "" : "\\fI" + plain(text) + "\\fR";
}

std::string page_name(const std::string& name) { return fmt::format("{} (8)", bold(name)); }

class Page {
public:
    Page(const std::string& name, const std::string& summary) {
        std::string title = name;
        std::transform(title.begin(), title.end(), title.begin(),
                       [](char c) { return c >= 'a' && c <= 'z' ? char(c - 'a' + 'A') : c; });
        line(fmt::format(R"(.TH "{}" 8 "" "castvote {}" "Castvote")", plain(title),
                         CASTVOTE_VERSION));
        section("NAME");
        line(fmt::format("{} \\- {}", plain(name), plain(summary)));
    }

    void section(std::string_view name) { line(fmt::format(".SH {}", name)); }
    void subsection(std::string_view name) { line(fmt::format(".SS {}", name)); }
    void paragraph(std::string_view text) {
        line(".PP");
        line(plain(text));
    }
    // `term` is troff already.
    void entry(const std::string& term, std::string_view text) {
        line(".TP");
        line(term);
        line(plain(text));
    }
    void line(const std::string& troff) { text_ += troff + "\n"; }

    std::string take() { return std::move(text_); }

private:
    std::string text_;
};

void write_app_options(Page& page, const CLI::App& app) {
    const CLI::Formatter formatter;
    for (const CLI::Option* option : app.get_options()) {
        if (option->get_group().empty()) continue;
        std::string names = option->get_name(/*positional=*/false, /*all_options=*/true);
        if (option->get_positional()) names = option->get_name(/*positional=*/true);
        page.entry(bold(names) + italic(formatter.make_option_opts(option)),
                   option->get_description());
    }
}

void write_settings(Page& page, const std::vector<Setting>& settings) {
    if (settings.empty()) return;
    page.section("SETTINGS");
    for (const Setting& setting : settings) page.entry(bold(setting.name), setting.help);
}

void write_end(Page& page, const Manual& manual, std::vector<std::string> others) {
    if (!manual.files.empty()) page.section("FILES");
    for (const File& file : manual.files) page.entry(italic(file.path), file.what);
    page.section("SEE ALSO");
    others.insert(others.end(), manual.see_also.begin(), manual.see_also.end());
    std::string list;
    for (const std::string& name : others) list += (list.empty() ? "" : ",\n") + page_name(name);
    page.line(list);
}

std::string own_page(const CLI::App& app, const Manual& manual) {
    const auto verbs = app.get_subcommands([](const CLI::App*) { return true; });
    Page page(app.get_name(), manual.summary);
    page.section("SYNOPSIS");
    page.line(fmt::format("{} {}", bold(app.get_name()),
                          verbs.empty() ? "[" + italic("OPTION") + "]..."
                                        : italic("COMMAND") + " [" + italic("OPTION") + "]..."));
    page.section("DESCRIPTION");
    page.line(plain(app.get_description()));
    for (const CLI::App* verb : verbs) {
        if (verb == verbs.front()) page.section("COMMANDS");
        page.subsection(bold(verb->get_name()));
        page.line(plain(verb->get_description()));
        write_app_options(page, *verb);
        if (const std::string footer = verb->get_footer(); !footer.empty()) page.paragraph(footer);
    }
    page.section("OPTIONS");
    write_app_options(page, app);
    write_settings(page, manual.settings);
    page.section("NOTES");
    page.line(plain(app.get_footer()));
    std::vector<std::string> others;
    for (const StockPage& stock : manual.stock) others.push_back(stock.name);
    write_end(page, manual, others);
    return page.take();
}

std::string stock_page(const std::string& own_name, const Manual& manual, const StockPage& stock) {
    Page page(stock.name, stock.summary);
    page.section("SYNOPSIS");
    std::string synopsis = bold(stock.name);
    for (const StockOption& option : stock.options) {
        synopsis += fmt::format(" [{}", bold(fmt::format("-{}", option.letter)));
        if (option.argument != nullptr) synopsis += " " + italic(option.argument);
        synopsis += "]";
    }
    if (!stock.operands.empty()) synopsis += " [" + italic(stock.operands) + "]";
    page.line(synopsis);
    page.section("DESCRIPTION");
    page.line(page_name(own_name));
    page.line(
        "under the name of the stock program that it takes the place of, with that one\\(aqs");
    page.line("options, output and exit statuses.");
    page.section("OPTIONS");
    for (const StockOption& option : stock.options) {
        std::string term = bold(fmt::format("-{}", option.letter));
        if (option.argument != nullptr) term += " " + italic(option.argument);
        page.entry(term, option.help);
    }
    write_settings(page, stock.settings);
    write_end(page, manual, {own_name});
    return page.take();
}

std::string page_of(const std::string& name, const CLI::App& app, const Manual& manual) {
    if (name == app.get_name()) return own_page(app, manual);
    for (const StockPage& stock : manual.stock)
        if (name == stock.name) return stock_page(app.get_name(), manual, stock);
    throw CLI::ValidationError("--manual", "there is no page " + name);
}

}  // namespace

std::string getopt_letters(std::span<const StockOption> options) {
    std::string letters;
    for (const StockOption& option : options) {
        letters += option.letter;
        if (option.argument != nullptr) letters += ':';
    }
    return letters;
}

void add_manual_option(CLI::App& app, Manual (*manual)()) {
    app.add_option_function<std::string>(
           "--manual",
           [&app, manual](const std::string& name) {
               throw CLI::CallForVersion(page_of(name, app, manual()), CLI::ExitCodes::Success);
           },
           "print the manual page of this name and leave")
        ->group("");
}

}  // namespace castvote::manual
