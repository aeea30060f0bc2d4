/*
 * test_reassign.c - customers pass from one rep to another: now, piece by piece, on a day to come, or by who works their
 * territory. Owner and assignment always agree.
 */
#include "headquarters.h"

#include "assign/assign.h"
#include "assign/plan.h"
#include "assign/realign.h"

#define DAY_MS INT64_C(86400000)

typedef struct world {
    headquarters h;
    said said;
} world;

static void says(const world *w, const char *text) {
    if (strstr(w->said.out, text) == NULL && strstr(w->said.err, text) == NULL) {
        fail_msg("'%s' is not in:\n%s%s", text, w->said.out, w->said.err);
    }
}

#define run(w, ...) headquarters_run(&(w)->h, &(w)->said, __VA_ARGS__, NULL)
#define does(w, ...)                                                                               \
    do {                                                                                           \
        if (run(w, __VA_ARGS__) != HQ_EXIT_DONE) {                                                 \
            fail_msg("%s: %s", #__VA_ARGS__, (w)->said.err);                                       \
        }                                                                                          \
    } while (0)

/* The id that `add` printed. */
static const char *added(const world *w, char id[32]) {
    assert_int_equal(sscanf(w->said.out, "%31s", id), 1);
    return id;
}

/* "field=id" for an argument. */
static const char *to_id(const char *field, const char *id, char text[64]) {
    (void)snprintf(text, 64, "%s=%s", field, id);
    return text;
}

static void id_of(world *w, const char *entity, const char *external_id, char id[32]) {
    does(w, "show", entity, external_id);
    assert_int_equal(sscanf(w->said.out, "%*s %31s", id), 1);
}

/* ---- who has what --------------------------------------------------------------------------------------- */

/* The names that lines with this beginning end with, in parentheses or not. */
static void names(const world *w, const char *beginning, char found[200]) {
    found[0] = '\0';
    for (const char *line = strstr(w->said.out, beginning); line != NULL;
         line = strstr(line + 1, beginning)) {
        const char *end = strchr(line, '\n');
        const char *at = end;
        size_t used = strlen(found);
        while (at > line && at[-1] != '(' && at[-1] != ' ') {
            at--;
        }
        (void)snprintf(found + used, 200 - used, "%s%.*s", used > 0 ? " " : "",
                       (int)(end - at - (end[-1] == ')')), at);
    }
}

/* The record is this user's: he owns it, and holds it alone. */
static void has(world *w, const char *user, const char *entity, const char *id) {
    char found[200];

    does(w, "show", entity, id);
    names(w, "  owner_id", found);
    assert_string_equal(found, user);
    names(w, "  assigned to", found);
    assert_string_equal(found, user);
}

static void held_by(world *w, const char *entity, const char *id, const char *expected) {
    char found[200];

    does(w, "show", entity, id);
    names(w, "  assigned to", found);
    assert_string_equal(found, expected);
}

static void owned_by(world *w, const char *entity, const char *id, const char *expected) {
    char found[200];

    does(w, "show", entity, id);
    names(w, "  owner_id", found);
    assert_string_equal(found, expected);
}

static void field_is(world *w, const char *entity, const char *id, const char *field,
                     const char *user) {
    char found[200];
    char line[40];

    (void)snprintf(line, sizeof line, "  %s ", field);
    does(w, "show", entity, id);
    names(w, line, found);
    assert_string_equal(found, user);
}

/* Ann has accounts a (North) and b (South), Bob has c (North), and a contact k of a and c; leads of North. */
static int set_up(void **state) {
    world *w = calloc(1, sizeof *w);

    assert_non_null(w);
    headquarters_start(&w->h);
    does(w, "users", "add", "ann", "--external-id", "1");
    does(w, "users", "add", "bob", "--external-id", "2");
    does(w, "users", "add", "cy", "--external-id", "3");
    does(w, "add", "territory", "name=North", "external_id=N");
    does(w, "add", "territory", "name=South", "external_id=S");
    does(w, "add", "account", "name=A", "external_id=a", "owner_id=ann", "territory_id=N");
    does(w, "add", "account", "name=B", "external_id=b", "owner_id=ann", "territory_id=S");
    does(w, "add", "account", "name=C", "external_id=c", "owner_id=bob", "territory_id=N");
    does(w, "add", "lead", "last_name=L", "external_id=l", "owner_id=ann", "territory_id=N");
    does(w, "add", "lead", "last_name=D", "external_id=d", "owner_id=ann", "status=DEAD");
    does(w, "assign", "--by-owner", "--all");
    *state = w;
    return 0;
}

static int tear_down(void **state) {
    world *w = *state;

    headquarters_end(&w->h);
    free(w);
    return 0;
}

static void contact_at(world *w, const char *name, const char *account, const char *owner) {
    char external_id[64];
    char text[64];

    does(w, "add", "contact", to_id("last_name", name, text),
         to_id("external_id", name, external_id));
    if (owner != NULL) {
        does(w, "set", "contact", name, to_id("owner_id", owner, text));
        does(w, "assign", owner, "--contact", name);
    }
    does(w, "add", "account_contact_role", to_id("contact_id", name, text),
         to_id("account_id", account, external_id));
}

/* ---- reassign ------------------------------------------------------------------------------------------- */

static void test_all_that_one_has_becomes_anothers(void **state) {
    world *w = *state;

    does(w, "assign", "cy", "--account", "a");
    does(w, "reassign", "--from", "ann", "--to", "bob");
    says(w, "ann to bob: 2 accounts, 1 leads, 0 contacts");
    held_by(w, "account", "a", "bob cy");
    owned_by(w, "account", "a", "bob");
    has(w, "bob", "account", "b");
    has(w, "bob", "account", "c");
    has(w, "bob", "lead", "l");
    has(w, "ann", "lead", "d"); /* nobody works on it */
    does(w, "reassign", "--from", "ann", "--to", "bob");
    says(w, "0 accounts, 0 leads");
    does(w, "acts", "--limit", "1");
    says(w, "reassign     ann to bob");
}

static void test_only_a_territory_or_an_entity(void **state) {
    world *w = *state;

    does(w, "reassign", "--from", "ann", "--to", "bob", "--territory", "N", "--entity", "account");
    has(w, "bob", "account", "a");
    has(w, "ann", "account", "b");
    has(w, "ann", "lead", "l");
    does(w, "reassign", "--from", "ann", "--to", "bob", "--territory", "N");
    has(w, "bob", "lead", "l");
    has(w, "ann", "account", "b");
}

/* Held without being owned, owned without being held: afterwards both agree. */
static void test_owner_and_assignment_agree_afterwards(void **state) {
    world *w = *state;

    does(w, "add", "account", "name=E", "external_id=e");
    does(w, "assign", "ann", "--account", "e");
    does(w, "unassign", "ann", "--account", "b");
    does(w, "assign", "ann", "--account", "c");
    does(w, "reassign", "--from", "ann", "--to", "cy");
    has(w, "cy", "account", "e");
    has(w, "cy", "account", "b");
    owned_by(w, "account", "c", "bob"); /* ann only helped */
    held_by(w, "account", "c", "bob cy");
}

static void test_a_contact_goes_with_the_last_of_his_accounts(void **state) {
    world *w = *state;

    contact_at(w, "k", "a", "ann");
    does(w, "add", "account_contact_role", "contact_id=k", "account_id=b");
    contact_at(w, "m", "a", "ann");
    contact_at(w, "n", "a", NULL);
    does(w, "reassign", "--from", "ann", "--to", "bob", "--territory", "N");
    says(w, "1 accounts, 1 leads, 2 contacts");
    has(w, "ann", "contact", "k"); /* b entails him still */
    has(w, "bob", "contact", "m");
    held_by(w, "contact", "n", ""); /* by his role alone */
    does(w, "reassign", "--from", "ann", "--to", "bob", "--territory", "S");
    says(w, "1 accounts, 0 leads, 1 contacts");
    has(w, "bob", "contact", "k");
    contact_at(w, "x", "c", "ann"); /* ann's own, at an account of bob's */
    does(w, "reassign", "--from", "ann", "--to", "cy");
    has(w, "cy", "contact", "x");
}

static void test_work_that_is_to_be_done_goes_along(void **state) {
    world *w = *state;
    char account[32];
    char contact[32];
    char open[32];
    char done[32];
    char of_contact[32];
    char of_cy[32];
    char planned[32];
    char sealed[32];
    char past[32];
    char held[32];
    char about[64];
    char when[64];

    contact_at(w, "k", "a", NULL);
    id_of(w, "account", "a", account);
    id_of(w, "contact", "k", contact);
    to_id("about_id", account, about);
    does(w, "add", "task", about, "subject=t", "assigned_to_id=ann");
    added(w, open);
    does(w, "add", "task", about, "subject=t", "assigned_to_id=ann", "status=COMPLETED");
    added(w, done);
    does(w, "add", "task", about, "subject=t", "assigned_to_id=cy");
    added(w, of_cy);
    does(w, "add", "task", to_id("about_id", contact, about), "subject=t", "assigned_to_id=ann");
    added(w, of_contact);
    int64_t now = hq_now_ms(w->h.hq);
    char day[ROVE_TIME_TEXT_SIZE];
    rove__time_format(now + 40 * DAY_MS, day);
    to_id("planned_start", day, when);
    does(w, "add", "visit", "account_id=a", when, "visitor_id=ann", "status=PLANNED");
    added(w, planned);
    does(w, "add", "visit", "account_id=a", when, "visitor_id=ann", "status=CANCELLED");
    added(w, held);
    does(w, "add", "visit", "account_id=a", when, "visitor_id=ann", "status=PLANNED",
         "sealed_at=2020-01-01");
    added(w, sealed);
    does(w, "add", "visit", "account_id=a", "planned_start=2020-01-01", "visitor_id=ann",
         "status=PLANNED");
    added(w, past);
    does(w, "reassign", "--from", "ann", "--to", "bob");
    says(w, "1 contacts, 2 open tasks, 1 planned visits");
    field_is(w, "task", open, "assigned_to_id", "bob");
    field_is(w, "task", of_contact, "assigned_to_id", "bob");
    field_is(w, "task", done, "assigned_to_id", "ann");
    field_is(w, "task", of_cy, "assigned_to_id", "cy");
    field_is(w, "visit", planned, "visitor_id", "bob");
    field_is(w, "visit", held, "visitor_id", "ann");
    field_is(w, "visit", past, "visitor_id", "ann");
    field_is(w, "visit", sealed, "visitor_id", "ann");
}

static void test_a_converted_lead_goes_with_its_account(void **state) {
    world *w = *state;
    char account[64];
    char id[32];

    id_of(w, "account", "b", id);
    does(w, "set", "lead", "l", "status=IN_PROCESS");
    does(w, "set", "lead", "l", "status=CONVERTED", to_id("converted_account_id", id, account));
    does(w, "reassign", "--from", "ann", "--to", "bob", "--territory", "N");
    says(w, "1 accounts, 0 leads");
    has(w, "ann", "lead", "l");
    does(w, "reassign", "--from", "ann", "--to", "bob", "--territory", "S");
    says(w, "1 accounts, 1 leads");
    has(w, "bob", "lead", "l");
}

static void test_a_dry_run_counts_and_changes_nothing(void **state) {
    world *w = *state;
    char before[sizeof w->said.out];

    contact_at(w, "k", "a", "ann");
    does(w, "reassign", "--from", "ann", "--to", "bob", "--dry-run");
    says(w, "2 accounts, 1 leads, 1 contacts");
    says(w, "dry run");
    has(w, "ann", "account", "a");
    has(w, "ann", "contact", "k");
    does(w, "acts", "--limit", "1");
    assert_null(strstr(w->said.out, "reassign"));
    does(w, "assign", "bob", "--account", "a", "--alone", "--dry-run");
    says(w, "1 assigned, 0 held already, 1 taken from others (a dry run");
    has(w, "ann", "account", "a");
    does(w, "unassign", "ann", "--all", "--dry-run");
    says(w, "5 taken away");
    does(w, "users");
    memcpy(before, w->said.out, sizeof before);
    does(w, "assign", "--by-territory", "--dry-run");
    does(w, "users");
    assert_string_equal(before, w->said.out);
}

static void test_wrong_requests_change_nothing(void **state) {
    world *w = *state;

    assert_int_equal(run(w, "reassign", "--from", "ann"), HQ_EXIT_USAGE);
    assert_int_equal(run(w, "reassign", "--from", "ann", "--to", "nobody"), HQ_EXIT_NOT_FOUND);
    assert_int_equal(run(w, "reassign", "--from", "ann", "--to", "1"), HQ_EXIT_FAILED);
    says(w, "the same user");
    assert_int_equal(run(w, "reassign", "--from", "ann", "--to", "bob", "--territory", "X"),
                     HQ_EXIT_NOT_FOUND);
    assert_int_equal(run(w, "reassign", "--from", "ann", "--to", "bob", "--entity", "visit"),
                     HQ_EXIT_FAILED);
    says(w, "comes with its account");
    assert_int_equal(run(w, "reassign", "--from", "ann", "--to", "bob", "--effective", "soon"),
                     HQ_EXIT_FAILED);
    says(w, "2026-01-31");
    assert_int_equal(run(w, "assign", "--by-territory", "--alone"), HQ_EXIT_USAGE);
    assert_int_equal(run(w, "assign", "ann", "--by-territory"), HQ_EXIT_USAGE);
    assert_int_equal(run(w, "assign", "ann", "--by-owner", "--as-of", "2026-01-31"), HQ_EXIT_USAGE);
    assert_int_equal(run(w, "unassign", "ann", "--by-territory"), HQ_EXIT_USAGE);
    has(w, "ann", "account", "a");
}

/* ---- who has left --------------------------------------------------------------------------------------- */

static void test_nothing_passes_to_who_has_left(void **state) {
    world *w = *state;

    does(w, "users", "left", "bob");
    assert_int_equal(run(w, "reassign", "--from", "ann", "--to", "bob"), HQ_EXIT_FAILED);
    says(w, "bob is suspended or has left. Name somebody else, or first: rove-hq users activate ");
    assert_int_equal(run(w, "reassign", "--from", "ann", "--to", "bob", "--dry-run"),
                     HQ_EXIT_FAILED);
    assert_int_equal(run(w, "reassign", "--from", "ann", "--to", "bob", "--effective=2100-01-01"),
                     HQ_EXIT_FAILED);
    assert_int_equal(run(w, "assign", "bob", "--account", "a"), HQ_EXIT_FAILED);
    says(w, "bob is suspended or has left.");
    assert_int_equal(run(w, "assign", "bob", "--territory", "N", "--alone"), HQ_EXIT_FAILED);
    has(w, "ann", "account", "a");
    has(w, "ann", "account", "b");
    does(w, "users", "suspend", "cy");
    assert_int_equal(run(w, "reassign", "--from", "ann", "--to", "cy"), HQ_EXIT_FAILED);
    has(w, "ann", "account", "a");
    does(w, "plans", "--all");
    says(w, "Nothing is planned");
    does(w, "users", "activate", "bob");
    does(w, "reassign", "--from", "ann", "--to", "bob");
    has(w, "bob", "account", "a");
}

static void test_what_somebody_who_has_left_has_passes_on(void **state) {
    world *w = *state;

    does(w, "assign", "bob", "--account", "a");
    does(w, "users", "left", "bob");
    does(w, "unassign", "bob", "--account", "a");
    held_by(w, "account", "a", "ann");
    does(w, "reassign", "--from", "bob", "--to", "cy");
    has(w, "cy", "account", "c");
    does(w, "assign", "cy", "--account", "b", "--alone");
    held_by(w, "account", "b", "cy");
    does(w, "unassign", "bob", "--all");
}

static void test_giving_all_to_their_owners_leaves_out_who_has_left(void **state) {
    world *w = *state;

    does(w, "unassign", "ann", "--all");
    does(w, "unassign", "bob", "--all");
    does(w, "users", "left", "bob");
    does(w, "assign", "--by-owner", "--all");
    says(w, "1 of somebody who is suspended or has left stay as they are");
    held_by(w, "account", "a", "ann");
    held_by(w, "account", "c", "");
}

/* ---- piece by piece ------------------------------------------------------------------------------------- */

/* The largest number of records that one transaction wrote; how many transactions with this act there are. */
typedef struct pieces {
    world *w;
    uint64_t first_seq;
    size_t most, count;
    size_t rows;
    uint64_t seq;
} pieces;

static rove_status each_entry(void *ctx, uint64_t seq, uint32_t ordinal, uint32_t entity,
                              rove_id id) {
    pieces *p = ctx;

    (void)ordinal;
    (void)entity;
    (void)id;
    p->count += seq != p->seq;
    p->rows = seq == p->seq ? p->rows + 1 : 1;
    p->seq = seq;
    p->most = p->rows > p->most ? p->rows : p->most;
    return ROVE_OK;
}

static rove_status read_pieces(void *ctx, rove__hq_tx *tx, rove_error *error) {
    pieces *p = ctx;

    (void)error;
    return hq_database(p->w->h.hq)
        ->store.feed_scan(tx, p->first_seq, UINT32_MAX, UINT64_MAX, each_entry, p);
}

static rove_status read_head(void *ctx, rove__hq_tx *tx, rove_error *error) {
    pieces *p = ctx;
    rove__hq_head head;

    (void)error;
    rove_status status = hq_database(p->w->h.hq)->store.head_get(tx, &head);
    p->first_seq = head.seq;
    return status;
}

/* A file of accounts of ann's, given to her. */
static void import_accounts(world *w, int count) {
    char folder[200];
    char path[400];

    assert_non_null(getcwd(folder, sizeof folder));
    (void)snprintf(path, sizeof path, "%s/%s/accounts.csv", folder, w->h.folder);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    (void)fprintf(file, "ExternalId,Name,OwnerExternalId,TerritoryExternalId\n");
    for (int i = 0; i < count; i++) {
        (void)fprintf(file, "x%d,Account %d,1,N\n", i, i);
    }
    assert_int_equal(fclose(file), 0);
    does(w, "import", path);
    does(w, "assign", "ann", "--by-owner");
}

static void test_many_pass_in_transactions_of_a_thousand_records_at_most(void **state) {
    world *w = *state;
    pieces p = {.w = w};

    import_accounts(w, 2000);
    assert_int_equal(hq_read(w->h.hq, read_head, &p, NULL), ROVE_OK);
    does(w, "reassign", "--from", "ann", "--to", "bob", "--territory", "N");
    says(w, "2001 accounts");
    assert_int_equal(hq_read(w->h.hq, read_pieces, &p, NULL), ROVE_OK);
    assert_true(p.most <= 1000);
    assert_true(p.count > 2);
    does(w, "acts", "--limit", "1");
    says(w, " of 2002)");
    has(w, "bob", "account", "x0");
    has(w, "bob", "account", "x1999");
}

/* A list as it was gathered a while ago: account a, from ann to bob. */
static void gather_one(world *w, realign_list *list) {
    char ids[3][32];

    id_of(w, "account", "a", ids[0]);
    id_of(w, "user", "1", ids[1]);
    id_of(w, "user", "2", ids[2]);
    realign_list_init(list, &w->h.ports.allocator);
    list->moves = rove__alloc(&w->h.ports.allocator, sizeof *list->moves);
    assert_non_null(list->moves);
    list->moves[0] = (realign_move){rove__registry_by_name(hq_registry(w->h.hq), "Account")->number,
                                    strtoll(ids[0], NULL, 10), strtoll(ids[1], NULL, 10),
                                    strtoll(ids[2], NULL, 10)};
    list->count = 1;
}

/* Its turn comes: how that ends. */
static rove_status run_late(world *w, realign_list *list, handover_count *count) {
    hq_io io = said_io(&w->said);
    realign_order order = {
        .headquarters = w->h.hq, .io = &io, .list = list, .act = "reassign", .detail = "late"};
    rove_status status = realign_run(&order, count, &w->h.error);

    realign_list_free(list);
    return status;
}

static void test_what_changed_hands_meanwhile_is_left_alone(void **state) {
    world *w = *state;
    realign_list list;
    handover_count count;

    gather_one(w, &list);
    does(w, "reassign", "--from", "ann", "--to", "cy");
    assert_int_equal(run_late(w, &list, &count), ROVE_OK);
    assert_int_equal(handover_total(&count), 0);
    has(w, "cy", "account", "a");
}

static void test_who_leaves_meanwhile_gets_nothing(void **state) {
    world *w = *state;
    realign_list list;
    handover_count count;
    assign_list pairs;
    assign_count assigned;
    hq_io io;

    gather_one(w, &list);
    assign_list_init(&pairs, &w->h.ports.allocator);
    assert_int_equal(assign_add(&pairs, list.moves[0].to, list.moves[0].root), ROVE_OK);
    does(w, "users", "left", "bob");
    assert_int_equal(run_late(w, &list, &count), ROVE_STATE);
    io = said_io(&w->said);
    assign_order order = {.headquarters = w->h.hq, .io = &io, .list = &pairs, .detail = "late"};
    assert_int_equal(assign_run(&order, &assigned, &w->h.error), ROVE_STATE);
    assert_non_null(strstr(w->h.error.message, "bob is suspended or has left."));
    order.end = 1; /* what he has can be taken from him */
    assert_int_equal(assign_run(&order, &assigned, &w->h.error), ROVE_OK);
    assign_list_free(&pairs);
    has(w, "ann", "account", "a");
}

/* ---- on a day to come ----------------------------------------------------------------------------------- */

static void in_days(const world *w, int days, char text[ROVE_TIME_TEXT_SIZE]) {
    rove__time_format(hq_now_ms(w->h.hq) + days * DAY_MS, text);
}

/* Lets days pass; how many plans were carried out then. */
static size_t pass_days(world *w, int days) {
    rove_error error = {.code = 0};
    size_t count = 0;

    w->h.clock.offset_ms += days * DAY_MS;
    assert_int_equal(plan_run_due(w->h.hq, hq_now_ms(w->h.hq), &count, &error), ROVE_OK);
    return count;
}

static void reopen(world *w) {
    hq_close(w->h.hq);
    headquarters_open(&w->h);
}

static void test_a_plan_waits_for_its_day(void **state) {
    world *w = *state;
    char day[ROVE_TIME_TEXT_SIZE];

    in_days(w, 10, day);
    does(w, "reassign", "--from", "ann", "--to", "bob", "--effective", day);
    says(w, "Plan 1, for ");
    says(w, "as things stand, 3 records");
    assert_int_equal(pass_days(w, 9), 0);
    has(w, "ann", "account", "a");
    does(w, "plans");
    says(w, "waits      reassign --from ann --to bob  (tester)");
    /* Who has it when the day comes is what counts. */
    does(w, "add", "account", "name=E", "external_id=e", "owner_id=ann");
    reopen(w);
    assert_int_equal(pass_days(w, 2), 1);
    has(w, "bob", "account", "a");
    has(w, "bob", "account", "e");
    assert_int_equal(pass_days(w, 100), 0);
    does(w, "plans");
    says(w, "Nothing is planned");
    does(w, "plans", "--all");
    says(w, "done");
    says(w, "ann to bob: 3 accounts, 1 leads");
    does(w, "acts", "--limit", "3");
    says(w, "tester       reassign     ann to bob");
    says(w, "planned 1, for ");
}

static void test_now_and_the_past_are_at_once(void **state) {
    world *w = *state;

    does(w, "reassign", "--from", "ann", "--to", "bob", "--effective", "now");
    has(w, "bob", "account", "a");
    does(w, "reassign", "--from", "bob", "--to", "ann", "--effective", "2020-01-31");
    has(w, "ann", "account", "a");
    does(w, "plans", "--all");
    says(w, "Nothing is planned");
}

static void test_assign_and_unassign_can_wait_too(void **state) {
    world *w = *state;
    char day[ROVE_TIME_TEXT_SIZE];
    char option[64];

    in_days(w, 1, day);
    (void)snprintf(option, sizeof option, "--effective=%s", day);
    does(w, "assign", "cy", option, "--account", "a", "b");
    does(w, "unassign", "ann", "--account", "a", option);
    held_by(w, "account", "a", "ann");
    assert_int_equal(pass_days(w, 2), 2);
    held_by(w, "account", "a", "cy");
    held_by(w, "account", "b", "ann cy");
}

static void test_a_plan_can_be_cancelled(void **state) {
    world *w = *state;
    char day[ROVE_TIME_TEXT_SIZE];

    in_days(w, 1, day);
    does(w, "reassign", "--from", "ann", "--to", "bob", "--effective", day);
    does(w, "plans", "cancel", "1");
    assert_int_equal(run(w, "plans", "cancel", "1"), HQ_EXIT_FAILED);
    says(w, "cancelled already");
    assert_int_equal(run(w, "plans", "cancel", "2"), HQ_EXIT_NOT_FOUND);
    assert_int_equal(run(w, "plans", "cancel", "x"), HQ_EXIT_USAGE);
    assert_int_equal(pass_days(w, 2), 0);
    has(w, "ann", "account", "a");
}

static void test_a_plan_that_fails_says_why_and_stops_nothing(void **state) {
    world *w = *state;
    char day[ROVE_TIME_TEXT_SIZE];

    in_days(w, 1, day);
    does(w, "reassign", "--from", "ann", "--to", "cy", "--effective", day);
    does(w, "assign", "bob", "--account", "a", "--effective", day);
    does(w, "delete", "user", "cy");
    assert_int_equal(pass_days(w, 2), 2);
    held_by(w, "account", "a", "ann bob");
    does(w, "plans");
    says(w, "failed");
    says(w, "There is no user 'cy'");
    does(w, "plans", "cancel", "1");
    does(w, "plans");
    says(w, "Nothing is planned");
}

/* A directory that lets somebody cancel plan 1 when the planner has just read what is due. */
static struct {
    world *w;
    rove_status (*scan)(rove__hq_tx *tx, rove__arena *arena,
                        rove_status (*each)(void *, const rove__hq_plan *), void *each_ctx);
    int result;
} cancelling;

static rove_status scan_then_cancel(rove__hq_tx *tx, rove__arena *arena,
                                    rove_status (*each)(void *, const rove__hq_plan *),
                                    void *each_ctx) {
    rove_status status = cancelling.scan(tx, arena, each, each_ctx);

    hq_database(cancelling.w->h.hq)->directory.plan_scan = cancelling.scan;
    cancelling.result = run(cancelling.w, "plans", "cancel", "1");
    return status;
}

static void test_a_plan_that_is_cancelled_as_it_falls_due_is_not_carried_out(void **state) {
    world *w = *state;
    char day[ROVE_TIME_TEXT_SIZE];
    rove__hq_directory *directory = &hq_database(w->h.hq)->directory;

    in_days(w, 1, day);
    does(w, "reassign", "--from", "ann", "--to", "bob", "--effective", day);
    does(w, "assign", "cy", "--account", "b", "--effective", day);
    cancelling.w = w;
    cancelling.scan = directory->plan_scan;
    directory->plan_scan = scan_then_cancel;
    assert_int_equal(pass_days(w, 2), 1); /* the other one */
    assert_int_equal(cancelling.result, HQ_EXIT_DONE);
    has(w, "ann", "account", "a");
    held_by(w, "account", "b", "ann cy");
    does(w, "plans", "--all");
    says(w, "cancelled  reassign --from ann --to bob");
    says(w, "done       assign cy --account b");
    assert_int_equal(pass_days(w, 2), 0);
}

static void test_a_plan_for_who_has_left_meanwhile_fails_and_says_so(void **state) {
    world *w = *state;
    char day[ROVE_TIME_TEXT_SIZE];

    in_days(w, 10, day);
    does(w, "reassign", "--from", "ann", "--to", "bob", "--effective", day);
    does(w, "assign", "bob", "--account", "a", "--effective", day);
    does(w, "offboard", "bob", "--to", "cy");
    assert_int_equal(pass_days(w, 11), 2);
    has(w, "ann", "account", "a");
    has(w, "ann", "lead", "l");
    has(w, "cy", "account", "c");
    does(w, "plans");
    says(w, "failed     reassign --from ann --to bob");
    says(w, "failed     assign bob --account a");
    says(w, "bob is suspended or has left. Name somebody else");
}

typedef struct interruption {
    world *w;
    rove__arena arena;
    rove__hq_plan plan;
} interruption;

static rove_status take_plan(void *ctx, const rove__hq_plan *plan) {
    interruption *self = ctx;

    self->plan = *plan;
    return ROVE_DONE;
}

static rove_status mark_running(void *ctx, rove__hq_tx *tx, rove_error *error) {
    interruption *self = ctx;
    const rove__hq_directory *directory = &hq_database(self->w->h.hq)->directory;

    (void)error;
    rove_status status = directory->plan_scan(tx, &self->arena, take_plan, self);
    self->plan.state = ROVE_PLAN_RUNS;
    return status == ROVE_OK ? directory->plan_put(tx, &self->plan) : status;
}

/* As a process leaves it that is killed when half is done. */
static void test_an_interrupted_plan_is_finished_by_the_next_process(void **state) {
    world *w = *state;
    char day[ROVE_TIME_TEXT_SIZE];
    interruption self = {.w = w};

    in_days(w, 1, day);
    does(w, "reassign", "--from", "ann", "--to", "bob", "--effective", day);
    does(w, "reassign", "--from", "ann", "--to", "bob", "--territory", "N");
    rove__arena_init(&self.arena, &w->h.ports.allocator, 65536);
    assert_int_equal(hq_commit(w->h.hq, mark_running, &self, NULL), ROVE_OK);
    rove__arena_free(&self.arena);
    assert_int_equal(run(w, "plans", "cancel", "1"), HQ_EXIT_FAILED);
    says(w, "being carried out");
    reopen(w);
    assert_int_equal(pass_days(w, 0), 1);
    has(w, "bob", "account", "a");
    has(w, "bob", "account", "b");
    assert_int_equal(pass_days(w, 2), 0);
}

static void test_a_serving_process_looks_by_itself(void **state) {
    world *w = *state;
    planner *plans = NULL;
    rove_error error = {.code = 0};
    char day[ROVE_TIME_TEXT_SIZE];

    in_days(w, 1, day);
    does(w, "reassign", "--from", "ann", "--to", "bob", "--effective", day);
    w->h.clock.offset_ms += 2 * DAY_MS;
    assert_int_equal(planner_start(w->h.hq, &plans, &error), ROVE_OK);
    for (w->said.out[0] = '\0'; strstr(w->said.out, "done") == NULL;) {
        does(w, "plans", "--all"); /* until it is */
    }
    planner_stop(plans);
    has(w, "bob", "account", "a");
}

/* ---- by territory --------------------------------------------------------------------------------------- */

static void works(world *w, const char *user, const char *territory, const char *from,
                  const char *until) {
    char texts[4][64];

    does(w, "add", "territory_assignment", to_id("user_id", user, texts[0]),
         to_id("territory_id", territory, texts[1]), to_id("valid_from", from, texts[2]),
         to_id("valid_to", until, texts[3]));
}

static void test_territories_change_hands(void **state) {
    world *w = *state;

    works(w, "ann", "N", "2024-01-01", "2025-06-30");
    works(w, "cy", "N", "2025-07-01", "");
    works(w, "cy", "S", "2024-01-01", "2025-06-30");
    works(w, "ann", "S", "2025-07-01", "");
    does(w, "assign", "--by-territory", "--as-of", "2025-06-30");
    says(w, "By territory: 0 accounts, 0 leads");
    does(w, "assign", "--by-territory", "--as-of", "2025-07-01");
    says(w, "1 accounts, 1 leads");
    has(w, "cy", "account", "a");
    has(w, "cy", "lead", "l");
    has(w, "ann", "account", "b"); /* she works there now */
    has(w, "bob", "account", "c"); /* he never did: it is his for another reason */
    does(w, "assign", "--by-territory");
    says(w, "0 accounts, 0 leads");
}

static void test_what_nobody_has_goes_to_who_works_there(void **state) {
    world *w = *state;

    does(w, "add", "account", "name=E", "external_id=e", "territory_id=S");
    does(w, "add", "account", "name=F", "external_id=f", "territory_id=N");
    does(w, "add", "account", "name=G", "external_id=g");
    works(w, "cy", "S", "2024-01-01", "");
    works(w, "ann", "N", "2024-01-01", "");
    works(w, "cy", "N", "2024-01-01", "");
    does(w, "assign", "--by-territory");
    says(w, "1 accounts");
    says(w, "1 stay where they are: their territory has several");
    has(w, "cy", "account", "e");
    has(w, "", "account", "f");
    has(w, "", "account", "g");
}

static void test_without_a_successor_all_stays_and_is_said(void **state) {
    world *w = *state;

    works(w, "ann", "N", "2024-01-01", "2025-06-30");
    does(w, "assign", "--by-territory", "--entity", "account");
    says(w, "1 stay where they are: their territory has nobody");
    has(w, "ann", "account", "a");
}

static void test_a_territory_passes_to_nobody_who_has_left(void **state) {
    world *w = *state;

    works(w, "ann", "N", "2024-01-01", "2025-06-30");
    works(w, "bob", "N", "2025-07-01", "");
    works(w, "bob", "S", "2024-01-01", "");
    does(w, "users", "left", "bob");
    does(w, "add", "account", "name=E", "external_id=e", "territory_id=S");
    does(w, "assign", "--by-territory");
    says(w, "By territory: 0 accounts, 0 leads");
    says(w, "3 stay where they are: their territory has nobody");
    has(w, "ann", "account", "a");
    has(w, "", "account", "e");
    /* Beside him, or after him, somebody is there. */
    works(w, "cy", "N", "2025-07-01", "");
    works(w, "cy", "S", "2025-08-01", "");
    does(w, "assign", "--by-territory");
    has(w, "cy", "account", "a");
    has(w, "cy", "lead", "l");
    has(w, "cy", "account", "e");
}

static void test_a_territory_that_somebody_left_before_he_left_passes_on(void **state) {
    world *w = *state;

    works(w, "bob", "N", "2024-01-01", "2025-06-30");
    works(w, "cy", "N", "2025-07-01", "");
    does(w, "users", "left", "bob");
    does(w, "assign", "--by-territory");
    has(w, "cy", "account", "c");
}

static void test_a_planned_night_keeps_its_day(void **state) {
    world *w = *state;
    char day[ROVE_TIME_TEXT_SIZE];
    char until[ROVE_TIME_TEXT_SIZE];
    char later[ROVE_TIME_TEXT_SIZE];

    in_days(w, 10, day);
    in_days(w, 9, until);
    in_days(w, 12, later);
    works(w, "ann", "N", "2024-01-01", until);
    works(w, "cy", "N", day, later);
    does(w, "assign", "--by-territory", "--effective", day);
    /* Nobody served until long after. */
    assert_int_equal(pass_days(w, 30), 1);
    has(w, "cy", "account", "a");
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_all_that_one_has_becomes_anothers),
        TEST(test_only_a_territory_or_an_entity),
        TEST(test_owner_and_assignment_agree_afterwards),
        TEST(test_a_contact_goes_with_the_last_of_his_accounts),
        TEST(test_work_that_is_to_be_done_goes_along),
        TEST(test_a_converted_lead_goes_with_its_account),
        TEST(test_a_dry_run_counts_and_changes_nothing),
        TEST(test_wrong_requests_change_nothing),
        TEST(test_nothing_passes_to_who_has_left),
        TEST(test_what_somebody_who_has_left_has_passes_on),
        TEST(test_giving_all_to_their_owners_leaves_out_who_has_left),
        TEST(test_many_pass_in_transactions_of_a_thousand_records_at_most),
        TEST(test_what_changed_hands_meanwhile_is_left_alone),
        TEST(test_who_leaves_meanwhile_gets_nothing),
        TEST(test_a_plan_waits_for_its_day),
        TEST(test_now_and_the_past_are_at_once),
        TEST(test_assign_and_unassign_can_wait_too),
        TEST(test_a_plan_can_be_cancelled),
        TEST(test_a_plan_that_fails_says_why_and_stops_nothing),
        TEST(test_a_plan_that_is_cancelled_as_it_falls_due_is_not_carried_out),
        TEST(test_a_plan_for_who_has_left_meanwhile_fails_and_says_so),
        TEST(test_an_interrupted_plan_is_finished_by_the_next_process),
        TEST(test_a_serving_process_looks_by_itself),
        TEST(test_territories_change_hands),
        TEST(test_what_nobody_has_goes_to_who_works_there),
        TEST(test_without_a_successor_all_stays_and_is_said),
        TEST(test_a_territory_passes_to_nobody_who_has_left),
        TEST(test_a_territory_that_somebody_left_before_he_left_passes_on),
        TEST(test_a_planned_night_keeps_its_day),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
