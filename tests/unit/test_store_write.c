/*
 * Local writes: what the rep recorded is shown at once and lies in the outbox as one coalesced entry per row.
 */
#include "replica.h"

#include "merge/merge.h"
#include "store_trial.h"

static replica r;

static int setup(void **state) {
    (void)state;
    replica_start(&r, "write");
    store_trial_with(&r.memory);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    store_trial_with(NULL);
    replica_end(&r);
    return 0;
}

static rove__pending_cell cell_of(const rove__entry *entry, const char *entity, const char *field) {
    const rove__entity *known = replica_entity(&r, entity);
    const rove__pending_cell *cell =
        rove__entry_cell(entry, known->fields[replica_field(known, field)].number);
    assert_non_null(cell);
    return *cell;
}

static rove_id visit_of(rove_id account) {
    rove__row row = replica_row(&r, "Visit", 0);
    replica_set_int(&row, "account_id", account);
    replica_set_int(&row, "planned_start", REPLICA_NOW_MS);
    replica_set_int(&row, "status", 1);
    return replica_insert(&r, &row);
}

static void an_insert_is_shown_and_waits(void **state) {
    (void)state;
    rove_id id = replica_account(&r, "Bakery Lim");

    assert_int_equal(rove__id_replica(id), REPLICA_NUMBER);
    replica_expect_text(&r, "Account", id, "name", "Bakery Lim");
    rove__entry entry = replica_entry(&r, "Account", id);
    assert_int_equal(entry.op, ROVE_OP_INSERT);
    assert_int_equal(entry.replica, REPLICA_NUMBER);
    assert_int_equal(entry.count, 0);
    assert_int_equal(entry.batch, 0);
    assert_int_equal(rove__stamp_ms(entry.raw), REPLICA_NOW_MS);
    assert_int_not_equal(replica_account(&r, "Another"), id);
}

static void an_id_that_is_taken_is_refused(void **state) {
    (void)state;
    rove_id id = replica_account(&r, "First");
    rove__row row = replica_row(&r, "Account", id);

    replica_set_text(&row, "name", "Second");
    replica_begin(&r);
    assert_int_equal(rove__store_insert(r.store, &row, &r.error), ROVE_EXISTS);
    replica_commit(&r);
    replica_expect_text(&r, "Account", id, "name", "First");
}

static void unknown_fields_are_kept_and_not_changed(void **state) {
    (void)state;
    rove__row row = replica_row(&r, "Account", 0);
    rove__extra extra[2] = {{60000, rove__value_int(5)},
                            {60001, rove__value_text("from the future")}};
    replica_set_text(&row, "name", "Bakery");
    row.extra = extra;
    row.extra_count = 2;
    rove_id id = replica_insert(&r, &row);
    replica_settle(&r, "account");

    rove__row seen;
    replica_ok(&r, replica_get(&r, "Account", id, &seen));
    assert_int_equal(seen.extra_count, 2);
    assert_true(rove__value_equal(&seen.extra[1].value, &extra[1].value));
    /* A shell hands the whole record back, with something changed that this build knows. */
    replica_set_text(&seen, "phone", "1");
    replica_update(&r, &seen);
    replica_expect_text(&r, "Account", id, "phone", "1");
    seen.extra[0].value = rove__value_int(6);
    replica_begin(&r);
    assert_int_equal(rove__store_update(r.store, &seen, &r.error), ROVE_UNKNOWN_FIELD);
    rove__store_rollback(r.store);
}

static void before_enrolment_nothing_is_recorded(void **state) {
    (void)state;
    replica other;
    replica_prepare(&other, "write_stranger");
    replica_open(&other);
    rove__row row = replica_row(&other, "Account", 0);
    replica_set_text(&row, "name", "x");
    replica_begin(&other);
    assert_int_equal(rove__store_insert(other.store, &row, &other.error), ROVE_NOT_ENROLLED);
    rove__store_rollback(other.store);
    replica_end(&other);
}

static void an_edit_of_an_unsent_insert_changes_the_row_alone(void **state) {
    (void)state;
    rove_id id = replica_account(&r, "Bakery");
    rove__row row = replica_row(&r, "Account", id);

    replica_set_text(&row, "phone", "0123");
    replica_update(&r, &row);
    assert_int_equal(replica_sql(&r, "SELECT count(*) FROM _outbox"), 1);
    rove__entry entry = replica_entry(&r, "Account", id);
    assert_int_equal(entry.op, ROVE_OP_INSERT);
    assert_int_equal(entry.count, 0);
    assert_true(entry.last_tx > entry.first_tx);
    replica_expect_text(&r, "Account", id, "phone", "0123");
}

static void edits_coalesce_per_cell(void **state) {
    (void)state;
    rove_id id = replica_account(&r, "Bakery");
    replica_settle(&r, "account");

    rove__row row = replica_row(&r, "Account", id);
    replica_set_text(&row, "phone", "1");
    replica_update(&r, &row);
    rove__entry first = replica_entry(&r, "Account", id);
    rove__pending_cell before = cell_of(&first, "Account", "phone");

    r.now.wall_ms += 5000;
    replica_set_text(&row, "phone", "2");
    replica_set_text(&row, "email", "a@b");
    replica_update(&r, &row);
    rove__entry entry = replica_entry(&r, "Account", id);
    rove__pending_cell phone = cell_of(&entry, "Account", "phone");

    assert_int_equal(replica_sql(&r, "SELECT count(*) FROM _outbox"), 1);
    assert_int_equal(entry.seq, first.seq);
    assert_int_equal(entry.op, ROVE_OP_UPDATE);
    assert_int_equal(entry.count, 2);
    assert_true(phone.raw > before.raw);                   /* the last value goes */
    assert_int_equal(phone.base.stamp, before.base.stamp); /* the first base counts */
    assert_int_equal(phone.base.replica, REPLICA_NUMBER);
    assert_true(phone.has_under);
    assert_int_equal(phone.under.type, ROVE_NULL);
    assert_true(entry.first_tx == first.first_tx && entry.last_tx > first.last_tx);
}

static void a_write_that_changes_nothing_leaves_no_trace(void **state) {
    (void)state;
    rove_id id = replica_account(&r, "Bakery");
    replica_settle(&r, "account");
    rove__row row;
    replica_ok(&r, replica_get(&r, "Account", id, &row));

    replica_update(&r, &row);
    assert_int_equal(replica_sql(&r, "SELECT count(*) FROM _outbox"), 0);
}

static void a_failed_write_leaves_the_transaction_usable(void **state) {
    (void)state;
    rove_id id = replica_account(&r, "Bakery");
    rove__row row = replica_row(&r, "Account", id);
    rove__row nowhere = replica_row(&r, "Account", 424242);

    replica_begin(&r);
    replica_set_text(&row, "account_number", "only headquarters");
    assert_int_equal(rove__store_update(r.store, &row, &r.error), ROVE_DENIED);
    assert_non_null(strstr(r.error.message, "account_number"));
    replica_set_text(&nowhere, "phone", "1");
    assert_int_equal(rove__store_update(r.store, &nowhere, &r.error), ROVE_NOT_FOUND);
    rove__row good = replica_row(&r, "Account", id);
    replica_set_text(&good, "phone", "77");
    replica_ok(&r, rove__store_update(r.store, &good, &r.error));
    replica_commit(&r);
    replica_expect_text(&r, "Account", id, "phone", "77");
    replica_expect_null(&r, "Account", id, "account_number");
}

static void a_rollback_takes_everything_back(void **state) {
    (void)state;
    rove_id id = replica_account(&r, "Bakery");
    rove__row row = replica_row(&r, "Account", id);
    rove__row gone = replica_row(&r, "Account", 0);

    replica_begin(&r);
    replica_set_text(&row, "phone", "1");
    replica_ok(&r, rove__store_update(r.store, &row, &r.error));
    replica_set_text(&gone, "name", "Never was");
    replica_ok(&r, rove__store_insert(r.store, &gone, &r.error));
    rove__store_rollback(r.store);
    replica_expect_null(&r, "Account", id, "phone");
    assert_int_equal(replica_get(&r, "Account", gone.id, &row), ROVE_NOT_FOUND);
    assert_int_equal(replica_sql(&r, "SELECT count(*) FROM _outbox"), 1);
}

static void a_transaction_has_its_limits(void **state) {
    (void)state;
    rove__row row = replica_row(&r, "Account", 0);

    replica_set_text(&row, "name", "x");
    replica_begin(&r);
    for (int i = 0; i < ROVE_TRANSACTION_ROWS_MAX; i++) {
        row.id = 0;
        replica_ok(&r, rove__store_insert(r.store, &row, &r.error));
    }
    /* The thousandth row may be edited again; another one is too much. */
    rove__row last = replica_row(&r, "Account", row.id);
    replica_set_text(&last, "phone", "1");
    replica_ok(&r, rove__store_update(r.store, &last, &r.error));
    row.id = 0;
    assert_int_equal(rove__store_insert(r.store, &row, &r.error), ROVE_TOO_BIG);
    replica_commit(&r);
    assert_int_equal(replica_sql(&r, "SELECT count(*) FROM account"), ROVE_TRANSACTION_ROWS_MAX);
}

static void a_transaction_has_a_size(void **state) {
    (void)state;
    static char text[16000];
    int taken = 0;

    memset(text, 'x', sizeof text);
    replica_begin(&r);
    rove_status status = ROVE_OK;
    while (status == ROVE_OK) {
        rove__row row = replica_row(&r, "Account", 0);
        replica_set_text(&row, "name", "x");
        replica_set(&row, "description", rove__value_bytes(ROVE_TEXT, text, sizeof text));
        status = rove__store_insert(r.store, &row, &r.error);
        taken += status == ROVE_OK;
    }
    assert_int_equal(status, ROVE_TOO_BIG);
    assert_int_equal(taken, ROVE_TRANSACTION_BYTES_MAX / (int)sizeof text);
    replica_commit(&r);
}

static void writes_need_a_transaction(void **state) {
    (void)state;
    rove__row row = replica_row(&r, "Account", 0);

    replica_set_text(&row, "name", "x");
    assert_int_equal(rove__store_insert(r.store, &row, &r.error), ROVE_STATE);
    assert_int_equal(rove__store_commit(r.store, &r.error), ROVE_STATE);
    replica_begin(&r);
    assert_int_equal(rove__store_begin(r.store, &r.error), ROVE_STATE);
    replica_commit(&r);
}

static void a_stage_that_goes_back_raises_the_epoch(void **state) {
    (void)state;
    rove_id id = replica_account(&r, "Bakery");
    rove__row row = replica_row(&r, "Account", id);
    replica_set_int(&row, "lifecycle_stage", 5);
    replica_update(&r, &row);
    replica_settle(&r, "account");

    replica_set_int(&row, "lifecycle_stage", 7);
    replica_update(&r, &row);
    rove__entry entry = replica_entry(&r, "Account", id);
    assert_int_equal(cell_of(&entry, "Account", "lifecycle_stage").epoch, 0);
    replica_set_int(&row, "lifecycle_stage", 2);
    replica_update(&r, &row);
    replica_set_int(&row, "lifecycle_stage", 3);
    replica_update(&r, &row);
    entry = replica_entry(&r, "Account", id);
    assert_int_equal(cell_of(&entry, "Account", "lifecycle_stage").epoch, 1);
    replica_expect_int(&r, "Account", id, "lifecycle_stage", 3);
}

static void increments_are_kept_one_by_one(void **state) {
    (void)state;
    const rove__entity *account = replica_entity(&r, "Account");
    size_t points = replica_field(account, "points");
    rove_id id = replica_account(&r, "Bakery");
    replica_settle(&r, "account");

    for (int i = 1; i <= 3; i++) {
        replica_begin(&r);
        replica_ok(&r, rove__store_increment(r.store, account, id, points, i * 10, &r.error));
        replica_commit(&r);
    }
    rove__row row = replica_row(&r, "Account", id);
    replica_set_int(&row, "points", 100); /* from 60: by 40 */
    replica_update(&r, &row);
    replica_expect_int(&r, "Account", id, "points", 100);
    rove__entry entry = replica_entry(&r, "Account", id);
    rove__pending_cell cell = cell_of(&entry, "Account", "points");
    rove__increment *increments = NULL;
    size_t count = 0;
    assert_int_equal(rove__increments_read(&cell.pending, &r.arena, &increments, &count), ROVE_OK);
    assert_int_equal(count, 4);
    assert_int_equal(increments[0].delta, 10);
    assert_int_equal(increments[3].delta, 40);

    replica_begin(&r);
    assert_int_equal(rove__store_increment(r.store, account, id, points, INT64_MAX, &r.error),
                     ROVE_RANGE);
    replica_commit(&r);
    replica_expect_int(&r, "Account", id, "points", 100);
}

static void many_increments_stay_within_bounds(void **state) {
    (void)state;
    const rove__entity *account = replica_entity(&r, "Account");
    size_t points = replica_field(account, "points");
    rove_id id = replica_account(&r, "Bakery");
    replica_settle(&r, "account");

    replica_begin(&r);
    for (int i = 0; i < 5000; i++) {
        replica_ok(&r, rove__store_increment(r.store, account, id, points, 1, &r.error));
    }
    replica_commit(&r);
    replica_expect_int(&r, "Account", id, "points", 5000);
    assert_true(replica_sql(&r, "SELECT length(body) FROM _outbox") < 65536);
}

static int64_t indexed(rove_id id) {
    char sql[120];
    snprintf(sql, sizeof sql,
             "SELECT coalesce(sum(element), 0) FROM account_tag_ids WHERE id = %lld",
             (long long)id);
    return replica_sql(&r, sql);
}

static void sets_take_adds_and_removes(void **state) {
    (void)state;
    const rove__entity *account = replica_entity(&r, "Account");
    size_t tags = replica_field(account, "tag_ids");
    rove__row row = replica_row(&r, "Account", 0);
    const int64_t first[] = {10, 20};
    const int64_t wanted[] = {20, 30};
    const int64_t after[] = {20, 40};

    replica_set_text(&row, "name", "Bakery");
    replica_set(&row, "tag_ids", replica_set_of(&r, first, 2));
    rove_id id = replica_insert(&r, &row);
    assert_int_equal(indexed(id), 30);
    replica_settle(&r, "account");

    rove__row edit = replica_row(&r, "Account", id);
    replica_set(&edit, "tag_ids", replica_set_of(&r, wanted, 2));
    replica_update(&r, &edit);
    rove_value expected = replica_set_of(&r, wanted, 2);
    rove_value shown = replica_cell(&r, "Account", id, "tag_ids");
    assert_true(rove__value_equal(&expected, &shown));
    assert_int_equal(indexed(id), 50);

    replica_begin(&r);
    rove_value element = rove__value_int(30);
    replica_ok(
        &r, rove__store_element(r.store, account, id, tags, &element, ROVE_SET_REMOVE, &r.error));
    element = rove__value_int(40);
    replica_ok(&r,
               rove__store_element(r.store, account, id, tags, &element, ROVE_SET_ADD, &r.error));
    /* What is so already is no work. */
    replica_ok(&r,
               rove__store_element(r.store, account, id, tags, &element, ROVE_SET_ADD, &r.error));
    replica_commit(&r);
    expected = replica_set_of(&r, after, 2);
    shown = replica_cell(&r, "Account", id, "tag_ids");
    assert_true(rove__value_equal(&expected, &shown));
    assert_int_equal(indexed(id), 60);

    rove__entry entry = replica_entry(&r, "Account", id);
    rove__pending_cell cell = cell_of(&entry, "Account", "tag_ids");
    rove__set delta;
    assert_int_equal(rove__set_read(&delta, &cell.pending, ROVE_SET_DELTA, &r.arena), ROVE_OK);
    assert_int_equal(delta.form, ROVE_SET_DELTA);
    assert_int_equal(delta.elements[0].action, ROVE_SET_REMOVE); /* 10, the add that was seen */
    assert_int_equal(delta.elements[0].version.replica, REPLICA_NUMBER);
    assert_int_equal(delta.elements[delta.count - 1].action, ROVE_SET_ADD); /* 40 */
}

static void a_delete_hides_the_row_and_keeps_what_headquarters_had(void **state) {
    (void)state;
    const rove__entity *account = replica_entity(&r, "Account");
    const int64_t tags[] = {5};
    rove__row row = replica_row(&r, "Account", 0);
    replica_set_text(&row, "name", "Bakery");
    replica_set(&row, "tag_ids", replica_set_of(&r, tags, 1));
    rove_id id = replica_insert(&r, &row);
    replica_settle(&r, "account");
    row = replica_row(&r, "Account", id);
    replica_set_text(&row, "name", "Unsent");
    replica_update(&r, &row);

    replica_begin(&r);
    replica_ok(&r, rove__store_delete(r.store, account, id, &r.error));
    replica_commit(&r);
    assert_int_equal(replica_get(&r, "Account", id, &row), ROVE_NOT_FOUND);
    assert_int_equal(indexed(id), 0);
    assert_int_equal(replica_sql(&r, "SELECT count(*) FROM _outbox"), 1);

    rove__entry entry = replica_entry(&r, "Account", id);
    rove__change image;
    rove__clock seen;
    assert_int_equal(entry.op, ROVE_OP_DELETE);
    assert_int_equal(entry.count, 0);
    replica_ok(&r, rove__change_unpack(r.store, entry.image, entry.image_size, &r.arena, &image,
                                       &r.error));
    rove_value name = image.row.cells[replica_field(account, "name")];
    assert_memory_equal(name.as.data, "Bakery", 6);
    replica_ok(&r, rove__clock_read(&seen, entry.seen, entry.seen_size, &r.arena));
    assert_int_equal(seen.origin.replica, REPLICA_NUMBER);

    /* Its id stays taken, and it cannot be edited. */
    rove__row again = replica_row(&r, "Account", id);
    replica_set_text(&again, "name", "x");
    replica_begin(&r);
    assert_int_equal(rove__store_insert(r.store, &again, &r.error), ROVE_EXISTS);
    assert_int_equal(rove__store_update(r.store, &again, &r.error), ROVE_NOT_FOUND);
    assert_int_equal(rove__store_delete(r.store, account, id, &r.error), ROVE_NOT_FOUND);
    replica_commit(&r);
}

static void an_unsent_insert_vanishes_when_deleted(void **state) {
    (void)state;
    rove_id id = replica_account(&r, "Mistake");

    replica_begin(&r);
    replica_ok(&r, rove__store_delete(r.store, replica_entity(&r, "Account"), id, &r.error));
    replica_commit(&r);
    assert_int_equal(replica_sql(&r, "SELECT count(*) FROM _outbox"), 0);
    assert_int_equal(replica_sql(&r, "SELECT count(*) FROM _deleted"), 0);
    assert_int_equal(replica_sql(&r, "SELECT count(*) FROM account"), 0);
}

static void a_sealed_visit_never_changes(void **state) {
    (void)state;
    rove_id id = visit_of(replica_account(&r, "Bakery"));
    replica_settle(&r, "visit");
    rove__row row = replica_row(&r, "Visit", id);
    replica_set_text(&row, "notes", "Signed");

    replica_begin(&r);
    replica_ok(&r, rove__store_seal(r.store, &row, &r.error));
    replica_commit(&r);
    replica_expect_int(&r, "Visit", id, "sealed_at", REPLICA_NOW_MS);
    replica_expect_text(&r, "Visit", id, "notes", "Signed");
    rove__entry entry = replica_entry(&r, "Visit", id);
    assert_int_equal(entry.op, ROVE_OP_SEAL);
    assert_int_equal(entry.count, 2);

    replica_begin(&r);
    replica_set_text(&row, "notes", "Altered");
    assert_int_equal(rove__store_update(r.store, &row, &r.error), ROVE_STATE);
    assert_int_equal(rove__store_seal(r.store, &row, &r.error), ROVE_STATE);
    assert_int_equal(rove__store_delete(r.store, row.entity, id, &r.error), ROVE_STATE);
    rove__row account = replica_row(&r, "Account", 1);
    assert_int_equal(rove__store_seal(r.store, &account, &r.error), ROVE_INVALID);
    replica_commit(&r);
}

static void wrong_clocks_still_order_writes(void **state) {
    (void)state;
    static const int64_t clocks[] = {INT64_C(4102444800000) /* 2100 */, 0 /* 1970 */, -5,
                                     REPLICA_NOW_MS};
    rove_stamp last = 0;
    int64_t last_seq = 0;

    for (size_t i = 0; i < sizeof clocks / sizeof *clocks; i++) {
        r.now.wall_ms = clocks[i];
        rove_id id = replica_account(&r, "Written with a wrong clock");
        rove__entry entry = replica_entry(&r, "Account", id);
        assert_true(entry.raw > last);
        assert_true(entry.seq > last_seq);
        last = entry.raw;
        last_seq = entry.seq;
        replica_reopen(&r);
    }
}

static void a_wrong_clock_heals_once_nothing_is_unsent(void **state) {
    (void)state;
    r.now.wall_ms = INT64_C(4102444800000);
    rove_id id = replica_account(&r, "From 2100");
    rove_stamp future = replica_entry(&r, "Account", id).raw;
    replica_settle(&r, "account");
    r.now.wall_ms = REPLICA_NOW_MS;
    id = replica_account(&r, "From today");
    rove_stamp today = replica_entry(&r, "Account", id).raw;
    assert_true(today < future);
    assert_int_equal(rove__stamp_ms(today), REPLICA_NOW_MS);
}

static void events_seen(void *ctx, const rove__store_event *events, size_t count) {
    rove__store_event *seen = ctx;
    for (size_t i = 0; i < count && seen[0].id < 7; i++) {
        seen[++seen[0].id] = events[i];
    }
}

static void watchers_hear_of_commits_only(void **state) {
    (void)state;
    rove__store_event seen[8];
    memset(seen, 0, sizeof seen);
    store_trial_with(NULL); /* an event that finds no memory is not told */
    rove__store_watch(r.store, events_seen, seen);

    rove__row row = replica_row(&r, "Account", 0);
    replica_set_text(&row, "name", "Bakery");
    replica_begin(&r);
    replica_ok(&r, rove__store_insert(r.store, &row, &r.error));
    assert_int_equal(seen[0].id, 0);
    rove__store_rollback(r.store);
    assert_int_equal(seen[0].id, 0);

    rove_id id = replica_account(&r, "Bakery");
    assert_int_equal(seen[0].id, 1);
    assert_int_equal(seen[1].id, id);
    assert_int_equal(seen[1].entity, row.entity->number);
    rove__store_watch(r.store, NULL, NULL);
    (void)replica_account(&r, "Quietly");
    assert_int_equal(seen[0].id, 1);
}

static void many_changes_become_one_event(void **state) {
    (void)state;
    rove__store_event seen[8];
    memset(seen, 0, sizeof seen);
    rove__store_watch(r.store, events_seen, seen);
    rove__row row = replica_row(&r, "Account", 0);
    replica_set_text(&row, "name", "x");
    replica_begin(&r);
    for (int i = 0; i < 700; i++) {
        row.id = 0;
        replica_ok(&r, rove__store_insert(r.store, &row, &r.error));
    }
    replica_commit(&r);
    assert_int_equal(seen[0].id, 1);
    assert_int_equal(seen[1].id, 0);
    assert_int_equal(seen[1].entity, row.entity->number);
}

static void short_of_memory_no_write_is_half(void **state) {
    (void)state;
    rove_id id = replica_account(&r, "Bakery");
    replica_settle(&r, "account");
    const rove__entity *account = replica_entity(&r, "Account");
    const int64_t tags[] = {1, 2, 3};
    rove_value set = replica_set_of(&r, tags, 3);
    rove__row row = replica_row(&r, "Account", id);
    replica_set_text(&row, "phone", "1");
    replica_set(&row, "tag_ids", set);
    replica_set_int(&row, "points", 5);

    for (size_t n = 1; n < 10000; n++) {
        rove_status first = ROVE_OK;
        r.memory.fail_at = r.memory.calls + n;
        rove_status status = rove__store_begin(r.store, NULL);
        if (status == ROVE_OK) {
            first = rove__store_update(r.store, &row, NULL);
            if (first == ROVE_OK) {
                first = rove__store_delete(r.store, account, id, NULL);
            }
            status = first;
            if (status == ROVE_OK) {
                status = rove__store_commit(r.store, NULL);
            } else {
                rove__store_rollback(r.store);
            }
        }
        int hit = r.memory.calls >= r.memory.fail_at;
        r.memory.fail_at = 0;
        if (status == ROVE_OK) {
            assert_false(hit);
            break;
        }
        assert_int_equal(status, ROVE_NOMEM);
        replica_expect_text(&r, "Account", id, "name", "Bakery");
        replica_expect_null(&r, "Account", id, "phone");
        assert_int_equal(replica_sql(&r, "SELECT count(*) FROM _outbox"), 0);
        assert_int_equal(indexed(id), 0);
    }
    assert_int_equal(replica_sql(&r, "SELECT count(*) FROM _deleted"), 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(an_insert_is_shown_and_waits),
        TEST(an_id_that_is_taken_is_refused),
        TEST(unknown_fields_are_kept_and_not_changed),
        TEST(before_enrolment_nothing_is_recorded),
        TEST(an_edit_of_an_unsent_insert_changes_the_row_alone),
        TEST(edits_coalesce_per_cell),
        TEST(a_write_that_changes_nothing_leaves_no_trace),
        TEST(a_failed_write_leaves_the_transaction_usable),
        TEST(a_rollback_takes_everything_back),
        TEST(a_transaction_has_its_limits),
        TEST(a_transaction_has_a_size),
        TEST(writes_need_a_transaction),
        TEST(a_stage_that_goes_back_raises_the_epoch),
        TEST(increments_are_kept_one_by_one),
        TEST(many_increments_stay_within_bounds),
        TEST(sets_take_adds_and_removes),
        TEST(a_delete_hides_the_row_and_keeps_what_headquarters_had),
        TEST(an_unsent_insert_vanishes_when_deleted),
        TEST(a_sealed_visit_never_changes),
        TEST(wrong_clocks_still_order_writes),
        TEST(a_wrong_clock_heals_once_nothing_is_unsent),
        TEST(watchers_hear_of_commits_only),
        TEST(many_changes_become_one_event),
        TEST(short_of_memory_no_write_is_half),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
