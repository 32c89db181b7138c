// guardian.hpp -- a second process that takes the vote back when the daemon dies without a word.
//
// A daemon that is killed leaves its vote in corosync for quorum.device.timeout, while the kernel
// closes its connection at once; a stock arbiter then gives the vote away, and both halves count it
// (W2 of docs/arbiter.md 8). The guardian holds a copy of the connection, so that its end is read
// only after the last will was carried out. It decides nothing.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <functional>
#include <string>

#include "common/wire/expected.hpp"

namespace castvote::qdevice {

class Guardian {
public:
    // Starts it, in a session of its own; call before any thread is started. `last_will` runs in
    // the guardian, once, when this process ends (or destroys this object) without dismiss() and
    // after the first hold(); it must come to an end. Error: one line.
    static Expected<Guardian, std::string> start(const std::function<void()>& last_will);
    Guardian(Guardian&& other) noexcept;
    Guardian& operator=(Guardian&&) = delete;
    ~Guardian();

    // It keeps a copy of this connection, instead of the one before.
    void hold(int socket);
    // The connection ends by our own will: the copy is closed.
    void let_go();
    // The vote is withdrawn: it ends without the last will.
    void dismiss();

private:
    explicit Guardian(int control) : control_(control) {}
    void tell(char word, int socket);

    int control_;  // stays open to our end, whatever happens: its end is our death
    bool told_trouble_ = false;
};

}  // namespace castvote::qdevice
