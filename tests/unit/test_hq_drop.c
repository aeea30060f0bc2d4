/*
 * test_hq_drop.c - POST /v1/drop over real HTTPS and without a client certificate: what becomes of each record, in whatever
 * order, however often, and beside whatever else they come; and what a flood may cost.
 */
#include "mailer.h"

#include <signal.h>

#define MINUTES INT64_C(60000)

/* ---- batches -------------------------------------------------------------------------------------------- */

static void test_a_batch_is_taken(void **state) {
    world *w = *state;
    sealed_batch first;
    sealed_batch second;
    sender_batch(&w->phone, "first", 2, &first);
    sender_batch(&w->phone, "second", 1, &second);
    put_all(w, &first);
    put_all(w, &second);
    assert_answered(w, "111");
    assert_int_equal(accounts_named(w->h, "first 0"), 1);
    assert_int_equal(accounts_named(w->h, "first 1"), 1);
    assert_int_equal(accounts_named(w->h, "second 0"), 1);
    assert_int_equal(open_reviews(w->h), 0);
    /* As often as it likes. */
    put_all(w, &second);
    put_all(w, &first);
    assert_answered(w, "111");
    assert_int_equal(accounts_named(w->h, "first 0"), 1);
    sealed_free(&first);
    sealed_free(&second);
}

static void test_any_order_in_one_request(void **state) {
    world *w = *state;
    sealed_batch first;
    sealed_batch second;
    sender_batch(&w->phone, "first", 3, &first);
    sender_batch(&w->phone, "second", 2, &second);
    put(w, &second.records[1]);
    put(w, &first.records[2]);
    put(w, &first.records[0]);
    put(w, &second.records[0]);
    put(w, &first.records[2]); /* twice */
    put(w, &first.records[1]);
    assert_answered(w, "111111");
    assert_int_equal(accounts_named(w->h, "first 2"), 1);
    assert_int_equal(accounts_named(w->h, "second 1"), 1);
    assert_int_equal(open_reviews(w->h), 0);
    sealed_free(&first);
    sealed_free(&second);
}

/* Nothing is taken before all is there, and then it is remembered of each frame. */
static void test_a_batch_comes_in_pieces(void **state) {
    world *w = *state;
    sealed_batch batch;
    sender_batch(&w->phone, "piece", 4, &batch);
    put(w, &batch.records[3]);
    put(w, &batch.records[0]);
    assert_answered(w, "22");
    put(w, &batch.records[0]);
    assert_answered(w, "2");
    put(w, &batch.records[1]);
    assert_answered(w, "2");
    assert_int_equal(accounts_named(w->h, "piece 0"), 0);
    put(w, &batch.records[2]);
    assert_answered(w, "1");
    assert_int_equal(accounts_named(w->h, "piece 0"), 1);
    assert_int_equal(accounts_named(w->h, "piece 3"), 1);
    put(w, &batch.records[0]);
    put(w, &batch.records[1]);
    put(w, &batch.records[3]);
    assert_answered(w, "111");
    sealed_free(&batch);
}

/* What headquarters forgets when it ends it had not called taken. */
static void test_headquarters_is_restarted_in_between(void **state) {
    world *w = *state;
    sealed_batch batch;
    sender_batch(&w->phone, "piece", 2, &batch);
    put(w, &batch.records[0]);
    assert_answered(w, "2");
    outpost_stop(w->o);
    hq_close(w->h->hq);
    headquarters_open(w->h);
    outpost_serve(w->o);
    put(w, &batch.records[1]);
    assert_answered(w, "2");
    put(w, &batch.records[0]);
    assert_answered(w, "1");
    put(w, &batch.records[1]);
    assert_answered(w, "1");
    assert_int_equal(accounts_named(w->h, "piece 1"), 1);
    sealed_free(&batch);
}

/* ---- until there is a backup ---------------------------------------------------------------------------- */

static void make_backup(world *w, const char *path) {
    said s;
    assert_int_equal(headquarters_run(w->h, &s, "backup", path, NULL), HQ_EXIT_DONE);
}

static void restore(world *w, const char *path) {
    said s = {.err = ""};
    const hq_io io = said_io(&s);
    hq_restored restored;
    outpost_stop(w->o);
    hq_close(w->h->hq);
    w->h->hq = NULL;
    assert_int_equal(hq_restore(&w->h->ports, w->h->folder, &io, path, &restored, &w->h->error),
                     ROVE_OK);
    headquarters_open(w->h);
    outpost_serve(w->o);
}

/* What came after a backup its device keeps, and a restored headquarters gets it again, until there is a backup of it. */
static void test_a_device_keeps_what_no_backup_has(void **state) {
    world *w = *state;
    char here[300];
    char path[2][400];
    sealed_batch first;
    sealed_batch second;
    assert_non_null(getcwd(here, sizeof here));
    (void)snprintf(path[0], sizeof path[0], "%s/%s/first.db", here, w->h->folder);
    (void)snprintf(path[1], sizeof path[1], "%s/%s/second.db", here, w->h->folder);
    sender_batch(&w->phone, "first", 1, &first);
    sender_batch(&w->phone, "second", 2, &second);
    put_all(w, &first);
    assert_answered(w, "1"); /* nobody makes backups */
    make_backup(w, path[0]);
    put_all(w, &first);
    put_all(w, &second);
    assert_answered(w, "144");
    put(w, &second.records[1]);
    assert_answered(w, "4");
    assert_int_equal(accounts_named(w->h, "second 0"), 1);
    restore(w, path[0]);
    assert_int_equal(accounts_named(w->h, "first 0"), 1);
    assert_int_equal(accounts_named(w->h, "second 0"), 0);
    put(w, &second.records[1]);
    assert_answered(w, "2");
    put(w, &second.records[0]);
    put_all(w, &first);
    assert_answered(w, "41");
    assert_int_equal(accounts_named(w->h, "second 0"), 1);
    assert_int_equal(accounts_named(w->h, "second 1"), 1);
    make_backup(w, path[1]);
    put_all(w, &second);
    assert_answered(w, "11");
    assert_int_equal(accounts_named(w->h, "second 0"), 1);
    sealed_free(&first);
    sealed_free(&second);
}

static void test_a_batch_waits_for_those_before_it(void **state) {
    world *w = *state;
    sealed_batch first;
    sealed_batch second;
    sender_batch(&w->phone, "first", 1, &first);
    sender_batch(&w->phone, "second", 1, &second);
    put_all(w, &second);
    assert_answered(w, "2");
    put_all(w, &first);
    assert_answered(w, "1");
    put_all(w, &second);
    assert_answered(w, "1");
    assert_int_equal(accounts_named(w->h, "second 0"), 1);
    assert_int_equal(open_reviews(w->h), 0);
    sealed_free(&first);
    sealed_free(&second);
}

/* They are gone with a backup, say: after a while an operator gets it. */
static void test_a_batch_does_not_wait_for_ever(void **state) {
    world *w = *state;
    sealed_batch lost;
    sealed_batch second;
    sender_batch(&w->phone, "lost", 1, &lost);
    sender_batch(&w->phone, "second", 1, &second);
    put_all(w, &second);
    assert_answered(w, "2");
    w->h->clock.offset_ms += DROP_GAP_MS - 1 * MINUTES;
    put_all(w, &second);
    assert_answered(w, "2");
    assert_int_equal(open_reviews(w->h), 0);
    w->h->clock.offset_ms += 1 * MINUTES;
    put_all(w, &second);
    assert_answered(w, "1");
    assert_int_equal(accounts_named(w->h, "second 0"), 0);
    assert_int_equal(open_reviews(w->h), 1);
    sealed_free(&lost);
    sealed_free(&second);
}

/* ---- who signed ----------------------------------------------------------------------------------------- */

static void test_a_certificate_that_has_ended_counts(void **state) {
    world *w = *state;
    sealed_batch batch;
    sender_batch(&w->phone, "late", 1, &batch);
    w->h->clock.offset_ms += 400 * ROVE_PKI_DAY_MS;
    put_all(w, &batch);
    assert_answered(w, "1");
    assert_int_equal(accounts_named(w->h, "late 0"), 1);
    assert_int_equal(open_reviews(w->h), 0);
    sealed_free(&batch);
}

static void test_work_of_a_revoked_device_lies_before_an_operator(void **state) {
    world *w = *state;
    sealed_batch batch;
    said s;
    sender_is(&w->phone, ROVE_DEVICE_REVOKED);
    sender_batch(&w->phone, "revoked", 2, &batch);
    put_all(w, &batch);
    assert_answered(w, "11");
    assert_int_equal(accounts_named(w->h, "revoked 0"), 0);
    assert_int_equal(open_reviews(w->h), 2);
    put_all(w, &batch);
    assert_answered(w, "11");
    assert_int_equal(open_reviews(w->h), 2);
    assert_int_equal(headquarters_run(w->h, &s, "review", "accept", "1", NULL), HQ_EXIT_DONE);
    assert_int_equal(accounts_named(w->h, "revoked 0"), 1);
    sealed_free(&batch);
}

/* ---- what is hostile ------------------------------------------------------------------------------------ */

typedef enum harm {
    ONE_BYTE,
    ANOTHER_HEADQUARTERS,
    ANOTHER_AUTHORITY,
    ANOTHER_KEY, /* a good certificate, signed by somebody else */
    FLIPPED_KEY,
    FLIPPED_ORDINAL,
    FLIPPED_BYTE,
    FLIPPED_TAG,
    CUT,
    TOO_LARGE,
    NO_BATCH, /* signed well, but its rows are none */
    A_LATER_VERSION,
    HARMS
} harm;

/* A certificate of an authority that is not ours. */
static void certify_elsewhere(world *w, sender *d) {
    rove_pki_bytes key;
    rove_pki_bytes certificate;
    rove_pki_authority *authority = NULL;
    assert_int_equal(
        rove_pki_authority_make("Elsewhere", hq_now_ms(w->h->hq), &key, &certificate, NULL),
        ROVE_OK);
    assert_int_equal(rove_pki_authority_open(&key, &certificate, &authority, NULL), ROVE_OK);
    sender_certify(d, authority, hq_now_ms(w->h->hq));
    rove_pki_authority_free(authority);
}

static void seal_nonsense(world *w, const sender *signer, sealed_batch *out) {
    const rove_crypto *crypto = &w->h->ports.crypto;
    rove__buf rows;
    rove__chain hash = {{0}};
    rove__buf_init(&rows, &w->h->ports.allocator, 64);
    rove__buf_append(&rows, "these are no rows", 17);
    assert_int_equal(rove__exchange_hash(crypto, (rove__bytes){rows.data, rows.size}, &hash),
                     ROVE_OK);
    sender_seal(signer, signer, hq_get_keys(w->h->hq)->seal_key, 1, &rows, 1, &hash, out);
    rove__buf_free(&rows);
}

static rove__buf harmful(world *w, harm how) {
    const uint8_t *seal_key = hq_get_keys(w->h->hq)->seal_key;
    sender rogue;
    sender other;
    sealed_batch batch;
    sender_start(w->h, &rogue, 2001, w->phone.user);
    sender_start(w->h, &other, 2002, w->phone.user);
    if (how == ANOTHER_HEADQUARTERS) {
        seal_key = other.request.public_der;
    } else if (how == ANOTHER_AUTHORITY) {
        certify_elsewhere(w, &rogue);
    } else if (how == ANOTHER_KEY) {
        memcpy(rogue.key, other.key, sizeof rogue.key);
        rogue.key_size = other.key_size;
    }
    if (how == NO_BATCH) {
        seal_nonsense(w, &rogue, &batch);
    } else {
        sender_batch_sized(&rogue, &rogue, seal_key, "harm", 1, 0, &batch);
    }
    rove__buf record = copy_of(w, &batch.records[0]);
    sealed_free(&batch);
    uint8_t *bytes = record.data + 4;
    size_t size = record.size - 4;
    bytes[how == FLIPPED_KEY       ? 40
          : how == FLIPPED_ORDINAL ? ROVE_SEALED_HEAD_SIZE - 1
          : how == FLIPPED_BYTE    ? size / 2
                                   : size - 1] ^= how >= FLIPPED_KEY && how <= FLIPPED_TAG;
    bytes[0] = how == A_LATER_VERSION ? ROVE_SEALED_VERSION + 1 : bytes[0];
    if (how == CUT || how == ONE_BYTE) {
        rove__buf_truncate(&record, how == CUT ? record.size - 1 : 5);
    } else if (how == TOO_LARGE) {
        (void)memset(rove__buf_reserve(&record, ROVE_SEALED_MAX + 1 - size), 0,
                     ROVE_SEALED_MAX + 1 - size);
    }
    (void)rove__u32_put(record.data, (uint32_t)(record.size - 4));
    return record;
}

/* Whatever stands before, between or behind what is good, changes nothing of it. */
static void test_hostile_records_in_every_position(void **state) {
    world *w = *state;
    for (harm how = 0; how < HARMS; how++) {
        rove__buf harm_record = harmful(w, how);
        for (size_t position = 0; position <= 2; position++) {
            sealed_batch good;
            char name[32];
            char digits[4] = "111";
            digits[position] = how == A_LATER_VERSION || how == ANOTHER_HEADQUARTERS ? '2' : '3';
            (void)snprintf(name, sizeof name, "good %d %zu", how, position);
            sender_batch(&w->phone, name, 2, &good);
            for (size_t i = 0; i <= 2; i++) {
                put(w, i == position ? &harm_record : &good.records[i - (i > position)]);
            }
            assert_answered(w, digits);
            (void)snprintf(name, sizeof name, "good %d %zu 1", how, position);
            assert_int_equal(accounts_named(w->h, name), 1);
            sealed_free(&good);
            w->h->clock.offset_ms += 1 * MINUTES;
        }
        rove__buf_free(&harm_record);
    }
    assert_int_equal(accounts_named(w->h, "harm 0"), 0);
    assert_int_equal(open_reviews(w->h), 0);
}

/* A rep of ours seals in the name of another's device. */
static void test_another_device_signs(void **state) {
    world *w = *state;
    sender rogue;
    sealed_batch batch;
    sealed_batch own;
    sender_start(w->h, &rogue, 2001, w->phone.user);
    sender victim = w->phone;
    sender_batch_sized(&victim, &rogue, hq_get_keys(w->h->hq)->seal_key, "forged", 1, 0, &batch);
    put_all(w, &batch);
    assert_answered(w, "1");
    assert_int_equal(accounts_named(w->h, "forged 0"), 0);
    assert_int_equal(open_reviews(w->h), 1);
    sender_batch(&w->phone, "own", 1, &own);
    put_all(w, &own);
    assert_answered(w, "1");
    assert_int_equal(accounts_named(w->h, "own 0"), 1);
    sealed_free(&batch);
    sealed_free(&own);
}

/* Frames of two batches under one number and one signature do not become one batch. */
static void test_frames_are_not_what_was_signed(void **state) {
    world *w = *state;
    sealed_batch good;
    rove__buf frames[2];
    rove__chain hash = {{7}};
    sealed_batch forged;
    sender_rows(&w->phone, "one", 0, &frames[0]);
    sender_rows(&w->phone, "two", 0, &frames[1]);
    sender_seal(&w->phone, &w->phone, hq_get_keys(w->h->hq)->seal_key, 1, frames, 2, &hash,
                &forged);
    put_all(w, &forged);
    assert_answered(w, "33");
    assert_int_equal(accounts_named(w->h, "one"), 0);
    sender_batch(&w->phone, "good", 1, &good);
    put_all(w, &good);
    assert_answered(w, "1");
    rove__buf_free(&frames[0]);
    rove__buf_free(&frames[1]);
    sealed_free(&forged);
    sealed_free(&good);
}

static void test_what_is_no_list_of_records(void **state) {
    world *w = *state;
    sealed_batch good;
    sender_batch(&w->phone, "good", 1, &good);
    assert_answered(w, "");
    put_all(w, &good);
    rove__buf_byte(&w->body, 0);
    assert_int_equal(ask(w), 400);
    put_all(w, &good);
    rove__buf_u32(&w->body, 0);
    assert_int_equal(ask(w), 400);
    put_all(w, &good);
    rove__buf_u32(&w->body, UINT32_MAX);
    assert_int_equal(ask(w), 400);
    assert_int_equal(accounts_named(w->h, "good 0"), 0);
    assert_int_equal(line_ask_once(&w->c, REQUEST("GET /v1/drop") "\r\n"), 405);
    assert_int_equal(
        line_ask_once(
            &w->c,
            REQUEST("POST /v1/drop") "Content-Type: text/plain\r\nContent-Length: 0\r\n\r\n"),
        415);
    sealed_free(&good);
}

/* ---- limits --------------------------------------------------------------------------------------------- */

static void test_records_at_their_limit_and_one_past(void **state) {
    world *w = *state;
    for (size_t count = DROP_RECORDS_MAX; count <= DROP_RECORDS_MAX + 1; count++) {
        for (size_t i = 0; i < count; i++) {
            rove__buf_u32(&w->body, 1);
            rove__buf_byte(&w->body, 1);
        }
        assert_int_equal(ask(w), count == DROP_RECORDS_MAX ? 200 : 413);
        assert_int_equal(w->answer_count, count == DROP_RECORDS_MAX ? count : 0);
    }
}

static void test_a_body_at_its_limit_and_one_past(void **state) {
    world *w = *state;
    for (size_t past = 0; past <= 1; past++) {
        size_t size = DROP_BODY_MAX + past - 4;
        rove__buf_u32(&w->body, (uint32_t)size);
        memset(rove__buf_reserve(&w->body, size), 0, size);
        assert_int_equal(ask(w), past == 0 ? 200 : 413);
    }
}

/* Clients that say much and never end, until there is no memory for one more: only the drop box is closed for it. */
static void test_a_flood_stops_no_exchange(void **state) {
    static line lines[64];
    static char zeros[DROP_BODY_MAX - 16];
    world *w = *state;
    device phone;
    sealed_batch batch;
    size_t count = 0;
    int status = 0;
    sender_batch(&w->phone, "later", 1, &batch);
    for (; status != 503; count++) {
        assert_true(count < sizeof lines / sizeof lines[0]);
        lines[count] = line_open(&w->c);
        line_say(&lines[count], DROP_HEAD, sizeof DROP_HEAD - 1);
        line_say(&lines[count], "Content-Length: 1048576\r\n\r\n", 27);
        line_say(&lines[count], zeros, sizeof zeros);
        put_all(w, &batch);
        status = ask(w);
        assert_true(status == 200 || status == 503);
    }
    assert_true(count > 8);
    assert_non_null(strstr(w->c.answer, "Rove-Status: LATER\r\n"));
    device_start(w->o, &phone, "drop_phone");
    device_served(&phone, device_sync(&phone));
    device_close(&phone);
    while (count > 0) {
        line_close(&lines[--count]);
    }
    do { /* that they are gone is noticed when it is */
        w->h->clock.offset_ms += MINUTES;
        put_all(w, &batch);
        status = ask(w);
    } while (status == 503);
    assert_int_equal(status, 200);
    assert_int_equal(w->answers[0], DROP_TAKEN);
    sealed_free(&batch);
}

static int ask_nothing(world *w) {
    return line_ask_once(&w->c, DROP_HEAD "Content-Length: 0\r\n\r\n");
}

static void test_requests_of_an_address(void **state) {
    world *w = *state;
    outpost_stop(w->o);
    const hq_http_options options = {.listen = "127.0.0.1:0", .threads = 1, .drops_a_minute = 3};
    assert_int_equal(hq_http_start(w->h->hq, &options, &w->o->http, NULL), ROVE_OK);
    w->c.port = hq_http_port(w->o->http);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(ask_nothing(w), 200);
    }
    assert_int_equal(ask_nothing(w), 429);
    assert_non_null(strstr(w->c.answer, "Rove-Status: LATER\r\n"));
    assert_non_null(strstr(w->c.answer, "Retry-After: "));
    assert_int_equal(line_ask_once(&w->c, REQUEST("GET /healthz") "\r\n"), 200);
    w->h->clock.offset_ms += 20000;
    assert_int_equal(ask_nothing(w), 200);
    assert_int_equal(ask_nothing(w), 429);
    w->h->clock.offset_ms += 10 * MINUTES;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(ask_nothing(w), 200);
    }
    assert_int_equal(ask_nothing(w), 429);
}

/* The first of so many batches, each without its last frame. */
static void leave_unfinished(world *w, sealed_batch *batches, size_t count) {
    char name[32];
    for (size_t i = 0; i < count; i++) {
        (void)snprintf(name, sizeof name, "left %zu", i);
        sender_batch(&w->phone, name, 2, &batches[i]);
        put(w, &batches[i].records[0]);
        assert_answered(w, "2");
        w->h->clock.offset_ms += 1 * MINUTES;
    }
}

static void test_batches_of_a_device_that_wait(void **state) {
    world *w = *state;
    static sealed_batch batches[DROP_WAITING_OF_DEVICE + 1];
    for (size_t past = 0; past <= 1; past++) {
        size_t count = DROP_WAITING_OF_DEVICE + past;
        sender_start(w->h, &w->phone, 1100 + (rove_replica)past, w->phone.user);
        leave_unfinished(w, batches, count);
        put(w, &batches[0].records[1]);
        /* One past, and the first is forgotten: it has to come again. */
        assert_answered(w, past == 0 ? "1" : "2");
        for (size_t i = 0; i < count; i++) {
            sealed_free(&batches[i]);
        }
    }
}

/* Those that are whole make no room for what follows: a device that has more than may wait comes to its end, in turns. */
static void test_more_batches_in_a_request_than_may_wait(void **state) {
    enum { COUNT = 2 * DROP_WAITING_OF_DEVICE + 1 };
    world *w = *state;
    static sealed_batch batches[COUNT];
    char name[32];
    for (size_t i = 0; i < COUNT; i++) {
        (void)snprintf(name, sizeof name, "many %zu", i);
        sender_batch(&w->phone, name, 1, &batches[i]);
        put(w, &batches[i].records[0]);
    }
    assert_answered(w, "11111111"
                       "222222222");
    for (size_t i = DROP_WAITING_OF_DEVICE; i < COUNT; i++) {
        put(w, &batches[i].records[0]);
    }
    assert_answered(w, "111111112");
    put(w, &batches[COUNT - 1].records[0]);
    assert_answered(w, "1");
    assert_int_equal(accounts_named(w->h, "many 16 0"), 1);
    assert_int_equal(open_reviews(w->h), 0);
    for (size_t i = 0; i < COUNT; i++) {
        sealed_free(&batches[i]);
    }
}

static void test_how_long_a_batch_waits(void **state) {
    world *w = *state;
    for (int past = 0; past <= 1; past++) {
        sealed_batch batch;
        sender_start(w->h, &w->phone, 1100 + (rove_replica)past, w->phone.user);
        sender_batch(&w->phone, "left", 2, &batch);
        put(w, &batch.records[0]);
        assert_answered(w, "2");
        w->h->clock.offset_ms += DROP_WAITING_MS + (past == 0 ? -1 : 1) * MINUTES;
        put(w, &batch.records[1]);
        assert_answered(w, past == 0 ? "1" : "2");
        sealed_free(&batch);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    (void)signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        TEST(test_a_batch_is_taken),
        TEST(test_any_order_in_one_request),
        TEST(test_a_batch_comes_in_pieces),
        TEST(test_headquarters_is_restarted_in_between),
        TEST(test_a_device_keeps_what_no_backup_has),
        TEST(test_a_batch_waits_for_those_before_it),
        TEST(test_a_batch_does_not_wait_for_ever),
        TEST(test_a_certificate_that_has_ended_counts),
        TEST(test_work_of_a_revoked_device_lies_before_an_operator),
        TEST(test_hostile_records_in_every_position),
        TEST(test_another_device_signs),
        TEST(test_frames_are_not_what_was_signed),
        TEST(test_what_is_no_list_of_records),
        TEST(test_records_at_their_limit_and_one_past),
        TEST(test_a_body_at_its_limit_and_one_past),
        TEST(test_a_flood_stops_no_exchange),
        TEST(test_requests_of_an_address),
        TEST(test_batches_of_a_device_that_wait),
        TEST(test_more_batches_in_a_request_than_may_wait),
        TEST(test_how_long_a_batch_waits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
