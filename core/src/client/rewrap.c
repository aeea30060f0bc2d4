/*
 * client/rewrap.c - the replica under another secret or PIN: its key file and, for another secret, its identity.
 *
 * Two files cannot change at once. So the identity is first sealed for both secrets, then the key file goes over to the new one, then
 * the identity is sealed for that alone. Killed in between, or where the key file could not be written, the replica opens with the
 * secret that its key file is under, and its identity with it; the next opening ends what was begun.
 */
#include <string.h>

#include "base/log.h"
#include "base/text.h"
#include "client/internal.h"

static rove_status given(void *ctx, uint8_t secret[ROVE_SECRET_SIZE], rove_error *error) {
    (void)error;
    memcpy(secret, ctx, ROVE_SECRET_SIZE);
    return ROVE_OK;
}

/* One that there is none of, or that is damaged anyway, is none to care for. */
static rove_status seal_one(const rove__credentials_ports *ports, const char *path,
                            rove_error *error) {
    rove__credentials *credentials = NULL;
    rove_status status = rove__credentials_load(ports, path, &credentials, error);

    if (status == ROVE_NOT_FOUND || status == ROVE_CORRUPT || status == ROVE_WRONG_KEY) {
        return ROVE_OK;
    }
    if (status == ROVE_OK) {
        status = rove__credentials_save(ports, path, credentials, error);
    }
    rove__credentials_free(ports->allocator, credentials);
    return status;
}

static rove_status seal_identities(rove *replica, const rove__credentials_ports *ports,
                                   rove_error *error) {
    rove_status status = seal_one(ports, replica->identity_path, error);

    return status == ROVE_OK ? seal_one(ports, replica->next_path, error) : status;
}

/* Steps 1 to 3; with `busy` taken, for renewals write the identity too. */
static rove_status go_over(rove *replica, const uint8_t *secret, const char *pin, size_t pin_size,
                           rove_error *error) {
    uint8_t next[ROVE_SECRET_SIZE];
    const rove_keyring keyring = {.secret = given, .ctx = next};
    rove__credentials_ports both = replica->credentials_ports;
    rove__credentials_ports after = replica->credentials_ports;

    memcpy(next, secret, sizeof next);
    both.next_secret = next;
    after.keyring = &keyring;
    rove_status status = seal_identities(replica, &both, error);
    if (status == ROVE_OK) {
        status = rove__store_wrap(replica->store, secret, pin, pin_size, error);
        /* A key file that could not be written may have gone over nevertheless: who opens it next knows. */
        rove_status rest = status == ROVE_OK ? seal_identities(replica, &after, NULL) : status;
        if (rest != ROVE_OK) {
            rove__log(&replica->ports.log, ROVE_LOG_WARN, "client",
                      "the identity is sealed for two secrets until the replica is opened next: %s",
                      rove_status_name(rest));
        }
    }
    rove__wipe(next, sizeof next);
    return status;
}

static rove_status wrap(rove *replica, const uint8_t *secret, const char *pin, size_t pin_size,
                        rove_error *error) {
    if (secret == NULL || rove__store_vault(replica->store) == NULL) {
        return rove__store_wrap(replica->store, secret, pin, pin_size, error);
    }
    rove_status status = rove__client_check(replica, error);
    if (status == ROVE_OK) {
        status = rove__client_take(replica, error);
    }
    if (status == ROVE_OK) {
        status = go_over(replica, secret, pin, pin_size, error);
        rove__client_give(replica);
    }
    return status;
}

rove_status rove_wrap_key(rove *replica, const uint8_t *secret, const char *pin, size_t pin_size,
                          rove_error *error) {
    if (replica == NULL) {
        return rove__client_invalid(error, "There is no replica.");
    }
    rove_error detail = {.message = ""};
    rove_status status = wrap(replica, secret, pin, pin_size, &detail);
    return rove__client_said(status, &detail, error);
}
