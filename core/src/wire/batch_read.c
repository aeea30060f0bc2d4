/*
 * wire/batch_read.c - reads a batch row by row; layout in wire/batch_format.h.
 *
 * Opening a run finds where each of its vectors lies and checks every size; rows are then decoded
 * one at a time from all vectors in step, so that memory depends on the number of columns and never
 * on a count that a peer gives. At the end of a run every vector has to be used up.
 *
 * Invariants: a cell of reader->cells that no column of the row has set is NULL; reader->status is
 * ROVE_OK until the first failure, which every later call repeats.
 */
#include <string.h>

#include "base/assert.h"
#include "base/text.h"
#include "wire/batch_format.h"
#include "wire/column.h"

/* Columns, cells and extras of one run. */
#define RUN_ARENA_MAX ((size_t)1024 * 1024)
#define REAL_MINUS_0  ((uint64_t)1 << 63)

typedef struct column {
    uint32_t number;
    rove_type type;
    int ordinal;             /* -1: unknown here */
    int skipped;             /* a derived field: read, not handed out */
    const uint8_t *presence; /* NULL: every row has it */
    rove__ints_reader ints;
    const uint8_t *bytes; /* TEXT, BLOB: what is left of the pile */
    size_t bytes_left;
} column;

struct rove__batch_reader {
    const rove_allocator *allocator;
    const rove__registry *registry;
    rove__reader bytes;
    rove_status status;
    size_t rows_total; /* over all runs so far, each within the cap */
    size_t cells_total;
    rove__arena arena; /* of the run */

    rove__op op;
    uint32_t entity_number;
    const rove__entity *entity;
    size_t rows;
    size_t row; /* the next one */
    rove__ints_reader facts[ROVE_FACT_COUNT];
    rove__ints_reader entries[ROVE_ENTRY_COUNT];
    rove__ints_reader edits[ROVE_EDIT_COUNT];
    column *columns;
    size_t column_count;
    rove_value *cells;
    size_t cell_count;
    rove__extra *extra;
    rove__clock_entry *clock_entries; /* of one row, at most ROVE_CLOCK_ENTRIES_MAX */
    rove__edit *change_edits;
};

rove_status rove__batch_reader_new(const rove_allocator *allocator, const rove__registry *registry,
                                   const void *bytes, size_t size, rove__batch_reader **out) {
    rove__batch_reader *reader = NULL;

    *out = NULL;
    if (size > ROVE_BATCH_MAX || size < 1 || *(const uint8_t *)bytes != ROVE_BATCH_VERSION) {
        return ROVE_PROTOCOL;
    }
    reader = rove__alloc_zeroed(allocator, 1, sizeof *reader);
    if (reader == NULL) {
        return ROVE_NOMEM;
    }
    reader->allocator = allocator;
    reader->registry = registry;
    rove__reader_init(&reader->bytes, (const uint8_t *)bytes + 1, size - 1);
    rove__arena_init(&reader->arena, allocator, RUN_ARENA_MAX);
    *out = reader;
    return ROVE_OK;
}

void rove__batch_reader_free(rove__batch_reader *reader) {
    if (reader == NULL) {
        return;
    }
    rove__arena_free(&reader->arena);
    rove__free(reader->allocator, reader);
}

/* A fact that the run does not have is a vector of zeros. */
static void open_zeros(rove__ints_reader *ints, size_t count) {
    memset(ints, 0, sizeof *ints);
    ints->left = count;
}

/* Opens the vectors of entries or edits and makes room for one row's; NULL if memory is short. */
static void *open_parts(rove__batch_reader *reader, rove__ints_reader *parts, size_t count,
                        int is_there, size_t item_size) {
    rove__reader *from = &reader->bytes;
    size_t total = is_there ? (size_t)rove__reader_varint_max(from, ROVE_BATCH_MAX) : 0;

    for (size_t i = 0; i < count; i++) {
        rove__ints_open(&parts[i], from, total);
    }
    if (total > ROVE_CLOCK_ENTRIES_MAX) {
        total = ROVE_CLOCK_ENTRIES_MAX;
    }
    return rove__arena_take(&reader->arena, total * item_size);
}

static rove_status open_facts(rove__batch_reader *reader) {
    rove__reader *from = &reader->bytes;
    uint64_t mask = rove__reader_varint_max(from, ((uint64_t)1 << ROVE_FACT_COUNT) - 1);

    for (size_t i = 0; i < ROVE_FACT_COUNT; i++) {
        if ((mask >> i & 1) != 0) {
            rove__ints_open(&reader->facts[i], from, reader->rows);
        } else {
            open_zeros(&reader->facts[i], reader->rows);
        }
    }
    reader->clock_entries =
        open_parts(reader, reader->entries, ROVE_ENTRY_COUNT, (mask >> ROVE_FACT_ENTRIES & 1) != 0,
                   sizeof *reader->clock_entries);
    reader->change_edits =
        open_parts(reader, reader->edits, ROVE_EDIT_COUNT, (mask >> ROVE_FACT_EDITS & 1) != 0,
                   sizeof *reader->change_edits);
    return reader->clock_entries == NULL || reader->change_edits == NULL ? ROVE_NOMEM : ROVE_OK;
}

/* Rows that have the column, by its presence bits; bits past the last row have to be 0. */
static size_t count_presence(rove__reader *from, const uint8_t *presence, size_t rows) {
    size_t count = 0;

    for (size_t i = 0; i < (rows + 7) / 8; i++) {
        for (unsigned bits = presence[i]; bits != 0; bits &= bits - 1) {
            count++;
        }
    }
    if (rows % 8 != 0 && presence[rows / 8] >> (rows % 8) != 0) {
        rove__reader_fail(from, ROVE_PROTOCOL);
    }
    return count;
}

/* A set's own type is BLOB; a counter's is INT, but its increments are a blob. */
static int type_fits(const rove__field *field, rove_type type) {
    return type == ROVE_NULL || type == field->type ||
           (type == ROVE_BLOB && field->kind == ROVE_KIND_COUNTER);
}

/* Where the column's cells go. A field that came since the run was opened has no cell. */
static void place_column(rove__batch_reader *reader, column *at) {
    at->ordinal = reader->entity == NULL ? -1 : rove__entity_field(reader->entity, at->number);
    if (at->ordinal >= (int)reader->cell_count) {
        at->ordinal = -1;
    }
    if (at->ordinal >= 0) {
        const rove__field *field = &reader->entity->fields[at->ordinal];

        at->skipped = field->kind == ROVE_KIND_DERIVED;
        if (!at->skipped && !type_fits(field, at->type)) {
            rove__reader_fail(&reader->bytes, ROVE_PROTOCOL);
        }
    }
}

static void open_values(rove__batch_reader *reader, column *at, size_t count) {
    rove__reader *from = &reader->bytes;

    if (at->type == ROVE_INT || at->type == ROVE_REAL) {
        rove__ints_open(&at->ints, from, count);
    } else if (at->type != ROVE_NULL) {
        at->bytes_left = (size_t)rove__reader_varint_max(from, rove__reader_left(from));
        rove__ints_open(&at->ints, from, count);
        at->bytes = rove__reader_take(from, at->bytes_left);
        if (at->type == ROVE_TEXT && at->bytes != NULL &&
            !rove__utf8_valid(at->bytes, at->bytes_left)) {
            rove__reader_fail(from, ROVE_UTF8);
        }
    }
}

static void open_column(rove__batch_reader *reader, column *at, const column *before) {
    rove__reader *from = &reader->bytes;
    uint32_t last = before == NULL ? 0 : before->number;
    size_t count = reader->rows;
    unsigned kind = 0;

    memset(at, 0, sizeof *at);
    at->number = last + (uint32_t)rove__reader_varint_max(from, UINT32_MAX - last);
    kind = rove__reader_byte(from);
    at->type = (rove_type)(kind & 0x0fu);
    if ((kind & ~(ROVE_COLUMN_SPARSE | 0x0fu)) != 0 || at->type > ROVE_BLOB || at->number == 0 ||
        (before != NULL && at->number == last && at->type <= before->type)) {
        rove__reader_fail(from, ROVE_PROTOCOL);
        return;
    }
    place_column(reader, at);
    if ((kind & ROVE_COLUMN_SPARSE) != 0) {
        at->presence = rove__reader_take(from, (reader->rows + 7) / 8);
        if (at->presence == NULL) {
            return;
        }
        count = count_presence(from, at->presence, reader->rows);
    }
    open_values(reader, at, count);
}

static rove_status open_columns(rove__batch_reader *reader) {
    rove__reader *from = &reader->bytes;
    size_t count = (size_t)rove__reader_varint_max(from, ROVE_BATCH_COLUMNS_MAX);
    size_t cells = reader->entity == NULL ? 0 : reader->entity->field_count;

    reader->cells_total += reader->rows * count;
    if (reader->cells_total > ROVE_BATCH_CELLS_MAX) {
        rove__reader_fail(from, ROVE_PROTOCOL);
    }
    if (rove__reader_status(from) != ROVE_OK) {
        return rove__reader_status(from);
    }
    column *columns = rove__arena_take(&reader->arena, count * sizeof *columns);
    reader->columns = columns;
    reader->extra = rove__arena_take(&reader->arena, count * sizeof *reader->extra);
    reader->cells = rove__arena_take(&reader->arena, cells * sizeof *reader->cells);
    if (columns == NULL || reader->extra == NULL || reader->cells == NULL) {
        return ROVE_NOMEM;
    }
    memset(reader->cells, 0, cells * sizeof *reader->cells);
    reader->cell_count = cells;
    reader->column_count = count;
    for (size_t i = 0; i < count && rove__reader_status(from) == ROVE_OK; i++) {
        open_column(reader, &columns[i], i == 0 ? NULL : &columns[i - 1]);
    }
    return rove__reader_status(from);
}

static rove_status open_run(rove__batch_reader *reader) {
    rove__reader *from = &reader->bytes;
    rove_status status = ROVE_OK;
    unsigned op = rove__reader_byte(from);

    rove__arena_reset(&reader->arena);
    reader->op = (rove__op)op;
    reader->entity_number = (uint32_t)rove__reader_varint_max(from, UINT32_MAX);
    reader->rows = (size_t)rove__reader_varint_max(from, ROVE_BATCH_ROWS_MAX);
    reader->row = 0;
    reader->rows_total += reader->rows;
    if (rove__reader_status(from) != ROVE_OK) {
        return rove__reader_status(from);
    }
    if (op < ROVE_OP_INSERT || op > ROVE_OP_MARK || reader->entity_number == 0 ||
        reader->rows == 0 || reader->rows_total > ROVE_BATCH_ROWS_MAX) {
        return ROVE_PROTOCOL;
    }
    reader->entity = rove__registry_by_number(reader->registry, reader->entity_number);
    status = open_facts(reader);
    return status != ROVE_OK ? status : open_columns(reader);
}

static int all_done(const rove__ints_reader *ints, size_t count) {
    int done = 1;

    for (size_t i = 0; i < count; i++) {
        done &= rove__ints_done(&ints[i]);
    }
    return done;
}

/* Whether every byte of the run was used, as it has to be. */
static rove_status close_run(const rove__batch_reader *reader) {
    int done = all_done(reader->facts, ROVE_FACT_COUNT) &&
               all_done(reader->entries, ROVE_ENTRY_COUNT) &&
               all_done(reader->edits, ROVE_EDIT_COUNT);

    for (size_t i = 0; i < reader->column_count; i++) {
        done &= rove__ints_done(&reader->columns[i].ints) && reader->columns[i].bytes_left == 0;
    }
    return done ? ROVE_OK : ROVE_PROTOCOL;
}

static int stamp_valid(uint64_t stamp) {
    return stamp <= ROVE_STAMP_MAX;
}

static int version_valid(uint64_t stamp, uint64_t replica) {
    return stamp_valid(stamp) && replica <= ROVE_REPLICA_MAX;
}

static rove_status read_entries(rove__batch_reader *reader, uint64_t count, rove__clock *clock) {
    if (count > ROVE_CLOCK_ENTRIES_MAX || count > reader->entries[0].left) {
        return ROVE_PROTOCOL;
    }
    for (size_t i = 0; i < count; i++) {
        rove__clock_entry *entry = &reader->clock_entries[i];
        uint64_t field = (uint64_t)rove__ints_next(&reader->entries[ROVE_ENTRY_FIELD]);
        uint64_t epoch = (uint64_t)rove__ints_next(&reader->entries[ROVE_ENTRY_EPOCH]);
        uint64_t stamp = (uint64_t)rove__ints_next(&reader->entries[ROVE_ENTRY_STAMP]);
        uint64_t replica = (uint64_t)rove__ints_next(&reader->entries[ROVE_ENTRY_REPLICA]);

        stamp += clock->base.stamp;
        replica += clock->base.replica;
        if (field == 0 || field > UINT32_MAX || epoch > UINT32_MAX ||
            !version_valid(stamp, replica) || (i > 0 && field <= entry[-1].field)) {
            return ROVE_PROTOCOL;
        }
        *entry = (rove__clock_entry){
            (uint32_t)field, (uint32_t)epoch, {stamp, (rove_replica)replica}, 0};
        if (epoch == 0 && rove__version_compare(entry->version, clock->base) == 0) {
            return ROVE_PROTOCOL;
        }
    }
    clock->entries = reader->clock_entries;
    clock->count = (size_t)count;
    clock->capacity = (size_t)count;
    return ROVE_OK;
}

static rove_status read_edits(rove__batch_reader *reader, uint64_t count, rove__change *change) {
    if (count > ROVE_CLOCK_ENTRIES_MAX || count > reader->edits[0].left) {
        return ROVE_PROTOCOL;
    }
    for (size_t i = 0; i < count; i++) {
        rove__edit *edit = &reader->change_edits[i];
        uint64_t field = (uint64_t)rove__ints_next(&reader->edits[ROVE_EDIT_FIELD]);
        uint64_t epoch = (uint64_t)rove__ints_next(&reader->edits[ROVE_EDIT_EPOCH]);
        uint64_t raw = (uint64_t)rove__ints_next(&reader->edits[ROVE_EDIT_RAW]);
        uint64_t stamp = (uint64_t)rove__ints_next(&reader->edits[ROVE_EDIT_BASE_STAMP]);
        uint64_t replica = (uint64_t)rove__ints_next(&reader->edits[ROVE_EDIT_BASE_REPLICA]);

        if (field > UINT32_MAX || epoch > UINT32_MAX || !stamp_valid(raw) ||
            !version_valid(stamp, replica) || (i > 0 && field <= edit[-1].field)) {
            return ROVE_PROTOCOL;
        }
        *edit = (rove__edit){(uint32_t)field, (uint32_t)epoch, raw, {stamp, (rove_replica)replica}};
    }
    change->edits = reader->change_edits;
    change->edit_count = (size_t)count;
    return ROVE_OK;
}

static rove_status read_facts(rove__batch_reader *reader, rove__change *change) {
    uint64_t facts[ROVE_FACT_COUNT];
    rove__clock *clock = &change->clock;
    int has_origin = reader->op != ROVE_OP_MARK;
    int64_t part = 0;
    rove_status status = ROVE_OK;

    for (size_t i = 0; i < ROVE_FACT_COUNT; i++) {
        facts[i] = (uint64_t)rove__ints_next(&reader->facts[i]);
    }
    facts[ROVE_FACT_BASE_STAMP] += facts[ROVE_FACT_ORIGIN_STAMP];
    facts[ROVE_FACT_BASE_REPLICA] += facts[ROVE_FACT_ORIGIN_REPLICA];
    part = (int64_t)facts[ROVE_FACT_SCOPE_PART];
    if (facts[ROVE_FACT_ID] == 0 || facts[ROVE_FACT_ID] > INT64_MAX ||
        !version_valid(facts[ROVE_FACT_ORIGIN_STAMP], facts[ROVE_FACT_ORIGIN_REPLICA]) ||
        !version_valid(facts[ROVE_FACT_BASE_STAMP], facts[ROVE_FACT_BASE_REPLICA]) ||
        facts[ROVE_FACT_REPLICA] > ROVE_REPLICA_MAX || facts[ROVE_FACT_SCOPE_ROOT] > INT64_MAX ||
        part < INT32_MIN || part > INT32_MAX ||
        (has_origin &&
         (facts[ROVE_FACT_ORIGIN_STAMP] == 0 || facts[ROVE_FACT_ORIGIN_REPLICA] == 0))) {
        return ROVE_PROTOCOL;
    }
    change->row.id = (rove_id)facts[ROVE_FACT_ID];
    clock->origin = (rove__origin){facts[ROVE_FACT_ORIGIN_STAMP],
                                   (rove_replica)facts[ROVE_FACT_ORIGIN_REPLICA]};
    clock->base =
        (rove__version){facts[ROVE_FACT_BASE_STAMP], (rove_replica)facts[ROVE_FACT_BASE_REPLICA]};
    change->cursor = (rove__cursor){facts[ROVE_FACT_TIMELINE], facts[ROVE_FACT_SEQ]};
    change->replica = (rove_replica)facts[ROVE_FACT_REPLICA];
    change->scope = (rove__scope){(rove_id)facts[ROVE_FACT_SCOPE_ROOT], (int32_t)part};
    status = read_entries(reader, facts[ROVE_FACT_ENTRIES], clock);
    return status != ROVE_OK ? status : read_edits(reader, facts[ROVE_FACT_EDITS], change);
}

static rove_status next_bytes(column *from, rove_value *value) {
    uint64_t size = (uint64_t)rove__ints_next(&from->ints);

    if (size > from->bytes_left || size > ROVE_VALUE_MAX) {
        return ROVE_PROTOCOL;
    }
    /*
     * The pile as a whole is UTF-8, so a text is too if it starts on a boundary, as the next one
     * does.
     */
    if (from->type == ROVE_TEXT && size < from->bytes_left && (from->bytes[size] & 0xc0) == 0x80) {
        return ROVE_UTF8;
    }
    value->size = (size_t)size;
    value->as.data = from->bytes;
    from->bytes += size;
    from->bytes_left -= (size_t)size;
    return ROVE_OK;
}

static rove_status next_value(column *from, rove_value *value) {
    value->type = from->type;
    value->size = 0;
    value->as.integer = 0;
    if (from->type == ROVE_INT) {
        value->as.integer = rove__ints_next(&from->ints);
    } else if (from->type == ROVE_REAL) {
        uint64_t bits = (uint64_t)rove__ints_next(&from->ints);
        if ((bits >> 52 & 0x7ff) == 0x7ff || bits == REAL_MINUS_0) {
            return ROVE_PROTOCOL; /* an infinity, no number, or a second form of 0 */
        }
        memcpy(&value->as.real, &bits, sizeof bits);
    } else if (from->type != ROVE_NULL) {
        return next_bytes(from, value);
    }
    return ROVE_OK;
}

static rove_status read_cell(rove__batch_reader *reader, column *from, rove__row *row) {
    rove_value value;
    rove_status status = next_value(from, &value);

    if (status != ROVE_OK || from->skipped) {
        return status;
    }
    if (from->ordinal >= 0) {
        size_t ordinal = (size_t)from->ordinal;

        if (rove__bits_get(&row->present, ordinal)) {
            return ROVE_PROTOCOL;
        }
        reader->cells[ordinal] = value;
        rove__bits_set(&row->present, ordinal);
        return ROVE_OK;
    }
    if (row->extra_count == ROVE_EXTRA_MAX ||
        (row->extra_count > 0 && row->extra[row->extra_count - 1].number == from->number)) {
        return ROVE_PROTOCOL;
    }
    row->extra[row->extra_count++] = (rove__extra){from->number, value};
    return ROVE_OK;
}

static rove_status read_cells(rove__batch_reader *reader, rove__row *row) {
    rove_status status = ROVE_OK;

    for (size_t i = 0; i < reader->column_count && status == ROVE_OK; i++) {
        column *at = &reader->columns[i];

        if (at->presence != NULL && (at->presence[reader->row / 8] >> (reader->row % 8) & 1) == 0) {
            if (at->ordinal >= 0 && !rove__bits_get(&row->present, (size_t)at->ordinal)) {
                reader->cells[at->ordinal] = (rove_value){0};
            }
            continue;
        }
        status = read_cell(reader, at, row);
    }
    return status;
}

static rove_status read_row(rove__batch_reader *reader, rove__change *change) {
    rove__row *row = &change->row;
    rove_status status = ROVE_OK;

    memset(change, 0, sizeof *change);
    change->op = reader->op;
    row->entity = reader->entity;
    row->entity_number = reader->entity_number;
    row->cells = reader->entity == NULL ? NULL : reader->cells;
    row->cell_count = reader->cell_count;
    row->extra = reader->extra;
    status = read_facts(reader, change);
    if (status == ROVE_OK) {
        status = read_cells(reader, row);
    }
    reader->row++;
    if (status == ROVE_OK && reader->row == reader->rows) {
        status = close_run(reader);
    }
    return status;
}

rove_status rove__batch_next(rove__batch_reader *reader, rove__change *change) {
    if (reader->status == ROVE_OK && reader->row == reader->rows) {
        if (rove__reader_left(&reader->bytes) == 0) {
            return ROVE_DONE;
        }
        reader->status = open_run(reader);
    }
    if (reader->status == ROVE_OK) {
        reader->status = read_row(reader, change);
    }
    ROVE_ASSERT(reader->status != ROVE_OK || reader->row <= reader->rows);
    return reader->status;
}
