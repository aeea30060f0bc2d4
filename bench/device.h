/*
 * bench/device.h - a device of an office.h: librove with the POSIX ports, its memory counted.
 */
#ifndef ROVE_BENCH_DEVICE_H
#define ROVE_BENCH_DEVICE_H

#include "counting.h"
#include "folder.h"
#include "office.h"
#include "rove/client.h"

typedef struct device {
    rove_ports ports;
    rove *replica;
    counting memory;
} device;

static void check(rove_status status, const rove_error *error, const char *doing) {
    if (status != ROVE_OK) {
        fprintf(stderr, "rove: %s: %s (%s)\n", doing, error->message, rove_status_name(status));
        exit(2);
    }
}

/* ---- a device ---- */

static void device_open(device *d, office *o, const char *folder, const char *name) {
    char path[500];
    rove_error error = {0};

    memset(d, 0, sizeof *d);
    d->ports.app = "bench";
    d->ports.allocator = (rove_allocator){counting_resize, &d->memory};
    rove_posix_clock(&d->ports.clock);
    rove_posix_random(&d->ports.random);
    rove_posix_files(&d->ports.files);
    check(rove_posix_crypto_new(&d->ports.crypto), &error, "cryptography");
    check(rove_posix_transport_new(&d->ports.transport, &d->ports.allocator), &error,
          "the transport");
    snprintf(path, sizeof path, "%s/%s", folder, name);
    folder_remove(path);
    check(rove_open(&d->ports, path, &d->replica, &error), &error, "opening a replica");
    check(rove_enroll(d->replica, o->url, office_invitation(o), &error), &error, "enrolling");
}

static void device_close(device *d) {
    rove_close(d->replica);
    rove_posix_transport_free(&d->ports.transport);
    rove_posix_crypto_free(&d->ports.crypto);
}

#endif
