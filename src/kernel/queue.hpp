// The priority queue of SNIC: exact order, at nearly the cost of appending to a list.
//
// Entries wait unsorted in buckets of equal leading bits of their distance. Only the lowest
// bucket, and whatever is pushed below it later (distances are not monotone), is kept in a heap,
// which is small enough to stay in the first cache. Each entry is moved twice at most.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace sen {

// A key holds the distance's bits above the pixel index, so one comparison orders both. (The
// bits of non-negative floats sort like the floats.)
struct NarrowKey {  // images below 2^32 pixels
    uint64_t bits;
    NarrowKey() = default;
    NarrowKey(uint32_t distance, int64_t pixel)
        : bits((uint64_t(distance) << 32) | uint64_t(pixel)) {}
    uint32_t distance() const { return uint32_t(bits >> 32); }
    int64_t pixel() const { return int64_t(bits & 0xffffffffu); }
    bool operator<(const NarrowKey &other) const { return bits < other.bits; }
};

struct WideKey {
    uint32_t leading;
    int64_t index;
    WideKey() = default;
    WideKey(uint32_t distance, int64_t pixel) : leading(distance), index(pixel) {}
    uint32_t distance() const { return leading; }
    int64_t pixel() const { return index; }
    bool operator<(const WideKey &other) const {
        return leading != other.leading ? leading < other.leading : index < other.index;
    }
};

// A 4-ary min-heap.
template <typename Key>
class Heap {
  public:
    bool empty() const { return items_.empty(); }
    size_t size() const { return items_.size(); }

    void push(Key key) {
        size_t at = items_.size();
        items_.push_back(key);
        while (at > 0) {
            const size_t parent = (at - 1) / 4;
            if (!(key < items_[parent])) break;
            items_[at] = items_[parent];
            at = parent;
        }
        items_[at] = key;
    }

    const Key &top() const { return items_[0]; }

    Key pop() {
        const Key top = items_[0], last = items_.back();
        items_.pop_back();
        if (!items_.empty()) sift_down(0, last);
        return top;
    }

    // To fill a heap at once: append in any order, then call `order`.
    void append(Key key) { items_.push_back(key); }
    void order() {
        for (size_t i = (items_.size() + 2) / 4; i-- > 0;) sift_down(i, items_[i]);
    }

    template <typename IsKept>
    void keep(IsKept &&is_kept) {
        const auto is_gone = [&](const Key &key) { return !is_kept(key); };
        items_.erase(std::remove_if(items_.begin(), items_.end(), is_gone), items_.end());
        order();
    }

  private:
    void sift_down(size_t at, Key key) {
        const size_t n = items_.size();
        for (;;) {
            const size_t first = 4 * at + 1;
            if (first >= n) break;
            size_t least = first;
            if (first + 4 <= n) {
                const size_t a = items_[first + 1] < items_[first] ? first + 1 : first;
                const size_t b = items_[first + 3] < items_[first + 2] ? first + 3 : first + 2;
                least = items_[b] < items_[a] ? b : a;
            } else {
                for (size_t child = first + 1; child < n; ++child)
                    if (items_[child] < items_[least]) least = child;
            }
            if (!(items_[least] < key)) break;
            items_[at] = items_[least];
            at = least;
        }
        items_[at] = key;
    }

    std::vector<Key> items_;
};

template <typename Key>
class Queue {
  public:
    Queue() : heads_(kBuckets, kNone), fills_(kBuckets, 0) {}

    void push(Key key) {
        const uint32_t bucket = key.distance() >> kShift;
        if (bucket <= level_)
            near_.push(key);
        else
            put(bucket, key);
    }

    // Give the least key; false when nothing is left. Keys that are not `is_current` when their
    // bucket is opened are dropped.
    template <typename IsCurrent>
    bool pop(Key &key, IsCurrent &&is_current) {
        while (near_.empty())
            if (!load_next(is_current)) return false;
        key = near_.pop();
        return true;
    }

    // The key that is popped next unless a lesser one is pushed; null where it is not known yet.
    const Key *likely_next() const { return near_.empty() ? nullptr : &near_.top(); }

  private:
    static constexpr int kShift = 16;  // 128 buckets per power of two
    static constexpr uint32_t kBuckets = 1u << (31 - kShift);
    static constexpr uint32_t kNone = 0xffffffffu;
    static constexpr uint32_t kChunk = 62;
    struct Chunk {
        Key items[kChunk];
        uint32_t next;
    };

    void put(uint32_t bucket, Key key) {
        uint32_t head = heads_[bucket];
        if (head == kNone || fills_[bucket] == kChunk) {
            uint32_t fresh = spare_;
            if (fresh != kNone) {
                spare_ = chunks_[fresh].next;
            } else {
                fresh = uint32_t(chunks_.size());
                chunks_.emplace_back();
            }
            chunks_[fresh].next = head;
            heads_[bucket] = head = fresh;
            fills_[bucket] = 0;
        }
        chunks_[head].items[fills_[bucket]++] = key;
    }

    template <typename IsCurrent>
    bool load_next(IsCurrent &&is_current) {
        while (++level_ < kBuckets) {
            uint32_t head = heads_[level_];
            if (head == kNone) continue;
            size_t fill = fills_[level_];  // only the newest chunk may be part full
            while (head != kNone) {
                for (size_t i = 0; i < fill; ++i)
                    if (is_current(chunks_[head].items[i])) near_.append(chunks_[head].items[i]);
                fill = kChunk;
                const uint32_t next = chunks_[head].next;
                chunks_[head].next = spare_;
                spare_ = head;
                head = next;
            }
            near_.order();
            return true;
        }
        level_ = kBuckets - 1;
        return false;
    }

    uint32_t level_ = 0;
    Heap<Key> near_;
    std::vector<uint32_t> heads_;
    std::vector<uint8_t> fills_;
    std::vector<Chunk> chunks_;
    uint32_t spare_ = kNone;
};

}  // namespace sen
