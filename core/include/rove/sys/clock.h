/*
 * rove/sys/clock.h - the three clocks of a device.
 *
 * Stability: extension point; fields are only ever added at the end.
 */
#ifndef ROVE_SYS_CLOCK_H
#define ROVE_SYS_CLOCK_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define ROVE_BOOT_ID_SIZE 16

/* One reading, all taken at the same moment. */
typedef struct rove_clock_reading {
    int64_t wall_ms;                    /* Unix ms UTC as the device believes it to be; may be any value */
    int64_t boot_ms;                    /* ms since boot, running through sleep, never set back */
    uint8_t boot_id[ROVE_BOOT_ID_SIZE]; /* another value after each boot */
} rove_clock_reading;

/* read() cannot fail and may be called from any thread. */
typedef struct rove_clock {
    void (*read)(void *ctx, rove_clock_reading *reading);
    void *ctx;
} rove_clock;

#ifdef __cplusplus
}
#endif
#endif
