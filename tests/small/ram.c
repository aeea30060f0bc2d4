/*
 * small/ram.c - an SQLite VFS and a files port over one table of files in memory.
 *
 * Locks are those of SQLite's documentation, among the handles of this process: a database's own levels, and the eight
 * of a write-ahead log's shared memory. A file that is deleted while it is open does not occur.
 */
#include "ram.h"

#include <sqlite3.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILES      32
#define REGIONS    8
#define REGION     32768
#define SHM_LOCKS  SQLITE_SHM_NLOCK
#define NAME_MAX_  128
#define ROOM_FIRST 65536

typedef struct ram_file {
    char name[NAME_MAX_]; /* "": unused */
    uint8_t *bytes;
    size_t size, room;
    int exists;
    int open; /* handles */
    int locked;
    uint8_t *kept; /* ram_keep */
    size_t kept_size;
    int kept_exists;
    /* of a database in WAL mode */
    void *regions[REGIONS];
    int mappers;
    int shared[SHM_LOCKS];
    int exclusive[SHM_LOCKS];
    int levels[SQLITE_LOCK_EXCLUSIVE + 1]; /* handles at this level */
} ram_file;

typedef struct handle {
    sqlite3_file base;
    ram_file *file;
    int level;
    int mapped;
    int holds_shared, holds_exclusive; /* bits */
} handle;

static ram_file files[FILES];

static void must(int condition) {
    if (!condition) {
        fputs("the disk in memory is used in a way that it does not know\n", stderr);
        abort();
    }
}

static ram_file *find(const char *name, int make) {
    ram_file *unused = NULL;

    for (size_t i = 0; i < FILES; i++) {
        if (strcmp(files[i].name, name) == 0) {
            return &files[i];
        }
        if (files[i].name[0] == '\0' && unused == NULL) {
            unused = &files[i];
        }
    }
    if (!make) {
        return NULL;
    }
    must(unused != NULL && strlen(name) < NAME_MAX_);
    memcpy(unused->name, name, strlen(name) + 1);
    return unused;
}

static void resize(ram_file *file, size_t size) {
    if (size > file->room) {
        file->room = size < ROOM_FIRST ? ROOM_FIRST : 2 * size;
        file->bytes = realloc(file->bytes, file->room);
        must(file->bytes != NULL);
    }
    if (size > file->size) {
        memset(file->bytes + file->size, 0, size - file->size);
    }
    file->size = size;
}

static void put(ram_file *file, const void *bytes, size_t size, size_t at) {
    if (at + size > file->size) {
        resize(file, at + size);
    }
    if (size > 0) {
        memcpy(file->bytes + at, bytes, size);
    }
}

static void drop(ram_file *file) {
    file->exists = 0;
    file->size = 0;
}

/* ---- the methods of a file ---- */

static int ram_close(sqlite3_file *base) {
    handle *h = (handle *)base;

    h->file->levels[h->level]--;
    h->file->open--;
    return SQLITE_OK;
}

static int ram_read(sqlite3_file *base, void *bytes, int size, sqlite3_int64 at) {
    const ram_file *file = ((handle *)base)->file;
    size_t from = (size_t)at;
    size_t wanted = (size_t)size;
    size_t there = from < file->size ? file->size - from : 0;
    size_t got = there < wanted ? there : wanted;

    if (got > 0) {
        memcpy(bytes, file->bytes + from, got);
    }
    memset((uint8_t *)bytes + got, 0, wanted - got);
    return got == wanted ? SQLITE_OK : SQLITE_IOERR_SHORT_READ;
}

static int ram_write(sqlite3_file *base, const void *bytes, int size, sqlite3_int64 at) {
    put(((handle *)base)->file, bytes, (size_t)size, (size_t)at);
    return SQLITE_OK;
}

static int ram_truncate(sqlite3_file *base, sqlite3_int64 size) {
    resize(((handle *)base)->file, (size_t)size);
    return SQLITE_OK;
}

static int ram_sync(sqlite3_file *base, int flags) {
    (void)base;
    (void)flags;
    return SQLITE_OK;
}

static int ram_size(sqlite3_file *base, sqlite3_int64 *size) {
    *size = (sqlite3_int64)((handle *)base)->file->size;
    return SQLITE_OK;
}

/* How many other handles are at this level or above. */
static int others(const handle *h, int level) {
    int count = 0;

    for (int i = level; i <= SQLITE_LOCK_EXCLUSIVE; i++) {
        count += h->file->levels[i] - (h->level == i);
    }
    return count;
}

static int ram_unlock(sqlite3_file *base, int level) {
    handle *h = (handle *)base;

    h->file->levels[h->level]--;
    h->file->levels[level]++;
    h->level = level;
    return SQLITE_OK;
}

static int ram_lock(sqlite3_file *base, int level) {
    handle *h = (handle *)base;

    if (level <= h->level) {
        return SQLITE_OK;
    }
    if ((level == SQLITE_LOCK_SHARED && others(h, SQLITE_LOCK_PENDING) > 0) ||
        (level == SQLITE_LOCK_RESERVED && others(h, SQLITE_LOCK_RESERVED) > 0) ||
        (level == SQLITE_LOCK_EXCLUSIVE && others(h, SQLITE_LOCK_SHARED) > 0)) {
        return SQLITE_BUSY;
    }
    return ram_unlock(base, level);
}

static int ram_reserved(sqlite3_file *base, int *reserved) {
    *reserved = others((handle *)base, SQLITE_LOCK_RESERVED) > 0;
    return SQLITE_OK;
}

static int ram_control(sqlite3_file *base, int op, void *argument) {
    (void)base;
    (void)op;
    (void)argument;
    return SQLITE_NOTFOUND;
}

static int ram_sector(sqlite3_file *base) {
    (void)base;
    return 4096;
}

static int ram_kind(sqlite3_file *base) {
    (void)base;
    return 0;
}

static int ram_map(sqlite3_file *base, int region, int size, int extend, void volatile **memory) {
    handle *h = (handle *)base;

    must(region < REGIONS && size == REGION);
    h->file->mappers += !h->mapped;
    h->mapped = 1;
    if (h->file->regions[region] == NULL && extend) {
        h->file->regions[region] = calloc(1, REGION);
        must(h->file->regions[region] != NULL);
    }
    *memory = h->file->regions[region];
    return SQLITE_OK;
}

static int shm_unlock(handle *h, int bits) {
    for (int i = 0; i < SHM_LOCKS; i++) {
        h->file->shared[i] -= (bits & h->holds_shared) >> i & 1;
        h->file->exclusive[i] -= (bits & h->holds_exclusive) >> i & 1;
    }
    h->holds_shared &= ~bits;
    h->holds_exclusive &= ~bits;
    return SQLITE_OK;
}

static int ram_shm_lock(sqlite3_file *base, int offset, int count, int flags) {
    handle *h = (handle *)base;
    int bits = ((1 << count) - 1) << offset;
    int exclusive = (flags & SQLITE_SHM_EXCLUSIVE) != 0;

    if ((flags & SQLITE_SHM_UNLOCK) != 0) {
        return shm_unlock(h, bits);
    }
    for (int i = offset; i < offset + count; i++) {
        int mine = (h->holds_shared | h->holds_exclusive) >> i & 1;
        if (mine || h->file->exclusive[i] > 0 || (exclusive && h->file->shared[i] > 0)) {
            return mine ? SQLITE_OK : SQLITE_BUSY;
        }
    }
    for (int i = offset; i < offset + count; i++) {
        h->file->exclusive[i] += exclusive;
        h->file->shared[i] += !exclusive;
    }
    *(exclusive ? &h->holds_exclusive : &h->holds_shared) |= bits;
    return SQLITE_OK;
}

static void ram_barrier(sqlite3_file *base) {
    (void)base;
}

static int ram_unmap(sqlite3_file *base, int remove_it) {
    handle *h = (handle *)base;

    (void)shm_unlock(h, (1 << SHM_LOCKS) - 1);
    h->file->mappers -= h->mapped;
    h->mapped = 0;
    (void)remove_it;
    if (h->file->mappers ==
        0) { /* as after the last process: what is mapped next is read from the log */
        for (size_t i = 0; i < REGIONS; i++) {
            free(h->file->regions[i]);
            h->file->regions[i] = NULL;
        }
    }
    return SQLITE_OK;
}

static const sqlite3_io_methods methods = {.iVersion = 2,
                                           .xClose = ram_close,
                                           .xRead = ram_read,
                                           .xWrite = ram_write,
                                           .xTruncate = ram_truncate,
                                           .xSync = ram_sync,
                                           .xFileSize = ram_size,
                                           .xLock = ram_lock,
                                           .xUnlock = ram_unlock,
                                           .xCheckReservedLock = ram_reserved,
                                           .xFileControl = ram_control,
                                           .xSectorSize = ram_sector,
                                           .xDeviceCharacteristics = ram_kind,
                                           .xShmMap = ram_map,
                                           .xShmLock = ram_shm_lock,
                                           .xShmBarrier = ram_barrier,
                                           .xShmUnmap = ram_unmap};

/* ---- the VFS ---- */

static int ram_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *base, int flags,
                    int *out_flags) {
    handle *h = (handle *)base;

    (void)vfs;
    must(name != NULL); /* temporary data is in memory anyway */
    base->pMethods = NULL;
    ram_file *file = find(name, (flags & SQLITE_OPEN_CREATE) != 0);
    if (file == NULL || (!file->exists && (flags & SQLITE_OPEN_CREATE) == 0)) {
        return SQLITE_CANTOPEN;
    }
    file->exists = 1;
    file->open++;
    file->levels[SQLITE_LOCK_NONE]++;
    *h = (handle){.base = {&methods}, .file = file};
    if (out_flags != NULL) {
        *out_flags = flags;
    }
    return SQLITE_OK;
}

static int ram_delete(sqlite3_vfs *vfs, const char *name, int sync) {
    ram_file *file = find(name, 0);

    (void)vfs;
    (void)sync;
    if (file == NULL || !file->exists) {
        return SQLITE_IOERR_DELETE_NOENT;
    }
    must(file->open == 0);
    drop(file);
    return SQLITE_OK;
}

static int ram_access(sqlite3_vfs *vfs, const char *name, int flags, int *there) {
    const ram_file *file = find(name, 0);

    (void)vfs;
    (void)flags;
    *there = file != NULL && file->exists;
    return SQLITE_OK;
}

static int ram_full_name(sqlite3_vfs *vfs, const char *name, int size, char *full) {
    (void)vfs;
    must(strlen(name) < (size_t)size);
    memcpy(full, name, strlen(name) + 1);
    return SQLITE_OK;
}

void ram_register(void) {
    static sqlite3_vfs vfs;

    vfs = *sqlite3_vfs_find(NULL);
    vfs.zName = "ram";
    vfs.pNext = NULL;
    vfs.iVersion = 2;
    vfs.szOsFile = (int)sizeof(handle);
    vfs.xOpen = ram_open;
    vfs.xDelete = ram_delete;
    vfs.xAccess = ram_access;
    vfs.xFullPathname = ram_full_name;
    must(sqlite3_vfs_register(&vfs, 1) == SQLITE_OK);
}

/* ---- the port ---- */

static rove_status make_folder(void *ctx, const char *path, rove_error *error) {
    (void)ctx;
    (void)path;
    (void)error;
    return ROVE_OK;
}

static rove_status read_file(void *ctx, const char *path, void *bytes, size_t capacity,
                             size_t *size, rove_error *error) {
    const ram_file *file = find(path, 0);

    (void)ctx;
    (void)error;
    *size = 0;
    if (file == NULL || !file->exists) {
        return ROVE_NOT_FOUND;
    }
    if (file->size > capacity) {
        return ROVE_TOO_BIG;
    }
    *size = file->size;
    if (file->size > 0) {
        memcpy(bytes, file->bytes, file->size);
    }
    return ROVE_OK;
}

static rove_status replace(void *ctx, const char *path, const void *bytes, size_t size,
                           rove_error *error) {
    ram_file *file = find(path, 1);

    (void)ctx;
    (void)error;
    drop(file);
    file->exists = 1;
    put(file, bytes, size, 0);
    return ROVE_OK;
}

static rove_status append(void *ctx, const char *path, const void *bytes, size_t size,
                          rove_error *error) {
    ram_file *file = find(path, 1);

    (void)ctx;
    (void)error;
    file->exists = 1;
    put(file, bytes, size, file->size);
    return ROVE_OK;
}

static rove_status remove_file(void *ctx, const char *path, rove_error *error) {
    ram_file *file = find(path, 0);

    (void)ctx;
    (void)error;
    if (file != NULL) {
        drop(file);
    }
    return ROVE_OK;
}

static rove_status lock(void *ctx, const char *path, void **taken, rove_error *error) {
    ram_file *file = find(path, 1);

    (void)ctx;
    (void)error;
    *taken = NULL;
    if (file->locked) {
        return ROVE_BUSY;
    }
    file->locked = 1;
    *taken = file;
    return ROVE_OK;
}

static void unlock(void *ctx, void *taken) {
    (void)ctx;
    ((ram_file *)taken)->locked = 0;
}

rove_files ram_files(void) {
    return (rove_files){make_folder, read_file, replace, remove_file, lock, unlock, NULL, append, remove_file};
}

/* ---- crashes ---- */

static int lies_in(const ram_file *file, const char *folder) {
    size_t size = strlen(folder);

    return strncmp(file->name, folder, size) == 0 && file->name[size] == '/';
}

void ram_keep(const char *folder) {
    for (size_t i = 0; i < FILES; i++) {
        ram_file *file = &files[i];
        if (lies_in(file, folder)) {
            file->kept_exists = file->exists;
            file->kept_size = file->size;
            file->kept = realloc(file->kept, file->size + 1);
            must(file->kept != NULL);
            if (file->size > 0) {
                memcpy(file->kept, file->bytes, file->size);
            }
        }
    }
}

void ram_back(const char *folder) {
    for (size_t i = 0; i < FILES; i++) {
        ram_file *file = &files[i];
        if (lies_in(file, folder)) {
            must(file->open == 0 && !file->locked);
            drop(file);
            file->exists = file->kept_exists;
            put(file, file->kept, file->kept_size, 0);
        }
    }
}
