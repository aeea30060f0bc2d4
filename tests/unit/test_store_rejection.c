/*
 * Rejections: what headquarters refused is shown to the rep, who puts it right or drops it.
 */
#include "office.h"

static replica r;
static office o;
static rove_id rejected; /* changes of this record are refused; */
static uint32_t field;   /* only this field, if it is not 0 */

static int setup(void **state) {
    (void)state;
    replica_start(&r, "rejection");
    office_start(&o, &r);
    office_welcome(&o);
    rejected = 0;
    field = 0;
    return 0;
}

static int teardown(void **state) {
    (void)state;
    office_end(&o);
    replica_end(&r);
    return 0;
}

static const rove__verdict *refuse(office *headquarters, const rove__change *change) {
    if (change->row.id != rejected) {
        return NULL;
    }
    headquarters->verdict = (rove__verdict){change->row.entity_number, change->row.id, field,
                                            ROVE_VERDICT_REJECTED,     ROVE_RANGE,     "not so"};
    return &headquarters->verdict;
}

static void push_refused(rove_id id) {
    rejected = id;
    o.judge = refuse;
    office_exchange(&o);
    o.judge = NULL;
}

static int64_t rejections(void) {
    return replica_sql(&r, "SELECT count(*) FROM _rejection");
}

static int64_t last_rejection(void) {
    return replica_sql(&r, "SELECT max(seq) FROM _rejection");
}

static void expect_gone(const char *entity, rove_id id) {
    rove__row row;
    assert_int_equal(replica_get(&r, entity, id, &row), ROVE_NOT_FOUND);
}

static void edit(const char *entity, rove_id id, const char *name, const char *text) {
    rove__row row = replica_row(&r, entity, id);
    replica_set_text(&row, name, text);
    replica_update(&r, &row);
}

static void a_refused_edit_shows_headquarters_version(void **state) {
    (void)state;
    rove_id id = office_account(&o, "Bakery")->whole.row.id;

    office_pull(&o);
    edit("Account", id, "name", "mine");
    push_refused(id);
    replica_expect_text(&r, "Account", id, "name", "Bakery");
    assert_int_equal(rejections(), 1);
    assert_int_equal(replica_sql(&r, "SELECT status FROM _rejection"), ROVE_RANGE);
    office_expect_verified(&o);

    /* The rep puts it right. */
    rove__row fix = replica_row(&r, "Account", id);
    replica_set_text(&fix, "name", "better");
    replica_ok(&r, rove__store_rejection_retry(r.store, last_rejection(), &fix, &r.error));
    assert_int_equal(rejections(), 0);
    replica_expect_text(&r, "Account", id, "name", "better");
    office_exchange(&o);
    replica_expect_text(&r, "Account", id, "name", "better");
    office_expect_verified(&o);
}

static void one_field_may_be_refused_alone(void **state) {
    (void)state;
    office_row *account = office_account(&o, "Bakery");
    rove_id id = account->whole.row.id;
    const rove__entity *entity = account->whole.row.entity;
    rove__row row;

    office_pull(&o);
    row = replica_row(&r, "Account", id);
    replica_set_text(&row, "name", "mine");
    replica_set_text(&row, "phone", "0123");
    replica_update(&r, &row);
    /* As headquarters that took the phone number would answer. */
    rove__hello hello;
    office_push push;
    office_receive(&o, &hello, &push);
    office_answer *a = office_judge(&o, &push);
    rove__verdict verdict = {
        entity->number,        id,         entity->fields[replica_field(entity, "name")].number,
        ROVE_VERDICT_REJECTED, ROVE_RANGE, "not so"};
    a->acks[0].verdicts = &verdict;
    a->acks[0].verdict_count = 1;
    replica_ok(&r, rove__store_apply(r.store, a->acks, a->count, NULL, &r.error));
    replica_expect_text(&r, "Account", id, "name", "Bakery");
    replica_expect_text(&r, "Account", id, "phone", "0123");
    assert_int_equal(rejections(), 1);
    assert_int_equal(replica_sql(&r, "SELECT field FROM _rejection"), (int64_t)verdict.field);
}

static void a_refused_insert_leaves_and_holds_what_names_it(void **state) {
    (void)state;
    rove_id id = replica_account(&r, "Bakery");
    rove__hello hello;
    office_push push;

    office_receive(&o, &hello, &push);
    edit("Account", id, "phone", "0123"); /* goes with it */
    rove__row visit = replica_row(&r, "Visit", 0);
    replica_set_int(&visit, "account_id", id);
    replica_set_int(&visit, "status", 1);
    rove_id waiting = replica_insert(&r, &visit);
    rove_id other = replica_account(&r, "other");

    rejected = id;
    o.judge = refuse;
    office_answer *a = office_judge(&o, &push);
    o.judge = NULL;
    replica_ok(&r, rove__store_apply(r.store, a->acks, a->count, NULL, &r.error));
    expect_gone("Account", id);
    assert_int_equal(rejections(), 1);

    office_receive(&o, &hello, &push);
    assert_int_equal(push.count, 1);
    assert_int_equal(push.changes[0].row.id, other);
    replica_expect_int(&r, "Visit", waiting, "account_id", id);
    a = office_judge(&o, &push);
    replica_ok(&r, rove__store_apply(r.store, a->acks, a->count, NULL, &r.error));

    /* Once it is put right, both go. */
    replica_ok(&r, rove__store_rejection_retry(r.store, last_rejection(), NULL, &r.error));
    replica_expect_text(&r, "Account", id, "phone", "0123");
    office_exchange(&o);
    assert_non_null(office_find(&o, visit.entity->number, waiting));
    assert_int_equal(replica_sql(&r, "SELECT count(*) FROM _outbox"), 0);
    office_expect_verified(&o);
}

/* Else it came back when the replica passes to another user, or is wiped: what is refused goes along. */
static void of_what_was_deleted_meanwhile_no_refused_insert_is_kept(void **state) {
    (void)state;
    rove_id id = replica_account(&r, "Bakery");
    rove__hello hello;
    office_push push;

    office_receive(&o, &hello, &push);
    replica_begin(&r);
    replica_ok(&r, rove__store_delete(r.store, replica_entity(&r, "Account"), id, &r.error));
    replica_commit(&r);
    rejected = id;
    o.judge = refuse;
    office_answer *a = office_judge(&o, &push);
    o.judge = NULL;
    replica_ok(&r, rove__store_apply(r.store, a->acks, a->count, NULL, &r.error));
    expect_gone("Account", id);
    assert_int_equal(rejections(), 0);
    assert_int_equal(replica_sql(&r, "SELECT count(*) FROM _outbox"), 0);
}

static rove_id note_about(rove_id about) {
    rove__row note = replica_row(&r, "Note", 0);

    replica_set_int(&note, "about_id", about);
    replica_set_int(&note, "created_at", REPLICA_NOW_MS);
    replica_set_text(&note, "text", "at the counter");
    return replica_insert(&r, &note);
}

/* What was written together with something that waits, waits too; but not all that is about the same customer. */
static void what_waits_holds_nothing_of_records_that_headquarters_has(void **state) {
    (void)state;
    rove_id known = office_account(&o, "Butcher")->whole.row.id;

    office_pull(&o);
    rove_id id = replica_account(&r, "Bakery");
    push_refused(id);
    replica_begin(&r);
    rove__row visit = replica_row(&r, "Visit", 0);
    replica_set_int(&visit, "account_id", id);
    replica_set_int(&visit, "status", 1);
    replica_ok(&r, rove__store_insert(r.store, &visit, &r.error));
    rove__row phone = replica_row(&r, "Account", known);
    replica_set_text(&phone, "phone", "0123");
    replica_ok(&r, rove__store_update(r.store, &phone, &r.error));
    replica_commit(&r);
    rove_id goes = note_about(known);
    rove_id waits = note_about(id);

    office_exchange(&o);
    uint32_t note = replica_entity(&r, "Note")->number;
    assert_non_null(office_find(&o, note, goes));
    assert_null(office_find(&o, note, waits));
    assert_null(office_find(&o, visit.entity->number, visit.id));
    replica_ok(&r, rove__store_rejection_retry(r.store, last_rejection(), NULL, &r.error));
    office_exchange(&o);
    assert_non_null(office_find(&o, note, waits));
    assert_non_null(office_find(&o, visit.entity->number, visit.id));
    assert_int_equal(replica_sql(&r, "SELECT count(*) FROM _outbox"), 0);
    office_expect_verified(&o);
}

static void a_refused_delete_shows_the_row_again(void **state) {
    (void)state;
    office_row *visit = office_visit(&o, (rove_id)1 << 32 | 500, REPLICA_NOW_MS);
    rove_id id = visit->whole.row.id;

    office_pull(&o);
    replica_begin(&r);
    replica_ok(&r, rove__store_delete(r.store, visit->whole.row.entity, id, &r.error));
    replica_commit(&r);
    push_refused(id);
    replica_expect_int(&r, "Visit", id, "status", 1);
    assert_int_equal(rejections(), 1);
    office_expect_verified(&o);
}

static void increments_are_retried_as_increments(void **state) {
    (void)state;
    office_row *account = office_account(&o, "Bakery");
    rove_id id = account->whole.row.id;
    const rove__entity *entity = account->whole.row.entity;
    const rove_value tag = rove__value_int((int64_t)1 << 32 | 901);

    office_set_int(&o, account, "points", 10);
    office_pull(&o);
    replica_begin(&r);
    replica_ok(&r, rove__store_increment(r.store, entity, id, replica_field(entity, "points"), 5,
                                         &r.error));
    replica_ok(&r, rove__store_element(r.store, entity, id, replica_field(entity, "tag_ids"), &tag,
                                       ROVE_SET_ADD, &r.error));
    replica_commit(&r);
    push_refused(id);
    replica_expect_int(&r, "Account", id, "points", 10);
    office_expect_verified(&o);
    replica_ok(&r, rove__store_rejection_retry(r.store, last_rejection(), NULL, &r.error));
    replica_expect_int(&r, "Account", id, "points", 15);
    office_exchange(&o);
    replica_expect_int(&r, "Account", id, "points", 15);
    office_expect_verified(&o);
}

static void work_that_left_is_kept_when_it_is_refused(void **state) {
    (void)state;
    rove_id id = office_account(&o, "Bakery")->whole.row.id;

    office_pull(&o);
    edit("Account", id, "name", "mine");
    office_hold(&o, id, 0);
    office_pull(&o);
    push_refused(id);
    expect_gone("Account", id);
    assert_int_equal(rejections(), 1);
    assert_int_equal(rove__store_rejection_retry(r.store, last_rejection(), NULL, &r.error),
                     ROVE_NOT_FOUND);
    assert_int_equal(rejections(), 1);
    office_expect_verified(&o);
}

static void dropping_one_is_recorded(void **state) {
    (void)state;
    rove_id id = office_account(&o, "Bakery")->whole.row.id;

    office_pull(&o);
    edit("Account", id, "name", "mine");
    push_refused(id);
    replica_ok(&r, rove__store_rejection_discard(r.store, last_rejection(), &r.error));
    assert_int_equal(rejections(), 0);
    assert_int_equal(replica_sql(&r, "SELECT count(*) FROM _discarded"), 1);
    assert_int_equal(rove__store_rejection_discard(r.store, 99, &r.error), ROVE_NOT_FOUND);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_refused_edit_shows_headquarters_version, setup, teardown),
        cmocka_unit_test_setup_teardown(one_field_may_be_refused_alone, setup, teardown),
        cmocka_unit_test_setup_teardown(of_what_was_deleted_meanwhile_no_refused_insert_is_kept,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(a_refused_insert_leaves_and_holds_what_names_it, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(what_waits_holds_nothing_of_records_that_headquarters_has,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(a_refused_delete_shows_the_row_again, setup, teardown),
        cmocka_unit_test_setup_teardown(increments_are_retried_as_increments, setup, teardown),
        cmocka_unit_test_setup_teardown(work_that_left_is_kept_when_it_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(dropping_one_is_recorded, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
