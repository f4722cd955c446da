// The pointwise half of a ConvNet on a CPU: norm, ReLU and 2x2 average pooling.
//
// With
//     h = (z - m) r,   m = mean(z),   r = 1 / sqrt(var(z) + eps),   a = gamma h + beta,   p = pool(relu(a))
// there are four kernels: p, and its pullback (this file); their derivatives along a direction (tangents.c).
// ddkit/steps/formulas.py has the same formulas in torch; both are tested against autograd's double backward.

#include "passes.h"

#define EPS ((REAL)1e-5)

// ---------------------------------------------------------------- p, and the statistics m and r

inline_for(void) moments(Shape s, int b, int c, int n, const MAP *restrict z, REAL *restrict mean,
                         REAL *restrict variance) {
    REAL sum[WIDEST] = {0}, square[WIDEST] = {0}, m[WIDEST];
    REAL count = (REAL)s.height * s.width;
    size_t own = number(s, b, c);
    // The mean is computed first, then the squares of differences from it: squares around another number would cancel
    // digits. Sums are made row by row, so that their rounding does not grow with the map.
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
        REAL rest = sum[j] / count;  // what rounding left of the mean
        mean[own + j] = m[j] + rest;
        variance[own + j] = square[j] / count - rest * rest;
    }
}

// The same for moments: the variance of several maps is the mean of their variances, plus the variance of their means.
static void average_moments(Shape s, int images, int together, REAL *mean, REAL *variance) {
    if (together) FOR_EACH_SET {
        double sum = 0, count = (double)images * together;
        FOR_EACH_MEMBER(i) sum += mean[i];
        FOR_EACH_MEMBER(i) variance[i] += (REAL)((mean[i] - sum / count) * (mean[i] - sum / count));
    }
    average(s, images, together, 1, mean);
    average(s, images, together, 1, variance);
}

// Replaces variances by r.
inline_for(void) deviations(Shape s, int b, int c, int n, int together, REAL *variance) {
    size_t own = number(s, b, c);
    each(j) {
        REAL v = variance[own + j];
        // A variance that overflowed would give r = 0, and zeros without an error. NaN shows that numbers are lost.
        REAL r = v < INFINITY ? 1 / ROOT((v < 0 ? 0 : v) + EPS) : NAN;
        variance[own + j] = together ? r : 1;
    }
}

inline_for(void) activations(Shape s, int b, int c, int n, const MAP *restrict z, const REAL *restrict gamma,
                             const REAL *restrict beta, MAP *restrict p, const REAL *restrict mean,
                             const REAL *restrict rstd) {
    size_t own = number(s, b, c);
    LOAD(m, mean + own) LOAD(r, rstd + own) LOAD(g0, gamma + c) LOAD(b0, beta + c)
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

void forward(Shape s, int images, int together, const MAP *z, const REAL *gamma, const REAL *beta, MAP *p, REAL *mean,
             REAL *rstd) {
    IN_TWO_PASSES(s, moments(s, b, c, n, z, mean, rstd), average_moments(s, images, together, mean, rstd),
                  (deviations(s, b, c, n, together, rstd), activations(s, b, c, n, z, gamma, beta, p, mean, rstd)))
}

// ---------------------------------------------------------------- gz, and sums[b] = (d beta, d gamma)

// `means` are two numbers [B, C]: the means of gamma g and gamma g h, where g = d / d a.
inline_for(void) gradient_means(Shape s, int b, int c, int n, const MAP *restrict z, const MAP *restrict gp,
                                const REAL *restrict gamma, const REAL *restrict beta, const REAL *restrict mean,
                                const REAL *restrict rstd, REAL *restrict means, REAL *restrict sums) {
    size_t own = number(s, b, c), all = (size_t)s.batch * s.channels;
    LOAD(m, mean + own) LOAD(r, rstd + own) LOAD(g0, gamma + c) LOAD(b0, beta + c)
    REAL sum[WIDEST] = {0}, dot[WIDEST] = {0};
    REAL count = (REAL)s.height * s.width;
    int height = s.height / 2, width = s.width / 2;
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
        means[own + j] = sum[j] * (g0[j] / count);
        means[all + own + j] = dot[j] * (g0[j] / count);
    }
}

inline_for(void) gradients(Shape s, int b, int c, int n, const MAP *restrict z, const MAP *restrict gp,
                           const REAL *restrict gamma, const REAL *restrict beta, const REAL *restrict mean,
                           const REAL *restrict rstd, const REAL *restrict means, MAP *restrict gz) {
    size_t own = number(s, b, c), all = (size_t)s.batch * s.channels;
    LOAD(m, mean + own) LOAD(r, rstd + own) LOAD(g0, gamma + c) LOAD(b0, beta + c) LOAD(sum, means + own)
    LOAD(dot, means + all + own)
    int height = s.height / 2, width = s.width / 2;
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

void backward(Shape s, int images, int together, const MAP *z, const MAP *gp, const REAL *gamma, const REAL *beta,
              const REAL *mean, const REAL *rstd, REAL *means, MAP *gz, REAL *sums) {
    IN_TWO_PASSES(s, gradient_means(s, b, c, n, z, gp, gamma, beta, mean, rstd, means, sums),
                  average(s, images, together, 2, means),
                  gradients(s, b, c, n, z, gp, gamma, beta, mean, rstd, means, gz))
}
