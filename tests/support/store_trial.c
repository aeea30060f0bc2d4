/*
 * support/store_trial.c - see store_trial.h.
 */
#include "store_trial.h"

#include <execinfo.h>
#include <stdio.h>

#include "arena_watch.h"
#include "statement_watch.h"
#include "store/store.h"

#define PLACES_MAX 16384
#define FRAMES     12

static struct {
    heap *h;
    int playing;
    int failed; /* a call in this play */
    uint64_t known[PLACES_MAX];
    size_t count;
} trial;

/* 1, once in a process, for each way to get here. */
static int is_new(void) {
    void *frames[FRAMES];
    uint64_t place = 0x9e3779b97f4a7c15u;
    int depth = backtrace(frames, FRAMES);

    for (int i = 2; i < depth; i++) {
        place = (place ^ (uintptr_t)frames[i]) * 0xbf58476d1ce4e5b9u;
        place ^= place >> 29;
    }
    size_t at = (size_t)(place % PLACES_MAX);
    while (trial.known[at] != 0 && trial.known[at] != place) {
        at = (at + 1) % PLACES_MAX;
    }
    if (trial.known[at] == place || trial.count == PLACES_MAX / 2) {
        return 0;
    }
    trial.known[at] = place;
    trial.count++;
    return 1;
}

static int fails(void) {
    if (!trial.playing || trial.failed || !is_new()) {
        return 0;
    }
    trial.failed = 1;
    return 1;
}

static int heap_asks(void *ctx) {
    (void)ctx;
    return fails();
}

static int arena_asks(void *ctx, const rove__arena *arena) {
    (void)ctx;
    return arena->allocator->resize == heap_resize && arena->allocator->ctx == trial.h && fails();
}

static int statement_asks(const char *sql) {
    (void)sql;
    return fails();
}

void store_trial_with(heap *h) {
    trial.h = h;
    arena_watch = h == NULL ? NULL : arena_asks;
    statement_watch = h == NULL ? NULL : statement_asks;
    if (h != NULL) {
        h->fault = heap_asks;
    }
}

/* Before a play. */
static void begin(void) {
    trial.failed = 0;
    trial.playing = trial.h != NULL && trial.h->fail_at == 0;
}

/* 1: it failed by our hand, and is to be played again. */
static int again(const char *what, rove_status status) {
    trial.playing = 0;
    if (!trial.failed || status == ROVE_OK) {
        return 0;
    }
    if (status != ROVE_NOMEM && status != ROVE_IO) {
        (void)printf("%s: a fault was called %s\n", what, rove_status_name(status));
        abort();
    }
    return 1;
}

/* NOLINTBEGIN(bugprone-reserved-identifier) */
#define TRIED(name, parameters, arguments)                                                         \
    rove_status __real_rove__store_##name parameters;                                              \
    rove_status __wrap_rove__store_##name parameters;                                              \
    rove_status __wrap_rove__store_##name parameters {                                             \
        rove_status status = ROVE_OK;                                                              \
                                                                                                   \
        do {                                                                                       \
            begin();                                                                               \
            status = __real_rove__store_##name arguments;                                          \
        } while (again("rove__store_" #name, status));                                             \
        return status;                                                                             \
    }
TRIED(apply,
      (rove__store * store, const rove__ack *acks, size_t count, const rove__page *page,
       rove_error *error),
      (store, acks, count, page, error))
TRIED(renumber, (rove__store * store, const rove__renumber *renumber, rove_error *error),
      (store, renumber, error))
TRIED(freeze, (rove__store * store, rove_error *error), (store, error))
TRIED(need, (rove__store * store, uint64_t number, rove_error *error), (store, number, error))
TRIED(need_row, (rove__store * store, const rove__need_row *need, rove_error *error),
      (store, need, error))
TRIED(verify, (rove__store * store, uint64_t *rows, rove_error *error), (store, rows, error))
TRIED(welcome, (rove__store * store, const rove__welcome *welcome, rove_error *error),
      (store, welcome, error))
/* NOLINTEND(bugprone-reserved-identifier) */
