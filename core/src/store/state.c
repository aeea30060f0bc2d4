/*
 * store/state.c - what the replica knows of itself, for status displays and decisions.
 */
#include <string.h>

#include "base/planted.h"
#include "base/text.h"
#include "store/internal.h"

static uint64_t count_at(sqlite3_stmt *statement, int column) {
    return (uint64_t)sqlite3_column_int64(statement, column);
}

static rove_status read_counts(rove__store *store, rove__store_state *state, rove_error *error) {
    sqlite3_stmt *statement = NULL;
    rove_status status = rove__store_statement(store, ROVE_SQL_COUNTS, &statement, error);

    if (status != ROVE_OK) {
        return status;
    }
    int code = sqlite3_step(statement);
    if (code == SQLITE_ROW) {
        state->pending_rows = count_at(statement, 0);
        state->unsent_entries = count_at(statement, 1);
        state->batches_in_flight = count_at(statement, 2);
        state->quarantined = count_at(statement, 3);
        state->rejections = count_at(statement, 4);
        state->unknown_rows = count_at(statement, 5);
        state->rows = count_at(statement, 6);
        state->scopes = count_at(statement, 7);
        state->differing = count_at(statement, 8);
        state->former_batches = count_at(statement, 9);
        state->disk_bytes =
            (count_at(statement, 10) - count_at(statement, 11)) * count_at(statement, 12);
        state->conflicts = count_at(statement, 13);
        state->in_review = count_at(statement, 14);
        state->returned = count_at(statement, 15);
    }
    status = code == SQLITE_ROW ? ROVE_OK
                                : rove__sqlite_status(store->db, code, error, "Reading the state");
    (void)sqlite3_reset(statement);
    return status;
}

static rove_status read_numbers(rove__store *store, rove__store_state *state, rove_error *error) {
    int64_t catching_up = 0;
    int64_t unverified = 0;
    int64_t remains = 0;
    struct {
        const char *key;
        int64_t *value;
    } numbers[] = {
        {ROVE_META_CATCHING_UP, &catching_up},
        {ROVE_META_UNVERIFIED, &unverified},
        {ROVE_META_VERIFIED_MS, &state->verified_ms},
        {ROVE_META_CONTACT_MS, &state->contact_ms},
        {ROVE_META_RENEW_MS, &state->renew_after_ms},
        {ROVE_META_POLL_MS, &state->poll_ms},
        {ROVE_META_REMAINS, &remains},
    };
    rove_status status = ROVE_OK;

    for (size_t i = 0; i < sizeof numbers / sizeof *numbers && status == ROVE_OK; i++) {
        status = rove__meta_get_int(store, numbers[i].key, numbers[i].value, error);
    }
    state->catching_up = catching_up != 0 && !ROVE_PLANTED(Q06_UNCONFESSED);
    state->unverified = unverified != 0;
    state->remains = remains != 0;
    return status;
}

rove_status rove__store_read_state(rove__store *store, rove__store_state *state,
                                   rove_error *error) {
    memset(state, 0, sizeof *state);
    /* Nobody else writes: what is read under the mutex is of one moment. */
    sqlite3_mutex_enter(store->mutex);
    state->owner = store->owner;
    state->cursor = store->cursor;
    state->anchor = store->anchor;
    rove_status status = read_numbers(store, state, error);
    if (status == ROVE_OK) {
        status = read_counts(store, state, error);
    }
    sqlite3_mutex_leave(store->mutex);
    return status;
}
