/*
 * base/planted.h - rules that a test build can take out, one at a time, to show that the tests notice.
 *
 *     if (!ROVE_PLANTED(P05_BLIND) && causal(...)) {
 *
 * is what it says without the macro in every build but one configured with ROVE_PLANTS=ON (the presets dev, asan and tsan):
 * there ROVE_PLANTED(x) is 1 while rove__planted is ROVE_PLANT_x. The name is the rule of docs/protocol.md and a word for
 * what goes wrong; the sentence says it in full. tests/rules has a test for each that fails when it is planted.
 */
#ifndef ROVE_BASE_PLANTED_H
#define ROVE_BASE_PLANTED_H

/* clang-format off */
#define ROVE_PLANT_TABLE(X)                                                                        \
    X(P05_BLIND,   "every write counts as concurrent, whatever its author had seen")               \
    X(P06_EARLIER, "of concurrent registers the earlier wins")
/* clang-format on */

typedef enum rove__plant {
    ROVE_PLANT_NONE,
#define ROVE_PLANT_VALUE(name, sentence) ROVE_PLANT_##name,
    ROVE_PLANT_TABLE(ROVE_PLANT_VALUE)
#undef ROVE_PLANT_VALUE
        ROVE_PLANT_COUNT
} rove__plant;

#ifdef ROVE_PLANTS
/* The bug that is planted; changed by tests only, before any thread is started. */
extern rove__plant rove__planted;
#define ROVE_PLANTED(name) (rove__planted == ROVE_PLANT_##name)
#else
#define ROVE_PLANTED(name) 0
#endif

#endif
