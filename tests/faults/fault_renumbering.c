/*
 * fault_renumbering.c - the id under which a rep made a record is another record's: headquarters gives his a free one, and
 * all that names it follows.
 */
#include "world.h"

static void prepare(void) {
    world_begin();
    rove_id known = phone_account(&first, "known");
    settle(&first);
    rove__row *taken = site_row(&hq, "Account", known + 1);
    site_text(taken, "name", "has the id");
    assert_int_equal(site_insert(&hq, taken), known + 1);
    rove_id account = world_record_account("made offline");
    assert_int_equal(account, known + 1);
    rove_field visit[] = {{"account_id", rove_int(account)}, {"planned_start", rove_int(SITE_NOW)}};
    rove_id id = 0;
    phone_ok(&first, rove_insert(first.replica, "Visit", visit, 2, &id, &first.error));
    world_close();
}

static void act(void) {
    (void)WORLD_TRY(rove_sync, first.replica, NULL, NULL, &first.error);
}

static void check(void) {
    static const char visits[] = "SELECT count(*) FROM visit AS v JOIN account AS a"
                                 " ON a.id = v.account_id WHERE a.name = 'made offline'";

    settle(&first);
    assert_int_equal(phone_number(&first, visits), 1);
    assert_int_equal(world_at_headquarters(visits), 1);
    assert_int_equal(
        world_at_headquarters("SELECT count(*) FROM account WHERE name = 'has the id'"), 1);
    world_check_ledger();
}

int main(int argc, char **argv) {
    return world_main(argc, argv, "renumbering", LOOP_DEVICE | LOOP_HQ, prepare, act, check);
}
