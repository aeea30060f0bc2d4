/*
 * test_former_user.c - a device passes from one user to another (D11): what the first one did reaches headquarters as his, and nothing
 * of it stays where the second one could read it.
 */
#include "pair.h"
#include "teeth.h"

#define OTHER_USER (PHONE_USER + 1)

static rove_id author_of(const char *entity, rove_id id) {
    rove__hq_row row;

    return site_get(&hq, entity, id, &row) ? row.author : 0;
}

static int64_t rows_shown(phone *p) {
    return phone_number(p, "SELECT (SELECT count(*) FROM account) + (SELECT count(*) FROM visit)"
                           " + (SELECT count(*) FROM note) + (SELECT count(*) FROM task)");
}

static void set_status(rove_replica number, rove__device_status status) {
    rove__hq_device device;
    rove__hq_tx *tx = NULL;

    assert_int_equal(hq.store->begin(hq.store->ctx, ROVE_HQ_WRITE, &tx, NULL), ROVE_OK);
    assert_int_equal(hq.store->device_get(tx, number, 1, &device), ROVE_OK);
    device.status = status;
    assert_int_equal(hq.store->device_put(tx, &device), ROVE_OK);
    assert_int_equal(hq.store->commit(tx, NULL), ROVE_OK);
}

/* ---- what he did reaches headquarters as his ---- */

static void d11_unsent_work_of_the_user_before_arrives_as_his(void **state) {
    (void)state;
    rove_id sent = phone_account(&first, "Ajax");

    settle(&first);
    rename_account(&first, sent, "Ajax Ltd");
    rove_id unsent = phone_account(&first, "Bolt");
    pass_on(&first, OTHER_USER, 9);
    assert_int_equal(phone_state(&first).user, OTHER_USER);
    assert_int_equal(phone_state(&first).pending, 0);
    assert_int_equal(phone_state(&first).former_batches, 1);
    rove_id own = phone_account(&first, "of the second user");
    settle(&first);
    assert_int_equal(phone_state(&first).former_batches, 0);
    assert_int_equal(author_of("Account", unsent), PHONE_USER);
    assert_int_equal(author_of("Account", sent), PHONE_USER);
    assert_int_equal(author_of("Account", own), OTHER_USER);
    assert_int_equal(rows_shown(&first), 1);
    settle(&second);
    assert_true(same_name(&second, "Ajax Ltd") && same_name(&second, "Bolt"));
    assert_int_equal(site_conflicts(&hq, 0), 0);
    assert_int_equal(memory_headquarters_reviews(hq.hq), 0);
    assert_int_equal(first.fresh_renewals, 0);
}

/* Its Ack did not come, and headquarters has it: nothing of it counts twice. */
static void d11_what_had_arrived_is_not_taken_again(void **state) {
    (void)state;
    rove_id account = phone_account(&first, "Ajax");
    rove_field fields[] = {{"account_id", rove_int(account)},
                           {"planned_start", rove_int(SITE_NOW)}};
    rove_id visit = 0;

    settle(&first);
    phone_ok(&first, rove_insert(first.replica, "Visit", fields, 2, &visit, &first.error));
    first.cut_at = 1;
    first.cut_status = ROVE_NETWORK;
    phone_is(&first, rove_sync(first.replica, NULL, NULL, &first.error), ROVE_NETWORK);
    first.cut_at = 0;
    assert_int_equal(author_of("Visit", visit), PHONE_USER);
    size_t history = memory_headquarters_history(hq.hq);
    pass_on(&first, OTHER_USER, 9);
    settle(&first);
    assert_int_equal(phone_state(&first).former_batches, 0);
    assert_int_equal(memory_headquarters_history(hq.hq), history);
}

static void d11_what_is_kept_of_the_user_before_serves_a_restored_headquarters(void **state) {
    (void)state;
    (void)phone_account(&first, "before");
    settle(&first);
    size_t backup = memory_headquarters_backup(hq.hq);
    rove_id lost = phone_account(&first, "lost in the restore");
    settle(&first);
    pass_on(&first, OTHER_USER, 9);
    settle(&first);
    memory_headquarters_restore(hq.hq, backup, 4711, 99);
    device_count--;
    rep_close(&devices[device_count]);
    register_device(9, OTHER_USER); /* its certificate says so */
    settle(&first);
    assert_int_equal(author_of("Account", lost), PHONE_USER);
    settle(&second);
    assert_true(same_name(&second, "lost in the restore"));
}

/* Users take turns, and each gets what he did to headquarters, whoever has the device by then. */
static void d11_users_may_take_turns(void **state) {
    (void)state;
    settle(&first);
    rove_id mine = phone_account(&first, "of the first");
    pass_on(&first, OTHER_USER, 9);
    rove_id his = 0;
    his = phone_account(&first, "of the second");
    pass_on(&first, PHONE_USER, 10);
    rove_id again = phone_account(&first, "of the first again");
    assert_int_equal(phone_state(&first).former_batches, 2);
    settle(&first);
    assert_int_equal(phone_state(&first).former_batches, 0);
    assert_int_equal(author_of("Account", mine), PHONE_USER);
    assert_int_equal(author_of("Account", his), OTHER_USER);
    assert_int_equal(author_of("Account", again), PHONE_USER);
    assert_true(same_name(&first, "of the first") && same_name(&first, "of the first again"));
    assert_false(same_name(&first, "of the second"));
}

/* Headquarters allows less than the app: the account is refused, and the visit there waits for him. He is gone. */
static void d11_what_was_refused_goes_to_review(void **state) {
    rove__field *field = NULL;
    const rove__entity *entity = rove__registry_by_name(hq.registry, "Account");
    rove_id visit = 0;
    (void)state;

    memcpy(&field,
           &(const rove__field *){&entity->fields[rove__entity_field_named(entity, "name")]},
           sizeof field);
    field->max = 10;
    settle(&first);
    rove_id account = phone_account(&first, "a name that is too long for headquarters");
    (void)sync_ok(&first);
    assert_int_equal(phone_state(&first).rejections, 1);
    rove_field fields[] = {{"account_id", rove_int(account)},
                           {"planned_start", rove_int(SITE_NOW)}};
    phone_ok(&first, rove_insert(first.replica, "Visit", fields, 2, &visit, &first.error));
    (void)sync_ok(&first);
    assert_int_equal(phone_state(&first).pending, 1); /* D8 */
    pass_on(&first, OTHER_USER, 9);
    assert_int_equal(phone_state(&first).rejections, 0);
    settle(&first);
    assert_int_equal(phone_state(&first).former_batches, 0);
    assert_int_equal(memory_headquarters_reviews(hq.hq), 2);
}

static void d11_work_of_a_revoked_device_goes_to_review(void **state) {
    (void)state;
    settle(&first);
    rove_id unsent = phone_account(&first, "Bolt");
    pass_on(&first, OTHER_USER, 9);
    set_status(7, ROVE_DEVICE_REVOKED);
    settle(&first);
    assert_int_equal(phone_state(&first).former_batches, 0);
    assert_int_equal(author_of("Account", unsent), 0);
    assert_int_equal(memory_headquarters_reviews(hq.hq), 1);
}

/* ---- nothing of it stays ---- */

static void d11_nothing_of_the_user_before_can_be_read(void **state) {
    (void)state;
    rove_id account = phone_account(&first, "Canary & Sons");

    settle(&first);
    rename_account(&first, account, "Canary Ltd");
    (void)phone_account(&first, "Canary unsent");
    pass_on(&first, OTHER_USER, 9);
    assert_false(is_readable(&first, "Canary"));
    assert_int_equal(rows_shown(&first), 0);
    assert_int_equal(phone_state(&first).records, 0);
    assert_int_equal(phone_state(&first).remains, 0);
    assert_int_equal(in_file(&first, "SELECT (SELECT count(*) FROM _outbox) + (SELECT count(*)"
                                     " FROM _frame) + (SELECT count(*) FROM _rejection)"),
                     0);
    settle(&first);
    assert_int_equal(rows_shown(&first), 0);
    phone_close(&first);
    assert_false(is_readable(&first, "Canary"));
    phone_open(&first);
    settle(&first);
}

/* Once headquarters has it and is backed up, nothing is left of it at all. */
static void d11_what_was_delivered_is_deleted(void **state) {
    (void)state;
    settle(&first);
    (void)phone_account(&first, "Bolt");
    pass_on(&first, OTHER_USER, 9);
    settle(&first);
    back_up();
    settle(&first);
    assert_int_equal(in_file(&first, "SELECT (SELECT count(*) FROM _sealed)"
                                     " + (SELECT count(*) FROM _batch WHERE number < 0)"),
                     0);
}

/* docs/operating.md, "The sealing key": headquarters had another key for a while, and the former one was put back. */
static void d11_what_could_not_be_opened_comes_once_the_former_key_is_put_back(void **state) {
    (void)state;
    settle(&first);
    rove_id unsent = phone_account(&first, "Bolt");
    pass_on(&first, OTHER_USER, 9);
    rove__server_sealing was = hq.sealing;
    hq.sealing.key = (rove__bytes){hq.seals.device, hq.seals.device_size};
    hq.sealing.public_key = (rove__bytes){hq.seals.device_public, hq.seals.device_public_size};
    settle(&first);
    assert_int_equal(author_of("Account", unsent), 0);
    hq.sealing = was;
    settle(&first);
    settle(&first);
    assert_int_equal(author_of("Account", unsent), PHONE_USER);
    assert_int_equal(phone_state(&first).former_batches, 0);
}

static const rule_test tests[] = {
    RULE(d11_what_could_not_be_opened_comes_once_the_former_key_is_put_back),
    RULE(d11_unsent_work_of_the_user_before_arrives_as_his, ROVE_PLANT_D11_UNSENT_GONE,
         ROVE_PLANT_D11_STAYS, ROVE_PLANT_T03_SHUT),
    RULE(d11_what_had_arrived_is_not_taken_again),
    RULE(d11_what_is_kept_of_the_user_before_serves_a_restored_headquarters, ROVE_PLANT_P03_UNASKED,
         ROVE_PLANT_T03_SHUT),
    RULE(d11_users_may_take_turns, ROVE_PLANT_D11_UNSENT_GONE),
    RULE(d11_what_was_refused_goes_to_review, ROVE_PLANT_D11_REFUSED_GONE),
    RULE(d11_work_of_a_revoked_device_goes_to_review, ROVE_PLANT_D11_REVOKED),
    RULE(d11_nothing_of_the_user_before_can_be_read, ROVE_PLANT_D11_STAYS, ROVE_PLANT_D11_REMAINS),
    RULE(d11_what_was_delivered_is_deleted, ROVE_PLANT_D09_FOR_EVER),
};

int main(int argc, char **argv) {
    return RULES_MAIN(tests, pair_set_up, pair_tear_down, argc, argv);
}
