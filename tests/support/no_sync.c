/*
 * support/no_sync.c - no C test waits for the disk: the linker puts these in front of the C library's, for SQLite too. What a power cut
 * leaves is simulated above them (power.h, sim/disk.h); the programs that tests start sync as they do in the field.
 */
#include "no_sync.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

_Atomic int no_sync_folders;

static int is_open(int descriptor) {
    return fcntl(descriptor, F_GETFD) < 0 ? -1 : 0;
}

int fsync(int descriptor) {
    struct stat info;

    no_sync_folders += fstat(descriptor, &info) == 0 && S_ISDIR(info.st_mode);
    return is_open(descriptor);
}

int fdatasync(int descriptor) {
    return is_open(descriptor);
}
