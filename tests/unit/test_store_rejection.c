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

static void last_refused(rove__change *change) {
    sqlite3_stmt *statement = NULL;

    assert_int_equal(sqlite3_prepare_v2(r.store->db,
                                        "SELECT change FROM _rejection ORDER BY seq DESC LIMIT 1",
                                        -1, &statement, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    replica_ok(&r, rove__change_unpack(r.store, sqlite3_column_blob(statement, 0),
                                       (size_t)sqlite3_column_bytes(statement, 0), &o.arena, change,
                                       &r.error));
    sqlite3_finalize(statement);
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

/* ---- made anew -------------------------------------------------------------------------------------------- */

static rove_id visit_at(rove_id account) {
    rove__row visit = replica_row(&r, "Visit", 0);

    replica_set_int(&visit, "account_id", account);
    replica_set_int(&visit, "status", 1);
    return replica_insert(&r, &visit);
}

static rove_id only(const char *sql) {
    return replica_sql(&r, sql);
}

static const rove__verdict *refuse_all(office *headquarters, const rove__change *change) {
    rejected = change->row.id;
    return refuse(headquarters, change);
}

/* Two copies of a device gave one id, and headquarters took the other's record. */
static void a_refused_record_whose_id_another_has_is_made_anew_under_a_fresh_one(void **state) {
    (void)state;
    rove_id id = replica_account(&r, "mine");
    rove_id visit = visit_at(id);

    o.judge = refuse_all;
    office_exchange(&o);
    o.judge = NULL;
    assert_int_equal(rejections(), 2);
    office_row *other = office_insert(&o, "Account", rove__id_make(3, 1));
    office_set_text(&o, other, "name", "theirs");
    other->whole.row.id = id;
    office_pull(&o);
    replica_expect_text(&r, "Account", id, "name", "theirs");

    replica_ok(&r, rove__store_rejection_retry(r.store, 1, NULL, &r.error));
    replica_ok(&r, rove__store_rejection_retry(r.store, 2, NULL, &r.error));
    rove_id fresh = only("SELECT id FROM account WHERE name = 'mine'");
    assert_int_not_equal(fresh, id);
    replica_expect_text(&r, "Account", id, "name", "theirs");
    assert_int_equal(only("SELECT account_id FROM visit"), fresh);
    assert_int_equal(only("SELECT id FROM visit"), visit);
    office_exchange(&o);
    office_expect_verified(&o);
}

/* The same, and he tries the visit first: by its id it would go to the other account. */
static void what_names_a_refused_record_whose_id_another_has_comes_after_it(void **state) {
    (void)state;
    rove_id id = replica_account(&r, "mine");
    rove_id visit = visit_at(id);

    o.judge = refuse_all;
    office_exchange(&o);
    o.judge = NULL;
    office_row *other = office_insert(&o, "Account", rove__id_make(3, 1));
    office_set_text(&o, other, "name", "theirs");
    other->whole.row.id = id;
    office_pull(&o);

    assert_int_equal(rove__store_rejection_retry(r.store, 2, NULL, &r.error), ROVE_STATE);
    assert_int_equal(rejections(), 2);
    expect_gone("Visit", visit);
    replica_ok(&r, rove__store_rejection_retry(r.store, 1, NULL, &r.error));
    replica_ok(&r, rove__store_rejection_retry(r.store, 2, NULL, &r.error));
    rove_id fresh = only("SELECT id FROM account WHERE name = 'mine'");
    replica_expect_int(&r, "Visit", visit, "account_id", fresh);

    /* So do sets; and he may say whom he means. */
    rove__row person = replica_row(&r, "Contact", 0);
    replica_set_text(&person, "last_name", "Lim");
    rove_id contact = replica_insert(&r, &person);
    rove__row row = replica_row(&r, "Visit", 0);
    replica_set_int(&row, "account_id", fresh);
    replica_set_int(&row, "status", 1);
    replica_set(&row, "contact_ids", replica_set_of(&r, &contact, 1));
    visit = replica_insert(&r, &row);
    o.judge = refuse_all;
    office_exchange(&o);
    o.judge = NULL;
    other = office_insert(&o, "Contact", rove__id_make(3, 2));
    office_set_text(&o, other, "last_name", "Tan");
    other->whole.row.id = contact;
    office_pull(&o);
    assert_int_equal(rove__store_rejection_retry(r.store, last_rejection(), NULL, &r.error),
                     ROVE_STATE);
    rove__row fix = replica_row(&r, "Visit", 0);
    replica_set(&fix, "contact_ids", replica_set_of(&r, &contact, 1));
    replica_ok(&r, rove__store_rejection_retry(r.store, last_rejection(), &fix, &r.error));
}

/* Its rep enrolled anew: an id of his former number is nobody's that headquarters would give him. */
static void a_refused_record_of_a_former_number_takes_along_what_names_it(void **state) {
    (void)state;
    rove_id id = replica_account(&r, "mine");
    rove__store_owner owner;

    push_refused(id);
    rove_id waiting = visit_at(id); /* it is held */
    rove__store_read_owner(r.store, &owner);
    owner.replica++;
    replica_ok(&r, rove__store_set_owner(r.store, &owner, &r.error));
    replica_ok(&r, rove__store_rejection_retry(r.store, last_rejection(), NULL, &r.error));
    rove_id fresh = only("SELECT id FROM account WHERE name = 'mine'");
    assert_int_equal(rove__id_replica(fresh), owner.replica);
    replica_expect_int(&r, "Visit", waiting, "account_id", fresh);
}

/* The same work may be there twice: as it was refused, and as an operator returned it. */
static void a_refused_record_is_made_anew_once(void **state) {
    (void)state;
    rove_id id = replica_account(&r, "mine");

    push_refused(id);
    (void)replica_sql(&r, "INSERT INTO _rejection SELECT seq + 1, entity, row, op, field, status,"
                          " reason, at, change FROM _rejection RETURNING 1");
    replica_ok(&r, rove__store_rejection_retry(r.store, 1, NULL, &r.error));
    assert_int_equal(rove__store_rejection_retry(r.store, 2, NULL, &r.error), ROVE_EXISTS);
    replica_ok(&r, rove__store_rejection_discard(r.store, 2, &r.error));
    assert_int_equal(rejections(), 0);
}

/* Headquarters renamed the account after it had refused the visit there. */
static void refused_work_names_a_record_by_the_id_that_it_has_by_then(void **state) {
    (void)state;
    rove_id id = replica_account(&r, "mine");
    rove_id visit = visit_at(id);
    rove_id names[2] = {rove__id_make(1, 4000), rove__id_make(1, 4001)};

    push_refused(visit);
    edit("Account", id, "phone", "1");
    for (size_t i = 0; i < 2; i++) { /* twice, even */
        rove__stored stored;
        replica_ok(&r, rove__store_enter(r.store, &r.error));
        replica_ok(&r, rove__table_get(r.store, replica_entity(&r, "Account"),
                                       i == 0 ? id : names[0], &o.arena, &stored, &r.error));
        assert_int_equal(rove__store_leave(r.store, ROVE_CANCELLED, NULL), ROVE_CANCELLED);
        const rove__rename rename = {replica_entity(&r, "Account")->number, i == 0 ? id : names[0],
                                     stored.clock.origin, names[i]};
        rove__renumber renumber = {&rename, 1, {NULL, 0}};
        replica_ok(&r, rove__store_renumber(r.store, &renumber, &r.error));
    }
    replica_ok(&r, rove__store_rejection_retry(r.store, last_rejection(), NULL, &r.error));
    replica_expect_int(&r, "Visit", visit, "account_id", names[1]);
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

/* What else was in the same edit headquarters took: it must not be done again along with what was refused. */
static void of_work_that_left_only_the_refused_field_is_kept(void **state) {
    (void)state;
    office_row *account = office_account(&o, "Bakery");
    const rove__entity *entity = account->whole.row.entity;
    rove_id id = account->whole.row.id;
    rove__hello hello;
    office_push push;

    office_set_int(&o, account, "points", 10);
    office_pull(&o);
    replica_begin(&r);
    rove__row row = replica_row(&r, "Account", id);
    replica_set_text(&row, "name", "mine");
    replica_set_text(&row, "website", "bakery.example");
    replica_ok(&r, rove__store_update(r.store, &row, &r.error));
    replica_ok(&r, rove__store_increment(r.store, entity, id, replica_field(entity, "points"), 5,
                                         &r.error));
    replica_commit(&r);
    office_hold(&o, id, 0);
    office_pull(&o);
    expect_gone("Account", id);

    office_receive(&o, &hello, &push);
    office_answer *a = office_judge(&o, &push);
    rove__verdict verdict = {
        entity->number,        id,         entity->fields[replica_field(entity, "website")].number,
        ROVE_VERDICT_REJECTED, ROVE_RANGE, "not so"};
    a->acks[0].verdicts = &verdict;
    a->acks[0].verdict_count = 1;
    replica_ok(&r, rove__store_apply(r.store, a->acks, a->count, NULL, &r.error));
    assert_int_equal(rejections(), 1);
    office_set_text(&o, account, "name", "theirs");
    office_hold(&o, id, 1);
    office_pull(&o);
    replica_ok(&r, rove__store_rejection_retry(r.store, last_rejection(), NULL, &r.error));
    replica_expect_int(&r, "Account", id, "points", 15);
    replica_expect_text(&r, "Account", id, "name", "theirs");
    replica_expect_text(&r, "Account", id, "website", "bakery.example");
}

/* Another record has the account's id, as it may after a restore of headquarters. */
static void take_id(office_row *account) {
    rove__version other = {account->whole.clock.origin.stamp + 1, 4};

    rove__clock_init(&account->whole.clock, other, other, ++o.head.seq);
    account->whole_since = account->changed = o.head.seq;
    account->fresh = 1;
    office_set_text(&o, account, "name", "theirs");
}

/* An edit of an account whose id another one gets while it is under way; headquarters has it as `fresh`. */
static void edit_what_is_renamed(office_row *account, rove_id fresh) {
    rove_id id = account->whole.row.id;
    const rove__rename rename = {account->whole.row.entity_number, id, account->whole.clock.origin,
                                 fresh};
    rove__renumber renumber = {&rename, 1, {NULL, 0}};

    rove__row row = replica_row(&r, "Account", id);
    replica_set_text(&row, "name", "mine");
    replica_set_text(&row, "phone", "0123");
    replica_update(&r, &row);
    take_id(account);
    office_pull(&o);
    replica_expect_text(&r, "Account", id, "name", "theirs");
    replica_ok(&r, rove__store_renumber(r.store, &renumber, &r.error));
}

static void what_is_refused_of_a_record_whose_id_another_has_is_kept(void **state) {
    (void)state;
    office_row *account = office_insert(&o, "Account", rove__id_make(3, 1));
    const rove__entity *entity = account->whole.row.entity;
    rove_id fresh = rove__id_make(3, 4000);
    rove__change change;

    office_set_text(&o, account, "name", "ours");
    office_pull(&o);
    edit_what_is_renamed(account, fresh);
    push_refused(fresh);
    assert_int_equal(rejections(), 1);
    assert_int_equal(only("SELECT row FROM _rejection"), fresh);

    /* One field alone, too. */
    edit_what_is_renamed(account, fresh + 1);
    field = entity->fields[replica_field(entity, "phone")].number;
    push_refused(fresh + 1);
    assert_int_equal(rejections(), 2);
    last_refused(&change);
    assert_int_equal(change.row.id, fresh + 1);
    assert_int_equal(rove__row_count(&change.row), 1);
    assert_int_equal(change.edit_count, 1);
    assert_int_equal(change.edits[0].field, field);
}

/* Headquarters was restored: it lost the account, and a copy of some device gave its id to another one. */
static void refused_work_is_not_done_to_another_record(void **state) {
    (void)state;
    office_row *account = office_insert(&o, "Account", rove__id_make(3, 1));
    rove_id id = account->whole.row.id;
    rove__clock lost = account->whole.clock;

    office_set_text(&o, account, "name", "ours");
    office_pull(&o);
    edit("Account", id, "name", "mine");
    push_refused(id);
    take_id(account);
    office_pull(&o);
    assert_int_equal(rove__store_rejection_retry(r.store, last_rejection(), NULL, &r.error),
                     ROVE_NOT_FOUND);
    replica_expect_text(&r, "Account", id, "name", "theirs");
    assert_int_equal(rejections(), 1);
    assert_int_equal(replica_sql(&r, "SELECT count(*) FROM _outbox"), 0);

    /* The account comes back, under another id. */
    office_row *back = office_insert(&o, "Account", rove__id_make(3, 2));
    office_set_text(&o, back, "name", "ours");
    rove__clock_init(&back->whole.clock, lost.origin, lost.base, o.head.seq);
    office_pull(&o);
    replica_ok(&r, rove__store_rejection_retry(r.store, last_rejection(), NULL, &r.error));
    replica_expect_text(&r, "Account", id, "name", "theirs");
    replica_expect_text(&r, "Account", back->whole.row.id, "name", "mine");
    assert_int_equal(rejections(), 0);
}

static void a_refused_delete_takes_no_other_record(void **state) {
    (void)state;
    office_row *visit = office_visit(&o, (rove_id)1 << 32 | 500, REPLICA_NOW_MS);
    rove_id id = visit->whole.row.id;
    rove__version other = {visit->whole.clock.origin.stamp + 1, 4};

    office_pull(&o);
    replica_begin(&r);
    replica_ok(&r, rove__store_delete(r.store, visit->whole.row.entity, id, &r.error));
    replica_commit(&r);
    push_refused(id);
    rove__clock_init(&visit->whole.clock, other, other, ++o.head.seq);
    visit->whole_since = visit->changed = o.head.seq;
    office_pull(&o);
    assert_int_equal(rove__store_rejection_retry(r.store, last_rejection(), NULL, &r.error),
                     ROVE_NOT_FOUND);
    replica_expect_int(&r, "Visit", id, "status", 1);
    assert_int_equal(rejections(), 1);
    replica_ok(&r, rove__store_rejection_discard(r.store, last_rejection(), &r.error));
}

/* He tries the account again before he hears that what he wrote about it later is refused, too. */
static void what_is_refused_of_a_record_goes_to_the_one_made_anew(void **state) {
    (void)state;
    rove_id id = replica_account(&r, "mine");
    rove__hello hello;
    office_push push;

    office_receive(&o, &hello, &push);
    edit("Account", id, "phone", "0123");
    office_receive(&o, &hello, &push);
    rejected = id;
    o.judge = refuse;
    office_answer *a = office_judge(&o, &push);
    o.judge = NULL;
    assert_int_equal(a->count, 2);
    replica_ok(&r, rove__store_apply(r.store, &a->acks[0], 1, NULL, &r.error));
    replica_ok(&r, rove__store_rejection_retry(r.store, last_rejection(), NULL, &r.error));
    edit("Account", id, "phone", "0");
    replica_ok(&r, rove__store_apply(r.store, &a->acks[1], 1, NULL, &r.error));
    assert_int_equal(rejections(), 1);
    replica_ok(&r, rove__store_rejection_retry(r.store, last_rejection(), NULL, &r.error));
    replica_expect_text(&r, "Account", id, "phone", "0123");
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
        cmocka_unit_test_setup_teardown(
            a_refused_record_whose_id_another_has_is_made_anew_under_a_fresh_one, setup, teardown),
        cmocka_unit_test_setup_teardown(
            what_names_a_refused_record_whose_id_another_has_comes_after_it, setup, teardown),
        cmocka_unit_test_setup_teardown(
            a_refused_record_of_a_former_number_takes_along_what_names_it, setup, teardown),
        cmocka_unit_test_setup_teardown(a_refused_record_is_made_anew_once, setup, teardown),
        cmocka_unit_test_setup_teardown(refused_work_names_a_record_by_the_id_that_it_has_by_then,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(a_refused_delete_shows_the_row_again, setup, teardown),
        cmocka_unit_test_setup_teardown(increments_are_retried_as_increments, setup, teardown),
        cmocka_unit_test_setup_teardown(work_that_left_is_kept_when_it_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(of_work_that_left_only_the_refused_field_is_kept, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(what_is_refused_of_a_record_whose_id_another_has_is_kept,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(refused_work_is_not_done_to_another_record, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_refused_delete_takes_no_other_record, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_refused_of_a_record_goes_to_the_one_made_anew,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(dropping_one_is_recorded, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
