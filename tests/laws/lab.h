/*
 * laws/lab.h - where laws are tried on random states and writes, and what breaks one is made small.
 *
 * A law draws what it needs with lab_pick, and says what does not hold, or NULL. Every draw is a number below a limit,
 * 0 being the simplest; their sequence is the whole input. So a failing try is repeated from its numbers alone, and made
 * small by leaving numbers out and making them smaller for as long as the law still fails. The try of number `at` of
 * a law depends on (seed, law, at) only, and is the same however many come before it.
 */
#ifndef ROVE_TESTS_LAWS_LAB_H
#define ROVE_TESTS_LAWS_LAB_H

#include <stddef.h>
#include <stdint.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "heap.h"
#include "model/entity.h"

#define LAB_PICKS_MAX 16384

typedef struct lab {
    heap memory;
    rove_allocator allocator;
    rove__arena arena; /* of one try; emptied before each */
    rove__buf buf[2];  /* the law's, emptied before each try */
    rove__registry *registry;
    uint64_t state;                /* of the dice, while numbers are fresh */
    uint64_t picks[LAB_PICKS_MAX]; /* what was drawn, or what is to be drawn again */
    size_t count;                  /* of them */
    size_t used;
    int again; /* the numbers are given; past the last one all are 0 */
    int tell;  /* what is drawn is printed */
} lab;

/* What does not hold, NULL if it does. */
typedef const char *law_check(lab *l);

typedef struct law {
    const char *name;
    const char *sentence;
    law_check *check;
} law;

void lab_open(lab *l);
/* Asserts that nothing leaked. */
void lab_close(lab *l);

/* A number below `limit`; any for 0. */
uint64_t lab_pick(lab *l, uint64_t limit);
/* 1 once in `times`. */
int lab_rarely(lab *l, uint64_t times);
/* Memory of this try. */
void *lab_take(lab *l, size_t size);

/* One fresh try: what does not hold, or NULL. */
const char *lab_try(lab *l, const law *which, uint64_t seed, uint64_t at);
/* After a failing try: finds a small one that fails too, and prints it. */
void lab_explain(lab *l, const law *which, uint64_t seed, uint64_t at);

#endif
