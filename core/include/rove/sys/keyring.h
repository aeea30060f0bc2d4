/*
 * rove/sys/keyring.h - what opens an encrypted replica: the platform's keystore, and what the rep knows.
 *
 * The replica's data key lies in its folder (core.key), wrapped under the secret that the keyring gives, and under the rep's PIN
 * if he has set one. The secret belongs where a copy of the folder does not go with it: Android's Keystore, the Secure
 * Enclave, a TPM. Without it nobody reads the replica, headquarters neither.
 *
 * Stability: extension point; fields are only ever added at the end.
 */
#ifndef ROVE_SYS_KEYRING_H
#define ROVE_SYS_KEYRING_H

#include <stddef.h>
#include <stdint.h>

#include "rove/error.h"
#include "rove/status.h"

#ifdef __cplusplus
extern "C" {
#endif

#define ROVE_SECRET_SIZE 32
#define ROVE_PIN_MAX     128 /* bytes */

/*
 * Called while the replica is opened or unlocked, or its key replaced, on that thread, one at a time. They may take as long as the rep
 * takes: another thread reads the replica's state meanwhile, or locks it, and then it stays locked. What they fill in is
 * overwritten after use.
 */
typedef struct rove_keyring {
    /*
     * The same bytes every time, from the first opening on. NULL: the replica is not encrypted. A status other than ROVE_OK is
     * what opening returns: LOCKED if the keystore gives it only after the device was unlocked.
     */
    rove_status (*secret)(void *ctx, uint8_t secret[ROVE_SECRET_SIZE], rove_error *error);
    /*
     * What the rep typed, of at most `capacity` bytes; asked for only if the replica has a PIN. NULL: there is nobody to ask, which
     * is WRONG_KEY then. CANCELLED: he gave up.
     */
    rove_status (*pin)(void *ctx, char *pin, size_t capacity, size_t *size, rove_error *error);
    void *ctx;
} rove_keyring;

#ifdef __cplusplus
}
#endif
#endif
