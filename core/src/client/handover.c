/*
 * client/handover.c - the device passes to another user of the same headquarters (D11). What the first one has not sent, and what
 * headquarters may ask for again, stays, sealed under his identity; his rows go. Each step may be the last before a crash:
 *
 *   1  the new identity is kept beside the old one, as `identity.next`
 *   2  one transaction of the replica: all that store/handover.c says, and the new owner
 *   3  the replica's files are written anew
 *   4  the new identity becomes `identity`; `identity.next` goes
 *
 * Up to 2 the device is the first user's and works as before; from then on it is nobody's until 4 is done. Whoever opens the
 * replica, or enrols with the same code, goes on where it stopped. Who enrols with another code may be another user: what
 * stopped before 2 is forgotten then, else it is finished first.
 */
#include <string.h>

#include "base/log.h"
#include "base/text.h"
#include "client/internal.h"

static void forget_next(rove *replica) {
    const rove_files *files = &replica->ports.files;

    if (files->remove(files->ctx, replica->next_path, NULL) != ROVE_OK) {
        rove__log(&replica->ports.log, ROVE_LOG_WARN, "client", "%s could not be removed",
                  replica->next_path);
    }
}

static void drop_credentials(rove *replica) {
    rove__mutex_enter(replica->mutex);
    rove__credentials *old = replica->credentials;
    replica->credentials = NULL;
    rove__client_sign(replica);
    replica->failures = 0;
    replica->next_sync_ms = 0;
    replica->send_digests = 0;
    rove__mutex_leave(replica->mutex);
    rove__credentials_free(&replica->ports.allocator, old);
}

/* Step 2. */
static rove_status pass_replica(rove *replica, const rove__identity *next, rove_error *error) {
    if (replica->credentials == NULL) {
        return rove__error_set(error, ROVE_STATE,
                               "This replica holds the work of another user, whose identity is "
                               "damaged. Enrol that user here with a new code first, or open a new "
                               "folder for this one.");
    }
    const rove__identity *former = &replica->credentials->identity;
    if (!rove__authorities_meet(former, next)) {
        return rove__error_set(error, ROVE_STATE,
                               "This replica holds the work of a user of another headquarters. "
                               "Open a new folder for this one, and enrol there with a new code.");
    }
    rove__sealer sealer = rove__credentials_sealer(replica->credentials);
    rove__hand_over to = {.owner = {.replica = next->replica, .user = next->user},
                          .sealer = &sealer,
                          .seal_key = next->seal_key};
    rove_status status = rove__client_adopt(replica, error);
    return status == ROVE_OK ? rove__store_hand_over(replica->store, &to, error) : status;
}

/* Steps 3 and 4; takes `next`. Idle readers may hold the log, and keep what the first user has read; so do those that come back. */
static rove_status complete(rove *replica, rove__credentials *next, rove_error *error) {
    rove__client_close_idle(replica);
    rove_status status = rove__store_tidy(replica->store, error);
    rove__client_close_idle(replica);

    if (status == ROVE_OK) {
        status = rove__credentials_save(&replica->credentials_ports, replica->identity_path, next,
                                        error);
    }
    if (status != ROVE_OK) {
        rove__mutex_enter(replica->mutex);
        replica->identity_status = ROVE_BUSY;
        rove__mutex_leave(replica->mutex);
        rove__credentials_free(&replica->ports.allocator, next);
        return status;
    }
    forget_next(replica);
    rove__client_install(replica, next);
    return ROVE_OK;
}

/* Steps 2 to 4; takes `next`. */
static rove_status pass(rove *replica, rove__credentials *next, rove_error *error) {
    rove__store_owner owner;
    rove_status status = ROVE_OK;

    rove__store_read_owner(replica->store, &owner);
    if (owner.user != next->identity.user) {
        status = pass_replica(replica, &next->identity, error);
        if (status == ROVE_OK) {
            rove__log(&replica->ports.log, ROVE_LOG_INFO, "client",
                      "the replica of user %lld passes to user %lld", (long long)owner.user,
                      (long long)next->identity.user);
            drop_credentials(replica);
        }
    }
    if (status == ROVE_OK) {
        return complete(replica, next, error);
    }
    /* It will not go better another time. */
    if (status == ROVE_STATE || status == ROVE_CORRUPT) {
        forget_next(replica);
    }
    rove__credentials_free(&replica->ports.allocator, next);
    return status;
}

rove_status rove__client_hand_over(rove *replica, rove__credentials *next, rove_error *error) {
    rove_status status =
        rove__credentials_save(&replica->credentials_ports, replica->next_path, next, error);

    if (status != ROVE_OK) {
        rove__credentials_free(&replica->ports.allocator, next);
        return status;
    }
    return pass(replica, next, error);
}

/* Step 4 was done, but for its end; or the file is of an older hand-over, whose end failed. */
static int is_done(rove *replica, const rove__identity *next) {
    const rove__credentials *credentials = replica->credentials;
    rove__store_owner owner;

    rove__store_read_owner(replica->store, &owner);
    return (credentials != NULL && credentials->identity.user == next->user) ||
           (owner.user == next->user && owner.replica != next->replica);
}

/* It had not begun, and never will: the file must not pass the replica on when that is opened next. */
static rove_status give_up(rove *replica, rove__credentials *next, rove_error *error) {
    const rove_files *files = &replica->ports.files;

    rove__credentials_free(&replica->ports.allocator, next);
    return files->remove(files->ctx, replica->next_path, error);
}

rove_status rove__client_hand_over_rest(rove *replica, const uint8_t *hint, int *was,
                                        rove_error *error) {
    rove__credentials *next = NULL;
    rove__store_owner owner;

    *was = 0;
    rove_status status =
        rove__credentials_load(&replica->credentials_ports, replica->next_path, &next, error);
    if (status == ROVE_NOT_FOUND) {
        return ROVE_OK;
    }
    if (status == ROVE_CORRUPT || status == ROVE_WRONG_KEY) { /* damaged, or of another replica */
        forget_next(replica);                                 /* and the user needs another code */
        return ROVE_OK;
    }
    if (status != ROVE_OK) {
        return status;
    }
    if (is_done(replica, &next->identity)) {
        forget_next(replica);
        rove__credentials_free(&replica->ports.allocator, next);
        return ROVE_OK;
    }
    *was = hint == NULL || rove__credentials_is_of(next, hint);
    rove__store_read_owner(replica->store, &owner);
    return *was || owner.user == next->identity.user ? pass(replica, next, error)
                                                     : give_up(replica, next, error);
}
