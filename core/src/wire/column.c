/*
 * wire/column.c - packed vectors of integers and piles of bytes; the format is in column.h.
 *
 * A vector that stays constant costs no memory; another one takes 8 bytes a value in the packer's
 * arena, growing by doubling. Invariant: the bound grows by at least what the varint form of the
 * new value takes, and the writer never takes a form that is longer than that.
 */
#include "wire/column.h"

#include <string.h>

#include "base/assert.h"

#define MODE_DELTA   0x10u
#define MODE_SCALED  0x20u
#define MODE_VARINTS 0x40u

#define INTS_CAPACITY_MIN 64
#define PILE_CAPACITY_MIN 256
/* mode, and at most three numbers or a size. */
#define INTS_HEADER_MAX 31

static uint64_t zigzag(uint64_t value) {
    return (value << 1) ^ ((value >> 63) != 0 ? UINT64_MAX : 0);
}

static size_t varint_size(uint64_t value) {
    size_t size = 1;

    while (value >= 0x80) {
        value >>= 7;
        size++;
    }
    return size;
}

/* Makes room for one more value, writing out a vector that was constant so far. */
static int ints_grow(rove__ints *ints, rove__packer *packer) {
    size_t capacity = ints->capacity * 2;
    int64_t *values = NULL;

    if (capacity < ints->count * 2) {
        capacity = ints->count * 2;
    }
    if (capacity < INTS_CAPACITY_MIN) {
        capacity = INTS_CAPACITY_MIN;
    }
    values = rove__arena_take(&packer->arena, capacity * sizeof *values);
    if (values == NULL) {
        packer->failed = 1;
        return 0;
    }
    if (ints->values != NULL) {
        memcpy(values, ints->values, ints->count * sizeof *values);
    } else {
        for (size_t i = 0; i < ints->count; i++) {
            values[i] = ints->first;
        }
        packer->bound += ints->count;
    }
    ints->values = values;
    ints->capacity = capacity;
    return 1;
}

void rove__ints_add(rove__ints *ints, rove__packer *packer, int64_t value) {
    if (ints->count == 0) {
        packer->bound += INTS_HEADER_MAX;
        ints->first = value;
        ints->last = 0;
        ints->values = NULL;
        ints->capacity = 0;
    }
    if (ints->values == NULL && value == ints->first) {
        ints->last = value;
        ints->count++;
        return;
    }
    if (ints->count == ints->capacity || ints->values == NULL) {
        if (!ints_grow(ints, packer)) {
            return;
        }
    }
    packer->bound += varint_size(zigzag((uint64_t)value - (uint64_t)ints->last));
    ints->values[ints->count++] = value;
    ints->last = value;
}

void rove__ints_truncate(rove__ints *ints, size_t count) {
    if (count >= ints->count) {
        return;
    }
    ints->count = count;
    if (count > 0) {
        ints->last = ints->values == NULL ? ints->first : ints->values[count - 1];
    }
}

int rove__ints_all_zero(const rove__ints *ints) {
    ROVE_ASSERT(ints->count > 0);
    return ints->values == NULL && ints->first == 0;
}

/* One way of writing a vector: steps from `min` on, in units of `scale`. */
typedef struct form {
    uint64_t min;
    uint64_t scale;
    unsigned width;
    int delta;
} form;

/* What one pass over the values tells. */
typedef struct survey {
    int64_t min, max;           /* of the values */
    int64_t step_min, step_max; /* of the differences between neighbours */
    size_t varint_bytes;
} survey;

static int64_t difference(int64_t value, int64_t before) {
    return (int64_t)((uint64_t)value - (uint64_t)before);
}

static survey survey_of(const int64_t *values, size_t count) {
    survey found = {values[0], values[0], INT64_MAX, INT64_MIN, 0};

    found.varint_bytes = varint_size(zigzag((uint64_t)values[0]));
    for (size_t i = 1; i < count; i++) {
        int64_t value = values[i];
        int64_t step = difference(value, values[i - 1]);

        found.min = value < found.min ? value : found.min;
        found.max = value > found.max ? value : found.max;
        found.step_min = step < found.step_min ? step : found.step_min;
        found.step_max = step > found.step_max ? step : found.step_max;
        found.varint_bytes += varint_size(zigzag((uint64_t)step));
    }
    return found;
}

static unsigned width_of(uint64_t range) {
    unsigned width = 0;

    while (range > 0) {
        range >>= 8;
        width++;
    }
    return width;
}

static uint64_t common_divisor(uint64_t a, uint64_t b) {
    while (b != 0) {
        uint64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

/* The largest number that divides all steps above the least, one of which is not 0; usually 1 soon. */
static uint64_t scale_of(const int64_t *values, size_t count, int delta, uint64_t min) {
    uint64_t scale = 0;

    for (size_t i = delta ? 1 : 0; i < count && scale != 1; i++) {
        uint64_t step = (uint64_t)values[i] - (delta ? (uint64_t)values[i - 1] : 0) - min;

        if (scale == 0 || step % scale != 0) {
            scale = common_divisor(step, scale);
        }
    }
    ROVE_ASSERT(scale > 0);
    return scale;
}

static form form_of(const int64_t *values, size_t count, int delta, int64_t min, int64_t max) {
    form made = {(uint64_t)min, 1, 0, delta};
    uint64_t range = (uint64_t)max - (uint64_t)min;

    made.width = width_of(range);
    if (made.width > 1) {
        made.scale = scale_of(values, count, delta, made.min);
        made.width = width_of(range / made.scale);
    }
    return made;
}

/* Replaces each value by its u. */
static void apply_form(int64_t *values, size_t count, const form *chosen) {
    if (chosen->delta) {
        for (size_t i = count - 1; i > 0; i--) {
            values[i] = (int64_t)((uint64_t)values[i] - (uint64_t)values[i - 1] - chosen->min);
        }
        values[0] = 0;
    } else {
        for (size_t i = 0; i < count; i++) {
            values[i] = (int64_t)((uint64_t)values[i] - chosen->min);
        }
    }
    if (chosen->scale > 1) {
        for (size_t i = 0; i < count; i++) {
            values[i] = (int64_t)((uint64_t)values[i] / chosen->scale);
        }
    }
}

static void write_planes(int64_t *values, size_t count, const form *chosen, rove__buf *out) {
    unsigned mode =
        chosen->width | (chosen->delta ? MODE_DELTA : 0) | (chosen->scale > 1 ? MODE_SCALED : 0);

    rove__buf_byte(out, (uint8_t)mode);
    if (chosen->delta) {
        rove__buf_zigzag(out, values[0]);
    }
    rove__buf_zigzag(out, (int64_t)chosen->min);
    if (chosen->scale > 1) {
        rove__buf_varint(out, chosen->scale);
    }
    apply_form(values, count, chosen);
    for (unsigned p = 0; p < chosen->width; p++) {
        uint8_t *plane = rove__buf_reserve(out, count);

        for (size_t i = 0; plane != NULL && i < count; i++) {
            plane[i] = (uint8_t)((uint64_t)values[i] >> (8 * p));
        }
    }
}

static void write_varints(const int64_t *values, size_t count, size_t size, rove__buf *out) {
    uint8_t *at = NULL;
    uint64_t before = 0;

    rove__buf_byte(out, MODE_VARINTS);
    rove__buf_varint(out, size);
    at = rove__buf_reserve(out, size);
    for (size_t i = 0; at != NULL && i < count; i++) {
        uint64_t rest = zigzag((uint64_t)values[i] - before);

        while (rest >= 0x80) {
            *at++ = (uint8_t)(rest | 0x80);
            rest >>= 7;
        }
        *at++ = (uint8_t)rest;
        before = (uint64_t)values[i];
    }
}

void rove__ints_write(rove__ints *ints, rove__buf *out) {
    survey found;
    form values;
    form steps;

    if (ints->count == 0) {
        return;
    }
    if (ints->values == NULL) {
        rove__buf_byte(out, 0);
        rove__buf_zigzag(out, ints->first);
        return;
    }
    found = survey_of(ints->values, ints->count);
    values = form_of(ints->values, ints->count, 0, found.min, found.max);
    steps = form_of(ints->values, ints->count, 1, found.step_min, found.step_max);
    if (steps.width < values.width) {
        values = steps;
    }
    if (found.varint_bytes < ints->count * values.width) {
        write_varints(ints->values, ints->count, found.varint_bytes, out);
    } else {
        write_planes(ints->values, ints->count, &values, out);
    }
}

void rove__pile_add(rove__pile *pile, rove__packer *packer, const void *data, size_t size) {
    if (size > pile->capacity - pile->size) {
        size_t capacity = pile->capacity * 2;
        uint8_t *grown = NULL;

        if (capacity < PILE_CAPACITY_MIN) {
            capacity = PILE_CAPACITY_MIN;
        }
        if (capacity < pile->size + size) {
            capacity = pile->size + size;
        }
        grown = rove__arena_take(&packer->arena, capacity);
        if (grown == NULL) {
            packer->failed = 1;
            return;
        }
        if (pile->size > 0) {
            memcpy(grown, pile->data, pile->size);
        }
        pile->data = grown;
        pile->capacity = capacity;
    }
    if (size > 0) {
        memcpy(pile->data + pile->size, data, size);
    }
    pile->size += size;
    packer->bound += size;
}

void rove__ints_open(rove__ints_reader *ints, rove__reader *from, size_t count) {
    unsigned mode = 0;

    memset(ints, 0, sizeof *ints);
    ints->left = count;
    ints->stride = count;
    if (count == 0) {
        return;
    }
    mode = rove__reader_byte(from);
    if (mode == MODE_VARINTS) {
        size_t size = 0;
        const uint8_t *bytes = rove__reader_bytes(from, rove__reader_left(from), &size);

        ints->is_varints = 1;
        rove__reader_init(&ints->varints, bytes, size);
        return;
    }
    if (mode > (MODE_SCALED | MODE_DELTA | 8u) || (mode & 0x0fu) > 8) {
        rove__reader_fail(from, ROVE_PROTOCOL);
        return;
    }
    ints->width = mode & 0x0fu;
    if ((mode & MODE_DELTA) != 0) {
        ints->carry = UINT64_MAX;
        ints->value = (uint64_t)rove__reader_zigzag(from);
    }
    ints->min = (uint64_t)rove__reader_zigzag(from);
    ints->value -= ints->min;
    ints->scale = (mode & MODE_SCALED) != 0 ? rove__reader_varint(from) : 1;
    if (ints->width > 0 && count > rove__reader_left(from)) {
        rove__reader_fail(from, ROVE_TRUNCATED); /* or the product below might wrap */
    }
    ints->planes = rove__reader_take(from, ints->width * count);
    if (ints->planes == NULL) {
        ints->width = 0;
    }
}

int64_t rove__ints_next(rove__ints_reader *ints) {
    uint64_t u = 0;

    if (ints->left == 0) {
        return 0;
    }
    ints->left--;
    if (ints->is_varints) {
        ints->value += (uint64_t)rove__reader_zigzag(&ints->varints);
        return (int64_t)ints->value;
    }
    if (ints->width > 0) {
        for (unsigned p = ints->width; p-- > 0;) {
            u = u << 8 | ints->planes[p * ints->stride];
        }
        ints->planes++;
    }
    ints->value = (ints->value & ints->carry) + ints->min + ints->scale * u;
    return (int64_t)ints->value;
}

int rove__ints_done(const rove__ints_reader *ints) {
    return ints->left == 0 &&
           (!ints->is_varints || (rove__reader_status(&ints->varints) == ROVE_OK &&
                                  rove__reader_left(&ints->varints) == 0));
}
