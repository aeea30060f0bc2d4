/*
 * What headquarters' stores remember of records: the history, names that they got, the review queue, parked edits, and digests.
 */
#include "bed.h"

/* ---- history -------------------------------------------------------------------------------------------- */

static rove_status each_history(void *ctx, const rove__hq_history *history) {
    bed_expect_bytes(history->change, "\0ch", 3);
    assert_int_equal(history->replica, ROVE_REPLICA_MAX);
    assert_int_equal(history->user, INT64_MAX);
    assert_int_equal(history->entity, 6);
    return bed_note(ctx, history->entity, (rove_id)history->seq);
}

static void the_history_of_a_record_is_in_order(void **state) {
    bed *b = *state;
    const rove_id seqs[] = {2, 5, 5, 9};
    bed_seen seen = {.count = 0};

    rove__hq_tx *tx = bed_write(b);
    for (size_t i = 4; i-- > 0;) {
        rove__hq_history history = {(uint64_t)seqs[i], 6,         1,
                                    ROVE_REPLICA_MAX,  INT64_MAX, bed_bytes("\0ch", 3)};
        ok(b->store->history_put(tx, &history));
        history.id = 2;
        ok(b->store->history_put(tx, &history));
        history.entity = 7;
        ok(b->store->history_put(tx, &history));
    }
    ok(b->store->history_scan(tx, 6, 1, 0, &b->rows, each_history, &seen));
    bed_expect_ids(&seen, seqs, 4);
    seen.count = 0;
    ok(b->store->history_scan(tx, 6, 1, 5, &b->rows, each_history, &seen));
    bed_expect_ids(&seen, seqs + 1, 2);
    seen.count = 0;
    ok(b->store->history_scan(tx, 6, 1, 6, &b->rows, each_history, &seen));
    ok(b->store->history_scan(tx, 6, 3, 0, &b->rows, each_history, &seen));
    assert_int_equal(seen.count, 0);
    bed_commit(b, tx);
}

static rove_status each_long(void *ctx, const rove__hq_history *history) {
    assert_int_equal(history->change.data[0], (uint8_t)history->seq);
    return bed_note(ctx, history->entity, (rove_id)history->seq);
}

static void a_history_may_be_longer_than_the_memory_it_is_read_into(void **state) {
    bed *b = *state;
    bed_seen seen = {.count = 0};
    size_t size = (size_t)128 << 10;
    uint8_t *change = rove__arena_take(&b->arena, size);

    rove__hq_tx *tx = bed_write(b);
    for (uint64_t seq = 1; seq <= 100; seq++) { /* 12.5 MiB, into an arena of 4 */
        memset(change, (int)seq, size);
        rove__hq_history history = {seq, 6, 1, 3, 4, bed_bytes(change, size)};
        ok(b->store->history_put(tx, &history));
    }
    ok(b->store->history_scan(tx, 6, 1, 0, &b->rows, each_long, &seen));
    assert_int_equal(seen.count, 100);
    bed_commit(b, tx);
}

/* ---- names ---------------------------------------------------------------------------------------------- */

static rove_status each_renamed(void *ctx, const rove__rename *renamed) {
    assert_int_equal(renamed->entity, 6);
    assert_int_equal(renamed->origin.stamp, ROVE_STAMP_MAX);
    assert_int_equal(renamed->origin.replica, renamed->to >= 500 ? ROVE_REPLICA_MAX : 8);
    return bed_note(ctx, (uint32_t)renamed->to, renamed->id);
}

static void expect_names(bed *b, rove__hq_tx *tx, rove_id to, const rove_id *ids, size_t count) {
    bed_seen seen = {.count = 0};

    ok(b->store->renamed_scan(tx, 6, to, each_renamed, &seen));
    bed_expect_ids(&seen, ids, count);
}

static rove_status each_once(void *ctx, const rove__rename *renamed) {
    (void)bed_note(ctx, renamed->entity, renamed->id);
    return ROVE_DONE;
}

/* Whichever of its names is asked for, all are told, and no other record's. */
static void the_names_of_a_record_are_kept(void **state) {
    bed *b = *state;
    const rove__origin first = {ROVE_STAMP_MAX, 8};
    const rove__origin second = {ROVE_STAMP_MAX, ROVE_REPLICA_MAX};
    const rove__rename names[] = {
        {6, 300, first, 400}, {6, 100, first, 300},  {6, 200, first, 300},
        {6, 100, first, 300}, {6, 100, second, 500}, {6, 0, second, INT64_MAX},
        {7, 100, first, 300}, {7, 900, {5, 8}, 300},
    };
    const rove_id of_first[] = {100, 200, 300};
    const rove_id of_second[] = {100, 0};
    bed_seen seen = {.count = 0};

    rove__hq_tx *tx = bed_write(b);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        ok(b->store->renamed_put(tx, &names[i]));
    }
    bed_commit(b, tx);
    if (b->kind->is_durable) {
        bed_reopen(b);
    }
    tx = bed_read(b);
    expect_names(b, tx, 300, of_first, 3);
    expect_names(b, tx, 400, of_first, 3);
    expect_names(b, tx, 500, of_second, 2);
    expect_names(b, tx, INT64_MAX, of_second, 2);
    expect_names(b, tx, 100, NULL, 0); /* no name that was given */
    expect_names(b, tx, 900, NULL, 0);
    ok(b->store->renamed_scan(tx, 6, 300, each_once, &seen));
    assert_int_equal(seen.count, 1);
    seen.count = 0;
    ok(b->store->renamed_of(tx, second, each_renamed, &seen));
    bed_expect_ids(&seen, of_second, 2);
    seen.count = 0;
    ok(b->store->renamed_of(tx, (rove__origin){5, 9}, each_renamed, &seen));
    assert_int_equal(seen.count, 0);
    ok(b->store->renamed_of(tx, first, each_once, &seen));
    assert_int_equal(seen.count, 1);
    bed_rollback(b, tx);
}

static void a_name_that_is_undone_was_not_given(void **state) {
    bed *b = *state;
    const rove__rename renamed = {6, 100, {ROVE_STAMP_MAX, 8}, 300};

    rove__hq_tx *tx = bed_write(b);
    ok(b->store->renamed_put(tx, &renamed));
    bed_rollback(b, tx);
    tx = bed_read(b);
    expect_names(b, tx, 300, NULL, 0);
    bed_rollback(b, tx);
}

/* ---- review --------------------------------------------------------------------------------------------- */

static rove_status each_review(void *ctx, const rove__hq_review *review) {
    assert_string_equal(review->reason, review->number % 2 == 0 ? "" : "not entitled");
    assert_int_equal(review->seq, 70 + (uint64_t)review->id);
    assert_int_equal(review->entity, 13);
    assert_int_equal(review->replica, 9);
    assert_int_equal(review->user, 100);
    bed_expect_bytes(review->change, "change\0", 7);
    return bed_note(ctx, (uint32_t)review->state, review->number);
}

static bed_seen reviews(bed *b, rove__hq_tx *tx, int state) {
    bed_seen seen = {.count = 0};

    ok(b->store->review_scan(tx, state, &b->rows, each_review, &seen));
    for (size_t i = 0; i < seen.count; i++) {
        assert_int_equal(seen.entities[i], state);
    }
    return seen;
}

static void expect_open(bed *b, rove__hq_tx *tx, rove_id user, uint64_t expected) {
    uint64_t open = 4711;

    ok(b->store->review_load(tx, user, &open));
    assert_int_equal(open, expected);
}

static void the_review_queue_gives_numbers_and_is_read_by_state(void **state) {
    bed *b = *state;
    rove__hq_review items[4];
    rove_id numbers[4];

    rove__hq_tx *tx = bed_write(b);
    for (rove_id i = 0; i < 4; i++) {
        items[i] = (rove__hq_review){.seq = 70 + (uint64_t)i,
                                     .entity = 13,
                                     .id = i,
                                     .replica = 9,
                                     .user = 100,
                                     .reason = "not entitled",
                                     .change = bed_bytes("change\0", 7)};
        ok(b->store->review_put(tx, &items[i]));
        numbers[i] = items[i].number;
        assert_true(i == 0 ? numbers[i] > 0 : numbers[i] > numbers[i - 1]);
        items[i].reason = numbers[i] % 2 == 0 ? "" : "not entitled";
        ok(b->store->review_put(tx, &items[i]));
        assert_int_equal(items[i].number, numbers[i]);
    }
    bed_seen seen = reviews(b, tx, 0);
    bed_expect_ids(&seen, numbers, 4);
    rove__hq_review other = {
        .seq = 74, .entity = 13, .id = 4, .replica = 9, .user = 101, .reason = ""};
    ok(b->store->review_put(tx, &other));
    expect_open(b, tx, 100, 4);
    expect_open(b, tx, 101, 1);
    expect_open(b, tx, 102, 0);
    expect_open(b, tx, 0, 5);
    other.state = 3; /* any but open */
    ok(b->store->review_put(tx, &other));
    expect_open(b, tx, 101, 0);
    items[0].state = 1;
    ok(b->store->review_put(tx, &items[0]));
    items[3].state = 2;
    ok(b->store->review_put(tx, &items[3]));
    bed_commit(b, tx);
    tx = bed_read(b);
    seen = reviews(b, tx, 0);
    bed_expect_ids(&seen, numbers + 1, 2);
    seen = reviews(b, tx, 1);
    bed_expect_ids(&seen, numbers, 1);
    seen = reviews(b, tx, 2);
    bed_expect_ids(&seen, numbers + 3, 1);
    expect_open(b, tx, 100, 2);
    expect_open(b, tx, 0, 2);
    bed_rollback(b, tx);
}

/* ---- parked --------------------------------------------------------------------------------------------- */

static rove_status each_parked(void *ctx, const rove__hq_parked *parked) {
    assert_int_equal(parked->replica, 9);
    assert_int_equal(parked->user, 100);
    assert_int_equal(parked->stamp, ROVE_STAMP_MAX);
    bed_expect_bytes(parked->change, "\0", 1);
    return bed_note(ctx, (uint32_t)parked->origin.replica, parked->number);
}

static bed_seen parked_of(bed *b, rove__hq_tx *tx, rove__origin origin) {
    bed_seen seen = {.count = 0};

    ok(b->store->parked_scan(tx, origin, &b->rows, each_parked, &seen));
    return seen;
}

static rove_status each_origin(void *ctx, int64_t number, rove__origin origin) {
    assert_int_equal(origin.stamp, ROVE_STAMP_MAX);
    return bed_note(ctx, (uint32_t)origin.replica, number);
}

static bed_seen parked_after(bed *b, rove__hq_tx *tx, int64_t after, size_t most) {
    bed_seen seen = {.stop_after = most, .answer = ROVE_DONE};

    ok(b->store->parked_origins(tx, after, each_origin, &seen));
    return seen;
}

static void expect_load(bed *b, rove__hq_tx *tx, rove_id user, uint64_t edits) {
    uint64_t found = 4711;
    uint64_t bytes = 4711;

    ok(b->store->parked_load(tx, user, &found, &bytes));
    assert_int_equal(found, edits);
    assert_int_equal(bytes, edits); /* a byte each */
}

static void parked_edits_wait_in_order_until_they_are_dropped(void **state) {
    bed *b = *state;
    const rove__origin first = {ROVE_STAMP_MAX, 8};
    const rove__origin second = {ROVE_STAMP_MAX, 9};
    rove_id numbers[5];

    rove__hq_tx *tx = bed_write(b);
    for (size_t i = 0; i < 5; i++) {
        rove__hq_parked parked = {.origin = i == 1 ? second : first,
                                  .replica = 9,
                                  .user = 100,
                                  .stamp = ROVE_STAMP_MAX,
                                  .change = bed_bytes("\0", 1)};
        ok(b->store->parked_put(tx, &parked));
        numbers[i] = parked.number;
        assert_true(i == 0 ? numbers[i] > 0 : numbers[i] > numbers[i - 1]);
    }
    bed_seen seen = parked_after(b, tx, 0, 0);
    bed_expect_ids(&seen, numbers, 5);
    seen = parked_after(b, tx, numbers[1], 2);
    bed_expect_ids(&seen, numbers + 2, 2);
    assert_int_equal(parked_after(b, tx, numbers[4], 0).count, 0);
    expect_load(b, tx, 100, 5);
    expect_load(b, tx, 101, 0);
    expect_load(b, tx, 0, 5);
    seen = parked_of(b, tx, second);
    bed_expect_ids(&seen, numbers + 1, 1);
    assert_int_equal(parked_of(b, tx, first).count, 4);
    ok(b->store->parked_drop(tx, first));
    ok(b->store->parked_drop(tx, first));
    seen = parked_after(b, tx, 0, 0);
    bed_expect_ids(&seen, numbers + 1, 1);
    expect_load(b, tx, 100, 1);
    ok(b->store->parked_drop(tx, second));
    rove__hq_parked later = {.origin = first,
                             .replica = 9,
                             .user = 100,
                             .stamp = ROVE_STAMP_MAX,
                             .change = bed_bytes("\0", 1)};
    ok(b->store->parked_put(tx, &later));
    assert_true(later.number > numbers[4]); /* devices were asked up to a number */
    bed_commit(b, tx);
}

/* ---- digests -------------------------------------------------------------------------------------------- */

typedef struct sums {
    size_t count;
    int32_t parts[8];
    int64_t rows;
} sums;

static rove_status each_sum(void *ctx, rove__scope scope, rove__hash128 sum, int64_t rows) {
    sums *found = ctx;

    assert_int_equal(scope.root, 5);
    assert_int_equal(sum.high, UINT64_MAX);
    assert_int_equal(sum.low, (uint64_t)scope.part);
    assert_true(found->count < 8);
    found->parts[found->count++] = scope.part;
    found->rows += rows;
    return ROVE_OK;
}

static void the_sums_of_a_root_are_read_by_part(void **state) {
    bed *b = *state;
    sums found = {.count = 0};
    rove__hash128 sum = {1, 1};
    int64_t rows = 1;

    rove__hq_tx *tx = bed_write(b);
    ok(b->store->sum_get(tx, (rove__scope){5, 0}, &sum, &rows));
    assert_true(sum.low == 0 && sum.high == 0 && rows == 0);
    for (int32_t part = 202603; part > 202600; part--) {
        rove__scope scope = {5, part};
        rove__hash128 fresh = {(uint64_t)part, UINT64_MAX};
        ok(b->store->sum_put(tx, scope, (rove__hash128){7, 7}, 1));
        ok(b->store->sum_put(tx, scope, fresh, 10));
        scope.root = 6;
        ok(b->store->sum_put(tx, scope, fresh, 10));
    }
    ok(b->store->sum_get(tx, (rove__scope){5, 202602}, &sum, &rows));
    assert_int_equal(sum.low, 202602);
    assert_int_equal(rows, 10);
    ok(b->store->sum_scan(tx, 5, each_sum, &found));
    assert_int_equal(found.count, 3);
    assert_int_equal(found.parts[0], 202601);
    assert_int_equal(found.parts[2], 202603);
    assert_int_equal(found.rows, 30);
    ok(b->store->sum_put(tx, (rove__scope){5, 202602}, (rove__hash128){0, 0}, 0));
    ok(b->store->sum_get(tx, (rove__scope){5, 202602}, &sum, &rows));
    assert_true(sum.low == 0 && sum.high == 0 && rows == 0);
    bed_commit(b, tx);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        bed_test(the_history_of_a_record_is_in_order),
        bed_test(a_history_may_be_longer_than_the_memory_it_is_read_into),
        bed_test(the_names_of_a_record_are_kept),
        bed_test(a_name_that_is_undone_was_not_given),
        bed_test(the_review_queue_gives_numbers_and_is_read_by_state),
        bed_test(parked_edits_wait_in_order_until_they_are_dropped),
        bed_test(the_sums_of_a_root_are_read_by_part),
    };

    return bed_run("records", tests, sizeof tests / sizeof *tests);
}
