/*
 * rove/sys/stream.h - bytes of any number that go somewhere, and bytes that are read at any place: a file of the app's, as a rule.
 *
 * Their functions are called on the thread that called what uses them, one call at a time. A status other than ROVE_OK is what
 * that call then returns, with the sentence in `error` if there is one.
 *
 * Stability: extension point; fields are only ever added at the end.
 */
#ifndef ROVE_SYS_STREAM_H
#define ROVE_SYS_STREAM_H

#include <stddef.h>
#include <stdint.h>

#include "rove/error.h"
#include "rove/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct rove_sink {
    /* Takes all of `size` bytes, at least one, behind those before. */
    rove_status (*write)(void *ctx, const void *bytes, size_t size, rove_error *error);
    void *ctx;
} rove_sink;

typedef struct rove_source {
    uint64_t size; /* how many bytes there are; they stay as they are while it is used */
    /* Gives all of `size` bytes from `at` on; never asked for what is past the end. */
    rove_status (*read)(void *ctx, uint64_t at, void *bytes, size_t size, rove_error *error);
    void *ctx;
} rove_source;

#ifdef __cplusplus
}
#endif
#endif
