/*
 * vault/vfs.h - an SQLite VFS that seals what it writes: https://sqlite.org/vfs.html.
 *
 * It opens one database, its write-ahead log, and the head of a rollback journal, of which SQLite needs one when an empty
 * database begins with a log. Everything else is refused, and so is every write of a shape that is not known: nothing
 * reaches the disk in the clear. Names, sizes and the time of writing are not hidden.
 *
 *   database   page of 4096 bytes, of which SQLite uses 4064; the seal (vault/seal.h) lies in the last 32, and is read as zeros
 *   log        header 32 + seal; then for each frame its header 24 + seal and its page 4096 + seal
 *
 * What is torn looks like this to SQLite:
 *   a page of the database       an I/O error (SQLITE_IOERR_DATA), but zeros to the 100 bytes that are read before the log: the
 *                                log has the page then
 *   header or frame of the log   zeros, which is where the log ends
 *   a page of the log            an I/O error: the index says that it was whole
 */
#ifndef ROVE_VAULT_VFS_H
#define ROVE_VAULT_VFS_H

#include "rove/sys/alloc.h"
#include "vault/seal.h"
#include "vault/wal_index.h"

#define ROVE_VAULT_PAGE 4096

typedef struct rove__vfs {
    sqlite3_vfs vfs; /* first: SQLite gives it back */
    sqlite3_vfs *real;
    rove__vault *vault;
    rove__wal_index index;
    const char *path; /* of the database */
    char name[32];
} rove__vfs;

/*
 * Registers it under self->name, over the VFS `real` (NULL: the default one). Sealer and path are the caller's, and outlive it.
 * SQLITE_OK, NOMEM, NOTFOUND. Connections are opened by name and closed before rove__vfs_close.
 */
int rove__vfs_open(rove__vfs *self, const rove_allocator *allocator, const char *real,
                   rove__vault *vault, const char *path);
void rove__vfs_close(rove__vfs *self);
/* Of a connection that was just opened, before anything was written. */
int rove__vfs_reserve(sqlite3 *db);

#endif
