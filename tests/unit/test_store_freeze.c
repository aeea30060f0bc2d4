/*
 * Freezing: what the rep recorded becomes numbered batches that are sent, and sent again, byte for byte.
 */
#include <sys/wait.h>

#include "office.h"

static replica r;
static office o;

static int setup(void **state) {
    (void)state;
    replica_start(&r, "freeze");
    office_start(&o, &r);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    office_end(&o);
    replica_end(&r);
    return 0;
}

static const rove__change *change_of(const office_push *push, rove_id id, rove__op op) {
    for (size_t i = 0; i < push->count; i++) {
        if (push->changes[i].row.id == id && push->changes[i].op == op) {
            return &push->changes[i];
        }
    }
    fail_msg("no change of %lld", (long long)id);
    return NULL;
}

static void an_insert_goes_as_it_is_shown(void **state) {
    (void)state;
    const int64_t tags[2] = {(int64_t)1 << 32 | 3, (int64_t)1 << 32 | 4};
    rove__row row = replica_row(&r, "Account", 0);
    rove__hello hello;
    office_push push;

    replica_set_text(&row, "name", "Bakery");
    replica_set_int(&row, "points", 12);
    replica_set(&row, "tag_ids", replica_set_of(&r, tags, 2));
    rove_id id = replica_insert(&r, &row);
    rove__row edit = replica_row(&r, "Account", id);
    replica_set_text(&edit, "phone", "0123");
    replica_update(&r, &edit);

    office_receive(&o, &hello, &push);
    assert_int_equal(hello.pending, 1);
    assert_int_equal(hello.acked, 0);
    assert_int_equal(push.count, 1);
    const rove__change *change = change_of(&push, id, ROVE_OP_INSERT);
    const rove__entity *account = change->row.entity;
    assert_int_equal(change->replica, REPLICA_NUMBER);
    assert_int_equal(change->clock.origin.replica, REPLICA_NUMBER);
    assert_int_equal(change->row.cells[replica_field(account, "phone")].size, 4);

    /* Headquarters has no total of the device's yet: it gets increments and adds. */
    rove__increment *increments = NULL;
    size_t count = 0;
    assert_int_equal(rove__increments_read(&change->row.cells[replica_field(account, "points")],
                                           &o.arena, &increments, &count),
                     ROVE_OK);
    assert_int_equal(count, 1);
    assert_int_equal(increments[0].delta, 12);
    rove__set set;
    assert_int_equal(rove__set_read(&set, &change->row.cells[replica_field(account, "tag_ids")],
                                    ROVE_SET_DELTA, &o.arena),
                     ROVE_OK);
    assert_int_equal(set.form, ROVE_SET_DELTA);
    assert_int_equal(set.count, 2);
    assert_int_equal(set.elements[0].action, ROVE_SET_ADD);
}

static void what_was_sent_is_sent_again_byte_for_byte(void **state) {
    (void)state;
    rove_id id = replica_account(&r, "Bakery");
    rove__hello hello;
    office_push first;
    office_push second;

    office_receive(&o, &hello, &first);
    rove__row edit = replica_row(&r, "Account", id);
    replica_set_text(&edit, "name", "Butcher");
    replica_update(&r, &edit);
    replica_reopen(&r);
    office_receive(&o, &hello, &second);

    assert_int_equal(first.frame_count, 1);
    assert_int_equal(second.frame_count, 2);
    assert_int_equal(second.frames[0].rows.size, first.frames[0].rows.size);
    assert_memory_equal(second.frames[0].rows.data, first.frames[0].rows.data,
                        first.frames[0].rows.size);
    assert_int_equal(second.frames[1].number, 2);
    rove__chain chain = office_chain(&o, &second, 1);
    assert_memory_equal(second.frames[1].previous.hash, chain.hash, sizeof chain.hash);
    /* The edit of a row whose insert is in flight is its own op. */
    const rove__change *change = change_of(&second, id, ROVE_OP_UPDATE);
    assert_int_equal(change->edit_count, 1);
    replica_expect_text(&r, "Account", id, "name", "Butcher");
}

static void after_a_crash_the_same_bytes_go(void **state) {
    (void)state;
    rove__hello hello;
    office_push before;
    office_push after;
    int status = 0;

    (void)replica_account(&r, "Bakery");
    replica_close(&r);
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        if (rove__store_open(&r.ports, r.folder, &r.store, &r.error) != ROVE_OK ||
            rove__store_freeze(r.store, &r.error) != ROVE_OK) {
            _exit(1);
        }
        _exit(0); /* no clean end: the process is gone */
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);

    replica_open(&r);
    office_receive(&o, &hello, &before);
    replica_reopen(&r);
    office_receive(&o, &hello, &after);
    assert_int_equal(before.frame_count, 1);
    assert_int_equal(after.frame_count, 1);
    assert_int_equal(before.frames[0].number, 1);
    assert_int_equal(before.frames[0].rows.size, after.frames[0].rows.size);
    assert_memory_equal(before.frames[0].rows.data, after.frames[0].rows.data,
                        after.frames[0].rows.size);
}

static int64_t batch_of_row(rove_id id) {
    char sql[96];
    snprintf(sql, sizeof sql, "SELECT batch FROM _outbox WHERE row = %lld", (long long)id);
    return replica_sql(&r, sql);
}

static int64_t entry_of_row(rove_id id) {
    char sql[96];
    snprintf(sql, sizeof sql, "SELECT seq FROM _outbox WHERE row = %lld", (long long)id);
    return replica_sql(&r, sql);
}

static void rows_that_were_written_together_stay_together(void **state) {
    (void)state;
    rove__row a = replica_row(&r, "Account", 0);
    rove__row b = replica_row(&r, "Account", 0);

    replica_set_text(&a, "name", "A");
    replica_set_text(&b, "name", "B");
    replica_begin(&r);
    replica_ok(&r, rove__store_insert(r.store, &a, &r.error));
    replica_ok(&r, rove__store_insert(r.store, &b, &r.error));
    replica_commit(&r);
    rove_id c = replica_account(&r, "C");

    int64_t one = entry_of_row(a.id);
    replica_ok(&r, rove__store_enter(r.store, &r.error));
    replica_ok(&r,
               rove__store_leave(r.store, rove__freeze_rows(r.store, &one, 1, &r.error), &r.error));
    assert_int_equal(batch_of_row(a.id), 1);
    assert_int_equal(batch_of_row(b.id), 1);
    assert_int_equal(batch_of_row(c), 0);
    replica_ok(&r, rove__store_freeze(r.store, &r.error));
    assert_int_equal(batch_of_row(c), 2);
}

static void freezing_nothing_makes_no_batch(void **state) {
    (void)state;
    rove__hello hello;
    office_push push;

    office_receive(&o, &hello, &push);
    assert_int_equal(hello.pending, 0);
    assert_int_equal(push.frame_count, 0);
    assert_int_equal(replica_sql(&r, "SELECT count(*) FROM _batch"), 0);
}

static void many_rows_take_several_frames(void **state) {
    (void)state;
    static char note[8000];
    rove__hello hello;
    office_push push;

    memset(note, 'n', sizeof note - 1);
    for (int t = 0; t < 6; t++) {
        replica_begin(&r);
        for (int i = 0; i < 12; i++) {
            rove__row row = replica_row(&r, "Note", 0);
            replica_set_int(&row, "about_id", (int64_t)1 << 32 | 1);
            replica_set_int(&row, "created_at", REPLICA_NOW_MS);
            replica_set_text(&row, "text", note);
            replica_ok(&r, rove__store_insert(r.store, &row, &r.error));
        }
        replica_commit(&r);
    }
    office_receive(&o, &hello, &push);
    assert_int_equal(hello.pending, 1);
    assert_true(push.frame_count > 1);
    assert_int_equal(push.count, 72);
    for (size_t i = 0; i < push.frame_count; i++) {
        assert_int_equal(push.frames[i].ordinal, i);
        assert_int_equal(push.frames[i].last, i + 1 == push.frame_count);
        assert_true(push.frames[i].rows.size <= 192 * 1024);
    }
}

/* ---- large batches ---- */

#define PER_TRANSACTION 1000

/* `count` notes of 16 KiB, eight in a transaction. */
static void write_long_notes(int count) {
    static char text[16 * 1024 + 1];

    memset(text, 'n', sizeof text - 1);
    for (int i = 0; i < count; i++) {
        if (i % 8 == 0) {
            replica_begin(&r);
        }
        rove__row row = replica_row(&r, "Note", 0);
        replica_set_int(&row, "about_id", (int64_t)1 << 32 | 1);
        replica_set_int(&row, "created_at", REPLICA_NOW_MS);
        replica_set_text(&row, "text", text);
        replica_ok(&r, rove__store_insert(r.store, &row, &r.error));
        rove__arena_reset(&r.arena);
        if (i % 8 == 7) {
            replica_commit(&r);
        }
    }
}

/* Accounts that all are one group: the first is written to again after the last. */
static void write_one_group(size_t count, rove_id (*write)(void)) {
    rove_id first = 0;

    for (size_t i = 0; i < count; i++) {
        if (i % PER_TRANSACTION == 0) {
            replica_begin(&r);
        }
        rove_id id = write();
        first = i == 0 ? id : first;
        if (i % PER_TRANSACTION == PER_TRANSACTION - 1 || i == count - 1) {
            replica_commit(&r);
        }
    }
    rove__row edit = replica_row(&r, "Account", first);
    replica_set_text(&edit, "name", "The first of all");
    replica_update(&r, &edit);
}

typedef struct batch_size {
    size_t frames, bytes, changes, weight;
} batch_size;

/* Freezes, and measures every batch that is in flight. */
static size_t freeze_all(batch_size *sizes, size_t most) {
    rove__hello hello;
    rove__push push = {0};
    int sealed = 0;
    size_t count = 0;

    replica_ok(&r, rove__store_freeze(r.store, &r.error));
    replica_ok(&r, rove__store_hello(r.store, &o.arena, &hello, &r.error));
    memset(sizes, 0, most * sizeof *sizes);
    while (rove__store_push_next(r.store, count == 0, push.number, push.ordinal, &o.arena, &push,
                                 &sealed, &r.error) == ROVE_OK) {
        rove__batch_reader *reader = NULL;
        rove__change change;
        count += push.ordinal == 0;
        assert_true(count <= most);
        batch_size *size = &sizes[count - 1];
        assert_int_equal(rove__batch_reader_new(&r.allocator, r.store->registry, push.rows.data,
                                                push.rows.size, &reader),
                         ROVE_OK);
        while (rove__batch_next(reader, &change) == ROVE_OK) {
            size->changes++;
            size->weight += rove__change_weight(&change);
        }
        rove__batch_reader_free(reader);
        size->frames++;
        size->bytes += push.rows.size;
        rove__arena_reset(&o.arena);
    }
    return count;
}

static size_t memory_of_freezing(int notes) {
    write_long_notes(notes);
    size_t before = r.memory.bytes;
    r.memory.most = before;
    replica_ok(&r, rove__store_freeze(r.store, &r.error));
    return r.memory.most - before;
}

/* A batch is never in memory as a whole. */
static void eight_times_as_much_takes_no_more_memory(void **state) {
    (void)state;
    size_t little = memory_of_freezing(8 * 16);
    size_t much = memory_of_freezing(8 * 8 * 16);

    assert_true(little < 1536 * 1024);
    assert_true(much < little + 64 * 1024);
}

static void much_work_goes_in_batches_of_2_mib(void **state) {
    (void)state;
    batch_size sizes[8];

    write_long_notes(6 * 64);
    size_t count = freeze_all(sizes, 8);
    assert_int_equal(count, 3);
    for (size_t i = 0; i + 1 < count; i++) {
        assert_in_range(sizes[i].bytes, 2 * 1024 * 1024, 2 * 1024 * 1024 + 8 * 17 * 1024);
    }
}

static rove_id write_small(void) {
    rove__row row = replica_row(&r, "Account", 0);

    replica_set_text(&row, "name", "Bakery");
    replica_ok(&r, rove__store_insert(r.store, &row, &r.error));
    rove__arena_reset(&r.arena);
    return row.id;
}

/* Work that belongs together stays together, as long as one batch may have it. */
static void a_group_is_cut_where_no_batch_may_have_more_changes(void **state) {
    (void)state;
    batch_size sizes[4];

    write_one_group(ROVE_PUSH_CHANGES_MAX, write_small);
    assert_int_equal(freeze_all(sizes, 4), 1);
    assert_int_equal(sizes[0].changes, ROVE_PUSH_CHANGES_MAX);
    write_one_group(ROVE_PUSH_CHANGES_MAX + 1, write_small);
    assert_int_equal(freeze_all(sizes, 4), 3);
    assert_int_equal(sizes[1].changes, ROVE_PUSH_CHANGES_MAX);
    assert_int_equal(sizes[2].changes, 1);
}

#define WIDE_CELLS 16u

static rove_id write_wide(void) {
    static const char *const fields[WIDE_CELLS] = {"name",
                                                   "phone",
                                                   "email",
                                                   "website",
                                                   "billing_street",
                                                   "billing_city",
                                                   "billing_region",
                                                   "billing_postal_code",
                                                   "billing_country",
                                                   "shipping_street",
                                                   "shipping_city",
                                                   "shipping_region",
                                                   "shipping_postal_code",
                                                   "shipping_country",
                                                   "member_number",
                                                   "description"};
    rove__row row = replica_row(&r, "Account", 0);

    for (size_t i = 0; i < WIDE_CELLS; i++) {
        replica_set_text(&row, fields[i], "DE");
    }
    replica_ok(&r, rove__store_insert(r.store, &row, &r.error));
    rove__arena_reset(&r.arena);
    return row.id;
}

static void a_group_is_cut_where_no_batch_may_have_more_cells(void **state) {
    (void)state;
    const size_t most = ROVE_PUSH_WEIGHT_MAX / WIDE_CELLS;
    batch_size sizes[4];

    write_one_group(most, write_wide);
    assert_int_equal(freeze_all(sizes, 4), 1);
    assert_int_equal(sizes[0].weight, ROVE_PUSH_WEIGHT_MAX);
    write_one_group(most + 1, write_wide);
    assert_int_equal(freeze_all(sizes, 4), 3);
    assert_int_equal(sizes[1].weight, ROVE_PUSH_WEIGHT_MAX);
    assert_int_equal(sizes[2].changes, 1);
}

static void an_edit_goes_with_what_it_overwrote(void **state) {
    (void)state;
    rove__hello hello;
    office_push push;
    office_row *account = office_account(&o, "Bakery");
    rove_id id = account->whole.row.id;
    rove__version seen = account->whole.clock.base;

    office_welcome(&o);
    office_pull(&o);
    rove__row edit = replica_row(&r, "Account", id);
    replica_set_text(&edit, "name", "Butcher");
    replica_update(&r, &edit);
    replica_set_text(&edit, "name", "Butcher Lim");
    replica_update(&r, &edit);
    office_receive(&o, &hello, &push);
    const rove__change *change = change_of(&push, id, ROVE_OP_UPDATE);
    assert_int_equal(change->edit_count, 1);
    assert_int_equal(rove__version_compare(change->edits[0].base, seen), 0);
    assert_int_equal(change->cursor.timeline, o.head.timeline);
    assert_int_equal(change->cursor.seq, o.head.seq);
    assert_int_equal(rove__version_compare(change->clock.origin, account->whole.clock.origin), 0);
}

/* Taken for the frame before it, it would go out again and again. */
static void a_frame_that_no_batch_has_is_damaged(void **state) {
    (void)state;
    rove__hello hello;
    rove__push push;
    int sealed = 0;

    (void)replica_account(&r, "Bakery");
    replica_ok(&r, rove__store_freeze(r.store, &r.error));
    replica_ok(&r, rove__store_hello(r.store, &o.arena, &hello, &r.error));
    assert_int_equal(
        sqlite3_exec(r.store->db, "UPDATE _frame SET ordinal = 34359738368", NULL, NULL, NULL),
        SQLITE_OK);
    assert_int_equal(rove__store_push_next(r.store, 1, 0, 0, &o.arena, &push, &sealed, &r.error),
                     ROVE_CORRUPT);
    assert_non_null(strstr(r.error.message, "damaged"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_insert_goes_as_it_is_shown, setup, teardown),
        cmocka_unit_test_setup_teardown(what_was_sent_is_sent_again_byte_for_byte, setup, teardown),
        cmocka_unit_test_setup_teardown(after_a_crash_the_same_bytes_go, setup, teardown),
        cmocka_unit_test_setup_teardown(rows_that_were_written_together_stay_together, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(freezing_nothing_makes_no_batch, setup, teardown),
        cmocka_unit_test_setup_teardown(many_rows_take_several_frames, setup, teardown),
        cmocka_unit_test_setup_teardown(an_edit_goes_with_what_it_overwrote, setup, teardown),
        cmocka_unit_test_setup_teardown(eight_times_as_much_takes_no_more_memory, setup, teardown),
        cmocka_unit_test_setup_teardown(much_work_goes_in_batches_of_2_mib, setup, teardown),
        cmocka_unit_test_setup_teardown(a_group_is_cut_where_no_batch_may_have_more_changes, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_group_is_cut_where_no_batch_may_have_more_cells, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_frame_that_no_batch_has_is_damaged, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
