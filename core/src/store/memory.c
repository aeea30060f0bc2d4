/*
 * store/memory.c - SQLite, started so that what it gives back of memory says nothing: it is overwritten first. Else pieces of rows that
 * were read would be found in free memory long after a replica was locked.
 *
 * That is for the whole process, as SQLite is; where the app has started SQLite before, it stays as the app has it.
 */
#include <string.h>

#include "base/alloc.h"
#include "store/internal.h"

static sqlite3_mem_methods below; /* written once, under the mutex, before SQLite uses it */

static void give_back(void *pointer) {
    if (pointer != NULL) {
        rove__wipe(pointer, (size_t)below.xSize(pointer));
        below.xFree(pointer);
    }
}

/* Never in place: what moves would leave a copy behind. */
static void *move(void *pointer, int size) {
    int former = below.xSize(pointer);
    void *moved = below.xMalloc(size);

    if (moved != NULL) {
        memcpy(moved, pointer, (size_t)(former < size ? former : size));
        give_back(pointer);
    }
    return moved;
}

int rove__sqlite_start(void) {
    static int started;
    sqlite3_mutex *mutex = sqlite3_mutex_alloc(SQLITE_MUTEX_STATIC_APP1);
    int code = SQLITE_OK;

    sqlite3_mutex_enter(mutex);
    if (!started) {
        sqlite3_mem_methods methods;
        /* They are ours already where SQLite could not be started the last time. */
        if (sqlite3_config(SQLITE_CONFIG_GETMALLOC, &methods) == SQLITE_OK &&
            methods.xFree != give_back) {
            below = methods;
            methods.xFree = give_back;
            methods.xRealloc = move;
            (void)sqlite3_config(SQLITE_CONFIG_MALLOC, &methods); /* MISUSE: the app was first */
        }
        code = sqlite3_initialize();
        started = code == SQLITE_OK;
    }
    sqlite3_mutex_leave(mutex);
    return code;
}
