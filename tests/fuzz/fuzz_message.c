/*
 * fuzz_message.c - whatever bytes a message is read from, what was read can be written, is read again as the same, and
 * means the same when it is read twice; and no message needs more memory than ROVE_MESSAGE_ARENA_MAX.
 *
 *   input = kind:byte payload
 */
#include "fuzz.h"

#include "messages.h"
#include "wire/frame.h"

const size_t fuzz_mutations = 20000;

static void write(const message_kind *kind, const any_message *message, rove__buf *out) {
    rove__buf_reset(out);
    fuzz_check(kind->write(message, out) == ROVE_OK);
}

static void same(const rove__buf *a, const rove__buf *b) {
    fuzz_check(a->size == b->size && (a->size == 0 || memcmp(a->data, b->data, a->size) == 0));
}

static void read_and_write(const message_kind *kind, const uint8_t *payload, size_t size,
                           const rove_allocator *allocator) {
    any_message first, second;
    rove__arena arena, other;
    rove__buf once, twice;

    memset(&first, 0, sizeof first);
    memset(&second, 0xff, sizeof second);
    rove__arena_init(&arena, allocator, ROVE_MESSAGE_ARENA_MAX);
    rove__arena_init(&other, allocator, ROVE_MESSAGE_ARENA_MAX);
    rove__buf_init(&once, allocator, (size_t)4 << 20);
    rove__buf_init(&twice, allocator, (size_t)4 << 20);
    rove_status status = kind->read(&first, payload, size, &arena);
    fuzz_check(status == ROVE_OK || status == ROVE_PROTOCOL || status == ROVE_UTF8 ||
               status == ROVE_VERSION);
    fuzz_check(kind->read(&second, payload, size, &other) == status);
    if (status == ROVE_OK) {
        write(kind, &first, &once);
        write(kind, &second, &twice);
        same(&once, &twice);
        rove__arena_reset(&other);
        fuzz_check(kind->read(&second, once.data, once.size, &other) == ROVE_OK);
        write(kind, &second, &twice);
        same(&once, &twice);
    }
    rove__buf_free(&once);
    rove__buf_free(&twice);
    rove__arena_free(&arena);
    rove__arena_free(&other);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    heap memory = {0};
    rove_allocator allocator = heap_allocator(&memory);

    if (size > 0) {
        read_and_write(&message_kinds[data[0] % MESSAGE_KINDS], data + 1, size - 1, &allocator);
    }
    fuzz_check(memory.alive == 0);
    return 0;
}

/* ---- seeds ---- */

void fuzz_seeds(const fuzz_seed *to) {
    heap memory = {0};
    rove_allocator allocator = heap_allocator(&memory);
    any_message message;
    rove__buf bytes;

    rove__buf_init(&bytes, &allocator, ROVE_FRAME_SURE);
    for (size_t i = 0; i < MESSAGE_KINDS; i++) {
        message_kinds[i].fill(&message);
        write(&message_kinds[i], &message, &bytes);
        fuzz_give_kind(to, i, bytes.data, bytes.size);
    }
    rove__buf_free(&bytes);
}
