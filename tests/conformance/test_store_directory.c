/*
 * What an operator keeps and asks in headquarters' stores: codes, acts, settings, look-ups, custom fields, backups.
 */
#include <pthread.h>

#include "bed.h"

static const rove__hq_directory *directory_of(const bed *b) {
    return &b->database->directory;
}

/* ---- codes, acts, settings ------------------------------------------------------------------------------ */

static rove_status each_code(void *ctx, const rove__hq_code *code) {
    return bed_note(ctx, code->hash[0], code->user);
}

static void a_code_comes_back_and_changes(void **state) {
    bed *b = *state;
    rove__hq_code code = {.user = INT64_MAX,
                          .made_ms = -5,
                          .until_ms = INT64_MAX,
                          .tries_left = 5,
                          .replica = ROVE_REPLICA_MAX};
    rove__hq_code found;
    bed_seen seen = {.count = 0};

    if (bed_skips(b->kind->has_directory)) {
        return;
    }
    rove__hq_tx *tx = bed_write(b);
    assert_int_equal(directory_of(b)->code_get(tx, code.hash, &found), ROVE_NOT_FOUND);
    ok(directory_of(b)->code_put(tx, &code));
    code.tries_left = 4;
    code.used_ms = 77;
    ok(directory_of(b)->code_put(tx, &code));
    memset(code.hash, 1, sizeof code.hash);
    ok(directory_of(b)->code_put(tx, &code));
    memset(code.hash, 0, sizeof code.hash);
    ok(directory_of(b)->code_get(tx, code.hash, &found));
    assert_memory_equal(found.hash, code.hash, sizeof code.hash);
    assert_int_equal(found.user, code.user);
    assert_int_equal(found.made_ms, code.made_ms);
    assert_int_equal(found.until_ms, code.until_ms);
    assert_int_equal(found.tries_left, 4);
    assert_int_equal(found.used_ms, 77);
    assert_int_equal(found.replica, code.replica);
    ok(directory_of(b)->code_scan(tx, each_code, &seen));
    assert_int_equal(seen.count, 2);
    bed_commit(b, tx);
}

static rove_status each_act(void *ctx, const rove__hq_act *act) {
    assert_string_equal(act->operator_name, "o'brien");
    assert_string_equal(act->act, "assign");
    assert_string_equal(act->detail, act->seq == 0 ? "" : "3 accounts");
    assert_int_equal(act->at_ms, 1000 + (int64_t)act->seq);
    return bed_note(ctx, 0, (rove_id)act->seq);
}

static void acts_are_read_newest_first(void **state) {
    bed *b = *state;
    const rove_id seqs[] = {2, 1, 0};
    bed_seen seen = {.count = 0};
    int64_t before = 0;

    if (bed_skips(b->kind->has_directory)) {
        return;
    }
    rove__hq_tx *tx = bed_write(b);
    for (uint64_t seq = 0; seq < 3; seq++) {
        rove__hq_act act = {.at_ms = 1000 + (int64_t)seq,
                            .operator_name = "o'brien",
                            .act = "assign",
                            .detail = seq == 0 ? "" : "3 accounts",
                            .seq = seq};
        ok(directory_of(b)->act_put(tx, &act));
        assert_true(act.number > before);
        before = act.number;
    }
    ok(directory_of(b)->act_scan(tx, each_act, &seen));
    bed_expect_ids(&seen, seqs, 3);
    bed_commit(b, tx);
}

static rove_status each_plan(void *ctx, const rove__hq_plan *plan) {
    assert_string_equal(plan->operator_name, "o'brien");
    assert_int_equal(plan->words.size, 4);
    assert_memory_equal(plan->words.data, "a\0b\0", 4);
    assert_string_equal(plan->detail, plan->state == ROVE_PLAN_DONE ? "3 accounts" : "");
    assert_int_equal(plan->made_ms, -5);
    assert_int_equal(plan->ended_ms, plan->state == ROVE_PLAN_DONE ? INT64_MAX : 0);
    return bed_note(ctx, plan->state, plan->number);
}

static void plans_are_read_by_the_day_they_are_for_and_change(void **state) {
    bed *b = *state;
    rove__hq_plan plans[3];
    bed_seen seen = {.count = 0};

    if (bed_skips(b->kind->has_directory)) {
        return;
    }
    rove__hq_tx *tx = bed_write(b);
    for (int i = 0; i < 3; i++) {
        plans[i] = (rove__hq_plan){.made_ms = -5,
                                   .due_ms = i == 0 ? INT64_MAX : 1000,
                                   .operator_name = "o'brien",
                                   .words = bed_bytes("a\0b\0", 4),
                                   .detail = ""};
        ok(directory_of(b)->plan_put(tx, &plans[i]));
        assert_true(plans[i].number > (i == 0 ? 0 : plans[i - 1].number));
    }
    plans[1].state = ROVE_PLAN_DONE;
    plans[1].detail = "3 accounts";
    plans[1].ended_ms = INT64_MAX;
    ok(directory_of(b)->plan_put(tx, &plans[1]));
    const rove_id numbers[] = {plans[1].number, plans[2].number, plans[0].number};
    ok(directory_of(b)->plan_scan(tx, &b->arena, each_plan, &seen));
    bed_expect_ids(&seen, numbers, 3);
    bed_commit(b, tx);
}

static void a_commit_is_read_by_its_seq(void **state) {
    bed *b = *state;
    rove__hq_commit commit = {.seq = 4,
                              .stamp = ROVE_STAMP_MAX,
                              .replica = ROVE_REPLICA_MAX,
                              .user = 9,
                              .operator_name = "o'brien",
                              .act = "set"};
    rove__hq_commit found;

    if (bed_skips(b->kind->has_directory)) {
        return;
    }
    rove__hq_tx *tx = bed_write(b);
    ok(b->store->commit_put(tx, &commit));
    ok(directory_of(b)->commit_get(tx, 4, &b->arena, &found));
    assert_int_equal(found.seq, 4);
    assert_int_equal(found.stamp, commit.stamp);
    assert_int_equal(found.replica, commit.replica);
    assert_int_equal(found.user, 9);
    assert_string_equal(found.operator_name, "o'brien");
    assert_string_equal(found.act, "set");
    assert_int_equal(directory_of(b)->commit_get(tx, 5, &b->arena, &found), ROVE_NOT_FOUND);
    bed_commit(b, tx);
}

static void a_setting_is_any_bytes(void **state) {
    bed *b = *state;
    rove__bytes value;

    if (bed_skips(b->kind->has_directory)) {
        return;
    }
    rove__hq_tx *tx = bed_write(b);
    assert_int_equal(directory_of(b)->setting_get(tx, "policy", &b->arena, &value), ROVE_NOT_FOUND);
    ok(directory_of(b)->setting_put(tx, "policy", bed_bytes("\0\xff", 2)));
    ok(directory_of(b)->setting_put(tx, "empty", bed_bytes(NULL, 0)));
    bed_commit(b, tx);
    tx = bed_read(b);
    ok(directory_of(b)->setting_get(tx, "policy", &b->arena, &value));
    bed_expect_bytes(value, "\0\xff", 2);
    ok(directory_of(b)->setting_get(tx, "empty", &b->arena, &value));
    assert_int_equal(value.size, 0);
    bed_rollback(b, tx);
}

/* ---- look-ups ------------------------------------------------------------------------------------------- */

static bed_seen find(bed *b, rove__hq_tx *tx, const char *field, rove_value value) {
    const rove__entity *entity = bed_entity(b, "Account");
    int ordinal = field == NULL ? -1 : (int)bed_field(entity, field);
    bed_seen seen = {.count = 0};

    ok(directory_of(b)->row_find(tx, entity->number, ordinal, &value, &b->rows, bed_each_row,
                                 &seen));
    return seen;
}

static bed_seen page(bed *b, rove__hq_tx *tx, const char *field, int64_t value, rove_id after) {
    const rove__entity *entity = bed_entity(b, "Account");
    bed_seen seen = {.count = 0};
    int ordinal = field == NULL ? -1 : rove__entity_field_named(entity, field);

    ok(directory_of(b)->row_page(tx, entity->number, ordinal, value, after, &b->rows, bed_each_row,
                                 &seen));
    return seen;
}

static void rows_are_found_by_the_value_of_a_field(void **state) {
    bed *b = *state;
    const rove_id all[] = {1, 2, 3, 5};
    const int64_t tags[] = {70, 71};
    uint64_t count = 0;

    if (bed_skips(b->kind->has_directory)) {
        return;
    }
    rove__hq_tx *tx = bed_write(b);
    for (rove_id id = 5; id >= 1; id--) {
        rove__hq_row row = bed_row(b, "Account", id, id);
        char name[] = "A-0";
        name[2] = (char)('0' + id);
        bed_set(&row, "external_id", rove__value_text(name));
        if (id > 1) {
            bed_set(&row, "name", rove__value_text("Kwik-E"));
            bed_set(&row, "credit_limit", rove__value_int(INT64_MIN));
            bed_set(&row, "tag_ids", bed_set_of(b, tags, id == 2 ? 1 : 2));
        }
        row.dead = id == 4 ? 9 : 0;
        bed_put(b, tx, &row);
    }
    bed_commit(b, tx);
    tx = bed_read(b);
    bed_seen seen = find(b, tx, NULL, rove__value_null());
    bed_expect_ids(&seen, all, 4);
    seen = find(b, tx, "name", rove__value_text("Kwik-E"));
    bed_expect_ids(&seen, all + 1, 3);
    seen = find(b, tx, "name", rove__value_null());
    bed_expect_ids(&seen, all, 1);
    seen = find(b, tx, "credit_limit", rove__value_int(INT64_MIN));
    bed_expect_ids(&seen, all + 1, 3);
    seen = find(b, tx, "external_id", rove__value_text("A-3"));
    bed_expect_ids(&seen, all + 2, 1);
    assert_int_equal(find(b, tx, "external_id", rove__value_text("A-4")).count, 0);
    assert_int_equal(find(b, tx, "external_id", rove__value_text("a-3")).count, 0);
    assert_int_equal(find(b, tx, "name", rove__value_text("' OR 1 --")).count, 0);
    seen = find(b, tx, "tag_ids", rove__value_int(71));
    bed_expect_ids(&seen, all + 2, 2);
    seen = page(b, tx, NULL, 0, 1);
    bed_expect_ids(&seen, all + 1, 3);
    seen = page(b, tx, "credit_limit", INT64_MIN, 2);
    bed_expect_ids(&seen, all + 2, 2);
    assert_int_equal(page(b, tx, "credit_limit", INT64_MIN, 5).count, 0);
    ok(directory_of(b)->row_count(tx, bed_entity(b, "Account")->number, &count));
    assert_int_equal(count, 4);
    ok(directory_of(b)->row_count(tx, bed_entity(b, "Lead")->number, &count));
    assert_int_equal(count, 0);
    assert_int_equal(directory_of(b)->row_count(tx, 60000, &count), ROVE_UNKNOWN_ENTITY);
    bed_rollback(b, tx);
}

/* ---- custom fields -------------------------------------------------------------------------------------- */

static const rove__custom shelf = {.entity = 6, /* Account */
                                   .number = 1000,
                                   .name = "shelf",
                                   .type = ROVE_TEXT,
                                   .max = 100};

/* The row of CustomField, the registry's field and its column, as one transaction does it. */
static rove__hq_tx *define(bed *b, const rove__custom *custom, const char *entity) {
    rove__hq_row row = bed_row(b, "CustomField", 900, 0);

    bed_set(&row, "entity", rove__value_int(custom->entity));
    bed_set(&row, "number", rove__value_int(custom->number));
    bed_set(&row, "name", rove__value_text(custom->name));
    bed_set(&row, "type", rove__value_int(ROVE_TEXT));
    rove__hq_tx *tx = bed_write(b);
    bed_put(b, tx, &row);
    ok(rove__registry_add_custom(b->registry, custom, NULL));
    ok(b->database->widen(tx, bed_entity(b, entity), NULL));
    return tx;
}

static rove__hq_tx *define_shelf(bed *b) {
    return define(b, &shelf, "Account");
}

static rove__hq_row with_shelf(bed *b, rove_id id, const char *text) {
    rove__hq_row row = bed_row(b, "Account", id, id);

    bed_set(&row, "shelf", rove__value_text(text));
    return row;
}

static void a_custom_field_is_kept_and_known_when_opened_again(void **state) {
    bed *b = *state;

    if (bed_skips(b->kind->has_directory && b->kind->is_durable)) {
        return;
    }
    bed_put_new(b, "Account", 1, 1);
    rove__hq_tx *tx = define_shelf(b);
    rove__hq_row row = with_shelf(b, 2, "top");
    bed_put(b, tx, &row);
    bed_commit(b, tx);
    for (int i = 0; i < 2; i++) {
        tx = bed_read(b);
        row = with_shelf(b, 2, "top");
        bed_expect(b, tx, &row);
        row = bed_row(b, "Account", 1, 1);
        bed_expect(b, tx, &row);
        assert_int_equal(find(b, tx, "shelf", rove__value_text("top")).count, 1);
        bed_rollback(b, tx);
        bed_reopen(b);
    }
}

/* Reps write what they like in one of that name. */
static void a_custom_external_id_may_be_of_two_records(void **state) {
    static const rove__custom custom = {.entity = 13, /* Visit */
                                        .number = 1000,
                                        .name = "external_id",
                                        .type = ROVE_TEXT,
                                        .max = 100};
    bed *b = *state;

    if (bed_skips(b->kind->has_directory)) {
        return;
    }
    rove__hq_tx *tx = define(b, &custom, "Visit");
    for (rove_id id = 1; id <= 2; id++) {
        rove__hq_row row = bed_row(b, "Visit", id, 1);
        bed_set(&row, "external_id", rove__value_text("V-1"));
        bed_put(b, tx, &row);
    }
    bed_commit(b, tx);
}

static void a_row_made_before_a_field_came_is_kept(void **state) {
    bed *b = *state;

    if (bed_skips(b->kind->has_directory)) {
        return;
    }
    rove__hq_row narrow = bed_row(b, "Account", 1, 1);
    rove__hq_tx *tx = define_shelf(b);
    rove__hq_row wide = with_shelf(b, 2, "top");
    bed_put(b, tx, &wide);
    bed_put(b, tx, &narrow);
    bed_expect(b, tx, &narrow);
    bed_expect(b, tx, &wide);
    wide.row.id = 1; /* a row with a value, and then as it was made before */
    wide.scope.root = 1;
    wide.clock.origin = narrow.clock.origin;
    bed_put(b, tx, &wide);
    bed_put(b, tx, &narrow);
    bed_expect(b, tx, &narrow);
    narrow.dead = 4;
    bed_put(b, tx, &narrow);
    bed_expect(b, tx, &narrow);
    bed_commit(b, tx);
}

static void values_that_were_unknown_move_to_the_new_field(void **state) {
    bed *b = *state;
    rove__extra extra = {1000, rove__value_text("top")};

    if (bed_skips(b->kind->has_directory)) {
        return;
    }
    rove__hq_row live = bed_row(b, "Account", 1, 1);
    rove__hq_row dead = bed_row(b, "Account", 2, 2);
    live.row.extra = dead.row.extra = &extra;
    live.row.extra_count = dead.row.extra_count = 1;
    dead.dead = 4;
    rove__hq_tx *tx = bed_write(b);
    bed_put(b, tx, &live);
    bed_put(b, tx, &dead);
    bed_expect(b, tx, &live);
    bed_commit(b, tx);
    bed_commit(b, define_shelf(b));
    tx = bed_read(b);
    live = with_shelf(b, 1, "top");
    dead = with_shelf(b, 2, "top");
    dead.dead = 4;
    bed_expect(b, tx, &live);
    bed_expect(b, tx, &dead);
    assert_int_equal(find(b, tx, "shelf", rove__value_text("top")).count, 1);
    bed_rollback(b, tx);
}

static void a_field_that_was_rolled_back_leaves_the_table_usable(void **state) {
    bed *b = *state;

    if (bed_skips(b->kind->has_directory)) {
        return;
    }
    for (int whole = 0; whole < 2; whole++) {
        rove__hq_row plain = bed_row(b, "Account", 1, 1);
        rove__hq_tx *tx = bed_write(b);
        if (!whole) {
            ok(b->store->savepoint(tx, NULL));
            ok(rove__registry_add_custom(b->registry, &shelf, NULL));
        }
        ok(b->database->widen(tx, bed_entity(b, "Account"), NULL));
        rove__hq_row row = with_shelf(b, 2, "top");
        bed_put(b, tx, &row);
        bed_expect(b, tx, &row);
        if (whole) {
            bed_rollback(b, tx);
            tx = bed_write(b);
        } else {
            ok(b->store->release(tx, 0, NULL));
        }
        assert_int_equal(b->store->row_put(tx, &row), ROVE_UNKNOWN_FIELD);
        bed_put(b, tx, &plain);
        bed_commit(b, tx);
        tx = bed_read(b);
        plain = bed_row(b, "Account", 1, 1);
        bed_expect(b, tx, &plain);
        assert_int_equal(bed_get(b, tx, "Account", 2, &row), ROVE_NOT_FOUND);
        bed_rollback(b, tx);
    }
    bed_commit(b, define_shelf(b));
    rove__hq_tx *tx = bed_write(b);
    rove__hq_row row = with_shelf(b, 2, "top");
    bed_put(b, tx, &row);
    bed_expect(b, tx, &row);
    bed_commit(b, tx);
}

static void a_reader_that_began_before_a_field_goes_on_reading(void **state) {
    bed *b = *state;

    if (bed_skips(b->kind->has_directory)) {
        return;
    }
    bed_put_new(b, "Account", 1, 1);
    rove__hq_tx *old = bed_read(b);
    rove__hq_tx *tx = define_shelf(b);
    rove__hq_row row = with_shelf(b, 1, "top");
    bed_put(b, tx, &row);
    bed_commit(b, tx);
    rove__hq_row plain = bed_row(b, "Account", 1, 1);
    bed_expect(b, old, &plain);
    assert_int_equal(bed_scan(b, old, (rove__scope){1, 0}).count, 1);
    bed_rollback(b, old);
    tx = bed_read(b);
    bed_expect(b, tx, &row);
    bed_rollback(b, tx);
}

/* ---- the file ------------------------------------------------------------------------------------------- */

static void the_size_grows_with_what_is_kept(void **state) {
    bed *b = *state;
    size_t size = (size_t)1 << 20;
    uint8_t *bytes = rove__arena_take(&b->arena, size);

    if (bed_skips(b->kind->has_directory)) {
        return;
    }
    uint64_t before = b->database->size_bytes(b->database);
    memset(bytes, 7, size);
    rove__hq_tx *tx = bed_write(b);
    ok(directory_of(b)->setting_put(tx, "large", bed_bytes(bytes, size)));
    bed_commit(b, tx);
    assert_true(before > 0);
    assert_true(b->database->size_bytes(b->database) >= before + size);
}

static void a_backup_opens_as_the_database_that_it_was(void **state) {
    bed *b = *state;
    char path[128];
    uint64_t seq = 0;
    rove__hq_head head = {.timeline = 1, .seq = 41};

    if (bed_skips(b->kind->has_directory && b->kind->is_file)) {
        return;
    }
    rove__hq_tx *tx = bed_write(b);
    rove__hq_row row = bed_row(b, "Account", 5, 5);
    bed_put(b, tx, &row);
    ok(b->store->head_put(tx, &head));
    bed_commit(b, tx);

    bed *copy = bed_new();
    rove__text_format(path, sizeof path, "%s/hq.db", copy->folder);
    tx = bed_write(b); /* work goes on */
    rove__hq_row later = bed_row(b, "Account", 6, 6);
    bed_put(b, tx, &later);
    ok(b->database->backup(b->database, path, &seq, NULL));
    bed_commit(b, tx);
    assert_int_equal(seq, 41);
    assert_int_equal(b->database->backup(b->database, path, &seq, NULL), ROVE_EXISTS);

    ok(bed_try_open(copy, NULL));
    tx = bed_read(copy);
    row = bed_row(copy, "Account", 5, 5);
    bed_expect(copy, tx, &row);
    assert_int_equal(bed_get(copy, tx, "Account", 6, &later), ROVE_NOT_FOUND);
    ok(copy->store->head_get(tx, &head));
    assert_int_equal(head.seq, 41);
    bed_rollback(copy, tx);
    bed_free(copy);
}

typedef struct backing {
    rove__hq_database *database;
    const char *path;
    pthread_barrier_t *together;
    pthread_t thread;
    rove_status status;
} backing;

static void *back_up(void *ctx) {
    backing *self = ctx;
    uint64_t seq = 0;

    (void)pthread_barrier_wait(self->together);
    self->status = self->database->backup(self->database, self->path, &seq, NULL);
    return NULL;
}

/* One is made, and it stays: who comes second finds it there. */
static void two_backups_of_one_name_at_once_leave_one(void **state) {
    bed *b = *state;
    char path[128];
    pthread_barrier_t together;
    struct stat info;

    if (bed_skips(b->kind->has_directory && b->kind->is_file)) {
        return;
    }
    rove__text_format(path, sizeof path, "%s/backup.db", b->folder);
    assert_int_equal(pthread_barrier_init(&together, NULL, 2), 0);
    for (int round = 0; round < 60; round++) {
        const backing one = {.database = b->database, .path = path, .together = &together};
        backing both[2] = {one, one};
        for (size_t i = 0; i < 2; i++) {
            assert_int_equal(pthread_create(&both[i].thread, NULL, back_up, &both[i]), 0);
        }
        for (size_t i = 0; i < 2; i++) {
            assert_int_equal(pthread_join(both[i].thread, NULL), 0);
        }
        size_t made = both[0].status == ROVE_OK ? 0 : 1;
        assert_int_equal(both[made].status, ROVE_OK);
        assert_int_equal(both[1 - made].status, ROVE_EXISTS);
        assert_true(stat(path, &info) == 0 && info.st_size > 0);
        assert_int_equal(unlink(path), 0);
    }
    (void)pthread_barrier_destroy(&together);
}

static void a_backup_is_nowhere_where_it_cannot_be(void **state) {
    bed *b = *state;
    char path[128];
    uint64_t seq = 1;

    if (bed_skips(b->kind->has_directory && b->kind->is_file)) {
        return;
    }
    rove__text_format(path, sizeof path, "%s/none/backup.db", b->folder);
    assert_int_not_equal(b->database->backup(b->database, path, &seq, NULL), ROVE_OK);
    assert_int_equal(seq, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        bed_test(a_code_comes_back_and_changes),
        bed_test(acts_are_read_newest_first),
        bed_test(plans_are_read_by_the_day_they_are_for_and_change),
        bed_test(a_commit_is_read_by_its_seq),
        bed_test(a_setting_is_any_bytes),
        bed_test(rows_are_found_by_the_value_of_a_field),
        bed_test(a_custom_field_is_kept_and_known_when_opened_again),
        bed_test(a_custom_external_id_may_be_of_two_records),
        bed_test(a_row_made_before_a_field_came_is_kept),
        bed_test(values_that_were_unknown_move_to_the_new_field),
        bed_test(a_field_that_was_rolled_back_leaves_the_table_usable),
        bed_test(a_reader_that_began_before_a_field_goes_on_reading),
        bed_test(the_size_grows_with_what_is_kept),
        bed_test(a_backup_opens_as_the_database_that_it_was),
        bed_test(two_backups_of_one_name_at_once_leave_one),
        bed_test(a_backup_is_nowhere_where_it_cannot_be),
    };

    return bed_run("directory", tests, sizeof tests / sizeof *tests);
}
