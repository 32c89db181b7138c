// replay.cpp -- a target without a fuzzer: every file of its corpus, then seeded mutations of them.
//
//     fuzz_replay_<target> CORPUS [MUTATIONS]
//
// The input that breaks a promise is written to crash-<target> in the current folder, and said: it
// belongs into the corpus once the fault is mended.
// SPDX-License-Identifier: BSD-3-Clause
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <csignal>
#include <cstring>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "tests/fuzz/target.hpp"
#include "tests/unit/support/generator.hpp"

// Sanitizers shall end by SIGABRT, so that the input is written then, too.
extern "C" const char* __asan_default_options() { return "abort_on_error=1"; }
extern "C" const char* __ubsan_default_options() { return "abort_on_error=1:print_stacktrace=1"; }

namespace {

using castvote::tests::Generator;
using castvote::wire::Bytes;

constexpr std::size_t input_size_max = 4096;
constexpr const char* crash_file = "crash-" CASTVOTE_FUZZ_TARGET;

const Bytes* current = nullptr;

void write_crash(int) {
    const int file = ::open(crash_file, O_CREAT | O_WRONLY | O_TRUNC, 0644);
    if (file >= 0 && current != nullptr) {
        static_cast<void>(!::write(file, current->data(), current->size()));
        static_cast<void>(!::write(2, "the input is in ", 16));
        static_cast<void>(!::write(2, crash_file, std::strlen(crash_file)));
        static_cast<void>(!::write(2, "\n", 1));
    }
    std::signal(SIGABRT, SIG_DFL);
    std::abort();
}

void run_one(const Bytes& input) {
    current = &input;
    castvote::fuzz::run(input);
    current = nullptr;
}

void mutate_once(Generator& chance, Bytes& bytes, const Bytes& other) {
    const std::size_t at = chance.below(bytes.size() + 1);
    const auto place = bytes.begin() + static_cast<std::ptrdiff_t>(at);
    const std::size_t left = bytes.size() - at;
    switch (chance.below(6)) {
        case 0:
            if (left > 0) *place = static_cast<std::uint8_t>(chance.next());
            return;
        case 1:
            if (left > 0) *place = static_cast<std::uint8_t>(*place ^ 1u << chance.below(8));
            return;
        case 2: bytes.insert(place, static_cast<std::uint8_t>(chance.next())); return;
        case 3: {
            const auto gone = static_cast<std::ptrdiff_t>(std::min(left, chance.below(9)));
            bytes.erase(place, place + gone);
            return;
        }
        case 4: {  // a piece of another input
            const std::size_t from = chance.below(other.size() + 1);
            const auto begin = other.begin() + static_cast<std::ptrdiff_t>(from);
            const auto size = static_cast<std::ptrdiff_t>(
                chance.below(std::min<std::size_t>(other.size() - from, 64) + 1));
            bytes.insert(place, begin, begin + size);
            return;
        }
        default: bytes.insert(bytes.end(), other.begin(), other.end()); return;
    }
}

std::vector<Bytes> read_corpus(const char* folder) {
    std::vector<std::filesystem::path> paths;
    for (const auto& entry : std::filesystem::directory_iterator(folder))
        if (entry.is_regular_file()) paths.push_back(entry.path());
    std::sort(paths.begin(), paths.end());
    std::vector<Bytes> corpus;
    for (const auto& path : paths) {
        std::ifstream file(path, std::ios::binary);
        corpus.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
        try {
            run_one(corpus.back());
        } catch (const std::exception& broken) {
            fmt::print(stderr, "{}: {}\n", path.string(), broken.what());
            std::abort();
        }
    }
    return corpus;
}

void run_mutations(const std::vector<Bytes>& corpus, std::uint64_t count) {
    for (std::uint64_t seed = 1; seed <= count; ++seed) {
        Generator chance(seed);
        Bytes input = corpus[chance.below(corpus.size())];
        const std::uint64_t changes = 1 + chance.below(8);
        for (std::uint64_t i = 0; i < changes; ++i)
            mutate_once(chance, input, corpus[chance.below(corpus.size())]);
        input.resize(std::min(input.size(), input_size_max));
        try {
            run_one(input);
        } catch (const std::exception& broken) {
            fmt::print(stderr, "mutation {}: {}\n", seed, broken.what());
            std::abort();
        }
    }
}

}  // namespace

int main(int argc, char** argv) {
    std::uint64_t mutations = 0;
    if (argc > 2) std::from_chars(argv[2], argv[2] + std::strlen(argv[2]), mutations);
    if (argc < 2) {
        fmt::print(stderr, "usage: {} CORPUS [MUTATIONS]\n", argv[0]);
        return 2;
    }
    std::signal(SIGABRT, write_crash);
    const std::vector<Bytes> corpus = read_corpus(argv[1]);
    if (corpus.empty()) {
        fmt::print(stderr, "{} holds no input\n", argv[1]);
        return 1;
    }
    run_mutations(corpus, mutations);
    fmt::print("{} inputs, {} mutations\n", corpus.size(), mutations);
    return 0;
}
