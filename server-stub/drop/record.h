/*
 * drop/record.h - a sealed record, opened; and who signed it.
 */
#ifndef ROVE_HQ_DROP_RECORD_H
#define ROVE_HQ_DROP_RECORD_H

#include "sync/judge.h"
#include "wire/sealed_note.h"

typedef struct drop_record {
    rove__bytes bytes; /* as it came; borrowed while it is opened */
    int sound;         /* it was opened, and a device of ours signed it: what follows holds */
    uint32_t kind;     /* ROVE_SEALED_* */
    union {            /* borrows from content */
        rove__sealed frame;
        rove__sealed_note note;
        rove__sealed_receipt receipt;
    } is;
    rove__bytes content; /* in the parcel's arena */
    rove__signer signer;
} drop_record;

/* What it takes to open records one after another. */
typedef struct record_opener {
    const rove__server_ports *ports;
    rove__arena *arena;
    rove__opening opening;
    unsigned exchanges; /* of keys, so far */
    rove__buf scratch;
} record_opener;

ROVE_CHECK rove_status record_opener_begin(record_opener *self, const rove__server_ports *ports,
                                           rove__arena *arena);
void record_opener_end(record_opener *self);
/*
 * `before`: the record before it, or NULL. The statuses of wire/sealed.h; LATER: DROP_EXCHANGES_MAX is reached; UNAUTHORIZED: no device of this authority, or not the one
 * that it speaks of.
 */
ROVE_CHECK rove_status record_open(record_opener *self, drop_record *record,
                                   const drop_record *before);
/* What such a status means: 1, the record may be sent again; 0, it is refused. */
int record_may_come_again(rove_status status);
int record_is_frame(const drop_record *record);
/* Frames of one batch, signed once. */
int record_same_signature(const drop_record *a, const drop_record *b);

#endif
