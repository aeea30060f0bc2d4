/*
 * fault_push.c - a rep writes, and a sync takes it to headquarters: inserts, an edit, a counter, a transaction of several.
 * Whatever fails at either end: what he was told is kept arrives, once.
 */
#include "world.h"

static rove_id known;
static int64_t points;
static int renamed;

static void prepare(void) {
    world_begin();
    known = phone_account(&first, "known");
    settle(&first);
    world_close();
}

static void add_points(void) {
    points += WORLD_TRY(rove_increment, first.replica, "Account", known, "points", 1, &first.error);
}

static void work(void) {
    rove_field phone_number_field[] = {{"phone", rove_text("0123")}};

    (void)world_record_account("alone");
    renamed = WORLD_TRY(rove_update, first.replica, "Account", known, phone_number_field, 1,
                        &first.error);
    add_points();
    if (WORLD_TRY(rove_begin, first.replica, &first.error)) {
        world_record *both = &world_ledger[world_recorded];
        (void)world_record_account("together");
        (void)world_record_account("with it");
        if (both[0].kept && both[1].kept) {
            both[0].kept = both[1].kept = WORLD_TRY(rove_commit, first.replica, &first.error);
        } else {
            both[0].kept = both[1].kept = 0;
            rove_rollback(first.replica);
        }
    }
}

static void act(void) {
    work();
    (void)WORLD_TRY(rove_sync, first.replica, NULL, NULL, &first.error);
}

static void check(void) {
    settle(&first);
    world_check_ledger();
    assert_true(world_at_headquarters("SELECT points FROM account WHERE name = 'known'") >= points);
    assert_true(world_at_headquarters("SELECT points FROM account WHERE name = 'known'") <= 1);
    assert_true(world_at_headquarters("SELECT count(*) FROM account WHERE phone = '0123'") >=
                renamed);
    assert_int_equal(world_at_headquarters("SELECT count(*) FROM account WHERE name = 'together'"),
                     world_at_headquarters("SELECT count(*) FROM account WHERE name = 'with it'"));
}

int main(int argc, char **argv) {
    return world_main(argc, argv, "push", LOOP_DEVICE | LOOP_HQ | LOOP_HQ_CUTS, prepare, act,
                      check);
}
