/*
 * http/tally.h - how often an address may ask for what needs no certificate: so many times at once, and again as time goes by,
 * so many in a minute.
 *
 * An address is that of IPv4, or the first 64 bits of one of IPv6, which is what one customer of a network has. TALLY_ADDRESSES
 * are remembered; one more takes the place of the one that was longest not here.
 *
 * Threads: any.
 */
#ifndef ROVE_HQ_TALLY_H
#define ROVE_HQ_TALLY_H

#include <pthread.h>
#include <stdint.h>
#include <sys/socket.h>

#include "rove/sys/alloc.h"

#define TALLY_ADDRESSES 1024u

typedef struct tally_entry {
    uint64_t address;
    int64_t seen_ms; /* 0: nobody's */
    int64_t left;    /* of the thousandths of a request that it may make */
} tally_entry;

typedef struct tally {
    const rove_allocator *allocator;
    unsigned a_minute;
    pthread_mutex_t mutex; /* over what follows */
    tally_entry *entries;  /* NULL until one is needed */
} tally;

void tally_init(tally *self, const rove_allocator *allocator, unsigned a_minute);
void tally_free(tally *self);
/* 0: it may, and is counted; otherwise in so many seconds. An address of another kind is one with all of its kind. */
int64_t tally_admit(tally *self, const struct sockaddr *address, int64_t boot_ms);

#endif
