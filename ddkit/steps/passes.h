// What the kernels of blocks.c and tangents.c share: two passes over the memory, and means between them.
//
// A mean is taken over the pixels of `images` images and of `together` neighbouring channels:
//     instance norm: 1 and 1       group norm: 1 and C / groups       batch norm: B and 1
// Without a norm, `together` is 0: then m = 0, r = 1, and all other means are 0. Statistics and means are [B, C] for
// every norm; images and channels that share them have equal numbers.
//
// The first pass of a kernel makes the means of one (image, block of channels), and the second pass uses them. With
// instance norm, one follows the other at once, so that what the second pass reads again still lies in the cache. With
// other norms, the means are shared between the passes.

#include "maps.h"

#define WIDEST 64

// Runs statements for each image `b` and block of `n` channels from `c` on. A usual `n` is known to the compiler.
#define FOR_EACH_BLOCK(s, ...)                                                                \
    _Pragma("omp parallel for collapse(2) num_threads(s.threads) if(s.threads > 1)")          \
    for (int b = 0; b < s.batch; b++)                                                         \
        for (int block = 0; block < (s.channels + WIDEST - 1) / WIDEST; block++) {            \
            int c = block * WIDEST, size = s.channels - c < WIDEST ? s.channels - c : WIDEST; \
            if (size == 64) WITH(64, __VA_ARGS__)                                             \
            else if (size == 32) WITH(32, __VA_ARGS__)                                        \
            else if (size == 16) WITH(16, __VA_ARGS__)                                        \
            else WITH(size, __VA_ARGS__)                                                      \
        }
#define WITH(size, ...) { const int n = size; __VA_ARGS__; }

// Runs both passes of a kernel: `first` makes the means, `share` (between them) those of images and channels together.
#define IN_TWO_PASSES(s, first, share, second)                                                \
    if (images == 1 && together == 1) {                                                       \
        FOR_EACH_BLOCK(s, first; second)                                                      \
    } else {                                                                                  \
        FOR_EACH_BLOCK(s, first)                                                              \
        share;                                                                                \
        FOR_EACH_BLOCK(s, second)                                                             \
    }

// Where the first of several numbers [B, C] lies, and a local copy of `n` of them.
static inline size_t number(Shape s, int b, int c) { return (size_t)b * s.channels + c; }
#define LOAD(name, from) REAL name[WIDEST]; each(j) name[j] = (from)[j];

#define FOR_EACH_SET                                                                          \
    for (int b0 = 0; b0 < s.batch; b0 += images)                                              \
        for (int c0 = 0; c0 < s.channels; c0 += together)
#define FOR_EACH_MEMBER(i)                                                                    \
    for (int b = b0; b < b0 + images; b++)                                                    \
        for (size_t i = number(s, b, c0), end = i + together; i < end; i++)

// Replaces `count` numbers [B, C] by their means over images and channels that share statistics; without a norm, by 0.
static void average(Shape s, int images, int together, int count, REAL *numbers) {
    size_t all = (size_t)s.batch * s.channels;
    if (!together) memset(numbers, 0, sizeof(REAL) * count * all);
    else for (REAL *own = numbers; own < numbers + count * all; own += all) FOR_EACH_SET {
        double sum = 0;
        FOR_EACH_MEMBER(i) sum += own[i];
        FOR_EACH_MEMBER(i) own[i] = (REAL)(sum / ((double)images * together));
    }
}
