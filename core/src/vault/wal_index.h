/*
 * vault/wal_index.h - the index of a write-ahead log on the heap, where SQLite would have a -shm file: it holds page numbers and
 * checksums, and only connections of this process use it (the replica's lock sees to that).
 * The protocol of its locks: https://sqlite.org/walformat.html, "WAL-Index Locks".
 */
#ifndef ROVE_VAULT_WAL_INDEX_H
#define ROVE_VAULT_WAL_INDEX_H

#include <sqlite3.h>
#include <stddef.h>

#include "rove/sys/alloc.h"

#define ROVE_WAL_INDEX_LOCKS   SQLITE_SHM_NLOCK
#define ROVE_WAL_INDEX_REGIONS 4096 /* of 32 KiB: some 16 million frames */

typedef struct rove__wal_index {
    const rove_allocator *allocator;
    sqlite3_mutex *mutex;
    void **regions;
    size_t count;
    int users;
    int shared[ROVE_WAL_INDEX_LOCKS];            /* how many hold it so */
    const void *exclusive[ROVE_WAL_INDEX_LOCKS]; /* who holds it */
} rove__wal_index;

/* One connection's part in it; zeroed at first. */
typedef struct rove__wal_index_user {
    int maps;
    unsigned shared, exclusive; /* a bit for each lock held */
} rove__wal_index_user;

/* SQLITE_OK or SQLITE_NOMEM. */
int rove__wal_index_init(rove__wal_index *index, const rove_allocator *allocator);
void rove__wal_index_free(rove__wal_index *index);

/* As the methods of sqlite3_io_methods of the same names, and with their results. */
int rove__wal_index_map(rove__wal_index *index, rove__wal_index_user *user, int region, int size,
                        int extend, void volatile **out);
int rove__wal_index_lock(rove__wal_index *index, rove__wal_index_user *user, int first, int count,
                         int flags);
void rove__wal_index_barrier(rove__wal_index *index);
void rove__wal_index_unmap(rove__wal_index *index, rove__wal_index_user *user);

/* 1 while somebody writes into the log, and not while it is recovered. */
int rove__wal_index_is_written(rove__wal_index *index);

#endif
