/*
 * What follows from other fields of a record: the number or address that a way to reach somebody is compared by.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "records.h"
#include "rows.h"
#include "rules/rules.h"

#include "rove/entities.pb-c.h"

enum { PHONE = 1, MOBILE, EMAIL, WECHAT, QQ, WEIBO, SOCIAL, FAX };

static int setup(void **state) {
    records *r = test_calloc(1, sizeof *r);

    *state = r;
    return records_open(r);
}

static int teardown(void **state) {
    records *r = *state;
    int result = records_close(r);

    test_free(r);
    return result;
}

static rove_value derived(records *r, rove_value kind, rove_value value) {
    rove__row *row = records_new(r, "ContactMethod");
    int ordinal = rove__entity_field_named(row->entity, "normalised");

    records_set(row, "kind", kind);
    records_set(row, "value", value);
    records_text(row, "normalised", "what an app put there");
    const rove_value *handed_in = row->cells;
    assert_int_equal(rove__derive(row, &r->arena), ROVE_OK);
    assert_true(row->cells != handed_in);
    assert_string_equal((const char *)handed_in[ordinal].as.data, "what an app put there");
    return row->cells[ordinal];
}

static void what_reaches_somebody_is_comparable(void **state) {
    static const struct {
        int kind;
        const char *text, *expected; /* NULL: nothing to compare */
    } cases[] = {
        {PHONE, "555-0101", "5550101"},
        {MOBILE, "+49 170 555 0101", "+491705550101"},
        {FAX, "0049 (170) 555-0101", "+491705550101"},
        {PHONE, "+49 (0)170 5550101", "+491705550101"},
        {PHONE, "(0)170 5550101", "01705550101"},
        {PHONE, "1 (11) 500 555-0132", "1115005550132"},
        {PHONE, "Tel.: +1 212 555 0101 ext. 12", "+12125550101"},
        {PHONE, "tel:+1-212-555-0101;ext=12", "+12125550101"},
        {PHONE, "+1 212 555 0101,,12#", "+12125550101"},
        {PHONE, "030/555", "030"},
        {PHONE, "\xef\xbc\x8b\xef\xbc\x98\xef\xbc\x96 138\xef\xbc\x8d\xef\xbc\x90", "+861380"},
        {PHONE,
         "+86\xc2\xa0"
         "138\xe2\x80\x93"
         "0\xe3\x80\x80"
         "1",
         "+8613801"},
        {PHONE, "138 0000 \xe8\xbd\xac 12", "1380000"},
        {PHONE, "+ call me", NULL},
        {PHONE, "+ call 5", "5"},
        {PHONE, "00", "00"},
        {PHONE, "000", "+0"},
        {PHONE, "nobody", NULL},
        {PHONE, "\xef\xbc", NULL},
        {EMAIL, "  Wei.Chen@Example.COM\t", "wei.chen@example.com"},
        {EMAIL, "@x", "@x"},
        {EMAIL, " \n", NULL},
        {EMAIL, "J\xc3\x96RG@example.com", "j\xc3\x96rg@example.com"},
        {QQ, " 123456 ", "123456"},
        {WECHAT, "Wei_Chen", "wei_chen"},
        {WEIBO, "@WeiChen", "weichen"},
        {SOCIAL, " @@a", "@a"},
        {SOCIAL, "@", NULL},
        {0, "555", NULL},
        {9, "555", NULL},
    };
    records *r = *state;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        rove_value value =
            derived(r, rove__value_int(cases[i].kind), rove__value_text(cases[i].text));
        rove_value expected =
            cases[i].expected != NULL ? rove__value_text(cases[i].expected) : rove__value_null();
        if (!rove__value_equal(&value, &expected)) {
            fail_msg("%s becomes %.*s", cases[i].text, (int)value.size,
                     value.type == ROVE_TEXT ? (const char *)value.as.data : "nothing");
        }
    }
    assert_int_equal(derived(r, rove__value_null(), rove__value_text("555")).type, ROVE_NULL);
    assert_int_equal(derived(r, rove__value_int(PHONE), rove__value_null()).type, ROVE_NULL);
    assert_int_equal(derived(r, rove__value_int(PHONE), rove__value_text("")).type, ROVE_NULL);
}

/* Whatever the text, it takes no more room, and is its own comparable form. */
static void a_comparable_form_is_one(void **state) {
    static const char marks[] = "0123456789+() aZ@,;#/-.\xef\xbc\x8b\x90\xc2\xa0\xe3";
    uint64_t seed = 4;
    (void)state;

    for (int i = 0; i < 20000; i++) {
        size_t size = (size_t)dice_between(&seed, 0, 12);
        /* No byte more than there is: reading past it is seen. */
        char *text = malloc(size + 1);
        char *once = malloc(size + 1);
        char *twice = malloc(size + 1);
        assert_true(text != NULL && once != NULL && twice != NULL);
        for (size_t k = 0; k < size; k++) {
            text[k] = marks[dice_between(&seed, 0, sizeof marks - 2)];
        }
        for (int kind = PHONE; kind <= FAX; kind++) {
            size_t made = rove__normalise(kind, text, size, once);
            assert_true(made <= size);
            int number = kind == PHONE || kind == MOBILE || kind == FAX;
            if (number || kind == EMAIL || kind == QQ) {
                assert_int_equal(rove__normalise(kind, once, made, twice), made);
                assert_memory_equal(once, twice, made);
            }
            for (size_t k = 0; k < made && number; k++) {
                assert_true((once[k] >= '0' && once[k] <= '9') || (k == 0 && once[k] == '+'));
            }
        }
        free(text);
        free(once);
        free(twice);
    }
}

/* A field that traits.def calls derived and nothing derives would stay empty for ever. */
static void every_derived_field_is_derived(void **state) {
    records *r = *state;
    size_t count = 0;

    for (size_t i = 0; i < rove__registry_count(r->registry); i++) {
        const rove__entity *entity = rove__registry_at(r->registry, i);
        int derives = 0;
        for (size_t k = 0; k < entity->field_count; k++) {
            rove__row *row = records_new(r, entity->name);
            if (entity->fields[k].kind != ROVE_KIND_DERIVED) {
                continue;
            }
            derives = 1;
            count++;
            rove__row_set(row, k, rove__value_text("stale"));
            assert_int_equal(rove__derive(row, &r->arena), ROVE_OK);
            assert_int_equal(row->cells[k].type, ROVE_NULL);
        }
        assert_int_equal(rove__derives(entity), derives);
    }
    assert_true(count > 0);
}

static void other_rows_stay_as_they_are(void **state) {
    records *r = *state;
    rove__row *row = records_new(r, "Account");
    rove_value *cells = row->cells;
    rove__row unknown = {.entity_number = 60000};

    assert_int_equal(rove__derive(row, &r->arena), ROVE_OK);
    assert_ptr_equal(row->cells, cells);
    assert_int_equal(rove__derive(&unknown, &r->arena), ROVE_OK);
}

static void short_memory_is_reported(void **state) {
    records *r = *state;
    rove__row *row = records_new(r, "ContactMethod");
    size_t cells = row->cell_count * sizeof *row->cells;

    records_int(row, "kind", PHONE);
    records_text(row, "value", "555-0101 555-0101");
    for (size_t size = 0; size < cells + 32; size += 16) {
        rove__row copy = *row;
        rove__arena small;
        rove__arena_init(&small, &r->allocator, size);
        rove_status status = rove__derive(&copy, &small);
        assert_int_equal(status, size >= cells + 32 ? ROVE_OK : ROVE_NOMEM);
        rove__arena_free(&small);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_reaches_somebody_is_comparable, setup, teardown),
        cmocka_unit_test(a_comparable_form_is_one),
        cmocka_unit_test_setup_teardown(every_derived_field_is_derived, setup, teardown),
        cmocka_unit_test_setup_teardown(other_rows_stay_as_they_are, setup, teardown),
        cmocka_unit_test_setup_teardown(short_memory_is_reported, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
