// Winograd's convolution: outputs, and with flipped weights the derivatives for images. winograd.h explains the layouts.
//
// Blocks of tiles are divided over threads, and one thread computes all of an output. Hence the number of threads changes
// no bit. A function returns 0, or 1 if memory is short; then its result is invalid.

#include "winograd.h"

#define BLOCK 32  // largest number of tiles of a block

// Tiles of a block: about 16, in whole fours, and so that two threads have as many blocks each.
static int block_of(int tiles) {
    int blocks = tiles < 64 ? 2 : tiles / 32 * 2, even = (tiles + blocks - 1) / blocks;
    return (even + 3) / 4 * 4;
}

// V of `count` tiles from `first` on.
static void patches(Tiling t, int first, int count, const MAP *image, const MAP *zeros, REAL *restrict v) {
    size_t point = point_size(BLOCK, t.image.channels);
    for (int p = 0; p < count; p++) {
        const MAP *pixels[POINTS];
        find_patch(t, first + p, image, zeros, pixels);
        for (int c = 0; c < t.image.channels; c += LANES) {
            REAL *to = v + (size_t)p * t.image.channels + c;
            Vector d[EDGE], e[EDGE][EDGE];
            for (int x = 0; x < EDGE; x++) {
                for (int y = 0; y < EDGE; y++) d[y] = get_vector(pixels[y * EDGE + x] + c);
                for (int i = 0; i < EDGE; i++) e[i][x] = of_patch(i, d);
            }
            for (int i = 0; i < EDGE; i++)
                for (int j = 0; j < EDGE; j++) *(Vector *)(to + (i * EDGE + j) * point) = of_patch(j, e[i]);
        }
    }
}

// Outputs of `count` tiles from `first` on, of products m.
static void outputs(Tiling t, int filters, int first, int count, const REAL *restrict m, MAP *restrict z) {
    size_t point = point_size(BLOCK, filters);
    for (int p = 0; p < count; p++) {
        int at = first + p, x = at % t.across * SIDE, y = at / t.across % t.down * SIDE, b = at / t.across / t.down;
        MAP *to = z + (((size_t)b * t.height + y) * t.width + x) * filters;
        for (int o = 0; o < filters; o += LANES) {
            const REAL *from = m + (size_t)p * filters + o;
            Vector d[EDGE], e[SIDE][EDGE];
            for (int j = 0; j < EDGE; j++) {
                for (int i = 0; i < EDGE; i++) d[i] = *(const Vector *)(from + (i * EDGE + j) * point);
                for (int i = 0; i < SIDE; i++) e[i][j] = of_products(i, d);
            }
            for (int i = 0; i < SIDE && y + i < t.height; i++)
                for (int j = 0; j < SIDE && x + j < t.width; j++)
                    put_vector(of_products(j, e[i]), to + ((size_t)i * t.width + j) * filters + o);
        }
    }
}

// z = the convolution of image with the weight u, plus that of image2 with u2 if there are two pairs.
int winograd(Shape s, int pad, int filters, int pairs, const MAP *image, const REAL *u, const MAP *image2,
             const REAL *u2, MAP *z) {
    Tiling t = tiling(s, pad);
    size_t of_image = point_size(BLOCK, s.channels), of_output = point_size(BLOCK, filters);
    size_t weights = (size_t)s.channels * filters;
    int failed = 0, block = block_of(t.tiles);
    _Pragma("omp parallel num_threads(s.threads) if(s.threads > 1)") {
        REAL *v = allocate(POINTS * of_image), *m = allocate(POINTS * of_output);
        MAP *zeros = calloc(s.channels, sizeof(MAP));
        int able = v != NULL && m != NULL && zeros != NULL;
        if (!able) {
            _Pragma("omp atomic write") failed = 1;
        }
        _Pragma("omp for") for (int first = 0; first < t.tiles; first += block) {
            if (!able) continue;
            int count = t.tiles - first < block ? t.tiles - first : block;
            for (int pair = 0; pair < pairs; pair++) {
                patches(t, first, count, pair ? image2 : image, zeros, v);
                for (int i = 0; i < POINTS; i++)
                    multiply(count, s.channels, filters, pair, v + i * of_image, LANES * s.channels, s.channels, 1,
                             (pair ? u2 : u) + i * weights, m + i * of_output, filters);
            }
            outputs(t, filters, first, count, m, z);
        }
        free(zeros);
        free(m);
        free(v);
    }
    return failed;
}
