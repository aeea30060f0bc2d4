/*
 * support/statement_watch.c - see statement_watch.h.
 */
#include "statement_watch.h"

#include <sqlite3.h>
#include <string.h>

int (*statement_watch)(const char *sql);

/* The linker's names: __real is SQLite's function, __wrap is what others call by its name. */
/* NOLINTBEGIN(bugprone-reserved-identifier) */
typedef int row_callback(void *context, int count, char **values, char **names);
int __real_sqlite3_step(sqlite3_stmt *statement);
int __real_sqlite3_prepare_v3(sqlite3 *db, const char *sql, int size, unsigned flags,
                              sqlite3_stmt **statement, const char **tail);
int __real_sqlite3_exec(sqlite3 *db, const char *sql, row_callback *row, void *context,
                        char **message);
int __wrap_sqlite3_step(sqlite3_stmt *statement);
int __wrap_sqlite3_prepare_v3(sqlite3 *db, const char *sql, int size, unsigned flags,
                              sqlite3_stmt **statement, const char **tail);
int __wrap_sqlite3_exec(sqlite3 *db, const char *sql, row_callback *row, void *context,
                        char **message);

static int fails(const char *sql) {
    return statement_watch != NULL && sql != NULL && strncmp(sql, "ROLLBACK", 8) != 0 &&
           statement_watch(sql);
}

int __wrap_sqlite3_step(sqlite3_stmt *statement) {
    return fails(sqlite3_sql(statement)) ? SQLITE_IOERR : __real_sqlite3_step(statement);
}

int __wrap_sqlite3_prepare_v3(sqlite3 *db, const char *sql, int size, unsigned flags,
                              sqlite3_stmt **statement, const char **tail) {
    *statement = NULL;
    return fails(sql) ? SQLITE_IOERR
                      : __real_sqlite3_prepare_v3(db, sql, size, flags, statement, tail);
}

int __wrap_sqlite3_exec(sqlite3 *db, const char *sql, row_callback *row, void *context,
                        char **message) {
    return fails(sql) ? SQLITE_IOERR : __real_sqlite3_exec(db, sql, row, context, message);
}
/* NOLINTEND(bugprone-reserved-identifier) */
