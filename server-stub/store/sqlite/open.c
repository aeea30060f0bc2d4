/*
 * store/sqlite/open.c - opens and closes the database, and connections to it.
 *
 * The file is in write-ahead mode with synchronous FULL: a commit that was reported survives a power cut, and a
 * reader's snapshot never waits for the writer. Only the write connection checkpoints, after its own commits
 * and when it is closed, last.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/text.h"
#include "store/sqlite/lite.h"

#define BUSY_MS 5000

/* What SQLite must not do, whatever a damaged or planted file says. */
static void harden(sqlite3 *db) {
    sqlite3_extended_result_codes(db, 1);
    sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    sqlite3_db_config(db, SQLITE_DBCONFIG_DQS_DML, 0, NULL);
    sqlite3_db_config(db, SQLITE_DBCONFIG_DQS_DDL, 0, NULL);
    sqlite3_busy_timeout(db, BUSY_MS);
}

/*
 * A commit that is larger than the writer's cache goes to the log before it ends, and what its savepoint may have to
 * restore goes to a file: neither takes more memory than the cache. What caches miss, the system's has.
 */
static const char *const settings[] = {
    [ROVE_HQ_READ] = "PRAGMA cell_size_check = ON; PRAGMA temp_store = MEMORY;"
                     " PRAGMA cache_size = -4096; PRAGMA query_only = ON",
    [ROVE_HQ_WRITE] = "PRAGMA cell_size_check = ON; PRAGMA temp_store = FILE;"
                      " PRAGMA cache_size = -16384; PRAGMA synchronous = FULL;"
                      " PRAGMA journal_size_limit = 67108864; PRAGMA foreign_keys = OFF",
};

/* Write-ahead mode is kept in the file; what comes back says whether it took. */
static rove_status use_log(rove__hq_tx *tx, rove_error *error) {
    sqlite3_stmt *statement = NULL;
    int took = 0;
    int code = sqlite3_prepare_v2(tx->db, "PRAGMA journal_mode = WAL", -1, &statement, NULL);

    if (code == SQLITE_OK) {
        code = sqlite3_step(statement);
        took = code == SQLITE_ROW &&
               sqlite3_stricmp((const char *)sqlite3_column_text(statement, 0), "wal") == 0;
    }
    rove_status status = rove__lite_status(tx->db, code, error, "Opening the database");
    sqlite3_finalize(statement);
    if (status == ROVE_OK && !took) {
        int readonly = sqlite3_db_readonly(tx->db, "main") == 1;
        status = rove__error_set(error, readonly ? ROVE_READONLY : ROVE_IO,
                                 "The database's folder cannot be written as a write-ahead log "
                                 "needs it. Use a writable folder of a local disk.");
    }
    return status;
}

/* SQLite tries a file that it cannot write once more for reading, and then says that it is not there. */
static int is_folder_locked(rove__lite *lite) {
    char *folder = rove__alloc_text(&lite->allocator, lite->path);
    char *slash = folder != NULL ? strrchr(folder, '/') : NULL;
    int locked = 0;

    if (slash != NULL) {
        slash[slash == folder] = '\0';
    }
    if (folder != NULL) {
        locked = access(slash != NULL ? folder : ".", W_OK) != 0 &&
                 (errno == EACCES || errno == EROFS || errno == EPERM);
    }
    rove__free(&lite->allocator, folder);
    return locked;
}

static rove_status open_file(rove__hq_tx *tx, rove_error *error) {
    int flags = tx->mode == ROVE_HQ_READ ? SQLITE_OPEN_READONLY
                                         : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
    int code = sqlite3_open_v2(tx->lite->path, &tx->db, flags | SQLITE_OPEN_NOMUTEX, NULL);
    rove_status status = rove__lite_status(tx->db, code, error, "Opening the database");

    if (status == ROVE_IO && is_folder_locked(tx->lite)) {
        return rove__error_set(error, ROVE_READONLY,
                               "The database cannot be opened. Make headquarters' folder and its "
                               "files writable.");
    }
    return status;
}

rove_status rove__lite_connect(rove__lite *lite, rove__hq_mode mode, rove__hq_tx **out,
                               rove_error *error) {
    rove__hq_tx *tx = rove__alloc_zeroed(&lite->allocator, 1, sizeof *tx);

    *out = NULL;
    if (tx == NULL) {
        (void)rove__error_set(error, ROVE_NOMEM, "%s", rove_status_text(ROVE_NOMEM));
        return ROVE_NOMEM;
    }
    tx->lite = lite;
    tx->mode = mode;
    rove__buf_init(&tx->scratch, &lite->allocator, ROVE_LITE_SCRATCH_MAX);
    rove__arena_init(&tx->arena, &lite->allocator, ROVE_LITE_SCRATCH_MAX);
    rove_status status = open_file(tx, error);
    if (status == ROVE_OK) {
        harden(tx->db);
        int code = sqlite3_exec(tx->db, settings[mode], NULL, NULL, NULL);
        status = rove__lite_status(tx->db, code, error, "Opening the database");
    }
    if (status == ROVE_OK) {
        int code = sqlite3_prepare_v3(tx->db, "ROLLBACK", -1, SQLITE_PREPARE_PERSISTENT,
                                      &tx->rollback, NULL);
        status = rove__lite_status(tx->db, code, error, "Opening the database");
    }
    if (status == ROVE_OK && mode == ROVE_HQ_WRITE) {
        /* The log's mode is kept in the file: another program's is left as it is. */
        status = rove__lite_check(tx, error);
        status = status == ROVE_OK ? use_log(tx, error) : status;
    } else if (status == ROVE_OK) {
        sqlite3_wal_autocheckpoint(tx->db, 0);
    }
    if (status != ROVE_OK) {
        rove__lite_disconnect(tx);
        return status;
    }
    *out = tx;
    return ROVE_OK;
}

void rove__lite_disconnect(rove__hq_tx *tx) {
    if (tx == NULL) {
        return;
    }
    rove__lite_free_slots(tx);
    sqlite3_finalize(tx->rollback);
    int code = sqlite3_close(tx->db);
    ROVE_ASSERT(code == SQLITE_OK); /* else a statement is in use */
    (void)code;
    rove__buf_free(&tx->scratch);
    rove__arena_free(&tx->arena);
    rove__free(&tx->lite->allocator, tx);
}

/* ---- the handle ----------------------------------------------------------------------------------------- */

static uint64_t size_bytes(rove__hq_database *database) {
    rove__lite *lite = (rove__lite *)database;
    rove__hq_tx *tx = NULL;
    uint64_t size = 0;

    if (database->store.begin(lite, ROVE_HQ_READ, &tx, NULL) != ROVE_OK) {
        return 0;
    }
    rove__lite_statement statement = rove__lite_open(
        tx, "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size");
    if (rove__lite_next(&statement)) {
        size = rove__lite_u64(&statement, 0);
    }
    rove_status status = rove__lite_end(&statement);
    database->store.rollback(tx);
    return status == ROVE_OK ? size : 0;
}

static uint64_t memory_bytes(rove__hq_database *database) {
    (void)database;
    return (uint64_t)sqlite3_memory_used();
}

static void close_lite(rove__hq_database *database) {
    rove__lite *lite = (rove__lite *)database;

    if (lite == NULL) {
        return;
    }
    ROVE_ASSERT(!lite->writing && lite->idle_count == lite->reader_count);
    while (lite->idle != NULL) {
        rove__hq_tx *tx = lite->idle;
        lite->idle = tx->next;
        rove__lite_disconnect(tx);
    }
    rove__lite_disconnect(lite->writer);
    pthread_cond_destroy(&lite->written);
    pthread_mutex_destroy(&lite->mutex);
    rove__free(&lite->allocator, lite->path);
    rove_allocator allocator = lite->allocator;
    rove__free(&allocator, lite);
}

static void fill(rove__lite *lite) {
    rove__hq_store *store = &lite->database.store;

    store->ctx = lite;
    lite->database.directory.ctx = lite;
    rove__lite_fill_transaction(store);
    rove__lite_fill_head(store);
    rove__lite_fill_device(store);
    rove__lite_fill_row(store);
    rove__lite_fill_scan(store);
    rove__lite_fill_feed(store);
    rove__lite_fill_grant(store);
    rove__lite_fill_log(store);
    rove__lite_fill_sum(store);
    rove__lite_fill_purge(store);
    rove__lite_fill_directory(&lite->database.directory);
    lite->database.widen = rove__lite_widen;
    lite->database.size_bytes = size_bytes;
    lite->database.memory_bytes = memory_bytes;
    lite->database.backup = rove__lite_backup;
    lite->database.close = close_lite;
}

static rove_status prepare(rove__lite *lite, rove_error *error) {
    rove__hq_store *store = &lite->database.store;
    rove__hq_tx *tx = NULL;

    rove_status status = rove__lite_connect(lite, ROVE_HQ_WRITE, &lite->writer, error);
    if (status == ROVE_OK) {
        status = store->begin(lite, ROVE_HQ_WRITE, &tx, error);
    }
    if (status != ROVE_OK) {
        return status;
    }
    status = rove__lite_schema(tx, error);
    if (status == ROVE_OK) {
        return store->commit(tx, error);
    }
    store->rollback(tx);
    return status;
}

static rove__lite *new_lite(const rove_allocator *allocator) {
    rove__lite *lite = rove__alloc_zeroed(allocator, 1, sizeof *lite);

    if (lite == NULL) {
        return NULL;
    }
    lite->allocator = *allocator;
    if (pthread_mutex_init(&lite->mutex, NULL) != 0) {
        rove__free(allocator, lite);
        return NULL;
    }
    if (pthread_cond_init(&lite->written, NULL) != 0) {
        pthread_mutex_destroy(&lite->mutex);
        rove__free(allocator, lite);
        return NULL;
    }
    return lite;
}

rove_status rove__hq_sqlite_open(const rove_allocator *allocator, rove__registry *registry,
                                 const char *path, rove__hq_database **out, rove_error *error) {
    *out = NULL;
    ROVE_ASSERT(sqlite3_threadsafe() != 0);
    rove__lite *lite = new_lite(allocator);
    if (lite == NULL) {
        return rove__error_set(error, ROVE_NOMEM, "%s", rove_status_text(ROVE_NOMEM));
    }
    lite->registry = registry;
    fill(lite);
    lite->path = rove__alloc_text(allocator, path);
    rove_status status =
        lite->path == NULL ? rove__error_set(error, ROVE_NOMEM, "%s", rove_status_text(ROVE_NOMEM))
                           : prepare(lite, error);
    if (status != ROVE_OK) {
        close_lite(&lite->database);
        return status;
    }
    *out = &lite->database;
    return ROVE_OK;
}
