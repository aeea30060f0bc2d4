/*
 * fault_conflict.c - two reps wrote one field unseen. The one who looks at the conflict writes the losing value again, and
 * a sync takes that to headquarters: the value, and that the conflict is settled, both or neither.
 */
#include "world.h"

static rove_id account;
static rove_id conflict;
static const char *lost;
static int settled; /* he was told so */

static void prepare(void) {
    world_begin();
    account = phone_account(&first, "Ajax");
    settle(&first);
    settle(&second);
    first.now.boot_ms += 1000;
    rename_account(&first, account, "of the first");
    second.now.boot_ms += 2000;
    rename_account(&second, account, "of the second");
    hq.now_ms += 5000;
    settle(&second);
    settle(&first);
    phone_ok(&first, rove_conflicts(first.replica, NULL, take_number, &conflict, &first.error));
    assert_int_not_equal(conflict, 0);
    lost = same_name(&first, "of the second") ? "of the first" : "of the second";
    first.now.boot_ms += 60000;
    world_close();
}

static void act(void) {
    settled = WORLD_TRY(rove_conflict_settle, first.replica, conflict, 1, &first.error);
    (void)WORLD_TRY(rove_sync, first.replica, NULL, NULL, &first.error);
}

static void check(void) {
    if (phone_state(&first).conflicts > 0) {
        assert_false(settled);
        assert_false(same_name(&first, lost));
        phone_ok(&first, rove_conflict_settle(first.replica, conflict, 1, &first.error));
    }
    settle(&first);
    assert_true(same_name(&first, lost));
    assert_int_equal(phone_state(&first).conflicts, 0);
    phone_open(&second);
    settle(&second);
    assert_true(same_name(&second, lost));
    assert_int_equal(phone_state(&second).conflicts, 0);
    assert_int_equal(world_at_headquarters("SELECT count(*) FROM conflict"), 1);
    assert_int_equal(world_at_headquarters("SELECT count(*) FROM conflict WHERE status = 2"), 1);
    world_check_ledger();
}

int main(int argc, char **argv) {
    return world_main(argc, argv, "conflict", LOOP_DEVICE | LOOP_HQ, prepare, act, check);
}
