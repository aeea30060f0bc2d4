/*
 * store/unsent.c - what headquarters does not have yet, and what it has but no backup of it, batch by batch, as sealed records:
 * before a wipe it goes into the drop box. The replica itself stays as it is, so that whoever is killed on the way begins again, and
 * a replica that is not wiped after all sends the same batches under the same numbers: headquarters takes each once.
 */
#include "base/text.h"
#include "store/exchange.h"

rove_status rove__store_unsent_freeze(rove__store *store, rove_error *error) {
    rove__exchange *exchange = NULL;

    rove_status status = rove__store_enter(store, error);
    if (status != ROVE_OK) {
        return status;
    }
    status = rove__exchange_begin(store, &exchange, error);
    if (status == ROVE_OK) {
        status = rove__freeze_refused(store, exchange, error);
    }
    if (status == ROVE_OK) {
        status = rove__freeze_rows(store, NULL, 0, error);
    }
    return rove__store_leave(store, status, error);
}

typedef struct gathering {
    rove__buf *records;
    uint64_t changes;
} gathering;

static void put_record(rove__buf *records, const void *record, size_t size) {
    rove__buf_u32(records, (uint32_t)size);
    rove__buf_append(records, record, size);
}

static rove_status count_changes(rove__store *store, rove__bytes rows, uint64_t *count) {
    rove__batch_reader *reader = NULL;
    rove__change change;

    rove_status status = rove__batch_reader_new(store->ports.allocator, store->registry, rows.data,
                                                rows.size, &reader);
    while (status == ROVE_OK) {
        status = rove__batch_next(reader, &change);
        *count += (uint64_t)(status == ROVE_OK);
    }
    rove__batch_reader_free(reader);
    return status == ROVE_DONE ? ROVE_OK : status;
}

static rove_status take_record(void *ctx, rove__store *store, const rove__sealed *frame,
                               const rove__buf *record, rove_error *error) {
    gathering *g = ctx;

    (void)error;
    put_record(g->records, record->data, record->size);
    rove_status status = rove__buf_status(g->records);
    return status == ROVE_OK ? count_changes(store, frame->rows, &g->changes) : status;
}

/* Those of a batch that is sealed already: of a former number, or kept for a headquarters that was restored. */
static rove_status copy_sealed(rove__store *store, int64_t batch, rove__buf *records, int *any,
                               rove_error *error) {
    sqlite3_stmt *statement = NULL;
    int more = 0;

    rove_status status =
        rove__exchange_row(store, ROVE_EXCHANGE_SEALED_OF, &statement, error, "i", batch);
    *any = statement != NULL;
    for (more = statement != NULL; status == ROVE_OK && more;) {
        put_record(records, sqlite3_column_blob(statement, 0),
                   (size_t)sqlite3_column_bytes(statement, 0));
        status = rove__buf_status(records);
        if (status == ROVE_OK) {
            status = rove__exchange_step(store, statement, &more, error);
        }
    }
    sqlite3_reset(statement);
    return status;
}

static rove_status gather(rove__store *store, const rove__sealer *sealer, rove__unsent *unsent,
                          rove__buf *records, rove_error *error) {
    gathering g = {.records = records};
    int sealed = 0;

    rove_status status = copy_sealed(store, unsent->position, records, &sealed, error);
    if (status == ROVE_OK && !sealed) {
        status = rove__journal_records(store, unsent->position, sealer, take_record, &g, error);
    }
    unsent->changes = g.changes;
    return status;
}

static rove_status next_batch(rove__store *store, rove__exchange_sql which, rove__unsent *unsent,
                              rove_error *error) {
    sqlite3_stmt *statement = NULL;
    rove_status status = rove__exchange_row(store, which, &statement, error, "i", unsent->position);

    unsent->found = statement != NULL;
    if (unsent->found) {
        unsent->position = sqlite3_column_int64(statement, 0);
        unsent->replica = rove__journal_replica(store, unsent->position);
        unsent->number = rove__journal_number(unsent->position);
        sqlite3_reset(statement);
    }
    return status;
}

static rove_status next(rove__store *store, rove__exchange_sql which, const rove__sealer *sealer,
                        rove__unsent *unsent, rove__buf *records, rove_error *error) {
    rove__exchange *exchange = NULL;

    unsent->found = 0;
    rove_status status = rove__store_enter(store, error);
    if (status != ROVE_OK) {
        return status;
    }
    status = rove__exchange_begin(store, &exchange, error);
    if (status == ROVE_OK) {
        status = next_batch(store, which, unsent, error);
    }
    if (status == ROVE_OK && unsent->found) {
        status = gather(store, sealer, unsent, records, error);
    }
    return rove__store_leave(store, status, error);
}

rove_status rove__store_unsent_next(rove__store *store, const rove__sealer *sealer,
                                    rove__unsent *unsent, rove__buf *records, rove_error *error) {
    return next(store, ROVE_EXCHANGE_BATCH_UNSENT, sealer, unsent, records, error);
}

rove_status rove__store_journal_next(rove__store *store, const rove__sealer *sealer,
                                     rove__unsent *unsent, rove__buf *records, rove_error *error) {
    return next(store, ROVE_EXCHANGE_BATCH_JOURNAL, sealer, unsent, records, error);
}

rove_status rove__store_journal_safe(rove__store *store, int64_t *safe, rove_error *error) {
    return rove__meta_look_int(store, ROVE_META_SAFE, safe, error);
}
