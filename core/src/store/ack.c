/*
 * store/ack.c - headquarters has judged a batch.
 *
 * What was accepted becomes headquarters' version, exactly as headquarters now has it: an insert's clock is its origin
 * with the base {canonical stamp, own replica}, an accepted edit sets the cell's exception to the same, increments
 * are added to the total, adds and removes merged into the set. It moves beneath newer edits of the same cell
 * (D6). What was not simply accepted falls back to headquarters' version, which comes along as a whole row if
 * the rep may read it, and replaces (D2):
 *   LOST, REVIEW   nothing more; headquarters keeps the loser
 *   PARKED         the entry stays laid over the row, not in flight any more, until the row comes (P15); so does a
 *                  move, until a page says where the row is now
 *   REJECTED       kept in _rejection for the rep to look at
 *   KNOWN          as accepted
 *
 * A seal that was not sent yet is frozen before, as its rep saw the record.
 *
 * Only the oldest batch in flight can be acknowledged, with the chain that follows from it.
 */
#include <string.h>

#include "base/assert.h"
#include "base/planted.h"
#include "base/text.h"
#include "merge/merge.h"
#include "model/set.h"
#include "store/exchange.h"

/* Verdicts and canonical stamps of all frames, found by row: chains in an array of heads. */
typedef struct by_row {
    const void **items; /* rove__verdict or rove__canonical */
    uint32_t *next;     /* position + 1 */
    uint32_t *heads;    /* position + 1, by hash */
    size_t count, slots;
} by_row;

typedef struct acking {
    rove__apply *apply;
    by_row verdicts;
    by_row canonicals;
} acking;

static size_t head_of(const by_row *table, uint32_t entity, rove_id id) {
    uint64_t hash = (uint64_t)id * 0x9e3779b97f4a7c15u ^ (uint64_t)entity * 0xc2b2ae3d27d4eb4fu;
    return (size_t)(hash >> 32) & (table->slots - 1);
}

static rove_status by_row_init(by_row *table, size_t count, rove__arena *arena) {
    memset(table, 0, sizeof *table);
    table->slots = 16;
    while (table->slots < count) {
        table->slots *= 2;
    }
    table->items = rove__arena_take(arena, (count + 1) * sizeof *table->items);
    table->next = rove__arena_take(arena, (count + 1) * sizeof *table->next);
    table->heads = rove__arena_take(arena, table->slots * sizeof *table->heads);
    if (table->items == NULL || table->next == NULL || table->heads == NULL) {
        return ROVE_NOMEM;
    }
    memset(table->heads, 0, table->slots * sizeof *table->heads);
    return ROVE_OK;
}

static void by_row_add(by_row *table, uint32_t entity, rove_id id, const void *item) {
    size_t head = head_of(table, entity, id);

    table->items[table->count] = item;
    table->next[table->count] = table->heads[head];
    table->heads[head] = (uint32_t)++table->count;
}

static rove_status index_frames(acking *a, const rove__ack *frames, size_t count) {
    rove__arena *arena = &a->apply->exchange->arena;
    size_t verdicts = 0;
    size_t canonicals = 0;

    for (size_t i = 0; i < count; i++) {
        verdicts += frames[i].verdict_count;
        canonicals += frames[i].canonical_count;
    }
    rove_status status = by_row_init(&a->verdicts, verdicts, arena);
    if (status == ROVE_OK) {
        status = by_row_init(&a->canonicals, canonicals, arena);
    }
    for (size_t i = 0; i < count && status == ROVE_OK; i++) {
        for (size_t v = 0; v < frames[i].verdict_count; v++) {
            const rove__verdict *verdict = &frames[i].verdicts[v];
            by_row_add(&a->verdicts, verdict->entity, verdict->id, verdict);
        }
        for (size_t c = 0; c < frames[i].canonical_count; c++) {
            const rove__canonical *canonical = &frames[i].canonicals[c];
            by_row_add(&a->canonicals, canonical->entity, canonical->id, canonical);
        }
    }
    return status;
}

/* The verdict on a field, or else on the whole row; NULL: accepted. */
static const rove__verdict *verdict_of(const acking *a, const rove__entry *entry, uint32_t field) {
    const rove__verdict *whole = NULL;
    uint32_t at = a->verdicts.heads[head_of(&a->verdicts, entry->entity, entry->row)];

    for (; at != 0; at = a->verdicts.next[at - 1]) {
        const rove__verdict *verdict = a->verdicts.items[at - 1];
        if (verdict->entity != entry->entity || verdict->id != entry->row) {
            continue;
        }
        if (verdict->field == field) {
            return verdict;
        }
        whole = verdict->field == 0 ? verdict : whole;
    }
    return whole;
}

static int has_code(const rove__verdict *verdict, rove__verdict_code code) {
    return verdict != NULL && verdict->code == code;
}

static int accepted(const rove__verdict *verdict) {
    return verdict == NULL || verdict->code == ROVE_VERDICT_KNOWN;
}

/* The canonical version of a write: of several the last, because increments have one each. */
static rove__version version_of(const acking *a, const rove__entry *entry, uint32_t field,
                                rove_stamp raw) {
    rove__version version = {raw, a->apply->store->owner.replica};
    rove_stamp largest = 0;
    uint32_t at = a->canonicals.heads[head_of(&a->canonicals, entry->entity, entry->row)];

    for (; at != 0; at = a->canonicals.next[at - 1]) {
        const rove__canonical *canonical = a->canonicals.items[at - 1];
        if (canonical->entity == entry->entity && canonical->id == entry->row &&
            canonical->field == field && canonical->stamp > largest) {
            largest = canonical->stamp;
        }
    }
    /* Else it is the raw one, as headquarters took it or did not judge it: no clock goes by that (D10). */
    if (largest != 0) {
        version.stamp = largest;
        rove__store_observe(a->apply->store, largest);
    }
    return version;
}

/* ---- accepted ---- */

static rove_status accept_counter(rove_value *total, const rove_value *pending,
                                  rove__arena *arena) {
    rove__increment *increments = NULL;
    size_t count = 0;
    int saturated = 0;

    rove_status status = rove__increments_read(pending, arena, &increments, &count);
    if (status == ROVE_OK) {
        int64_t before = total->type == ROVE_INT ? total->as.integer : 0;
        *total = rove__value_int(rove__merge_counter(before, increments, count, &saturated));
    }
    return status;
}

static rove_status accept_set(rove_value *held, const rove_value *pending, rove__version version,
                              rove__arena *arena) {
    rove__set current;
    rove__set delta;
    rove__set result;
    size_t ignored = 0;

    rove_status status = rove__set_read(&current, held, ROVE_SET_VERSIONED, arena);
    if (status == ROVE_OK) {
        status = rove__set_read(&delta, pending, ROVE_SET_DELTA, arena);
    }
    if (status == ROVE_OK) {
        status = rove__merge_set(&current, &delta, version, 1, arena, &result, &ignored);
    }
    return status == ROVE_OK ? rove__set_value(&result, arena, held) : status;
}

static rove_status accept_cell(const acking *a, rove__record *record, const rove__entry *entry,
                               const rove__pending_cell *cell) {
    rove__arena *arena = &a->apply->exchange->row;
    int ordinal = rove__entity_field(record->entity, cell->field);
    rove__clock_entry now = {.field = cell->field, .epoch = cell->epoch};
    rove_status status = ROVE_OK;

    if (ordinal < 0) {
        return ROVE_OK;
    }
    now.version = version_of(a, entry, cell->field, cell->raw);
    rove_value *held = &record->under.row.cells[ordinal];
    rove_value before = *held;
    switch (record->entity->fields[ordinal].kind) {
    case ROVE_KIND_COUNTER:
        status = accept_counter(held, &cell->pending, arena);
        break;
    case ROVE_KIND_SET:
        status = accept_set(held, &cell->pending, now.version, arena);
        if (status == ROVE_OK && rove__value_equal(&before, held)) {
            return ROVE_OK; /* as at headquarters: what took out what is not there has written nothing */
        }
        break;
    case ROVE_KIND_REGISTER:
    case ROVE_KIND_RANK:
    case ROVE_KIND_DERIVED:
    default:
        *held = cell->pending;
        break;
    }
    return status == ROVE_OK ? rove__clock_set(&record->under.clock, arena, now) : status;
}

/* Headquarters gave all that an insert brought the insert's own version. */
static rove_status accept_insert(const acking *a, rove__record *record, const rove__entry *entry) {
    rove__arena *arena = &a->apply->exchange->row;
    rove__version version = version_of(a, entry, 0, entry->raw);
    rove_status status = ROVE_OK;

    if (!record->known) {
        return ROVE_OK;
    }
    rove__clock_init(&record->under.clock, record->under.clock.origin, version, 0);
    for (size_t i = 0; i < record->under.row.cell_count && status == ROVE_OK; i++) {
        rove_value *cell = &record->under.row.cells[i];
        rove__set set;
        if (record->entity->fields[i].kind != ROVE_KIND_SET || cell->type == ROVE_NULL) {
            continue;
        }
        status = rove__set_read(&set, cell, ROVE_SET_VERSIONED, arena);
        for (size_t e = 0; status == ROVE_OK && e < set.count; e++) {
            set.elements[e].version = version;
        }
        if (status == ROVE_OK) {
            status = rove__set_value(&set, arena, cell);
        }
    }
    return status;
}

/* ---- rejected ---- */

static rove_status reject(const acking *a, const rove__record *record, size_t at, uint32_t field,
                          const rove__verdict *verdict) {
    rove__change change;

    rove_status status = rove__record_change(a->apply->store, record, at, field,
                                             &a->apply->exchange->row, &change, a->apply->error);
    if (status != ROVE_OK) {
        return status;
    }
    return rove__rejection_put(a->apply->store, &change, field, verdict->status,
                               verdict->reason != NULL ? verdict->reason : "", a->apply->error);
}

static int is_deleted(const rove__record *record) {
    for (size_t i = 0; i < record->count; i++) {
        if (record->entries[i].op == ROVE_OP_DELETE) {
            return 1;
        }
    }
    return 0;
}

/*
 * A rejected insert leaves with all that was done to it since, which its rejection shows; what of it is in flight
 * finds nothing here when its own Ack comes. Of what its rep has deleted meanwhile nothing is kept.
 */
static rove_status reject_insert(const acking *a, rove__record *record, size_t at,
                                 const rove__verdict *verdict) {
    rove_status status = is_deleted(record) ? ROVE_OK : reject(a, record, at, 0, verdict);

    for (size_t i = record->count; i-- > 0 && status == ROVE_OK;) {
        if (i == at || record->entries[i].batch == 0 ||
            record->entries[i].batch == ROVE_BATCH_PARKED) {
            status = rove__record_settle(a->apply->store, record, i, a->apply->error);
        }
    }
    record->known = 0;
    if (status == ROVE_OK) {
        status =
            rove__record_save(a->apply->store, record, &a->apply->exchange->row, a->apply->error);
    }
    /* Later entries in flight must not be laid over a record that takes this id again. */
    if (status == ROVE_OK && record->aside) {
        status = rove__deleted_put(a->apply->store, record->entity->number, record->id, 0,
                                   a->apply->error);
    }
    return status;
}

static int insert_was_rejected(const acking *a, const rove__entry *entry, rove_status *status) {
    sqlite3_stmt *statement = NULL;

    *status = rove__exchange_row(a->apply->store, ROVE_EXCHANGE_REJECTION_INSERT, &statement,
                                 a->apply->error, "ii", (int64_t)entry->entity, entry->row);
    sqlite3_reset(statement);
    return statement != NULL;
}

/* What was refused of an edit or a delete, as a whole or field by field. */
static rove_status reject_parts(const acking *a, const rove__record *record, size_t at) {
    const rove__entry *entry = &record->entries[at];
    const rove__verdict *whole = verdict_of(a, entry, 0);
    rove_status status = ROVE_OK;

    if (has_code(whole, ROVE_VERDICT_REJECTED)) {
        status = reject(a, record, at, 0, whole);
    }
    for (size_t c = 0; c < entry->count && status == ROVE_OK; c++) {
        const rove__verdict *verdict = verdict_of(a, entry, entry->cells[c].field);
        if (verdict != whole && has_code(verdict, ROVE_VERDICT_REJECTED)) {
            status = reject(a, record, at, entry->cells[c].field, verdict);
        }
    }
    return status;
}

/* What was judged is the change in its batch, under the id that it has there. */
static rove_status reject_orphan(const acking *a, rove__record *record) {
    rove__change sent;

    rove_status status = rove__flight_find(a->apply->store, record->entries,
                                           &a->apply->exchange->row, &sent, a->apply->error);
    if (status != ROVE_OK) {
        return status;
    }
    record->id = record->entries->row = sent.row.id;
    return insert_was_rejected(a, record->entries, &status) || status != ROVE_OK
               ? status
               : reject_parts(a, record, 0);
}

/* An entry whose record is not here any more, or another one under its id. */
static rove_status judge_orphan(const acking *a, const rove__entity *entity, rove__entry *entry) {
    rove__record record;
    rove_status status = ROVE_OK;

    memset(&record, 0, sizeof record);
    record.entity = entity;
    record.id = entry->row;
    record.entries = entry;
    record.count = 1;
    a->apply->left = 1; /* its record did before it */
    if (a->verdicts.count > 0 && entry->op != ROVE_OP_INSERT) {
        status = reject_orphan(a, &record);
    }
    return status == ROVE_OK ? rove__entry_remove(a->apply->store, entry->seq, a->apply->error)
                             : status;
}

/* ---- one entry ---- */

/* Whether what was accepted takes the row to another scope. */
static int moves(const acking *a, const rove__record *record, const rove__entry *entry) {
    const rove__entity *entity = record->entity;
    const int deciding[2] = {entity->scope_field, entity->part_field};
    rove_value cells[ROVE_FIELDS_MAX];
    rove__row after = record->under.row;

    memcpy(cells, after.cells, after.cell_count * sizeof *cells);
    after.cells = cells;
    for (size_t i = 0; i < 2; i++) {
        uint32_t field = deciding[i] >= 0 ? entity->fields[deciding[i]].number : 0;
        const rove__pending_cell *cell = field != 0 ? rove__entry_cell(entry, field) : NULL;
        if (cell != NULL && accepted(verdict_of(a, entry, field))) {
            cells[deciding[i]] = cell->pending;
        }
    }
    return !rove__scope_equal(rove__row_scope(&after, NULL),
                              rove__row_scope(&record->under.row, NULL));
}

static void drop_cell(rove__entry *entry, size_t at) {
    entry->count--;
    memmove(&entry->cells[at], &entry->cells[at + 1], (entry->count - at) * sizeof *entry->cells);
}

/*
 * A row that the rep moved stays, for headquarters, where it was until a page says otherwise: the new scope may
 * not be held any more, and then only the mark in the old one takes the row away. Until then what was accepted
 * is laid over it as what is parked is.
 */
static void await_page(const acking *a, rove__entry *entry) {
    entry->batch = ROVE_BATCH_PARKED;
    for (size_t c = entry->count; c-- > 0;) {
        if (!accepted(verdict_of(a, entry, entry->cells[c].field))) {
            drop_cell(entry, c);
        }
    }
}

/* What waits for a page was overtaken by a later write. */
static void overtake(rove__record *record, size_t at, uint32_t field) {
    for (size_t i = 0; i < at; i++) {
        for (size_t c = record->entries[i].count; c-- > 0;) {
            if (record->entries[i].cells[c].field == field) {
                drop_cell(&record->entries[i], c);
            }
        }
    }
}

static rove_status judge_cells(const acking *a, rove__record *record, size_t at) {
    rove__entry *entry = &record->entries[at];
    rove_status status = reject_parts(a, record, at);

    if (status == ROVE_OK && record->known && moves(a, record, entry)) {
        await_page(a, entry);
        return ROVE_OK;
    }
    for (size_t c = 0; c < entry->count && status == ROVE_OK && record->known; c++) {
        if (accepted(verdict_of(a, entry, entry->cells[c].field))) {
            status = accept_cell(a, record, entry, &entry->cells[c]);
            overtake(record, ROVE_PLANTED(D06_TRAMPLES) ? record->count : at,
                     entry->cells[c].field);
        }
    }
    return status == ROVE_OK ? rove__record_settle(a->apply->store, record, at, a->apply->error)
                             : status;
}

static rove_status judge_delete(const acking *a, rove__record *record, size_t at) {
    const rove__verdict *verdict = verdict_of(a, &record->entries[at], 0);
    rove_status status = ROVE_OK;

    if (has_code(verdict, ROVE_VERDICT_REJECTED)) {
        status = reject(a, record, at, 0, verdict);
    }
    if (status == ROVE_OK) {
        status = rove__record_settle(a->apply->store, record, at, a->apply->error);
    }
    if (!accepted(verdict)) {
        return status;
    }
    record->known = 0;
    while (record->count > 0 && status == ROVE_OK) {
        status = rove__record_settle(a->apply->store, record, 0, a->apply->error);
    }
    return status;
}

/* A scan that is under way began before headquarters had it, and will not name it: a later page does. */
static rove_status name_insert(const acking *a, const rove__record *record) {
    if (a->apply->transfer_count == 0 || !record->known) {
        return ROVE_OK;
    }
    rove__scope scope = rove__row_scope(&record->under.row, NULL);
    return rove__named_add(a->apply, record->entity->number, record->id,
                           rove__transfer_of(a->apply, scope));
}

static rove_status judge_known(const acking *a, rove__record *record, size_t at) {
    rove__entry *entry = &record->entries[at];
    const rove__verdict *verdict =
        verdict_of(a, entry, entry->count > 0 ? entry->cells[0].field : 0);
    int inserted = entry->op == ROVE_OP_INSERT && accepted(verdict);
    int reviewed = entry->op == ROVE_OP_INSERT && !accepted(verdict);
    rove_status status = ROVE_OK;

    a->apply->left |= !record->known;
    if (has_code(verdict, ROVE_VERDICT_PARKED) && record->known && entry->op != ROVE_OP_INSERT) {
        entry->batch = ROVE_BATCH_PARKED;
        return rove__entry_save(a->apply->store, entry, a->apply->error);
    }
    if (entry->op == ROVE_OP_INSERT && has_code(verdict, ROVE_VERDICT_REJECTED)) {
        return reject_insert(a, record, at, verdict);
    }
    status = rove__record_sum(a->apply->store, record, -1, a->apply->error);
    if (status != ROVE_OK) {
        return status;
    }
    switch (entry->op) {
    case ROVE_OP_INSERT:
        status = accept_insert(a, record, entry);
        if (status == ROVE_OK) {
            status = rove__record_settle(a->apply->store, record, at, a->apply->error);
        }
        break;
    case ROVE_OP_DELETE:
        status = judge_delete(a, record, at);
        a->apply->left |= !record->known;
        break;
    default:
        status = judge_cells(a, record, at);
        break;
    }
    if (status == ROVE_OK) {
        status =
            rove__record_save(a->apply->store, record, &a->apply->exchange->row, a->apply->error);
    }
    if (status == ROVE_OK) {
        status = rove__record_sum(a->apply->store, record, 1, a->apply->error);
    }
    if (status == ROVE_OK && inserted) {
        status = name_insert(a, record);
    }
    a->apply->any_aside |= record->aside;
    /* An insert under review is not the rep's to see, unless headquarters sends it. */
    return status == ROVE_OK && reviewed
               ? rove__record_leave(a->apply->store, record, &a->apply->exchange->row,
                                    a->apply->error)
               : status;
}

static rove_status judge(const acking *a, int64_t seq) {
    rove__store *store = a->apply->store;
    rove__arena *arena = &a->apply->exchange->row;
    rove__entry entry;
    rove__record record;
    size_t at = 0;

    rove__arena_reset(arena);
    rove__arena_reset(&store->row_arena);
    rove_status status = rove__entry_load(store, seq, arena, &entry, a->apply->error);
    if (status != ROVE_OK) {
        return status;
    }
    const rove__entity *entity = rove__registry_by_number(store->registry, entry.entity);
    if (entity == NULL) {
        return rove__error_set(a->apply->error, ROVE_CORRUPT, "An entry of the outbox is damaged.");
    }
    status = rove__record_load(store, entity, entry.row, arena, &record, a->apply->error);
    if (status == ROVE_OK) {
        status = rove__apply_freeze_seal(a->apply, &record);
    }
    while (at < record.count && record.entries[at].seq != seq) {
        at++;
    }
    if (status != ROVE_OK) {
        return status;
    }
    return at < record.count ? judge_known(a, &record, at) : judge_orphan(a, entity, &entry);
}

/* ---- the batch ---- */

static rove_status list_entries(acking *a, uint64_t number, int64_t **seqs, size_t *count) {
    sqlite3_stmt *statement = NULL;
    size_t capacity = 0;
    int more = 0;

    *count = 0;
    *seqs = NULL;
    rove_status status = rove__exchange_row(a->apply->store, ROVE_EXCHANGE_OUTBOX_BATCH, &statement,
                                            a->apply->error, "i", (int64_t)number);
    for (more = statement != NULL; status == ROVE_OK && more;) {
        *seqs =
            rove__arena_grown(&a->apply->exchange->arena, *seqs, *count, &capacity, sizeof **seqs);
        if (*seqs == NULL) {
            sqlite3_reset(statement);
            return ROVE_NOMEM;
        }
        (*seqs)[(*count)++] = sqlite3_column_int64(statement, 0);
        status = rove__exchange_step(a->apply->store, statement, &more, a->apply->error);
    }
    return status;
}

/* ROVE_OK with *fits 0: an old answer that came twice. */
static rove_status check_order(const acking *a, const rove__ack *last, int *fits) {
    rove__store *store = a->apply->store;
    sqlite3_stmt *statement = NULL;
    rove__chain chain;
    uint64_t oldest = 0;

    *fits = 0;
    rove_status status =
        rove__exchange_row(store, ROVE_EXCHANGE_BATCH_OLDEST, &statement, a->apply->error, "");
    if (statement != NULL) {
        oldest = (uint64_t)sqlite3_column_int64(statement, 0);
        sqlite3_reset(statement);
    }
    if (status != ROVE_OK) {
        return status;
    }
    if (oldest == 0 || last->number < oldest) {
        int64_t acked = 0;
        status = rove__meta_get_int(store, ROVE_META_ACKED, &acked, a->apply->error);
        return status != ROVE_OK || last->number <= (uint64_t)acked
                   ? status
                   : rove__error_set(a->apply->error, ROVE_PROTOCOL,
                                     "Headquarters acknowledged a batch that was never sent.");
    }
    status = rove__flight_chain(store, last->number, &chain, a->apply->error);
    if (status == ROVE_OK || status == ROVE_NOT_FOUND) {
        *fits = last->number == oldest && status == ROVE_OK &&
                memcmp(chain.hash, last->chain.hash, sizeof chain.hash) == 0;
        status = *fits
                     ? ROVE_OK
                     : rove__error_set(a->apply->error, ROVE_PROTOCOL,
                                       "Headquarters acknowledged another batch than the one that "
                                       "was sent.");
    }
    return status;
}

static rove_status put_acked(const acking *a, const rove__ack *last) {
    rove__store *store = a->apply->store;
    int64_t acked = 0;

    rove_status status = rove__exchange_run(
        store, ROVE_EXCHANGE_BATCH_ACKED, a->apply->error, "ibi", (int64_t)last->number,
        (const void *)last->chain.hash, sizeof last->chain.hash, (int64_t)last->seq);
    if (status == ROVE_OK) {
        status = rove__meta_get_int(store, ROVE_META_ACKED, &acked, a->apply->error);
    }
    if (status == ROVE_OK && last->number > (uint64_t)acked) {
        status = rove__meta_put_int(store, ROVE_META_ACKED, (int64_t)last->number, a->apply->error);
        if (status == ROVE_OK) {
            status = rove__meta_put_bytes(store, ROVE_META_CHAIN, last->chain.hash,
                                          sizeof last->chain.hash, a->apply->error);
        }
    }
    return status == ROVE_OK ? rove__journal_prune(store, a->apply->error) : status;
}

rove_status rove__ack_apply(rove__apply *apply, const rove__ack *frames, size_t count) {
    const rove__ack *last = &frames[count - 1];
    acking a = {apply, {0}, {0}};
    int64_t *seqs = NULL;
    size_t entries = 0;
    int fits = 0;

    rove_status status = check_order(&a, last, &fits);
    if (status != ROVE_OK || !fits) {
        return status;
    }
    for (size_t i = 0; i < count && status == ROVE_OK; i++) {
        if (frames[i].rename_count > 0) {
            status = rove__renumber_all(apply->store, frames[i].renames, frames[i].rename_count,
                                        apply->error);
        }
    }
    if (status == ROVE_OK) {
        status = index_frames(&a, frames, count);
    }
    if (status == ROVE_OK) {
        status = list_entries(&a, last->number, &seqs, &entries);
    }
    for (size_t i = 0; i < entries && status == ROVE_OK; i++) {
        status = judge(&a, seqs[i]);
    }
    apply->pending_listed = 0;
    for (size_t i = 0; i < count && status == ROVE_OK; i++) {
        status = rove__apply_batch(apply, frames[i].rows);
    }
    return status == ROVE_OK ? put_acked(&a, last) : status;
}
