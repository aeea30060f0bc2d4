/*
 * test_drop_parcel.c - a request to the drop box while memory, or the transaction, fails: what is not taken is LATER, nothing is
 * refused for it, nothing is lost or taken twice, and the next try takes all; and keys that change while headquarters serves.
 */
#include "heap.h"
#include "sender.h"

#include "drop/box.h"
#include "wire/sealed_note.h"

#define RECORDS 4

typedef struct world {
    headquarters h;
    sender phone;
    heap heap;
    rove_allocator allocator;
    drop_box *box;
    rove__buf body;
    drop_parcel *parcel;
    rove_status failure; /* that the job returns though all went well; OK: none */
    int meets;           /* while a record is opened, another request comes */
    rove_status met;     /* and is told this */
} world;

/* Headquarters' cryptography: who opens a record comes by here. */
static rove_crypto real;
static world *meeting;

static rove_status meeting_ecdh(void *ctx, const void *key, size_t key_size, const void *other,
                                size_t other_size, uint8_t secret[ROVE_ECDH_SIZE]) {
    if (meeting->meets) {
        drop_parcel *second = NULL;
        meeting->meets = 0;
        meeting->met =
            drop_parcel_open(meeting->box, meeting->body.data, meeting->body.size, &second);
        assert_null(second);
    }
    return real.ecdh(ctx, key, key_size, other, other_size, secret);
}

static int set_up(void **state) {
    world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    headquarters_prepare(&w->h);
    real = w->h.ports.crypto;
    meeting = w;
    w->h.ports.crypto.ecdh = meeting_ecdh;
    assert_int_equal(headquarters_init(&w->h, "Acme Field Sales"), ROVE_OK);
    headquarters_open(&w->h);
    sender_start(&w->h, &w->phone, 1001, headquarters_user_put(&w->h, 0, "ann", 1));
    w->allocator = heap_allocator(&w->heap);
    assert_int_equal(drop_box_new(w->h.hq, &w->allocator, &w->box), ROVE_OK);
    rove__buf_init(&w->body, &w->h.ports.allocator, DROP_BODY_MAX);
    *state = w;
    return 0;
}

static int tear_down(void **state) {
    world *w = *state;
    drop_box_free(w->box);
    assert_int_equal(w->heap.alive, 0);
    rove__buf_free(&w->body);
    headquarters_end(&w->h);
    free(w);
    return 0;
}

static void put(world *w, const rove__buf *record) {
    rove__buf_u32(&w->body, (uint32_t)record->size);
    rove__buf_append(&w->body, record->data, record->size);
}

/* A batch of two frames, a note, and a receipt. */
static void fill(world *w) {
    const rove__entity *call = rove__registry_by_name(hq_registry(w->h.hq), "Call");
    const rove__sealer sealer = {
        .key = {w->phone.key, w->phone.key_size},
        .certificate = {w->phone.certificate.data, w->phone.certificate.size},
        .recipient = hq_get_keys(w->h.hq)->seal_key};
    rove__sealed_note note = {
        .replica = w->phone.replica, .ordinal = 1, .schema = 1, .entity = call->number};
    const rove__sealed_receipt receipt = {.replica = w->phone.replica, .kind = ROVE_ORDER_WIPE};
    sealed_batch batch;
    rove__buf row;
    rove__buf record;
    rove__arena arena;
    rove__row about;
    sender_batch(&w->phone, "first", 2, &batch);
    for (size_t i = 0; i < batch.count; i++) {
        rove__buf_append(&w->body, batch.records[i].data, batch.records[i].size);
    }
    rove__arena_init(&arena, &w->h.ports.allocator, 1 << 20);
    rove__buf_init(&row, &w->h.ports.allocator, ROVE_ROW_MAX);
    rove__buf_init(&record, &w->h.ports.allocator, ROVE_SEALED_MAX);
    assert_int_equal(rove__row_init(&about, call, 0, &arena), ROVE_OK);
    rove__row_set(&about, (size_t)rove__entity_field_named(call, "about_id"),
                  rove__value_int(rove__id_make(w->phone.replica, 1)));
    assert_int_equal(rove__row_to_packed(&about, &row), ROVE_OK);
    note.row = (rove__bytes){row.data, row.size};
    assert_int_equal(rove__sealed_note_write(&w->h.ports.crypto, &sealer, &note, &record), ROVE_OK);
    put(w, &record);
    rove__buf_reset(&record);
    assert_int_equal(rove__sealed_receipt_write(&w->h.ports.crypto, &sealer, &receipt, &record),
                     ROVE_OK);
    put(w, &record);
    rove__buf_free(&record);
    rove__buf_free(&row);
    rove__arena_free(&arena);
    sealed_free(&batch);
}

static rove_status job(void *ctx, rove__hq_tx *tx, rove_error *error) {
    world *w = ctx;
    rove_status status = drop_parcel_commit(w->parcel, tx, error);
    return status == ROVE_OK ? w->failure : status;
}

/* One request; 0: it was turned away as a whole. Otherwise how many records were taken; the others have to come again. */
static size_t send(world *w) {
    size_t count = 0;
    size_t taken = 0;
    rove_status status = drop_parcel_open(w->box, w->body.data, w->body.size, &w->parcel);
    if (status != ROVE_OK) {
        assert_int_equal(status, ROVE_NOMEM);
        assert_null(w->parcel);
        return 0;
    }
    while (drop_parcel_wants_commit(w->parcel)) {
        drop_parcel_committed(w->parcel, hq_commit(w->h.hq, job, w, NULL));
    }
    const uint8_t *answers = drop_parcel_answers(w->parcel, &count);
    assert_int_equal(count, RECORDS);
    for (size_t i = 0; i < count; i++) {
        assert_true(answers[i] == DROP_TAKEN || answers[i] == DROP_LATER);
        taken += answers[i] == DROP_TAKEN;
    }
    drop_parcel_free(w->parcel);
    return taken;
}

static void assert_all_is_here(world *w) {
    assert_int_equal(send(w), RECORDS);
    assert_int_equal(accounts_named(&w->h, "first 0"), 1);
    assert_int_equal(accounts_named(&w->h, "first 1"), 1);
    assert_int_equal(open_reviews(&w->h), 1);
}

static void test_every_failure_of_memory(void **state) {
    world *w = *state;
    size_t failed = 0;
    fill(w);
    for (size_t call = 1;; call++) {
        w->heap.fail_at = w->heap.calls + call;
        size_t taken = send(w);
        int reached = w->heap.calls >= w->heap.fail_at;
        w->heap.fail_at = 0;
        failed += taken < RECORDS;
        if (!reached) {
            assert_int_equal(taken, RECORDS);
            break;
        }
    }
    assert_true(failed > 5);
    assert_all_is_here(w);
}

static void test_a_transaction_that_is_lost(void **state) {
    world *w = *state;
    static const rove_status failures[] = {ROVE_IO, ROVE_FULL, ROVE_LATER, ROVE_NOMEM};
    fill(w);
    for (size_t i = 0; i < sizeof failures / sizeof failures[0]; i++) {
        w->failure = failures[i];
        assert_int_equal(send(w), 0);
        assert_int_equal(accounts_named(&w->h, "first 0"), 0);
        assert_int_equal(open_reviews(&w->h), 0);
    }
    w->failure = ROVE_OK;
    assert_all_is_here(w);
}

static void test_one_is_opened_at_a_time(void **state) {
    world *w = *state;
    fill(w);
    w->meets = 1;
    assert_all_is_here(w);
    assert_false(w->meets);
    assert_int_equal(w->met, ROVE_LATER);
}

/* Its box is older than the authority that the device has its certificate of. */
static void test_an_authority_that_came_later(void **state) {
    world *w = *state;
    said s;
    assert_int_equal(headquarters_run(&w->h, &s, "keys", "next", "--authority", NULL),
                     HQ_EXIT_DONE);
    assert_int_equal(headquarters_run(&w->h, &s, "keys", "rotate", "--authority", "--force", NULL),
                     HQ_EXIT_DONE);
    sender_certify(&w->phone, hq_get_keys(w->h.hq)->authority, hq_now_ms(w->h.hq));
    fill(w);
    assert_all_is_here(w);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_every_failure_of_memory),
        TEST(test_a_transaction_that_is_lost),
        TEST(test_one_is_opened_at_a_time),
        TEST(test_an_authority_that_came_later),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
