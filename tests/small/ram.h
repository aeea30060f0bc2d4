/*
 * small/ram.h - files in memory, for SQLite and for the few others of a replica: fast, copied with the process by fork(2), and
 * set back to what they were a moment ago, as after a crash of the app: what was written is there, memory is not.
 *
 * One thread. Nothing is ever synced or lost; power cuts are not of this disk.
 */
#ifndef ROVE_TESTS_SMALL_RAM_H
#define ROVE_TESTS_SMALL_RAM_H

#include "rove/sys/files.h"

/* From now on it is SQLite's default. */
void ram_register(void);
/* The port over the same files. */
rove_files ram_files(void);
/* Keeps what the files of a folder hold now, in place of what was kept of it before. */
void ram_keep(const char *folder);
/* They hold it again; none of them may be open. */
void ram_back(const char *folder);

#endif
