/*
 * random.c - the random port over getrandom(2), which blocks only until the kernel is seeded once.
 */
#include "posix.h"

#include <errno.h>
#include <sys/random.h>

static rove_status fill(void *ctx, void *bytes, size_t size) {
    (void)ctx;
    uint8_t *at = bytes;
    while (size > 0) {
        ssize_t got = getrandom(at, size, 0);
        if (got < 0) {
            if (errno == EINTR) {
                continue;
            }
            return ROVE_CRYPTO;
        }
        at += got;
        size -= (size_t)got;
    }
    return ROVE_OK;
}

void rove_posix_random(rove_random *out) {
    out->fill = fill;
    out->ctx = NULL;
}
