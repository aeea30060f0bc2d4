/*
 * sync/writer.c - see writer.h: the transaction's frame, and how a row is stored.
 *
 * Invariants: what is written carries seq = head + 1, and the head is written last; every live row is in the digest of
 * its scope exactly once; every row written has one feed entry at least.
 */
#include "sync/writer.h"

#include "base/assert.h"
#include "base/planted.h"
#include "base/text.h"
#include "rules/rules.h"
#include "sync/writer_state.h"

#define SCRATCH_MAX ((size_t)1024 * 1024)

rove_status rove__writer_fail(rove__writer *writer, rove_status status, rove_error *error) {
    (void)writer;
    if (status != ROVE_OK && error != NULL && error->message[0] == '\0') {
        return rove__error_set(error, status, "%s", rove_status_text(status));
    }
    return status;
}

static void find_role(rove__writer *writer) {
    const rove__entity *role =
        rove__registry_by_name(writer->options.registry, "AccountContactRole");
    int holder = role == NULL ? -1 : rove__entity_field_named(role, "account_id");
    int entailed = role == NULL ? -1 : rove__entity_field_named(role, "contact_id");

    if (holder >= 0 && entailed >= 0) {
        writer->role = role;
        writer->role_holder = (size_t)holder;
        writer->role_entailed = (size_t)entailed;
    }
}

rove_status rove__writer_begin(const rove__writer_options *options, rove__hq_tx *tx,
                               rove__writer **out, rove_error *error) {
    rove_status status = ROVE_OK;

    *out = NULL;
    rove__writer *writer = rove__alloc_zeroed(options->allocator, 1, sizeof *writer);
    if (writer == NULL) {
        return rove__writer_fail(NULL, ROVE_NOMEM, error);
    }
    writer->options = *options;
    writer->tx = tx;
    rove__arena_init(&writer->arena, options->allocator, ROVE_WRITER_ARENA_MAX);
    rove__buf_init(&writer->scratch, options->allocator, SCRATCH_MAX);
    rove__buf_init(&writer->packed, options->allocator, SCRATCH_MAX);
    find_role(writer);
    status = rove__batch_writer_new(options->allocator, ROVE_BATCH_MAX, &writer->packer);
    if (status == ROVE_OK) {
        status = options->store->head_get(tx, &writer->head);
    }
    if (status != ROVE_OK) {
        rove__writer_abandon(writer);
        return rove__writer_fail(NULL, status, error);
    }
    writer->seq = writer->head.seq + 1;
    writer->stamp = writer->head.stamp;
    *out = writer;
    return ROVE_OK;
}

void rove__writer_abandon(rove__writer *writer) {
    if (writer == NULL) {
        return;
    }
    rove__arena_free(&writer->arena);
    rove__buf_free(&writer->scratch);
    rove__buf_free(&writer->packed);
    rove__batch_writer_free(writer->packer);
    rove__free(writer->options.allocator, writer->sums);
    rove__free(writer->options.allocator, writer);
}

/* Takes the head: its clock never runs back, and is above all that was written (P7, P16). */
static rove_status take_head(rove__writer *writer) {
    const rove__writer_options *options = &writer->options;
    rove_stamp wall = rove__stamp_make(options->now_ms, 0);

    writer->head.seq = writer->seq;
    writer->head.stamp =
        writer->stamp > wall && !ROVE_PLANTED(P07_STEPS_BACK) ? writer->stamp : wall;
    rove__hq_commit commit = {.seq = writer->seq,
                              .stamp = writer->head.stamp,
                              .replica =
                                  options->replica != 0 ? options->replica : writer->head.replica,
                              .user = options->user,
                              .operator_name = options->operator_name,
                              .act = options->act};
    rove_status status = options->store->commit_put(writer->tx, &commit);
    return status == ROVE_OK ? options->store->head_put(writer->tx, &writer->head) : status;
}

/* The sums name each scope in which a row came, changed or left; they ascend. */
static void tell_roots(const rove__writer *writer) {
    const rove__news *news = writer->options.news;

    for (size_t i = 0; news != NULL && i < writer->sum_count; i++) {
        rove__touch touch = {.seq = writer->seq,
                             .replica = writer->options.replica,
                             .root = writer->sums[i].scope.root};
        if (i == 0 || writer->sums[i - 1].scope.root != touch.root) {
            news->touched(news->ctx, &touch);
        }
    }
}

rove_status rove__writer_finish(rove__writer *writer, uint64_t *seq, rove_error *error) {
    tell_roots(writer);
    rove_status status = rove__writer_sums_flush(writer);

    *seq = writer->head.seq;
    if (status == ROVE_OK && writer->touched) {
        status = take_head(writer);
        *seq = writer->seq;
    } else if (status == ROVE_OK && writer->drawn) {
        status = writer->options.store->head_put(writer->tx, &writer->head);
    }
    status = rove__writer_fail(writer, status, error);
    rove__writer_abandon(writer);
    return status;
}

uint64_t rove__writer_seq(const rove__writer *writer) {
    return writer->seq;
}

const rove__hq_head *rove__writer_head(const rove__writer *writer) {
    return &writer->head;
}

void rove__writer_touch(rove__writer *writer) {
    writer->touched = 1;
}

rove_stamp rove__writer_now(const rove__writer *writer) {
    int64_t head_ms = rove__stamp_ms(writer->head.stamp);

    return rove__stamp_make(writer->options.now_ms > head_ms ? writer->options.now_ms : head_ms,
                            UINT16_MAX);
}

rove_status rove__writer_id(rove__writer *writer, rove_id *id) {
    if (writer->head.counter == UINT32_MAX) {
        return ROVE_FULL;
    }
    writer->head.counter++;
    writer->drawn = 1;
    *id = rove__id_make(writer->head.replica, writer->head.counter);
    return ROVE_OK;
}

rove_stamp rove__writer_stamp(rove__writer *writer) {
    rove_stamp wall = rove__stamp_make(writer->options.now_ms, 0);

    writer->stamp =
        writer->stamp + 1 > wall && !ROVE_PLANTED(P07_STEPS_BACK) ? writer->stamp + 1 : wall;
    return writer->stamp;
}

static size_t value_size(const rove_value *value) {
    return value->type == ROVE_TEXT || value->type == ROVE_BLOB ? value->size : 0;
}

size_t rove__writer_row_size(const rove__row *row) {
    size_t size = 16 * row->cell_count + 32 * row->extra_count;

    for (size_t i = 0; i < row->cell_count; i++) {
        size += value_size(&row->cells[i]);
    }
    for (size_t i = 0; i < row->extra_count; i++) {
        size += value_size(&row->extra[i].value);
    }
    return size;
}

/* ---- rows ----------------------------------------------------------------------------------------------- */

rove_status rove__writer_scope(rove__writer *writer, const rove__row *row, rove__scope *scope) {
    const rove__entity *entity = row->entity;
    rove__arena arena;
    rove__hq_row parent;

    if (entity->scope != ROVE_SCOPE_PARENT) {
        *scope = rove__row_scope(row, NULL);
        return ROVE_OK;
    }
    const rove_value *reference = &row->cells[entity->scope_field];
    if (reference->type != ROVE_INT) {
        return ROVE_NOT_FOUND;
    }
    rove__arena_init(&arena, writer->options.allocator, ROVE_WRITER_ARENA_MAX);
    rove_status status =
        writer->options.store->row_get(writer->tx, entity->fields[entity->scope_field].target,
                                       reference->as.integer, 0, &arena, &parent);
    if (status == ROVE_OK) {
        *scope = parent.scope;
    }
    rove__arena_free(&arena);
    return status;
}

typedef struct ids {
    const rove_allocator *allocator;
    rove_id *items;
    size_t count;
    size_t capacity;
} ids;

static rove_status each_id(void *ctx, rove_id id) {
    ids *list = ctx;

    if (list->count == list->capacity) {
        size_t capacity = list->capacity == 0 ? 64 : list->capacity * 2;
        rove_id *items = rove__alloc_resize(list->allocator, list->items, capacity, sizeof *items);
        if (items == NULL) {
            return ROVE_NOMEM;
        }
        list->items = items;
        list->capacity = capacity;
    }
    list->items[list->count++] = id;
    return ROVE_OK;
}

/* A child's scope follows its parent's, and it ends with it. */
static rove_status child_follows(rove__writer *writer, const rove__hq_row *parent,
                                 const rove__entity *entity, rove_id id, rove__arena *arena,
                                 rove_error *error) {
    rove__hq_row child;
    rove_status status =
        writer->options.store->row_get(writer->tx, entity->number, id, 1, arena, &child);

    if (status != ROVE_OK) {
        return status == ROVE_NOT_FOUND ? ROVE_OK : status;
    }
    rove__hq_row moved = child;
    moved.dead = parent->dead;
    return rove__writer_row(writer, &child, &moved, NULL, error);
}

static rove_status children_follow(rove__writer *writer, const rove__hq_row *parent,
                                   rove_error *error) {
    rove_status status = ROVE_OK;
    ids list = {.allocator = writer->options.allocator};
    rove__arena arena;

    rove__arena_init(&arena, writer->options.allocator, ROVE_WRITER_ARENA_MAX);
    for (size_t i = 0; i < rove__registry_count(writer->options.registry); i++) {
        const rove__entity *entity = rove__registry_at(writer->options.registry, i);
        if (entity->scope != ROVE_SCOPE_PARENT ||
            entity->fields[entity->scope_field].target != parent->row.entity_number) {
            continue;
        }
        list.count = 0;
        status = writer->options.store->row_referring(writer->tx, entity->number,
                                                      (size_t)entity->scope_field, parent->row.id,
                                                      each_id, &list);
        for (size_t k = 0; k < list.count && status == ROVE_OK; k++) {
            rove__arena_reset(&arena);
            status = child_follows(writer, parent, entity, list.items[k], &arena, error);
        }
        if (status != ROVE_OK) {
            break;
        }
    }
    rove__arena_free(&arena);
    rove__free(writer->options.allocator, list.items);
    return status;
}

/* A conflict goes where its record went, and is not left with who held it (D7). */
static rove_status conflict_follows(rove__writer *writer, const rove__hq_row *record,
                                    const rove__entity *entity, rove_id id, rove__arena *arena,
                                    rove_error *error) {
    int about = rove__entity_field_named(entity, "about_id");
    int of = rove__entity_field_named(entity, "record_entity");
    rove__clock_entry entry = {.field = entity->fields[about].number,
                               .version.replica = writer->head.replica,
                               .seq = writer->seq};
    rove__hq_row conflict;
    rove_status status =
        writer->options.store->row_get(writer->tx, entity->number, id, 1, arena, &conflict);

    if (status != ROVE_OK || conflict.row.cells[of].type != ROVE_INT ||
        conflict.row.cells[of].as.integer != (int64_t)record->row.entity_number) {
        return status;
    }
    rove__hq_row moved = conflict;
    status = rove__row_copy(&moved.row, &conflict.row, arena);
    if (status == ROVE_OK) {
        status = rove__clock_copy(&moved.clock, &conflict.clock, arena);
    }
    if (status == ROVE_OK) {
        entry.version.stamp = rove__writer_stamp(writer);
        moved.row.cells[about] =
            record->scope.root == 0 ? rove__value_null() : rove__value_int(record->scope.root);
        status = rove__clock_set(&moved.clock, arena, entry);
    }
    return status == ROVE_OK ? rove__writer_row(writer, &conflict, &moved, NULL, error) : status;
}

static rove_status conflicts_follow(rove__writer *writer, const rove__hq_row *record,
                                    rove_error *error) {
    const rove__entity *entity = rove__registry_by_name(writer->options.registry, "Conflict");
    ids list = {.allocator = writer->options.allocator};
    rove__arena arena;

    if (entity == NULL || entity == record->row.entity) {
        return ROVE_OK;
    }
    rove__arena_init(&arena, writer->options.allocator, ROVE_WRITER_ARENA_MAX);
    rove_status status = writer->options.store->row_referring(
        writer->tx, entity->number, (size_t)rove__entity_field_named(entity, "record_id"),
        record->row.id, each_id, &list);
    for (size_t i = 0; i < list.count && status == ROVE_OK; i++) {
        rove__arena_reset(&arena);
        status = conflict_follows(writer, record, entity, list.items[i], &arena, error);
    }
    rove__arena_free(&arena);
    rove__free(writer->options.allocator, list.items);
    return status;
}

static int scope_equal(rove__scope a, rove__scope b) {
    return a.root == b.root && a.part == b.part;
}

/* With what it derives. */
static rove_status put_row(rove__writer *writer, const rove__hq_row *row) {
    rove__hq_row derived = *row;
    rove__arena arena;

    rove__arena_init(&arena, writer->options.allocator, ROVE_WRITER_ARENA_MAX);
    rove_status status = rove__derive(&derived.row, &arena);
    if (status == ROVE_OK) {
        status = writer->options.store->row_put(writer->tx, &derived);
    }
    rove__arena_free(&arena);
    return status;
}

/* Row, feed, mark and digest. `moved`: it left the scope in which it stood. */
static rove_status store_row(rove__writer *writer, const rove__hq_row *before,
                             const rove__hq_row *after, int moved) {
    const rove__hq_store *store = writer->options.store;
    rove_status status = ROVE_OK;

    if (moved) {
        rove__hq_mark mark = {after->row.entity_number, after->row.id, before->scope, writer->seq};
        status = store->mark_put(writer->tx, &mark);
    }
    if (status == ROVE_OK) {
        status = put_row(writer, after);
    }
    if (status == ROVE_OK) {
        status = store->feed_put(writer->tx, writer->seq, writer->ordinal++,
                                 after->row.entity_number, after->row.id);
    }
    if (status == ROVE_OK && before != NULL && before->dead == 0) {
        status = rove__writer_sum(writer, before, -1);
    }
    if (status == ROVE_OK && after->dead == 0) {
        status = rove__writer_sum(writer, after, +1);
    }
    return status;
}

static rove_status store_history(rove__writer *writer, const rove__hq_row *row,
                                 rove__bytes history) {
    if (history.size == 0) {
        return ROVE_OK;
    }
    rove__hq_history entry = {.seq = writer->seq,
                              .entity = row->row.entity_number,
                              .id = row->row.id,
                              .replica = writer->options.replica != 0 ? writer->options.replica
                                                                      : writer->head.replica,
                              .user = writer->options.user,
                              .change = history};
    return writer->options.store->history_put(writer->tx, &entry);
}

rove_status rove__writer_row_packed(rove__writer *writer, const rove__hq_row *before,
                                    rove__hq_row *after, rove__bytes history, rove_error *error) {
    int moved = 0;
    int ended = before != NULL && before->dead == 0 && after->dead != 0;
    rove_stamp largest = rove__clock_largest(&after->clock);

    ROVE_ASSERT(after->row.entity != NULL && after->row.id > 0);
    ROVE_ASSERT(before == NULL || before->row.id == after->row.id);
    rove_status status = rove__writer_scope(writer, &after->row, &after->scope);
    if (status != ROVE_OK) {
        return rove__writer_fail(writer, status, error);
    }
    moved = before != NULL && !scope_equal(before->scope, after->scope);
    if (before == NULL || moved || (before->dead != 0 && after->dead == 0)) {
        after->whole_since = writer->seq;
    }
    writer->touched = 1;
    if (largest > writer->stamp) {
        writer->stamp = largest;
    }
    status = store_row(writer, before, after, moved);
    if (status == ROVE_OK) {
        status = rove__writer_edges(writer, before, after);
    }
    if (status == ROVE_OK && (moved || ended)) {
        status = children_follow(writer, after, error);
    }
    if (status == ROVE_OK && moved && before->scope.root != after->scope.root) {
        status = conflicts_follow(writer, after, error);
    }
    if (status == ROVE_OK) {
        status = store_history(writer, after, history);
    }
    return rove__writer_fail(writer, status, error);
}

rove_status rove__writer_row(rove__writer *writer, const rove__hq_row *before, rove__hq_row *after,
                             const rove__change *change, rove_error *error) {
    rove__bytes history = {NULL, 0};
    rove_status status = ROVE_OK;

    if (change != NULL) {
        rove__buf_reset(&writer->packed);
        status = rove__batch_add(writer->packer, change);
        if (status == ROVE_OK) {
            status = rove__batch_finish(writer->packer, &writer->packed);
        }
        history = (rove__bytes){writer->packed.data, writer->packed.size};
    }
    if (status != ROVE_OK) {
        return rove__writer_fail(writer, status, error);
    }
    return rove__writer_row_packed(writer, before, after, history, error);
}
