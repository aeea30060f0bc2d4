/*
 * client/checked.c - see checked.h.
 */
#include "client/checked.h"

#include <string.h>

rove_status rove__checked_end(const rove_crypto *crypto, const void *bytes, size_t size,
                              uint8_t end[ROVE_SHA256_SIZE]) {
    const rove_span span = {bytes, size};

    return crypto->sha256(crypto->ctx, &span, 1, end);
}

rove_status rove__checked_look(const rove_crypto *crypto, const void *bytes, size_t size) {
    uint8_t end[ROVE_SHA256_SIZE];

    if (size < sizeof end) {
        return ROVE_CORRUPT;
    }
    rove_status status = rove__checked_end(crypto, bytes, size - sizeof end, end);
    if (status != ROVE_OK) {
        return status;
    }
    return memcmp(end, (const uint8_t *)bytes + size - sizeof end, sizeof end) == 0 ? ROVE_OK
                                                                                    : ROVE_CORRUPT;
}
