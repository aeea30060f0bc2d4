/* A copied change stands alone, whatever it carries. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "model/change.h"
#include "rows.h"

static rove__change random_change(uint64_t *seed, rove__arena *arena, const rove__entity *entity) {
    rove__change change = {.op = ROVE_OP_UPDATE, .row = random_row(seed, arena, entity)};
    size_t edits = (size_t)dice(seed) % 5;

    rove__clock_init(&change.clock, random_version(seed), random_version(seed), 3);
    for (uint32_t field = 2; field < 6; field++) {
        rove__clock_entry entry = {field, field, random_version(seed), 9};
        assert_int_equal(rove__clock_set(&change.clock, arena, entry), ROVE_OK);
    }
    change.edits = rove__arena_take(arena, (edits + 1) * sizeof *change.edits);
    for (size_t i = 0; i < edits; i++) {
        change.edits[i] = (rove__edit){(uint32_t)i + 2, 0, dice(seed) >> 1, random_version(seed)};
    }
    change.edit_count = edits;
    change.cursor = (rove__cursor){dice(seed), dice(seed)};
    change.replica = 7;
    change.scope = (rove__scope){77, 202601};
    return change;
}

static int changes_equal(const rove__change *a, const rove__change *b) {
    if (a->op != b->op || a->edit_count != b->edit_count || a->replica != b->replica ||
        a->cursor.timeline != b->cursor.timeline || a->cursor.seq != b->cursor.seq ||
        a->scope.root != b->scope.root || a->scope.part != b->scope.part ||
        !rows_equal(&a->row, &b->row) || !rove__clock_equal(&a->clock, &b->clock)) {
        return 0;
    }
    for (size_t i = 0; i < a->edit_count; i++) {
        const rove__edit *x = &a->edits[i];
        const rove__edit *y = &b->edits[i];
        if (x->field != y->field || x->epoch != y->epoch || x->raw != y->raw ||
            rove__version_compare(x->base, y->base) != 0) {
            return 0;
        }
    }
    return 1;
}

static void a_copy_stands_alone(void **state) {
    heap memory = {0};
    rove_allocator allocator = heap_allocator(&memory);
    rove__registry *registry = NULL;
    rove__arena arena;
    uint64_t seed = 8;

    (void)state;
    rove__arena_init(&arena, &allocator, (size_t)16 * 1024 * 1024);
    assert_int_equal(rove__registry_new(&allocator, &registry), ROVE_OK);
    for (int run = 0; run < 100; run++) {
        size_t at = (size_t)dice(&seed) % rove__registry_count(registry);
        rove__arena short_lived;
        rove__change change;
        rove__change copy;
        rove__change again;
        rove__arena_init(&short_lived, &allocator, (size_t)1024 * 1024);
        change = random_change(&seed, &short_lived, rove__registry_at(registry, at));
        assert_int_equal(rove__change_copy(&copy, &change, &arena), ROVE_OK);
        assert_true(changes_equal(&change, &copy));
        assert_int_equal(rove__change_copy(&again, &change, &arena), ROVE_OK);
        rove__arena_free(&short_lived);
        assert_true(changes_equal(&again, &copy));
    }
    rove__arena_free(&arena);
    rove__registry_free(registry);
    assert_int_equal(memory.alive, 0);
}

static void short_memory_is_reported(void **state) {
    heap memory = {0};
    rove_allocator allocator = heap_allocator(&memory);
    rove__registry *registry = NULL;
    rove__arena arena;
    rove__change change;
    rove_status status = ROVE_NOMEM;
    uint64_t seed = 9;

    (void)state;
    rove__arena_init(&arena, &allocator, (size_t)1024 * 1024);
    assert_int_equal(rove__registry_new(&allocator, &registry), ROVE_OK);
    do {
        change = random_change(&seed, &arena, rove__registry_by_name(registry, "Visit"));
    } while (change.edit_count == 0);
    for (size_t size = 0; status != ROVE_OK; size += 8) {
        rove__arena small;
        rove__change copy;
        rove__arena_init(&small, &allocator, size);
        status = rove__change_copy(&copy, &change, &small);
        assert_true(status == ROVE_OK || status == ROVE_NOMEM);
        rove__arena_free(&small);
    }
    rove__arena_free(&arena);
    rove__registry_free(registry);
    assert_int_equal(memory.alive, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_copy_stands_alone),
        cmocka_unit_test(short_memory_is_reported),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
