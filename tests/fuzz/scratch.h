/*
 * fuzz/scratch.h - a folder of the process's own for targets that need files: below $ROVE_FUZZ_FOLDER (a memory file
 * system, if there is one), else below the folder in which it was started.
 */
#ifndef ROVE_TESTS_FUZZ_SCRATCH_H
#define ROVE_TESTS_FUZZ_SCRATCH_H

#include <sys/stat.h>
#include <unistd.h>

#include "fuzz.h"

static char scratch_folder[48];

static inline void scratch_remove(void) {
    (void)rmdir(scratch_folder);
}

/* For as long as the process lives; what is put into it goes before that. */
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
