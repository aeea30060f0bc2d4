/*
 * store/open.c - opening and closing the replica: the lock, the file, its settings, its tables.
 *
 * Settings: WAL with synchronous=FULL, so that what was committed survives a power cut; secure_delete, so that
 * what was evicted is not left in free pages; temporary data in memory and no memory-mapped reads, so that
 * nothing bypasses an encrypting VFS; nothing in the schema is trusted.
 */
#include <string.h>

#include "base/text.h"
#include "store/internal.h"

#define TRANSACTION_ARENA_MAX ((size_t)64 * 1024 * 1024)
#define ROW_ARENA_MAX         ((size_t)16 * 1024 * 1024)
#define SCRATCH_MAX           ((size_t)4 * 1024 * 1024)

/* page_size counts only while the file is empty. The WAL is kept at most at journal_size_limit after a checkpoint. */
static const char *const settings = "PRAGMA page_size = 4096;"
                                    "PRAGMA journal_mode = WAL;"
                                    "PRAGMA synchronous = FULL;"
                                    "PRAGMA secure_delete = ON;"
                                    "PRAGMA temp_store = MEMORY;"
                                    "PRAGMA mmap_size = 0;"
                                    "PRAGMA cell_size_check = ON;"
                                    "PRAGMA foreign_keys = OFF;"
                                    "PRAGMA cache_size = -8192;"
                                    "PRAGMA journal_size_limit = 16777216;";

rove_status rove__connection_harden(sqlite3 *db, rove_error *error) {
    static const struct {
        int what, on;
    } options[] = {
        {SQLITE_DBCONFIG_DEFENSIVE, 1},
        {SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0},
        {SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0},
        /* A column that is not there yet is an error, and not its name as a text. */
        {SQLITE_DBCONFIG_DQS_DML, 0},
        {SQLITE_DBCONFIG_DQS_DDL, 0},
    };

    (void)sqlite3_extended_result_codes(db, 1);
    int code = sqlite3_busy_timeout(db, ROVE_BUSY_MS);
    for (size_t i = 0; i < sizeof options / sizeof *options && code == SQLITE_OK; i++) {
        code = sqlite3_db_config(db, options[i].what, options[i].on, NULL);
    }
    return rove__sqlite_status(db, code, error, "Setting up the replica");
}

/* A VFS without shared memory would silently stay with another journal. */
static rove_status check_journal(sqlite3 *db, rove_error *error) {
    sqlite3_stmt *statement = NULL;
    rove_status status = ROVE_OK;

    int code = sqlite3_prepare_v2(db, "PRAGMA journal_mode", -1, &statement, NULL);
    if (code == SQLITE_OK) {
        code = sqlite3_step(statement);
    }
    if (code != SQLITE_ROW) {
        status = rove__sqlite_status(db, code, error, "Opening the replica");
    } else if (sqlite3_stricmp((const char *)sqlite3_column_text(statement, 0), "wal") != 0) {
        status =
            rove__error_set(error, ROVE_IO, "The replica's file system allows no write-ahead log.");
    }
    sqlite3_finalize(statement);
    return status;
}

static rove_status configure(sqlite3 *db, rove_error *error) {
    rove_status status = rove__connection_harden(db, error);

    /* The settings change the file: another program's is left as it is. */
    if (status == ROVE_OK) {
        status = rove__schema_check(db, error);
    }
    if (status == ROVE_OK) {
        int code = sqlite3_exec(db, settings, NULL, NULL, NULL);
        status = rove__sqlite_status(db, code, error, "Opening the replica");
    }
    return status == ROVE_OK ? check_journal(db, error) : status;
}

int rove__connection_open(const rove__store *store, int flags, sqlite3 **db) {
    int code = sqlite3_open_v2(
        store->path, db, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE, store->vfs_name);

    if (code == SQLITE_OK && (flags & SQLITE_OPEN_READWRITE) != 0 && rove__store_is_sealed(store)) {
        code = rove__vfs_reserve(*db);
    }
    return code;
}

rove_status rove__connection_ready(rove__store *store, rove_error *error) {
    rove_status status = configure(store->db, error);

    if (status == ROVE_OK) {
        rove__checkpoint_watch(store);
        store->lazy = 0;
    }
    return status;
}

static rove_status open_file(rove__store *store, rove_error *error) {
    int code = rove__connection_open(store, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, &store->db);

    if (code != SQLITE_OK) {
        return rove__sqlite_status(store->db, code, error, "Opening the replica");
    }
    if (sqlite3_db_readonly(store->db, "main") == 1) {
        return rove__error_set(error, ROVE_READONLY, "%s cannot be written. Make it writable.",
                               store->path);
    }
    rove_status status = rove__connection_ready(store, error);
    if (status == ROVE_OK) {
        /* What a killed process left in the log may not be on the disk yet; and it may have left there what was never
         * committed, of records that are another rep's by now. */
        store->unsynced = sqlite3_wal_checkpoint_v2(store->db, NULL, SQLITE_CHECKPOINT_TRUNCATE,
                                                    NULL, NULL) != SQLITE_OK;
        status = rove__schema_apply(store->db, store->registry, store->ports.allocator, error);
    }
    return status;
}

char *rove__store_path(const rove_allocator *allocator, const char *folder, const char *name) {
    size_t size = strlen(folder) + strlen(name) + 2;
    char *path = rove__alloc(allocator, size);

    if (path != NULL) {
        rove__text_format(path, size, "%s/%s", folder, name);
    }
    return path;
}

static rove_status take_lock(rove__store *store, rove_error *error) {
    const rove_files *files = store->ports.files;
    char *path = rove__store_path(store->ports.allocator, store->folder, "lock");

    if (path == NULL) {
        return ROVE_NOMEM;
    }
    rove_status status = files->make_folder(files->ctx, store->folder, error);
    if (status == ROVE_OK) {
        status = files->lock(files->ctx, path, &store->lock, error);
    }
    rove__free(store->ports.allocator, path);
    return status;
}

static rove_status prepare_handle(rove__store *store, const char *folder) {
    const rove_allocator *allocator = store->ports.allocator;

    store->folder = rove__alloc_text(allocator, folder);
    store->path = rove__store_path(allocator, folder, "replica.db");
    store->key_path = rove__store_path(allocator, folder, "core.key");
    store->mutex = sqlite3_mutex_alloc(SQLITE_MUTEX_RECURSIVE);
    store->queue = sqlite3_mutex_alloc(SQLITE_MUTEX_FAST);
    store->anchor_mutex = sqlite3_mutex_alloc(SQLITE_MUTEX_FAST);
    store->asking = sqlite3_mutex_alloc(SQLITE_MUTEX_RECURSIVE);
    if (store->folder == NULL || store->path == NULL || store->key_path == NULL ||
        store->mutex == NULL || store->queue == NULL || store->anchor_mutex == NULL ||
        store->asking == NULL) {
        return ROVE_NOMEM;
    }
    rove_status status = rove__registry_new(allocator, &store->registry);
    if (status != ROVE_OK) {
        return status;
    }
    size_t count = rove__registry_count(store->registry);
    store->entities = rove__alloc_zeroed(allocator, count, sizeof *store->entities);
    if (store->entities == NULL) {
        return ROVE_NOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        store->entities[i].entity = rove__registry_at(store->registry, i);
    }
    return ROVE_OK;
}

rove_status rove__store_open(const rove__store_ports *ports, const char *folder, rove__store **out,
                             rove_error *error) {
    *out = NULL;
    if (rove__sqlite_start() != SQLITE_OK) {
        return rove__error_set(error, ROVE_NOMEM, "SQLite could not be started.");
    }
    rove__store *store = rove__alloc_zeroed(ports->allocator, 1, sizeof *store);
    if (store == NULL) {
        return rove__error_set(error, ROVE_NOMEM,
                               "There is not enough memory to open the replica.");
    }
    store->ports = *ports;
    rove__arena_init(&store->arena, ports->allocator, TRANSACTION_ARENA_MAX);
    rove__arena_init(&store->row_arena, ports->allocator, ROW_ARENA_MAX);
    rove__buf_init(&store->scratch, ports->allocator, SCRATCH_MAX);

    rove_status status = prepare_handle(store, folder);
    if (status == ROVE_OK) {
        status = take_lock(store, error);
    }
    if (status == ROVE_OK) {
        status = rove__lock_open(store, error);
    }
    if (status == ROVE_OK) {
        status = open_file(store, error);
    }
    if (status == ROVE_OK) {
        status = rove__meta_load(store, error);
    }
    if (status == ROVE_OK) {
        status = rove__clock_recover(store, error);
    }
    if (status == ROVE_OK) {
        status = rove__custom_open(store, error);
    }
    if (status != ROVE_OK) {
        rove__store_close(store);
        return status;
    }
    *out = store;
    return ROVE_OK;
}

void rove__store_close(rove__store *store) {
    if (store == NULL) {
        return;
    }
    const rove_allocator *allocator = store->ports.allocator;
    if (store->in_transaction) {
        rove__store_rollback(store);
    }
    rove__store_finalize(store);
    rove__exchange_free(store);
    sqlite3_close_v2(store->db);
    rove__lock_close(store);
    if (store->lock != NULL) {
        store->ports.files->unlock(store->ports.files->ctx, store->lock);
    }
    rove__wipe(store->signer, sizeof store->signer);
    sqlite3_mutex_free(store->queue);
    sqlite3_mutex_free(store->mutex);
    sqlite3_mutex_free(store->anchor_mutex);
    sqlite3_mutex_free(store->asking);
    rove__sum_forget(store);
    rove__buf_free(&store->scratch);
    rove__arena_free(&store->row_arena);
    rove__arena_free(&store->arena);
    rove__free(allocator, store->events);
    rove__free(allocator, store->entities);
    rove__registry_free(store->registry);
    rove__free(allocator, store->folder);
    rove__free(allocator, store->path);
    rove__free(allocator, store->key_path);
    rove__free(allocator, store);
}

const rove__registry *rove__store_registry(const rove__store *store) {
    return store->registry;
}

rove_status rove__store_set_owner(rove__store *store, const rove__store_owner *owner,
                                  rove_error *error) {
    if (owner->user <= 0 || owner->replica <= ROVE_REPLICA_HEADQUARTERS ||
        owner->replica > ROVE_REPLICA_MAX) {
        return rove__error_set(error, ROVE_INVALID, "An owner has a user and a replica number.");
    }
    rove_status status = rove__store_enter(store, error);
    if (status != ROVE_OK) {
        return status;
    }
    if (store->owner.user != 0 && store->owner.user != owner->user) {
        status = rove__error_set(
            error, ROVE_STATE,
            "This replica belongs to another user; his work has to be sealed first.");
    }
    if (status == ROVE_OK && store->owner.user != 0 && owner->replica != store->owner.replica) {
        status = rove__fork_adopt(store, owner->replica, error);
    }
    if (status == ROVE_OK && owner->replica != store->owner.replica) {
        store->clock.counter = 0; /* ids are counted under the new number */
    }
    if (status == ROVE_OK) {
        status = rove__meta_put_owner(store, owner, error);
    }
    return rove__store_leave(store, status, error);
}
