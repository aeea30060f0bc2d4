/*
 * fault_eviction.c - customers pass to another rep: a sync takes them off the device, and tidying takes what remained of
 * them out of its files. What the rep had written of them and not sent arrives; also when the power goes meanwhile.
 */
#include "world.h"

#define CUSTOMERS 5
#define CANARY    "Canary & Sons"

static rove_id customers[CUSTOMERS];
static rove_id visit;

static void prepare(void) {
    world_begin();
    for (size_t i = 0; i < CUSTOMERS; i++) {
        customers[i] = site_account(&hq, i < 3 ? CANARY : "stays");
        (void)site_visit(&hq, customers[i], SITE_NOW);
        site_grant(&hq, WORLD_USER, customers[i]);
    }
    settle(&first);
    rove_field fields[] = {{"account_id", rove_int(customers[0])},
                           {"planned_start", rove_int(SITE_NOW)},
                           {"notes", rove_text(CANARY)}};
    phone_ok(&first, rove_insert(first.replica, "Visit", fields, 3, &visit, &first.error));
    for (size_t i = 0; i < 3; i++) {
        site_revoke(&hq, WORLD_USER, customers[i]);
    }
    hq.page_rows = 2;
    world_close();
}

static void act(void) {
    (void)WORLD_TRY(rove_sync, first.replica, NULL, NULL, &first.error);
    (void)WORLD_TRY(rove_tidy, first.replica, &first.error);
}

static void check(void) {
    rove__hq_row row;

    settle(&first);
    settle(&first); /* what was acknowledged is sealed */
    phone_ok(&first, rove_tidy(first.replica, &first.error));
    assert_int_equal(phone_state(&first).remains, 0);
    assert_int_equal(phone_number(&first, "SELECT count(*) FROM account"), 2);
    assert_int_equal(phone_number(&first, "SELECT count(*) FROM visit"), 2);
    assert_false(is_readable(&first, "Canary"));
    assert_true(site_get(&hq, "Visit", visit, &row));
    world_check_ledger();
}

int main(int argc, char **argv) {
    return world_main(argc, argv, "eviction", LOOP_DEVICE | LOOP_HQ | LOOP_CUTS, prepare, act,
                      check);
}
