// Ask for memory that is needed soon; a wish, which compilers without it pass over.
#pragma once

namespace sen {

inline void prefetch(const void *address) {
#if defined(__GNUC__)
    __builtin_prefetch(address);
#else
    (void)address;
#endif
}

}  // namespace sen
