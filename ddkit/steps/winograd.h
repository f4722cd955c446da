// 3x3 convolutions of stride 1 by Winograd's F(m x m, 3x3), for layers of many channels. m is SIDE: 2, with 4
// multiplications for each output in place of 9, or 4 for maps of bfloat16, with 2.25. (With m = 4 the rounding error of
// float32 sums is three times as large, but far below that of bfloat16 maps.) This file has what winograd.c (outputs) and
// winograd_weights.c (weights) share.
//
// An output is divided into tiles of m x m pixels. A tile depends on a patch of EDGE x EDGE pixels of the image,
// EDGE = m + 2. With the matrices B, G and A of winograd_points.h,
//     V = B' d B   (patch d),     U = G w G'   (weight w),     T = A g A'   (tile g of d / d output),
// each of the EDGE x EDGE numbers ("points") of V, U and T is by itself a matrix product over channels or tiles:
//     output = A' (sum over c of V U) A,     d / d weight = G' (sum over tiles of V T) G,
// and d / d image is the output of the flipped weights.
//
// Work is done in blocks of tiles, so that V and the products stay in the cache. A block is [point][tile][channel]; a
// weight is [point][panel][C][PANEL], a panel being PANEL filters, so that a product reads it from front to end. Channels
// and filters are multiples of 32, which every PANEL divides.

#include "winograd_points.h"

#define POINTS (EDGE * EDGE)
#define PANEL (2 * LANES)
#ifdef __AVX512F__
#define ROWS 8
#else
#define ROWS 4
#endif

// Where the tiles of a convolution lie: the size of its output, and the number of tiles in each direction.
typedef struct {
    Shape image;
    int pad, height, width, down, across, tiles;
} Tiling;

static Tiling tiling(Shape s, int pad) {
    int height = s.height + 2 * pad - 2, width = s.width + 2 * pad - 2;
    int down = (height + SIDE - 1) / SIDE, across = (width + SIDE - 1) / SIDE;
    return (Tiling){s, pad, height, width, down, across, s.batch * down * across};
}

// One point of a block ends LANES after its numbers: distances of a power of two would share few lines of the cache.
static inline size_t point_size(int tiles, int channels) { return (size_t)tiles * channels + LANES; }

// Pointers to the n x n pixels of image b from (y, x) on; to zeros where they lie outside.
inline_for(void) find_pixels(int n, Shape s, int b, int y, int x, const MAP *map, const MAP *zeros, const MAP **pixels) {
    for (int k = 0; k < n * n; k++) {
        int v = y + k / n, u = x + k % n;
        pixels[k] = v < 0 || v >= s.height || u < 0 || u >= s.width ? zeros : map + full(s, b, v, u, 0);
    }
}

static void find_patch(Tiling t, int tile, const MAP *image, const MAP *zeros, const MAP **pixels) {
    int x = tile % t.across, y = tile / t.across % t.down, b = tile / t.across / t.down;
    find_pixels(EDGE, t.image, b, SIDE * y - t.pad, SIDE * x - t.pad, image, zeros, pixels);
}

// to[r][0 .. PANEL] (+)= sum over k < depth of a[r * row + k * step] b[k][0 .. PANEL], for n rows r.
inline_for(void) multiply_rows(int n, int depth, int add, const REAL *restrict a, int row, int step,
                               const REAL *restrict b, REAL *restrict to, int stride) {
    Vector left[ROWS], right[ROWS];
    each(j) left[j] = right[j] = (Vector){0};
    for (int k = 0; k < depth; k++, a += step, b += PANEL) {
        Vector b0 = *(const Vector *)b, b1 = *(const Vector *)(b + LANES);
        each(j) {
            left[j] += b0 * a[j * row];
            right[j] += b1 * a[j * row];
        }
    }
    each(j) {
        Vector *at = (Vector *)(to + (size_t)j * stride);
        if (add) left[j] += at[0], right[j] += at[1];
        at[0] = left[j], at[1] = right[j];
    }
}

// to [rows][columns] (+)= a b, for panels b of `columns` numbers in all. LANES rows of a are `group` numbers apart.
static void multiply(int rows, int depth, int columns, int add, const REAL *a, int group, int row, int step,
                     const REAL *b, REAL *to, int stride) {
    for (int o = 0; o < columns; o += PANEL, b += (size_t)depth * PANEL)
        for (int r = 0; r < rows;) {
            const REAL *from = a + (size_t)(r / LANES) * group + r % LANES * row;
            REAL *at = to + (size_t)r * stride + o;
#define MULTIPLY(n) { multiply_rows(n, depth, add, from, row, step, b, at, stride); r += n; }
            if (rows - r >= ROWS) MULTIPLY(ROWS)
            else if (rows - r >= 4) MULTIPLY(4)
            else MULTIPLY(1)
#undef MULTIPLY
        }
}
