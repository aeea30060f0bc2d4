/*
 * What a cursor of any timeline is worth on the head's (T1), and how often headquarters is asked for a timeline.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "heap.h"
#include "sync/timeline.h"

#define MANY 100u

/* Timeline n began where `parted` says, from n + 1; the last one is the first that there was. */
static struct {
    heap h;
    rove_allocator allocator;
    rove__hq_store store;
    rove__hq_head head;
    size_t count;
    uint64_t parted[MANY];
    size_t asked;
    size_t fails_at; /* what was asked then; 0: nothing */
    rove__timelines timelines;
} line;

static rove_status timeline_get(rove__hq_tx *tx, uint64_t timeline, rove__hq_timeline *out) {
    (void)tx;
    line.asked++;
    if (line.asked == line.fails_at) {
        return ROVE_IO;
    }
    if (timeline > line.count) {
        return ROVE_NOT_FOUND;
    }
    *out = (rove__hq_timeline){timeline, timeline == line.count ? 0 : timeline + 1,
                               line.parted[timeline % MANY]};
    return ROVE_OK;
}

static int setup(void **state) {
    uint64_t seed = 5;

    (void)state;
    memset(&line, 0, sizeof line);
    line.allocator = heap_allocator(&line.h);
    line.store.timeline_get = timeline_get;
    line.head = (rove__hq_head){.timeline = 1, .seq = 1000};
    line.count = MANY;
    for (size_t i = 0; i < MANY; i++) {
        line.parted[i] = 900 + dice(&seed) % 200;
    }
    rove__timelines_init(&line.timelines, &line.allocator, &line.store, NULL);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    rove__timelines_free(&line.timelines);
    return line.h.alive != 0;
}

static uint64_t clip(uint64_t timeline, uint64_t seq) {
    uint64_t worth = 1;

    assert_int_equal(
        rove__timelines_clip(&line.timelines, &line.head, (rove__cursor){timeline, seq}, &worth),
        ROVE_OK);
    return worth;
}

/* As it is defined: no further than the least head at which one of those between them began. */
static uint64_t plainly(uint64_t timeline, uint64_t seq) {
    uint64_t worth = seq < line.head.seq ? seq : line.head.seq;

    for (uint64_t i = 1; i < timeline; i++) {
        worth = line.parted[i] < worth ? line.parted[i] : worth;
    }
    return timeline == 1 && seq > line.head.seq ? 0 : worth;
}

static void a_cursor_is_worth_what_both_timelines_have(void **state) {
    uint64_t seed = 6;

    (void)state;
    for (int i = 0; i < 2000; i++) {
        uint64_t timeline = 1 + dice(&seed) % MANY;
        uint64_t seq = dice(&seed) % 2 == 0 ? dice(&seed) % 10 : 850 + dice(&seed) % 300;
        assert_int_equal(clip(timeline, seq), plainly(timeline, seq));
        assert_int_equal(clip(MANY + 1 + dice(&seed) % 9, seq), 0);
        assert_int_equal(clip(0, seq), 0);
    }
    assert_int_equal(line.asked, MANY);
}

static void nothing_is_looked_up_for_a_cursor_of_the_head_or_of_nothing(void **state) {
    (void)state;
    assert_int_equal(clip(1, 7), 7);
    assert_int_equal(clip(1, 1001), 0);
    assert_int_equal(clip(0, 0), 0);
    assert_int_equal(line.asked, 0);
    assert_int_equal(line.h.calls, 0);
}

static void of_a_timeline_that_is_near_the_others_are_not_looked_up(void **state) {
    (void)state;
    assert_int_equal(clip(2, 7), 7);
    assert_int_equal(line.asked, 1);
    assert_int_equal(clip(5, 7), 7);
    assert_true(line.asked < 10);
}

/* A backup can be of a headquarters that has forgotten where its own timeline came from. */
static void beyond_one_that_is_not_there_all_are_unknown(void **state) {
    (void)state;
    line.head.timeline = MANY + 1;
    assert_int_equal(clip(3, 7), 0);
    assert_int_equal(clip(4, 7), 0);
    assert_int_equal(line.asked, 1);
}

static void one_too_far_back_is_unknown(void **state) {
    (void)state;
    line.count = 2 * ROVE_TIMELINES_MAX;
    assert_int_equal(clip(1 + ROVE_TIMELINES_MAX, 7), 7);
    assert_int_equal(clip(2 + ROVE_TIMELINES_MAX, 7), 0);
    assert_int_equal(line.asked, ROVE_TIMELINES_MAX);
}

/* It fails, and the next time goes on from there. */
static void what_failed_can_be_asked_again(void **state) {
    uint64_t seq = 0;
    rove__cursor cursor = {MANY, 950};

    (void)state;
    line.fails_at = 17; /* what was there is known, and room for more */
    assert_int_equal(rove__timelines_clip(&line.timelines, &line.head, cursor, &seq), ROVE_IO);
    assert_int_equal(clip(10, 950), plainly(10, 950));
    line.h.fail_at = line.h.calls + 1;
    assert_int_equal(rove__timelines_clip(&line.timelines, &line.head, cursor, &seq), ROVE_NOMEM);
    assert_int_equal(clip(MANY, 950), plainly(MANY, 950));
    assert_int_equal(line.asked, MANY + 1);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(a_cursor_is_worth_what_both_timelines_have),
        CASE(nothing_is_looked_up_for_a_cursor_of_the_head_or_of_nothing),
        CASE(of_a_timeline_that_is_near_the_others_are_not_looked_up),
        CASE(beyond_one_that_is_not_there_all_are_unknown),
        CASE(one_too_far_back_is_unknown),
        CASE(what_failed_can_be_asked_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
