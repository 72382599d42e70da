// Greedy agglomeration of a region adjacency graph: the cheapest pair of neighbours merges next.
//
//   w(a, b) = (2 n_a n_b / (n_a + n_b))^p * (|f_a - f_b| + c_b B_ab) * (min(l_a, l_b) / l_ab)^q
//
// with sizes n, mean features f, mean boundary strength B along the common border, its length l_ab
// and the length l_a of all borders of a region (not that of the image, nor of a mask). Equal
// costs are decided by the smaller, then the larger region number: a total order. The region
// made by merge k has the number n + k; sizes, sums and borders add.
//
// tests/reference/merge.py is the slow, readable twin; both round alike, operation by operation.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "distance.hpp"
#include "prefetch.hpp"
#include "queue.hpp"

namespace sen {

struct MergeProblem {
    int64_t n;               // regions
    int64_t channels;
    const int64_t *sizes;    // (n)
    const double *sums;      // (n, channels)
    int64_t n_edges;
    const int32_t *edges;    // (n_edges, 2): two regions; every pair at most once
    const double *length;    // (n_edges), above 0
    const double *strength;  // (n_edges): boundary strength summed along the border
    int64_t exponent;        // p in units of 2^-16
    double boundary_weight;  // c_b
    int64_t border_exponent; // q in units of 2^-16
};

struct Merge {
    uint32_t a, b;  // a < b
    double cost;
};

// x^p by products and square roots only, which round alike on every machine; pow() does not.
class Power {
  public:
    explicit Power(int64_t exponent) : whole_(exponent >> 16), bits_(exponent & 0xffff) {}

    double operator()(double x) const {
        double result = 1.0;
        for (int64_t i = 0; i < whole_; ++i) result *= x;
        for (int64_t bits = bits_; bits != 0; bits = bits << 1 & 0xffff) {
            x = std::sqrt(x);
            if (bits & 0x8000) result *= x;
        }
        return result;
    }

  private:
    int64_t whole_, bits_;
};

class Merger {
  public:
    explicit Merger(const MergeProblem &p)
        : p_(p), power_(p.exponent), border_power_(p.border_exponent), regions_(size_t(p.n)), slot_(size_t(2 * p.n)),
          sums_(p.sums, p.sums + p.n * p.channels), means_(size_t(p.n * p.channels)),
          edges_(size_t(p.n_edges)), next_(size_t(2 * p.n_edges)), alive_(p.n_edges) {
        for (int64_t r = 0; r < p.n; ++r) {
            slot_[size_t(r)] = uint32_t(r);
            regions_[size_t(r)].id = uint32_t(r);
            regions_[size_t(r)].size = p.sizes[r];
            update_mean(uint32_t(r));
        }
        for (int64_t e = 0; e < p.n_edges; ++e) {
            Edge &edge = edges_[size_t(e)];
            edge = {{uint32_t(p.edges[2 * e]), uint32_t(p.edges[2 * e + 1])},
                    p.length[e], p.strength[e], 0.0};
            for (int side = 0; side < 2; ++side) {
                append(region(edge.id[side]), 2 * e + side);
                region(edge.id[side]).border += edge.length;
            }
        }
        for (int64_t e = 0; e < p.n_edges; ++e) edges_[size_t(e)].cost = cost(e);
        for (Region &region : regions_)
            offer(region, [this](const Entry &entry) { queue_.append(entry); });
        queue_.order();
    }

    // Merge until no neighbours are left: one tree for each connected part of the graph.
    // `poll(done)` is called every 2^12 merges and may throw to stop.
    template <typename Poll>
    std::vector<Merge> run(Poll &&poll) {
        std::vector<Merge> merges;
        merges.reserve(size_t(p_.n > 0 ? p_.n - 1 : 0));
        const auto push = [this](const Entry &entry) { queue_.push(entry); };
        while (!queue_.empty()) {
            const Entry next = queue_.pop();
            if (!queue_.empty()) look_at(queue_.top());
            if (!is_current(next)) {
                if (stands_for_others(next)) offer(region(next.b), push);
                continue;
            }
            const uint32_t made = uint32_t(p_.n + int64_t(merges.size()));
            merge(next, made);
            offer(region(made), push);
            drop_stale_entries();
            merges.push_back({next.a, next.b, next.cost});
            if ((merges.size() & 0xfff) == 0) poll(int64_t(merges.size()));
        }
        return merges;
    }

  private:
    static constexpr uint32_t kDead = std::numeric_limits<uint32_t>::max();
    static constexpr int64_t kNone = -1;
    static constexpr int kFew = 32;

    // Half-edge 2 e + side belongs to the region edges_[e].id[side]; a region's half-edges form
    // a list, so that two regions' lists are joined in one step.
    struct Region {
        int64_t size = 0;
        double border = 0.0;  // length of all its borders
        int64_t first = kNone, last = kNone;
        int64_t edge = kNone;  // the edge to the region that is being made ...
        uint32_t made = kDead;  // ... which is this one
        uint32_t id = kDead;
        bool has_few = false;  // pairs, of which one is in the queue for all
    };
    struct Edge {
        uint32_t id[2];
        double length, strength, cost;
    };
    struct Entry {
        double cost;
        uint32_t a, b;  // a < b
        int64_t edge;
        bool operator<(const Entry &other) const {
            if (cost != other.cost) return cost < other.cost;
            return a != other.a ? a < other.a : b < other.b;
        }
    };

    // A merge changes the number of a region, and with it the pair of all its edges; so an entry
    // is stale exactly if its edge has another pair by now.
    bool is_current(const Entry &entry) const {
        const Edge &edge = edges_[size_t(entry.edge)];
        return std::min(edge.id[0], edge.id[1]) == entry.a &&
               std::max(edge.id[0], edge.id[1]) == entry.b;
    }

    // Ask for what is known of a pair that is likely the next: waiting for memory is most of the
    // work.
    void look_at(const Entry &entry) const {
        prefetch(&edges_[size_t(entry.edge)]);
        prefetch(&regions_[slot_[entry.a]]);
        prefetch(&regions_[slot_[entry.b]]);
    }

    // A pair is offered by its later region. Its earlier one may merge, and then the pair is gone;
    // the later one offers another when this comes up in the queue, where it is not too late: its
    // other pairs cost more, and no pair changes its cost.
    bool stands_for_others(const Entry &entry) const {
        const Region &later = regions_[slot_[entry.b]];
        return later.id == entry.b && later.has_few;
    }

    // Put into the queue the cheapest pair of a region with an earlier one; all such pairs where
    // they are many, since finding the next among them again and again would take too long.
    template <typename Push>
    void offer(Region &region, Push &&push) {
        int64_t count = 0;
        Entry least{};
        for (int64_t half = region.first; half != kNone; half = next_[size_t(half)]) {
            const Entry pair = pair_of(half);
            if (pair.a >= pair.b) continue;  // with a later one, or merged
            if (count++ == 0 || pair < least) least = pair;
        }
        region.has_few = count <= kFew;
        if (region.has_few) {
            if (count > 0) push(least);
            return;
        }
        for (int64_t half = region.first; half != kNone; half = next_[size_t(half)]) {
            const Entry pair = pair_of(half);
            if (pair.a < pair.b) push(pair);
        }
    }

    // The pair that a half-edge makes: its other region, and its own.
    Entry pair_of(int64_t half) const {
        const Edge &edge = edges_[size_t(half >> 1)];
        return {edge.cost, edge.id[1 - (half & 1)], edge.id[half & 1], half >> 1};
    }

    Region &region(uint32_t id) { return regions_[slot_[id]]; }

    void append(Region &region, int64_t half) {
        next_[size_t(half)] = kNone;
        if (region.first == kNone)
            region.first = half;
        else
            next_[size_t(region.last)] = half;
        region.last = half;
    }

    void update_mean(uint32_t slot) {
        const double size = double(regions_[slot].size);
        for (int64_t c = 0; c < p_.channels; ++c) {
            const size_t at = size_t(int64_t(slot) * p_.channels + c);
            means_[at] = sums_[at] / size;
        }
    }

    double cost(int64_t e) const {
        const Edge &edge = edges_[size_t(e)];
        const uint32_t a = slot_[std::min(edge.id[0], edge.id[1])];
        const uint32_t b = slot_[std::max(edge.id[0], edge.id[1])];
        const double *u = &means_[size_t(a) * size_t(p_.channels)];
        const double *v = &means_[size_t(b) * size_t(p_.channels)];
        const double na = double(regions_[a].size), nb = double(regions_[b].size);
        const double difference =
            distance(u, v, p_.channels) + p_.boundary_weight * (edge.strength / edge.length);
        const double la = regions_[a].border, lb = regions_[b].border;
        const double cost = power_(2.0 * na * nb / (na + nb)) * difference;
        return cost * border_power_(std::min(la, lb) / edge.length);
    }

    // Make region `made` of the two, in the slot of the one that was first.
    void merge(const Entry &pair, uint32_t made) {
        const uint32_t slot = slot_[pair.a], gone = slot_[pair.b];
        Region &into = regions_[slot], &from = regions_[gone];
        slot_[made] = slot;
        into.id = made;
        from.id = kDead;
        into.size += from.size;
        into.border = into.border + from.border - 2.0 * edges_[size_t(pair.edge)].length;
        for (int64_t c = 0; c < p_.channels; ++c)
            sums_[size_t(slot) * size_t(p_.channels) + size_t(c)] +=
                sums_[size_t(gone) * size_t(p_.channels) + size_t(c)];
        update_mean(slot);
        kill(pair.edge);

        // The lists are read before their edges, and these before their regions, so that the
        // memory is waited for once and not for each.
        halves_.clear();
        for (int64_t half : {into.first, from.first})
            for (; half != kNone; half = next_[size_t(half)]) {
                halves_.push_back(half);
                prefetch(&edges_[size_t(half >> 1)]);
            }
        into.first = into.last = from.first = from.last = kNone;
        for (int64_t half : halves_) {
            const uint32_t other = edges_[size_t(half >> 1)].id[1 - (half & 1)];
            if (other == kDead) continue;
            prefetch(&regions_[slot_[other]]);
            prefetch(&means_[size_t(slot_[other]) * size_t(p_.channels)]);
        }
        for (int64_t half : halves_) adopt(half, into, made);
        for (int64_t half = into.first; half != kNone; half = next_[size_t(half)])
            edges_[size_t(half >> 1)].cost = cost(half >> 1);
    }

    // Give one half-edge to the new region; a second border with the same region joins the first.
    void adopt(int64_t half, Region &into, uint32_t made) {
        Edge &edge = edges_[size_t(half >> 1)];
        if (edge.id[0] == kDead) return;
        Region &other = region(edge.id[1 - (half & 1)]);
        if (other.made == made) {
            edges_[size_t(other.edge)].length += edge.length;
            edges_[size_t(other.edge)].strength += edge.strength;
            kill(half >> 1);
            return;
        }
        other.made = made;
        other.edge = half >> 1;
        edge.id[half & 1] = made;
        append(into, half);
    }

    void kill(int64_t e) {
        edges_[size_t(e)].id[0] = edges_[size_t(e)].id[1] = kDead;
        --alive_;
    }

    // Keep the queue, and so the memory, proportional to the edges that are left.
    void drop_stale_entries() {
        if (int64_t(queue_.size()) <= 3 * alive_ + 1024) return;
        queue_.keep([this](const Entry &entry) {
            return is_current(entry) || stands_for_others(entry);
        });
    }

    const MergeProblem &p_;
    const Power power_, border_power_;
    std::vector<Region> regions_;  // by slot
    std::vector<uint32_t> slot_;   // of every region number, 0...2n - 2
    std::vector<double> sums_, means_;
    std::vector<Edge> edges_;
    std::vector<int64_t> next_;    // of every half-edge
    std::vector<int64_t> halves_;  // of the region that is being made
    Heap<Entry> queue_;
    int64_t alive_;
};

}  // namespace sen
