/*
 * store/share.c - what the layers above need from the store to be used by many threads: a mutex of their own,
 * whether this thread writes, who the replica belongs to, what headquarters asked for,
 * and what answers changed.
 */
#include "store/internal.h"

struct rove__mutex {
    const rove_allocator *allocator;
    sqlite3_mutex *mutex;
};

rove_status rove__mutex_new(const rove_allocator *allocator, rove__mutex **out) {
    rove__mutex *mutex = rove__alloc_zeroed(allocator, 1, sizeof *mutex);

    *out = NULL;
    if (mutex == NULL || rove__sqlite_start() != SQLITE_OK) {
        rove__free(allocator, mutex);
        return ROVE_NOMEM;
    }
    mutex->allocator = allocator;
    mutex->mutex = sqlite3_mutex_alloc(SQLITE_MUTEX_RECURSIVE);
    if (mutex->mutex == NULL) {
        rove__free(allocator, mutex);
        return ROVE_NOMEM;
    }
    *out = mutex;
    return ROVE_OK;
}

void rove__mutex_free(rove__mutex *mutex) {
    if (mutex != NULL) {
        sqlite3_mutex_free(mutex->mutex);
        rove__free(mutex->allocator, mutex);
    }
}

void rove__mutex_enter(rove__mutex *mutex) {
    sqlite3_mutex_enter(mutex->mutex);
}

void rove__mutex_leave(rove__mutex *mutex) {
    sqlite3_mutex_leave(mutex->mutex);
}

int rove__store_in_transaction(rove__store *store) {
    /* The mutex is recursive: it can be taken by the thread that has it, and by anyone if nobody has it. */
    if (sqlite3_mutex_try(store->mutex) != SQLITE_OK) {
        return 0;
    }
    int ours = store->in_transaction;
    sqlite3_mutex_leave(store->mutex);
    return ours;
}

void rove__store_read_owner(rove__store *store, rove__store_owner *owner) {
    sqlite3_mutex_enter(store->mutex);
    *owner = store->owner;
    sqlite3_mutex_leave(store->mutex);
}

rove__cursor rove__store_read_cursor(rove__store *store) {
    sqlite3_mutex_enter(store->mutex);
    rove__cursor cursor = store->cursor;
    sqlite3_mutex_leave(store->mutex);
    return cursor;
}

rove_status rove__store_read_advice(rove__store *store, rove__store_advice *advice,
                                    rove_error *error) {
    *advice = (rove__store_advice){0};
    sqlite3_mutex_enter(store->mutex);
    rove_status status = rove__meta_get_int(store, ROVE_META_POLL_MS, &advice->poll_ms, error);
    if (status == ROVE_OK) {
        status = rove__meta_get_int(store, ROVE_META_RENEW_MS, &advice->renew_after_ms, error);
    }
    sqlite3_mutex_leave(store->mutex);
    return status;
}

void rove__store_read_tally(rove__store *store, rove__store_tally *tally) {
    sqlite3_mutex_enter(store->mutex);
    *tally = store->tally;
    sqlite3_mutex_leave(store->mutex);
}
