/*
 * rules/pin.c - see pin.h.
 */
#include "rules/pin.h"

#include <string.h>

#define LONGEST 64 /* tries after which the wait has long been the longest */

static int64_t whole_wait_ms(uint32_t wrong) {
    int64_t wait_ms = ROVE_PIN_WAIT_FIRST_MS;

    if (wrong < ROVE_PIN_FREE_TRIES) {
        return 0;
    }
    for (uint32_t n = ROVE_PIN_FREE_TRIES; n < wrong && wait_ms < ROVE_PIN_WAIT_MAX_MS; n++) {
        wait_ms *= 2;
    }
    return wait_ms < ROVE_PIN_WAIT_MAX_MS ? wait_ms : ROVE_PIN_WAIT_MAX_MS;
}

/* A boot clock that went back is one of another boot, whatever the device says. */
static int64_t passed_ms(const rove__pin_tries *tries, const rove_clock_reading *now) {
    int is_same_boot = memcmp(tries->boot_id, now->boot_id, ROVE_BOOT_ID_SIZE) == 0 &&
                       now->boot_ms >= tries->boot_ms;

    return is_same_boot ? now->boot_ms - tries->boot_ms : now->boot_ms;
}

int64_t rove__pin_wait_ms(const rove__pin_tries *tries, const rove_clock_reading *now) {
    int64_t whole_ms = whole_wait_ms(tries->wrong);
    int64_t gone_ms = whole_ms > 0 ? passed_ms(tries, now) : 0;

    return gone_ms <= 0 ? whole_ms : gone_ms < whole_ms ? whole_ms - gone_ms : 0;
}

rove__pin_tries rove__pin_tried(const rove__pin_tries *tries, const rove_clock_reading *now) {
    rove__pin_tries next = {.wrong = tries->wrong < UINT32_MAX ? tries->wrong + 1 : UINT32_MAX,
                            .boot_ms = now->boot_ms};

    memcpy(next.boot_id, now->boot_id, sizeof next.boot_id);
    return next;
}

rove__pin_tries rove__pin_spoiled(const rove_clock_reading *now) {
    const rove__pin_tries many = {.wrong = LONGEST - 1};

    return rove__pin_tried(&many, now);
}
