/*
 * Messages give back what was put in; what is malformed, out of range or too long never gets past
 * wire.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "heap.h"
#include "messages.h"
#include "sync.pb-c.h"
#include "wire/batch.h"
#include "wire/frame.h"

typedef struct fixture {
    heap h;
    rove_allocator allocator;
    rove__arena arena;
    rove__buf bytes;
    rove__buf again;
    any_message message;
} fixture;

static int open(void **state) {
    fixture *f = calloc(1, sizeof *f);

    f->allocator = heap_allocator(&f->h);
    rove__arena_init(&f->arena, &f->allocator, ROVE_MESSAGE_ARENA_MAX);
    rove__buf_init(&f->bytes, &f->allocator, 4 * ROVE_FRAME_MAX);
    rove__buf_init(&f->again, &f->allocator, 4 * ROVE_FRAME_MAX);
    *state = f;
    return 0;
}

static int close(void **state) {
    fixture *f = *state;
    size_t alive = 0;

    rove__arena_free(&f->arena);
    rove__buf_free(&f->bytes);
    rove__buf_free(&f->again);
    alive = f->h.alive;
    free(f);
    return alive == 0 ? 0 : -1;
}

static void write_sample(fixture *f, const message_kind *kind) {
    any_message message;

    kind->fill(&message);
    rove__buf_reset(&f->bytes);
    assert_int_equal(kind->write(&message, &f->bytes), ROVE_OK);
}

static rove_status read_bytes(fixture *f, const message_kind *kind) {
    rove__arena_reset(&f->arena);
    return kind->read(&f->message, f->bytes.data, f->bytes.size, &f->arena);
}

static void samples_round_trip(void **state) {
    fixture *f = *state;

    for (size_t i = 0; i < MESSAGE_KINDS; i++) {
        write_sample(f, &message_kinds[i]);
        assert_int_equal(read_bytes(f, &message_kinds[i]), ROVE_OK);
        rove__buf_reset(&f->again);
        assert_int_equal(message_kinds[i].write(&f->message, &f->again), ROVE_OK);
        assert_int_equal(f->again.size, f->bytes.size);
        assert_memory_equal(f->again.data, f->bytes.data, f->bytes.size);
    }
}

/*
 * A field that neither side treats would pass a round trip; so each field of each message is looked
 * for.
 */
static void samples_fill_every_field(void **state) {
    /* NULL: what an older peer says; a later sample of the same message has all. */
    static const ProtobufCMessageDescriptor *const descriptors[MESSAGE_KINDS] = {
        NULL,
        &rove__sync__push__descriptor,
        &rove__sync__digest__descriptor,
        NULL,
        &rove__sync__ack__descriptor,
        &rove__sync__need__descriptor,
        &rove__sync__renumber__descriptor,
        &rove__sync__need_row__descriptor,
        &rove__sync__page__descriptor,
        &rove__sync__differ__descriptor,
        &rove__sync__fail__descriptor,
        &rove__sync__end__descriptor,
        &rove__sync__hello__descriptor,
        NULL,
        &rove__sync__formers__descriptor,
        &rove__sync__welcome__descriptor};
    fixture *f = *state;

    for (size_t i = 0; i < MESSAGE_KINDS; i++) {
        ProtobufCMessage *message = NULL;

        if (descriptors[i] == NULL) {
            continue;
        }

        write_sample(f, &message_kinds[i]);
        message = protobuf_c_message_unpack(descriptors[i], NULL, f->bytes.size, f->bytes.data);
        assert_non_null(message);
        for (unsigned n = 0; n < descriptors[i]->n_fields; n++) {
            const ProtobufCFieldDescriptor *field = &descriptors[i]->fields[n];
            const uint8_t *base = (const uint8_t *)message;

            if (field->type == PROTOBUF_C_TYPE_STRING) {
                const char *text = NULL;
                memcpy(&text, base + field->offset, sizeof text);
                assert_true(text != NULL && text[0] != '\0');
            } else {
                int there = 0;
                memcpy(&there, base + field->quantifier_offset, sizeof there);
                assert_true(there != 0);
            }
        }
        protobuf_c_message_free_unpacked(message, NULL);
    }
}

static void bytes_equal(rove__bytes a, rove__bytes b) {
    assert_int_equal(a.size, b.size);
    assert_memory_equal(a.data, b.data, a.size);
}

static void device_messages_mean_the_same(void **state) {
    fixture *f = *state;
    const rove__hello *hello = &f->message.hello;
    const rove__push *push = &f->message.push;
    const rove__digest_list *list = &f->message.digest;

    write_sample(f, kind_of("hello"));
    assert_int_equal(read_bytes(f, kind_of("hello")), ROVE_OK);
    assert_string_equal(hello->app, sample_hello.app);
    assert_int_equal(hello->replica, sample_hello.replica);
    assert_true(hello->cursor.timeline == sample_hello.cursor.timeline);
    assert_int_equal(hello->cursor.seq, 400);
    bytes_equal(hello->token, sample_hello.token);
    assert_int_equal(hello->wall_ms, -5);
    assert_int_equal(hello->acked, 17);
    assert_memory_equal(&hello->chain, &sample_hello.chain, sizeof hello->chain);
    assert_int_equal(hello->pending, 2);
    assert_int_equal(hello->unverified, 1);
    assert_true(hello->has_total && rove__hash128_equal(hello->total, sample_hello.total));
    assert_int_equal(hello->bytes_max, 1 << 20);

    write_sample(f, kind_of("push"));
    assert_int_equal(read_bytes(f, kind_of("push")), ROVE_OK);
    assert_int_equal(push->number, 18);
    assert_int_equal(push->ordinal, 3);
    assert_int_equal(push->last, 1);
    bytes_equal(push->rows, sample_push.rows);

    write_sample(f, kind_of("digest"));
    assert_int_equal(read_bytes(f, kind_of("digest")), ROVE_OK);
    assert_int_equal(list->count, 3);
    assert_int_equal(list->bucket_count, 2);
    assert_int_equal(list->buckets[1].scope.part, 202611);
    assert_true(rove__hash128_equal(list->buckets[1].sums[1], sample_bucket_digests[1].sums[1]));
    assert_int_equal(list->fetched_count, 2);
    assert_true(list->fetched[0].buckets == (UINT64_C(1) << 63 | 5));
    assert_int_equal(list->items[1].scope.root, 4999999999);
    assert_int_equal(list->items[1].scope.part, 202611);
    assert_true(rove__hash128_equal(list->items[2].sum, sample_digests[2].sum));
}

static void answers_mean_the_same(void **state) {
    fixture *f = *state;
    const rove__ack *ack = &f->message.ack;
    const rove__page *page = &f->message.page;

    write_sample(f, kind_of("ack"));
    assert_int_equal(read_bytes(f, kind_of("ack")), ROVE_OK);
    assert_int_equal(ack->verdict_count, 2);
    assert_int_equal(ack->verdicts[0].status, ROVE_DENIED);
    assert_string_equal(ack->verdicts[0].reason, sample_verdicts[0].reason);
    assert_string_equal(ack->verdicts[1].reason, "");
    assert_int_equal(ack->verdicts[1].code, ROVE_VERDICT_LOST);
    assert_int_equal(ack->verdicts[1].field, 14);
    assert_int_equal(ack->canonicals[1].stamp, 4000);
    assert_int_equal(ack->canonicals[1].raw, 3000);
    assert_int_equal(ack->renames[1].to, 8589934594);
    assert_int_equal(ack->renames[1].origin.stamp, 6000);
    assert_true(ack->resent && ack->last);

    write_sample(f, kind_of("page"));
    assert_int_equal(read_bytes(f, kind_of("page")), ROVE_OK);
    assert_int_equal(page->left_count, 1);
    assert_int_equal(page->left[0].part, -1);
    assert_int_equal(page->begin_count, 2);
    assert_int_equal(page->begin[0].buckets, 0);
    assert_true(page->begin[1].buckets == (UINT64_C(1) << 63 | 5));
    assert_int_equal(page->done_count, 3);
    assert_int_equal(page->done[1].root, 5000000000);
    assert_int_equal(page->held_count, 4);
    assert_true(page->has_held && page->held[3] == 0x7fffffffffffffff &&
                page->held[1] == 4294967301);
    assert_true(page->cursor.timeline == 0x1122334455667788 && page->cursor.seq == 401);
    assert_int_equal(page->more, 1);
    assert_int_equal(page->row_count, 1200);
}

/* Absent and empty. */
static void what_is_left_out_reads_as_nothing(void **state) {
    fixture *f = *state;
    rove__hello hello = {.protocol = 1, .schema = 1, .replica = 9};
    rove__page page = {.has_held = 1};
    rove__end end = {0};
    rove__end end_read;

    assert_int_equal(rove__hello_write(&hello, &f->bytes), ROVE_OK);
    assert_int_equal(read_bytes(f, kind_of("hello")), ROVE_OK);
    assert_string_equal(f->message.hello.app, "");
    assert_int_equal(f->message.hello.has_total, 0);
    assert_int_equal(f->message.hello.token.size, 0);
    assert_int_equal(f->message.hello.unverified, 0);
    rove__buf_reset(&f->bytes);
    assert_int_equal(rove__page_write(&page, &f->bytes), ROVE_OK);
    assert_int_equal(read_bytes(f, kind_of("page")), ROVE_OK);
    assert_int_equal(f->message.page.has_held, 1);
    assert_int_equal(f->message.page.held_count, 0);
    assert_int_equal(f->message.page.rows.size, 0);
    rove__buf_reset(&f->bytes);
    assert_int_equal(rove__end_write(&end, &f->bytes), ROVE_OK);
    assert_int_equal(rove__end_read(&end_read, f->bytes.data, f->bytes.size, &f->arena), ROVE_OK);
    assert_int_equal(end_read.has_total, 0);
    assert_int_equal(rove__end_read(&end_read, NULL, 0, &f->arena), ROVE_OK);
}

/* An exchange with nothing new has to fit a few hundred bytes. */
static void an_idle_exchange_is_small(void **state) {
    fixture *f = *state;

    write_sample(f, kind_of("hello"));
    assert_true(f->bytes.size < 200);
    write_sample(f, kind_of("welcome"));
    assert_true(f->bytes.size < 200);
    write_sample(f, kind_of("end"));
    assert_true(f->bytes.size < 100);
}

static void unknown_fields_are_ignored(void **state) {
    /* Field 100: a varint; 101: bytes; 102: fixed32; 103: fixed64. */
    static const uint8_t fields[] = {0xa0, 0x06, 0x05, 0xaa, 0x06, 0x03, 'a',  'b',  'c',
                                     0xb5, 0x06, 1,    2,    3,    4,    0xb9, 0x06, 1,
                                     2,    3,    4,    5,    6,    7,    8};
    fixture *f = *state;

    for (size_t i = 0; i < MESSAGE_KINDS; i++) {
        rove__buf_reset(&f->again);
        write_sample(f, &message_kinds[i]);
        rove__buf_append(&f->again, f->bytes.data, f->bytes.size);
        rove__buf_append(&f->bytes, fields, sizeof fields);
        assert_int_equal(read_bytes(f, &message_kinds[i]), ROVE_OK);
        rove__buf_reset(&f->bytes);
        assert_int_equal(message_kinds[i].write(&f->message, &f->bytes), ROVE_OK);
        assert_int_equal(f->again.size, f->bytes.size);
        assert_memory_equal(f->again.data, f->bytes.data, f->bytes.size);
    }
}

static void assert_no_singular_message(const ProtobufCMessageDescriptor *descriptor) {
    for (unsigned i = 0; i < descriptor->n_fields; i++) {
        if (descriptor->fields[i].type == PROTOBUF_C_TYPE_MESSAGE) {
            assert_int_equal(descriptor->fields[i].label, PROTOBUF_C_LABEL_REPEATED);
            assert_no_singular_message(descriptor->fields[i].descriptor);
        }
    }
}

/* protobuf-c merges a singular message that comes twice; there is none to merge. */
static void duplicates_have_nothing_to_merge(void **state) {
    fixture *f = *state;
    const message_kind *hello = kind_of("hello");

    assert_no_singular_message(&rove__sync__hello__descriptor);
    assert_no_singular_message(&rove__sync__push__descriptor);
    assert_no_singular_message(&rove__sync__digest__descriptor);
    assert_no_singular_message(&rove__sync__welcome__descriptor);
    assert_no_singular_message(&rove__sync__ack__descriptor);
    assert_no_singular_message(&rove__sync__renumber__descriptor);
    assert_no_singular_message(&rove__sync__need_row__descriptor);
    assert_no_singular_message(&rove__sync__page__descriptor);
    assert_no_singular_message(&rove__sync__formers__descriptor);
    /* Of a number or a text that comes twice the last one counts. */
    write_sample(f, hello);
    rove__buf_append(&f->again, f->bytes.data, f->bytes.size);
    rove__buf_append(&f->bytes, f->again.data, f->again.size);
    rove__buf_append(&f->bytes, "\x10\x07\x1a\x01z", 5);
    assert_int_equal(read_bytes(f, hello), ROVE_OK);
    assert_int_equal(f->message.hello.schema, 7);
    assert_string_equal(f->message.hello.app, "z");
}

/* Reads `extra` bytes after the sample of a kind. */
static rove_status with(fixture *f, const char *name, const void *extra, size_t size) {
    write_sample(f, kind_of(name));
    rove__buf_append(&f->bytes, extra, size);
    return read_bytes(f, kind_of(name));
}

static void the_encoding_is_checked_before_it_is_unpacked(void **state) {
    fixture *f = *state;

    assert_int_equal(with(f, "end", "\x63\x64", 2), ROVE_PROTOCOL);     /* a group */
    assert_int_equal(with(f, "end", "\x67", 1), ROVE_PROTOCOL);         /* no such wire type */
    assert_int_equal(with(f, "end", "\x00\x01", 2), ROVE_PROTOCOL);     /* field 0 */
    assert_int_equal(with(f, "end", "\x18\x80\x00", 3), ROVE_PROTOCOL); /* an overlong varint */
    assert_int_equal(with(f, "end", "\x12\x05 ab", 5), ROVE_PROTOCOL);  /* past the end */
    assert_int_equal(with(f, "end", "\x12\xff\xff\xff\xff\x0f", 6), ROVE_PROTOCOL);
    assert_int_equal(with(f, "end", "\x0a\x01\x01", 3), ROVE_PROTOCOL);     /* a bool as bytes */
    assert_int_equal(with(f, "ack", "\x22\x02\x08\x80", 4), ROVE_PROTOCOL); /* inside a verdict */
    assert_int_equal(with(f, "fail", "\x12\x01\xff", 3), ROVE_UTF8);
    assert_int_equal(with(f, "fail",
                          "\x12\x03"
                          "a\0b",
                          5),
                     ROVE_UTF8);
    assert_int_equal(with(f, "ack", "\x22\x03\x32\x01\xff", 5), ROVE_UTF8);
}

static void ranges_are_checked(void **state) {
    static const struct {
        const char *name;
        const char *extra;
        size_t size;
    } cases[] = {
        {"hello", "\x10\x00", 2},                  /* schema 0 */
        {"hello", "\x20\x00", 2},                  /* replica 0 */
        {"hello", "\x20\x80\x80\x80\x80\x08", 6},  /* replica 2^31 */
        {"hello", "\x52\x01x", 3},                 /* a chain of one byte */
        {"hello", "\x6a\x01x", 3},                 /* a total of one byte */
        {"push", "\x08\x00", 2},                   /* number 0 */
        {"push", "\x10\x80\x01", 3},               /* ordinal 128 */
        {"push", "\x20\x00", 2},                   /* schema 0 */
        {"push", "\x32\x00", 2},                   /* no rows */
        {"digest", "\x0a\x01\x02", 3},             /* a root without a part */
        {"digest", "\x1a\x01x", 3},                /* sums of one byte */
        {"digest", "\x0a\x01\x01\x12\x01\x00", 6}, /* root -1, without its sum */
        {"digest", "\x3a\x01x", 3},                /* sums of buckets of one byte */
        {"digest", "\x50\x01", 2},                 /* buckets without a scope */
        {"welcome", "\x28\x00", 2},                /* replica 0 */
        {"welcome", "\x3a\x01x", 3},               /* a key of one byte */
        {"welcome", "\x48\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11}, /* poll -1 */
        {"welcome", "\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11}, /* before the epoch */
        {"welcome", "\x30\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11}, /* user -1 */
        {"welcome", "\x68\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11}, /* lease -1 */
        {"welcome", "\x50\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11}, /* renewal -1 */
        {"welcome", "\x28\x80\x80\x80\x80\x08", 6},                      /* replica 2^31 */
        {"welcome", "\x10\x00", 2},                                      /* schema 0 */
        {"ack", "\x08\x00", 2},                                          /* number 0 */
        {"ack", "\x12\x00", 2},                                          /* an empty chain */
        {"ack", "\x22\x06\x08\x06\x10\x01\x18\x01", 8},                  /* verdict 6 */
        {"ack", "\x22\x04\x08\x01\x10\x01", 6},                          /* a verdict on no row */
        {"ack", "\x2a\x04\x08\x01\x10\x01", 6},         /* a canonical stamp of 0 */
        {"ack", "\x32\x06\x08\x01\x10\x01\x28\x01", 8}, /* a rename without an origin */
        {"need", "\x08\x00", 2},                        /* number 0 */
        {"renumber", "\x0a\x00", 2},                    /* an empty rename */
        {"need_row", "\x0a\x00", 2},                    /* an empty origin */
        {"page", "\x22\x01\x02", 3},                    /* held: one past the largest id */
        {"page", "\x12\x01\x00", 3},                    /* a part without a root */
        {"page", "\x7a\x01\x01", 3},                    /* buckets without a scope */
        {"differ", "\x12\x01\x00", 3},                  /* a part without a root */
        {"differ", "\x1a\x01\x01", 3},                  /* buckets without a scope */
        {"fail", "\x08\x00", 2},                        /* a failure that is none */
        {"fail", "\x08\x01", 2},                        /* done is none either */
        {"end", "\x12\x01x", 3},                        /* a total of one byte */
        {"hello_sealing", "\x7a\x01x", 3},              /* an id of one byte */
        {"welcome_sealing", "\x62\x01x", 3},            /* a sealing key of one byte */
        {"formers", "\x0a\x01\x09", 3},                 /* a replica without a number */
        {"formers", "\x12\x01\x09", 3},                 /* a number without a replica */
        {"formers", "\x1a\x01x", 3},                    /* hashes of one byte */
        {"formers", "\x22\x01\x09", 3},                 /* a seq too many */
    };
    fixture *f = *state;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (with(f, cases[i].name, cases[i].extra, cases[i].size) != ROVE_PROTOCOL) {
            fail_msg("case %zu of %s was taken", i, cases[i].name);
        }
    }
}

static void what_says_nothing_is_not_written(void **state) {
    static const rove__verdict verdict = {
        .entity = 6, .id = 1, .code = ROVE_VERDICT_LOST, .reason = NULL};
    rove__ack ack = sample_ack;
    rove__fail fail = {.status = ROVE_BUSY};
    rove__renumber renumber = {.rename_count = 0};
    rove__need_row need_row = {.count = 0};
    fixture *f = *state;

    assert_int_equal(rove__renumber_write(&renumber, &f->bytes), ROVE_INVALID);
    assert_int_equal(rove__need_row_write(&need_row, &f->bytes), ROVE_INVALID);
    rove__buf_reset(&f->bytes);
    assert_int_equal(rove__fail_write(&fail, &f->bytes), ROVE_OK);
    assert_int_equal(read_bytes(f, kind_of("fail")), ROVE_OK);
    assert_string_equal(f->message.fail.reason, "");
    ack.verdicts = &verdict; /* without a sentence */
    ack.verdict_count = 1;
    rove__buf_reset(&f->bytes);
    assert_int_equal(rove__ack_write(&ack, &f->bytes), ROVE_OK);
    assert_int_equal(read_bytes(f, kind_of("ack")), ROVE_OK);
    assert_string_equal(f->message.ack.verdicts[0].reason, "");
}

static void what_has_to_be_there_is_missed(void **state) {
    fixture *f = *state;

    for (size_t i = 0; i < MESSAGE_KINDS; i++) {
        const char *name = message_kinds[i].name;
        int may_be_empty = strcmp(name, "digest") == 0 || strcmp(name, "differ") == 0 ||
                           strcmp(name, "end") == 0 || strcmp(name, "formers") == 0;

        rove__buf_reset(&f->bytes);
        assert_int_equal(read_bytes(f, &message_kinds[i]), may_be_empty ? ROVE_OK : ROVE_PROTOCOL);
    }
}

static void another_protocol_version_is_said_to_be_one(void **state) {
    fixture *f = *state;

    assert_int_equal(with(f, "hello", "", 0), ROVE_OK);
    f->bytes.data[1] = 2;
    assert_int_equal(read_bytes(f, kind_of("hello")), ROVE_VERSION);
    f->bytes.data[1] = 0;
    assert_int_equal(read_bytes(f, kind_of("hello")), ROVE_VERSION);
    assert_int_equal(with(f, "welcome", "", 0), ROVE_OK);
    f->bytes.data[1] = 9;
    assert_int_equal(read_bytes(f, kind_of("welcome")), ROVE_VERSION);
    /* Whatever else has changed in it. */
    rove__buf_reset(&f->bytes);
    rove__buf_append(&f->bytes, "\x08\x02\x12\x03xyz", 7);
    assert_int_equal(read_bytes(f, kind_of("hello")), ROVE_VERSION);
    /* A second one does not get past the first. */
    assert_int_equal(with(f, "hello", "\x08\x02", 2), ROVE_VERSION);
    assert_int_equal(with(f, "hello", "\x08\x00", 2), ROVE_VERSION);
    assert_int_equal(with(f, "welcome", "\x08\x02", 2), ROVE_VERSION);
    assert_int_equal(with(f, "welcome", "\x08\x00", 2), ROVE_VERSION);
}

static void every_status_travels(void **state) {
    static const rove_status statuses[] = {
#define VALUE(name, value, class_, text) ROVE_##name,
        ROVE_STATUS_MAP(VALUE)
#undef VALUE
    };
    fixture *f = *state;

    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++) {
        rove__verdict verdict = {6, 1, 0, ROVE_VERDICT_REJECTED, statuses[i], ""};
        rove__ack ack = sample_ack;
        ack.verdicts = &verdict;
        ack.verdict_count = 1;
        rove__buf_reset(&f->bytes);
        assert_int_equal(rove__ack_write(&ack, &f->bytes), ROVE_OK);
        assert_int_equal(read_bytes(f, kind_of("ack")), ROVE_OK);
        assert_int_equal(f->message.ack.verdicts[0].status, statuses[i]);
    }
}

static void statuses_of_a_newer_peer_become_known_ones(void **state) {
    fixture *f = *state;

    assert_int_equal(with(f, "fail", "\x08\xe7\x07", 3), ROVE_OK);
    assert_int_equal(f->message.fail.status, ROVE_SERVER);
    assert_int_equal(with(f, "ack", "\x22\x09\x08\x04\x10\x01\x18\x01\x28\xe7\x07", 11), ROVE_OK);
    assert_int_equal(f->message.ack.verdicts[2].status, ROVE_INVALID);
}

static void texts_and_tokens_are_limited(void **state) {
    fixture *f = *state;
    char text[ROVE_TEXT_MAX + 2];
    uint8_t bytes[ROVE_POLICY_MAX + 1] = {0};
    rove__hello hello = sample_hello;
    rove__welcome welcome = sample_welcome;
    const uint8_t seal_key[2 + ROVE_SEAL_KEY_SIZE + 1] = {0x62, ROVE_SEAL_KEY_SIZE + 1};

    /* One byte longer than a sealing key is. */
    assert_int_equal(with(f, "welcome_sealing", seal_key, sizeof seal_key), ROVE_PROTOCOL);
    for (size_t past = 0; past < 2; past++) {
        rove_status expected = past ? ROVE_PROTOCOL : ROVE_OK;

        hello = sample_hello;
        memset(text, 'x', sizeof text);
        text[ROVE_TEXT_MAX + past] = '\0';
        hello.app = text;
        rove__buf_reset(&f->bytes);
        assert_int_equal(rove__hello_write(&hello, &f->bytes), ROVE_OK);
        assert_int_equal(read_bytes(f, kind_of("hello")), expected);
        hello = sample_hello;
        hello.token = (rove__bytes){bytes, ROVE_TOKEN_MAX + past};
        rove__buf_reset(&f->bytes);
        assert_int_equal(rove__hello_write(&hello, &f->bytes), ROVE_OK);
        assert_int_equal(read_bytes(f, kind_of("hello")), expected);
        rove__page page = sample_page;
        page.token = hello.token;
        rove__buf_reset(&f->bytes);
        assert_int_equal(rove__page_write(&page, &f->bytes), ROVE_OK);
        assert_int_equal(read_bytes(f, kind_of("page")), expected);
        welcome.policy = (rove__bytes){bytes, ROVE_POLICY_MAX + past};
        rove__buf_reset(&f->bytes);
        assert_int_equal(rove__welcome_write(&welcome, &f->bytes), ROVE_OK);
        assert_int_equal(read_bytes(f, kind_of("welcome")), expected);
    }
}

/* As a writer they say no themselves. */
static void lists_of_renames_and_origins_are_limited(void **state) {
    fixture *f = *state;
    rove__rename *renames = calloc(ROVE_VERDICTS_MAX + 1, sizeof *renames);
    rove__origin *origins = calloc(ROVE_VERDICTS_MAX + 1, sizeof *origins);
    rove__renumber renumber = {.renames = renames, .rename_count = ROVE_VERDICTS_MAX};
    rove__need_row need_row = {origins, ROVE_VERDICTS_MAX};

    for (size_t past = 0; past < 2; past++) {
        rove_status expected = past ? ROVE_INVALID : ROVE_OK;
        rove__buf_reset(&f->bytes);
        assert_int_equal(rove__renumber_write(&renumber, &f->bytes), expected);
        rove__buf_reset(&f->bytes);
        assert_int_equal(rove__need_row_write(&need_row, &f->bytes), expected);
        renumber.rename_count++;
        need_row.count++;
    }
    free(renames);
    free(origins);
}

static void batches_in_messages_are_limited(void **state) {
    fixture *f = *state;
    uint8_t *bytes = calloc(1, ROVE_FRAME_MAX + 1);

    for (size_t past = 0; past < 2; past++) {
        rove_status expected = past ? ROVE_PROTOCOL : ROVE_OK;
        rove__bytes rows = {bytes, ROVE_BATCH_MAX + past};
        rove__push push = sample_push;
        rove__ack ack = sample_ack;
        rove__page page = sample_page;
        rove__renumber renumber = sample_renumber;

        push.rows = ack.rows = page.rows = renumber.rows = rows;
        rove__buf_reset(&f->bytes);
        assert_int_equal(rove__push_write(&push, &f->bytes), ROVE_OK);
        assert_true(f->bytes.size <= ROVE_FRAME_SURE);
        assert_int_equal(read_bytes(f, kind_of("push")), expected);
        rove__buf_reset(&f->bytes);
        assert_int_equal(rove__ack_write(&ack, &f->bytes), ROVE_OK);
        assert_int_equal(read_bytes(f, kind_of("ack")), expected);
        rove__buf_reset(&f->bytes);
        assert_int_equal(rove__page_write(&page, &f->bytes), ROVE_OK);
        assert_int_equal(read_bytes(f, kind_of("page")), expected);
        rove__buf_reset(&f->bytes);
        assert_int_equal(rove__renumber_write(&renumber, &f->bytes), ROVE_OK);
        assert_int_equal(read_bytes(f, kind_of("renumber")), expected);
    }
    rove__buf_reset(&f->bytes);
    assert_int_equal(rove__push_write(&(rove__push){.rows = {bytes, ROVE_FRAME_MAX}}, &f->bytes),
                     ROVE_TOO_BIG);
    free(bytes);
}

static void lists_are_limited(void **state) {
    fixture *f = *state;
    rove__scope *scopes = calloc(ROVE_SCOPES_MAX + 1, sizeof *scopes);
    rove__portion *portions = calloc(ROVE_SCOPES_MAX + 1, sizeof *portions);
    rove__bucket_digest *buckets = calloc(ROVE_BUCKETED_MAX + 1, sizeof *buckets);
    rove__scope_digest *digests = calloc(ROVE_SCOPES_MAX + 1, sizeof *digests);
    rove_id *held = calloc(ROVE_HELD_MAX + 1, sizeof *held);

    for (size_t past = 0; past < 2; past++) {
        rove_status expected = past ? ROVE_INVALID : ROVE_OK;
        size_t count = ROVE_SCOPES_MAX + past;
        size_t fetched = ROVE_FETCHED_MAX + past;
        rove__digest_list lists[] = {{.items = digests, .count = count, .last = 1},
                                     {.buckets = buckets, .bucket_count = ROVE_BUCKETED_MAX + past},
                                     {.fetched = portions, .fetched_count = fetched},
                                     {.buckets = buckets,
                                      .bucket_count = ROVE_BUCKETED_MAX,
                                      .fetched = portions,
                                      .fetched_count = fetched}};
        rove__differ differs[] = {{.portions = portions, .count = count},
                                  {.again = portions, .again_count = fetched}};
        rove__page pages[] = {{.left = scopes, .left_count = count},
                              {.begin = portions, .begin_count = count},
                              {.done = scopes, .done_count = count},
                              {.held = held, .held_count = ROVE_HELD_MAX + past, .has_held = 1}};

        for (size_t i = 0; i < 4; i++) {
            rove__buf_reset(&f->bytes);
            assert_int_equal(rove__digest_list_write(&lists[i], &f->bytes), expected);
            if (!past) {
                assert_true(f->bytes.size <= ROVE_FRAME_SURE);
                assert_int_equal(read_bytes(f, kind_of("digest")), ROVE_OK);
            }
        }
        for (size_t i = 0; i < 2; i++) {
            rove__buf_reset(&f->bytes);
            assert_int_equal(rove__differ_write(&differs[i], &f->bytes), expected);
            if (!past) {
                assert_int_equal(read_bytes(f, kind_of("differ")), ROVE_OK);
            }
        }
        for (size_t i = 0; i < 4; i++) {
            rove__buf_reset(&f->bytes);
            assert_int_equal(rove__page_write(&pages[i], &f->bytes), expected);
            if (!past) {
                assert_int_equal(read_bytes(f, kind_of("page")), ROVE_OK);
            }
        }
    }
    free(scopes);
    free(portions);
    free(buckets);
    free(digests);
    free(held);
}

/* A packed list, or bytes: `size` times a byte, in a field of a peer that knows no limit. */
static void put_many(fixture *f, uint8_t field, uint8_t byte, size_t size) {
    rove__buf_byte(&f->bytes, (uint8_t)(field << 3 | 2));
    rove__buf_varint(&f->bytes, size);
    memset(rove__buf_reserve(&f->bytes, size), byte, size);
}

static void a_peer_s_long_list_is_refused(void **state) {
    fixture *f = *state;

    for (size_t past = 0; past < 2; past++) {
        rove_status expected = past ? ROVE_PROTOCOL : ROVE_OK;

        rove__buf_reset(&f->bytes);
        put_many(f, 1, 0, ROVE_SCOPES_MAX + past);
        put_many(f, 2, 0, ROVE_SCOPES_MAX + past);
        assert_int_equal(read_bytes(f, kind_of("differ")), expected);
        rove__buf_reset(&f->bytes);
        put_many(f, 5, 0, ROVE_BUCKETED_MAX + past);
        put_many(f, 6, 0, ROVE_BUCKETED_MAX + past);
        put_many(f, 7, 0, (ROVE_BUCKETED_MAX + past) * ROVE_BUCKETS * 16);
        assert_int_equal(read_bytes(f, kind_of("digest")), expected);
        rove__buf_reset(&f->bytes);
        put_many(f, 8, 0, ROVE_FETCHED_MAX + past);
        put_many(f, 9, 0, ROVE_FETCHED_MAX + past);
        assert_int_equal(read_bytes(f, kind_of("digest")), expected);
        rove__buf_reset(&f->bytes);
        put_many(f, 1, 9, ROVE_FORMERS_MAX + past);
        put_many(f, 2, 1, ROVE_FORMERS_MAX + past);
        assert_int_equal(read_bytes(f, kind_of("formers")), expected);
    }
}

/* One item more than fits a list, appended by a peer. */
static void a_peer_s_long_list_of_messages_is_refused(void **state) {
    static const struct {
        const char *name;
        const char *item;
        size_t size;
    } cases[] = {
        {"ack", "\x2a\x11\x08\1\x10\1\x29\2\0\0\0\0\0\0\0\x30\0\x18\0", 19},   /* a stamp */
        {"ack", "\x32\x11\x08\1\x10\1\x19\2\0\0\0\0\0\0\0\x20\x09\x28\2", 19}, /* a rename */
        {"renumber", "\x0a\x11\x08\1\x10\1\x19\2\0\0\0\0\0\0\0\x20\x09\x28\2", 19},
        {"need_row", "\x0a\x0b\x09\2\0\0\0\0\0\0\0\x10\x09", 13},
    };
    fixture *f = *state;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        /* Two are in the sample. */
        write_sample(f, kind_of(cases[i].name));
        for (size_t n = 2; n < ROVE_VERDICTS_MAX; n++) {
            rove__buf_append(&f->bytes, cases[i].item, cases[i].size);
        }
        assert_int_equal(read_bytes(f, kind_of(cases[i].name)), ROVE_OK);
        rove__buf_append(&f->bytes, cases[i].item, cases[i].size);
        assert_int_equal(read_bytes(f, kind_of(cases[i].name)), ROVE_PROTOCOL);
    }
}

static rove_status write_ack_lists(fixture *f, size_t verdicts, size_t canonicals, size_t renames) {
    rove__ack ack = sample_ack;
    rove__verdict *verdict = calloc(verdicts + 1, sizeof *verdict);
    rove__canonical *canonical = calloc(canonicals + 1, sizeof *canonical);
    rove__rename *rename = calloc(renames + 1, sizeof *rename);
    rove_status status = ROVE_OK;

    for (size_t i = 0; i < verdicts; i++) {
        verdict[i] = (rove__verdict){1, (rove_id)i + 1, 0, ROVE_VERDICT_KNOWN, ROVE_OK, ""};
    }
    for (size_t i = 0; i < canonicals; i++) {
        canonical[i] = (rove__canonical){(rove_id)i + 1, 1, 0, i, i + 1};
    }
    for (size_t i = 0; i < renames; i++) {
        rename[i] = (rove__rename){1, (rove_id)i + 1, {i + 1, 9}, (rove_id)i + 9};
    }
    ack.verdicts = verdict;
    ack.verdict_count = verdicts;
    ack.canonicals = canonical;
    ack.canonical_count = canonicals;
    ack.renames = rename;
    ack.rename_count = renames;
    rove__buf_reset(&f->bytes);
    status = rove__ack_write(&ack, &f->bytes);
    free(verdict);
    free(canonical);
    free(rename);
    return status;
}

static void verdicts_stamps_and_renames_are_limited(void **state) {
    fixture *f = *state;
    const size_t max = ROVE_VERDICTS_MAX;

    assert_int_equal(write_ack_lists(f, max, max / 2, 0), ROVE_OK);
    assert_int_equal(read_bytes(f, kind_of("ack")), ROVE_OK);
    assert_int_equal(f->message.ack.verdict_count, max);
    assert_int_equal(f->message.ack.verdicts[max - 1].id, max);
    assert_int_equal(write_ack_lists(f, 0, max, 0), ROVE_OK);
    assert_int_equal(read_bytes(f, kind_of("ack")), ROVE_OK);
    assert_int_equal(write_ack_lists(f, 0, 0, max), ROVE_OK);
    assert_int_equal(read_bytes(f, kind_of("ack")), ROVE_OK);
    assert_int_equal(write_ack_lists(f, max + 1, 0, 0), ROVE_INVALID);
    assert_int_equal(write_ack_lists(f, 0, max + 1, 0), ROVE_INVALID);
    assert_int_equal(write_ack_lists(f, 0, 0, max + 1), ROVE_INVALID);
    /* One more verdict, appended by a peer. */
    assert_int_equal(write_ack_lists(f, max, 0, 0), ROVE_OK);
    rove__buf_append(&f->bytes, "\x22\x06\x08\x05\x10\x01\x18\x01", 8);
    assert_int_equal(read_bytes(f, kind_of("ack")), ROVE_PROTOCOL);
    assert_int_equal(rove__need_row_write(&(rove__need_row){sample_origins, 0}, &f->bytes),
                     ROVE_INVALID);
    assert_int_equal(rove__renumber_write(&(rove__renumber){0}, &f->bytes), ROVE_INVALID);
}

static void batches_of_former_numbers_are_limited(void **state) {
    fixture *f = *state;
    static rove__former many[ROVE_FORMERS_MAX + 1];
    rove__formers formers = {many, ROVE_FORMERS_MAX, 1};

    for (size_t i = 0; i < sizeof many / sizeof *many; i++) {
        many[i] = (rove__former){0x7fffffff, INT64_MAX, {{1}}, 0};
    }
    rove__buf_reset(&f->bytes);
    assert_int_equal(rove__formers_write(&formers, &f->bytes), ROVE_OK);
    assert_true(f->bytes.size <= ROVE_FRAME_SURE);
    assert_int_equal(read_bytes(f, kind_of("formers")), ROVE_OK);
    assert_int_equal(f->message.formers.count, ROVE_FORMERS_MAX);
    formers.count++;
    assert_int_equal(rove__formers_write(&formers, &f->bytes), ROVE_INVALID);
    for (int i = 0; i < 4; i++) {
        many[1] = (rove__former){i == 0   ? 0
                                 : i == 1 ? 0x80000000u
                                          : 9,
                                 i == 2   ? 0
                                 : i == 3 ? (uint64_t)INT64_MAX + 1
                                          : 1,
                                 {{1}},
                                 0};
        formers.count = 2;
        rove__buf_reset(&f->bytes);
        assert_int_equal(rove__formers_write(&formers, &f->bytes), ROVE_OK);
        assert_int_equal(read_bytes(f, kind_of("formers")), ROVE_PROTOCOL);
    }
    /* None at all: headquarters asks which there are. */
    formers.count = 0;
    formers.hashed = 0;
    rove__buf_reset(&f->bytes);
    assert_int_equal(rove__formers_write(&formers, &f->bytes), ROVE_OK);
    assert_int_equal(f->bytes.size, 0);
    assert_int_equal(read_bytes(f, kind_of("formers")), ROVE_OK);
}

/*
 * Frames full of the smallest fields and of empty submessages: refused before memory is spent on
 * them.
 */
static void swarms_of_fields_are_refused(void **state) {
    static const char *const swarms[] = {"\x18\x01", "\x22\x00", "\x98\x06\x01"};
    fixture *f = *state;

    for (size_t i = 0; i < 3; i++) {
        size_t size = strlen(swarms[i]) == 1 ? 2 : strlen(swarms[i]);

        rove__buf_reset(&f->bytes);
        while (f->bytes.size + size <= ROVE_FRAME_MAX) {
            rove__buf_append(&f->bytes, swarms[i], size);
        }
        assert_int_equal(read_bytes(f, kind_of("ack")), ROVE_PROTOCOL);
        assert_int_equal(f->arena.used, 0);
    }
    rove__buf_reset(&f->bytes);
    rove__buf_append(&f->bytes, "\x22\x42", 2); /* a verdict of 33 fields */
    for (int i = 0; i < 33; i++) {
        rove__buf_append(&f->bytes, "\x08\x01", 2);
    }
    assert_int_equal(read_bytes(f, kind_of("ack")), ROVE_PROTOCOL);
    assert_int_equal(f->arena.used, 0);
    rove__buf_reset(&f->bytes);
    memset(rove__buf_reserve(&f->bytes, ROVE_FRAME_MAX + 1), 0x08, ROVE_FRAME_MAX + 1);
    assert_int_equal(read_bytes(f, kind_of("end")), ROVE_PROTOCOL);
}

/* Bytes of unknown quality in a block of exactly their size. */
static rove_status try_bytes(fixture *f, const message_kind *kind, const uint8_t *bytes,
                             size_t size) {
    uint8_t *exact = malloc(size == 0 ? 1 : size);
    rove_status status = ROVE_OK;

    memcpy(exact, bytes, size);
    rove__arena_reset(&f->arena);
    status = kind->read(&f->message, exact, size, &f->arena);
    if (status == ROVE_OK) {
        rove__buf_reset(&f->again);
        assert_int_equal(kind->write(&f->message, &f->again), ROVE_OK);
    } else {
        assert_true(status == ROVE_PROTOCOL || status == ROVE_UTF8 || status == ROVE_VERSION);
    }
    free(exact);
    return status;
}

static void a_message_cut_anywhere_does_no_harm(void **state) {
    fixture *f = *state;

    for (size_t i = 0; i < MESSAGE_KINDS; i++) {
        write_sample(f, &message_kinds[i]);
        for (size_t size = 0; size < f->bytes.size; size++) {
            (void)try_bytes(f, &message_kinds[i], f->bytes.data, size);
        }
    }
}

static void a_flipped_bit_does_no_harm(void **state) {
    fixture *f = *state;

    for (size_t i = 0; i < MESSAGE_KINDS; i++) {
        write_sample(f, &message_kinds[i]);
        for (size_t bit = 0; bit < f->bytes.size * 8; bit++) {
            f->bytes.data[bit / 8] ^= (uint8_t)(1u << (bit % 8));
            (void)try_bytes(f, &message_kinds[i], f->bytes.data, f->bytes.size);
            f->bytes.data[bit / 8] ^= (uint8_t)(1u << (bit % 8));
        }
    }
}

static void noise_does_no_harm(void **state) {
    fixture *f = *state;
    uint64_t seed = 3;

    for (size_t run = 0; run < 60000; run++) {
        uint8_t bytes[48];
        size_t size = (size_t)dice(&seed) % sizeof bytes;

        for (size_t i = 0; i < size; i++) {
            bytes[i] = (uint8_t)(dice(&seed) % 3 == 0 ? dice(&seed) : dice(&seed) % 64);
        }
        (void)try_bytes(f, &message_kinds[run % MESSAGE_KINDS], bytes, size);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_says_nothing_is_not_written, open, close),
        cmocka_unit_test_setup_teardown(samples_round_trip, open, close),
        cmocka_unit_test_setup_teardown(samples_fill_every_field, open, close),
        cmocka_unit_test_setup_teardown(device_messages_mean_the_same, open, close),
        cmocka_unit_test_setup_teardown(answers_mean_the_same, open, close),
        cmocka_unit_test_setup_teardown(what_is_left_out_reads_as_nothing, open, close),
        cmocka_unit_test_setup_teardown(an_idle_exchange_is_small, open, close),
        cmocka_unit_test_setup_teardown(unknown_fields_are_ignored, open, close),
        cmocka_unit_test_setup_teardown(duplicates_have_nothing_to_merge, open, close),
        cmocka_unit_test_setup_teardown(the_encoding_is_checked_before_it_is_unpacked, open, close),
        cmocka_unit_test_setup_teardown(ranges_are_checked, open, close),
        cmocka_unit_test_setup_teardown(what_has_to_be_there_is_missed, open, close),
        cmocka_unit_test_setup_teardown(another_protocol_version_is_said_to_be_one, open, close),
        cmocka_unit_test_setup_teardown(every_status_travels, open, close),
        cmocka_unit_test_setup_teardown(statuses_of_a_newer_peer_become_known_ones, open, close),
        cmocka_unit_test_setup_teardown(texts_and_tokens_are_limited, open, close),
        cmocka_unit_test_setup_teardown(lists_of_renames_and_origins_are_limited, open, close),
        cmocka_unit_test_setup_teardown(batches_in_messages_are_limited, open, close),
        cmocka_unit_test_setup_teardown(lists_are_limited, open, close),
        cmocka_unit_test_setup_teardown(a_peer_s_long_list_is_refused, open, close),
        cmocka_unit_test_setup_teardown(a_peer_s_long_list_of_messages_is_refused, open, close),
        cmocka_unit_test_setup_teardown(verdicts_stamps_and_renames_are_limited, open, close),
        cmocka_unit_test_setup_teardown(batches_of_former_numbers_are_limited, open, close),
        cmocka_unit_test_setup_teardown(swarms_of_fields_are_refused, open, close),
        cmocka_unit_test_setup_teardown(a_message_cut_anywhere_does_no_harm, open, close),
        cmocka_unit_test_setup_teardown(a_flipped_bit_does_no_harm, open, close),
        cmocka_unit_test_setup_teardown(noise_does_no_harm, open, close),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
