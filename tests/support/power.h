/*
 * support/power.h - power cuts: a disk below the VFS of faults.h that keeps what was synced, and of what was written
 * since a random part, down to single sectors.
 *
 *     power_start(seed)        from now on the files are watched; what they hold counts as synced
 *     power_cut_after(n)       the n-th write, truncation or sync from now on finds no power; 0: never
 *     power_is_off()           everything fails until power_return()
 *     power_return()           with all files closed: they hold what the disk kept
 *     power_end()
 *
 * Real syncs are left out, so this is fast. A file's first bytes are read when it is first changed. A deletion that nobody
 * waited for may not have happened. Small files (rove_files) change durably, or not at all. Of several databases in the
 * process, `power.only` says whose files lose power: those whose path contains it.
 */
#ifndef ROVE_TESTS_POWER_H
#define ROVE_TESTS_POWER_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "faults.h"

#define POWER_FILES  4
#define POWER_SECTOR 512

/* A change that was not synced; bytes NULL: the file was cut to `at`, or deleted. */
typedef struct power_change {
    struct power_change *next;
    sqlite3_int64 at;
    size_t size;
    uint8_t *bytes;
    int deletes;
} power_change;

typedef struct power_file {
    char name[256];
    int gone;       /* it was deleted, and that is on the disk */
    int fresh;      /* its name is not known to be on the disk */
    uint8_t *bytes; /* as synced */
    size_t size, capacity;
    power_change *first, **last;
} power_file;

static struct {
    power_file files[POWER_FILES];
    size_t count;
    size_t left; /* calls until the cut; 0: none comes */
    int off;
    const char *only;   /* NULL: all */
    faults_place place; /* whose small files */
    size_t calls;       /* so far that could have been the last */
    uint64_t dice;
} power;

static inline uint64_t power_draw(uint64_t below) {
    power.dice ^= power.dice << 13;
    power.dice ^= power.dice >> 7;
    power.dice ^= power.dice << 17;
    return power.dice % below;
}

static void power_must(int condition) {
    if (!condition) {
        perror("the simulated disk");
        abort();
    }
}

static void power_resize(power_file *file, size_t size) {
    if (size > file->capacity) {
        file->capacity = size > 2 * file->capacity ? size : 2 * file->capacity;
        file->bytes = realloc(file->bytes, file->capacity);
        power_must(file->bytes != NULL);
    }
    if (size > file->size) {
        memset(file->bytes + file->size, 0, size - file->size);
    }
    file->size = size;
}

static void power_read(power_file *file) {
    FILE *real = fopen(file->name, "rb");
    uint8_t block[65536];
    size_t got = 0;

    power_must(real != NULL);
    while ((got = fread(block, 1, sizeof block, real)) > 0) {
        power_resize(file, file->size + got);
        memcpy(file->bytes + file->size - got, block, got);
    }
    (void)fclose(real);
}

static power_file *power_find(const char *name) {
    for (size_t i = 0; i < power.count; i++) {
        if (strcmp(power.files[i].name, name) == 0) {
            return &power.files[i];
        }
    }
    power_must(power.count < POWER_FILES && strlen(name) < sizeof power.files[0].name);
    power_file *file = &power.files[power.count++];
    memset(file, 0, sizeof *file);
    memcpy(file->name, name, strlen(name));
    file->last = &file->first;
    power_read(file);
    file->fresh = file->size == 0;
    return file;
}

static void power_apply(power_file *file, const power_change *change, int whole) {
    if (change->bytes == NULL) {
        if (whole || power_draw(2) == 0) {
            power_resize(file, (size_t)change->at);
            file->gone |= change->deletes;
        }
        return;
    }
    file->gone = 0;
    int any = whole || power_draw(3) > 0;
    int all = whole || power_draw(3) > 0;
    for (size_t at = 0; any && at < change->size; at += POWER_SECTOR) {
        size_t size = change->size - at < POWER_SECTOR ? change->size - at : POWER_SECTOR;
        if (all || power_draw(2) == 0) {
            size_t to = (size_t)change->at + at;
            power_resize(file, to + size > file->size ? to + size : file->size);
            memcpy(file->bytes + to, change->bytes + at, size);
        }
    }
}

/* Whole: all that was written is kept. */
static void power_settle(power_file *file, int whole) {
    for (power_change *change = file->first; change != NULL;) {
        power_change *next = change->next;
        power_apply(file, change, whole);
        free(change->bytes);
        free(change);
        change = next;
    }
    file->first = NULL;
    file->last = &file->first;
}

/* What was deleted in the folder stays deleted, and what was written to it before. */
static void power_settle_deletions(power_file *file) {
    size_t last = 0;
    size_t at = 0;

    for (const power_change *change = file->first; change != NULL; change = change->next) {
        at++;
        last = change->deletes ? at : last;
    }
    for (; last > 0; last--) {
        power_change *change = file->first;
        power_apply(file, change, 1);
        file->first = change->next;
        file->last = file->first == NULL ? &file->first : file->last;
        free(change->bytes);
        free(change);
    }
}

static power_change *power_log(power_file *file, const void *bytes, size_t size, sqlite3_int64 at) {
    power_change *change = calloc(1, sizeof *change);

    power_must(change != NULL);
    change->at = at;
    change->size = size;
    if (bytes != NULL) {
        change->bytes = malloc(size);
        power_must(change->bytes != NULL);
        memcpy(change->bytes, bytes, size);
    }
    *file->last = change;
    file->last = &change->next;
    return change;
}

static int power_ignores(const char *name) {
    return name == NULL || (power.only != NULL && strstr(name, power.only) == NULL);
}

/* One call less until the cut, which may come in the middle of this change. */
static int power_step(void) {
    power.calls++;
    if (!power.off && power.left > 0 && --power.left == 0) {
        power.off = 1;
        for (size_t i = 0; i < power.count; i++) {
            power_settle(&power.files[i], 0);
        }
    }
    return power.off;
}

static int power_write(const char *name, const void *bytes, int size, sqlite3_int64 at) {
    if (power_ignores(name)) {
        return SQLITE_OK;
    }
    power_file *file = power_find(name);

    if (!power.off) {
        (void)power_log(file, bytes, (size_t)size, at);
    }
    return power_step() ? SQLITE_IOERR_WRITE : SQLITE_OK;
}

static int power_truncate(const char *name, sqlite3_int64 size) {
    if (power_ignores(name)) {
        return SQLITE_OK;
    }
    power_file *file = power_find(name);

    if (!power.off) {
        (void)power_log(file, NULL, 0, size);
    }
    return power_step() ? SQLITE_IOERR_TRUNCATE : SQLITE_OK;
}

static int power_sync(const char *name) {
    if (power_ignores(name)) {
        return SQLITE_OK;
    }
    power_file *file = power_find(name);

    if (power_step()) {
        return SQLITE_IOERR_FSYNC;
    }
    power_settle(file, 1);
    /* The first sync of a new journal or log syncs the folder too. */
    for (size_t i = 0; file->fresh && i < power.count; i++) {
        power_settle_deletions(&power.files[i]);
    }
    file->fresh = 0;
    return SQLITE_OK;
}

static int power_forget(const char *name, int durable) {
    if (power_ignores(name) || access(name, F_OK) != 0) {
        return SQLITE_OK;
    }
    power_file *file = power_find(name);

    if (!power.off) {
        power_log(file, NULL, 0, 0)->deletes = 1;
        file->fresh = 1;
    }
    if (power_step()) {
        return SQLITE_IOERR_DELETE;
    }
    if (durable) {
        power_settle(file, 1);
    }
    return SQLITE_OK;
}

static int power_small(void) {
    return faults_end == power.place && power_step() ? SQLITE_IOERR : SQLITE_OK;
}

static inline void power_start(uint64_t seed) {
    static const faults_watch watch = {power_write, power_truncate, power_sync, power_forget,
                                       power_small};

    memset(&power, 0, sizeof power);
    power.dice = seed * 0x9e3779b97f4a7c15u + 1;
    faults_watcher = &watch;
}

static inline void power_cut_after(size_t calls) {
    power.left = calls;
}

static inline int power_is_off(void) {
    return power.off;
}

static inline void power_return(void) {
    power_must(power.off);
    for (size_t i = 0; i < power.count; i++) {
        power_file *file = &power.files[i];
        if (file->gone) {
            (void)unlink(file->name);
            continue;
        }
        FILE *real = fopen(file->name, "wb");
        power_must(real != NULL && fwrite(file->bytes, 1, file->size, real) == file->size);
        power_must(fclose(real) == 0);
    }
    power.off = 0;
}

static inline void power_end(void) {
    faults_watcher = NULL;
    for (size_t i = 0; i < power.count; i++) {
        power_settle(&power.files[i], 1);
        free(power.files[i].bytes);
    }
    memset(&power, 0, sizeof power);
}

#endif
