/*
 * bench/device.h - a device of an office.h: librove with the POSIX ports, its memory counted.
 */
#ifndef ROVE_BENCH_DEVICE_H
#define ROVE_BENCH_DEVICE_H

#include <dirent.h>
#include <limits.h>
#include <sys/stat.h>

#include "counting.h"
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

/* ---- files ---- */

static void remove_tree(const char *path) {
    DIR *folder = opendir(path);
    struct dirent *entry = NULL;
    char below[PATH_MAX];

    while (folder != NULL && (entry = readdir(folder)) != NULL) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            snprintf(below, sizeof below, "%s/%s", path, entry->d_name);
            if (remove(below) != 0) {
                remove_tree(below);
            }
        }
    }
    if (folder != NULL) {
        (void)closedir(folder);
        (void)rmdir(path);
    }
}

/* An empty folder, whatever was there. */
static void device_folder(const char *path) {
    remove_tree(path);
    if (mkdir(path, 0700) != 0) {
        perror(path);
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
    remove_tree(path);
    check(rove_open(&d->ports, path, &d->replica, &error), &error, "opening a replica");
    check(rove_enroll(d->replica, o->url, office_invitation(o), &error), &error, "enrolling");
}

static void device_close(device *d) {
    rove_close(d->replica);
    rove_posix_transport_free(&d->ports.transport);
    rove_posix_crypto_free(&d->ports.crypto);
}

#endif
