// What the kernels share: the types of maps and sums, and where a number of a map lies.
//
// Maps are [B, H, W, C] (channels last) of type MAP; parameters, statistics and sums are REAL. Compiled by
// ddkit/steps/native.py with -DMAP_f32, -DMAP_f64 or -DMAP_bf16. A NaN stays a NaN: a <= 0 is false for it.

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(MAP_f64)
typedef double MAP;
typedef double REAL;
#define ROOT sqrt
#else
typedef float REAL;
#define ROOT sqrtf
#endif

#if defined(MAP_f32)
typedef float MAP;
#endif

#if defined(MAP_bf16)
typedef uint16_t MAP;
static inline REAL get(MAP v) {
    uint32_t bits = (uint32_t)v << 16;
    float x;
    memcpy(&x, &bits, 4);
    return x;
}
static inline MAP put(REAL x) {  // round to nearest even; a NaN keeps its top bits
    uint32_t bits;
    memcpy(&bits, &x, 4);
    return x != x ? (MAP)0x7fc0 : (MAP)((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}
#else
static inline REAL get(MAP v) { return v; }
static inline MAP put(REAL x) { return x; }
#endif

#define each(j) for (int j = 0; j < n; j++)
#define inline_for(n) static inline __attribute__((always_inline)) n

typedef struct {
    int batch, height, width, channels, threads;
} Shape;

static inline size_t full(Shape s, int b, int y, int x, int c) {
    return (((size_t)b * s.height + y) * s.width + x) * s.channels + c;
}

static inline size_t pooled(Shape s, int b, int y, int x, int c) {
    return (((size_t)b * (s.height / 2) + y) * (s.width / 2) + x) * s.channels + c;
}
