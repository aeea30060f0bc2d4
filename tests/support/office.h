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

#include "merge/merge.h"
#include "model/digest.h"
#include "replica.h"
#include "store/exchange.h"
#include "wire/batch.h"

#define OFFICE_ROWS_MAX    1024
#define OFFICE_MARKS_MAX   1024
#define OFFICE_SCOPES_MAX  256
#define OFFICE_BATCHES_MAX 512
#define OFFICE_KNOWN_MAX   8192

typedef struct office_row {
    rove__change whole; /* clock with seqs */
    int dead;
    uint64_t whole_since;
    uint64_t changed;
    int fresh; /* of headquarters, and no page has shown it */
} office_row;

typedef struct office_mark {
    uint32_t entity;
    rove_id id;
    rove__scope scope;
    uint64_t seq;
} office_mark;

/* A batch that was judged, for the day on which it is sent again. */
typedef struct office_judged {
    rove__chain hash;
    const rove__ack *ack;
    const rove__change *changes;
    size_t count;
} office_judged;

typedef struct office {
    replica *r;
    rove__arena arena;
    rove__cursor head;
    rove_stamp stamp;
    uint32_t counter;
    uint8_t key[ROVE_HASH_KEY_SIZE];
    office_row rows[OFFICE_ROWS_MAX];
    size_t count;
    office_mark marks[OFFICE_MARKS_MAX];
    size_t mark_count;
    rove_id away[OFFICE_SCOPES_MAX]; /* roots that the rep does not hold */
    uint64_t away_since[OFFICE_SCOPES_MAX];
    size_t away_count;
    rove_id sent_away[OFFICE_SCOPES_MAX]; /* the same at the last page */
    size_t sent_away_count;
    office_judged judged[OFFICE_BATCHES_MAX]; /* by number - 1 */
    uint64_t last;                            /* highest of them */
    rove_replica device;                      /* whose batches these are */
    struct office_write {
        rove__version raw;
        uint32_t field;
    } known[OFFICE_KNOWN_MAX]; /* writes that were judged */
    size_t known_count;
    int canonical_differs; /* gives every write another stamp than its own */
    /* Says what becomes of a change; NULL: it is accepted if its rules are met. */
    const rove__verdict *(*judge)(struct office *o, const rove__change *change);
    rove__verdict verdict; /* room for what judge returns */
    size_t conflicts;
} office;

static inline void office_start(office *o, replica *r) {
    memset(o, 0, sizeof *o);
    o->r = r;
    o->head.timeline = 77;
    o->head.seq = 1;
    o->stamp = rove__stamp_make(REPLICA_NOW_MS - 1000000, 0);
    memset(o->key, 5, sizeof o->key);
    rove__arena_init(&o->arena, &r->allocator, (size_t)512 * 1024 * 1024);
}

static inline void office_end(office *o) {
    rove__arena_free(&o->arena);
}

static inline void office_welcome(office *o) {
    rove__welcome welcome;

    memset(&welcome, 0, sizeof welcome);
    welcome.protocol = ROVE_PROTOCOL_VERSION;
    welcome.schema = ROVE_SCHEMA_VERSION;
    welcome.server_ms = o->r->now.wall_ms;
    welcome.timeline = o->head.timeline;
    welcome.replica = o->r->store->owner.replica;
    welcome.user = o->r->store->owner.user;
    memcpy(welcome.digest_key, o->key, sizeof o->key);
    replica_ok(o->r, rove__store_welcome(o->r->store, &welcome, &o->r->error));
}

/* ---- records ---- */

static inline office_row *office_find(office *o, uint32_t entity, rove_id id) {
    for (size_t i = 0; i < o->count; i++) {
        if (o->rows[i].whole.row.entity_number == entity && o->rows[i].whole.row.id == id) {
            return &o->rows[i];
        }
    }
    return NULL;
}

static inline rove__scope office_scope(const office_row *row) {
    return rove__row_scope(&row->whole.row, NULL);
}

static inline int office_in(const rove_id *list, size_t count, rove_id root) {
    for (size_t i = 0; i < count; i++) {
        if (list[i] == root) {
            return 1;
        }
    }
    return 0;
}

static inline int office_holds(const office *o, rove_id root) {
    return !office_in(o->away, o->away_count, root);
}

/* Gives a root to the rep (1) or takes it away (0). */
static inline void office_hold(office *o, rove_id root, int held) {
    size_t kept = 0;

    for (size_t i = 0; i < o->away_count; i++) {
        if (o->away[i] != root) {
            o->away_since[kept] = o->away_since[i];
            o->away[kept++] = o->away[i];
        }
    }
    o->away_count = kept;
    if (!held) {
        o->away_since[o->away_count] = ++o->head.seq;
        o->away[o->away_count++] = root;
    }
}

static inline rove_stamp office_stamp(office *o) {
    o->stamp += 3;
    return o->stamp;
}

/* A fresh record of headquarters; cells are set by office_set before the next page. id 0: drawn. */
static inline office_row *office_insert(office *o, const char *entity, rove_id id) {
    office_row *row = &o->rows[o->count++];
    rove__version version = {office_stamp(o), 1};

    assert_true(o->count <= OFFICE_ROWS_MAX);
    memset(row, 0, sizeof *row);
    row->whole.op = ROVE_OP_WHOLE;
    assert_int_equal(rove__row_init(&row->whole.row, replica_entity(o->r, entity),
                                    id != 0 ? id : rove__id_make(1, ++o->counter), &o->arena),
                     ROVE_OK);
    o->head.seq++;
    rove__clock_init(&row->whole.clock, version, version, o->head.seq);
    row->whole_since = row->changed = o->head.seq;
    row->fresh = 1;
    return row;
}

static inline void office_touch(office *o, office_row *row, uint32_t field, uint32_t epoch,
                                rove__version version) {
    rove__clock_entry entry = {field, epoch, version, o->head.seq};

    assert_int_equal(rove__clock_set(&row->whole.clock, &o->arena, entry), ROVE_OK);
    row->changed = o->head.seq;
}

static inline void office_moved(office *o, office_row *row, rove__scope before) {
    rove__scope after = office_scope(row);

    if (before.root != after.root || before.part != after.part) {
        o->marks[o->mark_count++] =
            (office_mark){row->whole.row.entity_number, row->whole.row.id, before, o->head.seq};
        assert_true(o->mark_count < OFFICE_MARKS_MAX);
        row->whole_since = o->head.seq;
    }
}

/* Headquarters writes a cell of its own; of a record that no page has shown yet, as part of its insert. */
static inline void office_set(office *o, office_row *row, const char *field, rove_value value) {
    const rove__entity *entity = row->whole.row.entity;
    size_t ordinal = replica_field(entity, field);
    rove_value copy = value;
    rove__scope before = office_scope(row);

    if ((value.type == ROVE_TEXT || value.type == ROVE_BLOB) && value.size > 0) {
        copy.as.data = rove__arena_copy(&o->arena, value.as.data, value.size);
    }
    rove__row_set(&row->whole.row, ordinal, copy);
    if (value.type == ROVE_NULL) {
        rove__bits_clear(&row->whole.row.present, ordinal);
    }
    if (row->fresh) {
        return;
    }
    o->head.seq++;
    rove__clock_entry now = rove__clock_get(&row->whole.clock, entity->fields[ordinal].number);
    office_touch(o, row, now.field, now.epoch, (rove__version){office_stamp(o), 1});
    office_moved(o, row, before);
}
static inline void office_set_text(office *o, office_row *row, const char *field,
                                   const char *text) {
    office_set(o, row, field, rove__value_text(text));
}
static inline void office_set_int(office *o, office_row *row, const char *field, int64_t value) {
    office_set(o, row, field, rove__value_int(value));
}

static inline void office_delete(office *o, office_row *row) {
    row->dead = 1;
    row->changed = ++o->head.seq;
}

static inline office_row *office_account(office *o, const char *name) {
    office_row *row = office_insert(o, "Account", 0);
    office_set_text(o, row, "name", name);
    return row;
}

static inline office_row *office_visit(office *o, rove_id account, int64_t start_ms) {
    office_row *row = office_insert(o, "Visit", 0);
    office_set_int(o, row, "account_id", account);
    office_set_int(o, row, "planned_start", start_ms);
    office_set_int(o, row, "status", 1);
    return row;
}

/* The digest of everything that the rep holds. */
static inline rove__hash128 office_total(office *o) {
    rove__hash128 total = {0, 0};
    rove__buf scratch;

    rove__buf_init(&scratch, &o->r->allocator, (size_t)1 << 20);
    for (size_t i = 0; i < o->count; i++) {
        rove__hash128 term;
        if (o->rows[i].dead || !office_holds(o, office_scope(&o->rows[i]).root)) {
            continue;
        }
        assert_int_equal(rove__digest_term(o->key, &o->rows[i].whole.row, &o->rows[i].whole.clock,
                                           &scratch, &term),
                         ROVE_OK);
        rove__hash128_add(&total, term);
    }
    rove__buf_free(&scratch);
    return total;
}

/* Closes the replica and opens it again; headquarters' records follow to its new registry. */
static inline void office_reopen(office *o) {
    replica_reopen(o->r);
    for (size_t i = 0; i < o->count; i++) {
        rove__row *row = &o->rows[i].whole.row;
        row->entity = rove__registry_by_number(o->r->store->registry, row->entity_number);
    }
}

/* ---- what was pushed ---- */

typedef struct office_push {
    rove__push frames[64];
    size_t frame_count;
    rove__change *changes;
    size_t count;
} office_push;

/* Freezes, says hello, and reads every frame that is in flight. */
static inline void office_receive(office *o, rove__hello *hello, office_push *push) {
    replica *r = o->r;
    uint64_t number = 0;
    uint32_t ordinal = 0;
    size_t most = 4096;
    rove_status status = ROVE_OK;

    memset(push, 0, sizeof *push);
    push->changes = rove__arena_take(&o->arena, most * sizeof *push->changes);
    replica_ok(r, rove__store_freeze(r->store, &r->error));
    replica_ok(r, rove__store_hello(r->store, &o->arena, hello, &r->error));
    for (int first = 1; status == ROVE_OK; first = 0) {
        rove__push *frame = &push->frames[push->frame_count];
        rove__batch_reader *reader = NULL;
        rove__change change;
        status =
            rove__store_push_next(r->store, first, number, ordinal, &o->arena, frame, &r->error);
        if (status != ROVE_OK) {
            break;
        }
        push->frame_count++;
        number = frame->number;
        ordinal = frame->ordinal;
        assert_int_equal(rove__batch_reader_new(&r->allocator, r->store->registry, frame->rows.data,
                                                frame->rows.size, &reader),
                         ROVE_OK);
        while ((status = rove__batch_next(reader, &change)) == ROVE_OK) {
            assert_true(push->count < most);
            assert_int_equal(rove__change_copy(&push->changes[push->count++], &change, &o->arena),
                             ROVE_OK);
        }
        assert_int_equal(status, ROVE_DONE);
        rove__batch_reader_free(reader);
        status = ROVE_OK;
    }
    assert_int_equal(status, ROVE_DONE);
}

/* The chain after a batch, computed from the bytes that came. */
static inline rove__chain office_chain(office *o, const office_push *push, uint64_t number) {
    rove__chain hash;
    rove__chain chain;
    rove_span spans[64];
    size_t count = 0;

    memset(&chain, 0, sizeof chain);
    for (size_t i = 0; i < push->frame_count; i++) {
        if (push->frames[i].number == number) {
            spans[count++] = (rove_span){push->frames[i].rows.data, push->frames[i].rows.size};
            chain = push->frames[i].previous;
        }
    }
    assert_true(count > 0);
    assert_int_equal(o->r->crypto.sha256(o->r->crypto.ctx, spans, count, hash.hash), ROVE_OK);
    const rove_span link[2] = {{chain.hash, sizeof chain.hash}, {hash.hash, sizeof hash.hash}};
    assert_int_equal(o->r->crypto.sha256(o->r->crypto.ctx, link, 2, chain.hash), ROVE_OK);
    return chain;
}

/* ---- answers ---- */

typedef struct office_rows {
    rove__batch_writer *writer;
    rove__buf bytes;
} office_rows;

static inline void office_rows_open(office *o, office_rows *rows) {
    assert_int_equal(rove__batch_writer_new(&o->r->allocator, ROVE_BATCH_MAX, &rows->writer),
                     ROVE_OK);
    rove__buf_init(&rows->bytes, &o->r->allocator, ROVE_BATCH_MAX);
}
static inline void office_rows_add(office_rows *rows, const rove__change *change) {
    assert_int_equal(rove__batch_add(rows->writer, change), ROVE_OK);
}
static inline rove__bytes office_rows_end(office *o, office_rows *rows) {
    rove__bytes bytes = {NULL, 0};

    if (rove__batch_count(rows->writer) > 0) {
        assert_int_equal(rove__batch_finish(rows->writer, &rows->bytes), ROVE_OK);
        bytes.data = rove__arena_copy(&o->arena, rows->bytes.data, rows->bytes.size);
        bytes.size = rows->bytes.size;
    }
    rove__batch_writer_free(rows->writer);
    rove__buf_free(&rows->bytes);
    return bytes;
}

static inline rove__bytes office_batch(office *o, const rove__change *changes, size_t count) {
    office_rows rows;

    office_rows_open(o, &rows);
    for (size_t i = 0; i < count; i++) {
        office_rows_add(&rows, &changes[i]);
    }
    return office_rows_end(o, &rows);
}

/* Applies one page made of the changes given, with the head as its cursor. */
static inline rove_status office_apply(office *o, rove__page *page, const rove__change *changes,
                                       size_t count) {
    page->rows = office_batch(o, changes, count);
    page->cursor = o->head;
    return rove__store_apply(o->r->store, NULL, 0, page, &o->r->error);
}

static inline rove__change office_tombstone(const office_row *row) {
    rove__change change = row->whole;
    change.op = ROVE_OP_TOMBSTONE;
    change.clock.count = 0;
    memset(&change.row.present, 0, sizeof change.row.present);
    return change;
}

static inline rove__change office_mark_of(const office *o, const office_mark *mark) {
    rove__change change;
    memset(&change, 0, sizeof change);
    change.op = ROVE_OP_MARK;
    change.row.entity = rove__registry_by_number(o->r->store->registry, mark->entity);
    change.row.entity_number = mark->entity;
    change.row.id = mark->id;
    change.clock.origin = (rove__origin){1, 1};
    change.clock.base = change.clock.origin;
    change.scope = mark->scope;
    return change;
}

/* Only the cells that are newer than `since`. */
static inline rove__change office_part(office *o, const office_row *row, uint64_t since) {
    rove__change part = row->whole;

    part.op = ROVE_OP_PART;
    rove__clock_init(&part.clock, row->whole.clock.origin, row->whole.clock.base, 0);
    for (size_t i = 0; i < part.row.entity->field_count; i++) {
        rove__clock_entry entry =
            rove__clock_get(&row->whole.clock, part.row.entity->fields[i].number);
        if (entry.seq > since) {
            rove__bits_set(&part.row.present, i);
            entry.seq = 0;
            assert_int_equal(rove__clock_set(&part.clock, &o->arena, entry), ROVE_OK);
        } else {
            rove__bits_clear(&part.row.present, i);
        }
    }
    return part;
}

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
        entered |= page->begin[i].root == office_scope(row).root;
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
    rove__scope *begin = rove__arena_take(&o->arena, OFFICE_ROWS_MAX * sizeof *begin);
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
            begin[page->begin_count++] = (rove__scope){o->sent_away[i], -1};
        }
    }
    for (size_t i = 0; i < o->count && since == 0; i++) {
        rove_id root = office_scope(&o->rows[i]).root;
        if (office_holds(o, root) && !office_in(held, page->held_count, root)) {
            held[page->held_count++] = root;
            begin[page->begin_count++] = (rove__scope){root, -1};
        }
    }
    page->done = page->begin;
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
    int differs = 1;

    memset(&end, 0, sizeof end);
    end.has_total = 1;
    end.total = office_total(o);
    end.head = o->head.seq;
    replica_ok(o->r, rove__store_end(o->r->store, &end, &differs, &o->r->error));
    return !differs;
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
        for (size_t f = 0; held && record.known && f < whole->row.entity->field_count; f++) {
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
