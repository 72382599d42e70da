// The size of an image or volume; 2-D images have one plane.
#pragma once

#include <cstdint>

namespace sen {

struct Shape {
    int64_t z, y, x;
    int64_t size() const { return z * y * x; }
};

}  // namespace sen
