/*
 * store/clock.c - the time of this replica, and the stamps, ids and transaction numbers that it gives out.
 *
 * None is ever given out twice. What a local transaction gave out stands in the outbox entries that it wrote, so that
 * it need not write its clock too: one page less in every commit. The clock goes to _meta with every other
 * transaction (they may remove entries), and with a local one whose entries do not show all that it gave
 * out. Opening the replica takes the greatest of both.
 */
#include "store/internal.h"

#include "base/planted.h"

int64_t rove__store_now_ms(rove__store *store, int *trusted) {
    rove_clock_reading reading;
    int ignored = 0;

    store->ports.clock->read(store->ports.clock->ctx, &reading);
    sqlite3_mutex_enter(store->anchor_mutex);
    int64_t now_ms =
        rove__anchor_now_ms(&store->anchor, &reading, trusted != NULL ? trusted : &ignored);
    sqlite3_mutex_leave(store->anchor_mutex);
    return now_ms;
}

rove_status rove__store_stamp(rove__store *store, rove_stamp *stamp) {
    return rove__hlc_next(&store->clock.hlc, store->now_ms, store->ports.random, stamp);
}

void rove__store_observe(rove__store *store, rove_stamp stamp) {
    if (stamp > store->clock.held && stamp <= ROVE_STAMP_MAX) {
        store->clock.held = stamp;
    }
    rove__hlc_observe(&store->clock.hlc, stamp);
}

/* With nothing unsent the clock falls back to what headquarters has confirmed, so a wrong one heals. */
rove_status rove__clock_settle(rove__store *store, rove_error *error) {
    sqlite3_stmt *statement = NULL;

    if (store->clock.hlc.last <= store->clock.held || ROVE_PLANTED(D10_STUCK)) {
        return ROVE_OK;
    }
    rove_status status = rove__store_statement(store, ROVE_SQL_OUTBOX_ANY, &statement, error);
    if (status == ROVE_OK) {
        int code = sqlite3_step(statement);
        if (code == SQLITE_DONE) {
            rove__hlc_settle(&store->clock.hlc, store->clock.held);
        } else if (code != SQLITE_ROW) {
            status = rove__sqlite_status(store->db, code, error, "Reading the outbox");
        }
        sqlite3_reset(statement);
    }
    return status;
}

/* A clock that fell back must be written too, or reading it back would bring the old one. */
int rove__clock_unwritten(const rove__store *store) {
    const rove__store_clock *now = &store->clock;
    const rove__store_clock *then = &store->clock_written;
    int moved = now->hlc.last != then->hlc.last || now->hlc.issued != then->hlc.issued ||
                now->held != then->held || now->counter != then->counter || now->tx != then->tx;
    int shown = store->in_transaction && !store->clock_unseen && now->hlc.last >= then->hlc.last;

    return moved && !shown;
}

static void observe_own(rove__hlc *hlc, rove_stamp raw) {
    hlc->issued = raw > hlc->issued ? raw : hlc->issued;
    rove__hlc_observe(hlc, raw);
}

/* What an entry shows of stamps, ids and numbers given out. */
static void recover_entry(rove__store *store, const rove__entry *entry) {
    rove__store_clock *clock = &store->clock;

    observe_own(&clock->hlc, entry->raw);
    for (size_t i = 0; i < entry->count; i++) {
        observe_own(&clock->hlc, entry->cells[i].raw);
    }
    if (entry->op == ROVE_OP_INSERT && rove__id_replica(entry->row) == store->owner.replica &&
        rove__id_counter(entry->row) > clock->counter) {
        clock->counter = rove__id_counter(entry->row);
    }
    if (entry->last_tx > clock->tx) {
        clock->tx = entry->last_tx;
    }
}

rove_status rove__clock_recover(rove__store *store, rove_error *error) {
    sqlite3_stmt *statement = NULL;
    rove__entry entry;

    store->clock = store->clock_written;
    rove_status status = rove__store_statement(store, ROVE_SQL_OUTBOX_SINCE, &statement, error);
    if (status != ROVE_OK) {
        return status;
    }
    sqlite3_bind_int64(statement, 1, (sqlite3_int64)store->clock_written.tx);
    int code = SQLITE_DONE;
    while (status == ROVE_OK && (code = sqlite3_step(statement)) == SQLITE_ROW) {
        rove__arena_reset(&store->row_arena);
        status = rove__entry_from(statement, &store->row_arena, &entry, error);
        if (status == ROVE_OK) {
            recover_entry(store, &entry);
        }
    }
    if (status == ROVE_OK && code != SQLITE_DONE) {
        status = rove__sqlite_status(store->db, code, error, "Reading the outbox");
    }
    sqlite3_reset(statement);
    return status;
}
