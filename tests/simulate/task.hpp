// task.hpp -- something to be done once.
//
// Like std::function, but it is moved and never copied, and what fits its room costs no allocation:
// a run makes millions of them.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstddef>
#include <cstring>
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
        put(std::forward<What>(what));
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
    // ... and is empty then.
    void run_once() {
        kind_->run_once(room_);
        kind_ = nullptr;
    }

    // Into an empty one.
    template <class What>
    void put(What&& what) {
        using Stored = std::decay_t<What>;
        if constexpr (std::is_same_v<Stored, Task>) {
            take(what);
        } else if constexpr (sizeof(Stored) <= room &&
                             alignof(Stored) <= alignof(std::max_align_t)) {
            new (room_) Stored(std::forward<What>(what));
            kind_ = &kind_of<Stored>;
        } else {
            put([kept = std::make_unique<Stored>(std::forward<What>(what))] { (*kept)(); });
        }
    }
    void clear() {
        if (kind_ != nullptr && kind_->destroy != nullptr) kind_->destroy(room_);
        kind_ = nullptr;
    }

private:
    static constexpr std::size_t room = 64;
    struct Kind {
        void (*run)(void* what);
        void (*run_once)(void* what);  // ... and destroys it
        // Moves, and destroys what it came from; none: its bytes are copied.
        void (*move)(void* from, void* to);
        void (*destroy)(void* what);  // none: nothing is to be done
    };
    template <class Stored>
    static void run(void* what) {
        (*static_cast<Stored*>(what))();
    }
    template <class Stored>
    static void run_once(void* what) {
        (*static_cast<Stored*>(what))();
        static_cast<Stored*>(what)->~Stored();
    }
    template <class Stored>
    static void move(void* from, void* to) {
        new (to) Stored(std::move(*static_cast<Stored*>(from)));
        static_cast<Stored*>(from)->~Stored();
    }
    template <class Stored>
    static void destroy(void* what) {
        static_cast<Stored*>(what)->~Stored();
    }
    template <class Stored>
    static constexpr Kind kind_of{
        &run<Stored>, &run_once<Stored>,
        std::is_trivially_copyable_v<Stored> ? nullptr : &move<Stored>,
        std::is_trivially_destructible_v<Stored> ? nullptr : &destroy<Stored>};

    void take(Task& other) {
        kind_ = std::exchange(other.kind_, nullptr);
        if (kind_ == nullptr) return;
        if (kind_->move != nullptr)
            kind_->move(other.room_, room_);
        else
            std::memcpy(room_, other.room_, room);
    }

    const Kind* kind_ = nullptr;
    alignas(std::max_align_t) std::byte room_[room];
};

}  // namespace castvote::simulate
