/*
 * rove/sys/random.h - unpredictable bytes, from the operating system.
 *
 * Stability: extension point; fields are only ever added at the end.
 */
#ifndef ROVE_SYS_RANDOM_H
#define ROVE_SYS_RANDOM_H

#include <stddef.h>

#include "rove/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* fill() gives all of `size` bytes or a status other than ROVE_OK; any thread. */
typedef struct rove_random {
    rove_status (*fill)(void *ctx, void *bytes, size_t size);
    void *ctx;
} rove_random;

#ifdef __cplusplus
}
#endif
#endif
