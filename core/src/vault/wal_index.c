/*
 * vault/wal_index.c - see wal_index.h.
 */
#include "vault/wal_index.h"

#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"

#define REGION_SIZE 32768
/* Of SQLite's locks, by their numbers. */
#define WRITE_LOCK   0
#define RECOVER_LOCK 2

int rove__wal_index_init(rove__wal_index *index, const rove_allocator *allocator) {
    memset(index, 0, sizeof *index);
    index->allocator = allocator;
    index->mutex = sqlite3_mutex_alloc(SQLITE_MUTEX_FAST);
    return index->mutex != NULL ? SQLITE_OK : SQLITE_NOMEM;
}

static void forget(rove__wal_index *index) {
    for (size_t i = 0; i < index->count; i++) {
        rove__free(index->allocator, index->regions[i]);
    }
    rove__free(index->allocator, index->regions);
    index->regions = NULL;
    index->count = 0;
}

void rove__wal_index_free(rove__wal_index *index) {
    ROVE_ASSERT(index->users == 0);
    forget(index);
    sqlite3_mutex_free(index->mutex);
    index->mutex = NULL;
}

static int extend_to(rove__wal_index *index, size_t count) {
    void **regions = rove__alloc_resize(index->allocator, index->regions, count, sizeof *regions);

    if (regions == NULL) {
        return SQLITE_IOERR_NOMEM;
    }
    index->regions = regions;
    while (index->count < count) {
        void *region = rove__alloc_zeroed(index->allocator, 1, REGION_SIZE);
        if (region == NULL) {
            return SQLITE_IOERR_NOMEM;
        }
        index->regions[index->count++] = region;
    }
    return SQLITE_OK;
}

int rove__wal_index_map(rove__wal_index *index, rove__wal_index_user *user, int region, int size,
                        int extend, void volatile **out) {
    int code = SQLITE_OK;

    *out = NULL;
    if (size != REGION_SIZE || region < 0 || region >= ROVE_WAL_INDEX_REGIONS) {
        return SQLITE_IOERR_SHMMAP;
    }
    sqlite3_mutex_enter(index->mutex);
    index->users += !user->maps;
    user->maps = 1;
    if ((size_t)region >= index->count && extend) {
        code = extend_to(index, (size_t)region + 1);
    }
    if (code == SQLITE_OK && (size_t)region < index->count) {
        *out = index->regions[region];
    }
    sqlite3_mutex_leave(index->mutex);
    return code;
}

static void unlock(rove__wal_index *index, rove__wal_index_user *user, unsigned mask) {
    for (unsigned i = 0; i < ROVE_WAL_INDEX_LOCKS; i++) {
        if ((mask & user->shared) >> i & 1u) {
            index->shared[i]--;
        }
        if ((mask & user->exclusive) >> i & 1u) {
            index->exclusive[i] = NULL;
        }
    }
    user->shared &= ~mask;
    user->exclusive &= ~mask;
}

/* 1 if nobody else holds it in a way that excludes that. */
static int is_free(const rove__wal_index *index, const rove__wal_index_user *user, unsigned lock,
                   int exclusively) {
    int others = index->shared[lock] - (int)(user->shared >> lock & 1u);

    return (index->exclusive[lock] == NULL || index->exclusive[lock] == user) &&
           (!exclusively || others == 0);
}

static int lock(rove__wal_index *index, rove__wal_index_user *user, unsigned first, unsigned count,
                int exclusively) {
    for (unsigned i = first; i < first + count; i++) {
        if (!is_free(index, user, i, exclusively)) {
            return SQLITE_BUSY;
        }
    }
    for (unsigned i = first; i < first + count; i++) {
        if (exclusively) {
            index->exclusive[i] = user;
            user->exclusive |= 1u << i;
        } else if ((user->shared >> i & 1u) == 0) {
            index->shared[i]++;
            user->shared |= 1u << i;
        }
    }
    return SQLITE_OK;
}

int rove__wal_index_lock(rove__wal_index *index, rove__wal_index_user *user, int first, int count,
                         int flags) {
    unsigned mask = ((1u << count) - 1u) << first;
    int code = SQLITE_OK;

    ROVE_ASSERT(first >= 0 && count > 0 && first + count <= ROVE_WAL_INDEX_LOCKS);
    sqlite3_mutex_enter(index->mutex);
    if ((flags & SQLITE_SHM_UNLOCK) != 0) {
        unlock(index, user, mask);
    } else {
        code = lock(index, user, (unsigned)first, (unsigned)count,
                    (flags & SQLITE_SHM_EXCLUSIVE) != 0);
    }
    sqlite3_mutex_leave(index->mutex);
    return code;
}

/* Whoever takes and leaves a mutex sees what others wrote before they did. */
void rove__wal_index_barrier(rove__wal_index *index) {
    sqlite3_mutex_enter(index->mutex);
    sqlite3_mutex_leave(index->mutex);
}

void rove__wal_index_unmap(rove__wal_index *index, rove__wal_index_user *user) {
    sqlite3_mutex_enter(index->mutex);
    if (user->maps) {
        unlock(index, user, user->shared | user->exclusive);
        user->maps = 0;
        if (--index->users == 0) {
            forget(index); /* the next one makes it anew from the log */
        }
    }
    sqlite3_mutex_leave(index->mutex);
}

int rove__wal_index_is_written(rove__wal_index *index) {
    sqlite3_mutex_enter(index->mutex);
    int is_written = index->exclusive[WRITE_LOCK] != NULL && index->exclusive[RECOVER_LOCK] == NULL;
    sqlite3_mutex_leave(index->mutex);
    return is_written;
}
