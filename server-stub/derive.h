/*
 * derive.h - rows that an older build stored get what this one derives.
 */
#ifndef ROVE_HQ_DERIVE_H
#define ROVE_HQ_DERIVE_H

#include "store/database.h"

/*
 * Inside a writing transaction, when headquarters is opened: derives the rows again if they were stored by other rules than
 * this build's. Devices compute the same themselves, so nothing goes into the feed. NOMEM, and what the store returns.
 */
ROVE_CHECK rove_status hq_derive(const rove__hq_database *database, const rove__registry *registry,
                                 const rove_allocator *allocator, rove__hq_tx *tx);

#endif
