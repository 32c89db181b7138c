// printable.hpp -- text from elsewhere (names, reasons, addresses), fit for a terminal and a log.
//
// Such text is any bytes; it must be able neither to write lines of its own nor to command a
// terminal. Bytes above ASCII stay as they are: names may be UTF-8.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <string>

namespace castvote {

// Control characters become '?'.
inline std::string printable(std::string text) {
    for (char& c : text)
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
    return text;
}

}  // namespace castvote
