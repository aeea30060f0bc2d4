/*
 * store/meta.c - the table _meta, and those of its rows that the handle keeps: owner, clock, cursor, anchor,
 * digest key and lease. Their forms are in state.h.
 */
#include <string.h>

#include "base/reader.h"
#include "base/text.h"
#include "store/internal.h"

#define DOING_READ  "Reading the replica's state"
#define DOING_WRITE "Writing the replica's state"

static rove_status find(rove__store *store, const char *key, sqlite3_stmt **statement, int *found,
                        rove_error *error) {
    rove_status status = rove__store_statement(store, ROVE_SQL_META_GET, statement, error);

    *found = 0;
    if (status == ROVE_OK) {
        sqlite3_bind_text(*statement, 1, key, -1, SQLITE_STATIC);
        int code = sqlite3_step(*statement);
        *found = code == SQLITE_ROW;
        if (code != SQLITE_ROW && code != SQLITE_DONE) {
            status = rove__sqlite_status(store->db, code, error, DOING_READ);
        }
    }
    return status;
}

rove_status rove__meta_get_int(rove__store *store, const char *key, int64_t *value,
                               rove_error *error) {
    sqlite3_stmt *statement = NULL;
    int found = 0;
    rove_status status = find(store, key, &statement, &found, error);

    *value = found ? sqlite3_column_int64(statement, 0) : 0;
    sqlite3_reset(statement);
    return status;
}

rove_status rove__meta_look_int(rove__store *store, const char *key, int64_t *value,
                                rove_error *error) {
    sqlite3_mutex_enter(store->mutex);
    rove_status status = rove__meta_get_int(store, key, value, error);
    sqlite3_mutex_leave(store->mutex);
    return status;
}

rove_status rove__meta_get_bytes(rove__store *store, const char *key, rove__arena *arena,
                                 const uint8_t **bytes, size_t *size, rove_error *error) {
    sqlite3_stmt *statement = NULL;
    int found = 0;

    *bytes = NULL;
    *size = 0;
    rove_status status = find(store, key, &statement, &found, error);
    if (found) {
        const void *data = sqlite3_column_blob(statement, 0);
        size_t length = (size_t)sqlite3_column_bytes(statement, 0);
        if (length > 0) {
            *bytes = data != NULL ? rove__arena_copy(arena, data, length) : NULL;
            *size = *bytes != NULL ? length : 0;
            status = *bytes != NULL ? ROVE_OK : ROVE_NOMEM;
        }
    }
    sqlite3_reset(statement);
    return status;
}

static rove_status write(rove__store *store, const char *key, const rove_value *value,
                         rove_error *error) {
    sqlite3_stmt *statement = NULL;
    rove_status status = rove__store_statement(store, ROVE_SQL_META_PUT, &statement, error);

    if (status == ROVE_OK) {
        sqlite3_bind_text(statement, 1, key, -1, SQLITE_STATIC);
        rove__bind_value(statement, 2, value);
        status = rove__store_run(store, statement, error, DOING_WRITE);
    }
    return status;
}

rove_status rove__meta_put_int(rove__store *store, const char *key, int64_t value,
                               rove_error *error) {
    rove_value integer = rove__value_int(value);
    return write(store, key, &integer, error);
}

rove_status rove__meta_put_bytes(rove__store *store, const char *key, const void *bytes,
                                 size_t size, rove_error *error) {
    rove_value blob = rove__value_bytes(ROVE_BLOB, bytes, size);
    return write(store, key, &blob, error);
}

rove_status rove__meta_drop(rove__store *store, const char *key, rove_error *error) {
    sqlite3_stmt *statement = NULL;
    rove_status status = rove__store_statement(store, ROVE_SQL_META_DROP, &statement, error);

    if (status == ROVE_OK) {
        sqlite3_bind_text(statement, 1, key, -1, SQLITE_STATIC);
        status = rove__store_run(store, statement, error, DOING_WRITE);
    }
    return status;
}

/* ---- what the handle keeps ---- */

/* Reads one key and hands it to a reader; an absent key leaves `reader` empty. */
static rove_status load(rove__store *store, const char *key, size_t size, rove__reader *reader,
                        rove_error *error) {
    const uint8_t *bytes = NULL;
    size_t length = 0;
    rove_status status =
        rove__meta_get_bytes(store, key, &store->row_arena, &bytes, &length, error);

    rove__reader_init(reader, bytes, length);
    if (status == ROVE_OK && length != 0 && length != size) {
        status = rove__error_set(error, ROVE_CORRUPT,
                                 "The replica's state '%s' is damaged. Download the replica again.",
                                 key);
    }
    return status;
}

static void read_anchor(rove__reader *reader, rove__anchor *anchor) {
    memset(anchor, 0, sizeof *anchor);
    if (rove__reader_left(reader) > 0) {
        anchor->server_ms = (int64_t)rove__reader_u64(reader);
        anchor->at.wall_ms = (int64_t)rove__reader_u64(reader);
        anchor->at.boot_ms = (int64_t)rove__reader_u64(reader);
        memcpy(anchor->at.boot_id, rove__reader_take(reader, ROVE_BOOT_ID_SIZE), ROVE_BOOT_ID_SIZE);
    }
}

static void read_clock(rove__reader *reader, rove__store_clock *clock) {
    memset(clock, 0, sizeof *clock);
    if (rove__reader_left(reader) > 0) {
        clock->hlc.last = rove__reader_u64(reader);
        clock->hlc.issued = rove__reader_u64(reader);
        clock->held = rove__reader_u64(reader);
        clock->counter = rove__reader_u32(reader);
        clock->tx = rove__reader_u64(reader);
    }
}

/* A damaged number never gives time away. */
static void read_lease(rove__reader *reader, rove__lease *lease) {
    memset(lease, 0, sizeof *lease);
    if (rove__reader_left(reader) > 0) {
        lease->lease_ms = (int64_t)rove__reader_u64(reader);
        lease->used_ms = (int64_t)rove__reader_u64(reader);
        lease->at.wall_ms = (int64_t)rove__reader_u64(reader);
        lease->at.boot_ms = (int64_t)rove__reader_u64(reader);
        memcpy(lease->at.boot_id, rove__reader_take(reader, ROVE_BOOT_ID_SIZE), ROVE_BOOT_ID_SIZE);
        lease->used_ms = lease->used_ms < 0 ? lease->lease_ms : lease->used_ms;
    }
}

static void set_anchor(rove__store *store, const rove__anchor *anchor) {
    sqlite3_mutex_enter(store->anchor_mutex);
    store->anchor = *anchor;
    sqlite3_mutex_leave(store->anchor_mutex);
}

/* Of another size it is none. */
static void set_seal_key(rove__store *store, const void *key, size_t size) {
    sqlite3_mutex_enter(store->anchor_mutex);
    store->has_seal_key = size == ROVE_SEAL_KEY_SIZE;
    if (store->has_seal_key) {
        memcpy(store->seal_key, key, ROVE_SEAL_KEY_SIZE);
    }
    sqlite3_mutex_leave(store->anchor_mutex);
}

rove_status rove__meta_load(rove__store *store, rove_error *error) {
    rove__reader owner;
    rove__reader clock;
    rove__reader cursor;
    rove__reader anchor;
    rove__reader key;
    rove__reader lease;
    const uint8_t *seal_key = NULL;
    size_t seal_key_size = 0;
    rove__anchor read;
    rove__lease had;

    rove__arena_reset(&store->row_arena);
    rove_status status = load(store, ROVE_META_OWNER, 12, &owner, error);
    if (status == ROVE_OK) {
        status = load(store, ROVE_META_CLOCK, 36, &clock, error);
    }
    if (status == ROVE_OK) {
        status = load(store, ROVE_META_CURSOR, 16, &cursor, error);
    }
    if (status == ROVE_OK) {
        status = load(store, ROVE_META_ANCHOR, 24 + ROVE_BOOT_ID_SIZE, &anchor, error);
    }
    if (status == ROVE_OK) {
        status = load(store, ROVE_META_DIGEST_KEY, ROVE_HASH_KEY_SIZE, &key, error);
    }
    if (status == ROVE_OK) {
        status = load(store, ROVE_META_LEASE, 32 + ROVE_BOOT_ID_SIZE, &lease, error);
    }
    if (status == ROVE_OK) {
        status = rove__meta_get_bytes(store, ROVE_META_SEAL_KEY, &store->row_arena, &seal_key,
                                      &seal_key_size, error);
    }
    if (status != ROVE_OK) {
        return status;
    }
    store->owner.replica = rove__reader_u32(&owner);
    store->owner.user = (rove_id)rove__reader_u64(&owner);
    read_clock(&clock, &store->clock_written);
    store->cursor.timeline = rove__reader_u64(&cursor);
    store->cursor.seq = rove__reader_u64(&cursor);
    read_anchor(&anchor, &read);
    set_anchor(store, &read);
    read_lease(&lease, &had);
    rove__lease_set(store, &had);
    set_seal_key(store, seal_key, seal_key_size);
    memset(store->digest_key, 0, sizeof store->digest_key);
    if (rove__reader_left(&key) > 0) {
        memcpy(store->digest_key, rove__reader_take(&key, ROVE_HASH_KEY_SIZE), ROVE_HASH_KEY_SIZE);
    }
    return ROVE_OK;
}

rove_status rove__meta_put_seal_key(rove__store *store, const uint8_t *key, rove_error *error) {
    rove_status status =
        rove__meta_put_bytes(store, ROVE_META_SEAL_KEY, key, ROVE_SEAL_KEY_SIZE, error);

    if (status == ROVE_OK) {
        set_seal_key(store, key, ROVE_SEAL_KEY_SIZE);
    }
    return status;
}

void rove__store_evidence(rove__store *store, rove__evidence_now *read) {
    store->ports.clock->read(store->ports.clock->ctx, &read->at);
    sqlite3_mutex_enter(store->anchor_mutex);
    read->anchor = store->anchor;
    read->has_seal_key = store->has_seal_key;
    memcpy(read->seal_key, store->seal_key, sizeof read->seal_key);
    sqlite3_mutex_leave(store->anchor_mutex);
}

/* Fixed-size big-endian records, small enough for the stack. */

rove_status rove__meta_put_owner(rove__store *store, const rove__store_owner *owner,
                                 rove_error *error) {
    uint8_t bytes[12];
    size_t size = rove__u32_put(bytes, owner->replica);

    size += rove__u64_put(bytes + size, (uint64_t)owner->user);
    rove_status status = rove__meta_put_bytes(store, ROVE_META_OWNER, bytes, size, error);
    if (status == ROVE_OK) {
        store->owner = *owner;
    }
    return status;
}

rove_status rove__meta_put_clock(rove__store *store, rove_error *error) {
    const rove__store_clock *clock = &store->clock;
    uint8_t bytes[36];
    size_t size = rove__u64_put(bytes, clock->hlc.last);

    size += rove__u64_put(bytes + size, clock->hlc.issued);
    size += rove__u64_put(bytes + size, clock->held);
    size += rove__u32_put(bytes + size, clock->counter);
    size += rove__u64_put(bytes + size, clock->tx);
    rove_status status = rove__meta_put_bytes(store, ROVE_META_CLOCK, bytes, size, error);
    return status;
}

rove_status rove__meta_put_cursor(rove__store *store, rove__cursor cursor, rove_error *error) {
    uint8_t bytes[16];
    size_t size = rove__u64_put(bytes, cursor.timeline);

    size += rove__u64_put(bytes + size, cursor.seq);
    rove_status status = rove__meta_put_bytes(store, ROVE_META_CURSOR, bytes, size, error);
    if (status == ROVE_OK) {
        store->cursor = cursor;
    }
    return status;
}

rove_status rove__meta_put_anchor(rove__store *store, const rove__anchor *anchor,
                                  rove_error *error) {
    uint8_t bytes[24 + ROVE_BOOT_ID_SIZE];
    size_t size = rove__u64_put(bytes, (uint64_t)anchor->server_ms);

    size += rove__u64_put(bytes + size, (uint64_t)anchor->at.wall_ms);
    size += rove__u64_put(bytes + size, (uint64_t)anchor->at.boot_ms);
    memcpy(bytes + size, anchor->at.boot_id, ROVE_BOOT_ID_SIZE);
    rove_status status = rove__meta_put_bytes(store, ROVE_META_ANCHOR, bytes, sizeof bytes, error);
    if (status == ROVE_OK) {
        set_anchor(store, anchor);
    }
    return status;
}

rove_status rove__meta_put_lease(rove__store *store, const rove__lease *lease, rove_error *error) {
    uint8_t bytes[32 + ROVE_BOOT_ID_SIZE];
    size_t size = rove__u64_put(bytes, (uint64_t)lease->lease_ms);

    size += rove__u64_put(bytes + size, (uint64_t)lease->used_ms);
    size += rove__u64_put(bytes + size, (uint64_t)lease->at.wall_ms);
    size += rove__u64_put(bytes + size, (uint64_t)lease->at.boot_ms);
    memcpy(bytes + size, lease->at.boot_id, ROVE_BOOT_ID_SIZE);
    return rove__meta_put_bytes(store, ROVE_META_LEASE, bytes, sizeof bytes, error);
}

rove_status rove__meta_put_digest_key(rove__store *store, const uint8_t key[ROVE_HASH_KEY_SIZE],
                                      rove_error *error) {
    rove_status status =
        rove__meta_put_bytes(store, ROVE_META_DIGEST_KEY, key, ROVE_HASH_KEY_SIZE, error);
    if (status == ROVE_OK) {
        memcpy(store->digest_key, key, ROVE_HASH_KEY_SIZE);
    }
    return status;
}
