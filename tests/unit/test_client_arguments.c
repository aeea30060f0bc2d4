/*
 * test_client_arguments.c - what an app can get wrong in a call: each is refused as INVALID, in a release build too, says
 * what the call takes, and changes nothing. A call without a place for the sentence is refused alike.
 */
#include "phone.h"

#include "rove/entities.pb-c.h"

static phone p;
static rove_id account;

static int set_up(void **state) {
    (void)state;
    phone_start(&p, "client_arguments");
    account = phone_account(&p, "Ajax");
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    phone_stop(&p);
    return 0;
}

/* `call` reports to p.error. */
#define REFUSED(call) IS(ROVE_INVALID, call)
#define IS(expected, call)                                                                         \
    do {                                                                                           \
        p.error.message[0] = '\0';                                                                 \
        phone_is(&p, call, expected);                                                              \
        assert_string_not_equal(p.error.message, "");                                              \
    } while (0)

/* ---- opening ---- */

/* A port without a function is noticed when the replica is opened, and not when the function is called. */
static void test_each_port_is_needed(void **state) {
    static const size_t needed[] = {
        offsetof(rove_ports, allocator.resize),   offsetof(rove_ports, clock.read),
        offsetof(rove_ports, random.fill),        offsetof(rove_ports, files.make_folder),
        offsetof(rove_ports, files.read),         offsetof(rove_ports, files.replace),
        offsetof(rove_ports, files.remove),       offsetof(rove_ports, files.lock),
        offsetof(rove_ports, files.unlock),       offsetof(rove_ports, crypto.sha256),
        offsetof(rove_ports, crypto.hmac_sha256), offsetof(rove_ports, crypto.key_generate),
        offsetof(rove_ports, crypto.key_public),  offsetof(rove_ports, crypto.csr),
        offsetof(rove_ports, crypto.sign),        offsetof(rove_ports, crypto.ecdh),
        offsetof(rove_ports, crypto.hkdf_sha256), offsetof(rove_ports, crypto.gcm_seal)};
    rove *second = NULL;
    (void)state;

    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++) {
        rove_ports ports = p.ports;
        memset((char *)&ports + needed[i], 0, sizeof(void (*)(void)));
        REFUSED(rove_open(&ports, "elsewhere", &second, &p.error));
        assert_null(second);
    }
}

/* ---- writing ---- */

static void test_writes(void **state) {
    rove_field field = {"phone", rove_text("1")};
    rove_field nameless = {NULL, rove_text("1")};
    rove_field tags = {"tag_ids", rove_int(1)};
    rove_value no_bytes = {.type = ROVE_BLOB, .size = 3};
    rove_field hollow = {"phone", no_bytes};
    ProtobufCMessage undescribed = {.descriptor = NULL};
    Rove__Account message = ROVE__ACCOUNT__INIT;
    rove_id id = 0;
    int64_t before = phone_number(&p, "SELECT count(*) FROM account");
    (void)state;

    REFUSED(rove_begin(NULL, &p.error));
    REFUSED(rove_commit(NULL, &p.error));
    IS(ROVE_STATE, rove_commit(p.replica, &p.error));
    rove_rollback(NULL);
    rove_rollback(p.replica);
    REFUSED(rove_insert(NULL, "Account", &field, 1, &id, &p.error));
    REFUSED(rove_insert(p.replica, "Account", &field, 1, NULL, &p.error));
    REFUSED(rove_insert(p.replica, "Account", NULL, 1, &id, &p.error));
    IS(ROVE_UNKNOWN_ENTITY, rove_insert(p.replica, NULL, &field, 1, &id, &p.error));
    IS(ROVE_UNKNOWN_ENTITY, rove_insert(p.replica, "Nobody", &field, 1, &id, &p.error));
    IS(ROVE_UNKNOWN_FIELD, rove_insert(p.replica, "Account", &nameless, 1, &id, &p.error));
    REFUSED(rove_insert(p.replica, "Account", &tags, 1, &id, &p.error));
    REFUSED(rove_insert(p.replica, "Account", &hollow, 1, &id, &p.error));
    REFUSED(rove_update(NULL, "Account", account, &field, 1, &p.error));
    REFUSED(rove_update(p.replica, "Account", account, NULL, 1, &p.error));
    REFUSED(rove_update(p.replica, "Account", -1, &field, 1, &p.error));
    REFUSED(rove_seal(NULL, "Visit", account, NULL, 0, &p.error));
    REFUSED(rove_seal(p.replica, "Account", account, NULL, 0, &p.error));
    IS(ROVE_UNKNOWN_FIELD, rove_seal(p.replica, "Visit", account, &nameless, 1, &p.error));
    REFUSED(rove_delete(NULL, "Account", account, &p.error));
    REFUSED(rove_undo(NULL, "Account", account, &p.error));
    REFUSED(rove_increment(NULL, "Account", account, "points", 1, &p.error));
    REFUSED(rove_increment(p.replica, "Account", account, "name", 1, &p.error));
    IS(ROVE_UNKNOWN_FIELD, rove_increment(p.replica, "Account", account, NULL, 1, &p.error));
    REFUSED(rove_element(p.replica, "Account", account, "name", rove_int(1), 1, &p.error));
    REFUSED(rove_element(p.replica, "Account", account, "tag_ids", no_bytes, 1, &p.error));
    IS(ROVE_UNKNOWN_FIELD,
       rove_element(p.replica, "Account", account, "colour", rove_int(1), 1, &p.error));
    REFUSED(rove_put_packed(p.replica, "Account", "", 0, NULL, &p.error));
    REFUSED(rove_put_packed(p.replica, "Account", NULL, 3, &id, &p.error));
    REFUSED(rove_put_packed(NULL, "Account", "", 0, &id, &p.error));
    REFUSED(rove_put(NULL, &message.base, &id, &p.error));
    REFUSED(rove_put(p.replica, &message.base, NULL, &p.error));
    REFUSED(rove_put(p.replica, NULL, &id, &p.error));
    REFUSED(rove_put(p.replica, &undescribed, &id, &p.error));
    phone_is(&p, rove_put(p.replica, NULL, &id, NULL), ROVE_INVALID);
    phone_is(&p, rove_update(p.replica, "Account", -1, &field, 1, NULL), ROVE_INVALID);
    assert_int_equal(rove_text(NULL).type, ROVE_NULL);
    assert_int_equal(phone_number(&p, "SELECT count(*) FROM account"), before);
    assert_int_equal(phone_state(&p).pending, 1);
}

/* ---- reading ---- */

static void test_reads(void **state) {
    struct ProtobufCMessage *message = NULL;
    rove_query *query = NULL;
    void *bytes = NULL;
    size_t size = 0;
    (void)state;

    REFUSED(rove_get(NULL, "Account", account, &message, &p.error));
    REFUSED(rove_get(p.replica, "Account", account, NULL, &p.error));
    IS(ROVE_UNKNOWN_ENTITY, rove_get(p.replica, NULL, account, &message, &p.error));
    IS(ROVE_NOT_FOUND, rove_get(p.replica, "Account", 0, &message, &p.error));
    REFUSED(rove_get_packed(NULL, "Account", account, &bytes, &size, &p.error));
    REFUSED(rove_get_packed(p.replica, "Account", account, NULL, &size, &p.error));
    REFUSED(rove_get_packed(p.replica, "Account", account, &bytes, NULL, &p.error));
    REFUSED(rove_query_new(p.replica, "SELECT 1", NULL, 0, NULL, &p.error));
    REFUSED(rove_query_new(NULL, "SELECT 1", NULL, 0, &query, &p.error));
    REFUSED(rove_query_new(p.replica, NULL, NULL, 0, &query, &p.error));
    REFUSED(rove_query_new(p.replica, "SELECT ?1", NULL, 1, &query, &p.error));
    REFUSED(rove_query_step(NULL, &p.error));
    REFUSED(rove_query_packed(NULL, "SELECT 1", NULL, 0, &bytes, &size, &p.error));
    REFUSED(rove_query_packed(p.replica, NULL, NULL, 0, &bytes, &size, &p.error));
    REFUSED(rove_query_packed(p.replica, "SELECT 1", NULL, 0, NULL, &size, &p.error));
    REFUSED(rove_query_packed(p.replica, "SELECT 1", NULL, 0, &bytes, NULL, &p.error));
    REFUSED(rove_query_packed(p.replica, "SELECT 1", NULL, 4, &bytes, &size, &p.error));
    assert_int_equal(rove_query_columns(NULL), 0);
    assert_string_equal(rove_query_name(NULL, 0), "");
    assert_int_equal(rove_query_value(NULL, 0).type, ROVE_NULL);
    rove_query_free(NULL);
    rove_release(NULL, NULL);
    rove_release(p.replica, NULL);
    rove_release_message(NULL, NULL);
    rove_release_message(p.replica, NULL);
    assert_null(message);
    assert_null(query);
    assert_null(bytes);
}

/* What lies beyond the row or its columns is nothing, and not whatever is there. */
static void test_columns_that_are_not_there(void **state) {
    rove_query *query = NULL;
    (void)state;

    phone_ok(&p, rove_query_new(p.replica, "SELECT name FROM account", NULL, 0, &query, &p.error));
    phone_ok(&p, rove_query_step(query, &p.error));
    assert_int_equal(rove_query_value(query, 0).type, ROVE_TEXT);
    assert_int_equal(rove_query_value(query, 1).type, ROVE_NULL);
    assert_int_equal(rove_query_value(query, SIZE_MAX).type, ROVE_NULL);
    assert_string_equal(rove_query_name(query, 0), "name");
    assert_string_equal(rove_query_name(query, 1), "");
    phone_is(&p, rove_query_step(query, &p.error), ROVE_DONE);
    assert_int_equal(rove_query_value(query, 0).type, ROVE_NULL);
    rove_query_free(query);
}

static void test_the_model(void **state) {
    rove_field_info info;
    const char *text = NULL;
    int64_t number = 0;
    (void)state;

    assert_int_equal(rove_entity_count(NULL), 0);
    assert_null(rove_entity_name(NULL, 0));
    assert_null(rove_entity_name(p.replica, rove_entity_count(p.replica)));
    assert_int_equal(rove_entity_table(NULL, "Account", &text), ROVE_INVALID);
    assert_int_equal(rove_entity_table(p.replica, "Account", NULL), ROVE_INVALID);
    assert_int_equal(rove_entity_table(p.replica, NULL, &text), ROVE_UNKNOWN_ENTITY);
    assert_int_equal(rove_field_at(NULL, "Account", 0, &info), ROVE_INVALID);
    assert_int_equal(rove_field_at(p.replica, "Account", 0, NULL), ROVE_INVALID);
    assert_int_equal(rove_field_at(p.replica, "Nobody", 0, &info), ROVE_UNKNOWN_ENTITY);
    assert_int_equal(rove_field_at(p.replica, "Account", SIZE_MAX, &info), ROVE_DONE);
    assert_int_equal(rove_enum_key(NULL, "Visit", "status", 1, &text), ROVE_INVALID);
    assert_int_equal(rove_enum_key(p.replica, "Visit", "status", 1, NULL), ROVE_INVALID);
    assert_int_equal(rove_enum_key(p.replica, "Visit", NULL, 1, &text), ROVE_UNKNOWN_FIELD);
    assert_int_equal(rove_enum_value(NULL, "Visit", "status", "X", &number), ROVE_INVALID);
    assert_int_equal(rove_enum_value(p.replica, "Visit", "status", NULL, &number), ROVE_INVALID);
    assert_int_equal(rove_enum_value(p.replica, "Visit", "status", "X", NULL), ROVE_INVALID);
    assert_int_equal(rove_enum_value(p.replica, "Visit", "colour", "X", &number),
                     ROVE_UNKNOWN_FIELD);
}

static void test_states_and_times(void **state) {
    rove_state now = {.size = 0};
    char text[ROVE_TIME_SIZE];
    int64_t ms = 0;
    (void)state;

    REFUSED(rove_read_state(NULL, &now, &p.error));
    REFUSED(rove_read_state(p.replica, NULL, &p.error));
    REFUSED(rove_read_state(p.replica, &now, &p.error));
    assert_int_equal(rove_now_ms(NULL), 0);
    REFUSED(rove_verify(NULL, NULL, &p.error));
    REFUSED(rove_tidy(NULL, &p.error));
    phone_ok(&p, rove_verify(p.replica, NULL, &p.error));
    rove_watch(NULL, NULL, NULL);
    assert_int_equal(rove_time_parse(NULL, &ms), ROVE_INVALID);
    assert_int_equal(rove_time_parse("2025-11-24T16:00:00Z", NULL), ROVE_INVALID);
    assert_int_not_equal(rove_time_parse("tomorrow", &ms), ROVE_OK);
    assert_int_not_equal(rove_time_parse("", &ms), ROVE_OK);
    rove_time_format(PHONE_NOW_MS, text);
    assert_int_equal(rove_time_parse(text, &ms), ROVE_OK);
    assert_int_equal(ms, PHONE_NOW_MS);
}

/* ---- headquarters ---- */

static void test_exchanges(void **state) {
    char room[64];
    size_t size = 0;
    int again = 1;
    rove_request request;
    rove_exchange *exchange = NULL;
    rove_sync_options options = {.size = 0};
    rove_wait_options patience = {.size = 0};
    rove_transport none = {.perform = NULL};
    rove_wait *wait = NULL;
    (void)state;

    REFUSED(rove_enroll(NULL, PHONE_URL, "code", &p.error));
    REFUSED(rove_enroll(p.replica, NULL, "code", &p.error));
    REFUSED(rove_enroll(p.replica, PHONE_URL, NULL, &p.error));
    REFUSED(rove_sync(NULL, NULL, NULL, &p.error));
    REFUSED(rove_sync(p.replica, &options, NULL, &p.error));
    REFUSED(rove_wait_new(NULL, &p.ports.transport, &wait, &p.error));
    REFUSED(rove_wait_new(p.replica, NULL, &wait, &p.error));
    REFUSED(rove_wait_new(p.replica, &none, &wait, &p.error));
    REFUSED(rove_wait_new(p.replica, &p.ports.transport, NULL, &p.error));
    REFUSED(rove_wait_run(NULL, NULL, NULL, &p.error));
    phone_ok(&p, rove_wait_new(p.replica, &p.ports.transport, &wait, &p.error));
    REFUSED(rove_wait_run(wait, &patience, NULL, &p.error));
    rove_wait_free(wait);
    rove_wait_free(NULL);
    REFUSED(rove_exchange_new(NULL, 0, &exchange, &p.error));
    REFUSED(rove_exchange_new(p.replica, 0, NULL, &p.error));
    REFUSED(rove_exchange_target(NULL, &request, &p.error));
    REFUSED(rove_exchange_request(NULL, room, sizeof room, &size, &p.error));
    REFUSED(rove_exchange_answer(NULL, room, 1, &p.error));
    REFUSED(rove_exchange_finish(NULL, ROVE_OK, &again, NULL, &p.error));
    assert_int_equal(again, 0);
    phone_ok(&p, rove_exchange_new(p.replica, 0, &exchange, &p.error));
    REFUSED(rove_exchange_target(exchange, NULL, &p.error));
    REFUSED(rove_exchange_request(exchange, NULL, sizeof room, &size, &p.error));
    REFUSED(rove_exchange_request(exchange, room, 0, &size, &p.error));
    REFUSED(rove_exchange_request(exchange, room, sizeof room, NULL, &p.error));
    REFUSED(rove_exchange_answer(exchange, NULL, 1, &p.error));
    phone_ok(&p, rove_exchange_answer(exchange, NULL, 0, &p.error)); /* nothing has come yet */
    phone_is(&p, rove_exchange_finish(exchange, ROVE_NETWORK, NULL, NULL, &p.error), ROVE_NETWORK);
    assert_int_equal(phone_state(&p).pending, 1); /* all this time nothing was lost */
}

/* ---- review ---- */

static rove_status see_rejection(void *ctx, const rove_rejection *rejection) {
    (void)ctx;
    (void)rejection;
    return ROVE_OK;
}

static rove_status see_refused(void *ctx, const rove_refused_field *field) {
    (void)ctx;
    (void)field;
    return ROVE_OK;
}

static rove_status see_review(void *ctx, const rove_review *review) {
    (void)ctx;
    (void)review;
    return ROVE_OK;
}

static rove_status see_quarantined(void *ctx, const rove_quarantined *row) {
    (void)ctx;
    (void)row;
    return ROVE_OK;
}

static rove_status see_pending(void *ctx, const rove_pending *pending) {
    (void)ctx;
    (void)pending;
    return ROVE_OK;
}

static rove_status see_conflict(void *ctx, const rove_conflict *conflict) {
    (void)ctx;
    (void)conflict;
    return ROVE_OK;
}

static void test_review(void **state) {
    rove_conflict_filter sizeless = {.size = 0};
    rove_conflict_filter strange = {.size = sizeof strange, .entity = "Nobody"};
    rove_conflict_filter endless = {.size = sizeof endless, .limit = SIZE_MAX};
    (void)state;

    REFUSED(rove_rejections(NULL, see_rejection, NULL, &p.error));
    REFUSED(rove_rejections(p.replica, NULL, NULL, &p.error));
    REFUSED(rove_rejection_read(NULL, 1, see_refused, NULL, &p.error));
    REFUSED(rove_rejection_read(p.replica, 1, NULL, NULL, &p.error));
    IS(ROVE_NOT_FOUND, rove_rejection_read(p.replica, 1, see_refused, NULL, &p.error));
    REFUSED(rove_rejection_retry(NULL, 1, NULL, 0, &p.error));
    REFUSED(rove_rejection_retry(p.replica, 1, NULL, 2, &p.error));
    IS(ROVE_NOT_FOUND, rove_rejection_retry(p.replica, 1, NULL, 0, &p.error));
    REFUSED(rove_rejection_discard(NULL, 1, &p.error));
    REFUSED(rove_reviews(NULL, see_review, NULL, &p.error));
    REFUSED(rove_reviews(p.replica, NULL, NULL, &p.error));
    REFUSED(rove_quarantine(NULL, see_quarantined, NULL, &p.error));
    REFUSED(rove_quarantine(p.replica, NULL, NULL, &p.error));
    REFUSED(rove_quarantine_retry(NULL, NULL, &p.error));
    phone_ok(&p, rove_quarantine_retry(p.replica, NULL, &p.error));
    REFUSED(rove_pending_list(NULL, see_pending, NULL, &p.error));
    REFUSED(rove_pending_list(p.replica, NULL, NULL, &p.error));
    REFUSED(rove_conflicts(NULL, NULL, see_conflict, NULL, &p.error));
    REFUSED(rove_conflicts(p.replica, NULL, NULL, NULL, &p.error));
    REFUSED(rove_conflicts(p.replica, &sizeless, see_conflict, NULL, &p.error));
    IS(ROVE_UNKNOWN_ENTITY, rove_conflicts(p.replica, &strange, see_conflict, NULL, &p.error));
    phone_ok(&p, rove_conflicts(p.replica, &endless, see_conflict, NULL, &p.error));
    REFUSED(rove_conflict_settle(NULL, 1, 0, &p.error));
    IS(ROVE_NOT_FOUND, rove_conflict_settle(p.replica, 1, 0, &p.error));
    phone_is(&p, rove_conflict_settle(p.replica, 1, 0, NULL), ROVE_NOT_FOUND);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_each_port_is_needed),
        TEST(test_writes),
        TEST(test_reads),
        TEST(test_columns_that_are_not_there),
        TEST(test_the_model),
        TEST(test_states_and_times),
        TEST(test_exchanges),
        TEST(test_review),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
