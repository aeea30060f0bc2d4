/*
 * sim/shrink.h - makes a story that violates something shorter (delta debugging; Zeller and Hildebrandt 2002).
 */
#ifndef ROVE_TESTS_SIM_SHRINK_H
#define ROVE_TESTS_SIM_SHRINK_H

#include "world.h"

/* Writes the shortest that was found to `out`, or to stdout; an exit code. */
int shrink(plan *story, const rove_crypto *crypto, const char *out);

#endif
