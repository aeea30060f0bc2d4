/*
 * store/statement.c - prepared statements, kept for the life of the handle, and values in and out of them.
 *
 * Texts are constant, or made from the registry's names alone. A statement is prepared at its first use.
 */
#include <string.h>

#include "base/assert.h"
#include "base/text.h"
#include "store/internal.h"

#define SQL_MAX 65536

#define OUTBOX_COLUMNS "seq, entity, row, previous, batch, first_tx, last_tx, body"

/* clang-format off */
static const char *const common_texts[ROVE_SQL_COMMON_COUNT] = {
    [ROVE_SQL_BEGIN] = "BEGIN IMMEDIATE",
    [ROVE_SQL_COMMIT] = "COMMIT",
    [ROVE_SQL_ROLLBACK] = "ROLLBACK",
    [ROVE_SQL_META_GET] = "SELECT value FROM _meta WHERE key = ?1",
    [ROVE_SQL_META_PUT] = "INSERT INTO _meta(key, value) VALUES(?1, ?2)"
                          " ON CONFLICT(key) DO UPDATE SET value = excluded.value",
    [ROVE_SQL_META_DROP] = "DELETE FROM _meta WHERE key = ?1",
    [ROVE_SQL_OUTBOX_GET] = "SELECT " OUTBOX_COLUMNS " FROM _outbox WHERE seq = ?1",
    [ROVE_SQL_OUTBOX_INSERT] = "INSERT INTO _outbox(" OUTBOX_COLUMNS ")"
                               " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    [ROVE_SQL_OUTBOX_UPDATE] = "UPDATE _outbox SET entity = ?2, row = ?3, previous = ?4, batch = ?5,"
                               " first_tx = ?6, last_tx = ?7, body = ?8 WHERE seq = ?1",
    [ROVE_SQL_OUTBOX_DELETE] = "DELETE FROM _outbox WHERE seq = ?1",
    [ROVE_SQL_OUTBOX_TOUCH] = "UPDATE _outbox SET last_tx = ?2 WHERE seq = ?1",
    [ROVE_SQL_OUTBOX_ANY] = "SELECT 1 FROM _outbox LIMIT 1",
    [ROVE_SQL_OUTBOX_SINCE] = "SELECT " OUTBOX_COLUMNS " FROM _outbox WHERE last_tx > ?1",
    [ROVE_SQL_OUTBOX_UNFROZEN] = "SELECT " OUTBOX_COLUMNS " FROM _outbox WHERE batch IS NULL"
                                 " ORDER BY seq",
    [ROVE_SQL_OUTBOX_BATCH] = "SELECT " OUTBOX_COLUMNS " FROM _outbox WHERE batch = ?1 ORDER BY seq",
    [ROVE_SQL_DELETED_GET] = "SELECT entry FROM _deleted WHERE entity = ?1 AND row = ?2",
    [ROVE_SQL_DELETED_PUT] = "INSERT INTO _deleted(entity, row, entry) VALUES(?1, ?2, ?3)"
                             " ON CONFLICT(entity, row) DO UPDATE SET entry = excluded.entry",
    [ROVE_SQL_DELETED_DROP] = "DELETE FROM _deleted WHERE entity = ?1 AND row = ?2",
    [ROVE_SQL_SCOPE_GET] = "SELECT rows, sum FROM _scope WHERE root = ?1 AND part = ?2",
    [ROVE_SQL_SCOPE_PUT] = "INSERT INTO _scope(root, part, rows, sum) VALUES(?1, ?2, ?3, ?4)"
                           " ON CONFLICT(root, part) DO UPDATE SET rows = excluded.rows,"
                           " sum = excluded.sum",
    [ROVE_SQL_SCOPE_DROP] = "DELETE FROM _scope WHERE root = ?1 AND part = ?2",
    [ROVE_SQL_SCOPE_ALL] = "SELECT root, part, rows, sum FROM _scope ORDER BY root, part",
    [ROVE_SQL_DISCARDED_PUT] = "INSERT INTO _discarded(entity, row, at, why, change)"
                               " VALUES(?1, ?2, ?3, ?4, ?5)",
    [ROVE_SQL_COUNTS] =
        "SELECT (SELECT count(*) FROM (SELECT DISTINCT entity, row FROM _outbox)),"
        " (SELECT count(*) FROM _outbox WHERE batch IS NULL),"
        " (SELECT count(*) FROM _batch WHERE state = 0),"
        " (SELECT count(*) FROM (SELECT DISTINCT entity, row FROM _quarantine)),"
        " (SELECT count(*) FROM _rejection),"
        " (SELECT count(*) FROM _unknown),"
        " (SELECT coalesce(sum(rows), 0) FROM _scope),"
        " (SELECT count(*) FROM _scope),"
        " (SELECT count(*) FROM (SELECT DISTINCT root, part FROM _repair WHERE again <> 0)),"
        " (SELECT count(*) FROM _batch WHERE state IN (3, 4)),"
        " (SELECT page_count FROM pragma_page_count),"
        " (SELECT freelist_count FROM pragma_freelist_count),"
        " (SELECT page_size FROM pragma_page_size),"
        " (SELECT count(*) FROM conflict WHERE status = 1),"
        " (SELECT count(*) FROM review WHERE state = 1),"
        " (SELECT count(*) FROM review WHERE state = 3)",
};
/* clang-format on */

#define DAMAGED                                                                                    \
    " Keep a copy of the folder for support; the replica can be downloaded again, but its "        \
    "unsent work is only here."

static rove_status advice(int code, const char **text) {
    *text = "";
    switch (code & 0xff) {
    case SQLITE_NOMEM:
        return ROVE_NOMEM;
    case SQLITE_FULL:
        *text = " Free some space and try again; what was committed is safe.";
        return ROVE_FULL;
    case SQLITE_READONLY:
    case SQLITE_PERM:
        *text = " Make the folder and its files writable.";
        return ROVE_READONLY;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_FORMAT:
        *text = DAMAGED;
        return ROVE_CORRUPT;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return ROVE_BUSY;
    case SQLITE_AUTH:
        *text = " Only one SELECT is allowed.";
        return ROVE_DENIED;
    case SQLITE_TOOBIG:
        return ROVE_TOO_BIG;
    case SQLITE_INTERRUPT:
        return ROVE_CANCELLED;
    case SQLITE_CONSTRAINT:
        return code == SQLITE_CONSTRAINT_PRIMARYKEY ? ROVE_EXISTS : ROVE_INVALID;
    case SQLITE_IOERR:
        if (code == SQLITE_IOERR_NOMEM) {
            return ROVE_NOMEM;
        }
        if (code == SQLITE_IOERR_AUTH) {
            return ROVE_LOCKED;
        }
        if (code == SQLITE_IOERR_DATA) {
            *text = DAMAGED;
            return ROVE_CORRUPT;
        }
        *text = " Check the disk and its free space; what was committed is safe.";
        return code == SQLITE_IOERR_SHMSIZE ? ROVE_FULL : ROVE_IO;
    case SQLITE_CANTOPEN:
        return ROVE_IO;
    default:
        return ROVE_INVALID;
    }
}

rove_status rove__sqlite_status(sqlite3 *db, int code, rove_error *error, const char *doing) {
    const char *text = "";

    if (code == SQLITE_OK || code == SQLITE_ROW || code == SQLITE_DONE) {
        return ROVE_OK;
    }
    if (db != NULL && (sqlite3_errcode(db) & 0xff) == (code & 0xff)) {
        code = sqlite3_extended_errcode(db);
    }
    rove_status status = advice(code, &text);
    return rove__error_foreign(error, status, ROVE_DOMAIN_SQLITE, code, "%s failed: %.120s.%s",
                               doing, db != NULL ? sqlite3_errmsg(db) : sqlite3_errstr(code), text);
}

static rove_status prepare(rove__store *store, const char *text, sqlite3_stmt **slot,
                           rove_error *error) {
    int code = sqlite3_prepare_v3(store->db, text, -1, SQLITE_PREPARE_PERSISTENT, slot, NULL);
    return code == SQLITE_OK ? ROVE_OK
                             : rove__sqlite_status(store->db, code, error, "Preparing a statement");
}

/* Hands out a kept statement, ready to be bound. */
static rove_status ready(sqlite3_stmt *slot, sqlite3_stmt **statement) {
    sqlite3_reset(slot);
    sqlite3_clear_bindings(slot);
    *statement = slot;
    return ROVE_OK;
}

rove_status rove__store_statement(rove__store *store, rove__sql which, sqlite3_stmt **statement,
                                  rove_error *error) {
    sqlite3_stmt **slot = &store->common[which];

    *statement = NULL;
    if (*slot == NULL) {
        rove_status status = prepare(store, common_texts[which], slot, error);
        if (status != ROVE_OK) {
            return status;
        }
    }
    return ready(*slot, statement);
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

static void put_parameters(rove__buf *sql, size_t count) {
    for (size_t i = 0; i < count; i++) {
        put(sql, i == 0 ? "?" : ", ?");
    }
}

/* Every column but id: the fields by ordinal, then ours. */
static void put_columns(rove__buf *sql, const rove__entity *entity, size_t fields) {
    for (size_t i = 0; i < fields; i++) {
        put_name(sql, entity->fields[i].name);
        put(sql, ", ");
    }
    put(sql, "_clock, _pending, _unknown");
}

static void put_excluded(rove__buf *sql, const rove__entity *entity) {
    for (size_t i = 0; i < entity->field_count; i++) {
        put_name(sql, entity->fields[i].name);
        put(sql, " = excluded.");
        put_name(sql, entity->fields[i].name);
        put(sql, ", ");
    }
    put(sql,
        "_clock = excluded._clock, _pending = excluded._pending, _unknown = excluded._unknown");
}

void rove__table_get_text(rove__buf *sql, const rove__entity *entity, size_t fields) {
    put(sql, "SELECT ");
    put_columns(sql, entity, fields);
    put(sql, " FROM ");
    put_name(sql, entity->table);
    put(sql, " WHERE id = ?1");
}

static void put_entity_text(rove__buf *sql, const rove__entity *entity, rove__entity_sql which) {
    switch (which) {
    case ROVE_ENTITY_SQL_GET:
        rove__table_get_text(sql, entity, entity->field_count);
        break;
    case ROVE_ENTITY_SQL_INSERT:
    case ROVE_ENTITY_SQL_REPLACE:
        put(sql, "INSERT INTO ");
        put_name(sql, entity->table);
        put(sql, "(id, ");
        put_columns(sql, entity, entity->field_count);
        put(sql, ") VALUES(");
        put_parameters(sql, entity->field_count + 4);
        put(sql, ")");
        if (which == ROVE_ENTITY_SQL_REPLACE) {
            put(sql, " ON CONFLICT(id) DO UPDATE SET ");
            put_excluded(sql, entity);
        }
        break;
    case ROVE_ENTITY_SQL_DELETE:
        put(sql, "DELETE FROM ");
        put_name(sql, entity->table);
        put(sql, " WHERE id = ?1");
        break;
    case ROVE_ENTITY_SQL_COUNT:
        break;
    }
}

/* A column that is not there: the reason is why it could not be made (rove__custom_recover). */
static rove_status prepare_text(rove__store *store, rove__buf *sql, sqlite3_stmt **slot,
                                rove_error *error) {
    rove__buf_byte(sql, 0);
    rove_status status = rove__buf_status(sql);
    if (status == ROVE_OK) {
        status = prepare(store, (const char *)sql->data, slot, error);
    }
    if (status == ROVE_INVALID && store->columns_missing != ROVE_OK) {
        status = rove__error_set(error, store->columns_missing,
                                 "A new field could not be added to the replica: %s",
                                 rove_status_text(store->columns_missing));
    }
    rove__buf_free(sql);
    return status;
}

/* Every caller has the entity from this registry, or has asked whether it is. */
static rove__entity_statements *statements_of(rove__store *store, const rove__entity *entity) {
    size_t at = 0;

    while (store->entities[at].entity != entity) {
        at++;
        ROVE_ASSERT(at < rove__registry_count(store->registry));
    }
    return &store->entities[at];
}

rove_status rove__store_entity_statement(rove__store *store, const rove__entity *entity,
                                         rove__entity_sql which, sqlite3_stmt **statement,
                                         rove_error *error) {
    rove__entity_statements *statements = statements_of(store, entity);

    *statement = NULL;
    sqlite3_stmt **slot = &statements->by_kind[which];
    if (*slot == NULL) {
        rove__buf sql;
        rove__buf_init(&sql, store->ports.allocator, SQL_MAX);
        put_entity_text(&sql, entity, which);
        rove_status status = prepare_text(store, &sql, slot, error);
        if (status != ROVE_OK) {
            return status;
        }
    }
    return ready(*slot, statement);
}

rove_status rove__store_update_statement(rove__store *store, const rove__entity *entity,
                                         size_t ordinal, sqlite3_stmt **statement,
                                         rove_error *error) {
    rove__entity_statements *statements = statements_of(store, entity);

    *statement = NULL;
    ROVE_ASSERT(ordinal < entity->field_count);
    sqlite3_stmt **slot = &statements->update_one[ordinal];
    if (*slot == NULL) {
        rove__buf sql;
        rove__buf_init(&sql, store->ports.allocator, SQL_MAX);
        put(&sql, "UPDATE ");
        put_name(&sql, entity->table);
        put(&sql, " SET ");
        put_name(&sql, entity->fields[ordinal].name);
        put(&sql, " = ?2, _pending = ?3 WHERE id = ?1");
        rove_status status = prepare_text(store, &sql, slot, error);
        if (status != ROVE_OK) {
            return status;
        }
    }
    return ready(*slot, statement);
}

rove_status rove__store_peek_statement(rove__store *store, const rove__entity *entity,
                                       size_t ordinal, sqlite3_stmt **statement,
                                       rove_error *error) {
    rove__entity_statements *statements = statements_of(store, entity);

    *statement = NULL;
    ROVE_ASSERT(ordinal < entity->field_count);
    sqlite3_stmt **slot = &statements->peek_one[ordinal];
    if (*slot == NULL) {
        size_t seal = entity->seal_field >= 0 ? (size_t)entity->seal_field : ordinal;
        rove__buf sql;
        rove__buf_init(&sql, store->ports.allocator, SQL_MAX);
        put(&sql, "SELECT ");
        put_name(&sql, entity->fields[ordinal].name);
        put(&sql, ", ");
        put_name(&sql, entity->fields[seal].name);
        put(&sql, ", _clock, _pending FROM ");
        put_name(&sql, entity->table);
        put(&sql, " WHERE id = ?1");
        rove_status status = prepare_text(store, &sql, slot, error);
        if (status != ROVE_OK) {
            return status;
        }
    }
    return ready(*slot, statement);
}

rove_status rove__store_element_statement(rove__store *store, const rove__entity *entity,
                                          size_t ordinal, rove__element_sql which,
                                          sqlite3_stmt **statement, rove_error *error) {
    rove__entity_statements *statements = statements_of(store, entity);

    *statement = NULL;
    ROVE_ASSERT(ordinal < entity->field_count && entity->fields[ordinal].kind == ROVE_KIND_SET);
    sqlite3_stmt **slot = &statements->elements[ordinal][which];
    if (*slot == NULL) {
        rove__buf sql;
        rove__buf_init(&sql, store->ports.allocator, SQL_MAX);
        put(&sql, which == ROVE_ELEMENT_SQL_PUT ? "INSERT OR IGNORE INTO \"" : "DELETE FROM \"");
        put(&sql, entity->table);
        put(&sql, "_");
        put(&sql, entity->fields[ordinal].name);
        put(&sql, which == ROVE_ELEMENT_SQL_PUT ? "\"(element, id) VALUES(?1, ?2)"
                                                : "\" WHERE element = ?1 AND id = ?2");
        rove_status status = prepare_text(store, &sql, slot, error);
        if (status != ROVE_OK) {
            return status;
        }
    }
    return ready(*slot, statement);
}

rove_status rove__store_run(rove__store *store, sqlite3_stmt *statement, rove_error *error,
                            const char *doing) {
    int code = sqlite3_step(statement);
    rove_status status = ROVE_OK;

    if (code != SQLITE_DONE && code != SQLITE_ROW) {
        status = rove__sqlite_status(store->db, code, error, doing);
    }
    sqlite3_reset(statement);
    return status;
}

static void forget(sqlite3_stmt **slots, size_t count) {
    for (size_t i = 0; i < count; i++) {
        sqlite3_finalize(slots[i]);
        slots[i] = NULL;
    }
}

void rove__store_finalize(rove__store *store) {
    rove__exchange_finalize(store);
    forget(store->common, ROVE_SQL_COMMON_COUNT);
    for (size_t i = 0; store->entities != NULL && i < rove__registry_count(store->registry); i++) {
        rove__entity_statements *statements = &store->entities[i];
        forget(statements->by_kind, ROVE_ENTITY_SQL_COUNT);
        forget(statements->update_one, ROVE_FIELDS_MAX);
        forget(statements->peek_one, ROVE_FIELDS_MAX);
        forget(&statements->elements[0][0], (size_t)ROVE_FIELDS_MAX * ROVE_ELEMENT_SQL_COUNT);
    }
}

int rove__bind_value(sqlite3_stmt *statement, int at, const rove_value *value) {
    switch (value->type) {
    case ROVE_INT:
        return sqlite3_bind_int64(statement, at, value->as.integer);
    case ROVE_REAL:
        return sqlite3_bind_double(statement, at, value->as.real);
    case ROVE_TEXT:
        return sqlite3_bind_text64(statement, at,
                                   value->size > 0 ? (const char *)value->as.data : "", value->size,
                                   SQLITE_STATIC, SQLITE_UTF8);
    case ROVE_BLOB:
        return sqlite3_bind_blob64(statement, at,
                                   value->size > 0 ? (const void *)value->as.data : "", value->size,
                                   SQLITE_STATIC);
    case ROVE_NULL:
    default:
        return sqlite3_bind_null(statement, at);
    }
}

rove_value rove__column_value(sqlite3_stmt *statement, int at) {
    sqlite3_value *column = sqlite3_column_value(statement, at);
    int type = sqlite3_value_type(column);

    switch (type) {
    case SQLITE_INTEGER:
        return rove__value_int(sqlite3_value_int64(column));
    case SQLITE_FLOAT:
        return rove__value_real(sqlite3_value_double(column));
    case SQLITE_TEXT:
    case SQLITE_BLOB: {
        /* The text is UTF-8 as it lies in the file: read as a blob it is neither converted nor copied. */
        const void *data = sqlite3_value_blob(column);
        size_t size = (size_t)sqlite3_value_bytes(column);
        return rove__value_bytes(type == SQLITE_TEXT ? ROVE_TEXT : ROVE_BLOB, data, size);
    }
    default:
        return rove__value_null();
    }
}
