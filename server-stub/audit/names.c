/*
 * audit/names.c - see names.h.
 */
#include "audit/names.h"

#include <string.h>

#define ARENA_MAX ((size_t)16 * 1024 * 1024)

typedef struct naming {
    hq *headquarters;
    rove__hq_tx *tx;
    const audit_signed *what;
    rove__buf *scratch;
    rove__row row; /* a copy, one cell of which is tried */
    rove__arena arena;
} naming;

static int may_be(const rove__entity *entity, uint32_t target) {
    return entity->number == target ||
           (target == ROVE_TARGET_ROOT && entity->scope == ROVE_SCOPE_SELF);
}

/* *maker: the number under which a record was made, if its id is not of that; 0: it is. */
static rove_status maker_of(naming *self, uint32_t target, rove_id id, rove_replica *maker) {
    const rove__registry *registry = hq_registry(self->headquarters);
    const rove__hq_store *store = &hq_database(self->headquarters)->store;
    rove_status status = ROVE_NOT_FOUND;

    *maker = 0;
    for (size_t i = 0; i < rove__registry_count(registry) && status == ROVE_NOT_FOUND; i++) {
        const rove__entity *entity = rove__registry_at(registry, i);
        rove__hq_row row;
        if (!may_be(entity, target)) {
            continue;
        }
        status = store->row_get(self->tx, entity->number, id, 0, &self->arena, &row);
        if (status == ROVE_OK && row.clock.origin.replica != rove__id_replica(id)) {
            *maker = row.clock.origin.replica;
        }
    }
    return status == ROVE_NOT_FOUND ? ROVE_OK : status;
}

/* Tries the ids of a number in the place of a cell; *then 0: none is what was signed. */
static rove_status try_ids(naming *self, rove_value *cell, rove_replica maker, rove_id *then) {
    const rove_crypto *crypto = &hq_get_ports(self->headquarters)->crypto;
    const rove__proof *proof = self->what->proof;
    uint8_t content[ROVE_SHA256_SIZE];
    uint8_t sets[ROVE_PROOF_SETS_SIZE];
    rove_status status = ROVE_OK;

    for (uint32_t i = 1; i <= AUDIT_NAMES_MAX && *then == 0 && status == ROVE_OK; i++) {
        rove_id id = rove__id_make(maker, i);
        *cell = rove__value_int(id);
        status = rove__proof_content(crypto, &self->row, self->what->origin, self->scratch, content,
                                     sets);
        *then = status == ROVE_OK && memcmp(content, proof->content, sizeof content) == 0 ? id : 0;
    }
    return status;
}

static rove_status try_cells(naming *self, rove_id *here, rove_id *then) {
    rove_status status = ROVE_OK;

    for (size_t i = 0; i < self->row.cell_count && *then == 0 && status == ROVE_OK; i++) {
        const rove__field *field = &self->row.entity->fields[i];
        rove_value kept = self->row.cells[i];
        rove_replica maker = 0;
        if (field->target == 0 || field->kind != ROVE_KIND_REGISTER || kept.type != ROVE_INT) {
            continue;
        }
        status = maker_of(self, field->target, kept.as.integer, &maker);
        if (status == ROVE_OK && maker > ROVE_REPLICA_HEADQUARTERS) {
            status = try_ids(self, &self->row.cells[i], maker, then);
        }
        *here = kept.as.integer;
        self->row.cells[i] = kept;
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
