/*
 * support/arena_watch.h - lets a test make any piece that is taken from an arena fail. An arena asks its allocator once for many
 * pieces, so that an allocator that fails does not reach the code between them.
 *
 * The linker puts the functions of arena_watch.c in front of the arena's own in every test (--wrap).
 */
#ifndef ROVE_TESTS_ARENA_WATCH_H
#define ROVE_TESTS_ARENA_WATCH_H

#include "base/alloc.h"

/* 1: there is no room. NULL, as at first: always the arena's own answer. One for the process. */
extern int (*arena_watch)(void *ctx, const rove__arena *arena);
extern void *arena_watch_ctx;

#endif
