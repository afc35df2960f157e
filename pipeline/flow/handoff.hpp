// Tells the thread sanitizer what it cannot see inside oneTBB's library: that what one body left is
// what the next one takes. Nothing in other builds.
#pragma once

#if defined(__SANITIZE_THREAD__)
extern "C" {
void __tsan_acquire(void* address);
void __tsan_release(void* address);
}
#endif

namespace narrows::flow {

inline void handed_over([[maybe_unused]] const void* what) {
#if defined(__SANITIZE_THREAD__)
    __tsan_release(const_cast<void*>(what));
#endif
}
inline void taken_over([[maybe_unused]] const void* what) {
#if defined(__SANITIZE_THREAD__)
    __tsan_acquire(const_cast<void*>(what));
#endif
}

}  // namespace narrows::flow
