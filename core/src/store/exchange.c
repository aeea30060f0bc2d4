/*
 * store/exchange.c - the statements of reconciling, prepared once, and running them.
 *
 * Texts are constant, or made from the registry's names alone.
 */
#include "store/exchange.h"

#include <stdarg.h>
#include <string.h>

#include "base/assert.h"
#include "base/text.h"

#define ARENA_MAX ((size_t)64 * 1024 * 1024)
#define BYTES_MAX ((size_t)17 * 1024 * 1024)
#define SQL_MAX   2048

/* clang-format off */
static const char *const texts[ROVE_EXCHANGE_SQL_COUNT] = {
    [ROVE_EXCHANGE_OUTBOX_UNSENT] = "SELECT count(*) FROM _outbox WHERE batch IS NULL",
    [ROVE_EXCHANGE_OUTBOX_UNFROZEN] = "SELECT seq, first_tx, last_tx, entity, row FROM _outbox"
                                      " WHERE batch IS NULL ORDER BY first_tx, seq",
    [ROVE_EXCHANGE_OUTBOX_BATCH] = "SELECT seq FROM _outbox WHERE batch = ?1 ORDER BY seq",
    [ROVE_EXCHANGE_OUTBOX_ROWS] = "SELECT DISTINCT entity, row FROM _outbox",
    [ROVE_EXCHANGE_OUTBOX_SHIFT] = "UPDATE _outbox SET batch = batch - ?1"
                                   " WHERE batch > ?1 AND batch < 9223372036854775807",
    [ROVE_EXCHANGE_DELETED_ANY] = "SELECT 1 FROM _deleted LIMIT 1",
    [ROVE_EXCHANGE_DELETED_ALL] = "SELECT entity, row FROM _deleted",
    [ROVE_EXCHANGE_BATCH_PUT] = "INSERT INTO _batch(number, state, schema, frames, hash, chain)"
                                " VALUES(?1, 0, ?2, ?3, ?4, ?5)",
    [ROVE_EXCHANGE_BATCH_GET] = "SELECT state, hash, chain, seq, schema, frames FROM _batch"
                                " WHERE number = ?1",
    [ROVE_EXCHANGE_BATCH_OLDEST] = "SELECT number FROM _batch WHERE state = 0 ORDER BY number LIMIT 1",
    [ROVE_EXCHANGE_BATCH_FLIGHT] = "SELECT count(*), max(number) FROM _batch WHERE state = 0",
    [ROVE_EXCHANGE_BATCH_NUMBERS] = "SELECT number, hash FROM _batch WHERE state = 0 AND number > ?1"
                                    " ORDER BY number",
    [ROVE_EXCHANGE_BATCH_ACKED] = "UPDATE _batch SET state = 1, chain = ?2, seq = ?3 WHERE number = ?1",
    [ROVE_EXCHANGE_BATCH_CHAINED] = "UPDATE _batch SET chain = ?2 WHERE number = ?1",
    [ROVE_EXCHANGE_BATCH_DROP] = "DELETE FROM _batch WHERE number = ?1",
    [ROVE_EXCHANGE_BATCH_AGAIN] = "UPDATE _batch SET state = 0 WHERE number BETWEEN ?1 AND ?2",
    [ROVE_EXCHANGE_BATCH_KEPT] = "SELECT count(*) FROM _batch WHERE number BETWEEN ?1 AND ?2"
                                 " AND (SELECT count(*) FROM _frame WHERE batch = number)"
                                 " + (SELECT count(*) FROM _sealed WHERE batch = number) = frames",
    [ROVE_EXCHANGE_BATCH_SIZES] = "SELECT number, seq, (SELECT total(length(rows)) FROM _frame"
                                  " WHERE batch = number) + (SELECT total(length(record)) FROM _sealed"
                                  " WHERE batch = number), (SELECT max(at) FROM _sealed"
                                  " WHERE batch = number) FROM _batch WHERE state IN (1, 2)"
                                  " ORDER BY number DESC",
    [ROVE_EXCHANGE_BATCH_FORGET] = "DELETE FROM _batch WHERE number > 0 AND state > 0 AND number <"
                                   " min(coalesce((SELECT min(batch) FROM _frame WHERE batch > 0), ?1),"
                                   " coalesce((SELECT min(batch) FROM _sealed WHERE batch > 0), ?1)) - 1",
    [ROVE_EXCHANGE_BATCH_PLAIN] = "SELECT number FROM _batch WHERE state > 0 AND number > ?1"
                                  " AND EXISTS (SELECT 1 FROM _frame WHERE batch = number)"
                                  " ORDER BY number LIMIT 1",
    [ROVE_EXCHANGE_FORMER_FORGET] = "DELETE FROM _batch WHERE number < 0"
                                    " AND NOT EXISTS (SELECT 1 FROM _frame WHERE batch IN (number, number + 1))"
                                    " AND NOT EXISTS (SELECT 1 FROM _sealed WHERE batch = number)",
    [ROVE_EXCHANGE_FORMER_COUNT] = "SELECT count(*) FROM _batch WHERE number < 0"
                                   " AND EXISTS (SELECT 1 FROM _sealed WHERE batch = number)",
    [ROVE_EXCHANGE_FORMER_LIST] = "SELECT number, hash FROM _batch WHERE number < 0 AND number > ?1"
                                  " AND EXISTS (SELECT 1 FROM _sealed WHERE batch = number)"
                                  " ORDER BY number LIMIT ?2",
    [ROVE_EXCHANGE_FORMER_NEXT] = "SELECT b.number, s.ordinal, s.record FROM _batch b"
                                  " CROSS JOIN _sealed s ON s.batch = b.number WHERE b.number < 0"
                                  " AND b.number >= ?1 AND b.state = 3"
                                  " AND (b.number > ?1 OR s.ordinal > ?2)"
                                  " ORDER BY b.number, s.ordinal LIMIT 1",
    [ROVE_EXCHANGE_FORMER_STATE] = "UPDATE _batch SET state = ?2, seq = iif(?3 = 0, seq, ?3)"
                                   " WHERE number = ?1",
    [ROVE_EXCHANGE_FORMER_REST] = "UPDATE _batch SET state = 4 WHERE number < 0 AND state = 3",
    [ROVE_EXCHANGE_BATCH_UNSENT] = "SELECT number FROM _batch WHERE number > ?1"
                                   " AND (state = 0 OR state IN (3, 4)) ORDER BY number LIMIT 1",
    [ROVE_EXCHANGE_BATCH_JOURNAL] = "SELECT number FROM _batch WHERE number > ?1 AND state IN (1, 2)"
                                    " AND EXISTS (SELECT 1 FROM _sealed WHERE batch = number)"
                                    " ORDER BY number LIMIT 1",
    [ROVE_EXCHANGE_BATCH_SHIFT] = "UPDATE _batch SET number = number - ?1 WHERE number > ?1",
    [ROVE_EXCHANGE_BATCH_RETIRE] = "UPDATE _batch SET number = number - ?1, state = iif(state = 0, 3, 2)"
                                   " WHERE number BETWEEN 1 AND ?2",
    [ROVE_EXCHANGE_FRAME_PUT] = "INSERT INTO _frame(batch, ordinal, rows) VALUES(?1, ?2, ?3)",
    [ROVE_EXCHANGE_FRAME_NEXT] = "SELECT f.batch, f.ordinal, f.rows, b.frames, b.schema FROM _frame f"
                                 " JOIN _batch b ON b.number = f.batch WHERE b.state = 0"
                                 " AND (f.batch, f.ordinal) > (?1, ?2) AND f.batch <= ?3"
                                 " ORDER BY f.batch, f.ordinal LIMIT 1",
    [ROVE_EXCHANGE_FRAME_OF] = "SELECT ordinal, rows FROM _frame WHERE batch = ?1 ORDER BY ordinal",
    [ROVE_EXCHANGE_FRAME_AT] = "SELECT rows FROM _frame WHERE batch = ?1 AND ordinal = ?2",
    [ROVE_EXCHANGE_FRAME_MOVE] = "UPDATE _frame SET batch = ?2 WHERE batch = ?1",
    [ROVE_EXCHANGE_FRAME_BATCH] = "SELECT batch FROM _frame WHERE batch > ?1 ORDER BY batch LIMIT 1",
    [ROVE_EXCHANGE_FRAME_DROP] = "DELETE FROM _frame WHERE batch = ?1",
    [ROVE_EXCHANGE_FRAME_SHIFT] = "UPDATE _frame SET batch = batch - ?1 WHERE batch > ?1",
    [ROVE_EXCHANGE_FRAME_RETIRE] = "UPDATE _frame SET batch = batch - ?1 WHERE batch BETWEEN 1 AND ?2",
    [ROVE_EXCHANGE_SEALED_PUT] = "INSERT INTO _sealed(batch, ordinal, at, record) VALUES(?1, ?2, ?3, ?4)",
    [ROVE_EXCHANGE_SEALED_DATE] = "UPDATE _sealed SET at = ?1 WHERE at = 0",
    [ROVE_EXCHANGE_SEALED_NEXT] = "SELECT b.number, s.ordinal, s.record, b.frames, b.schema FROM _batch b"
                                  " CROSS JOIN _sealed s ON s.batch = b.number WHERE b.state = 0"
                                  " AND b.number BETWEEN ?1 AND ?3 AND (b.number > ?1 OR s.ordinal > ?2)"
                                  " ORDER BY b.number, s.ordinal LIMIT 1",
    [ROVE_EXCHANGE_SEALED_OF] = "SELECT record FROM _sealed WHERE batch = ?1 ORDER BY ordinal",
    [ROVE_EXCHANGE_SEALED_DROP] = "DELETE FROM _sealed WHERE batch = ?1",
    [ROVE_EXCHANGE_SEALED_RETIRE] = "UPDATE _sealed SET batch = batch - ?1 WHERE batch BETWEEN 1 AND ?2",
    [ROVE_EXCHANGE_SCOPE_PARTS] = "SELECT part, rows FROM _scope WHERE root = ?1",
    [ROVE_EXCHANGE_SCOPE_ROOTS] = "SELECT DISTINCT root FROM _scope",
    [ROVE_EXCHANGE_SCOPE_ANY] = "SELECT 1 FROM _scope LIMIT 1",
    [ROVE_EXCHANGE_SCOPE_LARGE] = "SELECT root, part FROM _scope WHERE rows >= ?1"
                                  " ORDER BY rows DESC, root, part LIMIT ?2",
    [ROVE_EXCHANGE_SCOPE_WRONG] = "SELECT root, part FROM _scope WHERE rows <> 0"
                                  " OR sum <> zeroblob(16) LIMIT 1",
    [ROVE_EXCHANGE_SCOPE_CLEAR] = "DELETE FROM _scope",
    [ROVE_EXCHANGE_TRANSFER_ALL] = "SELECT root, part, fresh, buckets FROM _transfer",
    [ROVE_EXCHANGE_TRANSFER_PUT] = "INSERT INTO _transfer(root, part, fresh, buckets)"
                                   " VALUES(?1, ?2, ?3, ?4) ON CONFLICT(root, part) DO UPDATE"
                                   " SET fresh = excluded.fresh, buckets = excluded.buckets",
    [ROVE_EXCHANGE_TRANSFER_DROP] = "DELETE FROM _transfer WHERE root = ?1 AND part = ?2",
    [ROVE_EXCHANGE_TRANSFER_CLEAR] = "DELETE FROM _transfer",
    [ROVE_EXCHANGE_NAMED_PUT] = "INSERT OR IGNORE INTO _named(root, part, entity, row)"
                                " VALUES(?1, ?2, ?3, ?4)",
    [ROVE_EXCHANGE_NAMED_GET] = "SELECT 1 FROM _named WHERE root = ?1 AND part = ?2 AND entity = ?3"
                                " AND row = ?4",
    [ROVE_EXCHANGE_NAMED_DROP] = "DELETE FROM _named WHERE root = ?1 AND part = ?2",
    [ROVE_EXCHANGE_NAMED_CLEAR] = "DELETE FROM _named",
    [ROVE_EXCHANGE_REPAIR_PUT] = "INSERT INTO _repair(root, part, bucket, at, again)"
                                 " VALUES(?1, ?2, ?3, ?4, 0) ON CONFLICT(root, part, bucket)"
                                 " DO UPDATE SET at = excluded.at, again = 0",
    [ROVE_EXCHANGE_REPAIR_AGAIN] = "INSERT INTO _repair(root, part, bucket, at, again)"
                                   " VALUES(?1, ?2, ?3, ?4, 1) ON CONFLICT(root, part, bucket)"
                                   " DO UPDATE SET again = 1",
    [ROVE_EXCHANGE_REPAIR_EQUAL] = "UPDATE _repair SET again = 0 WHERE again <> 0",
    [ROVE_EXCHANGE_REPAIR_ANEW] = "UPDATE _repair SET at = 0 WHERE at <> 0",
    [ROVE_EXCHANGE_REPAIR_FORGET] = "DELETE FROM _repair WHERE again = 0 AND"
                                    " NOT (at > ?1 AND at <= ?2)",
    [ROVE_EXCHANGE_REPAIR_SINCE] = "SELECT root, part, bucket FROM _repair WHERE at > ?1"
                                   " AND at <= ?2 ORDER BY root, part, bucket",
    [ROVE_EXCHANGE_QUARANTINE_ANY] = "SELECT 1 FROM _quarantine LIMIT 1",
    [ROVE_EXCHANGE_QUARANTINE_GET] = "SELECT seq, root, part, change, term FROM _quarantine"
                                     " WHERE entity = ?1 AND row = ?2 LIMIT 1",
    [ROVE_EXCHANGE_QUARANTINE_PUT] = "INSERT INTO _quarantine(entity, row, root, part, status, reason,"
                                     " change, term) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    [ROVE_EXCHANGE_QUARANTINE_DROP] = "DELETE FROM _quarantine WHERE seq = ?1",
    [ROVE_EXCHANGE_QUARANTINE_ALL] = "SELECT seq, 0, root, part, change, term FROM _quarantine",
    [ROVE_EXCHANGE_QUARANTINE_TERM] = "UPDATE _quarantine SET term = ?2 WHERE seq = ?1",
    [ROVE_EXCHANGE_QUARANTINE_NEXT] = "SELECT seq, entity, row FROM _quarantine WHERE seq > ?1"
                                      " ORDER BY seq LIMIT 1",
    [ROVE_EXCHANGE_QUARANTINE_LAST] = "SELECT max(seq) FROM _quarantine",
    [ROVE_EXCHANGE_QUARANTINE_COUNT] = "SELECT count(*) FROM _quarantine",
    [ROVE_EXCHANGE_QUARANTINE_ROOT] = "SELECT entity, row, part FROM _quarantine WHERE root = ?1",
    [ROVE_EXCHANGE_QUARANTINE_PARTS_DROP] = "DELETE FROM _quarantine WHERE term IS NULL",
    [ROVE_EXCHANGE_UNKNOWN_ANY] = "SELECT 1 FROM _unknown LIMIT 1",
    [ROVE_EXCHANGE_UNKNOWN_GET] = "SELECT root, part, change, term FROM _unknown"
                                  " WHERE entity = ?1 AND row = ?2",
    [ROVE_EXCHANGE_UNKNOWN_PUT] = "INSERT INTO _unknown(entity, row, root, part, change, term)"
                                  " VALUES(?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT(entity, row) DO UPDATE"
                                  " SET root = excluded.root, part = excluded.part,"
                                  " change = excluded.change, term = excluded.term",
    [ROVE_EXCHANGE_UNKNOWN_DROP] = "DELETE FROM _unknown WHERE entity = ?1 AND row = ?2",
    [ROVE_EXCHANGE_UNKNOWN_ALL] = "SELECT entity, row, root, part, change, term FROM _unknown",
    [ROVE_EXCHANGE_UNKNOWN_TERM] = "UPDATE _unknown SET term = ?3 WHERE entity = ?1 AND row = ?2",
    [ROVE_EXCHANGE_UNKNOWN_NEXT] = "SELECT entity, row FROM _unknown WHERE (entity, row) > (?1, ?2)"
                                   " ORDER BY entity, row LIMIT 1",
    [ROVE_EXCHANGE_UNKNOWN_ROOT] = "SELECT entity, row, part FROM _unknown WHERE root = ?1",
    [ROVE_EXCHANGE_REJECTION_PUT] = "INSERT INTO _rejection(entity, row, op, field, status, reason, at,"
                                    " change) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    [ROVE_EXCHANGE_REJECTION_GET] = "SELECT change FROM _rejection WHERE seq = ?1",
    [ROVE_EXCHANGE_RETURNED_GET] = "SELECT change FROM review WHERE id = ?1 AND state = 3",
    [ROVE_EXCHANGE_REJECTION_ALL] = "SELECT change FROM _rejection ORDER BY seq",
    [ROVE_EXCHANGE_REJECTION_CLEAR] = "DELETE FROM _rejection",
    [ROVE_EXCHANGE_REJECTION_DROP] = "DELETE FROM _rejection WHERE seq = ?1",
    [ROVE_EXCHANGE_REJECTION_INSERTS] = "SELECT DISTINCT entity, row FROM _rejection WHERE op = 1",
    [ROVE_EXCHANGE_REJECTION_INSERT] = "SELECT change FROM _rejection WHERE ?1 IN (entity, 65535)"
                                       " AND row = ?2 AND op = 1",
    [ROVE_EXCHANGE_RENAMED_PUT] = "INSERT OR REPLACE INTO _renamed(entity, row, stamp, replica, became)"
                                  " VALUES(?1, ?2, ?3, ?4, ?5)",
    [ROVE_EXCHANGE_RENAMED_FOLLOW] = "UPDATE _renamed SET became = ?3 WHERE entity = ?1 AND became = ?2",
    [ROVE_EXCHANGE_RENAMED_GET] = "SELECT 1 FROM _renamed WHERE entity = ?1 AND row = ?2"
                                  " AND stamp = ?3 AND replica = ?4",
    [ROVE_EXCHANGE_RENAMED_ALL] = "SELECT entity, row, stamp, replica, became FROM _renamed",
    [ROVE_EXCHANGE_NEEDED_PUT] = "INSERT OR IGNORE INTO _needed(stamp, replica) VALUES(?1, ?2)",
    [ROVE_EXCHANGE_NEEDED_ALL] = "SELECT stamp, replica FROM _needed",
    [ROVE_EXCHANGE_NEEDED_DROP] = "DELETE FROM _needed WHERE stamp = ?1 AND replica = ?2",
    [ROVE_EXCHANGE_NEEDED_CLEAR] = "DELETE FROM _needed",
    [ROVE_EXCHANGE_TABLE_ALL] = "SELECT name FROM sqlite_schema WHERE type = 'table'"
                                " AND name NOT IN ('_meta', '_batch', '_sealed')"
                                " AND name NOT LIKE 'sqlite~_%' ESCAPE '~'",
};
/* clang-format on */

rove_status rove__exchange_of(rove__store *store, rove__exchange **out, rove_error *error) {
    const rove_allocator *allocator = store->ports.allocator;
    rove__exchange *exchange = store->exchange;

    *out = exchange;
    if (exchange != NULL) {
        return ROVE_OK;
    }
    exchange = rove__alloc_zeroed(allocator, 1, sizeof *exchange);
    if (exchange != NULL) {
        exchange->extents = rove__alloc_zeroed(allocator, rove__registry_count(store->registry),
                                               sizeof *exchange->extents);
    }
    if (exchange == NULL || exchange->extents == NULL) {
        rove__free(allocator, exchange);
        return rove__error_set(error, ROVE_NOMEM, "There is no memory to reconcile with.");
    }
    rove__arena_init(&exchange->arena, allocator, ARENA_MAX);
    rove__arena_init(&exchange->row, allocator, ARENA_MAX);
    rove__arena_init(&exchange->frozen, allocator, ARENA_MAX);
    rove__buf_init(&exchange->bytes, allocator, BYTES_MAX);
    store->exchange = exchange;
    *out = exchange;
    return ROVE_OK;
}

rove_status rove__exchange_begin(rove__store *store, rove__exchange **out, rove_error *error) {
    rove_status status = rove__exchange_of(store, out, error);

    if (status == ROVE_OK) {
        rove__arena_reset(&(*out)->arena);
        rove__arena_reset(&(*out)->row);
        (*out)->named_count = 0;
    }
    return status;
}

void rove__exchange_finalize(rove__store *store) {
    rove__exchange *exchange = store->exchange;

    if (exchange == NULL) {
        return;
    }
    for (size_t i = 0; i < ROVE_EXCHANGE_SQL_COUNT; i++) {
        sqlite3_finalize(exchange->statements[i]);
        exchange->statements[i] = NULL;
    }
    for (size_t i = 0; i < rove__registry_count(store->registry); i++) {
        for (size_t j = 0; j < ROVE_EXTENT_COUNT; j++) {
            sqlite3_finalize(exchange->extents[i][j]);
            exchange->extents[i][j] = NULL;
        }
    }
}

void rove__exchange_shed(rove__store *store) {
    if (store->exchange != NULL) {
        rove__arena_free(&store->exchange->arena);
        rove__arena_free(&store->exchange->row);
        rove__arena_free(&store->exchange->frozen);
        rove__buf_free(&store->exchange->bytes);
    }
}

void rove__exchange_free(rove__store *store) {
    rove__exchange *exchange = store->exchange;

    if (exchange == NULL) {
        return;
    }
    rove__exchange_finalize(store);
    rove__exchange_shed(store);
    rove__free(store->ports.allocator, exchange->named);
    rove__free(store->ports.allocator, exchange->named_at);
    rove__free(store->ports.allocator, exchange->extents);
    rove__free(store->ports.allocator, exchange);
    store->exchange = NULL;
}

static rove_status prepared(rove__store *store, const char *text, sqlite3_stmt **slot,
                            sqlite3_stmt **statement, rove_error *error) {
    *statement = NULL;
    if (*slot == NULL) {
        int code = sqlite3_prepare_v3(store->db, text, -1, SQLITE_PREPARE_PERSISTENT, slot, NULL);
        if (code != SQLITE_OK) {
            return rove__sqlite_status(store->db, code, error, "Preparing a statement");
        }
    }
    sqlite3_reset(*slot);
    sqlite3_clear_bindings(*slot);
    *statement = *slot;
    return ROVE_OK;
}

rove_status rove__exchange_statement(rove__store *store, rove__exchange_sql which,
                                     sqlite3_stmt **statement, rove_error *error) {
    ROVE_ASSERT(store->exchange != NULL && texts[which] != NULL);
    return prepared(store, texts[which], &store->exchange->statements[which], statement, error);
}

/* ---- per entity ---- */

static void put(rove__buf *sql, const char *text) {
    rove__buf_append(sql, text, strlen(text));
}

static void put_name(rove__buf *sql, const char *name) {
    put(sql, "\"");
    put(sql, name);
    put(sql, "\"");
}

/* The rows of one root, by what names it. */
static void put_root(rove__buf *sql, const rove__entity *entity) {
    put(sql, " WHERE _pending IS NULL AND ");
    switch (entity->scope) {
    case ROVE_SCOPE_SELF:
        put(sql, "id = ?1");
        break;
    case ROVE_SCOPE_FIELD:
        put_name(sql, entity->fields[entity->scope_field].name);
        put(sql, " IS ?1");
        break;
    case ROVE_SCOPE_ORGANISATION:
    case ROVE_SCOPE_PARENT:
    default:
        put(sql, "?1 IS NULL");
        break;
    }
}

static void put_extent(rove__buf *sql, const rove__entity *entity, rove__extent_sql which) {
    const char *part =
        entity->part_field >= 0 ? entity->fields[entity->part_field].name : "_pending";

    put(sql, "SELECT id, ");
    if (which == ROVE_EXTENT_ALL) {
        put(sql, "_clock, _pending FROM ");
    } else if (which == ROVE_EXTENT_RAW) {
        put(sql, "_unknown FROM ");
    } else {
        put_name(sql, part);
        put(sql, " FROM ");
    }
    put_name(sql, entity->table);
    if (which == ROVE_EXTENT_RAW) {
        put(sql, " WHERE _unknown IS NOT NULL");
    } else if (which != ROVE_EXTENT_ALL) {
        put_root(sql, entity);
    }
    if (which == ROVE_EXTENT_MONTH) {
        put(sql, " AND ");
        put_name(sql, part);
        put(sql, " >= ?2 AND ");
        put_name(sql, part);
        put(sql, " < ?3");
    }
    rove__buf_byte(sql, 0);
}

rove_status rove__extent_statement(rove__store *store, const rove__entity *entity,
                                   rove__extent_sql which, sqlite3_stmt **statement,
                                   rove_error *error) {
    size_t at = 0;
    rove__buf sql;

    *statement = NULL;
    while (rove__registry_at(store->registry, at) != entity) {
        at++;
    }
    if (store->exchange->extents[at][which] != NULL) {
        return prepared(store, "", &store->exchange->extents[at][which], statement, error);
    }
    rove__buf_init(&sql, store->ports.allocator, SQL_MAX);
    put_extent(&sql, entity, which);
    rove_status status = rove__buf_status(&sql);
    if (status == ROVE_OK) {
        status = prepared(store, (const char *)sql.data, &store->exchange->extents[at][which],
                          statement, error);
    }
    rove__buf_free(&sql);
    return status;
}

/* ---- running ---- */

static int bind_all(sqlite3_stmt *statement, const char *format, va_list args) {
    int code = SQLITE_OK;

    for (int at = 1; *format != '\0' && code == SQLITE_OK; at++, format++) {
        if (*format == 'i') {
            code = sqlite3_bind_int64(statement, at, va_arg(args, int64_t));
        } else if (*format == 't') {
            code = sqlite3_bind_text(statement, at, va_arg(args, const char *), -1, SQLITE_STATIC);
        } else {
            const void *bytes = va_arg(args, const void *);
            size_t size = va_arg(args, size_t);
            ROVE_ASSERT(*format == 'b');
            code = bytes == NULL ? sqlite3_bind_null(statement, at)
                                 : sqlite3_bind_blob64(statement, at, bytes, size, SQLITE_STATIC);
        }
    }
    return code;
}

static rove_status start(rove__store *store, rove__exchange_sql which, sqlite3_stmt **statement,
                         int *more, rove_error *error, const char *format, va_list args) {
    rove_status status = rove__exchange_statement(store, which, statement, error);

    *more = 0;
    if (status == ROVE_OK) {
        int code = bind_all(*statement, format, args);
        if (code != SQLITE_OK) {
            status = rove__sqlite_status(store->db, code, error, "Binding a value");
        }
    }
    if (status == ROVE_OK) {
        status = rove__exchange_step(store, *statement, more, error);
    }
    return status;
}

rove_status rove__exchange_run(rove__store *store, rove__exchange_sql which, rove_error *error,
                               const char *format, ...) {
    sqlite3_stmt *statement = NULL;
    int more = 0;
    va_list args;

    va_start(args, format);
    rove_status status = start(store, which, &statement, &more, error, format, args);
    va_end(args);
    if (more) {
        sqlite3_reset(statement);
    }
    return status;
}

rove_status rove__exchange_row(rove__store *store, rove__exchange_sql which,
                               sqlite3_stmt **statement, rove_error *error, const char *format,
                               ...) {
    int more = 0;
    va_list args;

    va_start(args, format);
    rove_status status = start(store, which, statement, &more, error, format, args);
    va_end(args);
    if (!more) {
        *statement = NULL;
    }
    return status;
}

rove_status rove__exchange_step(rove__store *store, sqlite3_stmt *statement, int *more,
                                rove_error *error) {
    int code = sqlite3_step(statement);
    rove_status status = ROVE_OK;

    *more = code == SQLITE_ROW;
    if (code != SQLITE_ROW) {
        if (code != SQLITE_DONE) {
            status = rove__sqlite_status(store->db, code, error, "Reconciling");
        }
        sqlite3_reset(statement);
    }
    return status;
}
