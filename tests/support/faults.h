/*
 * support/faults.h - an SQLite VFS over the default one, and SQLite's allocator, that fail at the n-th call: once,
 * or from then on.
 *
 * Reads fail with an I/O error, writes with an I/O error or a full disk. One thread, one process.
 */
#ifndef ROVE_TESTS_FAULTS_H
#define ROVE_TESTS_FAULTS_H

#include <sqlite3.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define FAULTS_VFS "faulty"

typedef struct faults {
    size_t calls;   /* since the last arming */
    size_t fail_at; /* 0: none fails */
    int persistent;
    int code; /* what a write fails with: SQLITE_IOERR_WRITE or SQLITE_FULL */
} faults;

static faults faults_io;
static faults faults_memory;
/* Writes to write-ahead logs that a power cut would take back. */
static size_t faults_unsynced;

/* Somebody who is told of every change to a file before it is made, and may forbid it: power.h. */
typedef struct faults_watch {
    int (*write)(const char *name, const void *bytes, int size, sqlite3_int64 at);
    int (*truncate)(const char *name, sqlite3_int64 size);
    int (*sync)(const char *name);
} faults_watch;
static const faults_watch *faults_watcher;

/* 1 if this call fails. */
static int faults_hit(faults *f) {
    if (f->fail_at == 0) {
        return 0;
    }
    f->calls++;
    return f->calls == f->fail_at || (f->persistent && f->calls > f->fail_at);
}

static inline void faults_arm(faults *f, size_t fail_at, int persistent, int code) {
    f->calls = 0;
    f->fail_at = fail_at;
    f->persistent = persistent;
    f->code = code;
}

/* ---- files ---- */

typedef struct faults_file {
    sqlite3_file base;
    sqlite3_file *real; /* behind this struct */
    int is_log;
    const char *name;
} faults_file;

static sqlite3_file *faults_real(sqlite3_file *file) {
    return ((faults_file *)file)->real;
}

static int faults_close(sqlite3_file *file) {
    sqlite3_file *real = faults_real(file);
    return real->pMethods != NULL ? real->pMethods->xClose(real) : SQLITE_OK;
}
static int faults_read(sqlite3_file *file, void *bytes, int size, sqlite3_int64 at) {
    sqlite3_file *real = faults_real(file);
    return faults_hit(&faults_io) ? SQLITE_IOERR_READ
                                  : real->pMethods->xRead(real, bytes, size, at);
}
static int faults_write(sqlite3_file *file, const void *bytes, int size, sqlite3_int64 at) {
    sqlite3_file *real = faults_real(file);
    const faults_file *of = (const faults_file *)file;
    faults_unsynced += (size_t)of->is_log;
    int code =
        faults_watcher != NULL ? faults_watcher->write(of->name, bytes, size, at) : SQLITE_OK;
    if (code != SQLITE_OK) {
        return code;
    }
    return faults_hit(&faults_io) ? faults_io.code : real->pMethods->xWrite(real, bytes, size, at);
}
static int faults_truncate(sqlite3_file *file, sqlite3_int64 size) {
    sqlite3_file *real = faults_real(file);
    const char *name = ((const faults_file *)file)->name;
    int code = faults_watcher != NULL ? faults_watcher->truncate(name, size) : SQLITE_OK;
    if (code != SQLITE_OK) {
        return code;
    }
    return faults_hit(&faults_io) ? SQLITE_IOERR_TRUNCATE : real->pMethods->xTruncate(real, size);
}
static int faults_sync(sqlite3_file *file, int flags) {
    sqlite3_file *real = faults_real(file);
    faults_unsynced = ((faults_file *)file)->is_log ? 0 : faults_unsynced;
    if (faults_watcher != NULL) {
        return faults_watcher->sync(((const faults_file *)file)->name);
    }
    return faults_hit(&faults_io) ? SQLITE_IOERR_FSYNC : real->pMethods->xSync(real, flags);
}
static int faults_size(sqlite3_file *file, sqlite3_int64 *size) {
    sqlite3_file *real = faults_real(file);
    return faults_hit(&faults_io) ? SQLITE_IOERR_FSTAT : real->pMethods->xFileSize(real, size);
}
static int faults_lock(sqlite3_file *file, int level) {
    sqlite3_file *real = faults_real(file);
    return real->pMethods->xLock(real, level);
}
static int faults_unlock(sqlite3_file *file, int level) {
    sqlite3_file *real = faults_real(file);
    return real->pMethods->xUnlock(real, level);
}
static int faults_check_lock(sqlite3_file *file, int *reserved) {
    sqlite3_file *real = faults_real(file);
    return real->pMethods->xCheckReservedLock(real, reserved);
}
static int faults_control(sqlite3_file *file, int op, void *argument) {
    sqlite3_file *real = faults_real(file);
    return real->pMethods->xFileControl(real, op, argument);
}
static int faults_sector(sqlite3_file *file) {
    sqlite3_file *real = faults_real(file);
    return real->pMethods->xSectorSize(real);
}
static int faults_traits(sqlite3_file *file) {
    sqlite3_file *real = faults_real(file);
    return real->pMethods->xDeviceCharacteristics(real);
}
static int faults_shm_map(sqlite3_file *file, int region, int size, int extend,
                          void volatile **out) {
    sqlite3_file *real = faults_real(file);
    return faults_hit(&faults_io) ? SQLITE_IOERR_SHMMAP
                                  : real->pMethods->xShmMap(real, region, size, extend, out);
}
static int faults_shm_lock(sqlite3_file *file, int offset, int count, int flags) {
    sqlite3_file *real = faults_real(file);
    return real->pMethods->xShmLock(real, offset, count, flags);
}
static void faults_shm_barrier(sqlite3_file *file) {
    sqlite3_file *real = faults_real(file);
    real->pMethods->xShmBarrier(real);
}
static int faults_shm_unmap(sqlite3_file *file, int remove_it) {
    sqlite3_file *real = faults_real(file);
    return real->pMethods->xShmUnmap(real, remove_it);
}

static const sqlite3_io_methods faults_methods = {
    .iVersion = 2,
    .xClose = faults_close,
    .xRead = faults_read,
    .xWrite = faults_write,
    .xTruncate = faults_truncate,
    .xSync = faults_sync,
    .xFileSize = faults_size,
    .xLock = faults_lock,
    .xUnlock = faults_unlock,
    .xCheckReservedLock = faults_check_lock,
    .xFileControl = faults_control,
    .xSectorSize = faults_sector,
    .xDeviceCharacteristics = faults_traits,
    .xShmMap = faults_shm_map,
    .xShmLock = faults_shm_lock,
    .xShmBarrier = faults_shm_barrier,
    .xShmUnmap = faults_shm_unmap,
};

static sqlite3_vfs *faults_default;

static int faults_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags,
                       int *out_flags) {
    faults_file *opened = (faults_file *)file;

    (void)vfs;
    opened->base.pMethods = NULL;
    opened->is_log = (flags & SQLITE_OPEN_WAL) != 0;
    opened->name = name;
    opened->real = (sqlite3_file *)(void *)(opened + 1);
    if (faults_hit(&faults_io)) {
        return SQLITE_CANTOPEN;
    }
    int code = faults_default->xOpen(faults_default, name, opened->real, flags, out_flags);
    if (code == SQLITE_OK) {
        opened->base.pMethods = &faults_methods;
    }
    return code;
}

static int faults_delete(sqlite3_vfs *vfs, const char *name, int sync) {
    (void)vfs;
    return faults_hit(&faults_io) ? SQLITE_IOERR_DELETE
                                  : faults_default->xDelete(faults_default, name, sync);
}

/* Registers the VFS. */
static inline int faults_register_vfs(void) {
    static sqlite3_vfs vfs;

    faults_default = sqlite3_vfs_find(NULL);
    if (faults_default == NULL) {
        return SQLITE_ERROR;
    }
    vfs = *faults_default;
    vfs.zName = FAULTS_VFS;
    vfs.pNext = NULL;
    vfs.szOsFile = (int)sizeof(faults_file) + faults_default->szOsFile;
    vfs.xOpen = faults_open;
    vfs.xDelete = faults_delete;
    return sqlite3_vfs_register(&vfs, 0);
}

/* ---- SQLite's memory ---- */

static sqlite3_mem_methods faults_heap;

static void *faults_malloc(int size) {
    return faults_hit(&faults_memory) ? NULL : faults_heap.xMalloc(size);
}
static void *faults_realloc(void *pointer, int size) {
    return faults_hit(&faults_memory) ? NULL : faults_heap.xRealloc(pointer, size);
}

/* To be called before anything else of SQLite. */
static inline int faults_register_memory(void) {
    int code = sqlite3_config(SQLITE_CONFIG_GETMALLOC, &faults_heap);
    sqlite3_mem_methods faulty = faults_heap;

    faulty.xMalloc = faults_malloc;
    faulty.xRealloc = faults_realloc;
    /* Without the lookaside caches every allocation comes here. */
    if (code == SQLITE_OK) {
        code = sqlite3_config(SQLITE_CONFIG_LOOKASIDE, 0, 0);
    }
    return code == SQLITE_OK ? sqlite3_config(SQLITE_CONFIG_MALLOC, &faulty) : code;
}

#endif
