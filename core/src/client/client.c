/*
 * client/client.c - the handle: opened and closed, taken by whoever talks to headquarters, and its pool of
 * readers: a reader belongs to one thread while it is out, and to nobody while it is idle.
 */
#include <string.h>

#include "base/assert.h"
#include "base/log.h"
#include "base/text.h"
#include "client/internal.h"

rove_status rove__client_invalid(rove_error *error, const char *sentence) {
    return rove__error_set(error, ROVE_INVALID, "%s", sentence);
}

rove_status rove__client_said(rove_status status, const rove_error *detail, rove_error *error) {
    if (status == ROVE_OK || status == ROVE_DONE || error == NULL) {
        return status;
    }
    if (detail->message[0] == '\0') {
        return rove__error_set(error, status, "%s", rove_status_text(status));
    }
    *error = *detail;
    return status;
}

/* ---- opening ---- */

static int complete(const rove_ports *ports) {
    const rove_files *files = &ports->files;
    const rove_crypto *crypto = &ports->crypto;

    return ports->allocator.resize != NULL && ports->clock.read != NULL &&
           ports->random.fill != NULL && files->make_folder != NULL && files->read != NULL &&
           files->replace != NULL && files->remove != NULL && files->lock != NULL &&
           files->unlock != NULL && files->append != NULL && files->erase != NULL &&
           crypto->sha256 != NULL && crypto->hmac_sha256 != NULL && crypto->key_generate != NULL &&
           crypto->key_public != NULL && crypto->csr != NULL && crypto->sign != NULL &&
           crypto->verify != NULL && crypto->ecdh != NULL && crypto->hkdf_sha256 != NULL &&
           crypto->gcm_seal != NULL;
}

/* Whether the identity is of the user whose work the replica holds. */
static int belongs(rove *replica) {
    rove__store_owner owner;

    rove__store_read_owner(replica->store, &owner);
    return owner.user == 0 || owner.user == replica->credentials->identity.user;
}

/* A file that an older version left plain, or a crash sealed for two secrets, is written as it should be; else next time. */
static void freshen(rove *replica) {
    rove_status status =
        replica->credentials->stale
            ? rove__credentials_save(&replica->credentials_ports, replica->identity_path,
                                     replica->credentials, NULL)
            : ROVE_OK;

    if (status != ROVE_OK) {
        rove__log(&replica->ports.log, ROVE_LOG_WARN, "client", "sealing the identity: %s",
                  rove_status_name(status));
    }
}

/*
 * A damaged or foreign identity costs a new code, not the rep's data: the replica opens as if it were not
 * enrolled. An owner that cannot be set now (the disk is full) is set by the next sync.
 */
static rove_status load_identity(rove *replica, rove_error *error) {
    rove_status status = rove__credentials_load(&replica->credentials_ports, replica->identity_path,
                                                &replica->credentials, error);

    if (status == ROVE_WRONG_KEY) {
        status = ROVE_CORRUPT; /* the replica's own key was opened: the file is of another one */
    }
    if (status == ROVE_OK) {
        freshen(replica);
    }
    if (status == ROVE_OK && !belongs(replica)) {
        rove__credentials_free(&replica->ports.allocator, replica->credentials);
        replica->credentials = NULL;
        status = ROVE_CORRUPT;
    }
    replica->identity_status = status;
    if (status == ROVE_OK) {
        rove__client_sign(replica);
        memcpy(replica->url, replica->credentials->url, sizeof replica->url);
        status = rove__client_adopt(replica, NULL);
    }
    if (status != ROVE_OK && status != ROVE_NOT_FOUND) {
        rove__log(&replica->ports.log, ROVE_LOG_ERROR, "client", "identity: %s",
                  rove_status_name(status));
    }
    return replica->credentials != NULL || status == ROVE_CORRUPT || status == ROVE_NOT_FOUND
               ? ROVE_OK
               : status;
}

/* A hand-over that cannot be finished now is finished by the next enrolment, or when the replica is opened again. */
static void finish_hand_over(rove *replica) {
    int was = 0;
    rove_status status = rove__client_hand_over_rest(replica, NULL, &was, NULL);

    if (status != ROVE_OK) {
        rove__log(&replica->ports.log, ROVE_LOG_ERROR, "client",
                  "passing the replica to another user: %s", rove_status_name(status));
    }
}

static rove_status prepare(rove *replica, const char *folder) {
    const rove_allocator *allocator = &replica->ports.allocator;
    size_t size = strlen(folder) + sizeof "/identity.next";

    replica->store_ports = (rove__store_ports){.allocator = allocator,
                                               .clock = &replica->ports.clock,
                                               .random = &replica->ports.random,
                                               .files = &replica->ports.files,
                                               .crypto = &replica->ports.crypto,
                                               .log = &replica->ports.log,
                                               .keyring = &replica->ports.keyring};
    replica->credentials_ports = (rove__credentials_ports){.allocator = allocator,
                                                           .crypto = &replica->ports.crypto,
                                                           .files = &replica->ports.files,
                                                           .random = &replica->ports.random,
                                                           .keyring = &replica->ports.keyring};
    replica->identity_path = rove__alloc(allocator, size);
    replica->next_path = rove__alloc(allocator, size);
    replica->orders_path = rove__alloc(allocator, size);
    replica->folder = rove__alloc_text(allocator, folder);
    if (replica->identity_path == NULL || replica->next_path == NULL ||
        replica->orders_path == NULL || replica->folder == NULL) {
        return ROVE_NOMEM;
    }
    rove__text_format(replica->identity_path, size, "%s/identity", folder);
    rove__text_format(replica->next_path, size, "%s/identity.next", folder);
    rove__text_format(replica->orders_path, size, "%s/orders", folder);
    rove_status status = rove__mutex_new(allocator, &replica->mutex);
    if (status == ROVE_OK) {
        status = rove__mutex_new(allocator, &replica->dropping);
    }
    return status == ROVE_OK ? rove__mutex_new(allocator, &replica->watching) : status;
}

static rove_status load_orders(rove *replica, rove_error *error) {
    rove_status status = rove__orders_load(&replica->credentials_ports, replica->orders_path,
                                           &replica->orders, error);

    if (replica->store != NULL) {
        rove__store_order(replica->store, replica->orders.stage != ROVE_STAGE_FREE);
    }
    return status;
}

/* The orders are read before anything is opened, and again with the lock. WIPED: there is nothing to open. */
static rove_status open_files(rove *replica, const char *folder, rove_error *error) {
    rove_status status = load_orders(replica, error);

    if (status == ROVE_OK && replica->orders.stage != ROVE_STAGE_WIPED) {
        status = rove__store_open(&replica->store_ports, folder, &replica->store, error);
        if (status == ROVE_OK) {
            status = load_orders(replica, error);
        }
    }
    if (status == ROVE_OK && replica->orders.stage == ROVE_STAGE_WIPED) {
        status = rove__client_wipe_rest(&replica->ports, folder, error);
    }
    return status == ROVE_OK ? load_identity(replica, error) : status;
}

/* A wipe that was begun goes on; one that cannot now leaves the replica locked, for the next sync to go on with. */
static rove_status finish_wipe(rove *replica, rove_error *error) {
    if (replica->orders.stage != ROVE_STAGE_SEALING) {
        return ROVE_OK;
    }
    rove_status status = rove__client_wipe_again(replica, error);
    return status == ROVE_WIPED ? status : ROVE_OK;
}

static rove_status open_replica(const rove_ports *ports, const char *folder, rove **out,
                                rove_error *error) {
    if (out == NULL || ports == NULL || folder == NULL || folder[0] == '\0') {
        return rove__client_invalid(error, "Opening takes ports, a folder and a place for the "
                                           "replica.");
    }
    *out = NULL;
    if (!complete(ports)) {
        return rove__client_invalid(error, "A function is missing in the ports.");
    }
    if (!rove__utf8_valid((const uint8_t *)folder, strlen(folder))) {
        return rove__error_set(error, ROVE_UTF8, "The folder's path is not UTF-8.");
    }
    rove *replica = rove__alloc_zeroed(&ports->allocator, 1, sizeof *replica);
    if (replica == NULL) {
        return ROVE_NOMEM;
    }
    replica->ports = *ports;
    rove_status status = prepare(replica, folder);
    if (status == ROVE_OK) {
        status = open_files(replica, folder, error);
    }
    if (status == ROVE_OK) {
        finish_hand_over(replica);
        status = finish_wipe(replica, error);
    }
    if (status != ROVE_OK) {
        rove_close(replica);
        return status;
    }
    *out = replica;
    return ROVE_OK;
}

rove_status rove_open(const rove_ports *ports, const char *folder, rove **out, rove_error *error) {
    rove_error detail = {.message = ""};

    return rove__client_said(open_replica(ports, folder, out, &detail), &detail, error);
}

void rove__client_close_idle(rove *replica) {
    rove__mutex_enter(replica->mutex);
    while (replica->idle_count > 0) {
        rove__reader_close(replica->idle[--replica->idle_count]);
    }
    rove__mutex_leave(replica->mutex);
}

void rove_close(rove *replica) {
    if (replica == NULL) {
        return;
    }
    ROVE_ASSERT(!replica->busy);
    const rove_allocator allocator = replica->ports.allocator;
    if (replica->mutex != NULL) {
        rove__client_close_idle(replica);
    }
    rove__store_close(replica->store);
    rove__credentials_free(&allocator, replica->credentials);
    rove__mutex_free(replica->mutex);
    rove__mutex_free(replica->watching);
    rove__mutex_free(replica->dropping);
    rove__free(&allocator, replica->folder);
    rove__free(&allocator, replica->identity_path);
    rove__free(&allocator, replica->next_path);
    rove__free(&allocator, replica->orders_path);
    rove__free(&allocator, replica);
}

/* ---- who talks to headquarters ---- */

rove_status rove__client_take(rove *replica, rove_error *error) {
    rove__mutex_enter(replica->mutex);
    int taken = replica->busy;
    replica->busy = 1;
    rove__mutex_leave(replica->mutex);
    return taken ? rove__error_set(error, ROVE_BUSY,
                                   "This replica is talking to headquarters already; wait until "
                                   "that has ended.")
                 : ROVE_OK;
}

void rove__client_give(rove *replica) {
    rove__mutex_enter(replica->mutex);
    ROVE_ASSERT(replica->busy);
    replica->busy = 0;
    rove__mutex_leave(replica->mutex);
}

/* ---- readers ---- */

/* What idle readers have read, and exports have not sealed yet, goes with the keys, whoever locked it. */
static void shed(rove *replica) {
    if (rove__store_is_locked(replica->store)) {
        rove__client_close_idle(replica);
        rove__client_shed_exports(replica);
    }
}

rove_status rove__client_check(rove *replica, rove_error *error) {
    rove_status status = rove__store_check(replica->store, error);

    shed(replica);
    return status;
}

rove_status rove__client_contact(rove *replica, rove_error *error) {
    return rove__store_contact(replica->store, error);
}

void rove__client_contact_over(rove *replica) {
    rove__store_contact_over(replica->store);
    shed(replica);
}

rove_status rove__client_reader(rove *replica, rove__reader_connection **reader,
                                rove_error *error) {
    *reader = NULL;
    rove__mutex_enter(replica->mutex);
    if (replica->idle_count > 0) {
        *reader = replica->idle[--replica->idle_count];
    }
    rove__mutex_leave(replica->mutex);
    return *reader != NULL ? ROVE_OK : rove__reader_open(replica->store, reader, error);
}

void rove__client_reader_back(rove *replica, rove__reader_connection *reader) {
    if (reader == NULL) {
        return;
    }
    rove__mutex_enter(replica->mutex);
    if (!rove__store_is_locked(replica->store) && replica->idle_count < ROVE_IDLE_READERS_MAX) {
        replica->idle[replica->idle_count++] = reader;
        reader = NULL;
    }
    rove__mutex_leave(replica->mutex);
    rove__reader_close(reader);
    shed(replica);
}

/* ---- the lock ---- */

rove_status rove_lock(rove *replica, rove_error *error) {
    if (replica == NULL) {
        return rove__client_invalid(error, "There is no replica.");
    }
    rove_error detail = {.message = ""};
    rove_status status = rove__store_lock(replica->store, &detail);
    rove__client_close_idle(replica);
    shed(replica);
    return rove__client_said(status, &detail, error);
}

/* It waited for its key, to seal what was not sent: that is all that it is unlocked for. */
static rove_status unlock_to_wipe(rove *replica, rove_error *error) {
    rove_status status = rove__client_take(replica, error);

    if (status != ROVE_OK) {
        return status;
    }
    /* The rep's own lock; the other one stays. Once all is sealed no key is needed. */
    status = rove__client_stage(replica) == ROVE_STAGE_SEALING
                 ? rove__store_unlock(replica->store, error)
                 : ROVE_OK;
    if (status == ROVE_OK || status == ROVE_LOCKED) {
        status = rove__client_wipe_again(replica, error);
    }
    rove__client_give(replica);
    return status;
}

rove_status rove_unlock(rove *replica, rove_error *error) {
    if (replica == NULL) {
        return rove__client_invalid(error, "There is no replica.");
    }
    rove_error detail = {.message = ""};
    rove_status status = rove__client_wipe_waits(replica)
                             ? unlock_to_wipe(replica, &detail)
                             : rove__store_unlock(replica->store, &detail);
    return rove__client_said(status, &detail, error);
}

rove_status rove_replace_key(rove *replica, rove_error *error) {
    if (replica == NULL) {
        return rove__client_invalid(error, "There is no replica.");
    }
    rove_status status = rove__client_take(replica, error);
    if (status != ROVE_OK) {
        return status;
    }
    rove__client_close_idle(replica); /* they may hold the log */
    rove_error detail = {.message = ""};
    status = rove__client_check(replica, &detail);
    if (status == ROVE_OK) {
        status = rove__store_rekey(replica->store, &detail);
    }
    status = rove__client_said(status, &detail, error);
    rove__client_give(replica);
    return status;
}

rove_status rove__client_entity(const rove *replica, const char *name, const rove__entity **entity,
                                rove_error *error) {
    *entity =
        name != NULL ? rove__registry_by_name(rove__store_registry(replica->store), name) : NULL;
    return *entity != NULL
               ? ROVE_OK
               : rove__error_set(error, ROVE_UNKNOWN_ENTITY, "There is no entity \"%s\".",
                                 name != NULL ? name : "");
}
