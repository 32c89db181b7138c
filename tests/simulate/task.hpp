// task.hpp -- something to be done once.
//
// Like std::function, but it is moved and never copied, and what fits its room costs no allocation:
// a run makes millions of them.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstddef>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

namespace castvote::simulate {

class Task {
public:
    Task() = default;
    template <class What, class = std::enable_if_t<!std::is_same_v<std::decay_t<What>, Task>>>
    Task(What&& what) {
        using Stored = std::decay_t<What>;
        if constexpr (sizeof(Stored) <= room && alignof(Stored) <= alignof(std::max_align_t)) {
            new (room_) Stored(std::forward<What>(what));
            kind_ = &kind_of<Stored>;
        } else {
            auto elsewhere = [kept = std::make_unique<Stored>(std::forward<What>(what))] {
                (*kept)();
            };
            new (room_) decltype(elsewhere)(std::move(elsewhere));
            kind_ = &kind_of<decltype(elsewhere)>;
        }
    }
    Task(Task&& other) noexcept { take(other); }
    Task& operator=(Task&& other) noexcept {
        if (this != &other) {
            clear();
            take(other);
        }
        return *this;
    }
    Task(const Task&) = delete;
    Task& operator=(const Task&) = delete;
    ~Task() { clear(); }

    void operator()() { kind_->run(room_); }

private:
    static constexpr std::size_t room = 64;
    struct Kind {
        void (*run)(void* what);
        void (*move)(void* from, void* to);  // ... and destroys what it came from
        void (*destroy)(void* what);
    };
    template <class Stored>
    static constexpr Kind kind_of{[](void* what) { (*static_cast<Stored*>(what))(); },
                                  [](void* from, void* to) {
                                      new (to) Stored(std::move(*static_cast<Stored*>(from)));
                                      static_cast<Stored*>(from)->~Stored();
                                  },
                                  [](void* what) { static_cast<Stored*>(what)->~Stored(); }};

    void take(Task& other) {
        kind_ = std::exchange(other.kind_, nullptr);
        if (kind_ != nullptr) kind_->move(other.room_, room_);
    }
    void clear() {
        if (kind_ != nullptr) kind_->destroy(room_);
        kind_ = nullptr;
    }

    const Kind* kind_ = nullptr;
    alignas(std::max_align_t) std::byte room_[room];
};

}  // namespace castvote::simulate
