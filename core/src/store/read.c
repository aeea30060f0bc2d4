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

#define SQL_MAX 65536

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
    rove_status status = rove__table_get(store, entity, id, arena, &stored, NULL);
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
    rove__reader_connection *reader = rove__alloc_zeroed(allocator, 1, sizeof *reader);

    *out = NULL;
    if (reader == NULL) {
        return rove__error_set(error, ROVE_NOMEM, "There is not enough memory for a reader.");
    }
    reader->store = store;
    reader->gets =
        rove__alloc_zeroed(allocator, rove__registry_count(store->registry), sizeof *reader->gets);
    rove_status status = reader->gets != NULL ? ROVE_OK : ROVE_NOMEM;
    if (status == ROVE_OK) {
        int code =
            sqlite3_open_v2(store->path, &reader->db,
                            SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE,
                            store->ports.vfs);
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

/* The entity's statement; made again when custom fields have widened the table. */
static rove_status get_statement(rove__reader_connection *reader, const rove__entity *entity,
                                 sqlite3_stmt **statement, rove_error *error) {
    const rove__registry *registry = reader->store->registry;
    size_t at = 0;

    *statement = NULL;
    while (at < rove__registry_count(registry) && rove__registry_at(registry, at) != entity) {
        at++;
    }
    if (at == rove__registry_count(registry)) {
        return rove__error_set(error, ROVE_UNKNOWN_ENTITY,
                               "The entity is not one of this replica's.");
    }
    rove__reader_get_statement *get = &reader->gets[at];
    if (get->statement != NULL && get->fields != entity->field_count) {
        sqlite3_finalize(get->statement);
        get->statement = NULL;
    }
    if (get->statement == NULL) {
        rove__buf sql;
        rove__buf_init(&sql, reader->store->ports.allocator, SQL_MAX);
        rove__table_get_text(&sql, entity);
        rove__buf_byte(&sql, 0);
        rove_status status = rove__buf_status(&sql);
        if (status == ROVE_OK) {
            int code = sqlite3_prepare_v3(reader->db, (const char *)sql.data, -1,
                                          SQLITE_PREPARE_PERSISTENT, &get->statement, NULL);
            status = rove__sqlite_status(reader->db, code, error, "Preparing a statement");
        }
        rove__buf_free(&sql);
        if (status != ROVE_OK) {
            return status;
        }
        get->fields = entity->field_count;
    }
    *statement = get->statement;
    return ROVE_OK;
}

static rove_status read_row(rove__reader_connection *reader, const rove__entity *entity, rove_id id,
                            rove__arena *arena, rove__row *row, rove_error *error) {
    sqlite3_stmt *statement = NULL;
    rove__stored stored;

    rove_status status = get_statement(reader, entity, &statement, error);
    if (status != ROVE_OK) {
        return status;
    }
    sqlite3_bind_int64(statement, 1, id);
    int code = sqlite3_step(statement);
    if (code == SQLITE_ROW) {
        status = rove__table_read(statement, entity, id, arena, &stored, error);
    } else if (code == SQLITE_DONE) {
        status = rove__error_set(error, ROVE_NOT_FOUND, "There is no %s with the id %lld.",
                                 entity->table, (long long)id);
    } else {
        status = rove__sqlite_status(reader->db, code, error, "Reading a row");
    }
    sqlite3_reset(statement);
    return status == ROVE_OK ? as_seen(&stored, arena, row) : status;
}

rove_status rove__reader_get(rove__reader_connection *reader, const rove__entity *entity,
                             rove_id id, rove__arena *arena, rove__row *row) {
    /* The registry grows only under this mutex, and only for moments. */
    sqlite3_mutex_enter(reader->store->shared_mutex);
    rove_status status = read_row(reader, entity, id, arena, row, NULL);
    sqlite3_mutex_leave(reader->store->shared_mutex);
    return status;
}
