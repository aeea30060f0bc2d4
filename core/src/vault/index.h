/*
 * vault/index.h - the index of a write-ahead log on the heap, where SQLite would have a -shm file: it holds page numbers and
 * checksums, and only connections of this process use it (the replica's lock sees to that).
 * The protocol of its locks: https://sqlite.org/walformat.html, "WAL-Index Locks".
 */
#ifndef ROVE_VAULT_INDEX_H
#define ROVE_VAULT_INDEX_H

#include <sqlite3.h>
#include <stddef.h>

#include "rove/sys/alloc.h"

#define ROVE_INDEX_LOCKS   SQLITE_SHM_NLOCK
#define ROVE_INDEX_REGIONS 4096 /* of 32 KiB: some 16 million frames */

typedef struct rove__index {
    const rove_allocator *allocator;
    sqlite3_mutex *mutex;
    void **regions;
    size_t count;
    int users;
    int shared[ROVE_INDEX_LOCKS];            /* how many hold it so */
    const void *exclusive[ROVE_INDEX_LOCKS]; /* who holds it */
} rove__index;

/* One connection's part in it; zeroed at first. */
typedef struct rove__index_user {
    int maps;
    unsigned shared, exclusive; /* a bit for each lock held */
} rove__index_user;

/* SQLITE_OK or SQLITE_NOMEM. */
int rove__index_init(rove__index *index, const rove_allocator *allocator);
void rove__index_free(rove__index *index);

/* As the methods of sqlite3_io_methods of the same names, and with their results. */
int rove__index_map(rove__index *index, rove__index_user *user, int region, int size, int extend,
                    void volatile **out);
int rove__index_lock(rove__index *index, rove__index_user *user, int first, int count, int flags);
void rove__index_barrier(rove__index *index);
void rove__index_unmap(rove__index *index, rove__index_user *user);

#endif
