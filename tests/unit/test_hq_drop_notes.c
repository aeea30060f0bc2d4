/*
 * test_hq_drop_notes.c - sealed records that stand alone, over POST /v1/drop: what was written on a locked device lies before an
 * operator, once, with who and when; and the receipt of a wipe is shown.
 */
#include "mailer.h"

#include <signal.h>

#include "client/checked.h"
#include "client/drop.h"
#include "drop/alone.h"
#include "model/set.h"
#include "orders.h"
#include "rove/drop.h"

#define HOUR_MS INT64_C(3600000)

/* ---- words ---------------------------------------------------------------------------------------------- */

typedef struct noted {
    rove__sealed_note note; /* its row borrows from `row` */
    rove__buf row;
} noted;

static rove__sealer sealer_of(const sender *d) {
    return (rove__sealer){.key = {d->key, d->key_size},
                          .certificate = {d->certificate.data, d->certificate.size},
                          .recipient = hq_get_keys(d->h->hq)->seal_key};
}

/* A visit that was over an hour ago, with two contacts, written as the device's clock stood. */
static void note_visit(const sender *d, rove_id account, uint8_t reference, noted *out) {
    const rove__entity *visit = rove__registry_by_name(hq_registry(d->h->hq), "Visit");
    rove__element elements[] = {{.value = {0}}, {.value = {0}}};
    rove__set contacts = {ROVE_SET_PLAIN, elements, 2};
    rove_value set;
    rove_clock_reading now;
    rove__arena arena;
    rove__row row;
    elements[0].value = rove__value_int(77);
    elements[1].value = rove__value_int(78);
    d->h->ports.clock.read(d->h->ports.clock.ctx, &now);
    now.wall_ms -= HOUR_MS;
    now.boot_ms -= HOUR_MS;
    rove__arena_init(&arena, &d->h->ports.allocator, 1 << 20);
    assert_int_equal(rove__row_init(&row, visit, 0, &arena), ROVE_OK);
    assert_int_equal(rove__set_value(&contacts, &arena, &set), ROVE_OK);
    rove__row_set(&row, (size_t)rove__entity_field_named(visit, "account_id"),
                  rove__value_int(account));
    rove__row_set(&row, (size_t)rove__entity_field_named(visit, "planned_start"),
                  rove__value_int(now.wall_ms));
    rove__row_set(&row, (size_t)rove__entity_field_named(visit, "contact_ids"), set);
    rove__row_set(&row, (size_t)rove__entity_field_named(visit, "notes"),
                  rove__value_text("They want ten."));
    rove__buf_init(&out->row, &d->h->ports.allocator, ROVE_ROW_MAX);
    assert_int_equal(rove__row_to_packed(&row, &out->row), ROVE_OK);
    out->note = (rove__sealed_note){.replica = d->replica,
                                    .ordinal = 4,
                                    .schema = 1,
                                    .anchor = {.server_ms = now.wall_ms - HOUR_MS, .at = now},
                                    .at = now,
                                    .entity = visit->number,
                                    .row = {out->row.data, out->row.size}};
    out->note.anchor.at.wall_ms -= HOUR_MS;
    out->note.anchor.at.boot_ms -= HOUR_MS;
    out->note.reference[0] = reference;
    rove__arena_free(&arena);
}

static void put_note(world *w, const sender *signer, const noted *n) {
    rove__sealer sealer = sealer_of(signer);
    rove__buf record;
    rove__buf_init(&record, &w->h->ports.allocator, ROVE_SEALED_MAX);
    assert_int_equal(rove__sealed_note_write(&w->h->ports.crypto, &sealer, &n->note, &record),
                     ROVE_OK);
    rove__buf_u32(&w->body, (uint32_t)record.size);
    put(w, &record);
    rove__buf_free(&record);
}

/* The device made it, and headquarters has it. */
static rove_id known_account(world *w) {
    sealed_batch batch;
    sender_batch(&w->phone, "Hotel Post", 1, &batch);
    put_all(w, &batch);
    assert_answered(w, "1");
    sealed_free(&batch);
    return rove__id_make(w->phone.replica, w->phone.counter);
}

typedef struct visits {
    world *w;
    rove_id account;
    rove__row row; /* the last one's id alone */
    size_t count;
    size_t contacts;
    char notes[64];
} visits;

static rove_status each_visit(void *ctx, const rove__hq_row *row) {
    visits *self = ctx;
    const rove__entity *visit = row->row.entity;
    const rove_value *notes = &row->row.cells[rove__entity_field_named(visit, "notes")];
    rove__set_cursor set;
    rove__element element;
    rove__set_open(&set, &row->row.cells[rove__entity_field_named(visit, "contact_ids")],
                   ROVE_SET_VERSIONED);
    self->count++;
    self->contacts = 0;
    while (rove__set_next(&set, &element)) {
        self->contacts++;
    }
    self->row.id = row->row.id;
    (void)snprintf(self->notes, sizeof self->notes, "%.*s", (int)notes->size,
                   (const char *)notes->as.data);
    return ROVE_OK;
}

static rove_status find_visits(void *ctx, rove__hq_tx *tx, rove_error *error) {
    visits *self = ctx;
    hq *office = self->w->h->hq;
    const rove__entity *visit = rove__registry_by_name(hq_registry(office), "Visit");
    rove_value account = rove__value_int(self->account);
    rove__arena arena;
    (void)error;
    rove__arena_init(&arena, &self->w->h->ports.allocator, 1 << 20);
    rove_status status = hq_database(office)->directory.row_find(
        tx, visit->number, rove__entity_field_named(visit, "account_id"), &account, &arena,
        each_visit, self);
    rove__arena_free(&arena);
    return status;
}

static visits visits_of(world *w, rove_id account) {
    visits found = {.w = w, .account = account};
    assert_int_equal(hq_read(w->h->hq, find_visits, &found, NULL), ROVE_OK);
    return found;
}

static void says(const said *s, const char *text) {
    if (strstr(s->out, text) == NULL) {
        fail_msg("'%s' is not in:\n%s", text, s->out);
    }
}

/* ---- notes ---------------------------------------------------------------------------------------------- */

static void test_a_note_is_proposed_once_and_accepted(void **state) {
    world *w = *state;
    noted n;
    said s;
    rove_id account = known_account(w);
    note_visit(&w->phone, account, 1, &n);
    put_note(w, &w->phone, &n);
    put_note(w, &w->phone, &n);
    assert_answered(w, "11");
    put_note(w, &w->phone, &n);
    assert_answered(w, "1");
    assert_int_equal(open_reviews(w->h), 1);
    assert_int_equal(visits_of(w, account).count, 0);
    assert_int_equal(headquarters_run(w->h, &s, "review", NULL), HQ_EXIT_DONE);
    says(&s, "Jo Field");
    says(&s, "Visit ");
    says(&s, "Written on a locked device, 20");
    assert_int_equal(headquarters_run(w->h, &s, "review", "show", "1", NULL), HQ_EXIT_DONE);
    says(&s, "on device 1001, its note 4; by headquarters' time\n");
    says(&s, "They want ten.");
    assert_int_equal(headquarters_run(w->h, &s, "review", "accept", "1", NULL), HQ_EXIT_DONE);
    visits made = visits_of(w, account);
    assert_int_equal(made.count, 1);
    assert_int_equal(made.contacts, 2);
    assert_string_equal(made.notes, "They want ten.");
    assert_true(rove__id_replica(made.row.id) != w->phone.replica);
    assert_int_equal(headquarters_run(w->h, &s, "acts", NULL), HQ_EXIT_DONE);
    says(&s, "accepted 1: ");
    /* And for ever. */
    put_note(w, &w->phone, &n);
    assert_answered(w, "1");
    assert_int_equal(open_reviews(w->h), 0);
    assert_int_equal(visits_of(w, account).count, 1);
    rove__buf_free(&n.row);
}

static void test_a_note_that_is_returned_makes_nothing(void **state) {
    world *w = *state;
    noted n;
    said s;
    rove_id account = known_account(w);
    note_visit(&w->phone, account, 1, &n);
    put_note(w, &w->phone, &n);
    assert_answered(w, "1");
    assert_int_equal(
        headquarters_run(w->h, &s, "review", "return", "1", "--note", "Never was.", NULL),
        HQ_EXIT_DONE);
    put_note(w, &w->phone, &n);
    assert_answered(w, "1");
    assert_int_equal(open_reviews(w->h), 0);
    assert_int_equal(visits_of(w, account).count, 0);
    assert_int_equal(headquarters_run(w->h, &s, "acts", NULL), HQ_EXIT_DONE);
    says(&s, "returned 1: ");
    rove__buf_free(&n.row);
}

/* Alike in every word, but written twice. */
static void test_two_notes_are_two(void **state) {
    world *w = *state;
    noted n;
    said s;
    rove_id account = known_account(w);
    note_visit(&w->phone, account, 1, &n);
    put_note(w, &w->phone, &n);
    n.note.reference[ROVE_REFERENCE_SIZE - 1] = 1;
    put_note(w, &w->phone, &n);
    assert_answered(w, "11");
    assert_int_equal(open_reviews(w->h), 2);
    assert_int_equal(headquarters_run(w->h, &s, "review", "accept", "2", NULL), HQ_EXIT_DONE);
    assert_int_equal(headquarters_run(w->h, &s, "review", "accept", "1", NULL), HQ_EXIT_DONE);
    assert_int_equal(visits_of(w, account).count, 2);
    rove__buf_free(&n.row);
}

static void test_a_wrong_clock_is_shown(void **state) {
    world *w = *state;
    noted n;
    said s;
    note_visit(&w->phone, known_account(w), 1, &n);
    n.note.at.wall_ms += 24 * HOUR_MS;
    put_note(w, &w->phone, &n);
    n.note.reference[0] = 2;
    n.note.at.boot_id[0] ^= 1; /* it was switched off */
    put_note(w, &w->phone, &n);
    assert_answered(w, "11");
    assert_int_equal(headquarters_run(w->h, &s, "review", "show", "1", NULL), HQ_EXIT_DONE);
    says(&s, "; the device's clock was wrong\n");
    assert_int_equal(headquarters_run(w->h, &s, "review", "show", "2", NULL), HQ_EXIT_DONE);
    says(&s, "; no contact with headquarters since the device was switched on\n");
    rove__buf_free(&n.row);
}

static void test_who_is_gone_is_heard(void **state) {
    world *w = *state;
    noted n;
    rove_id account = known_account(w);
    note_visit(&w->phone, account, 1, &n);
    sender_is(&w->phone, ROVE_DEVICE_REVOKED);
    w->h->clock.offset_ms += 400 * ROVE_PKI_DAY_MS;
    put_note(w, &w->phone, &n);
    assert_answered(w, "1");
    assert_int_equal(open_reviews(w->h), 1);
    rove__buf_free(&n.row);
}

/* A sound account, in place of a visit. */
static void note_account(const sender *d, noted *n) {
    const rove__entity *account = rove__registry_by_name(hq_registry(d->h->hq), "Account");
    rove__arena arena;
    rove__row row;
    rove__arena_init(&arena, &d->h->ports.allocator, 1 << 20);
    assert_int_equal(rove__row_init(&row, account, 0, &arena), ROVE_OK);
    rove__row_set(&row, (size_t)rove__entity_field_named(account, "name"),
                  rove__value_text("Hotel Noted"));
    rove__buf_reset(&n->row);
    assert_int_equal(rove__row_to_packed(&row, &n->row), ROVE_OK);
    n->note.entity = account->number;
    n->note.row = (rove__bytes){n->row.data, n->row.size};
    rove__arena_free(&arena);
}

static void test_notes_that_are_none(void **state) {
    world *w = *state;
    noted good;
    noted n;
    sender other;
    sender forger = w->phone; /* shows its certificate, and has not its key */
    rove_id account = known_account(w);
    sender_start(w->h, &other, 2001, w->phone.user);
    note_visit(&w->phone, account, 1, &good);
    note_visit(&w->phone, account, 2, &n);
    memcpy(forger.key, other.key, sizeof forger.key);
    forger.key_size = other.key_size;
    put_note(w, &other, &n); /* another device says it of this one */
    put_note(w, &forger, &n);
    put_note(w, &w->phone, &good);
    note_account(&w->phone, &n); /* that is made where one can see which there are */
    put_note(w, &w->phone, &n);
    n.note.entity = 60000; /* of a later version */
    put_note(w, &w->phone, &n);
    n.note.entity = good.note.entity;
    n.note.row = (rove__bytes){(const uint8_t *)"\xff\xff\xff", 3};
    put_note(w, &w->phone, &n);
    assert_answered(w, "331323");
    assert_int_equal(open_reviews(w->h), 1);
    rove__buf_free(&good.row);
    rove__buf_free(&n.row);
}

/* So many accounts in one frame; of a device that was revoked all of them go to review. */
static void put_accounts(world *w, sender *d, const sender *signer, size_t count) {
    const rove_allocator *allocator = &w->h->ports.allocator;
    const rove__entity *account = rove__registry_by_name(hq_registry(w->h->hq), "Account");
    rove__batch_writer *writer = NULL;
    rove__chain hash = {{0}};
    sealed_batch batch;
    rove__arena arena;
    rove__buf rows;
    rove__arena_init(&arena, allocator, (size_t)1 << 24);
    rove__buf_init(&rows, allocator, ROVE_BATCH_MAX);
    assert_int_equal(rove__batch_writer_new(allocator, ROVE_BATCH_MAX, &writer), ROVE_OK);
    for (size_t i = 0; i < count; i++) {
        rove__change change = {.op = ROVE_OP_INSERT, .replica = d->replica};
        d->counter++;
        assert_int_equal(
            rove__row_init(&change.row, account, rove__id_make(d->replica, d->counter), &arena),
            ROVE_OK);
        rove__row_set(&change.row, (size_t)rove__entity_field_named(account, "name"),
                      rove__value_text("Many"));
        change.clock.origin =
            (rove__origin){rove__stamp_make(hq_now_ms(w->h->hq), 0) + d->counter, d->replica};
        change.clock.base = change.clock.origin;
        assert_int_equal(rove__batch_add(writer, &change), ROVE_OK);
    }
    assert_int_equal(rove__batch_finish(writer, &rows), ROVE_OK);
    assert_int_equal(
        rove__exchange_hash(&w->h->ports.crypto, (rove__bytes){rows.data, rows.size}, &hash),
        ROVE_OK);
    sender_seal(d, signer, hq_get_keys(w->h->hq)->seal_key, 1, &rows, 1, &hash, &batch);
    put_all(w, &batch);
    sealed_free(&batch);
    rove__batch_writer_free(writer);
    rove__buf_free(&rows);
    rove__arena_free(&arena);
}

static void test_what_waits_of_one_user_at_its_limit_and_one_past(void **state) {
    world *w = *state;
    noted n;
    said s;
    sender other;
    note_visit(&w->phone, known_account(w), 1, &n);
    sender_is(&w->phone, ROVE_DEVICE_REVOKED);
    put_accounts(w, &w->phone, &w->phone, DROP_REVIEWS_MAX - 1);
    assert_answered(w, "1");
    put_note(w, &w->phone, &n);
    n.note.reference[0] = 2;
    put_note(w, &w->phone, &n);
    assert_answered(w, "12");
    /* Of another user there is room. */
    sender_start(w->h, &other, 2001, headquarters_user_put(w->h, 0, "bo", 1));
    n.note.replica = other.replica;
    put_note(w, &other, &n);
    assert_answered(w, "1");
    assert_int_equal(headquarters_run(w->h, &s, "review", "return", "1", NULL), HQ_EXIT_DONE);
    n.note.replica = w->phone.replica;
    put_note(w, &w->phone, &n);
    assert_answered(w, "1");
    rove__buf_free(&n.row);
}

/* What was revoked is heard, but does not bury what an operator has to look at. */
static void test_batches_to_look_at_wait_at_the_limit_and_one_past(void **state) {
    world *w = *state;
    said s;
    sender_is(&w->phone, ROVE_DEVICE_REVOKED);
    put_accounts(w, &w->phone, &w->phone, 2);
    assert_answered(w, "1");
    put_accounts(w, &w->phone, &w->phone, DROP_REVIEWS_MAX - 1);
    assert_answered(w, "2");
    assert_int_equal(open_reviews(w->h), 2);
    put_accounts(w, &w->phone, &w->phone, DROP_REVIEWS_MAX - 2);
    rove__buf taken = copy_of(w, &w->body);
    assert_answered(w, "1");
    assert_int_equal(open_reviews(w->h), DROP_REVIEWS_MAX);
    put_accounts(w, &w->phone, &w->phone, 1);
    rove__buf late = copy_of(w, &w->body);
    put(w, &taken); /* it is here, whatever room there is */
    assert_answered(w, "21");
    /* Decided, it makes room. */
    assert_int_equal(headquarters_run(w->h, &s, "review", "return", "1", NULL), HQ_EXIT_DONE);
    put(w, &late);
    assert_answered(w, "1");
    assert_int_equal(open_reviews(w->h), DROP_REVIEWS_MAX);
    rove__buf_free(&taken);
    rove__buf_free(&late);
}

/* All that a lost device had may be one batch: it comes in where nothing else of its user waits, whole. */
static void test_a_batch_larger_than_may_wait_comes_alone(void **state) {
    world *w = *state;
    said s;
    sender_is(&w->phone, ROVE_DEVICE_REVOKED);
    put_accounts(w, &w->phone, &w->phone, 1);
    assert_answered(w, "1");
    put_accounts(w, &w->phone, &w->phone, DROP_REVIEWS_MAX + 1);
    rove__buf all = copy_of(w, &w->body);
    assert_answered(w, "2");
    assert_int_equal(open_reviews(w->h), 1);
    assert_int_equal(headquarters_run(w->h, &s, "review", "return", "1", NULL), HQ_EXIT_DONE);
    put(w, &all);
    assert_answered(w, "1");
    assert_int_equal(open_reviews(w->h), DROP_REVIEWS_MAX + 1);
    rove__buf_free(&all);
}

/* Nor does work of devices that headquarters does not know, which is nobody's; and that keeps nobody's outside. */
static void test_what_waits_of_nobody_at_its_limit_and_one_past(void **state) {
    world *w = *state;
    sender ghosts[2] = {w->phone, w->phone};
    ghosts[0].replica = 4711;
    ghosts[1].replica = 4712;
    put_accounts(w, &ghosts[0], &w->phone, DROP_REVIEWS_MAX);
    assert_answered(w, "1");
    put_accounts(w, &ghosts[1], &w->phone, 1);
    assert_answered(w, "2");
    assert_int_equal(open_reviews(w->h), DROP_REVIEWS_MAX);
    sender_is(&w->phone, ROVE_DEVICE_REVOKED);
    put_accounts(w, &w->phone, &w->phone, 1);
    assert_answered(w, "1");
    assert_int_equal(open_reviews(w->h), DROP_REVIEWS_MAX + 1);
}

/* What goes on with its device's chain asks for no place in review. */
static void test_work_that_is_taken_does_not_wait_for_room(void **state) {
    world *w = *state;
    sender other;
    sealed_batch batch;
    sender_start(w->h, &other, 2001, w->phone.user);
    sender_is(&other, ROVE_DEVICE_REVOKED);
    put_accounts(w, &other, &other, DROP_REVIEWS_MAX);
    sender_batch(&w->phone, "own", 1, &batch);
    put_all(w, &batch);
    assert_answered(w, "11");
    assert_int_equal(accounts_named(w->h, "own 0"), 1);
    sealed_free(&batch);
}

/* What comes first is opened; the rest with the next request. */
static void test_exchanges_of_keys_at_their_limit_and_one_past(void **state) {
    world *w = *state;
    noted n;
    sealed_batch batch;
    char digits[DROP_EXCHANGES_MAX + 4] = "";
    note_visit(&w->phone, known_account(w), 1, &n);
    sender_batch(&w->phone, "frames", 3, &batch);
    put_all(w, &batch); /* these take one */
    for (unsigned i = 1; i <= DROP_EXCHANGES_MAX; i++) {
        n.note.reference[0] = (uint8_t)i;
        put_note(w, &w->phone, &n);
    }
    memset(digits, '1', DROP_EXCHANGES_MAX + 2);
    digits[DROP_EXCHANGES_MAX + 2] = '2';
    digits[DROP_EXCHANGES_MAX + 3] = '\0';
    assert_answered(w, digits);
    assert_int_equal(open_reviews(w->h), DROP_EXCHANGES_MAX - 1);
    put_note(w, &w->phone, &n);
    assert_answered(w, "1");
    sealed_free(&batch);
    rove__buf_free(&n.row);
}

static rove_status perform_by_hand(void *ctx, const rove_request *request, rove_response *response,
                                   rove_error *error) {
    world *w = ctx;
    uint8_t bytes[4096];
    size_t size = 1;
    (void)error;
    memset(response, 0, sizeof *response);
    while (size > 0) {
        assert_int_equal(request->read_body(request->ctx, bytes, sizeof bytes, &size), ROVE_OK);
        rove__buf_append(&w->body, bytes, size);
    }
    assert_int_equal(ask(w), 200);
    return request->write_answer(request->ctx, w->answers, w->answer_count);
}

/* What headquarters puts off must not keep it from opening what lies behind: the device sends the same again with each sync. */
static void test_what_is_put_off_does_not_hold_up_what_lies_behind_it(void **state) {
    world *w = *state;
    rove_ports ports = {.allocator = w->h->ports.allocator,
                        .clock = w->h->ports.clock,
                        .random = w->h->ports.random,
                        .files = w->h->ports.files,
                        .crypto = w->h->ports.crypto,
                        .log = w->h->ports.log,
                        .transport = {.ctx = w, .perform = perform_by_hand}};
    noted n;
    sealed_batch batch;
    rove__drop drop;
    rove__buf to;
    uint8_t check[ROVE_SHA256_SIZE] = {0};
    char path[300];
    rove_error error = {.message = ""};

    note_visit(&w->phone, known_account(w), 1, &n);
    n.note.entity = 60000; /* of a later version: not now */
    sender_batch(&w->phone, "behind", 1, &batch);
    assert_int_equal(rove__drop_open(&drop, &ports, w->h->folder, &error), ROVE_OK);
    for (unsigned i = 1; i <= DROP_EXCHANGES_MAX; i++) {
        rove__sealer sealer = sealer_of(&w->phone);
        rove__buf record;
        rove__buf_init(&record, &w->h->ports.allocator, ROVE_SEALED_MAX);
        n.note.reference[0] = (uint8_t)i;
        assert_int_equal(rove__sealed_note_write(&ports.crypto, &sealer, &n.note, &record),
                         ROVE_OK);
        assert_int_equal(rove__drop_add(&drop, (rove__bytes){record.data, record.size}, &error),
                         ROVE_OK);
        rove__buf_free(&record);
    }
    assert_int_equal(
        rove__drop_add(&drop, (rove__bytes){batch.records[0].data + 4, batch.records[0].size - 4},
                       &error),
        ROVE_OK);
    assert_int_equal(rove__drop_save(&drop, &error), ROVE_OK);
    rove__drop_close(&drop);
    rove__buf_init(&to, &ports.allocator, 4096);
    rove__buf_append(&to, "RoveTo", 6);
    rove__buf_byte(&to, 1);
    rove__buf_bytes(&to, "https://hq", 10);
    rove__buf_bytes(&to, "ca", 2);
    rove__buf_append(&to, check, 32);
    rove__buf_append(&to, check, 32);
    rove__buf_zigzag(&to, 0);
    assert_int_equal(rove__checked_end(&ports.crypto, to.data, to.size, check), ROVE_OK);
    rove__buf_append(&to, check, 32);
    (void)snprintf(path, sizeof path, "%s/drop.to", w->h->folder);
    assert_int_equal(ports.files.replace(ports.files.ctx, path, to.data, to.size, &error), ROVE_OK);
    rove__buf_free(&to);
    for (int i = 0; i < 5; i++) {
        rove_drop_report report = {.size = sizeof report};
        assert_int_equal(rove_drop_send(&ports, w->h->folder, NULL, NULL, &report, &error),
                         ROVE_OK);
    }
    assert_int_equal(accounts_named(w->h, "behind 0"), 1);
    sealed_free(&batch);
    rove__buf_free(&n.row);
}

/* ---- receipts ------------------------------------------------------------------------------------------- */

static rove_status read_order(void *ctx, rove__hq_tx *tx, rove_error *error) {
    world *w = ((visits *)ctx)->w;
    hq_order order;
    (void)error;
    rove_status status = hq_order_get(w->h->hq, tx, w->phone.replica, &order);
    memcpy(((visits *)ctx)->notes, order.order.nonce, ROVE_ORDER_NONCE_SIZE);
    return status;
}

static void put_receipt(world *w, const sender *signer, const rove__sealed_receipt *receipt) {
    rove__sealer sealer = sealer_of(signer);
    rove__buf record;
    rove__buf_init(&record, &w->h->ports.allocator, ROVE_SEALED_MAX);
    assert_int_equal(rove__sealed_receipt_write(&w->h->ports.crypto, &sealer, receipt, &record),
                     ROVE_OK);
    rove__buf_u32(&w->body, (uint32_t)record.size);
    put(w, &record);
    rove__buf_free(&record);
}

static void test_the_receipt_of_a_wipe_is_shown(void **state) {
    world *w = *state;
    said s;
    sender other;
    visits order = {.w = w};
    rove__sealed_receipt receipt = {.replica = w->phone.replica,
                                    .kind = ROVE_ORDER_WIPE,
                                    .sealed_batches = 2,
                                    .sealed_changes = 5,
                                    .records_left = 1};
    sender_start(w->h, &other, 2001, w->phone.user);
    assert_int_equal(headquarters_run(w->h, &s, "wipe", "1001", NULL), HQ_EXIT_DONE);
    assert_int_equal(hq_read(w->h->hq, read_order, &order, NULL), ROVE_OK);
    memcpy(receipt.nonce, order.notes, sizeof receipt.nonce);
    put_receipt(w, &other, &receipt); /* nobody says it for another */
    other.certificate = w->phone.certificate;
    put_receipt(w, &other, &receipt);
    receipt.kind = ROVE_ORDER_LOCK;
    put_receipt(w, &w->phone, &receipt);
    assert_answered(w, "331");
    assert_int_equal(headquarters_run(w->h, &s, "devices", NULL), HQ_EXIT_DONE);
    assert_null(strstr(s.out, "sealed"));
    receipt.kind = ROVE_ORDER_WIPE;
    put_receipt(w, &w->phone, &receipt);
    receipt.sealed_batches = 7;
    put_receipt(w, &w->phone, &receipt);
    assert_answered(w, "11");
    assert_int_equal(headquarters_run(w->h, &s, "devices", NULL), HQ_EXIT_DONE);
    says(&s, " 2 batches with 5 changes sealed, 1 records left\n");
    assert_int_equal(headquarters_run(w->h, &s, "acts", NULL), HQ_EXIT_DONE);
    says(&s, "device 1001, as ordered: 2 batches with 5 changes sealed");
}

/* A note moves the head by itself; a receipt does not, and is kept with what came before it. */
static void test_a_device_keeps_what_no_backup_has(void **state) {
    world *w = *state;
    said s;
    noted n;
    char here[300];
    char path[2][400];
    const rove__sealed_receipt receipt = {.replica = w->phone.replica, .kind = ROVE_ORDER_WIPE};
    assert_non_null(getcwd(here, sizeof here));
    (void)snprintf(path[0], sizeof path[0], "%s/%s/first.db", here, w->h->folder);
    (void)snprintf(path[1], sizeof path[1], "%s/%s/second.db", here, w->h->folder);
    note_visit(&w->phone, known_account(w), 1, &n);
    assert_int_equal(headquarters_run(w->h, &s, "backup", path[0], NULL), HQ_EXIT_DONE);
    for (int i = 0; i < 2; i++) {
        put_note(w, &w->phone, &n);
        put_receipt(w, &w->phone, &receipt);
        assert_answered(w, "44");
        assert_int_equal(open_reviews(w->h), 1);
    }
    assert_int_equal(headquarters_run(w->h, &s, "backup", path[1], NULL), HQ_EXIT_DONE);
    put_note(w, &w->phone, &n);
    put_receipt(w, &w->phone, &receipt);
    assert_answered(w, "11");
    rove__buf_free(&n.row);
}

/* All at once, in one request, with a batch; each is on its own. */
static void test_all_kinds_together(void **state) {
    world *w = *state;
    noted n;
    sealed_batch batch;
    rove__sealed_receipt receipt = {.replica = w->phone.replica, .kind = ROVE_ORDER_WIPE};
    rove_id account = known_account(w);
    sender_batch(&w->phone, "last", 2, &batch);
    note_visit(&w->phone, account, 1, &n);
    put_receipt(w, &w->phone, &receipt);
    put(w, &batch.records[1]);
    put_note(w, &w->phone, &n);
    rove__buf_u32(&w->body, 1);
    rove__buf_byte(&w->body, 1);
    put(w, &batch.records[0]);
    assert_answered(w, "11131");
    assert_int_equal(accounts_named(w->h, "last 1"), 1);
    assert_int_equal(open_reviews(w->h), 1);
    sealed_free(&batch);
    rove__buf_free(&n.row);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    (void)signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        TEST(test_a_note_is_proposed_once_and_accepted),
        TEST(test_a_note_that_is_returned_makes_nothing),
        TEST(test_two_notes_are_two),
        TEST(test_a_wrong_clock_is_shown),
        TEST(test_who_is_gone_is_heard),
        TEST(test_notes_that_are_none),
        TEST(test_what_waits_of_one_user_at_its_limit_and_one_past),
        TEST(test_batches_to_look_at_wait_at_the_limit_and_one_past),
        TEST(test_a_batch_larger_than_may_wait_comes_alone),
        TEST(test_what_waits_of_nobody_at_its_limit_and_one_past),
        TEST(test_work_that_is_taken_does_not_wait_for_room),
        TEST(test_exchanges_of_keys_at_their_limit_and_one_past),
        TEST(test_what_is_put_off_does_not_hold_up_what_lies_behind_it),
        TEST(test_the_receipt_of_a_wipe_is_shown),
        TEST(test_a_device_keeps_what_no_backup_has),
        TEST(test_all_kinds_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
