/*
 * test_message_depth.c - how deep messages nest: those of the exchange once, entities once, far below the sixteen that
 * anybody could be asked to follow. What is nested deeper, in a field that nobody knows, is stepped over or kept as it is,
 * and never followed; and how many fields may stand in a nested message.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "heap.h"
#include "messages.h"
#include "rove/entities.pb-c.h"
#include "rows.h"
#include "sync.pb-c.h"
#include "wire/frame.h"
#include "wire/proto.h"

#define DEPTH_MAX 16
#define DEEP      20000
#define UNKNOWN   99 /* a field of no message */

typedef struct fixture {
    heap h;
    rove_allocator allocator;
    rove__arena arena;
    rove__buf bytes;
    any_message message;
} fixture;

static int open(void **state) {
    fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    f->allocator = heap_allocator(&f->h);
    rove__arena_init(&f->arena, &f->allocator, ROVE_MESSAGE_ARENA_MAX);
    rove__buf_init(&f->bytes, &f->allocator, ROVE_FRAME_MAX);
    *state = f;
    return 0;
}

static int close(void **state) {
    fixture *f = *state;
    rove__arena_free(&f->arena);
    rove__buf_free(&f->bytes);
    size_t alive = f->h.alive;
    free(f);
    return alive == 0 ? 0 : -1;
}

static unsigned depth_of(const ProtobufCMessageDescriptor *descriptor, unsigned above) {
    unsigned deepest = above + 1;
    assert_true(deepest <= DEPTH_MAX); /* one that contains itself has no depth */
    for (unsigned i = 0; i < descriptor->n_fields; i++) {
        if (descriptor->fields[i].type == PROTOBUF_C_TYPE_MESSAGE) {
            unsigned depth = depth_of(descriptor->fields[i].descriptor, above + 1);
            deepest = depth > deepest ? depth : deepest;
        }
    }
    return deepest;
}

static void messages_nest_once(void **state) {
    static const ProtobufCMessageDescriptor *const all[] = {
        &rove__sync__hello__descriptor,    &rove__sync__formers__descriptor,
        &rove__sync__push__descriptor,     &rove__sync__digest__descriptor,
        &rove__sync__welcome__descriptor,  &rove__sync__ack__descriptor,
        &rove__sync__need__descriptor,     &rove__sync__renumber__descriptor,
        &rove__sync__need_row__descriptor, &rove__sync__page__descriptor,
        &rove__sync__differ__descriptor,   &rove__sync__fail__descriptor,
        &rove__sync__end__descriptor};
    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        assert_true(depth_of(all[i], 0) <= 2);
    }
    assert_int_equal(depth_of(&rove__sync__ack__descriptor, 0), 2);
    assert_int_equal(depth_of(&rove__account__descriptor, 0), 2);
    assert_int_equal(depth_of(&rove__visit__descriptor, 0), 2);
}

/* Appends an unknown field that contains itself so many times. */
static void add_deep(fixture *f, unsigned depth) {
    static uint8_t bytes[16 * DEEP];
    size_t at = sizeof bytes;
    for (unsigned i = 0; i < depth; i++) {
        rove__buf head;
        rove__buf_init(&head, &f->allocator, 32);
        rove__buf_varint(&head, UNKNOWN << 3 | 2);
        rove__buf_varint(&head, sizeof bytes - at);
        assert_int_equal(rove__buf_status(&head), ROVE_OK);
        at -= head.size;
        memcpy(bytes + at, head.data, head.size);
        rove__buf_free(&head);
    }
    rove__buf_append(&f->bytes, bytes + at, sizeof bytes - at);
    assert_int_equal(rove__buf_status(&f->bytes), ROVE_OK);
}

static void what_nobody_knows_is_not_followed(void **state) {
    fixture *f = *state;
    for (size_t i = 0; i < MESSAGE_KINDS; i++) {
        const message_kind *kind = &message_kinds[i];
        size_t used = 0;
        for (unsigned depth = 1; depth <= DEEP; depth += DEEP - 1) {
            any_message sample;
            kind->fill(&sample);
            rove__buf_reset(&f->bytes);
            rove__arena_reset(&f->arena);
            assert_int_equal(kind->write(&sample, &f->bytes), ROVE_OK);
            add_deep(f, depth);
            assert_int_equal(kind->read(&f->message, f->bytes.data, f->bytes.size, &f->arena),
                             ROVE_OK);
            assert_true(depth == 1 || f->arena.used <= used + f->bytes.size + 1024);
            used = f->arena.used;
        }
    }
}

static rove_status unpack(fixture *f, const rove__registry *registry, rove__row *row) {
    rove__arena_reset(&f->arena);
    return rove__row_from_packed(row, registry, rove__registry_by_name(registry, "Account"),
                                 f->bytes.data, f->bytes.size, &f->arena, NULL);
}

/* An unknown field of a record is kept as bytes up to the size of a value. */
static void records_keep_it_as_it_is(void **state) {
    fixture *f = *state;
    rove__registry *registry = NULL;
    rove__row row;
    assert_int_equal(rove__registry_new(&f->allocator, &registry), ROVE_OK);
    add_deep(f, DEPTH_MAX + 1);
    assert_int_equal(unpack(f, registry, &row), ROVE_OK);
    assert_int_equal(row.extra_count, 1);
    assert_int_equal(row.extra[0].number, UNKNOWN);
    assert_int_equal(row.extra[0].value.size, f->bytes.size - 3);
    rove__buf_reset(&f->bytes);
    add_deep(f, DEEP);
    assert_int_equal(unpack(f, registry, &row), ROVE_TOO_BIG);
    rove__registry_free(registry);
}

/* An Ack with a verdict of so many fields: its code, again and again, its entity and its record. */
static rove_status read_verdict(fixture *f, size_t fields) {
    any_message sample;
    kind_of("ack")->fill(&sample);
    rove__buf_reset(&f->bytes);
    rove__arena_reset(&f->arena);
    assert_int_equal(kind_of("ack")->write(&sample, &f->bytes), ROVE_OK);
    rove__buf_varint(&f->bytes, 4 << 3 | 2);
    rove__buf_varint(&f->bytes, 2 * fields);
    for (size_t i = 2; i < fields; i++) {
        rove__buf_append(&f->bytes, "\x08\x01", 2);
    }
    rove__buf_append(&f->bytes, "\x10\x05\x18\x02", 4);
    return kind_of("ack")->read(&f->message, f->bytes.data, f->bytes.size, &f->arena);
}

static void fields_of_a_nested_message_at_their_limit_and_one_past(void **state) {
    fixture *f = *state;
    assert_int_equal(read_verdict(f, 3), ROVE_OK);
    assert_int_equal(read_verdict(f, ROVE_PROTO_NESTED_MAX), ROVE_OK);
    assert_int_equal(read_verdict(f, ROVE_PROTO_NESTED_MAX + 1), ROVE_PROTOCOL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_nest_once),
        cmocka_unit_test_setup_teardown(what_nobody_knows_is_not_followed, open, close),
        cmocka_unit_test_setup_teardown(records_keep_it_as_it_is, open, close),
        cmocka_unit_test_setup_teardown(fields_of_a_nested_message_at_their_limit_and_one_past,
                                        open, close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
