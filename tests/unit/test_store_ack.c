/*
 * Acks: what headquarters accepted, lost, parked or sent for review becomes its version here, and what the rep did in
 * the meantime stays.
 */
#include "office.h"

static replica r;
static office o;

static int setup(void **state) {
    (void)state;
    replica_start(&r, "ack");
    office_start(&o, &r);
    office_welcome(&o);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    office_end(&o);
    replica_end(&r);
    return 0;
}

static void edit(const char *entity, rove_id id, const char *field, const char *text) {
    rove__row row = replica_row(&r, entity, id);
    replica_set_text(&row, field, text);
    replica_update(&r, &row);
}

static rove_status apply_acks(const office_answer *a) {
    return rove__store_apply(r.store, a->acks, a->count, NULL, &r.error);
}

/* Receives, and gives the verdict to every change that `judge` picks. */
static office_answer *exchange_until_ack(void) {
    rove__hello hello;
    office_push push;
    office_receive(&o, &hello, &push);
    return office_judge(&o, &push);
}

static void an_accepted_insert_is_headquarters_own(void **state) {
    (void)state;
    rove_id id = replica_account(&r, "Bakery");
    rove__hello hello;
    office_push push;

    o.canonical_differs = 1;
    replica_ok(&r, apply_acks(exchange_until_ack()));
    assert_int_equal(replica_sql(&r, "SELECT count(*) FROM _outbox"), 0);
    office_expect_verified(&o);
    replica_expect_text(&r, "Account", id, "name", "Bakery");
    office_receive(&o, &hello, &push);
    assert_int_equal(hello.acked, 1);
    assert_int_equal(hello.pending, 0);
}

/* It was 2100 when he wrote, and headquarters told no stamp of what it knew already (D10). */
static void a_stamp_that_nobody_confirmed_holds_no_clock(void **state) {
    (void)state;
    rove_stamp far = rove__stamp_make(rove__store_now_ms(r.store, NULL) + 2400000000000, 0);

    rove_id id = replica_account(&r, "Bakery");
    replica_ok(&r, apply_acks(exchange_until_ack()));
    rove__row row = replica_row(&r, "Account", id);
    replica_set_text(&row, "website", "bakery.example");
    replica_begin(&r);
    rove__hlc_observe(&r.store->clock.hlc, far);
    replica_ok(&r, rove__store_update(r.store, &row, &r.error));
    replica_commit(&r);
    replica_ok(&r, apply_acks(exchange_until_ack()));
    assert_int_equal(replica_sql(&r, "SELECT count(*) FROM _outbox"), 0);
    replica_ok(&r, rove__store_begin(r.store, &r.error));
    assert_true(r.store->clock.hlc.last < far);
    rove__store_rollback(r.store);
}

static void the_same_ack_twice_changes_nothing(void **state) {
    (void)state;
    (void)replica_account(&r, "Bakery");
    office_answer *a = exchange_until_ack();

    replica_ok(&r, apply_acks(a));
    replica_ok(&r, apply_acks(a));
    office_expect_verified(&o);
}

static void an_ack_of_something_else_is_refused(void **state) {
    (void)state;
    (void)replica_account(&r, "Bakery");
    office_answer *a = exchange_until_ack();

    a->acks[0].chain.hash[0] ^= 1;
    assert_int_equal(apply_acks(a), ROVE_PROTOCOL);
    a->acks[0].chain.hash[0] ^= 1;
    a->acks[0].number = 2;
    assert_int_equal(apply_acks(a), ROVE_PROTOCOL);
    a->acks[0].number = 1;
    a->acks[0].last = 0;
    assert_int_equal(apply_acks(a), ROVE_PROTOCOL);
    a->acks[0].last = 1;
    replica_ok(&r, apply_acks(a));
}

static void what_the_rep_wrote_meanwhile_stays(void **state) {
    (void)state;
    office_row *account = office_account(&o, "Bakery");
    rove_id id = account->whole.row.id;

    office_pull(&o);
    edit("Account", id, "name", "first");
    office_answer *a = exchange_until_ack();
    edit("Account", id, "name", "second");
    replica_ok(&r, apply_acks(a));
    replica_expect_text(&r, "Account", id, "name", "second");
    /* Beneath it lies what was acknowledged, with its canonical version. */
    rove__entry entry = replica_entry(&r, "Account", id);
    assert_int_equal(entry.count, 1);
    assert_true(entry.cells[0].has_under);
    assert_int_equal(entry.cells[0].under.size, strlen("first"));
    office_expect_verified(&o);

    office_exchange(&o);
    assert_int_equal(replica_sql(&r, "SELECT count(*) FROM _outbox"), 0);
    replica_expect_text(&r, "Account", id, "name", "second");
    office_expect_verified(&o);
}

static void an_edit_of_an_insert_in_flight_stays(void **state) {
    (void)state;
    rove_id id = replica_account(&r, "Bakery");
    office_answer *a = exchange_until_ack();

    edit("Account", id, "name", "Butcher");
    replica_ok(&r, apply_acks(a));
    replica_expect_text(&r, "Account", id, "name", "Butcher");
    office_expect_verified(&o);
    office_exchange(&o);
    replica_expect_text(&r, "Account", id, "name", "Butcher");
    office_expect_verified(&o);
    assert_int_equal(replica_sql(&r, "SELECT count(*) FROM _outbox"), 0);
}

static void a_write_that_lost_gives_way(void **state) {
    (void)state;
    office_row *account = office_account(&o, "Bakery");
    rove_id id = account->whole.row.id;

    office_pull(&o);
    edit("Account", id, "name", "mine");
    o.stamp = rove__stamp_make(REPLICA_NOW_MS + 1000000, 0); /* headquarters wrote later */
    office_set_text(&o, account, "name", "theirs");
    office_answer *a = exchange_until_ack();
    assert_int_equal(a->verdict_count, 1);
    assert_int_equal(a->verdicts[0].code, ROVE_VERDICT_LOST);
    replica_ok(&r, apply_acks(a));
    replica_expect_text(&r, "Account", id, "name", "theirs");
    office_expect_verified(&o);
}

/* He signs what he has before him, while an edit of his is under way that loses. */
static void what_is_signed_keeps_an_edit_that_loses_meanwhile(void **state) {
    (void)state;
    rove_id a = office_account(&o, "A")->whole.row.id;
    office_row *visit = office_visit(&o, a, REPLICA_NOW_MS);
    rove_id id = visit->whole.row.id;
    rove__hello hello;
    office_push push;

    office_set_int(&o, visit, "status", 4);
    office_pull(&o);
    edit("Visit", id, "purpose", "mine");
    o.stamp = rove__stamp_make(REPLICA_NOW_MS + 1000000, 0); /* headquarters wrote later */
    office_set_text(&o, visit, "purpose", "theirs");
    office_answer *answer = exchange_until_ack();
    rove__row row = replica_row(&r, "Visit", id);
    replica_set_text(&row, "notes", "signed");
    replica_set_int(&row, "sealed_at", REPLICA_NOW_MS);
    replica_begin(&r);
    rove_status status = rove__store_seal(r.store, &row, &r.error);
    replica_commit(&r);
    replica_ok(&r, status);
    replica_ok(&r, apply_acks(answer));
    office_receive(&o, &hello, &push);
    assert_int_equal(push.count, 1);
    assert_int_equal(push.changes[0].op, ROVE_OP_SEAL);
    rove_value purpose =
        push.changes[0].row.cells[replica_field(push.changes[0].row.entity, "purpose")];
    assert_int_equal(purpose.type, ROVE_TEXT);
    assert_int_equal(purpose.size, strlen("mine"));
}

static void increments_and_elements_are_added_once(void **state) {
    (void)state;
    office_row *account = office_account(&o, "Bakery");
    const rove__entity *entity = account->whole.row.entity;
    rove_id id = account->whole.row.id;
    const rove_value tag = rove__value_int((int64_t)1 << 32 | 901);

    office_set_int(&o, account, "points", 100);
    office_pull(&o);
    for (int i = 0; i < 3; i++) {
        replica_begin(&r);
        replica_ok(&r, rove__store_increment(r.store, entity, id, replica_field(entity, "points"),
                                             5, &r.error));
        replica_ok(&r, rove__store_element(r.store, entity, id, replica_field(entity, "tag_ids"),
                                           &tag, ROVE_SET_ADD, &r.error));
        replica_commit(&r);
        replica_expect_int(&r, "Account", id, "points", 100 + 5 * (i + 1));
        if (i == 0) {
            office_answer *a = exchange_until_ack();
            replica_ok(&r, apply_acks(a));
            office_expect_verified(&o);
        }
    }
    office_exchange(&o);
    replica_expect_int(&r, "Account", id, "points", 115);
    office_expect_verified(&o);
}

static void a_delete_that_was_accepted_is_forgotten(void **state) {
    (void)state;
    office_row *visit = office_visit(&o, (rove_id)1 << 32 | 500, REPLICA_NOW_MS);
    rove_id id = visit->whole.row.id;

    office_pull(&o);
    replica_begin(&r);
    replica_ok(&r, rove__store_delete(r.store, visit->whole.row.entity, id, &r.error));
    replica_commit(&r);
    office_expect_verified(&o); /* headquarters still has it, so it counts */
    replica_ok(&r, apply_acks(exchange_until_ack()));
    assert_true(visit->dead);
    assert_int_equal(replica_sql(&r, "SELECT count(*) FROM _deleted"), 0);
    office_expect_verified(&o);
}

static void a_delete_that_had_not_seen_an_edit_is_undone(void **state) {
    (void)state;
    office_row *visit = office_visit(&o, (rove_id)1 << 32 | 500, REPLICA_NOW_MS);
    rove_id id = visit->whole.row.id;

    office_pull(&o);
    replica_begin(&r);
    replica_ok(&r, rove__store_delete(r.store, visit->whole.row.entity, id, &r.error));
    replica_commit(&r);
    office_set_text(&o, visit, "notes", "unseen");
    office_pull(&o); /* refreshes the image, which must not make the edit seen */
    rove__row gone;
    assert_int_equal(replica_get(&r, "Visit", id, &gone), ROVE_NOT_FOUND);
    office_expect_verified(&o);
    replica_ok(&r, apply_acks(exchange_until_ack()));
    assert_false(visit->dead);
    replica_expect_text(&r, "Visit", id, "notes", "unseen");
    office_expect_verified(&o);
}

static void a_move_into_a_scope_that_was_taken_leaves(void **state) {
    (void)state;
    rove_id a = office_account(&o, "A")->whole.row.id;
    rove_id b = office_account(&o, "B")->whole.row.id;
    rove_id id = office_visit(&o, a, REPLICA_NOW_MS)->whole.row.id;
    rove__row row;

    office_pull(&o);
    row = replica_row(&r, "Visit", id);
    replica_set_int(&row, "account_id", b);
    replica_update(&r, &row);
    office_hold(&o, b, 0);
    office_pull(&o);
    office_answer *answer = exchange_until_ack();
    replica_ok(&r, apply_acks(answer));
    replica_expect_int(&r, "Visit", id, "account_id", b); /* shown until a page says more */
    office_pull(&o);
    assert_int_equal(replica_get(&r, "Visit", id, &row), ROVE_NOT_FOUND);
    assert_int_equal(replica_sql(&r, "SELECT count(*) FROM _outbox"), 0);
    office_expect_verified(&o);
}

static const rove__verdict *review(office *headquarters, const rove__change *change) {
    headquarters->verdict = (rove__verdict){change->row.entity_number, change->row.id, 0,
                                            ROVE_VERDICT_REVIEW,       ROVE_OK,        ""};
    return &headquarters->verdict;
}

static void an_insert_under_review_leaves(void **state) {
    (void)state;
    rove_id id = replica_account(&r, "Bakery");
    rove__row row;

    o.judge = review;
    replica_ok(&r, apply_acks(exchange_until_ack()));
    assert_int_equal(replica_get(&r, "Account", id, &row), ROVE_NOT_FOUND);
    office_expect_verified(&o);
}

static const rove__verdict *park(office *headquarters, const rove__change *change) {
    headquarters->verdict = (rove__verdict){change->row.entity_number, change->row.id, 0,
                                            ROVE_VERDICT_PARKED,       ROVE_OK,        ""};
    return &headquarters->verdict;
}

static void a_parked_edit_stays_until_the_row_comes(void **state) {
    (void)state;
    office_row *account = office_account(&o, "Bakery");
    rove_id id = account->whole.row.id;
    rove__bytes rows = {NULL, 0};
    rove__hello hello;
    office_push push;

    office_pull(&o);
    edit("Account", id, "name", "mine");
    o.judge = park;
    replica_ok(&r, apply_acks(exchange_until_ack()));
    o.judge = NULL;
    replica_expect_text(&r, "Account", id, "name", "mine");
    office_receive(&o, &hello, &push);
    assert_int_equal(push.frame_count, 0); /* it is not sent again */

    /* Headquarters asks for the row, and gets it as it had it. */
    const rove__need_row need = {&account->whole.clock.origin, 1};
    replica_ok(&r, rove__store_need_row(r.store, &need, &r.error));
    replica_ok(&r, rove__store_needed_rows(r.store, &o.arena, &rows, &r.error));
    rove__change change;
    assert_int_equal(rove__change_unpack(r.store, rows.data, rows.size, &o.arena, &change, NULL),
                     ROVE_OK);
    assert_int_equal(change.op, ROVE_OP_WHOLE);
    assert_int_equal(change.row.id, id);
    assert_memory_equal(change.row.cells[replica_field(change.row.entity, "name")].as.data,
                        "Bakery", 6);
    replica_ok(&r, rove__store_needed_rows(r.store, &o.arena, &rows, &r.error));
    assert_int_equal(rows.size, 0);

    office_set_text(&o, account, "name", "judged");
    office_pull(&o);
    replica_expect_text(&r, "Account", id, "name", "judged");
    assert_int_equal(replica_sql(&r, "SELECT count(*) FROM _outbox"), 0);
    office_expect_verified(&o);
}

static void acknowledged_batches_are_sent_again_when_asked_for(void **state) {
    (void)state;
    rove__hello hello;
    office_push first;
    office_push again;

    for (int i = 0; i < 3; i++) {
        (void)replica_account(&r, "Bakery");
        office_receive(&o, &hello, &first);
        replica_ok(&r, apply_acks(office_judge(&o, &first)));
    }
    replica_ok(&r, rove__store_need(r.store, 2, &r.error));
    office_receive(&o, &hello, &again);
    assert_int_equal(hello.acked, 3);
    assert_int_equal(again.frame_count, 2);
    assert_int_equal(again.frames[0].number, 2);
    assert_int_equal(again.frames[1].rows.size, first.frames[0].rows.size);
    assert_memory_equal(again.frames[1].rows.data, first.frames[0].rows.data,
                        first.frames[0].rows.size);
    assert_memory_equal(again.frames[1].previous.hash, first.frames[0].previous.hash,
                        ROVE_SHA256_SIZE);
    replica_ok(&r, apply_acks(office_judge(&o, &again)));
    office_expect_verified(&o);
    office_receive(&o, &hello, &again);
    assert_int_equal(hello.acked, 3);
    assert_int_equal(hello.pending, 0);
}

static void batches_that_are_backed_up_are_dropped(void **state) {
    (void)state;
    rove__welcome welcome;

    (void)replica_account(&r, "Bakery");
    office_exchange(&o);
    (void)replica_account(&r, "Butcher");
    office_exchange(&o);
    assert_int_equal(replica_sql(&r, "SELECT count(*) FROM _frame"), 2);
    memset(&welcome, 0, sizeof welcome);
    welcome.server_ms = REPLICA_NOW_MS;
    welcome.replica = REPLICA_NUMBER;
    welcome.user = REPLICA_USER;
    memcpy(welcome.digest_key, o.key, sizeof o.key);
    welcome.safe = o.head.seq;
    replica_ok(&r, rove__store_welcome(r.store, &welcome, &r.error));
    assert_int_equal(replica_sql(&r, "SELECT count(*) FROM _frame"), 0);
    assert_int_equal(rove__store_need(r.store, 1, &r.error), ROVE_NOT_FOUND);
    /* The chain goes on. */
    (void)replica_account(&r, "Grocer");
    office_exchange(&o);
    office_expect_verified(&o);
}

static void a_fresh_number_sends_the_same_work(void **state) {
    (void)state;
    const rove__store_owner fresh = {REPLICA_NUMBER + 1, REPLICA_USER};
    rove__hello hello;
    office_push before;
    office_push after;

    (void)replica_account(&r, "acknowledged");
    office_exchange(&o);
    rove_id id = replica_account(&r, "unsent");
    office_receive(&o, &hello, &before);
    replica_ok(&r, rove__store_set_owner(r.store, &fresh, &r.error));
    office_receive(&o, &hello, &after);

    assert_int_equal(hello.replica, REPLICA_NUMBER + 1);
    assert_int_equal(hello.acked, 0);
    assert_int_equal(hello.cursor.seq, 0);
    assert_int_equal(after.frame_count, 1);
    assert_int_equal(after.frames[0].number, 1);
    assert_int_equal(after.changes[0].row.id, id);
    assert_int_equal(after.changes[0].replica, REPLICA_NUMBER);
    assert_int_equal(after.changes[0].clock.origin.stamp, before.changes[0].clock.origin.stamp);
    for (size_t i = 0; i < ROVE_SHA256_SIZE; i++) {
        assert_int_equal(after.frames[0].previous.hash[i], 0);
    }
    office_answer *a = office_judge(&o, &after);
    replica_ok(&r, apply_acks(a));
    office_pull(&o);
    office_expect_verified(&o);
    assert_int_equal(rove__id_replica(replica_account(&r, "new")), REPLICA_NUMBER + 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_accepted_insert_is_headquarters_own, setup, teardown),
        cmocka_unit_test_setup_teardown(a_stamp_that_nobody_confirmed_holds_no_clock, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(the_same_ack_twice_changes_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(an_ack_of_something_else_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(what_the_rep_wrote_meanwhile_stays, setup, teardown),
        cmocka_unit_test_setup_teardown(an_edit_of_an_insert_in_flight_stays, setup, teardown),
        cmocka_unit_test_setup_teardown(a_write_that_lost_gives_way, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_signed_keeps_an_edit_that_loses_meanwhile, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(increments_and_elements_are_added_once, setup, teardown),
        cmocka_unit_test_setup_teardown(a_delete_that_was_accepted_is_forgotten, setup, teardown),
        cmocka_unit_test_setup_teardown(a_delete_that_had_not_seen_an_edit_is_undone, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_move_into_a_scope_that_was_taken_leaves, setup, teardown),
        cmocka_unit_test_setup_teardown(an_insert_under_review_leaves, setup, teardown),
        cmocka_unit_test_setup_teardown(a_parked_edit_stays_until_the_row_comes, setup, teardown),
        cmocka_unit_test_setup_teardown(acknowledged_batches_are_sent_again_when_asked_for, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(batches_that_are_backed_up_are_dropped, setup, teardown),
        cmocka_unit_test_setup_teardown(a_fresh_number_sends_the_same_work, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
