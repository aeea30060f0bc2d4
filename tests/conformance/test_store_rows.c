/*
 * Rows in headquarters' stores: they come back as they were put, live, dead and revived, and scans give the live
 * ones of a scope, each once, in order.
 */
#include "bed.h"

/* ---- rows come back ------------------------------------------------------------------------------------- */

/* A row as headquarters keeps it: sets versioned, some unknown fields, a clock with entries. */
static rove__hq_row random_hq_row(bed *b, const rove__entity *entity, rove_id id) {
    rove__hq_row row = {.scope = {(rove_id)dice_between(&b->dice, 0, 1000), 0}};

    row.row = random_row(&b->dice, &b->arena, entity);
    row.row.id = id;
    for (size_t i = 0; i < entity->field_count; i++) {
        if (row.row.cells[i].type != ROVE_NULL && entity->fields[i].kind == ROVE_KIND_SET) {
            rove__set set =
                random_set(&b->dice, &b->arena, ROVE_SET_VERSIONED, entity->fields[i].element, 9);
            rove_value value;
            ok(rove__set_value(&set, &b->arena, &value));
            rove__row_set(&row.row, i, value);
            if (value.type == ROVE_NULL) {
                rove__bits_clear(&row.row.present, i);
            }
        }
    }
    const rove_value extras[] = {rove__value_int(INT64_MIN), rove__value_real(-0.5),
                                 rove__value_text("客"), rove__value_bytes(ROVE_BLOB, "\0x\0", 3)};
    row.row.extra =
        rove__arena_take(&b->arena, sizeof extras / sizeof *extras * sizeof *row.row.extra);
    row.row.extra_count = (size_t)dice(&b->dice) % 5;
    for (size_t i = 0; i < row.row.extra_count; i++) {
        row.row.extra[i] = (rove__extra){5000 + (uint32_t)i * 3, extras[i]};
    }
    rove__origin origin = {(dice(&b->dice) >> 1) | 1, (rove_replica)(dice(&b->dice) >> 34) + 1};
    rove__clock_init(&row.clock, origin, random_version(&b->dice), dice(&b->dice) >> 20);
    for (size_t i = 0; i < entity->field_count; i += 3) {
        rove__clock_entry entry = {.field = entity->fields[i].number,
                                   .epoch = (uint32_t)i,
                                   .version = random_version(&b->dice),
                                   .seq = dice(&b->dice) >> 20};
        ok(rove__clock_set(&row.clock, &b->arena, entry));
    }
    row.whole_since = dice(&b->dice) >> 20;
    row.author = (rove_id)(dice(&b->dice) >> 1);
    row.review = (uint32_t)dice(&b->dice);
    return row;
}

static void put_and_expect(bed *b, const rove__hq_row *row) {
    rove__hq_tx *tx = bed_write(b);

    bed_put(b, tx, row);
    bed_expect(b, tx, row);
    bed_commit(b, tx);
    tx = bed_read(b);
    bed_expect(b, tx, row);
    bed_rollback(b, tx);
}

static void every_row_comes_back_live_dead_and_revived(void **state) {
    bed *b = *state;

    for (size_t i = 0; i < rove__registry_count(b->registry); i++) {
        const rove__entity *entity = rove__registry_at(b->registry, i);
        for (int k = 0; k < 6; k++) {
            rove__arena_reset(&b->arena);
            rove__hq_row row = random_hq_row(b, entity, k + 1);
            put_and_expect(b, &row);
            row.dead = 17;
            put_and_expect(b, &row);
            row.dead = 18;
            put_and_expect(b, &row);
            row.dead = 0;
            put_and_expect(b, &row);
            rove__hq_row other = random_hq_row(b, entity, k + 1);
            other.clock.origin = row.clock.origin;
            put_and_expect(b, &other);
        }
    }
}

static void a_row_may_be_dead_from_the_start(void **state) {
    bed *b = *state;
    rove__hq_row row = bed_row(b, "Contact", INT64_MAX, 5);

    row.dead = 3;
    put_and_expect(b, &row);
}

static void extreme_values_come_back(void **state) {
    bed *b = *state;
    rove__hq_row row = bed_row(b, "Conflict", INT64_MAX, INT64_MAX);
    uint8_t *blob = rove__arena_take(&b->arena, ROVE_VALUE_MAX);

    for (size_t i = 0; i < ROVE_VALUE_MAX; i++) {
        blob[i] = (uint8_t)(i * 7);
    }
    bed_set(&row, "about_id", rove__value_int(INT64_MAX));
    bed_set(&row, "record_id", rove__value_int(INT64_MIN));
    bed_set(&row, "kept_stamp", rove__value_int(-1));
    bed_set(&row, "kept_value", rove__value_bytes(ROVE_BLOB, blob, ROVE_VALUE_MAX));
    bed_set(&row, "lost_value", rove__value_bytes(ROVE_BLOB, "\0\0", 2));
    bed_set(&row, "note", rove__value_text(""));
    row.author = INT64_MAX;
    row.review = UINT32_MAX;
    row.whole_since = INT64_MAX;
    row.clock.origin = (rove__origin){ROVE_STAMP_MAX, ROVE_REPLICA_MAX};
    row.clock.base = (rove__version){ROVE_STAMP_MAX, ROVE_REPLICA_MAX};
    row.clock.seq = INT64_MAX;
    put_and_expect(b, &row);
    row.dead = INT64_MAX;
    put_and_expect(b, &row);
    row.dead = 0;
    put_and_expect(b, &row);
}

static void an_empty_text_is_not_an_absent_one(void **state) {
    bed *b = *state;
    rove__hq_row row = bed_row(b, "Account", 5, 5);
    rove__hq_row found;

    bed_set(&row, "name", rove__value_text(""));
    for (uint64_t dead = 0; dead < 2; dead++) {
        row.dead = dead;
        rove__hq_tx *tx = bed_write(b);
        bed_put(b, tx, &row);
        bed_commit(b, tx);
        tx = bed_read(b);
        ok(bed_get(b, tx, "Account", 5, &found));
        assert_int_equal(found.row.cells[bed_field(row.row.entity, "name")].type, ROVE_TEXT);
        assert_int_equal(found.row.cells[bed_field(row.row.entity, "phone")].type, ROVE_NULL);
        bed_rollback(b, tx);
    }
}

static void what_is_not_there_is_not_found(void **state) {
    bed *b = *state;
    rove__hq_row row;
    uint32_t entity = 1;
    rove_id id = 1;

    bed_put_new(b, "Account", 5, 5);
    rove__hq_tx *tx = bed_read(b);
    assert_int_equal(bed_get(b, tx, "Account", 6, &row), ROVE_NOT_FOUND);
    assert_int_equal(bed_get(b, tx, "Contact", 5, &row), ROVE_NOT_FOUND);
    assert_int_equal(b->store->row_get(tx, 60000, 5, 0, &b->arena, &row), ROVE_NOT_FOUND);
    assert_int_equal(b->store->row_by_origin(tx, (rove__origin){5, 7}, &entity, &id),
                     ROVE_NOT_FOUND);
    bed_rollback(b, tx);
}

/* ---- origins and external ids --------------------------------------------------------------------------- */

static void a_row_is_found_by_its_origin_live_or_dead(void **state) {
    bed *b = *state;
    rove__hq_row row = bed_row(b, "Account", 5, 5);

    for (uint64_t dead = 0; dead < 2; dead++) {
        uint32_t entity = 0;
        rove_id id = 0;
        row.dead = dead;
        rove__hq_tx *tx = bed_write(b);
        bed_put(b, tx, &row);
        bed_commit(b, tx);
        tx = bed_read(b);
        ok(b->store->row_by_origin(tx, row.clock.origin, &entity, &id));
        assert_int_equal(entity, row.row.entity_number);
        assert_int_equal(id, 5);
        bed_rollback(b, tx);
    }
}

static void a_second_record_of_one_origin_is_refused_and_leaves_nothing(void **state) {
    bed *b = *state;
    rove__hq_row first = bed_row(b, "Account", 5, 5);
    rove__hq_row second = bed_row(b, "Account", 6, 6);
    rove__hq_row found;

    second.clock.origin = first.clock.origin;
    rove__hq_tx *tx = bed_write(b);
    bed_put(b, tx, &first);
    assert_int_equal(b->store->row_put(tx, &second), ROVE_EXISTS);
    first.dead = 2;
    bed_put(b, tx, &first);
    assert_int_equal(b->store->row_put(tx, &second), ROVE_EXISTS);
    assert_int_equal(bed_get(b, tx, "Account", 6, &found), ROVE_NOT_FOUND);
    bed_expect(b, tx, &first);
    bed_commit(b, tx);
}

static void records_without_an_origin_do_not_get_in_each_others_way(void **state) {
    bed *b = *state;
    rove__hq_tx *tx = bed_write(b);

    for (rove_id id = 1; id < 4; id++) {
        rove__hq_row row = bed_row(b, "Account", id, id);
        row.clock.origin = (rove__origin){0, 0};
        bed_put(b, tx, &row);
        bed_expect(b, tx, &row);
    }
    bed_commit(b, tx);
}

static void an_external_id_belongs_to_one_live_row(void **state) {
    bed *b = *state;
    const int64_t tags[] = {3, 4};
    rove__hq_row first = bed_row(b, "Account", 5, 5);
    rove__hq_row second = bed_row(b, "Account", 6, 6);
    rove__hq_row lead = bed_row(b, "Lead", 6, 6);
    uint32_t entity = 0;
    rove_id id = 0;

    rove__hq_tx *tx = bed_write(b);
    second.dead = 1;
    bed_put(b, tx, &second);
    rove__hq_row kept = second;
    bed_set(&first, "external_id", rove__value_text("A-1"));
    bed_set(&lead, "external_id", rove__value_text("A-1"));
    second.row.cells = NULL;
    ok(rove__row_copy(&second.row, &first.row, &b->arena));
    second.row.id = 6;
    second.dead = 0;
    bed_set(&second, "tag_ids", bed_set_of(b, tags, 2));
    bed_put(b, tx, &first);
    bed_put(b, tx, &lead);
    assert_int_equal(b->store->row_put(tx, &second), ROVE_EXISTS);
    bed_expect(b, tx, &kept);
    rove__hq_row fresh = bed_row(b, "Account", 8, 8);
    bed_set(&fresh, "external_id", rove__value_text("A-1"));
    assert_int_equal(b->store->row_put(tx, &fresh), ROVE_EXISTS);
    assert_int_equal(b->store->row_by_origin(tx, fresh.clock.origin, &entity, &id), ROVE_NOT_FOUND);
    first.dead = 9;
    bed_put(b, tx, &first);
    bed_put(b, tx, &second);
    bed_expect(b, tx, &second);
    bed_commit(b, tx);
}

/* ---- scans ---------------------------------------------------------------------------------------------- */

/* Visits 1 to 9 of account 50 in three months, one dead, beside rows of other scopes. */
static void put_visits(bed *b) {
    rove__hq_tx *tx = bed_write(b);
    rove__hq_row account = bed_row(b, "Account", 50, 50);

    bed_put(b, tx, &account);
    for (rove_id id = 9; id >= 1; id--) {
        rove__hq_row visit = bed_row(b, "Visit", id, 50);
        bed_set(&visit, "account_id", rove__value_int(50));
        visit.scope.part = 202601 + (int32_t)(id % 3);
        visit.dead = id == 6 ? 3 : 0;
        bed_put(b, tx, &visit);
        rove__hq_row note = bed_row(b, "Note", id, 60);
        bed_put(b, tx, &note);
    }
    rove__hq_row task = bed_row(b, "Task", 2, 50);
    bed_put(b, tx, &task);
    bed_commit(b, tx);
}

static void a_scan_gives_the_live_rows_of_a_scope_in_order(void **state) {
    bed *b = *state;
    const rove_id all[] = {50, 1, 2, 3, 4, 5, 7, 8, 9, 2};
    const rove_id january[] = {3, 9};
    const rove_id undated[] = {50, 2};
    const rove_id notes[] = {1, 2, 3, 4, 5, 6, 7, 8, 9};

    put_visits(b);
    rove__hq_tx *tx = bed_read(b);
    bed_seen seen = bed_scan(b, tx, (rove__scope){50, -1});
    bed_expect_ids(&seen, all, 10);
    for (size_t i = 1; i < seen.count; i++) {
        assert_true(seen.entities[i - 1] < seen.entities[i] ||
                    (seen.entities[i - 1] == seen.entities[i] && seen.ids[i - 1] < seen.ids[i]));
    }
    seen = bed_scan(b, tx, (rove__scope){50, 202601});
    bed_expect_ids(&seen, january, 2);
    seen = bed_scan(b, tx, (rove__scope){50, 0});
    bed_expect_ids(&seen, undated, 2);
    seen = bed_scan(b, tx, (rove__scope){60, -1});
    bed_expect_ids(&seen, notes, 9);
    assert_int_equal(bed_scan(b, tx, (rove__scope){0, -1}).count, 0);
    bed_rollback(b, tx);
}

static void a_scan_goes_on_where_it_was_cut(void **state) {
    bed *b = *state;
    uint32_t entity = 0;
    rove_id id = 0;
    bed_seen whole;

    put_visits(b);
    rove__hq_tx *tx = bed_read(b);
    whole = bed_scan(b, tx, (rove__scope){50, -1});
    for (size_t i = 0; i < whole.count; i++) {
        bed_seen one = {.stop_after = 1, .answer = ROVE_DONE};
        ok(b->store->row_scan(tx, (rove__scope){50, -1}, entity, id, &b->rows, bed_each_row, &one));
        assert_int_equal(one.count, 1);
        assert_int_equal(one.entities[0], whole.entities[i]);
        assert_int_equal(one.ids[0], whole.ids[i]);
        entity = one.entities[0];
        id = one.ids[0];
    }
    bed_seen none = {.count = 0};
    ok(b->store->row_scan(tx, (rove__scope){50, -1}, entity, id, &b->rows, bed_each_row, &none));
    assert_int_equal(none.count, 0);
    ok(b->store->row_scan(tx, (rove__scope){50, -1}, UINT32_MAX, 0, &b->rows, bed_each_row, &none));
    assert_int_equal(none.count, 0);
    bed_rollback(b, tx);
}

static int has_key(const bed_seen *seen, uint32_t entity, rove_id id) {
    int found = 0;

    for (size_t i = 0; i < seen->count; i++) {
        found += seen->entities[i] == entity && seen->ids[i] == id;
    }
    return found;
}

static void the_ids_of_a_scope_are_those_of_its_rows(void **state) {
    bed *b = *state;
    static const rove__scope scopes[] = {{50, -1}, {50, 202602}, {50, 0},
                                         {60, -1}, {0, -1},      {99, -1}};

    put_visits(b);
    rove__hq_tx *tx = bed_read(b);
    for (size_t i = 0; i < sizeof scopes / sizeof scopes[0]; i++) {
        bed_seen rows = bed_scan(b, tx, scopes[i]);
        bed_seen ids = {.count = 0};
        ok(b->store->row_ids(tx, scopes[i], bed_each_key, &ids));
        assert_int_equal(ids.count, rows.count);
        for (size_t j = 0; j < rows.count; j++) {
            assert_int_equal(has_key(&ids, rows.entities[j], rows.ids[j]), 1);
        }
    }
    bed_seen few = {.stop_after = 2, .answer = ROVE_DONE};
    ok(b->store->row_ids(tx, (rove__scope){50, -1}, bed_each_key, &few));
    assert_int_equal(few.count, 2);
    bed_seen none = {.stop_after = 1, .answer = ROVE_NOMEM};
    assert_int_equal(b->store->row_ids(tx, (rove__scope){50, -1}, bed_each_key, &none), ROVE_NOMEM);
    bed_rollback(b, tx);
}

static void what_a_callback_says_ends_the_scan(void **state) {
    bed *b = *state;
    const rove__entity *visit = bed_entity(b, "Visit");

    put_visits(b);
    rove__hq_tx *tx = bed_read(b);
    bed_seen seen = {.stop_after = 3, .answer = ROVE_STATE};
    assert_int_equal(
        b->store->row_scan(tx, (rove__scope){50, -1}, 0, 0, &b->rows, bed_each_row, &seen),
        ROVE_STATE);
    assert_int_equal(seen.count, 3);
    seen = (bed_seen){.stop_after = 2, .answer = ROVE_DONE};
    ok(b->store->row_referring(tx, visit->number, bed_field(visit, "account_id"), 50, bed_each_id,
                               &seen));
    assert_int_equal(seen.count, 2);
    assert_int_equal(bed_scan(b, tx, (rove__scope){50, -1}).count, 10);
    bed_rollback(b, tx);
}

typedef struct nest {
    bed *b;
    rove__hq_tx *tx;
    int depth;
    size_t rows;
} nest;

static rove_status each_nested(void *ctx, const rove__hq_row *row) {
    nest *n = ctx;
    rove__arena arena;
    rove__hq_row again;
    nest inner = {n->b, n->tx, n->depth - 1, 0};
    rove_status status = ROVE_OK;

    n->rows++;
    rove__arena_init(&arena, &n->b->allocator, (size_t)1 << 20);
    if (n->depth > 0) {
        status = n->b->store->row_scan(n->tx, row->scope, 0, 0, &arena, each_nested, &inner);
        rove__arena_reset(&arena);
        n->rows += inner.rows;
    }
    if (status == ROVE_OK) {
        status =
            n->b->store->row_get(n->tx, row->row.entity_number, row->row.id, 0, &arena, &again);
    }
    if (status == ROVE_OK && !bed_rows_same(row, &again)) {
        status = ROVE_STATE;
    }
    rove__arena_free(&arena);
    return status;
}

static void a_callback_may_scan_again(void **state) {
    bed *b = *state;

    put_visits(b);
    rove__hq_tx *tx = bed_read(b);
    nest n = {b, tx, 2, 0};
    ok(b->store->row_scan(tx, (rove__scope){50, 202602}, 0, 0, &b->rows, each_nested, &n));
    assert_int_equal(n.rows, 3 + 3 * (3 + 3 * 3));
    bed_rollback(b, tx);
}

static void a_row_that_moved_is_in_its_new_scope_alone(void **state) {
    bed *b = *state;
    rove__hq_row visit = bed_row(b, "Visit", 1, 50);

    visit.scope.part = 202601;
    rove__hq_tx *tx = bed_write(b);
    bed_put(b, tx, &visit);
    visit.scope = (rove__scope){51, 202512};
    bed_put(b, tx, &visit);
    bed_commit(b, tx);
    tx = bed_read(b);
    assert_int_equal(bed_scan(b, tx, (rove__scope){50, -1}).count, 0);
    assert_int_equal(bed_scan(b, tx, (rove__scope){51, -1}).count, 1);
    assert_int_equal(bed_scan(b, tx, (rove__scope){51, 202512}).count, 1);
    bed_rollback(b, tx);
}

/* ---- references ----------------------------------------------------------------------------------------- */

static bed_seen referring(bed *b, rove__hq_tx *tx, const char *name, const char *field,
                          rove_id target) {
    const rove__entity *entity = bed_entity(b, name);
    bed_seen seen = {.count = 0};

    ok(b->store->row_referring(tx, entity->number, bed_field(entity, field), target, bed_each_id,
                               &seen));
    return seen;
}

static void references_are_found_from_their_target(void **state) {
    bed *b = *state;
    const rove_id odd[] = {1, 3, 7};
    const rove_id even[] = {2, 4, 6};
    const rove_id managed[] = {3, 4};

    rove__hq_tx *tx = bed_write(b);
    for (rove_id id = 7; id >= 1; id--) {
        rove__hq_row role = bed_row(b, "AccountContactRole", id, 50);
        bed_set(&role, "account_id", rove__value_int(50));
        bed_set(&role, "contact_id", rove__value_int(70 + id % 2));
        role.dead = id == 5;
        bed_put(b, tx, &role);
        rove__hq_row user = bed_row(b, "User", id, 0);
        if (id == 3 || id == 4) {
            bed_set(&user, "manager_id", rove__value_int(INT64_MAX));
        }
        bed_put(b, tx, &user);
    }
    bed_commit(b, tx);
    tx = bed_read(b);
    bed_seen seen = referring(b, tx, "AccountContactRole", "contact_id", 71);
    bed_expect_ids(&seen, odd, 3);
    seen = referring(b, tx, "AccountContactRole", "contact_id", 70);
    bed_expect_ids(&seen, even, 3);
    assert_int_equal(referring(b, tx, "AccountContactRole", "account_id", 50).count, 6);
    assert_int_equal(referring(b, tx, "AccountContactRole", "account_id", 51).count, 0);
    seen = referring(b, tx, "User", "manager_id", INT64_MAX);
    bed_expect_ids(&seen, managed, 2);
    bed_rollback(b, tx);
}

static void the_elements_of_a_set_refer_too(void **state) {
    bed *b = *state;
    const int64_t contacts[] = {INT64_MIN, 7, 8, INT64_MAX};
    const rove_id both[] = {1, 2};

    rove__hq_tx *tx = bed_write(b);
    rove__hq_row first = bed_row(b, "Visit", 1, 50);
    rove__hq_row second = bed_row(b, "Visit", 2, 50);
    bed_set(&first, "contact_ids", bed_set_of(b, contacts, 3));
    bed_set(&second, "contact_ids", bed_set_of(b, contacts + 1, 3));
    bed_put(b, tx, &first);
    bed_put(b, tx, &second);
    bed_seen seen = referring(b, tx, "Visit", "contact_ids", 7);
    bed_expect_ids(&seen, both, 2);
    seen = referring(b, tx, "Visit", "contact_ids", INT64_MAX);
    bed_expect_ids(&seen, both + 1, 1);
    bed_set(&second, "contact_ids", bed_set_of(b, contacts, 1));
    bed_put(b, tx, &second);
    seen = referring(b, tx, "Visit", "contact_ids", 7);
    bed_expect_ids(&seen, both, 1);
    seen = referring(b, tx, "Visit", "contact_ids", INT64_MIN);
    bed_expect_ids(&seen, both, 2);
    first.dead = 4;
    bed_put(b, tx, &first);
    seen = referring(b, tx, "Visit", "contact_ids", INT64_MIN);
    bed_expect_ids(&seen, both + 1, 1);
    first.dead = 0;
    bed_put(b, tx, &first);
    seen = referring(b, tx, "Visit", "contact_ids", 8);
    bed_expect_ids(&seen, both, 1);
    bed_commit(b, tx);
}

/* ---- short memory --------------------------------------------------------------------------------------- */

static rove_status use_once(bed *b) {
    rove__hq_tx *tx = NULL;
    bed_seen seen = {.count = 0};
    rove__hq_row row;
    rove__arena arena;
    rove_status status = b->store->begin(b->store->ctx, ROVE_HQ_WRITE, &tx, NULL);

    if (status != ROVE_OK) {
        return status;
    }
    rove__arena_init(&arena, &b->allocator, (size_t)1 << 20);
    memset(&row, 0, sizeof row);
    status = rove__row_init(&row.row, rove__registry_by_name(b->registry, "Visit"), 5, &arena);
    rove__clock_init(&row.clock, (rove__origin){5, 5}, (rove__version){5, 5}, 1);
    for (uint64_t dead = 0; dead < 2 && status == ROVE_OK; dead++) {
        row.dead = dead;
        status = b->store->row_put(tx, &row);
    }
    row.dead = 0;
    if (status == ROVE_OK) {
        status = b->store->row_put(tx, &row);
    }
    if (status == ROVE_OK) {
        status = b->store->row_scan(tx, (rove__scope){0, -1}, 0, 0, &arena, bed_each_row, &seen);
    }
    rove__arena_free(&arena);
    if (status == ROVE_OK) {
        assert_int_equal(seen.count, 1);
        return b->store->commit(tx, NULL);
    }
    b->store->rollback(tx);
    return status;
}

static void each_failed_allocation_is_reported_and_leaks_nothing(void **state) {
    (void)state;
    if (bed_skips(bed_kind->says_nomem)) {
        return;
    }
    for (int persistent = 0; persistent < 2; persistent++) {
        rove_status status = ROVE_NOMEM;
        for (size_t fail_at = 1; status != ROVE_OK; fail_at += 1 + fail_at / 15) {
            bed *b = bed_new();
            heap h = {.fail_at = fail_at, .persistent = persistent};
            b->allocator = heap_allocator(&h);
            status = bed_try_open(b, NULL);
            if (status == ROVE_OK) {
                status = use_once(b);
            }
            assert_true(status == ROVE_OK || status == ROVE_NOMEM);
            bed_close(b);
            assert_int_equal(h.alive, 0);
            bed_free(b);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        bed_test(every_row_comes_back_live_dead_and_revived),
        bed_test(a_row_may_be_dead_from_the_start),
        bed_test(extreme_values_come_back),
        bed_test(an_empty_text_is_not_an_absent_one),
        bed_test(what_is_not_there_is_not_found),
        bed_test(a_row_is_found_by_its_origin_live_or_dead),
        bed_test(a_second_record_of_one_origin_is_refused_and_leaves_nothing),
        bed_test(records_without_an_origin_do_not_get_in_each_others_way),
        bed_test(an_external_id_belongs_to_one_live_row),
        bed_test(a_scan_gives_the_live_rows_of_a_scope_in_order),
        bed_test(a_scan_goes_on_where_it_was_cut),
        bed_test(the_ids_of_a_scope_are_those_of_its_rows),
        bed_test(what_a_callback_says_ends_the_scan),
        bed_test(a_callback_may_scan_again),
        bed_test(a_row_that_moved_is_in_its_new_scope_alone),
        bed_test(references_are_found_from_their_target),
        bed_test(the_elements_of_a_set_refer_too),
        cmocka_unit_test(each_failed_allocation_is_reported_and_leaks_nothing),
    };

    return bed_run("rows", tests, sizeof tests / sizeof *tests);
}
