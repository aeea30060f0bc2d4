/*
 * support/long_batch.h - batches of Anna's in several frames, and edits that are large.
 */
#ifndef ROVE_TESTS_LONG_BATCH_H
#define ROVE_TESTS_LONG_BATCH_H

#include "site_rep.h"
#include "two_reps.h"

static inline rove__bytes pack(world *w, const rove__change *changes, size_t count) {
    rove__batch_writer *writer = NULL;
    rove__buf bytes;
    rove__bytes packed;

    rove__buf_init(&bytes, &w->s.allocator, ROVE_BATCH_MAX);
    assert_int_equal(rove__batch_writer_new(&w->s.allocator, ROVE_BATCH_MAX, &writer), ROVE_OK);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(rove__batch_add(writer, &changes[i]), ROVE_OK);
    }
    assert_int_equal(rove__batch_finish(writer, &bytes), ROVE_OK);
    packed = (rove__bytes){rove__arena_copy(&w->s.arena, bytes.data, bytes.size), bytes.size};
    assert_non_null(packed.data);
    rove__batch_writer_free(writer);
    rove__buf_free(&bytes);
    return packed;
}

static inline void push_frame(world *w, raw_request *q, const rove__push *push) {
    rove__buf payload;

    rove__buf_init(&payload, &w->s.allocator, ROVE_FRAME_MAX);
    assert_int_equal(rove__push_write(push, &payload), ROVE_OK);
    raw_frame(q, ROVE_FRAME_PUSH, payload.data, payload.size);
    rove__buf_free(&payload);
}

/* All that Anna noted, as one batch of frames with so many changes each. */
static inline void push(world *w, size_t each, rep_outcome *outcome) {
    rep *r = &w->anna;
    raw_request *q = raw_open(r);
    rove__push frame = {
        .number = r->acked + 1, .schema = ROVE_SCHEMA_VERSION, .previous = r->chain};

    raw_hello(q, NULL);
    for (size_t i = 0; i < r->change_count; i += each) {
        size_t count = r->change_count - i < each ? r->change_count - i : each;
        frame.rows = pack(w, &r->changes[i], count);
        frame.last = i + each >= r->change_count;
        push_frame(w, q, &frame);
        frame.ordinal++;
    }
    raw_end(q);
    raw_answer(q, 0, outcome);
    r->change_count = 0;
}

static inline void noise(uint64_t *random, uint8_t *bytes, size_t size) {
    for (size_t i = 0; i < size; i++) {
        *random = *random * 6364136223846793005u + 1442695040888963407u;
        bytes[i] = (uint8_t)(' ' + (*random >> 33) % 95);
    }
}

/* An edit of Anna's account that writes its phone, and so many bytes into a field that nobody knows. */
static inline rove__change *large_edit(world *w, uint32_t field, size_t size, uint64_t *random) {
    rove__change *change =
        rep_update(&w->anna, "Account", w->account, "phone", rove__value_text("555"));
    uint8_t *text = rove__arena_take(&w->s.arena, size);
    rove__extra *extra = rove__arena_take(&w->s.arena, sizeof *extra);
    rove__edit *edits = rove__arena_take(&w->s.arena, 2 * sizeof *edits);

    assert_true(text != NULL && extra != NULL && edits != NULL);
    noise(random, text, size);
    edits[0] = edits[1] = change->edits[0];
    edits[1].field = field;
    *extra = (rove__extra){field, rove__value_bytes(ROVE_TEXT, text, size)};
    change->edits = edits;
    change->edit_count = 2;
    change->row.extra = extra;
    change->row.extra_count = 1;
    return change;
}

#endif
