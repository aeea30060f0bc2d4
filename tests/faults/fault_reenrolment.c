/*
 * fault_reenrolment.c - headquarters does not accept the device any more, and gives its rep a new code: the device becomes
 * another one, and what the rep had not sent, some of it under way already, arrives as his, once.
 */
#include "world.h"

#define NEW_NUMBER 9

static rove_id known;

static void write_unsent(void) {
    static const char *const names[] = {"in flight", "not sent"};

    (void)world_record_account(names[0]);
    rename_account(&first, known, "renamed");
    world_lose_answer(&first);
    (void)world_record_account(names[1]);
}

static void prepare(void) {
    world_begin();
    known = phone_account(&first, "known");
    settle(&first);
    write_unsent();
    first.number = NEW_NUMBER;
    first.turned_away = 1;
    register_device(NEW_NUMBER, WORLD_USER);
    succeed(7, NEW_NUMBER);
    world_close();
}

static void act(void) {
    char code[ROVE_INVITATION_SIZE];

    if (WORLD_TRY(rove_enroll, first.replica, PHONE_URL, phone_code(&first, code), &first.error)) {
        (void)WORLD_TRY(rove_sync, first.replica, NULL, NULL, &first.error);
    }
}

static void check(void) {
    if (phone_state(&first).replica != NEW_NUMBER) {
        phone_enroll(&first);
    }
    settle(&first);
    assert_int_equal(phone_state(&first).replica, NEW_NUMBER);
    assert_int_equal(phone_state(&first).former_batches, 0);
    assert_int_equal(phone_number(&first, "SELECT count(*) FROM account"), 3);
    assert_int_equal(world_at_headquarters("SELECT count(*) FROM account WHERE name = 'renamed'"),
                     1);
    assert_int_equal(world_at_headquarters("SELECT count(*) FROM conflict"), 0);
    world_check_ledger();
}

int main(int argc, char **argv) {
    return world_main(argc, argv, "reenrolment", LOOP_DEVICE | LOOP_HQ, prepare, act, check);
}
