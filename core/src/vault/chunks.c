/*
 * vault/chunks.c - see chunks.h.
 */
#include "vault/chunks.h"

#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/buf.h"
#include "base/text.h"

#define MAGIC     "RoveFile"
#define VERSION   1
#define LABEL     "rove file"
#define UNIT_SIZE (ROVE_CHUNK_SIZE + ROVE_CHUNK_SEAL_SIZE)

/* The bytes of the header, in their order; no padding, for all of them are bytes. */
typedef struct header {
    uint8_t magic[8];
    uint8_t version[1];
    uint8_t kind[1];
    uint8_t generation[1];
    uint8_t replica[ROVE_FILE_ID_SIZE];
    uint8_t id[ROVE_FILE_ID_SIZE];
    uint8_t digest[ROVE_SHA256_SIZE];
} header;

ROVE_STATIC_ASSERT(sizeof(header) == ROVE_CHUNKS_HEADER_SIZE, "a header is what the comment says");

/* What a chunk is sealed along with; of bytes, as the header is. */
typedef struct place {
    header file;
    uint8_t index[8];
    uint8_t last[1];
} place;

struct rove__chunks_writer {
    rove__chunks_ports ports;
    rove_sink to;
    header file;
    uint64_t index; /* of the chunk that is being filled */
    size_t filled;
    rove_status status; /* DONE: it was ended */
    uint8_t plain[ROVE_CHUNK_SIZE];
    uint8_t unit[UNIT_SIZE];
};

struct rove__chunks_reader {
    rove__chunks_ports ports;
    rove_source from;
    header file;
    uint64_t count; /* chunks */
    uint64_t size;  /* bytes of plain text */
    uint64_t index; /* of the chunk in `plain`; `count`: none */
    size_t filled;
    uint8_t plain[ROVE_CHUNK_SIZE];
    uint8_t unit[UNIT_SIZE];
};

static const char *sentence_of(rove_status status) {
    switch (status) {
    case ROVE_CORRUPT:
        return "The sealed file is damaged, or not all of it is there.";
    case ROVE_UPGRADE:
        return "A newer version of the app wrote the sealed file.";
    case ROVE_WRONG_KEY:
        return "The file was sealed by another replica, or under a key that was replaced since.";
    case ROVE_LOCKED:
        return "The replica is locked. Unlock it, and try again.";
    default:
        return rove_status_text(status);
    }
}

static rove_status failed(rove_status status, rove_error *error) {
    return status == ROVE_OK ? status : rove__error_set(error, status, "%s", sentence_of(status));
}

/* ---- keys ----------------------------------------------------------------------------------------------- */

static rove_status digest_of(const rove_crypto *crypto, const header *file,
                             uint8_t out[ROVE_SHA256_SIZE]) {
    const rove_span span = {file, offsetof(header, digest)};
    return crypto->sha256(crypto->ctx, &span, 1, out);
}

/* The caller wipes it. LOCKED. WRONG_KEY: the vault has no such data key. */
static rove_status key_of(rove__vault *vault, const header *file, uint8_t out[ROVE_GCM_KEY_SIZE]) {
    uint8_t info[sizeof LABEL - 1 + 1 + ROVE_FILE_ID_SIZE] = LABEL;
    rove__data_key data;

    info[sizeof LABEL - 1] = file->kind[0];
    memcpy(info + sizeof LABEL, file->id, ROVE_FILE_ID_SIZE);
    rove_status status = rove__vault_key(vault, &data);
    if (status != ROVE_OK) {
        return status;
    }
    const uint8_t *secret = rove__data_key_of(&data, file->generation[0]);
    if (secret == NULL || memcmp(data.file_id, file->replica, sizeof file->replica) != 0) {
        status = ROVE_WRONG_KEY;
    } else {
        status = vault->crypto->hkdf_sha256(vault->crypto->ctx, secret, ROVE_DATA_KEY_SIZE,
                                            file->replica, sizeof file->replica, info, sizeof info,
                                            out, ROVE_GCM_KEY_SIZE);
    }
    rove__wipe(&data, sizeof data);
    return status;
}

static place place_of(const header *file, uint64_t index, int is_last) {
    place p = {.file = *file, .last = {(uint8_t)is_last}};

    rove__u64_put(p.index, index);
    return p;
}

/* ---- writing -------------------------------------------------------------------------------------------- */

static rove_status begin(rove__chunks_writer *writer, rove__chunks_kind kind) {
    header *file = &writer->file;
    rove__vault *vault = writer->ports.vault;
    rove__data_key data;

    rove_status status = rove__vault_key(vault, &data);
    if (status != ROVE_OK) {
        return status;
    }
    memcpy(file->magic, MAGIC, sizeof file->magic);
    file->version[0] = VERSION;
    file->kind[0] = (uint8_t)kind;
    file->generation[0] = data.generation;
    memcpy(file->replica, data.file_id, sizeof file->replica);
    rove__wipe(&data, sizeof data);
    status = vault->random->fill(vault->random->ctx, file->id, sizeof file->id);
    return status == ROVE_OK ? digest_of(vault->crypto, file, file->digest) : status;
}

rove_status rove__chunks_new(const rove__chunks_ports *ports, rove__chunks_kind kind,
                             const rove_sink *to, rove__chunks_writer **out, rove_error *error) {
    *out = NULL;
    rove__chunks_writer *writer = rove__alloc_zeroed(ports->allocator, 1, sizeof *writer);
    if (writer == NULL) {
        return failed(ROVE_NOMEM, error);
    }
    writer->ports = *ports;
    writer->to = *to;
    rove_status status = failed(begin(writer, kind), error);
    if (status == ROVE_OK) {
        status = to->write(to->ctx, &writer->file, sizeof writer->file, error);
    }
    if (status != ROVE_OK) {
        rove__chunks_drop(writer);
        return status;
    }
    *out = writer;
    return ROVE_OK;
}

static rove_status seal(rove__chunks_writer *writer, int is_last) {
    const rove__vault *vault = writer->ports.vault;
    uint8_t *nonce = writer->unit;
    uint8_t *sealed = nonce + ROVE_GCM_NONCE_SIZE;
    uint8_t key[ROVE_GCM_KEY_SIZE];

    if (writer->index > UINT32_MAX) {
        return ROVE_TOO_BIG; /* as many as random nonces allow for one key */
    }
    rove_status status = vault->random->fill(vault->random->ctx, nonce, ROVE_GCM_NONCE_SIZE);
    if (status == ROVE_OK) {
        status = key_of(writer->ports.vault, &writer->file, key);
    }
    if (status == ROVE_OK) {
        place p = place_of(&writer->file, writer->index, is_last);
        status =
            vault->crypto->gcm_seal(vault->crypto->ctx, key, nonce, &p, sizeof p, writer->plain,
                                    writer->filled, sealed, sealed + writer->filled);
    }
    rove__wipe(key, sizeof key);
    return status;
}

static rove_status put(rove__chunks_writer *writer, int is_last, rove_error *error) {
    rove_status status = failed(seal(writer, is_last), error);

    if (status == ROVE_OK) {
        status = writer->to.write(writer->to.ctx, writer->unit,
                                  writer->filled + ROVE_CHUNK_SEAL_SIZE, error);
    }
    writer->index++;
    writer->filled = 0;
    return status;
}

/* What was written before is no reason to go on. */
static rove_status check(const rove__chunks_writer *writer, rove_error *error) {
    return writer->status == ROVE_DONE
               ? rove__error_set(error, ROVE_STATE, "The sealed file was ended.")
               : failed(writer->status, error);
}

rove_status rove__chunks_write(rove__chunks_writer *writer, const void *bytes, size_t size,
                               rove_error *error) {
    const uint8_t *at = bytes;
    rove_status status = check(writer, error);

    while (status == ROVE_OK && size > 0) {
        /* A full chunk stays until more comes: it may be the last one. */
        if (writer->filled == ROVE_CHUNK_SIZE) {
            status = writer->status = put(writer, 0, error);
        }
        size_t room = ROVE_CHUNK_SIZE - writer->filled;
        size_t portion = size < room ? size : room;
        memcpy(writer->plain + writer->filled, at, portion);
        writer->filled += portion;
        at += portion;
        size -= portion;
    }
    return status;
}

rove_status rove__chunks_end(rove__chunks_writer *writer, rove_error *error) {
    rove_status status = check(writer, error);

    if (status == ROVE_OK) {
        status = put(writer, 1, error);
        writer->status = status == ROVE_OK ? ROVE_DONE : status;
    }
    return status;
}

void rove__chunks_forget(rove__chunks_writer *writer) {
    rove__wipe(writer->plain, sizeof writer->plain);
    writer->filled = 0;
    if (writer->status == ROVE_OK) {
        writer->status = ROVE_LOCKED;
    }
}

void rove__chunks_drop(rove__chunks_writer *writer) {
    if (writer != NULL) {
        const rove_allocator *allocator = writer->ports.allocator;
        rove__wipe(writer, sizeof *writer);
        rove__free(allocator, writer);
    }
}

/* ---- reading -------------------------------------------------------------------------------------------- */

static rove_status read_header(rove__chunks_reader *reader, rove__chunks_kind kind,
                               rove_error *error) {
    const rove_crypto *crypto = reader->ports.vault->crypto;
    header *file = &reader->file;
    uint8_t digest[ROVE_SHA256_SIZE];

    if (reader->from.size < sizeof *file) {
        return failed(ROVE_CORRUPT, error);
    }
    rove_status status = reader->from.read(reader->from.ctx, 0, file, sizeof *file, error);
    if (status != ROVE_OK) {
        return status;
    }
    if (memcmp(file->magic, MAGIC, sizeof file->magic) != 0) {
        return rove__error_set(error, ROVE_CORRUPT, "This is no sealed file of Rove.");
    }
    status = digest_of(crypto, file, digest);
    if (status == ROVE_OK && memcmp(digest, file->digest, sizeof digest) != 0) {
        status = ROVE_CORRUPT;
    }
    if (status == ROVE_OK && file->version[0] != VERSION) {
        status = file->version[0] > VERSION ? ROVE_UPGRADE : ROVE_CORRUPT;
    }
    if (status == ROVE_OK && file->kind[0] != (uint8_t)kind) {
        return rove__error_set(error, ROVE_INVALID, "This is a sealed file of another kind.");
    }
    return failed(status, error);
}

/* How many chunks there are, and of what size. */
static rove_status measure(rove__chunks_reader *reader) {
    uint64_t body = reader->from.size - sizeof(header);

    if (body < ROVE_CHUNK_SEAL_SIZE) {
        return ROVE_CORRUPT;
    }
    reader->count = (body - 1) / UNIT_SIZE + 1;
    uint64_t last = body - (reader->count - 1) * UNIT_SIZE;
    reader->size = body - reader->count * ROVE_CHUNK_SEAL_SIZE;
    reader->index = reader->count;
    return last > ROVE_CHUNK_SEAL_SIZE || body == ROVE_CHUNK_SEAL_SIZE ? ROVE_OK : ROVE_CORRUPT;
}

static rove_status unseal(rove__chunks_reader *reader, uint64_t index, size_t size) {
    const rove_crypto *crypto = reader->ports.vault->crypto;
    const uint8_t *sealed = reader->unit + ROVE_GCM_NONCE_SIZE;
    uint8_t key[ROVE_GCM_KEY_SIZE];
    rove_status status = key_of(reader->ports.vault, &reader->file, key);

    if (status == ROVE_OK) {
        place p = place_of(&reader->file, index, index + 1 == reader->count);
        status = crypto->gcm_open(crypto->ctx, key, reader->unit, &p, sizeof p, sealed, size,
                                  sealed + size, reader->plain);
    }
    rove__wipe(key, sizeof key);
    return status;
}

/* What is in `plain` is given only while the vault has the key. */
static rove_status check_key(rove__chunks_reader *reader) {
    uint8_t key[ROVE_GCM_KEY_SIZE];
    rove_status status = key_of(reader->ports.vault, &reader->file, key);

    rove__wipe(key, sizeof key);
    return status;
}

/* The chunk into `plain`. */
static rove_status load(rove__chunks_reader *reader, uint64_t index, rove_error *error) {
    uint64_t left = reader->size - index * ROVE_CHUNK_SIZE;
    size_t size = left < ROVE_CHUNK_SIZE ? (size_t)left : ROVE_CHUNK_SIZE;

    if (reader->index == index) {
        return failed(check_key(reader), error);
    }
    reader->index = reader->count;
    rove_status status = reader->from.read(reader->from.ctx, sizeof(header) + index * UNIT_SIZE,
                                           reader->unit, size + ROVE_CHUNK_SEAL_SIZE, error);
    if (status == ROVE_OK) {
        status = failed(unseal(reader, index, size), error);
    }
    if (status == ROVE_OK) {
        reader->index = index;
        reader->filled = size;
    }
    return status;
}

rove_status rove__chunks_open(const rove__chunks_ports *ports, rove__chunks_kind kind,
                              const rove_source *from, rove__chunks_reader **out,
                              rove_error *error) {
    *out = NULL;
    rove__chunks_reader *reader = rove__alloc_zeroed(ports->allocator, 1, sizeof *reader);
    if (reader == NULL) {
        return failed(ROVE_NOMEM, error);
    }
    reader->ports = *ports;
    reader->from = *from;
    rove_status status = read_header(reader, kind, error);
    if (status == ROVE_OK) {
        status = failed(measure(reader), error);
    }
    if (status == ROVE_OK) {
        status = load(reader, reader->count - 1, error);
    }
    if (status != ROVE_OK) {
        rove__chunks_close(reader);
        return status;
    }
    *out = reader;
    return ROVE_OK;
}

rove_status rove__chunks_read(rove__chunks_reader *reader, uint64_t at, void *bytes,
                              size_t capacity, size_t *size, rove_error *error) {
    *size = 0;
    if (at >= reader->size || capacity == 0) {
        return ROVE_OK;
    }
    rove_status status = load(reader, at / ROVE_CHUNK_SIZE, error);
    if (status == ROVE_OK) {
        size_t from = (size_t)(at % ROVE_CHUNK_SIZE);
        size_t left = reader->filled - from;
        *size = left < capacity ? left : capacity;
        memcpy(bytes, reader->plain + from, *size);
    }
    return status;
}

void rove__chunks_close(rove__chunks_reader *reader) {
    if (reader != NULL) {
        const rove_allocator *allocator = reader->ports.allocator;
        rove__wipe(reader, sizeof *reader);
        rove__free(allocator, reader);
    }
}
