/*
 * The digest's term of a row: golden bytes, and what it depends on and what not (rule G1).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "hex.h"
#include "model/digest.h"
#include "rows.h"

#define STAMP    0x018cc251f4000001u
#define VISIT_ID ((rove_id)7 << 32 | 5)

static const uint8_t KEY[ROVE_HASH_KEY_SIZE] = {0, 1, 2,  3,  4,  5,  6,  7,
                                                8, 9, 10, 11, 12, 13, 14, 15};

static heap memory;
static rove_allocator allocator;
static rove__registry *registry;
static rove__arena arena;
static rove__buf scratch;

static int setup(void **state) {
    (void)state;
    memory = (heap){0};
    allocator = heap_allocator(&memory);
    rove__arena_init(&arena, &allocator, (size_t)64 * 1024 * 1024);
    rove__buf_init(&scratch, &allocator, (size_t)1024 * 1024);
    return rove__registry_new(&allocator, &registry) == ROVE_OK ? 0 : -1;
}

static int teardown(void **state) {
    (void)state;
    rove__registry_free(registry);
    rove__buf_free(&scratch);
    rove__arena_free(&arena);
    assert_int_equal(memory.alive, 0);
    return 0;
}

static rove__hash128 term_of(const rove__row *row, const rove__clock *clock) {
    rove__hash128 term;

    assert_int_equal(rove__digest_term(KEY, row, clock, &scratch, &term), ROVE_OK);
    return term;
}

static void set_named(rove__row *row, const char *name, rove_value value) {
    int ordinal = rove__entity_field_named(row->entity, name);

    assert_true(ordinal >= 0);
    rove__row_set(row, (size_t)ordinal, value);
}

static rove__clock sample_clock(uint64_t seq) {
    rove__clock_entry later = {11, 1, {STAMP + 0x20000 + 0x3e80000, 9}, seq};
    rove__clock_entry earlier = {14 << 16 | 2, 0, {STAMP + 0x20000 - 1, 300}, seq};
    rove__clock_entry only_seq = {5, 0, {STAMP + 0x20000, 7}, seq};
    rove__clock clock;

    rove__clock_init(&clock, (rove__origin){STAMP, 7}, (rove__version){STAMP + 0x20000, 7}, 0);
    assert_int_equal(rove__clock_set(&clock, &arena, later), ROVE_OK);
    assert_int_equal(rove__clock_set(&clock, &arena, earlier), ROVE_OK);
    assert_int_equal(rove__clock_set(&clock, &arena, only_seq), ROVE_OK);
    return clock;
}

/* A visit with a set, a custom field, and fields that this build does not know. */
static rove__row sample_row(void) {
    rove__custom custom = {.entity = 13,
                           .number = 1000,
                           .name = "shelf_count",
                           .type = ROVE_INT,
                           .min = -10,
                           .max = 10};
    rove__element contact = {.value = rove__value_int(3), .version = {STAMP, 7}};
    rove__set contacts = {ROVE_SET_VERSIONED, &contact, 1};
    rove__extra *extra = rove__arena_take(&arena, 2 * sizeof *extra);
    rove_value value;
    rove__row row;

    assert_int_equal(rove__registry_add_custom(registry, &custom, NULL), ROVE_OK);
    assert_int_equal(
        rove__row_init(&row, rove__registry_by_name(registry, "Visit"), VISIT_ID, &arena), ROVE_OK);
    assert_int_equal(rove__set_value(&contacts, &arena, &value), ROVE_OK);
    set_named(&row, "contact_ids", value);
    set_named(&row, "account_id", rove__value_int((int64_t)1 << 32 | 9));
    set_named(&row, "status", rove__value_int(2));
    set_named(&row, "notes", rove__value_text("ok"));
    set_named(&row, "checkin_latitude", rove__value_int(-900000000));
    set_named(&row, "shelf_count", rove__value_int(-1));
    extra[0] = (rove__extra){900, rove__value_real(1.5)};
    extra[1] = (rove__extra){99 << 16 | 1, rove__value_text("x")};
    row.extra = extra;
    row.extra_count = 2;
    return row;
}

static void the_term_is_the_golden_one(void **state) {
    static const char *const golden =
        "0d000000070000000501018cc251f4000001078080100702178080c03e090184807001ac02"
        "0201928080802003040d01010106018cc251f4000001070b01041303026f6b8407023ff8000000000000"
        "e807010181804001ffa3a7da0681808c03030178";
    rove__row row = sample_row();
    rove__clock clock = sample_clock(0);
    rove__hash128 term = term_of(&row, &clock);

    (void)state;
    assert_true(hex_equal(scratch.data, scratch.size, golden));
    assert_true(term.low == UINT64_C(0x0a50eda21e4379f3));
    assert_true(term.high == UINT64_C(0x6b549000ab55f1f0));
}

static void seqs_nulls_and_derived_fields_do_not_count(void **state) {
    rove__row row = sample_row();
    rove__row method;
    rove__clock clock = sample_clock(0);
    rove__clock with_seqs = sample_clock(900);
    rove__hash128 term = term_of(&row, &clock);
    int normalised = 0;

    (void)state;
    with_seqs.seq = 800;
    assert_true(rove__hash128_equal(term, term_of(&row, &with_seqs)));
    set_named(&row, "outcome", rove__value_null());
    assert_true(rove__hash128_equal(term, term_of(&row, &clock)));

    assert_int_equal(
        rove__row_init(&method, rove__registry_by_name(registry, "ContactMethod"), 5, &arena),
        ROVE_OK);
    normalised = rove__entity_field_named(method.entity, "normalised");
    assert_int_equal(method.entity->fields[normalised].kind, ROVE_KIND_DERIVED);
    term = term_of(&method, &clock);
    set_named(&method, "normalised", rove__value_text("5550132"));
    assert_true(rove__hash128_equal(term, term_of(&method, &clock)));
}

static void everything_else_counts(void **state) {
    rove__row row = sample_row();
    rove__clock clock = sample_clock(0);
    rove__hash128 term = term_of(&row, &clock);
    uint8_t other_key[ROVE_HASH_KEY_SIZE] = {0};
    rove__hash128 other;

    (void)state;
    assert_int_equal(rove__digest_term(other_key, &row, &clock, &scratch, &other), ROVE_OK);
    assert_false(rove__hash128_equal(term, other));
    row.id++;
    assert_false(rove__hash128_equal(term, term_of(&row, &clock)));
    row.id--;
    row.extra[0].value = rove__value_real(1.25);
    assert_false(rove__hash128_equal(term, term_of(&row, &clock)));
    row.extra[0].value = rove__value_real(1.5);
    set_named(&row, "shelf_count", rove__value_int(0));
    assert_false(rove__hash128_equal(term, term_of(&row, &clock)));
    set_named(&row, "shelf_count", rove__value_int(-1));
    clock.entries[clock.count - 1].version.replica++;
    assert_false(rove__hash128_equal(term, term_of(&row, &clock)));
    clock.entries[clock.count - 1].version.replica--;
    clock.entries[1].epoch++;
    assert_false(rove__hash128_equal(term, term_of(&row, &clock)));
    clock.entries[1].epoch--;
    assert_true(rove__hash128_equal(term, term_of(&row, &clock)));
}

/* A build that does not know an entity or a field keeps the same digest as one that does. */
static void what_a_build_knows_makes_no_difference(void **state) {
    rove__row known = sample_row();
    rove__clock clock = sample_clock(0);
    rove__hash128 term = term_of(&known, &clock);
    rove__extra extra[16];
    rove__row raw;
    size_t next = 0;

    (void)state;
    assert_int_equal(rove__row_init(&raw, NULL, VISIT_ID, &arena), ROVE_OK);
    raw.entity_number = known.entity_number;
    raw.extra = extra;
    for (size_t i = 0; i < known.cell_count; i++) {
        size_t ordinal = known.entity->by_number->ordinals[i];
        uint32_t number = known.entity->fields[ordinal].number;
        while (next < known.extra_count && known.extra[next].number < number) {
            extra[raw.extra_count++] = known.extra[next++];
        }
        if (known.cells[ordinal].type != ROVE_NULL) {
            extra[raw.extra_count++] = (rove__extra){number, known.cells[ordinal]};
        }
    }
    while (next < known.extra_count) {
        extra[raw.extra_count++] = known.extra[next++];
    }
    assert_true(rove__hash128_equal(term, term_of(&raw, &clock)));
}

static void short_room_is_reported(void **state) {
    rove__row row = sample_row();
    rove__clock clock = sample_clock(0);
    rove__buf small;
    rove__hash128 term;

    (void)state;
    rove__buf_init(&small, &allocator, 50);
    assert_int_equal(rove__digest_term(KEY, &row, &clock, &small, &term), ROVE_TOO_BIG);
    rove__buf_free(&small);
    rove__buf_init(&small, &allocator, 1000);
    memory.fail_at = memory.calls + 1;
    assert_int_equal(rove__digest_term(KEY, &row, &clock, &small, &term), ROVE_NOMEM);
    rove__buf_free(&small);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_term_is_the_golden_one, setup, teardown),
        cmocka_unit_test_setup_teardown(seqs_nulls_and_derived_fields_do_not_count, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(everything_else_counts, setup, teardown),
        cmocka_unit_test_setup_teardown(what_a_build_knows_makes_no_difference, setup, teardown),
        cmocka_unit_test_setup_teardown(short_room_is_reported, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
