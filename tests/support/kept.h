/*
 * support/kept.h - the pair of pair.h with a headquarters that is kept: its real SQLite database, its committing thread, and
 * what http/exchange.c makes of their failures. Only HTTP itself is left out: a device is known by its certificate.
 *
 *     kept_begin(folder)     instead of pair_set_up's: a new headquarters; its phones are opened with open_phone
 *     kept_open(folder), kept_close()
 */
#ifndef ROVE_TESTS_KEPT_H
#define ROVE_TESTS_KEPT_H

#include <sqlite3.h>
#include <sys/stat.h>

#include "group.h"
#include "pair.h"
#include "store/database.h"

static rove__hq_database *database;
static group *committing;

/* OK, or why not; what was opened is closed again then. */
static inline rove_status kept_try_open(const char *folder, rove_error *error) {
    char path[128];

    snprintf(path, sizeof path, "%s/hq.db", folder);
    rove_status status = rove__hq_sqlite_open(&hq.allocator, hq.registry, path, &database, error);
    if (status == ROVE_OK) {
        hq.store = &database->store;
        hq.ports.store = hq.store;
        status = group_new(&hq.allocator, hq.store, &committing, error);
        if (status != ROVE_OK) {
            database->close(database);
            database = NULL;
        }
    }
    return status;
}

static inline void kept_open(const char *folder) {
    rove_error error = {.message = ""};

    if (kept_try_open(folder, &error) != ROVE_OK) {
        fail_msg("%s", error.message);
    }
}

static inline void kept_close(void) {
    group_free(committing);
    committing = NULL;
    if (database != NULL) {
        database->close(database);
    }
    database = NULL;
}

static inline void kept_forget(const char *folder) {
    static const char *const files[] = {"hq.db", "hq.db-wal", "hq.db-shm"};
    char path[128];

    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, files[i]);
        (void)unlink(path);
    }
    (void)rmdir(folder);
}

static inline rove__hq_tx *kept_tx(rove__hq_mode mode) {
    rove__hq_tx *tx = NULL;

    assert_int_equal(hq.store->begin(hq.store->ctx, mode, &tx, NULL), ROVE_OK);
    return tx;
}

/* As `rove-hq init` does it. */
static inline void kept_begin(const char *folder) {
    const rove__hq_timeline timeline = {1, 0, 0};
    rove__hq_head head;

    device_count = 0;
    site_open(&hq);
    rove__hq_tx *tx = kept_tx(ROVE_HQ_READ); /* still in memory */
    assert_int_equal(hq.store->head_get(tx, &head), ROVE_OK);
    hq.store->rollback(tx);
    kept_forget(folder);
    assert_int_equal(mkdir(folder, 0700), 0);
    kept_open(folder);
    tx = kept_tx(ROVE_HQ_WRITE);
    assert_int_equal(hq.store->timeline_put(tx, &timeline), ROVE_OK);
    assert_int_equal(hq.store->head_put(tx, &head), ROVE_OK);
    assert_int_equal(hq.store->commit(tx, NULL), ROVE_OK);
}

/* ---- an exchange, as http/exchange.c has it ---------------------------------------------------------------------- */

typedef struct kept_job {
    rove__server *server;
    rove_status judged;
} kept_job;

static inline rove_status kept_commit(void *ctx, rove__hq_tx *tx, rove_error *error) {
    kept_job *job = ctx;

    job->judged = rove__server_commit(job->server, tx, hq.now_ms, error);
    return job->judged;
}

/* As http/answer.c says it. */
static inline rove_status kept_failure(rove_status status) {
    int passes = status == ROVE_LATER || status == ROVE_BUSY || status == ROVE_NOMEM;

    return passes ? ROVE_LATER : ROVE_SERVER;
}

static inline rove_status kept_take(rove__server *server, const rove__buf *body) {
    for (size_t at = 0; at < body->size; at += 16384) {
        size_t some = body->size - at < 16384 ? body->size - at : 16384;
        if (rove__server_receive(server, body->data + at, some) != ROVE_OK) {
            return ROVE_LATER;
        }
    }
    rove_status status = rove__server_received(server);
    return status == ROVE_OK ? ROVE_OK : kept_failure(status);
}

static inline rove_status kept_judge(rove__server *server) {
    while (rove__server_wants_commit(server)) {
        kept_job job = {server, ROVE_OK};
        rove_status status = group_run(committing, kept_commit, &job, NULL);
        /* What the session itself knows of becomes a frame of its answer. */
        if (status != ROVE_OK && (job.judged == ROVE_OK || job.judged == ROVE_LATER)) {
            return kept_failure(status);
        }
    }
    return ROVE_OK;
}

/* A failure on the way ends the connection: what was sent arrives. */
static inline rove_status kept_say(phone *p, rove__server *server, rove__buf *answer) {
    uint8_t bytes[4096];
    size_t size = 1;

    p->cut_at = 0;
    while (size > 0) {
        rove_status status = rove__server_answer(server, bytes, sizeof bytes, &size);
        if (status != ROVE_OK) {
            p->cut_at = answer->size;
            p->cut_status = ROVE_NETWORK;
            rove__buf_append(answer, "", 1);
            return p->cut_at == 0 ? ROVE_NETWORK : ROVE_OK;
        }
        rove__buf_append(answer, bytes, size);
    }
    return ROVE_OK;
}

static inline rove_status kept_exchange(phone *p, const rove_request *request,
                                        const rove__buf *body, rove__buf *answer) {
    rove__server_policy policy = {
        .poll_ms = 60000, .page_rows = hq.page_rows, .ack_bytes = hq.ack_bytes};
    rove__server *server = NULL;
    rove__signer signer = {.replica = 0};

    assert_int_equal(
        seals_identify(NULL, (rove__bytes){request->certificate_der, request->certificate_size},
                       &signer),
        ROVE_OK);
    if (rove__server_new(&hq.ports, &policy, signer.replica, hq.now_ms, &server) != ROVE_OK) {
        return ROVE_LATER;
    }
    rove_status status = kept_take(server, body);
    status = status == ROVE_OK ? kept_judge(server) : status;
    status = status == ROVE_OK ? kept_say(p, server, answer) : status;
    rove__server_free(server);
    return status;
}

#endif
