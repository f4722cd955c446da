// The matrices of Winograd's convolution, as functions: entry i of a matrix times a vector of numbers, each a Vector.
//
//     of_patch: B' d     of_weight: G w     of_tile: A g     of_products: A' m     of_sums: G' m
//
// For F(2x2, 3x3) the points are 0, 1, -1 and infinity, for F(4x4, 3x3) also 2 and -2.

#include "vectors.h"

#define ENTRY(name) static inline __attribute__((always_inline)) Vector name(int i, const Vector *d)

#ifndef MAP_bf16
#define SIDE 2

ENTRY(of_patch) {
    switch (i) {
        case 0: return d[0] - d[2];
        case 1: return d[1] + d[2];
        case 2: return d[2] - d[1];
        default: return d[1] - d[3];
    }
}

ENTRY(of_weight) {
    switch (i) {
        case 0: return d[0];
        case 1: return (d[0] + d[2]) / 2 + d[1] / 2;
        case 2: return (d[0] + d[2]) / 2 - d[1] / 2;
        default: return d[2];
    }
}

ENTRY(of_tile) {
    switch (i) {
        case 0: return d[0];
        case 1: return d[0] + d[1];
        case 2: return d[0] - d[1];
        default: return -d[1];
    }
}

ENTRY(of_products) { return i == 0 ? d[0] + d[1] + d[2] : d[1] - d[2] - d[3]; }

ENTRY(of_sums) {
    switch (i) {
        case 0: return d[0] + (d[1] + d[2]) / 2;
        case 1: return (d[1] - d[2]) / 2;
        default: return (d[1] + d[2]) / 2 + d[3];
    }
}

#else
#define SIDE 4
#define SIXTH ((REAL)(1. / 6))

ENTRY(of_patch) {
    switch (i) {
        case 0: return 4 * d[0] - 5 * d[2] + d[4];
        case 1: return d[3] + d[4] - 4 * (d[1] + d[2]);
        case 2: return d[4] - d[3] + 4 * (d[1] - d[2]);
        case 3: return d[4] - d[2] + 2 * (d[3] - d[1]);
        case 4: return d[4] - d[2] - 2 * (d[3] - d[1]);
        default: return 4 * d[1] - 5 * d[3] + d[5];
    }
}

ENTRY(of_weight) {
    switch (i) {
        case 0: return d[0] / 4;
        case 1: return -SIXTH * (d[0] + d[1] + d[2]);
        case 2: return -SIXTH * (d[0] - d[1] + d[2]);
        case 3: return SIXTH * (d[0] / 4 + d[1] / 2 + d[2]);
        case 4: return SIXTH * (d[0] / 4 - d[1] / 2 + d[2]);
        default: return d[2];
    }
}

ENTRY(of_tile) {
    switch (i) {
        case 0: return d[0];
        case 1: return d[0] + d[2] + (d[1] + d[3]);
        case 2: return d[0] + d[2] - (d[1] + d[3]);
        case 3: return d[0] + 4 * d[2] + (2 * d[1] + 8 * d[3]);
        case 4: return d[0] + 4 * d[2] - (2 * d[1] + 8 * d[3]);
        default: return d[3];
    }
}

ENTRY(of_products) {
    switch (i) {
        case 0: return d[0] + (d[1] + d[2]) + (d[3] + d[4]);
        case 1: return d[1] - d[2] + 2 * (d[3] - d[4]);
        case 2: return d[1] + d[2] + 4 * (d[3] + d[4]);
        default: return d[1] - d[2] + 8 * (d[3] - d[4]) + d[5];
    }
}

ENTRY(of_sums) {
    switch (i) {
        case 0: return d[0] / 4 + SIXTH * ((d[3] + d[4]) / 4 - (d[1] + d[2]));
        case 1: return SIXTH * (d[2] - d[1] + (d[3] - d[4]) / 2);
        default: return SIXTH * (d[3] + d[4] - (d[1] + d[2])) + d[5];
    }
}
#endif

#define EDGE (SIDE + 2)
