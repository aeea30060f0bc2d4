/*
 * print.c - how commands print; see hq.h and print.h.
 *
 * What reps typed may be in what is printed, so control characters never reach a terminal: in text they become
 * '?', in JSON they are escaped.
 */
#include "print.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/stamp.h"
#include "base/text.h"

#define SHORT_TEXT 1024

static void tame(char *text, size_t size) {
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)text[i];
        int c1 = c == 0xc2 && i + 1 < size && (unsigned char)text[i + 1] < 0xa0;
        if ((c < ' ' && c != '\n' && c != '\t') || c == 0x7f) {
            text[i] = '?';
        } else if (c1) {
            text[i] = '?';
            text[++i] = '?';
        }
    }
}

static void print_to(void (*to)(void *, const char *, size_t), void *ctx, const char *format,
                     va_list args) {
    char text[SHORT_TEXT];
    char *longer = NULL;
    char *at = text;
    va_list again;
    va_copy(again, args);
    int wanted = vsnprintf(text, sizeof text, format, args);
    size_t size = wanted < 0 ? 0 : (size_t)wanted;
    if (size >= sizeof text) {
        longer = malloc(size + 1);
        if (longer != NULL) {
            (void)vsnprintf(longer, size + 1, format, again);
            at = longer;
        } else {
            size = sizeof text - 1;
        }
    }
    va_end(again);
    tame(at, size);
    to(ctx, at, size);
    free(longer);
}

void hq_print(const hq_io *io, const char *format, ...) {
    va_list args;
    va_start(args, format);
    print_to(io->out, io->ctx, format, args);
    va_end(args);
}

void hq_complain(const hq_io *io, const char *format, ...) {
    va_list args;
    va_start(args, format);
    print_to(io->err, io->ctx, format, args);
    va_end(args);
}

int hq_width(const char *text, int columns) {
    for (; *text != '\0'; text++) {
        columns += ((unsigned char)*text & 0xc0u) == 0x80u;
    }
    return columns;
}

int hq_failed(const hq_io *io, rove_status status, const rove_error *error) {
    const char *text =
        error != NULL && error->message[0] != '\0' ? error->message : rove_status_text(status);
    hq_complain(io, "rove-hq: %s\n", text);
    switch (status) {
    case ROVE_OK:
        return HQ_EXIT_DONE;
    case ROVE_BUSY:
        return HQ_EXIT_BUSY;
    case ROVE_NOT_FOUND:
        return HQ_EXIT_NOT_FOUND;
    default:
        return HQ_EXIT_FAILED;
    }
}

static int dump(const char *bytes, size_t size, void *ctx) {
    const hq_io *io = ctx;
    io->out(io->ctx, bytes, size);
    return 0;
}

int hq_print_json(const hq_io *io, json_t *document) {
    hq_io copy = *io;
    int failed = document == NULL || json_dump_callback(document, dump, &copy, JSON_INDENT(2)) != 0;
    json_decref(document);
    if (failed) {
        return hq_failed(io, ROVE_NOMEM, NULL);
    }
    io->out(io->ctx, "\n", 1);
    return HQ_EXIT_DONE;
}

/* Bytes of the character that begins here, 0 if none does. */
static size_t character(const char *text, size_t size) {
    for (size_t bytes = 1; bytes <= 4 && bytes <= size; bytes++) {
        if (rove__utf8_valid((const uint8_t *)text, bytes)) {
            return bytes;
        }
    }
    return 0;
}

json_t *hq_json_text(const char *text) {
    static const char unknown[] = "\xef\xbf\xbd";
    size_t left = strlen(text);
    char clean[1024];
    size_t size = 0;

    while (left > 0 && size + 4 <= sizeof clean) {
        size_t bytes = character(text, left);
        const char *shown = bytes > 0 ? text : unknown;
        size_t shown_size = bytes > 0 ? bytes : sizeof unknown - 1;
        memcpy(clean + size, shown, shown_size);
        size += shown_size;
        text += bytes > 0 ? bytes : 1;
        left -= bytes > 0 ? bytes : 1;
    }
    return json_stringn(clean, size);
}

json_t *hq_json_time(int64_t unix_ms) {
    char text[ROVE_TIME_TEXT_SIZE];
    if (unix_ms == 0) {
        return json_null();
    }
    rove__time_format(unix_ms, text);
    return json_string(text);
}
