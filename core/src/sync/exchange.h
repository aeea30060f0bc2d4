/*
 * sync/exchange.h - what both ends of an exchange share: its course, and a little arithmetic.
 *
 *   request = HELLO FORMERS* FORMER* (PUSH | SEALED)* ROW* DIGEST* END
 *   answer  = FAIL
 *           | WELCOME FORK END                        the device is a copy: enrol again (P3)
 *           | WELCOME NEED_FORMER END                 batches of former numbers first (P3)
 *           | WELCOME NEED END                        headquarters has fewer batches (T3)
 *           | WELCOME TAKEN (RENUMBER+ | FORK | NEED)? END   pushing stopped at this batch (P3, P4)
 *           | WELCOME RENUMBER+ FORMER_ACK END        it stopped at a batch of a former number (P4)
 *           | WELCOME TAKEN NEED_ROW END              rows first (P15); come again at once
 *           | WELCOME TAKEN NEED_ROW? DIFFER? PAGE* END
 *   TAKEN   = FORMER_ACK? ACK*
 *
 * The frames of a batch follow each other, ordinals from 0, the last one marked; batches ascend by one.
 * A batch of which headquarters cannot stage all in one exchange is not answered; END then says more. An Ack
 * takes one or more frames with the same number; `last` marks the end. A FAIL may also cut an answer short
 * after any frame: nothing follows it, and what came before it holds.
 *
 * DIGEST lists every scope of the device that has rows, in frames of which the last is marked. Where they differ,
 * DIFFER names the scopes, and PAGE sends them whole before the pages that lead to the head.
 */
#ifndef ROVE_SYNC_EXCHANGE_H
#define ROVE_SYNC_EXCHANGE_H

#include "wire/message.h"

/* The oldest schema version that this build can serve pages to; the policy may ask for a newer one. Pushes are always taken. */
#define ROVE_SCHEMA_OLDEST 1u
/* Scope digests that headquarters compares in one exchange; the rest counts as equal. */
#define ROVE_DIGESTS_MAX 262144u
/* Origins in one NEED_ROW. */
#define ROVE_NEED_ROWS_MAX 1024u
/* ROW frames in one exchange. */
#define ROVE_ROW_FRAMES_MAX 64u

/* The protocol both speak: the lower one. ROVE_VERSION if that is too old for either. */
ROVE_CHECK rove_status rove__exchange_protocol(uint32_t theirs, uint32_t *protocol);

/* The hash of a batch with its next frame: SHA-256(hash || rows); all zeros before the first. */
ROVE_CHECK rove_status rove__exchange_hash(const rove_crypto *crypto, rove__bytes rows,
                                           rove__chain *hash);
/* chain(n) = SHA-256(chain(n-1) || hash(n)); chain(0) is all zeros. */
ROVE_CHECK rove_status rove__exchange_chain(const rove_crypto *crypto, const rove__chain *previous,
                                            const rove__chain *hash, rove__chain *chain);
int rove__chain_equal(const rove__chain *a, const rove__chain *b);

#endif
