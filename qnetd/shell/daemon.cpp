// daemon.cpp -- see daemon.hpp. The order of the start: certificates, lock, store,
// control socket, listener, threads, ready; whatever fails is told to the one who started us before
// anything is served.
// SPDX-License-Identifier: BSD-3-Clause
#include "qnetd/shell/daemon.hpp"

#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <boost/asio/signal_set.hpp>
#include <csignal>
#include <cstdio>

#include "certs/arbiter_directory.hpp"
#include "common/ipc/server.hpp"
#include "common/net/clock.hpp"
#include "common/net/notify.hpp"
#include "common/net/process.hpp"
#include "common/net/watchdog.hpp"
#include "common/wire/describe.hpp"
#include "qnetd/shell/certificates.hpp"
#include "qnetd/shell/control.hpp"
#include "qnetd/shell/join_relay.hpp"
#include "qnetd/shell/listener.hpp"
#include "qnetd/shell/state.hpp"

namespace castvote::qnetd {

namespace {

struct Failure {
    ExitStatus status;
    std::string line;
};

Expected<std::optional<net::TlsContext>, Failure> first_tls(const Options& options) {
    const auto fail = [](const std::string& line) {
        return Unexpected<Failure>(Failure{ExitStatus::certificates, line});
    };
    if (options.makes_certificates && options.arbiter.tls != wire::TlsSupported::unsupported &&
        certs::arbiter_format(options.certificates) == certs::Format::none) {
        const auto made = certs::init_arbiter(options.certificates, certs::GroupWrite::no);
        if (!made) return fail(made.error().what + "; " + made.error().remedy);
        net::log(net::LogLevel::notice, "made certificates; the nodes need " + made->file.string());
    }
    auto tls = load_tls(options);
    if (!tls) return fail(tls.error());
    return std::move(*tls);
}

// As many descriptors as we may have: every node of every cluster is one.
void raise_descriptor_limit() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    limit.rlim_cur = limit.rlim_max;
    static_cast<void>(::setrlimit(RLIMIT_NOFILE, &limit));
}

ipc::Settings ipc_settings(const Options& options) {
    ipc::Settings settings;
    settings.path = options.local_socket;
    settings.clients_max = options.ipc_clients_max;
    settings.request_size_max = options.ipc_receive_size_max;
    settings.reply_size_max = options.ipc_send_size_max;
    settings.backlog = options.local_socket_backlog;
    settings.umask = options.local_socket_umask;
    settings.group = options.local_socket_group;
    return settings;
}

class Daemon {
public:
    explicit Daemon(const Options& options)
        : options_(options),
          started_(net::now()),
          signals_(main_, SIGTERM, SIGINT),
          joins_(main_, options_.local_socket),
          control_(main_, options_, common_, started_, [this] { main_.stop(); }) {}

    ~Daemon() {
        listener_.reset();
        control_socket_.reset();
        for (const auto& shard : common_.shards) shard->loop().stop();
        store_.reset();  // it tells the shards
    }

    Expected<void, Failure> start() {
        auto tls = first_tls(options_);
        if (!tls) return Unexpected<Failure>(tls.error());
        common_.settings = options_.arbiter;
        common_.joins = &joins_;
        common_.tls = std::move(*tls);
        auto names = load_names(options_);
        if (!names) return Unexpected<Failure>(Failure{ExitStatus::certificates, names.error()});
        common_.names = std::move(*names);
        common_.limits.message_receive_size_max = options_.arbiter.message_receive_size_max;
        common_.limits.queue_messages_max = options_.send_buffers_max;
        common_.limits.handshake_timeout =
            std::min(common_.limits.handshake_timeout, options_.arbiter.init_timeout);
        if (auto locked = lock(); !locked) return locked;
        if (auto opened = make_shards(); !opened) return opened;
        if (auto listening = listen(); !listening) return listening;
        // Who could not listen has not been the arbiter: that leaves no trace in the store.
        if (store_) store_->begin();
        signals_.async_wait([this](const net::error_code& error, int) {
            if (!error) main_.stop();
        });
        return {};
    }

    void run() {
        for (const auto& shard : common_.shards) {
            shard->wake();
            shard->loop().start();
        }
        std::vector<net::Shard*> loops;
        for (const auto& shard : common_.shards) loops.push_back(&shard->loop());
        watchdog_.emplace(main_, std::move(loops));
        control_.read_lists_again();
        main_.run();
    }

private:
    Expected<void, Failure> lock() {
        if (options_.lock_file.empty()) return {};
        auto file = net::PidFile::take(options_.lock_file);
        if (!file)
            return Unexpected<Failure>(Failure{
                file.error().another_instance ? ExitStatus::running : ExitStatus::local_socket,
                file.error().text});
        pid_file_.emplace(std::move(*file));
        return {};
    }

    Expected<void, Failure> make_shards() {
        auto opened = open_state(options_);
        if (!opened) return Unexpected<Failure>(Failure{ExitStatus::state, opened.error()});
        store_ = std::move(*opened);
        started_ = net::now();  // after what the store takes for now
        common_.store = store_.get();
        common_.settings.durable_grants = store_ != nullptr;
        const auto shard_of = [this](const std::string& cluster) {
            return Common::place_of(common_.names.nearest(cluster), options_.shards);
        };
        if (store_) tell_of_clusters_apart();
        for (std::size_t i = 0; i < options_.shards; ++i) {
            const Memory memory =
                store_ ? part_of(store_->memory(),
                                 [&](const std::string& name) { return shard_of(name) == i; })
                       : Memory();
            common_.shards.push_back(std::make_unique<ArbiterShard>(common_, started_, memory));
        }
        return {};
    }

    // Renamed while the arbiter knew both names, which only a hand or an old list can bring about.
    void tell_of_clusters_apart() const {
        for (const auto& [cluster, restored] : store_->memory().records)
            if (const std::string& other = common_.names.nearest(cluster); other != cluster)
                net::log(
                    net::LogLevel::warning,
                    fmt::format("cluster {} has a record of its own, but the list of names takes "
                                "it for {}: until none of its nodes is connected or may count the "
                                "vote, these are two clusters, and whoever comes by another name "
                                "is refused if there is no cluster of exactly that name",
                                wire::quoted(cluster), wire::quoted(other)));
    }

    Expected<void, Failure> listen() {
        auto local =
            ipc::Server::listen(main_, ipc_settings(options_),
                                [this](std::vector<std::string> words, ipc::Answer answer) {
                                    control_.handle(std::move(words), std::move(answer));
                                });
        if (!local)
            return Unexpected<Failure>(Failure{
                ExitStatus::local_socket,
                fmt::format("{}; choose another path with {}", local.error(),
                            options_.stock_name ? "-S local_socket_file=PATH" : "--socket PATH")});
        control_socket_ = std::move(*local);
        auto listener = Listener::open(main_, options_, common_);
        if (!listener)
            return Unexpected<Failure>(
                Failure{ExitStatus::address,
                        fmt::format("{}; stop the program that uses it, or choose another with {}",
                                    listener.error(),
                                    options_.stock_name ? "-l or -p" : "--listen or --port")});
        listener_ = std::move(*listener);
        return {};
    }

    const Options& options_;
    Instant started_;
    net::asio::io_context main_{1};
    net::asio::signal_set signals_;
    JoinRelay joins_;
    Common common_;
    Control control_;
    std::unique_ptr<store::Store> store_;
    std::optional<net::PidFile> pid_file_;
    std::unique_ptr<ipc::Server> control_socket_;
    std::unique_ptr<Listener> listener_;
    std::optional<net::Watchdog> watchdog_;
};

void start_log(const Options& options, bool to_terminal) {
    net::LogSettings log;
    log.ident = options.stock_name ? "corosync-qnetd" : "qnetd";
    log.lowest = options.log_level;
    log.to_stderr = to_terminal;
    log.to_syslog = options.stock_name;
    log.syslog_debug_as_info = options.log_debug_as_info;
    log.stock_format = options.stock_name;
    net::log_start(log);
}

}  // namespace

ExitStatus run_daemon(Options options) {
    std::optional<net::Background> background;
    if (!options.foreground) {
        auto entered = net::Background::enter();
        if (!entered) {
            std::fprintf(stderr, "%s\n", entered.error().c_str());
            return ExitStatus::failed;
        }
        background.emplace(std::move(*entered));
    }
    start_log(options, /*to_terminal=*/true);
    raise_descriptor_limit();
    std::signal(SIGPIPE, SIG_IGN);
    Daemon daemon(options);
    if (auto started = daemon.start(); !started) {
        const Failure& failure = started.error();
        net::log(net::LogLevel::error, failure.line);
        // The stock daemon in the background calls it a success that somebody else is serving.
        const bool fine = background && failure.status == ExitStatus::running;
        net::log_flush();
        if (background) background->report(fine ? 0 : 1);
        return failure.status;
    }
    net::log(net::LogLevel::notice, fmt::format("ready: listening on {}:{}, control socket {}",
                                                options.address.empty() ? "*" : options.address,
                                                options.port, options.local_socket));
    if (background) {
        start_log(options, /*to_terminal=*/false);
        background->report(0);
    }
    net::notify_service_manager("READY=1");
    daemon.run();
    net::notify_service_manager("STOPPING=1");
    net::log(net::LogLevel::notice, "stopped");
    return ExitStatus::stopped;
}

}  // namespace castvote::qnetd
