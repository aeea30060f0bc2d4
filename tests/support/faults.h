/*
 * support/faults.h - an SQLite VFS over the default one, SQLite's allocator, and the port for small files, that fail at
 * the n-th call: once, or from then on.
 *
 * Calls for files fail with an I/O error. With SQLITE_FULL, writes do with a full disk, and the rest with an I/O error;
 * or, `room_only`, what takes no room does not fail. Where both ends of an exchange are in one process, `faults_end` says
 * which one is at work, and calls of the other are neither counted nor failed. One process; one thread at a time.
 */
#ifndef ROVE_TESTS_FAULTS_H
#define ROVE_TESTS_FAULTS_H

#include <sqlite3.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/text.h"
#include "rove/sys/files.h"

#define FAULTS_VFS "faulty"

typedef enum faults_place { FAULTS_DEVICE, FAULTS_HEADQUARTERS, FAULTS_NOWHERE } faults_place;

typedef struct faults {
    size_t calls;   /* since the last arming */
    size_t fail_at; /* 0: none fails */
    int persistent;
    int code; /* what a write fails with: SQLITE_IOERR_WRITE or SQLITE_FULL */
    int room_only;
    faults_place end;          /* whose calls */
    void (*note)(size_t call); /* is told of each call; NULL: nobody */
} faults;

static faults faults_io;
static faults faults_memory;
static faults faults_steps;
/* Writes to write-ahead logs that a power cut would take back. */
static size_t faults_unsynced;
static faults_place faults_end;

/* Somebody who is told of every change to a file before it is made, and may forbid it: power.h. */
typedef struct faults_watch {
    int (*write)(const char *name, const void *bytes, int size, sqlite3_int64 at);
    int (*truncate)(const char *name, sqlite3_int64 size);
    int (*sync)(const char *name);
    int (*forget)(const char *name, int durable); /* a file of SQLite's is deleted */
    int (*small)(void);                           /* one of the small files is changed, durably */
} faults_watch;
static const faults_watch *faults_watcher;

/* 1 if this call fails. */
static int faults_hit(faults *f) {
    if (f->fail_at == 0 || f->end != faults_end) {
        return 0;
    }
    f->calls++;
    if (f->note != NULL) {
        f->note(f->calls);
    }
    return f->calls == f->fail_at || (f->persistent && f->calls > f->fail_at);
}

/* The same for a call that takes no room on the disk. */
static int faults_hit_roomless(faults *f) {
    return !f->room_only && faults_hit(f);
}

static inline void faults_arm(faults *f, size_t fail_at, int persistent, int code) {
    *f = (faults){.fail_at = fail_at, .persistent = persistent, .code = code};
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
    return faults_hit_roomless(&faults_io) ? SQLITE_IOERR_READ
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
    return faults_hit_roomless(&faults_io) ? SQLITE_IOERR_TRUNCATE
                                           : real->pMethods->xTruncate(real, size);
}
static int faults_sync(sqlite3_file *file, int flags) {
    sqlite3_file *real = faults_real(file);
    faults_unsynced = ((faults_file *)file)->is_log ? 0 : faults_unsynced;
    if (faults_watcher != NULL) {
        return faults_watcher->sync(((const faults_file *)file)->name);
    }
    if (faults_hit_roomless(&faults_io)) {
        return SQLITE_IOERR_FSYNC;
    }
    return real->pMethods->xSync(real, flags);
}
static int faults_size(sqlite3_file *file, sqlite3_int64 *size) {
    sqlite3_file *real = faults_real(file);
    return faults_hit_roomless(&faults_io) ? SQLITE_IOERR_FSTAT
                                           : real->pMethods->xFileSize(real, size);
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
    int hit = extend ? faults_hit(&faults_io) : faults_hit_roomless(&faults_io);
    return hit ? SQLITE_IOERR_SHMMAP : real->pMethods->xShmMap(real, region, size, extend, out);
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
    if ((flags & SQLITE_OPEN_CREATE) != 0 ? faults_hit(&faults_io)
                                          : faults_hit_roomless(&faults_io)) {
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
    int code = faults_watcher != NULL ? faults_watcher->forget(name, sync) : SQLITE_OK;
    if (code != SQLITE_OK) {
        return code;
    }
    return faults_hit_roomless(&faults_io) ? SQLITE_IOERR_DELETE
                                           : faults_default->xDelete(faults_default, name, sync);
}

static int faults_access(sqlite3_vfs *vfs, const char *name, int flags, int *out) {
    (void)vfs;
    return faults_hit_roomless(&faults_io)
               ? SQLITE_IOERR_ACCESS
               : faults_default->xAccess(faults_default, name, flags, out);
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
    vfs.xAccess = faults_access;
    return sqlite3_vfs_register(&vfs, 0);
}

/* ---- small files ---- */

static rove_files faults_real_files;

static rove_status faults_small(int hit, rove_error *error) {
    if (hit) {
        return faults_io.code == SQLITE_FULL ? rove__error_set(error, ROVE_FULL, "no room left")
                                             : rove__error_set(error, ROVE_IO, "no such luck");
    }
    return ROVE_OK;
}

/* What changes a file finds the power gone, or a fault. */
static rove_status faults_change(int hit, rove_error *error) {
    if (faults_watcher != NULL && faults_watcher->small() != SQLITE_OK) {
        return rove__error_set(error, ROVE_IO, "no power");
    }
    return faults_small(hit, error);
}

static rove_status faults_make_folder(void *ctx, const char *path, rove_error *error) {
    rove_status status = faults_small(faults_hit(&faults_io), error);
    return status == ROVE_OK ? faults_real_files.make_folder(ctx, path, error) : status;
}
static rove_status faults_small_read(void *ctx, const char *path, void *bytes, size_t capacity,
                                     size_t *size, rove_error *error) {
    rove_status status = faults_hit_roomless(&faults_io)
                             ? rove__error_set(error, ROVE_IO, "cannot be read")
                             : ROVE_OK;
    return status == ROVE_OK ? faults_real_files.read(ctx, path, bytes, capacity, size, error)
                             : status;
}
static rove_status faults_replace(void *ctx, const char *path, const void *bytes, size_t size,
                                  rove_error *error) {
    rove_status status = faults_change(faults_hit(&faults_io), error);
    return status == ROVE_OK ? faults_real_files.replace(ctx, path, bytes, size, error) : status;
}
/* A fault leaves half of the bytes behind. */
static rove_status faults_append(void *ctx, const char *path, const void *bytes, size_t size,
                                 rove_error *error) {
    rove_status status = faults_change(faults_hit(&faults_io), error);
    if (status != ROVE_OK) {
        (void)faults_real_files.append(ctx, path, bytes, size / 2, NULL);
        return status;
    }
    return faults_real_files.append(ctx, path, bytes, size, error);
}
static rove_status faults_remove(void *ctx, const char *path, rove_error *error) {
    rove_status status = faults_change(faults_hit_roomless(&faults_io), error);
    return status == ROVE_OK ? faults_real_files.remove(ctx, path, error) : status;
}
static rove_status faults_erase(void *ctx, const char *path, rove_error *error) {
    rove_status status = faults_change(faults_hit_roomless(&faults_io), error);
    return status == ROVE_OK ? faults_real_files.erase(ctx, path, error) : status;
}
static rove_status faults_take_lock(void *ctx, const char *path, void **lock, rove_error *error) {
    rove_status status = faults_small(faults_hit(&faults_io), error);
    return status == ROVE_OK ? faults_real_files.lock(ctx, path, lock, error) : status;
}

/* From now on they fail too; unlocking does not. */
static inline void faults_wrap_files(rove_files *files) {
    faults_real_files = *files;
    files->make_folder = faults_make_folder;
    files->read = faults_small_read;
    files->replace = faults_replace;
    files->append = faults_append;
    files->remove = faults_remove;
    files->erase = faults_erase;
    files->lock = faults_take_lock;
}

/* ---- statements ---- */

/* For statement_watch.h. */
static inline int faults_statement(const char *sql) {
    (void)sql;
    return faults_hit(&faults_steps);
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
