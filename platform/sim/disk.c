/*
 * sim/disk.c - files of the simulated disk, and what a power cut leaves of them; see disk.h. The VFS is disk_vfs.c.
 */
#include "sim/disk_file.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"

#define SECTOR    512
#define ROOM_MIN  ((size_t)64 * 1024) /* of a file; what is not used is not touched */
#define ROOM_MORE 4 /* times as much: a log grows to megabytes, and is copied each time */

static void *must(void *pointer) {
    if (pointer == NULL) {
        abort(); /* a simulation without memory shows nothing */
    }
    return pointer;
}

/* ---- bytes ---------------------------------------------------------------------------------------------- */

static void make_room(sim_bytes *bytes, size_t size) {
    if (size > bytes->capacity) {
        size_t capacity = bytes->capacity < ROOM_MIN ? ROOM_MIN : bytes->capacity;
        while (capacity < size) {
            capacity *= ROOM_MORE;
        }
        bytes->data = must(realloc(bytes->data, capacity));
        bytes->capacity = capacity;
    }
}

void sim_bytes_resize(sim_bytes *bytes, size_t size) {
    make_room(bytes, size);
    if (size > bytes->size) {
        memset(bytes->data + bytes->size, 0, size - bytes->size);
    }
    bytes->size = size;
}

void sim_bytes_write(sim_bytes *bytes, size_t at, const void *data, size_t size) {
    if (at > bytes->size) {
        sim_bytes_resize(bytes, at);
    }
    make_room(bytes, at + size);
    memcpy(bytes->data + at, data, size);
    bytes->size = at + size > bytes->size ? at + size : bytes->size;
}

static void bytes_free(sim_bytes *bytes) {
    free(bytes->data);
    *bytes = (sim_bytes){NULL, 0, 0};
}

/* ---- files ---------------------------------------------------------------------------------------------- */

sim_file *sim_file_find(const sim_disk *disk, const char *name) {
    for (size_t i = 0; i < SIM_DISK_FILES; i++) {
        if (disk->files[i] != NULL && !disk->files[i]->removed &&
            strcmp(disk->files[i]->name, name) == 0) {
            return disk->files[i];
        }
    }
    return NULL;
}

static sim_file *make_file(sim_disk *disk, const char *name) {
    for (size_t i = 0; i < SIM_DISK_FILES; i++) {
        if (disk->files[i] == NULL) {
            sim_file *file = must(calloc(1, sizeof *file));
            rove__text_format(file->name, sizeof file->name, "%s", name);
            file->disk = disk;
            disk->files[i] = file;
            return file;
        }
    }
    return NULL;
}

static void forget_changes(sim_file *file) {
    while (file->newest != NULL) {
        sim_change *change = file->newest;
        file->newest = change->next;
        free(change);
    }
}

static void file_free(sim_disk *disk, sim_file *file) {
    for (size_t i = 0; i < SIM_DISK_FILES; i++) {
        if (disk->files[i] == file) {
            disk->files[i] = NULL;
        }
    }
    forget_changes(file);
    bytes_free(&file->seen);
    for (size_t i = 0; i < SIM_SHARED_MAX; i++) {
        free(file->shared[i]);
    }
    free(file);
}

static sim_change *change_new(sim_file *file, size_t at, size_t size, size_t room) {
    sim_change *change = must(malloc(sizeof *change + room));
    *change = (sim_change){.next = file->newest, .at = at, .size = size, .before = file->seen.size};
    file->newest = change;
    file->disk->count.writes++;
    return change;
}

/* How many bytes there are from `at` on, of `most`. */
static size_t there(const sim_file *file, size_t at, size_t most) {
    size_t left = at < file->seen.size ? file->seen.size - at : 0;
    return left < most ? left : most;
}

void sim_file_write(sim_file *file, size_t at, const void *data, size_t size) {
    sim_change *change = change_new(file, at, size, size);
    size_t taken = there(file, at, size);
    if (taken > 0) {
        memcpy(change->data, file->seen.data + at, taken);
    }
    sim_bytes_write(&file->seen, at, data, size);
}

void sim_file_truncate(sim_file *file, size_t size) {
    size_t taken = there(file, size, SIZE_MAX);
    sim_change *change = change_new(file, size, 0, taken);
    change->truncates = 1;
    if (taken > 0) {
        memcpy(change->data, file->seen.data + size, taken);
    }
    sim_bytes_resize(&file->seen, size);
}

static void apply(sim_file *file, const sim_change *change) {
    if (change->truncates) {
        sim_bytes_resize(&file->seen, change->at);
    } else {
        sim_bytes_write(&file->seen, change->at, change->data, change->size);
    }
}

/* Puts back what the newest change took, and into it what it wrote. */
static void undo(sim_file *file, sim_change *change) {
    size_t taken = change->at < change->before ? change->before - change->at : 0;
    if (change->truncates) {
        sim_bytes_resize(&file->seen, change->before);
        if (taken > 0) {
            memcpy(file->seen.data + change->at, change->data, taken);
        }
        return;
    }
    uint8_t *at = file->seen.data + change->at;
    for (size_t i = 0; i < change->size; i++) {
        uint8_t wrote = at[i];
        at[i] = i < taken ? change->data[i] : 0;
        change->data[i] = wrote;
    }
    sim_bytes_resize(&file->seen, change->before);
}

/* The file as it was synced; what was not is handed out, in the order in which it was written. */
static sim_change *undo_all(sim_file *file) {
    sim_change *first = NULL;
    while (file->newest != NULL) {
        sim_change *change = file->newest;
        file->newest = change->next;
        undo(file, change);
        change->next = first;
        first = change;
    }
    return first;
}

/* What was removed stays away once the folder was written, which a sync of any of its files does. */
static void forget_removed(sim_disk *disk) {
    for (size_t i = 0; i < SIM_DISK_FILES; i++) {
        if (disk->files[i] != NULL && disk->files[i]->removed && disk->files[i]->users == 0) {
            file_free(disk, disk->files[i]);
        }
    }
}

sim_file *sim_file_make(sim_disk *disk, const char *name) {
    sim_file *file = make_file(disk, name);
    if (file == NULL) { /* a system may write a folder whenever it likes */
        forget_removed(disk);
        file = make_file(disk, name);
    }
    return must(file); /* else SIM_DISK_FILES is too few */
}

void sim_file_sync(sim_file *file) {
    forget_changes(file);
    file->lasts = 1;
    file->disk->count.syncs++;
    forget_removed(file->disk);
}

void sim_file_remove(sim_file *file) {
    file->removed = 1;
}

/* ---- power ---------------------------------------------------------------------------------------------- */

int sim_disk_works(sim_disk *disk) {
    disk->count.calls++;
    if (disk->off) {
        return 0;
    }
    if (disk->cut_in > 0 && --disk->cut_in == 0) {
        disk->off = 1;
        return 0;
    }
    if (disk->fail_in > 0 && --disk->fail_in == 0) {
        disk->count.refused++;
        return 0;
    }
    return 1;
}

int sim_disk_has_room(sim_disk *disk) {
    if (disk->full_in > 0 && --disk->full_in == 0) {
        disk->full = 1;
    }
    disk->count.refused += (uint64_t)disk->full;
    return !disk->full;
}

/* Each sector of a torn write arrives, does not, or holds anything. */
static void tear(sim_disk *disk, sim_file *file, const sim_change *change) {
    for (size_t done = 0; done < change->size;) {
        size_t at = change->at + done;
        size_t size = SECTOR - at % SECTOR;
        size = size < change->size - done ? size : change->size - done;
        uint64_t fate = sim_below(&disk->dice, 8);
        if (fate < 4) {
            sim_bytes_write(&file->seen, at, change->data + done, size);
        } else if (fate == 4) {
            sim_bytes_write(&file->seen, at, change->data + done, size);
            for (size_t i = 0; i < size; i++) {
                file->seen.data[at + i] = (uint8_t)sim_draw(&disk->dice);
            }
        }
        done += size;
    }
    disk->count.torn++;
}

static void lose_some(sim_disk *disk, sim_file *file) {
    uint64_t mood =
        sim_below(&disk->dice, 4); /* 0: all is kept, 1: nothing, else each for itself */
    for (sim_change *change = undo_all(file), *next = NULL; change != NULL; change = next) {
        uint64_t fate = mood == 0 ? 0 : mood == 1 ? 1 : sim_below(&disk->dice, 3);
        if (fate == 0 || (fate == 2 && change->truncates)) {
            apply(file, change);
        } else if (fate == 2) {
            tear(disk, file, change);
        } else {
            disk->count.dropped++;
        }
        next = change->next;
        free(change);
    }
}

void sim_disk_power_cut(sim_disk *disk) {
    disk->off = 1;
    disk->count.cuts++;
    for (size_t i = 0; i < SIM_DISK_FILES; i++) {
        sim_file *file = disk->files[i];
        if (file == NULL) {
            continue;
        }
        ROVE_ASSERT(file->users == 0);
        if (file->removed && (!file->lasts || sim_file_find(disk, file->name) != NULL ||
                              sim_chance(&disk->dice, 500))) {
            file_free(disk, file);
            continue;
        }
        if (!file->removed && !file->lasts && sim_chance(&disk->dice, 500)) {
            file_free(disk, file);
            continue;
        }
        file->removed = 0;
        file->lasts = 1;
        lose_some(disk, file);
    }
}

void sim_disk_power_on(sim_disk *disk) {
    disk->off = 0;
    disk->cut_in = 0;
    disk->full_in = 0;
    disk->fail_in = 0;
    disk->full = 0;
}

/* ---- the disk ------------------------------------------------------------------------------------------- */

sim_disk *sim_disks[SIM_DISKS_MAX];

void sim_disk_open(sim_disk *disk, int number, uint64_t seed) {
    ROVE_ASSERT(number > 0 && number < SIM_DISKS_MAX && sim_disks[number] == NULL);
    *disk = (sim_disk){.number = number, .dice = {seed}};
    sim_disks[number] = disk;
}

void sim_disk_close(sim_disk *disk) {
    for (size_t i = 0; i < SIM_DISK_FILES; i++) {
        if (disk->files[i] != NULL) {
            file_free(disk, disk->files[i]);
        }
    }
    sim_disks[disk->number] = NULL;
}

/* The name without the disk's number. */
const char *sim_disk_path(const char *name) {
    const char *slash = name[0] == '/' ? strchr(name + 1, '/') : NULL;
    return slash == NULL ? name : slash + 1;
}

void sim_disk_copy(sim_disk *to, const sim_disk *from) {
    for (size_t i = 0; i < SIM_DISK_FILES; i++) {
        if (to->files[i] != NULL) {
            ROVE_ASSERT(to->files[i]->users == 0);
            file_free(to, to->files[i]);
        }
    }
    for (size_t i = 0; i < SIM_DISK_FILES; i++) {
        if (from->files[i] != NULL && !from->files[i]->removed) {
            sim_disk_put(to, from->files[i]->name, from->files[i]->seen.data,
                         from->files[i]->seen.size);
        }
    }
}

const uint8_t *sim_disk_bytes(const sim_disk *disk, const char *name, size_t *size) {
    const sim_file *file = sim_file_find(disk, name);
    *size = file == NULL ? 0 : file->seen.size;
    return file == NULL ? NULL : file->seen.data;
}

void sim_disk_each(const sim_disk *disk, void (*take)(void *ctx, const uint8_t *bytes, size_t size),
                   void *ctx) {
    for (size_t i = 0; i < SIM_DISK_FILES; i++) {
        const sim_file *file = disk->files[i];
        if (file != NULL && !file->removed && file->seen.size > 0) {
            take(ctx, file->seen.data, file->seen.size);
        }
    }
}

static int holds(const sim_bytes *bytes, const uint8_t *wanted, size_t size) {
    const uint8_t *at = bytes->data;
    const uint8_t *end = bytes->size < size ? at : at + (bytes->size - size + 1);
    while (at < end && (at = memchr(at, wanted[0], (size_t)(end - at))) != NULL) {
        if (memcmp(at, wanted, size) == 0) {
            return 1;
        }
        at++;
    }
    return 0;
}

int sim_disk_holds(const sim_disk *disk, const void *bytes, size_t size) {
    for (size_t i = 0; i < SIM_DISK_FILES; i++) {
        const sim_file *file = disk->files[i];
        if (file != NULL && !file->removed && holds(&file->seen, bytes, size)) {
            return 1;
        }
    }
    return 0;
}

void sim_disk_put(sim_disk *disk, const char *name, const void *bytes, size_t size) {
    sim_file *file = sim_file_find(disk, name);
    file = file == NULL ? sim_file_make(disk, name) : file;
    ROVE_ASSERT(file->users == 0);
    forget_changes(file);
    file->seen.size = 0;
    if (size > 0) {
        sim_bytes_write(&file->seen, 0, bytes, size);
    }
    file->lasts = 1;
}

void sim_disk_remove(sim_disk *disk, const char *name) {
    sim_file *file = sim_file_find(disk, name);
    if (file != NULL) {
        ROVE_ASSERT(file->users == 0);
        file_free(disk, file);
    }
}

/* ---- the files port ------------------------------------------------------------------------------------- */

static rove_status failed(rove_error *error, const char *path) {
    return rove__error_set(error, ROVE_IO, "The simulated disk fails at %.100s.", path);
}

static rove_status make_folder(void *ctx, const char *path, rove_error *error) {
    return sim_disk_works(ctx) ? ROVE_OK : failed(error, path);
}

static rove_status read_file(void *ctx, const char *path, void *bytes, size_t capacity,
                             size_t *size, rove_error *error) {
    sim_disk *disk = ctx;
    *size = 0;
    if (!sim_disk_works(disk)) {
        return failed(error, path);
    }
    const sim_file *file = sim_file_find(disk, sim_disk_path(path));
    if (file == NULL) {
        return rove__error_set(error, ROVE_NOT_FOUND, "There is no %.100s.", path);
    }
    if (file->seen.size > capacity) {
        return rove__error_set(error, ROVE_TOO_BIG, "%.100s is too big.", path);
    }
    if (file->seen.size > 0) {
        memcpy(bytes, file->seen.data, file->seen.size);
    }
    *size = file->seen.size;
    return ROVE_OK;
}

/* All of it or nothing; a cut in the middle may be before or after the rename. */
static rove_status replace_file(void *ctx, const char *path, const void *bytes, size_t size,
                                rove_error *error) {
    sim_disk *disk = ctx;
    if (!sim_disk_works(disk)) {
        return failed(error, path);
    }
    if (!sim_disk_has_room(disk)) {
        return rove__error_set(error, ROVE_FULL, "The simulated disk is full.");
    }
    int on = sim_disk_works(disk);
    if (on || sim_chance(&disk->dice, 500)) {
        sim_disk_put(disk, sim_disk_path(path), bytes, size);
    }
    return on ? ROVE_OK : failed(error, path);
}

/* Written, then synced: the power may fail in between. */
static rove_status append_file(void *ctx, const char *path, const void *bytes, size_t size,
                               rove_error *error) {
    sim_disk *disk = ctx;
    if (!sim_disk_works(disk)) {
        return failed(error, path);
    }
    if (!sim_disk_has_room(disk)) {
        return rove__error_set(error, ROVE_FULL, "The simulated disk is full.");
    }
    const char *name = sim_disk_path(path);
    sim_file *file = sim_file_find(disk, name);
    file = file == NULL ? sim_file_make(disk, name) : file;
    sim_file_write(file, file->seen.size, bytes, size);
    if (!sim_disk_works(disk)) {
        return failed(error, path);
    }
    sim_file_sync(file);
    return ROVE_OK;
}

static rove_status remove_file(void *ctx, const char *path, rove_error *error) {
    sim_disk *disk = ctx;
    if (!sim_disk_works(disk)) {
        return failed(error, path);
    }
    sim_disk_remove(disk, sim_disk_path(path));
    return ROVE_OK;
}

/* What is locked; the lock is the file itself. */
static rove_status lock_file(void *ctx, const char *path, void **lock, rove_error *error) {
    sim_disk *disk = ctx;
    *lock = NULL;
    if (!sim_disk_works(disk)) {
        return failed(error, path);
    }
    const char *name = sim_disk_path(path);
    sim_file *file = sim_file_find(disk, name);
    file = file == NULL ? sim_file_make(disk, name) : file;
    if (file->locked) {
        return rove__error_set(error, ROVE_BUSY, "%.100s is locked.", path);
    }
    file->lasts = 1;
    file->locked = 1;
    *lock = file;
    return ROVE_OK;
}

static void unlock_file(void *ctx, void *lock) {
    sim_file *file = lock;
    (void)ctx;
    if (file != NULL) {
        file->locked = 0;
    }
}

void sim_disk_unlock_all(sim_disk *disk) {
    for (size_t i = 0; i < SIM_DISK_FILES; i++) {
        if (disk->files[i] != NULL) {
            disk->files[i]->locked = 0;
        }
    }
}

rove_files sim_disk_files(sim_disk *disk) {
    return (rove_files){make_folder, read_file, replace_file, remove_file, lock_file,
                        unlock_file, disk,      append_file,  remove_file};
}
