/*
 * bench/folder.h - the folder that a benchmark works in. It is made empty, and gone when the program ends, also if it
 * ends with an error; one that a killed run left is removed by the next.
 */
#ifndef ROVE_BENCH_FOLDER_H
#define ROVE_BENCH_FOLDER_H

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static inline void folder_remove(const char *path) {
    DIR *folder = opendir(path);
    struct dirent *entry = NULL;
    char below[PATH_MAX];

    while (folder != NULL && (entry = readdir(folder)) != NULL) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            int size = snprintf(below, sizeof below, "%s/%s", path, entry->d_name);
            if (size > 0 && (size_t)size < sizeof below && remove(below) != 0) {
                folder_remove(below);
            }
        }
    }
    if (folder != NULL) {
        (void)closedir(folder);
        (void)rmdir(path);
    }
}

#define FOLDER_MAX 300

static char folder_made[FOLDER_MAX];

static inline void folder_end(void) {
    folder_remove(folder_made);
}

/* `name` in the folder `parent`. Exits if it cannot be made. */
static inline const char *folder_make(const char *parent, const char *name) {
    int size = snprintf(folder_made, sizeof folder_made, "%s/%s", parent, name);
    if (size < 0 || (size_t)size >= sizeof folder_made) {
        fprintf(stderr, "%s: too long a path\n", parent);
        exit(2);
    }
    folder_remove(folder_made);
    if (mkdir(folder_made, 0700) != 0) {
        perror(folder_made);
        exit(2);
    }
    (void)atexit(folder_end);
    return folder_made;
}

#endif
