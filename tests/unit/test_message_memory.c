/*
 * Where memory is short while a message is written or read, that is what is said, and nothing is lost of it: at every
 * allocation of every message, and within lists that take many.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "heap.h"
#include "messages.h"
#include "sync.pb-c.h"
#include "wire/batch.h"
#include "wire/frame.h"

enum { LONG = ROVE_SCOPES_MAX, LONGER = ROVE_VERDICTS_MAX };

/* Writes it again and again, each time with one allocation more; *bytes is then the message. */
static void write_short_of_memory(const message_kind *kind, const any_message *message,
                                  rove__buf *bytes) {
    rove_status status = ROVE_NOMEM;

    for (size_t n = 1; status == ROVE_NOMEM; n++) {
        heap h = {.fail_at = n};
        rove_allocator allocator = heap_allocator(&h);
        rove__buf out;

        rove__buf_init(&out, &allocator, ROVE_FRAME_MAX);
        status = kind->write(message, &out);
        rove__buf_free(&out);
        assert_int_equal(h.alive, 0);
    }
    assert_int_equal(status, ROVE_OK);
    rove__buf_reset(bytes);
    assert_int_equal(kind->write(message, bytes), ROVE_OK);
}

static void read_short_of_memory(const message_kind *kind, const rove__buf *bytes) {
    rove_status status = ROVE_NOMEM;
    any_message message;

    for (size_t n = 1; status == ROVE_NOMEM; n++) {
        heap h = {.fail_at = n};
        rove_allocator allocator = heap_allocator(&h);
        rove__arena arena;

        rove__arena_init(&arena, &allocator, ROVE_MESSAGE_ARENA_MAX);
        status = kind->read(&message, bytes->data, bytes->size, &arena);
        rove__arena_free(&arena);
        assert_int_equal(h.alive, 0);
    }
    assert_int_equal(status, ROVE_OK);
}

static void try_all(const message_kind *kind, const any_message *message) {
    heap h = {0};
    rove_allocator allocator = heap_allocator(&h);
    rove__buf bytes;

    rove__buf_init(&bytes, &allocator, 4 * ROVE_FRAME_MAX);
    write_short_of_memory(kind, message, &bytes);
    read_short_of_memory(kind, &bytes);
    rove__buf_free(&bytes);
    assert_int_equal(h.alive, 0);
}

static void a_lack_of_memory_is_reported_and_leaks_nothing(void **state) {
    (void)state;
    for (size_t i = 0; i < MESSAGE_KINDS; i++) {
        any_message message;

        message_kinds[i].fill(&message);
        try_all(&message_kinds[i], &message);
    }
}

/* Lists so long that what is made of them takes many allocations. */
static rove__verdict verdicts[LONGER];
static rove__canonical canonicals[LONGER];
static rove__rename renames[LONGER];
static rove__origin origins[LONGER];
static rove__former formers[ROVE_FORMERS_MAX];
static rove__scope_digest digests[LONG];
static rove__bucket_digest buckets[ROVE_BUCKETED_MAX];
static rove__portion portions[LONG];
static rove__scope scopes[LONG];
static rove_id held[ROVE_HELD_MAX];

static void fill_lists(void) {
    for (size_t i = 0; i < LONGER; i++) {
        verdicts[i] = (rove__verdict){6, (rove_id)i + 1, 0, ROVE_VERDICT_LOST, ROVE_OK, ""};
        canonicals[i] = (rove__canonical){(rove_id)i + 1, 6, 0, 1000 + i, 2000};
        renames[i] = (rove__rename){6, (rove_id)i + 1, {5000, 9}, (rove_id)i + 9};
        origins[i] = (rove__origin){7000 + i, 9};
    }
    for (size_t i = 0; i < ROVE_HELD_MAX; i++) {
        held[i] = (rove_id)i + 1;
    }
    for (size_t i = 0; i < ROVE_FORMERS_MAX; i++) {
        formers[i] = (rove__former){9, i + 1, {{1}}, 401};
    }
    for (size_t i = 0; i < LONG; i++) {
        digests[i].scope.root = (rove_id)(LONG - i);
        portions[i].scope.root = (rove_id)(LONG - i);
        scopes[i].root = (rove_id)(LONG - i);
    }
}

static void a_lack_of_memory_within_a_long_list_is_reported(void **state) {
    (void)state;
    fill_lists();
    rove__ack ack = sample_ack;
    ack.verdicts = verdicts;
    ack.canonicals = canonicals;
    ack.renames = renames;
    ack.verdict_count = LONGER;
    ack.canonical_count = ack.rename_count = 4000;
    any_message messages[] = {
        {.ack = ack},
        {.renumber = {renames, LONGER, {NULL, 0}}},
        {.need_row = {origins, LONGER}},
        {.formers = {formers, ROVE_FORMERS_MAX, 1}},
        {.digest = {.items = digests,
                    .count = LONG,
                    .last = 1,
                    .buckets = buckets,
                    .bucket_count = ROVE_BUCKETED_MAX,
                    .fetched = portions,
                    .fetched_count = ROVE_FETCHED_MAX}},
        {.differ = {portions, LONG, portions, ROVE_FETCHED_MAX}},
        {.digest = {.items = digests,
                    .count = 60, /* so that the buckets' scopes are what does not fit */
                    .buckets = buckets,
                    .bucket_count = ROVE_BUCKETED_MAX}},
        {.page = {.has_held = 1,
                  .held = held,
                  .held_count = ROVE_HELD_MAX,
                  .left = scopes,
                  .left_count = LONG,
                  .begin = portions,
                  .begin_count = LONG,
                  .done = scopes,
                  .done_count = LONG}},
    };
    static const char *const names[] = {"ack",    "renumber", "need_row", "formers",
                                        "digest", "differ",   "digest",   "page"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        try_all(kind_of(names[i]), &messages[i]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_lack_of_memory_is_reported_and_leaks_nothing),
        cmocka_unit_test(a_lack_of_memory_within_a_long_list_is_reported),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
