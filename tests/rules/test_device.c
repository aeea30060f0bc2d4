/*
 * test_device.c - the rules that a device keeps (D1 to D10, and Q5, Q6, G1 at its end, of docs/protocol.md), over the app's
 * own handle, each with the planted bugs that it has to notice.
 */
#include <sqlite3.h>

#include "pair.h"
#include "teeth.h"

static rove_id held_account(const char *name) {
    rove_id id = site_account(&hq, name);

    site_grant(&hq, PHONE_USER, id);
    return id;
}

/* What headquarters made since its backup, and lost, is no longer shown. */
static void q05_what_was_not_named_leaves(void **state) {
    rove_id account = held_account("Ajax");
    (void)state;

    settle(&first);
    size_t backup = memory_headquarters_backup(hq.hq);
    (void)site_visit(&hq, account, SITE_NOW);
    settle(&first);
    assert_int_equal(phone_number(&first, "SELECT count(*) FROM visit"), 1);
    memory_headquarters_restore(hq.hq, backup, 99, 999);
    settle(&first);
    assert_int_equal(phone_number(&first, "SELECT count(*) FROM visit"), 0);
}

static void q06_half_a_download_says_so(void **state) {
    (void)state;

    for (int i = 0; i < 300; i++) {
        (void)held_account("one of three hundred");
    }
    hq.page_rows = 5;
    rove_sync_options options = {.size = sizeof options, .bytes_max = 200};
    phone_is(&first, rove_sync(first.replica, &options, NULL, &first.error), ROVE_LIMIT);
    assert_true(phone_state(&first).catching_up);
    assert_true(phone_number(&first, "SELECT count(*) FROM account") > 0);
    settle(&first);
    assert_false(phone_state(&first).catching_up);
}

/* A value that was changed behind Rove's back. */
static void g01_a_digest_speaks_of_every_value(void **state) {
    char path[200];
    sqlite3 *db = NULL;
    (void)state;

    (void)held_account("Ajax");
    settle(&first);
    phone_close(&first);
    snprintf(path, sizeof path, "%s/replica.db", first.folder);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "UPDATE account SET name = 'Ajay'", NULL, NULL, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    phone_open(&first);
    phone_is(&first, rove_verify(first.replica, NULL, &first.error), ROVE_CORRUPT);
}

static const rule_test tests[] = {
    RULE(q05_what_was_not_named_leaves, ROVE_PLANT_Q05_LEFTOVERS),
    RULE(q06_half_a_download_says_so, ROVE_PLANT_Q06_UNCONFESSED),
    RULE(g01_a_digest_speaks_of_every_value, ROVE_PLANT_G01_CLOCKS_ONLY),
};

int main(int argc, char **argv) {
    return RULES_MAIN(tests, pair_set_up, pair_tear_down, argc, argv);
}
