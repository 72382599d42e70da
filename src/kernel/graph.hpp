// The region adjacency graph of a label image: which regions share a border, how long it is and
// how strong, and what each region holds.
//
// Labels are 1...n, 0 is outside; region r is label r + 1. Two pixels are neighbours by a face.
// Every pair of pixels belongs to its first pixel in row-major order, so the graph is additive
// over the parts of an image. Sums run in row-major order, in double.
//
// tests/reference/merge.py is the slow, readable twin; both round alike, operation by operation.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <numeric>
#include <vector>

#include "shape.hpp"

namespace sen {

// What two regions share: faces and boundary strength along each axis (z, y, x).
struct Border {
    uint64_t key;  // smaller region in the upper half, larger one in the lower
    int64_t faces[3];
    double strength[3];
};

inline uint64_t pair_key(uint32_t a, uint32_t b) {
    return a < b ? uint64_t(a) << 32 | b : uint64_t(b) << 32 | a;
}

// Borders found by their pair of regions: an open-addressing hash table of positions in a list.
class Borders {
  public:
    Borders() : table_(1024, kEmpty) {}

    int64_t find_or_add(uint64_t key) {
        for (uint64_t at = hash(key);; ++at) {
            int64_t &entry = table_[size_t(at & (table_.size() - 1))];
            if (entry == kEmpty) {
                entry = int64_t(list_.size());
                list_.push_back({key, {0, 0, 0}, {0.0, 0.0, 0.0}});
                if (2 * list_.size() > table_.size()) grow();
                return int64_t(list_.size()) - 1;
            }
            if (list_[size_t(entry)].key == key) return entry;
        }
    }
    std::vector<Border> &list() { return list_; }

  private:
    static constexpr int64_t kEmpty = -1;

    static uint64_t hash(uint64_t key) {
        key = (key ^ key >> 32) * 0x9e3779b97f4a7c15u;
        return key ^ key >> 29;
    }
    void grow() {
        table_.assign(2 * table_.size(), kEmpty);
        for (size_t i = 0; i < list_.size(); ++i) {
            uint64_t at = hash(list_[i].key);
            while (table_[size_t(at & (table_.size() - 1))] != kEmpty) ++at;
            table_[size_t(at & (table_.size() - 1))] = int64_t(i);
        }
    }

    std::vector<int64_t> table_;
    std::vector<Border> list_;
};

// Call visit(axis, pixel, neighbour) for every pair of neighbours with two different labels, both
// inside, in row-major order of the first pixel; its next along x comes first, then y, then z.
template <typename Visit>
void for_each_border_pair(const int32_t *labels, const Shape &shape, Visit &&visit) {
    const int64_t row = shape.x, plane = shape.x * shape.y;
    int64_t i = 0;
    for (int64_t z = 0; z < shape.z; ++z)
        for (int64_t y = 0; y < shape.y; ++y)
            for (int64_t x = 0; x < shape.x; ++x, ++i) {
                const int32_t here = labels[i];
                if (here == 0) continue;
                const auto look = [&](int axis, int64_t other) {
                    if (labels[other] != here && labels[other] != 0) visit(axis, i, other);
                };
                if (x + 1 < shape.x) look(2, i + 1);
                if (y + 1 < shape.y) look(1, i + row);
                if (z + 1 < shape.z) look(0, i + plane);
            }
}

// Return the borders sorted by (smaller region, larger region). The strength of a pair of pixels
// is the mean of both; without a strength all sums are 0.
inline std::vector<Border> region_graph(const int32_t *labels, const float *strength,
                                        const Shape &shape) {
    Borders borders;
    // Neighbouring pairs mostly belong to the border seen last along that axis.
    uint64_t last_key[3];
    int64_t last[3];
    std::fill(last_key, last_key + 3, std::numeric_limits<uint64_t>::max());
    for_each_border_pair(labels, shape, [&](int axis, int64_t i, int64_t j) {
        const uint64_t key = pair_key(uint32_t(labels[i] - 1), uint32_t(labels[j] - 1));
        if (key != last_key[axis]) {
            last_key[axis] = key;
            last[axis] = borders.find_or_add(key);
        }
        Border &border = borders.list()[size_t(last[axis])];
        border.faces[axis] += 1;
        if (strength) border.strength[axis] += 0.5 * (double(strength[i]) + double(strength[j]));
    });
    std::vector<Border> sorted = std::move(borders.list());
    std::sort(sorted.begin(), sorted.end(),
              [](const Border &a, const Border &b) { return a.key < b.key; });
    return sorted;
}

// Add up the pixels and the features of every region; `sizes` (n) and `sums` (n, channels) start
// at 0.
inline void region_sums(const int32_t *labels, const float *features, int64_t pixels,
                        int64_t channels, int64_t *sizes, double *sums) {
    for (int64_t i = 0; i < pixels; ++i) {
        const int64_t region = int64_t(labels[i]) - 1;
        if (region < 0) continue;
        sizes[region] += 1;
        double *sum = sums + region * channels;
        const float *feature = features + i * channels;
        for (int64_t c = 0; c < channels; ++c) sum[c] += double(feature[c]);
    }
}

}  // namespace sen
