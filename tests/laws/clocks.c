/*
 * laws/clocks.c - clocks of rows, deletes, canonical stamps, digests.
 */
#include <stdlib.h>
#include <string.h>

#include "draw.h"
#include "laws.h"

#define KEY ((const uint8_t *)"0123456789abcdef")

static int same_version(rove__version a, rove__version b) {
    return a.stamp == b.stamp && a.replica == b.replica;
}

/* ---- deletes and stamps ---- */

const char *law_delete_covers(lab *l) {
    rove__clock now = draw_clock(l, 0);
    rove__clock seen = lab_pick(l, 2) == 0 ? now : draw_clock(l, 0);
    rove_replica author = (rove_replica)lab_pick(l, DRAW_FEW);
    int own = (int)lab_pick(l, 2);
    static const uint32_t fields[] = {0, 1, 2, 3, 4, 5, UINT32_MAX - 1, UINT32_MAX};

    if (lab_pick(l, 2) == 1) {
        seen.origin = now.origin; /* of the same record */
    }
    int expected = same_version(now.origin, seen.origin);
    show_clock(l, "now", &now);
    show_clock(l, "seen", &seen);
    show_number(l, "author", author);
    show_number(l, "own", own);
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        rove__version current = rove__clock_get(&now, fields[i]).version;
        rove__version known = rove__clock_get(&seen, fields[i]).version;
        expected &= same_version(current, known) || (own && current.replica == author);
    }
    return rove__merge_delete_covers(&now, &seen, author, own) != expected ? "it does not" : NULL;
}

static rove_stamp draw_stamp(lab *l) {
    switch (lab_pick(l, 16)) {
    case 14:
        return lab_pick(l, 0);
    case 15:
        return lab_pick(l, 2) == 0 ? UINT64_MAX : ROVE_STAMP_MAX;
    default:
        return rove__stamp_make((int64_t)lab_pick(l, 6), (uint16_t)lab_pick(l, 4));
    }
}

const char *law_canonical(lab *l) {
    static const int64_t far[] = {-1, INT64_MIN, INT64_MAX};
    rove_stamp raw = draw_stamp(l);
    int64_t lower_ms = lab_rarely(l, 16) ? far[lab_pick(l, 3)] : (int64_t)lab_pick(l, 5);
    rove_stamp now = rove__stamp_make((int64_t)lab_pick(l, 8), (uint16_t)lab_pick(l, 4));
    rove_stamp previous = lab_pick(l, now + 1);
    int suspect = 0;
    int again = 0;
    rove_stamp lower = rove__stamp_make(lower_ms, 0);
    rove_stamp a = rove__merge_canonical(raw, lower_ms, now, previous, &suspect);

    show_number(l, "raw", (int64_t)raw);
    show_number(l, "lower", lower_ms);
    show_number(l, "now", (int64_t)now);
    show_number(l, "previous", (int64_t)previous);
    show_number(l, "result", (int64_t)a);
    if (a <= previous) {
        return "it does not rise";
    }
    if ((a > now && a != previous + 1) || (a < lower && lower <= now)) {
        return "it lies outside";
    }
    if (raw >= lower && raw <= now && raw > previous && a != raw) {
        return "a believable stamp is changed";
    }
    if (suspect != (raw < lower || raw > now)) {
        return "a clock is suspected without reason, or not with reason";
    }
    if (lower <= now && a <= now &&
        rove__merge_canonical(a, lower_ms, now, previous, &again) != a) {
        return "a canonical stamp is not canonical";
    }
    return rove__merge_canonical(draw_stamp(l), lower_ms, now, a, &again) <= a
               ? "two of one device do not rise"
               : NULL;
}

/* ---- clocks ---- */

static void set(lab *l, rove__clock *clock, rove__clock_entry entry) {
    if (rove__clock_set(clock, &l->arena, entry) != ROVE_OK) {
        abort();
    }
}

static int same_entry(rove__clock_entry a, rove__clock_entry b) {
    return a.field == b.field && a.epoch == b.epoch && a.seq == b.seq &&
           same_version(a.version, b.version);
}

const char *law_clock_order(lab *l) {
    rove__clock start = draw_clock(l, 1);
    rove__clock_entry x = draw_entry(l, &start, 1);
    rove__clock_entry y = draw_entry(l, &start, 1);
    rove__clock xy;
    rove__clock yx;

    show_clock(l, "clock", &start);
    show_version(l, "x", x.version);
    show_number(l, "field", x.field);
    show_version(l, "y", y.version);
    show_number(l, "field", y.field);
    if (rove__clock_copy(&xy, &start, &l->arena) != ROVE_OK ||
        rove__clock_copy(&yx, &start, &l->arena) != ROVE_OK) {
        abort();
    }
    set(l, &xy, x);
    if (!same_entry(rove__clock_get(&xy, x.field), x)) {
        return "what is set is not got";
    }
    set(l, &xy, x);
    set(l, &xy, y);
    set(l, &yx, y);
    set(l, &yx, x);
    if (x.field == y.field) {
        return same_entry(rove__clock_get(&xy, y.field), y) ? NULL : "the last one does not count";
    }
    rove__clock_write(&l->buf[0], &xy, 1);
    rove__clock_write(&l->buf[1], &yx, 1);
    if (!rove__clock_equal(&xy, &yx) || l->buf[0].size != l->buf[1].size ||
        memcmp(l->buf[0].data, l->buf[1].data, l->buf[0].size) != 0) {
        return "one meaning has two encodings";
    }
    if (rove__clock_largest(&xy) < x.version.stamp || rove__clock_newest(&xy) < y.seq) {
        return "the largest is not the largest";
    }
    return NULL;
}

const char *law_clock_encoding(lab *l) {
    int with_seqs = (int)lab_pick(l, 2);
    rove__clock clock = draw_clock(l, with_seqs);
    rove__clock read;
    static const uint32_t fields[] = {0, 1, 2, 3, 4, 5, 6, UINT32_MAX - 1, UINT32_MAX};

    show_clock(l, "clock", &clock);
    rove__clock_write(&l->buf[0], &clock, with_seqs);
    if (rove__clock_read(&read, l->buf[0].data, l->buf[0].size, &l->arena) != ROVE_OK) {
        return "it cannot be read";
    }
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        if (!same_entry(rove__clock_get(&clock, fields[i]), rove__clock_get(&read, fields[i]))) {
            return "a cell is read as another";
        }
    }
    rove__clock_write(&l->buf[1], &read, with_seqs);
    if (!rove__clock_equal(&clock, &read) || l->buf[0].size != l->buf[1].size ||
        memcmp(l->buf[0].data, l->buf[1].data, l->buf[0].size) != 0) {
        return "it is read as something else";
    }
    size_t part = (size_t)lab_pick(l, l->buf[0].size);
    return rove__clock_read(&read, l->buf[0].data, part, &l->arena) == ROVE_OK
               ? "a part of it can be read"
               : NULL;
}

/* ---- digests ---- */

static rove__hash128 term_of(lab *l, const rove__row *row, const rove__clock *clock) {
    rove__hash128 term;

    if (rove__digest_term(KEY, row, clock, &l->buf[0], &term) != ROVE_OK) {
        abort();
    }
    return term;
}

const char *law_digest_sum(lab *l) {
    rove__hash128 terms[3];
    rove__hash128 forward = {0, 0};
    rove__hash128 backward = {0, 0};
    rove__hash128 part = {0, 0};

    for (size_t i = 0; i < 3; i++) {
        rove__row row = draw_row(l);
        rove__clock clock = draw_clock(l, 1);
        show_row(l, "row", &row);
        show_clock(l, "clock", &clock);
        terms[i] = term_of(l, &row, &clock);
    }
    if (lab_pick(l, 4) == 3) {
        terms[1] = (rove__hash128){UINT64_MAX - lab_pick(l, 2), UINT64_MAX - lab_pick(l, 2)};
    }
    for (size_t i = 0; i < 3; i++) {
        rove__hash128_add(&forward, terms[i]);
        rove__hash128_add(&backward, terms[2 - i]);
    }
    if (!rove__hash128_equal(forward, backward)) {
        return "the order matters";
    }
    rove__hash128_add(&part, terms[1]);
    rove__hash128_add(&part, terms[2]);
    rove__hash128_add(&part, terms[0]);
    if (!rove__hash128_equal(forward, part)) {
        return "the sum of parts is not the whole";
    }
    rove__hash128_subtract(&part, terms[0]);
    rove__hash128_subtract(&part, terms[2]);
    return rove__hash128_equal(part, terms[1]) ? NULL : "what is taken away is not gone";
}

/* What a digest is about, told without the product: all but seqs, NULLs and derived fields. */
static int same_rows(const rove__row *a, const rove__row *b) {
    if (a->entity_number != b->entity_number || a->id != b->id ||
        a->extra_count != b->extra_count) {
        return 0;
    }
    for (size_t i = 0; i < a->cell_count; i++) {
        if (!rove__value_equal(&a->cells[i], &b->cells[i])) {
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

static int same_clocks(const rove__clock *a, const rove__clock *b) {
    int same = same_version(a->origin, b->origin) && same_version(a->base, b->base);
    static const uint32_t fields[] = {1, 2, 3, 4, 5, UINT32_MAX - 1, UINT32_MAX};

    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        rove__clock_entry x = rove__clock_get(a, fields[i]);
        rove__clock_entry y = rove__clock_get(b, fields[i]);
        same &= x.epoch == y.epoch && same_version(x.version, y.version);
    }
    return same;
}

/* Fields that are NULL are as if they were not there. */
static void drop_nulls(rove__row *row) {
    size_t kept = 0;

    for (size_t i = 0; i < row->extra_count; i++) {
        if (row->extra[i].value.type != ROVE_NULL) {
            row->extra[kept++] = row->extra[i];
        }
    }
    row->extra_count = kept;
}

const char *law_digest_says_all(lab *l) {
    rove__row a = draw_row(l);
    rove__row b;
    rove__clock of_a = draw_clock(l, 1);
    rove__clock of_b = lab_pick(l, 4) == 0 ? of_a : draw_clock(l, 0);

    if (lab_pick(l, 4) == 0) {
        b = draw_row(l);
    } else if (rove__row_copy(&b, &a, &l->arena) != ROVE_OK) {
        abort();
    } else if (b.cell_count > 0 && lab_pick(l, 2) == 1) {
        rove__row_set(&b, (size_t)lab_pick(l, b.cell_count), draw_value(l));
    } else if (b.extra_count > 0) {
        b.extra[lab_pick(l, b.extra_count)].value = draw_value(l);
    }
    show_row(l, "a", &a);
    show_clock(l, "clock", &of_a);
    show_row(l, "b", &b);
    show_clock(l, "clock", &of_b);
    rove__hash128 term_a = term_of(l, &a, &of_a);
    rove__hash128 term_b = term_of(l, &b, &of_b);
    drop_nulls(&a);
    drop_nulls(&b);
    int same = same_rows(&a, &b) && same_clocks(&of_a, &of_b);
    return rove__hash128_equal(term_a, term_b) != same
               ? "the terms are equal and the rows are not, or the other way round"
               : NULL;
}

const char *law_digest_bytes(lab *l) {
    rove__hash128 a = {lab_pick(l, 0), lab_pick(l, 0)};
    rove__hash128 b = {lab_pick(l, 0), lab_pick(l, 0)};
    uint8_t bytes[16];

    show_number(l, "low", (int64_t)a.low);
    show_number(l, "high", (int64_t)a.high);
    rove__hash128_write(a, bytes);
    if (!rove__hash128_equal(rove__hash128_read(bytes), a)) {
        return "it is read as something else";
    }
    rove__hash128_add(&b, a);
    rove__hash128_subtract(&b, a);
    rove__hash128_subtract(&b, b);
    return b.low == 0 && b.high == 0 ? NULL : "what is taken away from itself is not nothing";
}
