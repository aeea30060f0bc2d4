/*
 * processes/chance.h - streams of random numbers, all from one seed: SplitMix64. Each part of the run has a stream of its
 * own, so that what one of them draws does not depend on how much the others drew before.
 */
#ifndef ROVE_PROCESSES_CHANCE_H
#define ROVE_PROCESSES_CHANCE_H

#include <stdint.h>

typedef struct chance {
    uint64_t state;
} chance;

static inline uint64_t chance_next(chance *self) {
    uint64_t z = self->state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* The stream of that number. */
static inline chance chance_stream(uint64_t seed, uint64_t number) {
    chance self = {seed * UINT64_C(0xd1342543de82ef95) + number};
    self.state = chance_next(&self);
    return self;
}

/* Below `limit`, which is above 0. */
static inline unsigned chance_below(chance *self, unsigned limit) {
    return (unsigned)(chance_next(self) % limit);
}

/* From least to most. */
static inline int chance_between(chance *self, int least, int most) {
    return least + (int)chance_below(self, (unsigned)(most - least + 1));
}

/* 1 in so many percent of the calls. */
static inline int chance_of(chance *self, unsigned percent) {
    return chance_below(self, 100) < percent;
}

#endif
