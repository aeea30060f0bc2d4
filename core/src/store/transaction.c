/*
 * store/transaction.c - one transaction of the writer: the mutex, BEGIN and COMMIT, and what watchers are told
 * afterwards.
 *
 * Invariant: the mutex is held exactly while `entered` is set.
 */
#include <string.h>

#include "base/assert.h"
#include "base/log.h"
#include "base/text.h"
#include "store/internal.h"

#define EVENTS_MAX 256

/* ---- events ---- */

/* Makes room: from now on each entity has one event, "many rows". */
static void summarise(rove__store *store) {
    size_t kept = 0;

    for (size_t i = 0; i < store->event_count; i++) {
        size_t j = 0;
        while (j < kept && store->events[j].entity != store->events[i].entity) {
            j++;
        }
        if (j == kept) {
            store->events[kept].entity = store->events[i].entity;
            store->events[kept].id = 0;
            kept++;
        }
    }
    store->event_count = kept;
}

static int noted(const rove__store *store, uint32_t entity, rove_id id) {
    if (store->event_count == 0) {
        return 0;
    }
    const rove__store_event *last = &store->events[store->event_count - 1];
    if (last->entity == entity && last->id == id) {
        return 1;
    }
    /* After summarise() the first events have no id; they are few. */
    for (size_t i = 0; i < store->event_count && store->events[i].id == 0; i++) {
        if (store->events[i].entity == entity) {
            return 1;
        }
    }
    return 0;
}

void rove__store_note(rove__store *store, uint32_t entity, rove_id id) {
    if (store->watcher == NULL || noted(store, entity, id)) {
        return;
    }
    if (store->events == NULL) {
        store->events = rove__alloc(store->ports.allocator, EVENTS_MAX * sizeof *store->events);
    }
    if (store->events == NULL) {
        rove__log(store->ports.log, ROVE_LOG_WARN, "store",
                  "no memory to tell watchers what changed");
        return;
    }
    if (store->event_count == EVENTS_MAX) {
        summarise(store);
        if (noted(store, entity, id)) {
            return;
        }
        id = 0;
    }
    ROVE_ASSERT(store->event_count < EVENTS_MAX);
    store->events[store->event_count].entity = entity;
    store->events[store->event_count].id = id;
    store->event_count++;
}

void rove__store_watch(rove__store *store, rove__store_watcher watcher, void *ctx) {
    sqlite3_mutex_enter(store->mutex);
    store->watcher = watcher;
    store->watcher_ctx = ctx;
    sqlite3_mutex_leave(store->mutex);
}

/* ---- enter and leave ---- */

static rove_status begin(rove__store *store, rove_error *error) {
    sqlite3_stmt *statement = NULL;
    rove_status status = rove__store_statement(store, ROVE_SQL_BEGIN, &statement, error);

    if (status == ROVE_OK) {
        status = rove__store_run(store, statement, error, "Beginning a transaction");
    }
    return status;
}

/* What the handle keeps of the database, as it is when a transaction begins. */
static void remember(rove__store *store) {
    store->begun.owner = store->owner;
    store->begun.cursor = store->cursor;
    memcpy(store->begun.digest_key, store->digest_key, sizeof store->digest_key);
    store->begun.anchor = store->anchor; /* only who has the mutex changes it */
    store->begun.clock_written = store->clock_written;
}

/* Nothing is read for it: what was not kept is never shown, whatever fails. */
static void recall(rove__store *store) {
    store->owner = store->begun.owner;
    store->cursor = store->begun.cursor;
    memcpy(store->digest_key, store->begun.digest_key, sizeof store->digest_key);
    sqlite3_mutex_enter(store->anchor_mutex);
    store->anchor = store->begun.anchor;
    sqlite3_mutex_leave(store->anchor_mutex);
    store->clock_written = store->begun.clock_written;
}

/* Rolls back what is open. */
static void roll_back(rove__store *store) {
    sqlite3_stmt *statement = NULL;

    rove__sum_forget(store);
    if (!sqlite3_get_autocommit(store->db)) {
        rove_status status = rove__store_statement(store, ROVE_SQL_ROLLBACK, &statement, NULL);
        if (status == ROVE_OK) {
            status = rove__store_run(store, statement, NULL, "Rolling back");
        }
        if (status != ROVE_OK && !sqlite3_get_autocommit(store->db)) {
            rove__log(store->ports.log, ROVE_LOG_ERROR, "store", "rolling back failed: %s",
                      rove_status_name(status));
        }
    }
    recall(store);
    /* A fresh replica number, under which ids count from 1, was not taken after all. */
    if (store->clock.counter < store->counter_begun) {
        store->clock.counter = store->counter_begun;
    }
}

/* Its address tells threads apart. */
static _Thread_local char this_thread;

/*
 * Mutexes are not fair: a thread that applies page after page would get it again and again before one that waits
 * has woken up. So one stands in a queue for it, and the rep's write waits for one page at most.
 */
rove_status rove__store_turn(rove__store *store, rove_error *error) {
    if (store->holder == &this_thread) {
        return rove__error_set(error, ROVE_STATE,
                               "This thread has a transaction open; commit it or roll it back.");
    }
    sqlite3_mutex_enter(store->queue);
    sqlite3_mutex_enter(store->mutex);
    sqlite3_mutex_leave(store->queue);
    return ROVE_OK;
}

void rove__store_turn_over(rove__store *store) {
    sqlite3_mutex_leave(store->mutex);
}

/*
 * How far a commit goes. A local write, an Ack and a frozen batch are on the disk when it returns (FULL): the rep, and
 * headquarters, count on them. A page without an Ack is only written to the WAL, in order, and not waited for (NORMAL):
 * a power cut takes rows and cursor back together, and the next exchange brings them again. The WAL is one file, so that
 * the next FULL commit takes all pages before it to the disk. One that wrote nothing would not: then finish() makes
 * it write. Each exchange begins with such a transaction, so headquarters hears of nothing that a power cut takes
 * back: no cursor, and no batch that a page had frozen on its way.
 */
static rove_status set_durable(rove__store *store, int durable, rove_error *error) {
    if (store->lazy == !durable) {
        return ROVE_OK;
    }
    int code = sqlite3_exec(store->db,
                            durable ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL",
                            NULL, NULL, NULL);
    if (code == SQLITE_OK) {
        store->lazy = !durable;
    }
    return rove__sqlite_status(store->db, code, error, "Beginning a transaction");
}

static rove_status enter(rove__store *store, int durable, rove_error *error) {
    rove_status status = rove__store_turn(store, error);

    if (status != ROVE_OK) {
        return status;
    }
    if (store->locked) {
        rove__store_turn_over(store);
        return store->wiped ? rove__wipe_refuse(error) : rove__lock_refuse(error);
    }
    rove__arena_reset(&store->arena);
    rove__arena_reset(&store->row_arena);
    if (!sqlite3_get_autocommit(store->db)) {
        roll_back(store); /* there was no memory for it when it was due */
    }
    if (durable) {
        rove__sum_forget(store);
    }
    status = set_durable(store, durable, error);
    if (status == ROVE_OK && store->columns_missing != ROVE_OK) {
        rove__custom_recover(store); /* there may be room by now; what needs no column goes on */
    }
    if (status == ROVE_OK) {
        status = begin(store, error);
    }
    if (status != ROVE_OK) {
        sqlite3_mutex_leave(store->mutex);
        return status;
    }
    store->entered = 1;
    store->holder = &this_thread;
    store->doomed = ROVE_OK;
    store->widened = 0;
    remember(store);
    store->clock_unseen = 0;
    store->counter_begun = store->clock.counter;
    store->event_count = 0;
    store->now_ms = rove__store_now_ms(store, NULL);
    return ROVE_OK;
}

rove_status rove__store_enter(rove__store *store, rove_error *error) {
    return enter(store, 1, error);
}

rove_status rove__store_enter_page(rove__store *store, rove_error *error) {
    return enter(store, 0, error);
}

/* A value that changes: SQLite writes no page for one that stays. */
static rove_status write_something(rove__store *store, rove_error *error) {
    int64_t count = 0;
    rove_status status = rove__meta_get_int(store, ROVE_META_SYNCED, &count, error);

    return status == ROVE_OK
               ? rove__meta_put_int(store, ROVE_META_SYNCED, (count + 1) % INT32_MAX, error)
               : status;
}

static rove_status finish(rove__store *store, rove_error *error) {
    sqlite3_stmt *statement = NULL;
    rove_status status = rove__sum_flush(store, error);

    int clock = rove__clock_unwritten(store);
    if (status == ROVE_OK && store->unsynced && !store->lazy) {
        status = write_something(store, error);
    }
    if (status == ROVE_OK && clock) {
        status = rove__meta_put_clock(store, error);
    }
    if (status == ROVE_OK) {
        status = rove__store_statement(store, ROVE_SQL_COMMIT, &statement, error);
    }
    if (status == ROVE_OK) {
        status = rove__store_run(store, statement, error, "Committing");
    }
    if (status == ROVE_OK && clock) {
        store->clock_written = store->clock;
    }
    if (status == ROVE_OK) {
        rove__sum_keep(store);
        store->unsynced = store->lazy;
    }
    return status;
}

rove_status rove__store_leave(rove__store *store, rove_status status, rove_error *error) {
    rove__store_event *events = NULL;
    size_t count = 0;

    ROVE_ASSERT(store->entered);
    int sweeps = 0;
    if (status == ROVE_OK) {
        status = finish(store, error);
    }
    if (status != ROVE_OK) {
        roll_back(store);
        if (store->widened) {
            store->unsettled = 1;
            rove__custom_recover(store);
        }
    } else if (store->event_count > 0) {
        events = store->events;
        count = store->event_count;
        store->events = NULL;
    }
    rove__store_watcher watcher = store->watcher;
    void *ctx = store->watcher_ctx;
    if (status == ROVE_OK && store->lazy) {
        sweeps = rove__checkpoint_due(store);
    } else if (status == ROVE_OK) {
        rove__checkpoint_local(store);
    }
    store->event_count = 0;
    store->entered = 0;
    store->holder = NULL;
    store->in_transaction = 0;
    sqlite3_mutex_leave(store->mutex);

    if (sweeps) {
        rove__checkpoint_pages(store);
    }
    if (count > 0 && watcher != NULL) {
        watcher(ctx, events, count);
    }
    rove__free(store->ports.allocator, events);
    return status;
}

/* ---- a local transaction ---- */

rove_status rove__store_begin(rove__store *store, rove_error *error) {
    rove_status status = rove__store_check(store, error);

    if (status == ROVE_OK) {
        status = rove__store_enter(store, error);
    }

    if (status != ROVE_OK) {
        return status;
    }
    /* An order that came while it waited for its turn: before a wipe all work is frozen under one, and none may follow. */
    status = store->ordered ? rove__store_check(store, error) : rove__clock_settle(store, error);
    if (status != ROVE_OK) {
        return rove__store_leave(store, status, error);
    }
    store->in_transaction = 1;
    store->clock.tx++;
    store->tx_rows = 0;
    store->tx_bytes = 0;
    return ROVE_OK;
}

static rove_status no_transaction(rove_error *error) {
    return rove__error_set(error, ROVE_STATE, "There is no transaction open; begin one.");
}

rove_status rove__store_commit(rove__store *store, rove_error *error) {
    if (!store->in_transaction) {
        return no_transaction(error);
    }
    if (store->doomed != ROVE_OK) {
        return rove__store_leave(
            store,
            rove__error_set(error, store->doomed,
                            "The transaction was undone, because a write in it "
                            "failed: %s",
                            rove_status_text(store->doomed)),
            error);
    }
    /* A transaction that wrote nothing leaves no trace, not even its number. */
    if (store->tx_rows == 0) {
        store->clock.tx--;
    }
    return rove__store_leave(store, ROVE_OK, error);
}

void rove__store_rollback(rove__store *store) {
    if (store->in_transaction) {
        rove_status status = rove__store_leave(store, ROVE_CANCELLED, NULL);
        ROVE_ASSERT(status == ROVE_CANCELLED);
        (void)status;
    }
}
