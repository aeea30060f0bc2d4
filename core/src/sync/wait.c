/*
 * sync/wait.c - a cursor as text; see wait.h.
 */
#include "sync/wait.h"

#include "base/text.h"

void rove__wait_write(rove__cursor cursor, char text[ROVE_WAIT_TEXT_SIZE]) {
    rove__text_format(text, ROVE_WAIT_TEXT_SIZE, "%llu.%llu", (unsigned long long)cursor.timeline,
                      (unsigned long long)cursor.seq);
}

/* At least one figure, and no more than 64 bits; *text moves behind them. */
static int read_number(const char **text, uint64_t *number) {
    const char *at = *text;

    *number = 0;
    for (; *at >= '0' && *at <= '9'; at++) {
        uint64_t figure = (uint64_t)(*at - '0');
        if (*number > (UINT64_MAX - figure) / 10) {
            return 0;
        }
        *number = *number * 10 + figure;
    }
    int any = at > *text;
    *text = at;
    return any;
}

rove_status rove__wait_read(const char *text, rove__cursor *cursor) {
    rove__cursor found = {0, 0};

    *cursor = found;
    if (text == NULL || !read_number(&text, &found.timeline) || *text++ != '.' ||
        !read_number(&text, &found.seq) || *text != '\0') {
        return ROVE_PROTOCOL;
    }
    *cursor = found;
    return ROVE_OK;
}
