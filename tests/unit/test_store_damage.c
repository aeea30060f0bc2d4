/*
 * A replica that somebody or something has damaged: whatever lies in a table where it cannot be, the call that meets it says
 * CORRUPT, writes nothing, and the rest of the replica goes on. What each row of the table below does to
 * the file is done to a fresh replica with work of every kind: edited, under way, deleted, refused, quarantined.
 */
#include "office.h"

static replica r;
static office o;
static rove_id edited;  /* edited, not sent */
static rove_id flying;  /* edited, under way, edited again */
static rove_id deleted; /* edited, under way, deleted */
static rove_id refused;
static office_row *rows[5];

static const rove__verdict *refuse(office *headquarters, const rove__change *change) {
    if (change->row.id != refused) {
        return NULL;
    }
    headquarters->verdict = (rove__verdict){change->row.entity_number, change->row.id, 0,
                                            ROVE_VERDICT_REJECTED,     ROVE_RANGE,     "not so"};
    return &headquarters->verdict;
}

static void edit(rove_id id, const char *phone) {
    rove__row row = replica_row(&r, "Account", id);

    replica_set_text(&row, "phone", phone);
    replica_update(&r, &row);
}

static void start(void) {
    static const char *const names[] = {"edited", "flying", "deleted", "refused", "long"};
    char text[301];

    replica_start(&r, "damage");
    office_start(&o, &r);
    store_trial_with(NULL); /* faults are tried elsewhere */
    office_welcome(&o);
    for (size_t i = 0; i < 5; i++) {
        rows[i] = office_account(&o, names[i]);
    }
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    office_set_text(&o, rows[4], "name", text); /* longer than this build allows */
    edited = rows[0]->whole.row.id;
    flying = rows[1]->whole.row.id;
    deleted = rows[2]->whole.row.id;
    refused = rows[3]->whole.row.id;
    office_pull(&o);
    edit(refused, "0");
    o.judge = refuse;
    office_exchange(&o);
    o.judge = NULL;
    edit(flying, "1");
    edit(deleted, "1");
    replica_ok(&r, rove__store_freeze(r.store, &r.error));
    edit(flying, "2");
    edit(edited, "3");
    replica_begin(&r);
    replica_ok(&r, rove__store_delete(r.store, replica_entity(&r, "Account"), deleted, &r.error));
    replica_commit(&r);
}

static void stop(void) {
    office_end(&o);
    replica_end(&r);
}

/* ---- the calls ---- */

static rove_status change_phone(rove_id id) {
    rove__row row = replica_row(&r, "Account", id);

    replica_set_text(&row, "phone", "9");
    replica_begin(&r);
    rove_status status = rove__store_update(r.store, &row, &r.error);
    rove__store_rollback(r.store);
    return status;
}

static rove_status edits(void) {
    return change_phone(edited);
}

static rove_status edits_again(void) {
    return change_phone(flying);
}

static rove_status reads(void) {
    rove__row row;

    return replica_get(&r, "Account", edited, &row);
}

static rove_status reads_minus_five(void) {
    rove__row row;

    return replica_get(&r, "Account", -5, &row);
}

static rove_status sets_a_number(void) {
    rove__row row = replica_row(&r, "Account", edited);

    replica_set_int(&row, "lifecycle_stage", 3);
    replica_begin(&r);
    rove_status status = rove__store_update(r.store, &row, &r.error);
    rove__store_rollback(r.store);
    return status;
}

static rove_status undoes(void) {
    replica_begin(&r);
    rove_status status = rove__store_undo(r.store, replica_entity(&r, "Account"), edited, &r.error);
    rove__store_rollback(r.store);
    return status;
}

static rove_status freezes(void) {
    return rove__store_freeze(r.store, &r.error);
}

/* Hello, and all that is under way. */
static rove_status sends(void) {
    rove__hello hello;
    rove__push push;
    int sealed = 0;
    rove_status status = rove__store_hello(r.store, &o.arena, &hello, &r.error);

    for (int first = 1; status == ROVE_OK; first = 0) {
        uint64_t number = first ? 0 : push.number;
        uint32_t ordinal = first ? 0 : push.ordinal;
        status = rove__store_push_next(r.store, first, number, ordinal, &o.arena, &push, &sealed,
                                       &r.error);
    }
    return status == ROVE_DONE ? ROVE_OK : status;
}

/* All of headquarters' records once more. */
static rove_status takes_a_page(void) {
    rove__change changes[5];
    rove__page page;

    for (size_t i = 0; i < 5; i++) {
        office_set_text(&o, rows[i], "email", "a@example.com");
        changes[i] = rows[i]->whole;
    }
    memset(&page, 0, sizeof page);
    return office_apply(&o, &page, changes, 5);
}

/* The answer to what is under way. */
static rove_status takes_an_ack(void) {
    rove__ack ack = {.number = 2, .last = 1, .seq = 99};
    rove__chain chain;

    memset(&chain, 0, sizeof chain);
    replica_ok(&r, rove__store_enter(r.store, &r.error));
    rove_status status = rove__flight_chain(r.store, 2, &chain, &r.error);
    assert_int_equal(rove__store_leave(r.store, ROVE_CANCELLED, NULL), ROVE_CANCELLED);
    if (status != ROVE_OK) {
        return status;
    }
    ack.chain = chain;
    return rove__store_apply(r.store, &ack, 1, NULL, &r.error);
}

static rove_status evicts(void) {
    rove__scope left = {edited, -1};
    rove__page page;

    memset(&page, 0, sizeof page);
    page.left = &left;
    page.left_count = 1;
    page.cursor = o.head;
    return rove__store_apply(r.store, NULL, 0, &page, &r.error);
}

static rove_status verifies(void) {
    uint64_t count = 0;

    return rove__store_verify(r.store, &count, &r.error);
}

static rove_status counts(void) {
    rove__digest_list list;

    return rove__store_digests(r.store, &o.arena, &list, &r.error);
}

static rove_status tries_again(void) {
    return rove__store_rejection_retry(r.store, 1, NULL, &r.error);
}

static rove_status tries_quarantine(void) {
    uint64_t left = 0;

    return rove__store_quarantine_retry(r.store, &left, &r.error);
}

static rove_status takes_a_new_number(void) {
    const rove__store_owner fresh = {REPLICA_NUMBER + 1, REPLICA_USER};

    return rove__store_set_owner(r.store, &fresh, &r.error);
}

/* Headquarters gives `flying` another id, and what names it follows. */
static rove_status renumbers(void) {
    const rove__entity *account = replica_entity(&r, "Account");
    const rove__rename renames[] = {
        {account->number, flying, rows[1]->whole.clock.origin, rove__id_make(1, 5000)},
        {account->number, edited, rows[0]->whole.clock.origin, edited},
        {9999, 1, rows[0]->whole.clock.origin, 2},
        {account->number, 1, rows[0]->whole.clock.origin, 2},
        {account->number, refused, rows[0]->whole.clock.origin, 2}};
    const rove__renumber renumber = {renames, 5, {NULL, 0}};

    return rove__store_renumber(r.store, &renumber, &r.error);
}

static rove_status is_opened(void) {
    rove__store_close(r.store);
    return rove__store_open(&r.ports, r.folder, &r.store, &r.error);
}

static rove_status gives_rows(void) {
    const rove__need_row need = {&rows[0]->whole.clock.origin, 1};
    rove__bytes bytes;

    replica_ok(&r, rove__store_need_row(r.store, &need, &r.error));
    return rove__store_needed_rows(r.store, &o.arena, &bytes, &r.error);
}

static rove_status is_asked_again(void) {
    return rove__store_need(r.store, 1, &r.error);
}

/* ---- the damages ---- */

static const struct damage {
    const char *sql;
    rove_status (*call)(void);
    rove_status status;
} damages[] = {
    {"UPDATE _outbox SET body = x''", edits, ROVE_CORRUPT},
    {"UPDATE _outbox SET previous = seq", edits, ROVE_CORRUPT},
    {"UPDATE _outbox SET previous = seq + 1", edits_again, ROVE_CORRUPT},
    {"UPDATE _outbox SET body = x'ffff'", freezes, ROVE_CORRUPT},
    {"UPDATE _outbox SET batch = 7 WHERE batch IS NULL", edits, ROVE_CORRUPT},
    {"UPDATE _outbox SET entity = 9999", takes_an_ack, ROVE_CORRUPT},
    {"UPDATE _outbox SET body = x'00'", takes_an_ack, ROVE_CORRUPT},
    {"UPDATE account SET _pending = 4711 WHERE _pending IS NOT NULL", edits, ROVE_CORRUPT},
    {"UPDATE account SET _pending = 4711 WHERE _pending IS NOT NULL", undoes, ROVE_CORRUPT},
    {"UPDATE account SET _pending = 4711 WHERE _pending IS NOT NULL", takes_a_page, ROVE_CORRUPT},
    {"UPDATE account SET _pending = 4711 WHERE _pending IS NOT NULL", evicts, ROVE_CORRUPT},
    {"UPDATE account SET _pending = 4711 WHERE _pending IS NOT NULL", verifies, ROVE_CORRUPT},
    {"UPDATE _deleted SET entry = 4711", takes_a_page, ROVE_CORRUPT},
    {"UPDATE _deleted SET entry = 4711", verifies, ROVE_CORRUPT},
    {"UPDATE _deleted SET entry = (SELECT seq FROM _outbox WHERE batch IS NULL LIMIT 1)",
     takes_a_page, ROVE_CORRUPT},
    {"UPDATE account SET _clock = x''", edits, ROVE_CORRUPT},
    {"UPDATE account SET _clock = x'ff'", reads, ROVE_CORRUPT},
    {"UPDATE account SET _clock = x'ff'", sets_a_number, ROVE_CORRUPT},
    {"UPDATE account SET _clock = x'ff'", takes_a_page, ROVE_CORRUPT},
    {"UPDATE account SET _clock = x'ff'", verifies, ROVE_CORRUPT},
    {"UPDATE account SET _clock = x'ff'", counts, ROVE_CORRUPT},
    {"UPDATE account SET _unknown = x'01'", reads, ROVE_CORRUPT},
    {"UPDATE account SET _unknown = x'0000'", reads, ROVE_CORRUPT},
    {"UPDATE account SET _unknown = x'01ff'", reads, ROVE_CORRUPT},
    {"UPDATE account SET name = CAST(zeroblob(70000) AS TEXT)", reads, ROVE_CORRUPT},
    {"ALTER TABLE account DROP COLUMN phone; ALTER TABLE account ADD COLUMN phone INTEGER;"
     "UPDATE account SET phone = 5",
     reads, ROVE_CORRUPT},
    {"UPDATE account SET id = -5 WHERE name = 'edited'", reads_minus_five, ROVE_CORRUPT},
    {"UPDATE account SET tag_ids = x'ff'", edits, ROVE_CORRUPT},
    {"UPDATE _batch SET hash = x'00'", takes_a_new_number, ROVE_CORRUPT},
    {"UPDATE _batch SET chain = x'00'", sends, ROVE_CORRUPT},
    {"UPDATE _batch SET chain = x'00'", takes_an_ack, ROVE_CORRUPT},
    {"UPDATE _frame SET ordinal = -1", sends, ROVE_CORRUPT},
    {"UPDATE _frame SET ordinal = 70000", sends, ROVE_CORRUPT},
    {"UPDATE _frame SET rows = x''", sends, ROVE_CORRUPT},
    {"UPDATE _scope SET sum = x'00'", takes_a_page, ROVE_CORRUPT},
    {"UPDATE _scope SET sum = x'00'", counts, ROVE_OK}, /* it counts anew */
    {"UPDATE _scope SET sum = x'00'", verifies, ROVE_CORRUPT},
    {"UPDATE _outbox SET entity = 9999", freezes, ROVE_CORRUPT},
    {"UPDATE _outbox SET entity = 9999", takes_a_page, ROVE_OK},
    {"UPDATE _outbox SET entity = 9999", evicts, ROVE_OK},
    {"UPDATE _outbox SET entity = 9999", renumbers, ROVE_OK},
    {"UPDATE _outbox SET entity = 9999", is_opened, ROVE_OK},
    {"UPDATE _outbox SET body = x'ff'", renumbers, ROVE_CORRUPT},
    {"UPDATE _frame SET rows = x'ff'", renumbers, ROVE_CORRUPT},
    {"UPDATE account SET _pending = NULL", freezes, ROVE_CORRUPT},
    {"UPDATE account SET _pending = NULL", takes_an_ack, ROVE_OK},
    {"UPDATE account SET _pending = NULL", renumbers, ROVE_OK},
    {"UPDATE _deleted SET entity = 9999", verifies, ROVE_CORRUPT},
    {"UPDATE _deleted SET entity = 9999", gives_rows, ROVE_OK},
    {"UPDATE _deleted SET entity = 9999", takes_an_ack, ROVE_OK},
    {"UPDATE _deleted SET entry = 0", takes_a_page, ROVE_OK},
    {"UPDATE account SET _clock = x'ff'", gives_rows, ROVE_CORRUPT},
    {"UPDATE account SET _clock = x'ff'", renumbers, ROVE_CORRUPT},
    {"SELECT 1", renumbers, ROVE_OK},
    {"SELECT 1", is_opened, ROVE_OK},
    {"UPDATE _rejection SET change = x''", tries_again, ROVE_CORRUPT},
    {"UPDATE _rejection SET change = x'ffff'", tries_again, ROVE_CORRUPT},
    {"UPDATE _quarantine SET change = x''", tries_quarantine, ROVE_CORRUPT},
    {"UPDATE _quarantine SET term = x'00'", verifies, ROVE_OK}, /* it counts anew */
    {"DELETE FROM _batch WHERE number = 1", is_asked_again, ROVE_NOT_FOUND},
};

/* All tables but the ones that were damaged, as one number: a call that failed has written nothing. */
static int64_t contents(void) {
    return replica_sql(&r, "SELECT (SELECT count(*) FROM _outbox) * 1000000"
                           " + (SELECT count(*) FROM account) * 10000"
                           " + (SELECT count(*) FROM _deleted) * 1000"
                           " + (SELECT count(*) FROM _batch) * 100"
                           " + (SELECT count(*) FROM _rejection) * 10"
                           " + (SELECT count(*) FROM _quarantine)");
}

/* 1: as it has to be. */
static int try_damage(const struct damage *d) {
    if (sqlite3_exec(r.store->db, d->sql, NULL, NULL, NULL) != SQLITE_OK) {
        fail_msg("%s: %s", d->sql, sqlite3_errmsg(r.store->db));
    }
    int64_t before = contents();
    rove_status status = d->call();
    int fine = status == d->status && (status == ROVE_OK || contents() == before);
    if (!fine) {
        print_error("%s: %s, %s\n", d->sql, rove_status_name(status), r.error.message);
    }
    return fine;
}

static void each_damage_is_said_and_nothing_is_lost(void **state) {
    size_t good = 0;
    size_t count = sizeof damages / sizeof *damages;
    (void)state;

    for (size_t i = 0; i < count; i++) {
        start();
        good += (size_t)try_damage(&damages[i]);
        (void)replica_account(&r, "the rest goes on");
        stop();
    }
    assert_int_equal(good, count);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_damage_is_said_and_nothing_is_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
