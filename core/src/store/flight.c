/*
 * store/flight.c - numbered batches: frozen bytes, their hashes and the chain of them (P1).
 *
 *   hash(n)  = h(frames of n), where h(0) = 32 zeros, h(i) = SHA-256(h(i - 1) || rows of frame i)
 *   chain(n) = SHA-256(chain(n - 1) || hash(n)), chain(0) = 32 zeros
 *
 * A batch goes from 0 (in flight) to 1 (acknowledged, kept for a restored headquarters; see journal.c). When its
 * frames go, its row stays as long as a later one may need its chain. Batches of a former replica number stand
 * below 0, in state 2: kept for the day on which headquarters asks for them. Number 0 is a batch that is being frozen
 * again (renumber.c).
 *
 * Invariant: one frame is in memory; those before it are written, in the transaction that lands the batch.
 */
#include <string.h>

#include "base/assert.h"
#include "base/text.h"
#include "store/exchange.h"

#define FRAME_BYTES ((size_t)192 * 1024)
#define FRAME_ROWS  1000u
/*
 * What makes a batch worth sending: its answer, with every row of it, may come as a whole and is held as one. Far enough
 * below what a batch may be, so that few groups of writes have to be cut (D4).
 */
#define ENOUGH_BYTES   ((size_t)2 * 1024 * 1024)
#define ENOUGH_CHANGES (ROVE_PUSH_CHANGES_MAX / 2)
#define ENOUGH_WEIGHT  (ROVE_PUSH_WEIGHT_MAX / 2)

static void start(rove__flight *flight) {
    flight->frames = 0;
    flight->bytes = 0;
    flight->changes = 0;
    flight->weight = 0;
    memset(&flight->hash, 0, sizeof flight->hash);
}

rove_status rove__flight_open(rove__flight *flight, rove__store *store, uint64_t number,
                              rove_error *error) {
    memset(flight, 0, sizeof *flight);
    flight->store = store;
    flight->number = number;
    rove__buf_init(&flight->frame, store->ports.allocator, ROVE_BATCH_MAX);
    rove_status status =
        rove__batch_writer_new(store->ports.allocator, FRAME_BYTES, &flight->writer);
    return status == ROVE_OK ? ROVE_OK : rove__error_set(error, status, "Freezing a batch failed.");
}

void rove__flight_free(rove__flight *flight) {
    rove__batch_writer_free(flight->writer);
    rove__buf_free(&flight->frame);
    memset(flight, 0, sizeof *flight);
}

int rove__flight_enough(const rove__flight *flight) {
    size_t open = flight->rows > 0 ? rove__batch_size(flight->writer) : 0;

    return flight->bytes + open > ENOUGH_BYTES || flight->changes > ENOUGH_CHANGES ||
           flight->weight > ENOUGH_WEIGHT;
}

/* Writes the frame at hand. */
static rove_status end_frame(rove__flight *flight, rove_error *error) {
    rove__buf *frame = &flight->frame;

    if (flight->rows == 0) {
        return ROVE_OK;
    }
    ROVE_ASSERT(flight->frames < ROVE_PUSH_FRAMES_MAX);
    rove__buf_reset(frame);
    rove_status status = rove__batch_finish(flight->writer, frame);
    if (status != ROVE_OK) {
        return rove__error_set(error, status, "Freezing a batch failed.");
    }
    status = rove__flight_link(flight->store, &flight->hash, frame->data, frame->size,
                               &flight->hash, error);
    if (status == ROVE_OK) {
        status = rove__exchange_run(flight->store, ROVE_EXCHANGE_FRAME_PUT, error, "iib",
                                    (int64_t)flight->number, (int64_t)flight->frames,
                                    (const void *)frame->data, frame->size);
    }
    flight->frames++;
    flight->bytes += frame->size;
    flight->rows = 0;
    return status;
}

/* 1 if no batch may have as much as this one with the change. */
static int is_full(const rove__flight *flight, size_t weight) {
    return flight->changes == ROVE_PUSH_CHANGES_MAX ||
           flight->weight + weight > ROVE_PUSH_WEIGHT_MAX ||
           (flight->rows == 0 && (flight->frames == ROVE_PUSH_FRAMES_MAX ||
                                  flight->bytes + FRAME_BYTES > ROVE_BATCH_BYTES_MAX));
}

rove_status rove__flight_add(rove__flight *flight, const rove__change *change, rove_error *error) {
    size_t weight = rove__change_weight(change);
    rove_status status = flight->rows < FRAME_ROWS ? ROVE_OK : end_frame(flight, error);

    if (status != ROVE_OK) {
        return status;
    }
    for (int again = 0; again < 2; again++) {
        if (is_full(flight, weight)) {
            return ROVE_LIMIT;
        }
        status = rove__batch_add(flight->writer, change);
        if (status != ROVE_LIMIT) {
            break;
        }
        status = end_frame(flight, error);
        if (status != ROVE_OK) {
            return status;
        }
    }
    if (status == ROVE_OK) {
        flight->rows++;
        flight->changes++;
        flight->weight += weight;
        return ROVE_OK;
    }
    return rove__error_set(error, status, "A change of entity %u cannot be sent.",
                           (unsigned)change->row.entity_number);
}

rove_status rove__flight_link(rove__store *store, const rove__chain *before, const void *bytes,
                              size_t size, rove__chain *after, rove_error *error) {
    const rove_span spans[2] = {{before->hash, sizeof before->hash}, {bytes, size}};
    rove__chain next;
    rove_status status = store->ports.crypto->sha256(store->ports.crypto->ctx, spans, 2, next.hash);

    if (status != ROVE_OK) {
        return rove__error_set(error, status, "Hashing failed.");
    }
    *after = next;
    return ROVE_OK;
}

static rove_status copy_hash(sqlite3_stmt *statement, int at, uint8_t hash[ROVE_SHA256_SIZE],
                             rove_error *error) {
    if (sqlite3_column_bytes(statement, at) != ROVE_SHA256_SIZE) {
        return rove__error_set(error, ROVE_CORRUPT, "The list of batches is damaged.");
    }
    memcpy(hash, sqlite3_column_blob(statement, at), ROVE_SHA256_SIZE);
    return ROVE_OK;
}

rove_status rove__flight_chain(rove__store *store, uint64_t number, rove__chain *chain,
                               rove_error *error) {
    sqlite3_stmt *statement = NULL;

    memset(chain, 0, sizeof *chain);
    if (number == 0) {
        return ROVE_OK;
    }
    rove_status status =
        rove__exchange_row(store, ROVE_EXCHANGE_BATCH_GET, &statement, error, "i", (int64_t)number);
    if (status != ROVE_OK || statement == NULL) {
        return status != ROVE_OK ? status : ROVE_NOT_FOUND;
    }
    status = copy_hash(statement, 2, chain->hash, error);
    sqlite3_reset(statement);
    return status;
}

rove_status rove__flight_land(rove__flight *flight, rove_error *error) {
    rove__store *store = flight->store;
    rove__chain before;
    rove__chain after;

    if (flight->changes == 0) {
        return ROVE_OK;
    }
    rove_status status = end_frame(flight, error);
    if (status == ROVE_OK) {
        status = rove__flight_chain(store, flight->number - 1, &before, error);
    }
    if (status == ROVE_NOT_FOUND) {
        status = rove__error_set(error, ROVE_CORRUPT, "The list of batches has a gap.");
    }
    if (status == ROVE_OK) {
        status = rove__flight_link(store, &before, flight->hash.hash, sizeof flight->hash.hash,
                                   &after, error);
    }
    if (status == ROVE_OK) {
        status = rove__exchange_run(
            store, ROVE_EXCHANGE_BATCH_PUT, error, "iiibb", (int64_t)flight->number,
            (int64_t)ROVE_SCHEMA_VERSION, (int64_t)flight->frames, (const void *)flight->hash.hash,
            sizeof flight->hash.hash, (const void *)after.hash, sizeof after.hash);
    }
    flight->number++;
    start(flight);
    return status;
}

rove_status rove__flight_status(rove_status status) {
    return status == ROVE_OK || status == ROVE_DONE || status == ROVE_NOMEM ? status : ROVE_CORRUPT;
}

/* By the stamps, which are given once: the id may be another one there by now (P4), and may be another record's here. */
static int is_entry(const rove__entry *entry, const rove__change *change) {
    const rove__edit *first = change->edit_count > 0 ? &change->edits[0] : NULL;

    if (change->row.entity_number != entry->entity || change->op != entry->op) {
        return 0;
    }
    if (entry->op == ROVE_OP_INSERT) {
        return change->clock.origin.stamp == entry->raw;
    }
    if (entry->op == ROVE_OP_DELETE) {
        return first != NULL && first->raw == entry->raw;
    }
    const rove__pending_cell *cell = first != NULL ? rove__entry_cell(entry, first->field) : NULL;
    return first != NULL ? cell != NULL && cell->raw == first->raw : change->row.id == entry->row;
}

static rove_status find_in_frame(rove__store *store, const rove_value *rows,
                                 const rove__entry *entry, rove__arena *arena, rove__change *change,
                                 int *found) {
    rove__batch_reader *reader = NULL;
    rove__change read;

    rove_status status = rove__batch_reader_new(store->ports.allocator, store->registry,
                                                rows->as.data, rows->size, &reader);
    while (status == ROVE_OK && !*found) {
        status = rove__batch_next(reader, &read);
        if (status == ROVE_OK && is_entry(entry, &read)) {
            *found = 1;
            status = rove__change_copy(change, &read, arena);
        }
    }
    rove__batch_reader_free(reader);
    return status == ROVE_DONE ? ROVE_OK : rove__flight_status(status);
}

rove_status rove__flight_find(rove__store *store, const rove__entry *entry, rove__arena *arena,
                              rove__change *change, rove_error *error) {
    sqlite3_stmt *statement = NULL;
    int found = 0;
    int more = 0;

    rove_status status = rove__exchange_row(store, ROVE_EXCHANGE_FRAME_OF, &statement, error, "i",
                                            (int64_t)entry->batch);
    for (more = statement != NULL; status == ROVE_OK && more && !found;) {
        rove_value rows = rove__column_value(statement, 1);
        status = find_in_frame(store, &rows, entry, arena, change, &found);
        if (status == ROVE_OK && !found) {
            status = rove__exchange_step(store, statement, &more, error);
        }
    }
    sqlite3_reset(statement);
    if (status == ROVE_OK && !found) {
        status = rove__error_set(error, ROVE_CORRUPT, "A batch lacks an entry of the outbox.");
    }
    return status;
}
