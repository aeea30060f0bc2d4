/*
 * store/flight.c - numbered batches: frozen bytes, their hashes and the chain of them (P1).
 *
 *   hash(n)  = SHA-256 over the rows of all frames of batch n, in order
 *   chain(n) = SHA-256(chain(n - 1) || hash(n)), chain(0) = 32 zeros
 *
 * A batch goes from 0 (in flight) to 1 (acknowledged, frames kept for a restored headquarters, D9). When its
 * frames go, its row stays as long as a later one may need its chain. Batches of a former replica number stand
 * below 0, in state 2: kept for the day on which headquarters asks for them.
 */
#include <string.h>

#include "base/assert.h"
#include "base/text.h"
#include "store/exchange.h"

#define FRAME_BYTES    ((size_t)192 * 1024)
#define FRAME_ROWS     1000u
#define KEPT_BYTES_MAX ((int64_t)8 * 1024 * 1024)

rove_status rove__flight_open(rove__flight *flight, rove__store *store, rove_error *error) {
    memset(flight, 0, sizeof *flight);
    flight->store = store;
    rove__buf_init(&flight->bytes, store->ports.allocator,
                   ROVE_BATCH_BYTES_MAX + (size_t)ROVE_BATCH_MAX);
    rove_status status =
        rove__batch_writer_new(store->ports.allocator, FRAME_BYTES, &flight->writer);
    return status == ROVE_OK ? ROVE_OK : rove__error_set(error, status, "Freezing a batch failed.");
}

void rove__flight_free(rove__flight *flight) {
    rove__batch_writer_free(flight->writer);
    rove__buf_free(&flight->bytes);
    memset(flight, 0, sizeof *flight);
}

size_t rove__flight_size(const rove__flight *flight) {
    return flight->bytes.size + (flight->rows > 0 ? rove__batch_size(flight->writer) : 0);
}

static rove_status end_frame(rove__flight *flight, rove_error *error) {
    if (flight->rows == 0) {
        return ROVE_OK;
    }
    ROVE_ASSERT(flight->frames < ROVE_PUSH_FRAMES_MAX);
    rove_status status = rove__batch_finish(flight->writer, &flight->bytes);
    if (status != ROVE_OK) {
        return rove__error_set(error, status, "Freezing a batch failed.");
    }
    flight->ends[flight->frames++] = flight->bytes.size;
    flight->rows = 0;
    return ROVE_OK;
}

rove_status rove__flight_add(rove__flight *flight, const rove__change *change, rove_error *error) {
    rove_status status = flight->rows < FRAME_ROWS ? ROVE_OK : end_frame(flight, error);

    if (status != ROVE_OK) {
        return status;
    }
    for (int again = 0; again < 2; again++) {
        if (flight->rows == 0 && (flight->frames == ROVE_PUSH_FRAMES_MAX ||
                                  flight->bytes.size + FRAME_BYTES > ROVE_BATCH_BYTES_MAX)) {
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
        return ROVE_OK;
    }
    return rove__error_set(error, status, "A change of entity %u cannot be sent.",
                           (unsigned)change->row.entity_number);
}

rove_status rove__flight_link(rove__store *store, const rove__chain *before,
                              const uint8_t hash[ROVE_SHA256_SIZE], rove__chain *after,
                              rove_error *error) {
    const rove_span spans[2] = {{before->hash, sizeof before->hash}, {hash, ROVE_SHA256_SIZE}};
    rove_status status =
        store->ports.crypto->sha256(store->ports.crypto->ctx, spans, 2, after->hash);

    return status == ROVE_OK ? ROVE_OK : rove__error_set(error, status, "Hashing failed.");
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

static rove_status put_frames(rove__flight *flight, uint64_t number, rove_error *error) {
    rove_status status = ROVE_OK;
    size_t from = 0;

    for (size_t i = 0; i < flight->frames && status == ROVE_OK; i++) {
        status = rove__exchange_run(
            flight->store, ROVE_EXCHANGE_FRAME_PUT, error, "iib", (int64_t)number, (int64_t)i,
            (const void *)(flight->bytes.data + from), flight->ends[i] - from);
        from = flight->ends[i];
    }
    return status;
}

rove_status rove__flight_land(rove__flight *flight, uint64_t number, rove_error *error) {
    rove__store *store = flight->store;
    uint8_t hash[ROVE_SHA256_SIZE];
    rove__chain before;
    rove__chain after;

    rove_status status = end_frame(flight, error);
    if (status != ROVE_OK || flight->frames == 0) {
        return status;
    }
    const rove_span span = {flight->bytes.data, flight->bytes.size};
    status = store->ports.crypto->sha256(store->ports.crypto->ctx, &span, 1, hash);
    if (status != ROVE_OK) {
        return rove__error_set(error, status, "Hashing a batch failed.");
    }
    status = rove__flight_chain(store, number - 1, &before, error);
    if (status == ROVE_NOT_FOUND) {
        status = rove__error_set(error, ROVE_CORRUPT, "The list of batches has a gap.");
    }
    if (status == ROVE_OK) {
        status = rove__flight_link(store, &before, hash, &after, error);
    }
    if (status == ROVE_OK) {
        status = rove__exchange_run(store, ROVE_EXCHANGE_BATCH_PUT, error, "iiibb", (int64_t)number,
                                    (int64_t)ROVE_SCHEMA_VERSION, (int64_t)flight->frames,
                                    (const void *)hash, sizeof hash, (const void *)after.hash,
                                    sizeof after.hash);
    }
    if (status == ROVE_OK) {
        status = put_frames(flight, number, error);
    }
    rove__buf_reset(&flight->bytes);
    flight->frames = 0;
    return status;
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
        if (status == ROVE_OK && read.row.entity_number == entry->entity &&
            read.row.id == entry->row && read.op == entry->op) {
            *found = 1;
            status = rove__change_copy(change, &read, arena);
        }
    }
    rove__batch_reader_free(reader);
    return status == ROVE_DONE ? ROVE_OK : status;
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

/* The oldest batch whose frames stay, reading from the newest: those not yet safe, at most so many bytes. */
static rove_status oldest_kept(rove__store *store, int64_t safe, rove__arena *arena, int64_t **drop,
                               size_t *count, rove_error *error) {
    sqlite3_stmt *statement = NULL;
    int64_t kept = 0;
    int more = 0;
    size_t capacity = 0;

    *count = 0;
    *drop = NULL;
    rove_status status =
        rove__exchange_statement(store, ROVE_EXCHANGE_BATCH_SIZES, &statement, error);
    if (status == ROVE_OK) {
        status = rove__exchange_step(store, statement, &more, error);
    }
    while (status == ROVE_OK && more) {
        int64_t bytes = (int64_t)sqlite3_column_double(statement, 2);
        int64_t seq = sqlite3_column_int64(statement, 1);
        kept += bytes;
        if (bytes > 0 && ((seq != 0 && seq <= safe) || kept > KEPT_BYTES_MAX)) {
            if (*count == capacity) {
                int64_t *larger = rove__arena_take(arena, (capacity * 2 + 16) * sizeof *larger);
                if (larger == NULL) {
                    status = ROVE_NOMEM;
                    break;
                }
                memcpy(larger, *drop != NULL ? *drop : larger, *count * sizeof *larger);
                *drop = larger;
                capacity = capacity * 2 + 16;
            }
            (*drop)[(*count)++] = sqlite3_column_int64(statement, 0);
        }
        status = rove__exchange_step(store, statement, &more, error);
    }
    sqlite3_reset(statement);
    return status;
}

rove_status rove__flight_prune(rove__store *store, rove_error *error) {
    int64_t *drop = NULL;
    size_t count = 0;
    int64_t safe = 0;
    int64_t acked = 0;

    rove_status status = rove__meta_get_int(store, ROVE_META_SAFE, &safe, error);
    if (status == ROVE_OK) {
        status = rove__meta_get_int(store, ROVE_META_ACKED, &acked, error);
    }
    if (status == ROVE_OK) {
        status = oldest_kept(store, safe, &store->exchange->arena, &drop, &count, error);
    }
    for (size_t i = 0; i < count && status == ROVE_OK; i++) {
        status = rove__exchange_run(store, ROVE_EXCHANGE_FRAME_DROP, error, "i", drop[i]);
    }
    /* The chain of the last one, and of each one before frames that are kept, may be asked for. */
    if (status == ROVE_OK && count > 0) {
        status = rove__exchange_run(store, ROVE_EXCHANGE_BATCH_FORGET, error, "i", acked);
    }
    return status;
}
