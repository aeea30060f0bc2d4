/*
 * support/spy.h - an SQLite VFS over another one that looks at what is read, and can answer wrongly, as a first version of the
 * sealing VFS did. It counts what reads of damaged files look like to SQLite (vault/vfs.h).
 *
 *     spy_over(&vfs)     from now on SPY_VFS is over that one, until the next call; no file is open
 *     spy.fault          what it gets wrong
 *     spy.torn_frames    whole frames, or headers, of a log that were zeros
 *     spy.torn_firsts    reads of a database's first 100 bytes that were zeros
 *
 * One thread.
 */
#ifndef ROVE_TESTS_SPY_H
#define ROVE_TESTS_SPY_H

#include <sqlite3.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define SPY_VFS "spy"

typedef enum spy_fault {
    SPY_HONEST,
    SPY_TORN_FRAME_FAILS, /* a torn frame is an I/O error */
    SPY_FIRST_PAGE_FAILS, /* so is a torn first page, before the log was looked at */
    SPY_SEAL_IS_SEEN,     /* what lies behind a page's content is not read as zeros */
    SPY_FAULTS
} spy_fault;

static struct {
    sqlite3_vfs vfs;
    sqlite3_vfs *real;
    spy_fault fault;
    uint64_t torn_frames, torn_firsts;
} spy;

typedef struct spy_file {
    sqlite3_file base;
    int is_log;
    sqlite3_file *real; /* behind this struct */
} spy_file;

static sqlite3_file *spy_real(sqlite3_file *file) {
    return ((spy_file *)file)->real;
}

static int spy_is_zero(const void *bytes, int size) {
    const uint8_t *b = bytes;

    return b[0] == 0 && memcmp(b, b + 1, (size_t)size - 1) == 0;
}

static int spy_read_log(void *out, int size, sqlite3_int64 at) {
    int is_torn = (size == 24 + 4096 || (size == 32 && at == 0)) && spy_is_zero(out, size);

    spy.torn_frames += (uint64_t)is_torn;
    return is_torn && spy.fault == SPY_TORN_FRAME_FAILS ? SQLITE_IOERR_DATA : SQLITE_OK;
}

static int spy_read_database(void *out, int size, sqlite3_int64 at) {
    int is_torn = size == 100 && at == 0 && spy_is_zero(out, size);

    spy.torn_firsts += (uint64_t)is_torn;
    if (size == 4096 && spy.fault == SPY_SEAL_IS_SEEN) {
        memset((uint8_t *)out + 4064, 0xa5, 32);
    }
    return is_torn && spy.fault == SPY_FIRST_PAGE_FAILS ? SQLITE_IOERR_DATA : SQLITE_OK;
}

static int spy_read(sqlite3_file *file, void *out, int size, sqlite3_int64 at) {
    int code = spy_real(file)->pMethods->xRead(spy_real(file), out, size, at);

    if (code != SQLITE_OK) {
        return code;
    }
    return ((spy_file *)file)->is_log ? spy_read_log(out, size, at)
                                      : spy_read_database(out, size, at);
}
static int spy_close(sqlite3_file *file) {
    return spy_real(file)->pMethods->xClose(spy_real(file));
}
static int spy_write(sqlite3_file *file, const void *data, int size, sqlite3_int64 at) {
    return spy_real(file)->pMethods->xWrite(spy_real(file), data, size, at);
}
static int spy_truncate(sqlite3_file *file, sqlite3_int64 size) {
    return spy_real(file)->pMethods->xTruncate(spy_real(file), size);
}
static int spy_sync(sqlite3_file *file, int flags) {
    return spy_real(file)->pMethods->xSync(spy_real(file), flags);
}
static int spy_size(sqlite3_file *file, sqlite3_int64 *size) {
    return spy_real(file)->pMethods->xFileSize(spy_real(file), size);
}
static int spy_lock(sqlite3_file *file, int level) {
    return spy_real(file)->pMethods->xLock(spy_real(file), level);
}
static int spy_unlock(sqlite3_file *file, int level) {
    return spy_real(file)->pMethods->xUnlock(spy_real(file), level);
}
static int spy_check_lock(sqlite3_file *file, int *reserved) {
    return spy_real(file)->pMethods->xCheckReservedLock(spy_real(file), reserved);
}
static int spy_control(sqlite3_file *file, int op, void *arg) {
    return spy_real(file)->pMethods->xFileControl(spy_real(file), op, arg);
}
static int spy_sector(sqlite3_file *file) {
    return spy_real(file)->pMethods->xSectorSize(spy_real(file));
}
static int spy_traits(sqlite3_file *file) {
    return spy_real(file)->pMethods->xDeviceCharacteristics(spy_real(file));
}
static int spy_map(sqlite3_file *file, int region, int size, int extend, void volatile **out) {
    return spy_real(file)->pMethods->xShmMap(spy_real(file), region, size, extend, out);
}
static int spy_shm_lock(sqlite3_file *file, int first, int count, int flags) {
    return spy_real(file)->pMethods->xShmLock(spy_real(file), first, count, flags);
}
static void spy_barrier(sqlite3_file *file) {
    spy_real(file)->pMethods->xShmBarrier(spy_real(file));
}
static int spy_unmap(sqlite3_file *file, int remove) {
    return spy_real(file)->pMethods->xShmUnmap(spy_real(file), remove);
}

static int spy_open(sqlite3_vfs *vfs, sqlite3_filename name, sqlite3_file *out, int flags,
                    int *out_flags) {
    static const sqlite3_io_methods methods = {.iVersion = 2,
                                               .xClose = spy_close,
                                               .xRead = spy_read,
                                               .xWrite = spy_write,
                                               .xTruncate = spy_truncate,
                                               .xSync = spy_sync,
                                               .xFileSize = spy_size,
                                               .xLock = spy_lock,
                                               .xUnlock = spy_unlock,
                                               .xCheckReservedLock = spy_check_lock,
                                               .xFileControl = spy_control,
                                               .xSectorSize = spy_sector,
                                               .xDeviceCharacteristics = spy_traits,
                                               .xShmMap = spy_map,
                                               .xShmLock = spy_shm_lock,
                                               .xShmBarrier = spy_barrier,
                                               .xShmUnmap = spy_unmap};
    spy_file *file = (spy_file *)out;

    (void)vfs;
    memset(file, 0, sizeof *file);
    file->is_log = (flags & SQLITE_OPEN_WAL) != 0;
    file->real = (sqlite3_file *)(void *)(file + 1);
    int code = spy.real->xOpen(spy.real, name, file->real, flags, out_flags);
    file->base.pMethods = code == SQLITE_OK ? &methods : NULL;
    return code;
}
static int spy_delete(sqlite3_vfs *vfs, const char *name, int sync) {
    (void)vfs;
    return spy.real->xDelete(spy.real, name, sync);
}
static int spy_access(sqlite3_vfs *vfs, const char *name, int flags, int *result) {
    (void)vfs;
    return spy.real->xAccess(spy.real, name, flags, result);
}
static int spy_path(sqlite3_vfs *vfs, const char *name, int size, char *out) {
    (void)vfs;
    return spy.real->xFullPathname(spy.real, name, size, out);
}
static int spy_random(sqlite3_vfs *vfs, int size, char *out) {
    (void)vfs;
    return spy.real->xRandomness(spy.real, size, out);
}
static int spy_sleep(sqlite3_vfs *vfs, int microseconds) {
    (void)vfs;
    return spy.real->xSleep(spy.real, microseconds);
}
static int spy_time(sqlite3_vfs *vfs, double *days) {
    (void)vfs;
    return spy.real->xCurrentTime(spy.real, days);
}

static inline int spy_over(sqlite3_vfs *real) {
    spy.real = real;
    spy.vfs = (sqlite3_vfs){.iVersion = 1,
                            .szOsFile = (int)sizeof(spy_file) + real->szOsFile,
                            .mxPathname = real->mxPathname,
                            .zName = SPY_VFS,
                            .xOpen = spy_open,
                            .xDelete = spy_delete,
                            .xAccess = spy_access,
                            .xFullPathname = spy_path,
                            .xRandomness = spy_random,
                            .xSleep = spy_sleep,
                            .xCurrentTime = spy_time};
    return sqlite3_vfs_register(&spy.vfs, 0);
}

#endif
