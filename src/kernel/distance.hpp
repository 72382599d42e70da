// How far apart two regions' features are.
#pragma once

#include <cmath>
#include <cstdint>

namespace sen {

// The squares are added in the order of the channels.
inline double distance(const double *u, const double *v, int64_t channels) {
    double squares = 0.0;
    for (int64_t c = 0; c < channels; ++c) squares += (u[c] - v[c]) * (u[c] - v[c]);
    return std::sqrt(squares);
}

}  // namespace sen
