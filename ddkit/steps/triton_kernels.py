"""The four functions of blocks.c as Triton kernels, for CUDA.

A program computes TILE channels of one image and reads every number of a map once. In its registers a map is a block
[4, WINDOWS, TILE]: the four pixels of a 2x2 window, the windows, the channels. Hence pooling is a sum over the first
axis. The windows also cover the last row and column of an odd map, which pooling drops.

The notation is that of blocks.c, and so are the arguments and their order. Then follow the size of a map and that of a
block. Maps have the type of `z`; all other tensors, and all arithmetic, have the type of `gamma`. The caller adds up
the `sums` of the images, in a fixed order: programs that added to one number would do so in any order.
"""

import triton
import triton.language as tl

EPS = tl.constexpr(1e-5)


@triton.jit
def forward(
    z,
    gamma,
    beta,
    p,
    mean,
    rstd,
    H: tl.constexpr,
    W: tl.constexpr,
    C: tl.constexpr,
    WINDOWS: tl.constexpr,
    TILE: tl.constexpr,
):
    c, row, at, inside, pooled, kept = _places(H, W, C, WINDOWS, TILE)
    g, b = _read(gamma, c, c < C), _read(beta, c, c < C)
    work = _read(z, at, inside).to(g.dtype)
    m = _sum(work) / (H * W)
    m += _sum(tl.where(inside, work - m, 0)) / (H * W)  # what rounding left of the mean
    centred = tl.where(inside, work - m, 0)
    variance = _sum(centred * centred) / (H * W)
    # A variance that overflowed would give r = 0, and zeros without an error. NaN shows that numbers are lost.
    r = tl.where(variance < float("inf"), 1 / tl.sqrt(variance + EPS), float("nan"))
    a = g * (centred * r) + b
    tl.store(p + pooled, _pool(tl.where(a <= 0, 0, a)).to(p.dtype.element_ty), kept)
    tl.store(mean + row, m, c < C)
    tl.store(rstd + row, r, c < C)


@triton.jit
def backward(
    z,
    gp,
    gamma,
    beta,
    mean,
    rstd,
    gz,
    sums,
    H: tl.constexpr,
    W: tl.constexpr,
    C: tl.constexpr,
    WINDOWS: tl.constexpr,
    TILE: tl.constexpr,
):
    c, row, at, inside, pooled, kept = _places(H, W, C, WINDOWS, TILE)
    g0, b0 = _read(gamma, c, c < C), _read(beta, c, c < C)
    m, r = _read(mean, row, c < C), _read(rstd, row, c < C)
    h = (_read(z, at, inside).to(g0.dtype) - m) * r
    g = (g0 * h + b0 > 0).to(g0.dtype) * _quarter(gp, pooled, kept, g0.dtype)  # 0 where pooling reads nothing
    total, dot = _sum(g), _sum(g * h)
    u = g0 * (g - total / (H * W) - h * (dot / (H * W)))
    tl.store(gz + at, (r * u).to(gz.dtype.element_ty), inside)
    tl.store(sums + 2 * row - c, total, c < C)  # [b, 0, c] of [B, 2, C]
    tl.store(sums + 2 * row - c + C, dot, c < C)


@triton.jit
def forward_tangent(
    z,
    zt,
    gamma,
    beta,
    gamma_t,
    beta_t,
    mean,
    rstd,
    pt,
    mean_t,
    along,
    H: tl.constexpr,
    W: tl.constexpr,
    C: tl.constexpr,
    WINDOWS: tl.constexpr,
    TILE: tl.constexpr,
):
    c, row, at, inside, pooled, kept = _places(H, W, C, WINDOWS, TILE)
    g0, b0 = _read(gamma, c, c < C), _read(beta, c, c < C)
    g1, b1 = _read(gamma_t, c, c < C), _read(beta_t, c, c < C)
    m, r = _read(mean, row, c < C), _read(rstd, row, c < C)
    h = (_read(z, at, inside).to(g0.dtype) - m) * r
    work = _read(zt, at, inside).to(g0.dtype)
    m_t, q = _sum(work) / (H * W), _sum(h * work) / (H * W)
    ht = r * (work - m_t - h * q)
    on = (g0 * h + b0 > 0).to(g0.dtype)
    tl.store(pt + pooled, _pool(on * (g0 * ht + g1 * h + b1)).to(pt.dtype.element_ty), kept)
    tl.store(mean_t + row, m_t, c < C)
    tl.store(along + row, q, c < C)


@triton.jit
def backward_tangent(
    z,
    zt,
    gp,
    gpt,
    gamma,
    beta,
    gamma_t,
    mean,
    rstd,
    mean_t,
    along,
    gz,
    gzt,
    sums,
    H: tl.constexpr,
    W: tl.constexpr,
    C: tl.constexpr,
    WINDOWS: tl.constexpr,
    TILE: tl.constexpr,
):
    c, row, at, inside, pooled, kept = _places(H, W, C, WINDOWS, TILE)
    g0, b0, g1 = _read(gamma, c, c < C), _read(beta, c, c < C), _read(gamma_t, c, c < C)
    m, r = _read(mean, row, c < C), _read(rstd, row, c < C)
    m_t, q = _read(mean_t, row, c < C), _read(along, row, c < C)
    h = (_read(z, at, inside).to(g0.dtype) - m) * r
    ht = r * (_read(zt, at, inside).to(g0.dtype) - m_t - h * q)
    on = (g0 * h + b0 > 0).to(g0.dtype)
    g, gt = on * _quarter(gp, pooled, kept, g0.dtype), on * _quarter(gpt, pooled, kept, g0.dtype)
    total, dot, total_t, sum_along = _sum(g), _sum(g * h), _sum(gt), _sum(gt * h + g * ht)
    tl.store(sums + 2 * row - c, total_t, c < C)  # [b, 0, c] of [B, 2, C]
    tl.store(sums + 2 * row - c + C, sum_along, c < C)
    mean_g, mean_gh, mean_gt, mean_along = total / (H * W), dot / (H * W), total_t / (H * W), sum_along / (H * W)
    u = g0 * (g - mean_g - h * mean_gh)
    ut = g0 * (gt - mean_gt - h * mean_along - ht * mean_gh) + g1 * (g - mean_g - h * mean_gh)
    tl.store(gz + at, (r * u).to(gz.dtype.element_ty), inside)
    tl.store(gzt + at, (r * (ut - r * q * u)).to(gzt.dtype.element_ty), inside)


@triton.jit
def _places(H, W, C, WINDOWS: tl.constexpr, TILE: tl.constexpr):
    """Return the program's channels [1, 1, TILE] and their places in statistics [B, C]; the places of its block in a
    map, and which of them exist; and the same for a pooled map."""
    tiles = tl.cdiv(C, TILE)
    b = (tl.program_id(0) // tiles).to(tl.int64)
    c = tl.program_id(0) % tiles * TILE + tl.arange(0, TILE)[None, None, :]
    corner, window = tl.arange(0, 4)[:, None, None], tl.arange(0, WINDOWS)[None, :, None]
    py, px = window // ((W + 1) // 2), window % ((W + 1) // 2)
    y, x = 2 * py + corner // 2, 2 * px + corner % 2
    at, inside = b * (H * W * C) + (y * W + x) * C + c, (y < H) & (x < W) & (c < C)
    h, w = H // 2, W // 2
    return c, b * C + c, at, inside, b * (h * w * C) + (py * w + px) * C + c, (py < h) & (px < w) & (c < C)


@triton.jit
def _read(tensor, at, exists):
    return tl.load(tensor + at, exists, 0)


@triton.jit
def _sum(block):
    """Sum over the pixels, [1, 1, TILE]."""
    return tl.sum(tl.sum(block, 0, keep_dims=True), 1, keep_dims=True)


@triton.jit
def _pool(block):
    return tl.sum(block, 0, keep_dims=True) / 4


@triton.jit
def _quarter(gp, pooled, kept, REAL: tl.constexpr):
    """Return the pullback of `_pool` for one of four equal pixels, [1, WINDOWS, TILE]."""
    return _read(gp, pooled, kept).to(REAL) / 4
