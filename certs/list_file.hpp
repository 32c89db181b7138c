// list_file.hpp -- a JSON file of the arbiter's directory: a version, and a list of entries.
//
// Each member of an entry is a text. Members that are not known are passed over, and whether an
// entry makes sense is for its owner to say. Only a file that is not there is an empty list:
// one that is damaged, or cannot be looked at, is an error.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <fmt/format.h>

#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "certs/error.hpp"
#include "certs/files.hpp"

namespace castvote::certs {

template <class Entry>
struct Member {
    const char* name;
    std::string Entry::*place;
    bool is_needed = true;  // if not, it is left out where it is empty
};

template <class Entry>
struct ListFile {
    static constexpr int version = 1;

    using List = std::vector<Entry>;
    using Judge = std::function<bool(const Entry&)>;  // asked once for each, in their order

    const char* file;  // in the directory
    const char* list;  // its name in the file
    std::size_t bytes_max;
    const char* remedy;  // of a damaged one
    std::span<const Member<Entry>> members;

    Expected<List> read(const Path& directory, const Judge& is_sound) const {
        const Path path = directory / file;
        if (is_missing(path)) return List{};
        const Expected<std::string> bytes = read_file(path, bytes_max);
        if (!bytes) return tl::unexpected<Error>(bytes.error());
        return parse(*bytes, path.string(), is_sound);
    }

    // `name` is what errors call it.
    Expected<List> parse(const std::string& bytes, const std::string& name,
                         const Judge& is_sound) const {
        const auto damaged = [&](const std::string& why) {
            return fail(fmt::format("{} is damaged: {}", name, why), remedy);
        };
        const auto content = nlohmann::json::parse(bytes, nullptr, /*allow_exceptions=*/false);
        if (!content.is_object()) return damaged("it is no JSON object");
        if (const auto found = content.find("version"); found == content.end() || *found != version)
            return damaged(fmt::format("its version is not {}", version));
        const auto objects = content.find(list);
        if (objects == content.end() || !objects->is_array()) return damaged("it has no list");
        List all;
        for (const auto& object : *objects) {
            Entry one;
            if (!take(object, one) || !is_sound(one))
                return damaged(fmt::format("entry {}", all.size() + 1));
            all.push_back(std::move(one));
        }
        return all;
    }

    std::string text(const List& all) const {
        auto objects = nlohmann::json::array();
        for (const Entry& one : all) {
            auto object = nlohmann::json::object();
            for (const auto& [name, place, is_needed] : members)
                if (is_needed || !(one.*place).empty()) object[name] = one.*place;
            objects.push_back(std::move(object));
        }
        const nlohmann::json content = {{"version", version}, {list, std::move(objects)}};
        return content.dump(1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
    }

    Expected<void> write(const Path& directory, const List& all,
                         std::optional<Ownership> owner) const {
        return write_file(directory / file, text(all), 0640, owner);
    }

private:
    bool take(const nlohmann::json& object, Entry& one) const {
        if (!object.is_object()) return false;
        for (const auto& [name, place, is_needed] : members) {
            const auto found = object.find(name);
            if (found == object.end() && !is_needed) continue;
            if (found == object.end() || !found->is_string()) return false;
            one.*place = found->template get<std::string>();
        }
        return true;
    }
};

}  // namespace castvote::certs
