/*
 * test_hq_committer.c - group commit over a store that only counts: who shares a transaction, who is hurt by whose failure,
 * and who is told what.
 *
 * The first job of a test holds the committing thread until all others wait: what follows is one group.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "committer.h"
#include "posix/posix.h"

#define JOBS 16

/* A job that does as it is told. */
typedef struct job {
    struct world *world;
    hq_task task;
    rove_status results[COMMITTER_TRIES + 1]; /* by try; after the last one given: OK */
    int runs;
    int undone; /* its savepoint was taken back */
    int done;
} job;

typedef struct world {
    rove_allocator allocator;
    rove_clock clock;
    rove__hq_store store;
    committer *committer;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    int gate;
    int told;
    job *current;
    int begun, committed, rolled_back;
    int commit_fails, begin_fails, release_fails;
    job jobs[JOBS];
} world;

static rove_status begin(void *ctx, rove__hq_mode mode, rove__hq_tx **tx, rove_error *error) {
    world *w = ctx;
    (void)error;
    assert_int_equal(mode, ROVE_HQ_WRITE);
    if (w->begin_fails > 0) {
        w->begin_fails--;
        return ROVE_IO;
    }
    w->begun++;
    *tx = (rove__hq_tx *)w;
    return ROVE_OK;
}

static rove_status commit(rove__hq_tx *tx, rove_error *error) {
    world *w = (world *)tx;
    (void)error;
    if (w->commit_fails > 0) {
        w->commit_fails--;
        return ROVE_FULL;
    }
    w->committed++;
    return ROVE_OK;
}

static void rollback(rove__hq_tx *tx) {
    ((world *)tx)->rolled_back++;
}

static rove_status savepoint(rove__hq_tx *tx, rove_error *error) {
    (void)tx;
    (void)error;
    return ROVE_OK;
}

static rove_status release(rove__hq_tx *tx, int keep, rove_error *error) {
    world *w = (world *)tx;
    (void)error;
    w->current->undone += !keep;
    if (!keep && w->release_fails > 0) {
        w->release_fails--;
        return ROVE_IO;
    }
    return ROVE_OK;
}

static rove_status run(void *ctx, rove__hq_tx *tx, rove_error *error) {
    job *self = ctx;
    (void)error;
    assert_ptr_equal(tx, self->world);
    self->world->current = self;
    return self->results[self->runs++];
}

static void done(void *ctx) {
    job *self = ctx;
    (void)pthread_mutex_lock(&self->world->mutex);
    self->done++;
    self->world->told++;
    (void)pthread_cond_broadcast(&self->world->changed);
    (void)pthread_mutex_unlock(&self->world->mutex);
}

/* The first job waits here until the test has queued the others. */
static rove_status wait_at_gate(void *ctx, rove__hq_tx *tx, rove_error *error) {
    job *self = ctx;
    world *w = self->world;
    (void)pthread_mutex_lock(&w->mutex);
    while (!w->gate) {
        (void)pthread_cond_wait(&w->changed, &w->mutex);
    }
    (void)pthread_mutex_unlock(&w->mutex);
    return run(ctx, tx, error);
}

/* No group ends for its time. */
static void stand_still(void *ctx, rove_clock_reading *reading) {
    (void)ctx;
    memset(reading, 0, sizeof *reading);
}

static int set_up(void **state) {
    world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    rove_posix_allocator(&w->allocator);
    w->clock.read = stand_still;
    w->store = (rove__hq_store){.begin = begin,
                                .commit = commit,
                                .rollback = rollback,
                                .savepoint = savepoint,
                                .release = release,
                                .ctx = w};
    (void)pthread_mutex_init(&w->mutex, NULL);
    (void)pthread_cond_init(&w->changed, NULL);
    for (size_t i = 0; i < JOBS; i++) {
        w->jobs[i].world = w;
        w->jobs[i].task = (hq_task){.job = run, .done = done, .ctx = &w->jobs[i]};
    }
    assert_int_equal(committer_new(&w->allocator, &w->store, &w->clock, 1, &w->committer, NULL),
                     ROVE_OK);
    *state = w;
    return 0;
}

static int tear_down(void **state) {
    world *w = *state;
    committer_free(w->committer);
    (void)pthread_cond_destroy(&w->changed);
    (void)pthread_mutex_destroy(&w->mutex);
    free(w);
    return 0;
}

/* Queues `count` jobs behind the first, lets them go, and waits until all were told. */
static void run_all(world *w, size_t count) {
    w->jobs[0].task.job = wait_at_gate;
    for (size_t i = 0; i < count; i++) {
        committer_submit(w->committer, &w->jobs[i].task);
    }
    (void)pthread_mutex_lock(&w->mutex);
    w->gate = 1;
    (void)pthread_cond_broadcast(&w->changed);
    while (w->told < (int)count) {
        (void)pthread_cond_wait(&w->changed, &w->mutex);
    }
    (void)pthread_mutex_unlock(&w->mutex);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(w->jobs[i].done, 1);
    }
}

static void test_waiting_jobs_share(void **state) {
    world *w = *state;
    run_all(w, JOBS);
    assert_int_equal(w->committed, 1);
    assert_int_equal(committer_groups(w->committer), 1);
    assert_int_equal(w->begun, 1);
    for (size_t i = 0; i < JOBS; i++) {
        assert_int_equal(w->jobs[i].task.status, ROVE_OK);
        assert_int_equal(w->jobs[i].runs, 1);
    }
}

static void test_a_failure_is_its_own(void **state) {
    world *w = *state;
    w->jobs[3].results[0] = ROVE_INVALID;
    w->jobs[7].results[0] = ROVE_NOT_FOUND;
    run_all(w, JOBS);
    for (size_t i = 0; i < JOBS; i++) {
        rove_status expected = i == 3 ? ROVE_INVALID : i == 7 ? ROVE_NOT_FOUND : ROVE_OK;
        assert_int_equal(w->jobs[i].task.status, expected);
        assert_int_equal(w->jobs[i].undone, expected != ROVE_OK);
        assert_int_equal(w->jobs[i].runs, 1);
    }
    assert_int_equal(w->rolled_back, 0);
}

static void test_later_is_tried_again(void **state) {
    world *w = *state;
    w->jobs[1].results[0] = ROVE_LATER;
    w->jobs[1].results[1] = ROVE_LATER;
    for (size_t i = 0; i < COMMITTER_TRIES + 1; i++) {
        w->jobs[2].results[i] = ROVE_LATER;
    }
    run_all(w, 4);
    assert_int_equal(w->jobs[1].task.status, ROVE_OK);
    assert_int_equal(w->jobs[1].runs, 3);
    assert_int_equal(w->jobs[1].undone, 2);
    assert_int_equal(w->jobs[2].task.status, ROVE_LATER);
    assert_int_equal(w->jobs[2].runs, COMMITTER_TRIES);
    assert_int_equal(w->jobs[3].task.status, ROVE_OK);
}

/* Nothing of a group is there when its commit failed, and everybody of it hears so; the next group is fine. */
static void test_failed_commit(void **state) {
    world *w = *state;
    w->commit_fails = 1;
    w->jobs[0].results[0] = ROVE_INVALID;
    assert_int_equal(committer_run(w->committer, run, &w->jobs[1], NULL), ROVE_FULL);
    run_all(w, 1);
    assert_int_equal(w->jobs[0].task.status, ROVE_INVALID);
    assert_int_equal(committer_run(w->committer, run, &w->jobs[2], NULL), ROVE_OK);
    assert_int_equal(w->committed, 2);
}

static void test_failed_begin(void **state) {
    world *w = *state;
    rove_error error = {0};
    w->begin_fails = 1;
    assert_int_equal(committer_run(w->committer, run, &w->jobs[1], &error), ROVE_IO);
    assert_true(error.message[0] != '\0');
    assert_int_equal(w->jobs[1].runs, 0);
    assert_int_equal(committer_run(w->committer, run, &w->jobs[1], &error), ROVE_OK);
}

/* A transaction that cannot even undo a savepoint is given up, with all that ran in it. */
static void test_broken_transaction(void **state) {
    world *w = *state;
    w->release_fails = 1;
    w->jobs[1].results[0] = ROVE_INVALID;
    run_all(w, 3);
    assert_int_equal(w->jobs[1].task.status, ROVE_INVALID);
    assert_int_equal(w->rolled_back, 1);
    assert_int_equal(w->jobs[2].task.status, ROVE_OK);
    assert_int_equal(w->jobs[0].task.status, ROVE_IO);
    assert_int_equal(w->committed, 1);
}

/* What is queued when the committer is freed still runs. */
static void test_ends_with_nothing_waiting(void **state) {
    world *w = *state;
    w->jobs[0].task.job = wait_at_gate;
    for (size_t i = 0; i < JOBS; i++) {
        committer_submit(w->committer, &w->jobs[i].task);
    }
    (void)pthread_mutex_lock(&w->mutex);
    w->gate = 1;
    (void)pthread_cond_broadcast(&w->changed);
    (void)pthread_mutex_unlock(&w->mutex);
    committer_free(w->committer);
    w->committer = NULL;
    for (size_t i = 0; i < JOBS; i++) {
        assert_int_equal(w->jobs[i].done, 1);
        assert_int_equal(w->jobs[i].task.status, ROVE_OK);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_waiting_jobs_share, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_failure_is_its_own, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_later_is_tried_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_failed_commit, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_failed_begin, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_broken_transaction, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_ends_with_nothing_waiting, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
