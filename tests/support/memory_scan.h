/*
 * support/memory_scan.h - searches all memory that this process may write for some bytes, as one who has a dump of it would.
 *
 * The needle is held inverted, so that the search does not find itself. Linux.
 */
#ifndef ROVE_TESTS_MEMORY_SCAN_H
#define ROVE_TESTS_MEMORY_SCAN_H

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NEEDLE_MAX 64

typedef struct needle {
    uint8_t inverted[NEEDLE_MAX];
    size_t size;
} needle;

static inline needle needle_of(const void *bytes, size_t size) {
    needle n = {.size = size};

    for (size_t i = 0; i < size; i++) {
        n.inverted[i] = (uint8_t)(0xff - ((const uint8_t *)bytes)[i]);
    }
    return n;
}

static inline int needle_at(const needle *n, const uint8_t *at) {
    size_t i = 0;

    while (i < n->size && at[i] + n->inverted[i] == 0xff) {
        i++;
    }
    return i == n->size;
}

/* In the region from..to, which is read through the file: some of it may be gone by now. */
static inline size_t needles_in(const needle *n, int memory, uint64_t from, uint64_t to) {
    static uint8_t chunk[1 << 16];
    size_t found = 0;

    for (uint64_t at = from; at + n->size <= to; at += sizeof chunk - n->size) {
        size_t most = to - at < sizeof chunk ? (size_t)(to - at) : sizeof chunk;
        ssize_t size = pread(memory, chunk, most, (off_t)at);
        for (ssize_t i = 0; i + (ssize_t)n->size <= size; i++) {
            int own = at + (uint64_t)i >= (uint64_t)(uintptr_t)chunk &&
                      at + (uint64_t)i < (uint64_t)(uintptr_t)chunk + sizeof chunk;
            found += !own && needle_at(n, chunk + i);
        }
        memset(chunk, 0, sizeof chunk);
    }
    return found;
}

/* How often the bytes stand somewhere in memory. */
static inline size_t memory_count(const needle *n) {
    int memory = open("/proc/self/mem", O_RDONLY);
    FILE *maps = fopen("/proc/self/maps", "r");
    char line[512];
    size_t found = 0;

    while (memory >= 0 && maps != NULL && fgets(line, sizeof line, maps) != NULL) {
        unsigned long long from = 0;
        unsigned long long to = 0;
        char mode[8] = "";
        if (sscanf(line, "%llx-%llx %7s", &from, &to, mode) == 3 && mode[1] == 'w') {
            found += needles_in(n, memory, from, to);
        }
    }
    if (maps != NULL) {
        (void)fclose(maps);
    }
    (void)close(memory);
    return found;
}

#endif
