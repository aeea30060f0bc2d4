/*
 * clock.c - what time it is. A device's clock may say anything; once headquarters has answered, Rove goes by its time, and
 * until then by the wall clock, which it does not trust.
 */
#include "example.h"

#define DAY_MS INT64_C(86400000)

static int64_t say(rove *replica, const char *when, rove_error *error) {
    rove_state state = {.size = sizeof state};
    char text[ROVE_TIME_SIZE];

    EXAMPLE_OK(rove_read_state(replica, &state, error), error);
    rove_time_format(state.now_ms, text);
    printf("%s: %s%s\n", when, text, state.clock_trusted ? "" : " (not confirmed by headquarters)");
    return state.now_ms;
}

int main(void) {
    rove_ports ports;
    rove_error error = {.message = ""};

    example_ports(&ports);
    rove *replica = example_open(&ports, "example_clock");
    int64_t before = say(replica, "now", &error);
    rove_posix_clock_skew(-40 * DAY_MS); /* as if somebody had set the clock back */
    int64_t after = say(replica, "with a clock that is 40 days behind", &error);
    rove_posix_clock_skew(0);
    rove_close(replica);
    example_ports_free(&ports);
    return before - after > 39 * DAY_MS ? 0 : 1;
}
