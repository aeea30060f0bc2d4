/*
 * store/sqlite/scan.c - rows by their scope and by what they refer to.
 */
#include "base/assert.h"
#include "store/sqlite/lite.h"

rove_status rove__lite_each_row(rove__lite_statement *statement, const rove__entity *entity,
                                rove__arena *arena,
                                rove_status (*each)(void *, const rove__hq_row *), void *each_ctx) {
    rove__hq_row row;

    while (rove__lite_next(statement)) {
        rove__arena_reset(arena);
        statement->status = rove__lite_row_read(statement, entity, arena, &row);
        if (statement->status == ROVE_OK) {
            statement->status = each(each_ctx, &row);
        }
    }
    return rove__lite_end(statement);
}

/* An entity without dated or inherited parts has no row outside of part 0. */
static int has_parts(const rove__entity *entity) {
    return entity->part_field >= 0 || entity->scope == ROVE_SCOPE_PARENT;
}

/* What cannot be in the scope is not looked for: most tables, of most scopes. */
static int may_hold(const rove__entity *entity, rove__scope scope) {
    if (scope.part > 0 && !has_parts(entity)) {
        return 0;
    }
    return entity->scope != (scope.root == 0 ? ROVE_SCOPE_SELF : ROVE_SCOPE_ORGANISATION);
}

static rove__lite_statement open_scan(rove__hq_tx *tx, const rove__entity *entity,
                                      rove__scope scope, rove_id after) {
    int whole = scope.part < 0 && has_parts(entity);
    rove__lite_statement s =
        rove__lite_open_kind(tx, entity, whole ? ROVE_LITE_SCAN_ROOT : ROVE_LITE_SCAN_PART, 0);

    rove__lite_bind_int(&s, scope.root);
    if (!whole) {
        rove__lite_bind_int(&s, scope.part < 0 ? 0 : scope.part);
    }
    rove__lite_bind_int(&s, after);
    return s;
}

typedef struct scan {
    rove_status (*each)(void *, const rove__hq_row *);
    void *each_ctx;
    int done; /* the callback has had enough: no further entity either */
} scan;

static rove_status scan_each(void *ctx, const rove__hq_row *row) {
    scan *self = ctx;
    rove_status status = self->each(self->each_ctx, row);

    self->done = status == ROVE_DONE;
    return status;
}

static rove_status row_scan(rove__hq_tx *tx, rove__scope scope, uint32_t after_entity,
                            rove_id after_id, rove__arena *arena,
                            rove_status (*each)(void *, const rove__hq_row *), void *each_ctx) {
    const rove__registry *registry = tx->lite->registry;
    scan self = {each, each_ctx, 0};
    rove_status status = ROVE_OK;

    for (size_t i = 0; i < rove__registry_count(registry) && status == ROVE_OK && !self.done; i++) {
        const rove__entity *entity = rove__registry_at(registry, i);
        if (entity->number < after_entity || !may_hold(entity, scope)) {
            continue;
        }
        rove__lite_statement s =
            open_scan(tx, entity, scope, entity->number == after_entity ? after_id : 0);
        status = rove__lite_each_row(&s, entity, arena, scan_each, &self);
    }
    return status;
}

static rove_status ids_of(rove__hq_tx *tx, const rove__entity *entity, rove__scope scope,
                          rove_status (*each)(void *, uint32_t entity, rove_id id), void *each_ctx,
                          int *done) {
    int whole = scope.part < 0 && has_parts(entity);
    rove__lite_statement s =
        rove__lite_open_kind(tx, entity, whole ? ROVE_LITE_IDS_ROOT : ROVE_LITE_IDS_PART, 0);

    rove__lite_bind_int(&s, scope.root);
    if (!whole) {
        rove__lite_bind_int(&s, scope.part < 0 ? 0 : scope.part);
    }
    while (rove__lite_next(&s)) {
        s.status = each(each_ctx, entity->number, rove__lite_int(&s, 0));
        *done = s.status == ROVE_DONE;
    }
    return rove__lite_end(&s);
}

static rove_status row_ids(rove__hq_tx *tx, rove__scope scope,
                           rove_status (*each)(void *, uint32_t entity, rove_id id),
                           void *each_ctx) {
    const rove__registry *registry = tx->lite->registry;
    rove_status status = ROVE_OK;
    int done = 0;

    for (size_t i = 0; i < rove__registry_count(registry) && status == ROVE_OK && !done; i++) {
        const rove__entity *entity = rove__registry_at(registry, i);
        if (may_hold(entity, scope)) {
            status = ids_of(tx, entity, scope, each, each_ctx, &done);
        }
    }
    return status;
}

static rove_status row_referring(rove__hq_tx *tx, uint32_t number, size_t ordinal, rove_id target,
                                 rove_status (*each)(void *, rove_id id), void *each_ctx) {
    const rove__entity *entity = rove__lite_entity(tx, number);

    if (entity == NULL) {
        return ROVE_OK;
    }
    ROVE_ASSERT(ordinal < entity->field_count);
    rove__lite_statement s = rove__lite_open_kind(
        tx, entity,
        entity->fields[ordinal].kind == ROVE_KIND_SET ? ROVE_LITE_REFER_ELEMENT : ROVE_LITE_REFER,
        ordinal);
    rove__lite_bind_int(&s, target);
    while (rove__lite_next(&s)) {
        s.status = each(each_ctx, rove__lite_int(&s, 0));
    }
    return rove__lite_end(&s);
}

void rove__lite_fill_scan(rove__hq_store *store) {
    store->row_scan = row_scan;
    store->row_ids = row_ids;
    store->row_referring = row_referring;
}
