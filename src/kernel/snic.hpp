// SNIC: superpixels grown from seeds by one priority queue.
//
// A pixel is taken by the smallest (distance, pixel index, label): a total order, so the result
// does not depend on the heap. Row-major indices keep their order under translation, and
// positions enter only relative to a superpixel's own seed; so a tile that holds all the seeds
// that matter gives, bit for bit, what the whole image gives.
//
// tests/reference/snic.py is the slow, readable twin; both round alike, operation by operation.
#pragma once

#include <cstdint>
#include <cstring>
#include <limits>
#include <vector>

#include "large_array.hpp"
#include "prefetch.hpp"
#include "queue.hpp"
#include "shape.hpp"

namespace sen {

struct SnicProblem {
    const float *features;     // (z, y, x, channels)
    int64_t channels;
    Shape shape;
    const int64_t *seeds;      // flat pixel indices, in label order
    int64_t n_seeds;
    const uint8_t *mask;       // 0 = outside; null = everything is inside
    const float *boundary;     // cost added to every distance of a pixel; null = none
    float spatial_weight[3];   // (spacing * compactness / s)^2 for z, y, x
    bool corners;              // neighbours also by edges and corners
};

// Sum of squared differences in four float lanes (channel c in lane c % 4), added in a fixed
// order: fast with and without SIMD, and the same to the last bit.
template <int Fixed>
inline float feature_distance(const float *a, const float *b, int64_t channels) {
    const int64_t n = Fixed > 0 ? Fixed : channels;
    float lane[4] = {0.0f, 0.0f, 0.0f, 0.0f};
    int64_t c = 0;
#if defined(__GNUC__) && !defined(NAPARI_SEN_PORTABLE)
    typedef float float4 __attribute__((vector_size(16)));
    float4 sum = {0.0f, 0.0f, 0.0f, 0.0f};
    for (; c + 4 <= n; c += 4) {
        float4 u, v;
        std::memcpy(&u, a + c, 16);
        std::memcpy(&v, b + c, 16);
        const float4 d = u - v;
        sum += d * d;
    }
    std::memcpy(lane, &sum, 16);
#else
    for (; c + 4 <= n; c += 4)
        for (int l = 0; l < 4; ++l) {
            const float d = a[c + l] - b[c + l];
            lane[l] += d * d;
        }
#endif
    for (int l = 0; c < n; ++c, ++l) {
        const float d = a[c] - b[c];
        lane[l] += d * d;
    }
    return (lane[0] + lane[1]) + (lane[2] + lane[3]);
}

struct Offset {
    int z, y, x;
    int64_t flat;
};

inline std::vector<Offset> neighbour_offsets(const Shape &shape, bool corners) {
    std::vector<Offset> offsets;
    for (int z = -1; z <= 1; ++z)
        for (int y = -1; y <= 1; ++y)
            for (int x = -1; x <= 1; ++x) {
                const int faces = z * z + y * y + x * x;
                if (faces == 0 || (faces > 1 && !corners)) continue;
                if (z != 0 && shape.z == 1) continue;
                offsets.push_back({z, y, x, (int64_t(z) * shape.y + y) * shape.x + x});
            }
    return offsets;
}

// What the kernel keeps of each pixel: its state beside its features, so that both come with one
// cache line, where the channels are few; else the features stay in the caller's array.
//
// State: upper half 0 = decided, lower half its label (0 = outside the mask); else the upper half
// is 1 + the bits of the best distance queued so far, the lower half that label.
template <int Fixed>
class Pixels {
    static constexpr bool kFused = Fixed > 0 && Fixed <= 4;
    static constexpr int64_t kStride = kFused ? 1 + (Fixed + 1) / 2 : 1;  // in 8-byte words

  public:
    static constexpr uint64_t kFree = std::numeric_limits<uint64_t>::max();

    explicit Pixels(const SnicProblem &p)
        : features_(p.features), channels_(Fixed > 0 ? Fixed : p.channels),
          words_(size_t(p.shape.size() * kStride)) {
        for (int64_t i = 0; i < p.shape.size(); ++i) {
            state(i) = p.mask && !p.mask[i] ? 0 : kFree;
            if (kFused)
                std::memcpy(&words_[size_t(i * kStride + 1)], features_ + i * Fixed, 4 * Fixed);
        }
    }
    // Ask for what is known of a pixel: waiting for memory is most of the work.
    void prefetch(int64_t pixel) const {
        sen::prefetch(&words_[size_t(pixel * kStride)]);
        if (kFused) return;
        const float *feature = features_ + pixel * channels_;
        sen::prefetch(feature);
        if (channels_ > 16) sen::prefetch(feature + 16);
    }
    uint64_t &state(int64_t pixel) { return words_[size_t(pixel * kStride)]; }
    const float *feature(int64_t pixel) const {
        if (kFused)
            return reinterpret_cast<const float *>(&words_[size_t(pixel * kStride + 1)]);
        return features_ + pixel * channels_;
    }

  private:
    const float *features_;
    const int64_t channels_;
    LargeArray<uint64_t> words_;
};

struct Position {
    int32_t z, y, x;
};

// The superpixels' running sums and means. One superpixel lies in one block of memory:
// a head, then its mean features (float), then their sums (double).
template <int Fixed>
class Centres {
  public:
    struct Head {
        int64_t count;
        int64_t moment[3];  // sum of pixel offsets from the seed: exact whole numbers
        float mean[3];
        Position seed;
    };

    Centres(int64_t count, int64_t channels)
        : channels_(Fixed > 0 ? Fixed : channels),
          sums_at_(int64_t(sizeof(Head)) / 8 + (channels_ + 1) / 2),
          stride_((sums_at_ + channels_ + 7) / 8 * 8), words_(size_t(count * stride_)) {}

    void start(int64_t k, const Position &seed) {
        head(k) = {0, {0, 0, 0}, {0.0f, 0.0f, 0.0f}, seed};
        for (int64_t c = 0; c < channels(); ++c) sums(k)[c] = 0.0;
    }

    void add(int64_t k, const Position &at, const float *feature) {
        Head &h = head(k);
        h.count += 1;
        const double inverse = 1.0 / double(h.count);
        const int32_t step[3] = {at.z - h.seed.z, at.y - h.seed.y, at.x - h.seed.x};
        for (int a = 0; a < 3; ++a) {
            h.moment[a] += step[a];
            h.mean[a] = float(double(h.moment[a]) * inverse);
        }
        double *sum = sums(k);
        float *mean = means(k);
        for (int64_t c = 0; c < channels(); ++c) {
            sum[c] += double(feature[c]);
            mean[c] = float(sum[c] * inverse);
        }
    }

    float distance(int64_t k, const Position &at, const float *feature, const float *w) const {
        const Head &h = head(k);
        const float d = feature_distance<Fixed>(feature, means(k), channels());
        const float dz = float(at.z - h.seed.z) - h.mean[0];
        const float dy = float(at.y - h.seed.y) - h.mean[1];
        const float dx = float(at.x - h.seed.x) - h.mean[2];
        return d + ((dz * dz * w[0] + dy * dy * w[1]) + dx * dx * w[2]);
    }

  private:
    int64_t channels() const { return Fixed > 0 ? Fixed : channels_; }
    Head &head(int64_t k) { return *reinterpret_cast<Head *>(&words_[size_t(k * stride_)]); }
    const Head &head(int64_t k) const {
        return *reinterpret_cast<const Head *>(&words_[size_t(k * stride_)]);
    }
    float *means(int64_t k) { return reinterpret_cast<float *>(&head(k) + 1); }
    const float *means(int64_t k) const { return reinterpret_cast<const float *>(&head(k) + 1); }
    double *sums(int64_t k) { return &words_[size_t(k * stride_ + sums_at_)]; }

    const int64_t channels_, sums_at_, stride_;
    LargeArray<double> words_;
};

template <int Fixed, typename Key>
class Snic {
  public:
    explicit Snic(const SnicProblem &problem)
        : p_(problem), offsets_(neighbour_offsets(problem.shape, problem.corners)),
          pixels_(problem), centres_(problem.n_seeds, problem.channels) {}

    // `poll(done)` is called every 2^15 pixels and may throw to stop.
    template <typename Poll>
    void run(int32_t *labels, Poll &&poll) {
        for (int64_t k = 0; k < p_.n_seeds; ++k) {
            centres_.start(k, locate(p_.seeds[k]));
            pixels_.state(p_.seeds[k]) = uint64_t(k + 1);
        }
        for (int64_t k = 0; k < p_.n_seeds; ++k) take(p_.seeds[k], k);

        // An entry is stale once its pixel is decided or has been queued at a better distance.
        const auto is_current = [this](const Key &key) {
            return pixels_.state(key.pixel()) >> 32 == uint64_t(key.distance()) + 1;
        };
        Key next;
        for (int64_t done = 0; queue_.pop(next, is_current);) {
            if (const Key *soon = queue_.likely_next()) pixels_.prefetch(soon->pixel());
            const uint64_t best = pixels_.state(next.pixel());
            if (best >> 32 == 0) continue;
            pixels_.state(next.pixel()) = best & 0xffffffffu;
            take(next.pixel(), int64_t(best & 0xffffffffu) - 1);
            if ((++done & 0x7fff) == 0) poll(done);
        }
        for (int64_t i = 0; i < p_.shape.size(); ++i) {
            const uint64_t state = pixels_.state(i);
            labels[i] = state >> 32 ? 0 : int32_t(state);
        }
    }

  private:
    Position locate(int64_t pixel) const {
        if (p_.shape.size() <= int64_t(std::numeric_limits<uint32_t>::max())) {
            const uint32_t i = uint32_t(pixel), nx = uint32_t(p_.shape.x);
            const uint32_t row = i / nx, ny = uint32_t(p_.shape.y);
            if (p_.shape.z == 1) return {0, int32_t(row), int32_t(i - row * nx)};
            return {int32_t(row / ny), int32_t(row % ny), int32_t(i - row * nx)};
        }
        const int64_t row = pixel / p_.shape.x;
        return {int32_t(row / p_.shape.y), int32_t(row % p_.shape.y), int32_t(pixel % p_.shape.x)};
    }

    // Add a pixel to superpixel k and queue its free neighbours.
    void take(int64_t pixel, int64_t k) {
        const Position at = locate(pixel);
        const Shape &s = p_.shape;
        const bool inner = at.x > 0 && at.x + 1 < s.x && at.y > 0 && at.y + 1 < s.y &&
                           (s.z == 1 || (at.z > 0 && at.z + 1 < s.z));
        if (inner)
            for (const Offset &o : offsets_) pixels_.prefetch(pixel + o.flat);
        centres_.add(k, at, pixels_.feature(pixel));
        for (const Offset &o : offsets_) {
            const Position to{at.z + o.z, at.y + o.y, at.x + o.x};
            if (!inner && (to.z < 0 || to.z >= s.z || to.y < 0 || to.y >= s.y || to.x < 0 ||
                           to.x >= s.x))
                continue;
            const int64_t other = pixel + o.flat;
            uint64_t &state = pixels_.state(other);
            if (state >> 32 == 0) continue;  // decided, or outside the mask
            float distance = centres_.distance(k, to, pixels_.feature(other), p_.spatial_weight);
            if (p_.boundary) distance += p_.boundary[other];
            uint32_t bits;
            std::memcpy(&bits, &distance, 4);
            const uint64_t candidate = ((uint64_t(bits) + 1) << 32) | uint64_t(k + 1);
            // A candidate that is not better than the queued best can never win.
            if (candidate >= state) continue;
            const bool queued = candidate >> 32 == state >> 32;  // the same entry, a new label
            state = candidate;
            if (!queued) queue_.push(Key(bits, other));
        }
    }

    const SnicProblem &p_;
    const std::vector<Offset> offsets_;
    Pixels<Fixed> pixels_;
    Centres<Fixed> centres_;
    Queue<Key> queue_;
};

template <typename Key, typename Poll>
void snic_with_keys(const SnicProblem &problem, int32_t *labels, Poll &&poll) {
    switch (problem.channels) {  // the common channel numbers, with their loops unrolled
        case 1: Snic<1, Key>(problem).run(labels, poll); break;
        case 3: Snic<3, Key>(problem).run(labels, poll); break;
        case 16: Snic<16, Key>(problem).run(labels, poll); break;
        case 19: Snic<19, Key>(problem).run(labels, poll); break;
        default: Snic<0, Key>(problem).run(labels, poll);
    }
}

// Labels start at 1, in seed order; 0 stays where no seed reaches. `wide` forces the keys of
// images beyond 2^32 pixels, so that they are tested on small ones.
template <typename Poll>
void snic(const SnicProblem &problem, int32_t *labels, bool wide, Poll &&poll) {
    if (wide || problem.shape.size() > int64_t(std::numeric_limits<uint32_t>::max()))
        snic_with_keys<WideKey>(problem, labels, poll);
    else
        snic_with_keys<NarrowKey>(problem, labels, poll);
}

}  // namespace sen
