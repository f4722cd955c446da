// 3x3 convolutions of stride 1 on a CPU, directly on maps [B, H, W, C] (channels last), for layers of few channels.
//
// An image is first copied into a frame of zeros, as REAL, so that no loop asks where the edge is. In the frame the
// 3 C numbers that a pixel meets in one row of the kernel lie side by side ("taps"), so a convolution is, for each of
// three rows, a sum over taps of a number times a vector of filters. Sums stay in registers: TILE pixels of a row
// for LANES filters in `convolve`, TAPS taps for LANES filters in `pull_weight`. Weights are REAL [3, 3 C, stride], a
// stride of whole vectors and at least F filters. The derivative for an image is a convolution with the flipped weights.
//
// One thread computes all of an image, or of a group of images, and adds in one order. Hence the number of threads
// changes no bit. A function returns 0, or 1 if a thread got no memory for its frame; then its result is invalid.

#include "vectors.h"

#define TILE 14
#define TAPS 12
#define FEW 8
#define WHOLE 16

static inline size_t frame_size(Shape s, int pad) {
    return (size_t)(s.height + 2 * pad) * (s.width + 2 * pad) * s.channels;
}

// The frame of image b: what lies outside is 0; a negative pad cuts off.
static void put_into_frame(Shape s, int pad, int b, const MAP *restrict image, REAL *restrict frame) {
    int row = (s.width + 2 * pad) * s.channels, edge = pad > 0 ? pad * s.channels : 0;
    int first = pad < 0 ? -pad : 0, inside = row - 2 * edge;
    for (int y = -pad; y < s.height + pad; y++, frame += row)
        if (y < 0 || y >= s.height) {
            memset(frame, 0, sizeof(REAL) * row);
        } else {
            const MAP *from = image + full(s, b, y, first, 0);
            memset(frame, 0, sizeof(REAL) * edge);
            for (int i = 0; i < inside; i++) frame[edge + i] = get(from[i]);
            memset(frame + edge + inside, 0, sizeof(REAL) * edge);
        }
}

// Sums of n pixels of a row for one vector of filters.
inline_for(void) convolve_tile(int n, int width, int channels, int stride, const REAL *restrict at,
                               const REAL *restrict w, Vector *restrict sum) {
    each(j) sum[j] = (Vector){0};
    for (int ky = 0; ky < 3; ky++, at += width * channels)
        for (int t = 0; t < 3 * channels; t++, w += stride) {
            Vector weights = *(const Vector *)w;
            each(j) sum[j] += weights * at[j * channels + t];
        }
}

inline_for(void) store_tile(int n, int filters, int at_once, int add, const Vector *restrict sum, MAP *restrict to) {
    each(j) {
#ifndef MAP_bf16
        if (at_once == LANES) {
            Vector *whole = (Vector *)(to + j * filters);
            if (add) *whole += sum[j];
            else *whole = sum[j];
            continue;
        }
#endif
        for (int o = 0; o < at_once; o++) {
            MAP *one = to + j * filters + o;
            *one = put(sum[j][o] + (add ? get(*one) : 0));
        }
    }
}

#define ONE_TILE(n)                                                                                    \
    {                                                                                                  \
        Vector sum[n];                                                                                 \
        convolve_tile(n, width, s.channels, stride, at, w + o, sum);                                   \
        if (filters - o >= LANES) store_tile(n, filters, LANES, add, sum, to);                         \
        else store_tile(n, filters, filters - o, add, sum, to);                                        \
        x += n;                                                                                        \
    }

// z[b, y, x, f] (+)= sum over ky, kx, c of image[b, y + ky - pad, x + kx - pad, c] w[ky, kx, c, f].
int convolve(Shape s, int pad, int filters, int stride, int add, const MAP *image, const REAL *w, MAP *z) {
    int out_height = s.height + 2 * pad - 2, out_width = s.width + 2 * pad - 2, width = s.width + 2 * pad;
    int failed = 0;
    _Pragma("omp parallel num_threads(s.threads) if(s.threads > 1)") {
        REAL *frame = allocate(frame_size(s, pad));
        if (frame == NULL) {
            _Pragma("omp atomic write") failed = 1;
        }
        _Pragma("omp for") for (int b = 0; b < s.batch; b++) {
            if (frame == NULL) continue;
            put_into_frame(s, pad, b, image, frame);
            for (int o = 0; o < filters; o += LANES)
                for (int y = 0; y < out_height; y++)
                    for (int x = 0; x < out_width;) {
                        const REAL *at = frame + (y * width + x) * s.channels;
                        MAP *to = z + (((size_t)b * out_height + y) * out_width + x) * filters + o;
                        int left = out_width - x;
                        if (left == 16) ONE_TILE(16)
                        else if (left >= TILE) ONE_TILE(TILE)
                        else if (left >= 8) ONE_TILE(8)
                        else if (left == 7) ONE_TILE(7)
                        else if (left >= 4) ONE_TILE(4)
                        else ONE_TILE(1)
                    }
        }
        free(frame);
    }
    return failed;
}

// n pixels of a row for filter f, with vectors along the taps.
inline_for(void) few_tile(int n, int width, int channels, const REAL *restrict at, const REAL *restrict w, int filters,
                          int add, MAP *restrict to) {
    Vector sum[FEW];
    each(j) sum[j] = (Vector){0};
    for (int ky = 0; ky < 3; ky++, at += width * channels)
        for (int t = 0; t < 3 * channels; t += LANES, w += LANES) {
            Vector weights = *(const Vector *)w;
            each(j) sum[j] += *(const Vector *)(at + j * channels + t) * weights;
        }
    each(j) {
        REAL total = 0;
        for (int k = 0; k < LANES; k++) total += sum[j][k];
        MAP *one = to + j * filters;
        *one = put(total + (add ? get(*one) : 0));
    }
}

// The same for few filters of many channels (a multiple of LANES): w is [filters, 3, 3 C], vectors lie along the taps.
int convolve_few(Shape s, int pad, int filters, int add, const MAP *image, const REAL *w, MAP *z) {
    int out_height = s.height + 2 * pad - 2, out_width = s.width + 2 * pad - 2, width = s.width + 2 * pad;
    int taps = 3 * s.channels;
    int failed = 0;
    _Pragma("omp parallel num_threads(s.threads) if(s.threads > 1)") {
        REAL *frame = allocate(frame_size(s, pad));
        if (frame == NULL) {
            _Pragma("omp atomic write") failed = 1;
        }
        _Pragma("omp for") for (int b = 0; b < s.batch; b++) {
            if (frame == NULL) continue;
            put_into_frame(s, pad, b, image, frame);
            for (int y = 0; y < out_height; y++)
                for (int x = 0; x < out_width;) {
                    const REAL *at = frame + (y * width + x) * s.channels;
                    MAP *to = z + (((size_t)b * out_height + y) * out_width + x) * filters;
#define FEW_TILE(n)                                                                                              \
    {                                                                                                            \
        for (int f = 0; f < filters; f++)                                                                        \
            few_tile(n, width, s.channels, at, w + (size_t)f * 3 * taps, filters, add, to + f);                  \
        x += n;                                                                                                  \
    }
                    if (out_width - x >= FEW) FEW_TILE(FEW)
                    else if (out_width - x >= 4) FEW_TILE(4)
                    else FEW_TILE(1)
#undef FEW_TILE
                }
        }
        free(frame);
    }
    return failed;
}

// Sums over an image's pixels of n taps times one vector of filters, into sums [n][stride].
inline_for(void) pull_taps(int n, int out_height, int out_width, int width, int channels, int stride,
                           const REAL *restrict at, const REAL *restrict gz, REAL *restrict sums) {
    Vector sum[TAPS];
    each(j) sum[j] = (Vector){0};
    for (int y = 0; y < out_height; y++)
        for (int x = 0; x < out_width; x++) {
            Vector g = *(const Vector *)(gz + (size_t)(y * out_width + x) * stride);
            const REAL *tap = at + (y * width + x) * channels;
            each(j) sum[j] += g * tap[j];
        }
    each(j) *(Vector *)(sums + (size_t)j * stride) += sum[j];
}

// sums[g, ky, kx, c, f] += sum over the images b of group g, and y, x, of
// image[b, y + ky - pad, x + kx - pad, c] gz[b, y, x, f].
int pull_weight(Shape s, int pad, int filters, int stride, int groups, const MAP *image, const MAP *gz, REAL *sums) {
    int out_height = s.height + 2 * pad - 2, out_width = s.width + 2 * pad - 2, width = s.width + 2 * pad;
    int taps = 3 * s.channels;
    int failed = 0;
    _Pragma("omp parallel num_threads(s.threads) if(s.threads > 1)") {
        REAL *frame = allocate(frame_size(s, pad));
        REAL *g = calloc((size_t)out_height * out_width * stride, sizeof(REAL));  // the filters that fill a vector are 0
        if (frame == NULL || g == NULL) {
            _Pragma("omp atomic write") failed = 1;
        }
        _Pragma("omp for") for (int group = 0; group < groups; group++) {
            if (frame == NULL || g == NULL) continue;
            for (int b = group * s.batch / groups; b < (group + 1) * s.batch / groups; b++) {
                put_into_frame(s, pad, b, image, frame);
                const MAP *from = gz + (size_t)b * out_height * out_width * filters;
                for (int i = 0; i < out_height * out_width; i++)
                    for (int o = 0; o < filters; o++) g[i * stride + o] = get(from[i * filters + o]);
                for (int o = 0; o < filters; o += LANES)
                    for (int ky = 0; ky < 3; ky++)
                        for (int t = 0; t < taps;) {
                            const REAL *at = frame + ky * width * s.channels + t;
                            REAL *to = sums + (((size_t)group * 3 + ky) * taps + t) * stride + o;
                            int left = taps - t;
#define PULL(n) { pull_taps(n, out_height, out_width, width, s.channels, stride, at, g + o, to); t += n; }
                            if (left >= TAPS) PULL(TAPS)
                            else if (left >= 9) PULL(9)
                            else if (left >= 3) PULL(3)
                            else PULL(1)
#undef PULL
                        }
            }
        }
        free(g);
        free(frame);
    }
    return failed;
}

// The weight w [filters, C, 3, 3] (as a shape: batch, height, 3, 3) for `convolve`, in `along`, and flipped in `back`: for
// `convolve_few` if few, else for `convolve`. Filters, and channels in `back`, are rounded up to whole vectors by zeros.
void direct_weight(Shape s, int few, const MAP *w, REAL *along, REAL *back) {
    int filters = s.batch, channels = s.height, wide = (filters + WHOLE - 1) / WHOLE * WHOLE;
    int deep = (channels + WHOLE - 1) / WHOLE * WHOLE;
    memset(along, 0, sizeof(REAL) * 9 * channels * wide);
    if (!few) memset(back, 0, sizeof(REAL) * 9 * filters * deep);
    for (int c = 0; c < channels; c++)
        for (int tap = 0; tap < 9; tap++)
            for (int o = 0; o < filters; o++) {
                REAL one = get(w[((size_t)o * channels + c) * 9 + tap]);
                along[((size_t)tap * channels + c) * wide + o] = one;
                if (few) back[((size_t)c * 9 + 8 - tap) * filters + o] = one;
                else back[((size_t)(8 - tap) * filters + o) * deep + c] = one;
            }
}
