/*
 * test_client_enroll.c - how a device is enrolled, renews its certificate, and goes on after it was copied; and that
 * none of it costs the rep's work, whenever it is interrupted.
 */
#include "faults.h"
#include "phone.h"

static phone p;

static int set_up(void **state) {
    (void)state;
    phone_prepare(&p, "client_enroll");
    phone_open(&p);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    phone_stop(&p);
    return 0;
}

static rove_status enroll(const char *url) {
    char code[ROVE_INVITATION_SIZE];

    return rove_enroll(p.replica, url, phone_code(&p, code), &p.error);
}

static rove_status sync_now(void) {
    return rove_sync(p.replica, NULL, NULL, &p.error);
}

static int identity_exists(void) {
    char path[128];

    snprintf(path, sizeof path, "%s/identity", p.folder);
    return access(path, F_OK) == 0;
}

/* ---- enrolment ---- */

static void test_a_code_makes_a_device(void **state) {
    (void)state;
    assert_false(phone_state(&p).enrolled);
    assert_string_equal(phone_state(&p).url, "");
    phone_ok(&p, enroll(PHONE_URL "/"));
    rove_state now = phone_state(&p);
    assert_true(now.enrolled);
    assert_int_equal(now.user, PHONE_USER);
    assert_int_equal(now.replica, PHONE_NUMBER);
    assert_string_equal(now.url, PHONE_URL);
    assert_int_equal(p.requests, 2);
    phone_ok(&p, sync_now());
}

static void test_it_stays_one_over_restarts(void **state) {
    (void)state;
    phone_ok(&p, enroll(PHONE_URL));
    phone_close(&p);
    phone_open(&p);
    assert_true(phone_state(&p).enrolled);
    assert_string_equal(phone_state(&p).url, PHONE_URL);
    phone_ok(&p, sync_now());
}

static void test_work_needs_an_enrolled_device(void **state) {
    rove_field fields[] = {{"name", rove_text("too early")}};
    rove_id id = 0;
    (void)state;

    phone_is(&p, rove_insert(p.replica, "Account", fields, 1, &id, &p.error), ROVE_NOT_ENROLLED);
    phone_ok(&p, enroll(PHONE_URL));
    phone_ok(&p, rove_insert(p.replica, "Account", fields, 1, &id, &p.error));
}

static void test_a_second_enrolment_is_refused(void **state) {
    (void)state;
    phone_ok(&p, enroll(PHONE_URL));
    phone_is(&p, enroll(PHONE_URL), ROVE_EXISTS);
    assert_non_null(strstr(p.error.message, PHONE_URL));
    assert_int_equal(p.enrolments, 1);
    phone_ok(&p, sync_now());
}

static int shows;

static rove_status shown(phone *ph, const rove_request *request, const rove__buf *body,
                         rove__buf *answer) {
    assert_true((request->certificate_der != NULL) == (request->key_der != NULL));
    shows = request->certificate_der != NULL;
    return phone_enrol(ph, request, body, answer);
}

static void test_a_device_that_was_turned_away_enrols_again(void **state) {
    (void)state;
    phone_ok(&p, enroll(PHONE_URL));
    p.refuse = ROVE_NETWORK;
    p.refusals = 1;
    phone_is(&p, enroll(PHONE_URL), ROVE_NETWORK);
    p.turned_away = 1;
    p.number++;
    (void)phone_account(&p, "unsent");
    phone_ok(&p, enroll(PHONE_URL));
    assert_int_equal(p.enrolments, 2);
    p.judged = 0;
    phone_ok(&p, sync_now());
    assert_int_equal(p.last.rows, 1);
}

/* So headquarters knows which device it was. A first contact trusts the code's pin alone all the same. */
static void test_a_device_shows_who_it_was(void **state) {
    (void)state;
    p.route = shown;
    phone_ok(&p, enroll(PHONE_URL));
    assert_int_equal(shows, 0);
    p.turned_away = 1;
    phone_ok(&p, enroll(PHONE_URL));
    assert_int_equal(shows, 1);
}

static void test_nobody_enrols_in_a_transaction(void **state) {
    (void)state;
    phone_ok(&p, enroll(PHONE_URL));
    phone_ok(&p, rove_begin(p.replica, &p.error));
    phone_is(&p, enroll(PHONE_URL), ROVE_STATE);
    rove_rollback(p.replica);
    phone_is(&p, enroll(PHONE_URL), ROVE_EXISTS);
}

static void test_what_is_no_code_reaches_nobody(void **state) {
    (void)state;
    phone_is(&p, rove_enroll(p.replica, PHONE_URL, "12345", &p.error), ROVE_CODE);
    phone_is(&p, enroll("http://hq.example.com"), ROVE_INVALID);
    phone_is(&p, rove_enroll(p.replica, NULL, "12345", &p.error), ROVE_INVALID);
    phone_is(&p, rove_enroll(NULL, PHONE_URL, "12345", &p.error), ROVE_INVALID);
    assert_int_equal(p.requests, 0);
    assert_false(identity_exists());
}

static void test_failures_on_the_way_leave_the_device_as_it_was(void **state) {
    static const rove_status failures[] = {ROVE_NETWORK, ROVE_TLS, ROVE_NOT_ROVE, ROVE_CODE};
    (void)state;

    for (size_t i = 0; i < sizeof failures / sizeof *failures; i++) {
        p.refuse = failures[i];
        p.refusals = 1;
        phone_is(&p, enroll(PHONE_URL), failures[i]);
        assert_false(phone_state(&p).enrolled);
        assert_false(identity_exists());
    }
    phone_ok(&p, enroll(PHONE_URL));
}

static rove_status short_nonce(phone *ph, const rove_request *request, const rove__buf *body,
                               rove__buf *answer) {
    (void)body;
    (void)ph;
    (void)request;
    rove__buf_append(answer, "nonce", 5);
    return ROVE_OK;
}

static rove_status nonsense(phone *ph, const rove_request *request, const rove__buf *body,
                            rove__buf *answer) {
    (void)body;
    static const uint8_t zeros[ROVE_ENROLL_NONCE_SIZE];

    (void)ph;
    if (strcmp(request->method, "GET") == 0) {
        rove__buf_append(answer, zeros, sizeof zeros);
    } else {
        rove__buf_append(answer, "not an identity", 15);
    }
    return ROVE_OK;
}

static rove_status endless(phone *ph, const rove_request *request, const rove__buf *body,
                           rove__buf *answer) {
    (void)body;
    static const uint8_t zeros[ROVE_IDENTITY_MAX + 1];

    (void)ph;
    (void)request;
    rove__buf_append(answer, zeros, sizeof zeros);
    return ROVE_OK;
}

static void test_hostile_answers_are_refused(void **state) {
    (void)state;
    p.route = short_nonce;
    phone_is(&p, enroll(PHONE_URL), ROVE_TRUNCATED); /* it may have been cut: the rep tries again */
    p.route = nonsense;
    rove_status status = enroll(PHONE_URL);
    assert_true(status == ROVE_VERSION || status == ROVE_PROTOCOL);
    p.route = endless;
    phone_is(&p, enroll(PHONE_URL), ROVE_PROTOCOL);
    assert_false(identity_exists());
    p.route = NULL;
    phone_ok(&p, enroll(PHONE_URL));
}

/* ---- interrupted ---- */

static rove_files real_files;
static int writes_fail;

static rove_status failing_replace(void *ctx, const char *path, const void *bytes, size_t size,
                                   rove_error *error) {
    return writes_fail ? rove__error_set(error, ROVE_FULL, "full")
                       : real_files.replace(ctx, path, bytes, size, error);
}

/* The app dies, or the disk is full, between headquarters' answer and the file: a new code is all it takes. */
static void test_an_identity_that_could_not_be_kept_takes_a_new_code(void **state) {
    (void)state;
    real_files = p.ports.files;
    p.replica->ports.files.replace = failing_replace;
    writes_fail = 1;
    phone_is(&p, enroll(PHONE_URL), ROVE_FULL);
    writes_fail = 0;
    assert_false(phone_state(&p).enrolled);
    p.number++;
    phone_ok(&p, enroll(PHONE_URL));
    assert_int_equal(phone_state(&p).replica, PHONE_NUMBER + 1);
    phone_ok(&p, sync_now());
}

/* The app dies between the file and the database. */
static void test_an_owner_that_was_not_set_is_set_when_opened(void **state) {
    (void)state;
    phone_ok(&p, enroll(PHONE_URL));
    char path[2][128];
    snprintf(path[0], sizeof path[0], "%s/identity", p.folder);
    snprintf(path[1], sizeof path[1], "%s.identity", p.folder);
    phone_close(&p);
    assert_int_equal(rename(path[0], path[1]), 0);
    phone_forget(p.folder);
    phone_open(&p);
    phone_close(&p);
    assert_int_equal(rename(path[1], path[0]), 0);
    phone_open(&p);
    assert_int_equal(phone_state(&p).replica, PHONE_NUMBER);
    assert_int_equal(phone_state(&p).user, PHONE_USER);
    phone_ok(&p, sync_now());
}

static rove_status replace_and_fill_the_disk(void *ctx, const char *path, const void *bytes,
                                             size_t size, rove_error *error) {
    rove_status status = real_files.replace(ctx, path, bytes, size, error);

    faults_arm(&faults_io, 1, 0, SQLITE_FULL);
    return status;
}

/* The disk is full between the file and the database, and the app stays open. */
static void test_an_owner_that_was_not_set_is_set_by_the_next_exchange(void **state) {
    rove_exchange *exchange = NULL;
    rove__store_owner owner;
    (void)state;

    real_files = p.ports.files;
    p.replica->ports.files.replace = replace_and_fill_the_disk;
    phone_is(&p, enroll(PHONE_URL), ROVE_FULL);
    faults_arm(&faults_io, 0, 0, 0);
    assert_true(identity_exists());
    rove__store_read_owner(p.replica->store, &owner);
    assert_int_equal(owner.user, 0);
    phone_ok(&p, rove_exchange_new(p.replica, 0, &exchange, &p.error));
    phone_is(&p, rove_exchange_finish(exchange, ROVE_CANCELLED, NULL, NULL, &p.error),
             ROVE_CANCELLED);
    rove__store_read_owner(p.replica->store, &owner);
    assert_int_equal(owner.user, PHONE_USER);
    phone_ok(&p, sync_now());
}

static void damage_identity(void) {
    char path[128];

    snprintf(path, sizeof path, "%s/identity", p.folder);
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    assert_int_equal(fseek(file, 20, SEEK_SET), 0);
    assert_int_equal(fputc('#', file), '#');
    assert_int_equal(fclose(file), 0);
}

/* The same, and then somebody else comes with a code of his: the device is his, and not the first one's. */
static void test_an_owner_that_was_not_set_gives_way_to_another_code(void **state) {
    (void)state;
    rove__invitation invitation = {.code = {9, 9, 9}, .pin = {4, 5, 6}};
    char code[ROVE_INVITATION_SIZE];

    real_files = p.ports.files;
    p.replica->ports.files.replace = replace_and_fill_the_disk;
    phone_is(&p, enroll(PHONE_URL), ROVE_FULL);
    faults_arm(&faults_io, 0, 0, 0);
    p.replica->ports.files = real_files;
    p.user = PHONE_USER + 1;
    p.number = PHONE_NUMBER + 1;
    assert_int_equal(rove__invitation_format(&invitation, &p.ports.crypto, code), ROVE_OK);
    phone_ok(&p, rove_enroll(p.replica, PHONE_URL, code, &p.error));
    assert_int_equal(phone_state(&p).user, PHONE_USER + 1);
    assert_int_equal(phone_state(&p).replica, PHONE_NUMBER + 1);
}

static void test_a_damaged_identity_costs_a_code_and_no_work(void **state) {
    (void)state;
    phone_ok(&p, enroll(PHONE_URL));
    (void)phone_account(&p, "before the damage");
    phone_close(&p);
    damage_identity();
    phone_open(&p);
    assert_false(phone_state(&p).enrolled);
    assert_int_equal(phone_state(&p).pending, 1);
    (void)phone_account(&p, "after the damage");
    phone_is(&p, sync_now(), ROVE_NOT_ENROLLED);
    assert_non_null(strstr(p.error.message, "damaged"));
    p.number += 5;
    p.judged = 0;
    phone_ok(&p, enroll(PHONE_URL));
    phone_ok(&p, sync_now());
    assert_int_equal(p.last.rows, 2);
    assert_int_equal(phone_state(&p).pending, 0);
    assert_int_equal(phone_state(&p).replica, PHONE_NUMBER + 5);
}

static rove_status other_user(phone *ph, const rove_request *request, const rove__buf *body,
                              rove__buf *answer) {
    (void)body;
    rove__identity identity = {.replica = 99,
                               .user = PHONE_USER + 1,
                               .ca = (const uint8_t *)"a",
                               .ca_size = 1,
                               .certificate = (const uint8_t *)"c",
                               .certificate_size = 1};
    static const uint8_t zeros[ROVE_ENROLL_NONCE_SIZE];

    (void)ph;
    if (strcmp(request->method, "GET") == 0) {
        rove__buf_append(answer, zeros, sizeof zeros);
    } else {
        rove__identity_write(answer, &identity);
    }
    return ROVE_OK;
}

static void assert_still_the_first_users(void) {
    assert_int_equal(phone_state(&p).user, PHONE_USER);
    assert_int_equal(phone_state(&p).pending, 1);
    phone_close(&p);
    phone_open(&p);
    assert_int_equal(phone_state(&p).user, PHONE_USER);
    assert_int_equal(phone_state(&p).pending, 1);
}

/* Nobody could sign for what the first one did. */
static void test_a_replica_whose_user_has_no_identity_passes_to_nobody(void **state) {
    (void)state;
    phone_ok(&p, enroll(PHONE_URL));
    (void)phone_account(&p, "of the first user");
    phone_close(&p);
    damage_identity();
    phone_open(&p);
    p.route = other_user;
    phone_is(&p, enroll(PHONE_URL), ROVE_STATE);
    assert_still_the_first_users();
}

/* Nobody there could read what he did. */
static void test_a_replica_passes_to_nobody_of_another_headquarters(void **state) {
    (void)state;
    phone_ok(&p, enroll(PHONE_URL));
    (void)phone_account(&p, "of the first user");
    p.route = other_user;
    phone_is(&p, enroll(PHONE_URL), ROVE_STATE);
    assert_true(phone_state(&p).enrolled);
    assert_still_the_first_users();
}

/* This headquarters is of before there were sealing keys. */
static void test_a_replica_passes_to_nobody_if_nothing_can_be_sealed(void **state) {
    (void)state;
    phone_ok(&p, enroll(PHONE_URL));
    (void)phone_account(&p, "of the first user");
    p.user++;
    p.number++;
    phone_is(&p, enroll(PHONE_URL), ROVE_STATE);
    p.user--;
    p.number--;
    assert_still_the_first_users();
}

static void test_a_renewal_never_changes_the_user(void **state) {
    rove__renewal renewal = {.fresh = 0};
    (void)state;

    phone_ok(&p, enroll(PHONE_URL));
    p.user++;
    phone_is(&p, rove__client_renew(p.replica, &renewal, &p.error), ROVE_PROTOCOL);
    assert_int_equal(phone_state(&p).user, PHONE_USER);
    p.user--;
    phone_ok(&p, sync_now());
}

static void test_not_enrolled_is_said(void **state) {
    rove_exchange *exchange = NULL;
    (void)state;

    phone_is(&p, sync_now(), ROVE_NOT_ENROLLED);
    phone_is(&p, rove_exchange_new(p.replica, 0, &exchange, &p.error), ROVE_NOT_ENROLLED);
    assert_null(exchange);
    assert_int_equal(p.requests, 0);
}

/* ---- renewal ---- */

static void test_a_certificate_is_renewed_when_it_is_time(void **state) {
    (void)state;
    phone_ok(&p, enroll(PHONE_URL));
    phone_ok(&p, sync_now());
    assert_int_equal(p.renewals, 0);
    p.now.boot_ms += 21 * PHONE_DAY_MS;
    p.until_ms += 21 * PHONE_DAY_MS;
    p.renew_after_ms += 21 * PHONE_DAY_MS;
    phone_ok(&p, sync_now());
    assert_int_equal(p.renewals, 1);
    assert_int_equal(p.fresh_renewals, 0);
    assert_int_equal(phone_state(&p).certificate_until_ms, p.until_ms);
    assert_int_equal(phone_state(&p).replica, PHONE_NUMBER);
    phone_ok(&p, sync_now());
    assert_int_equal(p.renewals, 1);
    phone_close(&p);
    phone_open(&p);
    assert_int_equal(phone_state(&p).certificate_until_ms, p.until_ms);
    phone_ok(&p, sync_now());
}

/* The first contact after a restart tells the time; then it is renewed in the same sync. */
static void test_a_restarted_device_renews_too(void **state) {
    (void)state;
    phone_ok(&p, enroll(PHONE_URL));
    phone_ok(&p, sync_now());
    p.now.boot_ms += 21 * PHONE_DAY_MS;
    p.now.boot_id[3] = 1;
    phone_ok(&p, sync_now());
    assert_int_equal(p.renewals, 1);
}

static void test_headquarters_may_want_it_sooner(void **state) {
    (void)state;
    phone_ok(&p, enroll(PHONE_URL));
    p.now.boot_ms += 1000;
    p.welcome_renew_ms = PHONE_NOW_MS + p.now.boot_ms;
    phone_ok(&p, sync_now());
    assert_int_equal(p.renewals, 1);
    /* Said before that renewal: not again. */
    phone_ok(&p, sync_now());
    assert_int_equal(p.renewals, 1);
}

static rove_status refuse_renewal(phone *ph, const rove_request *request, const rove__buf *body,
                                  rove__buf *answer) {
    (void)body;
    if (strstr(request->url, "/v1/renew") != NULL) {
        return ROVE_SERVER;
    }
    rove__frame_writer *writer = NULL;

    assert_int_equal(rove__frame_writer_new(&ph->own, ROVE_FRAME_WINDOW_LOG, &writer), ROVE_OK);
    phone_welcome(ph, writer, answer);
    phone_end(ph, writer, answer, 0);
    assert_int_equal(rove__frame_write_end(writer, answer), ROVE_OK);
    rove__frame_writer_free(writer);
    return ROVE_OK;
}

static void test_a_failed_renewal_stops_nothing_while_the_certificate_is_good(void **state) {
    (void)state;
    phone_ok(&p, enroll(PHONE_URL));
    phone_ok(&p, sync_now());
    p.now.boot_ms += 21 * PHONE_DAY_MS;
    p.route = refuse_renewal;
    phone_ok(&p, sync_now());
    p.now.boot_ms += 10 * PHONE_DAY_MS;
    phone_is(&p, sync_now(), ROVE_SERVER);
}

/* An expired certificate is good for renewal alone. */
static void test_an_expired_certificate_is_renewed(void **state) {
    (void)state;
    phone_ok(&p, enroll(PHONE_URL));
    (void)phone_account(&p, "kept");
    p.refuse = ROVE_EXPIRED;
    p.refusals = 1;
    phone_ok(&p, sync_now());
    assert_int_equal(p.renewals, 1);
    assert_int_equal(phone_state(&p).pending, 0);
    p.refusals = 2;
    phone_is(&p, sync_now(), ROVE_EXPIRED);
}

/* ---- a copy ---- */

static void says_fork(phone *ph, rove__frame_writer *writer, rove__buf *answer) {
    rove__buf empty;

    rove__buf_init(&empty, &ph->own, 16);
    phone_welcome(ph, writer, answer);
    phone_frame(writer, ROVE_FRAME_FORK, &empty, answer);
    phone_end(ph, writer, answer, 0);
    ph->compose = ph->test != NULL ? says_fork : NULL;
}

static void test_a_copied_device_goes_on_under_a_fresh_number(void **state) {
    (void)state;
    phone_ok(&p, enroll(PHONE_URL));
    uint8_t key_before[ROVE_KEY_DER_MAX];
    memcpy(key_before, p.replica->credentials->key, p.replica->credentials->key_size);
    rove_id id = phone_account(&p, "unsent");
    p.compose = says_fork;
    phone_ok(&p, sync_now());
    assert_int_equal(p.fresh_renewals, 1);
    assert_int_equal(phone_state(&p).replica, PHONE_NUMBER + 1000);
    assert_int_equal(phone_state(&p).pending, 0);
    assert_int_equal(p.last.rows, 1);
    assert_memory_not_equal(key_before, p.replica->credentials->key,
                            p.replica->credentials->key_size);
    /* What was written under the old number keeps its id; what comes now has the new one. */
    assert_int_equal(id >> 32, PHONE_NUMBER);
    assert_int_equal(phone_account(&p, "new") >> 32, PHONE_NUMBER + 1000);
    phone_close(&p);
    phone_open(&p);
    phone_ok(&p, sync_now());
    assert_int_equal(phone_state(&p).pending, 0);
}

static void test_a_fork_again_is_said(void **state) {
    (void)state;
    phone_ok(&p, enroll(PHONE_URL));
    (void)phone_account(&p, "unsent");
    p.compose = says_fork;
    p.test = &p;
    phone_is(&p, sync_now(), ROVE_FORK);
    assert_int_equal(p.fresh_renewals, 1);
    assert_int_equal(phone_state(&p).pending, 1);
    p.compose = NULL;
    p.test = NULL;
    phone_ok(&p, sync_now());
    assert_int_equal(phone_state(&p).pending, 0);
}

static void asks_for_what_is_gone(phone *ph, rove__frame_writer *writer, rove__buf *answer) {
    rove__need need = {.number = 1};

    phone_welcome(ph, writer, answer);
    PHONE_MESSAGE(ph, writer, answer, ROVE_FRAME_NEED, need, &need);
    phone_end(ph, writer, answer, 0);
    ph->compose = NULL;
}

static void test_headquarters_that_lost_what_was_backed_up_gets_a_fresh_start(void **state) {
    (void)state;
    phone_ok(&p, enroll(PHONE_URL));
    (void)phone_account(&p, "first");
    phone_ok(&p, sync_now());
    p.safe = p.seq;
    phone_ok(&p, sync_now());
    (void)phone_account(&p, "second");
    p.compose = asks_for_what_is_gone;
    phone_ok(&p, sync_now());
    assert_int_equal(p.fresh_renewals, 1);
    assert_int_equal(phone_state(&p).pending, 0);
}

static void test_a_restored_headquarters_gets_what_it_lacks(void **state) {
    (void)state;
    phone_ok(&p, enroll(PHONE_URL));
    (void)phone_account(&p, "first");
    phone_ok(&p, sync_now());
    p.compose = asks_for_what_is_gone;
    phone_ok(&p, sync_now());
    assert_int_equal(p.last.batches, 1);
    assert_int_equal(p.last.rows, 1);
    assert_int_equal(p.fresh_renewals, 0);
    assert_int_equal(phone_state(&p).pending, 0);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_a_code_makes_a_device),
        TEST(test_it_stays_one_over_restarts),
        TEST(test_work_needs_an_enrolled_device),
        TEST(test_a_second_enrolment_is_refused),
        TEST(test_a_device_that_was_turned_away_enrols_again),
        TEST(test_what_is_no_code_reaches_nobody),
        TEST(test_failures_on_the_way_leave_the_device_as_it_was),
        TEST(test_hostile_answers_are_refused),
        TEST(test_an_identity_that_could_not_be_kept_takes_a_new_code),
        TEST(test_an_owner_that_was_not_set_is_set_when_opened),
        TEST(test_an_owner_that_was_not_set_is_set_by_the_next_exchange),
        TEST(test_an_owner_that_was_not_set_gives_way_to_another_code),
        TEST(test_a_damaged_identity_costs_a_code_and_no_work),
        TEST(test_a_device_shows_who_it_was),
        TEST(test_nobody_enrols_in_a_transaction),
        TEST(test_a_replica_whose_user_has_no_identity_passes_to_nobody),
        TEST(test_a_replica_passes_to_nobody_of_another_headquarters),
        TEST(test_a_replica_passes_to_nobody_if_nothing_can_be_sealed),
        TEST(test_a_renewal_never_changes_the_user),
        TEST(test_not_enrolled_is_said),
        TEST(test_a_certificate_is_renewed_when_it_is_time),
        TEST(test_a_restarted_device_renews_too),
        TEST(test_headquarters_may_want_it_sooner),
        TEST(test_a_failed_renewal_stops_nothing_while_the_certificate_is_good),
        TEST(test_an_expired_certificate_is_renewed),
        TEST(test_a_copied_device_goes_on_under_a_fresh_number),
        TEST(test_a_fork_again_is_said),
        TEST(test_headquarters_that_lost_what_was_backed_up_gets_a_fresh_start),
        TEST(test_a_restored_headquarters_gets_what_it_lacks),
    };

    if (faults_register_vfs() != SQLITE_OK ||
        sqlite3_vfs_register(sqlite3_vfs_find(FAULTS_VFS), 1) != SQLITE_OK) {
        return 1;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
