// A lazy random walk on the region adjacency graph: how far apart neighbours still are when like
// regions, joined by chains of cheap borders, have evened out.
//
//   W_ab = l_ab exp(-c_ab / s),   P = (I + D^-1 W) / 2,   X = P^t f,   x_ab = |X_a - X_b|
//
// with border lengths l, costs c of crossing them, mean features f and the diagonal D of the sums
// of W. A region's row of D^-1 W is taken relative to its cheapest border, so that no row vanishes
// however dear all its borders are; a region without a border keeps its features. All sums run in
// the order of the edges.
//
// tests/reference/walk.py is the slow, readable twin; both round alike, operation by operation.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "distance.hpp"

namespace sen {

struct WalkProblem {
    int64_t n;  // regions
    int64_t channels;
    const double *features;  // (n, channels): means of the regions
    int64_t n_edges;
    const int32_t *edges;  // (n_edges, 2): two regions; every pair at most once
    const double *length;  // (n_edges), above 0
    const double *cost;    // (n_edges), at least 0
    double scale;          // s, above 0
};

// e^-x for x >= 0 by sums, products and powers of 2 only, which round alike on every machine;
// exp() does not.
inline double exp_minus(double x) {
    if (!(x < 700.0)) return 0.0;
    const double halvings = std::floor(x * 1.4426950408889634 + 0.5);
    // ln 2 in two parts, the first with zeros at its end: its product is exact.
    const double rest =
        (halvings * 0.693147180369123816490 - x) + halvings * 1.90821492927058770002e-10;
    double sum = 1.0;
    for (int i = 14; i > 0; --i) sum = 1.0 + sum * rest / double(i);
    return std::ldexp(sum, -int(halvings));
}

// What it costs to merge two neighbours, sizes apart: |f_a - f_b| + c_b B_ab.
inline void edge_costs(const WalkProblem &p, const double *strength, double boundary_weight,
                       double *out) {
    for (int64_t e = 0; e < p.n_edges; ++e) {
        const double *u = p.features + p.edges[2 * e] * p.channels;
        const double *v = p.features + p.edges[2 * e + 1] * p.channels;
        out[e] = distance(u, v, p.channels) + boundary_weight * (strength[e] / p.length[e]);
    }
}

// `kLanes` channels at a time: what is known of a border serves them all, and a block of all
// regions stays in cache.
template <int kLanes>
class Walk {
  public:
    explicit Walk(const WalkProblem &p)
        : p_(p), first_(size_t(p.n) + 1), halves_(size_t(2 * p.n_edges)) {
        std::vector<double> cheapest(size_t(p.n), std::numeric_limits<double>::infinity());
        for (int64_t i = 0; i < 2 * p.n_edges; ++i) {
            const size_t r = size_t(p.edges[i]);
            ++first_[r + 1];
            cheapest[r] = std::min(cheapest[r], p.cost[i >> 1]);
        }
        for (size_t r = 1; r < first_.size(); ++r) first_[r] += first_[r - 1];
        std::vector<int64_t> next(first_.begin(), first_.end() - 1);
        for (int64_t i = 0; i < 2 * p.n_edges; ++i) {
            const size_t r = size_t(p.edges[i]);
            const double dearer = p.cost[i >> 1] - cheapest[r];
            halves_[size_t(next[r]++)] = {p.edges[i ^ 1],
                                          p.length[i >> 1] * exp_minus(dearer / p.scale)};
        }
        for (size_t r = 0; r < size_t(p.n); ++r) normalise(r);
    }

    // Write x after a number of steps to out (n_edges). `poll()` is called after every step of a
    // block of channels and may throw to stop.
    template <typename Poll>
    void run(int64_t steps, double *out, Poll &&poll) {
        std::fill_n(out, p_.n_edges, 0.0);
        std::vector<Lanes> here(static_cast<size_t>(p_.n)), next(static_cast<size_t>(p_.n));
        for (int64_t c = 0; c < p_.channels; c += kLanes) {
            load(c, here);
            for (int64_t k = 0; k < steps; ++k) {
                step(here, next);
                here.swap(next);
                poll();
            }
            add_squares(here, out);
        }
        for (int64_t e = 0; e < p_.n_edges; ++e) out[e] = std::sqrt(out[e]);
    }

  private:
    struct Lanes {
        double value[kLanes];
    };
    struct Half {
        int32_t other;
        double weight;
    };

    // The region's borders get half of its next features, in shares of their weights.
    void normalise(size_t r) {
        double sum = 0.0;
        for (int64_t h = first_[r]; h < first_[r + 1]; ++h) sum += halves_[size_t(h)].weight;
        for (int64_t h = first_[r]; h < first_[r + 1]; ++h)
            halves_[size_t(h)].weight = 0.5 * (halves_[size_t(h)].weight / sum);
    }

    void load(int64_t c, std::vector<Lanes> &block) const {
        const int64_t used = std::min<int64_t>(kLanes, p_.channels - c);
        for (int64_t r = 0; r < p_.n; ++r)
            for (int64_t i = 0; i < kLanes; ++i)
                block[size_t(r)].value[i] = i < used ? p_.features[r * p_.channels + c + i] : 0.0;
    }

    void step(const std::vector<Lanes> &from, std::vector<Lanes> &to) const {
        for (size_t r = 0; r < from.size(); ++r) {
            if (first_[r] == first_[r + 1]) {
                to[r] = from[r];
                continue;
            }
            Lanes sum;
            for (int i = 0; i < kLanes; ++i) sum.value[i] = 0.5 * from[r].value[i];
            for (int64_t h = first_[r]; h < first_[r + 1]; ++h) {
                const Half &half = halves_[size_t(h)];
                const Lanes &other = from[size_t(half.other)];
                for (int i = 0; i < kLanes; ++i) sum.value[i] += half.weight * other.value[i];
            }
            to[r] = sum;
        }
    }

    void add_squares(const std::vector<Lanes> &block, double *out) const {
        for (int64_t e = 0; e < p_.n_edges; ++e) {
            const Lanes &u = block[size_t(p_.edges[2 * e])];
            const Lanes &v = block[size_t(p_.edges[2 * e + 1])];
            for (int i = 0; i < kLanes; ++i)
                out[e] += (u.value[i] - v.value[i]) * (u.value[i] - v.value[i]);
        }
    }

    const WalkProblem &p_;
    std::vector<int64_t> first_;  // of every region's borders, and the end
    std::vector<Half> halves_;
};

template <typename Poll>
void walk(const WalkProblem &problem, int64_t steps, double *out, Poll &&poll) {
    if (problem.channels <= 4)
        Walk<4>(problem).run(steps, out, poll);
    else
        Walk<10>(problem).run(steps, out, poll);
}

}  // namespace sen
