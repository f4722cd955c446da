// Winograd's convolution: the weights U, and the derivatives for weights. winograd.h explains the layouts.
//
// A task of the derivatives is one row of the points for WIDE filters. It sums over all tiles in one order. Hence the
// number of threads changes no bit. A function returns 0, or 1 if memory is short; then its result is invalid.

#include "winograd.h"

#define BLOCK_SUMS 64  // tiles of a block
#define WIDE 64        // filters of a task

// The weight w [filters, channels, 3, 3] (as a shape: batch, height, 3, 3) as U in panels of filters, for outputs, and
// flipped in panels of channels, for d / d image.
static void weight_part(Shape s, int back, int from, const MAP *w, REAL *to) {
    int filters = s.batch, channels = s.height, columns = back ? channels : filters, depth = back ? filters : channels;
    for (int first = 0; first < depth; first += LANES) {
        REAL own[LANES * 9 * LANES];  // [depth][tap][lane]
        for (int lane = 0; lane < LANES; lane++)
            for (int k = 0; k < LANES; k++) {
                int o = back ? first + k : from + lane, c = back ? from + lane : first + k;
                const MAP *at = w + ((size_t)o * channels + c) * 9;
                for (int tap = 0; tap < 9; tap++) own[(k * 9 + tap) * LANES + lane] = get(at[back ? 8 - tap : tap]);
            }
        for (int k = 0; k < LANES; k++) {
            const Vector *g = (const Vector *)(own + k * 9 * LANES);
            REAL *at = to + ((size_t)(from / PANEL) * depth + first + k) * PANEL + from % PANEL;
            Vector column[3], e[EDGE][3];
            for (int x = 0; x < 3; x++) {
                for (int y = 0; y < 3; y++) column[y] = g[3 * y + x];
                for (int i = 0; i < EDGE; i++) e[i][x] = of_weight(i, column);
            }
            for (int i = 0; i < EDGE; i++)
                for (int j = 0; j < EDGE; j++)
                    *(Vector *)(at + (size_t)(i * EDGE + j) * columns * depth) = of_weight(j, e[i]);
        }
    }
}

void winograd_weight(Shape s, const MAP *w, REAL *along, REAL *back) {
    int filters = s.batch / LANES, channels = s.height / LANES;
    _Pragma("omp parallel for num_threads(s.threads) if(s.threads > 1)")
    for (int part = 0; part < filters + channels; part++) {
        if (part < filters) weight_part(s, 0, part * LANES, w, along);
        else weight_part(s, 1, (part - filters) * LANES, w, back);
    }
}

static void find_tile(Tiling t, int tile, int filters, const MAP *output, const MAP *zeros, const MAP **pixels) {
    Shape s = {t.image.batch, t.height, t.width, filters, 1};
    int x = tile % t.across, y = tile / t.across % t.down, b = tile / t.across / t.down;
    find_pixels(SIDE, s, b, SIDE * y, SIDE * x, output, zeros, pixels);
}

// Row i of V for one patch: EDGE points, `point` numbers apart, in panels of `count` tiles for LANES channels.
inline_for(void) patch_row(int i, int channels, int count, const MAP **pixels, size_t point, REAL *restrict to) {
    for (int c = 0; c < channels; c += LANES, to += count * LANES) {
        Vector d[EDGE], e[EDGE];
        for (int x = 0; x < EDGE; x++) {
            for (int y = 0; y < EDGE; y++) d[y] = get_vector(pixels[y * EDGE + x] + c);
            e[x] = of_patch(i, d);
        }
        for (int j = 0; j < EDGE; j++) *(Vector *)(to + j * point) = of_patch(j, e);
    }
}

// Row i of T for one tile, in panels of `count` tiles for PANEL filters.
inline_for(void) tile_row(int i, int filters, int count, const MAP **pixels, size_t point, REAL *restrict to) {
    for (int o = 0; o < filters; o += LANES) {
        REAL *at = to + (size_t)(o / PANEL) * count * PANEL + o % PANEL;
        Vector g[SIDE], e[SIDE];
        for (int x = 0; x < SIDE; x++) {
            for (int y = 0; y < SIDE; y++) g[y] = get_vector(pixels[y * SIDE + x] + o);
            e[x] = of_tile(i, g);
        }
        for (int j = 0; j < EDGE; j++) *(Vector *)(at + j * point) = of_tile(j, e);
    }
}

// sums [point][C][filters] (+)= the sums over tiles of V T, for row i of the points and `wide` filters from `from` on.
inline_for(void) sum_row(int i, Tiling t, int filters, int from, int wide, int add, const MAP *image, const MAP *gz,
                         const MAP *zeros, REAL *v, REAL *g, REAL *sums) {
    int channels = t.image.channels;
    size_t of_image = point_size(BLOCK_SUMS, channels), of_output = point_size(BLOCK_SUMS, wide);
    for (int first = 0; first < t.tiles; first += BLOCK_SUMS) {
        int count = t.tiles - first < BLOCK_SUMS ? t.tiles - first : BLOCK_SUMS;
        for (int p = 0; p < count; p++) {
            const MAP *pixels[POINTS];
            find_patch(t, first + p, image, zeros, pixels);
            patch_row(i, channels, count, pixels, of_image, v + (size_t)p * LANES);
            find_tile(t, first + p, filters, gz + from, zeros, pixels);
            tile_row(i, wide, count, pixels, of_output, g + (size_t)p * PANEL);
        }
        for (int j = 0; j < EDGE; j++)
            multiply(channels, count, wide, add || first, v + j * of_image, count * LANES, 1, LANES, g + j * of_output,
                     sums + (size_t)(i * EDGE + j) * channels * filters + from, filters);
    }
}

// gw [filters, C, 3, 3] = G' sums G, for LANES filters from `from` on.
static void weight_of_sums(int channels, int filters, int from, const REAL *sums, REAL *gw) {
    size_t point = (size_t)channels * filters;
    for (int first = 0; first < channels; first += LANES) {
        REAL own[LANES * 9 * LANES];  // [channel][tap][lane]
        for (int c = 0; c < LANES; c++) {
            const REAL *at = sums + (size_t)(first + c) * filters + from;
            Vector m[EDGE], e[EDGE][3], column[EDGE];
            for (int i = 0; i < EDGE; i++) {
                for (int j = 0; j < EDGE; j++) m[j] = *(const Vector *)(at + (i * EDGE + j) * point);
                for (int x = 0; x < 3; x++) e[i][x] = of_sums(x, m);
            }
            for (int x = 0; x < 3; x++) {
                for (int i = 0; i < EDGE; i++) column[i] = e[i][x];
                for (int y = 0; y < 3; y++) *(Vector *)(own + (c * 9 + 3 * y + x) * LANES) = of_sums(y, column);
            }
        }
        for (int lane = 0; lane < LANES; lane++) {
            REAL *to = gw + ((size_t)(from + lane) * channels + first) * 9;
            for (int k = 0; k < 9 * LANES; k++) to[k] = own[k * LANES + lane];
        }
    }
}

// gw = d / d weight of the pair, plus that of the second pair if there are two.
int winograd_pull_weight(Shape s, int pad, int filters, int pairs, const MAP *image, const MAP *gz, const MAP *image2,
                         const MAP *gz2, REAL *gw) {
    Tiling t = tiling(s, pad);
    int parts = (filters + WIDE - 1) / WIDE, failed = 0;
    REAL *sums = allocate((size_t)POINTS * s.channels * filters);
    _Pragma("omp parallel num_threads(s.threads) if(s.threads > 1)") {
        REAL *v = allocate(EDGE * point_size(BLOCK_SUMS, s.channels)), *g = allocate(EDGE * point_size(BLOCK_SUMS, WIDE));
        MAP *zeros = calloc(s.channels > WIDE ? s.channels : WIDE, sizeof(MAP));
        int able = sums != NULL && v != NULL && g != NULL && zeros != NULL;
        if (!able) {
            _Pragma("omp atomic write") failed = 1;
        }
        _Pragma("omp for") for (int task = 0; task < EDGE * parts; task++) {
            if (!able) continue;
            int from = task / EDGE * WIDE, wide = filters - from < WIDE ? filters - from : WIDE;
            for (int pair = 0; pair < pairs; pair++) {
                const MAP *x = pair ? image2 : image, *y = pair ? gz2 : gz;
#define SUM_ROW(i) case i: sum_row(i, t, filters, from, wide, pair, x, y, zeros, v, g, sums); break;
                switch (task % EDGE) {
                    SUM_ROW(0) SUM_ROW(1) SUM_ROW(2) SUM_ROW(3) SUM_ROW(4) SUM_ROW(5)
                }
#undef SUM_ROW
            }
        }
        _Pragma("omp for") for (int from = 0; from < filters; from += LANES)
            if (able) weight_of_sums(s.channels, filters, from, sums, gw);
        free(zeros);
        free(g);
        free(v);
    }
    free(sums);
    return failed;
}
