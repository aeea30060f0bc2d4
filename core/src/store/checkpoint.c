/*
 * store/checkpoint.c - when the write-ahead log goes back into the file.
 *
 * SQLite would do it inside the commit that makes the log too long, while everybody waits: tens of milliseconds that a
 * rep can feel. So whoever applies pages does it after giving the writer back, on a connection of its own; writes go on
 * meanwhile, and what they add is swept up in a short second pass, or the log would never begin anew. A local write
 * does it itself only where there is no download. While one thread is about to do it on that connection, nobody else
 * does: versions of SQLite before 3.51.3 may corrupt a database where a checkpoint begins just as a write begins a log
 * anew that another one has emptied (https://sqlite.org/wal.html#walresetbug). A checkpoint that fails costs nothing: the log stays, the next one
 * tries again.
 */
#include "base/log.h"
#include "store/internal.h"

/* Pages in the log. Local writes between the pages of a download let it grow further. */
#define LOG_PAGES          2000
#define LOG_PAGES_DOWNLOAD 6000

static int note(void *ctx, sqlite3 *db, const char *name, int pages) {
    rove__store *store = ctx;

    (void)db;
    (void)name;
    store->log_pages = pages;
    return SQLITE_OK;
}

void rove__checkpoint_watch(rove__store *store) {
    sqlite3_wal_hook(store->db, note, store);
}

static void checkpoint(const rove__store *store, sqlite3 *db) {
    int code = sqlite3_wal_checkpoint_v2(db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);

    if (code != SQLITE_OK && code != SQLITE_BUSY) {
        rove__log(store->ports.log, ROVE_LOG_WARN, "store", "a checkpoint failed: %s",
                  sqlite3_errstr(code));
    }
}

void rove__checkpoint_local(rove__store *store) {
    if (!store->sweeping &&
        store->log_pages >= (store->downloading ? LOG_PAGES_DOWNLOAD : LOG_PAGES)) {
        checkpoint(store, store->db);
    }
}

int rove__checkpoint_due(rove__store *store) {
    int due = !store->sweeping && store->log_pages >= LOG_PAGES;

    store->sweeping |= due;
    return due;
}

/* On a connection of its own. */
static void sweep(const rove__store *store) {
    sqlite3 *db = NULL;
    int code = rove__connection_open(store, SQLITE_OPEN_READWRITE, &db);
    if (code == SQLITE_OK) {
        /* A connection knows of the log once it has read. */
        code = sqlite3_exec(db, "SELECT 1 FROM sqlite_schema LIMIT 1", NULL, NULL, NULL);
    }
    if (code == SQLITE_OK) {
        /* If it is locked meanwhile, nobody else has the log open, and what is there may have no copy in the file yet. */
        (void)sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
        checkpoint(store, db);
    }
    sqlite3_close_v2(db);
}

void rove__checkpoint_pages(rove__store *store) {
    sweep(store);
    sqlite3_mutex_enter(store->queue);
    sqlite3_mutex_enter(store->mutex);
    sqlite3_mutex_leave(store->queue);
    checkpoint(store, store->db);
    store->sweeping = 0;
    sqlite3_mutex_leave(store->mutex);
}
