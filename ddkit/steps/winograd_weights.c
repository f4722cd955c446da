// Winograd's convolution: the weights U, and the derivatives for weights. winograd.h explains the layouts.
//
// A task of the derivatives is one row of the points for WIDE filters; it sums over all tiles in one order: threads change
// no bit. What is returned is 0, or 1 where memory was short; then the result is not to be used.

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
            Vector e[4][3];
            for (int x = 0; x < 3; x++) {
                Vector sum = (g[x] + g[6 + x]) / 2, half = g[3 + x] / 2;
                e[0][x] = g[x], e[1][x] = sum + half, e[2][x] = sum - half, e[3][x] = g[6 + x];
            }
            for (int i = 0; i < 4; i++) {
                Vector sum = (e[i][0] + e[i][2]) / 2, half = e[i][1] / 2;
                Vector u[4] = {e[i][0], sum + half, sum - half, e[i][2]};
                for (int j = 0; j < 4; j++) *(Vector *)(at + (size_t)(4 * i + j) * columns * depth) = u[j];
            }
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
    find_pixels(2, s, b, 2 * y, 2 * x, output, zeros, pixels);
}

// Entry i of A times two numbers.
inline_for(Vector) of_tile(int i, Vector a, Vector b) {
    if (i == 0) return a;
    if (i == 3) return -b;
    return i == 1 ? a + b : a - b;
}

// Row i of T for one tile, in panels of `count` tiles.
inline_for(void) tile_row(int i, int filters, int count, const MAP **g, size_t point, REAL *restrict to) {
    for (int o = 0; o < filters; o += LANES) {
        Vector f[2];
        for (int k = 0; k < 2; k++) f[k] = of_tile(i, get_vector(g[k] + o), get_vector(g[2 + k] + o));
        REAL *at = to + (size_t)(o / PANEL) * count * PANEL + o % PANEL;
        for (int j = 0; j < 4; j++) *(Vector *)(at + j * point) = of_tile(j, f[0], f[1]);
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
            const MAP *pixels[16];
            find_patch(t, first + p, image, zeros, pixels);
            patch_row(i, channels, count * LANES, pixels, of_image, v + (size_t)p * LANES);
            find_tile(t, first + p, filters, gz + from, zeros, pixels);
            tile_row(i, wide, count, pixels, of_output, g + (size_t)p * PANEL);
        }
        for (int j = 0; j < 4; j++)
            multiply(channels, count, wide, add || first, v + j * of_image, count * LANES, 1, LANES, g + j * of_output,
                     sums + (size_t)(4 * i + j) * channels * filters + from, filters);
    }
}

// gw [filters, C, 3, 3] = G' sums G, for LANES filters from `from` on.
static void weight_of_sums(int channels, int filters, int from, const REAL *sums, REAL *gw) {
    size_t point = (size_t)channels * filters;
    for (int first = 0; first < channels; first += LANES) {
        REAL own[LANES * 9 * LANES];  // [channel][tap][lane]
        for (int c = 0; c < LANES; c++) {
            const REAL *at = sums + (size_t)(first + c) * filters + from;
            Vector e[4][3];
            for (int i = 0; i < 4; i++) {
                Vector m[4];
                for (int j = 0; j < 4; j++) m[j] = *(const Vector *)(at + (4 * i + j) * point);
                Vector sum = (m[1] + m[2]) / 2;
                e[i][0] = m[0] + sum, e[i][1] = (m[1] - m[2]) / 2, e[i][2] = sum + m[3];
            }
            Vector *taps = (Vector *)(own + c * 9 * LANES);
            for (int x = 0; x < 3; x++) {
                Vector sum = (e[1][x] + e[2][x]) / 2;
                taps[x] = e[0][x] + sum, taps[3 + x] = (e[1][x] - e[2][x]) / 2, taps[6 + x] = sum + e[3][x];
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
        REAL *v = allocate(4 * point_size(BLOCK_SUMS, s.channels)), *g = allocate(4 * point_size(BLOCK_SUMS, WIDE));
        MAP *zeros = calloc(s.channels > WIDE ? s.channels : WIDE, sizeof(MAP));
        int able = sums != NULL && v != NULL && g != NULL && zeros != NULL;
        if (!able) {
            _Pragma("omp atomic write") failed = 1;
        }
        _Pragma("omp for") for (int task = 0; task < 4 * parts; task++) {
            if (!able) continue;
            int from = task / 4 * WIDE, wide = filters - from < WIDE ? filters - from : WIDE;
            for (int pair = 0; pair < pairs; pair++) {
                const MAP *x = pair ? image2 : image, *y = pair ? gz2 : gz;
#define SUM_ROW(i) case i: sum_row(i, t, filters, from, wide, pair, x, y, zeros, v, g, sums); break;
                switch (task % 4) {
                    SUM_ROW(0) SUM_ROW(1) SUM_ROW(2) SUM_ROW(3)
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
