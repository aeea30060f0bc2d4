/*
 * store/sqlite/text.c - the SQL of statements on an entity's table. Names come from the registry alone, values are
 * always bound.
 */
#include <string.h>

#include "base/assert.h"
#include "store/sqlite/lite.h"

#define BOOK_COLUMNS "id, _root, _part, _clock, _whole, _author, _review, _unknown"

void rove__lite_put(rove__buf *sql, const char *text) {
    rove__buf_append(sql, text, strlen(text));
}

void rove__lite_put_name(rove__buf *sql, const char *name, const char *suffix) {
    rove__lite_put(sql, "\"");
    rove__lite_put(sql, name);
    if (suffix != NULL) {
        rove__lite_put(sql, "_");
        rove__lite_put(sql, suffix);
    }
    rove__lite_put(sql, "\"");
}

size_t rove__lite_built_in(const rove__entity *entity) {
    size_t count = entity->field_count;

    while (count > 0 && (entity->fields[count - 1].flags & ROVE_FIELD_CUSTOM) != 0) {
        count--;
    }
    return count;
}

static void put_columns(rove__buf *sql, const rove__entity *entity, size_t columns) {
    rove__lite_put(sql, BOOK_COLUMNS);
    for (size_t i = 0; i < columns; i++) {
        rove__lite_put(sql, ", ");
        rove__lite_put_name(sql, entity->fields[i].name, NULL);
    }
}

static void put_upsert(rove__buf *sql, const rove__entity *entity, size_t columns) {
    rove__lite_put(sql, "INSERT INTO ");
    rove__lite_put_name(sql, entity->table, NULL);
    rove__lite_put(sql, "(");
    put_columns(sql, entity, columns);
    rove__lite_put(sql, ") VALUES(?");
    for (size_t i = 1; i < columns + ROVE_LITE_COLUMN_FIELDS; i++) {
        rove__lite_put(sql, ", ?");
    }
    rove__lite_put(sql, ") ON CONFLICT(id) DO UPDATE SET _root = excluded._root,"
                        " _part = excluded._part, _clock = excluded._clock,"
                        " _whole = excluded._whole, _author = excluded._author,"
                        " _review = excluded._review, _unknown = excluded._unknown");
    for (size_t i = 0; i < columns; i++) {
        rove__lite_put(sql, ", ");
        rove__lite_put_name(sql, entity->fields[i].name, NULL);
        rove__lite_put(sql, " = excluded.");
        rove__lite_put_name(sql, entity->fields[i].name, NULL);
    }
}

static void put_select(rove__buf *sql, const rove__entity *entity, size_t columns) {
    rove__lite_put(sql, "SELECT ");
    put_columns(sql, entity, columns);
    rove__lite_put(sql, " FROM ");
    rove__lite_put_name(sql, entity->table, NULL);
}

/* What follows SELECT ... FROM table. */
static void put_condition(rove__buf *sql, const rove__entity *entity, rove__lite_kind kind,
                          const char *field) {
    switch (kind) {
    case ROVE_LITE_GET:
        rove__lite_put(sql, " WHERE id = ?1");
        return;
    case ROVE_LITE_SCAN_PART:
        rove__lite_put(sql, " WHERE _root = ?1 AND _part = ?2 AND id > ?3");
        break;
    case ROVE_LITE_SCAN_ROOT:
        /* Sorts ids, not rows. */
        rove__lite_put(sql, " WHERE id IN (SELECT id FROM ");
        rove__lite_put_name(sql, entity->table, NULL);
        rove__lite_put(sql, " WHERE _root = ?1 AND id > ?2)");
        break;
    case ROVE_LITE_FIND:
        rove__lite_put(sql, " WHERE ");
        rove__lite_put_name(sql, field, NULL);
        rove__lite_put(sql, " = ?1");
        break;
    case ROVE_LITE_FIND_NULL:
        rove__lite_put(sql, " WHERE ");
        rove__lite_put_name(sql, field, NULL);
        rove__lite_put(sql, " IS NULL");
        break;
    case ROVE_LITE_FIND_ELEMENT:
        rove__lite_put(sql, " WHERE id IN (SELECT id FROM ");
        rove__lite_put_name(sql, entity->table, field);
        rove__lite_put(sql, " WHERE element = ?1)");
        break;
    case ROVE_LITE_PAGE:
        rove__lite_put(sql, " WHERE id > ?1");
        break;
    case ROVE_LITE_PAGE_FIND:
        rove__lite_put(sql, " WHERE id > ?1 AND ");
        rove__lite_put_name(sql, field, NULL);
        rove__lite_put(sql, " = ?2");
        break;
    default:
        break;
    }
    rove__lite_put(sql, " ORDER BY id");
}

/* Statements of an index table, or of ids alone. */
static void put_narrow(rove__buf *sql, const rove__entity *entity, rove__lite_kind kind,
                       const char *field) {
    switch (kind) {
    case ROVE_LITE_DROP:
        rove__lite_put(sql, "DELETE FROM ");
        rove__lite_put_name(sql, entity->table, NULL);
        rove__lite_put(sql, " WHERE id = ?1");
        break;
    case ROVE_LITE_IDS_PART:
        rove__lite_put(sql, "SELECT id FROM ");
        rove__lite_put_name(sql, entity->table, NULL);
        rove__lite_put(sql, " WHERE _root = ?1 AND _part = ?2");
        break;
    case ROVE_LITE_IDS_ROOT:
        rove__lite_put(sql, "SELECT id FROM ");
        rove__lite_put_name(sql, entity->table, NULL);
        rove__lite_put(sql, " WHERE _root = ?1");
        break;
    case ROVE_LITE_REFER:
        rove__lite_put(sql, "SELECT id FROM ");
        rove__lite_put_name(sql, entity->table, NULL);
        rove__lite_put(sql, " WHERE ");
        rove__lite_put_name(sql, field, NULL);
        rove__lite_put(sql, " = ?1 ORDER BY id");
        break;
    case ROVE_LITE_REFER_ELEMENT:
        rove__lite_put(sql, "SELECT id FROM ");
        rove__lite_put_name(sql, entity->table, field);
        rove__lite_put(sql, " WHERE element = ?1 ORDER BY id");
        break;
    case ROVE_LITE_COUNT:
        rove__lite_put(sql, "SELECT count(*) FROM ");
        rove__lite_put_name(sql, entity->table, NULL);
        break;
    case ROVE_LITE_UNKNOWN:
        rove__lite_put(sql, "SELECT id FROM ");
        rove__lite_put_name(sql, entity->table, NULL);
        rove__lite_put(sql, " WHERE _unknown IS NOT NULL");
        break;
    case ROVE_LITE_SET_GET:
        rove__lite_put(sql, "SELECT ");
        rove__lite_put_name(sql, field, NULL);
        rove__lite_put(sql, " FROM ");
        rove__lite_put_name(sql, entity->table, NULL);
        rove__lite_put(sql, " WHERE id = ?1");
        break;
    case ROVE_LITE_ELEMENT_PUT:
        rove__lite_put(sql, "INSERT OR IGNORE INTO ");
        rove__lite_put_name(sql, entity->table, field);
        rove__lite_put(sql, "(element, id) VALUES(?1, ?2)");
        break;
    case ROVE_LITE_ELEMENT_DROP:
        rove__lite_put(sql, "DELETE FROM ");
        rove__lite_put_name(sql, entity->table, field);
        rove__lite_put(sql, " WHERE element = ?1 AND id = ?2");
        break;
    default:
        ROVE_ASSERT(0);
        break;
    }
}

void rove__lite_put_kind(rove__buf *sql, const rove__entity *entity, rove__lite_kind kind,
                         size_t ordinal, size_t columns) {
    const char *field = ordinal < entity->field_count ? entity->fields[ordinal].name : "";

    switch (kind) {
    case ROVE_LITE_GET:
    case ROVE_LITE_SCAN_PART:
    case ROVE_LITE_SCAN_ROOT:
    case ROVE_LITE_ALL:
    case ROVE_LITE_FIND:
    case ROVE_LITE_FIND_NULL:
    case ROVE_LITE_FIND_ELEMENT:
    case ROVE_LITE_PAGE:
    case ROVE_LITE_PAGE_FIND:
        put_select(sql, entity, columns);
        put_condition(sql, entity, kind, field);
        break;
    case ROVE_LITE_PUT:
        put_upsert(sql, entity, columns);
        break;
    default:
        put_narrow(sql, entity, kind, field);
        break;
    }
}
