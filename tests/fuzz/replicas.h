/*
 * fuzz/replicas.h - replicas on disk that begin every input in the same state: their files are kept in memory and put
 * back. They lie below $ROVE_FUZZ_FOLDER (a memory file system, if there is one), else below the process's own folder.
 */
#ifndef ROVE_TESTS_FUZZ_REPLICAS_H
#define ROVE_TESTS_FUZZ_REPLICAS_H

#include <sys/stat.h>

#include "fuzz.h"
#include "phone.h"

#define REPLICA_FILES 3

static const char *const replica_files[REPLICA_FILES] = {"replica.db", "replica.db-wal",
                                                         "identity"};

typedef struct kept_replica {
    char *bytes[REPLICA_FILES];
    size_t sizes[REPLICA_FILES];
} kept_replica;

static char replicas_folder[48];

static inline void replicas_remove(void) {
    (void)rmdir(replicas_folder);
}

/* A folder of this process's own, for as long as it lives. */
static inline const char *replicas_home(void) {
    const char *below = getenv("ROVE_FUZZ_FOLDER");

    if (replicas_folder[0] == '\0') {
        snprintf(replicas_folder, sizeof replicas_folder, "%s/f.XXXXXX",
                 below == NULL || strlen(below) > 32 ? "." : below);
        fuzz_check(mkdtemp(replicas_folder) != NULL);
        fuzz_check(atexit(replicas_remove) == 0);
    }
    return replicas_folder;
}

static inline void replica_path(const phone *p, const char *file, char path[128]) {
    snprintf(path, 128, "%s/%s", p->folder, file);
}

/* Of a replica that is closed. */
static inline void replica_keep(const phone *p, kept_replica *kept) {
    char path[128];

    for (size_t i = 0; i < REPLICA_FILES; i++) {
        replica_path(p, replica_files[i], path);
        kept->bytes[i] = fuzz_load(path, &kept->sizes[i]);
    }
}

static inline void replica_restore(const phone *p, const kept_replica *kept) {
    char path[128];

    phone_forget(p->folder);
    (void)mkdir(p->folder, 0700);
    for (size_t i = 0; i < REPLICA_FILES; i++) {
        replica_path(p, replica_files[i], path);
        if (kept->bytes[i] != NULL) {
            fuzz_store(path, kept->bytes[i], kept->sizes[i]);
        }
    }
}

#endif
