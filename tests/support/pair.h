/*
 * support/pair.h - two phones and a headquarters: the app's handle at one end, headquarters' own exchange over a store in
 * memory at the other, no network between them. A test sets the clocks (first.now, second.now, hq.now_ms), cuts answers
 * (phone.cut_at), and acts for headquarters with the words of site.h.
 */
#ifndef ROVE_TESTS_PAIR_H
#define ROVE_TESTS_PAIR_H

#include <sqlite3.h>

#include "phone.h"
#include "site.h"
#include "store_trial.h"

static site hq;
static uint32_t oldest_schema; /* that it speaks with */
static phone first;
static phone second;
static rep devices[16]; /* only to register them */
static size_t device_count;

/* ---- wiring ---- */

static inline void register_device(rove_replica number, rove_id user) {
    assert_true(device_count < 16);
    rep_open(&devices[device_count++], &hq, number, user);
}

/* What was written under the former number counts as the device's own. */
static inline void succeed(rove_replica former, rove_replica number) {
    rove__hq_device device;
    rove__hq_tx *tx = NULL;

    assert_int_equal(hq.store->begin(hq.store->ctx, ROVE_HQ_WRITE, &tx, NULL), ROVE_OK);
    assert_int_equal(hq.store->device_get(tx, number, 1, &device), ROVE_OK);
    device.former = former;
    assert_int_equal(hq.store->device_put(tx, &device), ROVE_OK);
    assert_int_equal(hq.store->commit(tx, NULL), ROVE_OK);
}

static inline void commit_once(rove__server *server) {
    rove__hq_tx *tx = NULL;
    rove_error error;

    assert_int_equal(hq.store->begin(hq.store->ctx, ROVE_HQ_WRITE, &tx, &error), ROVE_OK);
    assert_int_equal(hq.store->savepoint(tx, &error), ROVE_OK);
    rove_status status = rove__server_commit(server, tx, hq.now_ms, &error);
    assert_int_equal(hq.store->release(tx, status == ROVE_OK, &error), ROVE_OK);
    assert_int_equal(hq.store->commit(tx, &error), ROVE_OK);
}

static inline void serve(phone *p, const rove__buf *body, rove__buf *answer) {
    rove__server_policy policy = {.oldest_schema = oldest_schema,
                                  .poll_ms = 60000,
                                  .page_rows = hq.page_rows,
                                  .ack_bytes = hq.ack_bytes,
                                  .lease_ms = hq.lease_ms};
    rove__server *server = NULL;
    uint8_t bytes[4096];
    size_t size = 1;

    assert_int_equal(rove__server_new(&hq.ports, &policy, p->number, hq.now_ms, &server), ROVE_OK);
    assert_int_equal(rove__server_receive(server, body->data, body->size), ROVE_OK);
    assert_int_equal(rove__server_received(server), ROVE_OK);
    while (rove__server_wants_commit(server)) {
        commit_once(server);
    }
    while (size > 0) {
        assert_int_equal(rove__server_answer(server, bytes, sizeof bytes, &size), ROVE_OK);
        rove__buf_append(answer, bytes, size);
    }
    rove__server_free(server);
}

static inline rove_status route(phone *p, const rove_request *request, const rove__buf *body,
                                rove__buf *answer) {
    if (strstr(request->url, "/v1/enroll") != NULL) {
        return phone_enrol(p, request, body, answer);
    }
    if (strstr(request->url, "/v1/renew") != NULL) {
        rove_replica before = p->number;
        rove_status status = phone_renew(p, body, answer);
        if (p->number != before) {
            register_device(p->number, p->user);
            succeed(before, p->number);
        }
        return status;
    }
    serve(p, body, answer);
    return ROVE_OK;
}

static inline void open_phone(phone *p, const char *name, rove_replica number) {
    phone_prepare(p, name);
    p->now.wall_ms = SITE_NOW;
    p->number = number;
    p->until_ms = SITE_NOW + 3000 * PHONE_DAY_MS;
    p->renew_after_ms = SITE_NOW + 2000 * PHONE_DAY_MS;
    p->route = route;
    register_device(number, p->user);
    phone_open(p);
    phone_enroll(p);
}

/* Another user enrols on it. */
static inline void pass_on(phone *p, rove_id user, rove_replica number) {
    p->user = user;
    p->number = number;
    register_device(number, user);
    phone_enroll(p);
}

static inline int pair_set_up(void **state) {
    (void)state;
    device_count = 0;
    site_open(&hq);
    open_phone(&first, "client_hq_first", 7);
    open_phone(&second, "client_hq_second", 8);
    store_trial_with(&first.memory);
    store_trial_with(&second.memory);
    return 0;
}

static inline int pair_tear_down(void **state) {
    (void)state;
    store_trial_with(NULL);
    phone_stop(&first);
    phone_stop(&second);
    for (size_t i = 0; i < device_count; i++) {
        rep_close(&devices[i]);
    }
    site_close(&hq);
    return 0;
}

static inline rove_sync_report sync_ok(phone *p) {
    rove_sync_report report;

    phone_ok(p, rove_sync(p->replica, NULL, &report, &p->error));
    return report;
}

/* Until headquarters and the replica agree, and nothing is left to send. */
static inline void settle(phone *p) {
    rove_sync_report report;

    for (int i = 0; i < 4; i++) {
        report = sync_ok(p);
        if (report.verified && phone_state(p).pending == 0) {
            uint64_t records = 0;
            phone_ok(p, rove_verify(p->replica, &records, &p->error));
            assert_int_equal(records, phone_state(p).records);
            return;
        }
    }
    fail_msg("replica %u does not agree with headquarters; %u pending", (unsigned)p->number,
             (unsigned)phone_state(p).pending);
}

/* ---- files ---- */

/* A number from the replica's file itself, own tables included. */
static inline int64_t in_file(phone *p, const char *sql) {
    char path[128];
    sqlite3 *db = NULL;
    sqlite3_stmt *statement = NULL;

    snprintf(path, sizeof path, "%s/replica.db", p->folder);
    assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    int64_t number = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    sqlite3_close(db);
    return number;
}

/* Whether a word stands anywhere in the replica's files. */
static inline int is_readable(phone *p, const char *word) {
    static const char *const files[] = {"replica.db", "replica.db-wal", "replica.db-log"};
    size_t size = strlen(word);
    int found = 0;

    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char path[128];
        snprintf(path, sizeof path, "%s/%s", p->folder, files[i]);
        FILE *file = fopen(path, "rb");
        if (file == NULL) {
            continue;
        }
        uint8_t *bytes = malloc((size_t)64 << 20);
        size_t length = fread(bytes, 1, (size_t)64 << 20, file);
        for (size_t at = 0; at + size <= length && !found; at++) {
            found = memcmp(bytes + at, word, size) == 0;
        }
        free(bytes);
        fclose(file);
    }
    return found;
}

/* ---- words ---- */

/* Headquarters is backed up as far as it has come. */
static inline void back_up(void) {
    rove__hq_tx *tx = NULL;
    rove__hq_head head;

    assert_int_equal(hq.store->begin(hq.store->ctx, ROVE_HQ_WRITE, &tx, NULL), ROVE_OK);
    assert_int_equal(hq.store->head_get(tx, &head), ROVE_OK);
    head.safe = head.seq;
    assert_int_equal(hq.store->head_put(tx, &head), ROVE_OK);
    assert_int_equal(hq.store->commit(tx, NULL), ROVE_OK);
}

static inline void rename_account(phone *p, rove_id id, const char *name) {
    rove_field fields[] = {{"name", rove_text(name)}};

    phone_ok(p, rove_update(p->replica, "Account", id, fields, 1, &p->error));
}

static inline int same_name(phone *p, const char *name) {
    rove_value value = rove_text(name);
    rove_query *query = NULL;

    phone_ok(p, rove_query_new(p->replica, "SELECT count(*) FROM account WHERE name = ?1", &value,
                               1, &query, &p->error));
    phone_ok(p, rove_query_step(query, &p->error));
    int64_t count = rove_query_value(query, 0).as.integer;
    rove_query_free(query);
    return count == 1;
}

static inline rove_status take_number(void *ctx, const rove_conflict *conflict) {
    if (conflict->open) {
        *(rove_id *)ctx = conflict->number;
    }
    return ROVE_OK;
}

#endif
