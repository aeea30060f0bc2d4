/*
 * support/hex.h - golden bytes as text.
 */
#ifndef ROVE_TESTS_HEX_H
#define ROVE_TESTS_HEX_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* At most `capacity` bytes from pairs of lower-case hex digits; how many there were. */
static inline size_t hex_read(const char *text, uint8_t *out, size_t capacity) {
    static const char digits[] = "0123456789abcdef";
    size_t size = 0;

    for (; size < capacity && text[2 * size] != '\0'; size++) {
        size_t high = (size_t)(strchr(digits, text[2 * size]) - digits);
        size_t low = (size_t)(strchr(digits, text[2 * size + 1]) - digits);
        out[size] = (uint8_t)(high << 4 | low);
    }
    return size;
}

/* 1 if the bytes are those of the text. */
static inline int hex_equal(const uint8_t *bytes, size_t size, const char *text) {
    uint8_t expected[4096];

    return strlen(text) == 2 * size && hex_read(text, expected, sizeof expected) == size &&
           memcmp(bytes, expected, size) == 0;
}

#endif
