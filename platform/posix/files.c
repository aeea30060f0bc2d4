/*
 * files.c - the files port: small files replaced durably, and the lock of a replica's folder.
 *
 * A lock is flock(2) on an open file: it is gone when its process is, so a stale file never blocks, and
 * it holds against a second open within the process too. The file keeps the holder's process id as
 * decimal text, for the message of whoever finds it taken.
 */
#include "posix.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "failure.h"

#define PATH_BYTES_MAX   4096
#define TEMPORARY_SUFFIX ".tmp"

static rove_status sync_folder(const char *folder, rove_error *error) {
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return rove__posix_fail_errno(error, errno, "Opening the folder", folder);
    }
    rove_status status = ROVE_OK;
    /* EINVAL: this file system keeps no folder that could be synced. */
    if (fsync(fd) != 0 && errno != EINVAL) {
        status = rove__posix_fail_errno(error, errno, "Syncing the folder", folder);
    }
    (void)close(fd);
    return status;
}

/* Syncs the folder in which `path` lies. */
static rove_status sync_parent(const char *path, rove_error *error) {
    char folder[PATH_BYTES_MAX];
    const char *slash = strrchr(path, '/');
    if (slash == NULL) {
        return sync_folder(".", error);
    }
    size_t size = slash == path ? 1 : (size_t)(slash - path);
    if (size >= sizeof folder) {
        return rove__posix_fail_errno(error, ENAMETOOLONG, "Syncing the folder", path);
    }
    memcpy(folder, path, size);
    folder[size] = '\0';
    return sync_folder(folder, error);
}

/* Makes one folder whose parent exists. */
static rove_status make_one(const char *path, rove_error *error) {
    struct stat info;
    if (mkdir(path, S_IRWXU) == 0) {
        return sync_parent(path, error);
    }
    int code = errno;
    if (stat(path, &info) == 0) {
        if (S_ISDIR(info.st_mode)) {
            return ROVE_OK;
        }
        code = ENOTDIR;
    }
    return rove__posix_fail_errno(error, code, "Making the folder", path);
}

static rove_status make_folder(void *ctx, const char *path, rove_error *error) {
    (void)ctx;
    char part[PATH_BYTES_MAX];
    size_t size = strlen(path);
    while (size > 1 && path[size - 1] == '/') {
        size--;
    }
    if (size == 0 || size >= sizeof part) {
        return rove__posix_fail_errno(error, size == 0 ? ENOENT : ENAMETOOLONG, "Making the folder",
                                      path);
    }
    memcpy(part, path, size);
    part[size] = '\0';
    for (size_t i = 1; i < size; i++) {
        if (part[i] != '/' || part[i - 1] == '/') {
            continue;
        }
        part[i] = '\0';
        rove_status status = make_one(part, error);
        if (status != ROVE_OK) {
            return status;
        }
        part[i] = '/';
    }
    return make_one(part, error);
}

/* Reads up to `capacity` bytes, or to the end of the file; -1 with errno. */
static ssize_t read_up_to(int fd, void *bytes, size_t capacity) {
    uint8_t *at = bytes;
    size_t done = 0;
    while (done < capacity) {
        ssize_t got = read(fd, at + done, capacity - done);
        if (got == 0) {
            break;
        }
        if (got < 0 && errno != EINTR) {
            return -1;
        }
        done += got > 0 ? (size_t)got : 0;
    }
    return (ssize_t)done;
}

static rove_status read_file(void *ctx, const char *path, void *bytes, size_t capacity,
                             size_t *size, rove_error *error) {
    (void)ctx;
    uint8_t beyond;
    rove_status status = ROVE_OK;
    *size = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return rove__posix_fail_errno(error, errno, "Opening the file", path);
    }
    ssize_t got = read_up_to(fd, bytes, capacity);
    ssize_t more = got < 0 ? -1 : read_up_to(fd, &beyond, 1);
    if (more < 0) {
        status = rove__posix_fail_errno(error, errno, "Reading the file", path);
    } else if (more > 0) {
        status = rove__posix_fail(error, ROVE_TOO_BIG, ROVE_DOMAIN_ROVE, ROVE_TOO_BIG,
                                  "The file is larger than %zu bytes (%s)", capacity, path);
    } else {
        *size = (size_t)got;
    }
    (void)close(fd);
    return status;
}

static int write_all(int fd, const void *bytes, size_t size) {
    const uint8_t *at = bytes;
    while (size > 0) {
        ssize_t put = write(fd, at, size);
        if (put < 0 && errno != EINTR) {
            return -1;
        }
        at += put > 0 ? put : 0;
        size -= put > 0 ? (size_t)put : 0;
    }
    return 0;
}

/* Writes a new file and syncs it; removes it again if that fails. */
static rove_status write_new(const char *path, const void *bytes, size_t size, rove_error *error) {
    (void)unlink(path); /* a leftover of a crash may have other permissions, or be a link */
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR);
    if (fd < 0) {
        return rove__posix_fail_errno(error, errno, "Creating the file", path);
    }
    int failed = write_all(fd, bytes, size) != 0 || fsync(fd) != 0 ? errno : 0;
    if (close(fd) != 0 && failed == 0) {
        failed = errno;
    }
    if (failed != 0) {
        (void)unlink(path);
        return rove__posix_fail_errno(error, failed, "Writing the file", path);
    }
    return ROVE_OK;
}

static rove_status replace(void *ctx, const char *path, const void *bytes, size_t size,
                           rove_error *error) {
    (void)ctx;
    char temporary[PATH_BYTES_MAX];
    int length = snprintf(temporary, sizeof temporary, "%s%s", path, TEMPORARY_SUFFIX);
    if (length < 0 || (size_t)length >= sizeof temporary) {
        return rove__posix_fail_errno(error, ENAMETOOLONG, "Replacing the file", path);
    }
    rove_status status = write_new(temporary, bytes, size, error);
    if (status != ROVE_OK) {
        return status;
    }
    if (rename(temporary, path) != 0) {
        int code = errno;
        (void)unlink(temporary);
        return rove__posix_fail_errno(error, code, "Replacing the file", path);
    }
    return sync_parent(path, error);
}

/*
 * The folder is synced each time: who made the file may have failed, on a full disk, or been killed, before it was, so that a file
 * that is there, empty or not, may have no name on the disk yet.
 */
static rove_status append(void *ctx, const char *path, const void *bytes, size_t size,
                          rove_error *error) {
    (void)ctx;
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, S_IRUSR | S_IWUSR);
    if (fd < 0) {
        return rove__posix_fail_errno(error, errno, "Opening the file", path);
    }
    int failed = write_all(fd, bytes, size) != 0 || fsync(fd) != 0 ? errno : 0;
    if (close(fd) != 0 && failed == 0) {
        failed = errno;
    }
    if (failed != 0) {
        return rove__posix_fail_errno(error, failed, "Appending to the file", path);
    }
    return sync_parent(path, error);
}

static rove_status remove_file(void *ctx, const char *path, rove_error *error) {
    (void)ctx;
    if (unlink(path) == 0) {
        return sync_parent(path, error);
    }
    if (errno == ENOENT) {
        return ROVE_OK;
    }
    return rove__posix_fail_errno(error, errno, "Removing the file", path);
}

/* 0, or errno. */
static int overwrite(int fd) {
    static const uint8_t zeros[1 << 16];
    struct stat info;
    if (fstat(fd, &info) != 0) {
        return errno;
    }
    for (off_t left = info.st_size; left > 0;) {
        size_t some = left < (off_t)sizeof zeros ? (size_t)left : sizeof zeros;
        if (write_all(fd, zeros, some) != 0) {
            return errno;
        }
        left -= (off_t)some;
    }
    return fsync(fd) == 0 ? 0 : errno;
}

static rove_status erase(void *ctx, const char *path, rove_error *error) {
    int failed = 0;
    int fd = open(path, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) {
        return ROVE_OK;
    }
    failed = fd < 0 ? errno : overwrite(fd);
    if (fd >= 0) {
        (void)close(fd);
    }
    rove_status status = remove_file(ctx, path, error);
    return status == ROVE_OK && failed != 0
               ? rove__posix_fail_errno(error, failed, "Overwriting the file", path)
               : status;
}

typedef struct held_lock {
    int fd;
} held_lock;

static rove_status fail_busy(int fd, const char *path, rove_error *error) {
    char text[24] = "";
    ssize_t got = pread(fd, text, sizeof text - 1, 0);
    long pid = got > 0 ? strtol(text, NULL, 10) : 0;
    if (pid <= 0) {
        return rove__posix_fail(error, ROVE_BUSY, ROVE_DOMAIN_OS, EWOULDBLOCK,
                                "Another process has these files open; close it first (%s)", path);
    }
    return rove__posix_fail(error, ROVE_BUSY, ROVE_DOMAIN_OS, EWOULDBLOCK,
                            "Process %ld has these files open; close it first (%s)", pid, path);
}

/* Opens and locks the file that `path` names now; *fd is -1 unless it was locked. */
static rove_status lock_once(const char *path, int *fd, rove_error *error) {
    struct stat opened;
    struct stat named;
    *fd = -1;
    int lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, S_IRUSR | S_IWUSR);
    if (lock < 0) {
        return rove__posix_fail_errno(error, errno, "Opening the lock", path);
    }
    rove_status status = ROVE_OK;
    if (flock(lock, LOCK_EX | LOCK_NB) != 0) {
        status = errno == EWOULDBLOCK ? fail_busy(lock, path, error)
                                      : rove__posix_fail_errno(error, errno, "Locking", path);
    } else if (fstat(lock, &opened) == 0 && stat(path, &named) == 0 &&
               opened.st_ino == named.st_ino && opened.st_dev == named.st_dev) {
        *fd = lock;
        return ROVE_OK;
    }
    (void)close(lock); /* failed, or removed between open and flock: locked for nobody */
    return status;
}

static int write_pid(int fd) {
    char text[24];
    int size = snprintf(text, sizeof text, "%ld\n", (long)getpid());
    return size < 0 || ftruncate(fd, 0) != 0 ? -1 : write_all(fd, text, (size_t)size);
}

static rove_status lock_file(void *ctx, const char *path, void **lock, rove_error *error) {
    (void)ctx;
    int fd = -1;
    *lock = NULL;
    held_lock *held = malloc(sizeof *held);
    if (held == NULL) {
        return rove__posix_fail_errno(error, ENOMEM, "Locking", path);
    }
    rove_status status = ROVE_OK;
    while (status == ROVE_OK && fd < 0) {
        status = lock_once(path, &fd, error);
    }
    if (status == ROVE_OK && write_pid(fd) != 0) {
        status = rove__posix_fail_errno(error, errno, "Writing the lock", path);
    }
    if (status != ROVE_OK) {
        if (fd >= 0) {
            (void)close(fd);
        }
        free(held);
        return status;
    }
    held->fd = fd;
    *lock = held;
    return ROVE_OK;
}

static void unlock_file(void *ctx, void *lock) {
    (void)ctx;
    held_lock *held = lock;
    if (held == NULL) {
        return;
    }
    (void)close(held->fd);
    free(held);
}

void rove_posix_files(rove_files *out) {
    out->make_folder = make_folder;
    out->read = read_file;
    out->replace = replace;
    out->remove = remove_file;
    out->lock = lock_file;
    out->unlock = unlock_file;
    out->ctx = NULL;
    out->append = append;
    out->erase = erase;
}
