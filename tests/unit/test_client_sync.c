/*
 * test_client_sync.c - a rep's sync: what was written offline arrives once, what headquarters has comes down, and
 * whatever goes wrong on the way - networks, clocks, hostile answers - costs neither work nor order.
 */
#include "phone.h"

#define ALL 1000000

static phone p;

static int set_up(void **state) {
    (void)state;
    phone_start(&p, "client_sync");
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    phone_stop(&p);
    return 0;
}

static rove_status sync_now(rove_sync_report *report) {
    return rove_sync(p.replica, NULL, report, &p.error);
}

static void write_accounts(size_t count) {
    phone_ok(&p, rove_begin(p.replica, &p.error));
    for (size_t i = 0; i < count; i++) {
        (void)phone_account(&p, "written offline");
    }
    phone_ok(&p, rove_commit(p.replica, &p.error));
}

/* ---- as it should be ---- */

static void test_offline_work_arrives_in_one_request(void **state) {
    rove_sync_report report;
    (void)state;

    write_accounts(1000);
    assert_int_equal(phone_state(&p).pending, 1000);
    phone_ok(&p, sync_now(&report));
    assert_int_equal(report.requests, 1);
    assert_int_equal(report.batches, p.last.batches);
    assert_int_equal(report.rows_pushed, 1000);
    assert_int_equal(p.last.rows, 1000);
    assert_int_equal(phone_state(&p).pending, 0);
    assert_int_equal(phone_number(&p, "SELECT count(*) FROM account"), 1000);
}

/* 16 KiB each, eight in a transaction. */
static void write_notes(int count) {
    static char text[16 * 1024 + 1];

    memset(text, 'n', sizeof text - 1);
    for (int i = 0; i < count; i++) {
        rove_id id = 0;
        rove_field fields[] = {{"about_id", rove_int(PHONE_USER)},
                               {"created_at", rove_int(PHONE_NOW_MS)},
                               {"text", rove_text(text)}};
        if (i % 8 == 0) {
            phone_ok(&p, rove_begin(p.replica, &p.error));
        }
        phone_ok(&p, rove_insert(p.replica, "Note", fields, 3, &id, &p.error));
        if (i % 8 == 7) {
            phone_ok(&p, rove_commit(p.replica, &p.error));
        }
    }
}

/* What headquarters would not take with one request is not sent with it. */
static void test_much_offline_work_arrives_in_several_requests(void **state) {
    rove_sync_report report;
    (void)state;

    write_notes(8 * 180); /* 22 MiB */
    phone_ok(&p, sync_now(&report));
    assert_int_equal(report.requests, 2);
    assert_int_equal(report.rows_pushed, 8 * 180);
    assert_in_range(p.most_pushed, ROVE_BATCH_BYTES_MAX / 4 * 3, ROVE_BATCH_BYTES_MAX);
    assert_int_equal(phone_state(&p).pending, 0);
}

static size_t memory_of_pushing(int notes) {
    rove_sync_report report;

    write_notes(notes);
    p.memory.most = p.memory.bytes;
    phone_ok(&p, sync_now(&report));
    assert_int_equal(report.rows_pushed, notes);
    return p.memory.most;
}

/* Neither a batch nor a request is ever in memory as a whole. */
static void test_ten_times_as_much_work_takes_no_more_memory(void **state) {
    (void)state;

    size_t little = memory_of_pushing(8 * 16);
    size_t much = memory_of_pushing(8 * 160);
    assert_true(little < 4 * 1024 * 1024);
    assert_true(much < little + 128 * 1024);
}

static void test_nothing_new_costs_one_small_request(void **state) {
    rove_sync_report report;
    (void)state;

    write_accounts(1000);
    phone_ok(&p, sync_now(&report));
    phone_ok(&p, sync_now(&report));
    assert_int_equal(report.requests, 1);
    assert_int_equal(report.rows_pushed, 0);
    assert_true(p.last.body_size <= 700);
    assert_true(p.last.answer_size <= 700);
}

static void test_what_headquarters_has_comes_down(void **state) {
    rove_sync_report report;
    (void)state;

    p.accounts = 2500;
    p.page_rows = 400;
    phone_ok(&p, sync_now(&report));
    assert_int_equal(report.requests, 1);
    assert_int_equal(report.rows_applied, 2500);
    assert_int_equal(phone_number(&p, "SELECT count(*) FROM account"), 2500);
    rove_state state_now = phone_state(&p);
    assert_int_equal(state_now.seq, PHONE_SEQ + 2500);
    assert_false(state_now.catching_up);
    phone_ok(&p, sync_now(&report));
    assert_int_equal(report.rows_applied, 0);
}

static void test_the_state_tells_of_the_contact(void **state) {
    rove_sync_report report;
    (void)state;

    assert_int_equal(phone_state(&p).contact_ms, 0);
    assert_false(phone_state(&p).clock_trusted);
    phone_ok(&p, sync_now(&report));
    rove_state now = phone_state(&p);
    assert_true(now.enrolled);
    assert_int_equal(now.replica, PHONE_NUMBER);
    assert_int_equal(now.user, PHONE_USER);
    assert_string_equal(now.url, PHONE_URL);
    assert_int_equal(now.contact_ms, PHONE_NOW_MS + p.now.boot_ms);
    assert_true(now.clock_trusted);
    assert_int_equal(now.certificate_until_ms, p.until_ms);
    /* The next poll, a tenth sooner or later. */
    assert_true(now.next_sync_ms >= now.now_ms + 540000);
    assert_true(now.next_sync_ms <= now.now_ms + 660000);
    assert_int_equal(now.next_sync_ms, report.next_sync_ms);
}

static void test_trust_goes_with_each_request(void **state) {
    (void)state;
    phone_ok(&p, sync_now(NULL));
    assert_true(p.last.has_pin);
    assert_true(p.last.has_certificate);
}

static void again_once(phone *ph, rove__frame_writer *writer, rove__buf *answer) {
    phone_welcome(ph, writer, answer);
    phone_end(ph, writer, answer, ph->exchanges < 3);
}

static void test_it_goes_on_while_headquarters_has_more(void **state) {
    rove_sync_report report;
    (void)state;

    p.compose = again_once;
    phone_ok(&p, sync_now(&report));
    assert_int_equal(report.requests, 3);
}

static void always_more(phone *ph, rove__frame_writer *writer, rove__buf *answer) {
    phone_welcome(ph, writer, answer);
    phone_end(ph, writer, answer, 1);
}

static void test_a_headquarters_that_never_ends_is_left(void **state) {
    rove_sync_report report;
    (void)state;

    p.compose = always_more;
    phone_is(&p, sync_now(&report), ROVE_LIMIT);
    assert_true(report.requests <= 1000);
}

/* ---- the network ---- */

static void test_each_failure_of_the_network_leaves_the_work(void **state) {
    static const rove_status failures[] = {
        ROVE_NETWORK, ROVE_TIMEOUT,  ROVE_LATER,        ROVE_SERVER,  ROVE_NOT_ROVE, ROVE_TRUNCATED,
        ROVE_TLS,     ROVE_PROTOCOL, ROVE_UNAUTHORIZED, ROVE_REVOKED, ROVE_NOMEM};
    (void)state;

    write_accounts(20);
    for (size_t i = 0; i < sizeof failures / sizeof *failures; i++) {
        rove_sync_report report;
        p.refuse = failures[i];
        p.refusals = ALL;
        phone_is(&p, sync_now(&report), failures[i]);
        assert_true(strstr(p.error.message, "refused") != NULL);
        assert_int_equal(report.requests, 1);
        assert_int_equal(phone_state(&p).pending, 20);
    }
    p.refusals = 0;
    phone_ok(&p, sync_now(NULL));
    assert_int_equal(phone_state(&p).pending, 0);
    assert_int_equal(p.judged, 1);
}

static void test_failures_are_answered_with_patience(void **state) {
    rove_sync_report report;
    int64_t longest = 0;
    (void)state;

    phone_ok(&p, sync_now(NULL));
    p.refuse = ROVE_NETWORK;
    p.refusals = ALL;
    for (int i = 0; i < 20; i++) {
        phone_is(&p, sync_now(&report), ROVE_NETWORK);
        int64_t wait = report.next_sync_ms - rove_now_ms(p.replica);
        assert_true(wait >= 2000 && wait <= 900000);
        longest = wait > longest ? wait : longest;
        assert_true(i > 0 || wait <= 4000);
    }
    assert_true(longest > 100000);
    p.refusals = 0;
    phone_ok(&p, sync_now(&report));
    assert_true(report.next_sync_ms - rove_now_ms(p.replica) >= 540000);
    p.refusals = 1;
    phone_is(&p, sync_now(&report), ROVE_NETWORK);
    assert_true(report.next_sync_ms - rove_now_ms(p.replica) <= 4000);
}

static void test_headquarters_may_ask_to_wait(void **state) {
    rove_sync_report report;
    (void)state;

    p.refuse = ROVE_LATER;
    p.refusals = 1;
    p.retry_after_ms = 5000000;
    phone_is(&p, sync_now(&report), ROVE_LATER);
    assert_true(report.next_sync_ms - rove_now_ms(p.replica) >= 5000000);
}

/* The answer ends after every possible number of bytes: nothing is lost, nothing comes twice. */
static void test_an_answer_cut_anywhere_is_resumed(void **state) {
    (void)state;
    p.accounts = 60;
    p.page_rows = 20;
    write_accounts(5);
    p.cut_status = ROVE_NETWORK;
    p.write_chunk = 16;
    for (size_t cut = 1;; cut += 7) {
        rove_sync_report report;
        p.cut_at = cut;
        rove_status status = sync_now(&report);
        if (status == ROVE_OK) {
            break;
        }
        phone_is(&p, status, ROVE_NETWORK);
        assert_int_equal(phone_number(&p, "SELECT count(*) FROM account") % 20, 5);
    }
    assert_int_equal(phone_number(&p, "SELECT count(*) FROM account"), 65);
    assert_int_equal(phone_state(&p).pending, 0);
    assert_int_equal(p.judged, 1);
}

/* A transport that takes a cut for the end. */
static void test_an_answer_without_its_end_is_truncated(void **state) {
    rove_sync_report report;
    (void)state;

    write_accounts(5);
    p.cut_status = ROVE_OK;
    for (size_t cut = 1; cut < 60; cut++) {
        p.cut_at = cut;
        phone_is(&p, sync_now(&report), ROVE_TRUNCATED);
        assert_int_equal(phone_state(&p).pending, 5);
    }
    p.cut_at = 0;
    phone_ok(&p, sync_now(&report));
    assert_int_equal(phone_state(&p).pending, 0);
}

static rove_status login_page(phone *ph, const rove_request *request, const rove__buf *body,
                              rove__buf *answer) {
    (void)body;
    static const char page[] = "<!DOCTYPE html><title>Welcome to the hotel</title>";
    (void)ph;
    (void)request;

    rove__buf_append(answer, page, sizeof page - 1);
    return ROVE_OK;
}

/* A transport would say NOT_ROVE; one that does not look is not believed either. */
static void test_a_login_page_is_no_answer(void **state) {
    (void)state;
    write_accounts(3);
    p.route = login_page;
    phone_is(&p, sync_now(NULL), ROVE_PROTOCOL);
    assert_int_equal(phone_state(&p).pending, 3);
    p.route = NULL;
    phone_ok(&p, sync_now(NULL));
    assert_int_equal(phone_state(&p).pending, 0);
}

static void test_work_survives_the_app_between_two_tries(void **state) {
    (void)state;
    write_accounts(30);
    p.cut_at = 40;
    p.cut_status = ROVE_NETWORK;
    phone_is(&p, sync_now(NULL), ROVE_NETWORK);
    phone_close(&p);
    phone_open(&p);
    assert_int_equal(phone_state(&p).pending, 30);
    p.cut_at = 0;
    phone_ok(&p, sync_now(NULL));
    assert_int_equal(phone_state(&p).pending, 0);
    assert_int_equal(p.judged, 1);
}

/* ---- meanwhile ---- */

static void edit_once(phone *ph) {
    rove_id *id = ph->test;
    rove_field fields[] = {{"name", rove_text("edited meanwhile")}};

    if (*id != 0) {
        phone_ok(ph, rove_update(ph->replica, "Account", *id, fields, 1, &ph->error));
        *id = 0;
    }
}

static void test_an_edit_during_a_sync_is_kept_and_follows(void **state) {
    rove_id id = phone_account(&p, "first");
    rove_id edit = id;
    (void)state;

    p.test = &edit;
    p.write_chunk = 8;
    p.meanwhile = edit_once;
    phone_ok(&p, sync_now(NULL));
    p.meanwhile = NULL;
    assert_int_equal(edit, 0);
    assert_int_equal(phone_state(&p).pending, 1);
    assert_int_equal(
        phone_number(&p, "SELECT count(*) FROM account WHERE name = 'edited meanwhile'"), 1);
    phone_ok(&p, sync_now(NULL));
    assert_int_equal(p.last.rows, 1);
    assert_int_equal(phone_state(&p).pending, 0);
    assert_int_equal(
        phone_number(&p, "SELECT count(*) FROM account WHERE name = 'edited meanwhile'"), 1);
}

static void sync_inside(phone *ph) {
    rove_status *inner = ph->test;
    char code[ROVE_INVITATION_SIZE];

    *inner = rove_sync(ph->replica, NULL, NULL, &ph->error);
    assert_int_equal(rove_enroll(ph->replica, PHONE_URL, phone_code(ph, code), NULL), ROVE_BUSY);
}

static void test_one_sync_at_a_time(void **state) {
    rove_status inner = ROVE_OK;
    (void)state;

    p.test = &inner;
    p.meanwhile = sync_inside;
    phone_ok(&p, sync_now(NULL));
    p.meanwhile = NULL;
    assert_int_equal(inner, ROVE_BUSY);
    phone_ok(&p, sync_now(NULL));
}

static void test_a_sync_inside_a_transaction_is_refused(void **state) {
    (void)state;
    phone_ok(&p, rove_begin(p.replica, &p.error));
    (void)phone_account(&p, "not yet");
    phone_is(&p, sync_now(NULL), ROVE_STATE);
    phone_ok(&p, rove_commit(p.replica, &p.error));
    phone_ok(&p, sync_now(NULL));
    assert_int_equal(phone_state(&p).pending, 0);
}

/* ---- budgets ---- */

typedef struct budget {
    int asked, cancel_after;
    int told;
    rove_sync_progress last;
} budget;

static int cancelled(void *ctx) {
    budget *b = ctx;

    return ++b->asked > b->cancel_after;
}

static void told(void *ctx, const rove_sync_progress *progress) {
    budget *b = ctx;

    assert_true(progress->bytes_sent >= b->last.bytes_sent);
    assert_true(progress->bytes_received >= b->last.bytes_received);
    assert_true(progress->rows_applied >= b->last.rows_applied);
    b->last = *progress;
    b->told++;
}

static void test_a_sync_cancelled_anywhere_goes_on_later(void **state) {
    (void)state;
    p.accounts = 100;
    p.page_rows = 10;
    write_accounts(10);
    p.write_chunk = 64;
    for (int after = 0;; after += 3) {
        budget b = {.cancel_after = after};
        rove_sync_options options = {
            .size = sizeof options, .cancelled = cancelled, .progress = told, .ctx = &b};
        rove_sync_report report;
        rove_status status = rove_sync(p.replica, &options, &report, &p.error);
        if (status == ROVE_OK) {
            break;
        }
        phone_is(&p, status, ROVE_CANCELLED);
        assert_int_equal(report.next_sync_ms, 0);
    }
    assert_int_equal(phone_number(&p, "SELECT count(*) FROM account"), 110);
    assert_int_equal(phone_state(&p).pending, 0);
}

static void test_progress_is_told(void **state) {
    budget b = {.cancel_after = 1000000};
    rove_sync_options options = {.size = sizeof options, .progress = told, .ctx = &b};
    rove_sync_report report;
    (void)state;

    p.accounts = 300;
    p.page_rows = 100;
    write_accounts(10);
    phone_ok(&p, rove_sync(p.replica, &options, &report, &p.error));
    assert_true(b.told >= 3);
    assert_int_equal(b.last.rows_applied, 300);
    assert_int_equal(b.last.rows_pushed, 10);
    assert_int_equal(b.last.requests, 1);
    assert_int_equal(b.last.bytes_received, report.bytes_received);
}

static void minute_passes(phone *ph) {
    ph->now.boot_ms += 60000;
    ph->now.wall_ms += 60000;
}

static void test_a_budget_of_seconds(void **state) {
    rove_sync_options options = {.size = sizeof options, .seconds_max = 200};
    rove_sync_report report;
    (void)state;

    p.accounts = 300;
    p.page_rows = 10;
    p.write_chunk = 256;
    p.meanwhile = minute_passes;
    phone_is(&p, rove_sync(p.replica, &options, &report, &p.error), ROVE_LIMIT);
    assert_true(report.duration_ms >= 200000 && report.duration_ms < 400000);
    assert_true(report.rows_applied > 0 && report.rows_applied < 300);
    p.meanwhile = NULL;
    phone_ok(&p, sync_now(NULL));
    assert_int_equal(phone_number(&p, "SELECT count(*) FROM account"), 300);
}

/* Headquarters that heeds the budget of the Hello: two pages, then more. */
static void two_pages(phone *ph, rove__frame_writer *writer, rove__buf *answer) {
    size_t all = ph->accounts;

    phone_welcome(ph, writer, answer);
    size_t done =
        ph->last.hello.cursor.seq > PHONE_SEQ ? (size_t)(ph->last.hello.cursor.seq - PHONE_SEQ) : 0;
    ph->accounts = ph->last.hello.bytes_max != 0 && done + 20 < all ? done + 20 : all;
    phone_pages(ph, writer, answer);
    phone_end(ph, writer, answer, ph->accounts < all);
    ph->accounts = all;
}

static void test_a_budget_of_bytes(void **state) {
    rove_sync_options options = {.size = sizeof options, .bytes_max = 1000};
    rove_sync_report report;
    int syncs = 0;
    (void)state;

    p.accounts = 400;
    p.page_rows = 10;
    p.compose = two_pages;
    do {
        rove_status status = rove_sync(p.replica, &options, &report, &p.error);
        assert_true(status == ROVE_OK || status == ROVE_LIMIT);
        assert_true(report.bytes_received < 3000);
        assert_true(p.last.hello.bytes_max > 0 && p.last.hello.bytes_max <= 1000);
        assert_true(++syncs < 100);
        if (status == ROVE_OK) {
            break;
        }
    } while (1);
    assert_true(syncs > 3);
    assert_int_equal(phone_number(&p, "SELECT count(*) FROM account"), 400);
}

/* ---- clocks ---- */

/* Whatever the wall clock says, a sync works and stamps are headquarters' afterwards. */
static void test_wrong_clocks_do_not_matter(void **state) {
    static const int64_t walls[] = {0, PHONE_NOW_MS - 40 * PHONE_DAY_MS,
                                    PHONE_NOW_MS + 40 * PHONE_DAY_MS,
                                    INT64_C(4102444800000) /* 2100 */};
    (void)state;

    for (size_t i = 0; i < sizeof walls / sizeof *walls; i++) {
        phone_stop(&p);
        phone_prepare(&p, "client_sync");
        p.now.wall_ms = walls[i];
        phone_open(&p);
        phone_enroll(&p);
        write_accounts(3);
        phone_ok(&p, sync_now(NULL));
        /* Without an anchor, validity is not judged by a clock that may be anything. */
        assert_int_equal(p.last.trusted_now_ms, 0);
        assert_int_equal(rove_now_ms(p.replica), PHONE_NOW_MS + p.now.boot_ms);
        assert_int_equal(phone_state(&p).pending, 0);
        p.now.wall_ms += 5000;
        p.now.boot_ms += 5000;
        phone_ok(&p, sync_now(NULL));
        assert_int_equal(p.last.trusted_now_ms, PHONE_NOW_MS + p.now.boot_ms);
        assert_int_equal(p.renewals, 0);
    }
}

static void test_after_a_restart_the_clock_is_not_trusted(void **state) {
    (void)state;
    phone_ok(&p, sync_now(NULL));
    p.now.boot_id[0] ^= 1;
    p.now.boot_ms = 10;
    phone_ok(&p, sync_now(NULL));
    assert_int_equal(p.last.trusted_now_ms, 0);
    phone_ok(&p, sync_now(NULL));
    assert_int_not_equal(p.last.trusted_now_ms, 0);
}

/* ---- whatever else headquarters may say ---- */

static void says_upgrade(phone *ph, rove__frame_writer *writer, rove__buf *answer) {
    rove__fail fail = {.status = ROVE_UPGRADE, .reason = "Version 3 is needed."};

    phone_welcome(ph, writer, answer);
    PHONE_MESSAGE(ph, writer, answer, ROVE_FRAME_FAIL, fail, &fail);
}

static void test_headquarters_reason_reaches_the_rep(void **state) {
    (void)state;
    write_accounts(2);
    p.compose = says_upgrade;
    phone_is(&p, sync_now(NULL), ROVE_UPGRADE);
    assert_string_equal(p.error.message, "Version 3 is needed.");
    assert_int_equal(phone_state(&p).pending, 2);
}

static void takes_for_another(phone *ph, rove__frame_writer *writer, rove__buf *answer) {
    rove_replica number = ph->number;

    ph->number = number + 1;
    phone_welcome(ph, writer, answer);
    ph->number = number;
    phone_end(ph, writer, answer, 0);
}

static void test_an_answer_for_another_device_is_refused(void **state) {
    (void)state;
    write_accounts(2);
    p.compose = takes_for_another;
    phone_is(&p, sync_now(NULL), ROVE_PROTOCOL);
    assert_int_equal(phone_state(&p).pending, 2);
}

static void test_no_transport_is_no_network(void **state) {
    (void)state;
    write_accounts(2);
    p.replica->ports.transport.perform = NULL;
    phone_is(&p, sync_now(NULL), ROVE_NETWORK);
    assert_int_equal(phone_state(&p).pending, 2);
}

static void test_options_of_another_size(void **state) {
    rove_sync_options options = {.size = 0};
    (void)state;

    phone_is(&p, rove_sync(p.replica, &options, NULL, &p.error), ROVE_INVALID);
    options.size = offsetof(rove_sync_options, bytes_max); /* of an older version of the header */
    options.bytes_max = 1;
    phone_ok(&p, rove_sync(p.replica, &options, NULL, &p.error));
    assert_int_equal(p.last.hello.bytes_max, 0);
    phone_is(&p, rove_sync(NULL, NULL, NULL, &p.error), ROVE_INVALID);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_offline_work_arrives_in_one_request),
        TEST(test_much_offline_work_arrives_in_several_requests),
        TEST(test_ten_times_as_much_work_takes_no_more_memory),
        TEST(test_nothing_new_costs_one_small_request),
        TEST(test_what_headquarters_has_comes_down),
        TEST(test_the_state_tells_of_the_contact),
        TEST(test_trust_goes_with_each_request),
        TEST(test_it_goes_on_while_headquarters_has_more),
        TEST(test_a_headquarters_that_never_ends_is_left),
        TEST(test_each_failure_of_the_network_leaves_the_work),
        TEST(test_failures_are_answered_with_patience),
        TEST(test_headquarters_may_ask_to_wait),
        TEST(test_an_answer_cut_anywhere_is_resumed),
        TEST(test_an_answer_without_its_end_is_truncated),
        TEST(test_a_login_page_is_no_answer),
        TEST(test_work_survives_the_app_between_two_tries),
        TEST(test_an_edit_during_a_sync_is_kept_and_follows),
        TEST(test_one_sync_at_a_time),
        TEST(test_a_sync_inside_a_transaction_is_refused),
        TEST(test_a_sync_cancelled_anywhere_goes_on_later),
        TEST(test_progress_is_told),
        TEST(test_a_budget_of_seconds),
        TEST(test_a_budget_of_bytes),
        TEST(test_wrong_clocks_do_not_matter),
        TEST(test_after_a_restart_the_clock_is_not_trusted),
        TEST(test_headquarters_reason_reaches_the_rep),
        TEST(test_an_answer_for_another_device_is_refused),
        TEST(test_no_transport_is_no_network),
        TEST(test_options_of_another_size),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
