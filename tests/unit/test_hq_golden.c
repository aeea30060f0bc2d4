/*
 * Golden databases of headquarters: what the build of each schema version wrote is opened by this one with nothing lost,
 * and a device that was under way then is served.
 *
 *   test_hq_golden            opens each $ROVE_SOURCE_DIR/tests/golden/hq-(schema version).sql, and ...-device.sql
 *   test_hq_golden --rewrite  writes those of today's version: only ever while that version is not released
 *
 * Headquarters has customers that were granted, taken away and deleted, a role, a custom field, a visit that moved, a
 * conflict, work in review, an edit that waits for its record, and what operators did. The device has a batch that was
 * judged and whose answer it never got, and work that was not sent.
 */
#include "kept.h"

#include "golden.h"

#define MADE        "golden_hq_made"
#define OPENED      "golden_hq"
#define DEVICE      "golden_hq_device"
#define SHELF_FIELD 1000
#define STRANGER    INT64_C(0x7000000002)

/* By these numbers the checks find what the maker made. */
enum { SHELF = 1, BAKERY, BUTCHER, GONE, PERSON, ROLE, VISIT };

static rove_id id_of(uint32_t counter) {
    return rove__id_make(ROVE_REPLICA_HEADQUARTERS, counter);
}

static void path_of(unsigned version, const char *what, char *path, size_t size) {
    golden_path("hq", version, what, path, size);
}

/* ---- making ---- */

static void operators_act(rove__hq_tx *tx) {
    const rove__hq_directory *directory = &database->directory;
    rove__hq_act act = {
        .at_ms = SITE_NOW, .operator_name = "olga", .act = "backup", .detail = "to the other disk"};
    rove__hq_code code = {.user = PHONE_USER, .made_ms = SITE_NOW, .tries_left = 5};
    rove__hq_plan plan = {.made_ms = SITE_NOW,
                          .due_ms = SITE_NOW + PHONE_DAY_MS,
                          .operator_name = "olga",
                          .words = {(const uint8_t *)"assign", sizeof "assign"},
                          .detail = ""};

    assert_int_equal(directory->act_put(tx, &act), ROVE_OK);
    assert_int_equal(directory->code_put(tx, &code), ROVE_OK);
    assert_int_equal(directory->plan_put(tx, &plan), ROVE_OK);
    assert_int_equal(directory->setting_put(tx, "golden", (rove__bytes){(const uint8_t *)"1", 1}),
                     ROVE_OK);
}

static void begin_headquarters(void) {
    kept_begin(MADE);
    rove__hq_tx *tx = kept_tx(ROVE_HQ_WRITE);
    operators_act(tx);
    assert_int_equal(hq.store->commit(tx, NULL), ROVE_OK);
}

static void headquarters_writes(void) {
    rove__row *shelf = site_row(&hq, "CustomField", 0);

    site_int(shelf, "entity", rove__registry_by_name(hq.registry, "Account")->number);
    site_int(shelf, "number", SHELF_FIELD);
    site_text(shelf, "name", "shelf_metres");
    site_int(shelf, "type", 1);
    assert_int_equal(site_insert(&hq, shelf), id_of(SHELF));
    kept_close();
    kept_open(MADE); /* now the field has its column */
    assert_int_equal(site_account(&hq, "Bakery"), id_of(BAKERY));
    assert_int_equal(site_account(&hq, "Butcher"), id_of(BUTCHER));
    assert_int_equal(site_account(&hq, "Gone"), id_of(GONE));
    rove__row *person = site_row(&hq, "Contact", 0);
    site_text(person, "last_name", "Lim");
    assert_int_equal(site_insert(&hq, person), id_of(PERSON));
    rove__row *role = site_row(&hq, "AccountContactRole", 0);
    site_int(role, "account_id", id_of(BAKERY));
    site_int(role, "contact_id", id_of(PERSON));
    assert_int_equal(site_insert(&hq, role), id_of(ROLE));
    assert_int_equal(site_visit(&hq, id_of(BAKERY), SITE_NOW), id_of(VISIT));
    for (uint32_t i = BAKERY; i <= GONE; i++) {
        site_grant(&hq, PHONE_USER, id_of(i));
    }
    rove__row *bakery = site_row(&hq, "Account", id_of(BAKERY));
    site_int(bakery, "shelf_metres", 12);
    site_text(bakery, "description", "caf\xc3\xa9 \xf0\x9f\x98\x80");
    site_update(&hq, bakery);
}

static void headquarters_takes_away(void) {
    rove__row *visit = site_row(&hq, "Visit", id_of(VISIT));

    site_delete(&hq, "Account", id_of(GONE));
    site_int(visit, "account_id", id_of(BUTCHER));
    site_update(&hq, visit);
    site_revoke(&hq, PHONE_USER, id_of(BUTCHER));
}

/* Of a customer that he does not hold, and of a visit that headquarters lacks. */
static void a_stranger_works(void) {
    rep *r = &devices[device_count++];
    rove__row *visit = NULL;
    rep_outcome outcome;

    rep_open(r, &hq, 9, STRANGER);
    visit = site_row(&hq, "Visit", rep_id(r));
    site_int(visit, "account_id", id_of(BUTCHER));
    rep_insert(r, visit);
    rep_exchange(r, &outcome);
    assert_int_equal(outcome.verdicts[0].code, ROVE_VERDICT_REVIEW);
    visit = site_row(&hq, "Visit", rep_id(r));
    site_int(visit, "account_id", id_of(BUTCHER));
    rep_insert(r, visit);
    rep_freeze(r);
    rep_update(r, "Visit", visit->id, "purpose", rove__value_text("waits"));
    r->batch_count = 0;
    rep_exchange(r, &outcome);
    assert_int_equal(outcome.verdicts[0].code, ROVE_VERDICT_PARKED);
}

static void write_text(phone *p, const char *field, const char *text) {
    rove_field fields[] = {{field, rove_text(text)}};

    hq.now_ms += 1000;
    p->now.wall_ms = hq.now_ms;
    phone_ok(p, rove_update(p->replica, "Account", id_of(BAKERY), fields, 1, &p->error));
}

static void reps_work(void) {
    write_text(&first, "phone", "one");
    write_text(&second, "phone", "two");
    settle(&second);
    settle(&first);
    phone_ok(&first,
             rove_increment(first.replica, "Account", id_of(BAKERY), "points", 3, &first.error));
    first.cut_at = 1;
    first.cut_status = ROVE_NETWORK;
    phone_is(&first, rove_sync(first.replica, NULL, NULL, &first.error), ROVE_NETWORK);
    first.cut_at = 0;
    write_text(&first, "name", "Bakery, not sent");
    phone_ok(&first,
             rove_increment(first.replica, "Account", id_of(BAKERY), "points", 2, &first.error));
    (void)phone_account(&first, "new");
}

/* What is no table's is not in a dump. */
static void dump(const char *file, const char *what) {
    char path[1024];
    char command[2048];

    path_of(ROVE_SCHEMA_VERSION, what, path, sizeof path);
    snprintf(command, sizeof command,
             "{ sqlite3 '%s' .dump && sqlite3 '%s' \"SELECT 'PRAGMA application_id = ' ||"
             " application_id || '; PRAGMA user_version = ' || user_version || ';'"
             " FROM pragma_application_id, pragma_user_version\"; } >'%s'",
             file, file, path);
    assert_int_equal(system(command), 0);
}

static void write_golden(void) {
    char path[128];

    begin_headquarters();
    open_phone(&first, DEVICE, 7);
    open_phone(&second, "golden_hq_second", 8);
    headquarters_writes();
    settle(&first);
    settle(&second);
    headquarters_takes_away();
    a_stranger_works();
    reps_work();
    phone_close(&first);
    kept_close();
    dump(MADE "/hq.db", "");
    snprintf(path, sizeof path, "%s/replica.db", first.folder);
    dump(path, "-device");
    kept_forget(MADE);
    phone_open(&first);
    pair_tear_down(NULL);
}

/* ---- opening ---- */

static void load(unsigned version, const char *what, const char *folder, const char *name) {
    char path[1024];

    path_of(version, what, path, sizeof path);
    golden_load(path, folder, name);
}

#define EACH(name, type)                                                                           \
    static rove_status each_##name(void *ctx, const rove__hq_##type *item) {                       \
        assert_non_null(item);                                                                     \
        *(size_t *)ctx += 1;                                                                       \
        return ROVE_OK;                                                                            \
    }
EACH(device, device)
EACH(mark, mark)
EACH(entailment, entailment)
EACH(history, history)
EACH(act, act)
EACH(code, code)
EACH(plan, plan)

static rove_status each_renamed(void *ctx, const rove__rename *renamed) {
    assert_int_equal(renamed->id, id_of(PERSON));
    *(size_t *)ctx += 1;
    return ROVE_OK;
}

static rove_status each_grant(void *ctx, const rove__hq_grant *grant) {
    size_t *counts = ctx;

    counts[grant->to == ROVE_SEQ_OPEN]++;
    return ROVE_OK;
}

static rove_status each_review(void *ctx, const rove__hq_review *review) {
    assert_int_equal(review->user, STRANGER);
    assert_true(review->change.size > 0 && review->reason[0] != '\0');
    *(size_t *)ctx += 1;
    return ROVE_OK;
}

static rove_status each_parked(void *ctx, int64_t number, rove__origin origin) {
    assert_true(number > 0);
    assert_int_equal(origin.replica, 9);
    *(size_t *)ctx += 1;
    return ROVE_OK;
}

#define EXPECT(expected, call)                                                                     \
    do {                                                                                           \
        size_t count = 0;                                                                          \
        assert_int_equal((call), ROVE_OK);                                                         \
        assert_int_equal(count, (expected));                                                       \
    } while (0)

static void check_log(rove__hq_tx *tx, rove__arena *arena) {
    const rove__hq_directory *directory = &database->directory;
    const rove__hq_store *store = hq.store;
    uint32_t account = rove__registry_by_name(hq.registry, "Account")->number;
    size_t grants[2] = {0, 0};
    rove__bytes setting;

    EXPECT(3, store->device_scan(tx, 0, each_device, &count));
    assert_int_equal(store->grant_scan(tx, PHONE_USER, 0, each_grant, grants), ROVE_OK);
    /* One customer was taken away. */
    assert_int_equal(grants[0], 1);
    assert_int_equal(grants[1], 2);
    EXPECT(1, store->entailment_scan(tx, 0, 0, each_entailment, &count));
    EXPECT(1, store->mark_of_row(tx, rove__registry_by_name(hq.registry, "Visit")->number,
                                 id_of(VISIT), each_mark, &count));
    /* Made, described, the phone's number twice, points. */
    EXPECT(5, store->history_scan(tx, account, id_of(BAKERY), 0, arena, each_history, &count));
    EXPECT(1, store->review_scan(tx, 0, arena, each_review, &count));
    EXPECT(1, store->parked_origins(tx, 0, each_parked, &count));
    EXPECT(1, directory->act_scan(tx, each_act, &count));
    EXPECT(1, directory->code_scan(tx, each_code, &count));
    EXPECT(1, directory->plan_scan(tx, arena, each_plan, &count));
    assert_int_equal(directory->setting_get(tx, "golden", arena, &setting), ROVE_OK);
    assert_int_equal(setting.size, 1);
}

/* No name was kept then; those that are given from now on are. */
static void check_names(void) {
    uint32_t entity = rove__registry_by_name(hq.registry, "Contact")->number;
    const rove__rename renamed = {entity, id_of(PERSON), {1, 7}, id_of(1000)};
    rove__hq_tx *tx = kept_tx(ROVE_HQ_WRITE);

    EXPECT(0, hq.store->renamed_scan(tx, entity, renamed.to, each_renamed, &count));
    assert_int_equal(hq.store->renamed_put(tx, &renamed), ROVE_OK);
    EXPECT(1, hq.store->renamed_scan(tx, entity, renamed.to, each_renamed, &count));
    hq.store->rollback(tx);
}

/* What the device did not hear yet is kept for it. */
static void check_batches(rove__hq_tx *tx, rove__arena *arena) {
    rove__hq_device device;
    rove__hq_batch batch;

    assert_int_equal(hq.store->device_get(tx, 7, 0, &device), ROVE_OK);
    assert_int_equal(device.last_batch, device.confirmed + 1);
    assert_int_equal(hq.store->batch_get(tx, 7, device.last_batch, arena, &batch), ROVE_OK);
    assert_true(batch.answer.size > 0 && batch.rows.size > 0);
    assert_true(rove__chain_equal(&batch.chain, &device.chain));
}

static void check_rows(rove__hq_tx *tx, rove__arena *arena) {
    static const struct {
        const char *entity;
        uint64_t count;
    } live[] = {{"Account", 2}, {"Contact", 1},  {"AccountContactRole", 1},
                {"Visit", 1},   {"Conflict", 1}, {"CustomField", 1}};
    const rove__entity *account = rove__registry_by_name(hq.registry, "Account");
    rove__hq_row row;

    for (size_t i = 0; i < sizeof live / sizeof *live; i++) {
        uint64_t count = 0;
        uint32_t entity = rove__registry_by_name(hq.registry, live[i].entity)->number;
        assert_int_equal(database->directory.row_count(tx, entity, &count), ROVE_OK);
        assert_int_equal(count, live[i].count);
    }
    assert_int_equal(hq.store->row_get(tx, account->number, id_of(GONE), 0, arena, &row), ROVE_OK);
    assert_true(row.dead != 0);
    rove_value description = rove__value_text("caf\xc3\xa9 \xf0\x9f\x98\x80");
    rove_value found = site_cell(&hq, "Account", id_of(BAKERY), "description");
    assert_true(rove__value_equal(&found, &description));
    assert_int_equal(site_cell(&hq, "Account", id_of(BAKERY), "shelf_metres").as.integer, 12);
    assert_int_equal(site_cell(&hq, "Account", id_of(BAKERY), "points").as.integer, 3);
    assert_int_equal(site_cell(&hq, "Visit", id_of(VISIT), "account_id").as.integer,
                     id_of(BUTCHER));
    assert_int_equal(site_conflicts(&hq, id_of(BAKERY)), 1);
}

static void check_there(void) {
    rove__hq_tx *tx = kept_tx(ROVE_HQ_READ);
    rove__arena arena;

    rove__arena_init(&arena, &hq.allocator, (size_t)1 << 24);
    check_log(tx, &arena);
    rove__arena_reset(&arena);
    check_batches(tx, &arena);
    rove__arena_reset(&arena);
    check_rows(tx, &arena);
    rove__arena_free(&arena);
    hq.store->rollback(tx);
    check_names();
}

/* The device sends what was under way once more and what was not sent; both ends agree, and nothing is there twice. */
static void check_served(unsigned version) {
    rove_value name = rove__value_text("Bakery, not sent");

    phone_prepare(&first, DEVICE);
    first.now.wall_ms = hq.now_ms = SITE_NOW + PHONE_DAY_MS;
    first.number = 7;
    first.until_ms = SITE_NOW + 3000 * PHONE_DAY_MS;
    first.renew_after_ms = SITE_NOW + 2000 * PHONE_DAY_MS;
    first.route = route;
    load(version, "-device", DEVICE, "replica.db");
    phone_open(&first);
    phone_enroll(&first);
    assert_true(phone_state(&first).pending > 0);
    settle(&first);
    rove_value found = site_cell(&hq, "Account", id_of(BAKERY), "name");
    assert_true(rove__value_equal(&found, &name));
    assert_int_equal(site_cell(&hq, "Account", id_of(BAKERY), "points").as.integer, 5);
    assert_int_equal(site_conflicts(&hq, id_of(BAKERY)), 1);
    assert_true(same_name(&first, "new"));
    rove_id id = site_account(&hq, "after the upgrade");
    site_grant(&hq, PHONE_USER, id);
    settle(&first);
    assert_true(same_name(&first, "after the upgrade"));
    phone_stop(&first);
}

static void headquarters_of_every_version_goes_on(void **state) {
    (void)state;
    for (unsigned version = 1; version <= ROVE_SCHEMA_VERSION; version++) {
        kept_forget(OPENED);
        load(version, "", OPENED, "hq.db");
        site_open(&hq);
        for (int again = 0; again < 2; again++) {
            kept_open(OPENED);
            check_there();
            kept_close();
        }
        kept_open(OPENED);
        check_served(version);
        kept_close();
        site_close(&hq);
        kept_forget(OPENED);
    }
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(headquarters_of_every_version_goes_on),
    };

    if (argc == 2 && strcmp(argv[1], "--rewrite") == 0) {
        write_golden();
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
