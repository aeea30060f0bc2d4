/*
 * store/apply.c - one transaction of an answer: acks, then at most one page.
 *
 * A page is applied in this order (Q3): scopes left, and everything that is not held; then its rows, tombstones
 * and marks; then the ends of whole transfers; then cursor and token. A batch keeps no order between
 * its runs, so a mark or tombstone may be read after the row that it speaks of: then the row, which is as
 * headquarters has it now, stands.
 *
 * Everything happens in one transaction: a failure, ROVE_FORK among them, leaves the replica as it was.
 */
#include <string.h>

#include "base/text.h"
#include "store/exchange.h"

static rove_status any(rove__apply *apply, rove__exchange_sql which, int *result) {
    sqlite3_stmt *statement = NULL;
    rove_status status = rove__exchange_row(apply->store, which, &statement, apply->error, "");

    *result = statement != NULL;
    sqlite3_reset(statement);
    return status;
}

rove_status rove__apply_begin(rove__apply *apply, rove__store *store, rove_error *error) {
    memset(apply, 0, sizeof *apply);
    apply->store = store;
    apply->error = error;
    apply->custom_field = rove__registry_by_name(store->registry, "CustomField");
    rove_status status = rove__exchange_begin(store, &apply->exchange, error);
    if (status == ROVE_OK) {
        status = any(apply, ROVE_EXCHANGE_DELETED_ANY, &apply->any_aside);
    }
    if (status == ROVE_OK) {
        status = any(apply, ROVE_EXCHANGE_QUARANTINE_ANY, &apply->any_quarantined);
    }
    if (status == ROVE_OK) {
        status = any(apply, ROVE_EXCHANGE_UNKNOWN_ANY, &apply->any_unknown);
    }
    return status == ROVE_OK ? rove__transfer_load(apply) : status;
}

rove_status rove__apply_end(rove__apply *apply) {
    rove_status status = rove__transfer_store(apply);

    if (status == ROVE_OK && apply->custom) {
        status = rove__custom_apply(apply);
    }
    if (status == ROVE_OK && apply->left) {
        status =
            rove__meta_put_int(apply->store, ROVE_META_REMAINS, ROVE_REMAINS_FILE, apply->error);
    }
    return status;
}

rove_status rove__apply_batch(rove__apply *apply, rove__bytes rows) {
    rove__store *store = apply->store;
    rove__batch_reader *reader = NULL;
    rove__change change;

    if (rows.size == 0) {
        return ROVE_OK;
    }
    apply->batch++;
    rove_status status = rove__batch_reader_new(store->ports.allocator, store->registry, rows.data,
                                                rows.size, &reader);
    while (status == ROVE_OK) {
        status = rove__batch_next(reader, &change);
        if (status == ROVE_OK) {
            rove__arena_reset(&apply->exchange->row);
            rove__arena_reset(&store->row_arena);
            status = rove__apply_change(apply, &change);
        } else if (status != ROVE_DONE) {
            status = rove__error_set(apply->error, status, "The rows of an answer are malformed.");
        }
    }
    rove__batch_reader_free(reader);
    return status == ROVE_DONE ? ROVE_OK : status;
}

static rove_status put_cursor(rove__apply *apply, const rove__page *page) {
    rove__store *store = apply->store;
    rove_status status = ROVE_OK;

    if (page->cursor.timeline != store->cursor.timeline) {
        status = rove__meta_put_int(store, ROVE_META_UNVERIFIED, 1, apply->error);
    }
    if (status == ROVE_OK) {
        status = rove__meta_put_cursor(store, page->cursor, apply->error);
    }
    if (status == ROVE_OK) {
        status = page->token.size > 0
                     ? rove__meta_put_bytes(store, ROVE_META_TOKEN, page->token.data,
                                            page->token.size, apply->error)
                     : rove__meta_drop(store, ROVE_META_TOKEN, apply->error);
    }
    store->downloading = page->more || page->token.size > 0;
    if (status == ROVE_OK) {
        status = rove__meta_put_int(store, ROVE_META_CATCHING_UP, store->downloading, apply->error);
    }
    return status;
}

static rove_status apply_page(rove__apply *apply, const rove__page *page) {
    rove_status status = ROVE_OK;

    for (size_t i = 0; i < page->left_count && status == ROVE_OK; i++) {
        status = rove__evict(apply, page->left[i], NULL);
    }
    if (status == ROVE_OK && page->has_held) {
        status = rove__evict_others(apply, page->held, page->held_count);
    }
    if (status == ROVE_OK) {
        status = rove__transfer_begin(apply, page);
    }
    if (status == ROVE_OK) {
        status = rove__apply_batch(apply, page->rows);
    }
    if (status == ROVE_OK) {
        status = rove__transfer_done(apply, page);
    }
    return status == ROVE_OK ? put_cursor(apply, page) : status;
}

/* An Ack may take several frames; they follow each other. */
static rove_status apply_acks(rove__apply *apply, const rove__ack *acks, size_t count) {
    rove_status status = ROVE_OK;

    for (size_t from = 0; from < count && status == ROVE_OK;) {
        size_t to = from;
        while (to < count && acks[to].number == acks[from].number && !acks[to].last) {
            to++;
        }
        if (to == count || acks[to].number != acks[from].number) {
            return rove__error_set(apply->error, ROVE_PROTOCOL,
                                   "An acknowledgement of a batch is incomplete.");
        }
        status = rove__ack_apply(apply, &acks[from], to + 1 - from);
        from = to + 1;
    }
    return status;
}

rove_status rove__store_apply(rove__store *store, const rove__ack *acks, size_t ack_count,
                              const rove__page *page, rove_error *error) {
    rove__apply apply;

    rove_status status =
        ack_count > 0 ? rove__store_enter(store, error) : rove__store_enter_page(store, error);
    if (status != ROVE_OK) {
        return status;
    }
    status = rove__apply_begin(&apply, store, error);
    if (status == ROVE_OK) {
        status = apply_acks(&apply, acks, ack_count);
    }
    if (status == ROVE_OK && page != NULL) {
        status = rove__transfer_open(&apply, page);
    }
    if (status == ROVE_OK && page != NULL) {
        status = apply_page(&apply, page);
    }
    if (status == ROVE_OK) {
        status = rove__apply_end(&apply);
    }
    int widened = apply.custom;
    if (status == ROVE_OK) {
        store->tally.applied += apply.tally.applied;
        store->tally.removed += apply.tally.removed;
    }
    status = rove__store_leave(store, status, error);
    if (status == ROVE_OK && widened) {
        store->unsettled = 0;
    }
    return status;
}
