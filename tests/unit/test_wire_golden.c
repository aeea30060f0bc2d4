/*
 * Golden bytes of wire version 1: what was written once is read for ever, and is still written
 * alike.
 *
 *   test_wire_golden            compares with $ROVE_SOURCE_DIR/tests/golden/wire-1/(name).hex
 *   test_wire_golden --rewrite  writes these files anew: only ever for a sample that is new
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "changes.h"
#include "hex.h"
#include "messages.h"
#include "seals.h"
#include "wire/frame.h"
#include "wire/order.h"

#define FILE_MAX    65536
#define CHANGES_MAX 8

typedef struct fixture {
    heap h;
    rove_allocator allocator;
    rove__arena arena;
    rove__registry *registry;
    rove__buf bytes;
    rove__buf again;
} fixture;

static int rewriting;

static int open(void **state) {
    fixture *f = calloc(1, sizeof *f);

    f->allocator = heap_allocator(&f->h);
    rove__arena_init(&f->arena, &f->allocator, ROVE_MESSAGE_ARENA_MAX);
    rove__buf_init(&f->bytes, &f->allocator, ROVE_FRAME_MAX);
    rove__buf_init(&f->again, &f->allocator, ROVE_FRAME_MAX);
    *state = f;
    return rove__registry_new(&f->allocator, &f->registry) == ROVE_OK ? 0 : -1;
}

static int close(void **state) {
    fixture *f = *state;
    size_t alive = 0;

    rove__registry_free(f->registry);
    rove__arena_free(&f->arena);
    rove__buf_free(&f->bytes);
    rove__buf_free(&f->again);
    alive = f->h.alive;
    free(f);
    return alive == 0 ? 0 : -1;
}

static FILE *open_file(const char *name, const char *mode) {
    const char *root = getenv("ROVE_SOURCE_DIR");
    char path[1024];
    FILE *file = NULL;

    snprintf(path, sizeof path, "%s/tests/golden/wire-1/%s.hex", root == NULL ? "." : root, name);
    file = fopen(path, mode);
    if (file == NULL) {
        fail_msg("%s cannot be opened", path);
    }
    return file;
}

/* The golden bytes into `out`; with --rewrite, `bytes` become the golden ones first. */
static void golden(fixture *f, const char *name, const rove__buf *bytes, rove__buf *out) {
    char *text = malloc(2 * FILE_MAX);
    size_t digits = 0;
    FILE *file = NULL;
    int c = 0;

    if (rewriting) {
        file = open_file(name, "w");
        for (size_t i = 0; i < bytes->size; i++) {
            fprintf(file, "%02x%s", bytes->data[i], i % 48 == 47 ? "\n" : "");
        }
        fprintf(file, "\n");
        assert_int_equal(fclose(file), 0);
    }
    file = open_file(name, "r");
    while ((c = fgetc(file)) != EOF && digits < 2 * FILE_MAX - 1) {
        if (c != '\n') {
            text[digits++] = (char)c;
        }
    }
    text[digits] = '\0';
    fclose(file);
    rove__buf_init(out, &f->allocator, FILE_MAX);
    (void)hex_read(text, rove__buf_reserve(out, digits / 2), digits / 2);
    free(text);
}

static void assert_same_bytes(const rove__buf *a, const rove__buf *b) {
    assert_int_equal(a->size, b->size);
    assert_memory_equal(a->data, b->data, a->size);
}

static void messages_are_read_and_written_as_ever(void **state) {
    fixture *f = *state;

    for (size_t i = 0; i < MESSAGE_KINDS; i++) {
        const message_kind *kind = &message_kinds[i];
        any_message message;
        rove__buf expected;

        kind->fill(&message);
        rove__buf_reset(&f->bytes);
        assert_int_equal(kind->write(&message, &f->bytes), ROVE_OK);
        golden(f, kind->name, &f->bytes, &expected);
        assert_same_bytes(&f->bytes, &expected);
        assert_int_equal(kind->read(&message, expected.data, expected.size, &f->arena), ROVE_OK);
        rove__buf_reset(&f->again);
        assert_int_equal(kind->write(&message, &f->again), ROVE_OK);
        assert_same_bytes(&f->again, &expected);
        rove__buf_free(&expected);
    }
}

/* As they were before a message gained fields: what a device of that time sends is understood. */
static void what_older_builds_wrote_is_read_and_written_as_ever(void **state) {
    static const char *const names[] = {"digest", "page", "differ", "end"};
    fixture *f = *state;

    for (size_t i = 0; i < MESSAGE_KINDS && !rewriting; i++) {
        const message_kind *kind = &message_kinds[i];
        for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
            any_message message;
            rove__buf expected;
            char name[32];
            if (strcmp(kind->name, names[k]) != 0) {
                continue;
            }
            snprintf(name, sizeof name, "%s-1", kind->name);
            golden(f, name, &f->bytes, &expected);
            assert_int_equal(kind->read(&message, expected.data, expected.size, &f->arena),
                             ROVE_OK);
            rove__buf_reset(&f->again);
            assert_int_equal(kind->write(&message, &f->again), ROVE_OK);
            assert_same_bytes(&f->again, &expected);
            rove__buf_free(&expected);
        }
    }
}

static void set(rove__row *row, const char *field, rove_value value) {
    rove__row_set(row, (size_t)rove__entity_field_named(row->entity, field), value);
}

static rove__change visit(fixture *f, rove__op op, rove_id id) {
    rove__change change = {.op = op};
    const rove__entity *entity = rove__registry_by_name(f->registry, "Visit");
    rove__origin origin = {rove__stamp_make(1795423000000 + id % 1000, 7), 9};

    assert_int_equal(rove__row_init(&change.row, entity, id, &f->arena), ROVE_OK);
    rove__clock_init(&change.clock, origin, origin, 0);
    return change;
}

static void set_visit(rove__row *row) {
    int64_t n = row->id % 1000;

    set(row, "account_id", rove__value_int(rove__id_make(1, (uint32_t)(7 + n % 3))));
    set(row, "planned_start", rove__value_int(1795424400000 + 900000 * (n * n % 50)));
    set(row, "status", rove__value_int(1 + n % 4));
    set(row, "notes",
        rove__value_text(n % 2 == 0 ? "Asked for samples." : "\xe8\xae\xa2\xe5\x8d\x95"));
    if (n % 3 == 0) {
        set(row, "outcome", rove__value_text("order"));
    }
}

static void add_entry(fixture *f, rove__change *change, uint32_t field, uint32_t epoch) {
    rove__clock_entry entry = {field, epoch, {change->clock.base.stamp + field * 65536, 12}, 0};

    assert_int_equal(rove__clock_set(&change->clock, &f->arena, entry), ROVE_OK);
}

static void add_edits(rove__change *change, rove__edit *edits, size_t count) {
    change->edits = edits;
    change->edit_count = count;
    change->cursor = (rove__cursor){0x1122334455667788, 400};
    change->replica = 9;
}

/* One change, or a few, of each op; the tombstone's entity is one that no build knows. */
static size_t sample_changes(fixture *f, rove__op op, rove__change *changes) {
    static rove__edit edits[] = {{11, 0, 117665161216000001, {117665161216000000, 9}},
                                 {19, 1, 117665161216000002, {0, 0}}};
    static rove__edit deleted[] = {{0, 0, 117665161216000003, {0, 0}}};
    static rove__extra extra[] = {{900, {ROVE_TEXT, 5, {.data = (const uint8_t *)"newer"}}},
                                  {1001, {ROVE_REAL, 0, {.real = -2.5}}}};
    size_t count = op == ROVE_OP_WHOLE ? CHANGES_MAX : 1;

    for (size_t i = 0; i < count; i++) {
        changes[i] = visit(f, op, rove__id_make(9, 1000 + (uint32_t)i));
        if (op != ROVE_OP_DELETE && op != ROVE_OP_TOMBSTONE && op != ROVE_OP_MARK) {
            set_visit(&changes[i].row);
        }
    }
    if (op == ROVE_OP_INSERT || op == ROVE_OP_UPDATE || op == ROVE_OP_SEAL) {
        add_edits(&changes[0], edits, op == ROVE_OP_INSERT ? 0 : 2);
        set(&changes[0].row, "next_step", rove__value_null());
    } else if (op == ROVE_OP_DELETE) {
        add_edits(&changes[0], deleted, 1);
        add_entry(f, &changes[0], 11, 0);
    } else if (op == ROVE_OP_WHOLE || op == ROVE_OP_PART) {
        changes[count - 1].row.extra = extra;
        changes[count - 1].row.extra_count = 2;
        changes[count - 1].clock.base =
            (rove__version){changes[count - 1].clock.origin.stamp + 5, 9};
        add_entry(f, &changes[count - 1], 5, 0);
        add_entry(f, &changes[count - 1], 11, 2);
    } else if (op == ROVE_OP_TOMBSTONE) {
        changes[0].row.entity = NULL;
        changes[0].row.entity_number = UNKNOWN_ENTITY;
    } else {
        changes[0].clock.origin = (rove__origin){0, 0};
        changes[0].clock.base = changes[0].clock.origin;
        changes[0].scope = (rove__scope){rove__id_make(1, 7), 202611};
    }
    return count;
}

static void batches_are_read_and_written_as_ever(void **state) {
    static const char *const names[] = {"batch-insert",    "batch-update", "batch-delete",
                                        "batch-seal",      "batch-whole",  "batch-part",
                                        "batch-tombstone", "batch-mark"};
    fixture *f = *state;

    for (int op = ROVE_OP_INSERT; op <= ROVE_OP_MARK; op++) {
        rove__change changes[CHANGES_MAX];
        rove__change read[CHANGES_MAX + 1];
        size_t count = sample_changes(f, (rove__op)op, changes);
        size_t found = 0;
        rove__buf expected;

        rove__buf_reset(&f->bytes);
        assert_int_equal(batch_of(&f->allocator, changes, count, &f->bytes), ROVE_OK);
        golden(f, names[op - 1], &f->bytes, &expected);
        assert_same_bytes(&f->bytes, &expected);
        assert_int_equal(batch_read(&f->allocator, f->registry, expected.data, expected.size,
                                    &f->arena, read, CHANGES_MAX + 1, &found),
                         ROVE_DONE);
        assert_int_equal(found, count);
        for (size_t i = 0; i < count; i++) {
            assert_true(changes_equal(&changes[i], &read[i]));
        }
        rove__buf_reset(&f->again);
        assert_int_equal(batch_of(&f->allocator, read, count, &f->again), ROVE_OK);
        assert_same_bytes(&f->again, &expected);
        rove__buf_free(&expected);
    }
}

/* zstd may write the same frames otherwise one day; what it wrote is read for ever. */
static void a_stream_is_read_as_ever(void **state) {
    fixture *f = *state;
    rove__frame_writer *writer = NULL;
    rove__frame_reader *reader = NULL;
    rove__frame frame;
    uint8_t *zeros = calloc(1, 20000);
    rove__buf expected;

    assert_int_equal(rove__frame_writer_new(&f->allocator, ROVE_FRAME_WINDOW_LOG, &writer),
                     ROVE_OK);
    assert_int_equal(rove__frame_write(writer, ROVE_FRAME_HELLO, "hello", 5, &f->bytes), ROVE_OK);
    assert_int_equal(rove__frame_write(writer, ROVE_FRAME_PAGE, zeros, 20000, &f->bytes), ROVE_OK);
    assert_int_equal(rove__frame_write(writer, ROVE_FRAME_END, NULL, 0, &f->bytes), ROVE_OK);
    assert_int_equal(rove__frame_write_end(writer, &f->bytes), ROVE_OK);
    golden(f, "stream", &f->bytes, &expected);

    assert_int_equal(rove__frame_reader_new(&f->allocator, &reader), ROVE_OK);
    assert_int_equal(rove__frame_reader_feed(reader, expected.data, expected.size), ROVE_OK);
    assert_int_equal(rove__frame_reader_next(reader, &frame), ROVE_OK);
    assert_int_equal(frame.type, ROVE_FRAME_HELLO);
    assert_memory_equal(frame.payload, "hello", 5);
    assert_int_equal(rove__frame_reader_next(reader, &frame), ROVE_OK);
    assert_int_equal(frame.type, ROVE_FRAME_PAGE);
    assert_int_equal(frame.size, 20000);
    assert_memory_equal(frame.payload, zeros, 20000);
    assert_int_equal(rove__frame_reader_next(reader, &frame), ROVE_OK);
    assert_int_equal(frame.type, ROVE_FRAME_END);
    assert_int_equal(rove__frame_reader_next(reader, &frame), ROVE_DONE);
    assert_int_equal(rove__frame_reader_finish(reader), ROVE_OK);
    rove__frame_writer_free(writer);
    rove__frame_reader_free(reader);
    rove__buf_free(&expected);
    free(zeros);
}

/* Signatures are deterministic, and the key of the record is given. */
static void a_sealed_record_is_read_and_written_as_ever(void **state) {
    fixture *f = *state;
    seal_keys keys;
    uint8_t signature[ROVE_SIGNATURE_MAX];
    rove__sealing sealing;
    rove__opening opening;
    rove__sealed read;
    rove__buf expected;

    seals_open(&keys);
    rove__sealed frame = {
        seals_batch(&keys, signature), 1, {(const uint8_t *)"\1rows", sizeof "\1rows" - 1}};
    assert_int_equal(rove__sealing_begin(&sealing, &keys.fixed, keys.seal_key), ROVE_OK);
    assert_int_equal(rove__sealing_frame(&sealing, &frame, &f->bytes), ROVE_OK);
    rove__sealing_end(&sealing);
    golden(f, "sealed", &f->bytes, &expected);
    assert_same_bytes(&f->bytes, &expected);

    assert_int_equal(rove__opening_begin(&opening, &keys.crypto,
                                         (rove__bytes){keys.headquarters, keys.headquarters_size}),
                     ROVE_OK);
    assert_int_equal(rove__opening_record(&opening, expected.data, expected.size, &f->again, &read),
                     ROVE_OK);
    assert_int_equal(read.batch.number, 17);
    assert_int_equal(read.rows.size, frame.rows.size);
    assert_memory_equal(read.rows.data, frame.rows.data, frame.rows.size);
    rove__opening_end(&opening);
    rove__buf_free(&expected);
    seals_close(&keys);
}

static void an_order_is_read_and_written_as_ever(void **state) {
    fixture *f = *state;
    seal_keys keys;
    uint8_t message[ROVE_ORDER_SIGNED_SIZE];
    uint8_t signature[ROVE_SIGNATURE_MAX];
    rove__signed_order read;
    rove__buf expected;

    seals_open(&keys);
    rove__signed_order order = {.kind = ROVE_ORDER_WIPE,
                                .replica = 77,
                                .nonce = {1, 2, 3},
                                .given_ms = 1794000000000,
                                .until_ms = 1795000000000,
                                .key = {keys.seal_key, sizeof keys.seal_key},
                                .signature = {signature, 0}};
    rove__order_message(&order, message);
    assert_int_equal(keys.crypto.sign(keys.crypto.ctx, keys.headquarters, keys.headquarters_size,
                                      message, sizeof message, signature, sizeof signature,
                                      &order.signature.size),
                     ROVE_OK);
    rove__order_write(&f->bytes, &order);
    golden(f, "order", &f->bytes, &expected);
    assert_same_bytes(&f->bytes, &expected);
    assert_int_equal(rove__order_read(&read, expected.data, expected.size), ROVE_OK);
    assert_int_equal(read.kind, ROVE_ORDER_WIPE);
    assert_int_equal(read.given_ms, order.given_ms);
    assert_int_equal(read.until_ms, order.until_ms);
    rove__buf_free(&expected);
    seals_close(&keys);
}

static void records_that_stand_alone_are_read_and_written_as_ever(void **state) {
    fixture *f = *state;
    seal_keys keys;
    rove__opening opening;
    rove__sealed_note note = seals_note();
    rove__sealed_note note_read;
    rove__sealed_receipt receipt = seals_receipt();
    rove__sealed_receipt receipt_read;
    rove__buf expected;
    uint32_t ordinal = 0;

    seals_open(&keys);
    rove__sealer sealer = seals_sealer(&keys);
    rove__bytes key = {keys.device_public, keys.device_public_size};
    assert_int_equal(rove__opening_begin(&opening, &keys.crypto,
                                         (rove__bytes){keys.headquarters, keys.headquarters_size}),
                     ROVE_OK);
    assert_int_equal(rove__sealed_note_write(&keys.fixed, &sealer, &note, &f->bytes), ROVE_OK);
    golden(f, "sealed_note", &f->bytes, &expected);
    assert_same_bytes(&f->bytes, &expected);
    assert_int_equal(
        rove__opening_content(&opening, expected.data, expected.size, &f->again, &ordinal),
        ROVE_OK);
    assert_int_equal(rove__sealed_note_read(&note_read, f->again.data, f->again.size), ROVE_OK);
    assert_int_equal(note_read.row.size, note.row.size);
    assert_int_equal(rove__sealed_note_verify(&keys.crypto, key, &note_read), ROVE_OK);
    rove__buf_free(&expected);

    rove__buf_reset(&f->bytes);
    assert_int_equal(rove__sealed_receipt_write(&keys.fixed, &sealer, &receipt, &f->bytes),
                     ROVE_OK);
    golden(f, "sealed_receipt", &f->bytes, &expected);
    assert_same_bytes(&f->bytes, &expected);
    assert_int_equal(
        rove__opening_content(&opening, expected.data, expected.size, &f->again, &ordinal),
        ROVE_OK);
    assert_int_equal(rove__sealed_receipt_read(&receipt_read, f->again.data, f->again.size),
                     ROVE_OK);
    assert_int_equal(receipt_read.sealed_changes, 40);
    assert_int_equal(rove__sealed_receipt_verify(&keys.crypto, key, &receipt_read), ROVE_OK);
    rove__opening_end(&opening);
    rove__buf_free(&expected);
    seals_close(&keys);
}

int main(int count, char **arguments) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(messages_are_read_and_written_as_ever, open, close),
        cmocka_unit_test_setup_teardown(what_older_builds_wrote_is_read_and_written_as_ever, open,
                                        close),
        cmocka_unit_test_setup_teardown(batches_are_read_and_written_as_ever, open, close),
        cmocka_unit_test_setup_teardown(a_stream_is_read_as_ever, open, close),
        cmocka_unit_test_setup_teardown(a_sealed_record_is_read_and_written_as_ever, open, close),
        cmocka_unit_test_setup_teardown(an_order_is_read_and_written_as_ever, open, close),
        cmocka_unit_test_setup_teardown(records_that_stand_alone_are_read_and_written_as_ever, open,
                                        close),
    };

    rewriting = count == 2 && strcmp(arguments[1], "--rewrite") == 0;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
