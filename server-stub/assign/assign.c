/*
 * assign/assign.c - see assign.h.
 */
#include "assign/assign.h"

#include <stdlib.h>
#include <string.h>

#include "admin/find.h"
#include "admin/people.h"
#include "base/text.h"

#define ARENA_MAX   ((size_t)4 * 1024 * 1024)
#define DETAIL_MAX  500
#define HOLDERS_MAX 256 /* grants of one root that are ended in one go */

/* ---- lists ---------------------------------------------------------------------------------------------- */

void assign_list_init(assign_list *list, const rove_allocator *allocator) {
    *list = (assign_list){.allocator = allocator};
}

void assign_list_free(assign_list *list) {
    rove__free(list->allocator, list->pairs);
    list->pairs = NULL;
    list->count = 0;
    list->capacity = 0;
}

rove_status assign_add(assign_list *list, rove_id user, rove_id root) {
    if (list->count == list->capacity) {
        size_t capacity = list->capacity == 0 ? 256 : list->capacity * 2;
        assign_pair *pairs =
            rove__alloc_resize(list->allocator, list->pairs, capacity, sizeof *pairs);
        if (pairs == NULL) {
            return ROVE_NOMEM;
        }
        list->pairs = pairs;
        list->capacity = capacity;
    }
    list->pairs[list->count++] = (assign_pair){user, root};
    return ROVE_OK;
}

static int compare(const void *a, const void *b) {
    const assign_pair *left = a;
    const assign_pair *right = b;

    if (left->user != right->user) {
        return left->user < right->user ? -1 : 1;
    }
    return (left->root > right->root) - (left->root < right->root);
}

void assign_list_sort(assign_list *list) {
    size_t kept = 0;

    if (list->count == 0) {
        return;
    }
    qsort(list->pairs, list->count, sizeof *list->pairs, compare);
    for (size_t i = 1; i < list->count; i++) {
        if (compare(&list->pairs[kept], &list->pairs[i]) != 0) {
            list->pairs[++kept] = list->pairs[i];
        }
    }
    list->count = kept + 1;
}

/* ---- as operators name them ------------------------------------------------------------------------------ */

rove_status assign_find_entity(hq *headquarters, const char *text, const rove__entity **entity,
                               rove_error *error) {
    *entity = NULL;
    rove_status status = text == NULL ? ROVE_OK : hq_find_entity(headquarters, text, entity, error);
    if (*entity != NULL && (*entity)->scope != ROVE_SCOPE_SELF) {
        return rove__error_set(
            error, ROVE_INVALID,
            "%s cannot be assigned by itself: it comes with its account, contact "
            "or lead.",
            (*entity)->name);
    }
    return status;
}

rove_status assign_find_territory(hq *headquarters, rove__hq_tx *tx, const char *text,
                                  rove_id *territory, rove_error *error) {
    const rove__entity *territories =
        rove__registry_by_name(hq_registry(headquarters), "Territory");

    *territory = 0;
    return text == NULL ? ROVE_OK
                        : hq_find_record(headquarters, tx, territories, text, territory, error);
}

/* ---- where they come from ------------------------------------------------------------------------------- */

typedef struct search {
    assign_list *list;
    rove_id user; /* 0: the record's owner */
    int owner;    /* ordinal */
} search;

static rove_status each_row(void *ctx, const rove__hq_row *row) {
    search *self = ctx;
    rove_id user = self->user;

    if (user == 0) {
        const rove_value *owner = &row->row.cells[self->owner];
        user = owner->type == ROVE_INT ? owner->as.integer : 0;
    }
    return user == 0 ? ROVE_OK : assign_add(self->list, user, row->row.id);
}

static rove_status find(hq *headquarters, rove__hq_tx *tx, const rove__entity *entity, int ordinal,
                        rove_id value, search *self) {
    rove_value wanted = rove__value_int(value);
    rove__arena arena;

    if (self->owner < 0 && ordinal < 0) {
        return ROVE_OK; /* the entity has no such field */
    }
    rove__arena_init(&arena, &hq_get_ports(headquarters)->allocator, ARENA_MAX);
    rove_status status =
        hq_database(headquarters)
            ->directory.row_find(tx, entity->number, ordinal, &wanted, &arena, each_row, self);
    rove__arena_free(&arena);
    return status;
}

rove_status assign_add_owned(hq *headquarters, rove__hq_tx *tx, const rove__entity *entity,
                             rove_id owner, assign_list *list) {
    search self = {list, owner, rove__entity_field_named(entity, "owner_id")};

    return self.owner < 0
               ? ROVE_OK
               : find(headquarters, tx, entity, owner == 0 ? -1 : self.owner, owner, &self);
}

rove_status assign_add_territory(hq *headquarters, rove__hq_tx *tx, const rove__entity *entity,
                                 rove_id territory, rove_id user, assign_list *list) {
    search self = {list, user, -1};

    return find(headquarters, tx, entity, rove__entity_field_named(entity, "territory_id"),
                territory, &self);
}

static rove_status each_grant(void *ctx, const rove__hq_grant *grant) {
    assign_list *list = ctx;

    return grant->to == ROVE_SEQ_OPEN ? assign_add(list, grant->user, grant->root) : ROVE_OK;
}

rove_status assign_add_held(hq *headquarters, rove__hq_tx *tx, rove_id user, assign_list *list) {
    return hq_database(headquarters)->store.grant_scan(tx, user, 0, each_grant, list);
}

/* ---- grants --------------------------------------------------------------------------------------------- */

typedef struct holders {
    rove_id except;
    rove_id users[HOLDERS_MAX];
    size_t count;
    int held; /* `except` has it, whole and lasting */
    int any;  /* or in part, or as its author */
} holders;

static rove_status each_holder(void *ctx, const rove__hq_grant *grant) {
    holders *self = ctx;

    if (grant->to != ROVE_SEQ_OPEN) {
        return ROVE_OK;
    }
    if (grant->user == self->except) {
        self->any = 1;
        self->held |= grant->part_from == ROVE_PART_FIRST && grant->part_to == ROVE_PART_LAST &&
                      !grant->author;
    } else if (self->count < HOLDERS_MAX) {
        self->users[self->count++] = grant->user;
    }
    return ROVE_OK;
}

typedef struct slice {
    const assign_order *order;
    size_t first;
    size_t count;
    assign_count counted;
} slice;

static rove_status apply_pair(slice *self, rove__hq_tx *tx, rove__writer *writer,
                              const assign_pair *pair, rove_error *error) {
    const assign_order *order = self->order;
    const rove__hq_store *store = &hq_database(order->headquarters)->store;
    holders found = {.count = HOLDERS_MAX};
    rove_status status = ROVE_OK;

    while (status == ROVE_OK && found.count == HOLDERS_MAX) {
        found = (holders){.except = pair->user};
        status =
            store->grant_scan(tx, order->alone ? 0 : pair->user, pair->root, each_holder, &found);
        for (size_t i = 0; i < found.count && status == ROVE_OK; i++) {
            status = rove__writer_revoke_grant(writer, found.users[i], pair->root, error);
            self->counted.taken += status == ROVE_OK;
        }
    }
    if (status != ROVE_OK) {
        return status;
    }
    if (order->end ? !found.any : found.held) {
        self->counted.stood++;
        return ROVE_OK;
    }
    status = order->end ? rove__writer_revoke_grant(writer, pair->user, pair->root, error)
                        : rove__writer_grant(writer, pair->user, pair->root, 0, error);
    self->counted.changed += status == ROVE_OK;
    return status;
}

/* Each transaction: what a kill cut short was done by somebody, too. */
static rove_status record(const slice *self, rove__hq_tx *tx, const char *act, uint64_t seq) {
    const assign_order *order = self->order;
    char detail[DETAIL_MAX];
    if (self->count == order->list->count) {
        rove__text_format(detail, sizeof detail, "%s", order->detail);
    } else {
        rove__text_format(detail, sizeof detail, "%s (%zu to %zu of %zu)", order->detail,
                          self->first + 1, self->first + self->count, order->list->count);
    }
    return hq_record(order->headquarters, tx, order->io, act, detail, seq);
}

static rove_status apply_slice(void *ctx, rove__hq_tx *tx, rove_error *error) {
    slice *self = ctx;
    const assign_order *order = self->order;
    const char *act = order->end ? "unassign" : "assign";
    rove__writer *writer = NULL;
    uint64_t seq = 0;

    memset(&self->counted, 0, sizeof self->counted);
    rove_status status =
        hq_writer(order->headquarters, tx, order->io->operator_name, act, &writer, error);
    for (size_t i = 0; i < self->count && status == ROVE_OK; i++) {
        const assign_pair *pair = &order->list->pairs[self->first + i];
        /* Who was to get it may have left since. */
        if (!order->end && (i == 0 || pair->user != pair[-1].user)) {
            status = hq_check_user_receives(order->headquarters, tx, pair->user, error);
        }
        if (status == ROVE_OK) {
            status = apply_pair(self, tx, writer, pair, error);
        }
    }
    if (status != ROVE_OK) {
        rove__writer_abandon(writer);
        return status;
    }
    status = rove__writer_finish(writer, &seq, error);
    if (status == ROVE_OK) {
        status = record(self, tx, act, seq);
    }
    return status == ROVE_OK && order->dry_run ? ROVE_CANCELLED : status;
}

rove_status assign_run(const assign_order *order, assign_count *count, rove_error *error) {
    rove_status status = ROVE_OK;
    size_t done = 0;

    memset(count, 0, sizeof *count);
    do {
        size_t left = order->list->count - done;
        int last = order->dry_run || left <= ASSIGN_PAIRS_MAX;
        slice part = {.order = order, .first = done, .count = last ? left : ASSIGN_PAIRS_MAX};
        status = hq_commit(order->headquarters, apply_slice, &part, error);
        status = status == ROVE_CANCELLED && order->dry_run ? ROVE_OK : status;
        if (status == ROVE_OK) {
            count->changed += part.counted.changed;
            count->stood += part.counted.stood;
            count->taken += part.counted.taken;
            done += part.count;
        }
    } while (status == ROVE_OK && done < order->list->count);
    return status;
}
