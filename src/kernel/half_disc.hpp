// How much the histograms of the two halves of a disc differ, around every pixel and for several
// orientations of the dividing line: the first stage of the Pb boundary detectors.
//
// The disc is cut into 2 * kOrientations sectors; a half is a run of sectors. A pixel spreads 16
// units over two neighbouring bins, so histograms are whole numbers, and every row is kept as
// running sums along x: a run of pixels costs one difference, for all bins at once. The sums wrap
// around 2^16, their differences do not, as no sector of a disc of radius 100 holds 4096 pixels.
//
// tests/reference/half_disc.py is the slow, readable twin; both round alike.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <vector>

namespace sen {

constexpr int kOrientations = 8;
constexpr uint16_t kOutside = 0xffff;

// Pixels (dy, first ... last) around the centre that lie in one sector.
struct Run {
    int32_t dy, first, last, sector;
};

struct HalfDiscProblem {
    const uint16_t *codes;  // (y, x): 16 times the position among the bins, or kOutside
    int64_t y, x;
    std::vector<Run> runs;
    int64_t radius;
    int64_t step;  // every so many pixels along both axes, starting with the first
    float weight;
};

// A histogram has Bins entries and, in the four after them, the number of units in all.
template <int Bins>
class HalfDisc {
    static constexpr int kLanes = Bins + 4;
    using Units = std::array<uint16_t, kLanes>;

  public:
    explicit HalfDisc(const HalfDiscProblem &p)
        : p_(p), stride_((p.x + 2 * p.radius + 1) * kLanes), rows_(2 * p.radius + 1),
          sums_(size_t(rows_ * stride_)), units_(16 * (Bins - 1) + 1), runs_(p.runs),
          ends_(p.runs.size()) {
        for (size_t code = 0; code < units_.size(); ++code) {
            const size_t bin = code >> 4, part = code & 15;
            units_[code][Bins] = 16;
            units_[code][bin] = uint16_t(16 - part);
            if (part) units_[code][bin + 1] = uint16_t(part);
        }
        // One sector after the other: its sum stays in registers.
        std::stable_sort(runs_.begin(), runs_.end(),
                         [](const Run &a, const Run &b) { return a.sector < b.sector; });
        for (const Run &run : runs_) ++after_[run.sector];
        for (int s = 1; s < 2 * kOrientations; ++s) after_[s] += after_[s - 1];
    }

    // Add weight * chi-square to out (ceil(y / step), ceil(x / step), kOrientations). `poll(rows)` may throw to stop.
    template <typename Poll>
    void run(float *out, Poll &&poll) {
        for (int64_t y = 0; y < p_.radius && y < p_.y; ++y) fill(y);
        for (int64_t y = 0; y < p_.y; ++y) {
            if (y + p_.radius < p_.y)
                fill(y + p_.radius);
            else
                clear(y + p_.radius);
            if (y % p_.step == 0) {
                find_ends(y);
                for (int64_t x = 0; x < p_.x; x += p_.step, out += kOrientations) compare(x, out);
            }
            if ((y & 0x1f) == 0) poll(y);
        }
    }

  private:
    // The running sums of row y, padded so that a disc never leaves them: entry x + radius is the
    // sum of all pixels before x.
    uint16_t *row(int64_t y) { return &sums_[size_t((y + rows_) % rows_ * stride_)]; }

    void clear(int64_t y) { std::fill_n(row(y), stride_, uint16_t(0)); }

    void fill(int64_t y) {
        uint16_t *at = row(y);
        std::fill_n(at, (p_.radius + 1) * kLanes, uint16_t(0));
        at += p_.radius * kLanes;
        Units sum{};
        for (int64_t x = 0; x < p_.x; ++x, at += kLanes) {
            const uint16_t code = p_.codes[y * p_.x + x];
            if (code != kOutside) {
                const Units &more = units_[code];
                for (int b = 0; b < kLanes; ++b) sum[b] = uint16_t(sum[b] + more[b]);
            }
            std::copy_n(sum.data(), kLanes, at + kLanes);
        }
        for (int64_t i = 0; i < p_.radius; ++i, at += kLanes) std::copy_n(at, kLanes, at + kLanes);
    }

    // Where the sums of every run begin and end for the first pixel of row y.
    void find_ends(int64_t y) {
        for (size_t i = 0; i < runs_.size(); ++i) {
            const uint16_t *line = row(y + runs_[i].dy) + p_.radius * kLanes;
            ends_[i] = {line + runs_[i].first * kLanes, line + (runs_[i].last + 1) * kLanes};
        }
    }

    void compare(int64_t x, float *out) {
        uint16_t sector[2 * kOrientations][kLanes];
        const int64_t along = x * kLanes;
        for (int64_t s = 0, i = 0; s < 2 * kOrientations; ++s) {
            uint16_t sum[kLanes] = {};
            for (; i < after_[s]; ++i) {
                const uint16_t *from = ends_[size_t(i)].from + along;
                const uint16_t *to = ends_[size_t(i)].to + along;
                for (int b = 0; b < kLanes; ++b) sum[b] = uint16_t(sum[b] + to[b] - from[b]);
            }
            std::copy_n(sum, kLanes, sector[s]);
        }
        int32_t half[2][kLanes] = {};
        for (int s = 0; s < 2 * kOrientations; ++s)
            for (int b = 0; b < kLanes; ++b) half[s / kOrientations][b] += sector[s][b];
        for (int o = 0; o < kOrientations; ++o) {
            out[o] += p_.weight * chi_square(half[0], half[1]);
            // Turn the line by one sector: each half gives its first one to the other.
            for (int b = 0; b < kLanes; ++b) {
                const int32_t turn = int32_t(sector[o + kOrientations][b]) - sector[o][b];
                half[0][b] += turn;
                half[1][b] -= turn;
            }
        }
    }

    // 1/2 sum (u - v)^2 / (u + v) of the histograms as shares; 0 where a half is empty. Bin b is
    // added in lane b % 4, in a fixed order: the same with and without SIMD.
    static float chi_square(const int32_t *a, const int32_t *b) {
        if (a[Bins] == 0 || b[Bins] == 0) return 0.0f;
        const float share_a = 1.0f / float(a[Bins]), share_b = 1.0f / float(b[Bins]);
        float lane[4] = {};
#if defined(__GNUC__) && !defined(NAPARI_SEN_PORTABLE)
        typedef float float4 __attribute__((vector_size(16)));
        typedef int32_t int4 __attribute__((vector_size(16)));
        float4 total = {0.0f, 0.0f, 0.0f, 0.0f};
        for (int i = 0; i < Bins; i += 4) {
            int4 m, n;
            std::memcpy(&m, a + i, 16);
            std::memcpy(&n, b + i, 16);
            const float4 u = __builtin_convertvector(m, float4) * share_a;
            const float4 v = __builtin_convertvector(n, float4) * share_b;
            const float4 sum = u + v;
            // A comparison gives -1 where it is true.
            total += (u - v) * (u - v) / (sum - __builtin_convertvector(sum == 0.0f, float4));
        }
        std::memcpy(lane, &total, 16);
#else
        for (int i = 0; i < Bins; i += 4)
            for (int l = 0; l < 4; ++l) {
                const float u = float(a[i + l]) * share_a, v = float(b[i + l]) * share_b;
                const float sum = u + v;
                lane[l] += (u - v) * (u - v) / (sum + (sum == 0.0f ? 1.0f : 0.0f));
            }
#endif
        return 0.5f * ((lane[0] + lane[1]) + (lane[2] + lane[3]));
    }

    struct Ends {
        const uint16_t *from, *to;
    };

    const HalfDiscProblem &p_;
    const int64_t stride_, rows_;
    std::vector<uint16_t> sums_;
    std::vector<Units> units_;               // what a pixel of each code adds to a histogram
    std::vector<Run> runs_;                  // by sector
    std::vector<Ends> ends_;                 // of runs_
    int64_t after_[2 * kOrientations] = {};  // the first run beyond each sector
};

// 12 or 28 bins: with their counts, histograms of 32 or 64 bytes.
template <typename Poll>
void half_disc(const HalfDiscProblem &problem, bool many, float *out, Poll &&poll) {
    if (many)
        HalfDisc<28>(problem).run(out, poll);
    else
        HalfDisc<12>(problem).run(out, poll);
}

}  // namespace sen
