/*
 * base/log.h - one line to the log port, if anybody listens. Never a payload.
 */
#ifndef ROVE_BASE_LOG_H
#define ROVE_BASE_LOG_H

#include "rove/status.h"
#include "rove/sys/log.h"

/* `log` may be NULL. Lines are cut at 400 bytes. */
void rove__log(const rove_log *log, rove_log_level level, const char *module, const char *format,
               ...) ROVE_PRINTF(4, 5);

#endif
