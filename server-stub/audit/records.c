/*
 * audit/records.c - see records.h.
 *
 * A proof has three parts that are checked one after the other: its bytes, the signature by a key of the user whose device it
 * names, and who brought it (the cell's version), which headquarters knows from the connection. What passes is a link of the
 * chain, and so is what cannot be told because a restored headquarters lost the key. In a record its content and its times are
 * compared as well.
 */
#include "audit/records.h"

#include <inttypes.h>
#include <string.h>

#include "audit/keys.h"
#include "audit/names.h"
#include "base/text.h"
#include "sync/judge.h"
#include "sync/timeline.h"
#include "trail.h"
#include "wire/batch.h"

#define ARENA_MAX ((size_t)16 * 1024 * 1024)

/* Where a proof was found. */
typedef struct place {
    const rove__entity *entity;
    rove_id id;
    rove_replica bearer; /* the device that brought it; 0: not known */
    audit_where where;
} place;

/* What was signed, as it is here. */
typedef struct deed {
    const rove__row *row;
    rove__origin origin;
    int64_t least_ms; /* headquarters knows that it was not sealed before */
    int has_sets;     /* as they were signed, but for what others changed */
} deed;

typedef struct examining {
    hq *headquarters;
    rove__hq_tx *tx;
    const rove__hq_store *store;
    const rove_crypto *crypto;
    const audit_scope *scope;
    audit_reporter report;
    void *ctx;
    audit_result *result;
    audit_keys keys;
    audit_chains chains;
    rove__buf scratch;
    rove__hq_device device; /* the last one that was looked up */
    int known;
    rove__hq_head head;
    rove__timelines timelines;
    int asked, restored; /* whether headquarters was, once; not looked up unless it matters */
    size_t in_records;   /* links that are sorted: those of records */
    const rove__entity *entity; /* being scanned */
    int ordinal;                /* of its proof */
} examining;

static rove_status find_device(examining *self, rove_replica replica) {
    rove_status status = ROVE_OK;

    if (self->device.replica != replica) {
        status = self->store->device_get(self->tx, replica, 0, &self->device);
        self->known = status == ROVE_OK && self->device.user != 0; /* else a backup did not know */
        self->device.replica = replica;
    }
    return status == ROVE_NOT_FOUND ? ROVE_OK : status;
}

/* Whether the device is one of those that are asked about. */
static rove_status in_scope(examining *self, rove_replica replica, int *in) {
    rove_status status = find_device(self, replica);

    *in = (self->scope->replica == 0 || self->scope->replica == replica) &&
          (self->scope->user == 0 || (self->known && self->device.user == self->scope->user));
    return status;
}

/* All is looked at, since a chain may go on from that of another device; what is not asked about is not told. */
static rove_status report(void *ctx, const audit_finding *finding) {
    examining *self = ctx;
    int in = 0;
    rove_status status = in_scope(self, finding->replica, &in);

    if (status != ROVE_OK || !in) {
        return status;
    }
    self->result->found[finding->kind]++;
    return self->report(self->ctx, finding);
}

static rove_status complain(examining *self, audit_kind kind, const place *at,
                            const rove__proof *proof, const char *text) {
    audit_finding finding = {
        .kind = kind, .entity = at->entity->number, .id = at->id, .where = at->where};

    finding.replica = at->bearer != 0 || proof == NULL ? at->bearer : proof->replica;
    finding.ordinal = proof != NULL ? proof->ordinal : 0;
    rove__text_format(finding.text, sizeof finding.text, "%s", text);
    return report(self, &finding);
}

/* ---- whose a proof is ----------------------------------------------------------------------------------- */

/*
 * Whether the number that a seal was brought under is of the user whose device sealed it: self->device. A seal goes with what waits of
 * its record, under the number under which that was begun (store/fork.c); whoever enrols with a code, because he was revoked or his
 * identity is damaged, begins anew, and nobody knows that it is one device. What one signs oneself one may bring.
 */
static rove_status is_of_bearer(examining *self, rove_replica bearer, int *is) {
    rove__hq_device other;
    rove_status status = ROVE_OK;

    *is = bearer == 0 || bearer == self->device.replica;
    if (!*is) {
        status = self->store->device_get(self->tx, bearer, 0, &other);
        *is = status == ROVE_OK && self->known && other.user == self->device.user;
    }
    return status == ROVE_NOT_FOUND ? ROVE_OK : status;
}

static rove_status each_act(void *ctx, const rove__hq_act *act) {
    examining *self = ctx;

    self->restored = strcmp(act->act, TRAIL_RESTORE) == 0 || strcmp(act->act, TRAIL_READMIT) == 0;
    return self->restored ? ROVE_DONE : ROVE_OK;
}

/* Devices and their keys are kept for good; only a restored headquarters lost any. */
static rove_status may_have_lost(examining *self, int *may) {
    rove_status status = ROVE_OK;

    if (!self->asked) {
        status = hq_database(self->headquarters)->directory.act_scan(self->tx, each_act, self);
        self->asked = status == ROVE_OK || status == ROVE_DONE;
    }
    *may = self->restored;
    return status == ROVE_DONE ? ROVE_OK : status;
}

/* A device, or a key, that headquarters does not know. */
static rove_status judge_stranger(examining *self, audit_kind *kind, const char **wrong) {
    int may = 0;
    rove_status status = may_have_lost(self, &may);

    *kind = may ? AUDIT_UNKNOWN : AUDIT_FORGED;
    if (may) {
        *wrong = self->known
                     ? "headquarters was restored, and does not know the key that it is signed with"
                     : "headquarters was restored, and does not know the device that it names";
    } else {
        *wrong = self->known ? "headquarters never had the key that it is signed with"
                             : "it names a device that headquarters never had";
    }
    return status;
}

/* What is wrong with who signed it; NULL: nothing. *kind: what that is. */
static rove_status judge_signer(examining *self, const place *at, const rove__proof *proof,
                                const rove_value *cell, audit_kind *kind, const char **wrong) {
    const audit_key *key = audit_keys_find(&self->keys, proof->key);
    rove_status status = find_device(self, proof->replica);
    int is_bearer = 0;

    *kind = AUDIT_FORGED;
    *wrong = NULL;
    if (status == ROVE_OK) {
        status = is_of_bearer(self, at->bearer, &is_bearer);
    }
    if (status != ROVE_OK) {
        return status;
    }
    if (!self->known || (is_bearer && key == NULL)) {
        return judge_stranger(self, kind, wrong);
    }
    if (!is_bearer) {
        *wrong = "it names another device than the one that brought it";
    } else if (key->user != self->device.user) {
        *wrong = "it is signed with the key of another user's device";
    } else {
        status = rove__proof_verify(self->crypto, (rove__bytes){key->der, key->size}, proof,
                                    cell->as.data, cell->size);
        *wrong = status == ROVE_CORRUPT ? "its signature does not hold" : NULL;
    }
    return status == ROVE_CORRUPT ? ROVE_OK : status;
}

/* Reads a proof and makes it a link, the last one; *good 1: `proof` is what a device of ours signed, or may have. */
static rove_status take_proof(examining *self, const place *at, const rove_value *cell,
                              rove__proof *proof, int *good) {
    audit_link link = {.entity = at->entity->number, .id = at->id, .where = at->where};
    const char *wrong = NULL;
    audit_kind kind = AUDIT_FORGED;

    *good = 0;
    if (rove__proof_read(proof, cell->as.data, cell->size) != ROVE_OK) {
        return complain(self, AUDIT_FORGED, at, NULL, "what stands in its place is no proof");
    }
    rove_status status = judge_signer(self, at, proof, cell, &kind, &wrong);
    if (status == ROVE_OK && wrong != NULL) {
        status = complain(self, kind, at, proof, wrong);
    }
    if (status != ROVE_OK || (wrong != NULL && kind == AUDIT_FORGED)) {
        return status;
    }
    link.replica = proof->replica;
    link.ordinal = proof->ordinal;
    memcpy(link.previous, proof->previous, sizeof link.previous);
    status = rove__proof_hash(self->crypto, cell->as.data, cell->size, link.hash);
    *good = status == ROVE_OK;
    return status == ROVE_OK ? audit_chains_add(&self->chains, &link) : status;
}

/* ---- what was signed ------------------------------------------------------------------------------------ */

static rove_status complain_names(examining *self, const place *at, const rove__proof *proof,
                                  const audit_names *names) {
    rove_status status = ROVE_OK;

    for (size_t i = 0; i < names->count && status == ROVE_OK; i++) {
        char text[AUDIT_TEXT_MAX];
        rove__text_format(text, sizeof text,
                          "record %" PRId64 ", which it is about, was %" PRId64
                          " when it was signed: a copy of its device had taken that id",
                          names->names[i].here, names->names[i].then);
        status = complain(self, AUDIT_RENAMED, at, proof, text);
    }
    return status;
}

/* It cannot compare what names a record of which it does not know how it was called. */
static rove_status complain_content(examining *self, const place *at, const rove__proof *proof,
                                    rove_id forgotten) {
    char text[AUDIT_TEXT_MAX];

    if (forgotten == 0) {
        return complain(self, AUDIT_EDITED, at, proof, "the record is not what was signed");
    }
    rove__text_format(text, sizeof text,
                      "headquarters does not know which id record %" PRId64
                      ", which it is about, had when it was signed",
                      forgotten);
    return complain(self, AUDIT_UNKNOWN, at, proof, text);
}

/* A record that is not what was signed, unless some that it names had another id then. */
static rove_status check_names(examining *self, const place *at, const deed *d,
                               const rove__proof *proof) {
    const audit_signed what = {d->row, d->origin, proof};
    audit_names names;
    rove_status status =
        audit_names_find(self->headquarters, self->tx, &what, &self->scratch, &names);

    if (status != ROVE_OK) {
        return status;
    }
    return names.count > 0 ? complain_names(self, at, proof, &names)
                           : complain_content(self, at, proof, names.forgotten);
}

static rove_status check_content(examining *self, const place *at, const deed *d,
                                 const rove__proof *proof) {
    uint8_t content[ROVE_SHA256_SIZE];
    uint8_t sets[ROVE_PROOF_SETS_SIZE];
    rove_status status =
        rove__proof_content(self->crypto, d->row, d->origin, &self->scratch, content, sets);

    if (status != ROVE_OK) {
        return status;
    }
    if (memcmp(content, proof->content, sizeof content) != 0) {
        return check_names(self, at, d, proof);
    }
    return !d->has_sets || memcmp(sets, proof->sets, sizeof sets) == 0
               ? ROVE_OK
               : complain(self, AUDIT_MERGED, at, proof,
                          "others are on its lists than when it was signed");
}

/* The times that a record says it happened at. */
static int is_deed(const rove__field *field) {
    static const char *const names[] = {"actual_start", "actual_end", "start_time", "sealed_at"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(field->name, names[i]) == 0) {
            return 1;
        }
    }
    return 0;
}

static rove_status complain_time(examining *self, const place *at, const rove__proof *proof,
                                 const char *what, int64_t ms, int64_t sealed_ms) {
    char said[ROVE_TIME_TEXT_SIZE];
    char sealed[ROVE_TIME_TEXT_SIZE];
    char text[AUDIT_TEXT_MAX];

    rove__time_format(ms, said);
    rove__time_format(sealed_ms, sealed);
    rove__text_format(text, sizeof text, "%s %s; it was sealed at %s", what, said, sealed);
    return complain(self, AUDIT_DATED, at, proof, text);
}

static int64_t apart(int64_t a, int64_t b) {
    int64_t difference = 0;

    if (__builtin_sub_overflow(a, b, &difference) || difference == INT64_MIN) {
        return INT64_MAX;
    }
    return difference < 0 ? -difference : difference;
}

/*
 * A device can say of its clocks what it likes. But headquarters knows that an edit was made after the edit's cursor (P7), so
 * a seal of before its own version's stamp was not made then.
 */
static rove_status check_times(examining *self, const place *at, const deed *d,
                               const rove__proof *proof) {
    int64_t sealed_ms = rove__proof_time_ms(proof);
    const char *suspect = rove__proof_suspect(proof);
    rove_status status = ROVE_OK;

    if (suspect != NULL) {
        status = complain(self, AUDIT_SUSPECT, at, proof, suspect);
    }
    if (status == ROVE_OK && sealed_ms < d->least_ms &&
        apart(sealed_ms, d->least_ms) > self->scope->late_ms) {
        status = complain_time(self, at, proof, "headquarters knows that it was not before",
                               d->least_ms, sealed_ms);
    }
    for (size_t i = 0; i < d->row->cell_count && status == ROVE_OK; i++) {
        const rove__field *field = &at->entity->fields[i];
        const rove_value *cell = &d->row->cells[i];
        if (cell->type == ROVE_INT && is_deed(field) &&
            apart(cell->as.integer, sealed_ms) > self->scope->late_ms) {
            status = complain_time(self, at, proof, field->name, cell->as.integer, sealed_ms);
        }
    }
    return status;
}

static rove_status check_positions(examining *self, const place *at, const deed *d,
                                   const rove__proof *proof) {
    rove_status status = ROVE_OK;

    for (size_t i = 0; i < d->row->cell_count && status == ROVE_OK; i++) {
        const char *name = at->entity->fields[i].name;
        const rove_value *cell = &d->row->cells[i];
        size_t size = strlen(name);
        char text[AUDIT_TEXT_MAX];
        if (size > 5 && strcmp(name + size - 5, "_mock") == 0 && cell->type == ROVE_INT &&
            cell->as.integer != 0) {
            rove__text_format(text, sizeof text, "the position at %.*s was made up", (int)size - 5,
                              name);
            status = complain(self, AUDIT_MOCKED, at, proof, text);
        }
    }
    return status;
}

static rove_status check_deed(examining *self, const place *at, const deed *d,
                              const rove__proof *proof) {
    rove_status status = check_content(self, at, d, proof);

    if (status == ROVE_OK) {
        status = check_times(self, at, d, proof);
    }
    return status == ROVE_OK ? check_positions(self, at, d, proof) : status;
}

/* ---- a record ------------------------------------------------------------------------------------------- */

static rove_status each_record(void *ctx, const rove__hq_row *row) {
    examining *self = ctx;
    const rove_value *seal = &row->row.cells[self->entity->seal_field];
    const rove_value *cell = &row->row.cells[self->ordinal];
    place at = {.entity = self->entity, .id = row->row.id};
    rove__proof proof;
    int good = 0;
    int in = 0;

    if (seal->type == ROVE_NULL && cell->type == ROVE_NULL) {
        return ROVE_OK;
    }
    uint32_t number =
        self->entity->fields[cell->type == ROVE_NULL ? self->entity->seal_field : self->ordinal]
            .number;
    at.bearer = rove__clock_get(&row->clock, number).version.replica;
    rove_status status = in_scope(self, at.bearer, &in);
    self->result->records += (uint64_t)in;
    if (status == ROVE_OK && cell->type != ROVE_BLOB) {
        return complain(self, AUDIT_UNSIGNED, &at, NULL, "it was sealed without a signature");
    }
    if (status == ROVE_OK) {
        status = take_proof(self, &at, cell, &proof, &good);
    }
    if (status != ROVE_OK || !good) {
        return status;
    }
    const deed d = {.row = &row->row,
                    .origin = row->clock.origin,
                    .least_ms = rove__stamp_ms(rove__clock_get(&row->clock, number).version.stamp),
                    .has_sets = 1};
    return check_deed(self, &at, &d, &proof);
}

/* ---- what did not come into the tables ------------------------------------------------------------------ */

/* The seal was written after its cursor, and headquarters knows when it passed that. */
static rove_status written_after(examining *self, const rove__change *change, int64_t *ms) {
    rove_stamp stamp = 0;
    uint64_t seq = 0;
    rove_status status = rove__timelines_clip(&self->timelines, &self->head, change->cursor, &seq);

    if (status == ROVE_OK) {
        status = self->store->commit_stamp(self->tx, seq, &stamp);
    }
    *ms = rove__stamp_ms(stamp);
    return status;
}

/* 1: what was signed is to be looked at here: it is whole, and neither a record nor other work has the same proof. */
static int is_first(const examining *self, const rove__change *change) {
    const audit_chains *chains = &self->chains;
    const audit_link *link = &chains->links[chains->count - 1];

    if (change->op != ROVE_OP_SEAL && change->op != ROVE_OP_INSERT && change->op != ROVE_OP_WHOLE) {
        return 0;
    }
    for (size_t i = self->in_records; i + 1 < chains->count; i++) {
        if (memcmp(chains->links[i].hash, link->hash, sizeof link->hash) == 0) {
            return 0;
        }
    }
    return !audit_chains_has(chains, self->in_records, link);
}

/* Its sets are left out: of a seal they are what was done to them. */
static rove_status take_change(examining *self, rove__change *change, size_t ordinal,
                               audit_where where) {
    const rove__entity *entity = change->row.entity;
    place at = {entity, change->row.id, change->replica, where};
    const rove_value *cell = &change->row.cells[ordinal];
    deed d = {.row = &change->row, .origin = change->clock.origin};
    rove__proof proof;
    int good = 0;

    if (change->op == ROVE_OP_WHOLE) { /* others bring it back, too */
        at.bearer = rove__clock_get(&change->clock, entity->fields[ordinal].number).version.replica;
    }
    rove_status status = take_proof(self, &at, cell, &proof, &good);
    if (status != ROVE_OK || !good || !is_first(self, change)) {
        return status;
    }
    for (size_t i = 0; i < change->row.cell_count; i++) {
        if (entity->fields[i].kind == ROVE_KIND_SET) {
            change->row.cells[i] = rove__value_null();
        }
    }
    if (change->op != ROVE_OP_WHOLE) {
        status = written_after(self, change, &d.least_ms);
    }
    return status == ROVE_OK ? check_deed(self, &at, &d, &proof) : status;
}

static rove_status each_change(examining *self, const rove__bytes *bytes, audit_where where) {
    rove__batch_reader *reader = NULL;
    rove__change change;
    rove_status status =
        rove__batch_reader_new(&hq_get_ports(self->headquarters)->allocator,
                               hq_registry(self->headquarters), bytes->data, bytes->size, &reader);

    while (status == ROVE_OK) {
        status = rove__batch_next(reader, &change);
        int ordinal = status == ROVE_OK && change.row.entity != NULL
                          ? rove__proof_field(change.row.entity)
                          : -1;
        if (ordinal >= 0 && rove__row_cell(&change.row, (size_t)ordinal).type == ROVE_BLOB) {
            status = take_change(self, &change, (size_t)ordinal, where);
        }
    }
    rove__batch_reader_free(reader);
    return status == ROVE_DONE ? ROVE_OK : status;
}

static rove_status each_review(void *ctx, const rove__hq_review *review) {
    return each_change(ctx, &review->change,
                       review->state == 2 ? AUDIT_IN_RETURNED : AUDIT_IN_REVIEW);
}

static rove_status each_parked(void *ctx, const rove__hq_parked *parked) {
    return each_change(ctx, &parked->change, AUDIT_IN_WAITING);
}

static rove_status each_origin(void *ctx, int64_t number, rove__origin origin) {
    examining *self = ctx;
    rove__arena arena;

    (void)number;
    rove__arena_init(&arena, &hq_get_ports(self->headquarters)->allocator, ARENA_MAX);
    rove_status status = self->store->parked_scan(self->tx, origin, &arena, each_parked, self);
    rove__arena_free(&arena);
    return status;
}

static int64_t number_of(const rove__row *row, const char *field) {
    const rove_value *cell = &row->cells[rove__entity_field_named(row->entity, field)];

    return cell->type == ROVE_INT ? cell->as.integer : 0;
}

/* The second of two seals of one record. */
static rove_status take_side(examining *self, const rove__hq_row *row, const char *value,
                             const char *replica) {
    const rove_value *packed = &row->row.cells[rove__entity_field_named(row->row.entity, value)];
    place at = {.bearer = (rove_replica)number_of(&row->row, replica), .where = AUDIT_IN_CONFLICT};
    rove__reader reader;
    rove_value cell;
    rove__proof proof;
    int good = 0;

    at.entity = rove__registry_by_number(hq_registry(self->headquarters),
                                         (uint32_t)number_of(&row->row, "record_entity"));
    at.id = number_of(&row->row, "record_id");
    int ordinal = at.entity != NULL ? rove__proof_field(at.entity) : -1;
    if (packed->type != ROVE_BLOB || ordinal < 0 ||
        (int64_t)at.entity->fields[ordinal].number != number_of(&row->row, "field_number")) {
        return ROVE_OK;
    }
    rove__reader_init(&reader, packed->as.data, packed->size);
    rove__value_read(&reader, &cell);
    return rove__reader_status(&reader) == ROVE_OK && cell.type == ROVE_BLOB
               ? take_proof(self, &at, &cell, &proof, &good)
               : ROVE_OK;
}

static rove_status each_conflict(void *ctx, const rove__hq_row *row) {
    rove_status status = take_side(ctx, row, "kept_value", "kept_replica");

    return status == ROVE_OK ? take_side(ctx, row, "lost_value", "lost_replica") : status;
}

/* ---- the whole ------------------------------------------------------------------------------------------ */

static rove_status scan_records(examining *self, rove__arena *arena) {
    const rove__registry *registry = hq_registry(self->headquarters);
    const rove__hq_directory *directory = &hq_database(self->headquarters)->directory;
    rove_status status = ROVE_OK;

    for (size_t i = 0; i < rove__registry_count(registry) && status == ROVE_OK; i++) {
        self->entity = rove__registry_at(registry, i);
        self->ordinal = rove__proof_field(self->entity);
        if (self->ordinal >= 0) {
            status = directory->row_find(self->tx, self->entity->number, -1, NULL, arena,
                                         each_record, self);
        }
    }
    return status;
}

static rove_status scan_others(examining *self, rove__arena *arena) {
    const rove__hq_directory *directory = &hq_database(self->headquarters)->directory;
    const rove__entity *conflict =
        rove__registry_by_name(hq_registry(self->headquarters), "Conflict");
    rove_status status = ROVE_OK;

    for (int state = 0; state <= 2 && status == ROVE_OK; state++) {
        status = self->store->review_scan(self->tx, state, arena, each_review, self);
    }
    if (status == ROVE_OK) {
        status = self->store->parked_origins(self->tx, 0, each_origin, self);
    }
    return status == ROVE_OK ? directory->row_find(self->tx, conflict->number, -1, NULL, arena,
                                                   each_conflict, self)
                             : status;
}

/* The chains are sorted. */
static rove_status count(examining *self) {
    const audit_chains *chains = &self->chains;
    rove_status status = ROVE_OK;
    int in = 0;

    for (size_t i = 0; i < chains->count && status == ROVE_OK; i++) {
        int first = i == 0 || chains->links[i].replica != chains->links[i - 1].replica;
        if (first) {
            status = in_scope(self, chains->links[i].replica, &in);
        }
        self->result->seals += (uint64_t)in;
        self->result->devices += (uint64_t)(first && in);
    }
    return status;
}

rove_status audit_run(hq *headquarters, rove__hq_tx *tx, const audit_scope *scope,
                      audit_reporter reporter, void *ctx, audit_result *result) {
    const hq_ports *ports = hq_get_ports(headquarters);
    examining self = {.headquarters = headquarters,
                      .tx = tx,
                      .store = &hq_database(headquarters)->store,
                      .crypto = &ports->crypto,
                      .scope = scope,
                      .report = reporter,
                      .ctx = ctx,
                      .result = result};
    rove__arena arena;

    memset(result, 0, sizeof *result);
    audit_chains_init(&self.chains, &ports->allocator);
    rove__timelines_init(&self.timelines, &ports->allocator, self.store, tx);
    rove__arena_init(&arena, &ports->allocator, ARENA_MAX);
    rove__buf_init(&self.scratch, &ports->allocator, 2 * ROVE_ROW_MAX);
    rove_status status = audit_keys_read(headquarters, tx, &self.keys);
    if (status == ROVE_OK) {
        status = self.store->head_get(tx, &self.head);
    }
    if (status == ROVE_OK) {
        status = scan_records(&self, &arena);
    }
    if (status == ROVE_OK) {
        audit_chains_sort(&self.chains);
        self.in_records = self.chains.count;
        status = scan_others(&self, &arena);
    }
    if (status == ROVE_OK) {
        status = audit_chains_check(&self.chains, report, &self);
    }
    if (status == ROVE_OK) {
        status = count(&self);
    }
    audit_keys_free(headquarters, &self.keys);
    audit_chains_free(&self.chains);
    rove__timelines_free(&self.timelines);
    rove__buf_free(&self.scratch);
    rove__arena_free(&arena);
    return status;
}
