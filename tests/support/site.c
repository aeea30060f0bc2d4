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
#include "sync/judge.h"
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
    s->now_ms = SITE_NOW;
    rove__arena_init(&s->arena, &s->allocator, (size_t)1 << 30);
    assert_int_equal(rove__registry_new(&s->allocator, &s->registry), ROVE_OK);
    assert_int_equal(rove_posix_crypto_new(&s->crypto), ROVE_OK);
    s->keeping = heap_allocator(&s->kept);
    s->hq = memory_headquarters_new(&s->keeping);
    s->store = memory_headquarters_store(s->hq);
    seals_open(&s->seals);
    s->sealing = seals_sealing(&s->seals);
    s->spool = spools_port(&s->files);
    s->trial = (trial){.h = &s->h,
                       .hq = s->hq,
                       .files = &s->files,
                       .seed = &s->seed,
                       .crypto = s->crypto,
                       .random = {fill, &s->seed}};
    trial_open(&s->trial);
    s->random = s->trial.faulty_random;
    s->ports = (rove__server_ports){.allocator = &s->allocator,
                                    .registry = s->registry,
                                    .store = s->store,
                                    .crypto = &s->trial.faulty_crypto,
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
    assert_int_equal(s->kept.alive, 0);
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

/* One of an operator's acts, which is one transaction. */
typedef struct deed deed;
struct deed {
    site *s;
    rove_status (*does)(const deed *d, rove__hq_tx *tx, rove__writer *writer, rove_error *error);
    rove__row *row;
    uint32_t entity;
    rove_id id, user, to;
    const rove_id *ids;
    size_t count;
};

static rove__writer_options options_of(const site *s) {
    return (rove__writer_options){.allocator = &s->allocator,
                                  .registry = s->registry,
                                  .store = s->store,
                                  .random = &s->random,
                                  .now_ms = s->now_ms,
                                  .operator_name = "tests",
                                  .act = "set"};
}

void site_begin(site *s, site_transaction *t) {
    const rove__writer_options options = options_of(s);

    assert_int_equal(s->store->begin(s->store->ctx, ROVE_HQ_WRITE, &t->tx, NULL), ROVE_OK);
    assert_int_equal(rove__writer_begin(&options, t->tx, &t->writer, NULL), ROVE_OK);
}

void site_commit(site *s, const site_transaction *t) {
    uint64_t seq = 0;

    assert_int_equal(rove__writer_finish(t->writer, &seq, NULL), ROVE_OK);
    assert_int_equal(s->store->commit(t->tx, NULL), ROVE_OK);
}

static rove_status attempt(const deed *d, rove__hq_tx *tx, rove_error *error) {
    const site *s = d->s;
    const rove__writer_options options = options_of(s);
    rove__writer *writer = NULL;
    uint64_t seq = 0;
    rove_status status = rove__writer_begin(&options, tx, &writer, error);

    if (status != ROVE_OK) {
        return status;
    }
    status = d->does(d, tx, writer, error);
    if (status != ROVE_OK) {
        rove__writer_abandon(writer);
        return status;
    }
    return rove__writer_finish(writer, &seq, error);
}

static rove_status perform_once(const deed *d, rove_error *error) {
    const rove__hq_store *store = d->s->store;
    rove__hq_tx *tx = NULL;
    rove_status status = store->begin(store->ctx, ROVE_HQ_WRITE, &tx, error);

    if (status != ROVE_OK) {
        return status;
    }
    status = attempt(d, tx, error);
    if (status != ROVE_OK) {
        store->rollback(tx);
        return status;
    }
    return store->commit(tx, error);
}

static rove_status try_deed(void *ctx, rove__buf *answer) {
    deed d = *(const deed *)ctx;
    rove_error error = {.message = ""};
    rove__row row;

    (void)answer;
    if (d.row != NULL) {
        row = *d.row; /* its id may be drawn */
        d.row = &row;
    }
    return perform_once(&d, &error);
}

static void perform(deed d) {
    rove_error error = {.message = ""};

    trial_run(&d.s->trial, 0, try_deed, &d);
    if (perform_once(&d, &error) != ROVE_OK) {
        fail_msg("an operator's act failed: %s", error.message);
    }
}

static rove_status insert(const deed *d, rove__hq_tx *tx, rove__writer *writer, rove_error *error) {
    (void)tx;
    return rove__writer_insert(writer, d->row, error);
}

rove_id site_insert(site *s, rove__row *row) {
    perform((deed){.s = s, .does = insert, .row = row});
    return row->id;
}

static rove_status update(const deed *d, rove__hq_tx *tx, rove__writer *writer, rove_error *error) {
    size_t changed = 0;

    (void)tx;
    return rove__writer_update(writer, d->row, &changed, error);
}

void site_update(site *s, rove__row *row) {
    perform((deed){.s = s, .does = update, .row = row});
}

static rove_status delete_it(const deed *d, rove__hq_tx *tx, rove__writer *writer,
                             rove_error *error) {
    (void)tx;
    return rove__writer_delete(writer, d->entity, d->id, error);
}

void site_delete(site *s, const char *entity, rove_id id) {
    uint32_t number = rove__registry_by_name(s->registry, entity)->number;

    perform((deed){.s = s, .does = delete_it, .entity = number, .id = id});
}

static rove_status grant(const deed *d, rove__hq_tx *tx, rove__writer *writer, rove_error *error) {
    (void)tx;
    return rove__writer_grant(writer, d->user, d->id, 0, error);
}

void site_grant(site *s, rove_id user, rove_id root) {
    perform((deed){.s = s, .does = grant, .user = user, .id = root});
}

static rove_status revoke(const deed *d, rove__hq_tx *tx, rove__writer *writer, rove_error *error) {
    (void)tx;
    return rove__writer_revoke_grant(writer, d->user, d->id, error);
}

void site_revoke(site *s, rove_id user, rove_id root) {
    perform((deed){.s = s, .does = revoke, .user = user, .id = root});
}

static rove_status reassign(const deed *d, rove__hq_tx *tx, rove__writer *writer,
                            rove_error *error) {
    handover over = {.allocator = &d->s->allocator,
                     .registry = d->s->registry,
                     .store = d->s->store,
                     .tx = tx,
                     .writer = writer,
                     .now_ms = d->s->now_ms,
                     .from = d->user,
                     .to = d->to};
    rove_status status = ROVE_OK;

    for (size_t i = 0; i < d->count && status == ROVE_OK; i++) {
        status = handover_root(&over, d->entity, d->ids[i], error);
    }
    return status;
}

void site_reassign(site *s, rove_id from, rove_id to, const rove_id *accounts, size_t count) {
    perform((deed){.s = s,
                   .does = reassign,
                   .entity = rove__registry_by_name(s->registry, "Account")->number,
                   .user = from,
                   .to = to,
                   .ids = accounts,
                   .count = count});
}

static rove_status move_role(const deed *d, rove__hq_tx *tx, rove__writer *writer,
                             rove_error *error) {
    rove_status status = rove__writer_delete(writer, d->row->entity_number, d->id, error);

    (void)tx;
    return status == ROVE_OK ? rove__writer_insert(writer, d->row, error) : status;
}

void site_move_role(site *s, rove_id role, rove_id account) {
    rove__row *moved = site_row(s, "AccountContactRole", 0);
    rove__hq_row before;

    assert_true(site_get(s, "AccountContactRole", role, &before));
    site_int(moved, "account_id", account);
    site_set(moved, "contact_id",
             before.row.cells[rove__entity_field_named(moved->entity, "contact_id")]);
    perform((deed){.s = s, .does = move_role, .row = moved, .id = role});
}

typedef struct decision {
    site *s;
    int64_t number;
    rove__decision made;
    uint64_t seq;
    rove_error *error;
} decision;

static rove_status decide(void *ctx, rove__buf *answer) {
    decision *d = ctx;
    const rove__hq_store *store = d->s->store;
    rove__hq_tx *tx = NULL;
    rove_status status = store->begin(store->ctx, ROVE_HQ_WRITE, &tx, d->error);

    (void)answer;
    if (status != ROVE_OK) {
        return status;
    }
    status = rove__judge_decide(&d->s->ports, tx, d->number, &d->made, &d->seq, d->error);
    if (status != ROVE_OK) {
        store->rollback(tx);
        return status;
    }
    return store->commit(tx, d->error);
}

rove_status site_decide(site *s, int64_t number, int accepted, const char *note,
                        rove_error *error) {
    decision d = {s, number, {accepted, "eva", note, s->now_ms}, 0, error};

    trial_run(&s->trial, 0, decide, &d);
    rove_status status = decide(&d, NULL);
    if (status == ROVE_OK) {
        assert_int_equal(memory_headquarters_head(s->hq), d.seq);
    }
    return status;
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

static rove_status insert_all(const deed *d, rove__hq_tx *tx, rove__writer *writer,
                              rove_error *error) {
    rove_status status = ROVE_OK;
    rove_id first = 0;

    (void)tx;
    for (size_t i = 0; i < d->count && status == ROVE_OK; i++) {
        rove__row row = *d->row;
        status = rove__writer_insert(writer, &row, error);
        first = i == 0 ? row.id : first;
        assert_true(status != ROVE_OK || row.id == first + (rove_id)i);
    }
    d->row->id = first;
    return status;
}

static rove_id insert_many(site *s, rove__row *like, size_t count) {
    perform((deed){.s = s, .does = insert_all, .row = like, .count = count});
    return like->id;
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

typedef struct forgetting {
    site *s;
    int64_t before_ms;
} forgetting;

static rove_status purge_once(const rove__hq_store *store, int64_t before_ms,
                              rove__hq_purge *counts, int *done) {
    rove__hq_tx *tx = NULL;
    uint64_t horizon = 0;
    rove_status status = store->begin(store->ctx, ROVE_HQ_WRITE, &tx, NULL);

    if (status != ROVE_OK) {
        return status;
    }
    status = rove__purge_horizon(store, tx, before_ms, &horizon);
    if (status == ROVE_OK) {
        status = rove__purge_step(store, tx, horizon, counts, done);
    }
    if (status != ROVE_OK) {
        store->rollback(tx);
        return status;
    }
    return store->commit(tx, NULL);
}

static rove_status purge(void *ctx, rove__buf *answer) {
    const forgetting *f = ctx;
    rove__hq_purge counts = {.feed = 0};
    rove_status status = ROVE_OK;
    int done = 0;

    (void)answer;
    while (status == ROVE_OK && !done) {
        status = purge_once(f->s->store, f->before_ms, &counts, &done);
    }
    return status;
}

void site_purge(site *s, int64_t before_ms) {
    forgetting f = {s, before_ms};

    trial_run(&s->trial, 0, purge, &f);
    assert_int_equal(purge(&f, NULL), ROVE_OK);
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
