/*
 * store/renumber.c - a record gets another id, because headquarters has given its own to another record (P4).
 *
 * A record is its origin, its id a name. Renaming moves the typed row and the pending work, follows the references
 * in work that headquarters has not judged (only this device's own work can mean this device's record by the old
 * id), and freezes the batches in flight again under their numbers. Batches that were acknowledged once go
 * again byte for byte (T3): in those headquarters renames by itself and says so in the Ack.
 */
#include <string.h>

#include "base/assert.h"
#include "base/text.h"
#include "store/exchange.h"
#include "wire/rename.h"

typedef struct renaming {
    rove__store *store;
    rove__renames records; /* all that headquarters told: each is found by its origin */
    rove__renames renames; /* of these, those that what names the id means */
    rove__arena frame;     /* one that is frozen again */
    rove_error *error;
} renaming;

/* ---- references ---- */

static rove_status follow_record(const renaming *r, const rove__entity *entity, rove_id id) {
    rove__arena *arena = &r->store->exchange->row;
    rove__record record;
    int changed = 0;

    rove__arena_reset(arena);
    rove__arena_reset(&r->store->row_arena);
    rove_status status = rove__record_load(r->store, entity, id, arena, &record, r->error);
    if (status == ROVE_OK && record.known && rove__record_inserts(&record)) {
        status =
            rove__rename_row(&r->renames, &record.under.row, ROVE_SET_VERSIONED, arena, &changed);
    }
    for (size_t i = 0; i < record.count && status == ROVE_OK; i++) {
        for (size_t c = 0; c < record.entries[i].count && status == ROVE_OK; c++) {
            rove__pending_cell *cell = &record.entries[i].cells[c];
            int ordinal = rove__entity_field(entity, cell->field);
            if (ordinal >= 0) {
                status = rove__rename_value(&r->renames, &entity->fields[ordinal], &cell->pending,
                                            ROVE_SET_DELTA, arena, &changed);
            }
        }
    }
    return status == ROVE_OK && changed ? rove__record_save(r->store, &record, arena, r->error)
                                        : status;
}

static rove_status follow_references(const renaming *r) {
    rove__arena *arena = &r->store->exchange->arena;
    sqlite3_stmt *statement = NULL;
    struct name {
        uint32_t entity;
        rove_id id;
    } *names = NULL;
    size_t count = 0;
    size_t capacity = 0;
    int more = 0;

    rove_status status =
        rove__exchange_row(r->store, ROVE_EXCHANGE_OUTBOX_ROWS, &statement, r->error, "");
    for (more = statement != NULL; status == ROVE_OK && more;) {
        names = rove__arena_grown(arena, names, count, &capacity, sizeof *names);
        if (names == NULL) {
            sqlite3_reset(statement);
            return ROVE_NOMEM;
        }
        names[count++] = (struct name){(uint32_t)sqlite3_column_int64(statement, 0),
                                       sqlite3_column_int64(statement, 1)};
        status = rove__exchange_step(r->store, statement, &more, r->error);
    }
    for (size_t i = 0; i < count && status == ROVE_OK; i++) {
        const rove__entity *entity = rove__registry_by_number(r->store->registry, names[i].entity);
        if (entity != NULL) {
            status = follow_record(r, entity, names[i].id);
        }
    }
    return status;
}

/* ---- the record ---- */

/* Two chains as one, ascending by seq. */
static rove_status join_entries(rove__record *to, const rove__record *from, rove__arena *arena) {
    rove__entry *joined = rove__arena_take(arena, (to->count + from->count + 1) * sizeof *joined);
    size_t a = 0;
    size_t b = 0;

    if (joined == NULL) {
        return ROVE_NOMEM;
    }
    while (a < to->count || b < from->count) {
        int first =
            b == from->count || (a < to->count && to->entries[a].seq < from->entries[b].seq);
        joined[a + b] = first ? to->entries[a] : from->entries[b];
        joined[a + b].row = to->id;
        a += (size_t)first;
        b += (size_t)!first;
    }
    to->entries = joined;
    to->count = a + b;
    return ROVE_OK;
}

static rove_status clear_old(rove__store *store, const rove__record *old, rove_error *error) {
    rove_status status = ROVE_OK;

    if (old->shown) {
        status = rove__table_drop(store, old->entity, old->id, error);
        rove__store_note(store, old->entity->number, old->id);
    }
    if (status == ROVE_OK && old->aside) {
        status = rove__deleted_put(store, old->entity->number, old->id, 0, error);
    }
    return status;
}

static rove_status renumber_record(rove__store *store, const rove__rename *rename,
                                   rove_error *error) {
    const rove__entity *entity = rove__registry_by_number(store->registry, rename->entity);
    rove__arena *arena = &store->exchange->row;
    rove__record old;
    rove__record new;

    if (entity == NULL || rename->id == rename->to) {
        return ROVE_OK;
    }
    rove__arena_reset(arena);
    rove__arena_reset(&store->row_arena);
    rove_status status = rove__record_load(store, entity, rename->id, arena, &old, error);
    if (status != ROVE_OK || (!old.known && old.count == 0) ||
        (old.known && rove__version_compare(old.under.clock.origin, rename->origin) != 0)) {
        return status;
    }
    status = rove__record_load(store, entity, rename->to, arena, &new, error);
    if (status == ROVE_OK) {
        status = rove__record_sum(store, &old, -1, error);
    }
    if (status == ROVE_OK) {
        status = rove__record_sum(store, &new, -1, error);
    }
    if (status == ROVE_OK) {
        status = clear_old(store, &old, error);
    }
    if (status == ROVE_OK) {
        status = join_entries(&new, &old, arena);
    }
    if (status == ROVE_OK && !new.known && old.known) {
        new.under = old.under;
        new.under.row.id = rename->to;
        new.known = 1;
    }
    if (status == ROVE_OK) {
        status = rove__record_save(store, &new, arena, error);
    }
    return status == ROVE_OK ? rove__record_sum(store, &new, 1, error) : status;
}

/* ---- batches ---- */

/* What is under way of a record goes by its origin, whoever has its id by now. */
static rove_status rename_frozen(const renaming *r, rove__change *change) {
    int changed = 0;

    rove__rename_record(&r->records, change, &changed);
    return change->row.entity == NULL ? ROVE_OK
                                      : rove__rename_row(&r->renames, &change->row, ROVE_SET_DELTA,
                                                         &r->store->exchange->row, &changed);
}

static rove_status refreeze_frame(renaming *r, rove__flight *flight, rove__bytes rows) {
    rove__store *store = r->store;
    rove__batch_reader *reader = NULL;
    rove__change change;

    rove_status status = rove__flight_status(rove__batch_reader_new(
        store->ports.allocator, store->registry, rows.data, rows.size, &reader));
    while (status == ROVE_OK) {
        status = rove__flight_status(rove__batch_next(reader, &change));
        if (status == ROVE_OK) {
            rove__arena_reset(&store->exchange->row);
            status = rename_frozen(r, &change);
        }
        if (status == ROVE_OK) {
            status = rove__flight_add(flight, &change, r->error);
        }
    }
    rove__batch_reader_free(reader);
    return status == ROVE_DONE
               ? ROVE_OK
               : rove__error_set(r->error, status, "Freezing a batch again failed.");
}

/* The frame of batch 0 at an ordinal, copied into the arena; no data past the last. */
static rove_status read_frame(renaming *r, int64_t ordinal, rove__bytes *rows) {
    sqlite3_stmt *statement = NULL;

    rove_status status = rove__exchange_row(r->store, ROVE_EXCHANGE_FRAME_AT, &statement, r->error,
                                            "ii", (int64_t)0, ordinal);
    *rows = (rove__bytes){NULL, 0};
    if (status != ROVE_OK || statement == NULL) {
        return status;
    }
    rove_value value = rove__column_value(statement, 0);
    rove__arena_reset(&r->frame);
    rows->data = rove__arena_copy(&r->frame, value.as.data, value.size);
    rows->size = value.size;
    sqlite3_reset(statement);
    return rows->data != NULL ? ROVE_OK : ROVE_NOMEM;
}

/* Its frames become those of batch 0 and are frozen again, one after the other. */
static rove_status refreeze(renaming *r, int64_t number) {
    rove__flight flight;
    rove__bytes rows;

    rove_status status =
        rove__exchange_run(r->store, ROVE_EXCHANGE_FRAME_MOVE, r->error, "ii", number, (int64_t)0);
    if (status == ROVE_OK) {
        status = rove__exchange_run(r->store, ROVE_EXCHANGE_BATCH_DROP, r->error, "i", number);
    }
    if (status != ROVE_OK) {
        return status;
    }
    status = rove__flight_open(&flight, r->store, (uint64_t)number, r->error);
    if (status == ROVE_OK) {
        status = read_frame(r, 0, &rows);
    }
    for (int64_t ordinal = 1; status == ROVE_OK && rows.data != NULL; ordinal++) {
        status = refreeze_frame(r, &flight, rows);
        if (status == ROVE_OK) {
            status = read_frame(r, ordinal, &rows);
        }
    }
    if (status == ROVE_OK) {
        status = rove__flight_land(&flight, r->error);
    }
    rove__flight_free(&flight);
    return status == ROVE_OK
               ? rove__exchange_run(r->store, ROVE_EXCHANGE_FRAME_DROP, r->error, "i", (int64_t)0)
               : status;
}

static rove_status refreeze_all(renaming *r) {
    int64_t number = 0;

    rove_status status = rove__meta_get_int(r->store, ROVE_META_ACKED, &number, r->error);
    while (status == ROVE_OK) {
        sqlite3_stmt *statement = NULL;
        status = rove__exchange_row(r->store, ROVE_EXCHANGE_BATCH_NUMBERS, &statement, r->error,
                                    "i", number);
        if (status != ROVE_OK || statement == NULL) {
            break;
        }
        number = sqlite3_column_int64(statement, 0);
        sqlite3_reset(statement);
        status = refreeze(r, number);
    }
    return status;
}

rove_status rove__renumber_taken(rove__store *store, const rove__rename *rename, int *taken,
                                 rove_error *error) {
    const rove__entity *entity = rove__registry_by_number(store->registry, rename->entity);
    rove__arena *arena = &store->exchange->row;
    rove__record record = {.known = 0};
    rove_status status = ROVE_OK;

    rove__arena_reset(arena);
    rove__arena_reset(&store->row_arena);
    if (entity != NULL) {
        status = rove__record_load(store, entity, rename->id, arena, &record, error);
    }
    *taken = status == ROVE_OK && record.known &&
             rove__version_compare(record.under.clock.origin, rename->origin) != 0;
    return status;
}

rove_status rove__renumber_references(rove__store *store, const rove__rename *rename,
                                      rove_error *error) {
    const renaming r = {.store = store, .renames = {rename, 1}, .error = error};

    return follow_references(&r);
}

rove_status rove__renumber_all(rove__store *store, const rove__rename *renames, size_t count,
                               rove_error *error) {
    rove__rename *items = rove__arena_take(&store->exchange->arena, (count + 1) * sizeof *items);
    renaming r = {
        .store = store, .records = {renames, count}, .renames = {items, 0}, .error = error};
    rove_status status = items == NULL ? ROVE_NOMEM : ROVE_OK;

    rove__arena_init(&r.frame, store->ports.allocator, 2 * (size_t)ROVE_BATCH_MAX);
    for (size_t i = 0; i < count && status == ROVE_OK; i++) {
        int taken = 0;
        status = rove__renumber_taken(store, &renames[i], &taken, error);
        if (status == ROVE_OK && !taken) {
            items[r.renames.count++] = renames[i];
            status = renumber_record(store, &renames[i], error);
        }
        if (status == ROVE_OK && !taken) {
            status = rove__renamed_put(store, &renames[i], error);
        }
    }
    if (status == ROVE_OK) {
        status = follow_references(&r);
    }
    if (status == ROVE_OK) {
        status = refreeze_all(&r);
    }
    rove__arena_free(&r.frame);
    return status;
}

rove_status rove__store_renumber(rove__store *store, const rove__renumber *renumber,
                                 rove_error *error) {
    rove__apply apply;

    rove_status status = rove__store_enter(store, error);
    if (status != ROVE_OK) {
        return status;
    }
    status = rove__apply_begin(&apply, store, error);
    if (status == ROVE_OK) {
        status = rove__renumber_all(store, renumber->renames, renumber->rename_count, error);
    }
    if (status == ROVE_OK) {
        status = rove__apply_batch(&apply, renumber->rows);
    }
    if (status == ROVE_OK) {
        status = rove__apply_end(&apply);
    }
    return rove__store_leave(store, status, error);
}
