/*
 * rules/derive.c - fields that follow from other fields of their record. They are never sent: whoever stores a record
 * computes them, so that both ends and every build of one version have the same.
 *
 * To add one: DERIVED in traits.def, a pure function here, a line in the table, and ROVE_DERIVE_VERSION raised, so
 * that records which are there get theirs when they are opened.
 */
#include <string.h>

#include "base/assert.h"
#include "rules/rules.h"

#include "rove/entities.pb-c.h"

/* ---- ContactMethod.normalised ---- */

/* One character: '0' to '9' and '+', 'a' for any letter, else what stands there. Full-width forms are the plain ones. */
static char next_mark(const char *text, size_t size, size_t *at) {
    const unsigned char *bytes = (const unsigned char *)text + *at;
    size_t left = size - *at;

    if (left >= 3 && bytes[0] == 0xef && bytes[1] == 0xbc) {
        *at += 3;
        if (bytes[2] < 0x81 || bytes[2] > 0x9e) {
            return ' ';
        }
        return (char)(bytes[2] - 0x60);
    }
    *at += 1;
    while (*at < size && ((unsigned char)text[*at] & 0xc0) == 0x80) {
        *at += 1; /* the rest of the character */
    }
    if ((bytes[0] >= 'A' && bytes[0] <= 'Z') || (bytes[0] >= 'a' && bytes[0] <= 'z')) {
        return 'a';
    }
    if (bytes[0] < 0x80) {
        return (char)bytes[0];
    }
    /* Spaces and dashes of other scripts begin with C2, E2 and E3; what else there is are letters. */
    return bytes[0] == 0xc2 || bytes[0] == 0xe2 || bytes[0] == 0xe3 ? ' ' : 'a';
}

static int ends_number(char mark) {
    return mark == 'a' || mark == ',' || mark == ';' || mark == '#' || mark == '/';
}

/* Whether a "(0)" stands at `at`: the digit that is dialled inside a country only. */
static int is_trunk(const char *text, size_t size, size_t at) {
    return size - at >= 3 && memcmp(text + at, "(0)", 3) == 0;
}

/* Digits, with a + in front if it has one or is written with 00 instead. What comes before is a word, what follows an
 * extension. */
static size_t number(const char *text, size_t size, char *out) {
    size_t count = 0;
    int plus = 0;

    for (size_t at = 0; at < size;) {
        if (count > 0 && plus && is_trunk(text, size, at)) {
            at += 3;
            continue;
        }
        char mark = next_mark(text, size, &at);
        if (mark >= '0' && mark <= '9') {
            out[count++] = mark;
        } else if (count == 0) {
            plus = mark == '+' || (plus && !ends_number(mark));
        } else if (ends_number(mark)) {
            break;
        }
    }
    int abroad = !plus && count > 2 && out[0] == '0' && out[1] == '0';
    if (abroad || (plus && count > 0)) {
        memmove(out + 1, out + (abroad ? 2 : 0), count - (abroad ? 2 : 0));
        out[0] = '+';
        count = count + 1 - (abroad ? 2 : 0);
    }
    return count;
}

static char small(char c) {
    if (c >= 'A' && c <= 'Z') {
        return (char)(c - 'A' + 'a');
    }
    return c;
}

/* In small letters, without the blanks around it, and without the @ that a name may be written with. */
static size_t address(const char *text, size_t size, int named, char *out) {
    size_t from = 0;
    size_t count = 0;

    while (from < size && (unsigned char)text[from] <= ' ') {
        from++;
    }
    while (size > from && (unsigned char)text[size - 1] <= ' ') {
        size--;
    }
    if (named && from < size && text[from] == '@') {
        from++;
    }
    for (; from < size; from++) {
        out[count++] = small(text[from]);
    }
    return count;
}

size_t rove__normalise(int64_t kind, const char *text, size_t size, char *out) {
    switch (kind) {
    case ROVE__CONTACT_METHOD__KIND__PHONE:
    case ROVE__CONTACT_METHOD__KIND__MOBILE:
    case ROVE__CONTACT_METHOD__KIND__FAX:
        return number(text, size, out);
    case ROVE__CONTACT_METHOD__KIND__EMAIL:
    case ROVE__CONTACT_METHOD__KIND__QQ:
        return address(text, size, 0, out);
    case ROVE__CONTACT_METHOD__KIND__WECHAT:
    case ROVE__CONTACT_METHOD__KIND__WEIBO:
    case ROVE__CONTACT_METHOD__KIND__SOCIAL:
        return address(text, size, 1, out);
    default:
        return 0;
    }
}

static rove_value cell_of(const rove__row *row, const char *name) {
    int ordinal = rove__entity_field_named(row->entity, name);

    ROVE_ASSERT(ordinal >= 0);
    return rove__row_cell(row, (size_t)ordinal);
}

static rove_status normalised(const rove__row *row, rove__arena *arena, rove_value *result) {
    rove_value kind = cell_of(row, "kind");
    rove_value value = cell_of(row, "value");

    if (kind.type != ROVE_INT || value.type != ROVE_TEXT || value.size == 0) {
        return ROVE_OK;
    }
    char *out = rove__arena_take(arena, value.size);
    if (out == NULL) {
        return ROVE_NOMEM;
    }
    size_t size = rove__normalise(kind.as.integer, (const char *)value.as.data, value.size, out);
    if (size > 0) {
        *result = rove__value_bytes(ROVE_TEXT, out, size);
    }
    return ROVE_OK;
}

/* ---- the table ---- */

/* Sets *result, which is NULL, from the other cells of the row. */
typedef rove_status (*derivation)(const rove__row *row, rove__arena *arena, rove_value *result);

static const struct {
    const ProtobufCMessageDescriptor *entity;
    const char *field;
    derivation derive;
} table[] = {
    {&rove__contact_method__descriptor, "normalised", normalised},
};

int rove__derives(const rove__entity *entity) {
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (table[i].entity == entity->message) {
            return 1;
        }
    }
    return 0;
}

rove_status rove__derive(rove__row *row, rove__arena *arena) {
    rove_status status = ROVE_OK;

    if (row->entity == NULL || !rove__derives(row->entity)) {
        return ROVE_OK;
    }
    row->cells = rove__arena_copy(arena, row->cells, row->cell_count * sizeof *row->cells);
    if (row->cells == NULL) {
        return ROVE_NOMEM;
    }
    for (size_t i = 0; i < sizeof table / sizeof table[0] && status == ROVE_OK; i++) {
        if (table[i].entity != row->entity->message) {
            continue;
        }
        int ordinal = rove__row_field_named(row, table[i].field);
        rove_value result = rove__value_null();
        ROVE_ASSERT(ordinal >= 0 && row->entity->fields[ordinal].kind == ROVE_KIND_DERIVED);
        status = table[i].derive(row, arena, &result);
        row->cells[ordinal] = result;
    }
    return status;
}
