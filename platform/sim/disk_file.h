/*
 * sim/disk_file.h - the inside of the simulated disk, for disk.c and disk_vfs.c.
 */
#ifndef ROVE_SIM_DISK_FILE_H
#define ROVE_SIM_DISK_FILE_H

#include "base/assert.h"
#include "sim/disk.h"

#define SIM_SHARED_MAX 16 /* pages of an index of a log, 32 KiB each */
#define SIM_LOCKS      8  /* of that index */

typedef struct sim_bytes {
    uint8_t *data;
    size_t size, capacity;
} sim_bytes;

/*
 * A write, or a truncation to `at`, that was not synced. It keeps what it takes from the file, for nothing else is needed as
 * long as the power holds: only a power cut asks what the file was before, and what was written then.
 */
typedef struct sim_change {
    struct sim_change *next; /* the one before it; in a power cut the one after it */
    size_t at, size;
    size_t before; /* the file's size */
    int truncates;
    uint8_t data[]; /* what it took; once undone what it wrote */
} sim_change;

struct sim_file {
    char name[SIM_DISK_NAME];
    sim_disk *disk;
    sim_bytes seen;     /* what a program reads */
    sim_change *newest; /* of what was not synced */
    int removed, lasts, locked;
    int users; /* open handles */
    /* SQLite's locks of a database, and the shared index of its log. */
    int readers;
    void *reserved, *exclusive;
    void *shared[SIM_SHARED_MAX];
    size_t shared_size;
    int shared_users;
    int shares[SIM_LOCKS];
    void *owners[SIM_LOCKS];
};

extern sim_disk *sim_disks[SIM_DISKS_MAX];

const char *sim_disk_path(const char *name);
/* After sim_disk_works, before what needs room. 1: there is some. */
int sim_disk_has_room(sim_disk *disk);
sim_file *sim_file_find(const sim_disk *disk, const char *name);
sim_file *sim_file_make(sim_disk *disk, const char *name);
void sim_file_write(sim_file *file, size_t at, const void *data, size_t size);
void sim_file_truncate(sim_file *file, size_t size);
void sim_file_sync(sim_file *file);
void sim_file_remove(sim_file *file);
void sim_bytes_resize(sim_bytes *bytes, size_t size);
void sim_bytes_write(sim_bytes *bytes, size_t at, const void *data, size_t size);

#endif
