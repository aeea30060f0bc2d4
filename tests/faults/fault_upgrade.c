/*
 * fault_upgrade.c - both programs are upgraded in the middle of a rep's day: golden databases, made older still by what later
 * builds added (columns, tables, indexes, derived fields), are opened by this build, and the device syncs. What was under
 * way and what was not sent arrives, once; also when the power goes while the replica is upgraded.
 */
#include "world.h"

#include "golden.h"

#define GOLDEN 1 /* schema version */
#define BAKERY rove__id_make(ROVE_REPLICA_HEADQUARTERS, 2)

static void load(const char *what, const char *folder, const char *name, const char *older) {
    char path[1024];
    sqlite3 *db = NULL;

    snprintf(path, sizeof path, "%s/%s", folder, name);
    assert_int_equal(unlink(path), 0);
    golden_path("hq", GOLDEN, what, path, sizeof path);
    golden_load(path, folder, name);
    snprintf(path, sizeof path, "%s/%s", folder, name);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    if (sqlite3_exec(db, older, NULL, NULL, NULL) != SQLITE_OK) {
        fail_msg("%s", sqlite3_errmsg(db));
    }
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void prepare(void) {
    world_begin();
    world_close();
    load("", WORLD_HQ, "hq.db",
         "DROP TABLE task; ALTER TABLE account DROP COLUMN website; DELETE FROM _setting WHERE key "
         "= 'derived'");
    load("-device", LOOP_DEVICE_FOLDER, "replica.db",
         "DROP TABLE task; ALTER TABLE account DROP COLUMN website; UPDATE _meta SET value = 0 "
         "WHERE key IN"
         " ('schema', 'settled')");
    first.now.wall_ms = hq.now_ms = SITE_NOW + PHONE_DAY_MS;
}

static void open_nothing(void) {
}

static int open_headquarters(void) {
    rove_error error = {.message = ""};

    faults_end = FAULTS_HEADQUARTERS;
    int opened = world_said("rove__hq_sqlite_open", kept_try_open(WORLD_HQ, &error), &error);
    faults_end = FAULTS_DEVICE;
    return opened;
}

static void act(void) {
    if (open_headquarters() &&
        WORLD_TRY(rove_open, &first.ports, first.folder, &first.replica, &first.error)) {
        (void)WORLD_TRY(rove_sync, first.replica, NULL, NULL, &first.error);
    }
}

static void check(void) {
    if (database == NULL) {
        kept_open(WORLD_HQ);
    }
    if (first.replica == NULL) {
        phone_open(&first);
    }
    settle(&first);
    assert_true(same_name(&first, "Bakery, not sent") && same_name(&first, "new"));
    rove_value name = site_cell(&hq, "Account", BAKERY, "name");
    assert_int_equal(name.size, strlen("Bakery, not sent"));
    assert_memory_equal(name.as.data, "Bakery, not sent", name.size);
    assert_int_equal(site_cell(&hq, "Account", BAKERY, "points").as.integer, 5);
    assert_int_equal(site_conflicts(&hq, BAKERY), 1);
    (void)world_record_account("after the upgrade");
    rove_field website[] = {{"website", rove_text("example.com")}};
    phone_ok(&first, rove_update(first.replica, "Account", BAKERY, website, 1, &first.error));
    settle(&first);
    world_check_ledger();
    assert_int_equal(
        world_at_headquarters("SELECT count(*) FROM account WHERE website IS NOT NULL"), 1);
    assert_int_equal(phone_number(&first, "SELECT count(*) FROM task"), 0);
}

int main(int argc, char **argv) {
    static const loop_scenario scenario = {.name = "upgrade",
                                           .kinds =
                                               LOOP_DEVICE | LOOP_HQ | LOOP_CUTS | LOOP_HQ_CUTS,
                                           .prepare = prepare,
                                           .open = open_nothing,
                                           .act = act,
                                           .close = world_close,
                                           .check = check,
                                           .end = world_end};

    return loop_main(&scenario, argc, argv);
}
