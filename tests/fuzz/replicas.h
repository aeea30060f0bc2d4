/*
 * fuzz/replicas.h - replicas on disk that begin every input in the same state: their files are kept in memory and put
 * back.
 */
#ifndef ROVE_TESTS_FUZZ_REPLICAS_H
#define ROVE_TESTS_FUZZ_REPLICAS_H

#include "phone.h"
#include "scratch.h"

#define REPLICA_FILES 3

static const char *const replica_files[REPLICA_FILES] = {"replica.db", "replica.db-wal",
                                                         "identity"};

typedef struct kept_replica {
    char *bytes[REPLICA_FILES];
    size_t sizes[REPLICA_FILES];
} kept_replica;

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
