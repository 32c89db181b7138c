// ipc_test.cpp -- the control socket: its words, its limits, its client (tools.md 1, 2 and 6).
//
// The expected words are those of the stock arbiter, asked line by line.
// SPDX-License-Identifier: BSD-3-Clause
#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/write.hpp>
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <thread>

#include "common/ipc/client.hpp"
#include "common/ipc/server.hpp"
#include "common/net/shard.hpp"

using namespace castvote;
using ipc::Quoting;
using Words = std::vector<std::string>;
using Local = net::asio::local::stream_protocol;

namespace {

struct Folder {
    Folder() {
        std::string name =
            (std::filesystem::temp_directory_path() / "castvote-ipc-XXXXXX").string();
        path = ::mkdtemp(name.data());
    }
    ~Folder() { std::filesystem::remove_all(path); }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
    std::string file(const std::string& name) const { return (path / name).string(); }
    std::filesystem::path path;
};

// A server in a thread of its own, which answers `OK`, the words, one per line.
struct Served {
    explicit Served(ipc::Settings wish) {
        wish.path = folder.file("socket");
        path = wish.path;
        server = ipc::Server::listen(loop.io(), wish, [this](Words words, ipc::Answer answer) {
                     handle(words, std::move(answer));
                 }).value();
        loop.start();
    }
    ~Served() {
        loop.stop();
        server.reset();
    }
    Served(const Served&) = delete;
    Served& operator=(const Served&) = delete;

    void handle(const Words& words, ipc::Answer answer) {
        if (words[0] == "silence") return;
        if (words[0] == "huge") return answer({true, std::string(1000, 'x'), {}});
        if (words[0] != "echo") return answer(ipc::unknown_command(words[0]));
        std::string text;
        for (const std::string& word : words) text += word + "\n";
        answer({true, text, {}});
    }

    // Everything that comes back for these bytes.
    std::string raw(const std::string& bytes) const {
        net::asio::io_context io;
        Local::socket socket(io);
        net::error_code error;
        socket.connect(Local::endpoint(path));
        net::asio::write(socket, net::asio::buffer(bytes), error);
        return read_all(socket);
    }
    static std::string read_all(Local::socket& socket) {
        std::string text;
        net::error_code error;
        std::array<char, 4096> buffer{};
        while (!error) {
            const std::size_t size = socket.read_some(net::asio::buffer(buffer), error);
            text.append(buffer.data(), size);
        }
        return text;
    }

    Folder folder;
    std::string path;
    net::Shard loop;
    std::unique_ptr<ipc::Server> server;
};

}  // namespace

TEST_CASE("words of a line") {
    const auto split = [](std::string_view line) {
        return ipc::split_words(line, Quoting::quotes);
    };
    CHECK(split("  status\tverbose\v\fx \n") == Words{"status", "verbose", "x"});
    CHECK(split("status\rfoo\n") == Words{"status"});
    CHECK(split("list cluster \"a b\" x") == Words{"list", "cluster", "a b", "x"});
    CHECK(split("\"\" x") == Words{"", "x"});
    CHECK(split("a\\ b\\\"c") == Words{"a b\"c"});
    CHECK(split("\"a\\\"b\\\\c\\d\"") == Words{"a\"b\\c\\d"});
    CHECK(split("\"open end\n") == Words{"open end"});
    CHECK(split("sta\"tus\"") == Words{"status"});
    CHECK(split("foo\\\n") == Words{"foo"});
    CHECK(split(" \t \n").empty());
    CHECK(ipc::split_words("a\\ \"b c\"", Quoting::none) == Words{"a\\", "\"b", "c\""});
    for (const std::string name : {"plain", "be\"ta\\x", "a b", ""})
        CHECK(split("c " + ipc::quote(name)) == Words{"c", name});
    CHECK(ipc::is_word("StaTus", "status"));
    CHECK_FALSE(ipc::is_word("statu", "status"));
}

TEST_CASE("request and reply") {
    Served served({});
    CHECK(served.raw("echo a \"b c\"\n") == "OK\necho\na\nb c\n");
    CHECK(served.raw("foo bar\n") == "Error\nUnknown command 'foo'\n");
    CHECK(served.raw("\n") == "Error\nNo command specified\n");
    CHECK(served.raw("\"\"\n") == "Error\nNo command specified\n");
    CHECK(served.raw("echo a\nand more that nobody reads\n") == "OK\necho\na\n");
    const ipc::Response response = ipc::ask(served.path, "echo x");
    CHECK(response.kind == ipc::Response::Kind::ok);
    CHECK(response.text == "echo\nx\n");
    CHECK(ipc::ask(served.path, "nonsense").kind == ipc::Response::Kind::error);
}

TEST_CASE("limits of the server") {
    SECTION("a request that is too long gets no reply") {
        Served served({.request_size_max = 20});
        CHECK(served.raw("echo " + std::string(14, 'a') + "\n").starts_with("OK\n"));
        CHECK(served.raw("echo " + std::string(15, 'a') + "\n").empty());
        CHECK(served.raw(std::string(100, 'a')).empty());
    }
    SECTION("a reply that is too long becomes an error") {
        Served served({.reply_size_max = 1002});
        CHECK(served.raw("huge\n").starts_with("Error\nThe reply is longer than 1002 bytes"));
    }
    SECTION("one client too many is closed without a byte") {
        Served served({.clients_max = 1});
        net::asio::io_context io;
        Local::socket holding(io);
        holding.connect(Local::endpoint(served.path));
        net::asio::write(holding, net::asio::buffer("ec", 2));
        CHECK(served.raw("echo\n").empty());
        CHECK(ipc::ask(served.path, "echo").kind != ipc::Response::Kind::ok);
        net::asio::write(holding, net::asio::buffer("ho\n", 3));
        CHECK(Served::read_all(holding) == "OK\necho\n");
    }
    SECTION("silence is not waited for without end") {
        Served served({.clients_max = 1, .idle_timeout = Duration(100)});
        CHECK(served.raw("no end of line").empty());
        CHECK(served.raw("silence\n").empty());
        CHECK(served.raw("echo\n") == "OK\necho\n");
    }
}

TEST_CASE("the place of the socket") {
    Folder folder;
    net::asio::io_context io;
    const auto listen = [&](ipc::Settings settings) {
        return ipc::Server::listen(io, std::move(settings), [](Words, ipc::Answer) {});
    };
    const std::string path = folder.file("s");
    SECTION("left behind by a crash: taken over; and gone after an orderly end") {
        { Local::acceptor crashed(io, Local::endpoint(path)); }
        REQUIRE(std::filesystem::exists(path));
        {
            auto server = listen({.path = path});
            REQUIRE(server.has_value());
            CHECK_FALSE(listen({.path = path}).has_value());  // somebody is there
        }
        CHECK_FALSE(std::filesystem::exists(path));
    }
    SECTION("a file that is no socket is left alone") {
        std::ofstream(path) << "precious";
        const auto server = listen({.path = path});
        REQUIRE_FALSE(server.has_value());
        CHECK(server.error() == "control socket " + path + ": there is a file which is no socket");
        CHECK(std::filesystem::file_size(path) == 8);
    }
    SECTION("mode by umask") {
        auto server = listen({.path = path, .umask = mode_t{077}});
        REQUIRE(server.has_value());
        struct stat found {};
        REQUIRE(::stat(path.c_str(), &found) == 0);
        CHECK((found.st_mode & 0777) == 0700);
    }
    SECTION("no such directory, too long") {
        CHECK(listen({.path = folder.file("no/s")}).error().find(path.substr(0, 10)) !=
              std::string::npos);
        CHECK(listen({.path = std::string(200, 'x')}).error().find("too long") !=
              std::string::npos);
    }
    SECTION("nobody listens") {
        CHECK(ipc::ask(path, "status").kind == ipc::Response::Kind::cannot_connect);
        CHECK(ipc::ask(path, "status").text == "No such file or directory");
    }
}
