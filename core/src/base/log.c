/*
 * base/log.c - one line to the log port, if anybody listens.
 */
#include "base/log.h"

#include <stdarg.h>

#include "base/text.h"

#define LINE_SIZE 401

void rove__log(const rove_log *log, rove_log_level level, const char *module, const char *format,
               ...) {
    char line[LINE_SIZE];
    va_list args;

    if (log == NULL || log->write == NULL || level > log->most) {
        return;
    }
    va_start(args, format);
    rove__text_vformat(line, sizeof line, format, args);
    va_end(args);
    for (char *at = line; *at != '\0'; at++) {
        if (*at == '\n' || *at == '\r') {
            *at = ' ';
        }
    }
    log->write(log->ctx, level, module, line);
}
