// issuing.hpp -- what every certificate of the arbiter's CA goes through: the directory's lock, the
// authority's key, a serial number of its own, the register.
//
// For this room only. Numbers are used up on disk before they are used.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "certs/authorities.hpp"
#include "certs/files.hpp"

namespace castvote::certs {

// The authority, and nobody else at the directory meanwhile.
struct Issuing {
    Signer authority;
    DirectoryLock lock;
    Ownership owner;

    static Expected<Issuing> begin(const Path& directory, Which which);
};

// The next serial number, which is on the disk as used when it is returned. Under the lock.
Expected<long> take_serial(const Path& directory, const Ownership& owner);

// How the arbiter gets a new key and certificate from this authority: registered already, the
// certificate's file last but one. Refused where a new certificate, which has our name, would not
// be taken by the nodes for the old one, or where the old key cannot be kept beside the new one.
// Under the lock.
Expected<std::vector<FileChange>> server_renewal(const Path& directory, const Signer& authority,
                                                 const Ownership& owner);
// Would it be refused?
Expected<void> check_renewal(const Path& directory);

}  // namespace castvote::certs
