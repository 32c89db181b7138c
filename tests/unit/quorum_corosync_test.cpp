// quorum_corosync_test.cpp -- a vote that a busy corosync does not take: only a "no" that was taken
// may be confirmed to the arbiter (docs/safety.md R2a).
//
// The functions of libvotequorum and libcmap that it takes are played here, so that corosync is
// busy whenever the test wants it.
// SPDX-License-Identifier: BSD-3-Clause
#include <boost/asio/io_context.hpp>
#include <catch2/catch.hpp>
#include <chrono>
#include <cstring>
#include <vector>

#include "qdevice-client/quorum/corosync.hpp"

namespace {

using castvote::qdevice::CorosyncProvider;
using castvote::qdevice::MapValue;
using castvote::qdevice::Snapshot;

const Snapshot& cluster_map() {
    static const Snapshot map = {{"nodelist.node.0.nodeid", std::uint32_t{1}},
                                 {"nodelist.node.0.ring0_addr", "192.0.2.1"},
                                 {"nodelist.node.1.nodeid", std::uint32_t{2}},
                                 {"nodelist.node.1.ring0_addr", "192.0.2.2"},
                                 {"quorum.device.model", "net"},
                                 {"quorum.device.net.algorithm", "lms"},
                                 {"quorum.device.net.host", "arbiter.example"},
                                 {"quorum.device.votes", std::uint32_t{1}},
                                 {"runtime.votequorum.this_node_id", std::uint32_t{2}},
                                 {"totem.cluster_name", "alpha"}};
    return map;
}

struct Played {
    std::vector<std::string> left;      // keys of the iteration that is under way
    std::vector<cs_error_t> next;       // what the next polls return, then CS_OK
    std::vector<std::uint32_t> polled;  // the votes of all polls
};
Played played;

template <class Value>
cs_error_t look_up(const char* key, Value& value) {
    const auto found = cluster_map().find(key);
    if (found == cluster_map().end()) return CS_ERR_NOT_EXIST;
    const Value* known = std::get_if<Value>(&found->second);
    if (known == nullptr) return CS_ERR_INVALID_PARAM;
    value = *known;
    return CS_OK;
}

}  // namespace

extern "C" {

cs_error_t cmap_initialize(cmap_handle_t* handle) {
    *handle = 1;
    return CS_OK;
}
cs_error_t cmap_finalize(cmap_handle_t) { return CS_OK; }
cs_error_t cmap_fd_get(cmap_handle_t, int* fd) {
    *fd = -1;
    return CS_OK;
}
cs_error_t cmap_iter_init(cmap_handle_t, const char* prefix, cmap_iter_handle_t* iterator) {
    *iterator = 1;
    played.left.clear();
    for (const auto& [key, value] : cluster_map())
        if (key.rfind(prefix, 0) == 0) played.left.push_back(key);
    return CS_OK;
}
cs_error_t cmap_iter_next(cmap_handle_t, cmap_iter_handle_t, char* key, std::size_t* length,
                          cmap_value_types_t* type) {
    if (played.left.empty()) return CS_ERR_NO_SECTIONS;
    key[played.left.back().copy(key, CMAP_KEYNAME_MAXLEN)] = '\0';
    const MapValue& value = cluster_map().at(played.left.back());
    *type =
        std::holds_alternative<std::string>(value) ? CMAP_VALUETYPE_STRING : CMAP_VALUETYPE_UINT32;
    *length = 4;
    played.left.pop_back();
    return CS_OK;
}
cs_error_t cmap_iter_finalize(cmap_handle_t, cmap_iter_handle_t) { return CS_OK; }
cs_error_t cmap_get_string(cmap_handle_t, const char* key, char** text) {
    std::string value;
    const cs_error_t result = look_up(key, value);
    if (result == CS_OK) *text = ::strdup(value.c_str());
    return result;
}
cs_error_t cmap_get_uint32(cmap_handle_t, const char* key, std::uint32_t* value) {
    return look_up(key, *value);
}

cs_error_t votequorum_initialize(votequorum_handle_t* handle, votequorum_callbacks_t*) {
    *handle = 1;
    return CS_OK;
}
cs_error_t votequorum_finalize(votequorum_handle_t) { return CS_OK; }
cs_error_t votequorum_context_set(votequorum_handle_t, void*) { return CS_OK; }
cs_error_t votequorum_qdevice_poll(votequorum_handle_t, const char*, unsigned int vote,
                                   votequorum_ring_id_t) {
    played.polled.push_back(vote);
    if (played.next.empty()) return CS_OK;
    const cs_error_t result = played.next.front();
    played.next.erase(played.next.begin());
    return result;
}

}  // extern "C"

TEST_CASE("a no is taken before anything else is said, or it is said that it was not") {
    played = {};
    boost::asio::io_context io;
    CorosyncProvider provider(io, {});
    const auto opened = provider.open();
    INFO((opened ? "" : opened.error().text));
    REQUIRE(opened);
    const castvote::wire::RingId ring{1, 8};

    SECTION("taken") {
        CHECK(provider.cast(false, ring));
        CHECK(played.polled.size() == 1);
    }
    SECTION("busy for a moment: it is tried again until it is taken") {
        played.next = {CS_ERR_TRY_AGAIN, CS_ERR_TRY_AGAIN};
        CHECK_FALSE(provider.cast(false, ring));
        CHECK(played.polled.size() == 1);
        io.run_for(std::chrono::seconds(5));
        CHECK(played.polled == std::vector<std::uint32_t>{0, 0, 0});
    }
    SECTION("a newer vote ends the attempts of an older one") {
        played.next = {CS_ERR_TRY_AGAIN};
        CHECK_FALSE(provider.cast(false, ring));
        CHECK(provider.cast(true, ring));
        io.run_for(std::chrono::seconds(5));
        CHECK(played.polled == std::vector<std::uint32_t>{0, 1});
    }
    SECTION("refused") {
        played.next = {CS_ERR_NOT_EXIST};
        CHECK_FALSE(provider.cast(false, ring));
    }
    SECTION("the ring is gone, and with it what counted in it") {
        played.next = {CS_ERR_MESSAGE_ERROR};
        CHECK(provider.cast(false, ring));
    }
    SECTION("a yes is never cast later than it was meant") {
        played.next = {CS_ERR_TRY_AGAIN};
        CHECK(provider.cast(true, ring));
        CHECK(played.polled.size() == 1);
    }
}
