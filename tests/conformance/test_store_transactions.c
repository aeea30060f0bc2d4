/*
 * Transactions of headquarters' stores: what is committed is there, all of it or nothing, for everybody at once, and
 * nothing else ever is.
 */
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

#include "jobs.h"

/* ---- one thread ----------------------------------------------------------------------------------------- */

static void a_new_store_has_nothing(void **state) {
    bed *b = *state;
    rove__hq_head head;
    rove__hq_tx *tx = bed_read(b);

    ok(b->store->head_get(tx, &head));
    assert_int_equal(head.seq, 0);
    assert_int_equal(bed_scan(b, tx, (rove__scope){0, -1}).count, 0);
    bed_rollback(b, tx);
}

static void a_commit_is_seen_by_the_next_reader(void **state) {
    bed *b = *state;
    rove__hq_row row = bed_row(b, "Account", 5, 5);

    bed_set(&row, "name", rove__value_text("Kwik-E"));
    rove__hq_tx *tx = bed_write(b);
    bed_put(b, tx, &row);
    bed_expect(b, tx, &row);
    bed_commit(b, tx);
    tx = bed_read(b);
    bed_expect(b, tx, &row);
    bed_commit(b, tx);
}

static void a_rollback_leaves_nothing(void **state) {
    bed *b = *state;
    rove__hq_row row = bed_row(b, "Account", 5, 5);
    rove__hq_row found;
    rove__hq_head head = {.seq = 9, .timeline = 2};
    uint32_t entity = 0;
    rove_id id = 0;

    rove__hq_tx *tx = bed_write(b);
    bed_put(b, tx, &row);
    ok(b->store->head_put(tx, &head));
    ok(b->store->feed_put(tx, 9, 0, row.row.entity_number, 5));
    bed_rollback(b, tx);
    tx = bed_read(b);
    assert_int_equal(bed_get(b, tx, "Account", 5, &found), ROVE_NOT_FOUND);
    assert_int_equal(b->store->row_by_origin(tx, row.clock.origin, &entity, &id), ROVE_NOT_FOUND);
    ok(b->store->head_get(tx, &head));
    assert_int_equal(head.seq, 0);
    bed_rollback(b, tx);
}

static void an_undone_savepoint_takes_only_what_came_after_it(void **state) {
    bed *b = *state;
    rove__hq_row rows[4];
    rove__hq_row found;

    rove__hq_tx *tx = bed_write(b);
    for (rove_id i = 0; i < 4; i++) {
        rows[i] = bed_row(b, "Account", i + 1, i + 1);
    }
    bed_put(b, tx, &rows[0]);
    for (size_t i = 1; i < 4; i++) {
        ok(b->store->savepoint(tx, NULL));
        bed_put(b, tx, &rows[i]);
        rows[0].review = (uint32_t)i;
        bed_put(b, tx, &rows[0]);
        ok(b->store->release(tx, i != 2, NULL));
        if (i == 2) {
            rows[0].review = 1;
            bed_expect(b, tx, &rows[0]);
        }
    }
    bed_commit(b, tx);
    tx = bed_read(b);
    rows[0].review = 3;
    bed_expect(b, tx, &rows[0]);
    bed_expect(b, tx, &rows[1]);
    assert_int_equal(bed_get(b, tx, "Account", 3, &found), ROVE_NOT_FOUND);
    bed_expect(b, tx, &rows[3]);
    bed_rollback(b, tx);
}

static void a_reader_stays_in_its_snapshot(void **state) {
    bed *b = *state;
    rove__hq_row row = bed_row(b, "Account", 5, 5);
    rove__hq_head head = {.seq = 1, .timeline = 1};
    rove__hq_row found;
    bed_seen seen = {.count = 0};

    rove__hq_tx *reader = bed_read(b);
    rove__hq_tx *tx = bed_write(b);
    bed_put(b, tx, &row);
    ok(b->store->head_put(tx, &head));
    assert_int_equal(bed_get(b, reader, "Account", 5, &found), ROVE_NOT_FOUND);
    bed_commit(b, tx);
    assert_int_equal(bed_get(b, reader, "Account", 5, &found), ROVE_NOT_FOUND);
    ok(b->store->row_referring(reader, row.row.entity_number, bed_field(row.row.entity, "owner_id"),
                               5, bed_each_id, &seen));
    assert_int_equal(seen.count, 0);
    ok(b->store->head_get(reader, &head));
    assert_int_equal(head.seq, 0);

    rove__hq_tx *later = bed_read(b);
    bed_expect(b, later, &row);
    ok(b->store->head_get(later, &head));
    assert_int_equal(head.seq, 1);
    bed_rollback(b, later);
    bed_rollback(b, reader);
}

static void opening_again_shows_what_was_committed(void **state) {
    bed *b = *state;
    rove__hq_head head = {.timeline = 3, .seq = 4, .counter = UINT32_MAX};

    if (bed_skips(b->kind->is_durable)) {
        return;
    }
    rove__hq_tx *tx = bed_write(b);
    rove__hq_row row = bed_row(b, "Account", 5, 5);
    bed_put(b, tx, &row);
    ok(b->store->head_put(tx, &head));
    bed_commit(b, tx);
    tx = bed_write(b);
    row = bed_row(b, "Account", 6, 6);
    bed_put(b, tx, &row);
    bed_rollback(b, tx);
    for (int i = 0; i < 3; i++) {
        bed_reopen(b);
        tx = bed_read(b);
        row = bed_row(b, "Account", 5, 5);
        bed_expect(b, tx, &row);
        assert_int_equal(bed_get(b, tx, "Account", 6, &row), ROVE_NOT_FOUND);
        ok(b->store->head_get(tx, &head));
        assert_int_equal(head.timeline, 3);
        assert_int_equal(head.seq, 4);
        assert_int_equal(head.counter, UINT32_MAX);
        bed_rollback(b, tx);
    }
}

static void many_readers_may_be_open_at_once(void **state) {
    bed *b = *state;
    rove__hq_tx *readers[40];
    rove__hq_head head;

    for (uint64_t i = 0; i < 40; i++) {
        readers[i] = bed_read(b);
        rove__hq_tx *tx = bed_write(b);
        head = (rove__hq_head){.seq = i + 1};
        ok(b->store->head_put(tx, &head));
        bed_commit(b, tx);
    }
    for (uint64_t i = 0; i < 40; i++) {
        ok(b->store->head_get(readers[i], &head));
        assert_int_equal(head.seq, i);
        bed_rollback(b, readers[i]);
    }
}

/* ---- threads -------------------------------------------------------------------------------------------- */

#define WRITERS 4
#define READERS 3
#define JOBS    60

typedef struct crowd {
    bed *b;
    pthread_mutex_t mutex;
    int writing;   /* writers not done yet */
    int committed; /* jobs */
    int failures;  /* of what has to hold; a thread must not jump out of its test */
} crowd;

static void crowd_add(crowd *c, int *what, int amount) {
    pthread_mutex_lock(&c->mutex);
    *what += amount;
    pthread_mutex_unlock(&c->mutex);
}

static int crowd_is_writing(crowd *c) {
    pthread_mutex_lock(&c->mutex);
    int writing = c->writing;
    pthread_mutex_unlock(&c->mutex);
    return writing > 0;
}

static void *writer_thread(void *ctx) {
    crowd *c = ctx;
    rove__arena arena;

    rove__arena_init(&arena, &c->b->allocator, (size_t)1 << 20);
    for (int i = 0; i < JOBS; i++) {
        rove__hq_tx *tx = NULL;
        rove__arena_reset(&arena);
        rove_status status = c->b->store->begin(c->b->store->ctx, ROVE_HQ_WRITE, &tx, NULL);
        if (status == ROVE_OK) {
            status = job(c->b, tx, &arena);
            if (status == ROVE_OK && i % 5 != 4) {
                status = c->b->store->commit(tx, NULL);
                crowd_add(c, &c->committed, status == ROVE_OK);
            } else {
                c->b->store->rollback(tx);
            }
        }
        i -= status == ROVE_LATER;
        crowd_add(c, &c->failures, status != ROVE_OK && status != ROVE_LATER);
    }
    rove__arena_free(&arena);
    crowd_add(c, &c->writing, -1);
    return NULL;
}

static void *reader_thread(void *ctx) {
    crowd *c = ctx;
    rove__arena arena;

    rove__arena_init(&arena, &c->b->allocator, (size_t)1 << 20);
    do {
        rove__hq_tx *tx = NULL;
        rove_status status = c->b->store->begin(c->b->store->ctx, ROVE_HQ_READ, &tx, NULL);
        if (status == ROVE_OK) {
            crowd_add(c, &c->failures, check_snapshot(c->b, tx, &arena));
            crowd_add(c, &c->failures, check_snapshot(c->b, tx, &arena));
            c->b->store->rollback(tx);
        }
        crowd_add(c, &c->failures, status != ROVE_OK);
    } while (crowd_is_writing(c));
    rove__arena_free(&arena);
    return NULL;
}

static void concurrent_jobs_leave_no_gap_and_readers_see_whole_transactions(void **state) {
    bed *b = *state;
    crowd c = {.b = b, .writing = WRITERS};
    pthread_t threads[WRITERS + READERS];
    rove__hq_head head;

    if (bed_skips(b->kind->has_threads)) {
        return;
    }
    assert_int_equal(pthread_mutex_init(&c.mutex, NULL), 0);
    for (int i = 0; i < WRITERS + READERS; i++) {
        assert_int_equal(
            pthread_create(&threads[i], NULL, i < WRITERS ? writer_thread : reader_thread, &c), 0);
    }
    for (int i = 0; i < WRITERS + READERS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    pthread_mutex_destroy(&c.mutex);
    assert_int_equal(c.failures, 0);
    assert_int_equal(c.committed, WRITERS * JOBS * 4 / 5);
    rove__hq_tx *tx = bed_read(b);
    ok(b->store->head_get(tx, &head));
    assert_int_equal(head.seq, c.committed);
    assert_int_equal(check_snapshot(b, tx, &b->rows), 0);
    bed_rollback(b, tx);
}

/* ---- a crash -------------------------------------------------------------------------------------------- */

/* Commits jobs for ever and says so, seq by seq. */
static void child_commits(bed *b, int out) {
    uint64_t seq = 0;

    if (bed_try_open(b, NULL) != ROVE_OK) {
        _exit(2);
    }
    for (;;) {
        if (job_commit(b, &seq) != ROVE_OK || write(out, &seq, sizeof seq) != (ssize_t)sizeof seq) {
            _exit(3);
        }
    }
}

/* The last seq that the child reported before it was killed, somewhere after `reports` of them. */
static uint64_t kill_after(bed *b, int reports) {
    int ends[2];
    uint64_t seq = 0;
    uint64_t next = 0;
    int wait_status = 0;

    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        close(ends[0]);
        child_commits(b, ends[1]);
    }
    close(ends[1]);
    for (int i = 0; i < reports; i++) {
        assert_int_equal(read(ends[0], &seq, sizeof seq), sizeof seq);
    }
    assert_int_equal(kill(child, SIGKILL), 0);
    while (read(ends[0], &next, sizeof next) == (ssize_t)sizeof next) {
        seq = next;
    }
    close(ends[0]);
    assert_int_equal(waitpid(child, &wait_status, 0), child);
    assert_true(WIFSIGNALED(wait_status));
    return seq;
}

static void a_killed_process_leaves_whole_transactions_and_all_that_it_reported(void **state) {
    bed *b = *state;

    if (bed_skips(b->kind->is_durable)) {
        return;
    }
    bed_close(b); /* a connection is not carried over a fork */
    for (int round = 0; round < 12; round++) {
        uint64_t reported = kill_after(b, 1 + (int)(dice(&b->dice) % 12));
        ok(bed_try_open(b, NULL));
        assert_int_equal(check_store(b, reported), 0);
        bed_close(b);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        bed_test(a_new_store_has_nothing),
        bed_test(a_commit_is_seen_by_the_next_reader),
        bed_test(a_rollback_leaves_nothing),
        bed_test(an_undone_savepoint_takes_only_what_came_after_it),
        bed_test(a_reader_stays_in_its_snapshot),
        bed_test(opening_again_shows_what_was_committed),
        bed_test(many_readers_may_be_open_at_once),
        bed_test(concurrent_jobs_leave_no_gap_and_readers_see_whole_transactions),
        bed_test(a_killed_process_leaves_whole_transactions_and_all_that_it_reported),
    };

    return bed_run("transactions", tests, sizeof tests / sizeof *tests);
}
