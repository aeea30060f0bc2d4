/*
 * store/tidy.c - what left the replica leaves its files too.
 *
 * A row that is deleted is overwritten (secure_delete), but copies of it stay where SQLite moved it before - in the gaps
 * of pages that were rebalanced - and in the write-ahead log. So what has left is gone for good only after the file was
 * written anew (VACUUM) and the log was emptied into it. That is too long for a rep to wait, and waits for readers: it
 * is done at an idle moment, when the host says so. _meta remembers how far it is, so that a kill costs a repetition:
 *
 *   remains   2: rows have left since the file was written anew; 1: only the log has to be emptied; 0: all is done
 *
 * VACUUM builds the new file in memory (temp_store), page by page as the old one is read. What the handle has read of records that
 * left goes from memory, too.
 */
#include "base/text.h"
#include "store/exchange.h"

/* Statements that may not run inside a transaction; nobody else writes meanwhile. */
static rove_status alone(rove__store *store, rove_status (*act)(rove__store *, rove_error *),
                         rove_error *error) {
    rove_status status = rove__store_turn(store, error);

    if (status == ROVE_OK) {
        status = store->locked ? rove__lock_refuse(error) : act(store, error);
        rove__store_turn_over(store);
    }
    return status;
}

rove_status rove__tidy_file(rove__store *store, rove_error *error) {
    int code = sqlite3_exec(store->db, "VACUUM", NULL, NULL, NULL);

    return rove__sqlite_status(store->db, code, error, "Tidying the replica");
}

/* Readers that are in the middle of something keep the log; nobody waits for them. */
rove_status rove__tidy_log(rove__store *store, rove_error *error) {
    int left = 0;
    int done = 0;

    if (store->sweeping) {
        return rove__error_set(error, ROVE_BUSY,
                               "The replica's log is being emptied already; try again.");
    }
    sqlite3_busy_timeout(store->db, 0);
    int code = sqlite3_wal_checkpoint_v2(store->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, &left, &done);
    sqlite3_busy_timeout(store->db, ROVE_BUSY_MS);
    if (code == SQLITE_BUSY || code == SQLITE_LOCKED) {
        return rove__error_set(
            error, ROVE_BUSY, "A query is still reading the replica; tidy it when that has ended.");
    }
    return rove__sqlite_status(store->db, code, error, "Emptying the replica's log");
}

static rove_status empty_log(rove__store *store, rove_error *error) {
    rove_status status = rove__tidy_log(store, error);

    rove__store_shed(store);
    rove__wipe_stack();
    return status;
}

static rove_status set_done(rove__store *store, rove_error *error) {
    rove_status status = rove__store_enter(store, error);

    if (status == ROVE_OK) {
        status = rove__meta_put_int(store, ROVE_META_REMAINS, 0, error);
        status = rove__store_leave(store, status, error);
    }
    return status;
}

/* Acknowledged work that could not be sealed yet still lies there as it was written, and leaves copies when it goes. */
static rove_status set_written_anew(rove__store *store, rove_error *error) {
    rove__exchange *exchange = NULL;
    sqlite3_stmt *plain = NULL;
    rove_status status = rove__store_enter(store, error);

    if (status != ROVE_OK) {
        return status;
    }
    status = rove__exchange_begin(store, &exchange, error);
    if (status == ROVE_OK) {
        status =
            rove__exchange_row(store, ROVE_EXCHANGE_BATCH_PLAIN, &plain, error, "i", INT64_MIN);
        sqlite3_reset(plain);
    }
    if (status == ROVE_OK && plain == NULL) {
        status = rove__meta_put_int(store, ROVE_META_REMAINS, ROVE_REMAINS_LOG, error);
    }
    return rove__store_leave(store, status, error);
}

rove_status rove__store_tidy(rove__store *store, rove_error *error) {
    int64_t remains = 0;

    if (rove__store_in_transaction(store)) {
        return rove__error_set(error, ROVE_STATE,
                               "This thread has a transaction open; commit it or roll it back.");
    }
    rove_status status = rove__meta_look_int(store, ROVE_META_REMAINS, &remains, error);
    if (status == ROVE_OK && remains == ROVE_REMAINS_FILE) {
        status = alone(store, rove__tidy_file, error);
        if (status == ROVE_OK) {
            status = set_written_anew(store, error);
        }
    }
    if (status == ROVE_OK && remains != 0) {
        status = alone(store, empty_log, error);
    }
    if (status == ROVE_OK) {
        status = rove__meta_look_int(store, ROVE_META_REMAINS, &remains, error);
    }
    return status == ROVE_OK && remains == ROVE_REMAINS_LOG ? set_done(store, error) : status;
}
