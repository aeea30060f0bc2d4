/*
 * store/lock.c - the lock on the replica: its key, the sealing VFS (vault/vfs.h), locking and unlocking.
 *
 * A replica with a keyring has a vault for its whole life; what changes is whether the vault has the keys. Locked, it is open
 * in name only: every page that SQLite asks for is refused, so a path that forgets to ask says LOCKED too. Whoever locks waits
 * for the transaction under way, and leaves nothing of what was read in memory that the store owns: statements with their
 * parameters, pages, arenas.
 *
 * The keyring is asked without the writer's turn, for it may ask the rep for his PIN, and whoever shows him that may look at
 * the replica's state, or lock it, meanwhile. Who asks, or writes core.key, has `asking`; it is taken before the turn.
 *
 * Without a keyring the replica is plain, and is never locked.
 */
#include <string.h>

#include "base/assert.h"
#include "base/log.h"
#include "base/text.h"
#include "store/internal.h"
#include "store/tries.h"

static rove__key_ports key_ports(const rove__store_ports *ports) {
    return (rove__key_ports){
        .crypto = ports->crypto, .random = ports->random, .files = ports->files};
}

/* ---- what the keyring says ---- */

static rove_status ask(const rove_keyring *keyring, int has_pin, rove__key_answers *a,
                       rove_error *error) {
    memset(a, 0, sizeof *a);
    a->secrets.host = a->secret;
    rove_status status = keyring->secret(keyring->ctx, a->secret, error);
    if (status != ROVE_OK || !has_pin) {
        return status;
    }
    if (keyring->pin == NULL) {
        return rove__error_set(error, ROVE_WRONG_KEY, "The replica is opened with a PIN.");
    }
    status = keyring->pin(keyring->ctx, a->pin, sizeof a->pin, &a->secrets.pin_size, error);
    a->secrets.pin = a->pin;
    return status == ROVE_OK && a->secrets.pin_size > sizeof a->pin ? ROVE_INVALID : status;
}

/* ---- the key ---- */

/* Of a new replica. */
static rove_status draw_key(rove__store *store, rove__data_key *key, rove_error *error) {
    const rove__key_ports ports = key_ports(&store->ports);
    rove__key_answers a;

    rove_status status = ask(store->ports.keyring, 0, &a, error);
    if (status == ROVE_OK) {
        status = rove__data_key_draw(store->ports.random, key);
    }
    if (status == ROVE_OK) {
        status = rove__key_file_write(&ports, store->key_path, key, &a.secrets, NULL, error);
    }
    rove__wipe(&a, sizeof a);
    return status;
}

/* Counted before it is tried: who ends the process meanwhile has used his try. */
static rove_status try_pin(const rove__store_ports *ports, const char *path, rove__key_answers *a,
                           rove__data_key *key, rove_error *error) {
    const rove__key_ports needs = key_ports(ports);
    rove__tries tries;

    rove_status status = rove__tries_begin(&tries, ports, path, error);
    if (status == ROVE_OK) {
        status = ask(ports->keyring, 1, a, error);
    }
    if (status == ROVE_OK) {
        status = rove__tries_count(&tries, error);
    }
    if (status == ROVE_OK) {
        status = rove__key_file_read(&needs, path, &a->secrets, key, error);
        status = rove__tries_end(&tries, status, error);
    }
    rove__tries_free(&tries);
    return status;
}

rove_status rove__lock_key(const rove__store_ports *ports, const char *path, rove__key_answers *a,
                           rove__data_key *key, rove_error *error) {
    const rove__key_ports needs = key_ports(ports);
    int has_pin = 0;

    rove_status status = rove__key_file_look(&needs, path, &has_pin, error);
    if (status == ROVE_OK && has_pin) {
        return try_pin(ports, path, a, key, error);
    }
    if (status == ROVE_OK) {
        status = ask(ports->keyring, 0, a, error);
    }
    return status == ROVE_OK ? rove__key_file_read(&needs, path, &a->secrets, key, error) : status;
}

rove_status rove__lock_put_key(rove__store *store, const rove__key_answers *a,
                               const rove__data_key *key, rove_error *error) {
    const rove__key_ports ports = key_ports(&store->ports);

    return rove__key_file_write(&ports, store->key_path, key, &a->secrets, NULL, error);
}

rove_status rove__lock_read(const rove__store_ports *ports, const char *path, rove__data_key *key,
                            rove_error *error) {
    rove__key_answers a;

    memset(&a, 0, sizeof a);
    rove_status status = rove__lock_key(ports, path, &a, key, error);
    rove__wipe(&a, sizeof a);
    return status;
}

/* ---- what lies in the folder ---- */

static rove_status has_key_file(rove__store *store, int *has, rove_error *error) {
    uint8_t byte;
    size_t size = 0;
    rove_status status = store->ports.files->read(store->ports.files->ctx, store->key_path, &byte,
                                                  sizeof byte, &size, error);

    *has = status == ROVE_OK || status == ROVE_TOO_BIG;
    return *has || status == ROVE_NOT_FOUND ? ROVE_OK : status;
}

/* The folder and the keyring belong together, or which way they do not. */
static rove_status check_folder(rove__store *store, int *is_new, rove_error *error) {
    rove__vfs_content content = ROVE_VFS_NOTHING;
    int has_key = 0;

    *is_new = 0;
    rove_status status = has_key_file(store, &has_key, error);
    if (status != ROVE_OK) {
        return status;
    }
    if (!rove__store_is_sealed(store)) {
        return has_key ? rove__error_set(error, ROVE_WRONG_KEY,
                                         "This replica is encrypted; it is opened with its key.")
                       : ROVE_OK;
    }
    int code = rove__vfs_look(store->ports.vfs, store->ports.allocator, store->path, &content);
    if (code != SQLITE_OK) {
        return rove__sqlite_status(NULL, code, error, "Opening the replica");
    }
    if (content == ROVE_VFS_PLAIN) {
        return rove__error_set(error, ROVE_NOT_ENCRYPTED,
                               "This replica is not encrypted. Open it as a plain one, or make "
                               "another one elsewhere and enrol it; nothing was changed.");
    }
    if (!has_key && content == ROVE_VFS_OTHER) {
        return rove__error_set(
            error, ROVE_CORRUPT,
            "The replica's key file (core.key) is missing. Put back a copy of it "
            "if there is one; else the replica has to be made anew.");
    }
    *is_new = !has_key;
    return ROVE_OK;
}

/* ---- opening and closing ---- */

int rove__store_is_sealed(const rove__store *store) {
    return store->ports.keyring != NULL && store->ports.keyring->secret != NULL;
}

rove__vault *rove__store_vault(rove__store *store) {
    return rove__store_is_sealed(store) ? &store->vault : NULL;
}

rove_status rove__lock_open(rove__store *store, rove_error *error) {
    rove__data_key key;
    int is_new = 0;

    store->vfs_name = store->ports.vfs;
    rove_status status = check_folder(store, &is_new, error);
    if (status != ROVE_OK || !rove__store_is_sealed(store)) {
        return status;
    }
    memset(&key, 0, sizeof key);
    status = is_new ? draw_key(store, &key, error)
                    : rove__lock_read(&store->ports, store->key_path, &key, error);
    if (status == ROVE_OK) {
        status = rove__vault_open(&store->vault, store->ports.crypto, store->ports.random, &key);
    }
    rove__wipe(&key, sizeof key);
    if (status != ROVE_OK) {
        return status;
    }
    int code = rove__vfs_open(&store->vfs, store->ports.allocator, store->ports.vfs, &store->vault,
                              store->path);
    store->vfs_name = store->vfs.name;
    return code == SQLITE_OK ? ROVE_OK
                             : rove__sqlite_status(NULL, code, error, "Opening the replica");
}

void rove__lock_close(rove__store *store) {
    rove__vfs_close(&store->vfs);
    rove__vault_close(&store->vault);
}

/* ---- locking and unlocking ---- */

rove_status rove__lock_refuse(rove_error *error) {
    return rove__error_set(error, ROVE_LOCKED, "The replica is locked. Unlock it, and try again.");
}

int rove__store_is_locked(const rove__store *store) {
    return store->locked;
}

void rove__store_shed(rove__store *store) {
    rove__store_finalize(store);
    (void)sqlite3_db_release_memory(store->db);
    rove__arena_free(&store->arena);
    rove__arena_free(&store->row_arena);
    rove__buf_free(&store->scratch);
    rove__exchange_shed(store);
    rove__sum_forget(store);
}

void rove__store_forget(rove__store *store, sqlite3 *fresh) {
    rove__store_shed(store);
    sqlite3_close_v2(store->db);
    store->db = fresh;
    store->log_pages = 0;
}

/* With the writer's turn. The new connection has read nothing, and cannot. */
static rove_status forget(rove__store *store, rove_error *error) {
    sqlite3 *fresh = NULL;

    int code = rove__connection_open(store, SQLITE_OPEN_READWRITE, &fresh);
    if (code != SQLITE_OK) {
        sqlite3_close_v2(fresh);
        (void)sqlite3_db_release_memory(store->db);
        return rove__sqlite_status(NULL, code, error, "Locking the replica");
    }
    rove__store_forget(store, fresh);
    return ROVE_OK;
}

rove_status rove__store_lock(rove__store *store, rove_error *error) {
    if (store->wiped) {
        return rove__wipe_refuse(error);
    }
    if (!rove__store_is_sealed(store)) {
        return rove__error_set(error, ROVE_STATE, "A replica that is not encrypted has no lock.");
    }
    int locked = store->locked;
    store->locked = 1; /* readers are turned away from here on */
    rove_status status = rove__store_turn(store, error);
    if (status != ROVE_OK) {
        store->locked = locked;
        return status;
    }
    store->shut = 1;
    store->lockings++;
    status = rove__lock_keys(store, error);
    rove__store_turn_over(store);
    return status;
}

rove_status rove__lock_keys(rove__store *store, rove_error *error) {
    store->locked = 1;
    /* What lies in the log goes into the file while there is a key for it; if not now, at the next unlocking. */
    if (!store->sweeping) {
        sqlite3_busy_timeout(store->db, 0);
        (void)sqlite3_wal_checkpoint_v2(store->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    }
    rove__signer_lock(store);
    rove__vault_lock(&store->vault);
    rove_status status = forget(store, error);
    rove__wipe_stack();
    return status;
}

/* With the writer's turn. */
static rove_status install(rove__store *store, const rove__data_key *key, rove_error *error) {
    rove_status status = rove__vault_unlock(&store->vault, key);

    if (status == ROVE_OK) {
        status = rove__connection_ready(store, error);
    }
    if (status == ROVE_OK) {
        status = rove__signer_unlock(store);
    }
    if (status != ROVE_OK) {
        rove__vault_lock(&store->vault);
        return status;
    }
    store->locked = 0;
    return ROVE_OK;
}

/* With the writer's turn, which is given up while the keyring is asked. */
static rove_status ask_and_install(rove__store *store, rove__unlock_may may, rove_error *error) {
    rove__data_key key;
    unsigned lockings = store->lockings;

    memset(&key, 0, sizeof key);
    rove__store_turn_over(store);
    rove_status status = rove__lock_read(&store->ports, store->key_path, &key, error);
    rove_status turn = rove__store_turn(store, NULL);
    ROVE_ASSERT(turn == ROVE_OK); /* while it is locked, no transaction is begun */
    (void)turn;
    if (status == ROVE_OK) {
        /* Its rep may have locked it since. */
        status = store->lockings != lockings ? rove__lock_refuse(error) : may(store, error);
    }
    if (status == ROVE_OK && store->locked) {
        status = install(store, &key, error);
    }
    rove__wipe(&key, sizeof key);
    return status;
}

rove_status rove__ask_begin(rove__store *store, rove_error *error) {
    rove_status status = rove__store_turn(store, error);

    if (status == ROVE_OK) {
        rove__store_turn_over(store);
        sqlite3_mutex_enter(store->asking);
    }
    return status;
}

void rove__ask_end(rove__store *store) {
    sqlite3_mutex_leave(store->asking);
}

rove_status rove__unlock(rove__store *store, rove__unlock_may may, rove_error *error) {
    rove_status status = rove__ask_begin(store, error);
    if (status != ROVE_OK) {
        return status;
    }
    status = rove__store_turn(store, error);
    if (status == ROVE_OK) {
        status = may(store, error);
        if (status == ROVE_OK && store->locked) {
            status = ask_and_install(store, may, error);
        }
        if (status != ROVE_OK) {
            rove__store_turn_over(store);
        }
    }
    rove__ask_end(store);
    return status;
}

/* His own lock goes, if nobody locked it since; the one of the lease, or of headquarters, stays. */
static rove_status may_unlock(rove__store *store, rove_error *error) {
    if (!store->wiped && !rove__lease_is_over(store)) {
        return ROVE_OK;
    }
    store->shut = 0;
    return rove__lock_refuse(error);
}

rove_status rove__store_unlock(rove__store *store, rove_error *error) {
    rove_status status = rove__unlock(store, may_unlock, error);

    if (status == ROVE_OK) {
        store->shut =
            0; /* not after a wrong PIN: each contact with headquarters would try that again */
        rove__store_turn_over(store);
    }
    if (status == ROVE_LOCKED) {
        rove_status why = rove__store_check(store, error);
        status = why != ROVE_OK ? why : status;
    }
    return status;
}

/* With the writer's turn. */
static rove_status wrap(rove__store *store, const uint8_t *secret, const char *pin, size_t pin_size,
                        rove_error *error) {
    rove__data_key key;
    rove__key_answers a;

    memset(&key, 0, sizeof key);
    memset(&a, 0, sizeof a);
    rove_status status = rove__vault_key(&store->vault, &key);
    if (status == ROVE_OK) {
        status = ask(store->ports.keyring, 0, &a, error);
    }
    if (status == ROVE_OK) {
        a.secrets = (rove__key_secrets){
            .host = secret != NULL ? secret : a.secret, .pin = pin, .pin_size = pin_size};
        status = rove__lock_put_key(store, &a, &key, error);
    }
    rove__wipe(&a, sizeof a);
    rove__wipe(&key, sizeof key);
    return status;
}

rove_status rove__store_wrap(rove__store *store, const uint8_t *secret, const char *pin,
                             size_t pin_size, rove_error *error) {
    if (!rove__store_is_sealed(store)) {
        return rove__error_set(error, ROVE_STATE, "A replica that is not encrypted has no key.");
    }
    rove_status status = rove__store_check(store, error);
    if (status == ROVE_OK) {
        status = rove__ask_begin(store, error);
    }
    if (status != ROVE_OK) {
        return status;
    }
    status = rove__store_turn(store, error);
    if (status == ROVE_OK) {
        status =
            store->locked ? rove__lock_refuse(error) : wrap(store, secret, pin, pin_size, error);
        rove__store_turn_over(store);
    }
    rove__ask_end(store);
    return status;
}
