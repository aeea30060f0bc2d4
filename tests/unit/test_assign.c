/*
 * test_assign.c - who holds which records after an operator said so; and what operators see, change and take out.
 */
#include "headquarters.h"

#include "admin/record_text.h"
#include "assign/assign.h"
#include "base/alloc.h"

typedef struct world {
    headquarters h;
    said said;
} world;

static int run(world *w, const char *a, const char *b, const char *c, const char *d, const char *e,
               const char *f) {
    return headquarters_run(&w->h, &w->said, a, b, c, d, e, f, NULL);
}

static void says(const world *w, const char *text) {
    if (strstr(w->said.out, text) == NULL && strstr(w->said.err, text) == NULL) {
        fail_msg("'%s' is not in:\n%s%s", text, w->said.out, w->said.err);
    }
}

static void does(world *w, const char *a, const char *b, const char *c, const char *d,
                 const char *e, const char *f) {
    if (run(w, a, b, c, d, e, f) != HQ_EXIT_DONE) {
        fail_msg("%s %s: %s", a, b != NULL ? b : "", w->said.err);
    }
}

/* Two reps, two territories, three accounts of theirs and a lead of nobody. */
static int set_up(void **state) {
    world *w = calloc(1, sizeof *w);

    assert_non_null(w);
    headquarters_start(&w->h);
    does(w, "users", "add", "ann", "--external-id", "1", NULL);
    does(w, "users", "add", "bob", "--external-id", "2", NULL);
    does(w, "add", "territory", "name=North", "external_id=N", NULL, NULL);
    does(w, "add", "account", "name=A", "external_id=a", "owner_id=ann", "territory_id=N");
    does(w, "add", "account", "name=B", "external_id=b", "owner_id=bob", "territory_id=N");
    does(w, "add", "account", "name=C", "external_id=c", "owner_id=ann", NULL);
    does(w, "add", "lead", "last_name=L", "external_id=l", "territory_id=N", NULL);
    *state = w;
    return 0;
}

static int tear_down(void **state) {
    world *w = *state;

    headquarters_end(&w->h);
    free(w);
    return 0;
}

/* The names of those who hold a record, in the order of their ids. */
static void held_by(world *w, const char *entity, const char *id, const char *names) {
    char found[200] = "";

    does(w, "show", entity, id, NULL, NULL, NULL);
    for (char *line = strstr(w->said.out, "  assigned to"); line != NULL;
         line = strstr(line, "  assigned to")) {
        line += strlen("  assigned to            ");
        size_t used = strlen(found);
        (void)snprintf(found + used, sizeof found - used, "%s%.*s", used > 0 ? " " : "",
                       (int)strcspn(line, "\n"), line);
    }
    assert_string_equal(found, names);
}

static void test_by_owner(void **state) {
    world *w = *state;

    does(w, "assign", "--by-owner", "--all", NULL, NULL, NULL);
    says(w, "All: 3 records, 3 assigned, 0 held already");
    held_by(w, "account", "a", "ann");
    held_by(w, "account", "b", "bob");
    held_by(w, "account", "c", "ann");
    held_by(w, "lead", "l", "");
    does(w, "assign", "ann", "--by-owner", NULL, NULL, NULL);
    says(w, "ann: 2 records, 0 assigned, 2 held already");
}

static void test_by_territory_of_one_entity_or_of_all(void **state) {
    world *w = *state;

    does(w, "assign", "bob", "--territory", "N", "--entity", "lead");
    held_by(w, "lead", "l", "bob");
    held_by(w, "account", "a", "");
    does(w, "assign", "bob", "--territory", "N", NULL, NULL);
    says(w, "3 records, 2 assigned, 1 held already");
    held_by(w, "account", "a", "bob");
    held_by(w, "account", "c", "");
}

static void test_alone_takes_from_the_others(void **state) {
    world *w = *state;

    does(w, "assign", "ann", "--account", "a", "b", NULL);
    does(w, "assign", "bob", "--account", "a", NULL, NULL);
    held_by(w, "account", "a", "ann bob");
    does(w, "assign", "bob", "--account", "a", "--alone", NULL);
    says(w, "1 held already, 1 taken from others");
    held_by(w, "account", "a", "bob");
    held_by(w, "account", "b", "ann");
}

static void test_unassign(void **state) {
    world *w = *state;

    does(w, "assign", "ann", "--account", "a", "b", "c");
    does(w, "unassign", "ann", "--account", "b", NULL, NULL);
    says(w, "1 taken away, 0 not held");
    held_by(w, "account", "b", "");
    does(w, "unassign", "ann", "--all", NULL, NULL, NULL);
    says(w, "2 taken away");
    held_by(w, "account", "a", "");
    does(w, "unassign", "ann", "--by-owner", NULL, NULL, NULL);
    says(w, "0 taken away, 2 not held");
}

static void test_wrong_requests_change_nothing(void **state) {
    world *w = *state;

    assert_int_equal(run(w, "assign", NULL, NULL, NULL, NULL, NULL), HQ_EXIT_USAGE);
    assert_int_equal(run(w, "assign", "ann", NULL, NULL, NULL, NULL), HQ_EXIT_USAGE);
    assert_int_equal(run(w, "assign", "--by-owner", NULL, NULL, NULL, NULL), HQ_EXIT_USAGE);
    assert_int_equal(run(w, "assign", "ann", "--by-owner", "--all", NULL, NULL), HQ_EXIT_USAGE);
    assert_int_equal(run(w, "assign", "ann", "--by-owner", "--territory", "N", NULL),
                     HQ_EXIT_USAGE);
    assert_int_equal(run(w, "unassign", "ann", "--alone", "--all", NULL, NULL), HQ_EXIT_USAGE);
    assert_int_equal(run(w, "assign", "nobody", "--by-owner", NULL, NULL, NULL), HQ_EXIT_NOT_FOUND);
    /* One wrong name, and none of the others is assigned either. */
    assert_int_equal(run(w, "assign", "ann", "--account", "a", "x", NULL), HQ_EXIT_NOT_FOUND);
    says(w, "'x'");
    held_by(w, "account", "a", "");
    assert_int_equal(run(w, "assign", "ann", "--territory", "N", "--entity", "visit"),
                     HQ_EXIT_FAILED);
    says(w, "comes with its account");
}

static void test_lists_are_sorted_and_name_each_pair_once(void **state) {
    world *w = *state;
    assign_list list;

    assign_list_init(&list, &w->h.ports.allocator);
    assign_list_sort(&list);
    for (rove_id i = 0; i < 1000; i++) {
        assert_int_equal(assign_add(&list, 7 - i % 3, 100 - i % 50), ROVE_OK);
    }
    assign_list_sort(&list);
    assert_int_equal(list.count, 150);
    for (size_t i = 1; i < list.count; i++) {
        const assign_pair *a = &list.pairs[i - 1];
        const assign_pair *b = &list.pairs[i];
        assert_true(a->user < b->user || (a->user == b->user && a->root < b->root));
    }
    assign_list_free(&list);
}

/* ---- what operators see and change ---------------------------------------------------------------------- */

static void test_set_reads_values_and_says_what_is_allowed(void **state) {
    world *w = *state;

    does(w, "set", "account", "a", "tier=a", "annual_revenue=1234.5", "billing_latitude=1.5");
    says(w, "3 fields changed");
    does(w, "set", "account", "a", "tier=A", NULL, NULL);
    says(w, "unchanged");
    does(w, "show", "accounts", "a", NULL, NULL, NULL);
    says(w, "  annual_revenue         1234.50");
    assert_int_equal(run(w, "set", "account", "a", "tier=D", NULL, NULL), HQ_EXIT_FAILED);
    says(w, "none of A, B, C");
    assert_int_equal(run(w, "set", "account", "a", "shoe=3", NULL, NULL), HQ_EXIT_FAILED);
    says(w, "no field 'shoe'");
    assert_int_equal(run(w, "set", "account", "a", "tier", NULL, NULL), HQ_EXIT_FAILED);
    says(w, "field=value");
    assert_int_equal(run(w, "set", "account", "a", "owner_id=nobody", NULL, NULL),
                     HQ_EXIT_NOT_FOUND);
    assert_int_equal(run(w, "set", "acount", "a", "tier=A", NULL, NULL), HQ_EXIT_FAILED);
    says(w, "There are:");
    assert_int_equal(run(w, "set", "account", "zz", "tier=A", NULL, NULL), HQ_EXIT_NOT_FOUND);
    does(w, "set", "account", "a", "tier=", NULL, NULL);
    does(w, "show", "account", "a", NULL, NULL, NULL);
    assert_null(strstr(w->said.out, "tier"));
}

static void test_history_says_who_did_what(void **state) {
    world *w = *state;

    does(w, "set", "account", "a", "phone=555-0199", NULL, NULL);
    does(w, "history", "account", "a", NULL, NULL, NULL);
    says(w, "added by tester  (add,");
    says(w, "changed by tester  (set,");
    says(w, "    phone                  555-0199");
    does(w, "acts", "--limit", "1", NULL, NULL, NULL);
    says(w, "tester");
    says(w, "[a] (A): phone");
    assert_null(strstr(w->said.out, "555-0199"));
}

static void test_a_deleted_record_is_gone_and_has_a_history(void **state) {
    world *w = *state;

    does(w, "show", "account", "c", NULL, NULL, NULL);
    char id[32];
    assert_int_equal(sscanf(w->said.out, "Account %31s", id), 1);
    does(w, "delete", "account", "c", NULL, NULL, NULL);
    assert_int_equal(run(w, "show", "account", "c", NULL, NULL, NULL), HQ_EXIT_NOT_FOUND);
    does(w, "show", "account", id, NULL, NULL, NULL);
    says(w, ", deleted");
    does(w, "history", "account", id, NULL, NULL, NULL);
    says(w, "deleted by tester");
    assert_int_equal(run(w, "delete", "settings", "1", NULL, NULL, NULL), HQ_EXIT_FAILED);
    assert_int_equal(run(w, "add", "custom_field", "name=x", NULL, NULL, NULL), HQ_EXIT_FAILED);
}

static void test_exports_are_safe_in_a_spreadsheet(void **state) {
    world *w = *state;

    does(w, "set", "account", "a", "name==1+1,\"x\"", "description=-5", NULL);
    does(w, "export", "account", NULL, NULL, NULL, NULL);
    says(w, "\"'=1+1,\"\"x\"\"\"");
    says(w, ",-5,");
    says(w, "\r\n");
    says(w, "Left out (--sensitive exports them): phone, email");
    assert_null(strstr(w->said.out, "phone"));
    does(w, "export", "account", "--sensitive", NULL, NULL, NULL);
    says(w, ",phone,");
    does(w, "export", "account", "--json", NULL, NULL, NULL);
    says(w, "\"name\":\"=1+1,\\\"x\\\"\"");
    assert_int_equal(run(w, "export", "account", "--json", "--csv", NULL, NULL), HQ_EXIT_USAGE);
    does(w, "acts", "--limit", "1", NULL, NULL, NULL);
    says(w, "Account, 3 records");
}

static void test_cells_of_a_spreadsheet(void **state) {
    static const char *const cells[][2] = {
        {"plain", "plain"},
        {"", ""},
        {"a,b", "\"a,b\""},
        {"a\"b", "\"a\"\"b\""},
        {"a\nb", "\"a\nb\""},
        {"=cmd|' /C calc'!A0", "\"'=cmd|' /C calc'!A0\""},
        {"+1 555 0100", "\"'+1 555 0100\""},
        {"-12.5", "-12.5"},
        {"+7", "+7"},
        {"@SUM(A1)", "\"'@SUM(A1)\""},
        {"-a", "\"'-a\""},
        {"\t=1", "\"'\t=1\""},
    };
    world *w = *state;
    rove__buf out;

    rove__buf_init(&out, &w->h.ports.allocator, 4096);
    for (size_t i = 0; i < sizeof cells / sizeof cells[0]; i++) {
        rove__buf_reset(&out);
        record_csv_field(cells[i][0], strlen(cells[i][0]), &out);
        rove__buf_byte(&out, 0);
        assert_string_equal((const char *)out.data, cells[i][1]);
    }
    rove__buf_free(&out);
}

static void test_people(void **state) {
    world *w = *state;

    does(w, "assign", "--by-owner", "--all", NULL, NULL, NULL);
    does(w, "users", NULL, NULL, NULL, NULL, NULL);
    says(w, "ann              1        ann                      REP          ACTIVE            2   "
            "     0");
    does(w, "users", "add", "jos\xc3\xa9", "--name", "Jos\xc3\xa9 G\xc3\xb3mez", NULL);
    does(w, "users", NULL, NULL, NULL, NULL, NULL);
    says(w, "jos\xc3\xa9                      Jos\xc3\xa9 G\xc3\xb3mez               REP ");
    does(w, "users", "suspend", "ann", NULL, NULL, NULL);
    does(w, "users", "list", NULL, NULL, NULL, NULL);
    says(w, "SUSPENDED");
    does(w, "users", "activate", "1", NULL, NULL, NULL);
    assert_int_equal(run(w, "users", "add", "bob", NULL, NULL, NULL), HQ_EXIT_FAILED);
    says(w, "already");
    assert_int_equal(run(w, "users", "add", "cy", "--role", "BOSS", NULL), HQ_EXIT_FAILED);
    says(w, "REP, MANAGER, BACK_OFFICE");
    assert_int_equal(run(w, "users", "sack", "ann", NULL, NULL, NULL), HQ_EXIT_USAGE);
}

static rove_status put_review(void *ctx, rove__hq_tx *tx, rove_error *error) {
    world *w = ctx;
    rove__hq_review review = {.seq = 1,
                              .entity = 6,
                              .id = 4294967297,
                              .replica = 5,
                              .reason = "not entitled",
                              .change = {(const uint8_t *)"x", 1}};

    rove__hq_device device = {.replica = 5, .user = 1, .status = ROVE_DEVICE_ACTIVE};
    const rove__hq_store *store = &hq_database(w->h.hq)->store;

    (void)error;
    rove_status status = store->device_put(tx, &device);
    return status == ROVE_OK ? store->review_put(tx, &review) : status;
}

static void test_work_in_review_is_listed_and_returned(void **state) {
    world *w = *state;

    does(w, "review", NULL, NULL, NULL, NULL, NULL);
    says(w, "Nothing waits");
    assert_int_equal(run(w, "review", "accept", "7", NULL, NULL, NULL), HQ_EXIT_NOT_FOUND);
    assert_int_equal(run(w, "review", "burn", "7", NULL, NULL, NULL), HQ_EXIT_USAGE);
    assert_int_equal(run(w, "review", "return", NULL, NULL, NULL, NULL), HQ_EXIT_USAGE);
    assert_int_equal(hq_commit(w->h.hq, put_review, w, NULL), ROVE_OK);
    does(w, "review", "list", NULL, NULL, NULL, NULL);
    says(w, "not entitled");
    says(w, "Account");
    does(w, "review", "return", "1", NULL, NULL, NULL);
    says(w, ": returned");
    does(w, "review", "list", NULL, NULL, NULL, NULL);
    says(w, "Nothing waits");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_by_owner),
        TEST(test_by_territory_of_one_entity_or_of_all),
        TEST(test_alone_takes_from_the_others),
        TEST(test_unassign),
        TEST(test_wrong_requests_change_nothing),
        TEST(test_lists_are_sorted_and_name_each_pair_once),
        TEST(test_set_reads_values_and_says_what_is_allowed),
        TEST(test_history_says_who_did_what),
        TEST(test_a_deleted_record_is_gone_and_has_a_history),
        TEST(test_exports_are_safe_in_a_spreadsheet),
        TEST(test_cells_of_a_spreadsheet),
        TEST(test_people),
        TEST(test_work_in_review_is_listed_and_returned),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
