/*
 * store/schema.h - the replica's tables, all STRICT, made and widened from the registry.
 *
 * Per entity (table and columns as in the registry, in order of field number):
 *   <table>(id INTEGER PRIMARY KEY, <field columns>, _clock BLOB NOT NULL, _pending INTEGER, _unknown BLOB)
 *     _clock    headquarters' clock of the row (model/clock.h, without seqs); of an unseen insert: its own
 *     _pending  the row's newest _outbox entry, NULL: no pending work
 *     _unknown  fields that this build does not know { number:varint value }*, NULL: none
 *   an index per registry index, and one on the scope column where none begins with it
 *   <table>_<set field>(element ANY, id INTEGER, PRIMARY KEY (element, id)) WITHOUT ROWID, the set as shown
 *
 * Beside them:
 *   _meta(key TEXT PRIMARY KEY, value ANY) WITHOUT ROWID      state.h names the keys
 *   _outbox(seq INTEGER PRIMARY KEY, entity, row, previous, batch, first_tx, last_tx, body BLOB)
 *     one entry per row that is not frozen, older frozen ones behind it by `previous`; body: outbox.h;
 *     an index on batch WHERE batch IS NOT NULL
 *   _deleted(entity, row, entry, PRIMARY KEY (entity, row)) WITHOUT ROWID     newest entry of a row that is not on
 *     its table: a pending delete holds it, or it was taken off with work in flight (D5)
 *   _batch(number INTEGER PRIMARY KEY, state, schema, frames, hash BLOB, chain BLOB, seq)
 *     state 0 in flight, 1 acknowledged and kept (D9), 2 to 4 of a former number (former.c); chain: after this batch, once acknowledged
 *   _frame(batch, ordinal, rows BLOB, PRIMARY KEY (batch, ordinal))           frozen bytes
 *   _sealed(batch, ordinal, at, record BLOB, PRIMARY KEY (batch, ordinal))    what became of them after the Ack:
 *     records that headquarters alone opens (wire/sealed.h), since `at`; 0: the time was not trusted
 *   _scope(root, part, rows, sum BLOB, PRIMARY KEY (root, part)) WITHOUT ROWID
 *     the digest of headquarters' version of what is held, row count included
 *   _transfer(root, part, fresh, PRIMARY KEY (root, part)) WITHOUT ROWID      whole transfers under way (Q5);
 *     part -1: all parts; fresh 1: nothing was held of it before, so nothing has to be named
 *   _named(root, part, entity, row, PRIMARY KEY (all)) WITHOUT ROWID          rows that the others named
 *   _quarantine(seq INTEGER PRIMARY KEY, entity, row, root, part, status, reason TEXT, change BLOB, term BLOB)
 *   _unknown(entity, row, root, part, change BLOB, term BLOB, PRIMARY KEY (entity, row)) WITHOUT ROWID
 *   _rejection(seq INTEGER PRIMARY KEY, entity, row, op, field, status, reason TEXT, at, change BLOB)
 *   _discarded(seq INTEGER PRIMARY KEY, entity, row, at, why TEXT, change BLOB)   what the rep dropped
 *   _needed(stamp, replica, PRIMARY KEY (stamp, replica)) WITHOUT ROWID       origins asked for by headquarters
 *
 * `change` columns hold one encoded batch (wire/batch.h) with one change. PRAGMA user_version is the version of
 * the tables beside, _meta 'schema' that of the entities.
 */
#ifndef ROVE_STORE_SCHEMA_H
#define ROVE_STORE_SCHEMA_H

#include <sqlite3.h>

#include "model/entity.h"
#include "rove/error.h"

/*
 * Whether the file is new, or a replica of this build or an older one; changes nothing. ROVE_CORRUPT: another
 * program's, or none of SQLite's. ROVE_UPGRADE: a newer build's.
 */
ROVE_CHECK rove_status rove__schema_check(sqlite3 *db, rove_error *error);
/* Creates what is missing and adds columns, in one transaction. */
ROVE_CHECK rove_status rove__schema_apply(sqlite3 *db, const rove__registry *registry,
                                          const rove_allocator *allocator, rove_error *error);
/* Adds the columns of custom fields that the registry gained (inside the caller's transaction). */
ROVE_CHECK rove_status rove__schema_widen(sqlite3 *db, const rove__entity *entity,
                                          const rove_allocator *allocator, rove_error *error);

#endif
