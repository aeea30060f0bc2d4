/*
 * store/write.h - what the kinds of local writes share: the checks before a write, and the marks after it.
 *
 * A write has two halves. The first reads and checks, and may fail without a trace. The second writes; if the device
 * fails in it, the transaction is doomed: every later call in it fails, and commit rolls it back.
 */
#ifndef ROVE_STORE_WRITE_H
#define ROVE_STORE_WRITE_H

#include "rules/rules.h"
#include "store/internal.h"
#include "wire/proof.h"

/* A local transaction is open and well, the replica is enrolled, the entity is one of this registry. Empties row_arena. */
ROVE_CHECK rove_status rove__write_ready(rove__store *store, const rove__entity *entity,
                                         rove_error *error);
/* Sets of a row as a person sees them; `plain` shares everything else with `row`. */
ROVE_CHECK rove_status rove__write_plain(const rove__row *row, rove__arena *arena,
                                         rove__row *plain);
/* The rules, for this device's user. */
ROVE_CHECK rove_status rove__write_rules(rove__store *store, rove__op op, const rove__row *before,
                                         const rove__row *after, rove_error *error);
/* The limits of a transaction: `bytes` are written, `last_tx` touched the row last (0: none). ROVE_TOO_BIG. */
ROVE_CHECK rove_status rove__write_limits(rove__store *store, uint64_t last_tx, size_t bytes,
                                          rove_error *error);
/* About what a value takes when it travels. */
size_t rove__value_bytes_sent(const rove_value *value);
/* Ends the second half: counts and notes the row, or dooms the transaction. Returns `status`. */
rove_status rove__write_done(rove__store *store, rove_status status, uint32_t entity, rove_id id,
                             uint64_t last_tx, size_t bytes);
/* A fresh entry of this local transaction. */
void rove__write_entry(const rove__store *store, rove__op op, const rove__entity *entity,
                       rove_id id, rove_stamp raw, rove__entry *entry);

/* ---- prove.c: what this device says of a record that it seals ---- */

/* The next link of this device's chain. */
typedef struct rove__link_made {
    int made; /* 0: nobody signs here */
    uint64_t ordinal;
    uint8_t hash[ROVE_SHA256_SIZE];
} rove__link_made;
/* The first half: the proof of a record as it will stand goes into its cell; without a key that is emptied. */
ROVE_CHECK rove_status rove__write_prove(rove__store *store, const rove__row *whole,
                                         rove__origin origin, rove_value *cell,
                                         rove__link_made *made, rove_error *error);
/* The second half: what comes next goes on from there. */
ROVE_CHECK rove_status rove__write_proved(rove__store *store, const rove__link_made *made,
                                          rove_error *error);

#endif
