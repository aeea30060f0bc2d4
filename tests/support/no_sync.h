/*
 * support/no_sync.h - what no_sync.c saw, which stands in front of the C library's fsync.
 */
#ifndef ROVE_TESTS_NO_SYNC_H
#define ROVE_TESTS_NO_SYNC_H

extern _Atomic int no_sync_folders; /* how often a folder was to be synced */

#endif
