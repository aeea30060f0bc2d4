/*
 * audit/names.c - see names.h.
 */
#include "audit/names.h"

#include <string.h>

#define ARENA_MAX ((size_t)16 * 1024 * 1024)

/* A cell that names a record which had other ids. */
typedef struct naming {
    size_t cell;
    rove_id here;
    rove_id *others;
    size_t count, capacity;
    size_t tried; /* which of them; 0: the one that is here */
} naming;

typedef struct search {
    hq *headquarters;
    rove__hq_tx *tx;
    const audit_signed *what;
    rove__buf *scratch;
    audit_names *found;
    rove__row row; /* a copy, in which names are tried */
    naming cells[AUDIT_NAMES_MAX];
    size_t cell_count;
    naming *adding; /* to this one */
    rove__arena arena;
} search;

/* ---- which ids a record had ----------------------------------------------------------------------------- */

static int may_be(const rove__entity *entity, uint32_t target) {
    return entity->number == target ||
           (target == ROVE_TARGET_ROOT && entity->scope == ROVE_SCOPE_SELF);
}

static rove_status add_id(search *self, rove_id id) {
    naming *cell = self->adding;

    for (size_t i = 0; i < cell->count; i++) {
        if (cell->others[i] == id) {
            return ROVE_OK;
        }
    }
    if (id == cell->here) {
        return ROVE_OK;
    }
    cell->others = rove__arena_grown(&self->arena, cell->others, cell->count, &cell->capacity,
                                     sizeof *cell->others);
    if (cell->others == NULL) {
        return ROVE_NOMEM;
    }
    cell->others[cell->count++] = id;
    return ROVE_OK;
}

static rove_status each_name(void *ctx, const rove__rename *renamed) {
    search *self = ctx;
    rove_status status = add_id(self, renamed->to);

    if (renamed->id == 0) {
        self->found->forgotten = self->adding->here;
        return status;
    }
    return status == ROVE_OK ? add_id(self, renamed->id) : status;
}

static rove_status look_up(search *self, uint32_t target) {
    const rove__registry *registry = hq_registry(self->headquarters);
    const rove__hq_store *store = &hq_database(self->headquarters)->store;
    rove_status status = ROVE_OK;

    for (size_t i = 0; i < rove__registry_count(registry) && status == ROVE_OK; i++) {
        const rove__entity *entity = rove__registry_at(registry, i);
        if (may_be(entity, target)) {
            status =
                store->renamed_scan(self->tx, entity->number, self->adding->here, each_name, self);
        }
    }
    return status;
}

static rove_status find_cells(search *self) {
    const rove__row *row = self->what->row;
    rove_status status = ROVE_OK;

    for (size_t i = 0; i < row->cell_count && self->cell_count < AUDIT_NAMES_MAX; i++) {
        const rove__field *field = &row->entity->fields[i];
        if (field->target == 0 || field->kind != ROVE_KIND_REGISTER ||
            row->cells[i].type != ROVE_INT) {
            continue;
        }
        self->adding = &self->cells[self->cell_count];
        *self->adding = (naming){.cell = i, .here = row->cells[i].as.integer};
        status = look_up(self, field->target);
        if (status != ROVE_OK) {
            break;
        }
        self->cell_count += self->adding->count > 0;
    }
    return status;
}

/* ---- which of them were signed for ---------------------------------------------------------------------- */

static rove_id tried_id(const naming *cell) {
    return cell->tried == 0 ? cell->here : cell->others[cell->tried - 1];
}

/* The next choice, as a counter goes on, a cell a digit. 0: that was the last. */
static int choose(search *self) {
    for (size_t i = 0; i < self->cell_count; i++) {
        naming *cell = &self->cells[i];
        cell->tried = cell->tried < cell->count ? cell->tried + 1 : 0;
        self->row.cells[cell->cell] = rove__value_int(tried_id(cell));
        if (cell->tried != 0) {
            return 1;
        }
    }
    return 0;
}

static rove_status is_signed(search *self, int *is) {
    const rove_crypto *crypto = &hq_get_ports(self->headquarters)->crypto;
    uint8_t content[ROVE_SHA256_SIZE];
    uint8_t sets[ROVE_PROOF_SETS_SIZE];
    rove_status status =
        rove__proof_content(crypto, &self->row, self->what->origin, self->scratch, content, sets);

    *is = status == ROVE_OK && memcmp(content, self->what->proof->content, sizeof content) == 0;
    return status;
}

static void tell(search *self) {
    audit_names *found = self->found;

    for (size_t i = 0; i < self->cell_count; i++) {
        const audit_name name = {self->cells[i].here, tried_id(&self->cells[i])};
        size_t k = 0;
        while (k < found->count && found->names[k].here != name.here) {
            k++;
        }
        if (name.here != name.then && k == found->count) {
            found->names[found->count++] = name;
        }
    }
}

static rove_status try_names(search *self) {
    rove_status status = ROVE_OK;
    int is = 0;

    for (uint32_t i = 0; i < AUDIT_TRIES_MAX && status == ROVE_OK && !is && choose(self); i++) {
        status = is_signed(self, &is);
    }
    if (is) {
        tell(self);
    }
    return status;
}

rove_status audit_names_find(hq *headquarters, rove__hq_tx *tx, const audit_signed *what,
                             rove__buf *scratch, audit_names *names) {
    search self = {.headquarters = headquarters,
                   .tx = tx,
                   .what = what,
                   .scratch = scratch,
                   .found = names,
                   .row = *what->row};

    *names = (audit_names){.count = 0};
    rove__arena_init(&self.arena, &hq_get_ports(headquarters)->allocator, ARENA_MAX);
    self.row.cells = rove__arena_copy(&self.arena, what->row->cells,
                                      what->row->cell_count * sizeof *what->row->cells);
    rove_status status = self.row.cells == NULL ? ROVE_NOMEM : find_cells(&self);
    if (status == ROVE_OK) {
        status = try_names(&self);
    }
    rove__arena_free(&self.arena);
    return status;
}
