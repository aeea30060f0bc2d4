/*
 * list.c - rows and objects on stdout: aligned columns for people, JSON for programs, from the same values.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "cli.h"

#define COLUMNS_MAX 64
#define WIDTH_MAX   60

void cli_json(json_t *document) {
    if (document == NULL || json_dumpf(document, stdout, JSON_INDENT(2) | JSON_ENCODE_ANY) != 0) {
        fputs("rove: not enough memory to print\n", stderr);
    }
    putchar('\n');
    json_decref(document);
}

json_t *cli_time_json(int64_t unix_ms) {
    char text[ROVE_TIME_SIZE];
    if (unix_ms == 0) {
        return json_null();
    }
    rove_time_format(unix_ms, text);
    return json_string(text);
}

/* A scalar as a cell of text; numbers into `buffer`. */
static const char *cell_text(json_t *value, char *buffer, size_t capacity) {
    if (json_is_string(value)) {
        return json_string_value(value);
    }
    if (json_is_integer(value)) {
        snprintf(buffer, capacity, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        return buffer;
    }
    if (json_is_real(value)) {
        snprintf(buffer, capacity, "%.15g", json_real_value(value));
        return buffer;
    }
    return json_is_true(value) ? "yes" : json_is_false(value) ? "no" : "";
}

/* Characters, not bytes: continuation bytes of UTF-8 do not count. */
static int width_of(const char *text) {
    int width = 0;

    for (; *text != '\0'; text++) {
        width += ((unsigned char)*text & 0xc0u) != 0x80u;
    }
    return width;
}

/*
 * Bytes of a control character at the beginning of a text, or 0. Whoever wrote a record could steer the terminal of
 * who reads it with these, so a blank stands for each.
 */
static int control_size(const char *text) {
    unsigned char first = (unsigned char)text[0];
    unsigned char second = first != 0 ? (unsigned char)text[1] : 0;

    return first < 0x20u || first == 0x7fu                        ? 1
           : first == 0xc2u && second >= 0x80u && second <= 0x9fu ? 2
                                                                  : 0;
}

static void print_cell(const char *text, int width, int last) {
    int used = 0;

    while (*text != '\0' && (last || used < width || ((unsigned char)*text & 0xc0u) == 0x80u)) {
        int control = control_size(text);
        used += ((unsigned char)*text & 0xc0u) != 0x80u;
        putchar(control != 0 ? ' ' : *text);
        text += control != 0 ? control : 1;
    }
    for (; !last && used < width + 2; used++) {
        putchar(' ');
    }
}

static void print_row(json_t *row, const char *const *columns, const int *widths, size_t count) {
    char buffer[40];

    for (size_t i = 0; i < count; i++) {
        json_t *value = json_object_get(row, columns[i]);
        print_cell(cell_text(value, buffer, sizeof buffer), widths[i], i + 1 == count);
    }
    putchar('\n');
}

static void print_table(const char *const *columns, size_t count, json_t *rows) {
    int widths[COLUMNS_MAX];
    char buffer[40];
    size_t index;
    json_t *row;

    for (size_t i = 0; i < count; i++) {
        widths[i] = width_of(columns[i]);
        json_array_foreach(rows, index, row) {
            json_t *value = json_object_get(row, columns[i]);
            int width = width_of(cell_text(value, buffer, sizeof buffer));
            widths[i] = width > widths[i] ? width : widths[i];
        }
        widths[i] = widths[i] > WIDTH_MAX ? WIDTH_MAX : widths[i];
    }
    for (size_t i = 0; i < count; i++) {
        print_cell(columns[i], widths[i], i + 1 == count);
    }
    putchar('\n');
    json_array_foreach(rows, index, row) {
        print_row(row, columns, widths, count);
    }
}

void cli_rows(cli_session *cli, const char *const *columns, json_t *rows, const char *none) {
    size_t count = 0;

    while (columns[count] != NULL && count < COLUMNS_MAX) {
        count++;
    }
    if (cli->json) {
        cli_json(rows);
        return;
    }
    if (json_array_size(rows) == 0) {
        fprintf(stderr, "%s\n", none);
    } else {
        print_table(columns, count, rows);
    }
    json_decref(rows);
}

void cli_object(cli_session *cli, json_t *object) {
    const char *name;
    json_t *value;
    char buffer[40];

    if (cli->json) {
        cli_json(object);
        return;
    }
    json_object_foreach(object, name, value) {
        if (json_is_array(value)) {
            char *text = json_dumps(value, JSON_COMPACT);
            printf("%-24s %s\n", name, text != NULL ? text : "");
            free(text);
        } else if (!json_is_null(value)) {
            printf("%-24s ", name);
            print_cell(cell_text(value, buffer, sizeof buffer), 0, 1);
            putchar('\n');
        }
    }
    json_decref(object);
}

json_t *cli_row(cli_session *cli, const char *entity, const rove_query *query) {
    json_t *row = json_object();

    for (size_t i = 0; i < rove_query_columns(query); i++) {
        rove_field_info info;
        const char *name = rove_query_name(query, i);
        int known = cli_field(cli, entity, name, &info);
        json_t *value =
            cli_value_json(cli, entity, known ? &info : NULL, rove_query_value(query, i));
        if (json_object_set_new(row, name, value) != 0) {
            json_decref(row);
            return NULL;
        }
    }
    return row;
}

int cli_list(cli_session *cli, const char *entity, const char *sql, const rove_value *parameters,
             size_t count, const char *none) {
    rove_error error = {0};
    rove_query *query = NULL;
    char *columns[COLUMNS_MAX + 1] = {NULL};
    json_t *rows = json_array();
    rove_status status = rove_query_new(cli->replica, sql, parameters, count, &query, &error);

    for (size_t i = 0; status == ROVE_OK && i < rove_query_columns(query) && i < COLUMNS_MAX; i++) {
        columns[i] = strdup(rove_query_name(query, i));
        status = columns[i] != NULL ? ROVE_OK : ROVE_NOMEM;
    }
    while (status == ROVE_OK && (status = rove_query_step(query, &error)) == ROVE_OK) {
        json_t *row = cli_row(cli, entity, query);
        status = row != NULL && json_array_append_new(rows, row) == 0 ? ROVE_OK : ROVE_NOMEM;
    }
    rove_query_free(query);
    if (status == ROVE_DONE) {
        cli_rows(cli, (const char *const *)columns, rows, none);
    } else {
        json_decref(rows);
    }
    for (size_t i = 0; i < COLUMNS_MAX; i++) {
        free(columns[i]);
    }
    return status == ROVE_DONE ? CLI_DONE : cli_fail(cli, status, &error);
}
