/*
 * store/query.c - one SELECT over the typed tables, for shells and reports.
 *
 * An authoriser refuses everything that is not reading while the statement is prepared; the connection is
 * read-only besides. Tables whose names begin with `_` may be read: reports on pending work need them.
 */
#include <string.h>

#include "base/text.h"
#include "rules/rules.h"
#include "store/read.h"

#define QUERY_MAX      65536 /* bytes of SQL */
#define PARAMETERS_MAX 999

struct rove__query {
    rove__store *store;
    sqlite3 *db; /* the reader's */
    sqlite3_stmt *statement;
    int done;
};

/* ctx: an int, set when something was refused; SQLite does not report every refusal as one. */
static int authorise(void *ctx, int action, const char *first, const char *second,
                     const char *database, const char *trigger) {
    int *denied = ctx;

    (void)first;
    (void)database;
    (void)trigger;
    switch (action) {
    case SQLITE_SELECT:
    case SQLITE_READ:
    case SQLITE_RECURSIVE:
        return SQLITE_OK;
    case SQLITE_FUNCTION:
        if (sqlite3_stricmp(second, "load_extension") != 0) {
            return SQLITE_OK;
        }
        break;
    default:
        break;
    }
    *denied = 1;
    return SQLITE_DENY;
}

/* rove_normalised(kind, text): what ContactMethod.normalised is for them, so that a number that rings is found. */
static void normalised(sqlite3_context *context, int count, sqlite3_value **values) {
    sqlite3_int64 kind = sqlite3_value_int64(values[0]);
    const char *text = (const char *)sqlite3_value_text(values[1]);
    size_t size = text != NULL ? (size_t)sqlite3_value_bytes(values[1]) : 0;

    (void)count;
    if (size == 0) {
        return;
    }
    char *out = sqlite3_malloc64(size);
    if (out == NULL) {
        sqlite3_result_error_nomem(context);
        return;
    }
    size = rove__normalise(kind, text, size, out);
    if (size > 0) {
        sqlite3_result_text64(context, out, size, sqlite3_free, SQLITE_UTF8);
    } else {
        sqlite3_free(out);
    }
}

rove_status rove__query_guard(rove__reader_connection *reader, rove_error *error) {
    const int flags = SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS;

    (void)sqlite3_limit(reader->db, SQLITE_LIMIT_ATTACHED, 0);
    int code = sqlite3_create_function_v2(reader->db, "rove_normalised", 2, flags, NULL, normalised,
                                          NULL, NULL, NULL);
    if (code == SQLITE_OK) {
        code = sqlite3_set_authorizer(reader->db, authorise, &reader->denied);
    }
    return rove__sqlite_status(reader->db, code, error, "Opening a reader");
}

static int blank(const char *tail) {
    return tail[strspn(tail, " \t\r\n\f;")] == '\0';
}

static rove_status check(const rove__query *query, const char *tail, size_t count,
                         rove_error *error) {
    if (query->statement == NULL) {
        return rove__error_set(error, ROVE_INVALID, "The query is empty.");
    }
    if (!blank(tail)) {
        return rove__error_set(error, ROVE_DENIED, "Only one SELECT is allowed.");
    }
    if (!sqlite3_stmt_readonly(query->statement) || sqlite3_column_count(query->statement) == 0) {
        return rove__error_set(error, ROVE_DENIED, "Only a SELECT is allowed.");
    }
    if ((size_t)sqlite3_bind_parameter_count(query->statement) != count) {
        return rove__error_set(error, ROVE_INVALID, "The query takes %d parameters, %d were given.",
                               sqlite3_bind_parameter_count(query->statement), (int)count);
    }
    return ROVE_OK;
}

static rove_status bind(rove__query *query, const rove_value *parameters, size_t count,
                        rove_error *error) {
    for (size_t i = 0; i < count; i++) {
        const rove_value *value = &parameters[i];
        int code = SQLITE_OK;
        /* The caller's values need not outlive this call. */
        if (value->type == ROVE_TEXT) {
            code = sqlite3_bind_text64(query->statement, (int)i + 1,
                                       value->size > 0 ? (const char *)value->as.data : "",
                                       value->size, SQLITE_TRANSIENT, SQLITE_UTF8);
        } else if (value->type == ROVE_BLOB) {
            code = sqlite3_bind_blob64(query->statement, (int)i + 1,
                                       value->size > 0 ? (const void *)value->as.data : "",
                                       value->size, SQLITE_TRANSIENT);
        } else {
            code = rove__bind_value(query->statement, (int)i + 1, value);
        }
        if (code != SQLITE_OK) {
            return rove__sqlite_status(query->db, code, error, "Binding a parameter");
        }
    }
    return ROVE_OK;
}

rove_status rove__query_new(rove__reader_connection *reader, const char *sql,
                            const rove_value *parameters, size_t count, rove__query **out,
                            rove_error *error) {
    const char *tail = NULL;

    *out = NULL;
    rove_status status = rove__store_check(reader->store, error); /* the reader may be an old one */
    if (status != ROVE_OK) {
        return status;
    }
    if (count > PARAMETERS_MAX || strlen(sql) > QUERY_MAX) {
        return rove__error_set(error, ROVE_TOO_BIG,
                               "A query has at most %d bytes and %d parameters.", QUERY_MAX,
                               PARAMETERS_MAX);
    }
    rove__query *query = rove__alloc_zeroed(reader->store->ports.allocator, 1, sizeof *query);
    if (query == NULL) {
        return rove__error_set(error, ROVE_NOMEM, "There is not enough memory for a query.");
    }
    query->store = reader->store;
    query->db = reader->db;
    reader->denied = 0;
    int code = rove__reader_prepare(reader, sql, 0, &query->statement, &tail);
    status = rove__sqlite_status(reader->db, code, error, "The query");
    if (status != ROVE_OK && reader->denied) {
        status = rove__error_set(error, ROVE_DENIED, "Only a SELECT over the tables is allowed.");
    }
    if (status == ROVE_OK) {
        status = check(query, tail, count, error);
    }
    if (status == ROVE_OK) {
        status = bind(query, parameters, count, error);
    }
    if (status != ROVE_OK) {
        rove__query_free(query);
        return status;
    }
    *out = query;
    return ROVE_OK;
}

rove_status rove__query_step(rove__query *query, rove_error *error) {
    if (query->done) {
        return ROVE_DONE;
    }
    rove_status status = rove__store_check(query->store, error);
    if (status != ROVE_OK) {
        return status;
    }
    int code = rove__reader_step(query->statement);
    if (code == SQLITE_ROW) {
        return ROVE_OK;
    }
    query->done = 1;
    status = rove__sqlite_status(query->db, code, error, "The query");
    /* Ends its read transaction at once, so that the log can be reused. */
    sqlite3_reset(query->statement);
    return status == ROVE_OK ? ROVE_DONE : status;
}

size_t rove__query_columns(const rove__query *query) {
    return (size_t)sqlite3_column_count(query->statement);
}

const char *rove__query_name(const rove__query *query, size_t column) {
    const char *name = sqlite3_column_name(query->statement, (int)column);
    return name != NULL ? name : "";
}

rove_value rove__query_value(const rove__query *query, size_t column) {
    if (query->done || column >= rove__query_columns(query)) {
        return rove__value_null();
    }
    return rove__column_value(query->statement, (int)column);
}

void rove__query_free(rove__query *query) {
    if (query != NULL) {
        const rove_allocator *allocator = query->store->ports.allocator;
        sqlite3_finalize(query->statement);
        rove__free(allocator, query);
    }
}
