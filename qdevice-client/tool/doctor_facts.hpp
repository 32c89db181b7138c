// doctor_facts.hpp -- what a node's doctor looks at: corosync's configuration map and votequorum,
// the node daemon's status, the certificates, the way to the arbiter, the machine.
//
// Looks only. Blocks: for some seconds where a host does not answer, and for as long as corosync
// synchronises, which is at most quorum.device.sync_timeout.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <filesystem>
#include <string>

#include "qdevice-client/tool/doctor.hpp"

namespace castvote::qdevice {

struct DoctorPlaces {
    std::string socket;                                       // the daemon's control socket
    std::filesystem::path certificates;                       // the node's certificate directory
    std::filesystem::path sbd_defaults = "/etc/default/sbd";  // elsewhere: /etc/sysconfig/sbd
};

NodeFacts gather(const DoctorPlaces& places);

// SBD_WATCHDOG_TIMEOUT and SBD_DEVICE of SBD's defaults file: shell assignments, one a line.
SbdFacts read_sbd(const std::string& text);

}  // namespace castvote::qdevice
