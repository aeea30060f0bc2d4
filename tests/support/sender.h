/*
 * support/sender.h - a device made by hand, with a key and a certificate of headquarters' authority, that seals what it has; and
 * the bytes of requests to the drop box.
 */
#ifndef ROVE_TESTS_SENDER_H
#define ROVE_TESTS_SENDER_H

#include "headquarters.h"

#include "base/alloc.h"
#include "keys.h"
#include "store/database.h"
#include "sync/exchange.h"
#include "wire/batch.h"
#include "wire/sealed.h"

#define SENDER_FRAMES_MAX 16

typedef struct sender {
    headquarters *h;
    rove_replica replica;
    rove_id user;
    uint8_t key[ROVE_KEY_DER_MAX];
    size_t key_size;
    rove_pki_request request; /* its public key */
    rove_pki_bytes certificate;
    uint64_t number; /* of its last batch */
    rove__chain chain;
    uint32_t counter; /* of its last record */
} sender;

/* Records of one batch, sealed; each is { size:u32 record }. */
typedef struct sealed_batch {
    uint64_t number;
    size_t count;
    rove__buf records[SENDER_FRAMES_MAX];
} sealed_batch;

/* ---- devices -------------------------------------------------------------------------------------------- */

static inline void sender_certify(sender *d, const rove_pki_authority *authority, int64_t now_ms) {
    const rove_pki_subject subject = {.replica = d->replica, .user = d->user};
    assert_int_equal(
        rove_pki_device_issue(authority, &d->request, &subject, now_ms, &d->certificate, NULL),
        ROVE_OK);
}

typedef struct sender_row {
    const sender *d;
    rove__device_status status;
} sender_row;

static inline rove_status sender_put(void *ctx, rove__hq_tx *tx, rove_error *error) {
    const sender_row *self = ctx;
    const rove__hq_store *store = &hq_database(self->d->h->hq)->store;
    rove__hq_device row = {.replica = self->d->replica, .user = self->d->user};
    (void)error;
    rove_status status = store->device_get(tx, row.replica, 1, &row);
    row.status = self->status;
    return status == ROVE_OK || status == ROVE_NOT_FOUND ? store->device_put(tx, &row) : status;
}

/* Headquarters' row of it. */
static inline void sender_is(const sender *d, rove__device_status status) {
    sender_row row = {d, status};
    assert_int_equal(hq_commit(d->h->hq, sender_put, &row, NULL), ROVE_OK);
}

static inline void sender_start(headquarters *h, sender *d, rove_replica replica, rove_id user) {
    const rove_crypto *crypto = &h->ports.crypto;
    *d = (sender){.h = h, .replica = replica, .user = user};
    assert_int_equal(crypto->key_generate(crypto->ctx, d->key, sizeof d->key, &d->key_size),
                     ROVE_OK);
    assert_int_equal(crypto->key_public(crypto->ctx, d->key, d->key_size, d->request.public_der,
                                        sizeof d->request.public_der, &d->request.public_size),
                     ROVE_OK);
    sender_certify(d, hq_get_keys(h->hq)->authority, hq_now_ms(h->hq));
    sender_is(d, ROVE_DEVICE_ACTIVE);
}

/* ---- batches -------------------------------------------------------------------------------------------- */

/* One new account. `size`: so many bytes of it are noise; 0: none. */
static inline void sender_rows(sender *d, const char *name, size_t size, rove__buf *out) {
    const rove_allocator *allocator = &d->h->ports.allocator;
    const rove__entity *account = rove__registry_by_name(hq_registry(d->h->hq), "Account");
    static char noise[3][60001];
    rove__extra extra[3];
    rove__change change = {.op = ROVE_OP_INSERT, .replica = d->replica};
    rove__batch_writer *writer = NULL;
    rove__arena arena;
    rove__arena_init(&arena, allocator, (size_t)1 << 20);
    d->counter++;
    assert_int_equal(
        rove__row_init(&change.row, account, rove__id_make(d->replica, d->counter), &arena),
        ROVE_OK);
    rove__row_set(&change.row, (size_t)rove__entity_field_named(account, "name"),
                  rove__value_text(name));
    for (size_t i = 0; i < 3 && size > 0; i++) {
        size_t part = size < 60000 ? size : 60000;
        assert_int_equal(d->h->ports.random.fill(d->h->ports.random.ctx, noise[i], part), ROVE_OK);
        extra[i] = (rove__extra){5000 + (uint32_t)i, rove__value_bytes(ROVE_BLOB, noise[i], part)};
        change.row.extra = extra;
        change.row.extra_count = i + 1;
        size -= part;
    }
    change.clock.origin =
        (rove__origin){rove__stamp_make(hq_now_ms(d->h->hq), 0) + d->counter, d->replica};
    change.clock.base = change.clock.origin;
    rove__buf_init(out, allocator, ROVE_BATCH_MAX);
    assert_int_equal(rove__batch_writer_new(allocator, ROVE_BATCH_MAX, &writer), ROVE_OK);
    assert_int_equal(rove__batch_add(writer, &change), ROVE_OK);
    assert_int_equal(rove__batch_finish(writer, out), ROVE_OK);
    rove__batch_writer_free(writer);
    rove__arena_free(&arena);
}

/* Seals these frames to a key, as the sender's batch `number`; `signer` signs and shows its certificate. */
static inline void sender_seal(const sender *d, const sender *signer, const uint8_t *seal_key,
                               uint64_t number, const rove__buf *frames, size_t count,
                               const rove__chain *hash, sealed_batch *out) {
    const rove_crypto *crypto = &d->h->ports.crypto;
    uint8_t signature[ROVE_SIGNATURE_MAX];
    rove__sealing sealing;
    rove__sealed record = {
        .batch = {.replica = d->replica,
                  .number = number,
                  .frames = (uint32_t)count,
                  .schema = 1,
                  .previous = d->chain,
                  .hash = *hash,
                  .certificate = {signer->certificate.data, signer->certificate.size}}};
    assert_int_equal(rove__sealed_sign(crypto, (rove__bytes){signer->key, signer->key_size},
                                       &record.batch, signature),
                     ROVE_OK);
    assert_int_equal(rove__sealing_begin(&sealing, crypto, seal_key), ROVE_OK);
    *out = (sealed_batch){.number = number, .count = count};
    for (size_t i = 0; i < count; i++) {
        rove__buf bytes;
        record.ordinal = (uint32_t)i;
        record.rows = (rove__bytes){frames[i].data, frames[i].size};
        rove__buf_init(&bytes, &d->h->ports.allocator, ROVE_SEALED_MAX);
        assert_int_equal(rove__sealing_frame(&sealing, &record, &bytes), ROVE_OK);
        rove__buf_init(&out->records[i], &d->h->ports.allocator, ROVE_SEALED_MAX + 4);
        rove__buf_u32(&out->records[i], (uint32_t)bytes.size);
        rove__buf_append(&out->records[i], bytes.data, bytes.size);
        assert_int_equal(rove__buf_status(&out->records[i]), ROVE_OK);
        rove__buf_free(&bytes);
    }
    rove__sealing_end(&sealing);
}

/* Its next batch: a new account in each frame, called "NAME 0", "NAME 1" ... */
static inline void sender_batch_sized(sender *d, const sender *signer, const uint8_t *seal_key,
                                      const char *name, size_t count, size_t size,
                                      sealed_batch *out) {
    const rove_crypto *crypto = &d->h->ports.crypto;
    rove__buf frames[SENDER_FRAMES_MAX];
    rove__chain hash = {{0}};
    char text[64];
    assert_true(count <= SENDER_FRAMES_MAX);
    for (size_t i = 0; i < count; i++) {
        (void)snprintf(text, sizeof text, "%s %zu", name, i);
        sender_rows(d, text, size, &frames[i]);
        rove__bytes rows = {frames[i].data, frames[i].size};
        assert_int_equal(rove__exchange_hash(crypto, rows, &hash), ROVE_OK);
    }
    sender_seal(d, signer, seal_key, d->number + 1, frames, count, &hash, out);
    d->number++;
    assert_int_equal(rove__exchange_chain(crypto, &d->chain, &hash, &d->chain), ROVE_OK);
    for (size_t i = 0; i < count; i++) {
        rove__buf_free(&frames[i]);
    }
}

static inline void sender_batch(sender *d, const char *name, size_t count, sealed_batch *out) {
    sender_batch_sized(d, d, hq_get_keys(d->h->hq)->seal_key, name, count, 0, out);
}

static inline void sealed_free(sealed_batch *batch) {
    for (size_t i = 0; i < batch->count; i++) {
        rove__buf_free(&batch->records[i]);
    }
}

/* ---- what headquarters has ------------------------------------------------------------------------------ */

typedef struct sender_search {
    headquarters *h;
    const char *name;
    size_t found;
    int64_t reviews;
} sender_search;

static inline rove_status sender_each_row(void *ctx, const rove__hq_row *row) {
    (void)row;
    ((sender_search *)ctx)->found++;
    return ROVE_OK;
}

static inline rove_status sender_each_review(void *ctx, const rove__hq_review *review) {
    (void)review;
    ((sender_search *)ctx)->reviews++;
    return ROVE_OK;
}

static inline rove_status sender_search_job(void *ctx, rove__hq_tx *tx, rove_error *error) {
    sender_search *self = ctx;
    const rove__entity *account = rove__registry_by_name(hq_registry(self->h->hq), "Account");
    rove_value name = rove__value_text(self->name);
    rove__hq_database *database = hq_database(self->h->hq);
    rove__arena arena;
    (void)error;
    rove__arena_init(&arena, &self->h->ports.allocator, (size_t)1 << 24);
    rove_status status =
        database->directory.row_find(tx, account->number, rove__entity_field_named(account, "name"),
                                     &name, &arena, sender_each_row, self);
    if (status == ROVE_OK) {
        status = database->store.review_scan(tx, 0, &arena, sender_each_review, self);
    }
    rove__arena_free(&arena);
    return status;
}

/* Live accounts of that name. */
static inline size_t accounts_named(headquarters *h, const char *name) {
    sender_search search = {.h = h, .name = name};
    assert_int_equal(hq_read(h->hq, sender_search_job, &search, NULL), ROVE_OK);
    return search.found;
}

static inline int64_t open_reviews(headquarters *h) {
    sender_search search = {.h = h, .name = ""};
    assert_int_equal(hq_read(h->hq, sender_search_job, &search, NULL), ROVE_OK);
    return search.reviews;
}

#endif
