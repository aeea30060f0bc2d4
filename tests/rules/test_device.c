/*
 * test_device.c - the rules that a device keeps (D1 to D10, and Q5, Q6, G1 at its end, of docs/protocol.md), over the app's
 * own handle, each with the planted bugs that it has to notice.
 */
#include <sqlite3.h>

#include "base/planted.h"
#include "pair.h"
#include "teeth.h"

static rove_id held_account(const char *name) {
    rove_id id = site_account(&hq, name);

    site_grant(&hq, PHONE_USER, id);
    return id;
}

/* One exchange, with something that happens on the phone while the answer is on its way. */
static void one_exchange(phone *p, void (*meanwhile)(phone *p)) {
    rove_exchange *exchange = NULL;
    uint8_t bytes[4096];
    size_t size = 1;
    rove__buf body;
    rove__buf answer;

    rove__buf_init(&body, &p->own, ROVE_BATCH_BYTES_MAX);
    rove__buf_init(&answer, &p->own, ROVE_BATCH_BYTES_MAX);
    phone_ok(p, rove_exchange_new(p->replica, 0, &exchange, &p->error));
    while (size > 0) {
        phone_ok(p, rove_exchange_request(exchange, bytes, sizeof bytes, &size, &p->error));
        rove__buf_append(&body, bytes, size);
    }
    serve(p, &body, &answer);
    if (meanwhile != NULL) {
        meanwhile(p);
    }
    phone_ok(p, rove_exchange_answer(exchange, answer.data, answer.size, &p->error));
    phone_ok(p, rove_exchange_finish(exchange, ROVE_OK, NULL, NULL, &p->error));
    rove__buf_free(&body);
    rove__buf_free(&answer);
}

static rove_id ajax; /* an account that the first phone holds */

static void hold_ajax(void) {
    ajax = held_account("Ajax");
    settle(&first);
}

static void headquarters_renames(const char *name) {
    rove__row *row = site_row(&hq, "Account", ajax);

    hq.now_ms += 1000;
    site_text(row, "name", name);
    site_update(&hq, row);
}

static void call_it_mine(phone *p) {
    p->now.boot_ms += 500;
    rename_account(p, ajax, "mine");
}

/* ---- what lies beneath pending work ---- */

static void d01_undo_shows_what_headquarters_said_last(void **state) {
    (void)state;

    hold_ajax();
    headquarters_renames("theirs");
    one_exchange(&first, call_it_mine);
    assert_true(same_name(&first, "mine"));
    phone_ok(&first, rove_undo(first.replica, "Account", ajax, &first.error));
    assert_true(same_name(&first, "theirs"));
}

/* Headquarters lost its last rename with the disk: what is older there is right. */
static void d02_headquarters_replaces_newer_with_older(void **state) {
    (void)state;

    hold_ajax();
    size_t backup = memory_headquarters_backup(hq.hq);
    headquarters_renames("lost");
    settle(&first);
    memory_headquarters_restore(hq.hq, backup, 99, 999);
    settle(&first);
    assert_true(same_name(&first, "Ajax"));
}

/* He saw "Ajax" when he began to edit; what came in between he never saw. */
static void d03_the_first_edit_says_what_was_seen(void **state) {
    (void)state;

    hold_ajax();
    headquarters_renames("theirs");
    one_exchange(&first, call_it_mine);
    first.now.boot_ms += 2000;
    rename_account(&first, ajax, "mine, again");
    settle(&first);
    assert_int_equal(site_conflicts(&hq, ajax), 1);
}

static void d04_what_was_written_together_arrives_together(void **state) {
    rove_field visit[] = {{"account_id", rove_int(0)}, {"planned_start", rove_int(SITE_NOW)}};
    rove_id id = 0;
    (void)state;

    settle(&first);
    phone_ok(&first, rove_begin(first.replica, &first.error));
    visit[0].value = rove_int(phone_account(&first, "made with its visits"));
    for (int i = 0; i < 5; i++) {
        phone_ok(&first, rove_insert(first.replica, "Visit", visit, 2, &id, &first.error));
    }
    phone_ok(&first, rove_commit(first.replica, &first.error));
    assert_int_equal(sync_ok(&first).batches, 1);
}

static void d05_unsent_work_outlives_its_scope(void **state) {
    (void)state;

    hold_ajax();
    site_revoke(&hq, PHONE_USER, ajax);
    one_exchange(&first, call_it_mine);
    assert_int_equal(phone_number(&first, "SELECT count(*) FROM account"), 0);
    assert_int_equal(phone_state(&first).pending, 1);
    settle(&first);
    rove_value name = site_cell(&hq, "Account", ajax, "name");
    assert_int_equal(name.size, strlen("mine"));
}

static void d06_what_is_written_during_a_sync_stays(void **state) {
    (void)state;

    hold_ajax();
    first.now.boot_ms += 500;
    rename_account(&first, ajax, "sent");
    one_exchange(&first, call_it_mine);
    assert_true(same_name(&first, "mine"));
    settle(&first);
    rove_value name = site_cell(&hq, "Account", ajax, "name");
    assert_int_equal(name.size, strlen("mine"));
    assert_int_equal(site_conflicts(&hq, ajax), 0);
}

/* An app that allows shorter names than headquarters. */
static void d07_what_could_not_be_applied_leaves_with_its_scope(void **state) {
    const rove__entity *entity = NULL;
    rove__field *field = NULL;
    (void)state;

    hold_ajax();
    entity = rove__registry_by_name(rove__store_registry(first.replica->store), "Account");
    memcpy(&field,
           &(const rove__field *){&entity->fields[rove__entity_field_named(entity, "name")]},
           sizeof field);
    field->max = 10;
    headquarters_renames("a name that is too long for it");
    settle(&first);
    assert_int_equal(phone_state(&first).quarantined, 1);
    site_revoke(&hq, PHONE_USER, ajax);
    settle(&first);
    assert_int_equal(phone_state(&first).quarantined, 0);
}

/* Headquarters allows less than the app: the account is refused, and the visit there with it. */
static void d08_a_refused_record_holds_what_is_about_it(void **state) {
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
    rove_field fields[] = {{"account_id", rove_int(account)},
                           {"planned_start", rove_int(SITE_NOW)}};
    phone_ok(&first, rove_insert(first.replica, "Visit", fields, 2, &visit, &first.error));
    (void)sync_ok(&first);
    assert_int_equal(phone_state(&first).rejections, 2);
    assert_int_equal(memory_headquarters_reviews(hq.hq), 0);
}

static rove_status take_time(void *ctx, const rove_pending *pending) {
    *(int64_t *)ctx = pending->at_ms;
    return ROVE_OK;
}

/* It was 2100 until the first contact. */
static void d10_a_clock_that_was_wrong_heals(void **state) {
    int64_t at_ms = 0;
    (void)state;

    first.now.wall_ms += 75 * 365 * PHONE_DAY_MS;
    (void)phone_account(&first, "made in 2100");
    settle(&first);
    (void)phone_account(&first, "made today");
    phone_ok(&first, rove_pending_list(first.replica, take_time, &at_ms, &first.error));
    assert_true(at_ms < SITE_NOW + 365 * PHONE_DAY_MS);
}

/* ---- downloads ---- */

/* What headquarters made since its backup, and lost, is no longer shown. */
static void q05_what_was_not_named_leaves(void **state) {
    rove_id account = held_account("Ajax");
    (void)state;

    settle(&first);
    size_t backup = memory_headquarters_backup(hq.hq);
    (void)site_visit(&hq, account, SITE_NOW);
    settle(&first);
    assert_int_equal(phone_number(&first, "SELECT count(*) FROM visit"), 1);
    memory_headquarters_restore(hq.hq, backup, 99, 999);
    settle(&first);
    assert_int_equal(phone_number(&first, "SELECT count(*) FROM visit"), 0);
}

static void q06_half_a_download_says_so(void **state) {
    (void)state;

    for (int i = 0; i < 300; i++) {
        (void)held_account("one of three hundred");
    }
    hq.page_rows = 5;
    rove_sync_options options = {.size = sizeof options, .bytes_max = 200};
    phone_is(&first, rove_sync(first.replica, &options, NULL, &first.error), ROVE_LIMIT);
    assert_true(phone_state(&first).catching_up);
    assert_true(phone_number(&first, "SELECT count(*) FROM account") > 0);
    settle(&first);
    assert_false(phone_state(&first).catching_up);
}

/* A value that was changed behind Rove's back. */
static void g01_a_digest_speaks_of_every_value(void **state) {
    char path[200];
    sqlite3 *db = NULL;
    (void)state;

    (void)held_account("Ajax");
    settle(&first);
    phone_close(&first);
    snprintf(path, sizeof path, "%s/replica.db", first.folder);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "UPDATE account SET name = 'Ajay'", NULL, NULL, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    phone_open(&first);
    phone_is(&first, rove_verify(first.replica, NULL, &first.error), ROVE_CORRUPT);
}

static const rule_test tests[] = {
    RULE(d01_undo_shows_what_headquarters_said_last, ROVE_PLANT_D01_STALE),
    RULE(d02_headquarters_replaces_newer_with_older, ROVE_PLANT_D02_JOIN),
    RULE(d03_the_first_edit_says_what_was_seen, ROVE_PLANT_D03_LAST_BASE),
    RULE(d04_what_was_written_together_arrives_together, ROVE_PLANT_D04_SPLIT),
    RULE(d05_unsent_work_outlives_its_scope, ROVE_PLANT_D05_DROPPED),
    RULE(d06_what_is_written_during_a_sync_stays, ROVE_PLANT_D06_TRAMPLES),
    RULE(d07_what_could_not_be_applied_leaves_with_its_scope, ROVE_PLANT_D07_STAYS),
    RULE(d08_a_refused_record_holds_what_is_about_it, ROVE_PLANT_D08_ORPHANS),
    RULE(d10_a_clock_that_was_wrong_heals, ROVE_PLANT_D10_STUCK),
    RULE(q05_what_was_not_named_leaves, ROVE_PLANT_Q05_LEFTOVERS),
    RULE(q06_half_a_download_says_so, ROVE_PLANT_Q06_UNCONFESSED),
    RULE(g01_a_digest_speaks_of_every_value, ROVE_PLANT_G01_CLOCKS_ONLY),
};

int main(int argc, char **argv) {
    return RULES_MAIN(tests, pair_set_up, pair_tear_down, argc, argv);
}
