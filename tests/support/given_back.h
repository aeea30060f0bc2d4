/*
 * support/given_back.h - what tests of work that comes again make of it: counters by their parts, a new record that names edits which it
 * holds, one with hardly any room left.
 */
#ifndef ROVE_TESTS_GIVEN_BACK_H
#define ROVE_TESTS_GIVEN_BACK_H

#include <string.h>

#include "merge/merge.h"
#include "two_reps.h"

static inline rove_value increments(world *w, const rove__increment *items, size_t count) {
    rove_value value;

    assert_int_equal(rove__increments_write(items, count, &w->s.arena, &value), ROVE_OK);
    return value;
}

/* As a device names in a record that it gives back what it holds (P15). */
static inline void name_edit(world *w, rove__change *insert, const rove__change *edit) {
    for (size_t i = 0; i < edit->edit_count; i++) {
        assert_int_equal(
            rove__clock_set(&insert->clock, &w->s.arena,
                            (rove__clock_entry){.field = edit->edits[i].field,
                                                .version = {edit->edits[i].raw, edit->replica}}),
            ROVE_OK);
    }
}

/* A new account of Anna's with hardly any room left; some 300 bytes more are too much. */
static char long_text[65001];
#define TOO_MUCH (long_text + 64700)

static inline rove_id large_account(world *w) {
    rove__row *row = site_row(&w->s, "Account", rep_id(&w->anna));

    memset(long_text, 'y', sizeof long_text - 1);
    site_text(row, "name", "a large one");
    rove__change *change = rep_insert(&w->anna, row);
    const rove__extra extra[2] = {{5000, rove__value_text(long_text)},
                                  {5001, rove__value_text(long_text)}};
    change->row.extra = rove__arena_copy(&w->s.arena, extra, sizeof extra);
    change->row.extra_count = 2;
    return row->id;
}

#endif
