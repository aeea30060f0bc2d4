/*
 * rules/pin.h - how long to wait after wrong PINs before another one is tried. Pure: no clock, no file.
 *
 * The first tries cost nothing, for people mistype. After that each wrong PIN doubles the wait, up to an hour, for as long as
 * none is right; nothing is ever thrown away for it. Only the boot clock counts, and only from the last try on: setting the
 * clock changes nothing, and after a restart the wait begins anew, less the time since the device was started.
 */
#ifndef ROVE_RULES_PIN_H
#define ROVE_RULES_PIN_H

#include <stdint.h>

#include "rove/sys/clock.h"

#define ROVE_PIN_FREE_TRIES    5 /* wrong ones in a row; each further one waits */
#define ROVE_PIN_WAIT_FIRST_MS INT64_C(30000)
#define ROVE_PIN_WAIT_MAX_MS   INT64_C(3600000)

/* As it is kept on disk; all zeros: none was wrong. */
typedef struct rove__pin_tries {
    uint32_t wrong;  /* in a row; a try counts before it is known what comes of it */
    int64_t boot_ms; /* of the last one */
    uint8_t boot_id[ROVE_BOOT_ID_SIZE];
} rove__pin_tries;

/* Ms until the next try; 0: now. */
int64_t rove__pin_wait_ms(const rove__pin_tries *tries, const rove_clock_reading *now);
/* With one more wrong try, made now. */
rove__pin_tries rove__pin_tried(const rove__pin_tries *tries, const rove_clock_reading *now);
/* What somebody has meddled with: the longest wait, from now on. */
rove__pin_tries rove__pin_spoiled(const rove_clock_reading *now);

#endif
