/*
 * store/read.c - rows as a person sees them: inside a local transaction, and on connections of their own.
 *
 * A reader's connection is read-only: it sees the last committed state, never waits for the writer, and never
 * moves the log into the main file. It prepares one statement per entity, at first use.
 */
#include "store/read.h"

#include <string.h>

#include "base/text.h"
#include "store/write.h"

#define SCHEMA_TRIES 100 /* each takes another field that was defined meanwhile */
#define SQL_MAX      65536

static rove_status as_seen(rove__stored *stored, rove__arena *arena, rove__row *row) {
    rove_status status = rove__write_plain(&stored->row, arena, row);
    return status;
}

rove_status rove__store_get(rove__store *store, const rove__entity *entity, rove_id id,
                            rove__arena *arena, rove__row *row) {
    rove__stored stored;

    if (!store->in_transaction) {
        return ROVE_STATE;
    }
    rove_status status = rove__store_check(store, NULL);
    if (status == ROVE_OK) {
        status = rove__table_get(store, entity, id, arena, &stored, NULL);
    }
    return status == ROVE_OK ? as_seen(&stored, arena, row) : status;
}

/* ---- readers ---- */

static rove_status configure(sqlite3 *db, rove_error *error) {
    rove_status status = rove__connection_harden(db, error);

    if (status == ROVE_OK) {
        int code = sqlite3_exec(db,
                                "PRAGMA query_only = ON; PRAGMA temp_store = MEMORY;"
                                "PRAGMA mmap_size = 0; PRAGMA cell_size_check = ON;"
                                "PRAGMA wal_autocheckpoint = 0;",
                                NULL, NULL, NULL);
        status = rove__sqlite_status(db, code, error, "Opening a reader");
    }
    if (status == ROVE_OK) {
        int code = sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
        status = rove__sqlite_status(db, code, error, "Opening a reader");
    }
    return status;
}

rove_status rove__reader_open(rove__store *store, rove__reader_connection **out,
                              rove_error *error) {
    const rove_allocator *allocator = store->ports.allocator;

    *out = NULL;
    rove_status status = rove__store_check(store, error);
    if (status != ROVE_OK) {
        return status;
    }
    rove__reader_connection *reader = rove__alloc_zeroed(allocator, 1, sizeof *reader);
    if (reader == NULL) {
        return rove__error_set(error, ROVE_NOMEM, "There is not enough memory for a reader.");
    }
    reader->store = store;
    reader->gets =
        rove__alloc_zeroed(allocator, rove__registry_count(store->registry), sizeof *reader->gets);
    status = reader->gets != NULL ? ROVE_OK : ROVE_NOMEM;
    if (status == ROVE_OK) {
        int code = rove__connection_open(store, SQLITE_OPEN_READONLY, &reader->db);
        status = rove__sqlite_status(reader->db, code, error, "Opening a reader");
    }
    if (status == ROVE_OK) {
        status = configure(reader->db, error);
    }
    if (status == ROVE_OK) {
        status = rove__query_guard(reader, error);
    }
    if (status != ROVE_OK) {
        rove__reader_close(reader);
        return status;
    }
    *out = reader;
    return ROVE_OK;
}

void rove__reader_close(rove__reader_connection *reader) {
    if (reader == NULL) {
        return;
    }
    const rove_allocator *allocator = reader->store->ports.allocator;
    size_t count = rove__registry_count(reader->store->registry);
    for (size_t i = 0; reader->gets != NULL && i < count; i++) {
        sqlite3_finalize(reader->gets[i].statement);
    }
    sqlite3_close_v2(reader->db);
    rove__free(allocator, reader->gets);
    rove__free(allocator, reader);
}

int rove__reader_prepare(rove__reader_connection *reader, const char *sql, unsigned flags,
                         sqlite3_stmt **statement, const char **tail) {
    int code = SQLITE_SCHEMA;

    for (int i = 0; i < SCHEMA_TRIES && (code & 0xff) == SQLITE_SCHEMA; i++) {
        code = sqlite3_prepare_v3(reader->db, sql, -1, flags, statement, tail);
    }
    return code;
}

int rove__reader_step(sqlite3_stmt *statement) {
    int code = SQLITE_SCHEMA;

    for (int i = 0; i < SCHEMA_TRIES && (code & 0xff) == SQLITE_SCHEMA; i++) {
        code = sqlite3_step(statement);
    }
    return code;
}

static rove_status prepare_get(rove__reader_connection *reader, const rove__entity *entity,
                               size_t fields, int *code, sqlite3_stmt **statement) {
    rove__buf sql;

    rove__buf_init(&sql, reader->store->ports.allocator, SQL_MAX);
    rove__table_get_text(&sql, entity, fields);
    rove__buf_byte(&sql, 0);
    rove_status status = rove__buf_status(&sql);
    if (status == ROVE_OK) {
        *code = rove__reader_prepare(reader, (const char *)sql.data, SQLITE_PREPARE_PERSISTENT,
                                     statement, NULL);
    }
    rove__buf_free(&sql);
    return status;
}

/*
 * The entity's statement; made again when the entity has gained fields. A field is in the model before its column is
 * committed: until then the statement does without it.
 */
static rove_status get_statement(rove__reader_connection *reader, const rove__entity *entity,
                                 rove__reader_get_statement *get, rove_error *error) {
    size_t fields = entity->field_count;
    int code = SQLITE_OK;

    if (get->statement != NULL && get->fields == fields) {
        return ROVE_OK;
    }
    sqlite3_finalize(get->statement);
    get->statement = NULL;
    rove_status status = prepare_get(reader, entity, fields, &code, &get->statement);
    while (status == ROVE_OK && (code & 0xff) == SQLITE_ERROR && fields > 0 &&
           (entity->fields[fields - 1].flags & ROVE_FIELD_CUSTOM) != 0) {
        fields--;
        status = prepare_get(reader, entity, fields, &code, &get->statement);
    }
    get->fields = fields;
    return status == ROVE_OK ? rove__sqlite_status(reader->db, code, error, "Preparing a statement")
                             : status;
}

static rove_status find_get(rove__reader_connection *reader, const rove__entity *entity,
                            rove__reader_get_statement **get, rove_error *error) {
    const rove__registry *registry = reader->store->registry;
    size_t at = 0;

    while (at < rove__registry_count(registry) && rove__registry_at(registry, at) != entity) {
        at++;
    }
    if (at == rove__registry_count(registry)) {
        return rove__error_set(error, ROVE_UNKNOWN_ENTITY,
                               "The entity is not one of this replica's.");
    }
    *get = &reader->gets[at];
    return ROVE_OK;
}

/* Whether the row that was just reached may have values in columns that the statement did not ask for. */
static int is_outdated(const rove__reader_get_statement *get, const rove__entity *entity) {
    return get->fields != entity->field_count &&
           sqlite3_stmt_status(get->statement, SQLITE_STMTSTATUS_REPREPARE, 0) > 0;
}

/* To the row; the statement stands on it. */
static rove_status step_get(rove__reader_connection *reader, const rove__entity *entity, rove_id id,
                            rove__reader_get_statement *get, rove_error *error) {
    int code = SQLITE_OK;

    do {
        sqlite3_reset(get->statement);
        rove_status status = get_statement(reader, entity, get, error);
        if (status != ROVE_OK) {
            return status;
        }
        sqlite3_bind_int64(get->statement, 1, id);
        code = rove__reader_step(get->statement);
    } while (code == SQLITE_ROW && is_outdated(get, entity));
    if (code == SQLITE_DONE) {
        return rove__error_set(error, ROVE_NOT_FOUND, "There is no %s with the id %lld.",
                               entity->table, (long long)id);
    }
    return code == SQLITE_ROW ? ROVE_OK
                              : rove__sqlite_status(reader->db, code, error, "Reading a row");
}

rove_status rove__reader_get(rove__reader_connection *reader, const rove__entity *entity,
                             rove_id id, rove__arena *arena, rove__row *row) {
    rove__reader_get_statement *get = NULL;
    rove__stored stored;

    rove_status status = find_get(reader, entity, &get, NULL);
    if (status == ROVE_OK) {
        status = rove__store_check(reader->store, NULL);
    }
    if (status != ROVE_OK) {
        return status;
    }
    status = step_get(reader, entity, id, get, NULL);
    if (status == ROVE_OK) {
        status = rove__table_read(get->statement, entity, id, arena, &stored, NULL);
    }
    sqlite3_reset(get->statement);
    return status == ROVE_OK ? as_seen(&stored, arena, row) : status;
}
