/*
 * store/sqlite/device.c - enrolled devices and the batches that they pushed.
 *
 * A batch's answer and row list are NULL once it is confirmed; the index of those that are not is small.
 * Locks are nothing here: a write transaction has the whole database.
 */
#include <string.h>

#include "base/text.h"
#include "store/sqlite/lite.h"

#define DEVICE_COLUMNS                                                                             \
    "replica, user, status, former, last_batch, chain, confirmed, last_stamp, enrolled_ms,"        \
    " certificate_until_ms, key_hash, contact_ms, wall_offset_ms, cursor, schema, asked, app,"     \
    " unheard"

static void read_device(rove__lite_statement *s, rove__hq_device *out) {
    memset(out, 0, sizeof *out);
    out->replica = (rove_replica)rove__lite_int(s, 0);
    out->user = rove__lite_int(s, 1);
    out->status = (rove__device_status)rove__lite_int(s, 2);
    out->former = (rove_replica)rove__lite_int(s, 3);
    out->last_batch = rove__lite_u64(s, 4);
    rove__lite_copy(s, 5, out->chain.hash, sizeof out->chain.hash);
    out->confirmed = rove__lite_u64(s, 6);
    out->last_stamp = rove__lite_u64(s, 7);
    out->enrolled_ms = rove__lite_int(s, 8);
    out->certificate_until_ms = rove__lite_int(s, 9);
    rove__lite_copy(s, 10, out->key_hash, sizeof out->key_hash);
    out->contact_ms = rove__lite_int(s, 11);
    out->wall_offset_ms = rove__lite_int(s, 12);
    out->cursor = rove__lite_u64(s, 13);
    out->schema = (uint32_t)rove__lite_int(s, 14);
    out->asked = rove__lite_int(s, 15);
    rove__text_format(out->app, sizeof out->app, "%s", rove__lite_text(s, 16));
    out->unheard = (uint32_t)rove__lite_int(s, 17);
}

static rove_status device_get(rove__hq_tx *tx, rove_replica replica, int lock,
                              rove__hq_device *out) {
    rove__lite_statement s =
        rove__lite_open(tx, "SELECT " DEVICE_COLUMNS " FROM _device WHERE replica = ?");

    (void)lock;
    rove__lite_bind_int(&s, replica);
    if (rove__lite_get(&s)) {
        read_device(&s, out);
    }
    return rove__lite_end(&s);
}

static rove_status device_put(rove__hq_tx *tx, const rove__hq_device *device) {
    rove__lite_statement s =
        rove__lite_open(tx, "INSERT OR REPLACE INTO _device(" DEVICE_COLUMNS ")"
                            " VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");

    rove__lite_bind_int(&s, device->replica);
    rove__lite_bind_int(&s, device->user);
    rove__lite_bind_int(&s, device->status);
    rove__lite_bind_int(&s, device->former);
    rove__lite_bind_u64(&s, device->last_batch);
    rove__lite_bind_blob(&s, device->chain.hash, sizeof device->chain.hash);
    rove__lite_bind_u64(&s, device->confirmed);
    rove__lite_bind_u64(&s, device->last_stamp);
    rove__lite_bind_int(&s, device->enrolled_ms);
    rove__lite_bind_int(&s, device->certificate_until_ms);
    rove__lite_bind_blob(&s, device->key_hash, sizeof device->key_hash);
    rove__lite_bind_int(&s, device->contact_ms);
    rove__lite_bind_int(&s, device->wall_offset_ms);
    rove__lite_bind_u64(&s, device->cursor);
    rove__lite_bind_int(&s, device->schema);
    rove__lite_bind_int(&s, device->asked);
    rove__lite_bind_text(&s, device->app);
    rove__lite_bind_int(&s, device->unheard);
    return rove__lite_run(&s);
}

static rove_status device_scan(rove__hq_tx *tx, rove_id user,
                               rove_status (*each)(void *, const rove__hq_device *),
                               void *each_ctx) {
    rove__lite_statement s = rove__lite_open(
        tx, user == 0 ? "SELECT " DEVICE_COLUMNS " FROM _device ORDER BY replica"
                      : "SELECT " DEVICE_COLUMNS " FROM _device WHERE user = ? ORDER BY replica");
    rove__hq_device device;

    if (user != 0) {
        rove__lite_bind_int(&s, user);
    }
    while (rove__lite_next(&s)) {
        read_device(&s, &device);
        if (s.status == ROVE_OK) {
            s.status = each(each_ctx, &device);
        }
    }
    return rove__lite_end(&s);
}

static rove_status batch_get(rove__hq_tx *tx, rove_replica replica, uint64_t number,
                             rove__arena *arena, rove__hq_batch *out) {
    rove__lite_statement s = rove__lite_open(tx, "SELECT hash, chain, seq, answer, rows FROM _batch"
                                                 " WHERE replica = ? AND number = ?");

    memset(out, 0, sizeof *out);
    rove__lite_bind_int(&s, replica);
    rove__lite_bind_u64(&s, number);
    if (rove__lite_get(&s)) {
        out->replica = replica;
        out->number = number;
        rove__lite_copy(&s, 0, out->hash.hash, sizeof out->hash.hash);
        rove__lite_copy(&s, 1, out->chain.hash, sizeof out->chain.hash);
        out->seq = rove__lite_u64(&s, 2);
        out->answer = rove__lite_bytes(&s, 3, arena);
        out->rows = rove__lite_bytes(&s, 4, arena);
    }
    return rove__lite_end(&s);
}

static rove_status batch_put(rove__hq_tx *tx, const rove__hq_batch *batch) {
    rove__lite_statement s = rove__lite_open(
        tx, "INSERT INTO _batch(replica, number, hash, chain, seq, answer, rows)"
            " VALUES(?, ?, ?, ?, ?, ?, ?) ON CONFLICT(replica, number) DO UPDATE SET"
            " hash = excluded.hash, chain = excluded.chain, seq = excluded.seq,"
            " answer = excluded.answer, rows = excluded.rows");

    rove__lite_bind_int(&s, batch->replica);
    rove__lite_bind_u64(&s, batch->number);
    rove__lite_bind_blob(&s, batch->hash.hash, sizeof batch->hash.hash);
    rove__lite_bind_blob(&s, batch->chain.hash, sizeof batch->chain.hash);
    rove__lite_bind_u64(&s, batch->seq);
    rove__lite_bind_bytes(&s, batch->answer);
    rove__lite_bind_bytes(&s, batch->rows);
    return rove__lite_run(&s);
}

static rove_status batch_confirm(rove__hq_tx *tx, rove_replica replica, uint64_t number) {
    rove__lite_statement s =
        rove__lite_open(tx, "UPDATE _batch SET answer = NULL, rows = NULL"
                            " WHERE replica = ? AND number <= ? AND answer IS NOT NULL");

    rove__lite_bind_int(&s, replica);
    rove__lite_bind_bound(&s, number);
    return rove__lite_run(&s);
}

static rove_status stray_get(rove__hq_tx *tx, rove_replica replica, const rove__chain *hash) {
    rove__lite_statement s = rove__lite_open(
        tx, hash == NULL ? "SELECT 1 FROM _stray WHERE replica = ? LIMIT 1"
                         : "SELECT 1 FROM _stray WHERE replica = ? AND hash = ?");

    rove__lite_bind_int(&s, replica);
    if (hash != NULL) {
        rove__lite_bind_blob(&s, hash->hash, sizeof hash->hash);
    }
    (void)rove__lite_get(&s);
    return rove__lite_end(&s);
}

static rove_status stray_put(rove__hq_tx *tx, rove_replica replica, const rove__chain *hash) {
    rove__lite_statement s =
        rove__lite_open(tx, "INSERT OR IGNORE INTO _stray(replica, hash) VALUES(?, ?)");

    rove__lite_bind_int(&s, replica);
    rove__lite_bind_blob(&s, hash->hash, sizeof hash->hash);
    return rove__lite_run(&s);
}

void rove__lite_fill_device(rove__hq_store *store) {
    store->device_get = device_get;
    store->device_put = device_put;
    store->device_scan = device_scan;
    store->batch_get = batch_get;
    store->batch_put = batch_put;
    store->batch_confirm = batch_confirm;
    store->stray_get = stray_get;
    store->stray_put = stray_put;
}
