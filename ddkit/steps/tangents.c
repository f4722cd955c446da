// The derivatives of the kernels of blocks.c along (zt, gammat, betat); `t` at the end of a name is a tangent.

#include "passes.h"

// ---------------------------------------------------------------- pt, and the statistics mt = mean(zt), q = mean(h zt)

inline_for(void) tangent_means(Shape s, int b, int c, int n, const MAP *restrict z, const MAP *restrict zt,
                               const REAL *restrict mean, const REAL *restrict rstd, REAL *restrict meant,
                               REAL *restrict along) {
    size_t own = number(s, b, c);
    LOAD(m, mean + own) LOAD(r, rstd + own)
    REAL sum[WIDEST] = {0}, dot[WIDEST] = {0};
    REAL count = (REAL)s.height * s.width;
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
        meant[own + j] = sum[j] / count;
        along[own + j] = dot[j] / count;
    }
}

inline_for(void) tangents(Shape s, int b, int c, int n, const MAP *restrict z, const MAP *restrict zt,
                          const REAL *restrict gamma, const REAL *restrict beta, const REAL *restrict gammat,
                          const REAL *restrict betat, const REAL *restrict mean, const REAL *restrict rstd,
                          const REAL *restrict meant, const REAL *restrict along, MAP *restrict pt) {
    size_t own = number(s, b, c);
    LOAD(m, mean + own) LOAD(r, rstd + own) LOAD(g0, gamma + c) LOAD(b0, beta + c) LOAD(g1, gammat + c)
    LOAD(b1, betat + c) LOAD(sum, meant + own) LOAD(dot, along + own)
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

void forward_tangent(Shape s, int images, int together, const MAP *z, const MAP *zt, const REAL *gamma,
                     const REAL *beta, const REAL *gammat, const REAL *betat, const REAL *mean, const REAL *rstd,
                     MAP *pt, REAL *meant, REAL *along) {
    IN_TWO_PASSES(s, tangent_means(s, b, c, n, z, zt, mean, rstd, meant, along),
                  (average(s, images, together, 1, meant), average(s, images, together, 1, along)),
                  tangents(s, b, c, n, z, zt, gamma, beta, gammat, betat, mean, rstd, meant, along, pt))
}

// ---------------------------------------------------------------- gz again, gzt, and sums[b] = (d betat, d gammat)

// `means` are four numbers [B, C]: those of `gradient_means`, and their tangents.
inline_for(void) gradient_tangent_means(Shape s, int b, int c, int n, const MAP *restrict z, const MAP *restrict zt,
                                        const MAP *restrict gp, const MAP *restrict gpt, const REAL *restrict gamma,
                                        const REAL *restrict beta, const REAL *restrict gammat,
                                        const REAL *restrict mean, const REAL *restrict rstd,
                                        const REAL *restrict meant, const REAL *restrict along, REAL *restrict means,
                                        REAL *restrict sums) {
    size_t own = number(s, b, c), all = (size_t)s.batch * s.channels;
    LOAD(m, mean + own) LOAD(r, rstd + own) LOAD(mt, meant + own) LOAD(q, along + own) LOAD(g0, gamma + c)
    LOAD(b0, beta + c) LOAD(g1, gammat + c)
    REAL sum[WIDEST] = {0}, dot[WIDEST] = {0}, sumt[WIDEST] = {0}, dott[WIDEST] = {0};
    REAL count = (REAL)s.height * s.width;
    int height = s.height / 2, width = s.width / 2;
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
        means[own + j] = sum[j] * (g0[j] / count);
        means[all + own + j] = dot[j] * (g0[j] / count);
        means[2 * all + own + j] = (g0[j] * sumt[j] + g1[j] * sum[j]) / count;
        means[3 * all + own + j] = (g0[j] * dott[j] + g1[j] * dot[j]) / count;
    }
}

inline_for(void) gradient_tangents(Shape s, int b, int c, int n, const MAP *restrict z, const MAP *restrict zt,
                                   const MAP *restrict gp, const MAP *restrict gpt, const REAL *restrict gamma,
                                   const REAL *restrict beta, const REAL *restrict gammat, const REAL *restrict mean,
                                   const REAL *restrict rstd, const REAL *restrict meant, const REAL *restrict along,
                                   const REAL *restrict means, MAP *restrict gz, MAP *restrict gzt) {
    size_t own = number(s, b, c), all = (size_t)s.batch * s.channels;
    LOAD(m, mean + own) LOAD(r, rstd + own) LOAD(mt, meant + own) LOAD(q, along + own) LOAD(g0, gamma + c)
    LOAD(b0, beta + c) LOAD(g1, gammat + c) LOAD(sum, means + own) LOAD(dot, means + all + own)
    LOAD(sumt, means + 2 * all + own) LOAD(dott, means + 3 * all + own)
    int height = s.height / 2, width = s.width / 2;
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
                REAL ut = g0[j] * gt + g1[j] * g - sumt[j] - ht * dot[j] - h * dott[j];
                gzt[o + j] = put(r[j] * (ut - r[j] * q[j] * u));
            }
        }
}

void backward_tangent(Shape s, int images, int together, const MAP *z, const MAP *zt, const MAP *gp, const MAP *gpt,
                      const REAL *gamma, const REAL *beta, const REAL *gammat, const REAL *mean, const REAL *rstd,
                      const REAL *meant, const REAL *along, REAL *means, MAP *gz, MAP *gzt, REAL *sums) {
    IN_TWO_PASSES(
        s,
        gradient_tangent_means(s, b, c, n, z, zt, gp, gpt, gamma, beta, gammat, mean, rstd, meant, along, means, sums),
        average(s, images, together, 4, means),
        gradient_tangents(s, b, c, n, z, zt, gp, gpt, gamma, beta, gammat, mean, rstd, meant, along, means, gz, gzt))
}
