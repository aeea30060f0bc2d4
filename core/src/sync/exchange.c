/*
 * sync/exchange.c - see exchange.h.
 */
#include "sync/exchange.h"

#include <string.h>

rove_status rove__exchange_protocol(uint32_t theirs, uint32_t *protocol) {
    *protocol = theirs < ROVE_PROTOCOL_VERSION ? theirs : ROVE_PROTOCOL_VERSION;
    return *protocol < ROVE_PROTOCOL_OLDEST ? ROVE_VERSION : ROVE_OK;
}

rove_status rove__exchange_hash(const rove_crypto *crypto, rove__bytes rows, rove__chain *hash) {
    rove_span spans[] = {{hash->hash, sizeof hash->hash}, {rows.data, rows.size}};
    rove__chain next;
    rove_status status =
        crypto->sha256(crypto->ctx, spans, sizeof spans / sizeof spans[0], next.hash);

    if (status == ROVE_OK) {
        *hash = next;
    }
    return status;
}

rove_status rove__exchange_chain(const rove_crypto *crypto, const rove__chain *previous,
                                 const rove__chain *hash, rove__chain *chain) {
    rove_span spans[] = {{previous->hash, sizeof previous->hash}, {hash->hash, sizeof hash->hash}};

    return crypto->sha256(crypto->ctx, spans, sizeof spans / sizeof spans[0], chain->hash);
}

int rove__chain_equal(const rove__chain *a, const rove__chain *b) {
    return memcmp(a->hash, b->hash, sizeof a->hash) == 0;
}
