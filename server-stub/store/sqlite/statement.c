/*
 * store/sqlite/statement.c - prepared statements, kept per connection, and values in and out of them.
 *
 * A statement in use is taken out of its slot, so that a callback may run the same one again: it then finds
 * the slot empty and prepares a second, of which one is kept in the end.
 *
 * A statement of an entity names the columns that this snapshot has. Custom fields are added at the end, so
 * where the registry is ahead of the tables the last ones are left out, until the next transaction tries again.
 */
#include <errno.h>
#include <string.h>

#include "base/assert.h"
#include "base/text.h"
#include "store/sqlite/lite.h"

#define SQL_MAX 65536

/* ---- what a result code means ---- */

static rove_status status_of_errno(int number) {
    switch (number) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        return ROVE_FULL;
    case EROFS:
    case EACCES:
    case EPERM:
        return ROVE_READONLY;
    default:
        return ROVE_IO;
    }
}

static int errno_of_file(sqlite3_file *file) {
    int number = 0;

    if (file == NULL || file->pMethods == NULL ||
        file->pMethods->xFileControl(file, SQLITE_FCNTL_LAST_ERRNO, &number) != SQLITE_OK) {
        return 0;
    }
    return number;
}

/*
 * Why a file could not be opened, read or written. SQLite reports a full disk as such, but not a quota or a
 * limit on file sizes; and what it kept for the connection may be overwritten by the rollback that followed.
 */
static int errno_of(sqlite3 *db) {
    sqlite3_file *file = NULL;
    int number = db != NULL ? sqlite3_system_errno(db) : 0;

    if (db != NULL && number == 0 &&
        sqlite3_file_control(db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &file) == SQLITE_OK) {
        number = errno_of_file(file);
    }
    if (db != NULL && number == 0 &&
        sqlite3_file_control(db, "main", SQLITE_FCNTL_FILE_POINTER, &file) == SQLITE_OK) {
        number = errno_of_file(file);
    }
    return number;
}

static rove_status status_of_constraint(int code) {
    switch (code) {
    case SQLITE_CONSTRAINT_PRIMARYKEY:
    case SQLITE_CONSTRAINT_ROWID:
    case SQLITE_CONSTRAINT_UNIQUE:
        return ROVE_EXISTS;
    default:
        return ROVE_INVALID;
    }
}

static rove_status status_of(sqlite3 *db, int code) {
    switch (code & 0xff) {
    case SQLITE_NOMEM:
        return ROVE_NOMEM;
    case SQLITE_FULL:
        return ROVE_FULL;
    case SQLITE_READONLY:
    case SQLITE_PERM:
        return ROVE_READONLY;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_PROTOCOL:
        return ROVE_LATER;
    case SQLITE_TOOBIG:
        return ROVE_TOO_BIG;
    case SQLITE_INTERRUPT:
        return ROVE_CANCELLED;
    case SQLITE_CONSTRAINT:
        return status_of_constraint(code);
    case SQLITE_MISMATCH:
    case SQLITE_RANGE:
        return ROVE_INVALID;
    case SQLITE_IOERR:
        return code == SQLITE_IOERR_NOMEM ? ROVE_NOMEM : status_of_errno(errno_of(db));
    case SQLITE_CANTOPEN:
        return status_of_errno(errno_of(db));
    default:
        return ROVE_CORRUPT;
    }
}

static const char *advice(rove_status status) {
    switch (status) {
    case ROVE_FULL:
        return " Free some space and try again; what was committed is safe.";
    case ROVE_READONLY:
        return " Make headquarters' folder and its files writable.";
    case ROVE_CORRUPT:
        return " Keep a copy of the folder, then restore the last backup.";
    default:
        return "";
    }
}

rove_status rove__lite_status(sqlite3 *db, int code, rove_error *error, const char *doing) {
    if (code == SQLITE_OK || code == SQLITE_ROW || code == SQLITE_DONE) {
        return ROVE_OK;
    }
    if (db != NULL && (sqlite3_errcode(db) & 0xff) == (code & 0xff)) {
        code = sqlite3_extended_errcode(db);
    }
    rove_status status = status_of(db, code);
    return rove__error_foreign(error, status, ROVE_DOMAIN_SQLITE, code, "%s failed: %.120s.%s",
                               doing, db != NULL ? sqlite3_errmsg(db) : sqlite3_errstr(code),
                               advice(status));
}

rove_status rove__lite_failed(rove__hq_tx *tx, int code, rove_error *error, const char *doing) {
    rove_status status = rove__lite_status(tx->db, code, error, doing);

    if (status != ROVE_OK && tx->doomed == ROVE_OK && sqlite3_get_autocommit(tx->db)) {
        tx->doomed = status;
    }
    return status;
}

/* ---- slots ---- */

static rove__lite_slot **bucket_of(rove__hq_tx *tx, const char *text, const rove__entity *entity,
                                   rove__lite_kind kind, size_t ordinal) {
    uint64_t hash = text != NULL ? (uint64_t)(uintptr_t)text
                                 : (uint64_t)entity->number << 32 | ordinal << 8 | (uint64_t)kind;

    hash *= 0x9e3779b97f4a7c15u;
    return &tx->slots[(hash >> 32) % ROVE_LITE_BUCKETS];
}

static rove__lite_slot *slot_of(rove__hq_tx *tx, const char *text, const rove__entity *entity,
                                rove__lite_kind kind, size_t ordinal) {
    rove__lite_slot **bucket = bucket_of(tx, text, entity, kind, ordinal);
    uint32_t number = entity != NULL ? entity->number : 0;

    for (rove__lite_slot *slot = *bucket; slot != NULL; slot = slot->next) {
        if (slot->text == text && slot->entity == number && slot->ordinal == ordinal &&
            slot->kind == kind) {
            return slot;
        }
    }
    rove__lite_slot *slot = rove__alloc_zeroed(&tx->lite->allocator, 1, sizeof *slot);
    if (slot != NULL) {
        slot->text = text;
        slot->entity = number;
        slot->ordinal = ordinal;
        slot->kind = kind;
        slot->next = *bucket;
        *bucket = slot;
    }
    return slot;
}

void rove__lite_forget(rove__hq_tx *tx) {
    for (size_t i = 0; i < ROVE_LITE_BUCKETS; i++) {
        for (rove__lite_slot *slot = tx->slots[i]; slot != NULL; slot = slot->next) {
            sqlite3_finalize(slot->idle);
            slot->idle = NULL;
        }
    }
}

void rove__lite_free_slots(rove__hq_tx *tx) {
    rove__lite_forget(tx);
    for (size_t i = 0; i < ROVE_LITE_BUCKETS; i++) {
        while (tx->slots[i] != NULL) {
            rove__lite_slot *slot = tx->slots[i];
            tx->slots[i] = slot->next;
            rove__free(&tx->lite->allocator, slot);
        }
    }
}

/* ---- preparing ---- */

static int prepare_text(rove__hq_tx *tx, const char *text, sqlite3_stmt **out) {
    return sqlite3_prepare_v3(tx->db, text, -1, SQLITE_PREPARE_PERSISTENT, out, NULL);
}

static rove_status prepare_columns(rove__hq_tx *tx, const rove__entity *entity,
                                   const rove__lite_slot *slot, size_t columns, int *code,
                                   sqlite3_stmt **out) {
    rove__buf sql;

    rove__buf_init(&sql, &tx->lite->allocator, SQL_MAX);
    rove__lite_put_kind(&sql, entity, slot->kind, slot->ordinal, columns);
    rove__buf_byte(&sql, 0);
    rove_status status = rove__buf_status(&sql);
    if (status == ROVE_OK) {
        *code = prepare_text(tx, (const char *)sql.data, out);
    }
    rove__buf_free(&sql);
    return status;
}

static rove_status prepare_kind(rove__hq_tx *tx, const rove__entity *entity, rove__lite_slot *slot,
                                sqlite3_stmt **out) {
    size_t least = rove__lite_built_in(entity);
    size_t columns = entity->field_count;
    int code = SQLITE_OK;

    rove_status status = prepare_columns(tx, entity, slot, columns, &code, out);
    while (status == ROVE_OK && code == SQLITE_ERROR && columns > least) {
        columns--;
        status = prepare_columns(tx, entity, slot, columns, &code, out);
    }
    slot->columns = columns;
    slot->epoch = tx->epoch;
    if (status == ROVE_OK && code == SQLITE_ERROR && slot->ordinal >= least) {
        return ROVE_UNKNOWN_FIELD;
    }
    return status == ROVE_OK ? rove__lite_failed(tx, code, NULL, "Preparing a statement") : status;
}

static rove__lite_statement open_slot(rove__hq_tx *tx, const char *text, const rove__entity *entity,
                                      rove__lite_kind kind, size_t ordinal) {
    rove__lite_statement statement = {.tx = tx, .status = tx->doomed};

    if (statement.status != ROVE_OK) {
        return statement;
    }
    statement.slot = slot_of(tx, text, entity, kind, ordinal);
    if (statement.slot == NULL) {
        statement.status = ROVE_NOMEM;
        return statement;
    }
    rove__lite_slot *slot = statement.slot;
    if (entity != NULL && slot->columns != entity->field_count && slot->epoch != tx->epoch) {
        sqlite3_finalize(slot->idle);
        slot->idle = NULL;
    }
    statement.sqlite = slot->idle;
    slot->idle = NULL;
    if (statement.sqlite == NULL && entity != NULL) {
        statement.status = prepare_kind(tx, entity, slot, &statement.sqlite);
    } else if (statement.sqlite == NULL) {
        statement.status = rove__lite_failed(tx, prepare_text(tx, text, &statement.sqlite), NULL,
                                             "Preparing a statement");
    }
    return statement;
}

rove__lite_statement rove__lite_open(rove__hq_tx *tx, const char *sql) {
    ROVE_ASSERT(sql != NULL);
    return open_slot(tx, sql, NULL, ROVE_LITE_TEXT, 0);
}

rove__lite_statement rove__lite_open_kind(rove__hq_tx *tx, const rove__entity *entity,
                                          rove__lite_kind kind, size_t ordinal) {
    ROVE_ASSERT(entity != NULL && kind != ROVE_LITE_TEXT);
    return open_slot(tx, NULL, entity, kind, ordinal);
}

/* ---- binding ---- */

static void bound(rove__lite_statement *statement, int code) {
    if (code != SQLITE_OK) {
        statement->status = rove__lite_failed(statement->tx, code, NULL, "Binding a value");
    }
}

void rove__lite_bind_int(rove__lite_statement *statement, int64_t value) {
    if (statement->status == ROVE_OK) {
        bound(statement, sqlite3_bind_int64(statement->sqlite, ++statement->bound, value));
    }
}

void rove__lite_bind_u64(rove__lite_statement *statement, uint64_t value) {
    rove__lite_bind_int(statement, (int64_t)value);
}

void rove__lite_bind_bound(rove__lite_statement *statement, uint64_t value) {
    rove__lite_bind_int(statement, value > INT64_MAX ? INT64_MAX : (int64_t)value);
}

void rove__lite_bind_text(rove__lite_statement *statement, const char *text) {
    const rove_value value = rove__value_text(text != NULL ? text : "");

    rove__lite_bind_value(statement, &value);
}

void rove__lite_bind_blob(rove__lite_statement *statement, const void *data, size_t size) {
    if (statement->status == ROVE_OK) {
        bound(statement, sqlite3_bind_blob64(statement->sqlite, ++statement->bound,
                                             size > 0 ? data : "", size, SQLITE_STATIC));
    }
}

void rove__lite_bind_bytes(rove__lite_statement *statement, rove__bytes bytes) {
    rove__lite_bind_blob(statement, bytes.data, bytes.size);
}

static int bind_other(sqlite3_stmt *sqlite, int at, const rove_value *value) {
    switch (value->type) {
    case ROVE_REAL:
        return sqlite3_bind_double(sqlite, at, value->as.real);
    case ROVE_TEXT:
        return sqlite3_bind_text64(sqlite, at, value->size > 0 ? (const char *)value->as.data : "",
                                   value->size, SQLITE_STATIC, SQLITE_UTF8);
    default:
        return sqlite3_bind_null(sqlite, at);
    }
}

void rove__lite_bind_value(rove__lite_statement *statement, const rove_value *value) {
    if (statement->status != ROVE_OK) {
        return;
    }
    if (value->type == ROVE_INT) {
        rove__lite_bind_int(statement, value->as.integer);
    } else if (value->type == ROVE_BLOB) {
        rove__lite_bind_blob(statement, value->as.data, value->size);
    } else {
        bound(statement, bind_other(statement->sqlite, ++statement->bound, value));
    }
}

/* ---- stepping ---- */

int rove__lite_next(rove__lite_statement *statement) {
    if (statement->status != ROVE_OK) {
        return 0;
    }
    ROVE_ASSERT(statement->bound == sqlite3_bind_parameter_count(statement->sqlite));
    int code = sqlite3_step(statement->sqlite);
    if (code != SQLITE_ROW && code != SQLITE_DONE) {
        statement->status = rove__lite_failed(statement->tx, code, NULL, "Running a statement");
    }
    return code == SQLITE_ROW;
}

int rove__lite_get(rove__lite_statement *statement) {
    int there = rove__lite_next(statement);

    if (!there && statement->status == ROVE_OK) {
        statement->status = ROVE_NOT_FOUND;
    }
    return there;
}

rove_status rove__lite_end(rove__lite_statement *statement) {
    if (statement->sqlite != NULL) {
        sqlite3_reset(statement->sqlite);
        if (statement->slot->idle == NULL) {
            statement->slot->idle = statement->sqlite;
        } else {
            sqlite3_finalize(statement->sqlite);
        }
        statement->sqlite = NULL;
    }
    return statement->status == ROVE_DONE ? ROVE_OK : statement->status;
}

rove_status rove__lite_run(rove__lite_statement *statement) {
    (void)rove__lite_next(statement);
    return rove__lite_end(statement);
}

rove_status rove__lite_execute(rove__hq_tx *tx, const char *sql, rove_error *error,
                               const char *doing) {
    return rove__lite_failed(tx, sqlite3_exec(tx->db, sql, NULL, NULL, NULL), error, doing);
}

/* ---- columns ---- */

int64_t rove__lite_int(const rove__lite_statement *statement, int column) {
    return sqlite3_column_int64(statement->sqlite, column);
}

uint64_t rove__lite_u64(const rove__lite_statement *statement, int column) {
    return (uint64_t)sqlite3_column_int64(statement->sqlite, column);
}

rove_value rove__lite_value(const rove__lite_statement *statement, int column) {
    sqlite3_value *value = sqlite3_column_value(statement->sqlite, column);
    int type = sqlite3_value_type(value);

    switch (type) {
    case SQLITE_INTEGER:
        return rove__value_int(sqlite3_value_int64(value));
    case SQLITE_FLOAT:
        return rove__value_real(sqlite3_value_double(value));
    case SQLITE_TEXT:
    case SQLITE_BLOB: {
        /* The text is UTF-8 as it lies in the file: read as a blob it is neither converted nor copied. */
        const void *data = sqlite3_value_blob(value);
        size_t size = (size_t)sqlite3_value_bytes(value);
        return rove__value_bytes(type == SQLITE_TEXT ? ROVE_TEXT : ROVE_BLOB, data, size);
    }
    default:
        return rove__value_null();
    }
}

const char *rove__lite_text(const rove__lite_statement *statement, int column) {
    const char *text = (const char *)sqlite3_column_text(statement->sqlite, column);

    return text != NULL ? text : "";
}

void rove__lite_copy(rove__lite_statement *statement, int column, void *out, size_t size) {
    const void *data = sqlite3_column_blob(statement->sqlite, column);

    if (data == NULL || (size_t)sqlite3_column_bytes(statement->sqlite, column) != size) {
        memset(out, 0, size);
        statement->status = statement->status == ROVE_OK ? ROVE_CORRUPT : statement->status;
        return;
    }
    memcpy(out, data, size);
}

rove__bytes rove__lite_bytes(rove__lite_statement *statement, int column, rove__arena *arena) {
    rove__bytes bytes = {NULL, 0};
    const void *data = sqlite3_column_blob(statement->sqlite, column);
    size_t size = (size_t)sqlite3_column_bytes(statement->sqlite, column);

    if (data == NULL || size == 0) {
        return bytes;
    }
    bytes.data = rove__arena_copy(arena, data, size);
    bytes.size = bytes.data != NULL ? size : 0;
    if (bytes.data == NULL && statement->status == ROVE_OK) {
        statement->status = ROVE_NOMEM;
    }
    return bytes;
}

const char *rove__lite_text_copy(rove__lite_statement *statement, int column, rove__arena *arena) {
    const char *text = rove__lite_text(statement, column);
    const char *copy = rove__arena_copy(arena, text, strlen(text) + 1);

    if (copy == NULL && statement->status == ROVE_OK) {
        statement->status = ROVE_NOMEM;
    }
    return copy != NULL ? copy : "";
}
