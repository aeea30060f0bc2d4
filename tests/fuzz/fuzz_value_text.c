/*
 * fuzz_value_text.c - what an operator types for a field is a value within the field's limits or is refused with a
 * sentence; and what a value is printed as is read again as the same value.
 *
 *   input = entity:byte field:byte digits:byte text
 */
#include "fuzz.h"

#include "admin/value_text.h"
#include "model/row.h"
#include "rules/rules.h"

const size_t fuzz_mutations = 40000;

static const rove__registry *registry(void) {
    static rove__registry *made;
    static heap kept;
    static rove_allocator allocator;

    if (made == NULL) {
        allocator = heap_allocator(&kept);
        fuzz_check(rove__registry_new(&allocator, &made) == ROVE_OK);
    }
    return made;
}

static void try_text(const rove__field *field, int digits, const char *text, size_t size,
                     rove__arena *arena, rove__buf *out) {
    rove_value value, again;
    rove_error error = {.message = ""};

    rove_status status = value_text_parse(field, digits, text, size, arena, &value, &error);
    if (status != ROVE_OK) {
        fuzz_check(status == ROVE_INVALID || status == ROVE_RANGE || status == ROVE_UTF8 ||
                   status == ROVE_TOO_BIG);
        fuzz_check(error.message[0] != '\0');
        return;
    }
    fuzz_check(value.type == ROVE_NULL || value.type == field->type);
    value_text_print(field, digits, &value, out);
    fuzz_check(rove__buf_status(out) == ROVE_OK);
    fuzz_check(value_text_parse(field, digits, (const char *)out->data, out->size, arena, &again,
                                &error) == ROVE_OK);
    fuzz_check(rove__value_equal(&value, &again));
}

static void try_numbers(int digits, const char *text, size_t size, rove__buf *out) {
    int64_t number = 0;
    int64_t again = 0;
    int exact = 0;

    rove_status status = value_text_instant(text, size, &number);
    fuzz_check(status == ROVE_OK || status == ROVE_INVALID);
    if (value_text_decimal(text, size, digits, &number, &exact) == ROVE_OK) {
        rove__buf_reset(out);
        value_text_print_decimal(number, digits, out);
        fuzz_check(value_text_decimal((const char *)out->data, out->size, digits, &again, &exact) ==
                   ROVE_OK);
        fuzz_check(exact && again == number);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    heap memory = {0};
    rove_allocator allocator = heap_allocator(&memory);
    fuzz_input in = {data, size};
    const rove__entity *entity =
        rove__registry_at(registry(), fuzz_below(&in, rove__registry_count(registry())));
    const rove__field *field = &entity->fields[fuzz_below(&in, entity->field_count)];
    int digits = fuzz_byte(&in) % 4;
    rove__arena arena;
    rove__buf out;

    rove__arena_init(&arena, &allocator, (size_t)64 << 20);
    rove__buf_init(&out, &allocator, (size_t)8 << 20);
    try_text(field, digits, (const char *)in.at, in.left, &arena, &out);
    try_numbers(digits, (const char *)in.at, in.left, &out);
    rove__buf_free(&out);
    rove__arena_free(&arena);
    fuzz_check(memory.alive == 0);
    return 0;
}

/* ---- seeds ---- */

void fuzz_seeds(const fuzz_seed *to) {
    static const char *const texts[] = {
        "IN_PROGRESS",         "In Progress", "yes",       "2026-01-31T08:30Z",
        "31.01.2026",          "1/31/2026",   "-1,234.50", "1.0E7",
        "35.030054",           "+5; -7",      "vip; warm", "00ff",
        "9223372036854775807", "0.005",       "Müller",    ""};
    static fuzz_output out;

    for (size_t i = 0; i < rove__registry_count(registry()); i++) {
        const rove__entity *entity = rove__registry_at(registry(), i);
        for (size_t f = 0; f < entity->field_count; f++) {
            out.size = 0;
            fuzz_put_number(&out, i, 1);
            fuzz_put_number(&out, f, 1);
            fuzz_put_number(&out, 2, 1);
            const char *text = texts[(i + f) % (sizeof texts / sizeof *texts)];
            fuzz_put(&out, text, strlen(text));
            fuzz_give(to, &out);
        }
    }
}
