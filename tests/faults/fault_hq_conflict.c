/*
 * fault_hq_conflict.c - an operator restores what had lost in a conflict of two reps: the value and that the conflict is
 * settled, both or neither; the reps get it with their next sync.
 */
#include "desk.h"

static rove_id conflict;
static char number[24];
static const char *lost;

static void make_conflict(void) {
    static const rove__bytes policy = {(const uint8_t *)"{}", 2};
    rove_id account = phone_account(&first, "Ajax");

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
    lost = same_name(&first, "of the second") ? "of the first" : "of the second";
    snprintf(number, sizeof number, "%lld", (long long)conflict);
    rove__hq_tx *tx = kept_tx(ROVE_HQ_WRITE);
    assert_int_equal(database->directory.setting_put(tx, "policy", policy), ROVE_OK);
    assert_int_equal(hq.store->commit(tx, NULL), ROVE_OK);
}

/* The program's headquarters gets the database of the reps'. */
static void prepare(void) {
    world_begin();
    make_conflict();
    world_close();
    assert_int_equal(rename(WORLD_HQ, "reps"), 0);
    desk_new();
    assert_int_equal(rename("reps/hq.db", WORLD_HQ "/hq.db"), 0);
    assert_int_equal(rmdir("reps"), 0);
}

static void act(void) {
    (void)DESK_TRY("conflicts", "restore", number);
}

static void close_all(void) {
    world_close();
    desk_close();
}

static void check(void) {
    if (world_at_headquarters("SELECT count(*) FROM conflict WHERE status = 1") == 1) {
        desk_ok(desk_run("conflicts", "restore", number, NULL));
    }
    desk_close();
    world_open();
    phone_open(&second);
    settle(&first);
    settle(&second);
    assert_true(same_name(&first, lost) && same_name(&second, lost));
    assert_int_equal(phone_state(&first).conflicts, 0);
    assert_int_equal(world_at_headquarters("SELECT count(*) FROM conflict"), 1);
    assert_int_equal(world_at_headquarters("SELECT count(*) FROM _act WHERE act = 'conflicts'"), 1);
}

static void end(void) {
    bureau_free(desk);
    assert_int_equal(desk_heap.alive, 0);
    world_end();
}

int main(int argc, char **argv) {
    static const loop_scenario scenario = {.name = "hq_conflict",
                                           .kinds = LOOP_HQ | LOOP_HQ_CUTS,
                                           .prepare = prepare,
                                           .open = desk_open,
                                           .act = act,
                                           .close = close_all,
                                           .check = check,
                                           .end = end};

    return loop_main(&scenario, argc, argv);
}
