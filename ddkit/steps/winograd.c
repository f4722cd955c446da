// Winograd's convolution: outputs, and with flipped weights the derivatives for images. winograd.h explains the layouts.
//
// Blocks of tiles are divided over threads, and each output is one thread's: threads change no bit. What is returned is 0,
// or 1 where memory was short; then the result is not to be used.

#include "winograd.h"

#define BLOCK 16  // tiles of a block

// V of `count` tiles from `first` on.
static void patches(Tiling t, int first, int count, const MAP *image, const MAP *zeros, REAL *v) {
    size_t point = point_size(BLOCK, t.image.channels);
    for (int p = 0; p < count; p++) {
        const MAP *d[16];
        find_patch(t, first + p, image, zeros, d);
        for (int i = 0; i < 4; i++)
            patch_row(i, t.image.channels, LANES, d, point, v + 4 * i * point + (size_t)p * t.image.channels);
    }
}

// Outputs of `count` tiles from `first` on, of products m.
static void outputs(Tiling t, int filters, int first, int count, const REAL *m, MAP *z) {
    size_t point = point_size(BLOCK, filters);
    for (int p = 0; p < count; p++) {
        int at = first + p, x = at % t.across, y = at / t.across % t.down, b = at / t.across / t.down;
        MAP *to = z + (((size_t)b * t.height + 2 * y) * t.width + 2 * x) * filters;
        int lower = 2 * y + 1 < t.height, right = 2 * x + 1 < t.width;
        for (int o = 0; o < filters; o += LANES) {
            Vector upper_row[4], lower_row[4];
            for (int j = 0; j < 4; j++) {
                const REAL *from = m + j * point + (size_t)p * filters + o;
                Vector m0 = *(const Vector *)from, m1 = *(const Vector *)(from + 4 * point);
                Vector m2 = *(const Vector *)(from + 8 * point), m3 = *(const Vector *)(from + 12 * point);
                upper_row[j] = m0 + m1 + m2;
                lower_row[j] = m1 - m2 - m3;
            }
#define OUTPUTS(row, at)                                                             \
    put_vector(row[0] + row[1] + row[2], at);                                        \
    if (right) put_vector(row[1] - row[2] - row[3], at + filters);
            OUTPUTS(upper_row, to + o)
            if (lower) {
                OUTPUTS(lower_row, to + (size_t)t.width * filters + o)
            }
#undef OUTPUTS
        }
    }
}

// z = the convolution of image with the weight u, plus that of image2 with u2 if there are two pairs.
int winograd(Shape s, int pad, int filters, int pairs, const MAP *image, const REAL *u, const MAP *image2,
             const REAL *u2, MAP *z) {
    Tiling t = tiling(s, pad);
    size_t of_image = point_size(BLOCK, s.channels), of_output = point_size(BLOCK, filters);
    size_t weights = (size_t)s.channels * filters;
    int failed = 0;
    _Pragma("omp parallel num_threads(s.threads) if(s.threads > 1)") {
        REAL *v = allocate(POINTS * of_image), *m = allocate(POINTS * of_output);
        MAP *zeros = calloc(s.channels, sizeof(MAP));
        int able = v != NULL && m != NULL && zeros != NULL;
        if (!able) {
            _Pragma("omp atomic write") failed = 1;
        }
        _Pragma("omp for") for (int first = 0; first < t.tiles; first += BLOCK) {
            if (!able) continue;
            int count = t.tiles - first < BLOCK ? t.tiles - first : BLOCK;
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
