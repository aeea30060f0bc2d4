/*
 * audit/names.c - see names.h.
 */
#include "audit/names.h"

#include <string.h>

#include "wire/batch.h"

#define ARENA_MAX ((size_t)16 * 1024 * 1024)

typedef struct naming {
    hq *headquarters;
    rove__hq_tx *tx;
    const audit_signed *what;
    rove__buf *scratch;
    rove__row row; /* a copy, in which names are tried */
    rove__arena arena;
} naming;

static int may_be(const rove__entity *entity, uint32_t target) {
    return entity->number == target ||
           (target == ROVE_TARGET_ROOT && entity->scope == ROVE_SCOPE_SELF);
}

/* A record that waits in review, or was returned, and is not in the tables. */
typedef struct lookup {
    naming *naming;
    const rove__entity *entity;
    rove_id id;
    rove__origin origin; /* of it; replica 0: it was not found */
} lookup;

static rove_status each_review(void *ctx, const rove__hq_review *review) {
    lookup *self = ctx;
    rove__batch_reader *reader = NULL;
    rove__change change;
    hq *headquarters = self->naming->headquarters;

    if (review->entity != self->entity->number || review->id != self->id) {
        return ROVE_OK;
    }
    rove_status status =
        rove__batch_reader_new(&hq_get_ports(headquarters)->allocator, hq_registry(headquarters),
                               review->change.data, review->change.size, &reader);
    if (status == ROVE_OK) {
        status = rove__batch_next(reader, &change);
    }
    if (status == ROVE_OK) {
        self->origin = change.clock.origin;
    }
    rove__batch_reader_free(reader);
    return status == ROVE_OK ? ROVE_DONE : status;
}

/* *origin: of the record that bears an id; replica 0: there is none. */
static rove_status origin_of(naming *self, const rove__entity *entity, rove_id id,
                             rove__origin *origin) {
    const rove__hq_store *store = &hq_database(self->headquarters)->store;
    lookup look = {.naming = self, .entity = entity, .id = id};
    rove__hq_row row;

    rove_status status = store->row_get(self->tx, entity->number, id, 0, &self->arena, &row);
    if (status == ROVE_OK) {
        look.origin = row.clock.origin;
    }
    for (int state = 0; status == ROVE_NOT_FOUND && state <= 2; state++) {
        rove__arena arena;
        rove__arena_init(&arena, &hq_get_ports(self->headquarters)->allocator, ARENA_MAX);
        status = store->review_scan(self->tx, state, &arena, each_review, &look);
        status = status == ROVE_OK ? ROVE_NOT_FOUND : status;
        rove__arena_free(&arena);
    }
    *origin = look.origin;
    return status == ROVE_NOT_FOUND || status == ROVE_DONE ? ROVE_OK : status;
}

/* *maker: the number under which a record was made, if its id is not of that; 0: it is. */
static rove_status maker_of(naming *self, uint32_t target, rove_id id, rove_replica *maker) {
    const rove__registry *registry = hq_registry(self->headquarters);
    rove__origin origin = {0, 0};
    rove_status status = ROVE_OK;

    for (size_t i = 0;
         status == ROVE_OK && origin.replica == 0 && i < rove__registry_count(registry); i++) {
        const rove__entity *entity = rove__registry_at(registry, i);
        if (may_be(entity, target)) {
            status = origin_of(self, entity, id, &origin);
        }
    }
    *maker = origin.replica != rove__id_replica(id) ? origin.replica : 0;
    return status;
}

static int names(const rove__row *row, size_t cell, rove_id id) {
    const rove__field *field = &row->entity->fields[cell];

    return field->target != 0 && field->kind == ROVE_KIND_REGISTER &&
           row->cells[cell].type == ROVE_INT && row->cells[cell].as.integer == id;
}

/* Gives a record that it names another id, wherever it names it. */
static void rename_cells(rove__row *row, rove_id from, rove_id to) {
    for (size_t i = 0; i < row->cell_count; i++) {
        if (names(row, i, from)) {
            row->cells[i] = rove__value_int(to);
        }
    }
}

/* Tries the ids of a number in the place of one; *then 0: none is what was signed. */
static rove_status try_ids(naming *self, rove_id here, rove_replica maker, rove_id *then) {
    const rove_crypto *crypto = &hq_get_ports(self->headquarters)->crypto;
    const rove__proof *proof = self->what->proof;
    uint8_t content[ROVE_SHA256_SIZE];
    uint8_t sets[ROVE_PROOF_SETS_SIZE];
    rove_status status = ROVE_OK;
    size_t size = self->row.cell_count * sizeof *self->row.cells;

    for (uint32_t i = 1; i <= AUDIT_NAMES_MAX && *then == 0 && status == ROVE_OK; i++) {
        rove_id id = rove__id_make(maker, i);
        memcpy(self->row.cells, self->what->row->cells, size);
        rename_cells(&self->row, here, id);
        status = rove__proof_content(crypto, &self->row, self->what->origin, self->scratch, content,
                                     sets);
        *then = status == ROVE_OK && memcmp(content, proof->content, sizeof content) == 0 ? id : 0;
    }
    return status;
}

static rove_status try_cells(naming *self, rove_id *here, rove_id *then) {
    const rove__row *row = self->what->row;
    rove_status status = ROVE_OK;

    for (size_t i = 0; i < row->cell_count && *then == 0 && status == ROVE_OK; i++) {
        rove_replica maker = 0;
        if (!names(row, i, row->cells[i].as.integer)) {
            continue;
        }
        *here = row->cells[i].as.integer;
        status = maker_of(self, row->entity->fields[i].target, *here, &maker);
        if (status == ROVE_OK && maker > ROVE_REPLICA_HEADQUARTERS) {
            status = try_ids(self, *here, maker, then);
        }
    }
    return status;
}

rove_status audit_names_find(hq *headquarters, rove__hq_tx *tx, const audit_signed *what,
                             rove__buf *scratch, rove_id *here, rove_id *then) {
    naming self = {.headquarters = headquarters,
                   .tx = tx,
                   .what = what,
                   .scratch = scratch,
                   .row = *what->row};

    *here = 0;
    *then = 0;
    rove__arena_init(&self.arena, &hq_get_ports(headquarters)->allocator, ARENA_MAX);
    self.row.cells = rove__arena_copy(&self.arena, what->row->cells,
                                      what->row->cell_count * sizeof *what->row->cells);
    rove_status status = self.row.cells == NULL ? ROVE_NOMEM : try_cells(&self, here, then);
    rove__arena_free(&self.arena);
    return status;
}
