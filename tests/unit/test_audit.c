/*
 * test_audit.c - rove-hq audit: seals of two devices as headquarters has them, and everything that can be wrong with them.
 * What reaches it by real devices is tests/e2e/audit.sh.
 */
#include "headquarters.h"

#include "audit/chain.h"
#include "model/set.h"
#include "rove/entities.pb-c.h"
#include "wire/batch.h"

#define FIRST  7u
#define SECOND 8u
#define SEALS  3

typedef struct signer {
    rove_replica replica;
    rove_id user;
    uint8_t key[ROVE_KEY_DER_MAX];
    size_t size;
    uint8_t hash[ROVE_SHA256_SIZE]; /* of its last proof */
    uint64_t count;
} signer;

/* A sealed visit, and what is to be wrong with it. */
typedef struct deed {
    rove_id id;
    const signer *by;    /* whose key; NULL: the device's own */
    rove_replica bearer; /* 0: the device's own */
    int64_t start_ms;    /* before it was sealed */
    int64_t sealed_ms;   /* 0: now */
    int64_t stamp_ms;    /* headquarters' stamp; 0: as sealed */
    int no_contact;
    int no_proof;
    int added_contact;               /* after it was signed */
    int edited;                      /* as well */
    rove_id signed_account, account; /* what it is about: 4711, if not said */
    rove_id signed_visit, visit;     /* which it corrects; 0: none */
    int call;                        /* not a visit: a call, about that and with that */
    int mocked;
    /* Where it is, if it is not in its record; `op` of the change, 0: an insert. */
    enum { RECORD, REVIEW, ACCEPTED, RETURNED, PARKED } where;
    rove__op op;
    uint64_t cursor; /* seq */
    int again;       /* with the proof of the one before */
} deed;

typedef struct bench {
    headquarters h;
    signer one, two;
    signer *device;              /* of the job */
    const rove__rename *renamed; /* of the job */
    const deed *deed;
    uint8_t bytes[ROVE_PROOF_MAX];
    size_t size;
    said said;
} bench;

/* ---- setting up ----------------------------------------------------------------------------------------- */

static rove_status enrol_job(void *ctx, rove__hq_tx *tx, rove_error *error) {
    bench *b = ctx;
    signer *s = b->device;
    const rove__entity *entity = rove__registry_by_name(hq_registry(b->h.hq), "Device");
    const rove_crypto *crypto = &b->h.ports.crypto;
    rove__hq_device device = {.replica = s->replica, .user = s->user, .status = ROVE_DEVICE_ACTIVE};
    uint8_t der[ROVE_PUBLIC_KEY_DER_MAX];
    rove__writer *writer = NULL;
    rove__arena arena;
    rove__row row;
    uint64_t seq = 0;
    size_t size = 0;
    rove__arena_init(&arena, &b->h.ports.allocator, 1 << 20);
    assert_int_equal(crypto->key_generate(crypto->ctx, s->key, sizeof s->key, &s->size), ROVE_OK);
    assert_int_equal(crypto->key_public(crypto->ctx, s->key, s->size, der, sizeof der, &size),
                     ROVE_OK);
    assert_int_equal(rove__row_init(&row, entity, 0, &arena), ROVE_OK);
    rove__row_set(&row, (size_t)rove__entity_field_named(entity, "user_id"),
                  rove__value_int(s->user));
    rove__row_set(&row, (size_t)rove__entity_field_named(entity, "public_key"),
                  rove__value_bytes(ROVE_BLOB, der, size));
    rove_status status = hq_writer(b->h.hq, tx, "", "enroll", &writer, error);
    if (status == ROVE_OK) {
        assert_int_equal(rove__writer_insert(writer, &row, error), ROVE_OK);
        status = rove__writer_finish(writer, &seq, error);
    }
    rove__arena_free(&arena);
    return status == ROVE_OK ? hq_database(b->h.hq)->store.device_put(tx, &device) : status;
}

static void enrol(bench *b, signer *s, rove_replica replica, rove_id user) {
    s->replica = replica;
    s->user = user;
    b->device = s;
    assert_int_equal(hq_commit(b->h.hq, enrol_job, b, &b->h.error), ROVE_OK);
}

static rove_value contacts(rove__arena *arena, size_t count) {
    rove__element elements[2] = {{.value = rove__value_int(42), .version = {9, FIRST}},
                                 {.value = rove__value_int(43), .version = {9, SECOND}}};
    rove__set set = {ROVE_SET_VERSIONED, elements, count};
    rove_value value;
    assert_int_equal(rove__set_value(&set, arena, &value), ROVE_OK);
    return value;
}

static void put(rove__row *row, const char *field, rove_value value) {
    rove__row_set(row, (size_t)rove__entity_field_named(row->entity, field), value);
}

/* As the device does it. */
static void sign(bench *b, const rove__row *row, rove__origin origin, int64_t now_ms) {
    const rove_crypto *crypto = &b->h.ports.crypto;
    const deed *d = b->deed;
    signer *s = b->device;
    const signer *by = d->by != NULL ? d->by : s;
    rove__proof proof = {.replica = s->replica, .ordinal = ++s->count};
    rove__buf scratch;
    rove__buf out;
    rove__buf_init(&scratch, &b->h.ports.allocator, ROVE_ROW_MAX);
    rove__buf_init(&out, &b->h.ports.allocator, ROVE_PROOF_MAX);
    memcpy(proof.previous, s->hash, sizeof proof.previous);
    proof.anchor = (rove__anchor){now_ms - 60000, {now_ms - 60000, 1000, {1}}};
    proof.at = (rove_clock_reading){now_ms, 61000, {1}};
    if (d->no_contact) {
        proof.at.boot_id[0] = 2;
    }
    assert_int_equal(rove__proof_content(crypto, row, origin, &scratch, proof.content, proof.sets),
                     ROVE_OK);
    assert_int_equal(rove__proof_sign(crypto, (rove__bytes){by->key, by->size}, &proof, &out),
                     ROVE_OK);
    assert_int_equal(rove__proof_hash(crypto, out.data, out.size, s->hash), ROVE_OK);
    memcpy(b->bytes, out.data, out.size);
    b->size = out.size;
    rove__buf_free(&scratch);
    rove__buf_free(&out);
}

/* Work that waits, as its device sent it. */
static rove_status put_waiting(bench *b, rove__hq_tx *tx, const rove__hq_row *row) {
    const deed *d = b->deed;
    const rove__hq_store *store = &hq_database(b->h.hq)->store;
    rove__edit edit = {.field = 1, .raw = row->clock.origin.stamp};
    rove__change change = {.op = d->op != 0 ? d->op : ROVE_OP_INSERT,
                           .row = row->row,
                           .clock = row->clock,
                           .edits = d->op == ROVE_OP_SEAL ? &edit : NULL,
                           .edit_count = d->op == ROVE_OP_SEAL,
                           .replica = d->bearer != 0 ? d->bearer : b->device->replica};
    rove__batch_writer *writer = NULL;
    rove__hq_head head;
    rove__buf packed;
    rove__buf_init(&packed, &b->h.ports.allocator, ROVE_BATCH_MAX);
    assert_int_equal(store->head_get(tx, &head), ROVE_OK);
    change.cursor = (rove__cursor){head.timeline, d->cursor};
    assert_int_equal(rove__batch_writer_new(&b->h.ports.allocator, ROVE_BATCH_MAX, &writer),
                     ROVE_OK);
    assert_int_equal(rove__batch_add(writer, &change), ROVE_OK);
    assert_int_equal(rove__batch_finish(writer, &packed), ROVE_OK);
    rove__hq_parked parked = {.origin = change.clock.origin,
                              .replica = b->device->replica,
                              .user = b->device->user,
                              .stamp = 1,
                              .change = {packed.data, packed.size}};
    rove__hq_review review = {.seq = head.seq,
                              .entity = row->row.entity_number,
                              .id = d->id,
                              .replica = b->device->replica,
                              .user = b->device->user,
                              .reason = "",
                              .state = d->where == REVIEW     ? 0
                                       : d->where == ACCEPTED ? 1
                                                              : 2,
                              .change = parked.change};
    rove_status status =
        d->where == PARKED ? store->parked_put(tx, &parked) : store->review_put(tx, &review);
    rove__batch_writer_free(writer);
    rove__buf_free(&packed);
    return status;
}

static void put_about(rove__row *row, const deed *d, rove_id about) {
    put(row, d->call ? "about_id" : "account_id", rove__value_int(about));
    if (d->call) {
        put(row, "contact_id", rove__value_int(about));
    }
}

static void fill(rove__row *row, const deed *d, int64_t now_ms, rove__arena *arena) {
    put_about(row, d, d->signed_account != 0 ? d->signed_account : 4711);
    if (d->signed_visit != 0) {
        put(row, "correction_of", rove__value_int(d->signed_visit));
    }
    put(row, "notes", rove__value_text("As it was"));
    put(row, d->call ? "start_time" : "actual_start", rove__value_int(now_ms - d->start_ms));
    put(row, "sealed_at", rove__value_int(now_ms));
    if (!d->call) {
        put(row, "contact_ids", contacts(arena, 1));
    }
    if (d->mocked) {
        put(row, "checkin_mock", rove__value_int(1));
    }
}

static rove_status seal_job(void *ctx, rove__hq_tx *tx, rove_error *error) {
    bench *b = ctx;
    const deed *d = b->deed;
    const rove__entity *entity =
        rove__registry_by_name(hq_registry(b->h.hq), d->call ? "Call" : "Visit");
    int64_t now_ms = d->sealed_ms != 0 ? d->sealed_ms : hq_now_ms(b->h.hq);
    rove_replica bearer = d->bearer != 0 ? d->bearer : b->device->replica;
    rove__origin origin = {rove__stamp_make(now_ms, (uint16_t)d->id), FIRST};
    rove__hq_row row = {.whole_since = 1};
    rove__arena arena;
    (void)error;
    rove__arena_init(&arena, &b->h.ports.allocator, 1 << 20);
    assert_int_equal(rove__row_init(&row.row, entity, d->id, &arena), ROVE_OK);
    fill(&row.row, d, now_ms, &arena);
    if (!d->no_proof) {
        if (!d->again) {
            sign(b, &row.row, origin, now_ms);
        }
        put(&row.row, "proof", rove__value_bytes(ROVE_BLOB, b->bytes, b->size));
    }
    if (d->added_contact) {
        put(&row.row, "contact_ids", contacts(&arena, 2));
    }
    if (d->account != 0) {
        put_about(&row.row, d, d->account);
    }
    if (d->visit != 0) {
        put(&row.row, "correction_of", rove__value_int(d->visit));
    }
    if (d->edited) {
        put(&row.row, "notes", rove__value_text("As it should have been"));
    }
    rove__clock_init(&row.clock, origin,
                     (rove__version){rove__stamp_make(d->stamp_ms != 0 ? d->stamp_ms : now_ms, 0),
                                     d->op == ROVE_OP_WHOLE ? b->device->replica : bearer},
                     1);
    row.scope = rove__row_scope(&row.row, NULL);
    rove_status status = d->where == RECORD ? hq_database(b->h.hq)->store.row_put(tx, &row)
                                            : put_waiting(b, tx, &row);
    rove__arena_free(&arena);
    return status;
}

static void seal(bench *b, signer *device, deed d) {
    b->device = device;
    b->deed = &d;
    assert_int_equal(hq_commit(b->h.hq, seal_job, b, &b->h.error), ROVE_OK);
}

static rove_id visit(int number) {
    return rove__id_make(FIRST, (uint32_t)number);
}

static int set_up(void **state) {
    bench *b = calloc(1, sizeof *b);
    *state = b;
    headquarters_prepare(&b->h);
    assert_int_equal(headquarters_init(&b->h, "hq-audit"), ROVE_OK);
    headquarters_open(&b->h);
    enrol(b, &b->one, FIRST, headquarters_user_put(&b->h, 0, "jo", 1));
    enrol(b, &b->two, SECOND, headquarters_user_put(&b->h, 0, "kim", 1));
    for (int i = 1; i <= SEALS; i++) {
        seal(b, &b->one, (deed){.id = visit(i)});
        seal(b, &b->two, (deed){.id = visit(10 + i)});
    }
    return 0;
}

static int tear_down(void **state) {
    bench *b = *state;
    headquarters_end(&b->h);
    free(b);
    return 0;
}

/* What is said is these lines, of one kind each, and nothing else. */
static void expect(bench *b, int code, const char *summary, const char *first, const char *second) {
    size_t lines = 0;
    assert_int_equal(headquarters_run(&b->h, &b->said, "audit", NULL), code);
    for (const char *at = b->said.out; (at = strchr(at, '\n')) != NULL; at++) {
        lines++;
    }
    if (strstr(b->said.out, summary) == NULL ||
        lines != 1u + (size_t)(first != NULL) + (size_t)(second != NULL) ||
        (first != NULL && strstr(b->said.out, first) == NULL) ||
        (second != NULL && strstr(b->said.out, second) == NULL)) {
        fail_msg("%s", b->said.out);
    }
}

/* ---- tests ---------------------------------------------------------------------------------------------- */

static void test_what_is_as_it_was_signed_is_counted(void **state) {
    bench *b = *state;
    expect(b, HQ_EXIT_DONE,
           "6 sealed records, 6 seals of 2 devices, 0 without a signature: 0 findings.", NULL,
           NULL);
    assert_int_equal(headquarters_run(&b->h, &b->said, "audit", "--user", "jo", NULL),
                     HQ_EXIT_DONE);
    assert_non_null(strstr(b->said.out, "3 sealed records, 3 seals of 1 devices"));
    assert_int_equal(headquarters_run(&b->h, &b->said, "audit", "--device", "8", NULL),
                     HQ_EXIT_DONE);
    assert_non_null(strstr(b->said.out, "3 sealed records, 3 seals of 1 devices"));
    assert_int_equal(headquarters_run(&b->h, &b->said, "audit", "--device", "x", NULL),
                     HQ_EXIT_USAGE);
    assert_int_equal(headquarters_run(&b->h, &b->said, "audit", "--minutes", "0", NULL),
                     HQ_EXIT_USAGE);
    assert_int_equal(headquarters_run(&b->h, &b->said, "audit", "--user", "nobody", NULL),
                     HQ_EXIT_NOT_FOUND);
}

static void test_a_key_has_to_be_of_the_user_whose_device_it_is(void **state) {
    bench *b = *state;
    signer stranger = {.size = 0};
    const rove_crypto *crypto = &b->h.ports.crypto;
    seal(b, &b->one, (deed){.id = visit(4), .by = &b->two});
    expect(b, HQ_EXIT_FAILED, "6 seals", "it is signed with the key of another user's device",
           NULL);
    assert_int_equal(
        crypto->key_generate(crypto->ctx, stranger.key, sizeof stranger.key, &stranger.size),
        ROVE_OK);
    seal(b, &b->two, (deed){.id = visit(14), .by = &stranger});
    expect(b, HQ_EXIT_FAILED, "6 seals", "another user's device",
           "headquarters never had the key that it is signed with");
}

static void test_who_brings_a_proof_is_whom_it_names(void **state) {
    bench *b = *state;
    signer unknown = {.replica = 99};
    seal(b, &b->one, (deed){.id = visit(4), .bearer = SECOND});
    expect(b, HQ_EXIT_FAILED, "6 seals", "it names another device than the one that brought it",
           NULL);
    memcpy(unknown.key, b->one.key, sizeof unknown.key);
    unknown.size = b->one.size;
    seal(b, &unknown, (deed){.id = visit(5)});
    expect(b, HQ_EXIT_FAILED, "6 seals", "than the one that brought it",
           "it names a device that headquarters never had");
}

static void test_times_are_compared_with_when_it_was_sealed(void **state) {
    bench *b = *state;
    int64_t now_ms = hq_now_ms(b->h.hq);
    seal(b, &b->one, (deed){.id = visit(4), .start_ms = 15 * 60000});
    expect(b, HQ_EXIT_DONE, "7 seals", NULL, NULL);
    seal(b, &b->one, (deed){.id = visit(5), .start_ms = 15 * 60000 + 1});
    expect(b, HQ_EXIT_FAILED, "1 findings", "dated     device 7", NULL);
    seal(b, &b->one, (deed){.id = visit(6), .no_contact = 1});
    expect(b, HQ_EXIT_FAILED, "2 findings", "actual_start", "suspect   device 7");
    assert_int_equal(headquarters_run(&b->h, &b->said, "audit", "--minutes", "16", NULL),
                     HQ_EXIT_FAILED);
    assert_null(strstr(b->said.out, "dated"));
    /* The device says yesterday, headquarters knows better. */
    seal(b, &b->two, (deed){.id = visit(14), .sealed_ms = now_ms - 86400000, .stamp_ms = now_ms});
    assert_int_equal(headquarters_run(&b->h, &b->said, "audit", "--user", "kim", NULL),
                     HQ_EXIT_FAILED);
    assert_non_null(strstr(b->said.out, "headquarters knows that it was not before"));
}

static void test_what_is_no_accusation_does_not_fail(void **state) {
    bench *b = *state;
    seal(b, &b->one, (deed){.id = visit(4), .no_proof = 1});
    seal(b, &b->two, (deed){.id = visit(14), .added_contact = 1});
    expect(b, HQ_EXIT_DONE, "8 sealed records, 7 seals of 2 devices, 1 without a signature: 0",
           "unsigned  device 7", "merged    device 8");
}

/* Two chains may begin where one ended, and one where a former one of the device ended. */
static void test_chains(void **state) {
    bench *b = *state;
    signer fresh = b->one;
    enrol(b, &fresh, 9, b->one.user);
    fresh.count = 0;
    seal(b, &fresh, (deed){.id = visit(4)});
    expect(b, HQ_EXIT_DONE, "7 seals of 3 devices", NULL, NULL);

    signer copy = b->one;
    seal(b, &b->one, (deed){.id = visit(5)});
    seal(b, &copy, (deed){.id = visit(6)});
    seal(b, &copy, (deed){.id = visit(7)});
    expect(b, HQ_EXIT_FAILED, "10 seals of 3 devices", "forked    device 7", NULL);

    b->two.hash[0] ^= 1;
    seal(b, &b->two, (deed){.id = visit(15)});
    expect(b, HQ_EXIT_FAILED, "2 findings", "forked", "it does not name the seal before it, 3");
}

static void test_a_first_seal_names_one_that_is_here(void **state) {
    bench *b = *state;
    signer fresh = b->one;
    enrol(b, &fresh, 9, b->one.user);
    fresh.count = 0;
    fresh.hash[0] ^= 1;
    seal(b, &fresh, (deed){.id = visit(4)});
    expect(b, HQ_EXIT_FAILED, "1 findings", "under the number that the device had before", NULL);
}

/* ---- seals that did not come into the tables ------------------------------------------------------------ */

static rove_status elsewhere_job(void *ctx, rove__hq_tx *tx, rove_error *error) {
    bench *b = ctx;
    const rove__entity *conflict = rove__registry_by_name(hq_registry(b->h.hq), "Conflict");
    const rove__entity *entity = rove__registry_by_name(hq_registry(b->h.hq), "Visit");
    int proof = rove__entity_field_named(entity, "proof");
    rove_value value = rove__value_bytes(ROVE_BLOB, b->bytes, b->size);
    rove__writer *writer = NULL;
    rove__arena arena;
    rove__row row;
    rove__buf packed;
    uint64_t seq = 0;
    rove__arena_init(&arena, &b->h.ports.allocator, 1 << 20);
    rove__buf_init(&packed, &b->h.ports.allocator, ROVE_PROOF_MAX + 16);
    rove__value_write(&packed, &value);
    assert_int_equal(rove__row_init(&row, conflict, 0, &arena), ROVE_OK);
    put(&row, "record_entity", rove__value_int(entity->number));
    put(&row, "record_id", rove__value_int(visit(1)));
    put(&row, "field_number", rove__value_int(entity->fields[proof].number));
    put(&row, "kind", rove__value_int(ROVE__CONFLICT__KIND__SECOND_SEAL));
    put(&row, "lost_value", rove__value_bytes(ROVE_BLOB, packed.data, packed.size));
    put(&row, "lost_replica", rove__value_int(FIRST));
    put(&row, "status", rove__value_int(1));
    rove_status status = hq_writer(b->h.hq, tx, "", "push", &writer, error);
    if (status == ROVE_OK) {
        assert_int_equal(rove__writer_insert(writer, &row, error), ROVE_OK);
        status = rove__writer_finish(writer, &seq, error);
    }
    rove__buf_free(&packed);
    rove__arena_free(&arena);
    return status;
}

static rove_status drop_job(void *ctx, rove__hq_tx *tx, rove_error *error) {
    bench *b = ctx;
    const rove__entity *entity = rove__registry_by_name(hq_registry(b->h.hq), "Visit");
    rove__arena arena;
    rove__hq_row row;
    (void)error;
    rove__arena_init(&arena, &b->h.ports.allocator, 1 << 20);
    rove_status status =
        hq_database(b->h.hq)->store.row_get(tx, entity->number, b->deed->id, 1, &arena, &row);
    row.dead = 1;
    if (status == ROVE_OK) {
        status = hq_database(b->h.hq)->store.row_put(tx, &row);
    }
    rove__arena_free(&arena);
    return status;
}

static void test_a_second_seal_keeps_its_place(void **state) {
    bench *b = *state;
    const deed gone = {.id = visit(4)};
    seal(b, &b->one, gone);
    uint8_t bytes[ROVE_PROOF_MAX];
    size_t size = b->size;
    memcpy(bytes, b->bytes, size);
    seal(b, &b->one, (deed){.id = visit(5)});
    b->deed = &gone;
    assert_int_equal(hq_commit(b->h.hq, drop_job, b, &b->h.error), ROVE_OK);
    expect(b, HQ_EXIT_FAILED, "7 seals", "seal 4 is not here; seal 5, of this record, names it",
           NULL);
    memcpy(b->bytes, bytes, size);
    b->size = size;
    assert_int_equal(hq_commit(b->h.hq, elsewhere_job, b, &b->h.error), ROVE_OK);
    expect(b, HQ_EXIT_DONE, "7 sealed records, 8 seals", NULL, NULL);
}

/* ---- work that is not in its record --------------------------------------------------------------------- */

/* Everywhere on its way a seal has its place in the chain, and is what was signed. */
static void test_what_is_on_its_way_is_neither_missing_nor_broken(void **state) {
    bench *b = *state;
    seal(b, &b->one, (deed){.id = visit(4), .where = REVIEW});
    seal(b, &b->one, (deed){.id = visit(5), .where = PARKED, .op = ROVE_OP_SEAL});
    seal(b, &b->one, (deed){.id = visit(6), .where = RETURNED});
    seal(b, &b->one, (deed){.id = visit(7), .where = ACCEPTED, .op = ROVE_OP_SEAL});
    seal(b, &b->one, (deed){.id = visit(8)});
    expect(b, HQ_EXIT_DONE, "7 sealed records, 11 seals of 2 devices", NULL, NULL);
}

static void test_work_in_review_is_what_was_signed(void **state) {
    bench *b = *state;
    seal(b, &b->one, (deed){.id = visit(4), .where = REVIEW, .edited = 1});
    expect(b, HQ_EXIT_FAILED, "7 seals", "(review)  the record is not what was signed", NULL);
    seal(b, &b->one, (deed){.id = visit(5), .where = RETURNED, .op = ROVE_OP_SEAL, .edited = 1});
    expect(b, HQ_EXIT_FAILED, "2 findings", "(review)  the record",
           "(returned)  the record is not what was signed");
}

static void test_parked_work_is_what_was_signed(void **state) {
    bench *b = *state;
    seal(b, &b->one, (deed){.id = visit(4), .where = PARKED, .op = ROVE_OP_SEAL, .edited = 1});
    expect(b, HQ_EXIT_FAILED, "7 seals", "(waiting)  the record is not what was signed", NULL);
    seal(b, &b->one, (deed){.id = visit(5), .where = PARKED, .mocked = 1});
    expect(b, HQ_EXIT_FAILED, "2 findings", "edited", "mocked    device 7");
}

static void test_work_in_review_may_be_dated_back_as_well(void **state) {
    bench *b = *state;
    int64_t now_ms = hq_now_ms(b->h.hq);
    seal(b, &b->one, (deed){.id = visit(4), .where = REVIEW, .start_ms = 16 * 60000});
    expect(b, HQ_EXIT_FAILED, "1 findings", "(review)  actual_start", NULL);
    /* The device says yesterday, and had heard of what headquarters did today. */
    seal(b, &b->one, (deed){.id = visit(5), .where = REVIEW, .sealed_ms = now_ms - 86400000});
    expect(b, HQ_EXIT_FAILED, "1 findings", "actual_start", NULL);
    seal(b, &b->one,
         (deed){.id = visit(6), .where = REVIEW, .sealed_ms = now_ms - 86400000, .cursor = 1});
    expect(b, HQ_EXIT_FAILED, "2 findings", "actual_start",
           "headquarters knows that it was not before");
}

/* A proof that is in a record and in work that became it is looked at in the record alone. */
static void test_what_was_accepted_is_told_once(void **state) {
    bench *b = *state;
    deed d = {.id = visit(4), .start_ms = 16 * 60000, .sealed_ms = hq_now_ms(b->h.hq)};
    d.where = REVIEW;
    seal(b, &b->one, d);
    expect(b, HQ_EXIT_FAILED, "1 findings", "(review)  actual_start", NULL);
    d.again = 1;
    d.where = PARKED;
    seal(b, &b->one, d);
    expect(b, HQ_EXIT_FAILED, "1 findings", "actual_start", NULL);
    d.where = RECORD;
    seal(b, &b->one, d);
    expect(b, HQ_EXIT_FAILED, "7 sealed records, 7 seals", "actual_start", NULL);
    assert_null(strstr(b->said.out, "("));
}

/* What another device gives back of a record that headquarters lost is its author's. */
static void test_who_brings_a_record_back_need_not_have_signed_it(void **state) {
    bench *b = *state;
    seal(b, &b->one,
         (deed){.id = visit(4), .where = REVIEW, .op = ROVE_OP_WHOLE, .bearer = SECOND});
    expect(b, HQ_EXIT_DONE, "7 seals of 2 devices", NULL, NULL);
    seal(b, &b->one, (deed){.id = visit(5), .where = REVIEW, .bearer = SECOND});
    expect(b, HQ_EXIT_FAILED, "7 seals", "than the one that brought it", NULL);
}

/* ---- numbers that are given up, and lost ---------------------------------------------------------------- */

/* Begun under a number that its user had, and sealed under the one that he has: all goes under the former one. */
static void test_what_was_begun_under_a_former_number_is_sealed_under_the_next(void **state) {
    bench *b = *state;
    signer later = {.count = 0};
    enrol(b, &later, 9, b->one.user);
    seal(b, &later, (deed){.id = visit(4), .bearer = FIRST});
    seal(b, &later, (deed){.id = visit(5), .bearer = FIRST, .where = REVIEW});
    seal(b, &b->one, (deed){.id = visit(6), .bearer = 9});
    expect(b, HQ_EXIT_DONE, "9 seals of 3 devices", NULL, NULL);
    /* It is no other user's, and nobody's of whom nothing is known. */
    seal(b, &b->two, (deed){.id = visit(7), .bearer = FIRST});
    seal(b, &later, (deed){.id = visit(8), .bearer = 77});
    expect(b, HQ_EXIT_FAILED, "9 seals", "forged    device 7 ", "forged    device 77");
}

static rove_status restore_job(void *ctx, rove__hq_tx *tx, rove_error *error) {
    bench *b = ctx;
    (void)error;
    return hq_record(b->h.hq, tx, NULL, "restore", "backup.db", 0);
}

/* A restored headquarters cannot tell a forger from a device that it has lost, and says so. It still sees what is not as signed. */
static void test_of_what_a_restore_lost_nobody_is_accused(void **state) {
    bench *b = *state;
    signer lost = {.replica = 99};
    signer renewed = {.count = 0};
    memcpy(lost.key, b->one.key, sizeof lost.key);
    lost.size = b->one.size;
    const rove_crypto *crypto = &b->h.ports.crypto;
    assert_int_equal(
        crypto->key_generate(crypto->ctx, renewed.key, sizeof renewed.key, &renewed.size), ROVE_OK);
    seal(b, &lost, (deed){.id = visit(4)});
    seal(b, &b->two, (deed){.id = visit(14), .by = &renewed});
    expect(b, HQ_EXIT_FAILED, "6 seals", "forged    device 99", "forged    device 8");
    assert_int_equal(hq_commit(b->h.hq, restore_job, b, &b->h.error), ROVE_OK);
    expect(b, HQ_EXIT_DONE, "8 seals of 3 devices, 0 without a signature: 0 findings",
           "unknown   device 99", "does not know the key that it is signed with");
    seal(b, &b->two, (deed){.id = visit(15)}); /* and the chain goes on from what it cannot tell */
    expect(b, HQ_EXIT_DONE, "9 seals", "unknown   device 99", "unknown   device 8");
    seal(b, &lost, (deed){.id = visit(5), .edited = 1});
    assert_int_equal(headquarters_run(&b->h, &b->said, "audit", "--device", "99", NULL),
                     HQ_EXIT_FAILED);
    assert_non_null(strstr(b->said.out, "edited    device 99"));
    /* What can be told is. */
    seal(b, &b->one, (deed){.id = visit(6), .by = &b->two});
    assert_int_equal(headquarters_run(&b->h, &b->said, "audit", "--device", "7", NULL),
                     HQ_EXIT_FAILED);
    assert_non_null(strstr(b->said.out, "forged    device 7"));
}

/* ---- records that got another id ------------------------------------------------------------------------ */

#define DRAWN rove__id_make(5, 77) /* by headquarters: its number then was 5 */
#define TAKEN rove__id_make(FIRST, 123)
#define AGAIN rove__id_make(5, 78)
#define TWICE rove__id_make(5, 79)

static rove_status renamed_job(void *ctx, rove__hq_tx *tx, rove_error *error) {
    const bench *b = ctx;
    (void)error;
    return hq_database(b->h.hq)->store.renamed_put(tx, b->renamed);
}

/* A record that came under an id. Where it is does not matter: in the tables, refused, returned, or nowhere. */
static void rename_one(bench *b, const char *entity, uint64_t origin, rove_id id, rove_id to) {
    const rove__rename renamed = {.entity =
                                      rove__registry_by_name(hq_registry(b->h.hq), entity)->number,
                                  .id = id,
                                  .origin = {origin, FIRST},
                                  .to = to};
    b->renamed = &renamed;
    assert_int_equal(hq_commit(b->h.hq, renamed_job, b, &b->h.error), ROVE_OK);
}

static void rename_account(bench *b, uint64_t origin, rove_id id, rove_id to) {
    rename_one(b, "Account", origin, id, to);
}

static void expect_edited(bench *b, const char *device, const char *findings) {
    assert_int_equal(headquarters_run(&b->h, &b->said, "audit", "--device", device, NULL),
                     HQ_EXIT_FAILED);
    if (strstr(b->said.out, "edited    device") == NULL || strstr(b->said.out, findings) == NULL) {
        fail_msg("%s", b->said.out);
    }
}

/* A copy had taken the account's id, and the visit goes with the account: its rep changed nothing. */
static void test_what_a_seal_names_may_have_got_another_id(void **state) {
    bench *b = *state;
    seal(b, &b->one, (deed){.id = visit(4), .signed_account = TAKEN, .account = DRAWN});
    expect(b, HQ_EXIT_FAILED, "7 seals", "edited    device 7", NULL);
    rename_account(b, 1001, TAKEN, DRAWN);
    expect(b, HQ_EXIT_DONE, "7 seals", "renamed   device 7", NULL);
    assert_non_null(strstr(b->said.out, "was 30064771195 when it was signed"));
    /* It is not moved to the copy's account, nor from another one, nor is anything else in it changed. */
    seal(b, &b->one, (deed){.id = visit(5), .signed_account = DRAWN, .account = TAKEN});
    expect_edited(b, "7", "1 findings");
    seal(b, &b->two, (deed){.id = visit(15), .signed_account = 4711, .account = DRAWN});
    expect_edited(b, "8", "1 findings");
    seal(b, &b->one, (deed){.id = visit(6), .signed_account = TAKEN + 1, .account = DRAWN});
    expect_edited(b, "7", "2 findings");
    seal(b, &b->one,
         (deed){.id = visit(7), .signed_account = TAKEN, .account = DRAWN, .edited = 1});
    expect_edited(b, "7", "3 findings");
}

/* As when all of a revoked device's work goes to review: neither of them is in the tables. */
static void test_what_a_seal_names_may_have_got_another_id_in_review(void **state) {
    bench *b = *state;
    seal(b, &b->one,
         (deed){.id = visit(4), .signed_account = TAKEN, .account = DRAWN, .where = RETURNED});
    expect(b, HQ_EXIT_FAILED, "7 seals", "edited    device 7", NULL);
    rename_account(b, 1001, TAKEN, DRAWN);
    expect(b, HQ_EXIT_DONE, "7 seals", "renamed   device 7", NULL);
}

/* In review under one name, and accepted under the next; and sent under two ids by two copies. */
static void test_a_record_may_have_had_several_ids(void **state) {
    bench *b = *state;
    rename_account(b, 1001, TAKEN, DRAWN);
    rename_account(b, 1001, DRAWN, AGAIN);
    rename_account(b, 1002, TAKEN, TWICE);
    rename_account(b, 1002, TAKEN + 1, TWICE);
    seal(b, &b->one, (deed){.id = visit(4), .signed_account = TAKEN, .account = AGAIN});
    expect(b, HQ_EXIT_DONE, "7 seals", "was 30064771195 when it was signed", NULL);
    seal(b, &b->one, (deed){.id = visit(5), .signed_account = DRAWN, .account = AGAIN});
    expect(b, HQ_EXIT_DONE, "8 seals", "was 30064771195 when it was signed",
           "was 21474836557 when it was signed");
    seal(b, &b->one, (deed){.id = visit(6), .signed_account = TAKEN + 1, .account = TWICE});
    seal(b, &b->one, (deed){.id = visit(7), .signed_account = TAKEN, .account = TWICE});
    assert_int_equal(headquarters_run(&b->h, &b->said, "audit", NULL), HQ_EXIT_DONE);
    assert_null(strstr(b->said.out, "edited"));
}

/* Both of them got other ids. */
static void test_a_seal_may_name_several_renamed_records(void **state) {
    bench *b = *state;
    seal(b, &b->one,
         (deed){.id = visit(4),
                .signed_account = TAKEN,
                .account = DRAWN,
                .signed_visit = visit(77),
                .visit = AGAIN});
    rename_account(b, 1001, TAKEN, DRAWN);
    expect(b, HQ_EXIT_FAILED, "7 seals", "edited    device 7", NULL);
    rename_one(b, "Visit", 1003, visit(77), AGAIN);
    expect(b, HQ_EXIT_DONE, "7 seals", "record 21474836557, which it is about",
           "record 21474836558, which it is about");
}

/* A call about a person, with that person, who is told once. */
static void test_a_seal_may_name_a_renamed_record_twice(void **state) {
    bench *b = *state;
    seal(b, &b->one, (deed){.id = visit(4), .signed_account = TAKEN, .account = DRAWN, .call = 1});
    expect(b, HQ_EXIT_FAILED, "7 seals", "edited    device 7", NULL);
    rename_one(b, "Contact", 1001, TAKEN, DRAWN);
    expect(b, HQ_EXIT_DONE, "7 seals", "renamed   device 7", NULL);
}

/* The device has been told the new id, and headquarters, which was restored, what it gave it to. */
static void test_what_a_restore_forgot_of_a_name_is_no_accusation(void **state) {
    bench *b = *state;
    seal(b, &b->one, (deed){.id = visit(4), .signed_account = TAKEN, .account = DRAWN});
    expect(b, HQ_EXIT_FAILED, "7 seals", "edited    device 7", NULL);
    rename_account(b, 1001, 0, DRAWN);
    expect(b, HQ_EXIT_DONE, "7 seals", "does not know which id record 21474836557", NULL);
    seal(b, &b->one, (deed){.id = visit(5), .signed_account = TAKEN, .account = AGAIN});
    expect_edited(b, "7", "1 findings");
}

static void test_json(void **state) {
    bench *b = *state;
    hq_io io = said_io(&b->said);
    char *argv[] = {(char *)(uintptr_t) "audit", NULL};
    seal(b, &b->one, (deed){.id = visit(4), .no_contact = 1});
    io.json = 1;
    assert_int_equal(hq_command_named("audit")->run(b->h.hq, &io, 1, argv), HQ_EXIT_FAILED);
    assert_string_equal(said_member(&b->said, "wrong"), "1");
    assert_string_equal(said_member(&b->said, "what"), "suspect");
    assert_string_equal(said_member(&b->said, "seal"), "4");
    assert_string_equal(said_member(&b->said, "where"), "record");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_what_is_as_it_was_signed_is_counted),
        TEST(test_a_key_has_to_be_of_the_user_whose_device_it_is),
        TEST(test_who_brings_a_proof_is_whom_it_names),
        TEST(test_times_are_compared_with_when_it_was_sealed),
        TEST(test_what_is_no_accusation_does_not_fail),
        TEST(test_chains),
        TEST(test_a_first_seal_names_one_that_is_here),
        TEST(test_a_second_seal_keeps_its_place),
        TEST(test_what_is_on_its_way_is_neither_missing_nor_broken),
        TEST(test_work_in_review_is_what_was_signed),
        TEST(test_parked_work_is_what_was_signed),
        TEST(test_work_in_review_may_be_dated_back_as_well),
        TEST(test_what_was_accepted_is_told_once),
        TEST(test_who_brings_a_record_back_need_not_have_signed_it),
        TEST(test_what_was_begun_under_a_former_number_is_sealed_under_the_next),
        TEST(test_of_what_a_restore_lost_nobody_is_accused),
        TEST(test_what_a_seal_names_may_have_got_another_id),
        TEST(test_what_a_seal_names_may_have_got_another_id_in_review),
        TEST(test_a_record_may_have_had_several_ids),
        TEST(test_a_seal_may_name_several_renamed_records),
        TEST(test_a_seal_may_name_a_renamed_record_twice),
        TEST(test_what_a_restore_forgot_of_a_name_is_no_accusation),
        TEST(test_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
