// Correlate one axis of an array with symmetric weights: the Gaussian, axis by axis.
//
// The array is (outer, length, inner); a panel of a few inner numbers is copied as doubles, with
// what the weights see beyond both ends, and the sums of many neighbours run side by side. They
// are added as scipy.ndimage.correlate1d adds them: the centre, then the pairs from the farthest.
//
// tests/reference/gaussian.py is the slow, readable twin; both round alike.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

namespace sen {

struct CorrelateProblem {
    float *values;  // (outer, length, inner), replaced by the result
    int64_t outer, length, inner;
    const double *weights;  // of the centre and of distances 1 ... radius
    int64_t radius;
    bool reflect;  // beyond the ends: mirrored, the last number twice; else the last number goes on
};

class Correlation {
  public:
    explicit Correlation(const CorrelateProblem &p)
        : p_(p), width_(std::min<int64_t>(p.inner, 32)),
          panel_(size_t((p.length + 2 * p.radius) * width_)) {}

    void run() {
        for (int64_t o = 0; o < p_.outer; ++o)
            for (int64_t first = 0; first < p_.inner; first += width_) {
                const int64_t width = std::min(width_, p_.inner - first);
                float *values = p_.values + o * p_.length * p_.inner + first;
                load(values, width);
                const int64_t rows = std::max<int64_t>(1, kBlock / width);
                for (int64_t i = 0; i < p_.length; i += rows)
                    correlate(i, std::min(rows, p_.length - i), width, values + i * p_.inner);
            }
    }

  private:
    static constexpr int64_t kBlock = 128;  // sums at a time: they stay in the first cache

    // Where the number at a place along the axis, which may lie beyond the ends, comes from.
    int64_t source(int64_t i) const {
        if (!p_.reflect) return std::min(std::max<int64_t>(i, 0), p_.length - 1);
        const int64_t period = 2 * p_.length;
        const int64_t within = (i % period + period) % period;
        return std::min(within, period - 1 - within);
    }

    void load(const float *values, int64_t width) {
        for (int64_t i = 0; i < p_.radius; ++i) {
            copy(values + source(i - p_.radius) * p_.inner, 1, width, i);
            copy(values + source(p_.length + i) * p_.inner, 1, width, p_.radius + p_.length + i);
        }
        copy(values, p_.length, width, p_.radius);
    }

    // Copy rows of a panel to the one with this number.
    void copy(const float *from, int64_t rows, int64_t width, int64_t number) {
        double *to = panel_.data() + number * width;
        if (width == p_.inner) {  // one piece of memory
            width *= rows;
            rows = 1;
        }
        for (int64_t i = 0; i < rows; ++i, from += p_.inner, to += width)
            for (int64_t c = 0; c < width; ++c) to[c] = double(from[c]);
    }

    void correlate(int64_t first, int64_t rows, int64_t width, float *out) {
        const int64_t count = rows * width;
        const double *centre = panel_.data() + (first + p_.radius) * width;
        double sum[kBlock];
        for (int64_t k = 0; k < count; ++k) sum[k] = centre[k] * p_.weights[0];
        for (int64_t far = p_.radius; far > 0; --far) {
            const double *before = centre - far * width, *after = centre + far * width;
            const double weight = p_.weights[far];
            for (int64_t k = 0; k < count; ++k) sum[k] += (before[k] + after[k]) * weight;
        }
        const int64_t piece = width == p_.inner ? count : width;
        for (int64_t k = 0; k < count; k += piece, out += p_.inner)
            for (int64_t c = 0; c < piece; ++c) out[c] = float(sum[k + c]);
    }

    const CorrelateProblem &p_;
    const int64_t width_;
    std::vector<double> panel_;
};

}  // namespace sen
