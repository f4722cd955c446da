// Vectors of REAL as wide as the processor's, and how they are read from maps and written to them.

#include <stdlib.h>

#include "maps.h"

#ifdef __AVX512F__
#define VECTOR 64
#else
#define VECTOR 32
#endif
#define LANES ((int)(VECTOR / sizeof(REAL)))
typedef REAL Vector __attribute__((vector_size(VECTOR), aligned(sizeof(REAL)), may_alias));

static REAL *allocate(size_t count) { return malloc(sizeof(REAL) * count); }

#ifdef MAP_bf16
typedef uint16_t Halves __attribute__((vector_size(VECTOR / 2), aligned(2), may_alias));
typedef uint32_t Bits __attribute__((vector_size(VECTOR)));
static inline Vector get_vector(const MAP *from) {
    return (Vector)(__builtin_convertvector(*(const Halves *)from, Bits) << 16);
}
static inline void put_vector(Vector v, MAP *to) {  // as `put`
    Bits bits = (Bits)v, lost = (Bits)(v != v), rounded = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
    *(Halves *)to = __builtin_convertvector((lost & 0x7fc0) | (~lost & rounded), Halves);
}
#else
static inline Vector get_vector(const MAP *from) { return *(const Vector *)from; }
static inline void put_vector(Vector v, MAP *to) { *(Vector *)to = v; }
#endif
