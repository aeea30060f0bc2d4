/*
 * store/rekey.c - another data key in place of the one that the replica has: all that is in its files is written anew.
 *
 * It is done where the replica lies, without a copy of it, in steps of which each may be repeated:
 *
 *   1  core.key gets the new key, and keeps the former one (vault/seal.h tells them apart by the generation in each unit's epoch)
 *   2  VACUUM writes every page, under the new key; the log is emptied into the file
 *   3  every page of the file is found to be of the new generation, and the database to be sound
 *   4  core.key is written without the former key
 *
 * Whatever happens between two of them, the replica opens, with both keys if need be, and the next call goes on. SQLite sees to
 * it that a power cut within step 2 costs no page. From step 4 on nobody who had the former key can read the files with it.
 */
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"
#include "store/internal.h"

#define DOING "Replacing the replica's key"

static rove_status put_key(rove__store *store, const rove__key_answers *a,
                           const rove__data_key *key, rove_error *error) {
    rove_status status = rove__lock_put_key(store, a, key, error);

    return status == ROVE_OK ? rove__vault_unlock(&store->vault, key) : status;
}

/* Step 1. */
static rove_status begin(rove__store *store, const rove__key_answers *a, rove__data_key *key,
                         rove_error *error) {
    rove__data_key next;

    if (key->has_former) { /* a call before this one began */
        return rove__vault_unlock(&store->vault, key);
    }
    rove_status status = rove__data_key_follow(store->ports.random, key, &next);
    if (status == ROVE_OK) {
        status = put_key(store, a, &next, error);
    }
    if (status == ROVE_OK) {
        *key = next;
    }
    rove__wipe(&next, sizeof next);
    return status;
}

/* Step 3. */
static rove_status verify(rove__store *store, const rove__data_key *key, rove_error *error) {
    int is_whole = 0;

    int code = rove__vfs_is_of(store->db, key->generation, &is_whole);
    if (code != SQLITE_OK) {
        return rove__sqlite_status(NULL, code, error, DOING);
    }
    if (!is_whole) {
        return rove__error_set(error, ROVE_BUSY,
                               "A part of the replica is still under the former key; replace it "
                               "again when nothing else uses the replica.");
    }
    return rove__verify_file(store, error);
}

/* Step 4. */
static rove_status end(rove__store *store, const rove__key_answers *a, rove__data_key *key,
                       rove_error *error) {
    key->has_former = 0;
    rove__wipe(key->former, sizeof key->former);
    return put_key(store, a, key, error);
}

static rove_status replace(rove__store *store, const rove__key_answers *a, rove__data_key *key,
                           rove_error *error) {
    rove_status status = begin(store, a, key, error);

    if (status == ROVE_OK) {
        status = rove__tidy_file(store, error);
    }
    if (status == ROVE_OK) {
        status = rove__tidy_log(store, error);
    }
    if (status == ROVE_OK) {
        status = verify(store, key, error);
    }
    return status == ROVE_OK ? end(store, a, key, error) : status;
}

rove_status rove__store_rekey(rove__store *store, rove_error *error) {
    rove__key_answers a;
    rove__data_key key;

    if (!rove__store_is_sealed(store)) {
        return rove__error_set(error, ROVE_STATE, "A replica that is not encrypted has no key.");
    }
    memset(&a, 0, sizeof a);
    memset(&key, 0, sizeof key);
    rove_status status = rove__ask_begin(store, error);
    if (status != ROVE_OK) {
        return status;
    }
    status = store->locked ? rove__lock_refuse(error) : ROVE_OK;
    if (status == ROVE_OK) {
        status = rove__lock_key(&store->ports, store->key_path, &a, &key, error);
    }
    if (status == ROVE_OK) {
        status = rove__store_turn(store, error);
    }
    if (status == ROVE_OK) {
        status = store->locked ? rove__lock_refuse(error) : replace(store, &a, &key, error);
        rove__store_turn_over(store);
    }
    rove__ask_end(store);
    rove__wipe(&a, sizeof a);
    rove__wipe(&key, sizeof key);
    return status;
}
