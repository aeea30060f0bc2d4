/*
 * wire/batch_write.c - collects changes as columns and writes them as a batch; layout in
 * wire/batch_format.h.
 *
 * A change is taken apart at once: each of its numbers goes to the end of a vector, each text to
 * the end of a pile, so that a row costs no allocation of its own. If it turns out not to fit, the
 * row is popped off every vector again. All memory is one arena, reset when the batch is finished.
 *
 * Invariants: packer.bound is at least what finish() will write; in every run, each fact has
 * run->rows values and a column's bit of row i is set exactly if it has a value for it.
 */
#include <string.h>

#include "base/assert.h"
#include "wire/batch_format.h"
#include "wire/column.h"

/* op, entity, rows, mask, two totals, columns; a column's number, kind and size. */
#define RUN_HEADER_MAX    48u
#define COLUMN_HEADER_MAX 16u
#define WRITER_ARENA_MAX  ((size_t)64 * 1024 * 1024)
#define COLUMNS_MIN       16u

typedef struct column {
    uint32_t number;
    rove_type type;
    size_t count; /* rows that have it */
    uint8_t *presence;
    size_t presence_size; /* bytes; rows past it do not have the column */
    rove__ints ints;
    rove__pile pile;
} column;

typedef struct run {
    struct run *next;
    rove__op op;
    uint32_t entity;
    size_t rows;
    rove__ints facts[ROVE_FACT_COUNT];
    rove__ints entries[ROVE_ENTRY_COUNT];
    rove__ints edits[ROVE_EDIT_COUNT];
    column *columns; /* in order of first use */
    size_t column_count;
    size_t column_capacity;
    uint16_t of_ordinal[ROVE_FIELDS_MAX]; /* the column that a field used last */
} run;

struct rove__batch_writer {
    const rove_allocator *allocator;
    size_t max;
    size_t rows;
    rove_status status; /* ROVE_LIMIT: full; ROVE_NOMEM: what was added is incomplete */
    rove__packer packer;
    run *runs; /* in order of first use */
    run *recent;
};

rove_status rove__batch_writer_new(const rove_allocator *allocator, size_t max_bytes,
                                   rove__batch_writer **out) {
    rove__batch_writer *writer = NULL;

    *out = NULL;
    if (max_bytes > ROVE_BATCH_MAX) {
        return ROVE_INVALID;
    }
    writer = rove__alloc_zeroed(allocator, 1, sizeof *writer);
    if (writer == NULL) {
        return ROVE_NOMEM;
    }
    writer->allocator = allocator;
    writer->max = max_bytes;
    writer->packer.bound = 1;
    rove__arena_init(&writer->packer.arena, allocator, WRITER_ARENA_MAX);
    *out = writer;
    return ROVE_OK;
}

void rove__batch_writer_free(rove__batch_writer *writer) {
    if (writer == NULL) {
        return;
    }
    rove__arena_free(&writer->packer.arena);
    rove__free(writer->allocator, writer);
}

size_t rove__batch_count(const rove__batch_writer *writer) {
    return writer->rows;
}

size_t rove__batch_size(const rove__batch_writer *writer) {
    return writer->packer.bound;
}

static void empty(rove__batch_writer *writer) {
    rove__arena_reset(&writer->packer.arena);
    writer->packer.bound = 1;
    writer->packer.failed = 0;
    writer->packer.refused = 0;
    writer->runs = NULL;
    writer->recent = NULL;
    writer->rows = 0;
    writer->status = ROVE_OK;
}

static int is_run_of(const run *at, const rove__change *change) {
    return at->op == change->op && at->entity == change->row.entity_number;
}

/* The run of an op and entity; a new one at the end if there is none. NULL: no memory. */
static run *run_for(rove__batch_writer *writer, const rove__change *change) {
    run **end = &writer->runs;
    run *made = NULL;

    if (writer->recent != NULL && is_run_of(writer->recent, change)) {
        return writer->recent;
    }
    for (; *end != NULL; end = &(*end)->next) {
        if (is_run_of(*end, change)) {
            writer->recent = *end;
            return *end;
        }
    }
    made = rove__arena_take(&writer->packer.arena, sizeof *made);
    if (made == NULL) {
        writer->packer.failed = 1;
        return NULL;
    }
    memset(made, 0, sizeof *made);
    made->op = change->op;
    made->entity = change->row.entity_number;
    writer->packer.bound += RUN_HEADER_MAX;
    *end = made;
    writer->recent = made;
    return made;
}

static column *column_new(run *into, rove__packer *packer, uint32_t number, rove_type type) {
    column *made = NULL;

    if (into->column_count == into->column_capacity) {
        size_t capacity = into->column_capacity == 0 ? COLUMNS_MIN : into->column_capacity * 2;
        column *columns = rove__arena_take(&packer->arena, capacity * sizeof *columns);

        if (columns == NULL) {
            packer->failed = 1;
            return NULL;
        }
        if (into->column_count > 0) {
            memcpy(columns, into->columns, into->column_count * sizeof *columns);
        }
        into->columns = columns;
        into->column_capacity = capacity;
    }
    made = &into->columns[into->column_count++];
    memset(made, 0, sizeof *made);
    made->number = number;
    made->type = type;
    packer->bound += COLUMN_HEADER_MAX + into->rows / 8 + 1;
    return made;
}

/* `hint`: where to look first, and where the column was found; may be NULL. */
static column *column_for(run *in, rove__packer *packer, uint32_t number, rove_type type,
                          uint16_t *hint) {
    if (hint != NULL && *hint < in->column_count && in->columns[*hint].number == number &&
        in->columns[*hint].type == type) {
        return &in->columns[*hint];
    }
    for (size_t i = 0; i < in->column_count; i++) {
        if (in->columns[i].number == number && in->columns[i].type == type) {
            if (hint != NULL) {
                *hint = (uint16_t)i;
            }
            return &in->columns[i];
        }
    }
    return column_new(in, packer, number, type);
}

static int presence_grow(column *in, rove__packer *packer, size_t row) {
    size_t size = in->presence_size * 2;
    uint8_t *presence = NULL;

    if (size < row / 8 + 1) {
        size = row / 8 + 1;
    }
    if (size < 8) {
        size = 8;
    }
    presence = rove__arena_take(&packer->arena, size);
    if (presence == NULL) {
        packer->failed = 1;
        return 0;
    }
    memset(presence, 0, size);
    if (in->presence_size > 0) {
        memcpy(presence, in->presence, in->presence_size);
    }
    in->presence = presence;
    in->presence_size = size;
    return 1;
}

static uint64_t bits_of(double real) {
    uint64_t bits = 0;

    memcpy(&bits, &real, sizeof bits);
    return bits;
}

static void add_cell(run *into, rove__packer *packer, uint32_t number, const rove_value *value,
                     uint16_t *hint) {
    column *at = column_for(into, packer, number, value->type, hint);

    if (at == NULL ||
        (into->rows / 8 >= at->presence_size && !presence_grow(at, packer, into->rows))) {
        return;
    }
    at->presence[into->rows / 8] |= (uint8_t)(1u << (into->rows % 8));
    at->count++;
    if (value->type == ROVE_INT) {
        rove__ints_add(&at->ints, packer, value->as.integer);
    } else if (value->type == ROVE_REAL) {
        rove__ints_add(&at->ints, packer, (int64_t)bits_of(value->as.real));
    } else if (value->type != ROVE_NULL) {
        rove__ints_add(&at->ints, packer, (int64_t)value->size);
        rove__pile_add(&at->pile, packer, value->as.data, value->size);
        packer->refused |= value->size > ROVE_VALUE_MAX;
    }
}

static void add_cells(run *into, rove__packer *packer, const rove__row *row) {
    const rove__field *fields = row->entity != NULL ? row->entity->fields : NULL;
    size_t count = row->entity != NULL ? row->cell_count : 0;

    for (size_t word = 0; word * 64 < count; word++) {
        size_t i = word * 64;

        for (uint64_t bits = row->present.word[word]; bits != 0; bits >>= 1, i++) {
            const rove__field *field = NULL;

            if ((bits & 1) == 0) {
                continue;
            }
            ROVE_ASSERT(i < count);
            field = &fields[i];
            if (field->kind != ROVE_KIND_DERIVED) {
                add_cell(into, packer, field->number, &row->cells[i], &into->of_ordinal[i]);
            }
        }
    }
    for (size_t i = 0; i < row->extra_count; i++) {
        add_cell(into, packer, row->extra[i].number, &row->extra[i].value, NULL);
    }
}

static int64_t less(uint64_t value, uint64_t base) {
    return (int64_t)(value - base);
}

/* The number of exceptions written: those that say what the base says are left out. */
static size_t add_entries(run *into, rove__packer *packer, const rove__clock *clock) {
    size_t written = 0;

    for (size_t i = 0; i < clock->count; i++) {
        const rove__clock_entry *entry = &clock->entries[i];

        if (entry->epoch == 0 && rove__version_compare(entry->version, clock->base) == 0) {
            continue;
        }
        rove__ints_add(&into->entries[ROVE_ENTRY_FIELD], packer, entry->field);
        rove__ints_add(&into->entries[ROVE_ENTRY_EPOCH], packer, entry->epoch);
        rove__ints_add(&into->entries[ROVE_ENTRY_STAMP], packer,
                       less(entry->version.stamp, clock->base.stamp));
        rove__ints_add(&into->entries[ROVE_ENTRY_REPLICA], packer,
                       less(entry->version.replica, clock->base.replica));
        packer->bound++;
        written++;
    }
    return written;
}

static void add_edits(run *into, rove__packer *packer, const rove__change *change) {
    for (size_t i = 0; i < change->edit_count; i++) {
        const rove__edit *edit = &change->edits[i];

        rove__ints_add(&into->edits[ROVE_EDIT_FIELD], packer, edit->field);
        rove__ints_add(&into->edits[ROVE_EDIT_EPOCH], packer, edit->epoch);
        rove__ints_add(&into->edits[ROVE_EDIT_RAW], packer, (int64_t)edit->raw);
        rove__ints_add(&into->edits[ROVE_EDIT_BASE_STAMP], packer, (int64_t)edit->base.stamp);
        rove__ints_add(&into->edits[ROVE_EDIT_BASE_REPLICA], packer, edit->base.replica);
        packer->bound++;
    }
}

static void add_facts(run *into, rove__packer *packer, const rove__change *change, size_t entries) {
    const rove__clock *clock = &change->clock;
    const int64_t facts[ROVE_FACT_COUNT] = {
        [ROVE_FACT_ID] = change->row.id,
        [ROVE_FACT_ORIGIN_STAMP] = (int64_t)clock->origin.stamp,
        [ROVE_FACT_ORIGIN_REPLICA] = clock->origin.replica,
        [ROVE_FACT_BASE_STAMP] = less(clock->base.stamp, clock->origin.stamp),
        [ROVE_FACT_BASE_REPLICA] = less(clock->base.replica, clock->origin.replica),
        [ROVE_FACT_ENTRIES] = (int64_t)entries,
        [ROVE_FACT_EDITS] = (int64_t)change->edit_count,
        [ROVE_FACT_TIMELINE] = (int64_t)change->cursor.timeline,
        [ROVE_FACT_SEQ] = (int64_t)change->cursor.seq,
        [ROVE_FACT_REPLICA] = change->replica,
        [ROVE_FACT_SCOPE_ROOT] = change->scope.root,
        [ROVE_FACT_SCOPE_PART] = change->scope.part,
    };

    for (size_t i = 0; i < ROVE_FACT_COUNT; i++) {
        rove__ints_add(&into->facts[i], packer, facts[i]);
    }
}

/* Takes the last row off again; `entries` and `edits` say how long those vectors were before. */
static void pop_row(run *from, size_t entries, size_t edits) {
    for (size_t i = 0; i < ROVE_FACT_COUNT; i++) {
        rove__ints_truncate(&from->facts[i], from->rows);
    }
    for (size_t i = 0; i < ROVE_ENTRY_COUNT; i++) {
        rove__ints_truncate(&from->entries[i], entries);
    }
    for (size_t i = 0; i < ROVE_EDIT_COUNT; i++) {
        rove__ints_truncate(&from->edits[i], edits);
    }
    for (size_t i = 0; i < from->column_count; i++) {
        column *at = &from->columns[i];
        uint8_t bit = (uint8_t)(1u << (from->rows % 8));

        if (from->rows / 8 >= at->presence_size || (at->presence[from->rows / 8] & bit) == 0) {
            continue;
        }
        at->presence[from->rows / 8] &= (uint8_t)~bit;
        if (at->type == ROVE_TEXT || at->type == ROVE_BLOB) {
            at->pile.size -= (size_t)at->ints.last;
        }
        at->count--;
        rove__ints_truncate(&at->ints, at->count);
    }
}

/* What a reader would refuse is not written. */
static rove_status check_change(const rove__change *change) {
    const rove__row *row = &change->row;
    rove__origin origin = change->clock.origin;

    if (change->op < ROVE_OP_INSERT || change->op > ROVE_OP_MARK || row->id <= 0 ||
        (change->op != ROVE_OP_MARK && (origin.stamp == 0 || origin.replica == 0)) ||
        row->entity_number == 0 || row->extra_count > ROVE_EXTRA_MAX ||
        change->clock.count > ROVE_CLOCK_ENTRIES_MAX ||
        change->edit_count > ROVE_CLOCK_ENTRIES_MAX) {
        return ROVE_INVALID;
    }
    return ROVE_OK;
}

rove_status rove__batch_add(rove__batch_writer *writer, const rove__change *change) {
    rove_status status = check_change(change);
    size_t bound = writer->packer.bound;
    size_t limit = writer->rows == 0 ? ROVE_BATCH_MAX : writer->max;
    size_t entries = 0;
    size_t edits = 0;
    run *into = NULL;

    if (status != ROVE_OK || writer->status != ROVE_OK) {
        return status != ROVE_OK ? status : writer->status;
    }
    into = run_for(writer, change);
    if (into != NULL) {
        entries = into->entries[ROVE_ENTRY_FIELD].count;
        edits = into->edits[ROVE_EDIT_FIELD].count;
        add_facts(into, &writer->packer, change,
                  add_entries(into, &writer->packer, &change->clock));
        add_edits(into, &writer->packer, change);
        add_cells(into, &writer->packer, &change->row);
        writer->packer.bound += into->column_count / 8 + 1;
    }
    if (writer->packer.failed) {
        writer->status = ROVE_NOMEM;
        return ROVE_NOMEM;
    }
    ROVE_ASSERT(into != NULL);
    if (!writer->packer.refused && writer->packer.bound <= limit &&
        into->column_count <= ROVE_BATCH_COLUMNS_MAX && writer->rows < ROVE_BATCH_ROWS_MAX) {
        into->rows++;
        writer->rows++;
        return ROVE_OK;
    }
    status = writer->packer.refused ? ROVE_INVALID : writer->rows == 0 ? ROVE_TOO_BIG : ROVE_LIMIT;
    if (writer->rows == 0) {
        empty(writer);
        return status;
    }
    pop_row(into, entries, edits);
    writer->packer.bound = bound;
    writer->packer.refused = 0;
    writer->status = ROVE_LIMIT;
    return status;
}

static void write_vectors(rove__ints *ints, size_t count, rove__buf *out) {
    rove__buf_varint(out, ints[0].count);
    for (size_t i = 0; i < count; i++) {
        rove__ints_write(&ints[i], out);
    }
}

static void write_facts(run *from, rove__buf *out) {
    uint64_t mask = 0;

    for (size_t i = 0; i < ROVE_FACT_COUNT; i++) {
        mask |= (uint64_t)!rove__ints_all_zero(&from->facts[i]) << i;
    }
    rove__buf_varint(out, mask);
    for (size_t i = 0; i < ROVE_FACT_COUNT; i++) {
        if ((mask >> i & 1) != 0) {
            rove__ints_write(&from->facts[i], out);
        }
    }
    if ((mask >> ROVE_FACT_ENTRIES & 1) != 0) {
        write_vectors(from->entries, ROVE_ENTRY_COUNT, out);
    }
    if ((mask >> ROVE_FACT_EDITS & 1) != 0) {
        write_vectors(from->edits, ROVE_EDIT_COUNT, out);
    }
}

static void write_presence(const column *from, size_t rows, rove__buf *out) {
    size_t size = (rows + 7) / 8;
    size_t known = size < from->presence_size ? size : from->presence_size;
    uint8_t *bits = rove__buf_reserve(out, size);

    if (bits != NULL) {
        memcpy(bits, from->presence, known);
        memset(bits + known, 0, size - known);
    }
}

static void write_column(column *from, uint32_t before, size_t rows, rove__buf *out) {
    unsigned sparse = from->count < rows ? ROVE_COLUMN_SPARSE : 0;

    rove__buf_varint(out, from->number - before);
    rove__buf_byte(out, (uint8_t)((unsigned)from->type | sparse));
    if (sparse != 0) {
        write_presence(from, rows, out);
    }
    if (from->type == ROVE_TEXT || from->type == ROVE_BLOB) {
        rove__buf_varint(out, from->pile.size);
        rove__ints_write(&from->ints, out);
        rove__buf_append(out, from->pile.data, from->pile.size);
    } else {
        rove__ints_write(&from->ints, out);
    }
}

static int before(const column *a, const column *b) {
    return a->number != b->number ? a->number < b->number : a->type < b->type;
}

/*
 * Ascending by (number, type), which they nearly are: an insertion sort. Columns without cells go.
 */
static void sort_columns(run *of) {
    size_t count = 0;

    for (size_t i = 0; i < of->column_count; i++) {
        column moved = of->columns[i];
        size_t at = count;

        if (moved.count == 0) {
            continue;
        }
        for (; at > 0 && before(&moved, &of->columns[at - 1]); at--) {
            of->columns[at] = of->columns[at - 1];
        }
        of->columns[at] = moved;
        count++;
    }
    of->column_count = count;
}

static void write_run(run *from, rove__buf *out) {
    uint32_t number = 0;

    sort_columns(from);
    rove__buf_byte(out, (uint8_t)from->op);
    rove__buf_varint(out, from->entity);
    rove__buf_varint(out, from->rows);
    write_facts(from, out);
    rove__buf_varint(out, from->column_count);
    for (size_t i = 0; i < from->column_count; i++) {
        write_column(&from->columns[i], number, from->rows, out);
        number = from->columns[i].number;
    }
}

rove_status rove__batch_finish(rove__batch_writer *writer, rove__buf *out) {
    rove_status status = writer->status == ROVE_LIMIT ? ROVE_OK : writer->status;
    size_t start = out->size;
    size_t bound = writer->packer.bound;

    if (status == ROVE_OK) {
        rove__buf_byte(out, ROVE_BATCH_VERSION);
        for (run *at = writer->runs; at != NULL; at = at->next) {
            if (at->rows > 0) {
                write_run(at, out);
            }
        }
        status = rove__buf_status(out);
        ROVE_ASSERT(status != ROVE_OK || out->size - start <= bound);
    }
    (void)start;
    (void)bound;
    empty(writer);
    return status;
}
