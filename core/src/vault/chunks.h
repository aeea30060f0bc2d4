/*
 * vault/chunks.h - a sealed file of any length that is no database: what goes out of a replica and comes back to it.
 *
 *   file   = header chunk+
 *   header = "RoveFile" version:byte kind:byte generation:byte replica[16] id[16] digest[32]
 *   chunk  = nonce[12] sealed[n] tag[16]
 *
 * version is 1. kind: what the file is for. generation: of the data key. replica: the data key's file_id. id: random, of this file
 * alone. digest: SHA-256 of everything before it. n is 65536 in each chunk but the last, where it is 1 to 65536; an empty file has one chunk
 * with n 0. A chunk is sealed with AES-256-GCM under the file's key, with header index:u64 last:byte as associated data; index counts
 * from 0, last is 1 in the last chunk and 0 before, numbers are big-endian. The file's key is HKDF-SHA256 over the data key, with
 * replica as salt and "rove file" kind id as information.
 *
 * So a chunk opens in its own place of its own file, and nowhere else; a file that was cut, also between two chunks, has a last
 * chunk that does not call itself the last. Readers look at that before they give a byte.
 *
 * Both ends keep one chunk in memory. The file's key is derived for each chunk, and kept nowhere: once the vault is locked neither
 * goes on. A reader or writer belongs to one thread at a time.
 */
#ifndef ROVE_VAULT_CHUNKS_H
#define ROVE_VAULT_CHUNKS_H

#include "rove/error.h"
#include "rove/sys/alloc.h"
#include "rove/sys/stream.h"
#include "vault/seal.h"

#define ROVE_CHUNK_SIZE         65536
#define ROVE_CHUNK_SEAL_SIZE    (ROVE_GCM_NONCE_SIZE + ROVE_GCM_TAG_SIZE)
#define ROVE_CHUNKS_HEADER_SIZE (8 + 3 + 2 * ROVE_FILE_ID_SIZE + ROVE_SHA256_SIZE)

typedef enum rove__chunks_kind {
    ROVE_CHUNKS_EXPORT = 1 /* what an app writes out: client/export.c */
} rove__chunks_kind;

typedef struct rove__chunks_writer rove__chunks_writer;
typedef struct rove__chunks_reader rove__chunks_reader;

/* What both need; borrowed for their life. */
typedef struct rove__chunks_ports {
    const rove_allocator *allocator;
    rove__vault *vault;
} rove__chunks_ports;

/* Writes the header. Owned: rove__chunks_drop. LOCKED, NOMEM, what the sink or the random port says. */
ROVE_CHECK rove_status rove__chunks_new(const rove__chunks_ports *ports, rove__chunks_kind kind,
                                        const rove_sink *to, rove__chunks_writer **out,
                                        rove_error *error);
/* After a failure, or the end, every call says so. TOO_BIG: 2^32 chunks. WRONG_KEY: the data key was replaced meanwhile. */
ROVE_CHECK rove_status rove__chunks_write(rove__chunks_writer *writer, const void *bytes,
                                          size_t size, rove_error *error);
/* Writes the last chunk. Without it the file opens nowhere. */
ROVE_CHECK rove_status rove__chunks_end(rove__chunks_writer *writer, rove_error *error);
/* Overwrites the text that it has, sealed or not: from now on every call says LOCKED. */
void rove__chunks_forget(rove__chunks_writer *writer);
/* Overwrites what it has. NULL is fine. */
void rove__chunks_drop(rove__chunks_writer *writer);

/*
 * Looks at the header and at the last chunk. Owned: rove__chunks_close. CORRUPT: damaged, cut, or no such file. UPGRADE: a newer version
 * wrote it. WRONG_KEY: of another replica, or under a data key that this one has no more. INVALID: of another kind. LOCKED, NOMEM,
 * what the source says.
 */
ROVE_CHECK rove_status rove__chunks_open(const rove__chunks_ports *ports, rove__chunks_kind kind,
                                         const rove_source *from, rove__chunks_reader **out,
                                         rove_error *error);
/* From `at` on, up to the end of a chunk at most. *size 0: there is nothing more. CORRUPT: that chunk is damaged, or of elsewhere. */
ROVE_CHECK rove_status rove__chunks_read(rove__chunks_reader *reader, uint64_t at, void *bytes,
                                         size_t capacity, size_t *size, rove_error *error);
/* Overwrites what it has. NULL is fine. */
void rove__chunks_close(rove__chunks_reader *reader);

#endif
