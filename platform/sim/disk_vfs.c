/*
 * sim/disk_vfs.c - SQLite's way to the simulated disk: https://sqlite.org/vfs.html. Locks are those of one process: several
 * connections, and the shared index of a write-ahead log on the heap.
 */
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "sim/disk_file.h"
#include "sim/pool.h"

#define SHARED_PAGE 32768

typedef struct handle {
    sqlite3_file base;
    sim_file *file;
    int level;  /* SQLITE_LOCK_* */
    int shares; /* of the index: whether it uses it */
    unsigned read_locks, write_locks;
    int temporary;
    int dropped; /* removed when it is closed */
} handle;

static sim_dice randomness;

static handle *of(sqlite3_file *file) {
    return (handle *)file;
}

/* ---- reading and writing -------------------------------------------------------------------------------- */

static int vfs_read(sqlite3_file *base, void *out, int amount, sqlite3_int64 at) {
    sim_file *file = of(base)->file;
    size_t wanted = (size_t)amount;
    size_t from = (size_t)at;
    if (!sim_disk_works(file->disk)) {
        return SQLITE_IOERR_READ;
    }
    size_t there = from < file->seen.size ? file->seen.size - from : 0;
    there = there < wanted ? there : wanted;
    if (there > 0) {
        memcpy(out, file->seen.data + from, there);
    }
    if (there < wanted) {
        memset((uint8_t *)out + there, 0, wanted - there);
        return SQLITE_IOERR_SHORT_READ;
    }
    return SQLITE_OK;
}

static int vfs_write(sqlite3_file *base, const void *data, int amount, sqlite3_int64 at) {
    handle *self = of(base);
    if (!sim_disk_works(self->file->disk)) {
        return SQLITE_IOERR_WRITE;
    }
    if (!sim_disk_has_room(self->file->disk)) {
        return SQLITE_FULL;
    }
    if (self->temporary) {
        sim_bytes_write(&self->file->seen, (size_t)at, data, (size_t)amount);
    } else {
        sim_file_write(self->file, (size_t)at, data, (size_t)amount);
    }
    return SQLITE_OK;
}

static int vfs_truncate(sqlite3_file *base, sqlite3_int64 size) {
    handle *self = of(base);
    if (!sim_disk_works(self->file->disk)) {
        return SQLITE_IOERR_TRUNCATE;
    }
    if (self->temporary) {
        sim_bytes_resize(&self->file->seen, (size_t)size);
    } else {
        sim_file_truncate(self->file, (size_t)size);
    }
    return SQLITE_OK;
}

static int vfs_sync(sqlite3_file *base, int flags) {
    (void)flags;
    if (!sim_disk_works(of(base)->file->disk)) {
        return SQLITE_IOERR_FSYNC;
    }
    sim_file_sync(of(base)->file);
    return SQLITE_OK;
}

static int vfs_size(sqlite3_file *base, sqlite3_int64 *size) {
    *size = (sqlite3_int64)of(base)->file->seen.size;
    return SQLITE_OK;
}

static int vfs_control(sqlite3_file *base, int op, void *arg) {
    (void)base;
    (void)op;
    (void)arg;
    return SQLITE_NOTFOUND;
}

static int vfs_sector(sqlite3_file *base) {
    (void)base;
    return 4096;
}

static int vfs_characteristics(sqlite3_file *base) {
    (void)base;
    return SQLITE_IOCAP_POWERSAFE_OVERWRITE | SQLITE_IOCAP_UNDELETABLE_WHEN_OPEN;
}

/* ---- locks of the database ------------------------------------------------------------------------------ */

static int vfs_lock(sqlite3_file *base, int level) {
    handle *self = of(base);
    sim_file *file = self->file;
    if (level <= self->level) {
        return SQLITE_OK;
    }
    if (level == SQLITE_LOCK_SHARED) {
        if (file->exclusive != NULL && file->exclusive != self) {
            return SQLITE_BUSY;
        }
        file->readers++;
    } else {
        if (file->reserved != NULL && file->reserved != self) {
            return SQLITE_BUSY;
        }
        file->reserved = self;
        if (level == SQLITE_LOCK_EXCLUSIVE) {
            file->exclusive = self;
            if (file->readers > 1) {
                self->level = SQLITE_LOCK_PENDING;
                return SQLITE_BUSY;
            }
        }
    }
    self->level = level;
    return SQLITE_OK;
}

static int vfs_unlock(sqlite3_file *base, int level) {
    handle *self = of(base);
    sim_file *file = self->file;
    if (level >= self->level) {
        return SQLITE_OK;
    }
    if (file->reserved == self) {
        file->reserved = NULL;
    }
    if (file->exclusive == self) {
        file->exclusive = NULL;
    }
    if (level == SQLITE_LOCK_NONE) {
        file->readers--;
    }
    self->level = level;
    return SQLITE_OK;
}

static int vfs_check_lock(sqlite3_file *base, int *reserved) {
    *reserved = of(base)->file->reserved != NULL;
    return SQLITE_OK;
}

/* ---- the shared index of a log -------------------------------------------------------------------------- */

static int vfs_shared_map(sqlite3_file *base, int page, int size, int extend, void volatile **out) {
    handle *self = of(base);
    sim_file *file = self->file;
    *out = NULL;
    if (size != SHARED_PAGE || page >= SIM_SHARED_MAX) {
        return SQLITE_IOERR_SHMMAP;
    }
    if (!self->shares) {
        self->shares = 1;
        file->shared_users++;
    }
    if (file->shared[page] == NULL && extend) {
        file->shared[page] = calloc(1, SHARED_PAGE);
        if (file->shared[page] == NULL) {
            return SQLITE_IOERR_NOMEM;
        }
    }
    *out = file->shared[page];
    return SQLITE_OK;
}

static int shared_unlock(handle *self, unsigned mask) {
    for (int i = 0; i < SIM_LOCKS; i++) {
        unsigned bit = 1u << i;
        if ((mask & bit & self->read_locks) != 0) {
            self->file->shares[i]--;
        }
        if ((mask & bit & self->write_locks) != 0) {
            self->file->owners[i] = NULL;
        }
    }
    self->read_locks &= ~mask;
    self->write_locks &= ~mask;
    return SQLITE_OK;
}

static int vfs_shared_lock(sqlite3_file *base, int first, int count, int flags) {
    handle *self = of(base);
    sim_file *file = self->file;
    unsigned mask = ((1u << count) - 1u) << first;
    int shared = (flags & SQLITE_SHM_SHARED) != 0;
    if ((flags & SQLITE_SHM_UNLOCK) != 0) {
        return shared_unlock(self, mask);
    }
    for (int i = first; i < first + count; i++) {
        int others = file->shares[i] - ((self->read_locks >> i & 1u) != 0);
        if ((file->owners[i] != NULL && file->owners[i] != self) || (!shared && others > 0)) {
            return SQLITE_BUSY;
        }
    }
    for (int i = first; i < first + count; i++) {
        if (!shared) {
            file->owners[i] = self;
        } else if ((self->read_locks >> i & 1u) == 0) {
            file->shares[i]++;
        }
    }
    if (shared) {
        self->read_locks |= mask;
    } else {
        self->write_locks |= mask;
    }
    return SQLITE_OK;
}

static void vfs_shared_barrier(sqlite3_file *base) {
    (void)base;
}

static int vfs_shared_unmap(sqlite3_file *base, int remove) {
    handle *self = of(base);
    sim_file *file = self->file;
    (void)remove;
    if (!self->shares) {
        return SQLITE_OK;
    }
    (void)shared_unlock(self, self->read_locks | self->write_locks);
    self->shares = 0;
    if (--file->shared_users == 0) { /* the index is made anew from the log */
        for (size_t i = 0; i < SIM_SHARED_MAX; i++) {
            free(file->shared[i]);
            file->shared[i] = NULL;
        }
    }
    return SQLITE_OK;
}

/* ---- opening and closing -------------------------------------------------------------------------------- */

static int vfs_close(sqlite3_file *base) {
    handle *self = of(base);
    sim_file *file = self->file;
    if (file == NULL) {
        return SQLITE_OK;
    }
    (void)vfs_shared_unmap(base, 0);
    (void)vfs_unlock(base, SQLITE_LOCK_NONE);
    file->users--;
    if (self->temporary) {
        free(file->seen.data);
        free(file);
    } else if (self->dropped) {
        sim_file_remove(file);
    }
    self->file = NULL;
    return SQLITE_OK;
}

static const sqlite3_io_methods methods = {.iVersion = 2,
                                           .xClose = vfs_close,
                                           .xRead = vfs_read,
                                           .xWrite = vfs_write,
                                           .xTruncate = vfs_truncate,
                                           .xSync = vfs_sync,
                                           .xFileSize = vfs_size,
                                           .xLock = vfs_lock,
                                           .xUnlock = vfs_unlock,
                                           .xCheckReservedLock = vfs_check_lock,
                                           .xFileControl = vfs_control,
                                           .xSectorSize = vfs_sector,
                                           .xDeviceCharacteristics = vfs_characteristics,
                                           .xShmMap = vfs_shared_map,
                                           .xShmLock = vfs_shared_lock,
                                           .xShmBarrier = vfs_shared_barrier,
                                           .xShmUnmap = vfs_shared_unmap};

/* "/<number>/name": NULL where there is no such disk. */
static sim_disk *disk_of(const char *name) {
    char *end = NULL;
    long number = name != NULL && name[0] == '/' ? strtol(name + 1, &end, 10) : 0;
    int good = end != NULL && *end == '/' && number > 0 && number < SIM_DISKS_MAX;
    return good ? sim_disks[number] : NULL;
}

/* A file without a name is gone with its handle, and does not reach the disk. */
static int open_temporary(handle *self) {
    static sim_disk nowhere = {.number = 0};
    self->file = calloc(1, sizeof *self->file);
    if (self->file == NULL) {
        return SQLITE_NOMEM;
    }
    self->file->disk = &nowhere;
    self->temporary = 1;
    return SQLITE_OK;
}

static int vfs_open(sqlite3_vfs *vfs, sqlite3_filename name, sqlite3_file *out, int flags,
                    int *out_flags) {
    handle *self = of(out);
    (void)vfs;
    memset(self, 0, sizeof *self);
    if (name == NULL) {
        int code = open_temporary(self);
        self->base.pMethods = code == SQLITE_OK ? &methods : NULL;
        if (code == SQLITE_OK) {
            self->file->users++;
        }
        return code;
    }
    sim_disk *disk = disk_of(name);
    if (disk == NULL || !sim_disk_works(disk)) {
        return SQLITE_CANTOPEN;
    }
    sim_file *file = sim_file_find(disk, sim_disk_path(name));
    if (file == NULL && (flags & SQLITE_OPEN_CREATE) == 0) {
        return SQLITE_CANTOPEN;
    }
    self->file = file == NULL ? sim_file_make(disk, sim_disk_path(name)) : file;
    self->file->users++;
    self->dropped = (flags & SQLITE_OPEN_DELETEONCLOSE) != 0;
    self->base.pMethods = &methods;
    if (out_flags != NULL) {
        *out_flags = flags;
    }
    return SQLITE_OK;
}

static int vfs_delete(sqlite3_vfs *vfs, const char *name, int sync) {
    sim_disk *disk = disk_of(name);
    (void)vfs;
    (void)sync;
    if (disk == NULL || !sim_disk_works(disk)) {
        return SQLITE_IOERR_DELETE;
    }
    sim_file *file = sim_file_find(disk, sim_disk_path(name));
    if (file == NULL) {
        return SQLITE_IOERR_DELETE_NOENT;
    }
    sim_file_remove(file);
    return SQLITE_OK;
}

static int vfs_access(sqlite3_vfs *vfs, const char *name, int flags, int *result) {
    sim_disk *disk = disk_of(name);
    (void)vfs;
    (void)flags;
    *result = 0;
    if (disk == NULL) {
        return SQLITE_OK;
    }
    if (!sim_disk_works(disk)) {
        return SQLITE_IOERR_ACCESS;
    }
    const sim_file *file = sim_file_find(disk, sim_disk_path(name));
    *result = file != NULL && (flags != SQLITE_ACCESS_EXISTS || file->seen.size > 0);
    return SQLITE_OK;
}

static int vfs_path(sqlite3_vfs *vfs, const char *name, int size, char *out) {
    (void)vfs;
    rove__text_format(out, (size_t)size, "%s", name);
    return SQLITE_OK;
}

static int vfs_randomness(sqlite3_vfs *vfs, int size, char *out) {
    (void)vfs;
    for (int i = 0; i < size; i++) {
        out[i] = (char)sim_draw(&randomness);
    }
    return size;
}

static int vfs_sleep(sqlite3_vfs *vfs, int microseconds) {
    (void)vfs;
    return microseconds;
}

static int vfs_time(sqlite3_vfs *vfs, double *days) {
    (void)vfs;
    *days = 2440587.5;
    return SQLITE_OK;
}

static int vfs_error(sqlite3_vfs *vfs, int size, char *out) {
    (void)vfs;
    (void)size;
    (void)out;
    return 0;
}

void sim_disk_seed(uint64_t seed) {
    randomness = (sim_dice){seed};
    sqlite3_randomness(0, NULL);
}

int sim_disk_install(void) {
    static sqlite3_vfs vfs = {.iVersion = 1,
                              .szOsFile = (int)sizeof(handle),
                              .mxPathname = 256,
                              .zName = "sim",
                              .xOpen = vfs_open,
                              .xDelete = vfs_delete,
                              .xAccess = vfs_access,
                              .xFullPathname = vfs_path,
                              .xRandomness = vfs_randomness,
                              .xSleep = vfs_sleep,
                              .xCurrentTime = vfs_time,
                              .xGetLastError = vfs_error};
    (void)sqlite3_config(SQLITE_CONFIG_SINGLETHREAD);
    (void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0); /* nobody looks, and it costs */
    sim_pool_install();
    return sqlite3_vfs_register(&vfs, 1);
}
