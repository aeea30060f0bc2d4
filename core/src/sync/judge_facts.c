/*
 * sync/judge_facts.c - what the history of the record at hand holds already (judge_known.c), in the order in which it is looked for.
 *
 * A batch may have 32,768 edits of one record, and the history as many: read anew for each of them, it would keep headquarters' one
 * write transaction for hours. So it is read once, when the first edit asks. What the case itself accepts is added as it is put
 * there (rove__judge_record), a run at a time: each run ascends, and what stands in a later one came later.
 *
 * Of a record with more than ROVE_JUDGE_FACTS_MAX of them it cannot be told what is known: whatever may have come before goes to review.
 */
#include <stdlib.h>

#include "model/set.h"
#include "sync/judge_state.h"

/* How far two are compared. */
enum { TO_REPLICA = 1, TO_FIELD, TO_KIND, TO_RAW, TO_THE_END };

static int order_of(uint64_t a, uint64_t b) {
    return (a > b) - (a < b);
}

static int compare(const rove__fact *a, const rove__fact *b, int depth) {
    const int orders[] = {order_of(a->replica, b->replica),     order_of(a->field, b->field),
                          order_of(a->kind, b->kind),           order_of(a->raw, b->raw),
                          order_of(a->what.high, b->what.high), order_of(a->what.low, b->what.low)};
    int most = depth == TO_THE_END ? 6 : depth;

    for (int i = 0; i < most; i++) {
        if (orders[i] != 0) {
            return orders[i];
        }
    }
    return 0;
}

static int by_all(const void *a, const void *b) {
    return compare(a, b, TO_THE_END);
}

/* ---- what is there -------------------------------------------------------------------------------------- */

static rove_status add(rove__judge *judge, const rove__fact *fact) {
    rove__facts *facts = &judge->facts;

    if (facts->count == ROVE_JUDGE_FACTS_MAX) {
        facts->over = 1;
        return ROVE_OK;
    }
    rove__fact *items = rove__grow(judge->ports->allocator, facts->items, facts->count,
                                   &facts->capacity, sizeof *items);
    if (items == NULL) {
        return ROVE_NOMEM;
    }
    facts->items = items;
    facts->items[facts->count++] = *fact;
    return ROVE_OK;
}

rove_status rove__fact_value(rove__judge *judge, const rove_value *value, int action,
                             rove__hash128 *what) {
    rove__buf *buf = &judge->hashed;

    rove__buf_reset(buf);
    rove__value_write(buf, value);
    rove__buf_byte(buf, (uint8_t)action);
    if (rove__buf_status(buf) == ROVE_OK) {
        *what =
            rove__siphash128(rove__writer_head(judge->writer)->digest_key, buf->data, buf->size);
    }
    return rove__buf_status(buf);
}

/* In the order of the history: what one takes away of another depends on it. */
static rove_status add_increments(rove__judge *judge, rove__fact fact, const rove_value *value,
                                  rove__arena *arena) {
    rove__increment *items = NULL;
    size_t count = 0;
    rove_status status = rove__increments_read(value, arena, &items, &count);

    fact.kind = ROVE_FACT_INCREMENT;
    for (size_t i = 0; i < count && status == ROVE_OK; i++) {
        fact.raw = items[i].raw;
        fact.what = (rove__hash128){.high = judge->facts.count, .low = (uint64_t)items[i].delta};
        status = add(judge, &fact);
    }
    return status;
}

static rove_status add_elements(rove__judge *judge, rove__fact fact, const rove_value *value,
                                rove__arena *arena) {
    rove__set set;
    rove_status status = rove__set_read(&set, value, ROVE_SET_DELTA, arena);

    fact.kind = ROVE_FACT_ELEMENT;
    for (size_t i = 0; status == ROVE_OK && set.form == ROVE_SET_DELTA && i < set.count; i++) {
        const rove__element *element = &set.elements[i];
        fact.raw = element->raw;
        status = rove__fact_value(judge, &element->value, element->action, &fact.what);
        if (status == ROVE_OK) {
            status = add(judge, &fact);
        }
    }
    return status;
}

/* What was done to counters and sets, which a seal holds also where it did not edit them. What cannot be read is not there. */
static rove_status add_parts(rove__judge *judge, const rove__change *before, size_t ordinal,
                             rove__arena *arena) {
    const rove__field *field = &before->row.entity->fields[ordinal];
    rove_value value = rove__change_cell(before, field->number);
    rove__fact fact = {.replica = before->replica, .field = field->number};
    rove_status status = ROVE_OK;

    if (value.type != ROVE_BLOB ||
        (field->kind != ROVE_KIND_COUNTER && field->kind != ROVE_KIND_SET)) {
        return ROVE_OK;
    }
    status = field->kind == ROVE_KIND_COUNTER ? add_increments(judge, fact, &value, arena)
                                              : add_elements(judge, fact, &value, arena);
    return status == ROVE_CORRUPT ? ROVE_OK : status;
}

static rove_status keep_insert(rove__case *c, const rove__change *before) {
    rove__known_insert *insert = rove__arena_take(&c->judge->record, sizeof *insert);
    rove__known_insert **last = &c->judge->facts.inserts;

    if (insert == NULL) {
        return ROVE_NOMEM;
    }
    while (*last != NULL) {
        last = &(*last)->next;
    }
    insert->next = NULL;
    *last = insert;
    return rove__change_copy(&insert->change, before, &c->judge->record);
}

/* Each edit leaves a fact; so what a replica has left none of it has not edited. */
static rove_status add_change(rove__case *c, const rove__change *before, rove__arena *arena) {
    rove__judge *judge = c->judge;
    rove_status status = ROVE_OK;

    if (before->op == ROVE_OP_INSERT) {
        return keep_insert(c, before);
    }
    for (size_t i = 0; i < before->edit_count && status == ROVE_OK; i++) {
        const rove__edit *edit = &before->edits[i];
        rove_value value = rove__change_cell(before, edit->field);
        rove__fact fact = {.replica = before->replica,
                           .field = edit->field,
                           .kind =
                               before->op == ROVE_OP_DELETE ? ROVE_FACT_DELETE : ROVE_FACT_VALUE,
                           .raw = edit->raw};
        if (fact.kind == ROVE_FACT_VALUE) {
            status = rove__fact_value(judge, &value, 0, &fact.what);
        }
        if (status == ROVE_OK) {
            status = add(judge, &fact);
        }
    }
    for (size_t i = 0; i < before->row.cell_count && status == ROVE_OK; i++) {
        status = add_parts(judge, before, i, arena);
    }
    return status;
}

static rove_status add_packed(rove__case *c, rove__bytes packed) {
    const rove__server_ports *ports = c->judge->ports;
    rove__batch_reader *reader = NULL;
    rove__change before;
    rove__arena arena;
    rove_status status = rove__batch_reader_new(ports->allocator, ports->registry, packed.data,
                                                packed.size, &reader);

    rove__arena_init(&arena, ports->allocator, ROVE_JUDGE_ARENA_MAX);
    while (status == ROVE_OK) {
        status = rove__batch_next(reader, &before);
        if (status == ROVE_OK) {
            status = add_change(c, &before, &arena);
        }
        rove__arena_reset(&arena);
    }
    rove__arena_free(&arena);
    rove__batch_reader_free(reader);
    return status == ROVE_DONE ? ROVE_OK : status;
}

/* What was added since the last run is one. */
static rove_status end_run(rove__judge *judge) {
    rove__facts *facts = &judge->facts;
    size_t first = facts->run_count == 0 ? 0 : facts->runs[facts->run_count - 1];

    if (facts->count == first) {
        return ROVE_OK;
    }
    size_t *runs = rove__grow(judge->ports->allocator, facts->runs, facts->run_count,
                              &facts->run_capacity, sizeof *runs);
    if (runs == NULL) {
        return ROVE_NOMEM;
    }
    qsort(facts->items + first, facts->count - first, sizeof *facts->items, by_all);
    facts->runs = runs;
    facts->runs[facts->run_count++] = facts->count;
    return ROVE_OK;
}

static rove_status each_history(void *ctx, const rove__hq_history *history) {
    return add_packed(ctx, history->change);
}

rove_status rove__facts_read(rove__case *c) {
    rove__judge *judge = c->judge;
    rove__facts *facts = &judge->facts;
    rove__arena arena;

    if (c->facts_read) {
        return ROVE_OK;
    }
    c->facts_read = 1;
    facts->count = facts->run_count = 0;
    facts->inserts = NULL;
    facts->over = 0;
    rove__arena_init(&arena, judge->ports->allocator, ROVE_JUDGE_ARENA_MAX);
    rove_status status =
        judge->store->history_scan(judge->tx, c->entity, c->id, 0, &arena, each_history, c);
    rove__arena_free(&arena);
    return status == ROVE_OK ? end_run(judge) : status;
}

rove_status rove__facts_add(rove__case *c, rove__bytes packed) {
    rove_status status = c->facts_read ? add_packed(c, packed) : ROVE_OK;

    return status == ROVE_OK && c->facts_read ? end_run(c->judge) : status;
}

void rove__facts_free(rove__judge *judge) {
    rove__free(judge->ports->allocator, judge->facts.items);
    rove__free(judge->ports->allocator, judge->facts.runs);
}

/* ---- what is looked for --------------------------------------------------------------------------------- */

/* The first of a run that is not before `like`; its end if all are. */
static size_t lower_bound(const rove__facts *facts, size_t run, const rove__fact *like) {
    size_t low = run == 0 ? 0 : facts->runs[run - 1];
    size_t high = facts->runs[run];

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare(&facts->items[middle], like, TO_THE_END) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static int has(const rove__facts *facts, const rove__fact *like, int depth) {
    for (size_t run = 0; run < facts->run_count; run++) {
        size_t at = lower_bound(facts, run, like);
        if (at < facts->runs[run] && compare(&facts->items[at], like, depth) == 0) {
            return 1;
        }
    }
    return 0;
}

int rove__facts_has(const rove__facts *facts, const rove__fact *fact) {
    return has(facts, fact, TO_THE_END);
}

int rove__facts_of_replica(const rove__facts *facts, rove_replica replica) {
    const rove__fact like = {.replica = replica};

    return has(facts, &like, TO_REPLICA);
}

int rove__facts_of_field(const rove__facts *facts, const rove__fact *like) {
    return has(facts, like, TO_KIND);
}

void rove__facts_take(const rove__facts *facts, const rove__fact *like, int64_t *delta) {
    for (size_t run = 0; run < facts->run_count; run++) {
        for (size_t at = lower_bound(facts, run, like);
             at < facts->runs[run] && compare(&facts->items[at], like, TO_RAW) == 0 && *delta != 0;
             at++) {
            int64_t rest = 0;
            if (!__builtin_sub_overflow(*delta, (int64_t)facts->items[at].what.low, &rest)) {
                *delta = rest;
            }
        }
    }
}
