// layout.hpp -- the names of the files in the two certificate directories (certificates.md 2, 7.1).
//
// Directory and interchange names are those of the stock tools, because administration tools copy,
// test for and delete exactly these. The PEM files inside are ours.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

namespace castvote::certs::layout {

inline constexpr const char* arbiter_directory = "/etc/corosync/qnetd/nssdb";
inline constexpr const char* node_directory = "/etc/corosync/qdevice/net/nssdb";
inline constexpr const char* arbiter_group = "coroqnetd";

inline constexpr const char* ca_export = "qnetd-cacert.crt";  // Arbiter: text, then PEM.
inline constexpr const char* ca_key = "ca.key";
inline constexpr const char* next_ca = "qnetd-cacert-next.crt";  // While CAs are exchanged (7.9).
inline constexpr const char* next_ca_key = "ca-next.key";
inline constexpr const char* ca_before = "qnetd-cacert-before.crt";
inline constexpr const char* server_certificate = "server.pem";
inline constexpr const char* server_key = "server.key";
inline constexpr const char* serial = "serial.txt";  // Last used serial number, decimal, LF.
inline constexpr const char* certificate_register = "register.json";  // What the CA issued.
inline constexpr const char* revoked = "revoked.json";                // Whom the daemon refuses.
inline constexpr const char* names = "names.json";                    // Renamed clusters.

inline constexpr const char* node_ca = "ca.pem";
inline constexpr const char* cluster_certificate = "cluster.pem";
inline constexpr const char* cluster_key = "cluster.key";
inline constexpr const char* pending_keys = "request.key";      // One PEM key per request.
inline constexpr const char* request = "qdevice-net-node.crq";  // DER
inline constexpr const char* bundle = "qdevice-net-node.p12";

inline constexpr const char* stock_passwords = "pwdfile.txt";  // Empty, as is the password.
inline constexpr const char* stock_noise = "noise.txt";

// pcs takes a directory with this name in it for initialised; the stock scripts do not.
inline constexpr const char* marker = "pkcs11.txt";

inline constexpr const char* ca_name = "QNet CA";
inline constexpr const char* server_name = "Qnetd Server";
inline constexpr const char* ca_nickname = "QNet CA";
inline constexpr const char* server_nickname = "QNetd Cert";
inline constexpr const char* cluster_nickname = "Cluster Cert";

}  // namespace castvote::certs::layout
