/*
 * log.c - the log port on standard error: "2025-01-31T08:00:00.123Z warn sync: text".
 *
 * A line is written with one call, so that lines of several threads do not mix; what is longer than
 * LINE_MAX_BYTES is cut. Control characters become '?', so that a report stays one line.
 */
#include "posix.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define LINE_MAX_BYTES 1024

static const char *const level_names[] = {"error", "warn", "info", "debug"};

static void write_line(void *ctx, rove_log_level level, const char *module, const char *text) {
    (void)ctx;
    struct timespec now = {0, 0};
    struct tm utc;
    char time_text[32] = "?";
    char line[LINE_MAX_BYTES + 1];
    (void)clock_gettime(CLOCK_REALTIME, &now);
    if (gmtime_r(&now.tv_sec, &utc) != NULL) {
        (void)strftime(time_text, sizeof time_text, "%Y-%m-%dT%H:%M:%S", &utc);
    }
    int wrote = snprintf(line, sizeof line, "%s.%03dZ %s %s: %s", time_text,
                         (int)(now.tv_nsec / 1000000), level_names[level], module, text);
    if (wrote < 0) {
        return;
    }
    size_t size = (size_t)wrote < LINE_MAX_BYTES ? (size_t)wrote : LINE_MAX_BYTES - 1;
    for (size_t i = 0; i < size; i++) {
        if ((unsigned char)line[i] < ' ') {
            line[i] = '?';
        }
    }
    line[size] = '\n';
    ssize_t ignored = write(STDERR_FILENO, line, size + 1);
    (void)ignored; /* a log that cannot be written has nowhere to say so */
}

void rove_posix_log_stderr(rove_log *out, rove_log_level most) {
    out->write = write_line;
    out->ctx = NULL;
    out->most = most;
}
