/*
 * secret.c - the keyring's secret in a file, for systems without a keystore.
 */
#include "posix.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "failure.h"

#define PATH_BYTES_MAX 4096

/* Written beside it and then given its name, unless another process was first: then that one's secret is ours too. */
static rove_status publish(const rove_files *files, const char *path, uint8_t *secret,
                           uint64_t own_name, rove_error *error) {
    char own[PATH_BYTES_MAX];
    size_t size = 0;

    (void)snprintf(own, sizeof own, "%s.%016llx", path, (unsigned long long)own_name);
    rove_status status = files->replace(files->ctx, own, secret, ROVE_SECRET_SIZE, error);
    if (status == ROVE_OK && link(own, path) != 0) {
        status = errno == EEXIST
                     ? files->read(files->ctx, path, secret, ROVE_SECRET_SIZE, &size, error)
                     : rove__posix_fail_errno(error, errno, "Making the secret", path);
    }
    rove_status removed = files->remove(files->ctx, own, error); /* and both names are synced */
    return status == ROVE_OK ? removed : status;
}

static rove_status make(const rove_files *files, const char *path, uint8_t *secret,
                        rove_error *error) {
    char folder[PATH_BYTES_MAX];
    uint64_t own_name = 0;
    rove_random random;
    const char *slash = strrchr(path, '/');
    rove_status status = ROVE_OK;

    if (slash != NULL && slash != path) {
        (void)snprintf(folder, sizeof folder, "%.*s", (int)(slash - path), path);
        status = files->make_folder(files->ctx, folder, error);
    }
    rove_posix_random(&random);
    if (status == ROVE_OK) {
        status = random.fill(random.ctx, secret, ROVE_SECRET_SIZE);
    }
    if (status == ROVE_OK) {
        status = random.fill(random.ctx, &own_name, sizeof own_name);
    }
    return status == ROVE_OK ? publish(files, path, secret, own_name, error) : status;
}

static rove_status check_mode(const char *path, rove_error *error) {
    struct stat info;

    if (stat(path, &info) == 0 && (info.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
        return rove__posix_fail(error, ROVE_DENIED, ROVE_DOMAIN_ROVE, 0,
                                "%.200s can be read by others: chmod 600 it.", path);
    }
    return ROVE_OK;
}

rove_status rove_posix_secret_file(const char *path, uint8_t secret[ROVE_SECRET_SIZE],
                                   rove_error *error) {
    rove_files files;
    size_t size = 0;

    rove_posix_files(&files);
    rove_status status = files.read(files.ctx, path, secret, ROVE_SECRET_SIZE, &size, error);
    if (status == ROVE_NOT_FOUND) {
        return make(&files, path, secret, error);
    }
    if (status == ROVE_TOO_BIG || (status == ROVE_OK && size != ROVE_SECRET_SIZE)) {
        return rove__posix_fail(error, ROVE_CORRUPT, ROVE_DOMAIN_ROVE, 0,
                                "%.200s is no secret of a replica: it has other than %d bytes.",
                                path, ROVE_SECRET_SIZE);
    }
    return status == ROVE_OK ? check_mode(path, error) : status;
}
