/*
 * store/journal.c - batches that headquarters has acknowledged, kept until it has a backup of them (D9), and sealed, so that
 * nothing of what the rep wrote stays readable in them.
 *
 * A batch is sealed after its Ack, in a transaction of its own: until then its frames stay as they are, so there is no
 * moment at which it is neither. What could not be sealed (headquarters has no sealing key, memory is short, the app was
 * killed) is tried again before and after each exchange, and does not hold anything up: before, because a number may have
 * been left meanwhile, and of its batches only sealed ones can be given back.
 *
 * `safe`, the seq up to which headquarters is backed up, counts on the timeline on which headquarters has said that it lacks
 * nothing: a seq of before a restore may be another transaction's by now. Until then it is SAFE_UNKNOWN here.
 */
#include <string.h>

#include "base/log.h"
#include "base/planted.h"
#include "base/text.h"
#include "store/exchange.h"
#include "wire/sealed.h"

#define KEPT_BYTES_MAX ((int64_t)8 * 1024 * 1024)
/* Where headquarters makes no backups. */
#define KEPT_MS      (INT64_C(30) * 86400000)
#define SAFE_UNKNOWN (-1)

/* ---- until when ----------------------------------------------------------------------------------------- */

/* 0: it is not trusted. */
static int64_t trusted_ms(rove__store *store) {
    int trusted = 0;
    int64_t now_ms = rove__store_now_ms(store, &trusted);

    return trusted ? now_ms : 0;
}

typedef struct pruning {
    rove__store *store;
    rove_error *error;
    int64_t safe;
    int64_t now_ms; /* 0: the time is not trusted, and nothing is too old */
    int64_t kept;   /* bytes of those that stay */
    int64_t *drop;
    size_t count, capacity;
} pruning;

static rove_status drop_later(pruning *p, int64_t number) {
    p->drop = rove__arena_grown(&p->store->exchange->arena, p->drop, p->count, &p->capacity,
                                sizeof *p->drop);
    if (p->drop == NULL) {
        return ROVE_NOMEM;
    }
    p->drop[p->count++] = number;
    return ROVE_OK;
}

/* A row of BATCH_SIZES. */
static int is_over(const pruning *p, sqlite3_stmt *statement) {
    int64_t seq = sqlite3_column_int64(statement, 1);
    int64_t sealed_ms = sqlite3_column_int64(statement, 3);

    if (ROVE_PLANTED(D09_FOR_EVER) || ROVE_PLANTED(D09_FORGOTTEN)) {
        return ROVE_PLANTED(D09_FORGOTTEN);
    }
    return (seq != 0 && seq <= p->safe) ||
           (p->safe == 0 && sealed_ms != 0 && sealed_ms + KEPT_MS <= p->now_ms) ||
           p->kept > KEPT_BYTES_MAX;
}

/* From the newest to the oldest: what is over, and what is too much. */
static rove_status list_over(pruning *p) {
    sqlite3_stmt *statement = NULL;
    int more = 0;

    rove_status status =
        rove__exchange_row(p->store, ROVE_EXCHANGE_BATCH_SIZES, &statement, p->error, "");
    for (more = statement != NULL; status == ROVE_OK && more;) {
        int64_t bytes = (int64_t)sqlite3_column_double(statement, 2);
        p->kept += bytes;
        if (bytes > 0 && is_over(p, statement)) {
            status = drop_later(p, sqlite3_column_int64(statement, 0));
        }
        if (status == ROVE_OK) {
            status = rove__exchange_step(p->store, statement, &more, p->error);
        }
    }
    sqlite3_reset(statement);
    return status;
}

static rove_status drop_frames(rove__store *store, int64_t number, rove_error *error) {
    rove_status status = rove__exchange_run(store, ROVE_EXCHANGE_FRAME_DROP, error, "i", number);

    return status == ROVE_OK
               ? rove__exchange_run(store, ROVE_EXCHANGE_SEALED_DROP, error, "i", number)
               : status;
}

/* What was sealed while the time was not trusted is as old as the first time that is. */
static rove_status date(pruning *p) {
    p->now_ms = trusted_ms(p->store);
    return p->now_ms != 0
               ? rove__exchange_run(p->store, ROVE_EXCHANGE_SEALED_DATE, p->error, "i", p->now_ms)
               : ROVE_OK;
}

rove_status rove__journal_prune(rove__store *store, rove_error *error) {
    pruning p = {.store = store, .error = error};
    int64_t acked = 0;

    rove_status status = rove__meta_get_int(store, ROVE_META_SAFE, &p.safe, error);
    if (status == ROVE_OK) {
        status = rove__meta_get_int(store, ROVE_META_ACKED, &acked, error);
    }
    if (status == ROVE_OK) {
        status = date(&p);
    }
    if (status == ROVE_OK) {
        status = list_over(&p);
    }
    for (size_t i = 0; i < p.count && status == ROVE_OK; i++) {
        status = drop_frames(store, p.drop[i], error);
    }
    /* The chain of the last one, and of each one before frames that are kept, may be asked for. */
    if (status == ROVE_OK && p.count > 0) {
        status = rove__exchange_run(store, ROVE_EXCHANGE_BATCH_FORGET, error, "i", acked);
    }
    return status == ROVE_OK && p.count > 0
               ? rove__exchange_run(store, ROVE_EXCHANGE_FORMER_FORGET, error, "")
               : status;
}

/* ---- what headquarters says of it ----------------------------------------------------------------------- */

static rove_status put_safe(rove__store *store, int64_t safe, rove_error *error) {
    int64_t known = 0;

    rove_status status = rove__meta_get_int(store, ROVE_META_SAFE, &known, error);
    if (status != ROVE_OK || safe == known) {
        return status;
    }
    status = rove__meta_put_int(store, ROVE_META_SAFE, safe, error);
    return status == ROVE_OK ? rove__journal_prune(store, error) : status;
}

static rove_status get_checked(rove__store *store, uint64_t *checked, rove_error *error) {
    int64_t value = 0;
    rove_status status = rove__meta_get_int(store, ROVE_META_CHECKED, &value, error);

    *checked = (uint64_t)value;
    return status;
}

rove_status rove__journal_welcome(rove__store *store, const rove__welcome *welcome,
                                  rove_error *error) {
    uint64_t checked = 0;

    store->exchange->timeline = welcome->timeline;
    store->exchange->safe = welcome->safe;
    rove_status status = get_checked(store, &checked, error);
    return status == ROVE_OK ? put_safe(store,
                                        checked == welcome->timeline || ROVE_PLANTED(D09_ANY_LINE)
                                            ? (int64_t)welcome->safe
                                            : SAFE_UNKNOWN,
                                        error)
                             : status;
}

static rove_status settle(rove__store *store, rove_error *error) {
    rove__exchange *exchange = NULL;

    rove_status status = rove__exchange_begin(store, &exchange, error);
    if (status == ROVE_OK) {
        status = rove__meta_put_int(store, ROVE_META_CHECKED, (int64_t)exchange->timeline, error);
    }
    if (status == ROVE_OK) {
        status = rove__meta_drop(store, ROVE_META_TELL, error);
    }
    if (status == ROVE_OK) {
        status = rove__exchange_run(store, ROVE_EXCHANGE_FORMER_REST, error, "");
    }
    return status == ROVE_OK ? put_safe(store, (int64_t)exchange->safe, error) : status;
}

rove_status rove__store_settled(rove__store *store, rove_error *error) {
    uint64_t checked = 0;

    rove_status status = rove__store_enter_page(store, error);
    if (status != ROVE_OK) {
        return status;
    }
    status = get_checked(store, &checked, error);
    if (status == ROVE_OK && checked != store->exchange->timeline && !store->exchange->rekeyed) {
        status = settle(store, error);
    }
    return rove__store_leave(store, status, error);
}

/* ---- sealing -------------------------------------------------------------------------------------------- */

rove_replica rove__journal_replica(const rove__store *store, int64_t batch) {
    return batch > 0 ? store->owner.replica : (rove_replica)((uint64_t)-batch >> 32) + 1;
}

uint64_t rove__journal_number(int64_t batch) {
    return batch > 0 ? (uint64_t)batch : (uint64_t)batch & UINT32_MAX;
}

/* The chain before a batch; NOT_FOUND if it is no longer known. */
static rove_status chain_before(rove__store *store, int64_t batch, rove__chain *chain,
                                rove_error *error) {
    sqlite3_stmt *statement = NULL;

    memset(chain, 0, sizeof *chain);
    if (rove__journal_number(batch) == 1) {
        return ROVE_OK;
    }
    rove_status status =
        rove__exchange_row(store, ROVE_EXCHANGE_BATCH_GET, &statement, error, "i", batch - 1);
    if (status != ROVE_OK || statement == NULL) {
        return status != ROVE_OK ? status : ROVE_NOT_FOUND;
    }
    if (sqlite3_column_bytes(statement, 2) == ROVE_SHA256_SIZE) {
        memcpy(chain->hash, sqlite3_column_blob(statement, 2), sizeof chain->hash);
    } else {
        status = ROVE_NOT_FOUND;
    }
    sqlite3_reset(statement);
    return status;
}

/* Whom to seal to: as Welcome said, else as enrolment did. NULL: nobody said. */
static rove_status find_recipient(rove__store *store, const rove__sealer *sealer,
                                  const uint8_t **recipient, rove_error *error) {
    size_t size = 0;
    rove_status status = rove__meta_get_bytes(store, ROVE_META_SEAL_KEY, &store->exchange->arena,
                                              recipient, &size, error);

    if (status == ROVE_OK && size != ROVE_SEAL_KEY_SIZE) {
        *recipient = sealer->recipient;
    }
    return status;
}

/* Whoever gets the records of a batch. */
typedef struct taker {
    rove__record_taker take;
    void *ctx;
} taker;

static rove_status seal_frame(rove__store *store, int64_t batch, const rove__sealing *sealing,
                              rove__sealed *frame, const taker *to, rove_error *error) {
    rove__buf *record = &store->exchange->bytes;
    sqlite3_stmt *statement = NULL;

    rove_status status = rove__exchange_row(store, ROVE_EXCHANGE_FRAME_AT, &statement, error, "ii",
                                            batch, (int64_t)frame->ordinal);
    if (status != ROVE_OK || statement == NULL) {
        return status != ROVE_OK ? status : ROVE_CORRUPT;
    }
    frame->rows.data = sqlite3_column_blob(statement, 0);
    frame->rows.size = (size_t)sqlite3_column_bytes(statement, 0);
    rove__buf_reset(record);
    status = rove__sealing_frame(sealing, frame, record);
    if (status == ROVE_OK) {
        status = to->take(to->ctx, store, frame, record, error);
    }
    sqlite3_reset(statement);
    return status;
}

static rove_status seal_frames(rove__store *store, int64_t batch, const rove__sealer *sealer,
                               rove__sealed *frame, const taker *to, rove_error *error) {
    const uint8_t *recipient = NULL;
    uint8_t signature[ROVE_SIGNATURE_MAX];
    rove__sealing sealing;

    rove_status status = find_recipient(store, sealer, &recipient, error);
    if (status == ROVE_OK && recipient == NULL) {
        status = rove__error_set(error, ROVE_STATE, "Headquarters has no sealing key.");
    }
    if (status == ROVE_OK) {
        status = rove__sealed_sign(store->ports.crypto, sealer->key, &frame->batch, signature);
    }
    if (status != ROVE_OK) {
        return status;
    }
    status = rove__sealing_begin(&sealing, store->ports.crypto, recipient);
    for (; status == ROVE_OK && frame->ordinal < frame->batch.frames; frame->ordinal++) {
        status = seal_frame(store, batch, &sealing, frame, to, error);
    }
    rove__sealing_end(&sealing);
    return status;
}

rove_status rove__journal_records(rove__store *store, int64_t batch, const rove__sealer *sealer,
                                  rove__record_taker take, void *ctx, rove_error *error) {
    const taker to = {take, ctx};
    sqlite3_stmt *statement = NULL;
    rove__sealed frame = {.batch = {.replica = rove__journal_replica(store, batch),
                                    .number = rove__journal_number(batch),
                                    .certificate = sealer->certificate}};

    rove_status status =
        rove__exchange_row(store, ROVE_EXCHANGE_BATCH_GET, &statement, error, "i", batch);
    if (status != ROVE_OK || statement == NULL) {
        return status != ROVE_OK ? status : ROVE_NOT_FOUND;
    }
    frame.batch.schema = (uint32_t)sqlite3_column_int64(statement, 4);
    frame.batch.frames = (uint32_t)sqlite3_column_int64(statement, 5);
    if (sqlite3_column_bytes(statement, 1) == ROVE_SHA256_SIZE) {
        memcpy(frame.batch.hash.hash, sqlite3_column_blob(statement, 1), ROVE_SHA256_SIZE);
    } else {
        status = ROVE_CORRUPT;
    }
    sqlite3_reset(statement);
    if (status == ROVE_OK) {
        status = chain_before(store, batch, &frame.batch.previous, error);
    }
    return status == ROVE_OK ? seal_frames(store, batch, sealer, &frame, &to, error) : status;
}

/* In the place of the plain frame. */
static rove_status keep_record(void *ctx, rove__store *store, const rove__sealed *frame,
                               const rove__buf *record, rove_error *error) {
    const int64_t *batch = ctx;

    return rove__exchange_run(store, ROVE_EXCHANGE_SEALED_PUT, error, "iiib", *batch,
                              (int64_t)frame->ordinal, trusted_ms(store),
                              (const void *)record->data, record->size);
}

rove_status rove__journal_seal(rove__store *store, int64_t batch, const rove__sealer *sealer,
                               rove_error *error) {
    rove_status status = rove__journal_records(store, batch, sealer, keep_record, &batch, error);

    return status == ROVE_OK
               ? rove__exchange_run(store, ROVE_EXCHANGE_FRAME_DROP, error, "i", batch)
               : status;
}

/* The next batch after *batch that has been acknowledged and is not sealed; *found 0: none. */
static rove_status next_plain(rove__store *store, int64_t *batch, int *found, rove_error *error) {
    sqlite3_stmt *statement = NULL;
    rove_status status =
        rove__exchange_row(store, ROVE_EXCHANGE_BATCH_PLAIN, &statement, error, "i", *batch);

    *found = statement != NULL;
    if (*found) {
        *batch = sqlite3_column_int64(statement, 0);
        sqlite3_reset(statement);
    }
    return status;
}

/* *batch: the one sealed; *found 0: there was none, or nobody to seal it to. */
static rove_status seal_next(rove__store *store, const rove__sealer *sealer, int64_t *batch,
                             int *found, rove_error *error) {
    rove__exchange *exchange = NULL;
    const uint8_t *recipient = NULL;

    *found = 0;
    rove_status status = rove__store_enter_page(store, error);
    if (status != ROVE_OK) {
        return status;
    }
    status = rove__exchange_begin(store, &exchange, error);
    if (status == ROVE_OK) {
        status = find_recipient(store, sealer, &recipient, error);
    }
    if (status == ROVE_OK && recipient != NULL) {
        status = next_plain(store, batch, found, error);
    }
    if (status == ROVE_OK && *found) {
        status = rove__journal_seal(store, *batch, sealer, error);
    }
    /* Of one of a former number headquarters was told nothing while it was plain. */
    if (status == ROVE_OK && *found && *batch < 0) {
        status = rove__meta_put_int(store, ROVE_META_CHECKED, 0, error);
    }
    return rove__store_leave(store, status, error);
}

void rove__store_journal(rove__store *store, const rove__sealer *sealer) {
    int64_t batch = INT64_MIN;
    int found = !ROVE_PLANTED(D09_PLAIN);

    while (found) {
        rove_status status = seal_next(store, sealer, &batch, &found, NULL);
        if (status != ROVE_OK) {
            rove__log(store->ports.log, ROVE_LOG_WARN, "store",
                      "acknowledged work is not sealed yet: %s", rove_status_name(status));
            return;
        }
    }
}
