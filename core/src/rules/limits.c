/*
 * rules/limits.c - each value against the limits of its field, and the row against those of a row.
 *
 * The messages name entity, field and limit but never a value: a value may be a customer's secret, and a
 * message may end in a log.
 */
#include <math.h>
#include <string.h>

#include "base/text.h"
#include "model/set.h"
#include "rules/rules.h"

#define NUMBER_SIZE 32
#define CELL_SIZE   16 /* what a number, or the head of a text, is counted for in a row */

/* 1234567 as "1,234,567". */
static const char *grouped(int64_t value, char out[NUMBER_SIZE]) {
    char digits[NUMBER_SIZE];
    size_t size = 0;
    size_t at = 0;

    rove__text_format(digits, sizeof digits, "%lld", (long long)value);
    size = strlen(digits);
    for (size_t i = 0; i < size; i++) {
        if (i > 0 && digits[i - 1] != '-' && (size - i) % 3 == 0) {
            out[at++] = ',';
        }
        out[at++] = digits[i];
    }
    out[at] = '\0';
    return out;
}

/* "Visit.outcome", or "outcome" where the entity is not known. */
typedef struct label {
    const char *entity;
    const char *dot;
    const char *field;
} label;

static rove_status wrong_type(const label *l, const char *wanted, rove_error *error) {
    return rove__error_set(error, ROVE_INVALID, "%s%s%s has to be %s.", l->entity, l->dot, l->field,
                           wanted);
}

static rove_status check_size(const label *l, const rove__field *field, size_t size,
                              rove_error *error) {
    char is[NUMBER_SIZE];
    char limit[NUMBER_SIZE];
    int64_t max = field->max < ROVE_VALUE_MAX ? field->max : ROVE_VALUE_MAX;

    if ((int64_t)size > max) {
        return rove__error_set(error, ROVE_TOO_BIG, "%s%s%s is %s bytes; at most %s are allowed.",
                               l->entity, l->dot, l->field, grouped((int64_t)size, is),
                               grouped(max, limit));
    }
    if ((int64_t)size < field->min) {
        return rove__error_set(error, ROVE_RANGE, "%s%s%s is %s bytes; at least %s are needed.",
                               l->entity, l->dot, l->field, grouped((int64_t)size, is),
                               grouped(field->min, limit));
    }
    return ROVE_OK;
}

static rove_status check_integer(const label *l, const rove__field *field, int64_t integer,
                                 rove_error *error) {
    char min[NUMBER_SIZE];
    char max[NUMBER_SIZE];

    if (integer < field->min || integer > field->max) {
        return rove__error_set(error, ROVE_RANGE, "%s%s%s has to be from %s to %s.", l->entity,
                               l->dot, l->field, grouped(field->min, min),
                               grouped(field->max, max));
    }
    if (field->enumeration != NULL && rove__field_enum_name(field, integer) == NULL) {
        return rove__error_set(error, ROVE_RANGE, "%s%s%s has no value %s.", l->entity, l->dot,
                               l->field, grouped(integer, min));
    }
    return ROVE_OK;
}

static rove_status check_real(const label *l, const rove__field *field, rove_value *value,
                              rove_error *error) {
    char min[NUMBER_SIZE];
    char max[NUMBER_SIZE];

    if (!isfinite(value->as.real)) {
        return rove__error_set(error, ROVE_RANGE, "%s%s%s has to be a finite number.", l->entity,
                               l->dot, l->field);
    }
    if (value->as.real < (double)field->min || value->as.real > (double)field->max) {
        return rove__error_set(error, ROVE_RANGE, "%s%s%s has to be from %s to %s.", l->entity,
                               l->dot, l->field, grouped(field->min, min),
                               grouped(field->max, max));
    }
    if (value->as.real == 0.0) {
        value->as.real = 0.0; /* -0.0 equals 0.0, but its bytes do not */
    }
    return ROVE_OK;
}

static rove_status check_text(const label *l, const rove__field *field, const rove_value *value,
                              rove_error *error) {
    if (!rove__utf8_valid(value->as.data, value->size)) {
        return rove__error_set(error, ROVE_UTF8,
                               "%s%s%s is not valid UTF-8 or contains a NUL byte.", l->entity,
                               l->dot, l->field);
    }
    return check_size(l, field, value->size, error);
}

static rove_status check_set(const label *l, const rove__field *field, const rove_value *value,
                             rove_error *error) {
    rove__set_cursor cursor;
    rove__element element;
    int64_t count = 0;
    int typed = 1;
    char limit[NUMBER_SIZE];

    rove__set_open(&cursor, value, ROVE_SET_PLAIN);
    while (rove__set_next(&cursor, &element)) {
        int added = cursor.form != ROVE_SET_DELTA || element.action == ROVE_SET_ADD;
        count += added;
        typed &= element.value.type == field->element;
        if (typed && field->target != 0) {
            typed = element.value.as.integer > 0;
        }
    }
    if (rove__set_done(&cursor) != ROVE_OK || !typed) {
        return wrong_type(l, field->element == ROVE_TEXT ? "a set of texts" : "a set of numbers",
                          error);
    }
    if (count > field->max) {
        return rove__error_set(error, ROVE_TOO_BIG,
                               "%s%s%s has too many elements; at most %s are "
                               "allowed.",
                               l->entity, l->dot, l->field, grouped(field->max, limit));
    }
    return ROVE_OK;
}

static rove_status check_value(const label *l, const rove__field *field, rove_value *value,
                               rove_error *error) {
    static const char *const names[] = {"empty", "a whole number", "a number", "a text", "bytes"};

    if (value->type == ROVE_NULL) {
        return ROVE_OK;
    }
    if (field->kind == ROVE_KIND_COUNTER && value->type == ROVE_BLOB) {
        return value->size <= ROVE_VALUE_MAX ? ROVE_OK : check_size(l, field, value->size, error);
    }
    if (field->kind == ROVE_KIND_SET) {
        return check_set(l, field, value, error);
    }
    if (value->type != field->type) {
        return wrong_type(l, names[field->type], error);
    }
    switch (value->type) {
    case ROVE_INT:
        return check_integer(l, field, value->as.integer, error);
    case ROVE_REAL:
        return check_real(l, field, value, error);
    case ROVE_TEXT:
        return check_text(l, field, value, error);
    case ROVE_BLOB:
        return check_size(l, field, value->size, error);
    case ROVE_NULL:
        break;
    }
    return ROVE_OK;
}

rove_status rove__limits_check(const rove__field *field, rove_value *value, rove_error *error) {
    const label l = {"", "", field->name};

    return check_value(&l, field, value, error);
}

/* A value of a field that this build does not know: only what holds for every value. */
static rove_status check_extra(const rove__entity *entity, rove__extra *extra, rove_error *error) {
    rove_value *value = &extra->value;
    int bytes = value->type == ROVE_TEXT || value->type == ROVE_BLOB;

    if (bytes && value->size > ROVE_VALUE_MAX) {
        return rove__error_set(error, ROVE_TOO_BIG,
                               "%s field %u is larger than the 65,536 bytes of a value.",
                               entity->name, (unsigned)extra->number);
    }
    if (value->type == ROVE_TEXT && !rove__utf8_valid(value->as.data, value->size)) {
        return rove__error_set(error, ROVE_UTF8,
                               "%s field %u is not valid UTF-8 or contains a NUL byte.",
                               entity->name, (unsigned)extra->number);
    }
    if (value->type == ROVE_REAL && !isfinite(value->as.real)) {
        return rove__error_set(error, ROVE_RANGE, "%s field %u has to be a finite number.",
                               entity->name, (unsigned)extra->number);
    }
    if (value->type == ROVE_REAL && value->as.real == 0.0) {
        value->as.real = 0.0;
    }
    return ROVE_OK;
}

static size_t size_of(const rove_value *value) {
    int bytes = value->type == ROVE_TEXT || value->type == ROVE_BLOB;

    return value->type == ROVE_NULL ? 0 : CELL_SIZE + (bytes ? value->size : 0);
}

/* The row as it would be afterwards. Unknown fields of `before` count beside those of `after`. */
static rove_status check_row_size(const rove__write *write, rove_error *error) {
    const rove__row *before = write->op == ROVE_OP_INSERT ? NULL : write->before;
    const rove__row *after = write->after;
    size_t size = 0;
    size_t extras = after->extra_count;

    for (size_t i = 0; i < after->cell_count; i++) {
        if (rove__bits_get(&after->present, i)) {
            size += size_of(&after->cells[i]);
        } else if (before != NULL) {
            size += size_of(&before->cells[i]);
        }
    }
    for (size_t i = 0; i < after->extra_count; i++) {
        size += size_of(&after->extra[i].value);
    }
    for (size_t i = 0, j = 0; before != NULL && i < before->extra_count; i++) {
        while (j < after->extra_count && after->extra[j].number < before->extra[i].number) {
            j++;
        }
        if (j == after->extra_count || after->extra[j].number != before->extra[i].number) {
            size += size_of(&before->extra[i].value);
            extras++;
        }
    }
    if (size > ROVE_ROW_MAX || extras > ROVE_EXTRA_MAX) {
        return rove__error_set(error, ROVE_TOO_BIG,
                               "%s is too large; a record has at most 131,072 bytes and %d unknown "
                               "fields.",
                               after->entity->name, ROVE_EXTRA_MAX);
    }
    return ROVE_OK;
}

rove_status rove__rule_limits(const rove__write *write, rove_error *error) {
    const rove__row *after = write->after;
    rove_status status = ROVE_OK;

    if (write->op == ROVE_OP_DELETE) {
        return ROVE_OK;
    }
    for (size_t i = 0; status == ROVE_OK && i < after->cell_count; i++) {
        const rove__field *field = &after->entity->fields[i];
        const label l = {after->entity->name, ".", field->name};
        rove_value *value = &after->cells[i];

        if (!rove__bits_get(&after->present, i)) {
            continue;
        }
        status = check_value(&l, field, value, error);
        if (status == ROVE_OK && value->type == ROVE_INT && value->as.integer == after->id &&
            field->target == after->entity->number) {
            status = rove__error_set(error, ROVE_CYCLE, "%s.%s names the record itself.",
                                     after->entity->name, field->name);
        }
    }
    for (size_t i = 0; status == ROVE_OK && i < after->extra_count; i++) {
        status = check_extra(after->entity, &after->extra[i], error);
    }
    return status != ROVE_OK ? status : check_row_size(write, error);
}
