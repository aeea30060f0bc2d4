/*
 * test_client_handle.c - opening, closing, writing, reading, watching, and what the handle tells of its model.
 */
#include "phone.h"

#include "rove/entities.pb-c.h"

static phone p;

static int set_up(void **state) {
    (void)state;
    phone_start(&p, "client_handle");
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    phone_stop(&p);
    return 0;
}

/* ---- opening ---- */

static void test_a_second_opening_is_refused(void **state) {
    rove *second = NULL;
    (void)state;

    phone_is(&p, rove_open(&p.ports, p.folder, &second, &p.error), ROVE_BUSY);
    assert_null(second);
    assert_true(p.error.message[0] != '\0');
    phone_close(&p);
    phone_open(&p);
}

static void test_opening_takes_all_ports(void **state) {
    rove *second = NULL;
    rove_ports ports = p.ports;
    (void)state;

    phone_is(&p, rove_open(NULL, "x", &second, &p.error), ROVE_INVALID);
    phone_is(&p, rove_open(&ports, NULL, &second, &p.error), ROVE_INVALID);
    phone_is(&p, rove_open(&ports, "", &second, &p.error), ROVE_INVALID);
    phone_is(&p, rove_open(&ports, "x", NULL, &p.error), ROVE_INVALID);
    phone_is(&p, rove_open(&ports, "caf\xe9", &second, &p.error), ROVE_UTF8);
    ports.crypto.csr = NULL;
    phone_is(&p, rove_open(&ports, "x", &second, &p.error), ROVE_INVALID);
    ports = p.ports;
    ports.clock.read = NULL;
    phone_is(&p, rove_open(&ports, "x", &second, &p.error), ROVE_INVALID);
    rove_close(NULL);
}

static void test_short_memory_while_opening_leaves_nothing_behind(void **state) {
    rove_status status = ROVE_NOMEM;
    (void)state;

    phone_close(&p);
    for (size_t n = 1; status != ROVE_OK; n += n < 40 ? 1 : 37) {
        p.memory.calls = 0;
        p.memory.fail_at = n;
        status = rove_open(&p.ports, p.folder, &p.replica, &p.error);
        p.memory.fail_at = 0;
        if (status != ROVE_OK) {
            phone_is(&p, status, ROVE_NOMEM);
            assert_null(p.replica);
        }
    }
}

static void test_a_state_of_an_older_header(void **state) {
    rove_state now = {.size = offsetof(rove_state, pending), .pending = 77};
    (void)state;

    (void)phone_account(&p, "one");
    phone_ok(&p, rove_read_state(p.replica, &now, &p.error));
    assert_int_equal(now.replica, PHONE_NUMBER);
    assert_int_equal(now.pending, 77);
    now.size = 0;
    phone_is(&p, rove_read_state(p.replica, &now, &p.error), ROVE_INVALID);
}

/* ---- writing ---- */

static void test_a_record_is_written_and_changed(void **state) {
    rove_field visit[] = {
        {"account_id", rove_int(phone_account(&p, "Ajax"))},
        {"planned_start", rove_int(PHONE_NOW_MS)},
        {"purpose", rove_text("first")},
    };
    rove_field change[] = {{"purpose", rove_text("second")}};
    rove_id id = 0;
    (void)state;

    phone_ok(&p, rove_insert(p.replica, "Visit", visit, 3, &id, &p.error));
    assert_true(id > 0);
    phone_ok(&p, rove_update(p.replica, "visit", id, change, 1, &p.error));
    assert_int_equal(phone_number(&p, "SELECT count(*) FROM visit WHERE purpose = 'second'"), 1);
    phone_ok(&p, rove_undo(p.replica, "Visit", id, &p.error));
    assert_int_equal(phone_number(&p, "SELECT count(*) FROM visit"), 0);
    phone_is(&p, rove_update(p.replica, "Visit", id, change, 1, &p.error), ROVE_NOT_FOUND);
    phone_is(&p, rove_delete(p.replica, "Visit", id, &p.error), ROVE_NOT_FOUND);
}

static void test_what_may_not_be_written_is_said(void **state) {
    rove_field unknown[] = {{"colour", rove_text("red")}};
    rove_field twice[] = {{"name", rove_text("a")}, {"name", rove_text("b")}};
    rove_field wrong[] = {{"name", rove_int(7)}};
    rove_value no_value = {.type = (rove_type)9};
    rove_value nowhere = {.type = ROVE_TEXT, .size = 3};
    rove_field nothing[] = {{"name", no_value}};
    rove_field dangling[] = {{"name", nowhere}};
    rove_id id = 7;
    (void)state;

    phone_is(&p, rove_insert(p.replica, "Customer", NULL, 0, &id, &p.error), ROVE_UNKNOWN_ENTITY);
    assert_int_equal(id, 0);
    assert_non_null(strstr(p.error.message, "Customer"));
    phone_is(&p, rove_insert(p.replica, "Account", unknown, 1, &id, &p.error), ROVE_UNKNOWN_FIELD);
    assert_non_null(strstr(p.error.message, "colour"));
    phone_is(&p, rove_insert(p.replica, "Account", twice, 2, &id, &p.error), ROVE_INVALID);
    phone_is(&p, rove_insert(p.replica, "Account", wrong, 1, &id, &p.error), ROVE_INVALID);
    phone_is(&p, rove_insert(p.replica, "Account", nothing, 1, &id, &p.error), ROVE_INVALID);
    phone_is(&p, rove_insert(p.replica, "Account", dangling, 1, &id, &p.error), ROVE_INVALID);
    phone_is(&p, rove_insert(p.replica, "Account", NULL, 1, &id, &p.error), ROVE_INVALID);
    phone_is(&p, rove_insert(p.replica, "Account", NULL, 0, NULL, &p.error), ROVE_INVALID);
    phone_is(&p, rove_insert(NULL, "Account", NULL, 0, &id, &p.error), ROVE_INVALID);
    phone_is(&p, rove_insert(p.replica, NULL, NULL, 0, &id, &p.error), ROVE_UNKNOWN_ENTITY);
    phone_is(&p, rove_update(p.replica, "Account", -3, twice, 1, &p.error), ROVE_INVALID);
    assert_int_equal(phone_state(&p).pending, 0);
}

/* A field of this kind somewhere in the model. */
static int find_kind(const char *kind, const char *writer, const char **entity,
                     rove_field_info *info) {
    for (size_t e = 0; e < rove_entity_count(p.replica); e++) {
        *entity = rove_entity_name(p.replica, e);
        for (size_t f = 0; rove_field_at(p.replica, *entity, f, info) == ROVE_OK; f++) {
            if (strcmp(info->kind, kind) == 0 && strcmp(info->writer, writer) == 0) {
                return 1;
            }
        }
    }
    return 0;
}

static void test_sets_and_counters_have_calls_of_their_own(void **state) {
    rove_id account = phone_account(&p, "Ajax");
    rove_field names[] = {{"alt_names", rove_text("vip")}};
    (void)state;

    phone_is(&p, rove_update(p.replica, "Account", account, names, 1, &p.error), ROVE_INVALID);
    phone_ok(&p, rove_element(p.replica, "Account", account, "alt_names", rove_text("vip"), 1,
                              &p.error));
    phone_ok(&p, rove_element(p.replica, "Account", account, "alt_names", rove_text("new"), 1,
                              &p.error));
    phone_ok(&p, rove_element(p.replica, "Account", account, "alt_names", rove_text("new"), 0,
                              &p.error));
    assert_int_equal(phone_number(&p, "SELECT count(*) FROM account_alt_names"), 1);
    phone_is(&p, rove_element(p.replica, "Account", account, "name", rove_text("x"), 1, &p.error),
             ROVE_INVALID);
    phone_is(&p, rove_increment(p.replica, "Account", account, "name", 1, &p.error), ROVE_INVALID);
    phone_is(&p, rove_increment(p.replica, "Account", account, "colour", 1, &p.error),
             ROVE_UNKNOWN_FIELD);
    phone_ok(&p, rove_increment(p.replica, "Account", account, "points", 5, &p.error));
    phone_ok(&p, rove_increment(p.replica, "Account", account, "points", -2, &p.error));
    assert_int_equal(phone_number(&p, "SELECT points FROM account"), 3);
}

static void test_several_writes_are_one(void **state) {
    rove_id id = 0;
    (void)state;

    phone_ok(&p, rove_begin(p.replica, &p.error));
    (void)phone_account(&p, "first");
    rove_field bad[] = {{"colour", rove_null()}};
    phone_is(&p, rove_insert(p.replica, "Account", bad, 1, &id, &p.error), ROVE_UNKNOWN_FIELD);
    (void)phone_account(&p, "second");
    phone_is(&p, rove_begin(p.replica, &p.error), ROVE_STATE);
    assert_int_equal(phone_number(&p, "SELECT count(*) FROM account"), 0);
    phone_ok(&p, rove_commit(p.replica, &p.error));
    assert_int_equal(phone_number(&p, "SELECT count(*) FROM account"), 2);
    phone_is(&p, rove_commit(p.replica, &p.error), ROVE_STATE);

    phone_ok(&p, rove_begin(p.replica, &p.error));
    (void)phone_account(&p, "third");
    rove_rollback(p.replica);
    rove_rollback(p.replica);
    rove_rollback(NULL);
    assert_int_equal(phone_number(&p, "SELECT count(*) FROM account"), 2);
    assert_int_equal(phone_state(&p).pending, 2);
}

static void test_an_open_transaction_ends_with_the_handle(void **state) {
    (void)state;
    phone_ok(&p, rove_begin(p.replica, &p.error));
    (void)phone_account(&p, "not kept");
    phone_close(&p);
    phone_open(&p);
    assert_int_equal(phone_number(&p, "SELECT count(*) FROM account"), 0);
}

/* ---- reading ---- */

static void test_packed_bytes_go_in_and_out(void **state) {
    Rove__Account account = ROVE__ACCOUNT__INIT;
    char name[] = "Ajax";
    uint8_t bytes[64];
    void *packed = NULL;
    size_t size = 0;
    rove_id id = 0;
    rove_id same = 0;
    (void)state;

    account.name = name;
    size = rove__account__pack(&account, bytes);
    phone_ok(&p, rove_put_packed(p.replica, "Account", bytes, size, &id, &p.error));
    phone_ok(&p, rove_get_packed(p.replica, "Account", id, &packed, &size, &p.error));
    Rove__Account *read = rove__account__unpack(NULL, size, packed);
    assert_non_null(read);
    assert_string_equal(read->name, "Ajax");
    assert_int_equal(read->id, id);
    rove__account__free_unpacked(read, NULL);

    /* The same bytes with the id change the record. */
    phone_ok(&p, rove_put_packed(p.replica, "Account", packed, size, &same, &p.error));
    assert_int_equal(same, id);
    assert_int_equal(phone_number(&p, "SELECT count(*) FROM account"), 1);
    rove_release(p.replica, packed);
    rove_release(p.replica, NULL);

    phone_is(&p, rove_put_packed(p.replica, "Account", "\xff", 1, &id, &p.error), ROVE_INVALID);
    phone_is(&p, rove_get_packed(p.replica, "Account", 5, &packed, &size, &p.error),
             ROVE_NOT_FOUND);
    assert_null(packed);
    phone_is(&p, rove_get_packed(p.replica, "Nothing", 5, &packed, &size, &p.error),
             ROVE_UNKNOWN_ENTITY);
}

static void test_structs_go_in_and_out(void **state) {
    Rove__Account account = ROVE__ACCOUNT__INIT;
    Rove__Address billing = ROVE__ADDRESS__INIT;
    struct ProtobufCMessage *message = NULL;
    char name[] = "Ajax";
    char city[] = "Utrecht";
    rove_id id = 0;
    (void)state;

    account.name = name;
    account.billing = &billing;
    billing.city = city;
    phone_ok(&p, rove_put(p.replica, &account.base, &id, &p.error));
    phone_ok(&p, rove_get(p.replica, "Account", id, &message, &p.error));
    Rove__Account *read = (Rove__Account *)message;
    assert_string_equal(read->billing->city, "Utrecht");
    rove_release_message(p.replica, message);
    rove_release_message(p.replica, NULL);
    phone_is(&p, rove_put(p.replica, NULL, &id, &p.error), ROVE_INVALID);
    phone_is(&p, rove_put(p.replica, &billing.base, &id, &p.error), ROVE_UNKNOWN_ENTITY);
}

static void test_a_transaction_sees_its_own_writes(void **state) {
    void *packed = NULL;
    size_t size = 0;
    (void)state;

    phone_ok(&p, rove_begin(p.replica, &p.error));
    rove_id id = phone_account(&p, "inside");
    phone_ok(&p, rove_get_packed(p.replica, "Account", id, &packed, &size, &p.error));
    rove_release(p.replica, packed);
    rove_rollback(p.replica);
    phone_is(&p, rove_get_packed(p.replica, "Account", id, &packed, &size, &p.error),
             ROVE_NOT_FOUND);
}

static void test_a_query_keeps_its_snapshot(void **state) {
    rove_query *query = NULL;
    int rows = 0;
    (void)state;

    (void)phone_account(&p, "b");
    (void)phone_account(&p, "a");
    phone_ok(&p, rove_query_new(p.replica, "SELECT id, name FROM account ORDER BY name", NULL, 0,
                                &query, &p.error));
    assert_int_equal(rove_query_columns(query), 2);
    assert_string_equal(rove_query_name(query, 1), "name");
    while (rove_query_step(query, &p.error) == ROVE_OK) {
        rove_value name = rove_query_value(query, 1);
        assert_int_equal(name.type, ROVE_TEXT);
        assert_int_equal(name.size, 1);
        assert_int_equal(name.as.data[0], 'a' + rows);
        (void)phone_account(&p, "c");
        rows++;
    }
    rove_query_free(query);
    assert_int_equal(rows, 2);
    assert_int_equal(phone_number(&p, "SELECT count(*) FROM account"), 4);
}

static void test_many_queries_at_once(void **state) {
    rove_query *queries[12] = {NULL};
    rove_value limit = rove_int(0);
    (void)state;

    (void)phone_account(&p, "a");
    for (size_t i = 0; i < 12; i++) {
        phone_ok(&p, rove_query_new(p.replica, "SELECT name FROM account WHERE id > ?1", &limit, 1,
                                    &queries[i], &p.error));
        phone_ok(&p, rove_query_step(queries[i], &p.error));
    }
    for (size_t i = 0; i < 12; i++) {
        phone_is(&p, rove_query_step(queries[i], &p.error), ROVE_DONE);
        rove_query_free(queries[i]);
    }
    rove_query_free(NULL);
}

static void test_queries_only_read(void **state) {
    static const char *const refused[] = {
        "DELETE FROM account",          "INSERT INTO account(id) VALUES(1)",
        "PRAGMA journal_mode = DELETE", "ATTACH 'x' AS y",
        "SELECT 1; SELECT 2",           "CREATE TABLE x(y)"};
    rove_query *query = NULL;
    (void)state;

    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        phone_is(&p, rove_query_new(p.replica, refused[i], NULL, 0, &query, &p.error), ROVE_DENIED);
        assert_null(query);
    }
    assert_int_not_equal(rove_query_new(p.replica, "SELECT nonsense", NULL, 0, &query, &p.error),
                         ROVE_OK);
    phone_is(&p, rove_query_new(p.replica, "SELECT ?1", NULL, 0, &query, &p.error), ROVE_INVALID);
    phone_is(&p, rove_query_new(p.replica, NULL, NULL, 0, &query, &p.error), ROVE_INVALID);
    phone_is(&p, rove_query_step(NULL, &p.error), ROVE_INVALID);
    assert_int_equal(rove_query_columns(NULL), 0);
    assert_int_equal(rove_query_value(NULL, 0).type, ROVE_NULL);
}

/* ---- watching ---- */

typedef struct watched {
    int calls;
    size_t events;
    rove_id last;
    char entity[32];
} watched;

static void watcher(void *ctx, const rove_event *events, size_t count) {
    watched *w = ctx;

    w->calls++;
    w->events += count;
    w->last = events[count - 1].id;
    snprintf(w->entity, sizeof w->entity, "%s", events[count - 1].entity);
    /* It may read. */
    assert_true(phone_number(&p, "SELECT count(*) FROM account") > 0);
}

static void test_a_watcher_is_told_after_each_commit(void **state) {
    watched w = {0};
    (void)state;

    rove_watch(p.replica, watcher, &w);
    rove_id id = phone_account(&p, "Ajax");
    assert_int_equal(w.calls, 1);
    assert_int_equal(w.last, id);
    assert_string_equal(w.entity, "Account");
    phone_ok(&p, rove_begin(p.replica, &p.error));
    for (int i = 0; i < 100; i++) {
        (void)phone_account(&p, "more");
    }
    assert_int_equal(w.calls, 1);
    phone_ok(&p, rove_commit(p.replica, &p.error));
    assert_true(w.events >= 101);
    int calls = w.calls;
    p.accounts = 10;
    phone_ok(&p, rove_sync(p.replica, NULL, NULL, &p.error));
    assert_true(w.calls > calls);
    calls = w.calls;
    rove_watch(p.replica, NULL, NULL);
    (void)phone_account(&p, "unseen");
    assert_int_equal(w.calls, calls);
    rove_watch(NULL, NULL, NULL);
}

/* ---- the model ---- */

static void test_the_model_can_be_walked(void **state) {
    const char *table = NULL;
    size_t fields = 0;
    (void)state;

    assert_true(rove_entity_count(p.replica) > 10);
    for (size_t e = 0; e < rove_entity_count(p.replica); e++) {
        const char *name = rove_entity_name(p.replica, e);
        rove_field_info info;
        assert_int_equal(rove_entity_table(p.replica, name, &table), ROVE_OK);
        for (size_t f = 0; rove_field_at(p.replica, name, f, &info) == ROVE_OK; f++) {
            assert_non_null(info.name);
            assert_non_null(info.kind);
            assert_non_null(info.writer);
            fields++;
        }
    }
    assert_true(fields > 100);
    assert_null(rove_entity_name(p.replica, 10000));
    assert_int_equal(rove_entity_table(p.replica, "AccountContactRole", &table), ROVE_OK);
    assert_string_equal(table, "account_contact_role");
    assert_int_equal(rove_entity_table(p.replica, "X", &table), ROVE_UNKNOWN_ENTITY);
    assert_null(table);
}

static void test_fields_say_what_they_are(void **state) {
    rove_field_info info;
    const char *entity = NULL;
    (void)state;

    assert_true(find_kind("set", "rep", &entity, &info));
    assert_true(find_kind("rank", "rep", &entity, &info));
    assert_true(find_kind("register", "headquarters", &entity, &info));
    for (size_t f = 0;; f++) {
        assert_int_equal(rove_field_at(p.replica, "Visit", f, &info), ROVE_OK);
        if (strcmp(info.name, "planned_start") == 0) {
            break;
        }
    }
    assert_true(info.instant);
    assert_int_equal(info.type, ROVE_INT);
    for (size_t f = 0;; f++) {
        assert_int_equal(rove_field_at(p.replica, "Visit", f, &info), ROVE_OK);
        if (strcmp(info.name, "account_id") == 0) {
            break;
        }
    }
    assert_string_equal(info.target, "Account");
}

static void test_enumerations_have_keys(void **state) {
    const char *key = NULL;
    int64_t value = 0;
    (void)state;

    assert_int_equal(rove_enum_key(p.replica, "Visit", "status", 1, &key), ROVE_OK);
    assert_int_equal(rove_enum_value(p.replica, "Visit", "status", key, &value), ROVE_OK);
    assert_int_equal(value, 1);
    assert_int_equal(rove_enum_key(p.replica, "Visit", "status", 999, &key), ROVE_NOT_FOUND);
    assert_int_equal(rove_enum_value(p.replica, "Visit", "status", "NO_SUCH", &value),
                     ROVE_NOT_FOUND);
    assert_int_equal(rove_enum_key(p.replica, "Visit", "purpose", 1, &key), ROVE_UNKNOWN_FIELD);
    assert_int_equal(rove_enum_key(p.replica, "X", "purpose", 1, &key), ROVE_UNKNOWN_ENTITY);
}

static void test_a_replica_can_be_verified(void **state) {
    uint64_t records = 0;
    (void)state;

    p.accounts = 25;
    phone_ok(&p, rove_sync(p.replica, NULL, NULL, &p.error));
    phone_ok(&p, rove_verify(p.replica, &records, &p.error));
    assert_int_equal(records, 25);
    phone_is(&p, rove_verify(NULL, &records, &p.error), ROVE_INVALID);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_a_second_opening_is_refused),
        TEST(test_opening_takes_all_ports),
        TEST(test_short_memory_while_opening_leaves_nothing_behind),
        TEST(test_a_state_of_an_older_header),
        TEST(test_a_record_is_written_and_changed),
        TEST(test_what_may_not_be_written_is_said),
        TEST(test_sets_and_counters_have_calls_of_their_own),
        TEST(test_several_writes_are_one),
        TEST(test_an_open_transaction_ends_with_the_handle),
        TEST(test_packed_bytes_go_in_and_out),
        TEST(test_structs_go_in_and_out),
        TEST(test_a_transaction_sees_its_own_writes),
        TEST(test_a_query_keeps_its_snapshot),
        TEST(test_many_queries_at_once),
        TEST(test_queries_only_read),
        TEST(test_a_watcher_is_told_after_each_commit),
        TEST(test_the_model_can_be_walked),
        TEST(test_fields_say_what_they_are),
        TEST(test_enumerations_have_keys),
        TEST(test_a_replica_can_be_verified),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
