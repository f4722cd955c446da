// The pointwise half of a ConvNet on a CPU: instance norm, ReLU and 2x2 average pooling in one pass over the memory.
//
// One call handles one (image, block of channels) at a time, so that what the second loop reads again still lies in the
// cache. With
//     h = (z - m) r,   m = mean(z),   r = 1 / sqrt(var(z) + eps),   a = gamma h + beta,   p = pool(relu(a))
// the four kernels are p; its pullback; the derivative of p along (zt, gammat, betat); the derivative of the pullback.
// ddkit/steps/formulas.py has the same formulas in torch; both are tested against autograd's double backward.

#include "maps.h"

#define EPS ((REAL)1e-5)
#define WIDEST 64

// Runs `one` for each image and block of channels, with the block's size known to the compiler where it is usual.
#define FOR_EACH_BLOCK(s, one, ...)                                                           \
    _Pragma("omp parallel for collapse(2) num_threads(s.threads) if(s.threads > 1)")          \
    for (int b = 0; b < s.batch; b++)                                                         \
        for (int block = 0; block < (s.channels + WIDEST - 1) / WIDEST; block++) {            \
            int c = block * WIDEST, n = s.channels - c < WIDEST ? s.channels - c : WIDEST;    \
            if (n == 64) one(s, b, c, 64, __VA_ARGS__);                                       \
            else if (n == 32) one(s, b, c, 32, __VA_ARGS__);                                  \
            else if (n == 16) one(s, b, c, 16, __VA_ARGS__);                                  \
            else one(s, b, c, n, __VA_ARGS__);                                                \
        }

// ---------------------------------------------------------------- p, and the statistics m and r

inline_for(void) forward_one(Shape s, int b, int c, int n, const MAP *restrict z, const REAL *restrict gamma,
                             const REAL *restrict beta, MAP *restrict p, REAL *restrict mean, REAL *restrict rstd) {
    REAL sum[WIDEST] = {0}, square[WIDEST] = {0}, m[WIDEST], r[WIDEST], g0[WIDEST], b0[WIDEST];
    REAL count = (REAL)s.height * s.width;
    // The mean first, then squares around it: around anything else digits cancel. Sums are made row by row, so that
    // their rounding does not grow with the map.
    for (int y = 0; y < s.height; y++) {
        REAL row[WIDEST] = {0};
        for (int x = 0; x < s.width; x++) {
            const MAP *at = z + full(s, b, y, x, c);
            each(j) row[j] += get(at[j]);
        }
        each(j) sum[j] += row[j];
    }
    each(j) {
        m[j] = sum[j] / count;
        sum[j] = 0;
    }
    for (int y = 0; y < s.height; y++) {
        REAL row[WIDEST] = {0}, squares[WIDEST] = {0};
        for (int x = 0; x < s.width; x++) {
            const MAP *at = z + full(s, b, y, x, c);
            each(j) {
                REAL v = get(at[j]) - m[j];
                row[j] += v;
                squares[j] += v * v;
            }
        }
        each(j) {
            sum[j] += row[j];
            square[j] += squares[j];
        }
    }
    each(j) {
        REAL rest = sum[j] / count, variance = square[j] / count - rest * rest;  // rest: what rounding left of the mean
        // A variance past the largest number would give r = 0 and a silent 0 everywhere: numbers that are lost show.
        r[j] = variance < INFINITY ? 1 / ROOT((variance < 0 ? 0 : variance) + EPS) : NAN;
        m[j] += rest;
        mean[b * s.channels + c + j] = m[j];
        rstd[b * s.channels + c + j] = r[j];
        g0[j] = gamma[c + j];
        b0[j] = beta[c + j];
    }
    for (int y = 0; y < s.height / 2; y++)
        for (int x = 0; x < s.width / 2; x++) {
            REAL total[WIDEST] = {0};
            for (int k = 0; k < 4; k++) {
                const MAP *at = z + full(s, b, 2 * y + k / 2, 2 * x + k % 2, c);
                each(j) {
                    REAL h = (get(at[j]) - m[j]) * r[j], a = g0[j] * h + b0[j];
                    total[j] += a <= 0 ? 0 : a;
                }
            }
            MAP *to = p + pooled(s, b, y, x, c);
            each(j) to[j] = put(total[j] / 4);
        }
}

void forward(Shape s, const MAP *z, const REAL *gamma, const REAL *beta, MAP *p, REAL *mean, REAL *rstd) {
    FOR_EACH_BLOCK(s, forward_one, z, gamma, beta, p, mean, rstd)
}

// ---------------------------------------------------------------- gz, and sums[b] = (d beta, d gamma)

inline_for(void) backward_one(Shape s, int b, int c, int n, const MAP *restrict z, const MAP *restrict gp,
                              const REAL *restrict gamma, const REAL *restrict beta, const REAL *restrict mean,
                              const REAL *restrict rstd, MAP *restrict gz, REAL *restrict sums) {
    REAL m[WIDEST], r[WIDEST], g0[WIDEST], b0[WIDEST], sum[WIDEST] = {0}, dot[WIDEST] = {0};
    REAL count = (REAL)s.height * s.width;
    int height = s.height / 2, width = s.width / 2;
    each(j) {
        m[j] = mean[b * s.channels + c + j];
        r[j] = rstd[b * s.channels + c + j];
        g0[j] = gamma[c + j];
        b0[j] = beta[c + j];
    }
    for (int y = 0; y < 2 * height; y++)
        for (int x = 0; x < 2 * width; x++) {
            const MAP *at = z + full(s, b, y, x, c), *from = gp + pooled(s, b, y / 2, x / 2, c);
            each(j) {
                REAL h = (get(at[j]) - m[j]) * r[j], on = g0[j] * h + b0[j] <= 0 ? 0 : (REAL)0.25;
                REAL g = on * get(from[j]);
                sum[j] += g;
                dot[j] += g * h;
            }
        }
    each(j) {
        sums[(2 * b + 0) * s.channels + c + j] = sum[j];
        sums[(2 * b + 1) * s.channels + c + j] = dot[j];
        sum[j] *= g0[j] / count;
        dot[j] *= g0[j] / count;
    }
    for (int y = 0; y < s.height; y++)
        for (int x = 0; x < s.width; x++) {
            int inside = y < 2 * height && x < 2 * width;  // pooling drops the last row or column of an odd map
            const MAP *at = z + full(s, b, y, x, c), *from = inside ? gp + pooled(s, b, y / 2, x / 2, c) : gp;
            REAL quarter = inside ? (REAL)0.25 : 0;
            MAP *to = gz + full(s, b, y, x, c);
            each(j) {
                REAL h = (get(at[j]) - m[j]) * r[j], on = g0[j] * h + b0[j] <= 0 ? 0 : quarter, g = on * get(from[j]);
                to[j] = put(r[j] * (g0[j] * g - sum[j] - h * dot[j]));
            }
        }
}

void backward(Shape s, const MAP *z, const MAP *gp, const REAL *gamma, const REAL *beta, const REAL *mean,
              const REAL *rstd, MAP *gz, REAL *sums) {
    FOR_EACH_BLOCK(s, backward_one, z, gp, gamma, beta, mean, rstd, gz, sums)
}

// ---------------------------------------------------------------- pt, and the statistics mt = mean(zt), q = mean(h zt)

inline_for(void) forward_tangent_one(Shape s, int b, int c, int n, const MAP *restrict z, const MAP *restrict zt,
                                     const REAL *restrict gamma, const REAL *restrict beta,
                                     const REAL *restrict gammat, const REAL *restrict betat,
                                     const REAL *restrict mean, const REAL *restrict rstd, MAP *restrict pt,
                                     REAL *restrict meant, REAL *restrict along) {
    REAL m[WIDEST], r[WIDEST], g0[WIDEST], b0[WIDEST], g1[WIDEST], b1[WIDEST], sum[WIDEST] = {0}, dot[WIDEST] = {0};
    REAL count = (REAL)s.height * s.width;
    each(j) {
        m[j] = mean[b * s.channels + c + j];
        r[j] = rstd[b * s.channels + c + j];
        g0[j] = gamma[c + j];
        b0[j] = beta[c + j];
        g1[j] = gammat[c + j];
        b1[j] = betat[c + j];
    }
    for (int y = 0; y < s.height; y++)
        for (int x = 0; x < s.width; x++) {
            const MAP *at = z + full(s, b, y, x, c), *att = zt + full(s, b, y, x, c);
            each(j) {
                REAL v = get(att[j]);
                sum[j] += v;
                dot[j] += v * ((get(at[j]) - m[j]) * r[j]);
            }
        }
    each(j) {
        sum[j] /= count;
        dot[j] /= count;
        meant[b * s.channels + c + j] = sum[j];
        along[b * s.channels + c + j] = dot[j];
    }
    for (int y = 0; y < s.height / 2; y++)
        for (int x = 0; x < s.width / 2; x++) {
            REAL total[WIDEST] = {0};
            for (int k = 0; k < 4; k++) {
                size_t o = full(s, b, 2 * y + k / 2, 2 * x + k % 2, c);
                each(j) {
                    REAL h = (get(z[o + j]) - m[j]) * r[j], ht = r[j] * (get(zt[o + j]) - sum[j] - h * dot[j]);
                    total[j] += g0[j] * h + b0[j] <= 0 ? 0 : g0[j] * ht + g1[j] * h + b1[j];
                }
            }
            MAP *to = pt + pooled(s, b, y, x, c);
            each(j) to[j] = put(total[j] / 4);
        }
}

void forward_tangent(Shape s, const MAP *z, const MAP *zt, const REAL *gamma, const REAL *beta, const REAL *gammat,
                     const REAL *betat, const REAL *mean, const REAL *rstd, MAP *pt, REAL *meant, REAL *along) {
    FOR_EACH_BLOCK(s, forward_tangent_one, z, zt, gamma, beta, gammat, betat, mean, rstd, pt, meant, along)
}

// ---------------------------------------------------------------- gz again, gzt, and sums[b] = (d betat, d gammat)

inline_for(void) backward_tangent_one(Shape s, int b, int c, int n, const MAP *restrict z, const MAP *restrict zt,
                                      const MAP *restrict gp, const MAP *restrict gpt, const REAL *restrict gamma,
                                      const REAL *restrict beta, const REAL *restrict gammat,
                                      const REAL *restrict mean, const REAL *restrict rstd,
                                      const REAL *restrict meant, const REAL *restrict along, MAP *restrict gz,
                                      MAP *restrict gzt, REAL *restrict sums) {
    REAL m[WIDEST], r[WIDEST], mt[WIDEST], q[WIDEST], g0[WIDEST], b0[WIDEST], g1[WIDEST];
    REAL sum[WIDEST] = {0}, dot[WIDEST] = {0}, sumt[WIDEST] = {0}, dott[WIDEST] = {0};
    REAL count = (REAL)s.height * s.width;
    int height = s.height / 2, width = s.width / 2;
    each(j) {
        m[j] = mean[b * s.channels + c + j];
        r[j] = rstd[b * s.channels + c + j];
        mt[j] = meant[b * s.channels + c + j];
        q[j] = along[b * s.channels + c + j];
        g0[j] = gamma[c + j];
        b0[j] = beta[c + j];
        g1[j] = gammat[c + j];
    }
    for (int y = 0; y < 2 * height; y++)
        for (int x = 0; x < 2 * width; x++) {
            size_t o = full(s, b, y, x, c), i = pooled(s, b, y / 2, x / 2, c);
            each(j) {
                REAL h = (get(z[o + j]) - m[j]) * r[j], ht = r[j] * (get(zt[o + j]) - mt[j] - h * q[j]);
                REAL on = g0[j] * h + b0[j] <= 0 ? 0 : (REAL)0.25, g = on * get(gp[i + j]), gt = on * get(gpt[i + j]);
                sum[j] += g;
                dot[j] += g * h;
                sumt[j] += gt;
                dott[j] += gt * h + g * ht;
            }
        }
    each(j) {
        sums[(2 * b + 0) * s.channels + c + j] = sumt[j];
        sums[(2 * b + 1) * s.channels + c + j] = dott[j];
        sumt[j] = (g0[j] * sumt[j] + g1[j] * sum[j]) / count;
        dott[j] = (g0[j] * dott[j] + g1[j] * dot[j]) / count;
        sum[j] *= g0[j] / count;
        dot[j] *= g0[j] / count;
    }
    for (int y = 0; y < s.height; y++)
        for (int x = 0; x < s.width; x++) {
            int inside = y < 2 * height && x < 2 * width;
            size_t o = full(s, b, y, x, c), i = inside ? pooled(s, b, y / 2, x / 2, c) : 0;
            REAL quarter = inside ? (REAL)0.25 : 0;
            each(j) {
                REAL h = (get(z[o + j]) - m[j]) * r[j], ht = r[j] * (get(zt[o + j]) - mt[j] - h * q[j]);
                REAL on = g0[j] * h + b0[j] <= 0 ? 0 : quarter, g = on * get(gp[i + j]), gt = on * get(gpt[i + j]);
                REAL u = g0[j] * g - sum[j] - h * dot[j];
                gz[o + j] = put(r[j] * u);
                gzt[o + j] = put(r[j] * (g0[j] * gt + g1[j] * g - sumt[j] - ht * dot[j] - h * dott[j] - r[j] * q[j] * u));
            }
        }
}

void backward_tangent(Shape s, const MAP *z, const MAP *zt, const MAP *gp, const MAP *gpt, const REAL *gamma,
                      const REAL *beta, const REAL *gammat, const REAL *mean, const REAL *rstd, const REAL *meant,
                      const REAL *along, MAP *gz, MAP *gzt, REAL *sums) {
    FOR_EACH_BLOCK(s, backward_tangent_one, z, zt, gp, gpt, gamma, beta, gammat, mean, rstd, meant, along, gz, gzt, sums)
}
