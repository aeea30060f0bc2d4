/*
 * store/outbox.h - one entry of pending work, and its bytes in _outbox.body.
 *
 *   body  = op:byte replica:varint raw:u64 timeline:varint seq:varint count:varint cell*
 *           [seen:bytes image:bytes]              DELETE: the row's clock as the rep saw it (D3), and the row
 *                                                 as headquarters had it, refreshed by pages
 *   cell  = field:varint flags:byte raw:u64 base_stamp:u64 base_replica:varint
 *           [epoch:varint under_epoch:varint] [under:value] [pending:value]
 *   flags = 1: under, 2: pending, 4: epochs
 *
 * `under` is headquarters' version of the cell (D1), kept in the oldest entry that covers it; its version is in
 * the row's _clock. `pending` is there in a frozen entry (what the batch carried, D6) and always for counters
 * (increments) and sets (delta); the typed column shows the overlay. An INSERT and a DELETE have no cells.
 */
#ifndef ROVE_STORE_OUTBOX_H
#define ROVE_STORE_OUTBOX_H

#include "model/change.h"

typedef struct rove__pending_cell {
    uint32_t field;
    uint32_t epoch;        /* of a pending rank */
    rove_stamp raw;        /* of the last edit */
    rove__version base;    /* of the first edit (D3) */
    int has_under;
    rove_value under;
    uint32_t under_epoch;
    int has_pending;
    rove_value pending;
} rove__pending_cell;

typedef struct rove__entry {
    int64_t seq;          /* rowid in _outbox */
    uint32_t entity;
    rove_id row;
    int64_t previous;     /* older, frozen entry of the same row; 0: none */
    uint64_t batch;       /* 0: not frozen */
    uint64_t first_tx;    /* local transactions of the first and the last edit: groups (D4) */
    uint64_t last_tx;
    rove__op op;          /* INSERT, UPDATE, DELETE, SEAL */
    rove_replica replica; /* whose raw stamps */
    rove_stamp raw;       /* of the op: insert, delete */
    rove__cursor cursor;  /* at the first edit */
    rove__pending_cell *cells; /* ascending by field; arena */
    size_t count;
    const uint8_t *seen;  /* DELETE: a clock (model/clock.h): for pending cells their bases; borrowed */
    size_t seen_size;
    const uint8_t *image; /* DELETE: one encoded WHOLE change (wire/batch.h), borrowed */
    size_t image_size;
} rove__entry;

/* The cell of a field, NULL if the entry does not cover it. */
rove__pending_cell *rove__entry_cell(const rove__entry *entry, uint32_t field);
/* Adds an empty cell in its place. ROVE_NOMEM. */
ROVE_CHECK rove_status rove__entry_add(rove__entry *entry, rove__arena *arena, uint32_t field,
                                       rove__pending_cell **cell);
void rove__entry_write(rove__buf *out, const rove__entry *entry);
/* Fills op .. image from a body; columns are the caller's. ROVE_CORRUPT. */
ROVE_CHECK rove_status rove__entry_read(rove__entry *entry, const void *body, size_t size,
                                        rove__arena *arena);

#endif
