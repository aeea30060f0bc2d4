/*
 * clock.c - the clock port: CLOCK_REALTIME, CLOCK_BOOTTIME (which runs through sleep) and the kernel's
 * boot id.
 *
 * Where the boot id cannot be read, each process invents one: Rove then takes every start of the
 * process for a reboot, which costs accuracy of its trusted time and is never wrong.
 */
#include "posix.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static _Atomic int64_t wall_skew_ms;
static pthread_once_t boot_id_once = PTHREAD_ONCE_INIT;
static uint8_t boot_id[ROVE_BOOT_ID_SIZE];

static int hex_digit(char c) {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return -1;
}

/* Reads "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx" into 16 bytes; 0 if it is anything else. */
static int parse_uuid(const char *text, size_t size, uint8_t out[ROVE_BOOT_ID_SIZE]) {
    size_t digits = 0;
    for (size_t i = 0; i < size && digits < 2 * ROVE_BOOT_ID_SIZE; i++) {
        if (text[i] == '-') {
            continue;
        }
        int digit = hex_digit(text[i]);
        if (digit < 0) {
            return 0;
        }
        uint8_t *byte = &out[digits / 2];
        *byte = (uint8_t)(digits % 2 == 0 ? digit << 4 : *byte | digit);
        digits++;
    }
    return digits == 2 * ROVE_BOOT_ID_SIZE;
}

static void read_boot_id(void) {
    char text[64];
    ssize_t size = -1;
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        size = read(fd, text, sizeof text);
        (void)close(fd);
    }
    if (size > 0 && parse_uuid(text, (size_t)size, boot_id)) {
        return;
    }
    rove_random random;
    rove_posix_random(&random);
    if (random.fill(random.ctx, boot_id, sizeof boot_id) != ROVE_OK) {
        memset(boot_id, 0, sizeof boot_id);
    }
}

static int64_t read_ms(clockid_t id) {
    struct timespec now = {0, 0};
    (void)clock_gettime(id, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void read_clocks(void *ctx, rove_clock_reading *reading) {
    (void)ctx;
    (void)pthread_once(&boot_id_once, read_boot_id);
    reading->boot_ms = read_ms(CLOCK_BOOTTIME);
    reading->wall_ms = read_ms(CLOCK_REALTIME) + atomic_load(&wall_skew_ms);
    memcpy(reading->boot_id, boot_id, sizeof boot_id);
}

void rove_posix_clock_skew(int64_t wall_offset_ms) {
    atomic_store(&wall_skew_ms, wall_offset_ms);
}

void rove_posix_clock(rove_clock *out) {
    out->read = read_clocks;
    out->ctx = NULL;
}
