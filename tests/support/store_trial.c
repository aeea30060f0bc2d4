/*
 * support/store_trial.c - see store_trial.h.
 */
#include "store_trial.h"

#include <stdio.h>

#include "arena_watch.h"
#include "statement_watch.h"
#include "store/internal.h"
#include "way.h"

#define PLACES_MAX 16384
#define CALLERS    4 /* of the store, by which plays differ */
#define HEAPS_MAX  8

/* Of the thread whose heaps it has: another one that uses the same replica is not tried. */
static _Thread_local struct {
    heap *heaps[HEAPS_MAX]; /* whose stores are tried */
    size_t heap_count;
    int playing;
    int failed; /* a call in this play */
    way_start start;
    uint64_t callers;
    uint64_t known[PLACES_MAX];
    size_t count;
} trial;

/* 1, once in a process, for each way to get here. */
static int is_new(void) {
    uint64_t place = way_from(&trial.start, trial.callers);
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

/* In a play nobody but the store takes any. */
static int arena_asks(void *ctx, const rove__arena *arena) {
    (void)ctx;
    (void)arena;
    return fails();
}

static int statement_asks(const char *sql) {
    (void)sql;
    return fails();
}

void store_trial_with(heap *h) {
    trial.playing = 0; /* a test that failed had left it so */
    if (h == NULL) {
        trial.heap_count = 0;
        arena_watch = NULL;
        statement_watch = NULL;
        return;
    }
    for (size_t i = 0; i < trial.heap_count; i++) {
        if (trial.heaps[i] == h) {
            trial.heap_count = i;
        }
    }
    if (trial.heap_count == HEAPS_MAX) {
        abort();
    }
    trial.heaps[trial.heap_count++] = h;
    h->fault = heap_asks;
    arena_watch = arena_asks;
    statement_watch = statement_asks;
}

/* Whether calls are tried now: not while the test itself lets one fail. */
static int is_on(void) {
    for (size_t i = 0; i < trial.heap_count; i++) {
        if (trial.heaps[i]->fail_at != 0) {
            return 0;
        }
    }
    return trial.heap_count > 0;
}

/* Before a play. */
static void begin(const void *frame) {
    trial.failed = 0;
    trial.playing = is_on();
    if (trial.playing) {
        trial.start = way_starts(frame);
        trial.callers = way_above(CALLERS);
    }
}

/* 1: it failed by our hand, and is to be played again. */
static int again(const char *what, rove_status status) {
    trial.playing = 0;
    if (!trial.failed || status == ROVE_OK) {
        return 0;
    }
    if (status != ROVE_NOMEM && status != ROVE_IO) {
        (void)fprintf(stderr, "%s: a fault was called %s\n", what, rove_status_name(status));
        abort();
    }
    return 1;
}

/* NOLINTBEGIN(bugprone-reserved-identifier) */
#define DECLARED(name, parameters)                                                                 \
    rove_status __real_rove__store_##name parameters;                                              \
    rove_status __wrap_rove__store_##name parameters;                                              \
    rove_status __wrap_rove__store_##name parameters

/* A transaction, or a look at the replica: what failed has done nothing, and is called again. */
#define TRIED(name, parameters, arguments)                                                         \
    DECLARED(name, parameters) {                                                                   \
        rove_status status = ROVE_OK;                                                              \
                                                                                                   \
        if (trial.playing) { /* called by another of these */                                      \
            return __real_rove__store_##name arguments;                                            \
        }                                                                                          \
        do {                                                                                       \
            begin(__builtin_frame_address(0));                                                     \
            status = __real_rove__store_##name arguments;                                          \
        } while (again("rove__store_" #name, status));                                             \
        return status;                                                                             \
    }
TRIED(set_owner, (rove__store * store, const rove__store_owner *owner, rove_error *error),
      (store, owner, error))
TRIED(read_state, (rove__store * store, rove__store_state *state, rove_error *error),
      (store, state, error))
TRIED(apply,
      (rove__store * store, const rove__ack *acks, size_t count, const rove__page *page,
       rove_error *error),
      (store, acks, count, page, error))
TRIED(renumber, (rove__store * store, const rove__renumber *renumber, rove_error *error),
      (store, renumber, error))
TRIED(freeze, (rove__store * store, rove_error *error), (store, error))
TRIED(hello, (rove__store * store, rove__arena *arena, rove__hello *hello, rove_error *error),
      (store, arena, hello, error))
TRIED(push_next,
      (rove__store * store, int first, uint64_t number, uint32_t ordinal, rove__arena *arena,
       rove__push *push, int *sealed, rove_error *error),
      (store, first, number, ordinal, arena, push, sealed, error))
TRIED(need, (rove__store * store, uint64_t number, rove_error *error), (store, number, error))
TRIED(need_row, (rove__store * store, const rove__need_row *need, rove_error *error),
      (store, need, error))
TRIED(needed_rows, (rove__store * store, rove__arena *arena, rove__bytes *rows, rove_error *error),
      (store, arena, rows, error))
TRIED(need_former, (rove__store * store, const rove__formers *list, rove_error *error),
      (store, list, error))
TRIED(former_ack, (rove__store * store, const rove__formers *list, rove_error *error),
      (store, list, error))
TRIED(formers,
      (rove__store * store, int64_t *position, rove__arena *arena, rove__formers *list,
       rove_error *error),
      (store, position, arena, list, error))
TRIED(former_next,
      (rove__store * store, rove__former_position *position, rove__arena *arena,
       rove__bytes *record, rove_error *error),
      (store, position, arena, record, error))
TRIED(hand_over, (rove__store * store, const rove__hand_over *to, rove_error *error),
      (store, to, error))
TRIED(settled, (rove__store * store, rove_error *error), (store, error))
TRIED(differ, (rove__store * store, const rove__differ *differ, rove_error *error),
      (store, differ, error))
TRIED(end, (rove__store * store, const rove__end *end, rove__comparison *result, rove_error *error),
      (store, end, result, error))
TRIED(digests,
      (rove__store * store, rove__arena *arena, rove__digest_list *list, rove_error *error),
      (store, arena, list, error))
TRIED(quarantine_retry, (rove__store * store, uint64_t *left, rove_error *error),
      (store, left, error))
TRIED(rejection_retry,
      (rove__store * store, int64_t rejection, const rove__row *fix, rove_error *error),
      (store, rejection, fix, error))
TRIED(rejection_discard, (rove__store * store, int64_t rejection, rove_error *error),
      (store, rejection, error))
TRIED(verify, (rove__store * store, uint64_t *rows, rove_error *error), (store, rows, error))
TRIED(welcome, (rove__store * store, const rove__welcome *welcome, rove_error *error),
      (store, welcome, error))

/*
 * A write of a local transaction. One that fails dooms it, if it has written anything; the trial takes that back to
 * what was before, and writes again.
 */
typedef struct before {
    rove__store_clock clock;
    size_t rows, bytes, events;
    int unseen;
    int64_t changes;
} before;

static void sql(const rove__store *store, const char *text) {
    int playing = trial.playing;

    trial.playing = 0;
    if (sqlite3_exec(store->db, text, NULL, NULL, NULL) != SQLITE_OK) {
        (void)fprintf(stderr, "%s: %s\n", text, sqlite3_errmsg(store->db));
        abort();
    }
    trial.playing = playing;
}

static void mark(const rove__store *store, before *b) {
    *b = (before){store->clock,       store->tx_rows,      store->tx_bytes,
                  store->event_count, store->clock_unseen, sqlite3_total_changes64(store->db)};
    sql(store, "SAVEPOINT store_trial");
}

static void go_back(rove__store *store, const char *what, const before *b) {
    if (store->doomed == ROVE_OK && sqlite3_total_changes64(store->db) != b->changes) {
        (void)fprintf(stderr, "%s: it had written, and did not say that the transaction is lost\n",
                      what);
        abort();
    }
    sql(store, "ROLLBACK TO store_trial");
    store->doomed = ROVE_OK;
    store->clock = b->clock;
    store->tx_rows = b->rows;
    store->tx_bytes = b->bytes;
    store->event_count = b->events;
    store->clock_unseen = b->unseen;
}

#define WRITTEN(name, parameters, arguments)                                                       \
    DECLARED(name, parameters) {                                                                   \
        rove_status status = ROVE_OK;                                                              \
        before then;                                                                               \
                                                                                                   \
        if (!is_on() || trial.playing || !store->in_transaction || store->doomed != ROVE_OK) {     \
            return __real_rove__store_##name arguments;                                            \
        }                                                                                          \
        mark(store, &then);                                                                        \
        for (;;) {                                                                                 \
            begin(__builtin_frame_address(0));                                                     \
            status = __real_rove__store_##name arguments;                                          \
            if (!again("rove__store_" #name, status)) {                                            \
                break;                                                                             \
            }                                                                                      \
            go_back(store, "rove__store_" #name, &then);                                           \
        }                                                                                          \
        sql(store, "RELEASE store_trial");                                                         \
        return status;                                                                             \
    }
WRITTEN(insert, (rove__store * store, rove__row *row, rove_error *error), (store, row, error))
WRITTEN(update, (rove__store * store, const rove__row *row, rove_error *error), (store, row, error))
WRITTEN(seal, (rove__store * store, const rove__row *row, rove_error *error), (store, row, error))
WRITTEN(increment,
        (rove__store * store, const rove__entity *entity, rove_id id, size_t ordinal, int64_t delta,
         rove_error *error),
        (store, entity, id, ordinal, delta, error))
WRITTEN(element,
        (rove__store * store, const rove__entity *entity, rove_id id, size_t ordinal,
         const rove_value *element, rove__set_action action, rove_error *error),
        (store, entity, id, ordinal, element, action, error))
WRITTEN(delete, (rove__store * store, const rove__entity *entity, rove_id id, rove_error *error),
        (store, entity, id, error))
WRITTEN(undo, (rove__store * store, const rove__entity *entity, rove_id id, rove_error *error),
        (store, entity, id, error))
WRITTEN(get,
        (rove__store * store, const rove__entity *entity, rove_id id, rove__arena *arena,
         rove__row *row),
        (store, entity, id, arena, row))
/* NOLINTEND(bugprone-reserved-identifier) */
