/*
 * sim/disk.h - the disk of a simulated machine. It keeps what was written apart from what was synced, so that a power cut can
 * keep, drop, tear or garble each write that was not; and each call that reaches it can be the one at which the power
 * fails, or which the disk refuses.
 *
 * sim_disk_install makes it SQLite's default VFS: a file called "/<number>/..." lies on the disk with that number. One
 * thread uses all of it.
 *
 * What is modelled: a write and a truncation last once the file was synced; a file that was never synced may be gone, and a
 * removed one there again, until the next sync on its disk. A sector is 512 bytes, and a write never harms bytes beside it.
 */
#ifndef ROVE_SIM_DISK_H
#define ROVE_SIM_DISK_H

#include "rove/sys/files.h"
#include "sim/dice.h"

#define SIM_DISKS_MAX  64
#define SIM_DISK_NAME  96
#define SIM_DISK_FILES 64 /* those removed too, until their folder is synced */

typedef struct sim_file sim_file;

/* What went through a disk. */
typedef struct sim_disk_count {
    uint64_t calls, writes, syncs, cuts, torn, dropped, refused;
} sim_disk_count;

typedef struct sim_disk {
    int number; /* its place among SQLite's, 1 .. SIM_DISKS_MAX - 1 */
    sim_file *files[SIM_DISK_FILES];
    sim_dice dice; /* of power cuts and temporary names */
    /* Faults; a simulation sets them. */
    uint64_t cut_in;  /* the power fails at the so many-th call from now; 0: it does not */
    uint64_t full_in; /* from the so many-th write on the disk is full; 0: it is not */
    uint64_t fail_in; /* the so many-th call fails, that one alone; 0: none */
    int full;
    int off; /* nothing works until sim_disk_power_on */
    sim_disk_count count;
} sim_disk;

/* Registers the VFS; once a process, before anything else of SQLite, which then serves one thread only. The clock is that of SQLite's own functions, and for random bytes. */
int sim_disk_install(void);
/* What SQLite draws at random from now on; the same seed, the same bytes. */
void sim_disk_seed(uint64_t seed);

void sim_disk_open(sim_disk *disk, int number, uint64_t seed);
void sim_disk_close(sim_disk *disk);
/* All files of `from`, synced; what `to` held is gone. Neither is in use. */
void sim_disk_copy(sim_disk *to, const sim_disk *from);

/* With all files closed. What a killed process wrote stays; of what was not synced, a power cut keeps what it likes. */
void sim_disk_power_cut(sim_disk *disk);
void sim_disk_power_on(sim_disk *disk);
/* Counts a call that is none of SQLite's. 1: it works. */
int sim_disk_works(sim_disk *disk);

/* The files port; ctx is the disk. A lock is taken by one holder at a time, and let go by sim_disk_unlock_all too. */
rove_files sim_disk_files(sim_disk *disk);
void sim_disk_unlock_all(sim_disk *disk);

/* Looks at everything that the files hold, as the programs see it. *size 0, NULL: there is no such file. */
const uint8_t *sim_disk_bytes(const sim_disk *disk, const char *name, size_t *size);
/* Each file's bytes, in no order that matters. */
void sim_disk_each(const sim_disk *disk, void (*take)(void *ctx, const uint8_t *bytes, size_t size),
                   void *ctx);
/* 1 if the bytes stand anywhere in any file. */
int sim_disk_holds(const sim_disk *disk, const void *bytes, size_t size);
/* Puts a file in the place of one of that name, synced. */
void sim_disk_put(sim_disk *disk, const char *name, const void *bytes, size_t size);
void sim_disk_remove(sim_disk *disk, const char *name);

#endif
