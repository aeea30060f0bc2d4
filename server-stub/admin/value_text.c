/*
 * admin/value_text.c - see value_text.h.
 *
 * A decimal number is kept as its digits and the place of the point, so that scaling it is moving the point and
 * nothing is lost before the one rounding at the end.
 */
#include "admin/value_text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/stamp.h"
#include "base/text.h"
#include "model/set.h"
#include "rules/rules.h"

#define DIGITS_MAX   64 /* significant ones of a number */
#define EXPONENT_MAX 1000
#define SHOWN_MAX    40 /* bytes of a wrong value that an error quotes */
#define MESSAGE_MAX  ROVE_ERROR_MESSAGE_MAX

static int is_space(char c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static int is_digit(char c) {
    return c >= '0' && c <= '9';
}

char value_text_lower(char c) {
    if (c >= 'A' && c <= 'Z') {
        return (char)(c - 'A' + 'a');
    }
    return c;
}

static int is_word(char c) {
    char l = value_text_lower(c);

    return is_digit(c) || (l >= 'a' && l <= 'z') || (unsigned char)c >= 0x80;
}

static void trim(const char **text, size_t *size) {
    while (*size > 0 && is_space((*text)[0])) {
        (*text)++;
        (*size)--;
    }
    while (*size > 0 && is_space((*text)[*size - 1])) {
        (*size)--;
    }
}

int value_text_alike(const char *a, size_t a_size, const char *b, size_t b_size) {
    size_t i = 0;
    size_t k = 0;

    for (;;) {
        while (i < a_size && !is_word(a[i])) {
            i++;
        }
        while (k < b_size && !is_word(b[k])) {
            k++;
        }
        if (i == a_size || k == b_size) {
            return i == a_size && k == b_size;
        }
        if (value_text_lower(a[i++]) != value_text_lower(b[k++])) {
            return 0;
        }
    }
}

/* "%.*s" of a value that somebody wrote: its beginning. */
static int shown(size_t size) {
    return (int)(size < SHOWN_MAX ? size : SHOWN_MAX);
}

/* ---- decimal numbers ------------------------------------------------------------------------------------ */

int value_text_money_digits(const char *currency, size_t size) {
    static const char none[] =
        "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF";
    static const char three[] = "BHD IQD JOD KWD LYD OMR TND";
    static const char four[] = "CLF UYW";
    char code[4] = {0};

    if (size != 3) {
        return 2;
    }
    memcpy(code, currency, 3);
    return strstr(none, code) != NULL    ? 0
           : strstr(three, code) != NULL ? 3
           : strstr(four, code) != NULL  ? 4
                                         : 2;
}

typedef struct decimal {
    int negative;
    char digits[DIGITS_MAX]; /* significant ones, without zeros in front */
    int count;
    int point; /* the number is 0.d1d2d3... times 10^point */
    int any;   /* a digit was seen */
} decimal;

static int take_digit(decimal *d, char c) {
    d->any = 1;
    if (d->count == 0 && c == '0') {
        return 1;
    }
    if (d->count == DIGITS_MAX) {
        return c == '0';
    }
    d->digits[d->count++] = c;
    return 1;
}

/* The digits before the point, with commas between groups of three or without. */
static int whole_part(decimal *d, const char **at, const char *end) {
    int run = 0;
    int grouped = 0;

    for (; *at < end && (is_digit(**at) || **at == ','); (*at)++) {
        if (**at == ',') {
            if (run == 0 || run > 3 || (grouped && run != 3)) {
                return 0;
            }
            grouped = 1;
            run = 0;
            continue;
        }
        run++;
        if (!take_digit(d, **at)) {
            return 0;
        }
        d->point += d->count > 0;
    }
    return !grouped || run == 3;
}

static int fraction_part(decimal *d, const char **at, const char *end) {
    for (; *at < end && is_digit(**at); (*at)++) {
        int leading = d->count == 0 && **at == '0';
        if (!take_digit(d, **at)) {
            return 0;
        }
        d->point -= leading;
    }
    return 1;
}

static int exponent_part(decimal *d, const char **at, const char *end) {
    int negative = 0;
    int value = 0;
    int any = 0;

    if (*at < end && (**at == '+' || **at == '-')) {
        negative = **at == '-';
        (*at)++;
    }
    for (; *at < end && is_digit(**at); (*at)++) {
        any = 1;
        value = value < EXPONENT_MAX ? value * 10 + (**at - '0') : value;
    }
    d->point += negative ? -value : value;
    return any;
}

static int decimal_read(decimal *d, const char *text, size_t size) {
    const char *at = text;
    const char *end = text + size;

    memset(d, 0, sizeof *d);
    if (at < end && (*at == '-' || *at == '+')) {
        d->negative = *at == '-';
        at++;
    }
    if (!whole_part(d, &at, end)) {
        return 0;
    }
    if (at < end && *at == '.') {
        at++;
        if (!fraction_part(d, &at, end)) {
            return 0;
        }
    }
    if (d->any && at < end && (*at == 'e' || *at == 'E')) {
        at++;
        if (!exponent_part(d, &at, end)) {
            return 0;
        }
    }
    return d->any && at == end;
}

/* Whether what stands behind the first `kept` digits rounds the last of them up. */
static int rounds_up(const decimal *d, int kept, int odd) {
    int first = kept >= 0 && kept < d->count ? d->digits[kept] - '0' : 0;
    int rest = 0;

    for (int i = kept + 1 > 0 ? kept + 1 : 0; i < d->count; i++) {
        rest |= d->digits[i] != '0';
    }
    return first > 5 || (first == 5 && (rest || odd));
}

rove_status value_text_decimal(const char *text, size_t size, int digits, int64_t *value,
                               int *exact) {
    decimal d;
    uint64_t magnitude = 0;
    const uint64_t limit = (uint64_t)INT64_MAX;

    *value = 0;
    *exact = 1;
    trim(&text, &size);
    if (!decimal_read(&d, text, size)) {
        return ROVE_INVALID;
    }
    int kept = d.count == 0 ? 0 : d.point + digits;
    for (int i = 0; i < kept; i++) {
        uint64_t digit = i < d.count ? (uint64_t)(d.digits[i] - '0') : 0;
        if (magnitude > (limit - digit) / 10) {
            return ROVE_RANGE;
        }
        magnitude = magnitude * 10 + digit;
    }
    for (int i = kept > 0 ? kept : 0; i < d.count; i++) {
        *exact &= d.digits[i] == '0';
    }
    magnitude += (uint64_t)rounds_up(&d, kept, (int)(magnitude & 1u));
    if (magnitude > limit) {
        return ROVE_RANGE;
    }
    *value = d.negative ? -(int64_t)magnitude : (int64_t)magnitude;
    return ROVE_OK;
}

void value_text_print_decimal(int64_t value, int digits, rove__buf *out) {
    uint64_t magnitude = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    char text[48];
    size_t at = sizeof text;

    for (int i = 0; i < digits || magnitude > 0 || i == digits; i++) {
        if (i == digits && digits > 0) {
            text[--at] = '.';
        }
        text[--at] = (char)('0' + magnitude % 10);
        magnitude /= 10;
    }
    if (value < 0) {
        text[--at] = '-';
    }
    rove__buf_append(out, text + at, sizeof text - at);
}

/* ---- instants ------------------------------------------------------------------------------------------- */

typedef struct day {
    int part[3];
    int digits[3]; /* that each part was written with */
    char separator;
} day;

/* Three numbers with one kind of separator, or eight digits; how many bytes, 0 if it is none. */
static size_t day_read(day *d, const char *text, size_t size) {
    size_t at = 0;

    memset(d, 0, sizeof *d);
    for (int i = 0; i < 3; i++) {
        while (at < size && is_digit(text[at]) && d->digits[i] < 8) {
            d->part[i] = d->part[i] * 10 + (text[at++] - '0');
            d->digits[i]++;
        }
        if (i == 0 && d->digits[0] == 8) {
            *d =
                (day){{d->part[0] / 10000, d->part[0] / 100 % 100, d->part[0] % 100}, {4, 2, 2}, 0};
            return at;
        }
        if (d->digits[i] == 0) {
            return 0;
        }
        if (i < 2) {
            if (at == size || (text[at] != '/' && text[at] != '.' && text[at] != '-') ||
                (i == 1 && text[at] != d->separator)) {
                return 0;
            }
            d->separator = text[at++];
        }
    }
    return at;
}

/* Which of the three is what. 0 if there is more than one way to read it. */
static int day_order(const day *d, int *year, int *month, int *date) {
    if (d->digits[0] == 4) {
        *year = d->part[0];
        *month = d->part[1];
        *date = d->part[2];
        return 1;
    }
    if (d->digits[2] != 4) {
        return 0;
    }
    int day_first = d->separator == '.' || d->part[0] > 12;
    if (!day_first && d->part[1] <= 12 && d->part[0] != d->part[1]) {
        return 0;
    }
    *year = d->part[2];
    *month = day_first ? d->part[1] : d->part[0];
    *date = day_first ? d->part[0] : d->part[1];
    return 1;
}

/* "3:05 PM" as "15:05"; what is not of this form stays. */
static void time_of_day(const char *text, size_t size, char *out, size_t capacity) {
    int hour = 0;
    size_t at = 0;
    char half = '\0';

    if (size >= 2 && value_text_lower(text[size - 1]) == 'm') {
        half = value_text_lower(text[size - 2]);
    }
    for (; at < size && at < 2 && is_digit(text[at]); at++) {
        hour = hour * 10 + (text[at] - '0');
    }
    if ((half != 'a' && half != 'p') || at == 0 || hour < 1 || hour > 12) {
        rove__text_format(out, capacity, "%s%.*s", at == 1 ? "0" : "", (int)size, text);
        return;
    }
    hour = hour % 12 + (half == 'p' ? 12 : 0);
    text += at;
    size -= at + 2;
    trim(&text, &size);
    rove__text_format(out, capacity, "%02d%.*s", hour, (int)size, text);
}

rove_status value_text_instant(const char *text, size_t size, int64_t *unix_ms) {
    day d;
    int year = 0;
    int month = 0;
    int date = 0;
    char clock[40] = "";
    char iso[64];

    *unix_ms = 0;
    trim(&text, &size);
    size_t used = day_read(&d, text, size);
    if (used == 0 || !day_order(&d, &year, &month, &date) || month > 99 || date > 99 ||
        size - used >= sizeof clock) {
        return ROVE_INVALID;
    }
    if (used < size) {
        if (text[used] != ' ' && value_text_lower(text[used]) != 't' && text[used] != ',') {
            return ROVE_INVALID;
        }
        const char *rest = text + used + 1;
        size_t left = size - used - 1;
        trim(&rest, &left);
        time_of_day(rest, left, clock, sizeof clock);
    }
    rove__text_format(iso, sizeof iso, "%04d-%02d-%02d%s%s", year, month, date,
                      clock[0] == '\0' ? "" : "T", clock);
    return rove__time_parse(iso, strlen(iso), unix_ms);
}

/* ---- reading one value ---------------------------------------------------------------------------------- */

typedef struct input {
    const rove__field *field;
    const char *text;
    size_t size;
    rove__arena *arena;
    rove_error *error;
} input;

static rove_status wrong(const input *in, const char *expected) {
    return rove__error_set(in->error, ROVE_INVALID, "%s: '%.*s' is not %s.", in->field->name,
                           shown(in->size), in->text, expected);
}

static rove_status read_enumeration(const input *in, rove_value *value) {
    const ProtobufCEnumDescriptor *e = in->field->enumeration;
    char allowed[MESSAGE_MAX - 100] = "";
    size_t used = 0;

    for (unsigned i = 0; i < e->n_values; i++) {
        const char *key = e->values[i].name;
        if (value_text_alike(key, strlen(key), in->text, in->size)) {
            *value = rove__value_int(e->values[i].value);
            return ROVE_OK;
        }
        rove__text_format(allowed + used, sizeof allowed - used, "%s%s", i == 0 ? "" : ", ", key);
        used = strlen(allowed);
    }
    return rove__error_set(in->error, ROVE_INVALID, "%s: '%.*s' is none of %s.", in->field->name,
                           shown(in->size), in->text, allowed);
}

static rove_status read_boolean(const input *in, rove_value *value) {
    static const char *const words[] = {"false", "true", "no",  "yes", "0", "1",
                                        "n",     "y",    "off", "on",  "f", "t"};

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (value_text_alike(words[i], strlen(words[i]), in->text, in->size)) {
            *value = rove__value_int((int64_t)(i % 2));
            return ROVE_OK;
        }
    }
    return wrong(in, "true or false");
}

static rove_status read_instant(const input *in, rove_value *value) {
    int64_t ms = 0;

    if (value_text_instant(in->text, in->size, &ms) != ROVE_OK) {
        return wrong(in, "a date that can be read in one way only; write 2026-01-31 or "
                         "2026-01-31T09:30Z");
    }
    *value = rove__value_int(ms);
    return ROVE_OK;
}

static rove_status read_number(const input *in, int digits, const char *expected,
                               rove_value *value) {
    int64_t number = 0;
    int exact = 1;
    rove_status status = value_text_decimal(in->text, in->size, digits, &number, &exact);

    if (status == ROVE_RANGE) {
        return rove__error_set(in->error, ROVE_RANGE, "%s: '%.*s' is too large.", in->field->name,
                               shown(in->size), in->text);
    }
    if (status != ROVE_OK ||
        (digits == 0 && !exact && (in->field->flags & ROVE_FIELD_MONEY) == 0)) {
        return wrong(in, expected);
    }
    *value = rove__value_int(number);
    return ROVE_OK;
}

static rove_status read_real(const input *in, rove_value *value) {
    char text[64];
    char *end = NULL;
    decimal d;

    /* What strtod would take beyond a decimal number (hexadecimal, "inf", "nan") is refused before. */
    if (!decimal_read(&d, in->text, in->size) || in->size >= sizeof text ||
        memchr(in->text, ',', in->size) != NULL) {
        return wrong(in, "a number like 12.5");
    }
    memcpy(text, in->text, in->size);
    text[in->size] = '\0';
    double real = strtod(text, &end);
    if (*end != '\0' || !isfinite(real)) {
        return wrong(in, "a number like 12.5");
    }
    *value = rove__value_real(real + 0.0);
    return ROVE_OK;
}

static rove_status read_text(const input *in, rove_value *value) {
    if (!rove__utf8_valid((const uint8_t *)in->text, in->size)) {
        return rove__error_set(in->error, ROVE_UTF8, "%s: the text is not UTF-8 or contains NUL.",
                               in->field->name);
    }
    const void *copy = rove__arena_copy(in->arena, in->text, in->size);
    if (copy == NULL) {
        return rove__error_set(in->error, ROVE_NOMEM, "%s", rove_status_text(ROVE_NOMEM));
    }
    *value = rove__value_bytes(ROVE_TEXT, copy, in->size);
    return ROVE_OK;
}

static int hex_digit(char c) {
    char l = value_text_lower(c);

    return is_digit(c) ? c - '0' : l >= 'a' && l <= 'f' ? l - 'a' + 10 : -1;
}

static rove_status read_blob(const input *in, rove_value *value) {
    uint8_t *bytes = rove__arena_take(in->arena, in->size / 2 + 1);

    if (bytes == NULL) {
        return rove__error_set(in->error, ROVE_NOMEM, "%s", rove_status_text(ROVE_NOMEM));
    }
    for (size_t i = 0; i < in->size; i++) {
        int digit = hex_digit(in->text[i]);
        if (digit < 0 || in->size % 2 != 0) {
            return wrong(in, "an even number of hexadecimal digits");
        }
        bytes[i / 2] = (uint8_t)(i % 2 == 0 ? digit * 16 : bytes[i / 2] + digit);
    }
    *value = rove__value_bytes(ROVE_BLOB, bytes, in->size / 2);
    return ROVE_OK;
}

/* Keeps the elements ascending, each once. */
static void set_add(rove__set *set, rove_value value) {
    int found = 0;
    size_t at = rove__set_find(set, &value, &found);

    if (!found) {
        memmove(set->elements + at + 1, set->elements + at,
                (set->count - at) * sizeof *set->elements);
        set->elements[at] = (rove__element){.value = value};
        set->count++;
    }
}

static rove_status read_set(const input *in, rove_value *value) {
    rove__set set = {.form = ROVE_SET_PLAIN};
    size_t start = 0;
    rove_status status = ROVE_OK;

    set.elements = rove__arena_take(in->arena, ROVE_SET_ELEMENTS_MAX * sizeof *set.elements);
    if (set.elements == NULL) {
        return rove__error_set(in->error, ROVE_NOMEM, "%s", rove_status_text(ROVE_NOMEM));
    }
    for (size_t i = 0; i <= in->size && status == ROVE_OK; i++) {
        if (i < in->size && in->text[i] != ';') {
            continue;
        }
        input part = *in;
        rove_value element = rove__value_null();
        part.text = in->text + start;
        part.size = i - start;
        start = i + 1;
        trim(&part.text, &part.size);
        if (part.size == 0) {
            continue;
        }
        if (set.count == ROVE_SET_ELEMENTS_MAX) {
            return rove__error_set(in->error, ROVE_TOO_BIG, "%s: more than %d elements.",
                                   in->field->name, ROVE_SET_ELEMENTS_MAX);
        }
        status = in->field->element == ROVE_INT ? read_number(&part, 0, "a whole number", &element)
                                                : read_text(&part, &element);
        if (status == ROVE_OK) {
            set_add(&set, element);
        }
    }
    return status == ROVE_OK ? rove__set_value(&set, in->arena, value) : status;
}

static rove_status read_integer(const input *in, int money_digits, rove_value *value) {
    unsigned flags = in->field->flags;

    if (in->field->enumeration != NULL) {
        return read_enumeration(in, value);
    }
    if ((flags & ROVE_FIELD_BOOLEAN) != 0) {
        return read_boolean(in, value);
    }
    if ((flags & ROVE_FIELD_INSTANT) != 0) {
        return read_instant(in, value);
    }
    if ((flags & ROVE_FIELD_MONEY) != 0) {
        return read_number(in, money_digits, "an amount like 12.34", value);
    }
    if ((flags & ROVE_FIELD_DEGREES_E7) != 0) {
        return read_number(in, 7, "an angle in degrees like 35.030054", value);
    }
    return read_number(in, 0, "a whole number", value);
}

rove_status value_text_parse(const rove__field *field, int money_digits, const char *text,
                             size_t size, rove__arena *arena, rove_value *value,
                             rove_error *error) {
    input in = {field, text, size, arena, error};
    rove_status status = ROVE_OK;

    *value = rove__value_null();
    if (field->kind == ROVE_KIND_SET || field->type != ROVE_TEXT) {
        trim(&in.text, &in.size);
    }
    if (in.size == 0) {
        return ROVE_OK;
    }
    if (field->kind == ROVE_KIND_SET) {
        status = read_set(&in, value);
    } else if (field->type == ROVE_TEXT) {
        status = read_text(&in, value);
    } else if (field->type == ROVE_REAL) {
        status = read_real(&in, value);
    } else if (field->type == ROVE_BLOB) {
        status = read_blob(&in, value);
    } else {
        status = read_integer(&in, money_digits, value);
    }
    return status == ROVE_OK ? rove__limits_check(field, value, error) : status;
}

/* ---- printing ------------------------------------------------------------------------------------------- */

static void print_text(rove__buf *out, const char *text) {
    rove__buf_append(out, text, strlen(text));
}

static void print_integer(const rove__field *field, int money_digits, int64_t value,
                          rove__buf *out) {
    const char *key = rove__field_enum_name(field, value);
    char text[ROVE_TIME_TEXT_SIZE];

    if (key != NULL) {
        print_text(out, key);
    } else if ((field->flags & ROVE_FIELD_BOOLEAN) != 0) {
        print_text(out, value != 0 ? "true" : "false");
    } else if ((field->flags & ROVE_FIELD_INSTANT) != 0) {
        rove__time_format(value, text);
        print_text(out, text);
    } else if ((field->flags & ROVE_FIELD_MONEY) != 0) {
        value_text_print_decimal(value, money_digits, out);
    } else if ((field->flags & ROVE_FIELD_DEGREES_E7) != 0) {
        int digits = 7;
        while (digits > 0 && value % 10 == 0) {
            value /= 10;
            digits--;
        }
        value_text_print_decimal(value, digits, out);
    } else {
        value_text_print_decimal(value, 0, out);
    }
}

/* The shortest of the usual forms that is read back as the same number. */
static void print_real(double real, rove__buf *out) {
    char text[40];

    for (int digits = 15; digits <= 17; digits++) {
        rove__text_format(text, sizeof text, "%.*g", digits, real);
        if (!(strtod(text, NULL) < real) && !(strtod(text, NULL) > real)) {
            break;
        }
    }
    print_text(out, text);
}

static void print_bytes(const rove_value *value, rove__buf *out) {
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < value->size; i++) {
        rove__buf_byte(out, (uint8_t)digits[value->as.data[i] >> 4]);
        rove__buf_byte(out, (uint8_t)digits[value->as.data[i] & 15]);
    }
}

static void print_set(const rove_value *value, rove__buf *out) {
    rove__set_cursor cursor;
    rove__element element;
    size_t before = out->size;
    int any = 0;

    rove__set_open(&cursor, value, ROVE_SET_PLAIN);
    while (rove__set_next(&cursor, &element)) {
        print_text(out, any++ ? "; " : "");
        if (cursor.form == ROVE_SET_DELTA) {
            print_text(out, element.action == ROVE_SET_ADD ? "+" : "-");
        }
        if (element.value.type == ROVE_INT) {
            value_text_print_decimal(element.value.as.integer, 0, out);
        } else {
            rove__buf_append(out, element.value.as.data, element.value.size);
        }
    }
    if (rove__set_done(&cursor) != ROVE_OK && rove__buf_status(out) == ROVE_OK) {
        rove__buf_truncate(out, before);
    }
}

void value_text_print(const rove__field *field, int money_digits, const rove_value *value,
                      rove__buf *out) {
    if (value->type == ROVE_NULL) {
        return;
    }
    if (field->kind == ROVE_KIND_SET) {
        print_set(value, out);
    } else if (value->type == ROVE_INT) {
        print_integer(field, money_digits, value->as.integer, out);
    } else if (value->type == ROVE_REAL) {
        print_real(value->as.real, out);
    } else if (value->type == ROVE_TEXT) {
        rove__buf_append(out, value->as.data, value->size);
    } else {
        print_bytes(value, out);
    }
}
