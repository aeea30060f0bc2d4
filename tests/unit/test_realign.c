/*
 * test_realign.c - customers change hands while reps are out with unsent work: real replicas against a real headquarters.
 * What was recorded arrives, each device ends with exactly what is its rep's, and nothing is moved that need not be.
 *
 * Ann works North and Bob South, until they change places. Ann has account a in North and w outside of any territory, Bob
 * has b in South. Contact k belongs to a and b, ka to a alone, kb to b alone.
 */
#include "team.h"

#include "assign/plan.h"

#include "rove/entities.pb-c.h"

typedef struct world {
    team *t;
    phone *ann;
    phone *bob;
    rove_id a, b, w;
    rove_id k, ka, kb;
} world;

#define hq_does(x, ...) team_does((x)->t, __VA_ARGS__)

static rove_id add_contact(world *x, const char *name) {
    hq_does(x, "add", "contact", team_text("last_name", name), team_text("external_id", name));
    return team_added(x->t);
}

static rove_id add_role(world *x, const char *contact, const char *account) {
    hq_does(x, "add", "account_contact_role", team_text("contact_id", contact),
            team_text("account_id", account));
    return team_added(x->t);
}

static void works(world *x, const char *user, const char *territory, const char *from,
                  const char *until) {
    hq_does(x, "add", "territory_assignment", team_text("user_id", user),
            team_text("territory_id", territory), team_text("valid_from", from),
            team_text("valid_to", until));
}

static void add_customers(world *x) {
    hq_does(x, "add", "account", "name=A", "external_id=a", "owner_id=ann", "territory_id=N");
    x->a = team_added(x->t);
    hq_does(x, "add", "account", "name=B", "external_id=b", "owner_id=bob", "territory_id=S");
    x->b = team_added(x->t);
    hq_does(x, "add", "account", "name=W", "external_id=w", "owner_id=ann");
    x->w = team_added(x->t);
    x->k = add_contact(x, "k");
    x->ka = add_contact(x, "ka");
    x->kb = add_contact(x, "kb");
    (void)add_role(x, "k", "a");
    (void)add_role(x, "k", "b");
    (void)add_role(x, "ka", "a");
    (void)add_role(x, "kb", "b");
}

static int set_up(void **state) {
    world *x = calloc(1, sizeof *x);

    assert_non_null(x);
    x->t = team_start();
    hq_does(x, "users", "add", "ann");
    hq_does(x, "users", "add", "bob");
    hq_does(x, "add", "territory", "name=North", "external_id=N");
    hq_does(x, "add", "territory", "name=South", "external_id=S");
    hq_does(x, "add", "product", "name=Bicycle");
    works(x, "ann", "N", "2024-01-01", "2025-11-29");
    works(x, "bob", "S", "2024-01-01", "2025-11-29");
    works(x, "bob", "N", "2025-11-30", "");
    works(x, "ann", "S", "2025-11-30", "");
    add_customers(x);
    hq_does(x, "assign", "--by-owner", "--all");
    x->ann = team_phone(x->t, "ann");
    x->bob = team_phone(x->t, "bob");
    team_settle(x->ann);
    team_settle(x->bob);
    *state = x;
    return 0;
}

static int tear_down(void **state) {
    world *x = *state;

    team_end(x->t);
    free(x);
    return 0;
}

static void swap(world *x) {
    hq_does(x, "assign", "--by-territory", "--as-of", "2025-11-30");
}

/* ---- a rep's work ---------------------------------------------------------------------------------------- */

static rove_id plan_visit(phone *p, rove_id account) {
    rove_field fields[] = {{"account_id", rove_int(account)},
                           {"planned_start", rove_int(p->now.wall_ms)},
                           {"purpose", rove_text("before the swap")}};
    rove_id id = 0;

    phone_ok(p, rove_insert(p->replica, "Visit", fields, 3, &id, &p->error));
    return id;
}

static rove_id write_note(phone *p, rove_id about, const char *text) {
    rove_field fields[] = {{"about_id", rove_int(about)},
                           {"created_at", rove_int(p->now.wall_ms)},
                           {"text", rove_text(text)}};
    rove_id id = 0;

    phone_ok(p, rove_insert(p->replica, "Note", fields, 3, &id, &p->error));
    return id;
}

static void set_text(phone *p, const char *entity, rove_id id, const char *field,
                     const char *text) {
    rove_field fields[] = {{field, rove_text(text)}};

    phone_ok(p, rove_update(p->replica, entity, id, fields, 1, &p->error));
}

static int64_t says(phone *p, const char *table, const char *field, const char *text) {
    char sql[200];

    (void)snprintf(sql, sizeof sql, "SELECT count(*) FROM %s WHERE %s = '%s'", table, field, text);
    return phone_number(p, sql);
}

/* ---- the night of the swap ------------------------------------------------------------------------------- */

static void test_work_goes_first_then_all_changes_in_the_same_exchange(void **state) {
    world *x = *state;

    rove_id visit = plan_visit(x->ann, x->a);
    rove_id note = write_note(x->ann, x->ka, "likes cycling");
    set_text(x->ann, "Account", x->a, "phone", "555-1");
    swap(x);
    rove_sync_report report = team_sync(x->ann);
    assert_int_equal(report.requests, 1);
    assert_int_equal(report.rows_pushed, 3);
    assert_int_equal(report.rejected + report.reviewed + report.lost, 0);
    assert_true(report.scopes_left > 0 && report.scopes_entered > 0);
    assert_true(report.verified);
    assert_int_equal(phone_state(x->ann).pending, 0);
    assert_false(team_shows(x->ann, "account", x->a));
    assert_false(team_shows(x->ann, "visit", visit));
    assert_true(team_shows(x->ann, "account", x->b));
    assert_true(team_shows(x->ann, "account", x->w));
    team_settle(x->bob);
    assert_true(team_shows(x->bob, "visit", visit));
    assert_true(team_shows(x->bob, "note", note));
    assert_int_equal(says(x->bob, "account", "phone", "555-1"), 1);
    assert_false(team_shows(x->bob, "account", x->b));
    hq_does(x, "review");
    assert_non_null(strstr(x->t->said.err, "Nothing waits"));
}

static void test_only_what_is_new_to_a_device_is_moved(void **state) {
    world *x = *state;

    swap(x);
    rove_sync_report report = team_sync(x->ann);
    /* b, kb, and the roles of k and kb there; k himself is on the device, and w is as it was */
    assert_int_equal(report.rows_applied, 4);
    /* a, ka, and the roles of k and ka there */
    assert_int_equal(report.rows_removed, 4);
    report = team_sync(x->ann);
    assert_int_equal(report.requests, 1);
    assert_int_equal(report.rows_applied + report.rows_removed, 0);
    assert_true(report.verified);
}

static void test_what_everybody_has_stays(void **state) {
    world *x = *state;

    swap(x);
    hq_does(x, "unassign", "ann", "--all");
    team_settle(x->ann);
    assert_int_equal(team_count(x->ann, "account"), 0);
    assert_int_equal(team_count(x->ann, "contact"), 0);
    assert_int_equal(team_count(x->ann, "product"), 1);
    assert_int_equal(team_count(x->ann, "territory"), 2);
    assert_int_equal(team_count(x->ann, "user"), 2);
}

static void test_a_contact_of_both_sides_stays_while_an_account_has_him(void **state) {
    world *x = *state;

    (void)add_role(x, "k", "w");
    team_settle(x->ann);
    set_text(x->ann, "Contact", x->k, "title", "buyer");
    swap(x);
    team_settle(x->ann);
    team_settle(x->bob);
    assert_true(team_shows(x->ann, "contact", x->k));
    assert_true(team_shows(x->bob, "contact", x->k));
    assert_int_equal(says(x->bob, "contact", "title", "buyer"), 1);
    assert_false(team_shows(x->ann, "contact", x->ka));
    assert_true(team_shows(x->ann, "contact", x->kb));
    hq_does(x, "reassign", "--from", "ann", "--to", "bob", "--territory", "S");
    team_settle(x->ann);
    assert_true(team_shows(x->ann, "contact", x->k)); /* w has him */
    assert_false(team_shows(x->ann, "contact", x->kb));
    hq_does(x, "reassign", "--from", "ann", "--to", "bob");
    team_settle(x->ann);
    assert_int_equal(team_count(x->ann, "contact"), 0);
}

static void test_a_contact_who_changes_accounts_that_night(void **state) {
    world *x = *state;
    rove_field role[] = {{"account_id", rove_int(x->w)}, {"contact_id", rove_int(x->ka)}};
    rove_id made = 0;
    char sql[128];

    /* Ann moves ka from a, which she is about to lose, to w, which she keeps. */
    (void)snprintf(sql, sizeof sql, "SELECT id FROM account_contact_role WHERE contact_id = %lld",
                   (long long)x->ka);
    rove_id old = phone_number(x->ann, sql);
    phone_ok(x->ann, rove_delete(x->ann->replica, "AccountContactRole", old, &x->ann->error));
    phone_ok(x->ann,
             rove_insert(x->ann->replica, "AccountContactRole", role, 2, &made, &x->ann->error));
    write_note(x->ann, x->ka, "now at W");
    swap(x);
    team_settle(x->bob);
    assert_true(team_shows(x->bob, "contact", x->ka)); /* nobody knows yet */
    team_settle(x->ann);
    /* By then she holds ka no more, so an operator says whether she is to have him (P14). */
    assert_false(team_shows(x->ann, "contact", x->ka));
    hq_does(x, "review", "accept", "1");
    team_settle(x->ann);
    assert_true(team_shows(x->ann, "contact", x->ka));
    team_settle(x->bob);
    assert_false(team_shows(x->bob, "contact", x->ka));
    assert_int_equal(says(x->ann, "note", "text", "now at W"), 1);
    /* And headquarters moves kb, whom Ann has got, to Bob's a. */
    (void)snprintf(sql, sizeof sql, "SELECT id FROM account_contact_role WHERE contact_id = %lld",
                   (long long)x->kb);
    (void)snprintf(sql, sizeof sql, "%lld", (long long)phone_number(x->ann, sql));
    hq_does(x, "delete", "account_contact_role", sql);
    (void)add_role(x, "kb", "a");
    team_settle(x->ann);
    team_settle(x->bob);
    assert_false(team_shows(x->ann, "contact", x->kb));
    assert_true(team_shows(x->bob, "contact", x->kb));
}

/* ---- leads ----------------------------------------------------------------------------------------------- */

typedef struct conversion {
    rove_id lead, account, contact;
} conversion;

/* As an app does it: one transaction. */
static void convert(phone *p, conversion *made) {
    rove_field account[] = {{"name", rove_text("Lead Ltd")}};
    rove_field contact[] = {{"last_name", rove_text("Leader")}};
    rove_id role = 0;

    phone_ok(p, rove_begin(p->replica, &p->error));
    phone_ok(p, rove_insert(p->replica, "Account", account, 1, &made->account, &p->error));
    phone_ok(p, rove_insert(p->replica, "Contact", contact, 1, &made->contact, &p->error));
    rove_field join[] = {{"account_id", rove_int(made->account)},
                         {"contact_id", rove_int(made->contact)}};
    phone_ok(p, rove_insert(p->replica, "AccountContactRole", join, 2, &role, &p->error));
    rove_field lead[] = {{"status", rove_int(ROVE__LEAD__STATUS__CONVERTED)},
                         {"converted_account_id", rove_int(made->account)},
                         {"converted_contact_id", rove_int(made->contact)}};
    phone_ok(p, rove_update(p->replica, "Lead", made->lead, lead, 3, &p->error));
    phone_ok(p, rove_commit(p->replica, &p->error));
}

static rove_id add_lead(world *x) {
    hq_does(x, "add", "lead", "last_name=Leader", "external_id=l", "owner_id=ann", "territory_id=N",
            "status=IN_PROCESS");
    rove_id id = team_added(x->t);
    hq_does(x, "assign", "ann", "--lead", "l");
    return id;
}

static void test_a_converted_lead_goes_with_what_it_became(void **state) {
    world *x = *state;
    conversion made = {.lead = add_lead(x)};

    team_settle(x->ann);
    convert(x->ann, &made);
    team_settle(x->ann);
    assert_true(team_shows(x->ann, "account", made.account));
    hq_does(x, "reassign", "--from", "ann", "--to", "bob");
    team_settle(x->ann);
    team_settle(x->bob);
    assert_int_equal(team_count(x->ann, "account"), 0);
    assert_int_equal(team_count(x->ann, "lead"), 0);
    assert_int_equal(team_count(x->ann, "contact"), 0);
    assert_true(team_shows(x->bob, "account", made.account));
    assert_true(team_shows(x->bob, "contact", made.contact));
    assert_true(team_shows(x->bob, "lead", made.lead));
}

/* The lead is somebody else's by now: what she made of it is hers, the lead is not. */
static void test_a_lead_that_is_converted_while_it_changes_hands(void **state) {
    world *x = *state;
    conversion made = {.lead = add_lead(x)};

    team_settle(x->ann);
    convert(x->ann, &made);
    swap(x);
    rove_sync_report report = team_sync(x->ann);
    assert_int_equal(report.rejected + report.reviewed, 0);
    team_settle(x->ann);
    team_settle(x->bob);
    assert_true(team_shows(x->ann, "account", made.account));
    assert_true(team_shows(x->ann, "contact", made.contact));
    assert_false(team_shows(x->ann, "lead", made.lead));
    assert_true(team_shows(x->bob, "lead", made.lead));
    assert_int_equal(phone_number(x->bob, "SELECT converted_account_id FROM lead"), made.account);
    assert_false(team_shows(x->bob, "account", made.account));
}

/* ---- merged duplicates ----------------------------------------------------------------------------------- */

static void merge(phone *p, rove_id loser, rove_id winner) {
    const rove_value none = {.type = ROVE_NULL};
    rove_field fields[] = {{"merged_into_id", winner == 0 ? none : rove_int(winner)}};

    phone_ok(p, rove_update(p->replica, "Account", loser, fields, 1, &p->error));
}

static int64_t merged_into(phone *p, rove_id account) {
    char sql[128];

    (void)snprintf(sql, sizeof sql,
                   "SELECT coalesce(merged_into_id, 0) FROM account WHERE id = %lld",
                   (long long)account);
    return phone_number(p, sql);
}

static void test_merged_duplicates_change_hands_and_come_apart_again(void **state) {
    world *x = *state;

    hq_does(x, "add", "account", "name=A2", "external_id=a2", "owner_id=ann", "territory_id=N");
    rove_id duplicate = team_added(x->t);
    hq_does(x, "assign", "ann", "--account", "a2");
    team_settle(x->ann);
    merge(x->ann, duplicate, x->a); /* not sent yet */
    swap(x);
    team_settle(x->ann);
    team_settle(x->bob);
    assert_int_equal(team_count(x->ann, "account"), 2); /* b and w */
    assert_int_equal(merged_into(x->bob, duplicate), x->a);
    merge(x->bob, duplicate, 0);
    team_settle(x->bob);
    hq_does(x, "show", "account", "a2");
    assert_null(strstr(x->t->said.out, "merged_into_id"));
}

/* The winner is somebody else's: the loser goes on to name it, and can be taken apart where it is. */
static void test_a_duplicate_stays_when_what_it_was_merged_into_goes(void **state) {
    world *x = *state;

    merge(x->ann, x->w, x->a);
    team_settle(x->ann);
    swap(x);
    team_settle(x->ann);
    team_settle(x->bob);
    assert_int_equal(merged_into(x->ann, x->w), x->a);
    assert_false(team_shows(x->ann, "account", x->a));
    assert_false(team_shows(x->bob, "account", x->w));
    merge(x->ann, x->w, 0);
    team_settle(x->ann);
    hq_does(x, "show", "account", "w");
    assert_null(strstr(x->t->said.out, "merged_into_id"));
}

/* ---- what is left behind --------------------------------------------------------------------------------- */

/* Many records, so that pages are split and rows move about in the file. */
static void fill_the_file(world *x) {
    for (int i = 0; i < 200; i++) {
        char text[400];
        memset(text, 'x', sizeof text);
        int size = snprintf(text, sizeof text, "%s %d ", i % 2 ? "CANARY" : "SPARROW", i);
        text[size] = 'x';
        text[100 + i] = '\0';
        (void)write_note(x->ann, i % 2 ? x->a : x->w, text);
    }
    team_settle(x->ann);
    hq_does(x, "set", "account", "a", "phone=CANARY-7");
    hq_does(x, "set", "contact", "ka", "email=CANARY@example.com");
    team_settle(x->ann);
}

/* Records, work that was acknowledged, work that was not sent: nothing of a is in any byte of the files. */
static void test_nothing_stays_in_the_files_of_the_former_holder(void **state) {
    world *x = *state;

    fill_the_file(x);
    assert_true(team_file_has(x->ann, "CANARY"));
    assert_false(phone_state(x->ann).remains);
    (void)write_note(x->ann, x->a, "CANARY: not sent yet");
    set_text(x->ann, "Contact", x->ka, "title", "CANARY: nor this");
    swap(x);
    (void)team_sync(x->ann);
    assert_true(phone_state(x->ann).remains);
    phone_ok(x->ann, rove_tidy(x->ann->replica, &x->ann->error));
    assert_false(phone_state(x->ann).remains);
    assert_false(team_file_has(x->ann, "CANARY"));
    assert_true(team_file_has(x->ann, "SPARROW"));
    assert_int_equal(team_count(x->ann, "note"), 100);
    assert_int_equal(team_count(x->ann, "product"), 1);
    team_settle(x->ann);
    team_settle(x->bob);
    assert_int_equal(says(x->bob, "note", "text", "CANARY: not sent yet"), 1);
    assert_int_equal(team_count(x->bob, "note"), 101);
}

/* Work on what has left already, acknowledged later: it leaves nothing either. */
static void test_late_work_on_what_has_left_stays_nowhere(void **state) {
    world *x = *state;

    fill_the_file(x);
    (void)write_note(x->ann, x->a, "CANARY: frozen, and the answer was lost");
    x->ann->cut_at = 1;
    x->ann->cut_status = ROVE_NETWORK;
    assert_int_equal(rove_sync(x->ann->replica, NULL, NULL, &x->ann->error), ROVE_NETWORK);
    x->ann->cut_at = 0;
    swap(x);
    team_settle(x->ann);
    phone_ok(x->ann, rove_tidy(x->ann->replica, &x->ann->error));
    assert_false(phone_state(x->ann).remains);
    assert_false(team_file_has(x->ann, "CANARY"));
}

/* ---- there and back -------------------------------------------------------------------------------------- */

static void test_there_and_back_within_one_absence_moves_nothing(void **state) {
    world *x = *state;

    for (int i = 0; i < 20; i++) {
        (void)write_note(x->ann, x->a, "something to be downloaded, if it were");
    }
    team_settle(x->ann);
    rove_id visit = plan_visit(x->ann, x->a);
    hq_does(x, "reassign", "--from", "ann", "--to", "bob");
    hq_does(x, "set", "account", "a", "phone=555-2");
    hq_does(x, "reassign", "--from", "bob", "--to", "ann", "--territory", "N");
    hq_does(x, "reassign", "--from", "bob", "--to", "ann", "--entity", "account");
    rove_sync_report report = team_sync(x->ann);
    assert_int_equal(report.scopes_left, 0);
    assert_int_equal(report.rows_removed, 0);
    assert_int_equal(report.reviewed, 0);
    assert_true(report.verified);
    /* The owner was written twice, and the telephone once: cells of a and w, and Bob's b came with the rest. */
    assert_int_equal(report.scopes_entered, 2); /* b and kb */
    assert_int_equal(says(x->ann, "account", "phone", "555-2"), 1);
    assert_int_equal(team_count(x->ann, "note"), 20);
    assert_true(team_shows(x->ann, "visit", visit));
    report = team_sync(x->bob);
    assert_int_equal(report.rows_applied, 0);
    team_settle(x->bob);
    assert_int_equal(team_count(x->bob, "account"), 0);
}

/* What happened on the other side in between is not missed. */
static void test_what_was_done_by_the_other_in_between_comes(void **state) {
    world *x = *state;

    hq_does(x, "reassign", "--from", "ann", "--to", "bob", "--territory", "N");
    team_settle(x->bob);
    rove_id note = write_note(x->bob, x->a, "while it was mine");
    rove_id visit = plan_visit(x->bob, x->a);
    team_settle(x->bob);
    phone_ok(x->bob, rove_delete(x->bob->replica, "Visit", visit, &x->bob->error));
    team_settle(x->bob);
    hq_does(x, "reassign", "--from", "bob", "--to", "ann", "--territory", "N");
    rove_sync_report report = team_sync(x->ann);
    assert_int_equal(report.scopes_entered, 0);
    assert_true(report.verified);
    assert_true(team_shows(x->ann, "note", note));
    assert_false(team_shows(x->ann, "visit", visit));
}

/* An answer that was cut may have taken the account away; then it has to come again. */
static void test_a_cut_in_between_brings_it_again(void **state) {
    world *x = *state;

    for (size_t cut = 40; cut < 600; cut += 20) {
        hq_does(x, "reassign", "--from", "ann", "--to", "bob");
        x->ann->cut_at = cut;
        x->ann->cut_status = ROVE_NETWORK;
        rove_status status = rove_sync(x->ann->replica, NULL, NULL, &x->ann->error);
        assert_true(status == ROVE_OK || status == ROVE_NETWORK);
        x->ann->cut_at = 0;
        hq_does(x, "reassign", "--from", "bob", "--to", "ann");
        team_settle(x->ann);
        assert_int_equal(team_count(x->ann, "account"), 3);
        assert_int_equal(team_count(x->ann, "contact"), 3);
    }
}

/* ---- two devices, two minds ------------------------------------------------------------------------------ */

static void test_both_devices_of_the_former_holder_deliver(void **state) {
    world *x = *state;
    phone *tablet = team_phone(x->t, "ann");

    team_settle(tablet);
    rove_id of_phone = write_note(x->ann, x->a, "from the telephone");
    rove_id of_tablet = write_note(tablet, x->a, "from the tablet");
    swap(x);
    team_settle(x->ann);
    team_settle(x->bob);
    assert_true(team_shows(x->bob, "note", of_phone));
    (void)write_note(x->bob, x->a, "and mine");
    team_settle(x->bob);
    team_settle(tablet); /* weeks later */
    team_settle(x->bob);
    assert_true(team_shows(x->bob, "note", of_tablet));
    assert_int_equal(team_count(x->bob, "note"), 3);
    assert_int_equal(team_count(tablet, "note"), 0);
    assert_false(team_shows(tablet, "account", x->a));
}

/* Both wrote the same field, the former holder without having seen the new one's value: nothing is lost. */
static void test_former_and_new_holder_write_the_same_field(void **state) {
    world *x = *state;

    set_text(x->ann, "Account", x->a, "phone", "ann's");
    swap(x);
    team_settle(x->bob);
    x->bob->now.boot_ms += 5000;
    set_text(x->bob, "Account", x->a, "phone", "bob's");
    team_settle(x->bob);
    rove_sync_report report = team_sync(x->ann);
    assert_int_equal(report.reviewed + report.rejected, 0);
    team_settle(x->bob);
    assert_int_equal(phone_state(x->bob).conflicts, 1);
    assert_int_equal(phone_state(x->ann).conflicts, 0); /* it is no longer hers to settle */
}

/* ---- a plan ---------------------------------------------------------------------------------------------- */

static void test_work_done_before_the_day_came_is_honest(void **state) {
    world *x = *state;
    size_t count = 0;

    hq_does(x, "reassign", "--from", "ann", "--to", "bob", "--effective", "2100-01-01");
    rove_id visit = plan_visit(x->ann, x->a);
    x->t->h.clock.offset_ms += INT64_C(80) * 365 * PHONE_DAY_MS;
    assert_int_equal(plan_run_due(x->t->h.hq, hq_now_ms(x->t->h.hq), &count, NULL), ROVE_OK);
    assert_int_equal(count, 1);
    rove_sync_report report = team_sync(x->ann);
    assert_int_equal(report.reviewed + report.rejected, 0);
    assert_int_equal(team_count(x->ann, "account"), 0);
    team_settle(x->bob);
    assert_true(team_shows(x->bob, "visit", visit));
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_work_goes_first_then_all_changes_in_the_same_exchange),
        TEST(test_only_what_is_new_to_a_device_is_moved),
        TEST(test_what_everybody_has_stays),
        TEST(test_a_contact_of_both_sides_stays_while_an_account_has_him),
        TEST(test_a_contact_who_changes_accounts_that_night),
        TEST(test_a_converted_lead_goes_with_what_it_became),
        TEST(test_a_lead_that_is_converted_while_it_changes_hands),
        TEST(test_merged_duplicates_change_hands_and_come_apart_again),
        TEST(test_a_duplicate_stays_when_what_it_was_merged_into_goes),
        TEST(test_nothing_stays_in_the_files_of_the_former_holder),
        TEST(test_late_work_on_what_has_left_stays_nowhere),
        TEST(test_there_and_back_within_one_absence_moves_nothing),
        TEST(test_what_was_done_by_the_other_in_between_comes),
        TEST(test_a_cut_in_between_brings_it_again),
        TEST(test_both_devices_of_the_former_holder_deliver),
        TEST(test_former_and_new_holder_write_the_same_field),
        TEST(test_work_done_before_the_day_came_is_honest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
