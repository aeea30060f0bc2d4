/*
 * sim/dice.h - random numbers of a simulation: a stream is one 64-bit state (splitmix64, Steele, Lea and Flood 2014), so
 * that it can be written down, and another one can be drawn from it for whatever is to have a stream of its own.
 */
#ifndef ROVE_SIM_DICE_H
#define ROVE_SIM_DICE_H

#include <stddef.h>
#include <stdint.h>

typedef struct sim_dice {
    uint64_t state;
} sim_dice;

static inline uint64_t sim_draw(sim_dice *dice) {
    uint64_t x = dice->state += 0x9e3779b97f4a7c15u;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

/* 0 .. below - 1; 0 for below 0. */
static inline uint64_t sim_below(sim_dice *dice, uint64_t below) {
    return below == 0 ? 0 : sim_draw(dice) % below;
}

/* 1 in so many of a thousand cases. */
static inline int sim_chance(sim_dice *dice, unsigned per_mille) {
    return sim_below(dice, 1000) < per_mille;
}

/* A stream of its own for one of several purposes. */
static inline sim_dice sim_stream(uint64_t seed, uint64_t purpose) {
    sim_dice dice = {seed ^ purpose * 0xd6e8feb86659fd93u};
    dice.state = sim_draw(&dice);
    return dice;
}

#endif
