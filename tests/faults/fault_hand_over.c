/*
 * fault_hand_over.c - another rep signs in on a device. What the one before him had not sent is sealed, and arrives as his;
 * whatever fails, the device is in the end the new rep's, with nothing of the former one's to be read.
 */
#include "world.h"

#define OTHER_USER   (WORLD_USER + 1)
#define OTHER_NUMBER 9
#define CANARY       "Canary & Sons"

static rove_id unsent;

static void prepare(void) {
    world_begin();
    rove_id sent = phone_account(&first, CANARY);
    settle(&first);
    rename_account(&first, sent, "Canary Ltd");
    unsent = phone_account(&first, "Canary unsent");
    first.user = OTHER_USER;
    first.number = OTHER_NUMBER;
    register_device(OTHER_NUMBER, OTHER_USER);
    world_close();
}

static void act(void) {
    char code[ROVE_INVITATION_SIZE];

    if (WORLD_TRY(rove_enroll, first.replica, PHONE_URL, phone_code(&first, code), &first.error)) {
        (void)WORLD_TRY(rove_sync, first.replica, NULL, NULL, &first.error);
    }
}

static void check(void) {
    rove__hq_row row;

    if (!phone_state(&first).enrolled || phone_state(&first).user != OTHER_USER) {
        phone_enroll(&first);
    }
    settle(&first);
    assert_int_equal(phone_state(&first).user, OTHER_USER);
    assert_int_equal(phone_state(&first).former_batches, 0);
    assert_int_equal(phone_number(&first, "SELECT count(*) FROM account"), 0);
    assert_false(is_readable(&first, "Canary"));
    assert_true(site_get(&hq, "Account", unsent, &row));
    assert_int_equal(row.author, WORLD_USER);
    assert_int_equal(world_at_headquarters("SELECT count(*) FROM account WHERE name = 'Canary Ltd'"
                                           " OR name = 'Canary unsent'"),
                     2);
    assert_int_equal(world_at_headquarters("SELECT count(*) FROM conflict"), 0);
    assert_int_equal(world_at_headquarters("SELECT count(*) FROM review"), 0);
    (void)world_record_account("of the new rep");
    settle(&first);
    world_check_ledger();
}

int main(int argc, char **argv) {
    return world_main(argc, argv, "hand_over", LOOP_DEVICE | LOOP_HQ | LOOP_CUTS, prepare, act,
                      check);
}
