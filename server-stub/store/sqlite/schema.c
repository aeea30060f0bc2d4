/*
 * store/sqlite/schema.c - makes headquarters' tables, and widens those of the entities, from the registry.
 *
 * An entity's table holds its live rows: a column per field, and what headquarters knows besides. Dead rows are apart
 * in _tombstone, packed, so that a report in plain SQL never meets one. A set has an index table
 * <table>_<field>(element, id) beside its column. Everything else is in tables that begin with _.
 *
 * All happens in the caller's transaction, so that a failed upgrade leaves the old database. Tables and columns are
 * only ever added. Where a field becomes known whose values had been kept as unknown, they move to its column.
 */
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/text.h"
#include "store/sqlite/lite.h"

#define APPLICATION_ID 0x526f4871 /* "RoHq" */
#define TABLES_VERSION 1
#define SQL_MAX        65536
#define ROW_ARENA_MAX  ((size_t)16 * 1024 * 1024)

/* clang-format off */
static const char *const tables_beside[] = {
    "CREATE TABLE IF NOT EXISTS _head(one INTEGER PRIMARY KEY CHECK(one = 1), schema INTEGER NOT NULL,"
    " timeline INTEGER NOT NULL, seq INTEGER NOT NULL, stamp INTEGER NOT NULL,"
    " replica INTEGER NOT NULL, counter INTEGER NOT NULL, digest_key BLOB NOT NULL,"
    " safe INTEGER NOT NULL, assigned INTEGER NOT NULL, purged INTEGER NOT NULL DEFAULT 0) STRICT",
    "INSERT OR IGNORE INTO _head(one, schema, timeline, seq, stamp, replica, counter, digest_key,"
    " safe, assigned) VALUES(1, 0, 0, 0, 0, 0, 0, zeroblob(16), 0, 0)",
    "CREATE TABLE IF NOT EXISTS _timeline(timeline INTEGER PRIMARY KEY, parent INTEGER NOT NULL,"
    " parted INTEGER NOT NULL) STRICT",
    "CREATE TABLE IF NOT EXISTS _commit(seq INTEGER PRIMARY KEY, stamp INTEGER NOT NULL,"
    " replica INTEGER NOT NULL, user INTEGER NOT NULL, operator TEXT NOT NULL, act TEXT NOT NULL)"
    " STRICT",
    "CREATE TABLE IF NOT EXISTS _device(replica INTEGER PRIMARY KEY, user INTEGER NOT NULL,"
    " status INTEGER NOT NULL, former INTEGER NOT NULL, last_batch INTEGER NOT NULL,"
    " chain BLOB NOT NULL, confirmed INTEGER NOT NULL, last_stamp INTEGER NOT NULL,"
    " enrolled_ms INTEGER NOT NULL, certificate_until_ms INTEGER NOT NULL, key_hash BLOB NOT NULL,"
    " contact_ms INTEGER NOT NULL, wall_offset_ms INTEGER NOT NULL, cursor INTEGER NOT NULL,"
    " schema INTEGER NOT NULL, asked INTEGER NOT NULL, app TEXT NOT NULL,"
    " unheard INTEGER NOT NULL DEFAULT 0) STRICT",
    "CREATE INDEX IF NOT EXISTS _device_by_user ON _device(user)",
    "CREATE TABLE IF NOT EXISTS _batch(replica INTEGER NOT NULL, number INTEGER NOT NULL,"
    " hash BLOB NOT NULL, chain BLOB NOT NULL, seq INTEGER NOT NULL, answer BLOB, rows BLOB,"
    " UNIQUE (replica, number)) STRICT",
    "CREATE INDEX IF NOT EXISTS _batch_unconfirmed ON _batch(replica, number)"
    " WHERE answer IS NOT NULL",
    "CREATE TABLE IF NOT EXISTS _stray(replica INTEGER NOT NULL, hash BLOB NOT NULL,"
    " PRIMARY KEY (replica, hash)) WITHOUT ROWID, STRICT",
    "CREATE TABLE IF NOT EXISTS _tombstone(entity INTEGER NOT NULL, id INTEGER NOT NULL,"
    " seq INTEGER NOT NULL, root INTEGER NOT NULL, part INTEGER NOT NULL, clock BLOB NOT NULL,"
    " whole INTEGER NOT NULL, author INTEGER NOT NULL, review INTEGER NOT NULL, row BLOB NOT NULL,"
    " UNIQUE (entity, id)) STRICT",
    "CREATE INDEX IF NOT EXISTS _tombstone_by_seq ON _tombstone(seq) WHERE clock <> x''",
    "CREATE TABLE IF NOT EXISTS _origin(stamp INTEGER NOT NULL, replica INTEGER NOT NULL,"
    " entity INTEGER NOT NULL, id INTEGER NOT NULL, PRIMARY KEY (stamp, replica))"
    " WITHOUT ROWID, STRICT",
    /* `former` is the id that the record came with. Never purged: it is small, and what was signed is kept for good. */
    "CREATE TABLE IF NOT EXISTS _renamed(entity INTEGER NOT NULL, id INTEGER NOT NULL,"
    " stamp INTEGER NOT NULL, replica INTEGER NOT NULL, former INTEGER NOT NULL,"
    " PRIMARY KEY (stamp, replica, entity, id, former)) WITHOUT ROWID, STRICT",
    "CREATE INDEX IF NOT EXISTS _renamed_by_id ON _renamed(entity, id)",
    "CREATE TABLE IF NOT EXISTS _feed(seq INTEGER NOT NULL, ordinal INTEGER NOT NULL,"
    " entity INTEGER NOT NULL, id INTEGER NOT NULL, PRIMARY KEY (seq, ordinal)) WITHOUT ROWID, STRICT",
    "CREATE TABLE IF NOT EXISTS _mark(seq INTEGER NOT NULL, entity INTEGER NOT NULL,"
    " id INTEGER NOT NULL, root INTEGER NOT NULL, part INTEGER NOT NULL,"
    " PRIMARY KEY (seq, entity, id, root, part)) WITHOUT ROWID, STRICT",
    "CREATE INDEX IF NOT EXISTS _mark_by_row ON _mark(entity, id, seq)",
    "CREATE TABLE IF NOT EXISTS _grant(user INTEGER NOT NULL, root INTEGER NOT NULL,"
    " from_seq INTEGER NOT NULL, to_seq INTEGER NOT NULL, part_from INTEGER NOT NULL,"
    " part_to INTEGER NOT NULL, author INTEGER NOT NULL, PRIMARY KEY (user, root, from_seq))"
    " WITHOUT ROWID, STRICT",
    "CREATE INDEX IF NOT EXISTS _grant_by_root ON _grant(root)",
    "CREATE TABLE IF NOT EXISTS _entailment(via INTEGER NOT NULL, holder INTEGER NOT NULL,"
    " entailed INTEGER NOT NULL, from_seq INTEGER NOT NULL, to_seq INTEGER NOT NULL,"
    " PRIMARY KEY (via, holder, entailed, from_seq)) WITHOUT ROWID, STRICT",
    /* With the key's columns behind them these are in the order of scans; the former ones were not. */
    "DROP INDEX IF EXISTS _entailment_by_holder",
    "DROP INDEX IF EXISTS _entailment_by_entailed",
    "CREATE INDEX IF NOT EXISTS _entailment_of_holder ON _entailment(holder, entailed)",
    "CREATE INDEX IF NOT EXISTS _entailment_of_entailed ON _entailment(entailed, holder)",
    "CREATE TABLE IF NOT EXISTS _history(number INTEGER PRIMARY KEY, seq INTEGER NOT NULL,"
    " entity INTEGER NOT NULL, id INTEGER NOT NULL, replica INTEGER NOT NULL, user INTEGER NOT NULL,"
    " change BLOB NOT NULL) STRICT",
    "CREATE INDEX IF NOT EXISTS _history_by_row ON _history(entity, id, seq)",
    "CREATE TABLE IF NOT EXISTS _review_queue(number INTEGER PRIMARY KEY AUTOINCREMENT,"
    " seq INTEGER NOT NULL, entity INTEGER NOT NULL, id INTEGER NOT NULL, replica INTEGER NOT NULL,"
    " user INTEGER NOT NULL, reason TEXT NOT NULL, state INTEGER NOT NULL, change BLOB NOT NULL)"
    " STRICT",
    "CREATE INDEX IF NOT EXISTS _review_queue_by_state ON _review_queue(state)",
    "CREATE INDEX IF NOT EXISTS _review_queue_open ON _review_queue(user, state) WHERE state = 0",
    "CREATE TABLE IF NOT EXISTS _parked(number INTEGER PRIMARY KEY AUTOINCREMENT,"
    " origin_stamp INTEGER NOT NULL, origin_replica INTEGER NOT NULL, replica INTEGER NOT NULL,"
    " user INTEGER NOT NULL, stamp INTEGER NOT NULL, change BLOB NOT NULL) STRICT",
    "CREATE INDEX IF NOT EXISTS _parked_by_origin ON _parked(origin_stamp, origin_replica)",
    "CREATE INDEX IF NOT EXISTS _parked_by_user ON _parked(user)",
    "CREATE TABLE IF NOT EXISTS _sum(root INTEGER NOT NULL, part INTEGER NOT NULL,"
    " sum BLOB NOT NULL, rows INTEGER NOT NULL, PRIMARY KEY (root, part)) WITHOUT ROWID, STRICT",
    "CREATE TABLE IF NOT EXISTS _code(hash BLOB PRIMARY KEY, user INTEGER NOT NULL,"
    " made_ms INTEGER NOT NULL, until_ms INTEGER NOT NULL, tries_left INTEGER NOT NULL,"
    " used_ms INTEGER NOT NULL, replica INTEGER NOT NULL) WITHOUT ROWID, STRICT",
    "CREATE TABLE IF NOT EXISTS _act(number INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL,"
    " operator TEXT NOT NULL, act TEXT NOT NULL, detail TEXT NOT NULL, seq INTEGER NOT NULL) STRICT",
    "CREATE TABLE IF NOT EXISTS _plan(number INTEGER PRIMARY KEY AUTOINCREMENT,"
    " made_ms INTEGER NOT NULL, due_ms INTEGER NOT NULL, ended_ms INTEGER NOT NULL,"
    " operator TEXT NOT NULL, words BLOB NOT NULL, state INTEGER NOT NULL,"
    " detail TEXT NOT NULL) STRICT",
    "CREATE TABLE IF NOT EXISTS _setting(key TEXT PRIMARY KEY, value BLOB NOT NULL)"
    " WITHOUT ROWID, STRICT",
};
/* clang-format on */

/* Runs the text built so far and empties the buffer. */
static rove_status run(rove__hq_tx *tx, rove__buf *sql, rove_error *error) {
    rove__buf_byte(sql, 0);
    rove_status status = rove__buf_status(sql);
    if (status == ROVE_OK) {
        status = rove__lite_execute(tx, (const char *)sql->data, error, "Preparing the tables");
    }
    rove__buf_reset(sql);
    return status;
}

static rove_status number_of(rove__hq_tx *tx, const char *sql, int64_t *value, rove_error *error) {
    rove__lite_statement statement = rove__lite_open(tx, sql);

    *value = 0;
    if (rove__lite_next(&statement)) {
        *value = rove__lite_int(&statement, 0);
    }
    rove_status status = rove__lite_end(&statement);
    return status == ROVE_OK
               ? ROVE_OK
               : rove__error_set(error, status, "Reading the database's version failed.");
}

/* Columns that tables beside the entities' gained since they were first made. */
static rove_status widen_beside(rove__hq_tx *tx, rove_error *error) {
    static const struct {
        const char *count, *add;
    } columns[] = {
        {"SELECT count(*) FROM pragma_table_info('_head') WHERE name = 'purged'",
         "ALTER TABLE _head ADD COLUMN purged INTEGER NOT NULL DEFAULT 0"},
        {"SELECT count(*) FROM pragma_table_info('_device') WHERE name = 'unheard'",
         "ALTER TABLE _device ADD COLUMN unheard INTEGER NOT NULL DEFAULT 0"},
    };
    rove_status status = ROVE_OK;

    for (size_t i = 0; i < sizeof columns / sizeof columns[0] && status == ROVE_OK; i++) {
        int64_t there = 0;
        status = number_of(tx, columns[i].count, &there, error);
        if (status == ROVE_OK && there == 0) {
            status = rove__lite_execute(tx, columns[i].add, error, "Preparing the tables");
        }
    }
    return status;
}

/* ---- an entity's tables --------------------------------------------------------------------------------- */

static const char *column_type(const rove__field *field) {
    if (field->kind == ROVE_KIND_SET) {
        return " BLOB";
    }
    switch (field->type) {
    case ROVE_TEXT:
        return " TEXT";
    case ROVE_BLOB:
        return " BLOB";
    case ROVE_REAL:
        return " REAL";
    default:
        return " INTEGER";
    }
}

/* Which columns a table has: *known counts all, `has` those of the entity by ordinal. */
static rove_status read_columns(rove__hq_tx *tx, const rove__entity *entity, rove__bits *has,
                                int *known) {
    rove__lite_statement statement = rove__lite_open(tx, "SELECT name FROM pragma_table_info(?1)");

    *known = 0;
    memset(has, 0, sizeof *has);
    rove__lite_bind_text(&statement, entity->table);
    while (rove__lite_next(&statement)) {
        int ordinal = rove__entity_field_named(entity, rove__lite_text(&statement, 0));
        *known += 1;
        if (ordinal >= 0) {
            rove__bits_set(has, (size_t)ordinal);
        }
    }
    return rove__lite_end(&statement);
}

static rove_status create_table(rove__hq_tx *tx, const rove__entity *entity, rove__buf *sql,
                                rove_error *error) {
    rove__lite_put(sql, "CREATE TABLE ");
    rove__lite_put_name(sql, entity->table, NULL);
    rove__lite_put(sql, "(id INTEGER PRIMARY KEY");
    for (size_t i = 0; i < entity->field_count; i++) {
        rove__lite_put(sql, ", ");
        rove__lite_put_name(sql, entity->fields[i].name, NULL);
        rove__lite_put(sql, column_type(&entity->fields[i]));
    }
    rove__lite_put(sql, ", _root INTEGER NOT NULL, _part INTEGER NOT NULL, _clock BLOB NOT NULL,"
                        " _whole INTEGER NOT NULL, _author INTEGER NOT NULL,"
                        " _review INTEGER NOT NULL, _unknown BLOB) STRICT; CREATE INDEX ");
    rove__lite_put_name(sql, entity->table, "by_scope");
    rove__lite_put(sql, " ON ");
    rove__lite_put_name(sql, entity->table, NULL);
    rove__lite_put(sql, "(_root, _part)");
    return run(tx, sql, error);
}

static rove_status add_columns(rove__hq_tx *tx, const rove__entity *entity, const rove__bits *has,
                               rove__buf *sql, int *added, rove_error *error) {
    rove_status status = ROVE_OK;

    for (size_t i = 0; i < entity->field_count && status == ROVE_OK; i++) {
        if (!rove__bits_get(has, i)) {
            rove__lite_put(sql, "ALTER TABLE ");
            rove__lite_put_name(sql, entity->table, NULL);
            rove__lite_put(sql, " ADD COLUMN ");
            rove__lite_put_name(sql, entity->fields[i].name, NULL);
            rove__lite_put(sql, column_type(&entity->fields[i]));
            status = run(tx, sql, error);
            *added = 1;
        }
    }
    return status;
}

static rove_status create_set_tables(rove__hq_tx *tx, const rove__entity *entity, rove__buf *sql,
                                     rove_error *error) {
    rove_status status = ROVE_OK;

    for (size_t i = 0; i < entity->field_count && status == ROVE_OK; i++) {
        if (entity->fields[i].kind == ROVE_KIND_SET) {
            rove__lite_put(sql, "CREATE TABLE IF NOT EXISTS ");
            rove__lite_put_name(sql, entity->table, entity->fields[i].name);
            rove__lite_put(sql, "(element ANY NOT NULL, id INTEGER NOT NULL,"
                                " PRIMARY KEY (element, id)) WITHOUT ROWID, STRICT");
            status = run(tx, sql, error);
        }
    }
    return status;
}

/* ---- indexes -------------------------------------------------------------------------------------------- */

static int is_external_id(const rove__field *field) {
    return strcmp(field->name, "external_id") == 0 && (field->flags & ROVE_FIELD_CUSTOM) == 0;
}

/* Records that move or end with another one are looked for by it: children, role rows, work on a root. */
static int is_looked_for(const rove__hq_tx *tx, const rove__entity *entity, size_t ordinal) {
    const rove__field *field = &entity->fields[ordinal];

    if (field->kind == ROVE_KIND_SET) {
        return 0;
    }
    if ((int)ordinal == entity->scope_field || field->target == ROVE_TARGET_ROOT) {
        return 1;
    }
    const rove__entity *target = rove__registry_by_number(tx->lite->registry, field->target);
    return target != NULL && target->writer != ROVE_WRITER_HQ;
}

/* Whether an index of the registry begins with the field; sets first, so it serves for equality. */
static int is_indexed(const rove__entity *entity, size_t ordinal) {
    for (size_t i = 0; i < entity->index_count; i++) {
        if (entity->indexes[i].fields[0] == (int)ordinal) {
            return 1;
        }
    }
    return 0;
}

/* One column, rows without a value left out. */
static rove_status create_narrow_index(rove__hq_tx *tx, const rove__entity *entity, size_t ordinal,
                                       int unique, rove__buf *sql, rove_error *error) {
    const char *field = entity->fields[ordinal].name;

    rove__lite_put(sql, unique ? "CREATE UNIQUE INDEX IF NOT EXISTS \""
                               : "CREATE INDEX IF NOT EXISTS \"");
    rove__lite_put(sql, entity->table);
    rove__lite_put(sql, "_by_");
    rove__lite_put(sql, field);
    rove__lite_put(sql, "\" ON ");
    rove__lite_put_name(sql, entity->table, NULL);
    rove__lite_put(sql, "(");
    rove__lite_put_name(sql, field, NULL);
    rove__lite_put(sql, ") WHERE ");
    rove__lite_put_name(sql, field, NULL);
    rove__lite_put(sql, " IS NOT NULL");
    return run(tx, sql, error);
}

static rove_status create_index(rove__hq_tx *tx, const rove__entity *entity,
                                const rove__index *index, rove__buf *sql, rove_error *error) {
    rove__lite_put(sql, "CREATE INDEX IF NOT EXISTS ");
    rove__lite_put_name(sql, index->name, NULL);
    rove__lite_put(sql, " ON ");
    rove__lite_put_name(sql, entity->table, NULL);
    for (size_t i = 0; i < 3 && index->fields[i] >= 0; i++) {
        rove__lite_put(sql, i == 0 ? "(" : ", ");
        rove__lite_put_name(sql, entity->fields[index->fields[i]].name, NULL);
    }
    rove__lite_put(sql, ")");
    return run(tx, sql, error);
}

static rove_status create_indexes(rove__hq_tx *tx, const rove__entity *entity, rove__buf *sql,
                                  rove_error *error) {
    rove_status status = ROVE_OK;

    for (size_t i = 0; i < entity->index_count && status == ROVE_OK; i++) {
        const rove__index *index = &entity->indexes[i];
        if (!is_external_id(&entity->fields[index->fields[0]])) {
            status = create_index(tx, entity, index, sql, error);
        }
    }
    for (size_t i = 0; i < entity->field_count && status == ROVE_OK; i++) {
        int unique = is_external_id(&entity->fields[i]);
        if (unique || (is_looked_for(tx, entity, i) && !is_indexed(entity, i))) {
            status = create_narrow_index(tx, entity, i, unique, sql, error);
        }
    }
    return status;
}

/* ---- unknown fields that became known ------------------------------------------------------------------- */

typedef struct ids {
    const rove_allocator *allocator;
    rove_id *items;
    size_t count;
    size_t capacity;
} ids;

static rove_status ids_add(ids *list, rove_id id) {
    if (list->count == list->capacity) {
        size_t capacity = list->capacity == 0 ? 256 : list->capacity * 2;
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

static rove_status rewrite(rove__hq_tx *tx, const rove__entity *entity, rove_id id) {
    const rove__hq_store *store = &tx->lite->database.store;
    rove__hq_row row;
    rove__arena arena;

    rove__arena_init(&arena, &tx->lite->allocator, ROW_ARENA_MAX);
    rove_status status = store->row_get(tx, entity->number, id, 1, &arena, &row);
    if (status == ROVE_OK) {
        status = store->row_put(tx, &row);
    }
    rove__arena_free(&arena);
    return status;
}

/* Reading a row moves what is known now to its cell; so each is read and written. */
static rove_status adopt(rove__hq_tx *tx, const rove__entity *entity) {
    ids list = {.allocator = &tx->lite->allocator};
    rove__lite_statement statement = rove__lite_open_kind(tx, entity, ROVE_LITE_UNKNOWN, 0);

    while (rove__lite_next(&statement)) {
        statement.status = ids_add(&list, rove__lite_int(&statement, 0));
    }
    rove_status status = rove__lite_end(&statement);
    for (size_t i = 0; i < list.count && status == ROVE_OK; i++) {
        status = rewrite(tx, entity, list.items[i]);
    }
    rove__free(list.allocator, list.items);
    return status;
}

rove_status rove__lite_widen(rove__hq_tx *tx, const rove__entity *entity, rove_error *error) {
    rove__buf sql;
    rove__bits has;
    int known = 0;
    int added = 0;

    ROVE_ASSERT(tx->mode == ROVE_HQ_WRITE);
    rove__buf_init(&sql, &tx->lite->allocator, SQL_MAX);
    rove_status status = read_columns(tx, entity, &has, &known);
    tx->widened = 1;
    if (status == ROVE_OK) {
        status = known == 0 ? create_table(tx, entity, &sql, error)
                            : add_columns(tx, entity, &has, &sql, &added, error);
    }
    tx->epoch++;
    if (status == ROVE_OK) {
        status = create_set_tables(tx, entity, &sql, error);
    }
    if (status == ROVE_OK) {
        status = create_indexes(tx, entity, &sql, error);
    }
    if (status == ROVE_OK && added) {
        status = adopt(tx, entity);
    }
    rove__buf_free(&sql);
    return status;
}

/* ---- the whole ------------------------------------------------------------------------------------------ */

rove_status rove__lite_check(rove__hq_tx *tx, rove_error *error) {
    int64_t application = 0;
    int64_t tables = 0;
    int64_t there = 0;
    int64_t schema = 0;

    rove_status status = number_of(tx, "PRAGMA application_id", &application, error);
    if (status == ROVE_OK) {
        status = number_of(tx, "PRAGMA user_version", &tables, error);
    }
    if (status == ROVE_OK) {
        status = number_of(tx, "SELECT count(*) FROM sqlite_schema", &there, error);
    }
    if (status != ROVE_OK || there == 0) {
        return status;
    }
    if (application != APPLICATION_ID) {
        return rove__error_set(
            error, ROVE_CORRUPT,
            "hq.db is not a database of Rove's headquarters. Move it away, or name "
            "another folder.");
    }
    status = number_of(tx, "SELECT schema FROM _head", &schema, error);
    if (status == ROVE_OK && (tables > TABLES_VERSION || schema > ROVE_SCHEMA_VERSION)) {
        status = rove__error_set(error, ROVE_UPGRADE,
                                 "The database was written by a newer version (schema %lld). "
                                 "Start that version.",
                                 (long long)schema);
    }
    return status;
}

static rove_status write_versions(rove__hq_tx *tx, rove_error *error) {
    char sql[160];

    rove__text_format(sql, sizeof sql,
                      "PRAGMA application_id = %d; PRAGMA user_version = %d;"
                      " UPDATE _head SET schema = %u WHERE schema <> %u",
                      APPLICATION_ID, TABLES_VERSION, ROVE_SCHEMA_VERSION, ROVE_SCHEMA_VERSION);
    return rove__lite_execute(tx, sql, error, "Preparing the tables");
}

/*
 * A definition that this build cannot use (of an entity of a newer one, say) stops nothing: the values of such a field
 * stay among the unknown ones.
 */
static rove_status each_custom(void *ctx, const rove__hq_row *row) {
    rove_status status = rove__registry_add_custom_row(ctx, &row->row, NULL);

    return status == ROVE_NOMEM ? ROVE_NOMEM : ROVE_OK;
}

static rove_status add_customs(rove__hq_tx *tx, rove_error *error) {
    const rove__entity *custom = rove__registry_by_name(tx->lite->registry, "CustomField");
    rove__arena arena;

    if (custom == NULL) {
        return ROVE_OK;
    }
    rove__arena_init(&arena, &tx->lite->allocator, ROW_ARENA_MAX);
    rove__lite_statement statement = rove__lite_open_kind(tx, custom, ROVE_LITE_ALL, 0);
    rove_status status =
        rove__lite_each_row(&statement, custom, &arena, each_custom, tx->lite->registry);
    rove__arena_free(&arena);
    return status == ROVE_OK ? ROVE_OK
                             : rove__error_set(error, status, "Reading the custom fields failed.");
}

rove_status rove__lite_schema(rove__hq_tx *tx, rove_error *error) {
    const rove__registry *registry = tx->lite->registry;
    const rove__entity *custom = rove__registry_by_name(registry, "CustomField");
    rove_status status = ROVE_OK;

    for (size_t i = 0; i < sizeof tables_beside / sizeof *tables_beside && status == ROVE_OK; i++) {
        status = rove__lite_execute(tx, tables_beside[i], error, "Preparing the tables");
    }
    if (status == ROVE_OK) {
        status = widen_beside(tx, error);
    }
    if (status == ROVE_OK && custom != NULL) {
        status = rove__lite_widen(tx, custom, error);
    }
    if (status == ROVE_OK) {
        status = add_customs(tx, error);
    }
    for (size_t i = 0; i < rove__registry_count(registry) && status == ROVE_OK; i++) {
        status = rove__lite_widen(tx, rove__registry_at(registry, i), error);
    }
    if (status == ROVE_OK) {
        status = write_versions(tx, error);
    }
    return status;
}
