/*
 * value.c - values as people type and read them, by what the registry says of a field.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

#define MINUTE_MS INT64_C(60000)
#define DAY_MS    (1440 * MINUTE_MS)
#define KEY_MAX   64 /* of an enumeration, in a message */

#define TIME_EXPECTED "write 2026-11-23T09:05Z, now, today, tomorrow, or +2h, -30m, +3d"

static rove_status refuse(rove_error *error, const char *entity, const char *field,
                          const char *sentence) {
    if (error != NULL) {
        error->domain = ROVE_DOMAIN_ROVE;
        error->code = ROVE_INVALID;
        snprintf(error->message, sizeof error->message, "%s.%s: %s", entity, field, sentence);
    }
    return ROVE_INVALID;
}

int cli_field(cli_session *cli, const char *entity, const char *name, rove_field_info *info) {
    for (size_t i = 0; entity != NULL; i++) {
        if (rove_field_at(cli->replica, entity, i, info) != ROVE_OK) {
            return 0;
        }
        if (strcmp(info->name, name) == 0) {
            return 1;
        }
    }
    return 0;
}

/* ---- time ---------------------------------------------------------------------------------------------- */

/* "+2h", "-30m", "+3d", "+10s" against now. */
static int relative_time(const char *text, int64_t now_ms, int64_t *unix_ms) {
    char *end = NULL;
    long long amount = strtoll(text, &end, 10);
    int64_t unit = *end == 's'   ? 1000
                   : *end == 'm' ? MINUTE_MS
                   : *end == 'h' ? 60 * MINUTE_MS
                   : *end == 'd' ? DAY_MS
                                 : 0;

    if (end == text || unit == 0 || end[1] != '\0' || amount > 100000 || amount < -100000) {
        return 0;
    }
    *unix_ms = now_ms + amount * unit;
    return 1;
}

rove_status cli_time_parse(cli_session *cli, const char *text, int64_t *unix_ms,
                           rove_error *error) {
    int64_t now_ms = rove_now_ms(cli->replica);
    int64_t today_ms = now_ms - ((now_ms % DAY_MS) + DAY_MS) % DAY_MS;

    if (strcmp(text, "now") == 0) {
        *unix_ms = now_ms;
    } else if (strcmp(text, "today") == 0) {
        *unix_ms = today_ms;
    } else if (strcmp(text, "tomorrow") == 0) {
        *unix_ms = today_ms + DAY_MS;
    } else if (!relative_time(text, now_ms, unix_ms) && rove_time_parse(text, unix_ms) != ROVE_OK) {
        return refuse(error, "time", text, TIME_EXPECTED);
    }
    return ROVE_OK;
}

/* ---- numbers -------------------------------------------------------------------------------------------- */

/* A decimal number times 10^digits, exactly; 0 if it is none or has more digits than that. */
static int decimal(const char *text, int digits, int64_t *scaled) {
    int negative = *text == '-';
    int64_t value = 0;
    int after = -1;
    const char *c = text + (negative || *text == '+');

    if (*c == '\0') {
        return 0;
    }
    for (; *c != '\0'; c++) {
        if (*c == '.' && after < 0) {
            after = 0;
            continue;
        }
        if (!isdigit((unsigned char)*c) || after == digits || value > INT64_MAX / 10 - 10) {
            return 0;
        }
        value = value * 10 + (*c - '0');
        after += after >= 0;
    }
    for (int i = after < 0 ? 0 : after; i < digits; i++) {
        if (value > INT64_MAX / 10) {
            return 0;
        }
        value *= 10;
    }
    *scaled = negative ? -value : value;
    return 1;
}

static json_t *scaled_json(int64_t value, int digits) {
    char text[64];
    int64_t unit = 1;
    uint64_t size = value < 0 ? (uint64_t)0 - (uint64_t)value : (uint64_t)value;

    for (int i = 0; i < digits; i++) {
        unit *= 10;
    }
    snprintf(text, sizeof text, "%s%llu.%0*llu", value < 0 ? "-" : "",
             (unsigned long long)(size / (uint64_t)unit), digits,
             (unsigned long long)(size % (uint64_t)unit));
    return json_string(text);
}

/* ---- values --------------------------------------------------------------------------------------------- */

/* Keys as people write them: in_progress, "In progress", in-progress. */
static rove_status parse_key(cli_session *cli, const char *entity, const char *field,
                             const char *text, int64_t *integer) {
    char key[KEY_MAX];
    size_t size = 0;

    for (; text[size] != '\0' && size + 1 < sizeof key; size++) {
        int c = toupper((unsigned char)text[size]);
        key[size] = (char)(c == ' ' || c == '-' ? '_' : c);
    }
    key[size] = '\0';
    return rove_enum_value(cli->replica, entity, field, key, integer);
}

/* What may be written instead: the keys of an enumeration, if it is one. */
static rove_status refuse_integer(cli_session *cli, const char *entity, const rove_field_info *info,
                                  rove_error *error) {
    char sentence[160] = "";
    const char *key = NULL;

    for (int64_t value = info->min;
         value <= info->max &&
         rove_enum_key(cli->replica, entity, info->name, value, &key) == ROVE_OK;
         value++) {
        size_t used = strlen(sentence);
        snprintf(sentence + used, sizeof sentence - used, "%s%s",
                 used == 0 ? "it is one of " : ", ", key);
    }
    return refuse(error, entity, info->name,
                  sentence[0] != '\0' ? sentence : "a whole number is expected");
}

static rove_status parse_integer(cli_session *cli, const char *entity, const rove_field_info *info,
                                 const char *text, int64_t *integer, rove_error *error) {
    if (info->instant) {
        return cli_time_parse(cli, text, integer, NULL) == ROVE_OK
                   ? ROVE_OK
                   : refuse(error, entity, info->name, TIME_EXPECTED);
    }
    if (info->boolean && (strcmp(text, "yes") == 0 || strcmp(text, "true") == 0)) {
        *integer = 1;
        return ROVE_OK;
    }
    if (info->boolean && (strcmp(text, "no") == 0 || strcmp(text, "false") == 0)) {
        *integer = 0;
        return ROVE_OK;
    }
    if (info->money || info->degrees_e7) {
        return decimal(text, info->money ? 2 : 7, integer)
                   ? ROVE_OK
                   : refuse(error, entity, info->name, "a decimal number like 12.34 is expected");
    }
    if (parse_key(cli, entity, info->name, text, integer) == ROVE_OK ||
        cli_number(text, integer) == ROVE_OK) {
        return ROVE_OK;
    }
    if (info->target != NULL) {
        const char *target = strcmp(info->target, "any root") == 0 ? "root" : info->target;
        return cli_resolve(cli, target, text, integer, error);
    }
    return refuse_integer(cli, entity, info, error);
}

rove_status cli_value_parse(cli_session *cli, const char *entity, const rove_field_info *info,
                            const char *text, rove_value *value, rove_error *error) {
    if (*text == '\0') {
        *value = rove_null();
        return ROVE_OK;
    }
    if (strcmp(info->kind, "set") == 0) {
        return refuse(error, entity, info->name, "a set is changed by its elements: `rove tag`");
    }
    if (info->type == ROVE_TEXT) {
        *value = rove_text(text);
        return ROVE_OK;
    }
    if (info->type == ROVE_REAL) {
        char *end = NULL;
        double real = strtod(text, &end);
        *value = rove_real(real);
        return *end == '\0' ? ROVE_OK : refuse(error, entity, info->name, "a number is expected");
    }
    if (info->type == ROVE_INT) {
        int64_t integer = 0;
        rove_status status = parse_integer(cli, entity, info, text, &integer, error);
        *value = rove_int(integer);
        return status;
    }
    return refuse(error, entity, info->name, "binary fields cannot be typed");
}

rove_status cli_assignment_parse(cli_session *cli, const char *entity, char *argument,
                                 rove_field *field, rove_error *error) {
    rove_field_info info;
    char *equals = strchr(argument, '=');

    if (equals == NULL) {
        return refuse(error, entity, argument, "write it as field=value");
    }
    *equals = '\0';
    field->name = argument;
    if (!cli_field(cli, entity, argument, &info)) {
        (void)refuse(error, entity, argument, "there is no such field");
        return ROVE_UNKNOWN_FIELD;
    }
    return cli_value_parse(cli, entity, &info, equals + 1, &field->value, error);
}

static json_t *integer_json(cli_session *cli, const char *entity, const rove_field_info *info,
                            int64_t integer) {
    const char *key = NULL;
    char text[ROVE_TIME_SIZE];

    if (info == NULL) {
        return json_integer(integer);
    }
    if (info->instant) {
        rove_time_format(integer, text);
        return json_string(text);
    }
    if (info->boolean) {
        return json_boolean(integer != 0);
    }
    if (info->money || info->degrees_e7) {
        return scaled_json(integer, info->money ? 2 : 7);
    }
    if (rove_enum_key(cli->replica, entity, info->name, integer, &key) == ROVE_OK) {
        return json_string(key);
    }
    return json_integer(integer);
}

static json_t *hex_json(const uint8_t *data, size_t size) {
    char *text = malloc(size * 2 + 1);
    json_t *json = NULL;

    if (text != NULL) {
        for (size_t i = 0; i < size; i++) {
            snprintf(text + i * 2, 3, "%02x", data[i]);
        }
        text[size * 2] = '\0';
        json = json_string(text);
    }
    free(text);
    return json;
}

/* SQL can make texts that are no UTF-8, by a cast: ? stands for what is not ASCII. */
static json_t *text_json(const char *data, size_t size) {
    json_t *json = json_stringn(data, size);
    char *ascii = json == NULL ? malloc(size) : NULL;

    if (ascii != NULL) {
        for (size_t i = 0; i < size; i++) {
            ascii[i] = '?';
            if ((unsigned char)data[i] < 0x80u) {
                ascii[i] = data[i];
            }
        }
        json = json_stringn(ascii, size);
    }
    free(ascii);
    return json;
}

json_t *cli_value_json(cli_session *cli, const char *entity, const rove_field_info *info,
                       rove_value value) {
    switch (value.type) {
    case ROVE_INT:
        return integer_json(cli, entity, info, value.as.integer);
    case ROVE_REAL:
        return json_real(value.as.real);
    case ROVE_TEXT:
        return text_json((const char *)value.as.data, value.size);
    case ROVE_BLOB:
        return hex_json(value.as.data, value.size);
    case ROVE_NULL:
        break;
    }
    return json_null();
}
