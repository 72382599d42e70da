// An uninitialised array that asks the system for large pages: work that hops over an image
// spends much of its time in misses of the page table otherwise.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <new>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace sen {

template <typename T>
class LargeArray {
  public:
    explicit LargeArray(size_t size) : size_(size) {
        constexpr size_t page = size_t(1) << 21;
        const size_t bytes = size * sizeof(T);
#if defined(__linux__)
        if (bytes >= page) {
            data_ = static_cast<T *>(std::aligned_alloc(page, (bytes + page - 1) / page * page));
            if (data_) madvise(data_, bytes, MADV_HUGEPAGE);  // a wish: failing is harmless
        } else
#endif
            data_ = static_cast<T *>(std::malloc(bytes ? bytes : 1));
        if (!data_) throw std::bad_alloc();
    }
    ~LargeArray() { std::free(data_); }
    LargeArray(const LargeArray &) = delete;
    LargeArray &operator=(const LargeArray &) = delete;

    size_t size() const { return size_; }
    T *data() { return data_; }
    T &operator[](size_t i) { return data_[i]; }
    const T &operator[](size_t i) const { return data_[i]; }

  private:
    T *data_ = nullptr;
    size_t size_;
};

}  // namespace sen
