/*
 * store/read.h - a reader's connection, as read.c and query.c know it. One thread.
 */
#ifndef ROVE_STORE_READ_H
#define ROVE_STORE_READ_H

#include "store/internal.h"

typedef struct rove__reader_get_statement {
    sqlite3_stmt *statement; /* NULL until first needed */
    size_t fields;           /* that it reads: the table's, when it was prepared */
} rove__reader_get_statement;

struct rove__reader_connection {
    rove__store *store;
    sqlite3 *db;
    rove__reader_get_statement *gets; /* by the position in the registry */
    int denied;                       /* the authoriser refused something */
};

/*
 * read.c: SQLite gives up a statement with SQLITE_SCHEMA when fields were defined twice while it was prepared, or stepped for the
 * first time; these try again, with the tables as they are by then. SQLite's code.
 */
int rove__reader_prepare(rove__reader_connection *reader, const char *sql, unsigned flags,
                         sqlite3_stmt **statement, const char **tail);
int rove__reader_step(sqlite3_stmt *statement);
/* query.c: lets nothing but reading through on this connection, and gives it the functions of ours. */
ROVE_CHECK rove_status rove__query_guard(rove__reader_connection *reader, rove_error *error);

#endif
