/*
 * assign/realign.c - see realign.h.
 */
#include "assign/realign.h"

#include <stdlib.h>
#include <string.h>

#include "admin/people.h"
#include "base/alloc.h"
#include "base/text.h"

#include "rove/entities.pb-c.h"

#define ARENA_MAX  ((size_t)4 * 1024 * 1024)
#define DETAIL_MAX 500

/* ---- lists ---------------------------------------------------------------------------------------------- */

void realign_list_init(realign_list *list, const rove_allocator *allocator) {
    *list = (realign_list){.allocator = allocator};
}

void realign_list_free(realign_list *list) {
    rove__free(list->allocator, list->moves);
    realign_list_init(list, list->allocator);
}

static rove_status add(realign_list *list, realign_move move) {
    if (list->count == list->capacity) {
        size_t capacity = list->capacity == 0 ? 256 : list->capacity * 2;
        realign_move *moves =
            rove__alloc_resize(list->allocator, list->moves, capacity, sizeof *moves);
        if (moves == NULL) {
            return ROVE_NOMEM;
        }
        list->moves = moves;
        list->capacity = capacity;
    }
    list->moves[list->count++] = move;
    return ROVE_OK;
}

static int by_record(const void *a, const void *b) {
    const realign_move *left = a;
    const realign_move *right = b;

    if (left->entity != right->entity) {
        return left->entity < right->entity ? -1 : 1;
    }
    if (left->root != right->root) {
        return left->root < right->root ? -1 : 1;
    }
    return (left->from > right->from) - (left->from < right->from);
}

void realign_list_sort(realign_list *list) {
    size_t kept = 0;

    if (list->count == 0) {
        return;
    }
    qsort(list->moves, list->count, sizeof *list->moves, by_record);
    for (size_t i = 1; i < list->count; i++) {
        if (by_record(&list->moves[kept], &list->moves[i]) != 0) {
            list->moves[++kept] = list->moves[i];
        }
    }
    list->count = kept + 1;
}

/* ---- what one user has ---------------------------------------------------------------------------------- */

typedef struct ids {
    rove_id *items; /* owned */
    size_t count, capacity;
} ids;

typedef struct search {
    realign_list *list;
    hq *headquarters;
    rove__hq_tx *tx;
    rove_id from, to;
    const realign_filter *filter;
    rove__arena arena; /* of one row */
    ids owned;         /* what was looked at because he owns it, ascending while grants are read */
} search;

static rove_id number_of(const rove__row *row, const char *field) {
    int ordinal = rove__entity_field_named(row->entity, field);

    return ordinal >= 0 && row->cells[ordinal].type == ROVE_INT ? row->cells[ordinal].as.integer
                                                                : 0;
}

static int matches(const search *self, const rove__row *row) {
    const realign_filter *filter = self->filter;

    return (filter->entity == NULL || filter->entity == row->entity) &&
           (filter->territory == 0 || filter->territory == number_of(row, "territory_id")) &&
           handover_is_open(row);
}

static rove_status remember(search *self, rove_id id) {
    ids *owned = &self->owned;

    if (owned->count == owned->capacity) {
        size_t capacity = owned->capacity == 0 ? 256 : owned->capacity * 2;
        rove_id *items =
            rove__alloc_resize(self->list->allocator, owned->items, capacity, sizeof *items);
        if (items == NULL) {
            return ROVE_NOMEM;
        }
        owned->items = items;
        owned->capacity = capacity;
    }
    owned->items[owned->count++] = id;
    return ROVE_OK;
}

static int by_id(const void *a, const void *b) {
    const rove_id *left = a;
    const rove_id *right = b;

    return (*left > *right) - (*left < *right);
}

static int is_owned(const search *self, rove_id id) {
    return self->owned.count > 0 &&
           bsearch(&id, self->owned.items, self->owned.count, sizeof id, by_id) != NULL;
}

static rove_status take(search *self, const rove__row *row) {
    return matches(self, row)
               ? add(self->list, (realign_move){row->entity_number, row->id, self->from, self->to})
               : ROVE_OK;
}

static rove_status each_owned(void *ctx, const rove__hq_row *found) {
    search *self = ctx;
    rove_status status = remember(self, found->row.id);

    return status == ROVE_OK ? take(self, &found->row) : status;
}

static rove_status each_grant(void *ctx, const rove__hq_grant *grant) {
    search *self = ctx;
    const rove__registry *registry = hq_registry(self->headquarters);
    rove__hq_row row;

    if (grant->to != ROVE_SEQ_OPEN || is_owned(self, grant->root)) {
        return ROVE_OK;
    }
    for (size_t i = 0; i < rove__registry_count(registry); i++) {
        const rove__entity *entity = rove__registry_at(registry, i);
        if (entity->scope != ROVE_SCOPE_SELF) {
            continue;
        }
        rove__arena_reset(&self->arena);
        rove_status status =
            hq_database(self->headquarters)
                ->store.row_get(self->tx, entity->number, grant->root, 0, &self->arena, &row);
        if (status == ROVE_OK) {
            return row.dead == 0 ? take(self, &row.row) : ROVE_OK;
        }
        if (status != ROVE_NOT_FOUND) {
            return status;
        }
    }
    return ROVE_OK;
}

static rove_status find_owned(search *self, const rove__entity *entity) {
    rove_value wanted = rove__value_int(self->from);
    int owner = rove__entity_field_named(entity, "owner_id");

    return owner < 0 ? ROVE_OK
                     : hq_database(self->headquarters)
                           ->directory.row_find(self->tx, entity->number, owner, &wanted,
                                                &self->arena, each_owned, self);
}

rove_status realign_add_user(realign_list *list, hq *headquarters, rove__hq_tx *tx, rove_id from,
                             rove_id to, const realign_filter *filter) {
    const rove__registry *registry = hq_registry(headquarters);
    search self = {.list = list,
                   .headquarters = headquarters,
                   .tx = tx,
                   .from = from,
                   .to = to,
                   .filter = filter};
    rove_status status = ROVE_OK;

    rove__arena_init(&self.arena, list->allocator, ARENA_MAX);
    for (size_t i = 0; i < rove__registry_count(registry) && status == ROVE_OK; i++) {
        const rove__entity *entity = rove__registry_at(registry, i);
        if (entity->scope == ROVE_SCOPE_SELF) {
            status = find_owned(&self, entity);
        }
    }
    if (status == ROVE_OK && self.owned.count > 0) {
        qsort(self.owned.items, self.owned.count, sizeof *self.owned.items, by_id);
    }
    if (status == ROVE_OK) {
        status = hq_database(headquarters)->store.grant_scan(tx, from, 0, each_grant, &self);
    }
    rove__free(list->allocator, self.owned.items);
    rove__arena_free(&self.arena);
    return status;
}

/* ---- who works a territory ------------------------------------------------------------------------------ */

typedef struct survey {
    realign_list *list;
    const rove__hq_store *store;
    rove__hq_tx *tx;
    const territory_history *history;
    int64_t day;
    realign_stuck *stuck;
} survey;

static rove_status consider(survey *self, const rove__row *row, rove_id holder) {
    rove_id to = 0;

    switch (
        territory_holder(self->history, number_of(row, "territory_id"), holder, self->day, &to)) {
    case TERRITORY_STAYS:
        return ROVE_OK;
    case TERRITORY_PASSES:
        return add(self->list, (realign_move){row->entity_number, row->id, holder, to});
    case TERRITORY_NOBODY:
        self->stuck->nobody++;
        return ROVE_OK;
    case TERRITORY_SEVERAL:
    default:
        self->stuck->several++;
        return ROVE_OK;
    }
}

typedef struct holders {
    survey *survey;
    const rove__row *row;
    int any;
} holders;

static rove_status each_holder(void *ctx, const rove__hq_grant *grant) {
    holders *self = ctx;

    if (grant->to != ROVE_SEQ_OPEN) {
        return ROVE_OK;
    }
    self->any = 1;
    return consider(self->survey, self->row, grant->user);
}

/* Who has it is its owner; of what nobody owns, whoever holds it. */
static rove_status each_placed(void *ctx, const rove__hq_row *found) {
    survey *self = ctx;
    const rove__row *row = &found->row;
    rove_id owner = number_of(row, "owner_id");
    holders held = {self, row, 0};

    if (number_of(row, "territory_id") == 0 || !handover_is_open(row)) {
        return ROVE_OK;
    }
    if (owner != 0) {
        return consider(self, row, owner);
    }
    rove_status status = self->store->grant_scan(self->tx, 0, row->id, each_holder, &held);
    return status == ROVE_OK && !held.any ? consider(self, row, 0) : status;
}

rove_status realign_add_territories(realign_list *list, hq *headquarters, rove__hq_tx *tx,
                                    int64_t day, const rove__entity *only, realign_stuck *stuck) {
    const rove__registry *registry = hq_registry(headquarters);
    const rove__hq_database *database = hq_database(headquarters);
    const rove_value any = rove__value_null();
    territory_history history;
    rove__arena arena;

    territory_history_init(&history, list->allocator);
    rove__arena_init(&arena, list->allocator, ARENA_MAX);
    rove_status status = territory_history_read(&history, headquarters, tx);
    survey self = {list, &database->store, tx, &history, day, stuck};
    for (size_t i = 0; i < rove__registry_count(registry) && status == ROVE_OK; i++) {
        const rove__entity *entity = rove__registry_at(registry, i);
        if (entity->scope == ROVE_SCOPE_SELF && (only == NULL || only == entity) &&
            rove__entity_field_named(entity, "territory_id") >= 0) {
            status = database->directory.row_find(tx, entity->number, -1, &any, &arena, each_placed,
                                                  &self);
        }
    }
    rove__arena_free(&arena);
    territory_history_free(&history);
    return status;
}

/* ---- handing over --------------------------------------------------------------------------------------- */

typedef struct piece {
    const realign_order *order;
    size_t first;
    size_t done; /* moves of this piece */
    handover_count count;
} piece;

static rove_status move_some(piece *self, rove__hq_tx *tx, rove__writer *writer,
                             rove_error *error) {
    const realign_order *order = self->order;
    hq *headquarters = order->headquarters;
    handover over = {.allocator = &hq_get_ports(headquarters)->allocator,
                     .registry = hq_registry(headquarters),
                     .store = &hq_database(headquarters)->store,
                     .tx = tx,
                     .writer = writer,
                     .now_ms = hq_now_ms(headquarters)};
    rove_status status = ROVE_OK;

    while (status == ROVE_OK && self->first + self->done < order->list->count &&
           (order->dry_run || over.rows < REALIGN_ROWS_MAX)) {
        const realign_move *move = &order->list->moves[self->first + self->done];
        /* Who was to get it may have left since. */
        if (over.to != move->to) {
            status = hq_check_user_receives(headquarters, tx, move->to, error);
        }
        over.from = move->from;
        over.to = move->to;
        if (status == ROVE_OK) {
            status = handover_root(&over, move->entity, move->root, error);
        }
        self->done += status == ROVE_OK;
    }
    self->count = over.count;
    return status;
}

static rove_status record(const piece *self, rove__hq_tx *tx, uint64_t seq) {
    const realign_order *order = self->order;
    char detail[DETAIL_MAX];
    int whole = self->done == order->list->count;

    if (whole) {
        rove__text_format(detail, sizeof detail, "%s", order->detail);
    } else {
        rove__text_format(detail, sizeof detail, "%s (%zu to %zu of %zu)", order->detail,
                          self->first + 1, self->first + self->done, order->list->count);
    }
    return hq_record(order->headquarters, tx, order->io, order->act, detail, seq);
}

static rove_status move_piece(void *ctx, rove__hq_tx *tx, rove_error *error) {
    piece *self = ctx;
    const realign_order *order = self->order;
    rove__writer *writer = NULL;
    uint64_t seq = 0;
    rove_status status =
        hq_writer(order->headquarters, tx, order->io->operator_name, order->act, &writer, error);

    self->done = 0;
    if (status != ROVE_OK) {
        return status;
    }
    status = move_some(self, tx, writer, error);
    if (status != ROVE_OK) {
        rove__writer_abandon(writer);
        return status;
    }
    status = rove__writer_finish(writer, &seq, error);
    if (status == ROVE_OK) {
        status = record(self, tx, seq);
    }
    return status == ROVE_OK && order->dry_run ? ROVE_CANCELLED : status;
}

static void sum(handover_count *total, const handover_count *part) {
    total->accounts += part->accounts;
    total->leads += part->leads;
    total->contacts += part->contacts;
    total->tasks += part->tasks;
    total->visits += part->visits;
}

rove_status realign_run(const realign_order *order, handover_count *count, rove_error *error) {
    piece self = {.order = order};
    rove_status status = ROVE_OK;

    memset(count, 0, sizeof *count);
    do {
        status = hq_commit(order->headquarters, move_piece, &self, error);
        if (status == ROVE_CANCELLED && order->dry_run) {
            status = ROVE_OK;
        }
        if (status == ROVE_OK) {
            sum(count, &self.count);
            self.first += self.done;
        }
    } while (status == ROVE_OK && self.first < order->list->count);
    return status;
}
