/*
 * assign/handover.c - see handover.h.
 */
#include "assign/handover.h"

#include "base/assert.h"

#include "rove/entities.pb-c.h"

#define ARENA_MAX ((size_t)4 * 1024 * 1024)

/* ---- lists of ids --------------------------------------------------------------------------------------- */

/* Scans do not write, so what they find is gathered first. */
typedef struct ids {
    const rove_allocator *allocator;
    rove_id *items; /* owned */
    size_t count, capacity;
} ids;

static rove_status ids_add(void *ctx, rove_id id) {
    ids *list = ctx;

    if (list->count == list->capacity) {
        size_t capacity = list->capacity == 0 ? 32 : list->capacity * 2;
        rove_id *items = rove__alloc_resize(list->allocator, list->items, capacity, sizeof *items);
        if (items == NULL) {
            return ROVE_NOMEM;
        }
        list->items = items;
        list->capacity = capacity;
    }
    list->items[list->count++] = id;
    return ROVE_OK;
}

static void ids_free(ids *list) {
    rove__free(list->allocator, list->items);
}

/* ---- what a record says --------------------------------------------------------------------------------- */

static int64_t number_of(const rove__row *row, const char *field) {
    int ordinal = rove__entity_field_named(row->entity, field);

    return ordinal >= 0 && row->cells[ordinal].type == ROVE_INT ? row->cells[ordinal].as.integer
                                                                : 0;
}

int handover_is_open(const rove__row *row) {
    int64_t status = number_of(row, "status");

    return row->entity->message != &rove__lead__descriptor ||
           (status != ROVE__LEAD__STATUS__CONVERTED && status != ROVE__LEAD__STATUS__DEAD);
}

static int is_of_former(const handover *self, const rove__row *row, const char *field) {
    return number_of(row, field) == self->from;
}

uint64_t handover_total(const handover_count *count) {
    return count->accounts + count->leads + count->contacts + count->tasks + count->visits;
}

/* A live row, to be changed; NOT_FOUND. The caller frees the arena in any case. */
static rove_status get(const handover *self, uint32_t entity, rove_id id, rove__arena *arena,
                       rove__hq_row *row) {
    rove__arena_init(arena, self->allocator, ARENA_MAX);
    rove_status status = self->store->row_get(self->tx, entity, id, 1, arena, row);
    return status == ROVE_OK && row->dead != 0 ? ROVE_NOT_FOUND : status;
}

/* Gives one reference of a record that was read to the new user. */
static rove_status give(handover *self, const rove__hq_row *before, const char *field,
                        rove_error *error) {
    const rove__entity *entity = before->row.entity;
    size_t changed = 0;
    rove__arena arena;
    rove__row row;

    rove__arena_init(&arena, self->allocator, ARENA_MAX);
    rove_status status = rove__row_init(&row, entity, before->row.id, &arena);
    if (status == ROVE_OK) {
        rove__row_set(&row, (size_t)rove__entity_field_named(entity, field),
                      rove__value_int(self->to));
        status = rove__writer_change(self->writer, before, &row, &changed, error);
        self->rows += changed > 0;
    }
    rove__arena_free(&arena);
    return status;
}

/* ---- grants and entailments ----------------------------------------------------------------------------- */

static rove_status each_grant(void *ctx, const rove__hq_grant *grant) {
    int *held = ctx;

    *held |= grant->to == ROVE_SEQ_OPEN;
    return *held ? ROVE_DONE : ROVE_OK;
}

/* Whether the former user has a grant of a root. */
static rove_status is_granted(const handover *self, rove_id root, int *granted) {
    *granted = 0;
    return self->from == 0
               ? ROVE_OK
               : self->store->grant_scan(self->tx, self->from, root, each_grant, granted);
}

typedef struct edges {
    ids list;
    int holders; /* gather the holders, not what is entailed */
} edges;

static rove_status each_edge(void *ctx, const rove__hq_entailment *e) {
    edges *self = ctx;

    return e->to == ROVE_SEQ_OPEN ? ids_add(&self->list, self->holders ? e->holder : e->entailed)
                                  : ROVE_OK;
}

/* Whether a root that the former user has entails the contact, now that `passed` and others have passed. */
static rove_status is_kept(const handover *self, rove_id contact, rove_id passed, int *kept) {
    edges found = {.list = {.allocator = self->allocator}, .holders = 1};
    rove_status status = self->store->entailment_scan(self->tx, 0, contact, each_edge, &found);

    *kept = 0;
    for (size_t i = 0; i < found.list.count && status == ROVE_OK && !*kept; i++) {
        if (found.list.items[i] != passed) {
            status = is_granted(self, found.list.items[i], kept);
        }
    }
    ids_free(&found.list);
    return status;
}

/* ---- work that is still to be done ---------------------------------------------------------------------- */

static int is_open_task(const rove__row *row) {
    return number_of(row, "status") != ROVE__TASK__STATUS__COMPLETED;
}

static rove_status pass_tasks(handover *self, rove_id about, rove_error *error) {
    const rove__entity *task = rove__registry_by_message(self->registry, &rove__task__descriptor);
    ids list = {.allocator = self->allocator};
    rove_status status = self->store->row_referring(
        self->tx, task->number, (size_t)rove__entity_field_named(task, "about_id"), about, ids_add,
        &list);

    for (size_t i = 0; i < list.count && status == ROVE_OK; i++) {
        rove__arena arena;
        rove__hq_row row;
        status = get(self, task->number, list.items[i], &arena, &row);
        if (status == ROVE_OK && is_open_task(&row.row) &&
            is_of_former(self, &row.row, "assigned_to_id")) {
            status = give(self, &row, "assigned_to_id", error);
            self->count.tasks += status == ROVE_OK;
        }
        rove__arena_free(&arena);
    }
    ids_free(&list);
    return status;
}

typedef struct month_search {
    const handover *self;
    const rove__entity *visit;
    ids list;
} month_search;

int handover_is_planned(const rove__row *visit) {
    return number_of(visit, "status") == ROVE__VISIT__STATUS__PLANNED &&
           visit->cells[visit->entity->seal_field].type == ROVE_NULL;
}

static rove_status each_visit(void *ctx, const rove__hq_row *row) {
    month_search *search = ctx;

    if (row->row.entity != search->visit) {
        return ROVE_DONE;
    }
    return handover_is_planned(&row->row) && is_of_former(search->self, &row->row, "visitor_id")
               ? ids_add(&search->list, row->row.id)
               : ROVE_OK;
}

static rove_status each_month(void *ctx, rove__scope scope, rove__hash128 sum, int64_t rows) {
    ids *months = ctx;

    (void)sum;
    return rows > 0 && scope.part > 0 ? ids_add(months, scope.part) : ROVE_OK;
}

/* The planned visits of an account lie in the parts from this month on, which are few; its history is not read. */
static rove_status pass_visits(handover *self, rove_id account, rove_error *error) {
    const rove__entity *visit = rove__registry_by_message(self->registry, &rove__visit__descriptor);
    month_search search = {self, visit, {.allocator = self->allocator}};
    ids months = {.allocator = self->allocator};
    rove__arena arena;
    rove_status status = self->store->sum_scan(self->tx, account, each_month, &months);

    rove__arena_init(&arena, self->allocator, ARENA_MAX);
    for (size_t i = 0; i < months.count && status == ROVE_OK; i++) {
        rove__scope month = {account, (int32_t)months.items[i]};
        if (month.part >= rove__month_of(self->now_ms)) {
            status = self->store->row_scan(self->tx, month, visit->number - 1, INT64_MAX, &arena,
                                           each_visit, &search);
        }
    }
    rove__arena_free(&arena);
    for (size_t i = 0; i < search.list.count && status == ROVE_OK; i++) {
        rove__hq_row row;
        status = get(self, visit->number, search.list.items[i], &arena, &row);
        if (status == ROVE_OK) {
            status = give(self, &row, "visitor_id", error);
        }
        rove__arena_free(&arena);
        self->count.visits += status == ROVE_OK;
    }
    ids_free(&search.list);
    ids_free(&months);
    return status;
}

/* ---- roots ---------------------------------------------------------------------------------------------- */

static void count_root(handover *self, const rove__entity *entity) {
    if (entity->message == &rove__account__descriptor) {
        self->count.accounts++;
    } else if (entity->message == &rove__contact__descriptor) {
        self->count.contacts++;
    } else {
        self->count.leads++;
    }
}

/*
 * Ownership and grant of one root. `entailed`: it comes to the new user with another root, so that he needs a grant of
 * his own only where the former one had it. *passed 0: the former user has nothing of it.
 */
static rove_status pass_root(handover *self, const rove__hq_row *root, int entailed, int *passed,
                             rove_error *error) {
    const rove__row *row = &root->row;
    int owner = rove__entity_field_named(row->entity, "owner_id");
    int owned = owner >= 0 && is_of_former(self, row, "owner_id");
    int ownerless = owner >= 0 && row->cells[owner].type == ROVE_NULL;
    int granted = owned && !entailed; /* or not: it does not matter then */
    rove_status status = granted ? ROVE_OK : is_granted(self, row->id, &granted);

    *passed = status == ROVE_OK && (owned || granted);
    if (!*passed) {
        return status;
    }
    if (granted && self->from != 0) {
        status = rove__writer_revoke_grant(self->writer, self->from, row->id, error);
    }
    if (status == ROVE_OK && (granted || !entailed)) {
        status = rove__writer_grant(self->writer, self->to, row->id, 0, error);
    }
    if (status == ROVE_OK && (owned || ownerless)) {
        status = give(self, root, "owner_id", error);
    }
    return status;
}

/* A root that comes along with another one. A contact does by his role, whoever owns him. */
static rove_status pass_along(handover *self, const rove__entity *entity, rove_id id,
                              rove_error *error) {
    rove__arena arena;
    rove__hq_row row;
    int passed = 0;
    rove_status status = get(self, entity->number, id, &arena, &row);

    if (status == ROVE_OK) {
        status = pass_root(self, &row, 1, &passed, error);
    }
    rove__arena_free(&arena);
    if (status == ROVE_NOT_FOUND) {
        return ROVE_OK;
    }
    if (passed || entity->message == &rove__contact__descriptor) {
        count_root(self, entity);
    }
    return status == ROVE_OK ? pass_tasks(self, id, error) : status;
}

static rove_status pass_contacts(handover *self, rove_id account, rove_error *error) {
    const rove__entity *contact =
        rove__registry_by_message(self->registry, &rove__contact__descriptor);
    edges found = {.list = {.allocator = self->allocator}};
    rove_status status = self->store->entailment_scan(self->tx, account, 0, each_edge, &found);

    for (size_t i = 0; i < found.list.count && status == ROVE_OK; i++) {
        int kept = i > 0 && found.list.items[i] == found.list.items[i - 1]; /* in two roles */
        if (!kept) {
            status = is_kept(self, found.list.items[i], account, &kept);
        }
        if (status == ROVE_OK && !kept) {
            status = pass_along(self, contact, found.list.items[i], error);
        }
    }
    ids_free(&found.list);
    return status;
}

static rove_status pass_converted(handover *self, rove_id account, rove_error *error) {
    const rove__entity *lead = rove__registry_by_message(self->registry, &rove__lead__descriptor);
    ids list = {.allocator = self->allocator};
    rove_status status = self->store->row_referring(
        self->tx, lead->number, (size_t)rove__entity_field_named(lead, "converted_account_id"),
        account, ids_add, &list);

    for (size_t i = 0; i < list.count && status == ROVE_OK; i++) {
        status = pass_along(self, lead, list.items[i], error);
    }
    ids_free(&list);
    return status;
}

rove_status handover_root(handover *self, uint32_t entity, rove_id root, rove_error *error) {
    rove__arena arena;
    rove__hq_row row;
    int passed = 0;
    rove_status status = get(self, entity, root, &arena, &row);

    ROVE_ASSERT(self->to != 0 && self->to != self->from);
    if (status == ROVE_OK && handover_is_open(&row.row)) {
        status = pass_root(self, &row, 0, &passed, error);
    }
    if (passed) {
        count_root(self, row.row.entity);
    }
    /* What nobody had has nothing that was somebody's. */
    passed = passed && self->from != 0;
    int account = passed && row.row.entity->message == &rove__account__descriptor;
    rove__arena_free(&arena);
    if (status == ROVE_NOT_FOUND) {
        return ROVE_OK;
    }
    if (status == ROVE_OK && passed) {
        status = pass_tasks(self, root, error);
    }
    if (status == ROVE_OK && account) {
        status = pass_visits(self, root, error);
    }
    if (status == ROVE_OK && account) {
        status = pass_contacts(self, root, error);
    }
    return status == ROVE_OK && account ? pass_converted(self, root, error) : status;
}
