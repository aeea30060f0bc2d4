/*
 * spool.h - where pushes wait until they are judged: files in headquarters' folder that have no name (sync/spool.h).
 */
#ifndef ROVE_HQ_SPOOL_H
#define ROVE_HQ_SPOOL_H

#include "sync/spool.h"

/* Allocator and folder are borrowed for as long as the port is used. Any thread. */
typedef struct hq_spool {
    const rove_allocator *allocator;
    const char *folder;
    rove__spool_port port;
} hq_spool;

void hq_spool_init(hq_spool *self, const rove_allocator *allocator, const char *folder);

#endif
