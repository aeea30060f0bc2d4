/*
 * The fake of headquarters on PostgreSQL does what PostgreSQL does: who sees what, who waits for whom, what a lost connection
 * and a dead process leave behind.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "heap.h"
#include "mvcc_crew.h"

#define ok(call) assert_int_equal((call), ROVE_OK)

typedef struct world {
    heap h;
    rove_allocator allocator;
    memory_headquarters *tables;
    mvcc *db;
    mvcc_server *servers[3];
    const rove__hq_store *stores[3];
    crew fibers;
    mvcc_fate fate; /* of the next call, or the next COMMIT */
    int of_commit;
    int ended[3]; /* in which order members came to their ends, from 1 */
    int ends;
    rove_status said[3];
} world;

static mvcc_fate fate(void *ctx, const mvcc_server *server, int commits) {
    world *w = ctx;
    mvcc_fate now = w->of_commit && !commits ? MVCC_GOES_ON : w->fate;

    (void)server;
    w->fate = now == MVCC_GOES_ON ? w->fate : MVCC_GOES_ON;
    return now;
}

static int set_up(void **state) {
    world *w = test_calloc(1, sizeof *w);

    w->allocator = heap_allocator(&w->h);
    w->tables = memory_headquarters_new(&w->allocator);
    w->db = mvcc_new(w->tables);
    for (size_t i = 0; i < 3; i++) {
        w->servers[i] = mvcc_server_open(w->db, i == 2 ? 2 : 0);
        w->stores[i] = mvcc_server_store(w->servers[i]);
    }
    mvcc_set_hooks(w->db, &(mvcc_hooks){.fate = fate, .ctx = w});
    *state = w;
    return 0;
}

static int tear_down(void **state) {
    world *w = *state;

    mvcc_free(w->db);
    memory_headquarters_free(w->tables);
    assert_int_equal(w->h.alive, 0);
    test_free(w);
    return 0;
}

/* ---- words ------------------------------------------------------------------------------------------------ */

static rove__hq_tx *begins(world *w, size_t server, rove__hq_mode mode) {
    rove__hq_tx *tx = NULL;

    ok(w->stores[server]->begin(w->stores[server]->ctx, mode, &tx, NULL));
    return tx;
}

static void puts_device(world *w, rove__hq_tx *tx, rove_replica replica, uint64_t cursor) {
    rove__hq_device device = {.replica = replica, .cursor = cursor};

    ok(w->stores[0]->device_put(tx, &device));
}

/* What a transaction sees of it; 0: not there. */
static uint64_t sees(world *w, rove__hq_tx *tx, rove_replica replica) {
    rove__hq_device device;

    return w->stores[0]->device_get(tx, replica, 0, &device) == ROVE_OK ? device.cursor : 0;
}

static uint64_t stands(world *w, rove_replica replica) {
    rove__hq_tx *tx = begins(w, 0, ROVE_HQ_READ);
    uint64_t cursor = sees(w, tx, replica);

    w->stores[0]->rollback(tx);
    return cursor;
}

static void commits(world *w, rove__hq_tx *tx) {
    ok(w->stores[0]->commit(tx, NULL));
}

static void puts_now(world *w, rove_replica replica, uint64_t cursor) {
    rove__hq_tx *tx = begins(w, 0, ROVE_HQ_WRITE);

    puts_device(w, tx, replica, cursor);
    commits(w, tx);
}

/* ---- who sees what ---------------------------------------------------------------------------------------- */

static void a_reader_has_one_snapshot_and_a_writer_sees_what_others_commit(void **state) {
    world *w = *state;

    mvcc_set_crowd(w->db, 1);
    puts_now(w, 1, 10);
    rove__hq_tx *reader = begins(w, 0, ROVE_HQ_READ);
    rove__hq_tx *writer = begins(w, 0, ROVE_HQ_WRITE);
    rove__hq_tx *other = begins(w, 1, ROVE_HQ_WRITE);
    puts_device(w, writer, 2, 20);
    puts_device(w, other, 1, 11);
    puts_device(w, other, 3, 30);
    assert_int_equal(sees(w, writer, 1), 10);
    assert_int_equal(sees(w, other, 2), 0);
    commits(w, other);
    assert_int_equal(sees(w, writer, 1), 11);
    assert_int_equal(sees(w, writer, 3), 30);
    assert_int_equal(sees(w, writer, 2), 20);
    assert_int_equal(sees(w, reader, 1), 10);
    assert_int_equal(sees(w, reader, 3), 0);
    commits(w, writer);
    assert_int_equal(sees(w, reader, 2), 0);
    w->stores[0]->rollback(reader);
    assert_int_equal(stands(w, 1), 11);
    assert_int_equal(stands(w, 2), 20);
    assert_int_equal(stands(w, 3), 30);
}

static rove_status each_entry(void *ctx, uint64_t seq, uint32_t ordinal, uint32_t entity,
                              rove_id id) {
    uint64_t *seen = ctx;

    (void)ordinal;
    (void)entity;
    (void)id;
    *seen = *seen * 10 + seq;
    return ROVE_OK;
}

static void who_began_first_may_commit_last(void **state) {
    world *w = *state;
    uint64_t seen = 0;

    mvcc_set_crowd(w->db, 1);
    rove__hq_tx *first = begins(w, 0, ROVE_HQ_WRITE);
    rove__hq_tx *second = begins(w, 1, ROVE_HQ_WRITE);
    ok(w->stores[0]->feed_put(first, 1, 0, 6, 1));
    ok(w->stores[1]->feed_put(second, 2, 0, 6, 2));
    commits(w, second);
    rove__hq_tx *reader = begins(w, 0, ROVE_HQ_READ);
    commits(w, first);
    ok(w->stores[0]->feed_scan(reader, 0, 0, 9, each_entry, &seen));
    assert_int_equal(seen, 2);
    w->stores[0]->rollback(reader);
    reader = begins(w, 0, ROVE_HQ_READ);
    seen = 0;
    ok(w->stores[0]->feed_scan(reader, 0, 0, 9, each_entry, &seen));
    assert_int_equal(seen, 12);
    w->stores[0]->rollback(reader);
}

static void what_is_dropped_takes_nothing_along_that_came_meanwhile(void **state) {
    world *w = *state;
    const rove__origin origin = {5, 5};
    uint64_t edits = 0;
    uint64_t bytes = 0;

    mvcc_set_crowd(w->db, 1);
    rove__hq_parked parked = {.origin = origin, .user = 1};
    rove__hq_tx *first = begins(w, 0, ROVE_HQ_WRITE);
    ok(w->stores[0]->parked_put(first, &parked));
    commits(w, first);
    first = begins(w, 0, ROVE_HQ_WRITE);
    rove__hq_tx *second = begins(w, 1, ROVE_HQ_WRITE);
    ok(w->stores[1]->parked_drop(second, origin));
    ok(w->stores[0]->parked_put(first, &parked));
    commits(w, first);
    commits(w, second);
    first = begins(w, 0, ROVE_HQ_READ);
    ok(w->stores[0]->parked_load(first, 0, &edits, &bytes));
    assert_int_equal(edits, 1);
    w->stores[0]->rollback(first);
}

static void what_is_rolled_back_leaves_a_gap_in_the_numbers(void **state) {
    world *w = *state;
    rove__hq_parked parked = {.origin = {5, 5}};
    rove__hq_review review = {.reason = ""};

    rove__hq_tx *tx = begins(w, 0, ROVE_HQ_WRITE);
    ok(w->stores[0]->parked_put(tx, &parked));
    w->stores[0]->rollback(tx);
    int64_t lost = parked.number;
    tx = begins(w, 1, ROVE_HQ_WRITE);
    ok(w->stores[1]->review_put(tx, &review));
    assert_int_equal(review.number, lost + 1);
    commits(w, tx);
}

/* ---- who waits for whom ----------------------------------------------------------------------------------- */

typedef struct member {
    world *w;
    size_t server;
    rove_replica first, second; /* devices, in the order in which it locks them */
} member;

static void adds_to_both(void *ctx) {
    const member *m = ctx;
    world *w = m->w;
    const rove__hq_store *store = w->stores[m->server];
    rove__hq_tx *tx = NULL;
    rove_status status = store->begin(store->ctx, ROVE_HQ_WRITE, &tx, NULL);

    for (int i = 0; i < 2 && status == ROVE_OK; i++) {
        rove__hq_device device = {.replica = 0};
        status = store->device_get(tx, i == 0 ? m->first : m->second, 1, &device);
        device.cursor++;
        if (status == ROVE_OK) {
            status = store->device_put(tx, &device);
        }
    }
    if (status == ROVE_OK) {
        status = store->commit(tx, NULL);
    } else if (tx != NULL) {
        store->rollback(tx);
    }
    w->said[m->server] = status;
    w->ended[m->server] = ++w->ends;
}

/* Both members, with one turn from the first to the second at a step. */
static void at_once(world *w, member *first, member *second, size_t step) {
    const crew_turn turn = {step, 1};

    mvcc_set_hooks(w->db, &(mvcc_hooks){.yield = crew_yield, .ctx = &w->fibers});
    crew_add(&w->fibers, w->servers[first->server], adds_to_both, first);
    crew_add(&w->fibers, w->servers[second->server], adds_to_both, second);
    assert_true(crew_run(&w->fibers, 0, &turn, 1));
}

static void a_locked_row_is_waited_for_and_then_read_anew(void **state) {
    world *w = *state;
    member first = {w, 0, 1, 2};
    member second = {w, 1, 1, 2};

    mvcc_set_crowd(w->db, 1);
    puts_now(w, 1, 10);
    puts_now(w, 2, 20);
    at_once(w, &first, &second, 4);
    ok(w->said[0]);
    ok(w->said[1]);
    assert_int_equal(w->ended[1], 2);
    assert_int_equal(mvcc_count(w->db).waits, 1);
    assert_int_equal(stands(w, 1), 12);
    assert_int_equal(stands(w, 2), 22);
}

static void of_a_ring_one_is_the_victim(void **state) {
    world *w = *state;
    member first = {w, 0, 1, 2};
    member second = {w, 1, 2, 1};

    mvcc_set_crowd(w->db, 1);
    puts_now(w, 1, 10);
    puts_now(w, 2, 20);
    at_once(w, &first, &second, 4);
    assert_int_equal(mvcc_count(w->db).deadlocks, 1);
    assert_int_equal(w->said[0], ROVE_LATER);
    ok(w->said[1]);
    assert_int_equal(stands(w, 1), 11);
    assert_int_equal(stands(w, 2), 21);
}

static void writers_of_one_database_follow_each_other(void **state) {
    world *w = *state;
    member first = {w, 0, 1, 2};
    member second = {w, 1, 2, 1};

    puts_now(w, 1, 10);
    puts_now(w, 2, 20);
    at_once(w, &first, &second, 2); /* before it commits */
    assert_int_equal(mvcc_count(w->db).deadlocks, 0);
    assert_int_equal(mvcc_count(w->db).waits, 1);
    assert_int_equal(w->ended[0], 1);
    assert_int_equal(stands(w, 1), 12);
    assert_int_equal(stands(w, 2), 22);
}

static void a_savepoint_that_is_undone_lets_go_of_what_was_locked_since(void **state) {
    world *w = *state;
    rove__hq_device device;

    mvcc_set_crowd(w->db, 1);
    puts_now(w, 1, 10);
    puts_now(w, 2, 20);
    rove__hq_tx *tx = begins(w, 0, ROVE_HQ_WRITE);
    ok(w->stores[0]->device_get(tx, 1, 1, &device));
    ok(w->stores[0]->savepoint(tx, NULL));
    ok(w->stores[0]->device_get(tx, 2, 1, &device));
    puts_device(w, tx, 2, 21);
    ok(w->stores[0]->release(tx, 0, NULL));
    assert_int_equal(sees(w, tx, 2), 20);
    rove__hq_tx *other = begins(w, 1, ROVE_HQ_WRITE);
    ok(w->stores[1]->device_get(other, 2, 1, &device));
    /* Nobody is there to be waited for, so that it is told to come later. */
    assert_int_equal(w->stores[1]->device_get(other, 1, 1, &device), ROVE_LATER);
    w->stores[1]->rollback(other);
    commits(w, tx);
}

/* ---- what goes wrong -------------------------------------------------------------------------------------- */

static void a_failed_call_leaves_only_the_way_back(void **state) {
    world *w = *state;
    rove__hq_device device = {.replica = 1, .cursor = 10};

    rove__hq_tx *tx = begins(w, 0, ROVE_HQ_WRITE);
    puts_device(w, tx, 2, 20);
    ok(w->stores[0]->savepoint(tx, NULL));
    w->fate = MVCC_FAILS;
    assert_int_equal(w->stores[0]->device_put(tx, &device), ROVE_LATER);
    assert_int_equal(w->stores[0]->device_put(tx, &device), ROVE_LATER);
    ok(w->stores[0]->release(tx, 0, NULL));
    puts_device(w, tx, 3, 30);
    w->fate = MVCC_FAILS;
    assert_int_equal(w->stores[0]->device_put(tx, &device), ROVE_LATER);
    assert_int_equal(w->stores[0]->commit(tx, NULL), ROVE_LATER);
    assert_int_equal(stands(w, 2), 0);
}

static void a_connection_lost_at_commit_leaves_either_all_or_nothing(void **state) {
    world *w = *state;

    w->of_commit = 1;
    for (uint64_t i = 1; i <= 2; i++) {
        rove__hq_tx *tx = begins(w, 0, ROVE_HQ_WRITE);
        puts_device(w, tx, (rove_replica)i, 10);
        w->fate = i == 1 ? MVCC_LOST : MVCC_UNHEARD;
        assert_int_equal(w->stores[0]->commit(tx, NULL), ROVE_IO);
    }
    assert_int_equal(stands(w, 1), 0);
    assert_int_equal(stands(w, 2), 10);
}

static void a_dead_process_leaves_nothing_and_holds_nothing(void **state) {
    world *w = *state;
    rove__hq_device device;
    rove__hq_tx *none = NULL;

    rove__hq_tx *tx = begins(w, 0, ROVE_HQ_WRITE);
    puts_device(w, tx, 1, 10);
    mvcc_server_kill(w->servers[0]);
    rove__hq_tx *other = begins(w, 1, ROVE_HQ_WRITE);
    assert_int_equal(sees(w, other, 1), 0);
    assert_int_equal(w->stores[0]->device_get(tx, 1, 0, &device), ROVE_IO);
    assert_int_equal(w->stores[0]->release(tx, 0, NULL), ROVE_IO);
    assert_int_equal(w->stores[0]->commit(tx, NULL), ROVE_IO);
    assert_int_equal(w->stores[0]->begin(w->stores[0]->ctx, ROVE_HQ_READ, &none, NULL), ROVE_IO);
    commits(w, other);
}

static void a_copy_is_behind_and_its_writes_are_not(void **state) {
    world *w = *state;

    puts_now(w, 1, 1);
    puts_now(w, 1, 2);
    rove__hq_tx *tx = begins(w, 2, ROVE_HQ_WRITE);
    assert_int_equal(sees(w, tx, 1), 2);
    puts_device(w, tx, 1, 3);
    commits(w, tx);
    tx = begins(w, 2, ROVE_HQ_READ);
    assert_int_equal(sees(w, tx, 1), 1);
    w->stores[2]->rollback(tx);
    assert_int_equal(stands(w, 1), 3);
    assert_true(w->stores[2]->lags && !w->stores[0]->lags);
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(a_reader_has_one_snapshot_and_a_writer_sees_what_others_commit),
        CASE(who_began_first_may_commit_last),
        CASE(what_is_dropped_takes_nothing_along_that_came_meanwhile),
        CASE(what_is_rolled_back_leaves_a_gap_in_the_numbers),
        CASE(a_locked_row_is_waited_for_and_then_read_anew),
        CASE(of_a_ring_one_is_the_victim),
        CASE(writers_of_one_database_follow_each_other),
        CASE(a_savepoint_that_is_undone_lets_go_of_what_was_locked_since),
        CASE(a_failed_call_leaves_only_the_way_back),
        CASE(a_connection_lost_at_commit_leaves_either_all_or_nothing),
        CASE(a_dead_process_leaves_nothing_and_holds_nothing),
        CASE(a_copy_is_behind_and_its_writes_are_not),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
