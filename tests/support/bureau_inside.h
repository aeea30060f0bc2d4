/*
 * support/bureau_inside.h - what bureau.c and bureau_devices.c know of a bureau.
 */
#ifndef ROVE_TESTS_BUREAU_INSIDE_H
#define ROVE_TESTS_BUREAU_INSIDE_H

#include "bureau.h"
#include "headquarters.h"

#include "drop/box.h"

struct bureau {
    hq_ports ports;
    int64_t now_ms;
    const char *folder;
    hq *hq;
    drop_box *box; /* NULL: nothing came for it since it is open */
    said said;
};

#endif
