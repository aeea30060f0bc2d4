/*
 * support/messages.h - one filled message of each kind, and a table to write, read and rewrite
 * them.
 *
 * Every field of a sample has a value that no default has, so that a field that is dropped shows.
 */
#ifndef ROVE_TESTS_MESSAGES_H
#define ROVE_TESTS_MESSAGES_H

#include <stdlib.h>
#include <string.h>

#include "wire/message.h"

#define SAMPLE_HASH                                                                                \
    {                                                                                              \
        {                                                                                          \
            1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, \
                25, 26, 27, 28, 29, 30, 31, 32                                                     \
        }                                                                                          \
    }
#define SAMPLE_BYTES(text)                                                                         \
    { (const uint8_t *)(text), sizeof(text) - 1 }

static const rove__hello sample_hello = {
    .protocol = 1,
    .schema = 3,
    .app = "rove 0.1.0 客",
    .replica = 0x7ffffffe,
    .cursor = {0x1122334455667788, 400},
    .token = SAMPLE_BYTES("\0token"),
    .wall_ms = -5,
    .acked = 17,
    .chain = SAMPLE_HASH,
    .pending = 2,
    .unverified = 1,
    .has_total = 1,
    .total = {0x0123456789abcdef, 0xfedcba9876543210},
    .bytes_max = 1 << 20,
};

/* With what was added since; the sample before is what an older device says. */
static const rove__hello sample_hello_sealing = {
    .protocol = 1,
    .schema = 3,
    .app = "rove 0.2.0",
    .replica = 10,
    .cursor = {0x1122334455667788, 400},
    .token = SAMPLE_BYTES("\0token"),
    .wall_ms = -5,
    .acked = 17,
    .chain = SAMPLE_HASH,
    .pending = 2,
    .unverified = 1,
    .has_total = 1,
    .total = {0x0123456789abcdef, 0xfedcba9876543210},
    .bytes_max = 1 << 20,
    .has_seal_id = 1,
    .seal_id = {8, 7, 6, 5, 4, 3, 2, 1},
    .formers = 3,
    .checked = 0x1122334455667788,
};

static const rove__former sample_former[] = {{9, 17, SAMPLE_HASH, 401},
                                             {0x7fffffff, 0x7fffffffffffffff, {{9}}, 0}};
static const rove__formers sample_formers = {sample_former, 2, 1};

static const rove__push sample_push = {
    .number = 18,
    .ordinal = 3,
    .last = 1,
    .schema = 3,
    .previous = SAMPLE_HASH,
    .rows = SAMPLE_BYTES("\1rows"),
};

static const rove__scope_digest sample_digests[] = {
    {{5000000000, 0}, {1, 2}}, {{4999999999, 202611}, {3, 4}}, {{0, -1}, {5, UINT64_MAX}}};
static const rove__bucket_digest sample_bucket_digests[] = {
    {{0, 0}, {{6, 7}, {8, 9}}}, {{5000000000, 202611}, {{0, 0}, {10, UINT64_MAX}}}};
static const rove__portion sample_portions[] = {
    {{7, -1}, 0}, {{5000000000, 202611}, UINT64_C(1) << 63 | 5}, {{6, 0}, 0}};
static const rove__digest_list sample_digest = {
    .items = sample_digests,
    .count = 3,
    .last = 1,
    .buckets = sample_bucket_digests,
    .bucket_count = 2,
    .fetched = sample_portions + 1,
    .fetched_count = 2,
};

static const rove__welcome sample_welcome = {
    .protocol = 1,
    .schema = 3,
    .server_ms = 1795423000123,
    .timeline = 0xffeeddccbbaa9988,
    .replica = 9,
    .user = 4294967300,
    .digest_key = {9, 8, 7, 6, 5, 4, 3, 2, 1, 0, 1, 2, 3, 4, 5, 6},
    .safe = 399,
    .poll_ms = 60000,
    .renew_after_ms = 1797423000123,
    .policy = SAMPLE_BYTES("policy"),
};

static const rove__welcome sample_welcome_lease = {
    .protocol = 1,
    .schema = 3,
    .server_ms = 1795423000123,
    .timeline = 0xffeeddccbbaa9988,
    .replica = 9,
    .user = 4294967300,
    .digest_key = {9, 8, 7, 6, 5, 4, 3, 2, 1, 0, 1, 2, 3, 4, 5, 6},
    .safe = 399,
    .poll_ms = 60000,
    .renew_after_ms = 1797423000123,
    .policy = SAMPLE_BYTES("policy"),
    .lease_ms = 172800000,
    .seal_key =
        SAMPLE_BYTES("a sealing key has ninety-one bytes, and nobody here looks at which ones "
                     "they are .........."),
};

static const rove__welcome sample_welcome_sealing = {
    .protocol = 1,
    .schema = 3,
    .server_ms = 1795423000123,
    .timeline = 0xffeeddccbbaa9988,
    .replica = 9,
    .user = 4294967300,
    .digest_key = {9, 8, 7, 6, 5, 4, 3, 2, 1, 0, 1, 2, 3, 4, 5, 6},
    .safe = 399,
    .poll_ms = 60000,
    .renew_after_ms = 1797423000123,
    .policy = SAMPLE_BYTES("policy"),
    .seal_key =
        SAMPLE_BYTES("a sealing key has ninety-one bytes, and nobody here looks at which ones "
                     "they are .........."),
};

static const rove__verdict sample_verdicts[] = {
    {6, 4294967301, 0, ROVE_VERDICT_REJECTED, ROVE_DENIED,
     "Credit limits are set by headquarters."},
    {6, 4294967302, 14, ROVE_VERDICT_LOST, ROVE_OK, ""},
};
static const rove__canonical sample_canonicals[] = {{4294967301, 6, 0, 1000, 2000},
                                                    {4294967302, 7, 14, 3000, 4000}};
static const rove__rename sample_renames[] = {{6, 4294967301, {5000, 9}, 8589934593},
                                              {7, 4294967302, {6000, 9}, 8589934594}};
static const rove__ack sample_ack = {
    .number = 18,
    .chain = SAMPLE_HASH,
    .seq = 401,
    .verdicts = sample_verdicts,
    .verdict_count = 2,
    .canonicals = sample_canonicals,
    .canonical_count = 2,
    .renames = sample_renames,
    .rename_count = 2,
    .resent = 1,
    .rows = SAMPLE_BYTES("\1rows"),
    .last = 1,
};

static const rove__need sample_need = {16};

static const rove__renumber sample_renumber = {sample_renames, 2, SAMPLE_BYTES("\1rows")};

static const rove__origin sample_origins[] = {{7000, 9}, {0x7fffffffffffffff, 0x7fffffff}};
static const rove__need_row sample_need_row = {sample_origins, 2};

static const rove__scope sample_scopes[] = {{7, -1}, {5000000000, 202611}, {6, 0}};
static const rove_id sample_held[] = {3, 4294967301, 4294967302, 0x7fffffffffffffff};
static const rove__page sample_page = {
    .left = sample_scopes,
    .left_count = 1,
    .has_held = 1,
    .held = sample_held,
    .held_count = 4,
    .begin = sample_portions,
    .begin_count = 2,
    .done = sample_scopes,
    .done_count = 3,
    .rows = SAMPLE_BYTES("\1rows"),
    .cursor = {0x1122334455667788, 401},
    .token = SAMPLE_BYTES("\0token"),
    .more = 1,
    .row_count = 1200,
};

static const rove__differ sample_differ = {sample_portions, 3, sample_portions + 1, 1};

static const rove__fail sample_fail = {ROVE_UPGRADE, "Version 0.0.9 is too old."};

static const rove__end sample_end = {1, 1, {0x0123456789abcdef, 0xfedcba9876543210}, 1200, 401, 1};

/* A message of any kind. */
typedef union any_message {
    rove__hello hello;
    rove__hello hello_sealing;
    rove__formers formers;
    rove__push push;
    rove__digest_list digest;
    rove__welcome welcome;
    rove__welcome welcome_sealing;
    rove__welcome welcome_lease;
    rove__ack ack;
    rove__need need;
    rove__renumber renumber;
    rove__need_row need_row;
    rove__page page;
    rove__differ differ;
    rove__fail fail;
    rove__end end;
} any_message;

#define KIND(kind, name)                                                                           \
    static inline rove_status write_##name(const any_message *message, rove__buf *out) {           \
        return rove__##kind##_write(&message->name, out);                                          \
    }                                                                                              \
    static inline rove_status read_##name(any_message *message, const void *payload, size_t size,  \
                                          rove__arena *arena) {                                    \
        return rove__##kind##_read(&message->name, payload, size, arena);                          \
    }                                                                                              \
    static inline void fill_##name(any_message *message) {                                         \
        memset(message, 0, sizeof *message);                                                       \
        message->name = sample_##name;                                                             \
    }
KIND(hello, hello)
KIND(push, push)
KIND(digest_list, digest)
KIND(welcome, welcome)
KIND(ack, ack)
KIND(need, need)
KIND(renumber, renumber)
KIND(need_row, need_row)
KIND(page, page)
KIND(differ, differ)
KIND(fail, fail)
KIND(end, end)
KIND(hello, hello_sealing)
KIND(welcome, welcome_sealing)
KIND(welcome, welcome_lease)
KIND(formers, formers)
#undef KIND

typedef struct message_kind {
    const char *name;
    void (*fill)(any_message *message);
    rove_status (*write)(const any_message *message, rove__buf *out);
    rove_status (*read)(any_message *message, const void *payload, size_t size, rove__arena *arena);
} message_kind;

#define KIND(name)                                                                                 \
    { #name, fill_##name, write_##name, read_##name }
static const message_kind message_kinds[] = {
    KIND(hello),         KIND(push),
    KIND(digest),        KIND(welcome),
    KIND(ack),           KIND(need),
    KIND(renumber),      KIND(need_row),
    KIND(page),          KIND(differ),
    KIND(fail),          KIND(end),
    KIND(hello_sealing), KIND(welcome_sealing),
    KIND(formers),       KIND(welcome_lease),
};
#undef KIND
#define MESSAGE_KINDS (sizeof message_kinds / sizeof *message_kinds)

static inline const message_kind *kind_of(const char *name) {
    for (size_t i = 0; i < MESSAGE_KINDS; i++) {
        if (strcmp(message_kinds[i].name, name) == 0) {
            return &message_kinds[i];
        }
    }
    abort();
}

#endif
