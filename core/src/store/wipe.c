/*
 * store/wipe.c - the end of a replica: what a handle holds of it, and its files.
 *
 * The key goes first: whoever takes the power away after that keeps files that nobody can read. A handle lives on without a file: its
 * connection is one to an empty database in memory, for whoever forgot to ask, and everybody who asks is told WIPED.
 */
#include <string.h>

#include "base/planted.h"
#include "base/text.h"
#include "store/internal.h"

rove_status rove__wipe_refuse(rove_error *error) {
    return rove__error_set(error, ROVE_WIPED, "%s", rove_status_text(ROVE_WIPED));
}

int rove__store_is_wiped(const rove__store *store) {
    return store->wiped;
}

/* With the writer's turn. The log stays as it is: who closes the file must not empty it into that. */
static void forget(rove__store *store, sqlite3 *empty) {
    if (rove__store_is_sealed(store)) {
        rove__vault_lock(&store->vault);
    }
    (void)sqlite3_db_config(store->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    rove__store_forget(store, empty);
}

rove_status rove__store_discard(rove__store *store, rove_error *error) {
    sqlite3 *empty = NULL;
    rove_status status = rove__store_turn(store, error);

    if (status != ROVE_OK) {
        return status;
    }
    int code =
        sqlite3_open_v2(":memory:", &empty, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
    if (code == SQLITE_OK) {
        store->wiped = 1;
        store->locked = 1;
        forget(store, empty);
    } else {
        sqlite3_close_v2(empty);
        status = rove__sqlite_status(NULL, code, error, "Wiping the replica");
    }
    rove__store_turn_over(store);
    return status;
}

rove_status rove__store_erase(const rove_allocator *allocator, const rove_files *files,
                              const char *folder, rove_error *error) {
    /* What a process that was killed was about to put in their place counts, too. */
    static const char *const names[] = {
        "core.key",           "core.key.tmp",   "core.key.tries", "core.key.tries.tmp",
        "replica.db-log",     "replica.db-wal", "replica.db-shm", "replica.db",
        "replica.db-journal", "identity",       "identity.tmp",   "identity.next",
        "identity.next.tmp"};
    rove_status first = ROVE_OK;

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (ROVE_PLANTED(W03_LOG_STAYS) && strcmp(names[i], "replica.db-wal") == 0) {
            continue;
        }
        char *path = rove__store_path(allocator, folder, names[i]);
        rove_status status = path != NULL ? files->erase(files->ctx, path, error) : ROVE_NOMEM;
        rove__free(allocator, path);
        first = first == ROVE_OK ? status : first;
    }
    return first;
}
