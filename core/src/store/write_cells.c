/*
 * store/write_cells.c - a local edit of a row that is there: update, increment, one element of a set, seal.
 *
 * The cells that really change become pending cells of the row's newest entry, if that has not been frozen, else of a
 * fresh entry that points at it. A pending cell keeps what it overwrote first (D3): the base version, and the value
 * beneath; a cell that an entry in flight covers inherits that one's base and has nothing beneath of its own.
 * A row whose insert has not been frozen is simply changed: nobody has seen it.
 */
#include <string.h>

#include "base/assert.h"
#include "base/planted.h"
#include "base/text.h"
#include "merge/merge.h"
#include "rules/rules.h"
#include "store/write.h"

/* More increments than this in one entry are added to the last one. */
#define INCREMENTS_KEPT 2048

typedef struct edit {
    rove__store *store;
    const rove__entity *entity;
    rove__op op;
    rove__stored stored; /* as shown before */
    rove__row after;     /* what comes: only the cells that change are present; sets plain */
    rove__row plain;     /* `stored.row` with its sets plain */
    rove__row whole;     /* seal: the record as it will stand, sets plain */
    rove__link_made made;
    rove__entry *older; /* entries that are frozen, oldest first */
    size_t older_count;
    rove__entry entry; /* the one written; seq 0: fresh */
    int insert;        /* the row's insert has not been frozen: `entry` is it */
    uint64_t last_tx;  /* that touched the row before; 0: none */
    rove_stamp raw;
    size_t bytes;
} edit;

/* ---- what changes ---- */

static int64_t total_of(const rove_value *value) {
    return value->type == ROVE_INT ? value->as.integer : 0;
}

static int differs(const edit *e, size_t ordinal) {
    const rove_value *shown = &e->plain.cells[ordinal];
    const rove_value *comes = &e->after.cells[ordinal];

    if (e->entity->fields[ordinal].kind == ROVE_KIND_DERIVED) {
        return 0;
    }
    if (e->entity->fields[ordinal].kind == ROVE_KIND_COUNTER && shown->type <= ROVE_INT &&
        comes->type <= ROVE_INT) {
        return total_of(shown) != total_of(comes);
    }
    return !rove__value_equal(shown, comes);
}

/* Leaves in `after` what differs from what is shown. */
static size_t keep_changes(edit *e) {
    size_t count = 0;

    e->bytes = 0;
    for (size_t i = 0; i < e->after.cell_count; i++) {
        if (!rove__bits_get(&e->after.present, i)) {
            continue;
        }
        if (differs(e, i)) {
            e->bytes += rove__value_bytes_sent(&e->after.cells[i]) + 4;
            count++;
        } else {
            rove__bits_clear(&e->after.present, i);
        }
    }
    return count;
}

/* A field that this build does not know may come along with a record, but not be changed. */
static rove_status check_unknown(const edit *e, rove_error *error) {
    const rove__row *stands = &e->stored.row;
    size_t at = 0;

    for (size_t i = 0; i < e->after.extra_count; i++) {
        const rove__extra *comes = &e->after.extra[i];
        while (at < stands->extra_count && stands->extra[at].number < comes->number) {
            at++;
        }
        if (at == stands->extra_count || stands->extra[at].number != comes->number ||
            !rove__value_equal(&stands->extra[at].value, &comes->value)) {
            return rove__error_set(error, ROVE_UNKNOWN_FIELD,
                                   "This build does not know field %u of %s; upgrade to change it.",
                                   comes->number, e->entity->name);
        }
    }
    return ROVE_OK;
}

/* Finds the entry that takes the edit, and what is older than it. */
static rove_status load_entries(edit *e, rove_error *error) {
    rove__entry *entries = NULL;
    size_t count = 0;

    if (e->stored.pending == 0) {
        return ROVE_OK;
    }
    rove_status status =
        rove__entry_chain_of(e->store, &e->stored, &e->store->row_arena, &entries, &count, error);
    if (status != ROVE_OK) {
        return status;
    }
    e->older = entries;
    e->older_count = count;
    ROVE_ASSERT(count > 0);
    if (entries[count - 1].batch == 0) {
        e->older_count--;
        e->entry = entries[count - 1];
        e->last_tx = e->entry.last_tx;
        e->insert = e->entry.op == ROVE_OP_INSERT;
    }
    return ROVE_OK;
}

/* The rules see the cells that change; of a seal the whole record as it will stand. */
static rove_status check_rules(edit *e, rove_error *error) {
    if (e->op != ROVE_OP_SEAL) {
        return rove__write_rules(e->store, e->op, &e->plain, &e->after, error);
    }
    if (e->plain.cells[e->entity->seal_field].type != ROVE_NULL) {
        return rove__error_set(error, ROVE_STATE,
                               "This %s is sealed and never changes; a correction is a new record.",
                               e->entity->name);
    }
    rove__row *whole = &e->whole;
    *whole = e->plain;
    whole->cells = rove__arena_copy(&e->store->row_arena, whole->cells,
                                    whole->cell_count * sizeof *whole->cells);
    if (whole->cells == NULL) {
        return ROVE_NOMEM;
    }
    for (size_t i = 0; i < e->after.cell_count; i++) {
        if (rove__bits_get(&e->after.present, i)) {
            whole->cells[i] = e->after.cells[i];
        }
    }
    return rove__write_rules(e->store, e->op, &e->plain, whole, error);
}

/* What is sealed carries the device's proof, whatever came in its place. */
static rove_status prove(edit *e, rove_error *error) {
    int ordinal = rove__proof_field(e->entity);
    rove_value cell;

    if (e->op != ROVE_OP_SEAL || ordinal < 0) {
        return ROVE_OK;
    }
    const rove__row *whole = ROVE_PLANTED(S03_BEFORE) ? &e->plain : &e->whole;
    rove_status status =
        rove__write_prove(e->store, whole, e->stored.clock.origin, &cell, &e->made, error);
    if (status == ROVE_OK && rove__value_equal(&cell, &e->plain.cells[ordinal])) {
        rove__bits_clear(&e->after.present, (size_t)ordinal);
    } else if (status == ROVE_OK) {
        rove__row_set(&e->after, (size_t)ordinal, cell);
        e->bytes += rove__value_bytes_sent(&cell) + 4;
    }
    return status;
}

/* The only cell of `row`, if it is a plain number; -1: there are more, or it is something else. */
static int only_number(const rove__row *row) {
    int only = -1;

    if (row->extra_count > 0) {
        return -1;
    }
    for (size_t i = 0; i < row->cell_count; i++) {
        if (!rove__bits_get(&row->present, i)) {
            continue;
        }
        const rove__field *field = &row->entity->fields[i];
        int number = field->type == ROVE_INT && row->cells[i].type == ROVE_INT &&
                     (field->kind == ROVE_KIND_REGISTER || field->kind == ROVE_KIND_RANK);
        if (only >= 0 || !number) {
            return -1;
        }
        only = (int)i;
    }
    return only;
}

/* Reads the row; of one with nothing pending, in which one number takes another's place, only what matters. */
static rove_status read_row(edit *e, const rove__row *row, rove_error *error) {
    rove__arena *arena = &e->store->row_arena;
    int whole = e->op != ROVE_OP_UPDATE || rove__derives(e->entity);
    int ordinal = whole ? -1 : only_number(row);

    if (ordinal >= 0) {
        rove_status status = rove__table_peek(e->store, e->entity, row->id, (size_t)ordinal, arena,
                                              &e->stored, error);
        if (status != ROVE_OK ||
            (e->stored.pending == 0 && e->stored.row.cells[ordinal].type == ROVE_INT)) {
            return status;
        }
    }
    return rove__table_get(e->store, e->entity, row->id, arena, &e->stored, error);
}

static rove_status prepare(edit *e, const rove__row *row, rove_error *error) {
    rove__store *store = e->store;

    rove_status status = read_row(e, row, error);
    if (status == ROVE_OK) {
        status = rove__write_plain(&e->stored.row, &store->row_arena, &e->plain);
    }
    e->after = *row;
    if (status == ROVE_OK) {
        status = check_unknown(e, error);
    }
    if (status != ROVE_OK || keep_changes(e) == 0) {
        return status != ROVE_OK ? status : ROVE_DONE;
    }
    status = check_rules(e, error);
    if (status == ROVE_OK) {
        status = prove(e, error);
    }
    if (status == ROVE_OK) {
        status = load_entries(e, error);
    }
    if (status == ROVE_OK) {
        status = rove__write_limits(store, e->last_tx, e->bytes, error);
    }
    if (status == ROVE_OK) {
        status = rove__store_stamp(store, &e->raw);
    }
    return status;
}

/* ---- one cell ---- */

/* The newest older entry's cell that covers a field, NULL: none. */
static const rove__pending_cell *covering(const edit *e, uint32_t field) {
    for (size_t i = e->older_count; i > 0; i--) {
        const rove__pending_cell *cell = rove__entry_cell(&e->older[i - 1], field);
        if (cell != NULL) {
            return cell;
        }
    }
    return NULL;
}

/* The pending cell of a field; a new one remembers what the edit overwrites. */
static rove_status take_cell(edit *e, size_t ordinal, rove__pending_cell **cell) {
    uint32_t field = e->entity->fields[ordinal].number;
    const rove__pending_cell *flying = covering(e, field);
    rove__clock_entry seen = rove__clock_get(&e->stored.clock, field);

    *cell = rove__entry_cell(&e->entry, field);
    if (*cell == NULL) {
        rove_status status = rove__entry_add(&e->entry, &e->store->row_arena, field, cell);
        if (status != ROVE_OK) {
            return status;
        }
        (*cell)->base = flying != NULL ? flying->base : seen.version;
        (*cell)->epoch = flying != NULL ? flying->epoch : seen.epoch;
        if (flying == NULL) {
            (*cell)->has_under = 1;
            (*cell)->under = e->stored.row.cells[ordinal];
            (*cell)->under_epoch = seen.epoch;
        }
    } else if (ROVE_PLANTED(D03_LAST_BASE)) {
        (*cell)->base = seen.version;
    }
    (*cell)->raw = e->raw;
    return ROVE_OK;
}

/* What would be shown without the entry's own cell: the oldest value beneath, with the older entries laid over. */
static rove_status beneath(const edit *e, size_t ordinal, rove_value *value, rove_error *error) {
    uint32_t field = e->entity->fields[ordinal].number;
    rove__row row = e->stored.row;
    const rove__pending_cell *own = rove__entry_cell(&e->entry, field);
    rove_status status = ROVE_OK;

    if (own == NULL || own->has_under) {
        *value = own == NULL ? e->stored.row.cells[ordinal] : own->under;
        return ROVE_OK;
    }
    row.cells =
        rove__arena_copy(&e->store->row_arena, row.cells, row.cell_count * sizeof *row.cells);
    if (row.cells == NULL) {
        return ROVE_NOMEM;
    }
    for (size_t i = 0; i < e->older_count && status == ROVE_OK; i++) {
        const rove__pending_cell *cell = rove__entry_cell(&e->older[i], field);
        if (cell != NULL) {
            if (cell->has_under) {
                row.cells[ordinal] = cell->under;
            }
            status = rove__cell_lay(&e->older[i], cell, &row, &e->store->row_arena, error);
        }
    }
    *value = row.cells[ordinal];
    return status;
}

static rove_status edit_set(edit *e, size_t ordinal, rove_value *column, rove_error *error) {
    rove__arena *arena = &e->store->row_arena;
    rove__pending_cell *cell = NULL;
    rove_value below;
    rove__set current;
    rove__set pending;
    rove__set wanted;
    rove__set delta;

    rove_status status = beneath(e, ordinal, &below, error);
    if (status == ROVE_OK) {
        status = take_cell(e, ordinal, &cell);
    }
    if (status == ROVE_OK) {
        status = rove__set_read(&current, &below, ROVE_SET_VERSIONED, arena);
    }
    if (status == ROVE_OK) {
        status = rove__set_read(&pending, &cell->pending, ROVE_SET_DELTA, arena);
    }
    if (status == ROVE_OK) {
        status = rove__set_read(&wanted, &e->after.cells[ordinal], ROVE_SET_PLAIN, arena);
    }
    if (status == ROVE_OK) {
        status = rove__set_difference(&current, &pending, &wanted, e->raw, arena, &delta);
    }
    if (status == ROVE_OK) {
        status = rove__set_value(&delta, arena, &cell->pending);
        cell->has_pending = 1;
    }
    if (status == ROVE_OK) {
        status = rove__set_lay(&below, &cell->pending, e->entry.replica, arena, column);
    }
    return status;
}

static rove_status edit_counter(edit *e, size_t ordinal, rove_error *error) {
    rove__arena *arena = &e->store->row_arena;
    rove__pending_cell *cell = NULL;
    rove__increment *increments = NULL;
    size_t count = 0;
    int64_t delta = 0;

    if (__builtin_sub_overflow(total_of(&e->after.cells[ordinal]),
                               total_of(&e->stored.row.cells[ordinal]), &delta)) {
        return rove__error_set(error, ROVE_RANGE, "The change of the counter is too large.");
    }
    rove_status status = take_cell(e, ordinal, &cell);
    if (status == ROVE_OK) {
        status = rove__increments_read(&cell->pending, arena, &increments, &count);
    }
    if (status != ROVE_OK) {
        return status;
    }
    if (count >= INCREMENTS_KEPT &&
        !__builtin_add_overflow(increments[count - 1].delta, delta, &increments[count - 1].delta)) {
        cell->has_pending = 1;
        return rove__increments_write(increments, count, arena, &cell->pending);
    }
    rove__increment *more = rove__arena_take(arena, (count + 1) * sizeof *more);
    if (more == NULL) {
        return ROVE_NOMEM;
    }
    if (count > 0) {
        memcpy(more, increments, count * sizeof *more);
    }
    more[count].raw = e->raw;
    more[count].delta = delta;
    cell->has_pending = 1;
    return rove__increments_write(more, count + 1, arena, &cell->pending);
}

/* A stage that goes back is an act of its own and raises the epoch (P8). */
static rove_status edit_rank(edit *e, size_t ordinal) {
    const rove_value *shown = &e->stored.row.cells[ordinal];
    const rove_value *comes = &e->after.cells[ordinal];
    rove__pending_cell *cell = NULL;

    rove_status status = take_cell(e, ordinal, &cell);
    if (status == ROVE_OK && rove__value_compare(comes, shown) < 0) {
        cell->epoch++;
    }
    return status;
}

/* The elements wanted, those already there with the version they have. */
static rove_status insert_set(edit *e, size_t ordinal, rove_value *column) {
    rove__arena *arena = &e->store->row_arena;
    rove__set current;
    rove__set wanted;

    rove_status status =
        rove__set_read(&current, &e->stored.row.cells[ordinal], ROVE_SET_VERSIONED, arena);
    if (status == ROVE_OK) {
        status = rove__set_read(&wanted, &e->after.cells[ordinal], ROVE_SET_PLAIN, arena);
    }
    if (status != ROVE_OK) {
        return status;
    }
    wanted.form = ROVE_SET_VERSIONED;
    for (size_t i = 0; i < wanted.count; i++) {
        int found = 0;
        size_t at = rove__set_find(&current, &wanted.elements[i].value, &found);
        rove__version fresh = {e->raw, e->entry.replica};
        wanted.elements[i].version = found ? current.elements[at].version : fresh;
    }
    return rove__set_value(&wanted, arena, column);
}

/* The pending cell, and what the column is to show. */
static rove_status edit_cell(edit *e, size_t ordinal, rove_value *column, rove_error *error) {
    rove__pending_cell *cell = NULL;
    rove__kind kind = e->entity->fields[ordinal].kind;

    *column = e->after.cells[ordinal];
    if (e->insert) {
        return kind == ROVE_KIND_SET ? insert_set(e, ordinal, column) : ROVE_OK;
    }
    switch (kind) {
    case ROVE_KIND_SET:
        return edit_set(e, ordinal, column, error);
    case ROVE_KIND_COUNTER:
        return edit_counter(e, ordinal, error);
    case ROVE_KIND_RANK:
        return edit_rank(e, ordinal);
    case ROVE_KIND_DERIVED:
    case ROVE_KIND_REGISTER:
    default:
        return take_cell(e, ordinal, &cell);
    }
}

/* ---- the row ---- */

/* What the row as it will stand derives is written with it. */
static rove_status derive_cells(edit *e) {
    rove__row row;
    rove_status status = rove__row_copy(&row, &e->stored.row, &e->store->row_arena);

    for (size_t i = 0; i < row.cell_count && status == ROVE_OK; i++) {
        if (rove__bits_get(&e->after.present, i)) {
            row.cells[i] = e->after.cells[i];
        }
    }
    if (status == ROVE_OK) {
        status = rove__derive(&row, &e->store->row_arena);
    }
    for (size_t i = 0; i < row.cell_count && status == ROVE_OK; i++) {
        if (e->entity->fields[i].kind == ROVE_KIND_DERIVED &&
            !rove__value_equal(&row.cells[i], &e->stored.row.cells[i])) {
            rove__row_set(&e->after, i, row.cells[i]);
        }
    }
    return status;
}

/* Fills in the entry and puts the new columns into `after`, whose cells are copied first. */
static rove_status edit_cells(edit *e, rove_error *error) {
    rove__store *store = e->store;
    rove_status status = ROVE_OK;

    e->after.cells = rove__arena_copy(&store->row_arena, e->after.cells,
                                      e->after.cell_count * sizeof *e->after.cells);
    if (e->after.cells == NULL) {
        return ROVE_NOMEM;
    }
    if (e->entry.seq == 0) {
        rove__write_entry(store, e->op, e->entity, e->stored.row.id, e->raw, &e->entry);
        e->entry.previous = e->stored.pending;
    }
    e->entry.last_tx = store->clock.tx;
    if (e->op == ROVE_OP_SEAL && !e->insert) {
        e->entry.op = ROVE_OP_SEAL;
        e->entry.raw = e->raw;
    }
    for (size_t i = 0; i < e->after.cell_count && status == ROVE_OK; i++) {
        if (rove__bits_get(&e->after.present, i)) {
            rove_value column;
            status = edit_cell(e, i, &column, error);
            e->after.cells[i] = column;
        }
    }
    return status == ROVE_OK && rove__derives(e->entity) ? derive_cells(e) : status;
}

static rove_status put_column(edit *e, size_t ordinal, rove_error *error) {
    rove__store *store = e->store;
    sqlite3_stmt *statement = NULL;
    rove_status status = ROVE_OK;

    if (e->entity->fields[ordinal].kind == ROVE_KIND_SET) {
        status = rove__table_put_set(store, &e->stored.row, ordinal, &e->stored.row.cells[ordinal],
                                     &e->after.cells[ordinal], error);
    }
    if (status == ROVE_OK) {
        status = rove__store_update_statement(store, e->entity, ordinal, &statement, error);
    }
    if (status == ROVE_OK) {
        sqlite3_bind_int64(statement, 1, e->stored.row.id);
        rove__bind_value(statement, 2, &e->after.cells[ordinal]);
        sqlite3_bind_int64(statement, 3, e->entry.seq);
        status = rove__store_run(store, statement, error, "Writing a row");
    }
    return status;
}

static rove_status put_edit(edit *e, rove_error *error) {
    rove_status status = ROVE_OK;

    if (e->insert) {
        e->store->clock_unseen = 1; /* the insert's entry does not carry this edit's stamp */
        if (e->last_tx != e->store->clock.tx) {
            status = rove__entry_touch(e->store, e->entry.seq, e->store->clock.tx, error);
        }
    } else {
        ROVE_ASSERT(e->entry.count > 0);
        status = rove__entry_save(e->store, &e->entry, error);
    }
    ROVE_ASSERT(status != ROVE_OK || e->entry.seq != 0);
    for (size_t i = 0; i < e->after.cell_count && status == ROVE_OK; i++) {
        if (rove__bits_get(&e->after.present, i)) {
            status = put_column(e, i, error);
        }
    }
    return status == ROVE_OK ? rove__write_proved(e->store, &e->made, error) : status;
}

/* Writes the present cells of `row` that differ. */
static rove_status write_cells(rove__store *store, rove__op op, const rove__row *row,
                               rove_error *error) {
    edit e;

    memset(&e, 0, sizeof e);
    e.store = store;
    e.entity = row->entity;
    e.op = op;
    rove_status status = prepare(&e, row, error);
    if (status == ROVE_DONE) {
        return ROVE_OK;
    }
    if (status == ROVE_OK) {
        status = edit_cells(&e, error);
    }
    if (status != ROVE_OK) {
        return status;
    }
    return rove__write_done(store, put_edit(&e, error), e.entity->number, row->id, e.last_tx,
                            e.bytes);
}

/* ---- the calls ---- */

rove_status rove__store_update(rove__store *store, const rove__row *row, rove_error *error) {
    rove_status status = rove__write_ready(store, row->entity, error);

    return status == ROVE_OK ? write_cells(store, ROVE_OP_UPDATE, row, error) : status;
}

/* A row with one cell, which the caller sets; and the row as it stands. */
static rove_status single(rove__store *store, const rove__entity *entity, rove_id id,
                          size_t ordinal, rove__kind kind, rove__row *row, rove__stored *stored,
                          rove_error *error) {
    rove_status status = rove__write_ready(store, entity, error);

    if (status == ROVE_OK &&
        (ordinal >= entity->field_count || entity->fields[ordinal].kind != kind)) {
        status = rove__error_set(error, ROVE_INVALID, "The field is not a %s.",
                                 kind == ROVE_KIND_SET ? "set" : "counter");
    }
    if (status == ROVE_OK) {
        status = rove__table_get(store, entity, id, &store->row_arena, stored, error);
    }
    if (status == ROVE_OK) {
        status = rove__row_init(row, entity, id, &store->row_arena);
    }
    return status;
}

rove_status rove__store_increment(rove__store *store, const rove__entity *entity, rove_id id,
                                  size_t ordinal, int64_t delta, rove_error *error) {
    rove__row row;
    rove__stored stored;
    int64_t total = 0;

    rove_status status =
        single(store, entity, id, ordinal, ROVE_KIND_COUNTER, &row, &stored, error);
    if (status == ROVE_OK &&
        __builtin_add_overflow(total_of(&stored.row.cells[ordinal]), delta, &total)) {
        status = rove__error_set(error, ROVE_RANGE, "The counter would leave its range.");
    }
    if (status == ROVE_OK) {
        rove__row_set(&row, ordinal, rove__value_int(total));
        status = write_cells(store, ROVE_OP_UPDATE, &row, error);
    }
    return status;
}

/* The set with an element more or less; ROVE_DONE if that is what it is already. */
static rove_status with_element(rove__set *set, const rove_value *element, int add,
                                rove__arena *arena) {
    int found = 0;
    size_t at = rove__set_find(set, element, &found);

    if (found == add) {
        return ROVE_DONE;
    }
    rove__element *elements = rove__arena_take(arena, (set->count + 1) * sizeof *elements);
    if (elements == NULL) {
        return ROVE_NOMEM;
    }
    size_t skip = at + (size_t)!add;
    if (at > 0) {
        memcpy(elements, set->elements, at * sizeof *elements);
    }
    memset(&elements[at], 0, sizeof elements[at]);
    elements[at].value = *element;
    if (set->count > skip) {
        memcpy(elements + at + (size_t)add, set->elements + skip,
               (set->count - skip) * sizeof *elements);
    }
    set->elements = elements;
    set->count = add ? set->count + 1 : set->count - 1;
    return ROVE_OK;
}

rove_status rove__store_element(rove__store *store, const rove__entity *entity, rove_id id,
                                size_t ordinal, const rove_value *element, rove__set_action action,
                                rove_error *error) {
    rove__row row;
    rove__stored stored;
    rove__set set;
    rove_value cell;

    rove_status status = single(store, entity, id, ordinal, ROVE_KIND_SET, &row, &stored, error);
    if (status == ROVE_OK) {
        status =
            rove__set_read(&set, &stored.row.cells[ordinal], ROVE_SET_VERSIONED, &store->row_arena);
    }
    if (status != ROVE_OK) {
        return status;
    }
    set.form = ROVE_SET_PLAIN;
    status = with_element(&set, element, action == ROVE_SET_ADD, &store->row_arena);
    if (status == ROVE_DONE) {
        return ROVE_OK;
    }
    if (status == ROVE_OK) {
        status = rove__set_value(&set, &store->row_arena, &cell);
    }
    if (status == ROVE_OK) {
        rove__row_set(&row, ordinal, cell);
        status = write_cells(store, ROVE_OP_UPDATE, &row, error);
    }
    return status;
}

rove_status rove__store_seal(rove__store *store, const rove__row *row, rove_error *error) {
    rove__row sealed;

    rove_status status = rove__write_ready(store, row->entity, error);
    if (status == ROVE_OK && row->entity->seal_field < 0) {
        status = rove__error_set(error, ROVE_INVALID, "A %s is never sealed.", row->entity->table);
    }
    if (status == ROVE_OK) {
        sealed = *row;
        sealed.cells =
            rove__arena_copy(&store->row_arena, row->cells, row->cell_count * sizeof *row->cells);
        status = sealed.cells != NULL ? ROVE_OK : ROVE_NOMEM;
    }
    if (status == ROVE_OK) {
        rove__row_set(&sealed, (size_t)row->entity->seal_field, rove__value_int(store->now_ms));
        status = write_cells(store, ROVE_OP_SEAL, &sealed, error);
    }
    return status;
}
