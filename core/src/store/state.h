/*
 * store/state.h - the keys of _meta: what the replica knows of itself and of headquarters.
 *
 * Integers are INTEGER values; stamps, counts and cursors that may use all 64 bits, and everything with
 * more than one part, are BLOBs, big-endian. A key that is not there reads as 0 or empty.
 */
#ifndef ROVE_STORE_STATE_H
#define ROVE_STORE_STATE_H

/* Kept in the handle, and written by the functions of meta.c. */
#define ROVE_META_OWNER      "owner"      /* replica:u32 user:u64 */
#define ROVE_META_CLOCK      "clock"      /* last:u64 issued:u64 held:u64 counter:u32 tx:u64 */
#define ROVE_META_CURSOR     "cursor"     /* timeline:u64 seq:u64 */
#define ROVE_META_ANCHOR     "anchor"     /* server_ms:u64 wall_ms:u64 boot_ms:u64 boot_id:16 */
#define ROVE_META_DIGEST_KEY "digest_key" /* 16 bytes */
#define ROVE_META_LEASE      "lease" /* lease_ms:u64 used_ms:u64 wall_ms:u64 boot_ms:u64 boot_id:16 */

/* Read and written where they matter. */
#define ROVE_META_SCHEMA      "schema" /* int: ROVE_SCHEMA_VERSION of the build that wrote last */
#define ROVE_META_LAYOUT      "layout" /* int: which tables were made (schema.c) */
#define ROVE_META_ACKED       "acked"  /* int: highest batch ever acknowledged (P1) */
#define ROVE_META_FROZEN      "frozen" /* int: highest batch ever frozen */
#define ROVE_META_CHAIN       "chain"  /* 32 bytes: the chain at `acked`; absent: zeros */
#define ROVE_META_TOKEN       "token"  /* bytes: where an unfinished scan stands (Q7) */
#define ROVE_META_CATCHING_UP "catching_up" /* int 0, 1 (Q6) */
#define ROVE_META_BLANK       "blank" /* int 0, 1: nothing was held when the download under way began */
#define ROVE_META_UNVERIFIED  "unverified"  /* int 0, 1 (T1) */
#define ROVE_META_VERIFIED_MS "verified_ms" /* int */
#define ROVE_META_CONTACT_MS  "contact_ms"  /* int */
#define ROVE_META_RENEW_MS    "renew_ms"    /* int: renew_after_ms */
#define ROVE_META_POLL_MS     "poll_ms"     /* int */
#define ROVE_META_SAFE                                                                             \
    "safe" /* int: seq up to which commits are backed up (D9); -1: see journal.c */
#define ROVE_META_CHECKED                                                                          \
    "checked" /* int: timeline on which headquarters lacked nothing that is kept here */
#define ROVE_META_SETTLED                                                                          \
    "settled" /* int: for which build (custom.c) the rows have been looked through */
#define ROVE_META_SYNCED                                                                           \
    "synced" /* int: changes when a commit has to reach the disk (transaction.c) */
#define ROVE_META_TELL                                                                             \
    "tell" /* int 0, 1: headquarters wants to know which batches of former numbers are kept */
#define ROVE_META_SEAL_KEY                                                                         \
    "seal_key"                      /* 91 bytes: headquarters' sealing key, as Welcome brought it */
#define ROVE_META_REMAINS "remains" /* int: ROVE_REMAINS_*, of rows that left (tidy.c) */
#define ROVE_META_POLICY  "policy"  /* bytes: as Welcome brought it */
#define ROVE_META_SEALS   "seals"   /* replica:u32 count:u64 hash:32, of the last proof (prove.c) */

/* What may still lie in the files of rows that left the replica. */
#define ROVE_REMAINS_LOG  1 /* in the write-ahead log */
#define ROVE_REMAINS_FILE 2 /* in the database file too */

#endif
