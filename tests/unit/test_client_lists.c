/*
 * test_client_lists.c - the lists of what needs the rep's eye, over records such as a newer headquarters, an operator or
 * a damaged file leaves: each is told as far as this build can tell it, and none hides the others.
 */
#include "phone.h"

#include "store/internal.h"

static phone p;
static rove_id account;

static int set_up(void **state) {
    (void)state;
    phone_start(&p, "client_lists");
    account = phone_account(&p, "Ajax");
    phone_ok(&p, rove_sync(p.replica, NULL, NULL, &p.error));
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    phone_stop(&p);
    return 0;
}

static void sql(const char *text) {
    if (sqlite3_exec(p.replica->store->db, text, NULL, NULL, NULL) != SQLITE_OK) {
        fail_msg("%s: %s", text, sqlite3_errmsg(p.replica->store->db));
    }
}

/* What a list told: one line for each. */
typedef struct lines {
    char text[2048];
    size_t size, count;
    rove_status answer; /* to each */
} lines;

static void say(lines *l, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void say(lines *l, const char *format, ...) {
    va_list arguments;

    va_start(arguments, format);
    l->size += (size_t)vsnprintf(l->text + l->size, sizeof l->text - l->size, format, arguments);
    va_end(arguments);
    assert_true(l->size < sizeof l->text);
    l->count++;
}

/* ---- refused writes ---- */

static void refuses(phone *ph, rove__frame_writer *writer, rove__buf *answer) {
    rove__verdict verdict = {.entity = rove__registry_by_name(ph->registry, "Account")->number,
                             .id = account,
                             .code = ROVE_VERDICT_REJECTED,
                             .status = ROVE_RANGE};

    phone_welcome(ph, writer, answer);
    phone_ack(ph, writer, answer, ph->judged, &verdict, 1);
    phone_end(ph, writer, answer, 0);
}

static void sync_refused(void) {
    p.compose = refuses;
    phone_ok(&p, rove_sync(p.replica, NULL, NULL, &p.error));
    p.compose = NULL;
}

static rove_status take_rejection(void *ctx, const rove_rejection *rejection) {
    lines *l = ctx;

    say(l, "%s: %s\n", rejection->entity, rejection->reason);
    return ROVE_OK;
}

static rove_status take_field(void *ctx, const rove_refused_field *field) {
    lines *l = ctx;

    say(l, "%s%s %lld\n", field->removed ? "-" : "", field->name,
        (long long)(field->value.type == ROVE_INT ? field->value.as.integer : -1));
    return l->answer;
}

static void make_refused(void) {
    rove_field phone_field = {"phone", rove_text("1")};

    phone_ok(&p, rove_element(p.replica, "Account", account, "tag_ids", rove_int(5), 1, &p.error));
    phone_ok(&p, rove_sync(p.replica, NULL, NULL, &p.error));
    phone_ok(&p, rove_element(p.replica, "Account", account, "tag_ids", rove_int(6), 1, &p.error));
    phone_ok(&p, rove_element(p.replica, "Account", account, "tag_ids", rove_int(5), 0, &p.error));
    phone_ok(&p, rove_increment(p.replica, "Account", account, "points", 3, &p.error));
    phone_ok(&p, rove_increment(p.replica, "Account", account, "points", 4, &p.error));
    phone_ok(&p, rove_update(p.replica, "Account", account, &phone_field, 1, &p.error));
    sync_refused();
    assert_int_equal(phone_state(&p).rejections, 1);
}

static void test_acts_that_were_refused_are_told_as_acts(void **state) {
    lines l = {.count = 0};
    (void)state;

    make_refused();
    phone_ok(&p, rove_rejection_read(p.replica, 1, take_field, &l, &p.error));
    assert_non_null(strstr(l.text, "\ntag_ids 6\n"));
    assert_non_null(strstr(l.text, "-tag_ids 5\n"));
    assert_non_null(strstr(l.text, "points 7\n"));
    assert_int_equal(l.count, 4);
    for (size_t n = 0; n < 3; n++) { /* whoever has seen enough is told no more */
        l = (lines){.answer = n == 0 ? ROVE_DONE : ROVE_CANCELLED};
        rove_status status = rove_rejection_read(p.replica, 1, take_field, &l, &p.error);
        assert_int_equal(status, n == 0 ? ROVE_OK : ROVE_CANCELLED);
        assert_int_equal(l.count, 1);
    }
    /* Tried again they are the same acts. */
    phone_ok(&p, rove_rejection_retry(p.replica, 1, NULL, 0, &p.error));
    assert_int_equal(phone_number(&p, "SELECT points FROM account"), 7);
    assert_int_equal(phone_number(&p, "SELECT sum(element) FROM account_tag_ids"), 6);
    assert_int_equal(phone_state(&p).rejections, 0);
}

static void test_a_damaged_refusal_is_said_and_stays(void **state) {
    static const char *const damages[] = {"UPDATE _rejection SET change = x''",
                                          "UPDATE _rejection SET change = x'ffff'"};
    lines l = {.count = 0};
    (void)state;

    make_refused();
    for (size_t i = 0; i < 2; i++) {
        sql(damages[i]);
        phone_is(&p, rove_rejection_read(p.replica, 1, take_field, &l, &p.error), ROVE_CORRUPT);
        phone_is(&p, rove_rejection_retry(p.replica, 1, NULL, 0, &p.error), ROVE_CORRUPT);
        assert_string_not_equal(p.error.message, "");
        assert_int_equal(phone_state(&p).rejections, 1);
    }
    phone_ok(&p, rove_rejections(p.replica, take_rejection, &l, &p.error));
    assert_int_equal(l.count, 1);
    phone_is(&p, rove_rejection_discard(p.replica, 1, &p.error), ROVE_CORRUPT);
    assert_int_equal(phone_state(&p).rejections, 1); /* for support to look at */
}

/* As a newer build left them, and gave the replica back. */
static void test_what_was_refused_of_a_strange_entity_is_listed(void **state) {
    lines l = {.count = 0};
    (void)state;

    make_refused();
    sql("UPDATE _rejection SET entity = 9999");
    phone_ok(&p, rove_rejections(p.replica, take_rejection, &l, &p.error));
    assert_string_equal(l.text, "?: \n");
    phone_is(&p, rove_rejection_retry(p.replica, 1, NULL, 0, &p.error), ROVE_NOT_FOUND);
}

/* ---- work in review ---- */

static rove_status take_review(void *ctx, const rove_review *review) {
    lines *l = ctx;

    say(l, "%s %s %s %s %s\n", review->entity, review->what, review->state, review->by,
        review->note);
    return ROVE_OK;
}

static void test_reviews_of_a_newer_headquarters(void **state) {
    lines l = {.count = 0};
    lines returned = {.count = 0};
    lines fields = {.count = 0};
    (void)state;

    sql("INSERT INTO review(id, record_entity, record_id, what, state, decided_by, note, _clock)"
        " VALUES (5000000001, 11, 1, 2, 3, 'Olga', '', x'00'),"
        " (5000000002, 11, 1, 2, 3, 'Olga', 'no', x'00'),"
        " (5000000003, 9999, 1, 99, 99, NULL, NULL, x'00'),"
        " (5000000004, 9999, 1, NULL, 1, CAST(zeroblob(2000) AS TEXT), NULL, x'00')");
    phone_ok(&p, rove_reviews(p.replica, take_review, &l, &p.error));
    assert_int_equal(l.count, 4);
    assert_non_null(strstr(l.text, "? ? ?  \n"));
    phone_ok(&p, rove_rejections(p.replica, take_rejection, &returned, &p.error));
    assert_int_equal(returned.count, 2);
    assert_non_null(strstr(returned.text, "Olga returned it.\n"));
    assert_non_null(strstr(returned.text, "Olga returned it: no\n"));
    /* Its change did not come along: nothing to show, and nothing to try again. */
    phone_ok(&p, rove_rejection_read(p.replica, 5000000001, take_field, &fields, &p.error));
    assert_int_equal(fields.count, 0);
    assert_int_not_equal(rove_rejection_retry(p.replica, 5000000001, NULL, 0, &p.error), ROVE_OK);
    assert_string_not_equal(p.error.message, "");
}

/* ---- conflicts ---- */

static rove_status take_conflict(void *ctx, const rove_conflict *conflict) {
    lines *l = ctx;

    say(l, "%s %s [%s] %s\n", conflict->entity, conflict->kind, conflict->field, conflict->status);
    return ROVE_OK;
}

static void test_conflicts_of_a_newer_headquarters(void **state) {
    lines l = {.count = 0};
    (void)state;

    sql("INSERT INTO conflict(id, record_entity, record_id, field_number, kind, status, lost_value,"
        " _clock) VALUES (71, 9999, 1, 2, 1, 1, x'', x'00'), (72, 11, 1, 9999, 99, 1, NULL, x'00'),"
        " (73, NULL, NULL, NULL, NULL, 99, NULL, x'00')");
    phone_ok(&p, rove_conflicts(p.replica, NULL, take_conflict, &l, &p.error));
    assert_int_equal(l.count, 3);
    assert_non_null(strstr(l.text, "? REGISTER_WRITE [] OPEN\n"));
    assert_non_null(strstr(l.text, " ? [] OPEN\n"));
    assert_non_null(strstr(l.text, "? ? [] ?\n"));
    for (rove_id number = 71; number <= 73; number++) { /* nothing that could be written again */
        phone_is(&p, rove_conflict_settle(p.replica, number, 1, &p.error), ROVE_STATE);
        assert_string_not_equal(p.error.message, "");
    }
    assert_int_equal(phone_state(&p).pending, 0);
}

/* ---- pending work ---- */

static rove_status take_pending(void *ctx, const rove_pending *pending) {
    lines *l = ctx;

    say(l, "%s %s %s\n", pending->entity, pending->what, pending->fields);
    return ROVE_OK;
}

static void test_pending_work_that_is_damaged_or_strange(void **state) {
    rove_field phone_field = {"phone", rove_text("1")};
    rove_field visit = {"account_id", rove_int(account)};
    rove_id meeting = 0;
    lines l = {.count = 0};
    (void)state;

    phone_ok(&p, rove_insert(p.replica, "Visit", &visit, 1, &meeting, &p.error));
    phone_ok(&p, rove_sync(p.replica, NULL, NULL, &p.error));
    phone_ok(&p, rove_seal(p.replica, "Visit", meeting, NULL, 0, &p.error));
    phone_ok(&p, rove_update(p.replica, "Account", account, &phone_field, 1, &p.error));
    sql("UPDATE _outbox SET entity = 9999 WHERE entity = 11");
    phone_ok(&p, rove_pending_list(p.replica, take_pending, &l, &p.error));
    assert_non_null(strstr(l.text, "Visit seal sealed_at\n"));
    assert_int_equal(l.count, 2);
    sql("UPDATE _outbox SET body = x'ff'");
    phone_is(&p, rove_pending_list(p.replica, take_pending, &l, &p.error), ROVE_CORRUPT);
    sql("UPDATE _outbox SET body = x''");
    phone_is(&p, rove_pending_list(p.replica, take_pending, &l, &p.error), ROVE_CORRUPT);
    assert_string_not_equal(p.error.message, "");
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_acts_that_were_refused_are_told_as_acts),
        TEST(test_a_damaged_refusal_is_said_and_stays),
        TEST(test_what_was_refused_of_a_strange_entity_is_listed),
        TEST(test_reviews_of_a_newer_headquarters),
        TEST(test_conflicts_of_a_newer_headquarters),
        TEST(test_pending_work_that_is_damaged_or_strange),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
