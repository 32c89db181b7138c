// places.hpp -- so many at a time, and so many of them from one network.
//
// For what strangers may hold without having shown anything: one of them alone cannot take all.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>

namespace castvote::net {

class Places {
public:
    Places(std::size_t all, std::size_t each) : all_(all), each_(each) {}

    // From any thread: a place for as long as it is held, which may be longer than we live. Nothing
    // if all are taken, or this network has its part.
    std::shared_ptr<void> take(const std::string& network) {
        const std::lock_guard guard(taken_->mutex);
        std::size_t& here = taken_->by_network[network];
        if (taken_->number >= all_ || here >= each_) {
            if (here == 0) taken_->by_network.erase(network);
            return nullptr;
        }
        ++here;
        ++taken_->number;
        return {taken_.get(), [taken = taken_, network](void*) { taken->give_back(network); }};
    }

private:
    struct Taken {
        std::mutex mutex;
        std::size_t number = 0;
        std::map<std::string, std::size_t> by_network;  // those with none are left out

        void give_back(const std::string& network) {
            const std::lock_guard guard(mutex);
            --number;
            const auto found = by_network.find(network);
            if (--found->second == 0) by_network.erase(found);
        }
    };

    std::size_t all_;
    std::size_t each_;
    std::shared_ptr<Taken> taken_ = std::make_shared<Taken>();
};

}  // namespace castvote::net
