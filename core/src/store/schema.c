/*
 * store/schema.c - makes the replica's tables, and widens those of the entities, from the registry.
 *
 * Everything happens in one transaction, so that a failed upgrade leaves the old replica. Tables and columns
 * are only ever added; a column that the registry does not know any more stays where it is. A replica that this layout was
 * applied to says so, and is opened without asking SQLite for each table.
 */
#include "store/schema.h"

#include <inttypes.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/siphash.h"
#include "base/text.h"
#include "store/internal.h"

#define APPLICATION_ID 0x526f7665 /* "Rove" */
#define TABLES_VERSION 1
#define SQL_MAX        65536

/* clang-format off */
static const char *const tables_beside[] = {
    "CREATE TABLE IF NOT EXISTS _meta(key TEXT PRIMARY KEY, value ANY) WITHOUT ROWID, STRICT",
    "CREATE TABLE IF NOT EXISTS _outbox(seq INTEGER PRIMARY KEY, entity INTEGER NOT NULL,"
    " row INTEGER NOT NULL, previous INTEGER, batch INTEGER, first_tx INTEGER NOT NULL,"
    " last_tx INTEGER NOT NULL, body BLOB NOT NULL) STRICT",
    "CREATE INDEX IF NOT EXISTS _outbox_by_batch ON _outbox(batch) WHERE batch IS NOT NULL",
    "CREATE TABLE IF NOT EXISTS _deleted(entity INTEGER NOT NULL, row INTEGER NOT NULL,"
    " entry INTEGER NOT NULL, PRIMARY KEY (entity, row)) WITHOUT ROWID, STRICT",
    "CREATE TABLE IF NOT EXISTS _batch(number INTEGER PRIMARY KEY, state INTEGER NOT NULL,"
    " schema INTEGER NOT NULL, frames INTEGER NOT NULL, hash BLOB NOT NULL, chain BLOB,"
    " seq INTEGER) STRICT",
    "CREATE TABLE IF NOT EXISTS _frame(batch INTEGER NOT NULL, ordinal INTEGER NOT NULL,"
    " rows BLOB NOT NULL, PRIMARY KEY (batch, ordinal)) STRICT",
    "CREATE TABLE IF NOT EXISTS _sealed(batch INTEGER NOT NULL, ordinal INTEGER NOT NULL,"
    " at INTEGER NOT NULL, record BLOB NOT NULL, PRIMARY KEY (batch, ordinal)) STRICT",
    "CREATE TABLE IF NOT EXISTS _scope(root INTEGER NOT NULL, part INTEGER NOT NULL,"
    " rows INTEGER NOT NULL, sum BLOB NOT NULL, PRIMARY KEY (root, part)) WITHOUT ROWID, STRICT",
    "CREATE TABLE IF NOT EXISTS _transfer(root INTEGER NOT NULL, part INTEGER NOT NULL,"
    " fresh INTEGER NOT NULL, buckets INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (root, part))"
    " WITHOUT ROWID, STRICT",
    "CREATE TABLE IF NOT EXISTS _repair(root INTEGER NOT NULL, part INTEGER NOT NULL,"
    " bucket INTEGER NOT NULL, at INTEGER NOT NULL, again INTEGER NOT NULL,"
    " PRIMARY KEY (root, part, bucket)) WITHOUT ROWID, STRICT",
    "CREATE TABLE IF NOT EXISTS _named(root INTEGER NOT NULL, part INTEGER NOT NULL,"
    " entity INTEGER NOT NULL, row INTEGER NOT NULL, PRIMARY KEY (root, part, entity, row))"
    " WITHOUT ROWID, STRICT",
    "CREATE TABLE IF NOT EXISTS _quarantine(seq INTEGER PRIMARY KEY, entity INTEGER NOT NULL,"
    " row INTEGER NOT NULL, root INTEGER NOT NULL, part INTEGER NOT NULL, status INTEGER NOT NULL,"
    " reason TEXT NOT NULL, change BLOB NOT NULL, term BLOB) STRICT",
    "CREATE INDEX IF NOT EXISTS _quarantine_by_row ON _quarantine(entity, row)",
    "CREATE TABLE IF NOT EXISTS _unknown(entity INTEGER NOT NULL, row INTEGER NOT NULL,"
    " root INTEGER NOT NULL, part INTEGER NOT NULL, change BLOB NOT NULL, term BLOB NOT NULL,"
    " PRIMARY KEY (entity, row)) WITHOUT ROWID, STRICT",
    "CREATE TABLE IF NOT EXISTS _rejection(seq INTEGER PRIMARY KEY, entity INTEGER NOT NULL,"
    " row INTEGER NOT NULL, op INTEGER NOT NULL, field INTEGER NOT NULL, status INTEGER NOT NULL,"
    " reason TEXT NOT NULL, at INTEGER NOT NULL, change BLOB NOT NULL) STRICT",
    "CREATE TABLE IF NOT EXISTS _discarded(seq INTEGER PRIMARY KEY, entity INTEGER NOT NULL,"
    " row INTEGER NOT NULL, at INTEGER NOT NULL, why TEXT NOT NULL, change BLOB NOT NULL) STRICT",
    "CREATE TABLE IF NOT EXISTS _renamed(entity INTEGER NOT NULL, row INTEGER NOT NULL,"
    " stamp INTEGER NOT NULL, replica INTEGER NOT NULL, became INTEGER NOT NULL,"
    " PRIMARY KEY (entity, row, stamp, replica)) WITHOUT ROWID, STRICT",
    "CREATE TABLE IF NOT EXISTS _needed(stamp INTEGER NOT NULL, replica INTEGER NOT NULL,"
    " PRIMARY KEY (stamp, replica)) WITHOUT ROWID, STRICT",
};
/* clang-format on */

/* SQL under construction: text appended to a buffer, ended and run by run(). */
static void put(rove__buf *sql, const char *text) {
    rove__buf_append(sql, text, strlen(text));
}

static void put_name(rove__buf *sql, const char *before, const char *middle, const char *after) {
    put(sql, "\"");
    put(sql, before);
    put(sql, middle);
    put(sql, after);
    put(sql, "\"");
}

static rove_status execute(sqlite3 *db, const char *sql, rove_error *error) {
    int code = sqlite3_exec(db, sql, NULL, NULL, NULL);
    return code == SQLITE_OK ? ROVE_OK
                             : rove__sqlite_status(db, code, error, "Preparing the tables");
}

static rove_status run(sqlite3 *db, rove__buf *sql, rove_error *error) {
    rove__buf_byte(sql, 0);
    rove_status status = rove__buf_status(sql);
    if (status == ROVE_OK) {
        status = execute(db, (const char *)sql->data, error);
    }
    rove__buf_reset(sql);
    return status;
}

static rove_status pragma_int(sqlite3 *db, const char *sql, int64_t *value, rove_error *error) {
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(db, sql, -1, &statement, NULL);

    *value = 0;
    if (code == SQLITE_OK) {
        code = sqlite3_step(statement);
        if (code == SQLITE_ROW) {
            *value = sqlite3_column_int64(statement, 0);
            code = SQLITE_OK;
        } else if (code == SQLITE_DONE) {
            code = SQLITE_OK;
        }
    }
    sqlite3_finalize(statement);
    return code == SQLITE_OK
               ? ROVE_OK
               : rove__sqlite_status(db, code, error, "Reading the replica's version");
}

static const char *column_type(const rove__field *field) {
    if (field->kind == ROVE_KIND_SET) {
        return " BLOB";
    }
    switch (field->type) {
    case ROVE_TEXT:
        return " TEXT";
    case ROVE_BLOB:
        return " BLOB";
    case ROVE_REAL:
        return " REAL";
    default:
        return " INTEGER";
    }
}

/* Which columns a table has: *known counts all, `has` those of the entity by ordinal. */
static rove_status read_columns(sqlite3 *db, const rove__entity *entity, rove__bits *has,
                                int *known, rove_error *error) {
    sqlite3_stmt *statement = NULL;
    int code =
        sqlite3_prepare_v2(db, "SELECT name FROM pragma_table_info(?1)", -1, &statement, NULL);

    *known = 0;
    memset(has, 0, sizeof *has);
    if (code == SQLITE_OK) {
        code = sqlite3_bind_text(statement, 1, entity->table, -1, SQLITE_STATIC);
    }
    while (code == SQLITE_OK && (code = sqlite3_step(statement)) == SQLITE_ROW) {
        const char *name = (const char *)sqlite3_column_text(statement, 0);
        int ordinal = name != NULL ? rove__entity_field_named(entity, name) : -1;
        *known += 1;
        if (ordinal >= 0) {
            rove__bits_set(has, (size_t)ordinal);
        }
        code = SQLITE_OK;
    }
    sqlite3_finalize(statement);
    return code == SQLITE_DONE ? ROVE_OK
                               : rove__sqlite_status(db, code, error, "Reading the tables");
}

static void put_table(rove__buf *sql, const rove__entity *entity) {
    put(sql, "CREATE TABLE ");
    put_name(sql, entity->table, "", "");
    put(sql, "(id INTEGER PRIMARY KEY");
    for (size_t i = 0; i < entity->field_count; i++) {
        put(sql, ", ");
        put_name(sql, entity->fields[i].name, "", "");
        put(sql, column_type(&entity->fields[i]));
    }
    put(sql, ", _clock BLOB NOT NULL, _pending INTEGER, _unknown BLOB) STRICT;");
}

static rove_status add_columns(sqlite3 *db, const rove__entity *entity, const rove__bits *has,
                               rove__buf *sql, rove_error *error) {
    rove_status status = ROVE_OK;

    for (size_t i = 0; i < entity->field_count && status == ROVE_OK; i++) {
        if (!rove__bits_get(has, i)) {
            put(sql, "ALTER TABLE ");
            put_name(sql, entity->table, "", "");
            put(sql, " ADD COLUMN ");
            put_name(sql, entity->fields[i].name, "", "");
            put(sql, column_type(&entity->fields[i]));
            status = run(db, sql, error);
        }
    }
    return status;
}

static void put_index(rove__buf *sql, const rove__entity *entity, const char *name,
                      const int *fields, size_t count) {
    put(sql, "CREATE INDEX IF NOT EXISTS ");
    if (name != NULL) {
        put_name(sql, name, "", "");
    } else {
        put_name(sql, entity->table, "_by_", entity->fields[fields[0]].name);
    }
    put(sql, " ON ");
    put_name(sql, entity->table, "", "");
    for (size_t i = 0; i < count && fields[i] >= 0; i++) {
        put(sql, i == 0 ? "(" : ", ");
        put_name(sql, entity->fields[fields[i]].name, "", "");
    }
    put(sql, ");");
}

/* What stands beside an entity's table: those of its sets, and the indexes. */
static void put_beside(rove__buf *sql, const rove__entity *entity) {
    int scope_indexed = entity->scope_field < 0;

    for (size_t i = 0; i < entity->field_count; i++) {
        if (entity->fields[i].kind == ROVE_KIND_SET) {
            put(sql, "CREATE TABLE IF NOT EXISTS ");
            put_name(sql, entity->table, "_", entity->fields[i].name);
            put(sql, "(element ANY NOT NULL, id INTEGER NOT NULL, PRIMARY KEY (element, id))"
                     " WITHOUT ROWID, STRICT;");
        }
    }
    for (size_t i = 0; i < entity->index_count; i++) {
        const rove__index *index = &entity->indexes[i];
        put_index(sql, entity, index->name, index->fields, 3);
        scope_indexed |= index->fields[0] == entity->scope_field;
    }
    if (!scope_indexed) {
        put_index(sql, entity, NULL, &entity->scope_field, 1);
    }
}

rove_status rove__schema_widen(sqlite3 *db, const rove__entity *entity,
                               const rove_allocator *allocator, rove_error *error) {
    rove__buf sql;
    rove__bits has;
    int known = 0;

    rove__buf_init(&sql, allocator, SQL_MAX);
    rove_status status = read_columns(db, entity, &has, &known, error);
    if (status == ROVE_OK && known != 0) {
        status = add_columns(db, entity, &has, &sql, error);
    } else if (status == ROVE_OK) {
        put_table(&sql, entity);
    }
    if (status == ROVE_OK) {
        put_beside(&sql, entity);
        status = run(db, &sql, error);
    }
    rove__buf_free(&sql);
    return status;
}

rove_status rove__schema_check(sqlite3 *db, rove_error *error) {
    int64_t application = 0;
    int64_t tables = 0;
    int64_t there = 0;
    int64_t schema = 0;

    rove_status status = pragma_int(db, "PRAGMA application_id", &application, error);
    if (status == ROVE_OK) {
        status = pragma_int(db, "PRAGMA user_version", &tables, error);
    }
    if (status == ROVE_OK) {
        status = pragma_int(db, "SELECT count(*) FROM sqlite_schema", &there, error);
    }
    if (status != ROVE_OK || there == 0) {
        return status;
    }
    if (application != APPLICATION_ID) {
        return rove__error_set(error, ROVE_CORRUPT,
                               "replica.db is not a replica of Rove. Move it away and open again.");
    }
    status = pragma_int(db, "SELECT value FROM _meta WHERE key = '" ROVE_META_SCHEMA "'", &schema,
                        error);
    if (status == ROVE_OK && (tables > TABLES_VERSION || schema > ROVE_SCHEMA_VERSION)) {
        status =
            rove__error_set(error, ROVE_UPGRADE,
                            "The replica was written by a newer version of the app (schema %d). "
                            "Install that version again; unsent work is safe.",
                            (int)(schema > 0x7fffffff ? 0x7fffffff : schema));
    }
    return status;
}

/* Columns that tables beside the entities' gained since they were first made. */
static rove_status widen_beside(sqlite3 *db, rove_error *error) {
    int64_t there = 0;
    rove_status status =
        pragma_int(db, "SELECT count(*) FROM pragma_table_info('_transfer') WHERE name = 'buckets'",
                   &there, error);

    if (status != ROVE_OK || there != 0) {
        return status;
    }
    return execute(db, "ALTER TABLE _transfer ADD COLUMN buckets INTEGER NOT NULL DEFAULT 0",
                   error);
}

/* What is made for a registry, as a number: the same for the same statements. */
static rove_status layout_of(const rove__registry *registry, const rove_allocator *allocator,
                             int64_t *layout) {
    static const uint8_t key[ROVE_HASH_KEY_SIZE] = {0};
    rove__hash128 sum = {0, 0};
    rove__buf sql;
    rove_status status = ROVE_OK;

    rove__buf_init(&sql, allocator, SQL_MAX);
    for (size_t i = 0; i < sizeof tables_beside / sizeof *tables_beside; i++) {
        rove__hash128_add(&sum, rove__siphash128(key, tables_beside[i], strlen(tables_beside[i])));
    }
    for (size_t i = 0; i < rove__registry_count(registry) && status == ROVE_OK; i++) {
        put_table(&sql, rove__registry_at(registry, i));
        put_beside(&sql, rove__registry_at(registry, i));
        status = rove__buf_status(&sql);
        if (status == ROVE_OK) {
            rove__hash128_add(&sum, rove__siphash128(key, sql.data, sql.size));
        }
        rove__buf_reset(&sql);
    }
    rove__buf_free(&sql);
    *layout = (int64_t)(sum.low >> 1);
    return status;
}

static void put_number(rove__buf *sql, int64_t number) {
    char text[24];
    rove__text_format(text, sizeof text, "%" PRId64, number);
    put(sql, text);
}

static rove_status apply_all(sqlite3 *db, const rove__registry *registry, int64_t layout,
                             const rove_allocator *allocator, rove_error *error) {
    rove__buf sql;
    rove_status status = ROVE_OK;

    for (size_t i = 0; i < sizeof tables_beside / sizeof *tables_beside && status == ROVE_OK; i++) {
        status = execute(db, tables_beside[i], error);
    }
    if (status == ROVE_OK) {
        status = widen_beside(db, error);
    }
    for (size_t i = 0; i < rove__registry_count(registry) && status == ROVE_OK; i++) {
        status = rove__schema_widen(db, rove__registry_at(registry, i), allocator, error);
    }
    rove__buf_init(&sql, allocator, SQL_MAX);
    if (status == ROVE_OK) {
        put(&sql, "INSERT INTO _meta(key, value) VALUES('" ROVE_META_SCHEMA "', ");
        put_number(&sql, ROVE_SCHEMA_VERSION);
        put(&sql, "), ('" ROVE_META_LAYOUT "', ");
        put_number(&sql, layout);
        put(&sql, ") ON CONFLICT(key) DO UPDATE SET value = excluded.value"
                  " WHERE value <> excluded.value; PRAGMA application_id = ");
        put_number(&sql, APPLICATION_ID);
        put(&sql, "; PRAGMA user_version = ");
        put_number(&sql, TABLES_VERSION);
        status = run(db, &sql, error);
    }
    rove__buf_free(&sql);
    return status;
}

/* The layout that the replica has, by what it says; 0: it is new, or of a build that did not say. */
static rove_status has_layout(sqlite3 *db, int64_t *layout, rove_error *error) {
    rove_status status =
        pragma_int(db, "SELECT count(*) FROM sqlite_schema WHERE name = '_meta'", layout, error);
    if (status == ROVE_OK && *layout != 0) {
        status = pragma_int(db, "SELECT value FROM _meta WHERE key = '" ROVE_META_LAYOUT "'",
                            layout, error);
    }
    return status;
}

rove_status rove__schema_apply(sqlite3 *db, const rove__registry *registry,
                               const rove_allocator *allocator, rove_error *error) {
    int64_t layout = 0;
    int64_t there = 0;
    rove_status status = layout_of(registry, allocator, &layout);
    if (status != ROVE_OK) {
        return status;
    }
    status = has_layout(db, &there, error);
    if (status != ROVE_OK || there == layout) {
        return status;
    }
    status = execute(db, "BEGIN IMMEDIATE", error);

    if (status != ROVE_OK) {
        return status;
    }
    status = apply_all(db, registry, layout, allocator, error);
    if (status == ROVE_OK) {
        status = execute(db, "COMMIT", error);
    }
    if (!sqlite3_get_autocommit(db)) {
        sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
    }
    return status;
}
