/*
 * What an operator writes, and what one piece of code keeps with it: seq, feed, marks, edges, history, digests, the clock.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "model/digest.h"
#include "model/set.h"
#include "site.h"
#include "sync/entitle.h"

#include "rove/entities.pb-c.h"

#define USER INT64_C(0x7000000001)

static int setup(void **state) {
    site *s = test_calloc(1, sizeof *s);

    site_open(s);
    s->trial.on = 1;
    *state = s;
    return 0;
}

static int teardown(void **state) {
    site *s = *state;

    site_close(s);
    test_free(s);
    return 0;
}

static rove__hq_tx *tx_begin(site *s, rove__hq_mode mode) {
    rove__hq_tx *tx = NULL;

    assert_int_equal(s->store->begin(s->store->ctx, mode, &tx, NULL), ROVE_OK);
    return tx;
}

static rove__writer *writer_begin(site *s, rove__hq_tx *tx) {
    rove__writer_options options = {.allocator = &s->allocator,
                                    .registry = s->registry,
                                    .store = s->store,
                                    .random = &s->random,
                                    .now_ms = s->now_ms,
                                    .operator_name = "eva",
                                    .act = "set"};
    rove__writer *writer = NULL;

    assert_int_equal(rove__writer_begin(&options, tx, &writer, NULL), ROVE_OK);
    return writer;
}

/* ---- the head -------------------------------------------------------------------------------------------- */

static void nothing_written_takes_no_seq(void **state) {
    site *s = *state;
    rove__hq_tx *tx = tx_begin(s, ROVE_HQ_WRITE);
    uint64_t seq = 99;

    assert_int_equal(rove__writer_finish(writer_begin(s, tx), &seq, NULL), ROVE_OK);
    assert_int_equal(seq, 0);
    s->store->rollback(tx);
    rove_id id = site_account(s, "Adler");
    assert_int_equal(memory_headquarters_head(s->hq), 1);
    rove__row *row = site_row(s, "Account", id);
    site_text(row, "name", "Adler"); /* as it is */
    site_update(s, row);
    assert_int_equal(memory_headquarters_head(s->hq), 1);
}

static rove_stamp head_stamp(site *s) {
    rove__hq_tx *tx = tx_begin(s, ROVE_HQ_READ);
    rove__hq_head head;

    assert_int_equal(s->store->head_get(tx, &head), ROVE_OK);
    s->store->rollback(tx);
    return head.stamp;
}

static void the_clock_never_runs_back(void **state) {
    site *s = *state;
    rove_stamp last = 0;

    for (int i = 0; i < 20; i++) {
        s->now_ms += i % 3 == 0 ? -100000 : 10;
        rove_id id = site_account(s, "Adler");
        rove__hq_row row;
        assert_true(site_get(s, "Account", id, &row));
        assert_true(row.clock.base.stamp > last);
        assert_true(head_stamp(s) >= row.clock.base.stamp);
        last = head_stamp(s);
    }
}

static void a_refused_act_leaves_nothing(void **state) {
    site *s = *state;
    rove__hq_tx *tx = tx_begin(s, ROVE_HQ_WRITE);
    rove__writer *writer = writer_begin(s, tx);
    rove__row *row = site_row(s, "Account", 0);
    rove_error error = {.message = ""};
    uint64_t seq = 0;
    size_t changed = 0;

    assert_int_equal(rove__writer_insert(writer, row, &error), ROVE_REQUIRED);
    assert_non_null(strstr(error.message, "name"));
    row->id = 77;
    site_text(row, "name", "x");
    assert_int_equal(rove__writer_update(writer, row, &changed, NULL), ROVE_NOT_FOUND);
    assert_int_equal(rove__writer_delete(writer, 6, 77, NULL), ROVE_NOT_FOUND);
    assert_int_equal(rove__writer_finish(writer, &seq, NULL), ROVE_OK);
    assert_int_equal(seq, 0);
    s->store->rollback(tx);
    rove_id id = site_account(s, "Adler");
    tx = tx_begin(s, ROVE_HQ_WRITE);
    writer = writer_begin(s, tx);
    row->id = id;
    assert_int_equal(rove__writer_insert(writer, row, NULL), ROVE_EXISTS);
    rove__writer_abandon(writer);
    s->store->rollback(tx);
}

/* ---- cells ----------------------------------------------------------------------------------------------- */

static void only_what_differs_is_written(void **state) {
    site *s = *state;
    rove_id id = site_account(s, "Adler");
    rove__row *row = site_row(s, "Account", id);
    rove__hq_row stored;

    site_text(row, "name", "Adler");
    site_text(row, "phone", "0221");
    site_update(s, row);
    assert_true(site_get(s, "Account", id, &stored));
    assert_int_equal(stored.clock.count, 1);
    assert_int_equal(stored.clock.entries[0].seq, 2);
    assert_int_equal(stored.whole_since, 1);
    assert_int_equal(memory_headquarters_history(s->hq), 2);
}

static void a_step_back_of_a_rank_raises_its_epoch(void **state) {
    site *s = *state;
    rove_id id = site_account(s, "Adler");
    rove__row *row = site_row(s, "Account", id);
    rove__hq_row stored;
    static const int stages[] = {ROVE__LIFECYCLE_STAGE__CUSTOMER, ROVE__LIFECYCLE_STAGE__PROSPECT,
                                 ROVE__LIFECYCLE_STAGE__LEAD};
    static const uint32_t epochs[] = {0, 1, 1};
    const rove__entity *account = rove__registry_by_name(s->registry, "Account");
    int column = rove__entity_field_named(account, "lifecycle_stage");

    for (size_t i = 0; i < 3; i++) {
        site_int(row, "lifecycle_stage", stages[i]);
        site_update(s, row);
        assert_true(site_get(s, "Account", id, &stored));
        assert_int_equal(stored.row.cells[column].as.integer, stages[i]);
        assert_int_equal(rove__clock_get(&stored.clock, account->fields[column].number).epoch,
                         epochs[i]);
    }
}

static void sets_keep_the_versions_of_what_stays(void **state) {
    site *s = *state;
    rove_id id = site_account(s, "Adler");
    rove__row *row = site_row(s, "Account", id);
    rove__set before;
    rove__set after;

    site_numbers(s, row, "tag_ids", (const int64_t[]){3, 5}, 2);
    site_update(s, row);
    rove_value value = site_cell(s, "Account", id, "tag_ids");
    assert_int_equal(rove__set_read(&before, &value, ROVE_SET_VERSIONED, &s->arena), ROVE_OK);
    site_numbers(s, row, "tag_ids", (const int64_t[]){5, 9}, 2);
    site_update(s, row);
    value = site_cell(s, "Account", id, "tag_ids");
    assert_int_equal(rove__set_read(&after, &value, ROVE_SET_VERSIONED, &s->arena), ROVE_OK);
    assert_int_equal(after.count, 2);
    assert_int_equal(after.elements[0].value.as.integer, 5);
    assert_int_equal(rove__version_compare(after.elements[0].version, before.elements[1].version),
                     0);
    assert_true(after.elements[1].version.stamp > before.elements[1].version.stamp);
}

/* ---- scopes and edges ------------------------------------------------------------------------------------ */

typedef struct found {
    size_t count;
    rove__hq_mark mark;
    rove__hq_entailment edges[8];
    rove__hq_grant grants[8];
} found;

static rove_status each_mark(void *ctx, const rove__hq_mark *mark) {
    found *f = ctx;

    f->mark = *mark;
    f->count++;
    return ROVE_OK;
}

static void a_move_leaves_a_mark(void **state) {
    site *s = *state;
    rove_id first = site_account(s, "first");
    rove_id second = site_account(s, "second");
    rove_id visit = site_visit(s, first, s->now_ms);
    rove__row *row = site_row(s, "Visit", visit);
    rove__hq_row stored;
    found f = {0};

    site_text(row, "notes", "stays where it is");
    site_update(s, row);
    site_int(row, "account_id", second);
    site_update(s, row);
    uint64_t seq = memory_headquarters_head(s->hq);
    rove__hq_tx *tx = tx_begin(s, ROVE_HQ_READ);
    assert_int_equal(s->store->mark_of_row(tx, row->entity_number, visit, each_mark, &f), ROVE_OK);
    s->store->rollback(tx);
    assert_int_equal(f.count, 1);
    assert_int_equal(f.mark.scope.root, first);
    assert_int_equal(f.mark.scope.part, 202601);
    assert_int_equal(f.mark.seq, seq);
    assert_true(site_get(s, "Visit", visit, &stored));
    assert_int_equal(stored.scope.root, second);
    assert_int_equal(stored.whole_since, seq);
}

static rove_status each_edge(void *ctx, const rove__hq_entailment *e) {
    found *f = ctx;

    f->edges[f->count++] = *e;
    return ROVE_OK;
}

static void edges_of_a_role_abut(void **state) {
    site *s = *state;
    rove_id first = site_account(s, "first");
    rove_id second = site_account(s, "second");
    rove__row *contact = site_row(s, "Contact", 0);
    rove__row *role = site_row(s, "AccountContactRole", 0);
    rove__holdings held;
    found f = {0};

    site_text(contact, "last_name", "Stein");
    site_insert(s, contact);
    site_int(role, "account_id", first);
    site_int(role, "contact_id", contact->id);
    site_insert(s, role);
    site_grant(s, USER, first);
    site_grant(s, USER, second);
    rove__row *moved = site_row(s, "AccountContactRole", role->id);
    site_int(moved, "account_id", second);
    site_update(s, moved);
    uint64_t seq = memory_headquarters_head(s->hq);
    rove__hq_tx *tx = tx_begin(s, ROVE_HQ_READ);
    assert_int_equal(s->store->entailment_scan(tx, 0, contact->id, each_edge, &f), ROVE_OK);
    assert_int_equal(f.count, 2);
    assert_int_equal(f.edges[0].to, seq);
    assert_int_equal(f.edges[1].from, seq);
    assert_int_equal(f.edges[1].to, ROVE_SEQ_OPEN);
    rove__holdings_init(&held, &s->allocator);
    assert_int_equal(rove__entitle_root(s->store, tx, USER, contact->id, &held), ROVE_OK);
    assert_int_equal(held.count, 1); /* without a gap */
    rove__holdings_free(&held);
    s->store->rollback(tx);
    site_delete(s, "AccountContactRole", role->id);
    tx = tx_begin(s, ROVE_HQ_READ);
    f.count = 0;
    assert_int_equal(s->store->entailment_scan(tx, 0, contact->id, each_edge, &f), ROVE_OK);
    assert_int_equal(f.edges[1].to, memory_headquarters_head(s->hq));
    s->store->rollback(tx);
}

static rove_status each_grant(void *ctx, const rove__hq_grant *grant) {
    found *f = ctx;

    f->grants[f->count++] = *grant;
    return ROVE_OK;
}

static void grants_are_made_once_and_ended_once(void **state) {
    site *s = *state;
    rove_id account = site_account(s, "Adler");
    found f = {0};

    site_grant(s, USER, account);
    uint64_t from = memory_headquarters_head(s->hq);
    site_grant(s, USER, account);
    assert_int_equal(memory_headquarters_head(s->hq), from);
    site_revoke(s, USER, account);
    uint64_t to = memory_headquarters_head(s->hq);
    site_revoke(s, USER, account);
    assert_int_equal(memory_headquarters_head(s->hq), to);
    rove__hq_tx *tx = tx_begin(s, ROVE_HQ_READ);
    rove__hq_head head;
    assert_int_equal(s->store->grant_scan(tx, USER, 0, each_grant, &f), ROVE_OK);
    assert_int_equal(s->store->head_get(tx, &head), ROVE_OK);
    s->store->rollback(tx);
    assert_int_equal(f.count, 1);
    assert_int_equal(f.grants[0].from, from);
    assert_int_equal(f.grants[0].to, to);
    assert_int_equal(head.assigned, to);
}

/* ---- digests --------------------------------------------------------------------------------------------- */

typedef struct sums {
    site *s;
    rove__hq_tx *tx;
    rove__hq_head head;
    rove__hash128 sum;
    int64_t rows;
    rove__buf scratch;
} sums;

static rove_status each_row(void *ctx, const rove__hq_row *row) {
    sums *total = ctx;
    rove__hash128 term;

    assert_int_equal(
        rove__digest_term(total->head.digest_key, &row->row, &row->clock, &total->scratch, &term),
        ROVE_OK);
    rove__hash128_add(&total->sum, term);
    total->rows++;
    return ROVE_OK;
}

static rove_status each_sum(void *ctx, rove__scope scope, rove__hash128 sum, int64_t rows) {
    sums *total = ctx;

    total->sum = (rove__hash128){0, 0};
    total->rows = 0;
    assert_int_equal(
        total->s->store->row_scan(total->tx, scope, 0, 0, &total->s->arena, each_row, total),
        ROVE_OK);
    assert_true(rove__hash128_equal(total->sum, sum));
    assert_int_equal(total->rows, rows);
    return ROVE_OK;
}

/* What is kept with each write is what would be found by going through all rows. */
static void digests_are_kept_with_each_write(void **state) {
    site *s = *state;
    rove_id accounts[3];
    rove_id visits[64];
    size_t count = 0;
    uint64_t seed = 11;

    for (size_t i = 0; i < 3; i++) {
        accounts[i] = site_account(s, "a");
    }
    for (int i = 0; i < 300; i++) {
        size_t at = count == 0 ? 0 : (size_t)dice(&seed) % count;
        rove_id account = accounts[dice(&seed) % 3];
        if (count < 8 || (dice(&seed) % 5 == 0 && count < 60)) {
            visits[count++] = site_visit(s, account, s->now_ms);
            continue;
        }
        rove__row *row = site_row(s, "Visit", visits[at]);
        switch (dice(&seed) % 4) {
        case 0:
            site_int(row, "account_id", account);
            site_update(s, row);
            break;
        case 1:
            site_int(row, "planned_start", s->now_ms + (int64_t)(dice(&seed) % 100) * 86400000);
            site_update(s, row);
            break;
        case 2:
            site_text(row, "notes", dice(&seed) % 2 ? "x" : "y");
            site_update(s, row);
            break;
        default:
            site_delete(s, "Visit", visits[at]);
            visits[at] = visits[--count];
            break;
        }
    }
    sums total = {.s = s, .tx = tx_begin(s, ROVE_HQ_READ)};
    rove__buf_init(&total.scratch, &s->allocator, 1 << 20);
    assert_int_equal(s->store->head_get(total.tx, &total.head), ROVE_OK);
    for (size_t i = 0; i < 3; i++) {
        rove__arena_reset(&s->arena);
        assert_int_equal(s->store->sum_scan(total.tx, accounts[i], each_sum, &total), ROVE_OK);
    }
    rove__buf_free(&total.scratch);
    s->store->rollback(total.tx);
}

/* ---- faults ---------------------------------------------------------------------------------------------- */

/* Every call that may fail does, once and for good; nothing leaks, nothing is half there. */
static void an_act_without_memory_leaves_nothing(void **state) {
    site *s = *state;
    rove_id account = site_account(s, "Adler");
    size_t failures = 0;

    for (size_t call = 1;; call++) {
        rove__hq_tx *tx = tx_begin(s, ROVE_HQ_WRITE);
        rove__writer_options options = {.allocator = &s->allocator,
                                        .registry = s->registry,
                                        .store = s->store,
                                        .random = &s->random,
                                        .now_ms = s->now_ms,
                                        .operator_name = "eva",
                                        .act = "set"};
        rove__writer *writer = NULL;
        rove__row *row = site_row(s, "Visit", 0);
        uint64_t seq = 0;
        site_int(row, "account_id", account);
        site_numbers(s, row, "contact_ids", (const int64_t[]){1, 2}, 2);
        size_t alive = s->h.alive;
        s->h.fail_at = s->h.calls + call;
        s->h.persistent = (int)(call % 2);
        rove_status status = rove__writer_begin(&options, tx, &writer, NULL);
        if (status == ROVE_OK) {
            status = rove__writer_insert(writer, row, NULL);
            if (status == ROVE_OK) {
                status = rove__writer_finish(writer, &seq, NULL);
            } else {
                rove__writer_abandon(writer);
            }
        }
        int hit = s->h.calls >= s->h.fail_at;
        s->h.fail_at = 0;
        assert_true(s->h.alive <= alive + 8); /* what the store keeps */
        s->store->rollback(tx);
        if (!hit) {
            assert_int_equal(status, ROVE_OK);
            break;
        }
        failures += status != ROVE_OK;
        assert_true(status == ROVE_OK || status == ROVE_NOMEM);
    }
    assert_true(failures > 5);
    assert_int_equal(memory_headquarters_head(s->hq), 1);
}

static int has_text(site *s, rove_id id, const char *column, const char *text) {
    rove_value value = site_cell(s, "Account", id, column);
    rove_value expected = rove__value_text(text);

    return rove__value_equal(&value, &expected);
}

/* An operator has a record in hands; before he writes it, headquarters defines a field. */
static void rows_made_before_a_field_came_are_written(void **state) {
    site *s = *state;
    rove__custom custom = {
        .entity = 6, .number = 1000, .name = "shelf", .type = ROVE_TEXT, .max = 100};
    rove__row *first = site_row(s, "Account", 0);
    rove__row *second = site_row(s, "Account", 0);
    rove__hq_row held;

    site_text(first, "name", "Adler");
    site_text(second, "name", "Bakery");
    assert_int_equal(rove__registry_add_custom(s->registry, &custom, NULL), ROVE_OK);
    rove_id id = site_insert(s, first);
    assert_true(site_get(s, "Account", id, &held));
    assert_true(has_text(s, id, "name", "Adler"));
    assert_int_equal(site_cell(s, "Account", id, "shelf").type, ROVE_NULL);
    rove__row *wide = site_row(s, "Account", id);
    site_text(wide, "shelf", "top");
    site_update(s, wide);
    second->id = id;
    site_update(s, second);
    assert_true(has_text(s, id, "name", "Bakery"));
    assert_true(has_text(s, id, "shelf", "top"));
}

static rove_status merges(site *s, rove_id loser, rove_id winner, rove_error *error) {
    rove__row *row = site_row(s, "Account", loser);
    rove__hq_tx *tx = tx_begin(s, ROVE_HQ_WRITE);
    rove__writer *writer = writer_begin(s, tx);
    size_t changed = 0;
    uint64_t seq = 0;

    site_int(row, "merged_into_id", winner);
    rove_status status = rove__writer_update(writer, row, &changed, error);
    if (status != ROVE_OK) {
        rove__writer_abandon(writer);
        s->store->rollback(tx);
        return status;
    }
    assert_int_equal(rove__writer_finish(writer, &seq, NULL), ROVE_OK);
    assert_int_equal(s->store->commit(tx, NULL), ROVE_OK);
    return ROVE_OK;
}

static void p13_an_operators_merges_do_not_go_round(void **state) {
    site *s = *state;
    rove_id a = site_account(s, "Adler");
    rove_id b = site_account(s, "Hotel Adler");
    rove_id c = site_account(s, "The Eagle");
    rove_error error = {.message = ""};

    assert_int_equal(merges(s, a, b, &error), ROVE_OK);
    assert_int_equal(merges(s, b, c, &error), ROVE_OK);
    assert_int_equal(merges(s, c, a, &error), ROVE_CYCLE);
    assert_non_null(strstr(error.message, "ring"));
    assert_int_equal(site_cell(s, "Account", c, "merged_into_id").type, ROVE_NULL);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(nothing_written_takes_no_seq),
        CASE(the_clock_never_runs_back),
        CASE(a_refused_act_leaves_nothing),
        CASE(only_what_differs_is_written),
        CASE(a_step_back_of_a_rank_raises_its_epoch),
        CASE(sets_keep_the_versions_of_what_stays),
        CASE(a_move_leaves_a_mark),
        CASE(edges_of_a_role_abut),
        CASE(grants_are_made_once_and_ended_once),
        CASE(digests_are_kept_with_each_write),
        CASE(an_act_without_memory_leaves_nothing),
        CASE(rows_made_before_a_field_came_are_written),
        CASE(p13_an_operators_merges_do_not_go_round),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
