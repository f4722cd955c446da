// 3x3 convolutions of stride 1 by Winograd's F(2x2, 3x3), for layers of many channels: 4 multiplications for each output
// in place of 9.
//
// An output is divided into tiles of 2x2 pixels. A tile depends on a patch of 4x4 pixels of the image. With
//     V = B' d B   (patch d),     U = G w G'   (weight w),     T = A g A'   (tile g of d / d output),
//     B' = 1  0 -1  0     G = 1    0    0     A = 1  0
//          0  1  1  0         1/2  1/2  1/2       1  1
//          0 -1  1  0         1/2 -1/2  1/2       1 -1
//          0  1  0 -1         0    0    1         0 -1
// each of the 16 numbers ("points") of V, U and T is by itself a matrix product over channels or tiles:
//     output = A' (sum over c of V U) A,     d / d weight = G' (sum over tiles of V T) G,
// and d / d image is the output of the flipped weights, whose U has rows 0 and 3, and columns 0 and 3, exchanged.
//
// Work is done in blocks of tiles, so that V and the products stay in the cache. A block is [point][tile][channel]; a
// weight is [point][panel][C][PANEL], a panel being PANEL filters, so that a product reads it from front to end. Channels
// and filters are multiples of 32, which every PANEL divides. What is returned is 0, or 1 where memory was short.

#include "vectors.h"

#define POINTS 16
#define PANEL (2 * LANES)
#define BLOCK 16       // tiles of a block
#define BLOCK_SUMS 64  // tiles of a block in the sums over tiles
#define WIDE 64        // filters of a task there
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
    int down = (height + 1) / 2, across = (width + 1) / 2;
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
    find_pixels(4, t.image, b, 2 * y - t.pad, 2 * x - t.pad, image, zeros, pixels);
}

static void find_tile(Tiling t, int tile, int filters, const MAP *output, const MAP *zeros, const MAP **pixels) {
    Shape s = {t.image.batch, t.height, t.width, filters, 1};
    int x = tile % t.across, y = tile / t.across % t.down, b = tile / t.across / t.down;
    find_pixels(2, s, b, 2 * y, 2 * x, output, zeros, pixels);
}

// Entry i of B' times four numbers, and of A times two.
inline_for(Vector) of_patch(int i, Vector a, Vector b, Vector c, Vector d) {
    if (i == 0) return a - c;
    if (i == 1) return b + c;
    return i == 2 ? c - b : b - d;
}
inline_for(Vector) of_tile(int i, Vector a, Vector b) {
    if (i == 0) return a;
    if (i == 3) return -b;
    return i == 1 ? a + b : a - b;
}

// Row i of V for one patch: 4 points, `point` numbers apart; vectors of channels are `apart`.
inline_for(void) patch_row(int i, int channels, int apart, const MAP **d, size_t point, REAL *restrict to) {
    for (int c = 0; c < channels; c += LANES, to += apart) {
        Vector e[4];
        for (int k = 0; k < 4; k++)
            e[k] = of_patch(i, get_vector(d[k] + c), get_vector(d[4 + k] + c), get_vector(d[8 + k] + c),
                            get_vector(d[12 + k] + c));
        for (int j = 0; j < 4; j++) *(Vector *)(to + j * point) = of_patch(j, e[0], e[1], e[2], e[3]);
    }
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

// sums [point][C][filters] += the sums over all tiles of V T, for row i of the points and `wide` filters from `from` on.
inline_for(void) sum_row(int i, Tiling t, int filters, int from, int wide, const MAP *image, const MAP *gz,
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
            multiply(channels, count, wide, 1, v + j * of_image, count * LANES, 1, LANES, g + j * of_output,
                     sums + (size_t)(4 * i + j) * channels * filters + from, filters);
    }
}

int winograd_pull_weight(Shape s, int pad, int filters, const MAP *image, const MAP *gz, REAL *sums) {
    Tiling t = tiling(s, pad);
    int parts = (filters + WIDE - 1) / WIDE, failed = 0;
    _Pragma("omp parallel num_threads(s.threads) if(s.threads > 1)") {
        REAL *v = allocate(4 * point_size(BLOCK_SUMS, s.channels)), *g = allocate(4 * point_size(BLOCK_SUMS, WIDE));
        MAP *zeros = calloc(s.channels > WIDE ? s.channels : WIDE, sizeof(MAP));
        int able = v != NULL && g != NULL && zeros != NULL;
        if (!able) {
            _Pragma("omp atomic write") failed = 1;
        }
        _Pragma("omp for") for (int task = 0; task < 4 * parts; task++) {
            if (!able) continue;
            int from = task / 4 * WIDE, wide = filters - from < WIDE ? filters - from : WIDE;
#define SUM_ROW(i) case i: sum_row(i, t, filters, from, wide, image, gz, zeros, v, g, sums); break;
            switch (task % 4) {
                SUM_ROW(0) SUM_ROW(1) SUM_ROW(2) SUM_ROW(3)
            }
#undef SUM_ROW
        }
        free(zeros);
        free(g);
        free(v);
    }
    return failed;
}
