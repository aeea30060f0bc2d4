/*
 * sim/mvcc.c - see mvcc.h: transactions over tables that never change once they are committed.
 *
 * A transaction has `base`, the committed tables that it saw last, and `data`, the same with its own writes. When others
 * have committed meanwhile, what makes the two differ is put onto the newest tables: before the next call of a WRITE
 * transaction, and when it commits. Invariants: a lock has one holder; who waits holds no lock that he waits for, over any
 * number of others; the committed tables are exactly what was committed.
 */
#include "mvcc.h"

#include "base/planted.h"
#include "memory_tables.h"
#include "mvcc_redo.h"

/* What can be locked: the one head row, and rows of tables by their key. */
#define HEAD TABLES
typedef struct lock_key {
    int table;
    uint64_t parts[3];
} lock_key;

typedef struct mvcc_tx mvcc_tx;

typedef struct lock {
    struct lock *next;
    lock_key key;
    mvcc_tx *holder;
    int in_savepoint; /* taken since */
} lock;

struct mvcc_tx {
    rove__hq_tx inner; /* first; `data` is what it sees, `saved` that of its savepoint */
    mvcc_tx *next;
    mvcc_server *server;
    tables *base;
    tables *saved_base;
    rove_status gone; /* not OK: what everything further is refused with */
    int lost;         /* nothing helps any more, but its end */
    int waits;
    lock_key wanted; /* while it waits */
};

struct mvcc_server {
    mvcc_server *next;
    mvcc *db;
    rove__hq_store store;
    unsigned lag;
    int dead;
    int quiet; /* the call at hand is */
};

struct mvcc {
    memory_headquarters *tables; /* tables->now: what is committed */
    tables *past[MVCC_LAG_MAX];  /* what was before, the newest first */
    mvcc_server *servers;
    mvcc_tx *open;
    lock *locks;
    int64_t numbers; /* the sequence of reviews and parked work */
    uint64_t seqs;   /* planted: a sequence for seqs */
    int crowd;
    mvcc_hooks hooks;
    mvcc_counts counts;
};

static mvcc_tx *of(rove__hq_tx *tx) {
    return (mvcc_tx *)tx;
}

static tables *share(tables *data) {
    data->references++;
    return data;
}

/* ---- what a transaction sees -------------------------------------------------------------------------------- */

/* The next call sees what is committed by now. */
static void refresh(mvcc_tx *tx) {
    tables *newest = tx->server->db->tables->now;

    if (tx->base == newest) {
        return;
    }
    tables *data =
        tx->inner.data == tx->base ? share(newest) : mvcc_redo(tx->base, tx->inner.data, newest);
    tables_release(tx->inner.data);
    tables_release(tx->base);
    tx->inner.data = data;
    tx->base = share(newest);
}

/* ---- locks ------------------------------------------------------------------------------------------------ */

static lock *find_lock(const mvcc *db, const lock_key *key) {
    lock *l = db->locks;

    while (l != NULL && (l->key.table != key->table ||
                         memcmp(l->key.parts, key->parts, sizeof key->parts) != 0)) {
        l = l->next;
    }
    return l;
}

/* All, or those taken since its savepoint. */
static void unlock(const mvcc_tx *tx, int in_savepoint) {
    lock **at_lock = &tx->server->db->locks;

    while (*at_lock != NULL) {
        lock *l = *at_lock;
        if (l->holder == tx && l->in_savepoint >= in_savepoint) {
            *at_lock = l->next;
            free(l);
        } else {
            at_lock = &l->next;
        }
    }
}

/* It waits for a lock that another one has: for whose; NULL: it can go on. */
static mvcc_tx *blocked_by(const mvcc_tx *tx) {
    const lock *l = tx->waits ? find_lock(tx->server->db, &tx->wanted) : NULL;

    return l == NULL ? NULL : l->holder;
}

static int closes_a_ring(const mvcc_tx *tx) {
    const mvcc_tx *other = blocked_by(tx);

    while (other != NULL && other != tx) {
        other = blocked_by(other);
    }
    return other == tx;
}

/* tx: the call is one of it, but not its COMMIT, and it does not wait; else NULL. */
static void yield(mvcc_server *server, const mvcc_tx *tx) {
    const mvcc_hooks *hooks = &server->db->hooks;

    server->quiet =
        tx != NULL && (tx->inner.writes ? !server->db->crowd : !ROVE_PLANTED(Q01_STATEMENTS));
    if (hooks->yield != NULL) {
        hooks->yield(hooks->ctx, server);
    }
}

/* Its statement failed: what it locked since its savepoint is free, and it waits for what the server makes of it. */
static void fail(mvcc_tx *tx) {
    tx->gone = ROVE_LATER;
    unlock(tx, tx->inner.saved != NULL);
}

/* Until it is this transaction's, which then sees what was committed while it waited. */
static rove_status lock_row(rove__hq_tx *call, lock_key key) {
    mvcc_tx *tx = of(call);
    mvcc *db = tx->server->db;
    const lock *held = find_lock(db, &key);

    if (held != NULL && held->holder == tx) {
        return ROVE_OK;
    }
    db->counts.waits += held != NULL;
    tx->wanted = key;
    tx->waits = 1;
    while (blocked_by(tx) != NULL && tx->gone == ROVE_OK) {
        int ring = closes_a_ring(tx);
        db->counts.deadlocks += (uint64_t)ring;
        if (ring || db->hooks.yield == NULL) {
            fail(tx);
        } else {
            yield(tx->server, NULL);
        }
    }
    tx->waits = 0;
    if (tx->gone != ROVE_OK) {
        return tx->gone;
    }
    lock *l = must(calloc(1, sizeof *l));
    *l = (lock){db->locks, key, tx, tx->inner.saved != NULL};
    db->locks = l;
    refresh(tx);
    return ROVE_OK;
}

/* ---- transactions ----------------------------------------------------------------------------------------- */

/* It is as if it had never been. */
static void undo(mvcc_tx *tx) {
    unlock(tx, 0);
    tables_release(tx->inner.saved);
    tables_release(tx->inner.data);
    tables_release(tx->saved_base);
    tables_release(tx->base);
    tx->inner.saved = tx->inner.data = tx->saved_base = tx->base = NULL;
}

static void lose(mvcc_tx *tx) {
    undo(tx);
    tx->gone = ROVE_IO;
    tx->lost = 1;
}

static void forget(mvcc_tx *tx) {
    mvcc_tx **at_tx = &tx->server->db->open;

    while (*at_tx != tx) {
        at_tx = &(*at_tx)->next;
    }
    *at_tx = tx->next;
    free(tx);
}

static mvcc_fate fate_of(const mvcc_server *server, int commits) {
    mvcc *db = server->db;
    mvcc_fate fate =
        db->hooks.fate == NULL ? MVCC_GOES_ON : db->hooks.fate(db->hooks.ctx, server, commits);

    db->counts.failures += fate != MVCC_GOES_ON;
    return fate;
}

/* Every call but rollback begins with it. */
static rove_status enter(rove__hq_tx *call) {
    mvcc_tx *tx = of(call);

    yield(tx->server, tx);
    if (tx->gone != ROVE_OK) {
        return tx->gone;
    }
    mvcc_fate fate = fate_of(tx->server, 0);
    if (fate == MVCC_FAILS) {
        fail(tx);
    } else if (fate != MVCC_GOES_ON) {
        lose(tx);
    } else if (tx->inner.writes || ROVE_PLANTED(Q01_STATEMENTS)) {
        refresh(tx);
    }
    return tx->gone;
}

/* Before it writes. */
static rove_status enter_write(rove__hq_tx *call) {
    mvcc_tx *tx = of(call);
    rove_status status = enter(call);

    if (status == ROVE_OK && tx->inner.data == tx->base) {
        tables_release(tx->inner.data);
        tx->inner.data = tables_copy(tx->base);
    }
    return status;
}

static tables *seen_by(const mvcc_server *server, rove__hq_mode mode) {
    unsigned lag = mode == ROVE_HQ_WRITE ? 0 : server->lag;

    while (lag > 0 && server->db->past[lag - 1] == NULL) {
        lag--;
    }
    return lag == 0 ? server->db->tables->now : server->db->past[lag - 1];
}

static rove_status hq_begin(void *ctx, rove__hq_mode mode, rove__hq_tx **out, rove_error *error) {
    mvcc_server *server = ctx;
    rove_status status = ROVE_OK;

    (void)error;
    *out = NULL;
    yield(server, NULL);
    mvcc_fate fate = server->dead ? MVCC_LOST : fate_of(server, 0);
    if (fate != MVCC_GOES_ON) {
        return fate == MVCC_FAILS ? ROVE_LATER : ROVE_IO;
    }
    mvcc_tx *tx = must(calloc(1, sizeof *tx));
    tx->server = server;
    tx->next = server->db->open;
    server->db->open = tx;
    tx->base = share(seen_by(server, mode));
    tx->inner = (rove__hq_tx){
        .hq = server->db->tables, .data = share(tx->base), .writes = mode == ROVE_HQ_WRITE};
    if (tx->inner.writes && !server->db->crowd) {
        status = lock_row(&tx->inner, (lock_key){.table = HEAD});
    }
    if (status != ROVE_OK) {
        undo(tx);
        forget(tx);
        return status;
    }
    *out = &tx->inner;
    return ROVE_OK;
}

static void hq_rollback(rove__hq_tx *call) {
    mvcc_tx *tx = of(call);

    tx->server->db->counts.rollbacks += tx->inner.writes != 0;
    undo(tx);
    forget(tx);
}

/* What it wrote is what everybody sees from now on. */
static void publish(mvcc_tx *tx) {
    mvcc *db = tx->server->db;
    tables **past = db->past;

    db->counts.commits++;
    if (tx->inner.data == tx->base) {
        return;
    }
    refresh(tx);
    tables_release(past[MVCC_LAG_MAX - 1]);
    memmove(past + 1, past, (MVCC_LAG_MAX - 1) * sizeof *past);
    past[0] = db->tables->now;
    db->tables->now = share(tx->inner.data);
}

static rove_status hq_commit(rove__hq_tx *call, rove_error *error) {
    mvcc_tx *tx = of(call);

    (void)error;
    yield(tx->server, NULL);
    mvcc_fate fate =
        tx->gone != ROVE_OK ? MVCC_GOES_ON : fate_of(tx->server, tx->inner.writes != 0);
    rove_status status = fate == MVCC_GOES_ON ? tx->gone
                         : fate == MVCC_FAILS ? ROVE_LATER
                                              : ROVE_IO;
    if (tx->inner.writes && (status == ROVE_OK || fate == MVCC_UNHEARD)) {
        publish(tx);
        undo(tx); /* lets go of its locks */
        forget(tx);
    } else {
        hq_rollback(call);
    }
    return status;
}

static rove_status hq_savepoint(rove__hq_tx *call, rove_error *error) {
    mvcc_tx *tx = of(call);
    rove_status status = enter_write(call);

    (void)error;
    if (status == ROVE_OK) {
        tx->inner.saved = tables_copy(tx->inner.data);
        tx->saved_base = share(tx->base);
    }
    return status;
}

static rove_status hq_release(rove__hq_tx *call, int keep_it, rove_error *error) {
    mvcc_tx *tx = of(call);
    rove_status status = ROVE_OK;

    (void)error;
    if (keep_it) {
        status = enter(call);
    } else {
        yield(tx->server, tx);
        status = tx->lost ? tx->gone : ROVE_OK;
    }
    if (status != ROVE_OK) {
        return status;
    }
    if (!keep_it) {
        tables_release(tx->inner.data);
        tables_release(tx->base);
        tx->inner.data = share(tx->inner.saved);
        tx->base = share(tx->saved_base);
        tx->gone = ROVE_OK;
        unlock(tx, 1);
    }
    for (lock *l = tx->server->db->locks; l != NULL; l = l->next) {
        l->in_savepoint &= l->holder != tx;
    }
    tables_release(tx->inner.saved);
    tables_release(tx->saved_base);
    tx->inner.saved = tx->saved_base = NULL;
    return ROVE_OK;
}

/* ---- calls ------------------------------------------------------------------------------------------------ */

/*
 * A call that reads keeps the tables that it began with, though others commit while a callback of it runs. `call` is
 * the transaction as the tables know it.
 */
static rove_status open_call(rove__hq_tx *tx, rove__hq_tx *call) {
    rove_status status = enter(tx);

    *call = (rove__hq_tx){.hq = tx->hq, .data = status == ROVE_OK ? share(tx->data) : NULL};
    return status;
}

#define TABLES_OF(tx) memory_headquarters_store((tx)->hq)

#define READS(name, parameters, ...)                                                               \
    static rove_status name parameters {                                                           \
        rove__hq_tx call;                                                                          \
        rove_status status = open_call(tx, &call);                                                 \
        if (status == ROVE_OK) {                                                                   \
            status = TABLES_OF(tx)->name(&call, __VA_ARGS__);                                      \
        }                                                                                          \
        tables_release(call.data);                                                                 \
        return status;                                                                             \
    }

#define WRITES(name, parameters, ...)                                                              \
    static rove_status name parameters {                                                           \
        rove_status status = enter_write(tx);                                                      \
        return status == ROVE_OK ? TABLES_OF(tx)->name(tx, __VA_ARGS__) : status;                  \
    }

/* Of a row that nobody else may have written since: its lock comes first. */
#define LOCKS(name, parameters, key, ...)                                                          \
    static rove_status name parameters {                                                           \
        rove_status status = enter_write(tx);                                                      \
        if (status == ROVE_OK) {                                                                   \
            status = lock_row(tx, (lock_key)key);                                                  \
        }                                                                                          \
        return status == ROVE_OK ? TABLES_OF(tx)->name(tx, __VA_ARGS__) : status;                  \
    }
#define ROW_KEY(...)                                                                               \
    { __VA_ARGS__ }

/* clang-format off */
READS(head_get, (rove__hq_tx *tx, rove__hq_head *head), head)
LOCKS(head_put, (rove__hq_tx *tx, const rove__hq_head *head), ROW_KEY(HEAD, {0}), head)
WRITES(timeline_put, (rove__hq_tx *tx, const rove__hq_timeline *timeline), timeline)
READS(timeline_get, (rove__hq_tx *tx, uint64_t timeline, rove__hq_timeline *out), timeline, out)
WRITES(commit_put, (rove__hq_tx *tx, const rove__hq_commit *commit), commit)
READS(commit_stamp, (rove__hq_tx *tx, uint64_t seq, rove_stamp *stamp), seq, stamp)
LOCKS(device_put, (rove__hq_tx *tx, const rove__hq_device *device),
      ROW_KEY(DEVICES, {device->replica}), device)
READS(device_scan, (rove__hq_tx *tx, rove_id user,
                    rove_status (*each)(void *, const rove__hq_device *), void *ctx), user, each, ctx)
READS(batch_get, (rove__hq_tx *tx, rove_replica replica, uint64_t number, rove__arena *arena,
                  rove__hq_batch *out), replica, number, arena, out)
LOCKS(batch_put, (rove__hq_tx *tx, const rove__hq_batch *batch),
      ROW_KEY(BATCHES, {batch->replica, batch->number}), batch)
WRITES(batch_confirm, (rove__hq_tx *tx, rove_replica replica, uint64_t number), replica, number)
READS(stray_get, (rove__hq_tx *tx, rove_replica replica, const rove__chain *hash), replica, hash)
WRITES(stray_put, (rove__hq_tx *tx, rove_replica replica, const rove__chain *hash), replica, hash)
LOCKS(row_put, (rove__hq_tx *tx, const rove__hq_row *row),
      ROW_KEY(ROWS, {row->row.entity_number, (uint64_t)row->row.id}), row)
READS(row_by_origin, (rove__hq_tx *tx, rove__origin origin, uint32_t *entity, rove_id *id),
      origin, entity, id)
READS(row_scan, (rove__hq_tx *tx, rove__scope scope, uint32_t after_entity, rove_id after_id,
                 rove__arena *arena, rove_status (*each)(void *, const rove__hq_row *), void *ctx),
      scope, after_entity, after_id, arena, each, ctx)
READS(row_ids, (rove__hq_tx *tx, rove__scope scope,
                rove_status (*each)(void *, uint32_t, rove_id), void *ctx), scope, each, ctx)
READS(row_referring, (rove__hq_tx *tx, uint32_t entity, size_t ordinal, rove_id target,
                      rove_status (*each)(void *, rove_id), void *ctx),
      entity, ordinal, target, each, ctx)
WRITES(feed_put, (rove__hq_tx *tx, uint64_t seq, uint32_t ordinal, uint32_t entity, rove_id id),
       seq, ordinal, entity, id)
READS(feed_scan, (rove__hq_tx *tx, uint64_t after_seq, uint32_t after_ordinal, uint64_t last_seq,
                  rove_status (*each)(void *, uint64_t, uint32_t, uint32_t, rove_id), void *ctx),
      after_seq, after_ordinal, last_seq, each, ctx)
WRITES(mark_put, (rove__hq_tx *tx, const rove__hq_mark *mark), mark)
READS(mark_scan, (rove__hq_tx *tx, uint64_t after_seq, uint64_t last_seq,
                  rove_status (*each)(void *, const rove__hq_mark *), void *ctx),
      after_seq, last_seq, each, ctx)
READS(mark_of_row, (rove__hq_tx *tx, uint32_t entity, rove_id id,
                    rove_status (*each)(void *, const rove__hq_mark *), void *ctx),
      entity, id, each, ctx)
LOCKS(grant_put, (rove__hq_tx *tx, const rove__hq_grant *grant),
      ROW_KEY(GRANTS, {(uint64_t)grant->user, (uint64_t)grant->root, grant->from}), grant)
READS(grant_scan, (rove__hq_tx *tx, rove_id user, rove_id root,
                   rove_status (*each)(void *, const rove__hq_grant *), void *ctx),
      user, root, each, ctx)
LOCKS(entailment_put, (rove__hq_tx *tx, const rove__hq_entailment *edge),
      ROW_KEY(ENTAILMENTS, {(uint64_t)edge->via, (uint64_t)edge->holder, edge->from}), edge)
READS(entailment_scan, (rove__hq_tx *tx, rove_id holder, rove_id entailed,
                        rove_status (*each)(void *, const rove__hq_entailment *), void *ctx),
      holder, entailed, each, ctx)
WRITES(history_put, (rove__hq_tx *tx, const rove__hq_history *history), history)
READS(history_scan, (rove__hq_tx *tx, uint32_t entity, rove_id id, uint64_t seq, rove__arena *arena,
                     rove_status (*each)(void *, const rove__hq_history *), void *ctx),
      entity, id, seq, arena, each, ctx)
READS(review_scan, (rove__hq_tx *tx, int state, rove__arena *arena,
                    rove_status (*each)(void *, const rove__hq_review *), void *ctx),
      state, arena, each, ctx)
READS(review_load, (rove__hq_tx *tx, rove_id user, uint64_t *open), user, open)
READS(parked_scan, (rove__hq_tx *tx, rove__origin origin, rove__arena *arena,
                    rove_status (*each)(void *, const rove__hq_parked *), void *ctx),
      origin, arena, each, ctx)
WRITES(parked_drop, (rove__hq_tx *tx, rove__origin origin), origin)
READS(parked_origins, (rove__hq_tx *tx, int64_t after,
                       rove_status (*each)(void *, int64_t, rove__origin), void *ctx),
      after, each, ctx)
READS(parked_load, (rove__hq_tx *tx, rove_id user, uint64_t *edits, uint64_t *bytes),
      user, edits, bytes)
READS(sum_get, (rove__hq_tx *tx, rove__scope scope, rove__hash128 *sum, int64_t *rows),
      scope, sum, rows)
LOCKS(sum_put, (rove__hq_tx *tx, rove__scope scope, rove__hash128 sum, int64_t rows),
      ROW_KEY(SUMS, {(uint64_t)scope.root, (uint64_t)scope.part}), scope, sum, rows)
READS(sum_scan, (rove__hq_tx *tx, rove_id root,
                 rove_status (*each)(void *, rove__scope, rove__hash128, int64_t), void *ctx),
      root, each, ctx)
WRITES(purge, (rove__hq_tx *tx, uint64_t horizon, uint64_t most, rove__hq_purge *counts),
       horizon, most, counts)
READS(row_purged, (rove__hq_tx *tx, uint32_t entity, rove_id id), entity, id)
WRITES(renamed_put, (rove__hq_tx *tx, const rove__rename *renamed), renamed)
READS(renamed_scan, (rove__hq_tx *tx, uint32_t entity, rove_id to,
                     rove_status (*each)(void *, const rove__rename *), void *ctx),
      entity, to, each, ctx)
READS(renamed_of, (rove__hq_tx *tx, rove__origin origin,
                   rove_status (*each)(void *, const rove__rename *), void *ctx), origin, each, ctx)
/* clang-format on */

/* Planted: who writes draws his seq from a sequence. */
static rove_status head_drawn(rove__hq_tx *tx, rove__hq_head *head) {
    mvcc *db = of(tx)->server->db;
    rove_status status = head_get(tx, head);

    if (status == ROVE_OK && ROVE_PLANTED(Q01_SEQUENCE) && tx->writes) {
        db->seqs = db->seqs > head->seq ? db->seqs : head->seq;
        head->seq = db->seqs++;
    }
    return status;
}

static rove_status device_read(rove__hq_tx *tx, rove_replica replica, rove__hq_device *out) {
    rove__hq_tx call;
    rove_status status = open_call(tx, &call);

    if (status == ROVE_OK) {
        status = TABLES_OF(tx)->device_get(&call, replica, 0, out);
    }
    tables_release(call.data);
    return status;
}

/* Found, locked, and read as it is then. */
static rove_status device_get(rove__hq_tx *tx, rove_replica replica, int locks,
                              rove__hq_device *out) {
    rove_status status = device_read(tx, replica, out);

    if (status == ROVE_OK && locks) {
        status = lock_row(tx, (lock_key){DEVICES, {replica}});
    }
    return status == ROVE_OK && locks ? TABLES_OF(tx)->device_get(tx, replica, 0, out) : status;
}

static rove_status row_read(rove__hq_tx *tx, uint32_t entity, rove_id id, rove__arena *arena,
                            rove__hq_row *out) {
    rove__hq_tx call;
    rove_status status = open_call(tx, &call);

    if (status == ROVE_OK) {
        status = TABLES_OF(tx)->row_get(&call, entity, id, 0, arena, out);
    }
    tables_release(call.data);
    return status;
}

static rove_status row_get(rove__hq_tx *tx, uint32_t entity, rove_id id, int locks,
                           rove__arena *arena, rove__hq_row *out) {
    rove_status status = row_read(tx, entity, id, arena, out);
    tables *seen = tx->data;

    if (status == ROVE_OK && locks) {
        status = lock_row(tx, (lock_key){ROWS, {entity, (uint64_t)id}});
    }
    return status == ROVE_OK && tx->data != seen
               ? TABLES_OF(tx)->row_get(tx, entity, id, 0, arena, out)
               : status;
}

/* A number once drawn is gone, whatever becomes of the transaction. */
static rove_status draw_from(rove__hq_tx *tx) {
    mvcc *db = of(tx)->server->db;
    rove_status status = enter_write(tx);

    if (status == ROVE_OK) {
        db->numbers = tx->data->numbers > db->numbers ? tx->data->numbers : db->numbers;
        tx->data->numbers = db->numbers;
    }
    return status;
}

static rove_status review_put(rove__hq_tx *tx, rove__hq_review *review) {
    rove_status status = draw_from(tx);

    if (status == ROVE_OK) {
        status = TABLES_OF(tx)->review_put(tx, review);
        of(tx)->server->db->numbers = tx->data->numbers;
    }
    return status;
}

static rove_status parked_put(rove__hq_tx *tx, rove__hq_parked *parked) {
    rove_status status = draw_from(tx);

    if (status == ROVE_OK) {
        status = TABLES_OF(tx)->parked_put(tx, parked);
        of(tx)->server->db->numbers = tx->data->numbers;
    }
    return status;
}

/* ---- life ------------------------------------------------------------------------------------------------- */

static const rove__hq_store functions = {.begin = hq_begin,
                                         .commit = hq_commit,
                                         .rollback = hq_rollback,
                                         .savepoint = hq_savepoint,
                                         .release = hq_release,
                                         .head_get = head_drawn,
                                         .head_put = head_put,
                                         .timeline_put = timeline_put,
                                         .timeline_get = timeline_get,
                                         .commit_put = commit_put,
                                         .commit_stamp = commit_stamp,
                                         .device_get = device_get,
                                         .device_put = device_put,
                                         .device_scan = device_scan,
                                         .batch_get = batch_get,
                                         .batch_put = batch_put,
                                         .batch_confirm = batch_confirm,
                                         .stray_get = stray_get,
                                         .stray_put = stray_put,
                                         .row_get = row_get,
                                         .row_put = row_put,
                                         .row_by_origin = row_by_origin,
                                         .row_scan = row_scan,
                                         .row_ids = row_ids,
                                         .row_referring = row_referring,
                                         .feed_put = feed_put,
                                         .feed_scan = feed_scan,
                                         .mark_put = mark_put,
                                         .mark_scan = mark_scan,
                                         .mark_of_row = mark_of_row,
                                         .grant_put = grant_put,
                                         .grant_scan = grant_scan,
                                         .entailment_put = entailment_put,
                                         .entailment_scan = entailment_scan,
                                         .history_put = history_put,
                                         .history_scan = history_scan,
                                         .review_put = review_put,
                                         .review_scan = review_scan,
                                         .review_load = review_load,
                                         .parked_put = parked_put,
                                         .parked_scan = parked_scan,
                                         .parked_drop = parked_drop,
                                         .parked_origins = parked_origins,
                                         .parked_load = parked_load,
                                         .sum_get = sum_get,
                                         .sum_put = sum_put,
                                         .sum_scan = sum_scan,
                                         .purge = purge,
                                         .row_purged = row_purged,
                                         .renamed_put = renamed_put,
                                         .renamed_scan = renamed_scan,
                                         .renamed_of = renamed_of};

mvcc *mvcc_new(memory_headquarters *committed) {
    mvcc *db = must(calloc(1, sizeof *db));

    db->tables = committed;
    db->crowd = ROVE_PLANTED(P16_CROWD) || ROVE_PLANTED(Q01_SEQUENCE);
    return db;
}

void mvcc_free(mvcc *db) {
    while (db->open != NULL) {
        mvcc_tx *tx = db->open;
        undo(tx);
        forget(tx);
    }
    while (db->servers != NULL) {
        mvcc_server *server = db->servers;
        db->servers = server->next;
        free(server);
    }
    for (size_t i = 0; i < MVCC_LAG_MAX; i++) {
        tables_release(db->past[i]);
    }
    free(db);
}

void mvcc_set_hooks(mvcc *db, const mvcc_hooks *hooks) {
    db->hooks = *hooks;
}

void mvcc_set_crowd(mvcc *db, int crowd) {
    db->crowd = crowd;
}

mvcc_counts mvcc_count(const mvcc *db) {
    return db->counts;
}

mvcc_server *mvcc_server_open(mvcc *db, unsigned lag) {
    mvcc_server *server = must(calloc(1, sizeof *server));

    if (lag > MVCC_LAG_MAX) {
        abort();
    }
    *server = (mvcc_server){.next = db->servers, .db = db, .store = functions, .lag = lag};
    server->store.ctx = server;
    server->store.lags = lag > 0;
    db->servers = server;
    return server;
}

const rove__hq_store *mvcc_server_store(mvcc_server *server) {
    return &server->store;
}

void mvcc_server_kill(mvcc_server *server) {
    server->dead = 1;
    for (mvcc_tx *tx = server->db->open; tx != NULL; tx = tx->next) {
        if (tx->server == server) {
            lose(tx);
        }
    }
}

int mvcc_server_is_quiet(const mvcc_server *server) {
    return server->quiet;
}

int mvcc_server_waits(const mvcc_server *server) {
    for (const mvcc_tx *tx = server->db->open; tx != NULL; tx = tx->next) {
        if (tx->server == server && blocked_by(tx) != NULL) {
            return 1;
        }
    }
    return 0;
}
