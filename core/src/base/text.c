/*
 * base/text.c - UTF-8, and the only place in core where text is formatted.
 */
#include "base/text.h"

#include <stdio.h>
#include <string.h>

#include "base/assert.h"

/* Bytes that a sequence with this first byte takes, 0 for a byte that cannot be first. */
static size_t sequence_size(uint8_t first) {
    if (first < 0x80) {
        return 1;
    }
    if (first >= 0xc2 && first <= 0xdf) {
        return 2;
    }
    if (first >= 0xe0 && first <= 0xef) {
        return 3;
    }
    return first >= 0xf0 && first <= 0xf4 ? 4 : 0;
}

/* RFC 3629, section 4: the second byte's range excludes overlong forms, surrogates and the too large. */
static int second_valid(uint8_t first, uint8_t second) {
    uint8_t low = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
    uint8_t high = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;

    return second >= low && second <= high;
}

int rove__utf8_valid(const uint8_t *text, size_t size) {
    size_t at = 0;

    ROVE_ASSERT(text != NULL || size == 0);
    while (at < size) {
        size_t length = sequence_size(text[at]);

        if (text[at] == 0 || length == 0 || length > size - at) {
            return 0;
        }
        if (length > 1 && !second_valid(text[at], text[at + 1])) {
            return 0;
        }
        for (size_t i = 2; i < length; i++) {
            if ((text[at + i] & 0xc0) != 0x80) {
                return 0;
            }
        }
        at += length;
    }
    return 1;
}

size_t rove__utf8_length(const uint8_t *text, size_t size) {
    size_t length = 0;

    for (size_t i = 0; i < size; i++) {
        length += (text[i] & 0xc0) != 0x80;
    }
    return length;
}

/* Where to end a text that was cut at `size` bytes, so that no character is left half. */
static size_t boundary(const char *text, size_t size) {
    size_t start = size;

    while (start > 0 && ((uint8_t)text[start - 1] & 0xc0) == 0x80) {
        start--;
    }
    if (start == 0) {
        return size; /* continuation bytes only: not UTF-8 at all */
    }
    start--;
    return sequence_size((uint8_t)text[start]) > size - start ? start : size;
}

void rove__text_vformat(char *out, size_t capacity, const char *format, va_list args) {
    int wanted = 0;

    ROVE_ASSERT(format != NULL && (out != NULL || capacity == 0));
    if (capacity == 0) {
        return;
    }
    wanted = vsnprintf(out, capacity, format, args);
    if (wanted < 0) {
        out[0] = '\0';
    } else if ((size_t)wanted >= capacity) {
        out[boundary(out, capacity - 1)] = '\0';
    }
}

void rove__text_hex(const uint8_t *bytes, size_t size, char *out) {
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < size; i++) {
        *out++ = digits[bytes[i] >> 4];
        *out++ = digits[bytes[i] & 15];
    }
    *out = '\0';
}

void rove__text_format(char *out, size_t capacity, const char *format, ...) {
    va_list args;

    va_start(args, format);
    rove__text_vformat(out, capacity, format, args);
    va_end(args);
}

rove_status(rove__error_set)(rove_error *error, rove_status status, const char *format, ...) {
    va_list args;

    if (error != NULL) {
        error->domain = ROVE_DOMAIN_ROVE;
        error->code = (int)status;
        va_start(args, format);
        rove__text_vformat(error->message, sizeof error->message, format, args);
        va_end(args);
    }
    return status;
}

rove_status rove__error_foreign(rove_error *error, rove_status status, rove_error_domain domain,
                                int code, const char *format, ...) {
    va_list args;

    if (error != NULL) {
        error->domain = domain;
        error->code = code;
        va_start(args, format);
        rove__text_vformat(error->message, sizeof error->message, format, args);
        va_end(args);
    }
    return status;
}
