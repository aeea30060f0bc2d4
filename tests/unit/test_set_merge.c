/* Sets: an add always wins, a remove takes away only what its author had seen, the screen agrees. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "heap.h"
#include "merge/merge.h"

#define ROUNDS   300000
#define UNIVERSE 5 /* elements 0 .. 4 */

static heap h;
static rove_allocator allocator;
static rove__arena arena;

static int setup(void **state) {
    (void)state;
    memset(&h, 0, sizeof h);
    allocator = heap_allocator(&h);
    rove__arena_init(&arena, &allocator, 1 << 22);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    rove__arena_free(&arena);
    return h.alive == 0 ? 0 : -1;
}

static rove__set empty(rove__set_form form) {
    rove__set set = {form, NULL, 0};

    set.elements = rove__arena_take(&arena, sizeof *set.elements * 16);
    assert_non_null(set.elements);
    return set;
}

static rove__element *put(rove__set *set, int64_t value) {
    rove__element *element = &set->elements[set->count++];

    memset(element, 0, sizeof *element);
    element->value = rove__value_int(value);
    element->action = ROVE_SET_ADD;
    return element;
}

static void put_version(rove__set *set, int64_t value, rove_stamp stamp, rove_replica replica) {
    rove__version version = {stamp, replica};

    put(set, value)->version = version;
}

static void put_remove(rove__set *set, int64_t value, rove_stamp stamp, rove_replica replica) {
    put_version(set, value, stamp, replica);
    set->elements[set->count - 1].action = ROVE_SET_REMOVE;
}

static unsigned members(const rove__set *set) {
    unsigned bits = 0;

    for (size_t i = 0; i < set->count; i++) {
        assert_true(i == 0 ||
                    set->elements[i - 1].value.as.integer < set->elements[i].value.as.integer);
        bits |= 1u << set->elements[i].value.as.integer;
    }
    return bits;
}

static rove__set random_current(uint64_t *seed) {
    rove__set set = empty(ROVE_SET_VERSIONED);
    uint64_t roll = dice(seed);

    for (int64_t i = 0; i < UNIVERSE; i++, roll /= 8) {
        if (roll & 1) {
            put_version(&set, i, 10 + (roll >> 1 & 1), (rove_replica)(1 + (roll >> 2 & 1)));
        }
    }
    return set;
}

/* A delta by somebody who saw `seen`, perhaps an older version of some elements. */
static rove__set random_delta(uint64_t *seed, const rove__set *seen) {
    rove__set set = empty(ROVE_SET_DELTA);
    uint64_t roll = dice(seed);

    for (int64_t i = 0; i < UNIVERSE; i++, roll /= 16) {
        rove_value value = rove__value_int(i);
        int found = 0;
        size_t at = rove__set_find(seen, &value, &found);
        if ((roll & 3) == 0) {
            put(&set, i);
        } else if ((roll & 3) == 1 && found) {
            rove__version version = seen->elements[at].version;
            put_remove(&set, i, version.stamp - (roll >> 2 & 1), version.replica);
        }
    }
    return set;
}

static rove__set merged(const rove__set *current, const rove__set *delta, rove_stamp stamp,
                        rove_replica author, int own) {
    rove__version version = {stamp, author};
    rove__set result;
    size_t ignored = 0;

    assert_int_equal(rove__merge_set(current, delta, version, own, &arena, &result, &ignored),
                     ROVE_OK);
    assert_int_equal(result.form, ROVE_SET_VERSIONED);
    return result;
}

static void test_concurrent_deltas_commute(void **state) {
    uint64_t seed = 1;

    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        rove__set start = random_current(&seed);
        rove__set a = random_delta(&seed, &start);
        rove__set b = random_delta(&seed, &start);
        rove_stamp stamp = dice(&seed) % 20 + 1;
        rove__set after_a = merged(&start, &a, stamp, 1, 1);
        rove__set after_b = merged(&start, &b, stamp + 1, 2, 1);
        rove__set ab = merged(&after_a, &b, stamp + 1, 2, 1);
        rove__set ba = merged(&after_b, &a, stamp, 1, 1);
        if (members(&ab) != members(&ba)) {
            fail_msg("round %d", round);
        }
        rove__arena_reset(&arena);
    }
}

static void test_every_add_is_there_afterwards(void **state) {
    uint64_t seed = 2;

    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        rove__set start = random_current(&seed);
        rove__set a = random_delta(&seed, &start);
        rove__set b = random_delta(&seed, &start);
        rove__set after = merged(&start, &a, dice(&seed) % 20 + 1, 1, 0);
        unsigned adds = 0;
        for (size_t i = 0; i < a.count; i++) {
            adds |= a.elements[i].action == ROVE_SET_ADD ? 1u << a.elements[i].value.as.integer : 0;
        }
        after = merged(&after, &b, dice(&seed) % 20 + 1, 2, 0);
        if ((members(&after) & adds) != adds) {
            fail_msg("round %d: a remove beat an add that it had not seen", round);
        }
        rove__arena_reset(&arena);
    }
}

static void test_versions_of_adds_only_rise(void **state) {
    uint64_t seed = 3;

    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        rove__set start = random_current(&seed);
        rove__set a = random_delta(&seed, &start);
        rove__set after = merged(&start, &a, dice(&seed) % 20 + 1, 3, 0);
        for (size_t i = 0; i < after.count; i++) {
            int found = 0;
            size_t at = rove__set_find(&start, &after.elements[i].value, &found);
            if (found && after.elements[i].version.replica == 3 &&
                after.elements[i].version.stamp <= start.elements[at].version.stamp) {
                fail_msg("round %d", round);
            }
        }
        rove__arena_reset(&arena);
    }
}

static void test_the_difference_leads_to_what_is_wanted(void **state) {
    uint64_t seed = 4;

    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        rove__set current = random_current(&seed);
        rove__set pending = random_delta(&seed, &current);
        rove__set wanted = empty(ROVE_SET_PLAIN);
        rove__set delta;
        rove__set screen;
        uint64_t roll = dice(&seed);
        for (int64_t i = 0; i < UNIVERSE; i++, roll >>= 1) {
            if (roll & 1) {
                (void)put(&wanted, i);
            }
        }
        assert_int_equal(rove__set_difference(&current, &pending, &wanted, 77, &arena, &delta),
                         ROVE_OK);
        assert_int_equal(delta.form, ROVE_SET_DELTA);
        assert_int_equal(rove__set_overlay(&current, &delta, &arena, &screen), ROVE_OK);
        if (members(&screen) != members(&wanted)) {
            fail_msg("round %d: the screen shows something else", round);
        }
        rove__arena_reset(&arena);
    }
}

static void test_headquarters_agrees_with_the_screen_when_nothing_else_happened(void **state) {
    uint64_t seed = 5;

    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        rove__set current = random_current(&seed);
        rove__set nothing = empty(ROVE_SET_DELTA);
        rove__set wanted = empty(ROVE_SET_PLAIN);
        rove__set between = empty(ROVE_SET_PLAIN);
        rove__set delta;
        rove__set after;
        uint64_t roll = dice(&seed);
        for (int64_t i = 0; i < UNIVERSE; i++, roll >>= 2) {
            if (roll & 1) {
                (void)put(&wanted, i);
            }
            if (roll & 2) {
                (void)put(&between, i);
            }
        }
        assert_int_equal(rove__set_difference(&current, &nothing, &between, 76, &arena, &delta),
                         ROVE_OK);
        assert_int_equal(rove__set_difference(&current, &delta, &wanted, 77, &arena, &delta),
                         ROVE_OK);
        after = merged(&current, &delta, 50, 9, 1);
        if (members(&after) != members(&wanted)) {
            fail_msg("round %d", round);
        }
        rove__arena_reset(&arena);
    }
}

static void test_a_remove_needs_the_version_it_saw_or_its_own_add(void **state) {
    rove__set current = empty(ROVE_SET_VERSIONED);
    rove__set delta = empty(ROVE_SET_DELTA);
    rove__set result;
    rove__version by_two = {20, 2};
    size_t ignored = 9;

    (void)state;
    put_version(&current, 0, 10, 1);
    put_version(&current, 1, 10, 1);
    put_version(&current, 2, 10, 2);
    put_remove(&delta, 0, 10, 1); /* seen */
    put_remove(&delta, 1, 9, 1);  /* an older add */
    put_remove(&delta, 2, 0, 0);  /* its own, still on its way when removed */
    put_remove(&delta, 3, 10, 1); /* gone already */
    assert_int_equal(rove__merge_set(&current, &delta, by_two, 1, &arena, &result, &ignored),
                     ROVE_OK);
    assert_int_equal(members(&result), 1u << 1);
    assert_int_equal(ignored, 1);
    assert_int_equal(rove__merge_set(&current, &delta, by_two, 0, &arena, &result, &ignored),
                     ROVE_OK);
    assert_int_equal(members(&result), 1u << 1 | 1u << 2);
    assert_int_equal(ignored, 2);
}

static void test_the_first_base_counts_when_edits_coalesce(void **state) {
    rove__set current = empty(ROVE_SET_VERSIONED);
    rove__set pending = empty(ROVE_SET_DELTA);
    rove__set wanted = empty(ROVE_SET_PLAIN);
    rove__set delta;

    (void)state;
    put_version(&current, 0, 30, 1); /* refreshed by a page after the remove below */
    put_remove(&pending, 0, 10, 1);
    (void)put(&wanted, 4);
    assert_int_equal(rove__set_difference(&current, &pending, &wanted, 77, &arena, &delta),
                     ROVE_OK);
    assert_int_equal(delta.count, 2);
    assert_int_equal(delta.elements[0].action, ROVE_SET_REMOVE);
    assert_true(delta.elements[0].version.stamp == 10);
    assert_true(delta.elements[1].action == ROVE_SET_ADD && delta.elements[1].raw == 77);
}

static void test_a_set_has_a_largest_size(void **state) {
    rove__set current = {ROVE_SET_VERSIONED, NULL, 0};
    rove__set delta = empty(ROVE_SET_DELTA);
    rove__set result;
    rove__version version = {20, 2};
    size_t ignored = 0;

    (void)state;
    current.elements = rove__arena_take(&arena, sizeof *current.elements * ROVE_SET_ELEMENTS_MAX);
    assert_non_null(current.elements);
    for (int64_t i = 0; i < ROVE_SET_ELEMENTS_MAX - 1; i++) {
        put_version(&current, i, 10, 1);
    }
    (void)put(&delta, ROVE_SET_ELEMENTS_MAX);
    assert_int_equal(rove__merge_set(&current, &delta, version, 0, &arena, &result, &ignored),
                     ROVE_OK);
    assert_int_equal(result.count, ROVE_SET_ELEMENTS_MAX);
    put_version(&current, ROVE_SET_ELEMENTS_MAX - 1, 10, 1);
    assert_int_equal(rove__merge_set(&current, &delta, version, 0, &arena, &result, &ignored),
                     ROVE_TOO_BIG);
}

static void test_out_of_memory_is_reported(void **state) {
    rove__arena small;
    rove__set current = empty(ROVE_SET_VERSIONED);
    rove__set delta = empty(ROVE_SET_DELTA);
    rove__set wanted = empty(ROVE_SET_PLAIN);
    rove__set result;
    rove__version version = {20, 2};
    size_t ignored = 0;
    size_t needed = 0;

    (void)state;
    put_version(&current, 0, 10, 1);
    (void)put(&delta, 1);
    (void)put(&wanted, 2);
    for (;; needed += 8) {
        rove_status status = ROVE_OK;
        rove__arena_init(&small, &allocator, needed);
        status = rove__set_difference(&current, &delta, &wanted, 1, &small, &result);
        rove__arena_free(&small);
        if (status == ROVE_OK) {
            break;
        }
        assert_int_equal(status, ROVE_NOMEM);
    }
    assert_true(needed > 0);
    rove__arena_init(&small, &allocator, 8);
    assert_int_equal(rove__merge_set(&current, &delta, version, 0, &small, &result, &ignored),
                     ROVE_NOMEM);
    assert_int_equal(rove__set_overlay(&current, &delta, &small, &result), ROVE_NOMEM);
    rove__arena_free(&small);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_concurrent_deltas_commute, setup, teardown),
        cmocka_unit_test_setup_teardown(test_every_add_is_there_afterwards, setup, teardown),
        cmocka_unit_test_setup_teardown(test_versions_of_adds_only_rise, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_difference_leads_to_what_is_wanted, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(
            test_headquarters_agrees_with_the_screen_when_nothing_else_happened, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_remove_needs_the_version_it_saw_or_its_own_add,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_first_base_counts_when_edits_coalesce, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_a_set_has_a_largest_size, setup, teardown),
        cmocka_unit_test_setup_teardown(test_out_of_memory_is_reported, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
