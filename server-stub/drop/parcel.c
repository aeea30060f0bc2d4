/*
 * drop/parcel.c - a request of the drop box on its way; see box.h.
 *
 * A record that cannot be looked at for want of memory or disk, or that a later version wrote, is LATER: its device keeps it. What
 * is malformed, for somebody else, or not by a device of ours, is REFUSED.
 */
#include <pthread.h>
#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "base/planted.h"
#include "base/reader.h"
#include "drop/alone.h"
#include "drop/box.h"
#include "drop/waiting.h"
#include "keys.h"
#include "sync/exchange.h"

#define ARENA_MAX (2 * DROP_BODY_MAX)

struct drop_box {
    hq *headquarters;
    rove__server_ports ports; /* with the box's memory */
    pthread_mutex_t opening;  /* over the batches that wait */
    waiting waiting;
};

/* A batch that is whole, and staged to be judged. */
typedef struct drop_unit {
    waiting_batch *batch; /* busy: it stays until the parcel is freed */
    rove__stage stage;
    rove__staged *staged;
    int waits;          /* for batches before it */
    drop_answer answer; /* of the last try */
    struct drop_unit *next;
} drop_unit;

struct drop_parcel {
    drop_box *box;
    rove__arena arena;
    drop_record *records;
    uint8_t *answers;
    size_t count;
    /* Owned; by device and number, so that a chain goes on whatever the order of records. */
    drop_unit *units;
    drop_unit *due; /* the first that was not tried */
    size_t alone;   /* the first record that stands alone and was not tried, once no batch is due */
    drop_answer alone_answer; /* of the last try of it */
};

static const rove_log *log_of(const drop_box *box) {
    return box->ports.log;
}

static int64_t boot_ms(const drop_box *box) {
    const rove_clock *clock = &hq_get_ports(box->headquarters)->clock;
    rove_clock_reading now;

    clock->read(clock->ctx, &now);
    return now.boot_ms;
}

rove_status drop_box_new(hq *headquarters, const rove_allocator *allocator, drop_box **out) {
    drop_box *self = rove__alloc_zeroed(allocator, 1, sizeof *self);

    *out = self;
    if (self == NULL) {
        return ROVE_NOMEM;
    }
    self->headquarters = headquarters;
    self->ports = hq_server_ports(headquarters);
    self->ports.allocator = allocator;
    waiting_init(&self->waiting, allocator, self->ports.spool);
    (void)pthread_mutex_init(&self->opening, NULL);
    return ROVE_OK;
}

void drop_box_free(drop_box *self) {
    if (self != NULL) {
        waiting_free(&self->waiting);
        (void)pthread_mutex_destroy(&self->opening);
        rove__free(self->ports.allocator, self);
    }
}

/* ---- records -------------------------------------------------------------------------------------------- */

static rove_status find_records(drop_parcel *self, const void *bytes, size_t size) {
    rove__reader reader;
    size_t capacity = 0;

    rove__reader_init(&reader, bytes, size);
    while (rove__reader_left(&reader) > 0) {
        size_t length = rove__reader_u32(&reader);
        const uint8_t *record = rove__reader_take(&reader, length);
        if (rove__reader_status(&reader) != ROVE_OK || length == 0) {
            return ROVE_PROTOCOL;
        }
        if (self->count == DROP_RECORDS_MAX) {
            return ROVE_TOO_BIG;
        }
        drop_record *grown = rove__arena_grown(&self->arena, self->records, self->count, &capacity,
                                               sizeof *self->records);
        if (grown == NULL) {
            return ROVE_NOMEM;
        }
        self->records = grown;
        self->records[self->count++] = (drop_record){.bytes = {record, length}};
    }
    self->answers = rove__arena_take(&self->arena, self->count + 1);
    if (self->answers == NULL) {
        return ROVE_NOMEM;
    }
    memset(self->answers, DROP_LATER, self->count + 1);
    return ROVE_OK;
}

/* By the keys of now: they may have been rotated since the box was made. */
static rove_status open_records(drop_parcel *self) {
    rove__server_ports ports = self->box->ports;
    record_opener opener;
    ports.sealing = &hq_get_keys(self->box->headquarters)->sealing;
    rove_status status = record_opener_begin(&opener, &ports, &self->arena);

    for (size_t i = 0; i < self->count && status == ROVE_OK; i++) {
        drop_record *record = &self->records[i];
        rove_status why = record_open(&opener, record, i > 0 ? record - 1 : NULL);
        if (why != ROVE_OK) {
            self->answers[i] = record_may_come_again(why) ? DROP_LATER : DROP_REFUSED;
            rove__log(log_of(self->box), ROVE_LOG_WARN, "drop", "a record is not usable: %s",
                      rove_status_name(why));
        }
    }
    record_opener_end(&opener);
    return status;
}

/* ---- what waits ----------------------------------------------------------------------------------------- */

/* The answer to every frame of a batch. */
static void answer_batch(drop_parcel *self, const rove__sealed_batch *said, drop_answer answer) {
    for (size_t i = 0; i < self->count; i++) {
        const drop_record *record = &self->records[i];
        const rove__sealed_batch *own = &record->is.frame.batch;
        if (record_is_frame(record) && own->replica == said->replica &&
            own->number == said->number && rove__chain_equal(&own->hash, &said->hash)) {
            self->answers[i] = (uint8_t)answer;
        }
    }
}

/* What was taken before is taken, whichever of its frames come. */
static rove_status find_taken(void *ctx, rove__hq_tx *tx, rove_error *error) {
    drop_parcel *self = ctx;
    rove_status status = ROVE_OK;

    (void)error;
    for (size_t i = 0; i < self->count && status == ROVE_OK; i++) {
        const drop_record *record = &self->records[i];
        const rove__sealed_batch *said = &record->is.frame.batch;
        drop_answer answer = DROP_LATER;
        if (!record_is_frame(record) || self->answers[i] != DROP_LATER ||
            (i > 0 && record_is_frame(record - 1) && record_same_signature(record - 1, record))) {
            continue;
        }
        status = taken_find(self->box->headquarters, self->box->ports.allocator, tx,
                            taken_key_of(record), &answer);
        answer_batch(self, said, answer);
    }
    return status;
}

static rove_status stage_frames(const rove__server_ports *ports, drop_unit *unit) {
    waiting_batch *batch = unit->batch;
    const rove__sealed_batch *said = &batch->said;
    rove__buf rows;

    rove__stage_init(&unit->stage, ports);
    rove_status status = rove__staged_new(&unit->stage, &unit->staged);
    if (status == ROVE_OK) {
        rove__staged_seal(unit->staged, said, said->replica, &batch->signer);
    }
    rove__buf_init(&rows, ports->allocator, ROVE_BATCH_MAX);
    for (uint32_t i = 0; i < said->frames && status == ROVE_OK; i++) {
        status = rove__spool_read(&batch->spool, batch->frames[i].at, batch->frames[i].size, &rows);
        if (status == ROVE_OK) {
            rove__push push = {.number = said->number,
                               .ordinal = i,
                               .last = i + 1 == said->frames,
                               .schema = said->schema,
                               .previous = said->previous,
                               .rows = {rows.data, rows.size}};
            status = rove__staged_add(unit->staged, &push, NULL);
        }
    }
    rove__buf_free(&rows);
    rove__stage_close(&unit->stage);
    return status;
}

static void free_unit(const rove_allocator *allocator, drop_unit *unit) {
    rove__staged_free(unit->staged);
    rove__stage_free(&unit->stage);
    rove__free(allocator, unit);
}

static int comes_before(const rove__sealed_batch *a, const rove__sealed_batch *b) {
    return a->replica != b->replica ? a->replica < b->replica : a->number < b->number;
}

static void enqueue(drop_parcel *self, drop_unit *unit) {
    drop_unit **at = &self->units;

    while (*at != NULL && comes_before(&(*at)->batch->said, &unit->batch->said)) {
        at = &(*at)->next;
    }
    unit->next = *at;
    *at = unit;
    unit->batch->busy = 1;
}

/* A batch that is whole becomes a unit; one that cannot be a batch is refused. */
static rove_status stage(drop_parcel *self, waiting_batch *batch) {
    drop_box *box = self->box;
    drop_unit *unit = rove__alloc_zeroed(box->ports.allocator, 1, sizeof *unit);

    if (unit == NULL) {
        return ROVE_NOMEM;
    }
    unit->batch = batch;
    unit->waits = boot_ms(box) - batch->whole_ms < DROP_GAP_MS;
    hq_schema_hold(box->headquarters);
    rove_status status = stage_frames(&box->ports, unit);
    hq_schema_release(box->headquarters);
    if (status == ROVE_OK) {
        enqueue(self, unit);
        return ROVE_OK;
    }
    free_unit(box->ports.allocator, unit);
    if (!record_may_come_again(status)) {
        rove__log(log_of(box), ROVE_LOG_WARN, "drop", "batch %llu of device %u is none: %s",
                  (unsigned long long)batch->said.number, (unsigned)batch->said.replica,
                  rove_status_name(status));
        answer_batch(self, &batch->said, DROP_REFUSED);
        waiting_remove(&box->waiting, batch);
    }
    return ROVE_OK;
}

/* A batch is staged as soon as it is whole: then it stays, and makes no room for those that come after it. */
static rove_status add_frames(drop_parcel *self) {
    waiting *table = &self->box->waiting;
    int64_t now_ms = boot_ms(self->box);
    rove_status status = ROVE_OK;

    waiting_expire(table, now_ms);
    for (size_t i = 0; i < self->count && status == ROVE_OK; i++) {
        const drop_record *record = &self->records[i];
        waiting_batch *batch = NULL;
        if (!record_is_frame(record) || self->answers[i] != DROP_LATER) {
            continue;
        }
        rove_status added = waiting_add(table, &record->is.frame, &record->signer, now_ms, &batch);
        if (added != ROVE_OK && !record_may_come_again(added)) {
            answer_batch(self, &record->is.frame.batch, DROP_REFUSED);
        }
        if (added == ROVE_OK && !batch->busy && waiting_whole(batch)) {
            status = stage(self, batch);
        }
    }
    self->due = self->units;
    return status;
}

/* ---- a parcel ------------------------------------------------------------------------------------------- */

static void find_alone(drop_parcel *self) {
    while (self->alone < self->count &&
           (!self->records[self->alone].sound || record_is_frame(&self->records[self->alone]))) {
        self->alone++;
    }
}

static rove_status open_all(drop_parcel *self) {
    rove_error error = {.message = ""};
    rove_status status = open_records(self);

    if (status == ROVE_OK) {
        status = hq_read(self->box->headquarters, find_taken, self, &error);
    }
    if (status == ROVE_OK) {
        status = add_frames(self);
        find_alone(self);
    }
    return status;
}

rove_status drop_parcel_open(drop_box *box, const void *bytes, size_t size, drop_parcel **out) {
    drop_parcel *self = rove__alloc_zeroed(box->ports.allocator, 1, sizeof *self);

    *out = NULL;
    if (self == NULL) {
        return ROVE_NOMEM;
    }
    self->box = box;
    rove__arena_init(&self->arena, box->ports.allocator, ARENA_MAX);
    rove_status status = find_records(self, bytes, size);
    if (status == ROVE_OK && pthread_mutex_trylock(&box->opening) != 0) {
        status = ROVE_LATER;
    } else if (status == ROVE_OK) {
        status = open_all(self);
        (void)pthread_mutex_unlock(&box->opening);
    }
    if (status != ROVE_OK) {
        drop_parcel_free(self);
        return status;
    }
    *out = self;
    return ROVE_OK;
}

int drop_parcel_wants_commit(const drop_parcel *self) {
    return self->due != NULL || self->alone < self->count;
}

/* A batch that had come by another way is taken, too, from now on. */
static rove_status commit_unit(drop_parcel *self, drop_unit *unit, rove__hq_tx *tx,
                               rove_error *error) {
    drop_box *box = self->box;
    const rove__sealed_batch *said = &unit->batch->said;
    rove__server_stats stats = {0};
    int taken = 0;

    unit->answer = DROP_LATER;
    rove_status status = rove__judge_dropped(&box->ports, tx, unit->staged, unit->waits,
                                             hq_now_ms(box->headquarters), &stats, &taken, error);
    return status == ROVE_OK && taken
               ? taken_put(box->headquarters, tx, (taken_key){said->replica, said->hash.hash}, 0,
                           &unit->answer)
               : status;
}

rove_status drop_parcel_commit(drop_parcel *self, rove__hq_tx *tx, rove_error *error) {
    return self->due != NULL ? commit_unit(self, self->due, tx, error)
                             : alone_take(self->box->headquarters, &self->box->ports, tx,
                                          &self->records[self->alone], &self->alone_answer, error);
}

/* One that could never be kept is refused. */
static void alone_committed(drop_parcel *self, rove_status status) {
    const drop_record *record = &self->records[self->alone];
    int refused = status == ROVE_INVALID || status == ROVE_TOO_BIG || status == ROVE_UTF8 ||
                  status == ROVE_RANGE || status == ROVE_UNKNOWN_FIELD;

    if (status != ROVE_OK) {
        rove__log(log_of(self->box), refused ? ROVE_LOG_WARN : ROVE_LOG_ERROR, "drop",
                  "a record of device %u was not taken: %s", (unsigned)record->signer.replica,
                  rove_status_name(status));
    }
    int committed = status == ROVE_OK || ROVE_PLANTED(B03_UNCOMMITTED);
    self->answers[self->alone] = (uint8_t)(refused     ? DROP_REFUSED
                                           : committed ? self->alone_answer
                                                       : DROP_LATER);
    self->alone++;
    find_alone(self);
}

void drop_parcel_committed(drop_parcel *self, rove_status status) {
    drop_unit *unit = self->due;

    if (unit == NULL) {
        alone_committed(self, status);
        return;
    }

    self->due = unit->next;
    int committed = status == ROVE_OK || ROVE_PLANTED(B03_UNCOMMITTED);
    unit->answer = committed ? unit->answer : DROP_LATER;
    answer_batch(self, &unit->batch->said, unit->answer);
    if (status != ROVE_OK) {
        rove__log(log_of(self->box), ROVE_LOG_ERROR, "drop",
                  "batch %llu of device %u was not taken: %s",
                  (unsigned long long)unit->batch->said.number, (unsigned)unit->batch->said.replica,
                  rove_status_name(status));
    }
}

uint8_t *drop_parcel_answers(const drop_parcel *self, size_t *count) {
    *count = self->count;
    return self->answers;
}

static void free_units(drop_parcel *self) {
    drop_box *box = self->box;

    (void)pthread_mutex_lock(&box->opening);
    for (drop_unit *at = self->units, *next = NULL; at != NULL; at = next) {
        next = at->next;
        at->batch->busy = 0;
        if (at->answer != DROP_LATER) {
            waiting_remove(&box->waiting, at->batch);
        }
        free_unit(box->ports.allocator, at);
    }
    (void)pthread_mutex_unlock(&box->opening);
}

void drop_parcel_free(drop_parcel *self) {
    if (self == NULL) {
        return;
    }
    const rove_allocator *allocator = self->box->ports.allocator;
    if (self->units != NULL) {
        free_units(self);
    }
    rove__arena_free(&self->arena);
    rove__free(allocator, self);
}
