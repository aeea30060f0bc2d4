/*
 * store/sqlite/transaction.c - begin, commit, rollback and the one level of savepoint.
 *
 * Writers queue for the one write connection. A reader takes an idle connection or opens one; its first read, at
 * begin, fixes its snapshot.
 */
#include "base/assert.h"
#include "base/text.h"
#include "store/sqlite/lite.h"

static const char begin_sql[] = "BEGIN IMMEDIATE";
static const char snapshot_sql[] = "BEGIN; SELECT 1 FROM _head";

static rove__hq_tx *take_writer(rove__lite *lite) {
    pthread_mutex_lock(&lite->mutex);
    while (lite->writing) {
        pthread_cond_wait(&lite->written, &lite->mutex);
    }
    lite->writing = 1;
    pthread_mutex_unlock(&lite->mutex);
    return lite->writer;
}

static void give_writer(rove__lite *lite) {
    pthread_mutex_lock(&lite->mutex);
    ROVE_ASSERT(lite->writing);
    lite->writing = 0;
    pthread_cond_signal(&lite->written);
    pthread_mutex_unlock(&lite->mutex);
}

static void reader_gone(rove__lite *lite) {
    pthread_mutex_lock(&lite->mutex);
    lite->reader_count--;
    pthread_mutex_unlock(&lite->mutex);
}

static rove_status take_reader(rove__lite *lite, rove__hq_tx **out, rove_error *error) {
    int full = 0;

    pthread_mutex_lock(&lite->mutex);
    rove__hq_tx *tx = lite->idle;
    if (tx != NULL) {
        lite->idle = tx->next;
        lite->idle_count--;
    } else if (lite->reader_count == ROVE_LITE_READERS_MAX) {
        full = 1;
    } else {
        lite->reader_count++;
    }
    pthread_mutex_unlock(&lite->mutex);
    if (full) {
        (void)rove__error_set(error, ROVE_LATER, "Too many are reading at once (%d).",
                              ROVE_LITE_READERS_MAX);
        return ROVE_LATER;
    }
    if (tx == NULL) {
        rove_status status = rove__lite_connect(lite, ROVE_HQ_READ, &tx, error);
        if (status != ROVE_OK) {
            reader_gone(lite);
            return status;
        }
    }
    tx->next = NULL;
    *out = tx;
    return ROVE_OK;
}

static void give_reader(rove__lite *lite, rove__hq_tx *tx) {
    pthread_mutex_lock(&lite->mutex);
    int keep = lite->idle_count < ROVE_LITE_IDLE_MAX && sqlite3_get_autocommit(tx->db);
    if (keep) {
        tx->next = lite->idle;
        lite->idle = tx;
        lite->idle_count++;
    }
    pthread_mutex_unlock(&lite->mutex);
    if (!keep) {
        rove__lite_disconnect(tx);
        reader_gone(lite);
    }
}

static void give(rove__hq_tx *tx) {
    if (tx->mode == ROVE_HQ_WRITE) {
        give_writer(tx->lite);
    } else {
        give_reader(tx->lite, tx);
    }
}

/* Statements that name columns which a rollback took away are of no use. */
static void forget_tables(rove__hq_tx *tx) {
    if (tx->widened) {
        rove__lite_forget(tx);
        tx->epoch++;
    }
}

/* If even this fails, the transaction stays open on the connection: a writer tries again before it is used. */
static void undo(rove__hq_tx *tx) {
    if (!sqlite3_get_autocommit(tx->db)) {
        (void)sqlite3_step(tx->rollback);
        (void)sqlite3_reset(tx->rollback);
    }
    forget_tables(tx);
}

static rove_status begin(void *ctx, rove__hq_mode mode, rove__hq_tx **out, rove_error *error) {
    rove__lite *lite = ctx;
    rove__hq_tx *tx = NULL;
    rove_status status = ROVE_OK;

    *out = NULL;
    if (mode == ROVE_HQ_WRITE) {
        tx = take_writer(lite);
    } else {
        status = take_reader(lite, &tx, error);
    }
    if (status != ROVE_OK) {
        return status;
    }
    undo(tx);
    tx->epoch++;
    tx->widened = 0;
    tx->doomed = ROVE_OK;
    int code =
        sqlite3_exec(tx->db, mode == ROVE_HQ_WRITE ? begin_sql : snapshot_sql, NULL, NULL, NULL);
    status = rove__lite_status(tx->db, code, error, "Beginning a transaction");
    if (status != ROVE_OK) {
        undo(tx);
        give(tx);
        return status;
    }
    *out = tx;
    return ROVE_OK;
}

static void rollback(rove__hq_tx *tx) {
    if (tx == NULL) {
        return;
    }
    undo(tx);
    give(tx);
}

static rove_status refused(const rove__hq_tx *tx, rove_error *error) {
    return rove__error_set(error, tx->doomed,
                           "The transaction was undone, because a write in it "
                           "failed: %s",
                           rove_status_text(tx->doomed));
}

static rove_status commit(rove__hq_tx *tx, rove_error *error) {
    rove_status status = tx->doomed != ROVE_OK
                             ? refused(tx, error)
                             : rove__lite_execute(tx, "COMMIT", error, "Committing");

    if (status != ROVE_OK) {
        undo(tx);
    }
    give(tx);
    return status;
}

/* How many pages did not wait for the commit to go to the log, for want of room in the cache. */
static int spilled(const rove__hq_tx *tx) {
    int now = 0;
    int most = 0;

    (void)sqlite3_db_status(tx->db, SQLITE_DBSTATUS_CACHE_SPILL, &now, &most, 0);
    return now;
}

static rove_status savepoint(rove__hq_tx *tx, rove_error *error) {
    tx->spilled = spilled(tx);
    return tx->doomed != ROVE_OK
               ? refused(tx, error)
               : rove__lite_execute(tx, "SAVEPOINT job", error, "Setting a savepoint");
}

static rove_status release(rove__hq_tx *tx, int keep, rove_error *error) {
    if (tx->doomed != ROVE_OK) {
        return refused(tx, error);
    }
    if (keep) {
        return rove__lite_execute(tx, "RELEASE job", error, "Releasing a savepoint");
    }
    rove_status status =
        rove__lite_execute(tx, "ROLLBACK TO job; RELEASE job", error, "Undoing a savepoint");
    forget_tables(tx);
    /* SQLite before 3.50.2 would commit what comes now without checksums (https://sqlite.org/forum/forumpost/b490f726db), and
     * not find it again after a crash. It is rare, so the group is undone; who waits in it may come again. */
    if (status == ROVE_OK && spilled(tx) != tx->spilled && tx->doomed == ROVE_OK) {
        tx->doomed = ROVE_LATER;
    }
    return status;
}

void rove__lite_fill_transaction(rove__hq_store *store) {
    store->begin = begin;
    store->commit = commit;
    store->rollback = rollback;
    store->savepoint = savepoint;
    store->release = release;
}
