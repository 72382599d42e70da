// One-to-one correspondence of the pixels of two boundary maps within a small distance: as many
// pairs as possible and, among those, the smallest sum of costs (Martin, Fowlkes & Malik 2004).
//
// The first map may change from call to call, as a boundary strength does under falling
// thresholds, while the second, the annotation, stays. So the matching is kept optimal under
// single insertions and removals: each is one shortest alternating path (Dijkstra with potentials,
// as in the Hungarian method), which rarely leaves the surroundings of its pixel.
//
// A pixel of the first map may also stay alone, at a cost above that of any path. Potentials y of
// the first and z of the second map's pixels obey y + z <= cost, y <= kAloneCost, z <= 0, with
// equality for pairs, for pixels that are alone, and for free pixels of the second map.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <queue>
#include <utility>
#include <vector>

namespace sen {

// A pixel may be matched with that at (dy, dx) from it; offsets come in opposite pairs.
struct Reach {
    int32_t dy, dx, cost;
};

class BoundaryMatcher {
    static constexpr int64_t kAloneCost = int64_t(1) << 40;
    static constexpr int32_t kAbsent = -1, kAlone = -2, kFree = -1;

  public:
    BoundaryMatcher(const uint8_t *truth, int64_t height, int64_t width,
                    const std::vector<Reach> &reach)
        : height_(height), width_(width) {
        for (const Reach &r : reach) margin_ = std::max({margin_, int64_t(r.dy), int64_t(r.dx)});
        stride_ = width + 2 * margin_;
        const size_t size = size_t((height + 2 * margin_) * stride_);
        for (const Reach &r : reach) steps_.push_back({r.dy * stride_ + r.dx, r.cost});
        truth_.assign(size, 0);
        mate_.assign(size, kAbsent);
        holder_.assign(size, kFree);
        y_.assign(size, 0);
        z_.assign(size, 0);
        distance_.assign(size, 0);
        from_.assign(size, 0);
        seen_.assign(size, 0);
        for (int64_t i = 0; i < height * width; ++i) truth_[size_t(padded(i))] = truth[i] != 0;
    }

    // Match another first map; mark in `matched` which of its pixels have a partner, and return
    // the sum of costs.
    int64_t update(const uint8_t *map, uint8_t *matched) {
        for (int64_t i = 0; i < height_ * width_; ++i)
            if (!map[i] && mate_[size_t(padded(i))] != kAbsent) remove(int32_t(padded(i)));
        for (int64_t i = 0; i < height_ * width_; ++i)
            if (map[i] && mate_[size_t(padded(i))] == kAbsent) insert(int32_t(padded(i)));
        int64_t cost = 0;
        for (int64_t i = 0; i < height_ * width_; ++i) {
            const int32_t p = int32_t(padded(i)), q = mate_[size_t(p)];
            matched[i] = q >= 0;
            if (q >= 0) cost += y_[size_t(p)] + z_[size_t(q)];
        }
        return cost;
    }

  private:
    struct Step {
        int64_t by;
        int64_t cost;
    };
    using Entry = std::pair<int64_t, int32_t>;  // distance, pixel of the second map
    using Queue = std::priority_queue<Entry, std::vector<Entry>, std::greater<Entry>>;

    int64_t padded(int64_t i) const {
        return (i / width_ + margin_) * stride_ + i % width_ + margin_;
    }

    // Whether `d` is the shortest distance so far to pixel q of the second map; if so, keep it.
    bool nearer(int32_t q, int64_t d, int32_t from) {
        if (seen_[size_t(q)] == now_ && distance_[size_t(q)] <= d) return false;
        seen_[size_t(q)] = now_;
        distance_[size_t(q)] = d;
        from_[size_t(q)] = from;
        return true;
    }

    // Take the nearest pixel off the queue that can still matter, or return false.
    bool settle(int64_t best, int32_t &q) {
        while (!queue_.empty() && queue_.top().first < best) {
            const Entry entry = queue_.top();
            queue_.pop();
            if (entry.first != distance_[size_t(entry.second)]) continue;  // a shorter way was found
            q = entry.second;
            settled_.push_back(q);
            return true;
        }
        return false;
    }

    void start() {
        ++now_;
        queue_ = Queue();
        settled_.clear();
    }

    void insert(int32_t u) {
        start();
        y_[size_t(u)] = 0;
        int64_t best = kAloneCost, d = 0;
        int32_t i = u, q = 0, end = kFree, left_alone = u;  // `end` is free, or else one is left
        while (true) {
            if (i != u && d + kAloneCost - y_[size_t(i)] < best) {
                best = d + kAloneCost - y_[size_t(i)];
                end = kFree;
                left_alone = i;
            }
            for (const Step &step : steps_) {
                const int32_t next = int32_t(i + step.by);
                if (!truth_[size_t(next)]) continue;
                const int64_t sum = d + step.cost - y_[size_t(i)] - z_[size_t(next)];
                if (sum >= best || !nearer(next, sum, i)) continue;
                if (holder_[size_t(next)] == kFree) {
                    best = sum;
                    end = next;
                } else {
                    queue_.push({sum, next});
                }
            }
            if (!settle(best, q)) break;
            i = holder_[size_t(q)];
            d = distance_[size_t(q)];
        }
        y_[size_t(u)] += best;
        for (const int32_t at : settled_) {
            const int64_t rise = best - distance_[size_t(at)];
            y_[size_t(holder_[size_t(at)])] += rise;
            z_[size_t(at)] -= rise;
        }
        mate_[size_t(u)] = kAlone;
        if (end == kFree) {
            end = mate_[size_t(left_alone)];  // kAlone if that is u itself
            mate_[size_t(left_alone)] = kAlone;
        }
        while (end >= 0) {
            const int32_t taker = from_[size_t(end)], old = mate_[size_t(taker)];
            mate_[size_t(taker)] = end;
            holder_[size_t(end)] = taker;
            end = old;
        }
    }

    void remove(int32_t u) {
        const int32_t freed = mate_[size_t(u)];
        mate_[size_t(u)] = kAbsent;
        if (freed < 0) return;
        holder_[size_t(freed)] = kFree;
        if (z_[size_t(freed)] == 0) return;
        start();
        nearer(freed, 0, kFree);
        settled_.push_back(freed);
        int64_t best = -z_[size_t(freed)], d = 0;
        int32_t w = freed, end = freed, alone = kAbsent, place = 0;  // `alone` takes `place`
        while (true) {
            for (const Step &step : steps_) {
                const int32_t i = int32_t(w + step.by), v = mate_[size_t(i)];
                if (v == kAbsent || v == w) continue;
                const int64_t sum = d + step.cost - y_[size_t(i)] - z_[size_t(w)];
                if (sum >= best) continue;
                if (v == kAlone) {
                    best = sum;
                    alone = i;
                    place = w;
                } else if (nearer(v, sum, w)) {
                    queue_.push({sum, v});
                    if (sum - z_[size_t(v)] < best) {
                        best = sum - z_[size_t(v)];
                        alone = kAbsent;
                        end = v;
                    }
                }
            }
            if (!settle(best, w)) break;
            d = distance_[size_t(w)];
        }
        for (const int32_t at : settled_) {
            const int64_t rise = best - distance_[size_t(at)];
            z_[size_t(at)] += rise;
            if (holder_[size_t(at)] != kFree) y_[size_t(holder_[size_t(at)])] -= rise;
        }
        int32_t mover = alone;
        if (alone == kAbsent) {
            if (end == freed) return;
            mover = holder_[size_t(end)];
            holder_[size_t(end)] = kFree;
            place = from_[size_t(end)];
        }
        while (true) {
            const int32_t old = holder_[size_t(place)];
            holder_[size_t(place)] = mover;
            mate_[size_t(mover)] = place;
            if (place == freed) return;
            mover = old;
            place = from_[size_t(place)];
        }
    }

    const int64_t height_, width_;
    int64_t margin_ = 0, stride_ = 0;
    std::vector<Step> steps_;
    std::vector<uint8_t> truth_;
    std::vector<int32_t> mate_, holder_;  // partners: of the first map's pixels, of the second's
    std::vector<int64_t> y_, z_, distance_;
    std::vector<int32_t> from_;
    std::vector<uint32_t> seen_;
    uint32_t now_ = 0;
    Queue queue_;
    std::vector<int32_t> settled_;
};

}  // namespace sen
