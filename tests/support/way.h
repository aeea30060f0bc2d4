/*
 * support/way.h - the way by which a call was reached, as a number: the return addresses between it and where a play begins. By the
 * frame pointers that tests are built with; unwinding by the compiler's tables, which takes a hundred times as long, is left to
 * where they end: in a library on the way.
 */
#ifndef ROVE_TESTS_WAY_H
#define ROVE_TESTS_WAY_H

#include <stdint.h>

typedef struct way_start {
    const void *frame;
    int depth; /* of the stack */
} way_start;

/* `at`: the __builtin_frame_address(0) of the caller, out of whose call the play is made. */
way_start way_starts(const void *at);
/* Never 0; `mark` tells apart what has the same way. */
uint64_t way_from(const way_start *start, uint64_t mark);
/* The `frames` callers of the caller, whatever they belong to. */
uint64_t way_above(int frames);

#endif
