/*
 * store/sqlite/log.c - what happened to records: the history, names that they got, the review queue, and parked edits.
 */
#include "store/sqlite/lite.h"

/* ---- history -------------------------------------------------------------------------------------------- */

static rove_status history_put(rove__hq_tx *tx, const rove__hq_history *history) {
    rove__lite_statement s =
        rove__lite_open(tx, "INSERT INTO _history(seq, entity, id, replica, user, change)"
                            " VALUES(?, ?, ?, ?, ?, ?)");

    rove__lite_bind_u64(&s, history->seq);
    rove__lite_bind_int(&s, history->entity);
    rove__lite_bind_int(&s, history->id);
    rove__lite_bind_int(&s, history->replica);
    rove__lite_bind_int(&s, history->user);
    rove__lite_bind_bytes(&s, history->change);
    return rove__lite_run(&s);
}

#define HISTORY_SELECT "SELECT seq, replica, user, change FROM _history WHERE entity = ? AND id = ?"

static rove_status history_scan(rove__hq_tx *tx, uint32_t entity, rove_id id, uint64_t seq,
                                rove__arena *arena,
                                rove_status (*each)(void *, const rove__hq_history *),
                                void *each_ctx) {
    rove__lite_statement s =
        rove__lite_open(tx, seq == 0 ? HISTORY_SELECT " ORDER BY seq, number"
                                     : HISTORY_SELECT " AND seq = ? ORDER BY number");

    rove__lite_bind_int(&s, entity);
    rove__lite_bind_int(&s, id);
    if (seq != 0) {
        rove__lite_bind_u64(&s, seq);
    }
    while (rove__lite_next(&s)) {
        rove__arena_reset(arena);
        rove__hq_history history = {
            .seq = rove__lite_u64(&s, 0),
            .entity = entity,
            .id = id,
            .replica = (rove_replica)rove__lite_int(&s, 1),
            .user = rove__lite_int(&s, 2),
            .change = rove__lite_bytes(&s, 3, arena),
        };
        if (s.status == ROVE_OK) {
            s.status = each(each_ctx, &history);
        }
    }
    return rove__lite_end(&s);
}

/* ---- names ---------------------------------------------------------------------------------------------- */

static rove_status renamed_put(rove__hq_tx *tx, const rove__rename *renamed) {
    rove__lite_statement s =
        rove__lite_open(tx, "INSERT OR IGNORE INTO _renamed(entity, id, stamp, replica, former)"
                            " VALUES(?, ?, ?, ?, ?)");

    rove__lite_bind_int(&s, renamed->entity);
    rove__lite_bind_int(&s, renamed->to);
    rove__lite_bind_u64(&s, renamed->origin.stamp);
    rove__lite_bind_int(&s, renamed->origin.replica);
    rove__lite_bind_int(&s, renamed->id);
    return rove__lite_run(&s);
}

static rove_status each_name(rove__lite_statement *s,
                             rove_status (*each)(void *, const rove__rename *), void *each_ctx) {
    while (rove__lite_next(s)) {
        rove__rename renamed = {
            .entity = (uint32_t)rove__lite_int(s, 0),
            .to = rove__lite_int(s, 1),
            .origin = {rove__lite_u64(s, 2), (rove_replica)rove__lite_int(s, 3)},
            .id = rove__lite_int(s, 4),
        };
        s->status = each(each_ctx, &renamed);
    }
    return rove__lite_end(s);
}

#define RENAMED_SELECT "SELECT entity, id, stamp, replica, former FROM _renamed WHERE "

static rove_status renamed_scan(rove__hq_tx *tx, uint32_t entity, rove_id to,
                                rove_status (*each)(void *, const rove__rename *), void *each_ctx) {
    rove__lite_statement s = rove__lite_open(
        tx, RENAMED_SELECT "(stamp, replica) IN"
                           " (SELECT stamp, replica FROM _renamed WHERE entity = ? AND id = ?)"
                           " AND entity = ? ORDER BY stamp, replica, id, former");

    rove__lite_bind_int(&s, entity);
    rove__lite_bind_int(&s, to);
    rove__lite_bind_int(&s, entity);
    return each_name(&s, each, each_ctx);
}

static rove_status renamed_of(rove__hq_tx *tx, rove__origin origin,
                              rove_status (*each)(void *, const rove__rename *), void *each_ctx) {
    rove__lite_statement s =
        rove__lite_open(tx, RENAMED_SELECT "stamp = ? AND replica = ? ORDER BY entity, id, former");

    rove__lite_bind_u64(&s, origin.stamp);
    rove__lite_bind_int(&s, origin.replica);
    return each_name(&s, each, each_ctx);
}

/* ---- numbers given on put ------------------------------------------------------------------------------- */

/* 0: the database gives one. */
static void bind_number(rove__lite_statement *s, int64_t number) {
    const rove_value value = number == 0 ? rove__value_null() : rove__value_int(number);

    rove__lite_bind_value(s, &value);
}

static rove_status run_numbered(rove__lite_statement *s, int64_t *number) {
    sqlite3 *db = s->tx->db;
    rove_status status = rove__lite_run(s);

    if (status == ROVE_OK && *number == 0) {
        *number = sqlite3_last_insert_rowid(db);
    }
    return status;
}

/* ---- review --------------------------------------------------------------------------------------------- */

static rove_status review_put(rove__hq_tx *tx, rove__hq_review *review) {
    rove__lite_statement s = rove__lite_open(
        tx,
        "INSERT INTO _review_queue(number, seq, entity, id, replica, user, reason, state, change)"
        " VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT(number) DO UPDATE SET"
        " seq = excluded.seq, entity = excluded.entity, id = excluded.id,"
        " replica = excluded.replica, user = excluded.user, reason = excluded.reason,"
        " state = excluded.state, change = excluded.change");

    bind_number(&s, review->number);
    rove__lite_bind_u64(&s, review->seq);
    rove__lite_bind_int(&s, review->entity);
    rove__lite_bind_int(&s, review->id);
    rove__lite_bind_int(&s, review->replica);
    rove__lite_bind_int(&s, review->user);
    rove__lite_bind_text(&s, review->reason);
    rove__lite_bind_int(&s, review->state);
    rove__lite_bind_bytes(&s, review->change);
    return run_numbered(&s, &review->number);
}

static rove_status review_scan(rove__hq_tx *tx, int state, rove__arena *arena,
                               rove_status (*each)(void *, const rove__hq_review *),
                               void *each_ctx) {
    rove__lite_statement s =
        rove__lite_open(tx, "SELECT number, seq, entity, id, replica, user, reason, change"
                            " FROM _review_queue WHERE state = ? ORDER BY number");

    rove__lite_bind_int(&s, state);
    while (rove__lite_next(&s)) {
        rove__arena_reset(arena);
        rove__hq_review review = {
            .number = rove__lite_int(&s, 0),
            .seq = rove__lite_u64(&s, 1),
            .entity = (uint32_t)rove__lite_int(&s, 2),
            .id = rove__lite_int(&s, 3),
            .replica = (rove_replica)rove__lite_int(&s, 4),
            .user = rove__lite_int(&s, 5),
            .reason = rove__lite_text_copy(&s, 6, arena),
            .state = state,
            .change = rove__lite_bytes(&s, 7, arena),
        };
        if (s.status == ROVE_OK) {
            s.status = each(each_ctx, &review);
        }
    }
    return rove__lite_end(&s);
}

static rove_status review_load(rove__hq_tx *tx, rove_id user, uint64_t *open) {
    rove__lite_statement s = rove__lite_open(
        tx, user == 0 ? "SELECT count(*) FROM _review_queue WHERE state = 0"
                      : "SELECT count(*) FROM _review_queue WHERE state = 0 AND user = ?");

    *open = 0;
    if (user != 0) {
        rove__lite_bind_int(&s, user);
    }
    if (rove__lite_next(&s)) {
        *open = rove__lite_u64(&s, 0);
    }
    return rove__lite_end(&s);
}

/* ---- parked --------------------------------------------------------------------------------------------- */

static rove_status parked_put(rove__hq_tx *tx, rove__hq_parked *parked) {
    rove__lite_statement s = rove__lite_open(
        tx,
        "INSERT INTO _parked(number, origin_stamp, origin_replica, replica, user, stamp, change)"
        " VALUES(?, ?, ?, ?, ?, ?, ?) ON CONFLICT(number) DO UPDATE SET"
        " origin_stamp = excluded.origin_stamp, origin_replica = excluded.origin_replica,"
        " replica = excluded.replica, user = excluded.user, stamp = excluded.stamp,"
        " change = excluded.change");

    bind_number(&s, parked->number);
    rove__lite_bind_u64(&s, parked->origin.stamp);
    rove__lite_bind_int(&s, parked->origin.replica);
    rove__lite_bind_int(&s, parked->replica);
    rove__lite_bind_int(&s, parked->user);
    rove__lite_bind_u64(&s, parked->stamp);
    rove__lite_bind_bytes(&s, parked->change);
    return run_numbered(&s, &parked->number);
}

static rove_status parked_scan(rove__hq_tx *tx, rove__origin origin, rove__arena *arena,
                               rove_status (*each)(void *, const rove__hq_parked *),
                               void *each_ctx) {
    rove__lite_statement s = rove__lite_open(
        tx, "SELECT number, origin_stamp, origin_replica, replica, user, stamp, change FROM _parked"
            " WHERE origin_stamp = ? AND origin_replica = ? ORDER BY number");

    rove__lite_bind_u64(&s, origin.stamp);
    rove__lite_bind_int(&s, origin.replica);
    while (rove__lite_next(&s)) {
        rove__arena_reset(arena);
        rove__hq_parked parked = {
            .number = rove__lite_int(&s, 0),
            .origin = {rove__lite_u64(&s, 1), (rove_replica)rove__lite_int(&s, 2)},
            .replica = (rove_replica)rove__lite_int(&s, 3),
            .user = rove__lite_int(&s, 4),
            .stamp = rove__lite_u64(&s, 5),
            .change = rove__lite_bytes(&s, 6, arena),
        };
        if (s.status == ROVE_OK) {
            s.status = each(each_ctx, &parked);
        }
    }
    return rove__lite_end(&s);
}

static rove_status parked_drop(rove__hq_tx *tx, rove__origin origin) {
    rove__lite_statement s =
        rove__lite_open(tx, "DELETE FROM _parked WHERE origin_stamp = ? AND origin_replica = ?");

    rove__lite_bind_u64(&s, origin.stamp);
    rove__lite_bind_int(&s, origin.replica);
    return rove__lite_run(&s);
}

static rove_status parked_origins(rove__hq_tx *tx, int64_t after,
                                  rove_status (*each)(void *, int64_t, rove__origin),
                                  void *each_ctx) {
    rove__lite_statement s =
        rove__lite_open(tx, "SELECT number, origin_stamp, origin_replica FROM _parked"
                            " WHERE number > ? ORDER BY number");

    rove__lite_bind_int(&s, after);
    while (rove__lite_next(&s)) {
        rove__origin origin = {rove__lite_u64(&s, 1), (rove_replica)rove__lite_int(&s, 2)};
        s.status = each(each_ctx, rove__lite_int(&s, 0), origin);
    }
    return rove__lite_end(&s);
}

static rove_status parked_load(rove__hq_tx *tx, rove_id user, uint64_t *edits, uint64_t *bytes) {
    rove__lite_statement s = rove__lite_open(
        tx, user == 0 ? "SELECT count(*), ifnull(sum(length(change)), 0) FROM _parked"
                      : "SELECT count(*), ifnull(sum(length(change)), 0) FROM _parked"
                        " WHERE user = ?");

    *edits = 0;
    *bytes = 0;
    if (user != 0) {
        rove__lite_bind_int(&s, user);
    }
    if (rove__lite_next(&s)) {
        *edits = rove__lite_u64(&s, 0);
        *bytes = rove__lite_u64(&s, 1);
    }
    return rove__lite_end(&s);
}

void rove__lite_fill_log(rove__hq_store *store) {
    store->history_put = history_put;
    store->history_scan = history_scan;
    store->renamed_put = renamed_put;
    store->renamed_scan = renamed_scan;
    store->renamed_of = renamed_of;
    store->review_put = review_put;
    store->review_scan = review_scan;
    store->review_load = review_load;
    store->parked_put = parked_put;
    store->parked_scan = parked_scan;
    store->parked_drop = parked_drop;
    store->parked_origins = parked_origins;
    store->parked_load = parked_load;
}
