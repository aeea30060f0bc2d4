/*
 * client/time.c - times as text, for shells.
 */
#include "base/assert.h"
#include "base/stamp.h"
#include "rove/client.h"

ROVE_STATIC_ASSERT(ROVE_TIME_SIZE >= ROVE_TIME_TEXT_SIZE, "a time fits");

void rove_time_format(int64_t unix_ms, char text[ROVE_TIME_SIZE]) {
    rove__time_format(unix_ms, text);
}

rove_status rove_time_parse(const char *text, int64_t *unix_ms) {
    size_t size = 0;

    if (text == NULL || unix_ms == NULL) {
        return ROVE_INVALID;
    }
    while (text[size] != '\0') {
        size++;
    }
    return rove__time_parse(text, size, unix_ms);
}
