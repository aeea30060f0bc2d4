/*
 * http/tally.c - see tally.h.
 */
#include "http/tally.h"

#include <netinet/in.h>
#include <string.h>

#include "base/alloc.h"

#define WHOLE     1000 /* thousandths of a request */
#define MINUTE_MS 60000

void tally_init(tally *self, const rove_allocator *allocator, unsigned a_minute) {
    *self = (tally){.allocator = allocator, .a_minute = a_minute};
    (void)pthread_mutex_init(&self->mutex, NULL);
}

void tally_free(tally *self) {
    rove__free(self->allocator, self->entries);
    (void)pthread_mutex_destroy(&self->mutex);
}

static uint64_t number_of(const struct sockaddr *address) {
    uint64_t number = 0;

    if (address != NULL && address->sa_family == AF_INET) {
        struct sockaddr_in four;
        memcpy(&four, address, sizeof four);
        return ntohl(four.sin_addr.s_addr);
    }
    if (address != NULL && address->sa_family == AF_INET6) {
        struct sockaddr_in6 six;
        memcpy(&six, address, sizeof six);
        int mapped = IN6_IS_ADDR_V4MAPPED(&six.sin6_addr);
        for (size_t i = mapped ? 12 : 0; i < (mapped ? 16 : 8); i++) {
            number = number << 8 | six.sin6_addr.s6_addr[i];
        }
    }
    return number;
}

/* The address' own entry, or the one that is given to it. */
static tally_entry *find(tally *self, uint64_t address) {
    tally_entry *oldest = &self->entries[0];

    for (size_t i = 0; i < TALLY_ADDRESSES; i++) {
        tally_entry *at = &self->entries[i];
        if (at->seen_ms != 0 && at->address == address) {
            return at;
        }
        oldest = at->seen_ms < oldest->seen_ms ? at : oldest;
    }
    *oldest = (tally_entry){.address = address};
    return oldest;
}

static int64_t take(const tally *self, tally_entry *entry, int64_t now_ms) {
    const int64_t full = (int64_t)self->a_minute * WHOLE;
    int64_t passed_ms = entry->seen_ms == 0 ? MINUTE_MS : now_ms - entry->seen_ms;

    if (passed_ms > MINUTE_MS) {
        passed_ms = MINUTE_MS;
    }
    entry->left += passed_ms * full / MINUTE_MS;
    entry->left = entry->left > full ? full : entry->left;
    entry->seen_ms = now_ms;
    if (entry->left >= WHOLE) {
        entry->left -= WHOLE;
        return 0;
    }
    return ((WHOLE - entry->left) * MINUTE_MS / full + 999) / 1000;
}

int64_t tally_admit(tally *self, const struct sockaddr *address, int64_t boot_ms) {
    int64_t wait_s = 1;

    (void)pthread_mutex_lock(&self->mutex);
    if (self->entries == NULL) {
        self->entries = rove__alloc_zeroed(self->allocator, TALLY_ADDRESSES, sizeof *self->entries);
    }
    if (self->entries != NULL) {
        wait_s = take(self, find(self, number_of(address)), boot_ms + 1); /* 0 is nobody's */
    }
    (void)pthread_mutex_unlock(&self->mutex);
    return wait_s;
}
