/*
 * client/checked.h - small files of the client end in SHA-256 of everything before it: what was torn or flipped is noticed, what
 * somebody wrote on purpose is not.
 */
#ifndef ROVE_CLIENT_CHECKED_H
#define ROVE_CLIENT_CHECKED_H

#include <stddef.h>
#include <stdint.h>

#include "rove/status.h"
#include "rove/sys/crypto.h"

/* What `size` bytes have to end in. What cryptography says. */
ROVE_CHECK rove_status rove__checked_end(const rove_crypto *crypto, const void *bytes, size_t size,
                                         uint8_t end[ROVE_SHA256_SIZE]);
/* `size` counts its end. CORRUPT: it is another one, or there is no room for one. What cryptography says. */
ROVE_CHECK rove_status rove__checked_look(const rove_crypto *crypto, const void *bytes,
                                          size_t size);

#endif
