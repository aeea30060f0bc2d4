/*
 * store/evict.c - rows leave the replica: a scope that was left, what is not held, and what a whole transfer did
 * not name (Q4, Q5).
 *
 * Which rows are in a scope is decided by headquarters' version of them (D1). Rows without pending work are found in
 * their tables; rows with pending work are looked at one by one, because their tables show the overlay. Work that
 * is not frozen yet is frozen first, all of a scope at once (D5). A row whose insert was not judged yet leaves with
 * a scope that was left, but not because headquarters did not name it.
 */
#include <string.h>

#include "base/assert.h"
#include "base/planted.h"
#include "base/text.h"
#include "store/exchange.h"

typedef struct leaving {
    rove__apply *apply;
    rove__scope scope;
    const rove__transfer *sweep; /* NULL: everything leaves */
    int keep_inserts;            /* what was not judged yet stays (Q4, Q5) */
    rove__arena *arena;          /* of the lists */
} leaving;

typedef struct row_name {
    rove_id id;
    uint32_t entity;
} row_name;
typedef struct row_list {
    row_name *rows;
    size_t count, capacity;
} row_list;

static rove_status list_add(row_list *list, rove__arena *arena, uint32_t entity, rove_id id) {
    list->rows =
        rove__arena_grown(arena, list->rows, list->count, &list->capacity, sizeof *list->rows);
    if (list->rows == NULL) {
        return ROVE_NOMEM;
    }
    list->rows[list->count++] = (row_name){id, entity};
    return ROVE_OK;
}

/* Whether a row stays: the transfer named it, now or in an earlier transaction, or is not about its bucket. */
static rove_status stays(const leaving *l, uint32_t entity, rove_id id, int *kept) {
    sqlite3_stmt *statement = NULL;

    *kept = !rove__buckets_have(l->sweep->buckets, id) ||
            rove__named_find(l->apply, entity, id) != NULL;
    if (*kept || !l->sweep->stored) {
        return ROVE_OK;
    }
    rove_status status = rove__exchange_row(l->apply->store, ROVE_EXCHANGE_NAMED_GET, &statement,
                                            l->apply->error, "iiii", l->sweep->scope.root,
                                            (int64_t)l->sweep->scope.part, (int64_t)entity, id);
    *kept = statement != NULL;
    sqlite3_reset(statement);
    return status;
}

/* ---- rows without pending work ---- */

static int may_hold(const rove__entity *entity, rove__scope scope) {
    switch (entity->scope) {
    case ROVE_SCOPE_ORGANISATION:
        return scope.root == 0 && (entity->part_field >= 0 || scope.part <= 0);
    case ROVE_SCOPE_SELF:
        return scope.root != 0 && scope.part <= 0;
    case ROVE_SCOPE_FIELD:
        return entity->part_field >= 0 || scope.part <= 0;
    case ROVE_SCOPE_PARENT:
    default:
        return 0;
    }
}

static rove_status open_extent(const leaving *l, const rove__entity *entity,
                               sqlite3_stmt **statement) {
    int64_t from_ms = 0;
    int64_t to_ms = 0;
    int month = l->scope.part > 0;

    rove_status status = month ? rove__month_range(l->scope.part, &from_ms, &to_ms) : ROVE_OK;
    if (status == ROVE_OK) {
        status = rove__extent_statement(l->apply->store, entity,
                                        month ? ROVE_EXTENT_MONTH : ROVE_EXTENT_ROOT, statement,
                                        l->apply->error);
    }
    if (status != ROVE_OK) {
        return status;
    }
    if (l->scope.root != 0) {
        sqlite3_bind_int64(*statement, 1, l->scope.root);
    }
    if (month) {
        sqlite3_bind_int64(*statement, 2, from_ms);
        sqlite3_bind_int64(*statement, 3, to_ms);
    }
    return ROVE_OK;
}

/* Of an undated part: the date is NULL, or in no month. */
static int undated(sqlite3_stmt *statement) {
    return sqlite3_column_type(statement, 1) == SQLITE_NULL ||
           rove__month_of(sqlite3_column_int64(statement, 1)) == 0;
}

static rove_status list_plain(const leaving *l, const rove__entity *entity, row_list *list) {
    sqlite3_stmt *statement = NULL;
    int more = 0;

    rove_status status = open_extent(l, entity, &statement);
    if (status == ROVE_OK) {
        status = rove__exchange_step(l->apply->store, statement, &more, l->apply->error);
    }
    while (status == ROVE_OK && more) {
        if (l->scope.part != 0 || entity->part_field < 0 || undated(statement)) {
            status = list_add(list, l->arena, entity->number, sqlite3_column_int64(statement, 0));
        }
        if (status != ROVE_OK) {
            sqlite3_reset(statement);
            return status;
        }
        status = rove__exchange_step(l->apply->store, statement, &more, l->apply->error);
    }
    return status;
}

static rove_status drop_plain(const leaving *l, const rove__entity *entity, rove_id id) {
    rove__store *store = l->apply->store;
    rove__record record;
    int kept = 0;
    rove_status status = ROVE_OK;

    rove__arena_reset(&store->row_arena);
    if (l->sweep != NULL) {
        status = stays(l, entity->number, id, &kept);
        if (status == ROVE_OK && !kept) {
            rove__arena_reset(&l->apply->exchange->row);
            status = rove__record_load(store, entity, id, &l->apply->exchange->row, &record,
                                       l->apply->error);
        }
        if (status == ROVE_OK && !kept) {
            status = rove__record_sum(store, &record, -1, l->apply->error);
        }
    }
    if (status == ROVE_OK && !kept) {
        status = rove__table_drop(store, entity, id, l->apply->error);
        rove__store_note(store, entity->number, 0);
        l->apply->tally.removed++;
        l->apply->left = 1;
    }
    return status;
}

static rove_status leave_plain(const leaving *l) {
    rove__registry *registry = l->apply->store->registry;
    rove_status status = ROVE_OK;

    for (size_t i = 0; i < rove__registry_count(registry) && status == ROVE_OK; i++) {
        const rove__entity *entity = rove__registry_at(registry, i);
        row_list list = {NULL, 0, 0};
        if (!may_hold(entity, l->scope)) {
            continue;
        }
        status = list_plain(l, entity, &list);
        for (size_t r = 0; r < list.count && status == ROVE_OK; r++) {
            status = drop_plain(l, entity, list.rows[r].id);
        }
    }
    return status;
}

/* ---- rows with pending work ---- */

static rove_status list_outbox(rove__apply *apply, row_list *list) {
    sqlite3_stmt *statement = NULL;
    int more = 0;

    rove_status status =
        rove__exchange_row(apply->store, ROVE_EXCHANGE_OUTBOX_ROWS, &statement, apply->error, "");
    for (more = statement != NULL; status == ROVE_OK && more;) {
        status =
            list_add(list, &apply->exchange->arena, (uint32_t)sqlite3_column_int64(statement, 0),
                     sqlite3_column_int64(statement, 1));
        if (status != ROVE_OK) {
            sqlite3_reset(statement);
            return status;
        }
        status = rove__exchange_step(apply->store, statement, &more, apply->error);
    }
    return status;
}

static rove_status load(rove__apply *apply, uint32_t number, rove_id id, rove__record *record) {
    const rove__entity *entity = rove__registry_by_number(apply->store->registry, number);

    memset(record, 0, sizeof *record);
    if (entity == NULL) {
        return ROVE_OK;
    }
    rove__arena_reset(&apply->exchange->row);
    return rove__record_load(apply->store, entity, id, &apply->exchange->row, record, apply->error);
}

/* Loads each of them once and not once per scope. */
static rove_status list_pending(rove__apply *apply) {
    row_list rows = {NULL, 0, 0};
    rove__record record;

    if (apply->pending_listed) {
        return ROVE_OK;
    }
    rove_status status = list_outbox(apply, &rows);
    apply->pending_count = 0;
    apply->pending =
        rove__arena_take(&apply->exchange->arena, (rows.count + 1) * sizeof *apply->pending);
    if (apply->pending == NULL) {
        return ROVE_NOMEM;
    }
    for (size_t i = 0; i < rows.count && status == ROVE_OK; i++) {
        status = load(apply, rows.rows[i].entity, rows.rows[i].id, &record);
        if (status == ROVE_OK && record.count > 0 && record.known) {
            apply->pending[apply->pending_count++] =
                (rove__pending_row){record.id, record.entity->number, rove__record_inserts(&record),
                                    rove__row_scope(&record.under.row, NULL)};
        }
    }
    apply->pending_listed = status == ROVE_OK;
    return status;
}

/* Loads the next one that leaves; *at is behind it. *found 0: there is none. */
static rove_status next_leaving(const leaving *l, size_t *at, rove__record *record, int *found) {
    rove__apply *apply = l->apply;
    rove_status status = ROVE_OK;

    *found = 0;
    while (*at < apply->pending_count && status == ROVE_OK && !*found) {
        const rove__pending_row *row = &apply->pending[(*at)++];
        int kept = 0;
        if (!rove__scope_covers(l->scope, row->scope) || (row->inserts && l->keep_inserts)) {
            continue;
        }
        if (l->sweep != NULL) {
            status = stays(l, row->entity, row->id, &kept);
        }
        if (status == ROVE_OK && !kept) {
            status = load(apply, row->entity, row->id, record);
            *found = record->count > 0 && record->known;
        }
    }
    return status;
}

static rove_status leave_pending(const leaving *l) {
    rove__apply *apply = l->apply;
    rove__record record;
    int found = 0;
    size_t count = 0;

    rove_status status = list_pending(apply);
    if (status != ROVE_OK || apply->pending_count == 0) {
        return status;
    }
    int64_t *unfrozen = rove__arena_take(l->arena, apply->pending_count * sizeof *unfrozen);
    if (unfrozen == NULL) {
        return ROVE_NOMEM;
    }
    size_t at = 0;
    do {
        status = next_leaving(l, &at, &record, &found);
        if (status == ROVE_OK && found && rove__record_newest(&record)->batch == 0) {
            unfrozen[count++] = rove__record_newest(&record)->seq;
        }
    } while (status == ROVE_OK && found);
    if (status == ROVE_OK && count > 0 && !ROVE_PLANTED(D05_DROPPED)) {
        status = rove__freeze_rows(apply->store, unfrozen, count, apply->error);
    }
    at = 0;
    found = status == ROVE_OK;
    while (status == ROVE_OK && found) {
        status = next_leaving(l, &at, &record, &found);
        if (status == ROVE_OK && found) {
            status = rove__record_leave(apply->store, &record, &apply->exchange->row, apply->error);
            apply->any_aside |= record.aside;
            apply->tally.removed++;
            apply->left = 1;
        }
    }
    return status;
}

/* ---- raw rows ---- */

static rove_status list_raw(const leaving *l, rove__exchange_sql which, row_list *list) {
    sqlite3_stmt *statement = NULL;
    int more = 0;

    rove_status status =
        rove__exchange_row(l->apply->store, which, &statement, l->apply->error, "i", l->scope.root);
    for (more = statement != NULL; status == ROVE_OK && more;) {
        rove__scope scope = {l->scope.root, (int32_t)sqlite3_column_int64(statement, 2)};
        if (rove__scope_covers(l->scope, scope)) {
            status = list_add(list, l->arena, (uint32_t)sqlite3_column_int64(statement, 0),
                              sqlite3_column_int64(statement, 1));
        }
        if (status != ROVE_OK) {
            sqlite3_reset(statement);
            return status;
        }
        status = rove__exchange_step(l->apply->store, statement, &more, l->apply->error);
    }
    return status;
}

static rove_status drop_raw(const leaving *l, int quarantined, const row_name *name) {
    rove__apply *apply = l->apply;
    rove__raw raw;
    int found = 0;
    int kept = 0;
    rove_status status = ROVE_OK;

    if (l->sweep != NULL) {
        status = stays(l, name->entity, name->id, &kept);
    }
    if (status != ROVE_OK || kept) {
        return status;
    }
    apply->left = 1;
    if (!quarantined) {
        return rove__unknown_drop(apply, name->entity, name->id);
    }
    rove__arena_reset(&apply->exchange->row);
    status =
        rove__quarantine_find(apply, name->entity, name->id, &apply->exchange->row, &raw, &found);
    ROVE_ASSERT(status != ROVE_OK || found); /* it was listed */
    return status == ROVE_OK ? rove__quarantine_drop(apply, &raw) : status;
}

static rove_status leave_raw(const leaving *l) {
    row_list quarantined = {NULL, 0, 0};
    row_list unknown = {NULL, 0, 0};
    rove_status status = ROVE_OK;

    if (l->apply->any_quarantined && !ROVE_PLANTED(D07_STAYS)) {
        status = list_raw(l, ROVE_EXCHANGE_QUARANTINE_ROOT, &quarantined);
    }
    if (status == ROVE_OK && l->apply->any_unknown) {
        status = list_raw(l, ROVE_EXCHANGE_UNKNOWN_ROOT, &unknown);
    }
    for (size_t i = 0; i < quarantined.count && status == ROVE_OK; i++) {
        status = drop_raw(l, 1, &quarantined.rows[i]);
    }
    for (size_t i = 0; i < unknown.count && status == ROVE_OK; i++) {
        status = drop_raw(l, 0, &unknown.rows[i]);
    }
    return status;
}

/* ---- scopes ---- */

/* Nothing of the scope is left, so its digest is nothing too: cheaper than taking away row by row. */
static rove_status clear_sums(const leaving *l) {
    sqlite3_stmt *statement = NULL;
    rove__store *store = l->apply->store;
    int32_t *parts = NULL;
    size_t count = 0;
    size_t capacity = 0;
    int more = 0;

    rove_status status = rove__sum_flush(store, l->apply->error);
    if (status == ROVE_OK) {
        status = rove__exchange_row(store, ROVE_EXCHANGE_SCOPE_PARTS, &statement, l->apply->error,
                                    "i", l->scope.root);
    }
    for (more = statement != NULL; status == ROVE_OK && more;) {
        parts = rove__arena_grown(l->arena, parts, count, &capacity, sizeof *parts);
        if (parts == NULL) {
            sqlite3_reset(statement);
            return ROVE_NOMEM;
        }
        parts[count++] = (int32_t)sqlite3_column_int64(statement, 0);
        status = rove__exchange_step(store, statement, &more, l->apply->error);
    }
    for (size_t i = 0; i < count && status == ROVE_OK; i++) {
        rove__scope scope = {l->scope.root, parts[i]};
        if (rove__scope_covers(l->scope, scope)) {
            status = rove__sum_clear(store, scope, l->apply->error);
        }
    }
    return status;
}

/* A transfer of what has left is over. */
static rove_status drop_transfers(const leaving *l) {
    rove_status status = ROVE_OK;

    for (size_t i = 0; i < l->apply->transfer_count && status == ROVE_OK; i++) {
        rove__transfer *transfer = &l->apply->transfers[i];
        if (!transfer->done && transfer->scope.root == l->scope.root &&
            (l->scope.part < 0 || rove__scope_equal(l->scope, transfer->scope))) {
            transfer->done = 1;
            status = rove__transfer_forget(l->apply, transfer);
        }
    }
    return status;
}

static rove_status evict(rove__apply *apply, rove__scope scope, const rove__transfer *sweep,
                         int keep_inserts) {
    leaving l = {apply, scope, sweep, keep_inserts, &apply->exchange->arena};

    rove_status status = leave_pending(&l);
    if (status == ROVE_OK) {
        status = leave_raw(&l);
    }
    if (status == ROVE_OK) {
        status = leave_plain(&l);
    }
    if (status == ROVE_OK && sweep == NULL) {
        status = clear_sums(&l);
    }
    if (status == ROVE_OK && sweep == NULL) {
        status = drop_transfers(&l);
    }
    /* What the scope had of unknown entities stays until a digest differs: this time not because sending does not mend it. */
    if (status == ROVE_OK && sweep == NULL && apply->any_unknown) {
        status = rove__repair_anew(apply->store, apply->error);
    }
    return status;
}

rove_status rove__evict(rove__apply *apply, rove__scope scope, const rove__transfer *sweep) {
    return evict(apply, scope, sweep, sweep != NULL);
}

static int is_held(const rove__store *store, const rove_id *held, size_t count, rove_id root) {
    size_t low = 0;
    size_t high = count;

    if (root == 0 || root == store->owner.user) {
        return 1;
    }
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (held[middle] < root) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < count && held[low] == root;
}

/* Ascending, by heap sort: it may be long, and a peer chose its order. */
static void sift(rove_id *ids, size_t root, size_t count) {
    for (size_t child = 2 * root + 1; child < count; child = 2 * root + 1) {
        if (child + 1 < count && ids[child] < ids[child + 1]) {
            child++;
        }
        if (ids[root] >= ids[child]) {
            return;
        }
        rove_id swap = ids[root];
        ids[root] = ids[child];
        ids[child] = swap;
        root = child;
    }
}

static void sort(rove_id *ids, size_t count) {
    for (size_t i = count / 2; i-- > 0;) {
        sift(ids, i, count);
    }
    for (size_t end = count; end-- > 1;) {
        rove_id swap = ids[0];
        ids[0] = ids[end];
        ids[end] = swap;
        sift(ids, 0, end);
    }
}

rove_status rove__evict_others(rove__apply *apply, const rove_id *held, size_t count) {
    rove__store *store = apply->store;
    rove__arena *arena = &apply->exchange->arena;
    sqlite3_stmt *statement = NULL;
    row_list roots = {NULL, 0, 0};
    int more = 0;

    rove_id *sorted = rove__arena_copy(arena, held, count * sizeof *held);
    if (sorted == NULL) {
        return ROVE_NOMEM;
    }
    sort(sorted, count);
    rove_status status = rove__sum_flush(store, apply->error);
    if (status == ROVE_OK) {
        status = rove__exchange_row(store, ROVE_EXCHANGE_SCOPE_ROOTS, &statement, apply->error, "");
    }
    for (more = statement != NULL; status == ROVE_OK && more;) {
        rove_id root = sqlite3_column_int64(statement, 0);
        if (!is_held(store, sorted, count, root)) {
            status = list_add(&roots, arena, 0, root);
        }
        if (status != ROVE_OK) {
            sqlite3_reset(statement);
            return status;
        }
        status = rove__exchange_step(store, statement, &more, apply->error);
    }
    for (size_t i = 0; i < roots.count && status == ROVE_OK; i++) {
        status = evict(apply, (rove__scope){roots.rows[i].id, -1}, NULL, 1);
    }
    return status;
}
