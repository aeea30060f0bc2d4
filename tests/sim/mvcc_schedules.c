/*
 * sim/mvcc_schedules.c - see mvcc_schedules.h. A schedule with one turn more is made from each that came out right: at each step after its
 * last turn at which another one could have gone on.
 */
#define _GNU_SOURCE /* MAP_ANONYMOUS */
#include "mvcc_schedules.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/text.h"

/* A schedule that was run, and is to be run with one turn more. */
typedef struct node {
    struct node *next;
    size_t first;
    crew_turn turns[CREW_TURNS_MAX];
    size_t count;
    size_t steps;
    uint8_t able[CREW_STEPS_MAX]; /* as the crew noted it */
} node;

typedef struct search {
    schedules *s;
    schedule_trace *trace; /* shared with the children */
    node *waiting;
    node **end;
} search;

static void name_schedule(schedules *s, const node *n) {
    rove__text_format(s->failed, sizeof s->failed, "%zu first", n->first);
    for (size_t i = 0; i < n->count; i++) {
        size_t size = strlen(s->failed);
        rove__text_format(s->failed + size, sizeof s->failed - size, ", at step %zu %zu",
                          n->turns[i].step, n->turns[i].member);
    }
}

/* 1: it came out right. */
static int run(search *at, node *n) {
    int how = 0;

    memset(at->trace, 0, sizeof *at->trace);
    (void)fflush(NULL);
    pid_t child = fork();
    if (child < 0) {
        abort();
    }
    if (child == 0) {
        (void)setenv("CMOCKA_TEST_ABORT", "1", 1); /* a failure ends the process */
        at->s->run(at->s->ctx, n->first, n->turns, n->count, at->trace);
        _exit(0);
    }
    if (waitpid(child, &how, 0) != child || !WIFEXITED(how) || WEXITSTATUS(how) != 0) {
        name_schedule(at->s, n);
        return 0;
    }
    return 1;
}

/* Runs it, and keeps it for what can be made of it. 1: it came out right. */
static int try_one(search *at, const node *like) {
    schedules *s = at->s;
    node *n = malloc(sizeof *n);

    if (n == NULL) {
        abort();
    }
    *n = *like;
    n->next = NULL;
    *at->end = n;
    at->end = &n->next;
    if (!run(at, n)) {
        return 0;
    }
    n->steps = at->trace->steps;
    memcpy(n->able, at->trace->able, sizeof n->able);
    s->runs++;
    s->longest = n->steps > s->longest ? n->steps : s->longest;
    s->waits += at->trace->counts.waits;
    s->deadlocks += at->trace->counts.deadlocks;
    return 1;
}

/* With one turn more. */
static int extend(search *at, const node *n) {
    node more = *n;
    size_t start = n->count == 0 ? 1 : n->turns[n->count - 1].step + 1;

    more.count = n->count + 1;
    for (size_t step = start; step <= n->steps && step <= CREW_STEPS_MAX; step++) {
        for (size_t member = 0; member < at->s->members; member++) {
            more.turns[n->count] = (crew_turn){step, member};
            if ((n->able[step - 1] >> member & 1) != 0 && !try_one(at, &more)) {
                return 0;
            }
        }
    }
    return 1;
}

int schedules_try(schedules *s) {
    search at = {.s = s};
    int right = s->turns_max <= CREW_TURNS_MAX;

    at.end = &at.waiting;
    at.trace =
        mmap(NULL, sizeof *at.trace, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (at.trace == MAP_FAILED) {
        abort();
    }
    for (size_t first = 0; first < s->members && right; first++) {
        right = try_one(&at, &(node){.first = first});
    }
    for (node *n = at.waiting; n != NULL;) {
        node *next = NULL;
        if (right && n->count < s->turns_max) {
            right = extend(&at, n);
        }
        next = n->next;
        free(n);
        n = next;
    }
    (void)munmap(at.trace, sizeof *at.trace);
    return right;
}
