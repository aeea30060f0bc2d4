/*
 * store/table.c - whole rows of the typed tables, and the index tables of their sets.
 *
 * A set's index table says which elements the set as shown has: it is brought up to date whenever a row is
 * written whole, by comparing the elements that were there with those that come.
 */
#include <string.h>

#include "base/text.h"
#include "model/set.h"
#include "rules/rules.h"
#include "store/internal.h"

#define EXTRA_BYTES_MAX ROVE_ROW_MAX

/* ---- reading ---- */

static rove_status copy_value(rove_value *value, rove__arena *arena) {
    if ((value->type == ROVE_TEXT || value->type == ROVE_BLOB) && value->size > 0) {
        value->as.data =
            value->as.data != NULL ? rove__arena_copy(arena, value->as.data, value->size) : NULL;
        return value->as.data != NULL ? ROVE_OK : ROVE_NOMEM;
    }
    return ROVE_OK;
}

/* { number:varint value }*, ascending */
static rove_status read_extra(rove__row *row, const rove_value *unknown, rove__arena *arena) {
    rove__reader reader;
    rove_value ignored;
    uint64_t last = 0;
    size_t count = 0;

    rove__reader_init(&reader, unknown->as.data, unknown->size);
    while (rove__reader_left(&reader) > 0 && rove__reader_status(&reader) == ROVE_OK) {
        uint64_t number = rove__reader_varint_max(&reader, UINT32_MAX);
        rove__value_read(&reader, &ignored);
        if (number <= last) {
            return ROVE_CORRUPT;
        }
        last = number;
        count++;
    }
    if (rove__reader_status(&reader) != ROVE_OK || count > ROVE_EXTRA_MAX) {
        return ROVE_CORRUPT;
    }
    row->extra = rove__arena_take(arena, count * sizeof *row->extra);
    if (row->extra == NULL) {
        return ROVE_NOMEM;
    }
    rove__reader_init(&reader, unknown->as.data, unknown->size);
    for (size_t i = 0; i < count; i++) {
        row->extra[i].number = (uint32_t)rove__reader_varint(&reader);
        rove__value_read(&reader, &row->extra[i].value);
    }
    row->extra_count = count;
    return ROVE_OK;
}

static rove_status read_clock(rove__clock *clock, const rove_value *value, rove__arena *arena,
                              rove_error *error) {
    rove_status status = value->type == ROVE_BLOB
                             ? rove__clock_read(clock, value->as.data, value->size, arena)
                             : ROVE_CORRUPT;
    if (status == ROVE_CORRUPT) {
        return rove__error_set(error, status, "A row's clock is damaged. Run a verification.");
    }
    return status;
}

/* What a file holds that somebody or something has changed: a value that no field of this type can have. */
static int value_fits(const rove__field *field, const rove_value *value) {
    return value->type == ROVE_NULL ||
           (value->type == field->type && value->size <= ROVE_VALUE_MAX);
}

rove_status rove__table_read(sqlite3_stmt *statement, const rove__entity *entity, rove_id id,
                             rove__arena *arena, rove__stored *stored, rove_error *error) {
    int fields = sqlite3_column_count(statement) - 3; /* _clock, _pending, _unknown */

    memset(stored, 0, sizeof *stored);
    rove_status status = rove__row_init_wide(&stored->row, entity, id, (size_t)fields, arena);
    for (int i = 0; i < fields && status == ROVE_OK; i++) {
        rove_value value = rove__column_value(statement, i);
        status = value_fits(&entity->fields[i], &value) ? copy_value(&value, arena) : ROVE_CORRUPT;
        rove__row_set(&stored->row, (size_t)i, value);
    }
    if (status == ROVE_CORRUPT || (status == ROVE_OK && id <= 0)) {
        return rove__error_set(error, ROVE_CORRUPT, "A row is damaged. Run a verification.");
    }
    if (status != ROVE_OK) {
        return status;
    }
    rove_value clock = rove__column_value(statement, fields);
    rove_value unknown = rove__column_value(statement, fields + 2);
    stored->pending = sqlite3_column_int64(statement, fields + 1);
    status = read_clock(&stored->clock, &clock, arena, error);
    if (status == ROVE_OK && unknown.type == ROVE_BLOB && unknown.size > 0) {
        status = copy_value(&unknown, arena);
        if (status == ROVE_OK) {
            status = read_extra(&stored->row, &unknown, arena);
        }
    }
    return status;
}

static rove_status not_there(const rove__entity *entity, rove_id id, rove_error *error) {
    return rove__error_set(error, ROVE_NOT_FOUND, "There is no %s with the id %lld.", entity->table,
                           (long long)id);
}

rove_status rove__table_get(rove__store *store, const rove__entity *entity, rove_id id,
                            rove__arena *arena, rove__stored *stored, rove_error *error) {
    sqlite3_stmt *statement = NULL;

    memset(stored, 0, sizeof *stored);
    rove_status status =
        rove__store_entity_statement(store, entity, ROVE_ENTITY_SQL_GET, &statement, error);

    if (status != ROVE_OK) {
        return status;
    }
    sqlite3_bind_int64(statement, 1, id);
    int code = sqlite3_step(statement);
    if (code == SQLITE_ROW) {
        status = rove__table_read(statement, entity, id, arena, stored, error);
    } else if (code == SQLITE_DONE) {
        status = not_there(entity, id, error);
    } else {
        status = rove__sqlite_status(store->db, code, error, "Reading a row");
    }
    sqlite3_reset(statement);
    return status;
}

static rove_status peek_row(sqlite3_stmt *statement, const rove__entity *entity, size_t ordinal,
                            rove__arena *arena, rove__stored *stored, rove_error *error) {
    rove_value value = rove__column_value(statement, 0);
    rove_value clock = rove__column_value(statement, 2);

    if (entity->seal_field >= 0) {
        rove__row_set(&stored->row, (size_t)entity->seal_field, rove__column_value(statement, 1));
    }
    rove_status status = copy_value(&value, arena);
    rove__row_set(&stored->row, ordinal, value);
    stored->pending = sqlite3_column_int64(statement, 3);
    return status == ROVE_OK ? read_clock(&stored->clock, &clock, arena, error) : status;
}

rove_status rove__table_peek(rove__store *store, const rove__entity *entity, rove_id id,
                             size_t ordinal, rove__arena *arena, rove__stored *stored,
                             rove_error *error) {
    sqlite3_stmt *statement = NULL;

    memset(stored, 0, sizeof *stored);
    rove_status status = rove__row_init(&stored->row, entity, id, arena);
    if (status == ROVE_OK) {
        status = rove__store_peek_statement(store, entity, ordinal, &statement, error);
    }
    if (status != ROVE_OK) {
        return status;
    }
    sqlite3_bind_int64(statement, 1, id);
    int code = sqlite3_step(statement);
    if (code == SQLITE_ROW) {
        status = peek_row(statement, entity, ordinal, arena, stored, error);
    } else if (code == SQLITE_DONE) {
        status = not_there(entity, id, error);
    } else {
        status = rove__sqlite_status(store->db, code, error, "Reading a row");
    }
    sqlite3_reset(statement);
    return status;
}

/* ---- sets ---- */

static int has_sets(const rove__entity *entity) {
    for (size_t i = 0; i < entity->field_count; i++) {
        if (entity->fields[i].kind == ROVE_KIND_SET) {
            return 1;
        }
    }
    return 0;
}

static rove_status change_elements(rove__store *store, const rove__row *row, size_t ordinal,
                                   const rove__set *set, const rove__set *other,
                                   rove__element_sql which, rove_error *error) {
    rove_status status = ROVE_OK;

    for (size_t i = 0; i < set->count && status == ROVE_OK; i++) {
        sqlite3_stmt *statement = NULL;
        int found = 0;
        (void)rove__set_find(other, &set->elements[i].value, &found);
        if (found) {
            continue;
        }
        status =
            rove__store_element_statement(store, row->entity, ordinal, which, &statement, error);
        if (status == ROVE_OK) {
            rove__bind_value(statement, 1, &set->elements[i].value);
            sqlite3_bind_int64(statement, 2, row->id);
            status = rove__store_run(store, statement, error, "Writing an element of a set");
        }
    }
    return status;
}

rove_status rove__table_put_set(rove__store *store, const rove__row *row, size_t ordinal,
                                const rove_value *before, const rove_value *after,
                                rove_error *error) {
    rove__set old;
    rove__set new;

    if (before->type == ROVE_NULL && after->type == ROVE_NULL) {
        return ROVE_OK;
    }
    rove_status status = rove__set_read(&old, before, ROVE_SET_VERSIONED, &store->row_arena);
    if (status == ROVE_OK) {
        status = rove__set_read(&new, after, ROVE_SET_VERSIONED, &store->row_arena);
    }
    if (status == ROVE_OK) {
        status = change_elements(store, row, ordinal, &old, &new, ROVE_ELEMENT_SQL_DROP, error);
    }
    if (status == ROVE_OK) {
        status = change_elements(store, row, ordinal, &new, &old, ROVE_ELEMENT_SQL_PUT, error);
    }
    return status;
}

/* From the row that is there (may not be) to `row`, or to none. */
static rove_status put_sets(rove__store *store, const rove__entity *entity, rove_id id,
                            const rove__row *row, int fresh, rove_error *error) {
    const rove_value nothing = rove__value_null();
    rove__stored old;
    rove_status status = ROVE_NOT_FOUND;

    if (!has_sets(entity)) {
        return ROVE_OK;
    }
    if (!fresh) {
        status = rove__table_get(store, entity, id, &store->row_arena, &old, NULL);
        if (status != ROVE_OK && status != ROVE_NOT_FOUND) {
            return rove__error_set(error, status, "Reading a row's sets failed.");
        }
    }
    int there = status == ROVE_OK;
    if (!there && row == NULL) {
        return ROVE_OK;
    }
    const rove__row *named = row != NULL ? row : &old.row;
    status = ROVE_OK;
    for (size_t i = 0; i < named->cell_count && status == ROVE_OK; i++) {
        if (entity->fields[i].kind == ROVE_KIND_SET) {
            status = rove__table_put_set(store, named, i, there ? &old.row.cells[i] : &nothing,
                                         row != NULL ? &row->cells[i] : &nothing, error);
        }
    }
    return status;
}

/* ---- writing ---- */

/* The clock and the unknown fields, one behind the other in the handle's scratch buffer. */
static rove_status encode_tail(rove__store *store, const rove__stored *stored, size_t *clock_size) {
    rove__buf *scratch = &store->scratch;

    rove__buf_reset(scratch);
    rove__clock_write(scratch, &stored->clock, 0);
    *clock_size = scratch->size;
    for (size_t i = 0; i < stored->row.extra_count; i++) {
        rove__buf_varint(scratch, stored->row.extra[i].number);
        rove__value_write(scratch, &stored->row.extra[i].value);
    }
    return rove__buf_status(scratch);
}

rove_status rove__table_put(rove__store *store, const rove__stored *stored, int fresh,
                            rove_error *error) {
    const rove__entity *entity = stored->row.entity;
    sqlite3_stmt *statement = NULL;
    size_t clock_size = 0;
    int tail = (int)entity->field_count + 2;

    rove__row row = stored->row;
    rove_status status = rove__derive(&row, &store->row_arena);
    if (status == ROVE_OK && !fresh) {
        status = put_sets(store, entity, row.id, &row, 0, error);
    }
    if (status == ROVE_OK) {
        status = rove__store_entity_statement(
            store, entity, fresh ? ROVE_ENTITY_SQL_INSERT : ROVE_ENTITY_SQL_REPLACE, &statement,
            error);
    }
    if (status == ROVE_OK) {
        status = encode_tail(store, stored, &clock_size);
    }
    if (status != ROVE_OK) {
        return status;
    }
    sqlite3_bind_int64(statement, 1, row.id);
    for (size_t i = 0; i < row.cell_count; i++) {
        if (row.cells[i].type != ROVE_NULL) {
            rove__bind_value(statement, (int)i + 2, &row.cells[i]);
        }
    }
    const uint8_t *bytes = store->scratch.data;
    sqlite3_bind_blob(statement, tail, bytes, (int)clock_size, SQLITE_STATIC);
    if (stored->pending != 0) {
        sqlite3_bind_int64(statement, tail + 1, stored->pending);
    }
    if (store->scratch.size > clock_size) {
        sqlite3_bind_blob(statement, tail + 2, bytes + clock_size,
                          (int)(store->scratch.size - clock_size), SQLITE_STATIC);
    }
    status = rove__store_run(store, statement, error, "Writing a row");
    /* Only now: a row that is there already keeps its elements. */
    if (status == ROVE_OK && fresh) {
        status = put_sets(store, entity, row.id, &row, 1, error);
    }
    return status;
}

rove_status rove__table_drop(rove__store *store, const rove__entity *entity, rove_id id,
                             rove_error *error) {
    sqlite3_stmt *statement = NULL;
    rove_status status = put_sets(store, entity, id, NULL, 0, error);

    if (status == ROVE_OK) {
        status =
            rove__store_entity_statement(store, entity, ROVE_ENTITY_SQL_DELETE, &statement, error);
    }
    if (status == ROVE_OK) {
        sqlite3_bind_int64(statement, 1, id);
        status = rove__store_run(store, statement, error, "Removing a row");
    }
    return status;
}
