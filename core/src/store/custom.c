/*
 * store/custom.c - fields that become known: definitions of custom fields that arrive as rows of CustomField, and
 * fields that a newer build brings.
 *
 * Until a field is known its values are kept raw in the row's _unknown column; then they move into the new
 * column. Their digest stays as it is, because a term does not say where a value is kept. A definition that
 * cannot be used (a name that is taken, a limit that is impossible) is left out and logged; its values
 * stay raw.
 */
#include <string.h>

#include "base/assert.h"
#include "base/log.h"
#include "base/text.h"
#include "model/set.h"
#include "rules/rules.h"
#include "store/exchange.h"

static int64_t number_of(const rove__row *row, const char *name, int64_t otherwise) {
    int ordinal = rove__entity_field_named(row->entity, name);
    return ordinal >= 0 && row->cells[ordinal].type == ROVE_INT ? row->cells[ordinal].as.integer
                                                                : otherwise;
}

/* CustomField.Type to the type of a column; ROVE_NULL for none. */
static rove_type type_of(int64_t type) {
    switch (type) {
    case 1:
        return ROVE_INT;
    case 2:
        return ROVE_REAL;
    case 3:
        return ROVE_TEXT;
    default:
        return ROVE_NULL;
    }
}

/* Fills in a definition; 0: the row is none. */
static int read_definition(const rove__row *row, rove__custom *custom,
                           char name[ROVE_NAME_MAX + 1]) {
    int ordinal = rove__entity_field_named(row->entity, "name");
    const rove_value *text = ordinal >= 0 ? &row->cells[ordinal] : NULL;

    if (text == NULL || text->type != ROVE_TEXT || text->size > ROVE_NAME_MAX) {
        return 0;
    }
    memcpy(name, text->as.data, text->size);
    name[text->size] = '\0';
    memset(custom, 0, sizeof *custom);
    custom->entity = (uint32_t)number_of(row, "entity", 0);
    custom->number = (uint32_t)number_of(row, "number", 0);
    custom->name = name;
    custom->type = type_of(number_of(row, "type", 0));
    custom->min = number_of(row, "min", custom->type == ROVE_TEXT ? 0 : INT64_MIN);
    custom->max = number_of(row, "max", custom->type == ROVE_TEXT ? ROVE_VALUE_MAX : INT64_MAX);
    custom->flags = (unsigned)number_of(row, "flags", 0);
    return 1;
}

/* ---- raw values move into their columns ---- */

/* Raised when more of them move than before: each replica is looked through again, once. */
#define MOVE_VERSION 1

/* Whether a raw value is headquarters' form of such a set: one of a field that a newer build knows came like that. */
static int is_set_of(const rove_value *value, rove_type type) {
    rove__set_cursor cursor;
    rove__element element;
    int alike = 1;

    rove__set_open(&cursor, value, ROVE_SET_VERSIONED);
    while (rove__set_next(&cursor, &element)) {
        alike &= element.value.type == type;
    }
    return rove__set_done(&cursor) == ROVE_OK && cursor.form == ROVE_SET_VERSIONED && alike;
}

/* Only as it is: another type would be another term of the digest than headquarters'. */
static int moves(const rove__field *field, const rove_value *value) {
    return field->kind == ROVE_KIND_SET ? is_set_of(value, field->element)
                                        : value->type == field->type;
}

static rove_status settle_row(rove__store *store, const rove__entity *entity, rove_id id,
                              int always, rove_error *error) {
    rove__arena *arena = &store->exchange->row;
    rove__stored stored;
    size_t kept = 0;

    rove__arena_reset(arena);
    rove__arena_reset(&store->row_arena);
    rove_status status = rove__table_get(store, entity, id, arena, &stored, error);
    if (status != ROVE_OK) {
        return status;
    }
    size_t count = stored.row.extra_count;
    for (size_t i = 0; i < count; i++) {
        const rove__extra *extra = &stored.row.extra[i];
        int ordinal = rove__row_field(&stored.row, extra->number);
        if (ordinal >= 0 && moves(&entity->fields[ordinal], &extra->value)) {
            stored.row.cells[ordinal] = extra->value;
        } else {
            stored.row.extra[kept++] = *extra;
        }
    }
    stored.row.extra_count = kept;
    return always || kept < count ? rove__table_put(store, &stored, 0, error) : ROVE_OK;
}

/*
 * Those with raw values, or all: they are written in any case, and get what they derive. The rows are listed first: a
 * table must not change under its own scan.
 */
static rove_status settle_entity(rove__store *store, const rove__entity *entity, int all,
                                 rove_error *error) {
    rove__arena *arena = &store->exchange->arena;
    sqlite3_stmt *statement = NULL;
    rove_id *ids = NULL;
    size_t count = 0;
    size_t capacity = 0;
    int more = 0;

    rove_status status = rove__extent_statement(
        store, entity, all ? ROVE_EXTENT_ALL : ROVE_EXTENT_RAW, &statement, error);
    if (status == ROVE_OK) {
        status = rove__exchange_step(store, statement, &more, error);
    }
    while (status == ROVE_OK && more) {
        ids = rove__arena_grown(arena, ids, count, &capacity, sizeof *ids);
        if (ids == NULL) {
            sqlite3_reset(statement);
            return ROVE_NOMEM;
        }
        ids[count++] = sqlite3_column_int64(statement, 0);
        status = rove__exchange_step(store, statement, &more, error);
    }
    for (size_t i = 0; i < count && status == ROVE_OK; i++) {
        status = settle_row(store, entity, ids[i], all, error);
    }
    return status;
}

/* ---- definitions ---- */

/* *widened: the entity that gained a column, NULL if none did. */
static rove_status define(rove__store *store, rove_id id, const rove__entity **widened,
                          rove_error *error) {
    const rove__entity *definitions = rove__registry_by_name(store->registry, "CustomField");
    char name[ROVE_NAME_MAX + 1];
    rove__stored stored;
    rove__custom custom;
    rove_error why;

    *widened = NULL;
    rove__arena_reset(&store->exchange->row);
    rove_status status =
        rove__table_get(store, definitions, id, &store->exchange->row, &stored, error);
    if (status != ROVE_OK || !read_definition(&stored.row, &custom, name)) {
        return status;
    }
    const rove__entity *entity = rove__registry_by_number(store->registry, custom.entity);
    size_t before = entity != NULL ? entity->field_count : 0;
    status = rove__registry_add_custom(store->registry, &custom, &why);
    if (status == ROVE_NOMEM) {
        return status;
    }
    if (status != ROVE_OK) {
        rove__log(store->ports.log, ROVE_LOG_WARN, "store", "custom field %lld is left out: %s",
                  (long long)id, why.message);
        return ROVE_OK;
    }
    ROVE_ASSERT(entity != NULL);
    *widened = entity->field_count > before ? entity : NULL;
    store->widened |= *widened != NULL;
    return ROVE_OK;
}

static rove_status define_all(rove__store *store, rove__bits *widened, rove_error *error) {
    const rove__entity *definitions = rove__registry_by_name(store->registry, "CustomField");
    sqlite3_stmt *statement = NULL;
    int more = 0;

    rove_status status =
        rove__extent_statement(store, definitions, ROVE_EXTENT_ALL, &statement, error);
    if (status == ROVE_OK) {
        status = rove__exchange_step(store, statement, &more, error);
    }
    while (status == ROVE_OK && more) {
        const rove__entity *entity = NULL;
        status = define(store, sqlite3_column_int64(statement, 0), &entity, error);
        for (size_t i = 0; entity != NULL && i < rove__registry_count(store->registry); i++) {
            if (rove__registry_at(store->registry, i) == entity) {
                rove__bits_set(widened, i);
            }
        }
        if (status == ROVE_OK) {
            status = rove__exchange_step(store, statement, &more, error);
        }
    }
    sqlite3_reset(statement);
    return status;
}

/* Makes the columns of the entities marked, or of all. */
static rove_status widen(rove__store *store, const rove__bits *marked, rove_error *error) {
    rove_status status = ROVE_OK;

    rove__store_finalize(store);
    for (size_t i = 0; i < rove__registry_count(store->registry) && status == ROVE_OK; i++) {
        if (marked == NULL || rove__bits_get(marked, i)) {
            status = rove__schema_widen(store->db, rove__registry_at(store->registry, i),
                                        store->ports.allocator, error);
        }
    }
    return status;
}

static rove_status settle_marked(rove__store *store, const rove__bits *marked, rove_error *error) {
    rove_status status = ROVE_OK;

    for (size_t i = 0; i < rove__registry_count(store->registry) && status == ROVE_OK; i++) {
        if (rove__bits_get(marked, i)) {
            status = settle_entity(store, rove__registry_at(store->registry, i), 0, error);
        }
    }
    return status;
}

static int any_marked(const rove__bits *marked) {
    static const rove__bits none;
    return memcmp(marked, &none, sizeof none) != 0;
}

rove_status rove__custom_apply(rove__apply *apply) {
    rove__bits widened;

    memset(&widened, apply->store->unsettled ? 0xff : 0, sizeof widened);
    rove_status status = define_all(apply->store, &widened, apply->error);
    if (status != ROVE_OK || !any_marked(&widened)) {
        return status;
    }
    status = widen(apply->store, &widened, apply->error);
    return status == ROVE_OK ? settle_marked(apply->store, &widened, apply->error) : status;
}

void rove__custom_recover(rove__store *store) {
    rove__store_finalize(store); /* what was prepared may know other columns than the registry */
    int code = sqlite3_exec(store->db, "BEGIN IMMEDIATE", NULL, NULL, NULL);
    rove_status status = rove__sqlite_status(store->db, code, NULL, "");

    if (status == ROVE_OK) {
        status = widen(store, NULL, NULL);
    }
    if (status == ROVE_OK) {
        code = sqlite3_exec(store->db, "COMMIT", NULL, NULL, NULL);
        status = rove__sqlite_status(store->db, code, NULL, "");
    }
    if (!sqlite3_get_autocommit(store->db)) {
        sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
    }
    if (status != ROVE_OK && status != store->columns_missing) {
        rove__log(store->ports.log, ROVE_LOG_ERROR, "store",
                  "columns of custom fields are missing: %s", rove_status_name(status));
    }
    store->columns_missing = status;
}

/* ---- when the replica is opened ---- */

/* A newer build may know fields and entities that the older one kept raw, and derive what that did not. */
static rove_status settle_upgrade(rove__apply *apply) {
    const rove__registry *registry = apply->store->registry;
    const int64_t build = (int64_t)MOVE_VERSION << 48 | (int64_t)ROVE_SCHEMA_VERSION << 16 |
                          (int64_t)ROVE_DERIVE_VERSION;
    int64_t settled = 0;

    rove_status status =
        rove__meta_get_int(apply->store, ROVE_META_SETTLED, &settled, apply->error);
    if (status != ROVE_OK || settled == build) {
        return status;
    }
    for (size_t i = 0; i < rove__registry_count(registry) && status == ROVE_OK; i++) {
        const rove__entity *entity = rove__registry_at(registry, i);
        status = settle_entity(apply->store, entity, rove__derives(entity), apply->error);
    }
    if (status == ROVE_OK) {
        status = rove__unknown_try(apply);
    }
    if (status == ROVE_OK) {
        status = rove__quarantine_try(apply);
    }
    return status == ROVE_OK
               ? rove__meta_put_int(apply->store, ROVE_META_SETTLED, build, apply->error)
               : status;
}

rove_status rove__custom_open(rove__store *store, rove_error *error) {
    rove__apply apply;

    rove_status status = rove__store_enter(store, error);
    if (status != ROVE_OK) {
        return status;
    }
    status = rove__apply_begin(&apply, store, error);
    if (status == ROVE_OK) {
        status = rove__custom_apply(&apply);
    }
    if (status == ROVE_OK) {
        status = settle_upgrade(&apply);
    }
    if (status == ROVE_OK) {
        status = rove__apply_end(&apply);
    }
    return rove__store_leave(store, status, error);
}
