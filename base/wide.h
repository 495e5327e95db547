/* WIDE before a function: built twice, for processors with registers of four
 * doubles (AVX2) and for all others, and chosen when the program starts. The
 * same operations in the same order, four numbers at a time or two: the bits
 * are the same. (AVX2 has no fused multiply-add, which would have others.)
 * Helpers of such a function must be inlined into it, or they are built for
 * all processors only. */
#ifndef BASE_WIDE_H
#define BASE_WIDE_H

#if defined(__x86_64__) && defined(__linux__) && defined(__OPTIMIZE__) &&      \
        defined(__GNUC__) && !defined(__clang__) &&                            \
        !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define WIDE __attribute__((target_clones("avx2", "default")))
#else
#define WIDE
#endif

#define INLINE __attribute__((always_inline)) static inline

#endif
