/*
 * support/office.h - a small headquarters for tests of the replica: it holds records with their clocks, judges what
 * the replica pushes, and answers with acks and pages. It is written for clearness, keeps every rule that
 * the replica relies on, and shares only the model's building blocks with what it tests.
 *
 * Held are all accounts of which office_hold was not called with 0. Records are of any entity; a scope is what
 * rove__row_scope says. One page is one answer.
 */
#ifndef ROVE_TESTS_OFFICE_H
#define ROVE_TESTS_OFFICE_H

#include "office_records.h"

/* ---- judging ---- */

typedef struct office_answer {
    rove__ack acks[64];
    size_t count;
    rove__verdict verdicts[4096];
    size_t verdict_count;
    rove__canonical canonicals[8192];
    size_t canonical_count;
    const office_row *merged[1024];
    size_t merged_count;
} office_answer;

static inline void office_say(office_answer *a, const rove__change *change, uint32_t field,
                              rove__verdict_code code) {
    a->verdicts[a->verdict_count++] =
        (rove__verdict){change->row.entity_number, change->row.id, field, code, ROVE_OK, ""};
}

static inline void office_merged(office_answer *a, const office_row *row) {
    for (size_t i = 0; i < a->merged_count; i++) {
        if (a->merged[i] == row) {
            return;
        }
    }
    a->merged[a->merged_count++] = row;
}

static inline rove__version office_canonical(office *o, office_answer *a,
                                             const rove__change *change, uint32_t field,
                                             rove_stamp raw, rove_stamp above) {
    rove__version version = {raw, o->r->store->owner.replica};

    if (o->canonical_differs || raw <= above || raw <= o->stamp) {
        version.stamp = (above > o->stamp ? above : o->stamp) + 5;
        a->canonicals[a->canonical_count++] =
            (rove__canonical){change->row.id, change->row.entity_number, field, raw, version.stamp};
    }
    if (version.stamp > o->stamp) {
        o->stamp = version.stamp;
    }
    return version;
}

/* 1 if a write was judged before; remembers it. */
static inline int office_knows(office *o, rove_replica author, uint32_t field, rove_stamp raw) {
    for (size_t i = 0; i < o->known_count; i++) {
        if (o->known[i].raw.stamp == raw && o->known[i].raw.replica == author &&
            o->known[i].field == field) {
            return 1;
        }
    }
    assert_true(o->known_count < OFFICE_KNOWN_MAX);
    o->known[o->known_count++] = (struct office_write){{raw, author}, field};
    return 0;
}

/* Each increment counts once. */
static inline rove_value office_sum(office *o, rove_replica author, uint32_t field,
                                    rove_value total, const rove_value *pending) {
    rove__increment *increments = NULL;
    size_t count = 0;
    int64_t sum = total.type == ROVE_INT ? total.as.integer : 0;

    assert_int_equal(rove__increments_read(pending, &o->arena, &increments, &count), ROVE_OK);
    for (size_t i = 0; i < count; i++) {
        sum += office_knows(o, author, field, increments[i].raw) ? 0 : increments[i].delta;
    }
    return rove__value_int(sum);
}

static inline rove_value office_elements(office *o, rove_value held, const rove_value *delta,
                                         rove__version version) {
    rove__set current;
    rove__set acts;
    rove__set result;
    rove_value value;
    size_t ignored = 0;

    assert_int_equal(rove__set_read(&current, &held, ROVE_SET_VERSIONED, &o->arena), ROVE_OK);
    assert_int_equal(rove__set_read(&acts, delta, ROVE_SET_DELTA, &o->arena), ROVE_OK);
    assert_int_equal(rove__merge_set(&current, &acts, version, 1, &o->arena, &result, &ignored),
                     ROVE_OK);
    assert_int_equal(rove__set_value(&result, &o->arena, &value), ROVE_OK);
    return value;
}

static inline void office_put_cell(office_row *row, size_t ordinal, rove_value value) {
    rove__row_set(&row->whole.row, ordinal, value);
    if (value.type == ROVE_NULL) {
        rove__bits_clear(&row->whole.row.present, ordinal);
    }
}

/* The rep held the scope at some time since he wrote (P14). */
static inline int office_entitled(const office *o, const rove__change *change, rove_id root) {
    for (size_t i = 0; i < o->away_count; i++) {
        if (o->away[i] == root) {
            return change->cursor.timeline != o->head.timeline ||
                   change->cursor.seq < o->away_since[i];
        }
    }
    return 1;
}

/* Into which scope a change puts the record. */
static inline rove_id office_target(const rove__change *change, const office_row *row) {
    int at = change->row.entity->scope_field;
    int names = at >= 0 && rove__bits_get(&change->row.present, (size_t)at);

    return row == NULL || names ? rove__row_scope(&change->row, NULL).root : office_scope(row).root;
}

static inline void office_judge_insert(office *o, office_answer *a, const rove__change *change) {
    const rove__entity *entity = change->row.entity;
    office_row *row = office_find(o, entity->number, change->row.id);
    rove__version version;

    if (row != NULL) {
        assert_int_equal(rove__version_compare(row->whole.clock.origin, change->clock.origin), 0);
        office_say(a, change, 0, ROVE_VERDICT_KNOWN);
        office_merged(a, row);
        return;
    }
    version = office_canonical(o, a, change, 0, change->clock.origin.stamp, 0);
    row = &o->rows[o->count++];
    assert_true(o->count <= OFFICE_ROWS_MAX);
    memset(row, 0, sizeof *row);
    row->whole.op = ROVE_OP_WHOLE;
    assert_int_equal(rove__row_init(&row->whole.row, entity, change->row.id, &o->arena), ROVE_OK);
    rove__clock_init(&row->whole.clock, change->clock.origin, version, o->head.seq);
    row->whole_since = row->changed = o->head.seq;
    for (size_t i = 0; i < entity->field_count; i++) {
        rove_value value = change->row.cells[i];
        if (!rove__bits_get(&change->row.present, i) || value.type == ROVE_NULL) {
            continue;
        }
        if (entity->fields[i].kind == ROVE_KIND_COUNTER) {
            value = office_sum(o, change->replica, entity->fields[i].number, rove__value_null(),
                               &value);
        } else if (entity->fields[i].kind == ROVE_KIND_SET) {
            value = office_elements(o, rove__value_null(), &value, version);
        }
        office_put_cell(row, i, value);
    }
}

/* 1: the edit was taken as it came. */
static inline int office_judge_edit(office *o, office_answer *a, const rove__change *change,
                                    const rove__edit *edit, office_row *row) {
    int at = rove__entity_field(change->row.entity, edit->field);
    rove__clock_entry now = rove__clock_get(&row->whole.clock, edit->field);
    rove_replica own = o->r->store->owner.replica;
    int causal = now.version.replica == own || rove__version_compare(now.version, edit->base) == 0;
    rove_value value = change->row.cells[at];
    rove_value held = row->whole.row.cells[at];
    rove__kind kind = change->row.entity->fields[at].kind;

    if (kind == ROVE_KIND_COUNTER || kind == ROVE_KIND_SET) {
        rove__version version =
            office_canonical(o, a, change, edit->field, edit->raw, now.version.stamp);
        office_put_cell(row, (size_t)at,
                        kind == ROVE_KIND_COUNTER
                            ? office_sum(o, change->replica, edit->field, held, &value)
                            : office_elements(o, held, &value, version));
        office_touch(o, row, edit->field, 0, version);
        return causal;
    }
    if (office_knows(o, change->replica, edit->field, edit->raw)) {
        return 0;
    }
    if (!causal && !rove__value_equal(&value, &held)) {
        o->conflicts++;
    }
    if (!causal && edit->raw < now.version.stamp) {
        return 0;
    }
    office_put_cell(row, (size_t)at, value);
    office_touch(o, row, edit->field, edit->epoch,
                 office_canonical(o, a, change, edit->field, edit->raw, now.version.stamp));
    return 1;
}

static inline void office_judge_edits(office *o, office_answer *a, const rove__change *change,
                                      office_row *row) {
    rove__scope before = office_scope(row);

    if (row->dead) {
        row->dead = 0;
        row->whole_since = o->head.seq;
        office_say(a, change, 0, ROVE_VERDICT_REVIEW);
        office_merged(a, row);
    }
    for (size_t i = 0; i < change->edit_count; i++) {
        if (!office_judge_edit(o, a, change, &change->edits[i], row)) {
            office_say(a, change, change->edits[i].field, ROVE_VERDICT_LOST);
            office_merged(a, row);
        }
    }
    office_moved(o, row, before);
}

static inline void office_judge_delete(office *o, office_answer *a, const rove__change *change,
                                       office_row *row) {
    if (row->dead) {
        return;
    }
    if (rove__merge_delete_covers(&row->whole.clock, &change->clock, o->r->store->owner.replica,
                                  1)) {
        row->dead = 1;
        row->changed = o->head.seq;
        return;
    }
    office_say(a, change, 0, ROVE_VERDICT_REVIEW);
    office_merged(a, row);
}

static inline void office_judge_one(office *o, office_answer *a, const rove__change *change) {
    const rove__verdict *verdict = o->judge != NULL ? o->judge(o, change) : NULL;
    office_row *row = office_find(o, change->row.entity_number, change->row.id);

    if (verdict != NULL) {
        a->verdicts[a->verdict_count++] = *verdict;
        return;
    }
    if (row == NULL && change->op != ROVE_OP_INSERT) {
        office_say(a, change, 0, ROVE_VERDICT_PARKED);
        return;
    }
    if (!office_entitled(o, change, office_target(change, row)) ||
        (row != NULL && !office_entitled(o, change, office_scope(row).root))) {
        office_say(a, change, 0, ROVE_VERDICT_REVIEW);
        if (row != NULL) {
            office_merged(a, row);
        }
        return;
    }
    if (change->op == ROVE_OP_INSERT) {
        office_judge_insert(o, a, change);
        return;
    }
    if (change->op == ROVE_OP_DELETE) {
        office_judge_delete(o, a, change, row);
    } else {
        office_judge_edits(o, a, change, row);
    }
}

/* What an Ack brings along: the rows that were merged, or, sent again, every row that the batch names. */
static inline rove__bytes office_ack_rows(office *o, const office_answer *a,
                                          const office_judged *again) {
    office_rows rows;
    size_t count = again != NULL ? again->count : a->merged_count;

    office_rows_open(o, &rows);
    for (size_t i = 0; i < count; i++) {
        const office_row *row = again != NULL ? office_find(o, again->changes[i].row.entity_number,
                                                            again->changes[i].row.id)
                                              : a->merged[i];
        if (row != NULL && !row->dead && office_holds(o, office_scope(row).root)) {
            office_rows_add(&rows, &row->whole);
        }
    }
    return office_rows_end(o, &rows);
}

/* One batch of `count` changes whose frames have come; its Ack is a->acks[a->count]. */
static inline void office_judge_batch(office *o, office_answer *a, const office_push *push,
                                      uint64_t number, const rove__change *changes, size_t count) {
    rove__ack *ack = &a->acks[a->count++];
    office_judged *judged = &o->judged[number - 1];
    rove__chain chain = office_chain(o, push, number);

    assert_true(number <= OFFICE_BATCHES_MAX && number <= o->last + 1);
    if (number <= o->last) {
        assert_memory_equal(judged->hash.hash, chain.hash, sizeof chain.hash);
        *ack = *judged->ack;
        ack->resent = 1;
        ack->rows = office_ack_rows(o, a, judged);
        return;
    }
    memset(ack, 0, sizeof *ack);
    ack->verdicts = &a->verdicts[a->verdict_count];
    ack->canonicals = &a->canonicals[a->canonical_count];
    a->merged_count = 0;
    o->head.seq++;
    for (size_t i = 0; i < count; i++) {
        office_judge_one(o, a, &changes[i]);
    }
    ack->number = number;
    ack->chain = chain;
    ack->seq = o->head.seq;
    ack->last = 1;
    ack->verdict_count = (size_t)(&a->verdicts[a->verdict_count] - ack->verdicts);
    ack->canonical_count = (size_t)(&a->canonicals[a->canonical_count] - ack->canonicals);
    ack->rows = office_ack_rows(o, a, NULL);
    *judged = (office_judged){chain, ack, changes, count};
    o->last = number;
}

/* Judges what was not judged before; the Acks of all batches are in the answer, owned by the arena. */
static inline office_answer *office_judge(office *o, const office_push *push) {
    office_answer *a = rove__arena_take(&o->arena, sizeof *a);
    size_t from = 0;
    size_t to = 0;

    memset(a, 0, sizeof *a);
    if (o->device != o->r->store->owner.replica) {
        o->device = o->r->store->owner.replica;
        o->last = 0;
    }
    for (size_t f = 0; f < push->frame_count; f++) {
        const rove__push *frame = &push->frames[f];
        rove__batch_reader *reader = NULL;
        rove__change counted;
        assert_int_equal(rove__batch_reader_new(&o->r->allocator, o->r->store->registry,
                                                frame->rows.data, frame->rows.size, &reader),
                         ROVE_OK);
        while (rove__batch_next(reader, &counted) == ROVE_OK) {
            to++;
        }
        rove__batch_reader_free(reader);
        if (frame->last) {
            office_judge_batch(o, a, push, frame->number, &push->changes[from], to - from);
            from = to;
        }
    }
    return a;
}

/* ---- pulling ---- */

static inline void office_add_row(office *o, office_rows *rows, const office_row *row,
                                  uint64_t since, const rove__page *page) {
    int entered = 0;

    for (size_t i = 0; i < page->begin_count; i++) {
        entered |= page->begin[i].scope.root == office_scope(row).root;
    }
    if (!entered && row->changed <= since) {
        return;
    }
    if (row->dead) {
        if (since > 0) {
            rove__change tombstone = office_tombstone(row);
            office_rows_add(rows, &tombstone);
        }
    } else if (office_holds(o, office_scope(row).root)) {
        rove__change part = office_part(o, row, since);
        office_rows_add(rows, entered || row->whole_since > since ? &row->whole : &part);
    }
}

/* One page from the replica's cursor to the head. */
static inline void office_page(office *o, rove__page *page) {
    uint64_t since = o->r->store->cursor.timeline == o->head.timeline ? o->r->store->cursor.seq : 0;
    rove__scope *left = rove__arena_take(&o->arena, OFFICE_SCOPES_MAX * sizeof *left);
    rove__portion *begin = rove__arena_take(&o->arena, OFFICE_ROWS_MAX * sizeof *begin);
    rove__scope *done = rove__arena_take(&o->arena, OFFICE_ROWS_MAX * sizeof *done);
    rove_id *held = rove__arena_take(&o->arena, OFFICE_ROWS_MAX * sizeof *held);
    office_rows rows;

    memset(page, 0, sizeof *page);
    page->left = left;
    page->begin = begin;
    page->held = held;
    page->has_held = since == 0;
    for (size_t i = 0; i < o->away_count; i++) {
        if (!office_in(o->sent_away, o->sent_away_count, o->away[i])) {
            left[page->left_count++] = (rove__scope){o->away[i], -1};
        }
    }
    for (size_t i = 0; i < o->sent_away_count; i++) {
        if (office_holds(o, o->sent_away[i])) {
            begin[page->begin_count++] = (rove__portion){{o->sent_away[i], -1}, 0};
        }
    }
    for (size_t i = 0; i < o->count && since == 0; i++) {
        rove_id root = office_scope(&o->rows[i]).root;
        if (office_holds(o, root) && !office_in(held, page->held_count, root)) {
            held[page->held_count++] = root;
            begin[page->begin_count++] = (rove__portion){{root, -1}, 0};
        }
    }
    for (size_t i = 0; i < page->begin_count; i++) {
        done[i] = begin[i].scope;
    }
    page->done = done;
    page->done_count = page->begin_count;
    office_rows_open(o, &rows);
    for (size_t i = 0; i < o->mark_count; i++) {
        if (o->marks[i].seq > since && office_holds(o, o->marks[i].scope.root)) {
            rove__change mark = office_mark_of(o, &o->marks[i]);
            office_rows_add(&rows, &mark);
        }
    }
    for (size_t i = 0; i < o->count; i++) {
        office_add_row(o, &rows, &o->rows[i], since, page);
        o->rows[i].fresh = 0;
    }
    page->rows = office_rows_end(o, &rows);
    page->cursor = o->head;
    memcpy(o->sent_away, o->away, sizeof o->away);
    o->sent_away_count = o->away_count;
}

static inline void office_pull(office *o) {
    rove__page page;

    office_page(o, &page);
    replica_ok(o->r, rove__store_apply(o->r->store, NULL, 0, &page, &o->r->error));
}

/* 1 if the replica holds what it should. */
static inline int office_verified(office *o) {
    rove__end end;
    rove__comparison result = ROVE_NOT_COMPARED;

    memset(&end, 0, sizeof end);
    end.has_total = 1;
    end.total = office_total(o);
    end.head = o->head.seq;
    replica_ok(o->r, rove__store_end(o->r->store, &end, &result, &o->r->error));
    return result == ROVE_EQUAL;
}

/* Prints where headquarters' version on the replica is not what headquarters has. */
static inline void office_explain(office *o) {
    replica *r = o->r;

    replica_ok(r, rove__store_enter(r->store, &r->error));
    for (size_t i = 0; i < o->count; i++) {
        const rove__change *whole = &o->rows[i].whole;
        rove__record record;
        int held = !o->rows[i].dead && office_holds(o, office_scope(&o->rows[i]).root);
        replica_ok(r, rove__record_load(r->store, whole->row.entity, whole->row.id, &o->arena,
                                        &record, &r->error));
        if (rove__record_live(&record) != held) {
            print_message("%s %llx: held %d, on the replica %d\n", whole->row.entity->name,
                          (unsigned long long)whole->row.id, held, rove__record_live(&record));
        }
        for (size_t f = 0; held && record.known && f < whole->row.cell_count; f++) {
            const rove__field *field = &whole->row.entity->fields[f];
            rove__clock_entry here = rove__clock_get(&record.under.clock, field->number);
            rove__clock_entry there = rove__clock_get(&whole->clock, field->number);
            if (rove__version_compare(here.version, there.version) != 0 ||
                here.epoch != there.epoch ||
                !rove__value_equal(&record.under.row.cells[f], &whole->row.cells[f])) {
                print_message("%s %llx.%s: %llx/%u/%u there %llx/%u/%u, value %s\n",
                              whole->row.entity->name, (unsigned long long)whole->row.id,
                              field->name, (unsigned long long)here.version.stamp,
                              (unsigned)here.version.replica, (unsigned)here.epoch,
                              (unsigned long long)there.version.stamp,
                              (unsigned)there.version.replica, (unsigned)there.epoch,
                              rove__value_equal(&record.under.row.cells[f], &whole->row.cells[f])
                                  ? "same"
                                  : "differs");
            }
        }
    }
    assert_int_equal(rove__store_leave(r->store, ROVE_CANCELLED, NULL), ROVE_CANCELLED);
}

/* A whole exchange without a fault: push, acks and one page in one transaction, the end. */
static inline void office_exchange(office *o) {
    rove__hello hello;
    office_push push;
    rove__page page;

    office_receive(o, &hello, &push);
    office_welcome(o);
    office_answer *a = office_judge(o, &push);
    office_page(o, &page);
    replica_ok(o->r, rove__store_apply(o->r->store, a->acks, a->count, &page, &o->r->error));
}

static inline void office_expect_verified(office *o) {
    uint64_t rows = 0;

    replica_ok(o->r, rove__store_verify(o->r->store, &rows, &o->r->error));
    assert_true(office_verified(o));
}

#endif
