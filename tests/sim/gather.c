/*
 * sim/gather.c - see gather.h.
 */
#include "gather.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "merge/merge.h"
#include "wire/batch.h"

#define ARENA_MAX ((size_t)8 * 1024 * 1024)

#define ADD(self, name, ...)                                                                       \
    do {                                                                                           \
        (self)->name = ledger_grow((self)->name, (self)->name##_count, &(self)->name##_capacity,   \
                                   sizeof *(self)->name);                                          \
        (self)->name[(self)->name##_count++] = __VA_ARGS__;                                        \
    } while (0)

uint32_t gather_name(const gathered *self, uint32_t entity, rove_id id) {
    for (size_t i = 0; i < self->names_count; i++) {
        if (self->names[i].id == id && self->names[i].entity == entity) {
            return self->names[i].record;
        }
    }
    return 0;
}

int64_t gather_element(const rove_value *value) {
    if (value->type != ROVE_TEXT) {
        return value->as.integer;
    }
    uint32_t word = ledger_number('t', value->as.data, value->size);
    return word != 0 ? word
                     : INT64_C(0x100000000) + ledger_number('w', value->as.data, value->size);
}

uint32_t gather_word(const gathered *self, ledger_kind kind, int64_t element) {
    const rove__registry *registry = hq_registry(self->w->office.hq);
    if (kind != LEDGER_VISIT) {
        return element > UINT32_MAX ? 0 : (uint32_t)element;
    }
    const rove__entity *contact =
        rove__registry_by_name(registry, ledger_entities[LEDGER_CONTACT].name);
    return gather_name(self, contact->number, element);
}

const gathered_row *gather_row(const gathered *self, uint32_t record) {
    for (size_t i = 0; i < self->rows_count; i++) {
        if (self->rows[i].record == record) {
            return &self->rows[i];
        }
    }
    return NULL;
}

static ledger_kind kind_of(const rove__entity *entity) {
    ledger_kind kind = LEDGER_ACCOUNT;
    while (kind < LEDGER_KINDS &&
           (entity == NULL || strcmp(ledger_entities[kind].name, entity->name) != 0)) {
        kind++;
    }
    return kind;
}

/* ---- one change ----------------------------------------------------------------------------------------- */

static void mark(gathered *self, uint32_t number) {
    ledger *l = &self->w->ledger;
    if (number == 0 || number >= l->count) {
        return;
    }
    ledger_write *write = &l->writes[number];
    if (self->reviewed) {
        write->reviewed++;
    } else {
        write->judged++;
    }
}

/*
 * A change bears one number, that of the first write in it: who enrols again with unsent work on a record, and writes on, does
 * so under the number that he had.
 */
static int is_with_former(const ledger *l, uint32_t number, rove_replica by) {
    const ledger_write *write = &l->writes[number];
    for (uint32_t i = 1; i < number; i++) {
        const ledger_write *former = &l->writes[i];
        if (former->author == write->author && former->user == write->user &&
            former->record == write->record && former->replica == by &&
            (former->done || former->unsure)) {
            return 1;
        }
    }
    return 0;
}

/* The device's own, by whose number it came; all of them where numbers do not tell. */
static int is_by(const gathered *self, uint32_t number, rove_replica by) {
    const ledger_write *write = &self->w->ledger.writes[number];
    if (write->author == LEDGER_HQ) {
        return 1;
    }
    return write->replica == by || self->w->devices[write->author].family >= 0 ||
           self->w->office.restored || is_with_former(&self->w->ledger, number, by);
}

static void mark_all(gathered *self, ledger_what what, uint32_t record, uint32_t parent,
                     rove_replica by) {
    ledger *l = &self->w->ledger;
    for (uint32_t i = 1; i < l->count; i++) {
        const ledger_write *write = &l->writes[i];
        int known = self->reviewed ? write->reviewed > 0 : write->judged > 0;
        if (!known && (write->done || write->unsure) && write->what == what &&
            write->record == record && write->parent == parent &&
            is_by(self, i, by)) { /* two that took out the same cannot be told apart */
            mark(self, i);
        }
    }
}

static const rove_value *cell_of(const rove__change *change, const char *field) {
    if (field == NULL) {
        return NULL;
    }
    int at = rove__entity_field_named(change->row.entity, field);
    return at >= 0 && rove__bits_get(&change->row.present, (size_t)at) ? &change->row.cells[at]
                                                                       : NULL;
}

static int is_edited(const rove__change *change, const rove_value *cell) {
    const rove__field *field = &change->row.entity->fields[cell - change->row.cells];
    for (size_t i = 0; i < change->edit_count; i++) {
        if (change->edits[i].field == field->number) {
            return 1;
        }
    }
    return 0;
}

static void take_texts(gathered *self, ledger_kind kind, uint32_t record,
                       const rove__change *change) {
    for (unsigned i = 0; i < LEDGER_TEXTS; i++) {
        const rove_value *cell = cell_of(change, ledger_entities[kind].texts[i]);
        uint32_t number = cell != NULL && cell->type == ROVE_TEXT
                              ? ledger_number('w', cell->as.data, cell->size)
                              : 0;
        if (number == 0 || number >= self->w->ledger.count) {
            continue;
        }
        /* A seal carries the whole record: what was written before it, and not with it, is no act of its own. */
        ledger_write *write = &self->w->ledger.writes[number];
        if (change->op == ROVE_OP_SEAL && write->what != LEDGER_SEAL &&
            (!is_edited(change, cell) || write->judged > 0)) {
            write->carried++;
            continue;
        }
        if (change->op == ROVE_OP_SEAL && !self->reviewed && write->judged > 0) {
            continue;
        }
        mark(self, number);
        if (!self->reviewed) {
            ADD(self, steps, (gathered_step){record, i, {self->seq, number, change->replica}});
        }
    }
}

/* What was added before a record was sent may be one number; it is then none of a write. */
static int is_count(const gathered *self, uint32_t record, int64_t delta) {
    const ledger *l = &self->w->ledger;
    return delta > 0 && delta < (int64_t)l->count && l->writes[delta].what == LEDGER_COUNT &&
           l->writes[delta].record == record;
}

static void take_counter(gathered *self, ledger_kind kind, uint32_t record,
                         const rove__change *change, rove__arena *arena) {
    const rove_value *cell = cell_of(change, ledger_entities[kind].counter);
    rove__increment *increments = NULL;
    size_t count = 0;
    if (cell == NULL || change->op == ROVE_OP_INSERT) {
        return; /* what came with the record is one sum, which may look like any write's */
    }
    if (rove__increments_read(cell, arena, &increments, &count) == ROVE_OK) {
        for (size_t i = 0; i < count; i++) {
            if (is_count(self, record, increments[i].delta)) {
                mark(self, (uint32_t)increments[i].delta);
            } else if (!self->reviewed && self->w->ledger.records[record].again) {
                ADD(self, sums, (gathered_sum){record, increments[i].delta});
            }
        }
    }
}

/* Increments that came back, from review or refused, are done again as their sum; that of which it is made up has been judged so. */
static int count_sum(ledger *l, uint32_t record, uint32_t before, int64_t sum) {
    for (uint32_t i = before; i-- > 1 && sum > 0;) {
        ledger_write *write = ledger_get(l, i);
        if (write->what == LEDGER_COUNT && write->record == record && i <= sum &&
            write->judged == 0 && write->done && count_sum(l, record, i, sum - i)) {
            write->judged++;
            return 1;
        }
    }
    return sum == 0;
}

static void take_set(gathered *self, ledger_kind kind, uint32_t record, const rove__change *change,
                     rove__arena *arena) {
    const rove_value *cell = cell_of(change, ledger_entities[kind].set);
    rove__set set;
    if (cell == NULL || rove__set_read(&set, cell, ROVE_SET_DELTA, arena) != ROVE_OK) {
        return;
    }
    for (size_t i = 0; i < set.count; i++) {
        int64_t element = gather_element(&set.elements[i].value);
        uint32_t word = gather_word(self, kind, element);
        int takes = set.form == ROVE_SET_DELTA && set.elements[i].action == ROVE_SET_REMOVE;
        if (word != 0 || kind == LEDGER_VISIT) {
            mark_all(self, takes ? LEDGER_UNTAG : LEDGER_TAG, record, word, change->replica);
        } else if (takes) {
            mark_all(self, LEDGER_TAKE, record, (uint32_t)element, change->replica);
        } else {
            mark(self, (uint32_t)element);
        }
    }
}

static void take_stage(gathered *self, ledger_kind kind, uint32_t record,
                       const rove__change *change) {
    const rove_value *cell = cell_of(change, ledger_entities[kind].rank);
    if (cell != NULL && cell->type == ROVE_INT) {
        mark_all(self, LEDGER_STAGE, record, (uint32_t)cell->as.integer, change->replica);
    }
}

/* Of an edit that waits for a record which headquarters does not have: by what it writes there. */
static uint32_t record_awaited(const gathered *self, ledger_kind kind, const rove__change *change,
                               rove__arena *arena) {
    const ledger *l = &self->w->ledger;
    const rove_value *cell = cell_of(change, ledger_entities[kind].counter);
    rove__increment *increments = NULL;
    rove__set set;
    size_t count = 0;
    uint32_t number = 0;
    for (unsigned i = 0; i < LEDGER_TEXTS && number == 0; i++) {
        const rove_value *text = cell_of(change, ledger_entities[kind].texts[i]);
        number = text != NULL && text->type == ROVE_TEXT
                     ? ledger_number('w', text->as.data, text->size)
                     : 0;
    }
    if (number == 0 && cell != NULL &&
        rove__increments_read(cell, arena, &increments, &count) == ROVE_OK && count > 0) {
        number = (uint32_t)increments[0].delta;
    }
    cell = cell_of(change, ledger_entities[kind].set);
    if (number == 0 && cell != NULL &&
        rove__set_read(&set, cell, ROVE_SET_DELTA, arena) == ROVE_OK && set.count > 0 &&
        set.elements[0].value.type == ROVE_TEXT) {
        number = ledger_number('w', set.elements[0].value.as.data, set.elements[0].value.size);
    }
    return number < l->count ? l->writes[number].record : 0;
}

static void take_change(gathered *self, const rove__change *change, rove__arena *arena) {
    ledger_kind kind = kind_of(change->row.entity);
    if (kind == LEDGER_KINDS) {
        return;
    }
    uint32_t record = gather_name(self, change->row.entity_number, change->row.id);
    if (change->op == ROVE_OP_INSERT) {
        const rove_value *key = cell_of(change, ledger_entities[kind].key);
        uint32_t number =
            key != NULL && key->type == ROVE_TEXT ? ledger_number('r', key->as.data, key->size) : 0;
        if (number == 0 || number >= self->w->ledger.record_count) {
            notes_found(self->w, notes_number(key), self->reviewed);
            return;
        }
        if (record == 0) {
            record = number;
            ADD(self, names, (gathered_name){change->row.entity_number, change->row.id, record});
        } else if (record != number && !self->reviewed) {
            VIOLATED(self->w, "P4", "r%u has the id that r%u has, or had: %lld", number, record,
                     (long long)change->row.id);
        }
        mark(self, self->w->ledger.records[number].insert);
    }
    if (record == 0 && self->reviewed) {
        record = record_awaited(self, kind, change, arena);
    }
    if (record == 0) {
        return;
    }
    if (change->op == ROVE_OP_DELETE) {
        mark_all(self, LEDGER_DELETE, record, 0, change->replica);
        return;
    }
    take_texts(self, kind, record, change);
    take_counter(self, kind, record, change, arena);
    take_set(self, kind, record, change, arena);
    take_stage(self, kind, record, change);
}

static void take_batch(gathered *self, const void *bytes, size_t size) {
    office *o = &self->w->office;
    rove__batch_reader *reader = NULL;
    rove__change change;
    rove__arena arena;
    rove__arena_init(&arena, &o->ports.allocator, ARENA_MAX);
    rove_status status =
        rove__batch_reader_new(&o->ports.allocator, hq_registry(o->hq), bytes, size, &reader);
    while (status == ROVE_OK && (status = rove__batch_next(reader, &change)) == ROVE_OK) {
        take_change(self, &change, &arena);
        rove__arena_reset(&arena);
    }
    if (status != ROVE_DONE) {
        VIOLATED(self->w, "I22", "a change kept at headquarters cannot be read: %s",
                 rove_status_name(status));
    }
    rove__batch_reader_free(reader);
    rove__arena_free(&arena);
}

/* ---- tables --------------------------------------------------------------------------------------------- */

static void read_changes(gathered *self, sqlite3 *db, const char *sql, int reviewed) {
    sqlite3_stmt *statement = NULL;
    self->reviewed = reviewed;
    if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) != SQLITE_OK) {
        VIOLATED(self->w, "I22", "headquarters' tables cannot be read: %s", sqlite3_errmsg(db));
    }
    while (statement != NULL && sqlite3_step(statement) == SQLITE_ROW) {
        self->seq = (uint64_t)sqlite3_column_int64(statement, 0);
        take_batch(self, sqlite3_column_blob(statement, 1),
                   (size_t)sqlite3_column_bytes(statement, 1));
    }
    sqlite3_finalize(statement);
}

static void check_file(gathered *self, sqlite3 *db) {
    sqlite3_stmt *statement = NULL;
    if (sqlite3_prepare_v2(db, "PRAGMA integrity_check", -1, &statement, NULL) == SQLITE_OK &&
        sqlite3_step(statement) == SQLITE_ROW &&
        strcmp((const char *)sqlite3_column_text(statement, 0), "ok") != 0) {
        VIOLATED(self->w, "I22", "headquarters' file: %s",
                 (const char *)sqlite3_column_text(statement, 0));
    }
    sqlite3_finalize(statement);
}

/* ---- rows ----------------------------------------------------------------------------------------------- */

static const rove_value *value_of(const rove__hq_row *row, const char *field) {
    int at = field == NULL ? -1 : rove__entity_field_named(row->row.entity, field);
    return at < 0 ? NULL : &row->row.cells[at];
}

static uint32_t number_of(const rove__hq_row *row, const char *field, char letter) {
    const rove_value *value = value_of(row, field);
    return value != NULL && value->type == ROVE_TEXT
               ? ledger_number(letter, value->as.data, value->size)
               : 0;
}

static int64_t integer_of(const rove__hq_row *row, const char *field) {
    const rove_value *value = value_of(row, field);
    return value != NULL && value->type == ROVE_INT ? value->as.integer : 0;
}

static void take_elements(gathered *self, uint32_t record, const rove_value *value) {
    rove__set_cursor cursor;
    rove__element element;
    rove__set_open(&cursor, value, ROVE_SET_VERSIONED);
    while (rove__set_next(&cursor, &element)) {
        ADD(self, elements, (gathered_element){record, gather_element(&element.value)});
    }
}

static rove_status each_row(void *ctx, const rove__hq_row *row) {
    gathered *self = ctx;
    ledger_kind kind = kind_of(row->row.entity);
    const ledger_entity *entity = &ledger_entities[kind];
    gathered_row taken = {.record = number_of(row, entity->key, 'r'),
                          .id = row->row.id,
                          .root = row->scope.root,
                          .contact = kind == LEDGER_ROLE ? integer_of(row, "contact_id") : 0,
                          .counter = integer_of(row, entity->counter),
                          .merged_into =
                              kind == LEDGER_ACCOUNT ? integer_of(row, "merged_into_id") : 0,
                          .rank = integer_of(row, entity->rank)};
    rove_stamp largest = rove__clock_largest(&row->clock);
    self->stamp_most = largest > self->stamp_most ? largest : self->stamp_most;
    if (taken.record == 0 || taken.record >= self->w->ledger.record_count) {
        return ROVE_OK;
    }
    for (unsigned i = 0; i < LEDGER_TEXTS; i++) {
        const rove_value *text = value_of(row, entity->texts[i]);
        taken.texts[i] = number_of(row, entity->texts[i], 'w');
        taken.is_long |= text != NULL && text->type == ROVE_TEXT && text->size > WORLD_OLDER_TEXT;
    }
    if (gather_row(self, taken.record) != NULL) {
        VIOLATED(self->w, "I12", "record r%u is at headquarters twice", taken.record);
    }
    if (gather_name(self, row->row.entity_number, row->row.id) == 0) {
        ADD(self, names, (gathered_name){row->row.entity_number, row->row.id, taken.record});
    }
    if (entity->set != NULL) {
        take_elements(self, taken.record, value_of(row, entity->set));
    }
    ADD(self, rows, taken);
    return ROVE_OK;
}

/* What a conflict keeps of a set: a value that describes itself. */
static void take_lost(gathered *self, uint32_t record, const rove_value *packed) {
    rove__set_cursor cursor;
    rove__element element;
    rove__reader reader;
    rove_value value;
    if (packed == NULL || packed->type != ROVE_BLOB) {
        return;
    }
    rove__reader_init(&reader, packed->as.data, packed->size);
    rove__value_read(&reader, &value);
    rove__set_open(&cursor, &value, ROVE_SET_PLAIN);
    while (rove__reader_status(&reader) == ROVE_OK && rove__set_next(&cursor, &element)) {
        ADD(self, lost, (gathered_element){record, gather_element(&element.value)});
    }
}

/* The first "w17;" in a value that describes itself. */
static uint32_t number_in(const rove_value *value) {
    if (value == NULL || value->type != ROVE_BLOB) {
        return 0;
    }
    for (size_t i = 0; i < value->size && i < 16; i++) {
        uint32_t number = ledger_number('w', (const char *)value->as.data + i, value->size - i);
        if (number != 0) {
            return number;
        }
    }
    return 0;
}

static rove_status each_conflict(void *ctx, const rove__hq_row *row) {
    gathered *self = ctx;
    const rove__registry *registry = hq_registry(self->w->office.hq);
    uint32_t number = (uint32_t)integer_of(row, "record_entity");
    uint32_t record = gather_name(self, number, integer_of(row, "record_id"));
    const rove__entity *about = rove__registry_by_number(registry, number);
    ledger_kind kind = kind_of(about);
    int at =
        about == NULL ? -1 : rove__entity_field(about, (uint32_t)integer_of(row, "field_number"));
    if (record == 0 || kind == LEDGER_KINDS || at < 0) {
        return ROVE_OK;
    }
    if (strcmp(about->fields[at].name, "industry") == 0) {
        VIOLATED(self->w, "I13",
                 "r%u: all who wrote its industry wrote the same, and it is a conflict", record);
    }
    if (ledger_entities[kind].set != NULL &&
        strcmp(about->fields[at].name, ledger_entities[kind].set) == 0) {
        take_lost(self, record, value_of(row, "lost_value"));
    }
    for (unsigned i = 0; i < LEDGER_TEXTS; i++) {
        if (ledger_entities[kind].texts[i] == NULL ||
            strcmp(ledger_entities[kind].texts[i], about->fields[at].name) != 0) {
            continue;
        }
        reference_conflict c = {.kept = number_in(value_of(row, "kept_value")),
                                .lost = number_in(value_of(row, "lost_value")),
                                .kept_stamp = (uint64_t)integer_of(row, "kept_stamp"),
                                .lost_stamp = (uint64_t)integer_of(row, "lost_stamp"),
                                .kept_replica = (rove_replica)integer_of(row, "kept_replica"),
                                .lost_replica = (rove_replica)integer_of(row, "lost_replica")};
        ADD(self, conflicts, (gathered_conflict){record, i, c});
    }
    return ROVE_OK;
}

static rove_status read_rows(void *ctx, rove__hq_tx *tx, rove_error *error) {
    gathered *self = ctx;
    office *o = &self->w->office;
    const rove__hq_directory *directory = &hq_database(o->hq)->directory;
    rove_status status = ROVE_OK;
    rove__arena arena;
    (void)error;
    rove__arena_init(&arena, &o->ports.allocator, ARENA_MAX);
    for (ledger_kind kind = LEDGER_ACCOUNT; kind < LEDGER_KINDS && status == ROVE_OK; kind++) {
        const rove__entity *entity =
            rove__registry_by_name(hq_registry(o->hq), ledger_entities[kind].name);
        status = directory->row_find(tx, entity->number, -1, NULL, &arena, each_row, self);
    }
    rove__arena_free(&arena);
    return status;
}

static rove_status read_conflicts(void *ctx, rove__hq_tx *tx, rove_error *error) {
    gathered *self = ctx;
    office *o = &self->w->office;
    rove__arena arena;
    (void)error;
    rove__arena_init(&arena, &o->ports.allocator, ARENA_MAX);
    const rove__entity *conflict = rove__registry_by_name(hq_registry(o->hq), "Conflict");
    rove_status status = hq_database(o->hq)->directory.row_find(tx, conflict->number, -1, NULL,
                                                                &arena, each_conflict, self);
    rove__arena_free(&arena);
    return status;
}

void gather_rows(gathered *self, world *w) {
    *self = (gathered){.w = w};
    if (office_read(&w->office, read_rows, self) != ROVE_OK) {
        VIOLATED(w, "I22", "headquarters' rows cannot be read");
    }
}

void gather(gathered *self, world *w) {
    sqlite3 *db = NULL;
    for (size_t i = 1; i < w->ledger.count; i++) {
        w->ledger.writes[i].judged = w->ledger.writes[i].reviewed = w->ledger.writes[i].carried =
            w->ledger.writes[i].refused = 0;
    }
    notes_forget_found(w);
    /* First, for it knows the records that a restored headquarters was given by others than their makers. */
    gather_rows(self, w);
    if (sqlite3_open_v2("/1/hq.db", &db, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK) {
        VIOLATED(w, "I22", "headquarters' database cannot be opened");
    } else {
        sqlite3_wal_autocheckpoint(db, 0);
        check_file(self, db);
        read_changes(self, db, "SELECT seq, change FROM _history ORDER BY seq, number", 0);
        read_changes(self, db, "SELECT seq, change FROM _review_queue ORDER BY number", 1);
        read_changes(self, db, "SELECT 0, change FROM _parked ORDER BY number", 1);
        for (size_t i = 0; i < self->sums_count; i++) {
            (void)count_sum(&w->ledger, self->sums[i].record, (uint32_t)w->ledger.count,
                            self->sums[i].delta);
        }
    }
    sqlite3_close(db);
    if (office_read(&w->office, read_conflicts, self) != ROVE_OK) {
        VIOLATED(w, "I22", "headquarters' conflicts cannot be read");
    }
}

void gather_free(gathered *self) {
    free(self->rows);
    free(self->elements);
    free(self->lost);
    free(self->steps);
    free(self->conflicts);
    free(self->sums);
    free(self->names);
}

/* One of two that came of the same; what waited when they parted is of both. */
static int is_of(const world *w, const ledger_write *write, int author) {
    return write->author == author ||
           (write->author >= 0 && write->line == w->devices[author].line);
}

/* Refused increments are shown as their sum: it is made up of those that came to nothing else. 0: it is not. */
static int refuse_sum(world *w, int author, uint32_t record, uint32_t before, int64_t sum) {
    for (uint32_t i = before; i-- > 1 && sum > 0;) {
        ledger_write *write = ledger_get(&w->ledger, i);
        if (write->what == LEDGER_COUNT && write->record == record && i <= sum &&
            (write->done || write->unsure) && write->judged == 0 && write->reviewed == 0 &&
            (write->refused == 0 || w->devices[author].family >= 0) && is_of(w, write, author) &&
            refuse_sum(w, author, record, i, sum - i)) {
            write->refused++;
            return 1;
        }
    }
    return sum == 0;
}

void gather_refused(world *w, int author, uint32_t record, const char *field,
                    const rove_value *value) {
    ledger *l = &w->ledger;
    uint32_t number = 0;
    if (value->type == ROVE_TEXT) {
        number = ledger_number('w', value->as.data, value->size);
        uint32_t named = ledger_number('r', value->as.data, value->size);
        number = named != 0 && named < l->record_count ? l->records[named].insert : number;
    }
    if (value->type == ROVE_INT && strcmp(field, "points") == 0) {
        (void)refuse_sum(w, author, record, (uint32_t)l->count, value->as.integer);
    }
    for (uint32_t i = 1; i < l->count; i++) { /* what has no value of its own */
        ledger_write *write = ledger_get(l, i);
        if (write->what < LEDGER_STAGE || write->what == LEDGER_SIGNED || write->record != record) {
            continue;
        }
        const ledger_entity *entity = &ledger_entities[l->records[record].kind];
        const char *about = write->what == LEDGER_STAGE ? entity->rank : entity->set;
        write->refused += write->author == author && strcmp(field, about) == 0;
    }
    for (uint32_t i = 1; number == 0 && i < l->count; i++) { /* a delete has no value */
        if (field[0] == '\0' && l->writes[i].what == LEDGER_DELETE &&
            l->writes[i].record == record && l->writes[i].author == author) {
            l->writes[i].refused++;
        }
    }
    if (number > 0 && number < l->count) {
        l->writes[number].refused++;
        if (l->writes[number].what ==
            LEDGER_ADD) { /* or it is the element that was to be taken out */
            for (uint32_t i = number; i < l->count; i++) {
                l->writes[i].refused +=
                    l->writes[i].what == LEDGER_TAKE && l->writes[i].parent == number;
            }
        }
    }
}
