/*
 * vault/vfs.c - see vfs.h.
 */
#include "vault/vfs.h"

#include <string.h>

#include "base/alloc.h"
#include "base/text.h"

#define PAGE                 ROVE_VAULT_PAGE
#define PAGE_PLAIN           (PAGE - ROVE_UNIT_SEAL_SIZE)
#define PROBE                100 /* SQLite reads as much of a database before it looks for a log */
#define JOURNAL_HEADER       512
#define LOG_HEADER           32
#define FRAME_HEADER         24
#define FRAME                (FRAME_HEADER + PAGE)
#define LOG_HEADER_ON_DISK   (LOG_HEADER + ROVE_UNIT_SEAL_SIZE)
#define FRAME_HEADER_ON_DISK (FRAME_HEADER + ROVE_UNIT_SEAL_SIZE)
#define NO_FRAME             INT64_MAX
#define FRAME_ON_DISK        (FRAME + 2 * ROVE_UNIT_SEAL_SIZE)

typedef struct sealed_file {
    sqlite3_file base;
    rove__vfs *vfs;
    rove__wal_index_user index;
    int is_commit_bare; /* of the log: whether the last frame of a commit lacks its checksum */
    uint8_t sealed[FRAME_ON_DISK];
    uint8_t plain[PAGE];
    sqlite3_file *real; /* behind this struct, in the same memory */
} sealed_file;

static sealed_file *of(sqlite3_file *file) {
    return (sealed_file *)file;
}

static rove__vfs *vfs_of(sqlite3_vfs *vfs) {
    return (rove__vfs *)vfs;
}

static int real_read(sealed_file *file, void *out, size_t size, sqlite3_int64 at) {
    return file->real->pMethods->xRead(file->real, out, (int)size, at);
}

static int real_write(sealed_file *file, const void *data, size_t size, sqlite3_int64 at) {
    return file->real->pMethods->xWrite(file->real, data, (int)size, at);
}

static int is_zero(const uint8_t *bytes, size_t size) {
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] != 0) {
            return 0;
        }
    }
    return 1;
}

/* ---- units ---------------------------------------------------------------------------------------------- */

/* Where a byte of SQLite's lies: in which unit, and where that begins on the disk. */
typedef struct place {
    rove__unit_kind kind;
    uint64_t position;
    size_t size;   /* of the unit, without its seal */
    size_t within; /* where in it */
    sqlite3_int64 at;
} place;

static int code_of(rove_status status, int otherwise) {
    switch (status) {
    case ROVE_OK:
        return SQLITE_OK;
    case ROVE_NOMEM:
        return SQLITE_IOERR_NOMEM;
    case ROVE_LOCKED:
        return SQLITE_IOERR_AUTH;
    case ROVE_CORRUPT:
        return SQLITE_IOERR_DATA;
    default: /* cryptography that failed says nothing about the file */
        return otherwise;
    }
}

/* A unit with its seal, which lies behind it. SHORT_READ: the file ends before, or within it. */
static int read_unit(sealed_file *file, const place *unit, void *out) {
    int code = real_read(file, file->sealed, unit->size + ROVE_UNIT_SEAL_SIZE, unit->at);

    if (code != SQLITE_OK) {
        return code;
    }
    rove_status status =
        rove__vault_unseal(file->vfs->vault, unit->kind, unit->position, file->sealed, unit->size,
                           file->sealed + unit->size, out);
    return code_of(status, SQLITE_IOERR_READ);
}

/* `size` bytes from there on, of that unit. */
static int read_part(sealed_file *file, const place *from, void *out, size_t size) {
    if (from->within == 0 && size == from->size) {
        return read_unit(file, from, out);
    }
    int code = read_unit(file, from, file->plain);
    if (code == SQLITE_OK) {
        memcpy(out, file->plain + from->within, size);
    }
    rove__wipe(file->plain, from->size);
    return code;
}

static int write_unit(sealed_file *file, const place *unit, const void *plain) {
    rove_status status = rove__vault_seal(file->vfs->vault, unit->kind, unit->position, plain,
                                          unit->size, file->sealed, file->sealed + unit->size);

    return status == ROVE_OK
               ? real_write(file, file->sealed, unit->size + ROVE_UNIT_SEAL_SIZE, unit->at)
               : code_of(status, SQLITE_IOERR_WRITE);
}

static int file_sync(sqlite3_file *base, int flags) {
    return of(base)->real->pMethods->xSync(of(base)->real, flags);
}

/* ---- the database --------------------------------------------------------------------------------------- */

static place page_place(sqlite3_int64 at) {
    return (place){ROVE_UNIT_PAGE, (uint64_t)(at / PAGE) + 1, PAGE_PLAIN, (size_t)(at % PAGE),
                   at - at % PAGE};
}

/* An empty file has no page yet. Of another one SQLite reads no page that was never whole: it would take zeros for it. */
static int at_end(sealed_file *file) {
    sqlite3_int64 size = 0;
    int code = file->real->pMethods->xFileSize(file->real, &size);

    if (code != SQLITE_OK) {
        return code;
    }
    return size == 0 ? SQLITE_IOERR_SHORT_READ : SQLITE_IOERR_DATA;
}

/* Part of one page. */
static int read_page(sealed_file *file, uint8_t *out, size_t size, sqlite3_int64 at) {
    place from = page_place(at);
    size_t plain = from.within < PAGE_PLAIN ? PAGE_PLAIN - from.within : 0;

    plain = size < plain ? size : plain;
    int code = plain > 0 ? read_part(file, &from, out, plain) : SQLITE_OK;
    if (code == SQLITE_IOERR_SHORT_READ) {
        code = at_end(file);
    }
    if (code == SQLITE_OK) {
        memset(out + plain, 0, size - plain); /* its seal */
    } else {
        memset(out, 0, size);
    }
    int is_probe = at == 0 && size <= PROBE;
    int unread = code == SQLITE_IOERR_DATA || code == SQLITE_IOERR_AUTH;
    return unread && is_probe ? SQLITE_OK : code;
}

static int page_read(sqlite3_file *base, void *out, int amount, sqlite3_int64 at) {
    uint8_t *to = out;
    size_t left = (size_t)amount;
    int code = SQLITE_OK;

    while (left > 0 && code == SQLITE_OK) {
        size_t room = (size_t)(PAGE - at % PAGE);
        size_t part = left < room ? left : room;
        code = read_page(of(base), to, part, at);
        to += part;
        left -= part;
        at += (sqlite3_int64)part;
    }
    memset(to, 0, left);
    return code;
}

/* Whole, and with nothing where its seal will lie. */
static int page_write(sqlite3_file *base, const void *data, int amount, sqlite3_int64 at) {
    const uint8_t *bytes = data;
    place to = page_place(at);

    if (amount != PAGE || to.within != 0 || !is_zero(bytes + PAGE_PLAIN, ROVE_UNIT_SEAL_SIZE)) {
        return SQLITE_IOERR_WRITE;
    }
    return write_unit(of(base), &to, data);
}

static int page_truncate(sqlite3_file *base, sqlite3_int64 size) {
    return of(base)->real->pMethods->xTruncate(of(base)->real, size);
}

static int page_sync(sqlite3_file *base, int flags) {
    return file_sync(base, flags);
}

static int page_size(sqlite3_file *base, sqlite3_int64 *size) {
    return of(base)->real->pMethods->xFileSize(of(base)->real, size);
}

/* ---- the log -------------------------------------------------------------------------------------------- */

/* Where frames begin: as SQLite counts, and on the disk. */
static sqlite3_int64 frame_of(sqlite3_int64 at) {
    return (at - LOG_HEADER) / FRAME;
}

static sqlite3_int64 on_disk(sqlite3_int64 frame) {
    return LOG_HEADER_ON_DISK + frame * FRAME_ON_DISK;
}

static place log_place(sqlite3_int64 at) {
    if (at < LOG_HEADER) {
        return (place){ROVE_UNIT_LOG_HEADER, 0, LOG_HEADER, (size_t)at, 0};
    }
    sqlite3_int64 frame = frame_of(at);
    size_t within = (size_t)((at - LOG_HEADER) % FRAME);
    if (within < FRAME_HEADER) {
        return (place){ROVE_UNIT_FRAME_HEADER, (uint64_t)frame, FRAME_HEADER, within,
                       on_disk(frame)};
    }
    return (place){ROVE_UNIT_FRAME_PAGE, (uint64_t)frame, PAGE, within - FRAME_HEADER,
                   on_disk(frame) + FRAME_HEADER_ON_DISK};
}

/*
 * The index is made anew from the header and whole frames, and what is torn is where the log ends: SQLite's own checks find no
 * frame in zeros. A commit reads whole frames too, its own ones, to write their checksums anew; there zeros would be written.
 */
static int may_be_the_end(sealed_file *file, int amount, sqlite3_int64 at) {
    int is_header = at == 0 && amount == LOG_HEADER;
    int is_frame = at >= LOG_HEADER && (at - LOG_HEADER) % FRAME == 0 && amount == FRAME;

    return (is_header || is_frame) && !rove__wal_index_is_written(&file->vfs->index);
}

static int log_read(sqlite3_file *base, void *out, int amount, sqlite3_int64 at) {
    sealed_file *file = of(base);
    sqlite3_int64 next = at;
    size_t left = (size_t)amount;
    uint8_t *to = out;
    int code = SQLITE_OK;

    while (left > 0 && code == SQLITE_OK) {
        place from = log_place(next);
        size_t room = from.size - from.within;
        size_t part = left < room ? left : room;
        code = read_part(file, &from, to, part);
        to += part;
        left -= part;
        next += (sqlite3_int64)part;
    }
    if (code != SQLITE_OK) {
        memset(out, 0, (size_t)amount);
    }
    return code == SQLITE_IOERR_DATA && may_be_the_end(file, amount, at) ? SQLITE_OK : code;
}

/*
 * SQLite before 3.50.2 can forget checksums when a savepoint is rolled back whose pages had outgrown the cache
 * (https://sqlite.org/forum/forumpost/b490f726db): it says that the transaction is committed, and the log ends before it. Such a
 * commit fails here: frames without checksums may be on their way, but are not to lie before a commit.
 */
static int note_sums(sealed_file *file, sqlite3_int64 frame, const uint8_t header[FRAME_HEADER]) {
    rove__vfs *self = file->vfs;
    int is_commit = !is_zero(header + 4, 4);
    int is_bare = is_zero(header + 8, FRAME_HEADER - 8);

    if (is_bare) {
        self->bare_from = frame < self->bare_from ? frame : self->bare_from;
    } else if (frame == self->bare_from) {
        self->bare_from++;
    }
    if (is_commit) {
        file->is_commit_bare = is_bare;
    }
    if (is_commit && !is_bare) {
        int is_broken = self->bare_from <= frame;
        self->bare_from = is_broken ? self->bare_from : NO_FRAME;
        return is_broken ? SQLITE_IOERR_WRITE : SQLITE_OK;
    }
    return SQLITE_OK;
}

/* Headers and pages, each whole. */
static int log_write(sqlite3_file *base, const void *data, int amount, sqlite3_int64 at) {
    sealed_file *file = of(base);
    place to = log_place(at);
    int code = SQLITE_OK;

    if (to.within != 0 || (size_t)amount != to.size) {
        return SQLITE_IOERR_WRITE;
    }
    if (to.kind == ROVE_UNIT_LOG_HEADER) {
        file->vfs->bare_from = NO_FRAME;
    } else if (to.kind == ROVE_UNIT_FRAME_HEADER) {
        code = note_sums(file, frame_of(at), data);
    }
    return code == SQLITE_OK ? write_unit(file, &to, data) : code;
}

static int log_sync(sqlite3_file *base, int flags) {
    if (of(base)->is_commit_bare) {
        of(base)->is_commit_bare = 0;
        return SQLITE_IOERR_FSYNC;
    }
    return file_sync(base, flags);
}

static int log_truncate(sqlite3_file *base, sqlite3_int64 size) {
    sqlite3_int64 real = size < LOG_HEADER ? 0 : on_disk(frame_of(size));

    return of(base)->real->pMethods->xTruncate(of(base)->real, real);
}

/* Whole frames count. */
static int log_size(sqlite3_file *base, sqlite3_int64 *size) {
    int code = of(base)->real->pMethods->xFileSize(of(base)->real, size);

    if (code == SQLITE_OK) {
        *size = *size < LOG_HEADER_ON_DISK
                    ? 0
                    : LOG_HEADER + (*size - LOG_HEADER_ON_DISK) / FRAME_ON_DISK * FRAME;
    }
    return code;
}

/* ---- the head of a rollback journal ----------------------------------------------------------------------
 * Of an empty database there are no pages to keep: it says so, and nothing else. Were more of it read, then who can write
 * into the folder could have SQLite put back pages that he made. */

static int journal_read(sqlite3_file *base, void *out, int amount, sqlite3_int64 at) {
    size_t room = at < JOURNAL_HEADER ? (size_t)(JOURNAL_HEADER - at) : 0;
    size_t part = (size_t)amount < room ? (size_t)amount : room;
    int code = part > 0 ? real_read(of(base), out, part, at) : SQLITE_OK;

    if (part < (size_t)amount) {
        memset((uint8_t *)out + part, 0, (size_t)amount - part);
        code = code == SQLITE_OK ? SQLITE_IOERR_SHORT_READ : code;
    }
    return code;
}

static int journal_write(sqlite3_file *base, const void *data, int amount, sqlite3_int64 at) {
    return at >= 0 && amount >= 0 && at + amount <= JOURNAL_HEADER
               ? real_write(of(base), data, (size_t)amount, at)
               : SQLITE_IOERR_WRITE;
}

static int journal_truncate(sqlite3_file *base, sqlite3_int64 size) {
    return page_truncate(base, size);
}

static int journal_sync(sqlite3_file *base, int flags) {
    return file_sync(base, flags);
}

static int journal_size(sqlite3_file *base, sqlite3_int64 *size) {
    int code = page_size(base, size);

    *size = *size < JOURNAL_HEADER ? *size : JOURNAL_HEADER;
    return code;
}

/* ---- what all files have -------------------------------------------------------------------------------- */

static int file_close(sqlite3_file *base) {
    sealed_file *file = of(base);

    rove__wal_index_unmap(&file->vfs->index, &file->index);
    rove__wipe(file->plain, sizeof file->plain);
    return file->real->pMethods->xClose(file->real);
}

static int file_lock(sqlite3_file *base, int level) {
    return of(base)->real->pMethods->xLock(of(base)->real, level);
}

static int file_unlock(sqlite3_file *base, int level) {
    return of(base)->real->pMethods->xUnlock(of(base)->real, level);
}

static int file_check_lock(sqlite3_file *base, int *reserved) {
    return of(base)->real->pMethods->xCheckReservedLock(of(base)->real, reserved);
}

/* Sizes and mappings are of the real file, which has another size: SQLite may not speak of them. */
static int file_control(sqlite3_file *base, int op, void *arg) {
    switch (op) {
    case SQLITE_FCNTL_MMAP_SIZE:
    case SQLITE_FCNTL_CHUNK_SIZE:
    case SQLITE_FCNTL_SIZE_HINT:
    case SQLITE_FCNTL_EXTERNAL_READER:
        return SQLITE_NOTFOUND;
    default:
        return of(base)->real->pMethods->xFileControl(of(base)->real, op, arg);
    }
}

static int file_sector(sqlite3_file *base) {
    (void)base;
    return PAGE;
}

/* Without the first of them SQLite would write frames in two pieces where a sync falls into them. */
static int file_characteristics(sqlite3_file *base) {
    int real = of(base)->real->pMethods->xDeviceCharacteristics(of(base)->real);

    return SQLITE_IOCAP_POWERSAFE_OVERWRITE |
           (real & (SQLITE_IOCAP_UNDELETABLE_WHEN_OPEN | SQLITE_IOCAP_IMMUTABLE));
}

static int index_map(sqlite3_file *base, int region, int size, int extend, void volatile **out) {
    return rove__wal_index_map(&of(base)->vfs->index, &of(base)->index, region, size, extend, out);
}

static int index_lock(sqlite3_file *base, int first, int count, int flags) {
    return rove__wal_index_lock(&of(base)->vfs->index, &of(base)->index, first, count, flags);
}

static void index_barrier(sqlite3_file *base) {
    rove__wal_index_barrier(&of(base)->vfs->index);
}

static int index_unmap(sqlite3_file *base, int remove) {
    (void)remove;
    rove__wal_index_unmap(&of(base)->vfs->index, &of(base)->index);
    return SQLITE_OK;
}

#define METHODS(prefix)                                                                            \
    {                                                                                              \
        .iVersion = 2, .xClose = file_close, .xRead = prefix##_read, .xWrite = prefix##_write,     \
        .xTruncate = prefix##_truncate, .xSync = prefix##_sync, .xFileSize = prefix##_size,        \
        .xLock = file_lock, .xUnlock = file_unlock, .xCheckReservedLock = file_check_lock,         \
        .xFileControl = file_control, .xSectorSize = file_sector,                                  \
        .xDeviceCharacteristics = file_characteristics, .xShmMap = index_map,                      \
        .xShmLock = index_lock, .xShmBarrier = index_barrier, .xShmUnmap = index_unmap             \
    }

static const sqlite3_io_methods page_methods = METHODS(page);
static const sqlite3_io_methods log_methods = METHODS(log);
static const sqlite3_io_methods journal_methods = METHODS(journal);

/* ---- files ---------------------------------------------------------------------------------------------- */

static const sqlite3_io_methods *methods_for(const rove__vfs *self, const char *name, int flags) {
    if (name == NULL) {
        return NULL; /* a temporary one */
    }
    if ((flags & SQLITE_OPEN_MAIN_DB) != 0) {
        return strcmp(name, self->path) == 0 ? &page_methods : NULL;
    }
    if ((flags & SQLITE_OPEN_WAL) != 0) {
        return &log_methods;
    }
    return (flags & SQLITE_OPEN_MAIN_JOURNAL) != 0 ? &journal_methods : NULL;
}

/* What SQLite calls the log lies elsewhere: ROVE_VAULT_LOG. */
static const char *name_on_disk(const rove__vfs *self, const char *name) {
    size_t size = strlen(self->path);
    int is_log =
        name != NULL && strncmp(name, self->path, size) == 0 && strcmp(name + size, "-wal") == 0;

    return is_log ? self->log : name;
}

static int vfs_open(sqlite3_vfs *vfs, sqlite3_filename name, sqlite3_file *out, int flags,
                    int *out_flags) {
    rove__vfs *self = vfs_of(vfs);
    sealed_file *file = of(out);
    const sqlite3_io_methods *methods = methods_for(self, name, flags);

    /* The real one's part too: there may be what is left of a file that was closed. */
    memset(file, 0, sizeof *file + (size_t)self->real->szOsFile);
    if (methods == NULL) {
        return SQLITE_CANTOPEN;
    }
    file->vfs = self;
    file->real = (sqlite3_file *)(void *)(file + 1);
    int code =
        self->real->xOpen(self->real, name_on_disk(self, name), file->real, flags, out_flags);
    if (code == SQLITE_OK) {
        file->base.pMethods = methods;
    } else if (file->real->pMethods != NULL) {
        (void)file->real->pMethods->xClose(file->real);
    }
    return code;
}

static int vfs_delete(sqlite3_vfs *vfs, const char *name, int sync) {
    const rove__vfs *self = vfs_of(vfs);

    return self->real->xDelete(self->real, name_on_disk(self, name), sync);
}

static int vfs_access(sqlite3_vfs *vfs, const char *name, int flags, int *result) {
    const rove__vfs *self = vfs_of(vfs);

    return self->real->xAccess(self->real, name_on_disk(self, name), flags, result);
}

static int vfs_path(sqlite3_vfs *vfs, const char *name, int size, char *out) {
    return vfs_of(vfs)->real->xFullPathname(vfs_of(vfs)->real, name, size, out);
}

static int vfs_randomness(sqlite3_vfs *vfs, int size, char *out) {
    return vfs_of(vfs)->real->xRandomness(vfs_of(vfs)->real, size, out);
}

static int vfs_sleep(sqlite3_vfs *vfs, int microseconds) {
    return vfs_of(vfs)->real->xSleep(vfs_of(vfs)->real, microseconds);
}

static int vfs_time(sqlite3_vfs *vfs, double *days) {
    return vfs_of(vfs)->real->xCurrentTime(vfs_of(vfs)->real, days);
}

static int vfs_error(sqlite3_vfs *vfs, int size, char *out) {
    return vfs_of(vfs)->real->xGetLastError(vfs_of(vfs)->real, size, out);
}

/* As SQLite will name it when it opens it. */
static int keep_path(rove__vfs *self, const char *path) {
    self->path = rove__alloc(self->allocator, (size_t)self->real->mxPathname + 1);
    if (self->path == NULL) {
        return SQLITE_NOMEM;
    }
    int code = self->real->xFullPathname(self->real, path, self->real->mxPathname, self->path);
    return code == SQLITE_OK_SYMLINK ? SQLITE_OK : code;
}

/* As SQLite wants the names of files that are opened: with a database's own in front. */
static int keep_log(rove__vfs *self) {
    size_t size = strlen(self->path) + sizeof ROVE_VAULT_LOG;
    char *log = rove__alloc(self->allocator, size);

    if (log == NULL) {
        return SQLITE_NOMEM;
    }
    rove__text_format(log, size, "%s%s", self->path, ROVE_VAULT_LOG);
    self->names = sqlite3_create_filename(self->path, "", log, 0, NULL);
    rove__free(self->allocator, log);
    if (self->names == NULL) {
        return SQLITE_NOMEM;
    }
    self->log = sqlite3_filename_wal(self->names);
    return SQLITE_OK;
}

int rove__vfs_open(rove__vfs *self, const rove_allocator *allocator, const char *real,
                   rove__vault *vault, const char *path) {
    memset(self, 0, sizeof *self);
    self->real = sqlite3_vfs_find(real);
    if (self->real == NULL) {
        return SQLITE_NOTFOUND;
    }
    self->allocator = allocator;
    self->vault = vault;
    self->bare_from = NO_FRAME;
    rove__text_format(self->name, sizeof self->name, "rove-%p", (void *)self);
    self->vfs = (sqlite3_vfs){.iVersion = 1,
                              .szOsFile = (int)sizeof(sealed_file) + self->real->szOsFile,
                              .mxPathname = self->real->mxPathname,
                              .zName = self->name,
                              .xOpen = vfs_open,
                              .xDelete = vfs_delete,
                              .xAccess = vfs_access,
                              .xFullPathname = vfs_path,
                              .xRandomness = vfs_randomness,
                              .xSleep = vfs_sleep,
                              .xCurrentTime = vfs_time,
                              .xGetLastError = vfs_error};
    int code = rove__wal_index_init(&self->index, allocator);
    if (code == SQLITE_OK) {
        code = keep_path(self, path);
    }
    if (code == SQLITE_OK) {
        code = keep_log(self);
    }
    if (code == SQLITE_OK) {
        code = sqlite3_vfs_register(&self->vfs, 0);
    }
    if (code != SQLITE_OK) {
        rove__vfs_close(self);
    }
    return code;
}

void rove__vfs_close(rove__vfs *self) {
    if (self->real != NULL) {
        (void)sqlite3_vfs_unregister(&self->vfs);
        rove__wal_index_free(&self->index);
        rove__free(self->allocator, self->path);
        sqlite3_free_filename(self->names);
    }
    memset(self, 0, sizeof *self);
}

int rove__vfs_reserve(sqlite3 *db) {
    int bytes = ROVE_UNIT_SEAL_SIZE;

    return sqlite3_file_control(db, NULL, SQLITE_FCNTL_RESERVE_BYTES, &bytes);
}

/* ---- which key -------------------------------------------------------------------------------------------- */

static sealed_file *file_of(sqlite3 *db, int which) {
    sqlite3_file *file = NULL;

    if (sqlite3_file_control(db, "main", which, &file) != SQLITE_OK || file == NULL) {
        return NULL;
    }
    return file->pMethods != NULL ? of(file) : NULL;
}

static int pages_are_of(sealed_file *file, uint8_t generation, int *is) {
    sqlite3_int64 size = 0;
    int code = file->real->pMethods->xFileSize(file->real, &size);

    *is = code == SQLITE_OK && size % PAGE == 0;
    for (sqlite3_int64 at = 0; *is && code == SQLITE_OK && at < size; at += PAGE) {
        uint8_t first = 0; /* of the epoch */
        code = real_read(file, &first, 1, at + PAGE - ROVE_UNIT_EPOCH_SIZE);
        *is = code == SQLITE_OK && first == generation;
    }
    return code;
}

int rove__vfs_is_of(sqlite3 *db, uint8_t generation, int *is) {
    sealed_file *file = file_of(db, SQLITE_FCNTL_FILE_POINTER);
    sealed_file *log = file_of(db, SQLITE_FCNTL_JOURNAL_POINTER);
    sqlite3_int64 logged = 0;

    *is = 0;
    if (file == NULL) {
        return SQLITE_NOTFOUND;
    }
    int code = pages_are_of(file, generation, is);
    if (code == SQLITE_OK && log != NULL) {
        code = log->real->pMethods->xFileSize(log->real, &logged);
        *is = *is && logged == 0;
    }
    return code;
}

/* ---- what a file is -------------------------------------------------------------------------------------- */

static int read_head(sqlite3_vfs *vfs, sqlite3_file *file, const char *path, char head[16]) {
    int code = vfs->xOpen(vfs, path, file, SQLITE_OPEN_READONLY | SQLITE_OPEN_MAIN_DB, NULL);

    if (code == SQLITE_OK) {
        code = file->pMethods->xRead(file, head, 16, 0);
        code = code == SQLITE_IOERR_SHORT_READ ? SQLITE_OK : code;
    }
    if (file->pMethods != NULL) {
        (void)file->pMethods->xClose(file);
    }
    return code;
}

int rove__vfs_look(const char *real, const rove_allocator *allocator, const char *path,
                   rove__vfs_content *content) {
    static const char nothing[16];
    char head[16] = {0};
    int exists = 0;
    sqlite3_vfs *vfs = sqlite3_vfs_find(real);

    *content = ROVE_VFS_NOTHING;
    int code =
        vfs != NULL ? vfs->xAccess(vfs, path, SQLITE_ACCESS_EXISTS, &exists) : SQLITE_NOTFOUND;
    if (code != SQLITE_OK || !exists) {
        return code;
    }
    sqlite3_file *file = rove__alloc_zeroed(allocator, 1, (size_t)vfs->szOsFile);
    sqlite3_filename name = sqlite3_create_filename(path, "", "", 0, NULL);
    code = file != NULL && name != NULL ? read_head(vfs, file, name, head) : SQLITE_NOMEM;
    sqlite3_free_filename(name);
    rove__free(allocator, file);
    if (memcmp(head, "SQLite format 3", sizeof head) == 0) {
        *content = ROVE_VFS_PLAIN;
    } else if (memcmp(head, nothing, sizeof head) != 0) {
        *content = ROVE_VFS_OTHER;
    }
    return code;
}
