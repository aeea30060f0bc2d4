/*
 * store/freeze.c - turns pending work into numbered batches that do not change any more (D4, D5, D6).
 *
 * Entries whose intervals of local transactions overlap form a group, and a group is not split over batches:
 * whoever touched a common row in two transactions has both reach headquarters together. A batch ends at a group's
 * end once it has enough (flight.c), so only a group that is larger than what a batch may still have then could be cut.
 *
 * A frozen entry keeps the values that its batch carries, because the typed columns go on.
 *
 * D8: work that names a record whose insert headquarters rejected waits with it: it is not frozen until the
 * rejection is retried or discarded, unless its own row has to leave the replica.
 */
#include <string.h>

#include "base/assert.h"
#include "base/planted.h"
#include "base/text.h"
#include "model/set.h"
#include "store/exchange.h"

typedef struct freezing {
    rove__store *store;
    rove_error *error;
    rove__arena *arena;
    struct unfrozen {
        int64_t seq;
        rove_id row;
        uint32_t entity;
        uint32_t group; /* maximal runs of overlapping intervals, ascending */
        int chosen;
    } * items;
    size_t count;
    struct held {
        uint32_t entity;
        rove_id row;
    } * held; /* records that headquarters rejected, and what waits for them */
    size_t held_count, held_capacity;
    rove__flight flight;
} freezing;

static rove_status count_unfrozen(freezing *f, size_t *count) {
    sqlite3_stmt *statement = NULL;

    *count = 0;
    rove_status status =
        rove__exchange_row(f->store, ROVE_EXCHANGE_OUTBOX_UNSENT, &statement, f->error, "");
    if (statement != NULL) {
        *count = (size_t)sqlite3_column_int64(statement, 0);
        sqlite3_reset(statement);
    }
    return status;
}

/* In the order of their first transactions, with their groups. */
static rove_status list_unfrozen(freezing *f) {
    sqlite3_stmt *statement = NULL;
    uint64_t last = 0;
    uint32_t group = 0;
    size_t count = 0;
    int more = 0;

    rove_status status = count_unfrozen(f, &count);
    if (status != ROVE_OK || count == 0) {
        return status;
    }
    f->items = rove__arena_take(f->arena, count * sizeof *f->items);
    if (f->items == NULL) {
        return ROVE_NOMEM;
    }
    status = rove__exchange_row(f->store, ROVE_EXCHANGE_OUTBOX_UNFROZEN, &statement, f->error, "");
    for (more = statement != NULL; status == ROVE_OK && more;) {
        uint64_t first_tx = (uint64_t)sqlite3_column_int64(statement, 1);
        uint64_t last_tx = (uint64_t)sqlite3_column_int64(statement, 2);
        ROVE_ASSERT(f->count < count);
        group += f->count > 0 && first_tx > last;
        last = f->count == 0 || last_tx > last ? last_tx : last;
        f->items[f->count++] =
            (struct unfrozen){.seq = sqlite3_column_int64(statement, 0),
                              .entity = (uint32_t)sqlite3_column_int64(statement, 3),
                              .row = sqlite3_column_int64(statement, 4),
                              .group = group};
        status = rove__exchange_step(f->store, statement, &more, f->error);
    }
    return status;
}

/* Chooses the groups of the entries given. */
static void choose_given(freezing *f, const int64_t *entries, size_t count) {
    for (size_t from = 0, to = 0; from < f->count; from = to) {
        int chosen = 0;
        for (to = from; to < f->count && f->items[to].group == f->items[from].group; to++) {
            for (size_t e = 0; e < count && !chosen; e++) {
                chosen = f->items[to].seq == entries[e];
            }
        }
        for (size_t i = from; i < to; i++) {
            f->items[i].chosen = chosen;
        }
    }
}

/* ---- D8 ---- */

static rove_status hold(freezing *f, uint32_t entity, rove_id row) {
    struct held *held =
        rove__arena_grown(f->arena, f->held, f->held_count, &f->held_capacity, sizeof *f->held);

    if (held == NULL) {
        return ROVE_NOMEM;
    }
    f->held = held;
    held[f->held_count++] = (struct held){entity, row};
    return ROVE_OK;
}

static rove_status list_held(freezing *f) {
    sqlite3_stmt *statement = NULL;
    int more = 0;

    rove_status status =
        rove__exchange_row(f->store, ROVE_EXCHANGE_REJECTION_INSERTS, &statement, f->error, "");
    for (more = statement != NULL; status == ROVE_OK && more;) {
        status = hold(f, (uint32_t)sqlite3_column_int64(statement, 0),
                      sqlite3_column_int64(statement, 1));
        if (status != ROVE_OK) {
            sqlite3_reset(statement);
            return status;
        }
        status = rove__exchange_step(f->store, statement, &more, f->error);
    }
    return status;
}

static int is_held(const freezing *f, uint32_t target, rove_id row) {
    for (size_t i = 0; i < f->held_count; i++) {
        if (f->held[i].row == row && (target == ROVE_TARGET_ROOT || target == f->held[i].entity)) {
            return 1;
        }
    }
    return 0;
}

static rove_status names_held(const freezing *f, const rove__field *field, const rove_value *value,
                              rove__arena *arena, int *names) {
    rove__set set = {ROVE_SET_DELTA, NULL, 0};

    *names = 0;
    if (field->target == 0 || value->type == ROVE_NULL) {
        return ROVE_OK;
    }
    if (field->kind != ROVE_KIND_SET) {
        *names = value->type == ROVE_INT && is_held(f, field->target, value->as.integer);
        return ROVE_OK;
    }
    rove_status status = rove__set_read(&set, value, ROVE_SET_DELTA, arena);
    for (size_t i = 0; i < set.count && status == ROVE_OK; i++) {
        *names |= set.elements[i].value.type == ROVE_INT &&
                  is_held(f, field->target, set.elements[i].value.as.integer);
    }
    return status;
}

/* Whether the entry speaks of a held record or names one. */
static rove_status waits(freezing *f, const struct unfrozen *item, int *result) {
    const rove__entity *entity = rove__registry_by_number(f->store->registry, item->entity);
    rove__arena *arena = &f->store->exchange->frozen;
    rove__record record;
    rove__change change;

    *result = entity != NULL && is_held(f, item->entity, item->row);
    if (entity == NULL || *result) {
        return ROVE_OK;
    }
    rove__arena_reset(arena);
    rove_status status = rove__record_load(f->store, entity, item->row, arena, &record, f->error);
    if (status != ROVE_OK || record.count == 0) {
        return status;
    }
    status = rove__record_change(f->store, &record, record.count - 1, 0, arena, &change, f->error);
    for (size_t i = 0; i < change.row.cell_count && status == ROVE_OK && !*result; i++) {
        if (rove__bits_get(&change.row.present, i)) {
            status = names_held(f, &entity->fields[i], &change.row.cells[i], arena, result);
        }
    }
    return status;
}

/* What is left out holds others in turn, if headquarters does not have it yet. */
static rove_status hold_insert(freezing *f, const struct unfrozen *item) {
    const rove__entity *entity = rove__registry_by_number(f->store->registry, item->entity);
    rove__arena *arena = &f->store->exchange->frozen;
    rove__record record;

    if (entity == NULL) {
        return ROVE_OK;
    }
    rove__arena_reset(arena);
    rove_status status = rove__record_load(f->store, entity, item->row, arena, &record, f->error);
    return status == ROVE_OK && rove__record_inserts(&record) ? hold(f, item->entity, item->row)
                                                              : status;
}

/* A group with an entry that waits is left out. */
static rove_status leave_out_held(freezing *f) {
    rove_status status = list_held(f);

    for (int changed = f->held_count > 0; changed && status == ROVE_OK;) {
        changed = 0;
        for (size_t i = 0; i < f->count && status == ROVE_OK; i++) {
            int found = 0;
            if (!f->items[i].chosen) {
                continue;
            }
            status = waits(f, &f->items[i], &found);
            for (size_t j = 0; found && j < f->count && status == ROVE_OK; j++) {
                if (f->items[j].group == f->items[i].group) {
                    f->items[j].chosen = 0;
                    changed = 1;
                    status = hold_insert(f, &f->items[j]);
                }
            }
        }
    }
    return status;
}

/* ---- freezing ---- */

/* Ends the batch, if there is anything in it. */
static rove_status land(freezing *f) {
    uint64_t number = f->flight.number;
    rove_status status = rove__flight_land(&f->flight, f->error);

    return status == ROVE_OK && f->flight.number > number
               ? rove__meta_put_int(f->store, ROVE_META_FROZEN, (int64_t)number, f->error)
               : status;
}

static rove_status freeze_one(freezing *f, const struct unfrozen *item) {
    const rove__entity *entity = rove__registry_by_number(f->store->registry, item->entity);
    rove__arena *arena = &f->store->exchange->frozen;
    rove__record record;
    rove__change change;

    rove__arena_reset(arena);
    if (entity == NULL) {
        return rove__error_set(f->error, ROVE_CORRUPT, "An entry of the outbox is damaged.");
    }
    rove_status status = rove__record_load(f->store, entity, item->row, arena, &record, f->error);
    if (status != ROVE_OK) {
        return status;
    }
    if (record.count == 0 || rove__record_newest(&record)->seq != item->seq) {
        return rove__error_set(f->error, ROVE_CORRUPT, "The outbox and its rows disagree.");
    }
    status = rove__record_change(f->store, &record, record.count - 1, 0, arena, &change, f->error);
    if (status == ROVE_OK) {
        status = rove__flight_add(&f->flight, &change, f->error);
    }
    if (status == ROVE_LIMIT) {
        status = land(f);
        if (status == ROVE_OK) {
            status = rove__flight_add(&f->flight, &change, f->error);
        }
    }
    if (status == ROVE_OK) {
        rove__record_newest(&record)->batch = f->flight.number;
        status = rove__entry_save(f->store, rove__record_newest(&record), f->error);
    }
    return status;
}

static rove_status freeze_chosen(freezing *f) {
    int64_t frozen = 0;
    uint32_t group = UINT32_MAX;

    rove_status status = rove__meta_get_int(f->store, ROVE_META_FROZEN, &frozen, f->error);
    if (status == ROVE_OK) {
        status = rove__flight_open(&f->flight, f->store, (uint64_t)frozen + 1, f->error);
    }
    for (size_t i = 0; i < f->count && status == ROVE_OK; i++) {
        if (!f->items[i].chosen) {
            continue;
        }
        if (ROVE_PLANTED(D04_SPLIT) ||
            (f->items[i].group != group && rove__flight_enough(&f->flight))) {
            status = land(f);
        }
        group = f->items[i].group;
        if (status == ROVE_OK) {
            status = freeze_one(f, &f->items[i]);
        }
    }
    if (status == ROVE_OK) {
        status = land(f);
    }
    rove__flight_free(&f->flight);
    return status;
}

rove_status rove__freeze_rows(rove__store *store, const int64_t *entries, size_t count,
                              rove_error *error) {
    rove__exchange *exchange = NULL;
    freezing f;

    memset(&f, 0, sizeof f);
    rove_status status = rove__exchange_of(store, &exchange, error);
    if (status != ROVE_OK) {
        return status;
    }
    f.store = store;
    f.error = error;
    f.arena = &exchange->arena;
    status = list_unfrozen(&f);
    if (status != ROVE_OK || f.count == 0) {
        return status;
    }
    if (entries != NULL) {
        choose_given(&f, entries, count);
    } else {
        for (size_t i = 0; i < f.count; i++) {
            f.items[i].chosen = 1;
        }
        status = leave_out_held(&f);
    }
    return status == ROVE_OK ? freeze_chosen(&f) : status;
}

rove_status rove__store_freeze(rove__store *store, rove_error *error) {
    rove__exchange *exchange = NULL;

    rove_status status = rove__store_enter(store, error);
    if (status != ROVE_OK) {
        return status;
    }
    status = rove__exchange_begin(store, &exchange, error);
    if (status == ROVE_OK) {
        status = rove__freeze_rows(store, NULL, 0, error);
    }
    return rove__store_leave(store, status, error);
}
