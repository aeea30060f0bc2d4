/*
 * Golden replicas: what the build of each schema version wrote is opened by this one with nothing lost, as after an
 * upgrade of the app in the middle of a rep's day.
 *
 *   test_store_golden            opens each $ROVE_SOURCE_DIR/tests/golden/replica-(schema version).sql
 *   test_store_golden --rewrite  writes the one of today's version: only ever while that version is not released
 *
 * A golden replica holds, beside what headquarters sent: work in flight, work that was not sent, a pending delete, a
 * write that headquarters refused, and a row that this version cannot show.
 */
#include "office.h"

#include "golden.h"

#define MONTH_MS    INT64_C(2592000000)
#define SHELF_FIELD 1000

static replica r;
static office o;
static rove_id refused;

/* By these numbers the checks find what the maker made. */
enum { SHELF = 1, BAKERY, BUTCHER, BAD, VISIT, CANCELLED };

static rove_id id_of(uint32_t counter) {
    return rove__id_make(1, counter);
}

static void path_of(unsigned version, char *path, size_t size) {
    golden_path("replica", version, "", path, size);
}

/* ---- making ---- */

static const rove__verdict *refuse(office *headquarters, const rove__change *change) {
    if (change->row.id != refused) {
        return NULL;
    }
    headquarters->verdict = (rove__verdict){change->row.entity_number, change->row.id, 0,
                                            ROVE_VERDICT_REJECTED,     ROVE_RANGE,     "not so"};
    return &headquarters->verdict;
}

static void edit_text(const char *entity, rove_id id, const char *field, const char *text) {
    rove__row row = replica_row(&r, entity, id);

    replica_set_text(&row, field, text);
    replica_update(&r, &row);
}

static void headquarters_writes(void) {
    static char long_name[301];

    office_row *shelf = office_insert(&o, "CustomField", 0);
    office_set_int(&o, shelf, "entity", replica_entity(&r, "Account")->number);
    office_set_int(&o, shelf, "number", SHELF_FIELD);
    office_set_text(&o, shelf, "name", "shelf_metres");
    office_set_int(&o, shelf, "type", 1);
    office_exchange(&o);
    office_row *bakery = office_account(&o, "Bakery");
    (void)office_account(&o, "Butcher");
    office_row *bad = office_account(&o, "Bad");
    (void)office_visit(&o, id_of(BAKERY), REPLICA_NOW_MS);
    (void)office_visit(&o, id_of(BAKERY), REPLICA_NOW_MS - MONTH_MS);
    assert_int_equal(bakery->whole.row.id, id_of(BAKERY));
    office_set_int(&o, bakery, "points", 5);
    office_set_text(&o, bakery, "description", "caf\xc3\xa9 \xf0\x9f\x98\x80");
    memset(long_name, 'x', sizeof long_name - 1);
    office_set_text(&o, bad, "name", long_name);
}

static void rep_works(void) {
    const rove__entity *account = replica_entity(&r, "Account");
    rove_value tag = rove__value_int(77);
    rove__hello hello;
    office_push push;

    rove__row shelf = replica_row(&r, "Account", id_of(BAKERY));
    replica_set_int(&shelf, "shelf_metres", 12);
    replica_update(&r, &shelf);
    office_exchange(&o);

    refused = id_of(BUTCHER);
    o.judge = refuse;
    edit_text("Account", refused, "name", "Butcher and sons");
    office_exchange(&o);

    edit_text("Account", id_of(BAKERY), "phone", "in flight");
    office_receive(&o, &hello, &push);

    edit_text("Account", id_of(BAKERY), "name", "Bakery, not sent");
    replica_begin(&r);
    replica_ok(&r, rove__store_increment(r.store, account, id_of(BAKERY),
                                         replica_field(account, "points"), 3, &r.error));
    replica_ok(&r, rove__store_element(r.store, account, id_of(BAKERY),
                                       replica_field(account, "tag_ids"), &tag, ROVE_SET_ADD,
                                       &r.error));
    replica_ok(
        &r, rove__store_delete(r.store, replica_entity(&r, "Visit"), id_of(CANCELLED), &r.error));
    replica_commit(&r);
    (void)replica_account(&r, "new");
}

static void write_golden(void) {
    char path[1024];
    char command[2048];

    replica_start(&r, "golden_made");
    office_start(&o, &r);
    office_welcome(&o);
    headquarters_writes();
    office_exchange(&o);
    rep_works();
    int64_t application = replica_sql(&r, "PRAGMA application_id");
    int64_t tables = replica_sql(&r, "PRAGMA user_version");
    office_end(&o);
    replica_end(&r);
    path_of(ROVE_SCHEMA_VERSION, path, sizeof path);
    snprintf(
        command, sizeof command,
        "{ sqlite3 golden_made/replica.db .dump && echo 'PRAGMA application_id = %lld;' && echo"
        " 'PRAGMA user_version = %lld;'; } >'%s'",
        (long long)application, (long long)tables, path);
    assert_int_equal(system(command), 0);
}

/* ---- opening ---- */

static void load(unsigned version) {
    char path[1024];

    path_of(version, path, sizeof path);
    replica_prepare(&r, "golden");
    golden_load(path, r.folder, "replica.db");
}

/* What the rep sees is what he saw. */
static void check_shown(void) {
    int64_t tag = 77;
    rove__row row;

    replica_expect_text(&r, "Account", id_of(BAKERY), "name", "Bakery, not sent");
    replica_expect_text(&r, "Account", id_of(BAKERY), "phone", "in flight");
    replica_expect_text(&r, "Account", id_of(BAKERY), "description",
                        "caf\xc3\xa9 \xf0\x9f\x98\x80");
    replica_expect_int(&r, "Account", id_of(BAKERY), "points", 8);
    replica_expect_int(&r, "Account", id_of(BAKERY), "shelf_metres", 12);
    rove_value tags = replica_cell(&r, "Account", id_of(BAKERY), "tag_ids");
    rove_value expected = replica_set_of(&r, &tag, 1);
    assert_true(rove__value_equal(&tags, &expected));
    replica_expect_text(&r, "Account", id_of(BUTCHER), "name", "Butcher");
    replica_expect_int(&r, "Visit", id_of(VISIT), "account_id", id_of(BAKERY));
    assert_int_equal(replica_get(&r, "Visit", id_of(CANCELLED), &row), ROVE_NOT_FOUND);
    assert_int_equal(replica_sql(&r, "SELECT count(*) FROM account WHERE name = 'new'"), 1);
}

/* What waits is what waited, and what is in flight goes byte for byte: its hash is that of the batch. */
static void check_waiting(void) {
    rove__store_state state;
    rove__hello hello;
    rove__push push;
    rove__chain hash;
    rove__chain now;
    uint64_t rows = 0;
    int sealed = 0;

    replica_ok(&r, rove__store_read_state(r.store, &state, &r.error));
    assert_int_equal(state.owner.replica, REPLICA_NUMBER);
    assert_int_equal(state.batches_in_flight, 1);
    assert_int_equal(state.unsent_entries, 3);
    assert_int_equal(state.rejections, 1);
    assert_int_equal(state.quarantined, 1);
    replica_ok(&r, rove__store_hello(r.store, &r.arena, &hello, &r.error));
    assert_int_equal(hello.acked, 2);
    assert_int_equal(hello.pending, 1);
    replica_ok(&r, rove__store_push_next(r.store, 1, 0, 0, &r.arena, &push, &sealed, &r.error));
    assert_int_equal(push.number, 3);
    memset(&hash, 0, sizeof hash);
    const rove_span spans[2] = {{hash.hash, sizeof hash.hash}, {push.rows.data, push.rows.size}};
    assert_int_equal(r.crypto.sha256(r.crypto.ctx, spans, 2, now.hash), ROVE_OK);
    sqlite3_stmt *statement = NULL;
    assert_int_equal(sqlite3_prepare_v2(r.store->db, "SELECT hash FROM _batch WHERE number = 3", -1,
                                        &statement, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    assert_memory_equal(sqlite3_column_blob(statement, 0), now.hash, sizeof now.hash);
    sqlite3_finalize(statement);
    replica_ok(&r, rove__store_verify(r.store, &rows, &r.error));
}

/* And the rep goes on: freezes, undoes, puts right, and makes what has no id yet. */
static void check_going_on(void) {
    rove_id id = replica_account(&r, "after the upgrade");

    assert_int_equal(replica_sql(&r, "SELECT max(id) FROM account"), id);
    replica_begin(&r);
    replica_ok(&r, rove__store_undo(r.store, replica_entity(&r, "Account"), id, &r.error));
    replica_commit(&r);
    replica_ok(&r, rove__store_rejection_retry(
                       r.store, replica_sql(&r, "SELECT seq FROM _rejection"), NULL, &r.error));
    replica_expect_text(&r, "Account", id_of(BUTCHER), "name", "Butcher and sons");
    replica_ok(&r, rove__store_freeze(r.store, &r.error));
    assert_int_equal(replica_sql(&r, "SELECT count(*) FROM _outbox WHERE batch IS NULL"), 0);
}

static void a_replica_of_every_version_goes_on(void **state) {
    (void)state;
    for (unsigned version = 1; version <= ROVE_SCHEMA_VERSION; version++) {
        load(version);
        for (int again = 0; again < 2; again++) {
            replica_open(&r);
            check_shown();
            check_waiting();
            replica_close(&r);
        }
        replica_open(&r);
        check_going_on();
        replica_end(&r);
    }
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_replica_of_every_version_goes_on),
    };

    if (argc == 2 && strcmp(argv[1], "--rewrite") == 0) {
        write_golden();
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
