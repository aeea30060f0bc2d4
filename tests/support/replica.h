/*
 * support/replica.h - a replica in a fresh folder below the test's own, with a clock that the test sets.
 *
 * The allocator counts and can fail (heap.h); randomness, files and cryptography are the system's.
 */
#ifndef ROVE_TESTS_REPLICA_H
#define ROVE_TESTS_REPLICA_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "heap.h"
#include "keyring.h"
#include "model/row.h"
#include "model/set.h"
#include "posix/posix.h"
#include "store/internal.h"

#define REPLICA_NOW_MS   INT64_C(1764000000000) /* 2025-11-24 */
#define REPLICA_NUMBER   7u
#define REPLICA_USER     ((rove_id)1 << 32 | 9)
#define REPLICA_PATH_MAX 128

typedef struct replica {
    heap memory;
    rove_allocator allocator;
    rove_clock_reading now;
    rove_clock clock;
    rove_random random;
    rove_files files;
    rove_crypto crypto;
    keyring keys;
    rove_keyring keyring;
    rove__store_ports ports;
    rove__store *store;
    rove__arena arena;
    rove_error error;
    char folder[REPLICA_PATH_MAX];
} replica;

static inline void replica_read_clock(void *ctx, rove_clock_reading *reading) {
    const replica *r = ctx;
    *reading = r->now;
}

/* Ports, and an empty folder `name`; opens nothing. */
static inline void replica_prepare(replica *r, const char *name) {
    static const char *const files[] = {"replica.db",     "replica.db-wal", "replica.db-shm",
                                        "replica.db-log", "core.key",       "lock"};
    char path[REPLICA_PATH_MAX + 32];

    memset(r, 0, sizeof *r);
    snprintf(r->folder, sizeof r->folder, "%s", name);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        snprintf(path, sizeof path, "%s/%s", r->folder, files[i]);
        (void)unlink(path);
    }
    (void)rmdir(r->folder);
    r->allocator = heap_allocator(&r->memory);
    r->now.wall_ms = REPLICA_NOW_MS;
    r->now.boot_ms = 1000;
    r->clock.read = replica_read_clock;
    r->clock.ctx = r;
    rove_posix_random(&r->random);
    rove_posix_files(&r->files);
    assert_int_equal(rove_posix_crypto_new(&r->crypto), ROVE_OK);
    r->ports.allocator = &r->allocator;
    r->ports.clock = &r->clock;
    r->ports.random = &r->random;
    r->ports.files = &r->files;
    r->ports.crypto = &r->crypto;
    r->keyring = keyring_of_tests(&r->keys);
    r->ports.keyring = &r->keyring;
    rove__arena_init(&r->arena, &r->allocator, (size_t)64 * 1024 * 1024);
}

#define replica_ok(r, call)                                                                        \
    do {                                                                                           \
        rove_status replica_status_ = (call);                                                      \
        if (replica_status_ != ROVE_OK) {                                                          \
            fail_msg("%s: %s: %s", #call, rove_status_name(replica_status_), (r)->error.message);  \
        }                                                                                          \
    } while (0)

static inline void replica_open(replica *r) {
    replica_ok(r, rove__store_open(&r->ports, r->folder, &r->store, &r->error));
}

static inline void replica_enrol(replica *r) {
    rove__store_owner owner = {REPLICA_NUMBER, REPLICA_USER};
    replica_ok(r, rove__store_set_owner(r->store, &owner, &r->error));
}

/* An open, enrolled replica. */
static inline void replica_start(replica *r, const char *name) {
    replica_prepare(r, name);
    replica_open(r);
    replica_enrol(r);
}

static inline void replica_close(replica *r) {
    rove__store_close(r->store);
    r->store = NULL;
}

static inline void replica_reopen(replica *r) {
    replica_close(r);
    replica_open(r);
}

/* Closes, and checks that no memory is left. */
static inline void replica_end(replica *r) {
    replica_close(r);
    rove__arena_free(&r->arena);
    rove_posix_crypto_free(&r->crypto);
    assert_int_equal(r->memory.alive, 0);
}

static inline const rove__entity *replica_entity(const replica *r, const char *name) {
    const rove__entity *entity = rove__registry_by_name(rove__store_registry(r->store), name);
    assert_non_null(entity);
    return entity;
}

static inline size_t replica_field(const rove__entity *entity, const char *name) {
    int ordinal = rove__entity_field_named(entity, name);
    assert_true(ordinal >= 0);
    return (size_t)ordinal;
}

static inline rove__row replica_row(replica *r, const char *entity, rove_id id) {
    rove__row row;
    assert_int_equal(rove__row_init(&row, replica_entity(r, entity), id, &r->arena), ROVE_OK);
    return row;
}

static inline void replica_set(rove__row *row, const char *field, rove_value value) {
    rove__row_set(row, replica_field(row->entity, field), value);
}
static inline void replica_set_text(rove__row *row, const char *field, const char *text) {
    replica_set(row, field, rove__value_text(text));
}
static inline void replica_set_int(rove__row *row, const char *field, int64_t value) {
    replica_set(row, field, rove__value_int(value));
}

/* A plain set of integers, ascending. */
static inline rove_value replica_set_of(replica *r, const int64_t *elements, size_t count) {
    rove__set set = {ROVE_SET_PLAIN,
                     rove__arena_take(&r->arena, (count + 1) * sizeof(rove__element)), count};
    rove_value value;

    memset(set.elements, 0, (count + 1) * sizeof(rove__element));
    for (size_t i = 0; i < count; i++) {
        set.elements[i].value = rove__value_int(elements[i]);
    }
    assert_int_equal(rove__set_value(&set, &r->arena, &value), ROVE_OK);
    return value;
}

static inline void replica_begin(replica *r) {
    replica_ok(r, rove__store_begin(r->store, &r->error));
}
static inline void replica_commit(replica *r) {
    replica_ok(r, rove__store_commit(r->store, &r->error));
}

/* One write in a transaction of its own. */
static inline rove_id replica_insert(replica *r, rove__row *row) {
    replica_begin(r);
    replica_ok(r, rove__store_insert(r->store, row, &r->error));
    replica_commit(r);
    return row->id;
}
static inline void replica_update(replica *r, const rove__row *row) {
    replica_begin(r);
    replica_ok(r, rove__store_update(r->store, row, &r->error));
    replica_commit(r);
}

/* An account with a name. */
static inline rove_id replica_account(replica *r, const char *name) {
    rove__row row = replica_row(r, "Account", 0);
    replica_set_text(&row, "name", name);
    return replica_insert(r, &row);
}

/* The row as shown to the rep. */
static inline rove_status replica_get(replica *r, const char *entity, rove_id id, rove__row *row) {
    replica_begin(r);
    rove_status status = rove__store_get(r->store, replica_entity(r, entity), id, &r->arena, row);
    rove__store_rollback(r->store);
    return status;
}

static inline rove_value replica_cell(replica *r, const char *entity, rove_id id,
                                      const char *field) {
    rove__row row;
    replica_ok(r, replica_get(r, entity, id, &row));
    return row.cells[replica_field(row.entity, field)];
}

static inline void replica_expect_text(replica *r, const char *entity, rove_id id,
                                       const char *field, const char *text) {
    rove_value value = replica_cell(r, entity, id, field);
    assert_int_equal(value.type, ROVE_TEXT);
    assert_int_equal(value.size, strlen(text));
    assert_memory_equal(value.as.data, text, value.size);
}

static inline void replica_expect_int(replica *r, const char *entity, rove_id id, const char *field,
                                      int64_t expected) {
    rove_value value = replica_cell(r, entity, id, field);
    assert_int_equal(value.type, ROVE_INT);
    assert_int_equal(value.as.integer, expected);
}

static inline void replica_expect_null(replica *r, const char *entity, rove_id id,
                                       const char *field) {
    assert_int_equal(replica_cell(r, entity, id, field).type, ROVE_NULL);
}

/* One integer by SQL of the test's own, on the writer. */
static inline int64_t replica_sql(replica *r, const char *sql) {
    sqlite3_stmt *statement = NULL;

    assert_int_equal(sqlite3_prepare_v2(r->store->db, sql, -1, &statement, NULL), SQLITE_OK);
    int code = sqlite3_step(statement);
    int64_t value = code == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : 0;
    assert_true(code == SQLITE_ROW || code == SQLITE_DONE);
    sqlite3_finalize(statement);
    return value;
}

/* The newest entry of a row, whether it is on its table or deleted; seq 0: none. */
static inline rove__entry replica_entry(replica *r, const char *entity, rove_id id) {
    const rove__entity *known = replica_entity(r, entity);
    rove__entry *entries = NULL;
    rove__stored stored;
    rove__entry none;
    size_t count = 0;
    int64_t seq = 0;

    memset(&none, 0, sizeof none);
    replica_ok(r, rove__store_enter(r->store, &r->error));
    rove_status status = rove__table_get(r->store, known, id, &r->arena, &stored, &r->error);
    if (status == ROVE_OK) {
        replica_ok(r,
                   rove__entry_chain_of(r->store, &stored, &r->arena, &entries, &count, &r->error));
    } else if (rove__deleted_entry(r->store, known->number, id, &seq, &r->error) == ROVE_OK) {
        replica_ok(r, rove__entry_chain(r->store, seq, &r->arena, &entries, &count, &r->error));
    }
    if (count > 0) {
        none = entries[count - 1];
    }
    assert_int_equal(rove__store_leave(r->store, ROVE_CANCELLED, NULL), ROVE_CANCELLED);
    return none;
}

/*
 * Makes all pending work headquarters' own, as if it had been pushed, accepted as it is, and forgotten. Works on rows
 * with registers only; what an Ack does is tested where it is implemented.
 */
static inline void replica_settle(replica *r, const char *table) {
    char sql[160];

    snprintf(sql, sizeof sql, "UPDATE %s SET _pending = NULL", table);
    assert_int_equal(sqlite3_exec(r->store->db, sql, NULL, NULL, NULL), SQLITE_OK);
    snprintf(sql, sizeof sql, "DELETE FROM _outbox WHERE entity = %u",
             rove__registry_by_name(rove__store_registry(r->store), table)->number);
    assert_int_equal(sqlite3_exec(r->store->db, sql, NULL, NULL, NULL), SQLITE_OK);
}

#endif
