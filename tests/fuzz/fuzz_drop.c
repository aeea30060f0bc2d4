/*
 * fuzz_drop.c - a drop.box of any bytes is read within its bounds; what is put into it then is there, behind all that was sound in it,
 * and stays sound when it is sent and settled by any answer.
 *
 *   input = count:byte { answer:byte }* bytes      count % 8 answers, then the file; checks of its entries are made to fit
 */
#include "client/drop.h"
#include "fuzz.h"
#include "posix/posix.h"

const size_t fuzz_mutations = 3000;

#define FILE_BYTES (1u << 20)

static uint8_t file_bytes[FILE_BYTES];
static size_t file_size;

/* The file is in memory. */
static rove_status read_file(void *ctx, const char *path, void *bytes, size_t capacity,
                             size_t *size, rove_error *error) {
    (void)ctx;
    (void)path;
    (void)error;
    *size = 0;
    if (file_size > capacity) {
        return ROVE_TOO_BIG;
    }
    memcpy(bytes, file_bytes, file_size);
    *size = file_size;
    return ROVE_OK;
}

static rove_status replace_file(void *ctx, const char *path, const void *bytes, size_t size,
                                rove_error *error) {
    (void)ctx;
    (void)path;
    (void)error;
    fuzz_check(size <= sizeof file_bytes);
    memcpy(file_bytes, bytes, size);
    file_size = size;
    return ROVE_OK;
}

static rove_status append_file(void *ctx, const char *path, const void *bytes, size_t size,
                               rove_error *error) {
    (void)ctx;
    (void)path;
    (void)error;
    fuzz_check(file_size + size <= sizeof file_bytes);
    memcpy(file_bytes + file_size, bytes, size);
    file_size += size;
    return ROVE_OK;
}

static rove_status remove_file(void *ctx, const char *path, rove_error *error) {
    (void)ctx;
    (void)path;
    (void)error;
    file_size = 0;
    return ROVE_OK;
}

static rove_status take_lock(void *ctx, const char *path, void **lock, rove_error *error) {
    (void)ctx;
    (void)path;
    (void)error;
    *lock = file_bytes;
    return ROVE_OK;
}

static void give_lock(void *ctx, void *lock) {
    (void)ctx;
    (void)lock;
}

static void read_clock(void *ctx, rove_clock_reading *reading) {
    (void)ctx;
    memset(reading, 0, sizeof *reading);
    reading->wall_ms = 1764340000000;
}

static rove_ports *ports(void) {
    static rove_ports all = {.files = {.read = read_file,
                                       .replace = replace_file,
                                       .append = append_file,
                                       .remove = remove_file,
                                       .lock = take_lock,
                                       .unlock = give_lock},
                             .clock = {.read = read_clock}};

    if (all.crypto.sha256 == NULL) {
        rove_posix_crypto_openssl(&all.crypto);
        rove_posix_allocator(&all.allocator);
    }
    return &all;
}

/* Of each entry, as far as sizes lead from one to the next, so that not only damage is met. */
static void mend(void) {
    const rove_crypto *crypto = &ports()->crypto;
    uint8_t hash[ROVE_SHA256_SIZE];

    for (size_t at = 0; at + ROVE_DROP_HEAD < file_size;) {
        size_t size = rove__u32_get(file_bytes + at) & 0x7fffffffu;
        if (size > file_size - at - ROVE_DROP_HEAD) {
            return;
        }
        const rove_span spans[2] = {{file_bytes + at, 12},
                                    {file_bytes + at + ROVE_DROP_HEAD, size}};
        fuzz_check(crypto->sha256(crypto->ctx, spans, 2, hash) == ROVE_OK);
        memcpy(file_bytes + at + 12, hash, 4);
        at += ROVE_DROP_HEAD + size;
    }
}

/* How many are sent, how many are refused, and the last record. */
typedef struct seen {
    size_t waiting, kept,
        refused; /* waiting: those that headquarters has, but no backup, included */
    uint64_t notes;
    uint8_t last; /* its last byte */
} seen;

static seen look(void) {
    rove__drop drop;
    rove__drop_entry entry;
    seen found = {0};
    size_t at = 0;

    fuzz_check(rove__drop_look(&drop, ports(), "", NULL) == ROVE_OK);
    while (rove__drop_next(&drop, &at, &entry)) {
        fuzz_check(entry.record.size >= 2 && entry.record.size <= ROVE_SEALED_MAX);
        found.waiting += (size_t)(!entry.refused);
        found.refused += (size_t)entry.refused;
        found.kept += (size_t)entry.kept;
        found.last = entry.record.data[entry.record.size - 1];
    }
    found.notes = drop.notes;
    rove__drop_close(&drop);
    return found;
}

/* What was refused, and nothing else. */
static void give_up(seen before) {
    uint64_t count = 0;
    rove__drop drop;

    fuzz_check(rove__drop_open(&drop, ports(), "", NULL) == ROVE_OK);
    fuzz_check(rove__drop_discard(&drop, &count, NULL) == ROVE_OK);
    fuzz_check(rove__drop_save(&drop, NULL) == ROVE_OK);
    rove__drop_close(&drop);
    seen after = look();
    fuzz_check(count == before.refused && after.refused == 0);
    fuzz_check(after.waiting == before.waiting && after.notes == before.notes);
}

/* What headquarters has, but no backup, goes again, too. */
static const rove__drop_round turn = {INT64_MAX, 1};

/* Sends what waits, is answered, and counts what has to be left. */
static void settle(fuzz_input *in, size_t count) {
    rove__drop drop;
    rove__buf body;
    rove__buf answers;
    size_t sent = 0;
    size_t taken = 0;
    size_t refused = 0;
    size_t kept = 0;
    seen before = look();

    rove__buf_init(&body, &ports()->allocator, ROVE_DROP_BODY_MAX);
    rove__buf_init(&answers, &ports()->allocator, ROVE_DROP_SEND_MAX + 8);
    fuzz_check(rove__drop_open(&drop, ports(), "", NULL) == ROVE_OK);
    fuzz_check(rove__drop_body(&drop, &turn, 0, &body, &sent) == ROVE_OK);
    fuzz_check((sent > 0 || before.waiting == before.kept) && sent <= before.waiting);
    for (size_t i = 0; i < sent; i++) {
        uint8_t answer = i < count ? fuzz_byte(in) : 1;
        rove__buf_byte(&answers, answer);
        taken += answer == ROVE_DROP_TAKEN;
        refused += answer == ROVE_DROP_REFUSED;
        kept += answer == ROVE_DROP_KEPT;
    }
    rove_status status = rove__drop_settle(&drop, &turn, &body, &answers, NULL);
    fuzz_check(status == ROVE_OK || status == ROVE_PROTOCOL);
    if (status == ROVE_OK) {
        fuzz_check(rove__drop_save(&drop, NULL) == ROVE_OK);
    }
    rove__drop_close(&drop);
    seen after = look();
    fuzz_check(after.waiting == before.waiting - (status == ROVE_OK ? taken + refused : 0));
    fuzz_check(after.refused == before.refused + (status == ROVE_OK ? refused : 0));
    fuzz_check(status != ROVE_OK || after.kept >= kept);
    fuzz_check(after.notes == before.notes);
    give_up(after);
    rove__buf_free(&body);
    rove__buf_free(&answers);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static uint8_t record[300] = {ROVE_SEALED_VERSION, ROVE_SEALED_NOTE};
    fuzz_input in = {data, size};
    size_t count = fuzz_byte(&in) % 8u;
    fuzz_input answers = in;

    for (size_t i = 0; i < count; i++) {
        (void)fuzz_byte(&in);
    }
    file_size = in.left < FILE_BYTES / 2 ? in.left : FILE_BYTES / 2;
    memcpy(file_bytes, in.at, file_size);
    mend();
    seen before = look();
    record[sizeof record - 1] = 0x77;
    fuzz_check(rove__drop_append(ports(), "", record, sizeof record, NULL) == ROVE_OK);
    seen after = look();
    fuzz_check(after.waiting == before.waiting + 1 && after.refused == before.refused);
    fuzz_check(after.notes == before.notes + 1 && after.last == 0x77);
    settle(&answers, count);
    return 0;
}

/* ---- seeds ---- */

void fuzz_seeds(const fuzz_seed *to) {
    uint8_t seed[2048] = {3, 1, 2, 3};
    uint8_t record[100] = {ROVE_SEALED_VERSION, ROVE_SEALED_NOTE};

    file_size = 0;
    for (uint8_t i = 0; i < 4; i++) {
        record[1] = (uint8_t)(1 + i % 3);
        record[99] = i;
        fuzz_check(rove__drop_append(ports(), "", record, sizeof record, NULL) == ROVE_OK);
    }
    memcpy(seed + 4, file_bytes, file_size);
    fuzz_give_kind(to, seed[0], seed + 1, 3 + file_size);
}
