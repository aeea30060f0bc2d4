/*
 * admin/record_text.c - see record_text.h.
 */
#include "admin/record_text.h"

#include <string.h>

#include "admin/value_text.h"
#include "base/text.h"

int record_money_digits(const rove__row *row, int organisation_digits) {
    int ordinal = rove__entity_field_named(row->entity, "currency");

    if (ordinal < 0 || row->cells[ordinal].type != ROVE_TEXT) {
        return organisation_digits;
    }
    return value_text_money_digits((const char *)row->cells[ordinal].as.data,
                                   row->cells[ordinal].size);
}

/* ---- JSON ----------------------------------------------------------------------------------------------- */

/* A whole number that is nothing else. */
static int is_number(const rove__field *field, const rove_value *value) {
    const unsigned other =
        ROVE_FIELD_MONEY | ROVE_FIELD_INSTANT | ROVE_FIELD_DEGREES_E7 | ROVE_FIELD_BOOLEAN;

    return value->type == ROVE_INT && (field->flags & other) == 0 && field->target == 0 &&
           rove__field_enum_name(field, value->as.integer) == NULL;
}

json_t *record_value_json(const rove__field *field, int money_digits, const rove_value *value,
                          rove__buf *scratch) {
    if (value->type == ROVE_NULL) {
        return json_null();
    }
    if (value->type == ROVE_INT && (field->flags & ROVE_FIELD_BOOLEAN) != 0) {
        return json_boolean(value->as.integer != 0);
    }
    if (is_number(field, value)) {
        return json_integer(value->as.integer);
    }
    if (value->type == ROVE_REAL) {
        return json_real(value->as.real);
    }
    rove__buf_reset(scratch);
    value_text_print(field, money_digits, value, scratch);
    if (rove__buf_status(scratch) != ROVE_OK) {
        return NULL;
    }
    return json_stringn(scratch->size == 0 ? "" : (const char *)scratch->data, scratch->size);
}

json_t *record_json(const rove__row *row, int organisation_digits, rove__buf *scratch) {
    json_t *object = json_object();
    int digits = record_money_digits(row, organisation_digits);
    char id[24];

    rove__text_format(id, sizeof id, "%lld", (long long)row->id);
    (void)json_object_set_new(object, "id", json_string(id));
    for (size_t i = 0; i < row->cell_count; i++) {
        const rove__field *field = &row->entity->fields[i];
        if (row->cells[i].type != ROVE_NULL) {
            json_t *value = record_value_json(field, digits, &row->cells[i], scratch);
            (void)json_object_set_new(object, field->name, value);
        }
    }
    return object;
}

/* ---- CSV ------------------------------------------------------------------------------------------------ */

static int looks_like_formula(const char *text, size_t size) {
    int64_t number = 0;
    int exact = 0;

    if (size == 0 || memchr("=+-@\t\r", text[0], 6) == NULL) {
        return 0;
    }
    return value_text_decimal(text, size, 0, &number, &exact) == ROVE_INVALID;
}

void record_csv_field(const char *text, size_t size, rove__buf *out) {
    int formula = looks_like_formula(text, size);
    int quoted = formula;

    for (size_t i = 0; i < size && !quoted; i++) {
        quoted = text[i] == '"' || text[i] == ',' || text[i] == '\n' || text[i] == '\r' ||
                 text[i] == ';' || text[i] == '\t';
    }
    if (!quoted) {
        rove__buf_append(out, text, size);
        return;
    }
    rove__buf_append(out, "\"'", formula ? 2 : 1);
    for (size_t i = 0; i < size; i++) {
        if (text[i] == '"') {
            rove__buf_byte(out, '"');
        }
        rove__buf_byte(out, (uint8_t)text[i]);
    }
    rove__buf_byte(out, '"');
}
