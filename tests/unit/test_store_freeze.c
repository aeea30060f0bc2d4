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
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
