// network.cpp -- see network.hpp.
// SPDX-License-Identifier: BSD-3-Clause
#include "tests/simulate/network.hpp"

#include <algorithm>
#include <memory>
#include <vector>

namespace castvote::simulate {

template <class What>
void Network::carry(Direction& direction, What what) {
    direction.under_way.emplace_back(std::move(what));
    if (direction.is_up && machine_is_on_) send_one(direction);
}

// The first of those under way arrives. Cut in the meantime, it is sent again later.
void Network::send_one(Direction& direction) {
    const Micros arrival =
        std::max(schedule_.now() + dice_.between(100, ms(4)), direction.clear_at + 1);
    direction.clear_at = arrival;
    schedule_.after(arrival - schedule_.now(), [&direction, cuts = direction.cuts] {
        if (direction.cuts != cuts) return;
        Task what = std::move(direction.under_way.front());
        direction.under_way.pop_front();
        what.run_once();
    });
}

void Network::set_direction(Direction& direction, bool is_up) {
    if (direction.is_up == is_up) return;
    direction.is_up = is_up;
    if (!machine_is_on_) return;
    if (is_up)
        resume(direction);
    else
        cut(direction);
}

// TCP finds out by its retransmission timer.
void Network::resume(Direction& direction) {
    direction.clear_at = schedule_.now() + dice_.between(ms(1), ms(1500));
    for (std::size_t i = 0; i < direction.under_way.size(); ++i) send_one(direction);
}

void Network::set_link(NodeId node, bool to_arbiter, bool from_arbiter) {
    Link& link = links_.at(node);
    set_direction(link.to_arbiter, to_arbiter);
    set_direction(link.from_arbiter, from_arbiter);
}

void Network::connect(NodeId node) {
    Link& link = links_.at(node);
    const ConnectionId connection = ++last_;
    link.at_node = connection;
    link.is_open = false;
    carry(link.to_arbiter, [this, node, connection] {
        Link& l = links_.at(node);
        const bool accepts = arbiter_->is_listening();
        // The arbiter's kernel accepts; the SYN of an attempt which was given up opens nothing.
        if (accepts && l.at_node == connection) {
            at_arbiter_[connection] = node;
            arbiter_->opened(connection, node);
        }
        carry(l.from_arbiter, [this, node, connection, accepts] {
            Link& back = links_.at(node);
            if (back.at_node != connection || back.end == nullptr) return;
            if (accepts) {
                back.is_open = true;
                back.end->connected();
            } else {
                drop_at_node(node, connection, Ending::reset);
            }
        });
    });
}

void Network::drop_at_node(NodeId node, ConnectionId connection, Ending ending) {
    Link& link = links_.at(node);
    if (link.at_node != connection || link.end == nullptr) return;
    const bool was_open = link.is_open;
    link.at_node = 0;
    link.is_open = false;
    link.end->lost(!was_open, ending);
}

void Network::send_from_node(NodeId node, wire::Message&& message) {
    Link& link = links_.at(node);
    if (!link.is_open) return;
    carry(link.to_arbiter, [this, node, connection = link.at_node,
                            letter = std::make_unique<wire::Message>(std::move(message))] {
        if (at_arbiter_.contains(connection)) {
            arbiter_->received(connection, std::move(*letter));
        } else {
            carry(links_.at(node).from_arbiter,
                  [this, node, connection] { drop_at_node(node, connection, Ending::reset); });
        }
    });
}

void Network::close_from_node(NodeId node) {
    Link& link = links_.at(node);
    const ConnectionId connection = link.at_node;
    link.at_node = 0;
    link.is_open = false;
    if (connection == 0) return;
    carry(link.to_arbiter, [this, connection] {
        if (at_arbiter_.erase(connection) != 0) arbiter_->closed(connection, Ending::end_of_stream);
    });
}

void Network::vanish(NodeId node) {
    Link& link = links_.at(node);
    link.at_node = 0;
    link.is_open = false;
}

void Network::send_from_arbiter(ConnectionId connection, wire::Message&& message) {
    const auto found = at_arbiter_.find(connection);
    if (found == at_arbiter_.end()) return;
    const NodeId node = found->second;
    carry(links_.at(node).from_arbiter,
          [this, node, connection, letter = std::make_unique<wire::Message>(std::move(message))] {
              Link& link = links_.at(node);
              if (link.at_node == connection && link.is_open && link.end != nullptr) {
                  link.end->received(std::move(*letter));
              } else {
                  // Nobody there any more: the node's kernel answers with a reset.
                  carry(link.to_arbiter, [this, connection] {
                      if (at_arbiter_.erase(connection) != 0)
                          arbiter_->closed(connection, Ending::reset);
                  });
              }
          });
}

void Network::close_from_arbiter(ConnectionId connection) {
    const auto found = at_arbiter_.find(connection);
    if (found == at_arbiter_.end()) return;
    const NodeId node = found->second;
    at_arbiter_.erase(found);
    carry(links_.at(node).from_arbiter,
          [this, node, connection] { drop_at_node(node, connection, Ending::end_of_stream); });
}

void Network::arbiter_died() {
    std::vector<ConnectionId> open;
    for (const auto& [connection, node] : at_arbiter_) open.push_back(connection);
    for (const ConnectionId connection : open) close_from_arbiter(connection);
}

void Network::arbiter_lost_power() {
    at_arbiter_.clear();
    for (auto& [node, link] : links_) {
        cut(link.from_arbiter);
        link.from_arbiter.under_way.clear();
    }
}

void Network::set_arbiter_machine(bool is_on) {
    if (machine_is_on_ == is_on) return;
    machine_is_on_ = is_on;
    for (auto& [node, link] : links_) {
        for (Direction* direction : {&link.to_arbiter, &link.from_arbiter}) {
            if (!direction->is_up) continue;
            if (is_on)
                resume(*direction);
            else
                cut(*direction);
        }
    }
}

void Network::reset_at_arbiter(NodeId node) {
    const ConnectionId connection = links_.at(node).at_node;
    if (connection != 0 && at_arbiter_.erase(connection) != 0)
        arbiter_->closed(connection, Ending::reset);
}

bool Network::reset_at_both(NodeId node) {
    const ConnectionId connection = links_.at(node).at_node;
    if (connection == 0 || !at_arbiter_.contains(connection)) return false;
    reset_at_arbiter(node);
    drop_at_node(node, connection, Ending::reset);
    return true;
}

}  // namespace castvote::simulate
