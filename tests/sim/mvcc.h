/*
 * sim/mvcc.h - a fake of headquarters on PostgreSQL: one database, and any number of server processes with connections of their
 * own, interleaved at each call of a store. What lies in the tables and how it is read is support/memory_headquarters.c;
 * this file adds who sees what when, who waits for whom, and what goes wrong between a server and its database.
 *
 *   READ    REPEATABLE READ: one snapshot, of the moment when it began (Q1).
 *   WRITE   READ COMMITTED: each call sees what is committed by then, and the transaction's own writes. It begins with the
 *           head's row lock (P16), and locks rows that it asks for, or writes, until its end. Who waits in a ring with others is
 *           the victim: its call fails with ROVE_LATER (40P01).
 *   gone    A call that failed leaves a transaction that refuses everything with the same status, until it goes back to its
 *           savepoint, which lets go of the locks taken since, or ends.
 *   gaps    Numbers of reviews and of parked work come from a sequence: what is rolled back leaves a gap in it.
 *
 * Deterministic, one thread; whoever interleaves calls does it in the hook `yield`. Not fast: a transaction that writes copies
 * all tables. Aborts without memory.
 */
#ifndef ROVE_TESTS_MVCC_H
#define ROVE_TESTS_MVCC_H

#include "memory_headquarters.h"

typedef struct mvcc mvcc;
typedef struct mvcc_server mvcc_server;

typedef enum mvcc_fate {
    MVCC_GOES_ON,
    MVCC_FAILS,  /* ROVE_LATER, as of a serialisation failure (40001): nothing is done */
    MVCC_LOST,   /* ROVE_IO: the connection is lost, and the transaction is rolled back */
    MVCC_UNHEARD /* of a commit: it is made, but the connection is lost before anybody hears of it. Else as MVCC_LOST */
} mvcc_fate;

typedef struct mvcc_hooks {
    /* Before each call of any store but rollback, and for as long as one waits for a lock. NULL: nobody waits, it is LATER. */
    void (*yield)(void *ctx, const mvcc_server *server);
    /* What comes of a call; commits: it is one of COMMIT. NULL: it goes on. */
    mvcc_fate (*fate)(void *ctx, const mvcc_server *server, int commits);
    void *ctx;
} mvcc_hooks;

/* What happened so far. */
typedef struct mvcc_counts {
    uint64_t commits, rollbacks; /* of transactions that write */
    uint64_t waits;              /* calls that had to wait for a lock */
    uint64_t deadlocks;
    uint64_t failures; /* fates other than to go on */
} mvcc_counts;

/* Over what `tables` holds, which is the committed state from then on: it counts, backs up and restores while no
 * transaction is open. Borrowed until mvcc_free. */
mvcc *mvcc_new(memory_headquarters *tables);
/* With its servers and all that they left open. */
void mvcc_free(mvcc *db);
void mvcc_set_hooks(mvcc *db, const mvcc_hooks *hooks);
/* crowd 1: WRITE transactions do not begin with the head's lock. It is a database that nobody should have. */
void mvcc_set_crowd(mvcc *db, int crowd);
mvcc_counts mvcc_count(const mvcc *db);

#define MVCC_LAG_MAX 16u

/*
 * A server process. lag > 0: it reads from a replica that is so many commits behind (Q8), at most MVCC_LAG_MAX, and writes to the
 * database itself. Lives until mvcc_free.
 */
mvcc_server *mvcc_server_open(mvcc *db, unsigned lag);
/* Valid as long as db. */
const rove__hq_store *mvcc_server_store(mvcc_server *server);
/*
 * The process ends where it is: its transactions are rolled back, and its locks are free. Calls that its fibers still make
 * fail with ROVE_IO. Another one is opened in its place.
 */
void mvcc_server_kill(mvcc_server *server);
/* It is waiting for a lock that another transaction has: it cannot go on now. */
int mvcc_server_waits(const mvcc_server *server);
/*
 * In `yield`: the call makes no difference to others, nor others to it, whoever comes first: it is one of a snapshot, or of
 * the one transaction that writes. Begins, commits and waits are never quiet.
 */
int mvcc_server_is_quiet(const mvcc_server *server);

#endif
