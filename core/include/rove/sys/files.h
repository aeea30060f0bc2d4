/*
 * rove/sys/files.h - the few files that Rove keeps beside SQLite's: the lock, the identity, the drop box.
 *
 * Paths are UTF-8. Every function: any thread, but one call at a time per path.
 *
 * Stability: extension point; fields are only ever added at the end.
 */
#ifndef ROVE_SYS_FILES_H
#define ROVE_SYS_FILES_H

#include <stddef.h>
#include <stdint.h>

#include "rove/error.h"
#include "rove/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct rove_files {
    /* Makes the folder, and its parents, readable by this user alone. ROVE_OK if it exists. */
    rove_status (*make_folder)(void *ctx, const char *path, rove_error *error);
    /* Reads a whole file of at most `capacity` bytes: ROVE_NOT_FOUND, ROVE_TOO_BIG, ROVE_IO. */
    rove_status (*read)(void *ctx, const char *path, void *bytes, size_t capacity, size_t *size,
                        rove_error *error);
    /* Replaces a file durably: temporary file, sync, rename, sync of the folder; mode 0600. */
    rove_status (*replace)(void *ctx, const char *path, const void *bytes, size_t size,
                           rove_error *error);
    /* Removes a file; ROVE_OK if there was none. */
    rove_status (*remove)(void *ctx, const char *path, rove_error *error);
    /*
     * Takes an advisory lock on `path` that ends with the process, however it ends, and writes this
     * process's id into it. ROVE_BUSY with the other's pid in the message if it is taken.
     * On success *lock is owned by the caller, who gives it to unlock().
     */
    rove_status (*lock)(void *ctx, const char *path, void **lock, rove_error *error);
    void (*unlock)(void *ctx, void *lock);
    void *ctx;
    /*
     * Appends to a file, which is made (mode 0600) if there is none, durably: when it returns ROVE_OK, the bytes and the file's
     * name are on the disk. If it fails, or the power does, any part of the bytes may be there.
     */
    rove_status (*append)(void *ctx, const char *path, const void *bytes, size_t size,
                          rove_error *error);
    /*
     * Overwrites a file where it lies, syncs it, and removes it as remove() does, also where overwriting failed. ROVE_OK if there
     * was none. What the disk itself makes of that is not in its hands: flash writes elsewhere.
     */
    rove_status (*erase)(void *ctx, const char *path, rove_error *error);
} rove_files;

#ifdef __cplusplus
}
#endif
#endif
