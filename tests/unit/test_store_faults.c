/*
 * Faults in every call that a day's work makes: memory of ours and of SQLite's, reading, writing, a full disk; once,
 * from then on, and for a while. Whatever fails, what was reported as committed is there, no transaction is half there, and
 * after a fault that passes the same handle goes on.
 */
#include "office.h"

#include "faults.h"

#define STEPS 8

static replica r;
static rove_id customer;
static rove_id meeting;

/* ---- a day's work, one transaction per step ---- */

static size_t field(const char *entity, const char *name) {
    const rove__entity *known = rove__registry_by_name(rove__store_registry(r.store), entity);
    return (size_t)rove__entity_field_named(known, name);
}

static const rove__entity *entity_of(const char *name) {
    return rove__registry_by_name(rove__store_registry(r.store), name);
}

/* Every step leaves an account of its own name, by which it is found again. */
static rove_status leave_mark(int step) {
    rove__row row;
    char name[24];

    snprintf(name, sizeof name, "step %d", step);
    rove_status status = rove__row_init(&row, entity_of("Account"), 0, &r.arena);
    if (status == ROVE_OK) {
        rove__row_set(&row, field("Account", "name"), rove__value_text(name));
        status = rove__store_insert(r.store, &row, &r.error);
    }
    return status;
}

static rove_status edit(const char *entity, rove_id id, const char *name, rove_value value,
                        int seal) {
    rove__row row;
    rove_status status = rove__row_init(&row, entity_of(entity), id, &r.arena);

    if (status == ROVE_OK) {
        rove__row_set(&row, field(entity, name), value);
        status = seal ? rove__store_seal(r.store, &row, &r.error)
                      : rove__store_update(r.store, &row, &r.error);
    }
    return status;
}

static rove_status work(int step) {
    const rove__entity *account = entity_of("Account");
    rove_value tag = rove__value_int(77);

    switch (step) {
    case 0:
        return edit("Account", customer, "phone", rove__value_text("1"), 0);
    case 1:
        return rove__store_element(r.store, account, customer, field("Account", "tag_ids"), &tag,
                                   ROVE_SET_ADD, &r.error);
    case 2:
        return rove__store_increment(r.store, account, customer, field("Account", "points"), 3,
                                     &r.error);
    case 3:
        return rove__store_undo(r.store, account, customer, &r.error);
    case 4:
        return rove__store_delete(r.store, account, customer, &r.error);
    case 5:
        return rove__store_undo(r.store, account, customer, &r.error);
    case 6:
        return edit("Visit", meeting, "notes", rove__value_text("Signed"), 1);
    default:
        return edit("Account", customer, "lifecycle_stage", rove__value_int(2), 0);
    }
}

static rove_status step_of(int step) {
    rove_status status = rove__store_begin(r.store, &r.error);

    if (status != ROVE_OK) {
        return status;
    }
    status = leave_mark(step);
    if (status == ROVE_OK) {
        status = work(step);
    }
    /* Steps that build on one that failed have nothing to undo or to delete. */
    if (status == ROVE_NOT_FOUND || status == ROVE_STATE) {
        status = ROVE_OK;
    }
    if (status != ROVE_OK && step % 2 == 0) {
        rove__store_rollback(r.store);
        return status;
    }
    /* Committing after a failed write is allowed: without it, or not at all. */
    rove_status committed = rove__store_commit(r.store, &r.error);
    return status != ROVE_OK ? status : committed;
}

/* ---- before and after ---- */

/* A file of a replica that is closed, if there is one. */
static void copy_file(const char *from, const char *to, const char *name) {
    char path[REPLICA_PATH_MAX + 32];
    static uint8_t bytes[2 * 1024 * 1024];

    snprintf(path, sizeof path, "%s/%s", from, name);
    FILE *in = fopen(path, "rb");
    if (in == NULL) {
        return;
    }
    size_t size = fread(bytes, 1, sizeof bytes, in);
    assert_true(size > 0 && size < sizeof bytes);
    (void)fclose(in);
    snprintf(path, sizeof path, "%s/%s", to, name);
    FILE *out = fopen(path, "wb");
    assert_non_null(out);
    assert_int_equal(fwrite(bytes, 1, size, out), size);
    (void)fclose(out);
}

static void copy_replica(const char *from, const char *to) {
    copy_file(from, to, "replica.db");
    copy_file(from, to, "core.key");
}

/* A replica with a confirmed customer and visit, closed; made once. */
static int make_template(void **state) {
    (void)state;
    const int64_t tags[] = {1, 2};
    replica_start(&r, "faults_template");
    rove__row row = replica_row(&r, "Account", 0);
    replica_set_text(&row, "name", "Bakery");
    replica_set_int(&row, "points", 5);
    replica_set_int(&row, "lifecycle_stage", 4);
    replica_set(&row, "tag_ids", replica_set_of(&r, tags, 2));
    customer = replica_insert(&r, &row);
    replica_settle(&r, "account");
    rove__row visit = replica_row(&r, "Visit", 0);
    replica_set_int(&visit, "account_id", customer);
    meeting = replica_insert(&r, &visit);
    replica_enrol(&r); /* notes which ids were given out */
    replica_settle(&r, "visit");
    replica_end(&r);
    return 0;
}

static void consistent(void) {
    assert_int_equal(replica_sql(&r, "SELECT count(*) FROM pragma_integrity_check"
                                     " WHERE integrity_check = 'ok'"),
                     1);
    /* Rows and entries point at each other, one to one. */
    assert_int_equal(
        replica_sql(&r,
                    "SELECT count(*) FROM account AS a WHERE _pending IS NOT NULL AND NOT EXISTS"
                    " (SELECT 1 FROM _outbox WHERE seq = a._pending AND row = a.id)"),
        0);
    assert_int_equal(replica_sql(&r,
                                 "SELECT count(*) FROM _outbox AS o WHERE batch IS NULL"
                                 " AND NOT EXISTS (SELECT 1 FROM account WHERE _pending = o.seq)"
                                 " AND NOT EXISTS (SELECT 1 FROM visit WHERE _pending = o.seq)"
                                 " AND NOT EXISTS (SELECT 1 FROM _deleted WHERE entry = o.seq)"),
                     0);
    assert_int_equal(replica_sql(&r, "SELECT count(*) FROM account WHERE id IN"
                                     " (SELECT row FROM _deleted)"),
                     0);
    /* The set's table says what the set says. */
    char sql[160];
    snprintf(sql, sizeof sql, "SELECT count(*) FROM account_tag_ids WHERE id = %lld",
             (long long)customer);
    int64_t tags = replica_sql(&r, sql);
    rove__row row;
    rove_status status = replica_get(&r, "Account", customer, &row);
    rove__set set = {ROVE_SET_PLAIN, NULL, 0};
    if (status == ROVE_OK) {
        assert_int_equal(
            rove__set_read(&set, &row.cells[field("Account", "tag_ids")], ROVE_SET_PLAIN, &r.arena),
            ROVE_OK);
    }
    assert_int_equal(tags, set.count);
}

static int64_t marks_of(int step) {
    char sql[80];
    snprintf(sql, sizeof sql, "SELECT count(*) FROM account WHERE name = 'step %d'", step);
    return replica_sql(&r, sql);
}

typedef enum source { OUR_MEMORY, SQLITE_MEMORY, FILES } source;
typedef enum lasting { ONCE, FOR_EVER, FOR_A_WHILE, LASTING_COUNT } lasting;

static void arm(source from, size_t n, int persistent, int code) {
    if (from == OUR_MEMORY) {
        r.memory.fail_at = r.memory.calls + n;
        r.memory.persistent = persistent;
    } else {
        faults_arm(from == FILES ? &faults_io : &faults_memory, n, persistent, code);
    }
}

/* Whether the n-th call came at all; nothing fails any more. */
static int disarm(source from) {
    faults *f = from == FILES ? &faults_io : &faults_memory;
    int hit = from == OUR_MEMORY ? r.memory.calls >= r.memory.fail_at : f->calls >= f->fail_at;

    r.memory.fail_at = 0;
    faults_arm(&faults_io, 0, 0, 0);
    faults_arm(&faults_memory, 0, 0, 0);
    return hit;
}

/* One day with a fault at the n-th call. Returns whether it was reached. */
static int day(source from, size_t n, lasting how, int code) {
    rove_status reported[STEPS];

    replica_prepare(&r, "faults");
    r.ports.vfs = FAULTS_VFS;
    replica_ok(&r, r.files.make_folder(r.files.ctx, r.folder, &r.error));
    copy_replica("faults_template", r.folder);
    replica_open(&r);
    arm(from, n, how != ONCE, code);
    for (int step = 0; step < STEPS; step++) {
        reported[step] = step_of(step);
        assert_int_not_equal(reported[step], ROVE_CORRUPT);
    }
    if (how == FOR_EVER) {
        replica_close(&r); /* with the fault still there */
    }
    int hit = disarm(from);
    if (how != FOR_EVER) {
        /* The fault has passed: the handle goes on. */
        replica_ok(&r, step_of(100));
        assert_int_equal(marks_of(100), 1);
        consistent();
        replica_close(&r);
    }
    replica_open(&r);
    consistent();
    for (int step = 0; step < STEPS; step++) {
        int64_t marks = marks_of(step);
        assert_true(reported[step] == ROVE_OK ? marks == 1 : marks <= 1);
    }
    replica_end(&r);
    return hit;
}

static void every_call(source from, int code) {
    for (lasting how = ONCE; how < LASTING_COUNT; how++) {
        size_t n = 1;
        while (day(from, n, how, code)) {
            n++;
        }
        assert_true(n > 20); /* it did reach something */
    }
}

static void our_memory_runs_short(void **state) {
    (void)state;
    every_call(OUR_MEMORY, 0);
}

static void memory_of_sqlite_runs_short(void **state) {
    (void)state;
    /* Thousands of calls: a sample whose step changes, so that all kinds are met. */
    for (lasting how = ONCE; how < LASTING_COUNT; how++) {
        size_t n = 1;
        size_t pace = 0;
        while (day(SQLITE_MEMORY, n, how, 0)) {
            n += 1 + pace++ % 23;
        }
        assert_true(n > 100);
    }
}

static void files_cannot_be_read_or_written(void **state) {
    (void)state;
    every_call(FILES, SQLITE_IOERR_WRITE);
}

static void the_disk_is_full(void **state) {
    (void)state;
    every_call(FILES, SQLITE_FULL);
}

/* A page of one record, with a fault at the n-th allocation of SQLite's. How many there were. */
static size_t page_with_short_memory(size_t n) {
    static office o;
    rove__page page;

    replica_start(&r, "faults_page");
    office_start(&o, &r);
    office_welcome(&o);
    (void)office_account(&o, "Bakery");
    office_page(&o, &page);
    arm(SQLITE_MEMORY, n, 0, 0);
    rove_status status = rove__store_apply(r.store, NULL, 0, &page, &r.error);
    size_t calls = faults_memory.calls;
    (void)disarm(SQLITE_MEMORY);
    if (status != ROVE_OK) {
        assert_int_equal(status, ROVE_NOMEM);
    }
    office_exchange(&o);
    office_expect_verified(&o);
    office_end(&o);
    replica_end(&r);
    return calls;
}

/* The digests are written last. */
static void memory_runs_short_at_the_end_of_a_page(void **state) {
    (void)state;
    size_t calls = page_with_short_memory((size_t)1 << 30);

    assert_true(calls > 100);
    for (size_t n = calls - 100; n <= calls; n++) {
        (void)page_with_short_memory(n);
    }
}

/* Enrolled with a fault that stays, from the n-th call on. Returns whether it was reached. */
static int enrol_with_fault(source from, size_t n) {
    const rove__store_owner owner = {REPLICA_NUMBER, REPLICA_USER};
    rove__store_owner shown;

    replica_prepare(&r, "faults_owner");
    r.ports.vfs = FAULTS_VFS;
    replica_open(&r);
    arm(from, n, 1, SQLITE_IOERR_WRITE);
    rove_status status = rove__store_set_owner(r.store, &owner, &r.error);
    rove__store_read_owner(r.store, &shown); /* while nothing can be read from the file either */
    int hit = disarm(from);
    assert_int_equal(shown.user, status == ROVE_OK ? REPLICA_USER : 0);
    assert_int_equal(shown.replica, status == ROVE_OK ? REPLICA_NUMBER : 0);
    replica_end(&r);
    return hit;
}

static void an_owner_that_was_not_kept_is_not_shown(void **state) {
    (void)state;
    for (source from = SQLITE_MEMORY; from <= FILES; from++) {
        size_t n = 1;
        while (enrol_with_fault(from, n)) {
            n++;
        }
        assert_true(n > 1);
    }
}

static void opening_survives_every_fault(void **state) {
    (void)state;
    for (size_t n = 1;; n++) {
        replica_prepare(&r, "faults_open");
        r.ports.vfs = FAULTS_VFS;
        replica_ok(&r, r.files.make_folder(r.files.ctx, r.folder, &r.error));
        copy_replica("faults_template", r.folder);
        arm(FILES, n, 0, SQLITE_FULL);
        rove_status status = rove__store_open(&r.ports, r.folder, &r.store, &r.error);
        int hit = disarm(FILES);
        if (status != ROVE_OK) {
            assert_null(r.store);
            replica_open(&r);
        }
        consistent();
        replica_expect_text(&r, "Account", customer, "name", "Bakery");
        replica_end(&r);
        if (!hit) {
            break;
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(our_memory_runs_short),
        cmocka_unit_test(memory_of_sqlite_runs_short),
        cmocka_unit_test(files_cannot_be_read_or_written),
        cmocka_unit_test(the_disk_is_full),
        cmocka_unit_test(memory_runs_short_at_the_end_of_a_page),
        cmocka_unit_test(an_owner_that_was_not_kept_is_not_shown),
        cmocka_unit_test(opening_survives_every_fault),
    };
    if (faults_register_memory() != SQLITE_OK || sqlite3_initialize() != SQLITE_OK ||
        faults_register_vfs() != SQLITE_OK) {
        return 1;
    }
    return cmocka_run_group_tests(tests, make_template, NULL);
}
