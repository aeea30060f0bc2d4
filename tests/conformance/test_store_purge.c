/*
 * Forgetting in headquarters' stores (Q8): what lies up to a horizon goes, in pieces, and nothing else; ids and origins of purged
 * rows stay taken.
 */
#include "bed.h"

#define HORIZON 50u

/* Of each kind one thing per ten seqs, from 10 to 100. */
static void fill(bed *b) {
    rove__hq_tx *tx = bed_write(b);

    for (uint64_t seq = 10; seq <= 100; seq += 10) {
        rove_id id = (rove_id)seq;
        rove__hq_mark mark = {13, id, {1, 202601}, seq};
        rove__hq_grant grant = {1, id, ROVE_PART_FIRST, ROVE_PART_LAST, 1, seq, 0};
        rove__hq_entailment edge = {id, 7, 8, 1, seq};
        rove__hq_row row = bed_row(b, "Visit", id, 1);
        rove__hq_row live = bed_row(b, "Account", id, id);
        ok(b->store->feed_put(tx, seq, 0, 13, id));
        ok(b->store->mark_put(tx, &mark));
        ok(b->store->grant_put(tx, &grant));
        ok(b->store->entailment_put(tx, &edge));
        bed_set(&row, "notes", rove__value_text("of a dead visit"));
        row.dead = seq;
        bed_put(b, tx, &row);
        bed_put(b, tx, &live);
    }
    rove__hq_grant open = {1, 500, ROVE_PART_FIRST, ROVE_PART_LAST, 1, ROVE_SEQ_OPEN, 0};
    rove__hq_entailment lasting = {500, 7, 8, 1, ROVE_SEQ_OPEN};
    ok(b->store->grant_put(tx, &open));
    ok(b->store->entailment_put(tx, &lasting));
    bed_commit(b, tx);
}

static void expect_counts(const rove__hq_purge *counts, uint64_t each) {
    assert_int_equal(counts->feed, each);
    assert_int_equal(counts->marks, each);
    assert_int_equal(counts->grants, each);
    assert_int_equal(counts->entailments, each);
    assert_int_equal(counts->tombstones, each);
}

static rove_status each_entry(void *ctx, uint64_t seq, uint32_t ordinal, uint32_t entity,
                              rove_id id) {
    (void)seq;
    (void)ordinal;
    return bed_note(ctx, entity, id);
}

static rove_status each_mark(void *ctx, const rove__hq_mark *mark) {
    return bed_note(ctx, mark->entity, mark->id);
}

static rove_status each_grant(void *ctx, const rove__hq_grant *grant) {
    return bed_note(ctx, 0, grant->root);
}

static rove_status each_edge(void *ctx, const rove__hq_entailment *edge) {
    return bed_note(ctx, 0, edge->holder);
}

/* What is left of each kind; of grants and entailments also what lasts. */
static void expect_left(bed *b, rove__hq_tx *tx, const rove_id *ids, size_t count) {
    rove_id lasting[BED_SEEN_MAX];
    bed_seen seen[4] = {{.count = 0}};

    memcpy(lasting, ids, count * sizeof *ids);
    lasting[count] = 500;
    ok(b->store->feed_scan(tx, 0, 0, UINT64_MAX, each_entry, &seen[0]));
    ok(b->store->mark_scan(tx, 0, UINT64_MAX, each_mark, &seen[1]));
    ok(b->store->grant_scan(tx, 1, 0, each_grant, &seen[2]));
    ok(b->store->entailment_scan(tx, 0, 0, each_edge, &seen[3]));
    bed_expect_ids(&seen[0], ids, count);
    bed_expect_ids(&seen[1], ids, count);
    bed_expect_ids(&seen[2], lasting, count + 1);
    bed_expect_ids(&seen[3], lasting, count + 1);
}

static void what_lies_up_to_the_horizon_goes(void **state) {
    bed *b = *state;
    const rove_id all[] = {10, 20, 30, 40, 50, 60, 70, 80, 90, 100};
    rove__hq_purge counts = {.feed = 0};
    rove__hq_row row;

    fill(b);
    rove__hq_tx *tx = bed_write(b);
    ok(b->store->purge(tx, HORIZON, 0, &counts)); /* only counted */
    expect_counts(&counts, 5);
    expect_left(b, tx, all, 10);
    counts = (rove__hq_purge){.feed = 0};
    ok(b->store->purge(tx, HORIZON, 1000, &counts));
    expect_counts(&counts, 5);
    expect_left(b, tx, all + 5, 5);
    for (size_t i = 0; i < 10; i++) {
        assert_int_equal(bed_get(b, tx, "Visit", all[i], &row), i < 5 ? ROVE_NOT_FOUND : ROVE_OK);
        ok(bed_get(b, tx, "Account", all[i], &row));
    }
    counts = (rove__hq_purge){.feed = 0};
    ok(b->store->purge(tx, HORIZON, 1000, &counts));
    expect_counts(&counts, 0);
    ok(b->store->purge(tx, HORIZON, 0, &counts));
    expect_counts(&counts, 0);
    bed_commit(b, tx);
}

static void it_goes_in_pieces(void **state) {
    bed *b = *state;
    rove__hq_purge counts = {.feed = 0};
    uint64_t before = 1;
    uint64_t after = 0;
    int calls = 0;

    fill(b);
    while (after != before) {
        rove__hq_tx *tx = bed_write(b);
        before = after;
        ok(b->store->purge(tx, HORIZON, 3, &counts));
        after = counts.feed + counts.marks + counts.grants + counts.entailments + counts.tombstones;
        assert_true(after - before <= 3);
        bed_commit(b, tx);
        calls++;
    }
    assert_true(calls > 8);
    expect_counts(&counts, 5);
}

static void a_purge_that_is_undone_forgot_nothing(void **state) {
    bed *b = *state;
    const rove_id all[] = {10, 20, 30, 40, 50, 60, 70, 80, 90, 100};
    rove__hq_purge counts = {.feed = 0};

    fill(b);
    rove__hq_tx *tx = bed_write(b);
    ok(b->store->purge(tx, 100, 1000, &counts));
    bed_rollback(b, tx);
    tx = bed_read(b);
    expect_left(b, tx, all, 10);
    bed_rollback(b, tx);
}

static void ids_and_origins_stay_taken(void **state) {
    bed *b = *state;
    rove__hq_purge counts = {.feed = 0};
    uint32_t entity = 0;
    rove_id id = 0;

    fill(b);
    rove__hq_tx *tx = bed_write(b);
    ok(b->store->purge(tx, HORIZON, 1000, &counts));
    bed_commit(b, tx);
    if (b->kind->is_durable) {
        bed_reopen(b);
    }
    tx = bed_write(b);
    rove__hq_row row = bed_row(b, "Visit", 10, 1);
    ok(b->store->row_purged(tx, row.row.entity_number, 10));
    assert_int_equal(b->store->row_purged(tx, row.row.entity_number, 60), ROVE_NOT_FOUND);
    assert_int_equal(b->store->row_purged(tx, row.row.entity_number, 11), ROVE_NOT_FOUND);
    assert_int_equal(b->store->row_purged(tx, bed_entity(b, "Account")->number, 10),
                     ROVE_NOT_FOUND);
    ok(b->store->row_by_origin(tx, row.clock.origin, &entity, &id));
    assert_int_equal(entity, row.row.entity_number);
    assert_int_equal(id, 10);
    row.row.id = 11;
    assert_int_equal(b->store->row_put(tx, &row), ROVE_EXISTS);
    bed_commit(b, tx);
}

static rove_status each_renamed(void *ctx, const rove__rename *renamed) {
    return bed_note(ctx, renamed->entity, renamed->id);
}

/* What was signed about it names it as it was, for good. */
static void a_purged_row_keeps_its_names(void **state) {
    bed *b = *state;
    rove__hq_purge counts = {.feed = 0};
    bed_seen seen = {.count = 0};
    const rove_id former = 77;

    fill(b);
    rove__hq_tx *tx = bed_write(b);
    rove__hq_row row = bed_row(b, "Visit", 10, 1);
    const rove__rename renamed = {row.row.entity_number, former, row.clock.origin, 10};
    ok(b->store->renamed_put(tx, &renamed));
    ok(b->store->purge(tx, HORIZON, 1000, &counts));
    ok(b->store->row_purged(tx, row.row.entity_number, 10));
    ok(b->store->renamed_scan(tx, row.row.entity_number, 10, each_renamed, &seen));
    bed_expect_ids(&seen, &former, 1);
    bed_commit(b, tx);
}

static void a_purged_row_comes_back_under_its_id(void **state) {
    bed *b = *state;
    rove__hq_purge counts = {.feed = 0};
    rove__hq_row found;

    fill(b);
    rove__hq_tx *tx = bed_write(b);
    rove__hq_row row = bed_row(b, "Visit", 10, 1);
    ok(b->store->purge(tx, HORIZON, 1000, &counts));
    bed_set(&row, "notes", rove__value_text("back"));
    bed_put(b, tx, &row);
    bed_expect(b, tx, &row);
    assert_int_equal(b->store->row_purged(tx, row.row.entity_number, 10), ROVE_NOT_FOUND);
    row.dead = 200;
    bed_put(b, tx, &row);
    bed_expect(b, tx, &row);
    ok(b->store->purge(tx, 199, 1000, &counts));
    ok(bed_get(b, tx, "Visit", 10, &found));
    ok(b->store->purge(tx, 200, 1000, &counts));
    assert_int_equal(bed_get(b, tx, "Visit", 10, &found), ROVE_NOT_FOUND);
    bed_commit(b, tx);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        bed_test(what_lies_up_to_the_horizon_goes),
        bed_test(it_goes_in_pieces),
        bed_test(a_purge_that_is_undone_forgot_nothing),
        bed_test(ids_and_origins_stay_taken),
        bed_test(a_purged_row_keeps_its_names),
        bed_test(a_purged_row_comes_back_under_its_id),
    };

    return bed_run("purge", tests, sizeof tests / sizeof *tests);
}
