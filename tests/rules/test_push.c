/*
 * test_push.c - the rules of pushing (P1 to P16 of docs/protocol.md), each seen from where a person would see it, and each
 * with the planted bug that it has to notice.
 */
#include "pair.h"
#include "teeth.h"

/* The account on both phones and at headquarters. */
static rove_id shared_account(const char *name) {
    rove_id id = site_account(&hq, name);

    site_grant(&hq, PHONE_USER, id);
    settle(&first);
    settle(&second);
    return id;
}

/* A rep with a clock that is a year slow corrects what was written by a right one, having seen it: he wins. */
static void p05_who_saw_the_value_replaces_it(void **state) {
    rove_id id = shared_account("Ajax");
    (void)state;

    hq.now_ms += 10000;
    second.now.boot_ms += 10000;
    rename_account(&second, id, "Ajay");
    settle(&second);
    settle(&first);
    rename_account(&first, id, "Ajax Ltd");
    settle(&first);
    settle(&second);
    assert_true(same_name(&second, "Ajax Ltd"));
    assert_int_equal(site_conflicts(&hq, id), 0);
}

/* Two who had not seen each other: the later stands, whoever comes first, and the other is kept. */
static void p06_of_concurrent_registers_the_later_wins(void **state) {
    rove_id id = shared_account("Ajax");
    (void)state;

    first.now.boot_ms += 2000;
    rename_account(&first, id, "later");
    second.now.boot_ms += 1000;
    rename_account(&second, id, "earlier");
    hq.now_ms += 5000;
    settle(&first);
    settle(&second);
    settle(&first);
    assert_true(same_name(&first, "later"));
    assert_int_equal(site_conflicts(&hq, id), 1);
}

static const rule_test tests[] = {
    RULE(p05_who_saw_the_value_replaces_it, ROVE_PLANT_P05_BLIND),
    RULE(p06_of_concurrent_registers_the_later_wins, ROVE_PLANT_P06_EARLIER),
};

int main(int argc, char **argv) {
    return RULES_MAIN(tests, pair_set_up, pair_tear_down, argc, argv);
}
