/*
 * support/rows.h - random rows, within the limits of their fields, for property tests.
 */
#ifndef ROVE_TESTS_ROWS_H
#define ROVE_TESTS_ROWS_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "heap.h"
#include "model/row.h"
#include "model/set.h"

/* A number from low to high, both included. */
static inline int64_t dice_between(uint64_t *state, int64_t low, int64_t high) {
    uint64_t span = (uint64_t)high - (uint64_t)low;

    return (int64_t)((uint64_t)low + (span == UINT64_MAX ? dice(state) : dice(state) % (span + 1)));
}

/* UTF-8 of at most `max` bytes: letters and Chinese. */
static inline rove_value random_text(uint64_t *state, rove__arena *arena, size_t max) {
    size_t want = max == 0 ? 0 : (size_t)dice(state) % (max < 40 ? max + 1 : 40);
    uint8_t *text = rove__arena_take(arena, want + 1);
    size_t size = 0;

    while (size < want) {
        if (want - size >= 3 && dice(state) % 3 == 0) {
            memcpy(text + size, "\xe5\xae\xa2", 3);
            size += 3;
        } else {
            text[size++] = (uint8_t)('a' + dice(state) % 26);
        }
    }
    return rove__value_bytes(ROVE_TEXT, text, size);
}

static inline rove_value random_blob(uint64_t *state, rove__arena *arena, size_t max) {
    size_t size = (size_t)dice(state) % (max < 40 ? max + 1 : 40);
    uint8_t *blob = rove__arena_take(arena, size + 1);

    for (size_t i = 0; i < size; i++) {
        blob[i] = (uint8_t)dice(state);
    }
    return rove__value_bytes(ROVE_BLOB, blob, size);
}

static inline rove__version random_version(uint64_t *state) {
    rove__version version = {dice(state) >> 1, (rove_replica)(dice(state) >> 33)};

    return version;
}

/* Ascending, each value once. `element`: INT or TEXT. */
static inline rove__set random_set(uint64_t *state, rove__arena *arena, rove__set_form form,
                                   rove_type element, size_t most) {
    size_t count = (size_t)dice(state) % (most + 1);
    rove__set set = {form, rove__arena_take(arena, (count + 1) * sizeof(rove__element)), 0};

    while (count-- > 0) {
        rove__element fresh = {.value = element == ROVE_INT
                                            ? rove__value_int((int64_t)(dice(state) >> 3))
                                            : random_text(state, arena, 30)};
        int found = 0;
        size_t at = rove__set_find(&set, &fresh.value, &found);
        if (found) {
            continue;
        }
        if (form == ROVE_SET_DELTA) {
            fresh.action = dice(state) % 2 == 0 ? ROVE_SET_ADD : ROVE_SET_REMOVE;
            fresh.raw = dice(state) >> 1;
        }
        if (form == ROVE_SET_VERSIONED || fresh.action == ROVE_SET_REMOVE) {
            fresh.version = random_version(state);
        }
        memmove(&set.elements[at + 1], &set.elements[at], (set.count - at) * sizeof *set.elements);
        set.elements[at] = fresh;
        set.count++;
    }
    return set;
}

/* Within the field's limits; sets plain. Aborts when memory is short. */
static inline rove_value random_value(uint64_t *state, rove__arena *arena,
                                      const rove__field *field) {
    rove_value value = rove__value_null();

    if (field->kind == ROVE_KIND_SET) {
        rove__set set = random_set(state, arena, ROVE_SET_PLAIN, field->element, 5);
        if (rove__set_value(&set, arena, &value) != ROVE_OK) {
            abort();
        }
        return value;
    }
    switch (field->type) {
    case ROVE_INT:
        return rove__value_int(dice_between(state, field->min, field->max));
    case ROVE_REAL:
        return rove__value_real((double)dice_between(state, -1000, 1000) / 8);
    case ROVE_TEXT:
        return random_text(state, arena, (size_t)field->max);
    case ROVE_BLOB:
        return random_blob(state, arena, (size_t)field->max);
    case ROVE_NULL:
        break;
    }
    return value;
}

/* About half of the cells; the others stay absent. Aborts when memory is short. */
static inline rove__row random_row(uint64_t *state, rove__arena *arena,
                                   const rove__entity *entity) {
    rove__row row;

    if (rove__row_init(&row, entity, (rove_id)(dice(state) >> 2) + 1, arena) != ROVE_OK) {
        abort();
    }
    for (size_t i = 0; i < entity->field_count; i++) {
        rove_value value = dice(state) % 2 == 0 ? random_value(state, arena, &entity->fields[i])
                                                : rove__value_null();
        if (value.type != ROVE_NULL) {
            rove__row_set(&row, i, value);
        }
    }
    return row;
}

/* 1 if both carry the same cells and unknown fields. */
static inline int rows_equal(const rove__row *a, const rove__row *b) {
    size_t count = a->cell_count > b->cell_count ? a->cell_count : b->cell_count;

    if (a->entity != b->entity || a->entity_number != b->entity_number || a->id != b->id ||
        a->extra_count != b->extra_count) {
        return 0;
    }
    for (size_t i = 0; i < count; i++) {
        rove_value one = rove__row_cell(a, i);
        rove_value other = rove__row_cell(b, i);
        if (rove__bits_get(&a->present, i) != rove__bits_get(&b->present, i) ||
            !rove__value_equal(&one, &other)) {
            return 0;
        }
    }
    for (size_t i = 0; i < a->extra_count; i++) {
        if (a->extra[i].number != b->extra[i].number ||
            !rove__value_equal(&a->extra[i].value, &b->extra[i].value)) {
            return 0;
        }
    }
    return 1;
}

#endif
