/*
 * fault_first_download.c - an app that was just installed: its replica is made, it enrols, and a first sync brings its
 * customers, in pages. Whatever fails, another try ends with all of them; also when the power goes at any moment of it.
 */
#include "world.h"

#define CUSTOMERS 12

static void prepare(void) {
    world_begin();
    for (int i = 0; i < CUSTOMERS; i++) {
        rove_id account = site_account(&hq, "of headquarters");
        (void)site_visit(&hq, account, SITE_NOW);
        site_grant(&hq, WORLD_USER, account);
    }
    hq.page_rows = 7;
    world_close();
    phone_forget(LOOP_DEVICE_FOLDER);
}

static void open_headquarters(void) {
    kept_open(WORLD_HQ);
}

static int enrolled(void) {
    return phone_state(&first).enrolled;
}

static void act(void) {
    char code[ROVE_INVITATION_SIZE];

    if (WORLD_TRY(rove_open, &first.ports, first.folder, &first.replica, &first.error) &&
        WORLD_TRY(rove_enroll, first.replica, PHONE_URL, phone_code(&first, code), &first.error)) {
        (void)WORLD_TRY(rove_sync, first.replica, NULL, NULL, &first.error);
    }
}

static void check(void) {
    if (first.replica == NULL) {
        phone_open(&first);
    }
    if (!enrolled()) {
        phone_enroll(&first);
    }
    settle(&first);
    assert_int_equal(phone_number(&first, "SELECT count(*) FROM account"), CUSTOMERS);
    assert_int_equal(phone_number(&first, "SELECT count(*) FROM visit"), CUSTOMERS);
    (void)world_record_account("afterwards");
    settle(&first);
    world_check_ledger();
}

int main(int argc, char **argv) {
    static const loop_scenario scenario = {.name = "first_download",
                                           .kinds = LOOP_DEVICE | LOOP_HQ | LOOP_CUTS,
                                           .prepare = prepare,
                                           .open = open_headquarters,
                                           .act = act,
                                           .close = world_close,
                                           .check = check,
                                           .end = world_end};

    return loop_main(&scenario, argc, argv);
}
