/*
 * support/copies.h - the original of a device and its copy, which sends the same work with more of its own (P3), and the parts of counters
 * and sets that they send.
 */
#ifndef ROVE_TESTS_COPIES_H
#define ROVE_TESTS_COPIES_H

#include "delivery.h"
#include "given_back.h"
#include "model/set.h"

/* The stamp of the one increment in it. */
static inline rove_stamp stamp_of(world *w, const rove__change *counts) {
    rove__increment *items = NULL;
    size_t count = 0;
    int ordinal = rove__entity_field_named(counts->row.entity, "points");

    assert_int_equal(
        rove__increments_read(&counts->row.cells[ordinal], &w->s.arena, &items, &count), ROVE_OK);
    assert_int_equal(count, 1);
    return items[0].raw;
}

static inline rove_value set_of(world *w, rove__set_form form, rove__element *elements,
                                size_t count) {
    rove__set set = {form, elements, count};
    rove_value value;

    assert_int_equal(rove__set_value(&set, &w->s.arena, &value), ROVE_OK);
    return value;
}

static inline rove__element adds(int64_t tag, rove_stamp raw) {
    return (rove__element){.value = rove__value_int(tag), .action = ROVE_SET_ADD, .raw = raw};
}

/* The original sends what is noted. */
static inline void original_sends(world *w) {
    rep_outcome outcome;

    rep_exchange(&w->anna, &outcome);
    assert_int_equal(outcome.failed, ROVE_OK);
    assert_int_equal(outcome.acks, 1);
}

/* The copy's batch arrives, and so much of it is for an operator to look at. */
static inline void copy_sends_for_review(world *w, const rove__change *changes, size_t count,
                                         size_t reviews) {
    rep *r = &w->anna;
    rep_outcome outcome;

    assert_int_equal(r->change_count, 0);
    for (size_t i = 0; i < count; i++) {
        assert_true(r->change_count < r->change_capacity);
        r->changes[r->change_count++] = changes[i];
    }
    rep_freeze(r);
    rep_batch batch = r->batches[r->batch_count - 1];
    r->batch_count = 0;
    batch.number += 7;
    deliver(w, &batch, 1, &FORMER_OF, &outcome);
    assert_int_equal(outcome.former_acks, 1);
    assert_int_equal(memory_headquarters_reviews(w->s.hq), reviews);
}

static inline void copy_sends(world *w, const rove__change *changes, size_t count) {
    copy_sends_for_review(w, changes, count, 0);
}

/* The change that was noted last, for the copy alone. */
static inline rove__change taken(world *w, const rove__change *noted) {
    rove__change change = *noted;

    w->anna.change_count--;
    return change;
}

static inline void set_edit(rove__change *change, const char *column, rove_value value) {
    site_set(&change->row, column, value);
}

static inline rove__change with_value(world *w, const rove__change *of, const char *column,
                                      rove_value value) {
    rove__change copy;

    assert_int_equal(rove__change_copy(&copy, of, &w->s.arena), ROVE_OK);
    set_edit(&copy, column, value);
    return copy;
}

/* A new record of hers, noted. */
static inline rove__change *note_account(world *w) {
    rove__row *row = site_row(&w->s, "Account", rep_id(&w->anna));
    const rove__increment five = {7, 5};
    rove__element tags[] = {adds(1, 7)};

    site_text(row, "name", "new");
    site_text(row, "website", "old.example");
    site_text(row, "phone", "1");
    site_set(row, "points", increments(w, &five, 1));
    site_set(row, "tag_ids", set_of(w, ROVE_SET_DELTA, tags, 1));
    return rep_insert(&w->anna, row);
}

static inline rove__change an_account(world *w) {
    return taken(w, note_account(w));
}

/* 1: the account has it. *element as it stands. */
static inline int find_tag(world *w, int64_t tag, rove__element *element) {
    rove_value value = site_cell(&w->s, "Account", w->account, "tag_ids");
    rove_value wanted = rove__value_int(tag);
    rove__set set;
    int found = 0;

    assert_int_equal(rove__set_read(&set, &value, ROVE_SET_VERSIONED, &w->s.arena), ROVE_OK);
    size_t at = rove__set_find(&set, &wanted, &found);
    *element = found ? set.elements[at] : (rove__element){.raw = 0};
    return found;
}

static inline int has_tag(world *w, int64_t tag) {
    rove__element element;

    return find_tag(w, tag, &element);
}

static inline int64_t points(world *w) {
    return site_cell(&w->s, "Account", w->account, "points").as.integer;
}

static inline rove_value people(world *w, int64_t one, int64_t other) {
    rove__element elements[] = {{.value = rove__value_int(one)}, {.value = rove__value_int(other)}};

    return set_of(w, ROVE_SET_PLAIN, elements, other == 0 ? 1 : 2);
}

static inline size_t people_of(world *w, rove_id visit) {
    rove_value cell = site_cell(&w->s, "Visit", visit, "contact_ids");
    rove__set set;

    assert_int_equal(rove__set_read(&set, &cell, ROVE_SET_VERSIONED, &w->s.arena), ROVE_OK);
    return set.count;
}

/* A visit with two people, which Anna has. */
static inline rove_id visit_with_people(world *w) {
    rove__row *row = site_row(&w->s, "Visit", 0);

    site_int(row, "account_id", w->account);
    site_int(row, "planned_start", SITE_NOW);
    site_set(row, "contact_ids", people(w, 11, 12));
    rove_id visit = site_insert(&w->s, row);
    rep_settle(&w->anna);
    return visit;
}

#endif
