/*
 * support/office_records.h - what the small headquarters of office.h holds, what reaches it and what it sends: its
 * records with their clocks, the batches pushed, and rows as they travel. office.h judges and answers with them.
 */
#ifndef ROVE_TESTS_OFFICE_RECORDS_H
#define ROVE_TESTS_OFFICE_RECORDS_H

#include "merge/merge.h"
#include "model/digest.h"
#include "replica.h"
#include "store_trial.h"
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
    store_trial_with(&r->memory);
}

static inline void office_end(office *o) {
    store_trial_with(NULL);
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
    int sealed = 0;
    rove_status status = ROVE_OK;

    memset(push, 0, sizeof *push);
    push->changes = rove__arena_take(&o->arena, most * sizeof *push->changes);
    replica_ok(r, rove__store_freeze(r->store, &r->error));
    replica_ok(r, rove__store_hello(r->store, &o->arena, hello, &r->error));
    for (int first = 1; status == ROVE_OK; first = 0) {
        rove__push *frame = &push->frames[push->frame_count];
        rove__batch_reader *reader = NULL;
        rove__change change;
        status = rove__store_push_next(r->store, first, number, ordinal, &o->arena, frame, &sealed,
                                       &r->error);
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
    rove__chain hash = {{0}};
    rove__chain chain = {{0}};
    size_t count = 0;

    for (size_t i = 0; i < push->frame_count; i++) {
        if (push->frames[i].number == number) {
            const rove_span spans[2] = {{hash.hash, sizeof hash.hash},
                                        {push->frames[i].rows.data, push->frames[i].rows.size}};
            assert_int_equal(o->r->crypto.sha256(o->r->crypto.ctx, spans, 2, hash.hash), ROVE_OK);
            count++;
            chain = push->frames[i].previous;
        }
    }
    assert_true(count > 0);
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
    for (size_t i = 0; i < part.row.cell_count; i++) {
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

#endif
