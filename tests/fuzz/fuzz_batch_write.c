/*
 * fuzz_batch_write.c - all that the writer of column batches takes comes out of the reader as it went in, whichever of a
 * row's cells, edits and exceptions there are.
 *
 *   input  = change*
 *   change = op:byte entity:byte cells:byte cell* extras:byte extra* clock edits:byte edit* tail
 */
#include "batches.h"

#include "base/text.h"

const size_t fuzz_mutations = 15000;

/* Small and large ones, and those at the edges, are all likely. */
static uint64_t number(fuzz_input *in) {
    static const uint64_t edges[] = {0,
                                     1,
                                     UINT64_MAX,
                                     (uint64_t)INT64_MAX,
                                     (uint64_t)INT64_MAX + 1,
                                     ROVE_REPLICA_MAX,
                                     (uint64_t)ROVE_REPLICA_MAX + 1,
                                     UINT32_MAX};
    uint8_t head = fuzz_byte(in);

    return head < 128   ? head
           : head < 136 ? edges[head - 128]
           : head < 144 ? fuzz_number(in, 2)
                        : fuzz_number(in, 8);
}

/* Of a type; a text that is none becomes NULL. */
static rove_value value(fuzz_input *in, rove_type type) {
    size_t size = 0;
    const uint8_t *bytes = NULL;

    switch (type) {
    case ROVE_INT:
        return rove__value_int((int64_t)number(in));
    case ROVE_REAL:
        return rove__value_real((double)(int64_t)number(in) / 8);
    case ROVE_TEXT:
    case ROVE_BLOB:
        bytes = fuzz_take(in, fuzz_byte(in), &size);
        return type == ROVE_TEXT && !rove__utf8_valid(bytes, size)
                   ? rove__value_null()
                   : rove__value_bytes(type, bytes, size);
    default:
        return rove__value_null();
    }
}

static rove__version version(fuzz_input *in) {
    rove_stamp stamp = number(in) & ROVE_STAMP_MAX;

    return (rove__version){stamp, (rove_replica)number(in) & ROVE_REPLICA_MAX};
}

static void cells(batches *b, fuzz_input *in, rove__change *change) {
    const rove__entity *entity =
        rove__registry_at(b->registry, fuzz_below(in, rove__registry_count(b->registry)));

    fuzz_check(rove__row_init(&change->row, entity, 0, &b->arena) == ROVE_OK);
    for (size_t n = fuzz_byte(in) % 16; n > 0; n--) {
        size_t at = fuzz_below(in, entity->field_count);
        if (entity->fields[at].kind != ROVE_KIND_DERIVED) {
            uint8_t how = fuzz_byte(in);
            rove_type type = how < 32 ? ROVE_NULL : entity->fields[at].type;
            type = how >= 128 && entity->fields[at].kind == ROVE_KIND_COUNTER ? ROVE_BLOB : type;
            rove__row_set(&change->row, at, value(in, type));
        }
    }
}

static void extras(batches *b, fuzz_input *in, rove__row *row) {
    size_t count = fuzz_byte(in) % 4;
    uint32_t at = 0;

    row->extra = rove__arena_take(&b->arena, (count + 1) * sizeof *row->extra);
    for (size_t i = 0; i < count; i++) {
        at += (uint32_t)(1 + number(in) % (UINT32_MAX / 8));
        at = at < 1u << 24 && row->entity != NULL ? 1u << 30 : at; /* not one that is known */
        row->extra[i] = (rove__extra){at, value(in, (rove_type)(fuzz_byte(in) % 5))};
    }
    row->extra_count = count;
}

static void history(batches *b, fuzz_input *in, rove__change *change) {
    rove__origin origin = version(in);
    uint32_t field = 0;

    rove__clock_init(&change->clock, origin, version(in), 0);
    for (size_t n = fuzz_byte(in) % 4; n > 0; n--) {
        rove__clock_entry entry = {(uint32_t)number(in) | 1, (uint32_t)number(in), version(in), 0};
        fuzz_check(rove__clock_set(&change->clock, &b->arena, entry) == ROVE_OK);
    }
    change->edit_count = fuzz_byte(in) % 4;
    change->edits = rove__arena_take(&b->arena, (change->edit_count + 1) * sizeof *change->edits);
    for (size_t i = 0; i < change->edit_count; i++) {
        field += (uint32_t)(number(in) % (UINT32_MAX / 8)) + (i > 0);
        uint32_t epoch = (uint32_t)number(in);
        change->edits[i] = (rove__edit){field, epoch, number(in) & ROVE_STAMP_MAX, version(in)};
    }
}

static rove__change change(batches *b, fuzz_input *in) {
    uint8_t op = fuzz_byte(in);
    rove__change made = {.op = (rove__op)(op % 9)};

    if (op < 200) {
        cells(b, in, &made);
    } else {
        made.row.entity_number = (uint32_t)number(in);
        if (rove__registry_by_number(b->registry, made.row.entity_number) != NULL) {
            made.row.entity_number = UNKNOWN_ENTITY;
        }
    }
    made.row.id = (rove_id)number(in);
    extras(b, in, &made.row);
    history(b, in, &made);
    if (fuzz_byte(in) & 1) {
        uint64_t timeline = number(in);
        made.cursor = (rove__cursor){timeline, number(in)};
        made.replica = (rove_replica)number(in) & ROVE_REPLICA_MAX;
    }
    if (made.op == ROVE_OP_MARK) {
        rove_id root = (rove_id)(number(in) & INT64_MAX);
        made.scope = (rove__scope){root, (int32_t)number(in)};
    }
    return made;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static rove__change changes[BATCHES_CHANGES_MAX];
    fuzz_input in = {data, size};
    size_t count = 0;
    rove__batch_writer *writer = NULL;
    rove__buf bytes;
    batches b;

    batches_open(&b);
    rove__buf_init(&bytes, &b.allocator, ROVE_BATCH_MAX);
    fuzz_check(rove__batch_writer_new(&b.allocator, ROVE_BATCH_MAX, &writer) == ROVE_OK);
    while (in.left > 0 && count < BATCHES_CHANGES_MAX) {
        changes[count] = change(&b, &in);
        rove_status status = rove__batch_add(writer, &changes[count]);
        fuzz_check(status == ROVE_OK || status == ROVE_INVALID);
        count += status == ROVE_OK;
    }
    rove__batch_writer_free(writer);
    batches_round_trip(&b, changes, count, &bytes);
    rove__buf_free(&bytes);
    batches_close(&b);
    return 0;
}

/* ---- seeds ---- */

void fuzz_seeds(const fuzz_seed *to) {
    uint64_t state = 7;

    for (size_t n = 0; n < 60; n++) {
        static fuzz_output out;
        out.size = 0;
        for (size_t i = 0; i < 30 * (1 + n / 20); i++) {
            fuzz_put_number(&out, dice(&state) % (n % 3 == 0 ? 256 : 128), 1);
        }
        fuzz_give(to, &out);
    }
}
