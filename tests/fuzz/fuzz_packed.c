/*
 * fuzz_packed.c - a record that an app hands over as bytes of its protobuf message is refused or becomes a row, which is
 * written as bytes that mean the same row; and protobuf-c, whose struct takes another way, agrees about its numbers and
 * texts. (It cuts a text at a NUL, and loses the unknown fields of a nested message that comes twice.)
 *
 *   input = entity:byte bytes
 */
#include "fuzz.h"

#include "rows.h"

const size_t fuzz_mutations = 15000;

static rove__registry *registry(void) {
    static rove__registry *made;
    static heap kept;
    static rove_allocator allocator;

    if (made == NULL) {
        allocator = heap_allocator(&kept);
        fuzz_check(rove__registry_new(&allocator, &made) == ROVE_OK);
    }
    return made;
}

static void agree(const rove__row *row, const rove__row *other) {
    fuzz_check(row->id == other->id && other->extra_count <= row->extra_count);
    for (size_t i = 0; i < row->cell_count; i++) {
        rove_value a = rove__row_cell(row, i);
        rove_value b = rove__row_cell(other, i);
        if (a.type == ROVE_TEXT && a.size > 0) {
            const uint8_t *nul = memchr(a.as.data, 0, a.size);
            a.size = nul == NULL ? a.size : (size_t)(nul - a.as.data);
        }
        fuzz_check(a.type == b.type);
        fuzz_check(row->entity->fields[i].kind == ROVE_KIND_SET || rove__value_equal(&a, &b));
    }
}

static void try_packed(const rove__entity *entity, const uint8_t *data, size_t size,
                       rove__arena *arena, rove__buf *out) {
    rove__row row, again;
    rove_error error;

    if (rove__row_from_packed(&row, registry(), entity, data, size, arena, &error) != ROVE_OK) {
        return;
    }
    ProtobufCMessage *message = protobuf_c_message_unpack(entity->message, NULL, size, data);
    fuzz_check(message != NULL);
    fuzz_check(rove__row_from_message(&again, registry(), message, arena, &error) == ROVE_OK);
    agree(&row, &again);
    protobuf_c_message_free_unpacked(message, NULL);
    fuzz_check(rove__row_to_packed(&row, out) == ROVE_OK);
    fuzz_check(rove__row_from_packed(&again, registry(), entity, out->data, out->size, arena,
                                     &error) == ROVE_OK);
    fuzz_check(rows_equal(&row, &again));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    heap memory = {0};
    rove_allocator allocator = heap_allocator(&memory);
    rove__arena arena;
    rove__buf out;

    if (size == 0) {
        return 0;
    }
    rove__arena_init(&arena, &allocator, (size_t)64 << 20);
    rove__buf_init(&out, &allocator, (size_t)8 << 20);
    try_packed(rove__registry_at(registry(), data[0] % rove__registry_count(registry())), data + 1,
               size - 1, &arena, &out);
    rove__buf_free(&out);
    rove__arena_free(&arena);
    fuzz_check(memory.alive == 0);
    return 0;
}

/* ---- seeds ---- */

void fuzz_seeds(const fuzz_seed *to) {
    heap memory = {0};
    rove_allocator allocator = heap_allocator(&memory);
    uint64_t state = 3;
    rove__arena arena;
    rove__buf out;

    rove__arena_init(&arena, &allocator, (size_t)64 << 20);
    rove__buf_init(&out, &allocator, (size_t)1 << 20);
    for (size_t i = 0; i < rove__registry_count(registry()); i++) {
        rove__row row = random_row(&state, &arena, rove__registry_at(registry(), i));
        rove__buf_reset(&out);
        fuzz_check(rove__row_to_packed(&row, &out) == ROVE_OK);
        fuzz_give_kind(to, i, out.data, out.size);
    }
    rove__buf_free(&out);
    rove__arena_free(&arena);
}
