// Thin lines to one pixel: the parallel thinning of Guo and Hall (1989) with two subiterations, as
// in Lam, Lee & Suen (1992), bwmorph(..., "thin", Inf) and skimage.morphology.thin, which is the
// twin that the tests compare with. Only pixels that are set are ever looked at.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace sen {

// Whether a pixel goes, for each of its 256 neighbourhoods; bit k is the neighbour at angle 45 k
// degrees, counted from the right upwards.
inline std::array<bool, 256> thinning_table(bool second) {
    std::array<bool, 256> goes{};
    for (int code = 0; code < 256; ++code) {
        const auto x = [code](int k) { return bool(code >> ((k + 8) % 8) & 1); };
        int crossings = 0, n1 = 0, n2 = 0;
        for (int k = 0; k < 8; k += 2) {
            crossings += !x(k) && (x(k + 1) || x(k + 2));
            n1 += x(k) || x(k + 1);
            n2 += x(k + 1) || x(k + 2);
        }
        const int fewest = n1 < n2 ? n1 : n2;
        const bool keeps_end = second ? (x(5) || x(6) || !x(3)) && x(4) : (x(1) || x(2) || !x(7)) && x(0);
        goes[size_t(code)] = crossings == 1 && fewest >= 2 && fewest <= 3 && !keeps_end;
    }
    return goes;
}

// Thin `map` (height, width; 0 or 1) in place.
inline void thin(uint8_t *map, int64_t height, int64_t width) {
    static const std::array<bool, 256> tables[2] = {thinning_table(false), thinning_table(true)};
    const int64_t stride = width + 2;
    std::vector<uint8_t> padded(size_t((height + 2) * stride), 0);
    std::vector<int64_t> set, gone;
    for (int64_t y = 0; y < height; ++y)
        for (int64_t x = 0; x < width; ++x)
            if (map[y * width + x]) {
                set.push_back((y + 1) * stride + x + 1);
                padded[size_t(set.back())] = 1;
            }
    const int64_t around[8] = {1,  1 - stride, -stride, -1 - stride,
                               -1, stride - 1, stride,  stride + 1};
    bool changed = true;
    while (changed) {
        changed = false;
        for (const auto &goes : tables) {
            gone.clear();
            for (const int64_t at : set) {
                unsigned code = 0;
                for (int k = 0; k < 8; ++k) code |= unsigned(padded[size_t(at + around[k])]) << k;
                if (goes[code]) gone.push_back(at);
            }
            for (const int64_t at : gone) padded[size_t(at)] = 0;
            if (gone.empty()) continue;
            changed = true;
            size_t kept = 0;
            for (const int64_t at : set)
                if (padded[size_t(at)]) set[kept++] = at;
            set.resize(kept);
        }
    }
    for (int64_t y = 0; y < height; ++y)
        for (int64_t x = 0; x < width; ++x)
            map[y * width + x] = padded[size_t((y + 1) * stride + x + 1)];
}

}  // namespace sen
