// How much the histograms of the two halves of discs differ, around every pixel and for several
// orientations of the dividing line: the first stage of the Pb boundary detectors.
//
// Discs of several radii lie around one centre, all cut into the same 2 * kOrientations sectors; a
// half is a run of sectors. A pixel spreads 16 units over two neighbouring bins, so histograms are
// whole numbers, and every row is kept as running sums along x. Where a row of a disc goes over
// from one sector to another, the running sum, all bins at once, is what the left one gains and
// the right one loses. Between sectors these places lie on a ray from the centre, so both share
// its sum, and so does the next larger disc, which only makes the ray longer; where a row meets
// the edge of the disc, one sector alone begins or ends. All sums wrap around 2^16, those of
// sectors do not, as no sector of a disc of radius 100 holds 4096 pixels.
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
constexpr int kSectors = 2 * kOrientations;
constexpr uint16_t kOutside = 0xffff;

// A place, relative to the centre, before whose pixel a row of a disc changes its sector.
struct Turn {
    int32_t dy, dx;
};

// What the turns of one disc, beyond those of the next smaller one, are to sector s: on the ray
// between it and the next one, its begins, its ends.
enum TurnKind { kRay, kBegin, kEnd, kTurnKinds };

struct HalfDiscProblem {
    const uint16_t *codes;  // (y, x): 16 times the position among the bins, or kOutside
    int64_t y, x;
    std::vector<Turn> turns;     // disc by disc from the smallest, kind by kind, sector by sector
    std::vector<int64_t> after;  // the first turn beyond each of these groups
    int64_t radius;              // the largest
    int64_t step;                // every so many pixels along both axes, starting with the first
    float weight;
};

// A histogram has Bins entries and, in the four after them, the number of units in all.
template <int Bins>
class HalfDisc {
    static constexpr int kLanes = Bins + 4;
    static constexpr int kBlock = 2;  // centres at a time: their sums stay in registers
    using Units = std::array<uint16_t, kLanes>;

  public:
    explicit HalfDisc(const HalfDiscProblem &p)
        : p_(p), stride_((p.x + 2 * p.radius + 1 + kBlock * p.step) * kLanes),
          rows_(2 * p.radius + 1), sums_(size_t(rows_ * stride_)), units_(16 * (Bins - 1) + 1),
          places_(p.turns.size()) {
        for (size_t code = 0; code < units_.size(); ++code) {
            const size_t bin = code >> 4, part = code & 15;
            units_[code][Bins] = 16;
            units_[code][bin] = uint16_t(16 - part);
            if (part) units_[code][bin + 1] = uint16_t(part);
        }
    }

    // Add weight * chi-square, disc by disc, to out (ceil(y / step), ceil(x / step),
    // kOrientations). `poll(rows)` may throw to stop.
    template <typename Poll>
    void run(float *out, Poll &&poll) {
        for (int64_t y = 0; y < p_.radius && y < p_.y; ++y) fill(y);
        for (int64_t y = 0; y < p_.y; ++y) {
            if (y + p_.radius < p_.y)
                fill(y + p_.radius);
            else
                clear(y + p_.radius);
            if (y % p_.step == 0) {
                find_places(y);
                const int64_t count = (p_.x + p_.step - 1) / p_.step;
                for (int64_t k = 0; k < count; k += kBlock)
                    compare(k * p_.step, std::min<int64_t>(kBlock, count - k),
                            out + k * kOrientations);
                out += count * kOrientations;
            }
            if ((y & 0x1f) == 0) poll(y);
        }
    }

  private:
    // Sums of a block of centres.
    struct Block {
        uint16_t value[kBlock][kLanes];
    };

    // The running sums of row y, padded so that discs never leave them: entry x + radius is the
    // sum of all pixels before x.
    uint16_t *row(int64_t y) { return &sums_[size_t((y + rows_) % rows_ * stride_)]; }

    void clear(int64_t y) { std::fill_n(row(y), stride_, uint16_t(0)); }

    void fill(int64_t y) {
        uint16_t *at = row(y);
        const uint16_t *end = at + stride_;
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
        for (at += kLanes; at < end; at += kLanes) std::copy_n(sum.data(), kLanes, at);
    }

    // Where the running sums at every turn are for the first pixel of row y.
    void find_places(int64_t y) {
        for (size_t i = 0; i < places_.size(); ++i)
            places_[i] = row(y + p_.turns[i].dy) + (p_.radius + p_.turns[i].dx) * kLanes;
    }

    // Add the running sums at the turns of one group.
    void gather(int64_t group, int64_t along, Block &sum) const {
        const size_t last = size_t(p_.after[size_t(group)]);
        const int64_t next = p_.step * kLanes;
        Block found = sum;
        for (size_t i = group ? size_t(p_.after[size_t(group) - 1]) : 0; i < last; ++i) {
            const uint16_t *at = places_[i] + along;
            for (int k = 0; k < kBlock; ++k)
                for (int b = 0; b < kLanes; ++b)
                    found.value[k][b] = uint16_t(found.value[k][b] + at[k * next + b]);
        }
        sum = found;
    }

    // Add what the discs around `count` centres from x on have to say.
    void compare(int64_t x, int64_t count, float *out) {
        Block ray[kSectors] = {}, sector[kSectors];
        const int64_t along = x * kLanes;
        for (int64_t group = 0; group < int64_t(p_.after.size()); group += kTurnKinds * kSectors) {
            for (int s = 0; s < kSectors; ++s) gather(group + kRay * kSectors + s, along, ray[s]);
            for (int s = 0; s < kSectors; ++s) {
                Block begin{}, end{};
                gather(group + kBegin * kSectors + s, along, begin);
                gather(group + kEnd * kSectors + s, along, end);
                // Below the centre sectors follow each other from right to left.
                const Block &own = ray[s], &before = ray[(s + kSectors - 1) % kSectors];
                const int sign = s < kOrientations ? -1 : 1;
                const int other = s > 0 && s <= kOrientations ? -1 : 1;
                for (int k = 0; k < kBlock; ++k)
                    for (int b = 0; b < kLanes; ++b)
                        sector[s].value[k][b] = uint16_t(
                            end.value[k][b] - begin.value[k][b] + sign * own.value[k][b] -
                            other * before.value[k][b]);
            }
            for (int64_t k = 0; k < count; ++k) add_differences(sector, k, out + k * kOrientations);
        }
    }

    void add_differences(const Block *sector, int64_t k, float *out) const {
        // Whole numbers below 2^24, which floats hold exactly.
        float half[2][kLanes] = {};
        for (int s = 0; s < kSectors; ++s)
            for (int b = 0; b < kLanes; ++b)
                half[s / kOrientations][b] += float(sector[s].value[k][b]);
        for (int o = 0; o < kOrientations; ++o) {
            out[o] += p_.weight * chi_square(half[0], half[1]);
            // Turn the line by one sector: each half gives its first one to the other.
            const uint16_t *to = sector[o + kOrientations].value[k], *from = sector[o].value[k];
            for (int b = 0; b < kLanes; ++b) {
                const float turn = float(int32_t(to[b]) - int32_t(from[b]));
                half[0][b] += turn;
                half[1][b] -= turn;
            }
        }
    }

    // 1/2 sum (u - v)^2 / (u + v) of the histograms as shares; 0 where a half is empty. Bin b is
    // added in lane b % 4, in a fixed order: the same with and without SIMD.
    static float chi_square(const float *a, const float *b) {
        if (a[Bins] == 0.0f || b[Bins] == 0.0f) return 0.0f;
        const float share_a = 1.0f / a[Bins], share_b = 1.0f / b[Bins];
        // Shares are above 1e-7 or 0: added to their sum this only keeps 0 / 0 out.
        constexpr float kNothing = 1e-30f;
        float lane[4] = {};
#if defined(__GNUC__) && !defined(NAPARI_SEN_PORTABLE)
        typedef float float4 __attribute__((vector_size(16)));
        float4 total = {0.0f, 0.0f, 0.0f, 0.0f};
        for (int i = 0; i < Bins; i += 4) {
            float4 u, v;
            std::memcpy(&u, a + i, 16);
            std::memcpy(&v, b + i, 16);
            u *= share_a;
            v *= share_b;
            total += (u - v) * (u - v) / (u + v + kNothing);
        }
        std::memcpy(lane, &total, 16);
#else
        for (int i = 0; i < Bins; i += 4)
            for (int l = 0; l < 4; ++l) {
                const float u = a[i + l] * share_a, v = b[i + l] * share_b;
                lane[l] += (u - v) * (u - v) / (u + v + kNothing);
            }
#endif
        return 0.5f * ((lane[0] + lane[1]) + (lane[2] + lane[3]));
    }

    const HalfDiscProblem &p_;
    const int64_t stride_, rows_;
    std::vector<uint16_t> sums_;
    std::vector<Units> units_;              // what a pixel of each code adds to a histogram
    std::vector<const uint16_t *> places_;  // of the problem's turns
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
