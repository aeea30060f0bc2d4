/*
 * support/site.c - headquarters' side of support/site.h: the operator's acts.
 */
#include "site.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "assign/handover.h"
#include "model/set.h"
#include "posix/posix.h"
#include "sync/purge.h"

static rove_status fill(void *ctx, void *bytes, size_t size) {
    uint64_t *state = ctx;
    uint8_t *to = bytes;

    for (size_t i = 0; i < size; i++) {
        to[i] = (uint8_t)dice(state);
    }
    return ROVE_OK;
}

void site_open(site *s) {
    memset(s, 0, sizeof *s);
    s->allocator = heap_allocator(&s->h);
    s->seed = 1;
    s->random = (rove_random){fill, &s->seed};
    s->now_ms = SITE_NOW;
    rove__arena_init(&s->arena, &s->allocator, (size_t)1 << 30);
    assert_int_equal(rove__registry_new(&s->allocator, &s->registry), ROVE_OK);
    assert_int_equal(rove_posix_crypto_new(&s->crypto), ROVE_OK);
    s->hq = memory_headquarters_new(&s->allocator);
    s->store = memory_headquarters_store(s->hq);
    seals_open(&s->seals);
    s->sealing = seals_sealing(&s->seals);
    s->spool = spools_port(&s->files);
    s->ports = (rove__server_ports){.allocator = &s->allocator,
                                    .registry = s->registry,
                                    .store = s->store,
                                    .crypto = &s->crypto,
                                    .random = &s->random,
                                    .sealing = &s->sealing,
                                    .spool = &s->spool};
}

void site_close(site *s) {
    assert_int_equal(s->files.open, 0);
    memory_headquarters_free(s->hq);
    seals_close(&s->seals);
    rove_posix_crypto_free(&s->crypto);
    rove__registry_free(s->registry);
    rove__arena_free(&s->arena);
    assert_int_equal(s->h.alive, 0);
}

/* ---- rows ------------------------------------------------------------------------------------------------ */

rove__row *site_row(site *s, const char *entity, rove_id id) {
    rove__row *row = rove__arena_take(&s->arena, sizeof *row);

    assert_non_null(row);
    assert_int_equal(
        rove__row_init(row, rove__registry_by_name(s->registry, entity), id, &s->arena), ROVE_OK);
    return row;
}

void site_set(rove__row *row, const char *column, rove_value value) {
    int ordinal = rove__entity_field_named(row->entity, column);

    assert_true(ordinal >= 0);
    rove__row_set(row, (size_t)ordinal, value);
}

void site_int(rove__row *row, const char *column, int64_t value) {
    site_set(row, column, rove__value_int(value));
}

void site_text(rove__row *row, const char *column, const char *value) {
    site_set(row, column, rove__value_text(value));
}

void site_numbers(site *s, rove__row *row, const char *column, const int64_t *numbers,
                  size_t count) {
    rove__set set = {ROVE_SET_PLAIN, NULL, count};
    rove_value value;

    set.elements = rove__arena_take(&s->arena, (count + 1) * sizeof *set.elements);
    assert_non_null(set.elements);
    memset(set.elements, 0, (count + 1) * sizeof *set.elements);
    for (size_t i = 0; i < count; i++) {
        set.elements[i].value = rove__value_int(numbers[i]);
    }
    assert_int_equal(rove__set_value(&set, &s->arena, &value), ROVE_OK);
    site_set(row, column, value);
}

/* ---- the operator's acts --------------------------------------------------------------------------------- */

typedef struct act {
    rove__hq_tx *tx;
    rove__writer *writer;
    rove_error error;
} act;

static void act_begin(site *s, act *a) {
    rove__writer_options options = {.allocator = &s->allocator,
                                    .registry = s->registry,
                                    .store = s->store,
                                    .random = &s->random,
                                    .now_ms = s->now_ms,
                                    .operator_name = "tests",
                                    .act = "set"};

    memset(a, 0, sizeof *a);
    assert_int_equal(s->store->begin(s->store->ctx, ROVE_HQ_WRITE, &a->tx, &a->error), ROVE_OK);
    assert_int_equal(rove__writer_begin(&options, a->tx, &a->writer, &a->error), ROVE_OK);
}

static uint64_t head_of(site *s) {
    rove__hq_tx *tx = NULL;
    rove__hq_head head;

    assert_int_equal(s->store->begin(s->store->ctx, ROVE_HQ_READ, &tx, NULL), ROVE_OK);
    assert_int_equal(s->store->head_get(tx, &head), ROVE_OK);
    s->store->rollback(tx);
    return head.seq;
}

static void act_end(site *s, act *a, rove_status status) {
    uint64_t seq = 0;

    if (status != ROVE_OK) {
        fail_msg("an operator's act failed: %s", a->error.message);
    }
    assert_int_equal(rove__writer_finish(a->writer, &seq, &a->error), ROVE_OK);
    assert_int_equal(s->store->commit(a->tx, &a->error), ROVE_OK);
    assert_true(seq <= head_of(s)); /* others may have gone on */
}

rove_id site_insert(site *s, rove__row *row) {
    act a;

    act_begin(s, &a);
    act_end(s, &a, rove__writer_insert(a.writer, row, &a.error));
    return row->id;
}

void site_update(site *s, rove__row *row) {
    act a;
    size_t changed = 0;

    act_begin(s, &a);
    act_end(s, &a, rove__writer_update(a.writer, row, &changed, &a.error));
}

void site_delete(site *s, const char *entity, rove_id id) {
    act a;

    act_begin(s, &a);
    act_end(s, &a,
            rove__writer_delete(a.writer, rove__registry_by_name(s->registry, entity)->number, id,
                                &a.error));
}

void site_grant(site *s, rove_id user, rove_id root) {
    act a;

    act_begin(s, &a);
    act_end(s, &a, rove__writer_grant(a.writer, user, root, 0, &a.error));
}

void site_revoke(site *s, rove_id user, rove_id root) {
    act a;

    act_begin(s, &a);
    act_end(s, &a, rove__writer_revoke_grant(a.writer, user, root, &a.error));
}

void site_reassign(site *s, rove_id from, rove_id to, const rove_id *accounts, size_t count) {
    uint32_t entity = rove__registry_by_name(s->registry, "Account")->number;
    rove_status status = ROVE_OK;
    act a;

    act_begin(s, &a);
    handover over = {.allocator = &s->allocator,
                     .registry = s->registry,
                     .store = s->store,
                     .tx = a.tx,
                     .writer = a.writer,
                     .now_ms = s->now_ms,
                     .from = from,
                     .to = to};
    for (size_t i = 0; i < count && status == ROVE_OK; i++) {
        status = handover_root(&over, entity, accounts[i], &a.error);
    }
    act_end(s, &a, status);
}

void site_move_role(site *s, rove_id role, rove_id account) {
    rove__row *moved = site_row(s, "AccountContactRole", 0);
    rove__hq_row before;
    act a;

    assert_true(site_get(s, "AccountContactRole", role, &before));
    site_int(moved, "account_id", account);
    site_set(moved, "contact_id",
             before.row.cells[rove__entity_field_named(moved->entity, "contact_id")]);
    act_begin(s, &a);
    rove_status status = rove__writer_delete(a.writer, moved->entity_number, role, &a.error);
    if (status == ROVE_OK) {
        status = rove__writer_insert(a.writer, moved, &a.error);
    }
    act_end(s, &a, status);
}

rove_id site_account(site *s, const char *name) {
    rove__row *row = site_row(s, "Account", 0);

    site_text(row, "name", name);
    return site_insert(s, row);
}

rove_id site_visit(site *s, rove_id account, int64_t start_ms) {
    rove__row *row = site_row(s, "Visit", 0);

    site_int(row, "account_id", account);
    site_int(row, "planned_start", start_ms);
    site_int(row, "status", 1);
    return site_insert(s, row);
}

static rove_id insert_many(site *s, const rove__row *like, size_t count) {
    rove_id first = 0;
    act a;

    act_begin(s, &a);
    for (size_t i = 0; i < count; i++) {
        rove__row row;
        assert_int_equal(rove__row_copy(&row, like, &s->arena), ROVE_OK);
        rove_status status = rove__writer_insert(a.writer, &row, &a.error);
        if (status != ROVE_OK) {
            fail_msg("row %zu: %s", i, a.error.message);
        }
        first = i == 0 ? row.id : first;
        assert_int_equal(row.id, first + (rove_id)i);
    }
    act_end(s, &a, ROVE_OK);
    return first;
}

rove_id site_products(site *s, size_t count) {
    rove__row *row = site_row(s, "Product", 0);

    site_text(row, "name", "a product");
    return insert_many(s, row, count);
}

rove_id site_visits(site *s, rove_id account, int64_t start_ms, size_t count) {
    rove__row *row = site_row(s, "Visit", 0);

    site_int(row, "account_id", account);
    site_int(row, "planned_start", start_ms);
    site_int(row, "status", 1);
    return insert_many(s, row, count);
}

void site_purge(site *s, int64_t before_ms) {
    rove__hq_purge counts = {.feed = 0};
    rove__hq_tx *tx = NULL;
    uint64_t horizon = 0;
    int done = 0;

    while (!done) {
        assert_int_equal(s->store->begin(s->store->ctx, ROVE_HQ_WRITE, &tx, NULL), ROVE_OK);
        assert_int_equal(rove__purge_horizon(s->store, tx, before_ms, &horizon), ROVE_OK);
        assert_int_equal(rove__purge_step(s->store, tx, horizon, &counts, &done), ROVE_OK);
        assert_int_equal(s->store->commit(tx, NULL), ROVE_OK);
    }
}

int site_get(site *s, const char *entity, rove_id id, rove__hq_row *row) {
    rove__hq_tx *tx = NULL;

    assert_int_equal(s->store->begin(s->store->ctx, ROVE_HQ_READ, &tx, NULL), ROVE_OK);
    rove_status status = s->store->row_get(tx, rove__registry_by_name(s->registry, entity)->number,
                                           id, 0, &s->arena, row);
    s->store->rollback(tx);
    return status == ROVE_OK;
}

rove_value site_cell(site *s, const char *entity, rove_id id, const char *column) {
    rove__hq_row row;

    assert_true(site_get(s, entity, id, &row));
    int ordinal = rove__entity_field_named(row.row.entity, column);
    assert_true(ordinal >= 0);
    return row.row.cells[ordinal];
}

size_t site_conflicts(site *s, rove_id id) {
    size_t count = 0;

    while (site_conflict(s, id, count) != 0) {
        count++;
    }
    return count;
}

rove_id site_conflict(site *s, rove_id id, size_t nth) {
    const rove__entity *conflict = rove__registry_by_name(s->registry, "Conflict");
    int column = rove__entity_field_named(conflict, "record_id");
    rove__hq_tx *tx = NULL;
    rove_id found = 0;

    assert_int_equal(s->store->begin(s->store->ctx, ROVE_HQ_READ, &tx, NULL), ROVE_OK);
    rove__hq_head head;
    assert_int_equal(s->store->head_get(tx, &head), ROVE_OK);
    for (uint32_t i = 1; i <= head.counter && found == 0; i++) {
        rove__hq_row row;
        rove_id at = rove__id_make(head.replica, i);
        if (s->store->row_get(tx, conflict->number, at, 0, &s->arena, &row) == ROVE_OK &&
            (id == 0 || row.row.cells[column].as.integer == id) && nth-- == 0) {
            found = at;
        }
    }
    s->store->rollback(tx);
    return found;
}
