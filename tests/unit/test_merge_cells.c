/*
 * Registers and ranks: the join of concurrent cells is a join (commutative, associative, idempotent, total),
 * and what causality decides is decided whatever the stamps say.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "heap.h"
#include "merge/merge.h"

#define TRIPLES 1200000

typedef int join(const rove__cell *a, const rove__cell *b);
typedef rove__merged merge(const rove__cell *current, const rove__cell *write, int causal);

/* Few different stamps, replicas, values and epochs, so that ties are frequent. */
static rove__cell random_cell(uint64_t *seed) {
    static const char *const texts[] = {"", "a", "ab", "b"};
    uint64_t roll = dice(seed);
    rove__cell cell;

    cell.version.stamp = roll % 3 + 1;
    cell.version.replica = (rove_replica)(roll / 3 % 2 + 1);
    cell.epoch = (uint32_t)(roll / 6 % 2);
    switch (roll / 12 % 3) {
    case 0:
        cell.value = rove__value_null();
        break;
    case 1:
        cell.value = rove__value_int((int64_t)(roll / 36 % 3) - 1);
        break;
    default:
        cell.value = rove__value_text(texts[roll / 36 % 4]);
        break;
    }
    return cell;
}

static int same(const rove__cell *a, const rove__cell *b, int with_epoch) {
    return rove__version_compare(a->version, b->version) == 0 &&
           rove__value_equal(&a->value, &b->value) && (!with_epoch || a->epoch == b->epoch);
}

static const rove__cell *pick(join *j, const rove__cell *a, const rove__cell *b) {
    return j(a, b) > 0 ? b : a;
}

static void check_join(join *j, int with_epoch) {
    uint64_t seed = 20261123;

    for (int i = 0; i < TRIPLES; i++) {
        rove__cell a = random_cell(&seed);
        rove__cell b = random_cell(&seed);
        rove__cell c = random_cell(&seed);
        const rove__cell *left = pick(j, pick(j, &a, &b), &c);
        const rove__cell *right = pick(j, &a, pick(j, &b, &c));
        if (j(&a, &b) != -j(&b, &a)) {
            fail_msg("round %d: not commutative", i);
        }
        if (!same(left, right, with_epoch)) {
            fail_msg("round %d: not associative", i);
        }
        if (j(&a, &a) != 0 || (j(&a, &b) == 0) != same(&a, &b, with_epoch)) {
            fail_msg("round %d: not idempotent or not total", i);
        }
    }
}

static void test_joins_of_registers_are_joins(void **state) {
    (void)state;
    check_join(rove__merge_join, 0);
}

static void test_joins_of_ranks_are_joins(void **state) {
    (void)state;
    check_join(rove__merge_join_rank, 1);
}

/* Concurrent writes judged in any order leave the same cell. */
static void check_order(merge *m, int with_epoch) {
    static const int orders[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
                                     {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    uint64_t seed = 42;

    for (int i = 0; i < TRIPLES / 6; i++) {
        rove__cell start = random_cell(&seed);
        rove__cell writes[3] = {random_cell(&seed), random_cell(&seed), random_cell(&seed)};
        rove__cell first = start;
        for (int order = 0; order < 6; order++) {
            rove__cell cell = start;
            for (int k = 0; k < 3; k++) {
                const rove__cell *write = &writes[orders[order][k]];
                rove__merged merged = m(&cell, write, 0);
                if (merged.takes) {
                    cell = *write;
                }
                if (rove__version_compare(cell.version, merged.version) != 0) {
                    fail_msg("round %d: the version is not that of the result", i);
                }
            }
            first = order == 0 ? cell : first;
            if (!same(&cell, &first, with_epoch)) {
                fail_msg("round %d: order %d gives another result", i, order);
            }
        }
    }
}

static void test_order_of_concurrent_writes_does_not_matter(void **state) {
    (void)state;
    check_order(rove__merge_register, 0);
    check_order(rove__merge_rank, 1);
}

static void test_a_causal_register_always_wins_and_is_raised(void **state) {
    uint64_t seed = 99;

    (void)state;
    for (int i = 0; i < TRIPLES / 6; i++) {
        rove__cell current = random_cell(&seed);
        rove__cell write = random_cell(&seed);
        rove__merged merged = rove__merge_register(&current, &write, 1);
        if (!merged.takes || merged.conflict || merged.fork ||
            merged.version.replica != write.version.replica ||
            merged.version.stamp <= current.version.stamp ||
            merged.version.stamp < write.version.stamp) {
            fail_msg("round %d", i);
        }
        if (write.version.stamp > current.version.stamp &&
            merged.version.stamp != write.version.stamp) {
            fail_msg("round %d: raised without need", i);
        }
    }
}

static rove__cell cell(const char *text, rove_stamp stamp, rove_replica replica) {
    rove__cell made = {rove__value_text(text), {stamp, replica}, 0};

    return made;
}

static void test_causal_means_seen_or_own(void **state) {
    rove__version v7 = {7, 3};
    rove__version v8 = {8, 3};
    rove__version none = {0, 0};

    (void)state;
    assert_true(rove__merge_causal(v7, v7, 9, 0));
    assert_true(rove__merge_causal(none, none, 9, 0));
    assert_false(rove__merge_causal(v7, v8, 9, 1));
    assert_true(rove__merge_causal(v7, v8, 3, 1));
    assert_false(rove__merge_causal(v7, v8, 3, 0)); /* a batch of a former number */
}

static void test_an_unseen_different_value_is_a_conflict_and_an_equal_one_is_not(void **state) {
    rove__cell current = cell("Monday", 10, 2);
    rove__cell later = cell("Tuesday", 11, 1);
    rove__cell earlier = cell("Tuesday", 9, 3);
    rove__cell equal = cell("Monday", 12, 3);
    rove__merged merged = rove__merge_register(&current, &later, 0);

    (void)state;
    assert_true(merged.takes && merged.conflict && !merged.fork);
    assert_true(merged.version.stamp == 11);
    merged = rove__merge_register(&current, &earlier, 0);
    assert_true(!merged.takes && merged.conflict && !merged.fork);
    assert_true(merged.version.stamp == 10 && merged.version.replica == 2);
    merged = rove__merge_register(&current, &equal, 0);
    assert_true(merged.takes && !merged.conflict && !merged.fork);
}

static void test_equal_versions_with_other_values_raise_the_fork_alarm(void **state) {
    rove__cell low = cell("a", 10, 2);
    rove__cell high = cell("b", 10, 2);
    rove__merged merged = rove__merge_register(&low, &high, 0);

    (void)state;
    assert_true(merged.takes && merged.conflict && merged.fork);
    merged = rove__merge_register(&high, &low, 0);
    assert_true(!merged.takes && merged.conflict && merged.fork);
    merged = rove__merge_register(&low, &low, 0);
    assert_true(!merged.takes && !merged.conflict && !merged.fork);
}

static rove__cell rank(uint32_t epoch, int64_t value, rove_stamp stamp, rove_replica replica) {
    rove__cell made = {rove__value_int(value), {stamp, replica}, epoch};

    return made;
}

static void test_the_furthest_rank_wins_and_a_new_epoch_beats_it(void **state) {
    rove__cell completed = rank(0, 5, 10, 1);
    rove__cell cancelled = rank(0, 4, 99, 2);
    rove__cell reopened = rank(1, 1, 5, 3);
    rove__merged merged = rove__merge_rank(&completed, &cancelled, 0);

    (void)state;
    assert_true(!merged.takes && merged.conflict);
    assert_true(merged.version.stamp == 10);
    merged = rove__merge_rank(&cancelled, &completed, 0);
    assert_true(merged.takes && merged.conflict);
    merged = rove__merge_rank(&completed, &reopened, 0);
    assert_true(merged.takes && merged.conflict && !merged.fork);
    /* An advance that did not know of the downgrade loses to it, and is kept. */
    merged = rove__merge_rank(&reopened, &completed, 0);
    assert_true(!merged.takes && merged.conflict);
}

static void test_a_causal_rank_advances_silently_and_is_raised(void **state) {
    rove__cell planned = rank(0, 1, 50, 1);
    rove__cell started = rank(0, 2, 40, 2);
    rove__merged merged = rove__merge_rank(&planned, &started, 1);

    (void)state;
    assert_true(merged.takes && !merged.conflict && !merged.fork);
    assert_true(merged.version.stamp == 51 && merged.version.replica == 2);
    /* Back without a new epoch is not an explicit act: it loses, but is kept. */
    merged = rove__merge_rank(&started, &planned, 1);
    assert_true(!merged.takes && merged.conflict && !merged.fork);
}

static void test_equal_ranks_are_no_conflict(void **state) {
    rove__cell early = rank(2, 5, 10, 1);
    rove__cell late = rank(2, 5, 11, 1);
    rove__cell other = rank(2, 4, 11, 1);
    rove__merged merged = rove__merge_rank(&early, &late, 0);

    (void)state;
    assert_true(merged.takes && !merged.conflict);
    merged = rove__merge_rank(&late, &early, 0);
    assert_true(!merged.takes && !merged.conflict);
    merged = rove__merge_rank(&late, &other, 0);
    assert_true(!merged.takes && merged.conflict && merged.fork);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_joins_of_registers_are_joins),
        cmocka_unit_test(test_joins_of_ranks_are_joins),
        cmocka_unit_test(test_order_of_concurrent_writes_does_not_matter),
        cmocka_unit_test(test_a_causal_register_always_wins_and_is_raised),
        cmocka_unit_test(test_causal_means_seen_or_own),
        cmocka_unit_test(test_an_unseen_different_value_is_a_conflict_and_an_equal_one_is_not),
        cmocka_unit_test(test_equal_versions_with_other_values_raise_the_fork_alarm),
        cmocka_unit_test(test_the_furthest_rank_wins_and_a_new_epoch_beats_it),
        cmocka_unit_test(test_a_causal_rank_advances_silently_and_is_raised),
        cmocka_unit_test(test_equal_ranks_are_no_conflict),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
