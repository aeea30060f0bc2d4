/*
 * fault_pull.c - what changed at headquarters comes down, in pages: records that are new, changed, deleted, moved, and a
 * custom field with its values; an edit that was not sent lies on top of what comes.
 */
#include "world.h"

#define CUSTOMERS 6

static rove_id customers[CUSTOMERS];

static void add_field(void) {
    rove__row *shelf = site_row(&hq, "CustomField", 0);

    site_int(shelf, "entity", rove__registry_by_name(hq.registry, "Account")->number);
    site_int(shelf, "number", 1000);
    site_text(shelf, "name", "shelf_metres");
    site_int(shelf, "type", 1);
    (void)site_insert(&hq, shelf);
}

static void headquarters_works(void) {
    for (size_t i = 0; i < 3; i++) {
        rove__row *row = site_row(&hq, "Account", customers[i]);
        site_text(row, "name", "renamed");
        site_text(row, "description", "long since known, and now described at some length");
        site_update(&hq, row);
    }
    site_delete(&hq, "Account", customers[3]);
    (void)site_visit(&hq, customers[4], SITE_NOW + PHONE_DAY_MS);
    for (int i = 0; i < 8; i++) {
        site_grant(&hq, WORLD_USER, site_account(&hq, "new"));
    }
    (void)site_products(&hq, 5);
}

static void prepare(void) {
    world_begin();
    add_field();
    kept_close();
    kept_open(WORLD_HQ); /* now the field has its column */
    for (size_t i = 0; i < CUSTOMERS; i++) {
        customers[i] = site_account(&hq, "customer");
        (void)site_visit(&hq, customers[i], SITE_NOW);
        site_grant(&hq, WORLD_USER, customers[i]);
    }
    settle(&first);
    rove_field phone_field[] = {{"phone", rove_text("not sent")}};
    phone_ok(&first,
             rove_update(first.replica, "Account", customers[0], phone_field, 1, &first.error));
    headquarters_works();
    rove__row *row = site_row(&hq, "Account", customers[5]);
    site_int(row, "shelf_metres", 12);
    site_update(&hq, row);
    hq.page_rows = 5;
    world_close();
}

static void act(void) {
    (void)WORLD_TRY(rove_sync, first.replica, NULL, NULL, &first.error);
}

static void check(void) {
    settle(&first);
    assert_int_equal(phone_number(&first, "SELECT count(*) FROM account"), CUSTOMERS - 1 + 8);
    assert_int_equal(phone_number(&first, "SELECT count(*) FROM account WHERE name = 'renamed'"),
                     3);
    assert_int_equal(phone_number(&first, "SELECT sum(shelf_metres) FROM account"), 12);
    assert_int_equal(phone_number(&first, "SELECT count(*) FROM visit"), CUSTOMERS + 1);
    assert_int_equal(phone_number(&first, "SELECT count(*) FROM product"), 5);
    assert_int_equal(phone_number(&first, "SELECT count(*) FROM account WHERE phone = 'not sent'"),
                     1);
    assert_int_equal(world_at_headquarters("SELECT count(*) FROM account WHERE phone = 'not sent'"),
                     1);
    world_check_ledger();
}

int main(int argc, char **argv) {
    return world_main(argc, argv, "pull", LOOP_DEVICE | LOOP_HQ, prepare, act, check);
}
