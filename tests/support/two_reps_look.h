/*
 * two_reps_look.h - what a test of two reps sees of headquarters: a value, a device, what lies in review.
 */
#ifndef ROVE_TESTS_TWO_REPS_LOOK_H
#define ROVE_TESTS_TWO_REPS_LOOK_H

#include <stdio.h>
#include <string.h>

#include "two_reps.h"

static inline int has_text(world *w, const char *entity, rove_id id, const char *column,
                           const char *expected) {
    rove_value value = site_cell(&w->s, entity, id, column);

    return value.type == ROVE_TEXT && value.size == strlen(expected) &&
           memcmp(value.as.data, expected, value.size) == 0;
}

static inline rove__hq_device device_of(world *w, rove_replica replica) {
    rove__hq_device device;
    rove__hq_tx *tx = NULL;

    assert_int_equal(w->s.store->begin(w->s.store->ctx, ROVE_HQ_READ, &tx, NULL), ROVE_OK);
    assert_int_equal(w->s.store->device_get(tx, replica, 0, &device), ROVE_OK);
    w->s.store->rollback(tx);
    return device;
}

static inline void set_device(world *w, rove_replica replica, rove__device_status status,
                              rove_replica former) {
    rove__hq_device device = device_of(w, replica);
    rove__hq_tx *tx = NULL;

    device.status = status;
    device.former = former;
    assert_int_equal(w->s.store->begin(w->s.store->ctx, ROVE_HQ_WRITE, &tx, NULL), ROVE_OK);
    assert_int_equal(w->s.store->device_put(tx, &device), ROVE_OK);
    assert_int_equal(w->s.store->commit(tx, NULL), ROVE_OK);
}

typedef struct last_review {
    int64_t number;
    rove_id id, user;
    rove_replica replica;
    char reason[128];
    size_t count;
} last_review;

static inline rove_status each_review(void *ctx, const rove__hq_review *review) {
    last_review *last = ctx;

    last->number = review->number;
    last->id = review->id;
    last->user = review->user;
    last->replica = review->replica;
    snprintf(last->reason, sizeof last->reason, "%s", review->reason);
    last->count++;
    return ROVE_OK;
}

static inline last_review reviews(world *w) {
    last_review last = {.number = 0};
    rove__hq_tx *tx = NULL;
    rove__arena arena;

    rove__arena_init(&arena, &w->s.allocator, (size_t)1 << 24);
    assert_int_equal(w->s.store->begin(w->s.store->ctx, ROVE_HQ_READ, &tx, NULL), ROVE_OK);
    assert_int_equal(w->s.store->review_scan(tx, 0, &arena, each_review, &last), ROVE_OK);
    w->s.store->rollback(tx);
    rove__arena_free(&arena);
    return last;
}

typedef struct former_names {
    rove_id last;
    size_t count;
    size_t forgotten; /* of them */
} former_names;

static inline rove_status each_former_name(void *ctx, const rove__rename *renamed) {
    former_names *names = ctx;

    names->last = renamed->id;
    names->count++;
    names->forgotten += renamed->id == 0;
    return ROVE_OK;
}

/* Under which ids what headquarters calls so was sent. */
static inline former_names names_of(world *w, const char *entity, rove_id to) {
    former_names names = {0, 0, 0};
    rove__hq_tx *tx = NULL;

    assert_int_equal(w->s.store->begin(w->s.store->ctx, ROVE_HQ_READ, &tx, NULL), ROVE_OK);
    assert_int_equal(w->s.store->renamed_scan(tx,
                                              rove__registry_by_name(w->s.registry, entity)->number,
                                              to, each_former_name, &names),
                     ROVE_OK);
    w->s.store->rollback(tx);
    return names;
}

#endif
