/*
 * rove/sys/log.h - where Rove reports what it does. Never a payload: names of entities, ids, counts,
 * statuses and durations only, so that a log may be sent to support.
 *
 * Stability: extension point; fields are only ever added at the end.
 */
#ifndef ROVE_SYS_LOG_H
#define ROVE_SYS_LOG_H

#ifdef __cplusplus
extern "C" {
#endif

typedef enum rove_log_level { ROVE_LOG_ERROR, ROVE_LOG_WARN, ROVE_LOG_INFO, ROVE_LOG_DEBUG } rove_log_level;

/* write() may be called from any thread; text is one line without its end, borrowed for the call. */
typedef struct rove_log {
    void (*write)(void *ctx, rove_log_level level, const char *module, const char *text);
    void *ctx;
    rove_log_level most; /* levels above this one are not even formatted */
} rove_log;

#ifdef __cplusplus
}
#endif
#endif
