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
 *
 * A commit that SQLite could not find again (a fault of versions before 3.50.2) is an I/O error, and rolled back.
 *
 * Of a vault that is locked nothing can be read or written (SQLITE_IOERR_AUTH), but connections can be opened: those 100 bytes are
 * zeros then too, and SQLite asks again when it needs them.
 */
#ifndef ROVE_VAULT_VFS_H
#define ROVE_VAULT_VFS_H

#include "rove/sys/alloc.h"
#include "vault/seal.h"
#include "vault/wal_index.h"

#define ROVE_VAULT_PAGE 4096
/*
 * The log lies at the database's path with this behind it, and not with SQLite's own -wal: another program with SQLite that opens the
 * database finds that it is none, and would remove the log when it closes it.
 */
#define ROVE_VAULT_LOG "-log"

typedef struct rove__vfs {
    sqlite3_vfs vfs; /* first: SQLite gives it back */
    sqlite3_vfs *real;
    const rove_allocator *allocator;
    rove__vault *vault;
    rove__wal_index index;
    char *path;              /* of the database, in full */
    sqlite3_filename names;  /* of database and log, for SQLite */
    const char *log;         /* in them */
    sqlite3_int64 bare_from; /* the first frame that may lack its checksum; the writer's */
    char name[32];
} rove__vfs;

/*
 * Registers it under self->name, over the VFS `real` (NULL: the default one), for the database at `path` alone. The vault is
 * the caller's, and outlives it. SQLITE_OK, NOMEM, NOTFOUND, and what the real one says of the path. Connections are opened
 * by name, and closed before rove__vfs_close.
 */
int rove__vfs_open(rove__vfs *self, const rove_allocator *allocator, const char *real,
                   rove__vault *vault, const char *path);
void rove__vfs_close(rove__vfs *self);
/* Of a connection that was just opened, before anything was written. */
int rove__vfs_reserve(sqlite3 *db);

/* Whether all that lies on the disk of a connection's database, which has been read, is of this generation of the data key: every
 * page, and nothing in the log. An SQLite code. */
int rove__vfs_is_of(sqlite3 *db, uint8_t generation, int *is);

/* What lies at a path, by its first bytes. */
typedef enum rove__vfs_content {
    ROVE_VFS_NOTHING, /* no file, or an empty one */
    ROVE_VFS_PLAIN,   /* an SQLite database that anybody can read */
    ROVE_VFS_OTHER    /* perhaps a sealed one */
} rove__vfs_content;
/* An SQLite code; `real` as above. */
int rove__vfs_look(const char *real, const rove_allocator *allocator, const char *path,
                   rove__vfs_content *content);

#endif
