/*
 * laws/lab.c - draws, and the way from a failing try to a small one.
 */
#include "lab.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ARENA_MAX   ((size_t)64 << 20)
#define BUF_MAX     ((size_t)1 << 20)
#define SHRINKS_MAX 200000 /* tries that making one small may take */

void lab_open(lab *l) {
    memset(l, 0, sizeof *l);
    l->allocator = heap_allocator(&l->memory);
    rove__arena_init(&l->arena, &l->allocator, ARENA_MAX);
    rove__buf_init(&l->buf[0], &l->allocator, BUF_MAX);
    rove__buf_init(&l->buf[1], &l->allocator, BUF_MAX);
    if (rove__registry_new(&l->allocator, &l->registry) != ROVE_OK) {
        abort();
    }
}

void lab_close(lab *l) {
    rove__registry_free(l->registry);
    rove__buf_free(&l->buf[0]);
    rove__buf_free(&l->buf[1]);
    rove__arena_free(&l->arena);
    if (l->memory.alive != 0) {
        printf("%zu blocks were not given back\n", l->memory.alive);
        abort();
    }
}

uint64_t lab_pick(lab *l, uint64_t limit) {
    uint64_t number = 0;

    if (!l->again) {
        number = dice(&l->state);
    } else if (l->used < l->count) {
        number = l->picks[l->used];
    }
    number = limit == 0 ? number : number % limit;
    if (l->used == LAB_PICKS_MAX) {
        printf("a law draws more than %d numbers\n", LAB_PICKS_MAX);
        abort();
    }
    l->picks[l->used++] = number;
    return number;
}

int lab_rarely(lab *l, uint64_t times) {
    return lab_pick(l, times) == times - 1;
}

void *lab_take(lab *l, size_t size) {
    void *taken = rove__arena_take(&l->arena, size + 1);

    if (taken == NULL) {
        abort();
    }
    return taken;
}

static const char *check(lab *l, const law *which) {
    rove__arena_reset(&l->arena);
    rove__buf_reset(&l->buf[0]);
    rove__buf_reset(&l->buf[1]);
    l->used = 0;
    return which->check(l);
}

const char *lab_try(lab *l, const law *which, uint64_t seed, uint64_t at) {
    l->state = seed;
    for (const char *c = which->name; *c != '\0'; c++) {
        l->state = (l->state ^ (uint8_t)*c) * UINT64_C(0x100000001b3);
    }
    l->state += at * UINT64_C(0xd1342543de82ef95);
    l->state = dice(&l->state);
    l->again = 0;
    l->tell = 0;
    return check(l, which);
}

/* The numbers given: 1 and in l->picks what was really drawn, if the law fails with them. */
static int still_fails(lab *l, const law *which, const uint64_t *picks, size_t count) {
    memcpy(l->picks, picks, count * sizeof *picks);
    l->count = count;
    l->again = 1;
    return check(l, which) != NULL;
}

typedef struct shrinking {
    lab *l;
    const law *which;
    uint64_t best[LAB_PICKS_MAX]; /* fails */
    size_t count;
    uint64_t candidate[LAB_PICKS_MAX];
    int left; /* tries */
} shrinking;

/* Takes the candidate if it fails and is smaller: fewer numbers, or the first that differs is less. */
static int take(shrinking *s, size_t count) {
    int smaller = 0;

    if (s->left-- <= 0 || !still_fails(s->l, s->which, s->candidate, count)) {
        return 0;
    }
    size_t used = s->l->used;
    while (used > 0 && s->l->picks[used - 1] == 0) {
        used--;
    }
    if (used != s->count) {
        smaller = used < s->count;
    } else {
        for (size_t i = 0; i < used && !smaller; i++) {
            if (s->l->picks[i] > s->best[i]) {
                return 0;
            }
            smaller = s->l->picks[i] < s->best[i];
        }
    }
    if (smaller) {
        memcpy(s->best, s->l->picks, used * sizeof *s->best);
        s->count = used;
    }
    return smaller;
}

static int without(shrinking *s, size_t from, size_t size) {
    memcpy(s->candidate, s->best, from * sizeof *s->best);
    memcpy(s->candidate + from, s->best + from + size, (s->count - from - size) * sizeof *s->best);
    return take(s, s->count - size);
}

static int with(shrinking *s, size_t at, uint64_t number) {
    memcpy(s->candidate, s->best, s->count * sizeof *s->best);
    s->candidate[at] = number;
    return take(s, s->count);
}

/* One pass over all numbers; 1 if anything became smaller. */
static int pass(shrinking *s) {
    int better = 0;

    for (size_t size = 16; size > 0; size /= 2) {
        for (size_t from = 0; from + size <= s->count;) {
            int gone = without(s, from, size);
            better |= gone;
            from += !gone;
        }
    }
    for (size_t at = 0; at < s->count; at++) {
        while (at < s->count && s->best[at] > 0) {
            uint64_t now = s->best[at];
            if (!with(s, at, 0) && !with(s, at, now / 2) && !with(s, at, now - 1)) {
                break;
            }
            better = 1;
        }
    }
    return better;
}

void lab_explain(lab *l, const law *which, uint64_t seed, uint64_t at) {
    shrinking *s = calloc(1, sizeof *s);

    if (s == NULL) {
        abort();
    }
    s->l = l;
    s->which = which;
    s->count = l->used;
    s->left = SHRINKS_MAX;
    memcpy(s->best, l->picks, l->used * sizeof *l->picks);
    while (pass(s)) {
    }
    printf("\n%s: %s\nbroken by try %llu of seed %llu; small:\n", which->name, which->sentence,
           (unsigned long long)at, (unsigned long long)seed);
    memcpy(l->picks, s->best, s->count * sizeof *s->best);
    l->count = s->count;
    l->again = 1;
    l->tell = 1;
    const char *what = check(l, which);
    l->tell = 0;
    printf("  %s\nagain: ./dev laws --law %s --seed %llu --at %llu\n", what, which->name,
           (unsigned long long)seed, (unsigned long long)at);
    free(s);
}
