/*
 * base/text.h - UTF-8, bounded formatting, and small text helpers.
 */
#ifndef ROVE_BASE_TEXT_H
#define ROVE_BASE_TEXT_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "rove/error.h"
#include "rove/status.h"

/* 1 if the bytes are well-formed UTF-8 (RFC 3629: no surrogates, no overlong forms) without NUL. */
int rove__utf8_valid(const uint8_t *text, size_t size);
/* Code points in well-formed UTF-8. */
size_t rove__utf8_length(const uint8_t *text, size_t size);

/* Two digits for each byte, and a NUL: `out` has room for 2 * size + 1. */
void rove__text_hex(const uint8_t *bytes, size_t size, char *out);

/* snprintf that always terminates, cuts on a character boundary, and cannot fail. */
void rove__text_format(char *out, size_t capacity, const char *format, ...) ROVE_PRINTF(3, 4);
void rove__text_vformat(char *out, size_t capacity, const char *format, va_list args);

/* Fills `error` if there is one, and returns `status`, so that a caller can fail in one line. */
rove_status rove__error_set(rove_error *error, rove_status status, const char *format, ...)
    ROVE_PRINTF(3, 4);
/* The same for a code of another library. */
rove_status rove__error_foreign(rove_error *error, rove_status status, rove_error_domain domain,
                                int code, const char *format, ...) ROVE_PRINTF(5, 6);

#ifdef __clang_analyzer__
/* What returns cannot be seen from a declaration; clang-tidy would look for faults after a status that never comes. */
#define rove__error_set(error, status, ...) ((void)rove__error_set(error, status, __VA_ARGS__), (status))
#endif

#endif
