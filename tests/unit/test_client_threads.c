/*
 * test_client_threads.c - one handle, several threads: a rep writes and reads while a sync runs. Run with the thread
 * sanitizer, this shows that nothing is touched by two at once.
 */
#include <pthread.h>
#include <sched.h>

#include "phone.h"
#include "rove/entities.pb-c.h"

#define WRITES 150

static phone p;
static _Atomic int writing;

static int custom_fields;

/* Headquarters defines one more field of accounts: a column, and a field of the model, appear while others look. */
static void defines_a_field(phone *ph, rove__frame_writer *writer, rove__buf *answer) {
    const rove__entity *entity = rove__registry_by_name(ph->registry, "CustomField");
    const rove__entity *account = rove__registry_by_name(ph->registry, "Account");
    rove__change change = {.op = ROVE_OP_WHOLE};
    rove__version version = {rove__stamp_make(PHONE_NOW_MS, (uint16_t)custom_fields), 1};
    rove__batch_writer *rows = NULL;
    rove__buf bytes;
    char name[32];

    snprintf(name, sizeof name, "custom_%d", custom_fields);
    const struct {
        const char *field;
        rove_value value;
    } cells[] = {{"entity", rove__value_int(account->number)},
                 {"number", rove__value_int(1000 + custom_fields)},
                 {"name", rove__value_text(name)},
                 {"label", rove__value_text("Custom")},
                 {"type", rove__value_int(3)},
                 {"min", rove__value_int(0)},
                 {"max", rove__value_int(100)}};
    rove__buf_init(&bytes, &ph->own, ROVE_FRAME_MAX);
    assert_int_equal(rove__batch_writer_new(&ph->own, ROVE_BATCH_MAX, &rows), ROVE_OK);
    assert_int_equal(rove__row_init(&change.row, entity,
                                    rove__id_make(1, 100000u + (uint32_t)custom_fields),
                                    &ph->arena),
                     ROVE_OK);
    for (size_t i = 0; i < sizeof cells / sizeof *cells; i++) {
        int ordinal = rove__entity_field_named(entity, cells[i].field);
        assert_true(ordinal >= 0);
        rove__row_set(&change.row, (size_t)ordinal, cells[i].value);
    }
    rove__clock_init(&change.clock, version, version, 0);
    assert_int_equal(rove__batch_add(rows, &change), ROVE_OK);
    assert_int_equal(rove__batch_finish(rows, &bytes), ROVE_OK);
    rove__page page = {.rows = {bytes.data, bytes.size}, .cursor = ph->last.hello.cursor};
    page.cursor.timeline = PHONE_TIMELINE;
    phone_welcome(ph, writer, answer);
    PHONE_MESSAGE(ph, writer, answer, ROVE_FRAME_PAGE, page, &page);
    phone_end(ph, writer, answer, 1);
    rove__batch_writer_free(rows);
    rove__buf_free(&bytes);
    custom_fields++;
    ph->compose = NULL;
}

static void *write_records(void *ctx) {
    int *written = ctx;
    rove_error error;

    for (int i = 0; i < WRITES; i++) {
        rove_field fields[] = {{"name", rove_text("from a thread")}};
        rove_id id = 0;
        rove_status status = rove_begin(p.replica, &error);
        for (int n = 0; status == ROVE_OK && n < 2; n++) {
            status = rove_insert(p.replica, "Account", fields, 1, &id, &error);
        }
        if (status == ROVE_OK && i % 5 == 0) {
            rove_rollback(p.replica);
            continue;
        }
        status = status == ROVE_OK ? rove_commit(p.replica, &error) : status;
        *written += status == ROVE_OK ? 2 : 0;
    }
    writing--;
    return NULL;
}

static void *read_records(void *ctx) {
    int64_t *last = ctx;
    rove_error error;

    while (writing > 0) {
        rove_query *query = NULL;
        rove_state state = {.size = sizeof state};
        rove_field_info info;
        void *bytes = NULL;
        size_t size = 0;
        rove_id id = 0;
        if (rove_query_new(p.replica, "SELECT count(*), max(id) FROM account", NULL, 0, &query,
                           &error) == ROVE_OK &&
            rove_query_step(query, &error) == ROVE_OK) {
            *last = rove_query_value(query, 0).as.integer;
            id = rove_query_value(query, 1).as.integer;
        }
        rove_query_free(query);
        if (rove_get_packed(p.replica, "Account", id, &bytes, &size, &error) == ROVE_OK) {
            rove_release(p.replica, bytes);
        }
        if (rove_read_state(p.replica, &state, &error) != ROVE_OK ||
            rove_field_at(p.replica, "Account", 3, &info) != ROVE_OK ||
            rove_now_ms(p.replica) == 0) {
            *last = -1;
            return NULL;
        }
    }
    return NULL;
}

static int count_custom(void) {
    rove_field_info info;
    int count = 0;

    for (size_t i = 0; rove_field_at(p.replica, "Account", i, &info) == ROVE_OK; i++) {
        count += info.custom;
    }
    return count;
}

static void count_events(void *ctx, const rove_event *events, size_t count) {
    (void)events;
    *(_Atomic size_t *)ctx += count;
}

static void test_a_rep_works_while_it_syncs(void **state) {
    _Atomic size_t events = 0;
    pthread_t writer[2];
    pthread_t reader;
    int written[2] = {0, 0};
    int64_t last = 0;
    int syncs = 0;
    (void)state;

    phone_prepare_with(&p, "client_threads", 1);
    phone_open(&p);
    phone_enroll(&p);
    rove_watch(p.replica, count_events, &events);
    p.page_rows = 20;
    writing = 2;
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(pthread_create(&writer[i], NULL, write_records, &written[i]), 0);
    }
    assert_int_equal(pthread_create(&reader, NULL, read_records, &last), 0);
    while (writing > 0) {
        p.accounts += p.accounts < 1000 ? 100 : 0;
        p.compose = custom_fields < 10 ? defines_a_field : NULL;
        phone_ok(&p, rove_sync(p.replica, NULL, NULL, &p.error));
        syncs++;
    }
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(pthread_join(writer[i], NULL), 0);
    }
    assert_int_equal(pthread_join(reader, NULL), 0);
    assert_true(last > 0);
    phone_ok(&p, rove_sync(p.replica, NULL, NULL, &p.error));
    assert_int_equal(written[0] + written[1], 2 * 2 * WRITES * 4 / 5);
    assert_int_equal(phone_number(&p, "SELECT count(*) FROM account"),
                     written[0] + written[1] + (int64_t)p.accounts);
    assert_int_equal(phone_state(&p).pending, 0);
    assert_true(syncs > 0);
    assert_true(custom_fields > 0);
    assert_int_equal(count_custom(), custom_fields);
    assert_int_equal(phone_number(&p, "SELECT count(*) FROM account WHERE custom_0 IS NULL"),
                     written[0] + written[1] + (int64_t)p.accounts);
    assert_true(events > 0);
    uint64_t records = 0;
    phone_ok(&p, rove_verify(p.replica, &records, &p.error));
    phone_stop(&p);
}

/* ---- records are read and written while fields come ---- */

#define FIELDS 40

static _Atomic int fields_come;
static rove_id first_account;

static int is_whole(const Rove__Account *account) {
    return account->has_id && account->id >= first_account && account->name != NULL &&
           strncmp(account->name, "Account ", 8) == 0 && account->base.n_unknown_fields == 0;
}

static int reads_both_ways(rove_id id) {
    ProtobufCMessage *message = NULL;
    rove_error error;
    void *bytes = NULL;
    size_t size = 0;

    int good = rove_get(p.replica, "Account", id, &message, &error) == ROVE_OK &&
               is_whole((Rove__Account *)message);
    rove_release_message(p.replica, message);
    good &= rove_get_packed(p.replica, "account", id, &bytes, &size, &error) == ROVE_OK;
    Rove__Account *account = rove__account__unpack(NULL, size, bytes);
    good &= account != NULL && is_whole(account);
    rove__account__free_unpacked(account, NULL);
    rove_release(p.replica, bytes);
    return good;
}

/* Counts what it could not read as it is. */
static void *look_at_accounts(void *ctx) {
    int *bad = ctx;

    for (uint32_t i = 0; fields_come; i++) {
        rove_error error;
        rove_query *query = NULL;
        rove_field_info info;
        *bad += !reads_both_ways(first_account + i % 20);
        *bad += rove_query_new(p.replica, "SELECT * FROM account", NULL, 0, &query, &error) !=
                    ROVE_OK ||
                rove_query_step(query, &error) != ROVE_OK;
        rove_query_free(query);
        for (size_t at = 0; rove_field_at(p.replica, "Account", at, &info) == ROVE_OK; at++) {
            *bad += info.name == NULL || info.name[0] == '\0';
        }
    }
    return NULL;
}

/* What is read is written again, in both forms, with another telephone number. */
static void *edit_accounts(void *ctx) {
    int *bad = ctx;

    for (uint32_t i = 0; fields_come; i++) {
        ProtobufCMessage *message = NULL;
        rove_id id = first_account + i % 20;
        rove_error error;
        char phone_text[16];
        uint8_t bytes[256];

        snprintf(phone_text, sizeof phone_text, "%u", (unsigned)i);
        if (rove_get(p.replica, "Account", id, &message, &error) != ROVE_OK) {
            *bad += 1;
            continue;
        }
        rove_id same = 0;
        *bad += rove_put(p.replica, message, &same, &error) != ROVE_OK || same != id;
        rove_release_message(p.replica, message);
        Rove__Account account = ROVE__ACCOUNT__INIT;
        account.has_id = 1;
        account.id = id;
        account.phone = phone_text;
        *bad += rove_put_packed(p.replica, "Account", bytes, rove__account__pack(&account, bytes),
                                &same, &error) != ROVE_OK;
    }
    return NULL;
}

static void test_records_are_whole_while_fields_come(void **state) {
    pthread_t thread[4];
    int bad[4] = {0};
    (void)state;

    phone_prepare_with(&p, "client_threads_fields", 1);
    phone_open(&p);
    phone_enroll(&p);
    p.accounts = 20;
    custom_fields = 0;
    phone_ok(&p, rove_sync(p.replica, NULL, NULL, &p.error));
    first_account = phone_number(&p, "SELECT min(id) FROM account");
    fields_come = 1;
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(
            pthread_create(&thread[i], NULL, i == 0 ? edit_accounts : look_at_accounts, &bad[i]),
            0);
    }
    while (custom_fields < FIELDS) {
        p.compose = defines_a_field;
        phone_ok(&p, rove_sync(p.replica, NULL, NULL, &p.error));
    }
    fields_come = 0;
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(pthread_join(thread[i], NULL), 0);
        assert_int_equal(bad[i], 0);
    }
    assert_int_equal(count_custom(), FIELDS);
    phone_stop(&p);
}

/* ---- a watcher is ended ---- */

static _Atomic int inside;   /* a call of the watcher is under way */
static _Atomic int asked;    /* its end was asked for */
static _Atomic int returned; /* and was said to have come */
static _Atomic int calls;

static void linger(void *ctx, const rove_event *events, size_t count) {
    (void)ctx;
    (void)events;
    (void)count;
    calls++;
    inside = 1;
    while (!asked) {
        sched_yield();
    }
    for (int i = 0; i < 10000 && !returned; i++) {
        sched_yield();
    }
    inside = 0;
}

static void *end_watching(void *ctx) {
    int *was_inside = ctx;

    while (!inside) {
        sched_yield();
    }
    asked = 1;
    rove_watch(p.replica, NULL, NULL);
    *was_inside = inside;
    returned = 1;
    return NULL;
}

static void test_no_call_of_a_watcher_after_its_end(void **state) {
    pthread_t thread;
    int was_inside = 1;
    (void)state;

    phone_prepare_with(&p, "client_threads", 1);
    phone_open(&p);
    phone_enroll(&p);
    rove_watch(p.replica, linger, NULL);
    assert_int_equal(pthread_create(&thread, NULL, end_watching, &was_inside), 0);
    (void)phone_account(&p, "seen");
    pthread_join(thread, NULL);
    assert_int_equal(was_inside, 0);
    assert_int_equal(calls, 1);
    (void)phone_account(&p, "not seen");
    assert_int_equal(calls, 1);
    phone_stop(&p);
}

static void end_itself(void *ctx, const rove_event *events, size_t count) {
    (void)events;
    (void)count;
    ++*(int *)ctx;
    rove_watch(p.replica, NULL, NULL);
}

static void test_a_watcher_may_end_itself(void **state) {
    int times = 0;
    (void)state;

    phone_prepare_with(&p, "client_threads", 1);
    phone_open(&p);
    phone_enroll(&p);
    rove_watch(p.replica, end_itself, &times);
    (void)phone_account(&p, "seen");
    (void)phone_account(&p, "not seen");
    assert_int_equal(times, 1);
    phone_stop(&p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_rep_works_while_it_syncs),
        cmocka_unit_test(test_records_are_whole_while_fields_come),
        cmocka_unit_test(test_no_call_of_a_watcher_after_its_end),
        cmocka_unit_test(test_a_watcher_may_end_itself),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
