// What a merge tree says about pixels: the labels of a cut, and the height of every border.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "graph.hpp"
#include "shape.hpp"

namespace sen {

// The lowest common ancestor of two nodes in O(log n): every node knows the top of its chain, and
// a chain goes on into the child with more leaves, so a walk to the root meets few chains.
//
// Leaves are 0...n - 1, merge k makes node n + k of children[2 k], children[2 k + 1]; so a parent
// has a larger number than its children.
class Ancestors {
  public:
    Ancestors(const int64_t *children, int64_t n)
        : n_(n), parent_(size_t(2 * n - 1)), top_(size_t(2 * n - 1)) {
        std::vector<int64_t> leaves(size_t(2 * n - 1), 1);
        for (int64_t k = 0; k + 1 < n; ++k) {
            const int64_t a = children[2 * k], b = children[2 * k + 1];
            leaves[size_t(n + k)] = leaves[size_t(a)] + leaves[size_t(b)];
            parent_[size_t(a)] = parent_[size_t(b)] = n + k;
        }
        parent_[size_t(2 * n - 2)] = top_[size_t(2 * n - 2)] = 2 * n - 2;
        for (int64_t k = n - 2; k >= 0; --k) {
            const int64_t a = children[2 * k], b = children[2 * k + 1];
            const bool first = leaves[size_t(a)] >= leaves[size_t(b)];
            top_[size_t(first ? a : b)] = top_[size_t(n + k)];
            top_[size_t(first ? b : a)] = first ? b : a;
        }
    }

    // The merge that joins two different leaves.
    int64_t merge_of(int64_t a, int64_t b) const {
        while (top_[size_t(a)] != top_[size_t(b)]) {
            int64_t &lower = top_[size_t(a)] < top_[size_t(b)] ? a : b;
            lower = parent_[size_t(top_[size_t(lower)])];
        }
        return std::max(a, b) - n_;
    }

  private:
    const int64_t n_;
    std::vector<int64_t> parent_, top_;
};

// At every pixel the largest height at which it joins its next along x, y or z; 0 where those are
// of one region or outside.
inline void ultrametric(const int32_t *labels, const Shape &shape, const int64_t *children,
                        const double *heights, int64_t n, float *out) {
    const Ancestors ancestors(children, n);
    uint64_t last_key = pair_key(0, 0);
    float height = 0.0f;
    for_each_border_pair(labels, shape, [&](int, int64_t i, int64_t j) {
        const uint64_t key = pair_key(uint32_t(labels[i] - 1), uint32_t(labels[j] - 1));
        if (key != last_key) {
            last_key = key;
            height = float(heights[ancestors.merge_of(labels[i] - 1, labels[j] - 1)]);
        }
        out[i] = std::max(out[i], height);
    });
}

// At every pixel the largest value of a border with its next along x, y or z; 0 where those are of
// one region, outside, or share no border that is listed. `keys` (see pair_key) rise.
inline void border_values(const int32_t *labels, const Shape &shape, const int64_t *keys,
                          const float *values, int64_t n_borders, float *out) {
    const int64_t *end = keys + n_borders;
    int64_t last_key[3] = {-1, -1, -1};
    float last_value[3] = {0.0f, 0.0f, 0.0f};
    for_each_border_pair(labels, shape, [&](int axis, int64_t i, int64_t j) {
        const int64_t key = int64_t(pair_key(uint32_t(labels[i] - 1), uint32_t(labels[j] - 1)));
        if (key != last_key[axis]) {
            const int64_t *at = std::lower_bound(keys, end, key);
            last_key[axis] = key;
            last_value[axis] = at != end && *at == key ? values[at - keys] : 0.0f;
        }
        out[i] = std::max(out[i], last_value[axis]);
    });
}

// out[i] = table[labels[i]].
inline void relabel(const int32_t *labels, int64_t pixels, const int32_t *table, int32_t *out) {
    for (int64_t i = 0; i < pixels; ++i) out[i] = table[labels[i]];
}

}  // namespace sen
