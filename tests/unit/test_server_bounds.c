/*
 * How much headquarters holds of what a device pushes: limits at the last that is taken and one past it, and memory that
 * does not grow with a batch.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "site_rep.h"

#define ANNA      INT64_C(0x7000000001)
#define TEXT_MAX  16000u
#define PER_FRAME 12u
/* Of pushing, whatever is in it: a frame, its change, zstd's windows, and the index of as many changes as there may be. */
#define PUSH_MEMORY ((size_t)8 * 1024 * 1024)

typedef struct world {
    site s;
    heap memory; /* of the exchanges alone; headquarters' tables lie in the site's */
    rove_allocator allocator;
    rep anna;
    rove_id account;
    raw_request *request;
    rove__batch_writer *writer;
    rove__buf rows, payload;
    rove__row *row;
    rove__push push; /* the next frame */
    rove__chain hash;
    char text[TEXT_MAX + 1];
} world;

static int setup(void **state) {
    world *w = test_calloc(1, sizeof *w);

    site_open(&w->s);
    rep_open(&w->anna, &w->s, 100, ANNA);
    w->account = site_account(&w->s, "Hotel Adler");
    site_grant(&w->s, ANNA, w->account);
    rep_settle(&w->anna);
    w->allocator = heap_allocator(&w->memory);
    w->s.ports.allocator = &w->allocator;
    memset(w->text, 'n', TEXT_MAX);
    rove__buf_init(&w->rows, &w->s.allocator, ROVE_BATCH_MAX);
    rove__buf_init(&w->payload, &w->s.allocator, ROVE_FRAME_MAX);
    assert_int_equal(rove__batch_writer_new(&w->s.allocator, ROVE_BATCH_MAX, &w->writer), ROVE_OK);
    *state = w;
    return 0;
}

static int teardown(void **state) {
    world *w = *state;

    rove__batch_writer_free(w->writer);
    rove__buf_free(&w->rows);
    rove__buf_free(&w->payload);
    rep_close(&w->anna);
    site_close(&w->s);
    assert_int_equal(w->memory.alive, 0);
    test_free(w);
    return 0;
}

/* ---- making requests --------------------------------------------------------------------------------------- */

static void begin(world *w) {
    w->request = raw_open(&w->anna);
    raw_hello(w->request, NULL);
    w->push = (rove__push){
        .number = w->anna.acked + 1, .schema = ROVE_SCHEMA_VERSION, .previous = w->anna.chain};
    w->hash = (rove__chain){{0}};
}

/* The frame of the changes added since the last one. */
static void end_frame(world *w, int last) {
    rove__buf_reset(&w->rows);
    assert_int_equal(rove__batch_finish(w->writer, &w->rows), ROVE_OK);
    w->push.rows = (rove__bytes){w->rows.data, w->rows.size};
    w->push.last = last;
    assert_int_equal(rove__exchange_hash(&w->s.crypto, w->push.rows, &w->hash), ROVE_OK);
    rove__buf_reset(&w->payload);
    assert_int_equal(rove__push_write(&w->push, &w->payload), ROVE_OK);
    raw_frame(w->request, ROVE_FRAME_PUSH, w->payload.data, w->payload.size);
    w->push.ordinal++;
    if (last) {
        w->push.number++;
        w->push.ordinal = 0;
        assert_int_equal(
            rove__exchange_chain(&w->s.crypto, &w->push.previous, &w->hash, &w->push.previous),
            ROVE_OK);
        w->hash = (rove__chain){{0}};
    }
}

static void send(world *w, rep_outcome *outcome) {
    w->memory.most = w->memory.bytes;
    w->s.files.most = 0;
    raw_end(w->request);
    raw_answer(w->request, 0, outcome);
    assert_int_equal(w->s.files.open, 0);
}

static void add(world *w, rove__row *row) {
    rove__change change = {.op = ROVE_OP_INSERT,
                           .row = *row,
                           .clock = {.origin = {rep_stamp(&w->anna), w->anna.replica}},
                           .cursor = w->anna.cursor,
                           .replica = w->anna.replica};

    change.row.id = rep_id(&w->anna);
    assert_int_equal(rove__batch_add(w->writer, &change), ROVE_OK);
}

static rove__row *note(world *w, size_t text) {
    rove__row *row = site_row(&w->s, "Note", 0);

    site_int(row, "about_id", w->account);
    site_int(row, "created_at", SITE_NOW);
    site_set(row, "text", rove__value_bytes(ROVE_TEXT, w->text, text));
    return row;
}

/* A batch of full frames of notes. */
static void notes(world *w, size_t frames) {
    rove__row *row = note(w, TEXT_MAX);

    for (size_t f = 0; f < frames; f++) {
        for (size_t i = 0; i < PER_FRAME; i++) {
            add(w, row);
        }
        end_frame(w, f + 1 == frames);
    }
}

/* ---- limits ------------------------------------------------------------------------------------------------ */

/* A batch that is taken is looked at, and another one comes before it. */
static void expect_taken(world *w, int taken) {
    rep_outcome outcome;

    send(w, &outcome);
    assert_int_equal(outcome.failed, taken ? ROVE_OK : ROVE_TOO_BIG);
    assert_int_equal(outcome.need, taken ? w->anna.acked + 1 : 0);
    assert_true(w->memory.most < PUSH_MEMORY);
}

/* So many changes with one cell each. */
static void many_changes(world *w, size_t count) {
    rove__row *row = site_row(&w->s, "Account", 0);

    site_text(row, "name", "n");
    begin(w);
    w->push.number++;
    for (size_t i = 0; i < count; i++) {
        add(w, row);
        if ((i + 1) % 4096 == 0 || i + 1 == count) {
            end_frame(w, i + 1 == count);
        }
    }
}

static void a_batch_has_as_many_changes_as_it_may(void **state) {
    world *w = *state;

    many_changes(w, ROVE_PUSH_CHANGES_MAX + 1);
    expect_taken(w, 0);
    many_changes(w, ROVE_PUSH_CHANGES_MAX);
    expect_taken(w, 1);
}

/* Changes of eight cells, and one more cell if wanted. */
static void much_weight(world *w, size_t weight) {
    static const char *const fields[] = {"name",         "phone",          "website",
                                         "billing_city", "billing_street", "billing_country",
                                         "email",        "member_number",  "description"};
    rove__row *row = site_row(&w->s, "Account", 0);

    for (size_t i = 0; i < 8; i++) {
        site_text(row, fields[i], "n");
    }
    begin(w);
    w->push.number++;
    for (size_t done = 0; done < weight;) {
        if (weight - done == 9) {
            site_text(row, fields[8], "n");
        }
        add(w, row);
        done += rove__row_count(row);
        if (done % 32768 == 0 || done == weight) {
            end_frame(w, done == weight);
        }
    }
}

static void a_batch_has_as_much_weight_as_it_may(void **state) {
    world *w = *state;

    much_weight(w, ROVE_PUSH_WEIGHT_MAX + 1);
    expect_taken(w, 0);
    much_weight(w, ROVE_PUSH_WEIGHT_MAX);
    expect_taken(w, 1);
}

/* Eight long notes, and a short one. */
static void add_notes(world *w, size_t text) {
    for (size_t i = 0; i < 8; i++) {
        add(w, note(w, TEXT_MAX));
    }
    add(w, note(w, text));
}

/* 128 frames of 128 KiB; `more` bytes in the last. */
static void many_bytes(world *w, size_t more) {
    begin(w);
    w->push.number++;
    for (size_t f = 0; f < ROVE_PUSH_FRAMES_MAX; f++) {
        size_t wanted = ROVE_BATCH_BYTES_MAX / ROVE_PUSH_FRAMES_MAX;
        size_t text = 2000;
        wanted += f + 1 == ROVE_PUSH_FRAMES_MAX ? more : 0;
        add_notes(w, text);
        rove__buf_reset(&w->rows);
        assert_int_equal(rove__batch_finish(w->writer, &w->rows), ROVE_OK);
        add_notes(w, text + wanted - w->rows.size);
        end_frame(w, f + 1 == ROVE_PUSH_FRAMES_MAX);
        assert_int_equal(w->rows.size, wanted);
    }
}

static void a_batch_has_as_many_bytes_as_it_may(void **state) {
    world *w = *state;

    many_bytes(w, 1);
    expect_taken(w, 0);
    many_bytes(w, 0);
    expect_taken(w, 1);
}

/* All batches of one exchange have at most what one may have: what is past it comes again with the next. */
static void a_batch_that_does_not_fit_any_more_comes_later(void **state) {
    world *w = *state;
    rep_outcome outcome;

    begin(w);
    notes(w, 50);
    notes(w, 50);
    send(w, &outcome);
    assert_int_equal(outcome.failed, ROVE_OK);
    assert_int_equal(outcome.stats.batches, 1);
    assert_int_equal(outcome.acks, 1);
    assert_true(outcome.more);
}

static void more_row_frames_than_a_device_sends_are_refused(void **state) {
    world *w = *state;
    rep_outcome outcome;
    rove__row *row = site_row(&w->s, "Account", (rove_id)200 << 32 | 1);
    rove__change change = {.op = ROVE_OP_WHOLE, .row = *row};

    change.clock.origin = change.clock.base = (rove__version){SITE_NOW << 16, 200};
    for (size_t count = 64; count <= 65; count++) {
        begin(w);
        for (size_t i = 0; i < count; i++) {
            rove__buf_reset(&w->rows);
            assert_int_equal(rove__batch_add(w->writer, &change), ROVE_OK);
            assert_int_equal(rove__batch_finish(w->writer, &w->rows), ROVE_OK);
            raw_frame(w->request, ROVE_FRAME_ROW, w->rows.data, w->rows.size);
        }
        send(w, &outcome);
        assert_int_equal(outcome.failed, count == 64 ? ROVE_OK : ROVE_PROTOCOL);
    }
}

/* ---- memory ------------------------------------------------------------------------------------------------ */

static size_t memory_of_pushing(world *w, size_t frames) {
    rep_outcome outcome;

    begin(w);
    notes(w, frames);
    w->anna.lose_answer = 1;
    send(w, &outcome);
    assert_int_equal(outcome.failed, ROVE_OK);
    assert_int_equal(outcome.stats.batches, 1);
    assert_true(w->s.files.most >= frames * PER_FRAME * TEXT_MAX);
    w->anna.acked++;
    w->anna.chain = w->push.previous;
    return w->memory.most;
}

/* Staged, judged and answered. */
static void eight_times_as_much_takes_no_more_memory(void **state) {
    world *w = *state;
    size_t little = memory_of_pushing(w, 10);
    size_t much = memory_of_pushing(w, 80);

    assert_true(little < 5 * 1024 * 1024);
    assert_true(much < little + 256 * 1024);
}

#define SESSIONS 100u

/* While they send, each has its part of a frame; while they wait for the committing thread, an index. */
static void a_hundred_devices_push_at_once(void **state) {
    world *w = *state;
    const rove__server_policy policy = {.poll_ms = 60000};
    const size_t chunk = 16 * 1024;
    rove__server *sessions[SESSIONS];

    begin(w);
    notes(w, 11); /* 2 MiB */
    raw_end(w->request);
    rove__buf bytes = raw_bytes(w->request);
    w->memory.most = w->memory.bytes;
    for (size_t i = 0; i < SESSIONS; i++) {
        assert_int_equal(
            rove__server_new(&w->s.ports, &policy, w->anna.replica, w->s.now_ms, &sessions[i]),
            ROVE_OK);
    }
    for (size_t at = 0; at < bytes.size; at += chunk) {
        size_t some = bytes.size - at < chunk ? bytes.size - at : chunk;
        for (size_t i = 0; i < SESSIONS; i++) {
            assert_int_equal(rove__server_receive(sessions[i], bytes.data + at, some), ROVE_OK);
        }
    }
    assert_true(w->memory.most < SESSIONS * 1536 * 1024);
    assert_true(w->s.files.bytes > SESSIONS * 2 * 1000 * 1000);
    for (size_t i = 0; i < SESSIONS; i++) {
        assert_int_equal(rove__server_received(sessions[i]), ROVE_OK);
        assert_true(rove__server_wants_commit(sessions[i]));
    }
    assert_true(w->memory.bytes < SESSIONS * 256 * 1024);
    for (size_t i = 0; i < SESSIONS; i++) {
        rove__server_free(sessions[i]);
    }
    rove__buf_free(&bytes);
}

/* ---- faults ------------------------------------------------------------------------------------------------ */

static void a_spool_that_fails_anywhere_loses_nothing(void **state) {
    world *w = *state;
    rep_outcome outcome = {.failed = ROVE_SERVER};
    uint64_t head = memory_headquarters_head(w->s.hq);
    size_t call = 0;

    while (outcome.failed != ROVE_OK) {
        begin(w);
        notes(w, 2);
        w->s.files.calls = 0;
        w->s.files.fail_at = ++call;
        w->s.files.status = call % 2 == 0 ? ROVE_FULL : ROVE_IO;
        send(w, &outcome);
        assert_true(outcome.failed == ROVE_SERVER || outcome.failed == ROVE_OK);
        assert_int_equal(memory_headquarters_head(w->s.hq), head + (outcome.failed == ROVE_OK));
    }
    assert_true(call > 10);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(a_batch_has_as_many_changes_as_it_may),
        CASE(a_batch_has_as_much_weight_as_it_may),
        CASE(a_batch_has_as_many_bytes_as_it_may),
        CASE(a_batch_that_does_not_fit_any_more_comes_later),
        CASE(more_row_frames_than_a_device_sends_are_refused),
        CASE(eight_times_as_much_takes_no_more_memory),
        CASE(a_hundred_devices_push_at_once),
        CASE(a_spool_that_fails_anywhere_loses_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
