/*
 * The three forms of a set's cell: what is written is read, one meaning has one encoding, and no bytes
 * whatever do harm.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "hex.h"
#include "model/set.h"
#include "rows.h"

#define STAMP 0x018cc251f4000001u

static heap memory;
static rove_allocator allocator;
static rove__arena arena;

static int setup(void **state) {
    (void)state;
    memory = (heap){0};
    allocator = heap_allocator(&memory);
    rove__arena_init(&arena, &allocator, (size_t)64 * 1024 * 1024);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    rove__arena_free(&arena);
    assert_int_equal(memory.alive, 0);
    return 0;
}

static int sets_equal(const rove__set *a, const rove__set *b) {
    if (a->form != b->form || a->count != b->count) {
        return 0;
    }
    for (size_t i = 0; i < a->count; i++) {
        const rove__element *x = &a->elements[i];
        const rove__element *y = &b->elements[i];
        if (!rove__value_equal(&x->value, &y->value) || x->action != y->action ||
            x->raw != y->raw || rove__version_compare(x->version, y->version) != 0) {
            return 0;
        }
    }
    return 1;
}

static rove_status read_hex(const char *text, rove__set *set) {
    uint8_t *bytes = rove__arena_take(&arena, 4096);
    size_t size = hex_read(text, bytes, 4096);
    rove_value value = rove__value_bytes(ROVE_BLOB, bytes, size);

    return rove__set_read(set, &value, ROVE_SET_PLAIN, &arena);
}

static void check_golden(const rove__set *set, const char *golden) {
    rove_value value;
    rove__set again;

    assert_int_equal(rove__set_value(set, &arena, &value), ROVE_OK);
    assert_int_equal(value.type, ROVE_BLOB);
    assert_true(hex_equal(value.as.data, value.size, golden));
    assert_int_equal(read_hex(golden, &again), ROVE_OK);
    assert_true(sets_equal(set, &again));
}

static const char *const GOLDEN_PLAIN = "00030109010601d804";
static const char *const GOLDEN_VERSIONED =
    "0102030441636d65018cc251f4000001070303e5aea2018cc251f4000002ac02";
static const char *const GOLDEN_DELTA =
    "0202010601018cc251f4000006010802018cc251f4000007018cc251f400000107";

static void the_encodings_are_the_golden_ones(void **state) {
    rove__element numbers[] = {{.value = rove__value_int(-5)},
                               {.value = rove__value_int(3)},
                               {.value = rove__value_int(300)}};
    rove__element names[] = {
        {.value = rove__value_text("Acme"), .version = {STAMP, 7}},
        {.value = rove__value_text("\xe5\xae\xa2"), .version = {STAMP + 1, 300}}};
    rove__element acts[] = {{.value = rove__value_int(3), .action = ROVE_SET_ADD, .raw = STAMP + 5},
                            {.value = rove__value_int(4),
                             .action = ROVE_SET_REMOVE,
                             .raw = STAMP + 6,
                             .version = {STAMP, 7}}};

    (void)state;
    check_golden(&(rove__set){ROVE_SET_PLAIN, numbers, 3}, GOLDEN_PLAIN);
    check_golden(&(rove__set){ROVE_SET_VERSIONED, names, 2}, GOLDEN_VERSIONED);
    check_golden(&(rove__set){ROVE_SET_DELTA, acts, 2}, GOLDEN_DELTA);
}

static void an_empty_set_is_null_but_an_empty_delta_is_not(void **state) {
    rove_value value;
    rove__set set;

    (void)state;
    for (int form = ROVE_SET_PLAIN; form <= ROVE_SET_VERSIONED; form++) {
        rove__set empty = {.form = (rove__set_form)form};
        assert_int_equal(rove__set_value(&empty, &arena, &value), ROVE_OK);
        assert_int_equal(value.type, ROVE_NULL);
        assert_int_equal(rove__set_read(&set, &value, (rove__set_form)form, &arena), ROVE_OK);
        assert_true(sets_equal(&set, &empty));
    }
    assert_int_equal(rove__set_value(&(rove__set){.form = ROVE_SET_DELTA}, &arena, &value),
                     ROVE_OK);
    assert_true(hex_equal(value.as.data, value.size, "0200"));
    assert_int_equal(rove__set_read(&set, &value, ROVE_SET_PLAIN, &arena), ROVE_OK);
    assert_int_equal(set.form, ROVE_SET_DELTA);
}

static void what_is_written_is_read_whatever_it_is(void **state) {
    uint64_t seed = 3;

    (void)state;
    for (int run = 0; run < 3000; run++) {
        rove__set set = random_set(&seed, &arena, (rove__set_form)(run % 3),
                                   run % 2 ? ROVE_INT : ROVE_TEXT, 30);
        rove__set again;
        rove_value value;
        assert_int_equal(rove__set_value(&set, &arena, &value), ROVE_OK);
        assert_int_equal(rove__set_read(&again, &value, set.form, &arena), ROVE_OK);
        assert_true(sets_equal(&set, &again));
        rove__arena_reset(&arena);
    }
}

static void an_element_is_found_or_its_place(void **state) {
    rove__set set;
    int found = 0;

    (void)state;
    assert_int_equal(read_hex(GOLDEN_PLAIN, &set), ROVE_OK);
    assert_int_equal(rove__set_find(&set, &(rove_value){ROVE_INT, 0, {3}}, &found), 1);
    assert_true(found);
    assert_int_equal(rove__set_find(&set, &(rove_value){ROVE_INT, 0, {4}}, &found), 2);
    assert_false(found);
    assert_int_equal(rove__set_find(&set, &(rove_value){ROVE_INT, 0, {-9}}, &found), 0);
    assert_int_equal(rove__set_find(&set, &(rove_value){ROVE_INT, 0, {301}}, &found), 3);
    assert_false(found);
}

/* Whatever bytes are accepted are exactly those that the set is written as. */
static void one_meaning_has_one_encoding(void **state) {
    static const char *const golden[3] = {GOLDEN_PLAIN, GOLDEN_VERSIONED, GOLDEN_DELTA};
    uint64_t seed = 4;
    uint8_t bytes[64];
    int accepted = 0;

    (void)state;
    for (int run = 0; run < 200000; run++) {
        size_t size = hex_read(golden[run % 3], bytes, sizeof bytes);
        rove_value value = rove__value_bytes(ROVE_BLOB, bytes, size);
        rove_value again;
        rove__set set;
        for (uint64_t flips = 1 + dice(&seed) % 3; flips > 0; flips--) {
            bytes[dice(&seed) % size] ^= (uint8_t)(1u << dice(&seed) % 8);
        }
        if (rove__set_read(&set, &value, ROVE_SET_PLAIN, &arena) == ROVE_OK) {
            assert_int_equal(rove__set_value(&set, &arena, &again), ROVE_OK);
            assert_true(rove__value_equal(&value, &again));
            accepted++;
        }
        rove__arena_reset(&arena);
    }
    assert_true(accepted > 1000);
}

static void hostile_bytes_are_corrupt(void **state) {
    static const struct {
        const char *what;
        const char *hex;
    } cases[] = {
        {"nothing", ""},
        {"an unknown form", "0300"},
        {"an empty set that is not NULL", "0000"},
        {"an empty versioned set that is not NULL", "0100"},
        {"a huge count", "00ffffffff0f"},
        {"more elements than allowed", "008104010201040106"},
        {"a count without elements", "0002"},
        {"fewer elements than counted", "00020109"},
        {"a byte too many", "0001010900"},
        {"elements out of order", "000201060109"},
        {"an element twice", "000201060106"},
        {"numbers and texts", "0002010603"
                              "0161"},
        {"a NULL element", "000100"},
        {"a blob element", "0001040161"},
        {"a text that is not UTF-8", "00010301ff"},
        {"a varint not of the shortest form", "0001018600"},
        {"an act that is none", "0201010603018cc251f4000006"},
        {"a raw stamp beyond all time", "02010106018000000000000000"},
        {"a version beyond all time", "01010106800000000000000007"},
        {"a replica above the limit", "01010106018cc251f40000018080808008"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        rove__set set;
        if (read_hex(cases[i].hex, &set) != ROVE_CORRUPT) {
            fail_msg("accepted: %s", cases[i].what);
        }
        assert_int_equal(set.count, 0);
    }
}

static void every_cut_and_every_other_type_is_corrupt(void **state) {
    static const char *const golden[3] = {GOLDEN_PLAIN, GOLDEN_VERSIONED, GOLDEN_DELTA};
    rove_value other = rove__value_int(3);
    rove__set set;

    (void)state;
    assert_int_equal(rove__set_read(&set, &other, ROVE_SET_PLAIN, &arena), ROVE_CORRUPT);
    for (int form = 0; form < 3; form++) {
        uint8_t bytes[64];
        size_t size = hex_read(golden[form], bytes, sizeof bytes);
        for (size_t cut = 0; cut < size; cut++) {
            rove_value value = rove__value_bytes(ROVE_BLOB, bytes, cut);
            assert_int_equal(rove__set_read(&set, &value, ROVE_SET_PLAIN, &arena), ROVE_CORRUPT);
        }
    }
}

static void a_set_has_its_limits(void **state) {
    rove__element *elements =
        rove__arena_take(&arena, (ROVE_SET_ELEMENTS_MAX + 1) * sizeof *elements);
    rove__set set = {ROVE_SET_PLAIN, elements, ROVE_SET_ELEMENTS_MAX};
    uint8_t text[ROVE_SET_TEXT_MAX + 1];
    rove_value value;

    (void)state;
    for (int i = 0; i <= ROVE_SET_ELEMENTS_MAX; i++) {
        elements[i] = (rove__element){.value = rove__value_int(i)};
    }
    assert_int_equal(rove__set_value(&set, &arena, &value), ROVE_OK);
    assert_int_equal(rove__set_read(&set, &value, ROVE_SET_PLAIN, &arena), ROVE_OK);
    assert_int_equal(set.count, ROVE_SET_ELEMENTS_MAX);
    set = (rove__set){ROVE_SET_PLAIN, elements, ROVE_SET_ELEMENTS_MAX + 1};
    assert_int_equal(rove__set_value(&set, &arena, &value), ROVE_TOO_BIG);

    memset(text, 'x', sizeof text);
    elements[0].value = rove__value_bytes(ROVE_TEXT, text, ROVE_SET_TEXT_MAX);
    set.count = 1;
    assert_int_equal(rove__set_value(&set, &arena, &value), ROVE_OK);
    assert_int_equal(rove__set_read(&set, &value, ROVE_SET_PLAIN, &arena), ROVE_OK);
    elements[0].value.size++;
    set.elements = elements;
    assert_int_equal(rove__set_value(&set, &arena, &value), ROVE_OK);
    assert_int_equal(rove__set_read(&set, &value, ROVE_SET_PLAIN, &arena), ROVE_CORRUPT);
}

static void short_memory_is_reported(void **state) {
    uint8_t bytes[64];
    size_t size = hex_read(GOLDEN_PLAIN, bytes, sizeof bytes);
    rove_value value = rove__value_bytes(ROVE_BLOB, bytes, size);
    rove__arena empty;
    rove__set set;

    (void)state;
    rove__arena_init(&empty, &allocator, 4);
    assert_int_equal(rove__set_read(&set, &value, ROVE_SET_PLAIN, &empty), ROVE_NOMEM);
    assert_int_equal(rove__set_read(&set, &value, ROVE_SET_PLAIN, &arena), ROVE_OK);
    assert_int_equal(rove__set_value(&set, &empty, &value), ROVE_NOMEM);
    assert_int_equal(value.type, ROVE_NULL);
    memory.fail_at = memory.calls + 1;
    assert_int_equal(rove__set_value(&set, &arena, &value), ROVE_NOMEM);
    rove__arena_free(&empty);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_encodings_are_the_golden_ones, setup, teardown),
        cmocka_unit_test_setup_teardown(an_empty_set_is_null_but_an_empty_delta_is_not, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(what_is_written_is_read_whatever_it_is, setup, teardown),
        cmocka_unit_test_setup_teardown(an_element_is_found_or_its_place, setup, teardown),
        cmocka_unit_test_setup_teardown(one_meaning_has_one_encoding, setup, teardown),
        cmocka_unit_test_setup_teardown(hostile_bytes_are_corrupt, setup, teardown),
        cmocka_unit_test_setup_teardown(every_cut_and_every_other_type_is_corrupt, setup, teardown),
        cmocka_unit_test_setup_teardown(a_set_has_its_limits, setup, teardown),
        cmocka_unit_test_setup_teardown(short_memory_is_reported, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
