/*
 * fuzz/scratch.h - a folder of the process's own for targets that need files: below $ROVE_FUZZ_FOLDER (a memory file
 * system, if there is one), else below the folder in which it was started.
 */
#ifndef ROVE_TESTS_FUZZ_SCRATCH_H
#define ROVE_TESTS_FUZZ_SCRATCH_H

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fuzz.h"

static char scratch_folder[48];

/* A folder, and what is in it. */
static inline void scratch_empty(const char *path) {
    DIR *folder = opendir(path);

    for (struct dirent *entry = folder == NULL ? NULL : readdir(folder); entry != NULL;
         entry = readdir(folder)) {
        char inside[512];
        int length = snprintf(inside, sizeof inside, "%s/%s", path, entry->d_name);
        if (length < (int)sizeof inside && strcmp(entry->d_name, ".") != 0 &&
            strcmp(entry->d_name, "..") != 0 && unlink(inside) != 0) {
            scratch_empty(inside);
        }
    }
    if (folder != NULL) {
        (void)closedir(folder);
    }
    (void)rmdir(path);
}

static inline void scratch_remove(void) {
    scratch_empty(scratch_folder);
}

/* For as long as the process lives. */
static inline const char *scratch_home(void) {
    const char *below = getenv("ROVE_FUZZ_FOLDER");

    if (scratch_folder[0] == '\0') {
        snprintf(scratch_folder, sizeof scratch_folder, "%s/f.XXXXXX",
                 below == NULL || strlen(below) > 32 ? "." : below);
        fuzz_check(mkdtemp(scratch_folder) != NULL);
        fuzz_check(atexit(scratch_remove) == 0);
    }
    return scratch_folder;
}

#endif
