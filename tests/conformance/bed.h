/*
 * conformance/bed.h - what the tests of stores share: an open store in a folder of its own, rows to put into it, and
 * the same tests run for every store of stores.h.
 */
#ifndef ROVE_TESTS_BED_H
#define ROVE_TESTS_BED_H

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/text.h"
#include "posix/posix.h"
#include "rows.h"
#include "stores.h"

#define ok(call) assert_int_equal((call), ROVE_OK)

typedef struct bed {
    const store_kind *kind;
    char folder[64];
    rove_allocator allocator;
    rove__registry *registry;
    rove__hq_database *database;
    const rove__hq_store *store;
    rove__arena arena; /* for what a test makes */
    rove__arena rows;  /* for scans */
    uint64_t dice;
    rove__hq_tx *open[64]; /* transactions that the test has not ended; a failed test leaves some */
    size_t open_count;
} bed;

static const store_kind *bed_kind; /* the store whose turn it is */

static inline int bed_skips(int has) {
    if (!has) {
        skip();
    }
    return !has;
}

/* ---- opening and closing -------------------------------------------------------------------------------- */

static inline rove_status bed_try_open(bed *b, rove_error *error) {
    rove_status status = rove__registry_new(&b->allocator, &b->registry);

    b->database = NULL;
    b->store = NULL;
    if (status == ROVE_OK) {
        status = b->kind->open(&b->allocator, b->registry, b->folder, &b->database, error);
    }
    if (status == ROVE_OK) {
        b->store = &b->database->store;
    } else {
        rove__registry_free(b->registry);
        b->registry = NULL;
    }
    return status;
}

static inline void bed_close(bed *b) {
    while (b->open_count > 0) {
        b->store->rollback(b->open[--b->open_count]);
    }
    if (b->database != NULL) {
        b->database->close(b->database);
    }
    rove__registry_free(b->registry);
    b->database = NULL;
    b->registry = NULL;
}

static inline void bed_reopen(bed *b) {
    bed_close(b);
    ok(bed_try_open(b, NULL));
}

static inline void bed_make_folder(bed *b) {
    rove__text_format(b->folder, sizeof b->folder, "/tmp/rove-store-XXXXXX");
    assert_non_null(mkdtemp(b->folder));
}

static inline void bed_remove_folder(const bed *b) {
    DIR *folder = opendir(b->folder);
    struct dirent *entry = NULL;
    char path[512];

    assert_int_equal(chmod(b->folder, 0700), 0);
    while (folder != NULL && (entry = readdir(folder)) != NULL) {
        rove__text_format(path, sizeof path, "%s/%s", b->folder, entry->d_name);
        (void)unlink(path);
    }
    closedir(folder);
    rmdir(b->folder);
}

static inline bed *bed_new(void) {
    bed *b = calloc(1, sizeof *b);

    assert_non_null(b);
    b->kind = bed_kind;
    b->dice = 4;
    rove_posix_allocator(&b->allocator);
    rove__arena_init(&b->arena, &b->allocator, (size_t)64 << 20);
    rove__arena_init(&b->rows, &b->allocator, (size_t)4 << 20);
    bed_make_folder(b);
    return b;
}

static inline void bed_free(bed *b) {
    bed_close(b);
    rove__arena_free(&b->arena);
    rove__arena_free(&b->rows);
    bed_remove_folder(b);
    free(b);
}

static inline int bed_setup(void **state) {
    bed *b = bed_new();

    *state = b;
    return bed_try_open(b, NULL) == ROVE_OK ? 0 : -1;
}

static inline int bed_teardown(void **state) {
    bed_free(*state);
    return 0;
}

#define bed_test(function) cmocka_unit_test_setup_teardown(function, bed_setup, bed_teardown)

/* Every test for every store; how many groups failed. */
static inline int bed_run(const char *group, const struct CMUnitTest *tests, size_t count) {
    int failed = 0;

    for (size_t i = 0; i < sizeof stores / sizeof *stores; i++) {
        char name[64];
        bed_kind = &stores[i];
        rove__text_format(name, sizeof name, "%s: %s", bed_kind->name, group);
        failed += _cmocka_run_group_tests(name, tests, count, NULL, NULL) != 0;
    }
    return failed;
}

/* ---- transactions --------------------------------------------------------------------------------------- */

static inline rove__hq_tx *bed_begin(bed *b, rove__hq_mode mode) {
    rove__hq_tx *tx = NULL;

    ok(b->store->begin(b->store->ctx, mode, &tx, NULL));
    assert_non_null(tx);
    assert_true(b->open_count < sizeof b->open / sizeof *b->open);
    b->open[b->open_count++] = tx;
    return tx;
}

/* It is about to end. */
static inline void bed_forget(bed *b, const rove__hq_tx *tx) {
    size_t at = 0;

    while (at < b->open_count && b->open[at] != tx) {
        at++;
    }
    assert_true(at < b->open_count);
    b->open[at] = b->open[--b->open_count];
}

static inline void bed_rollback(bed *b, rove__hq_tx *tx) {
    bed_forget(b, tx);
    b->store->rollback(tx);
}

static inline rove__hq_tx *bed_read(bed *b) {
    return bed_begin(b, ROVE_HQ_READ);
}

static inline rove__hq_tx *bed_write(bed *b) {
    return bed_begin(b, ROVE_HQ_WRITE);
}

static inline void bed_commit(bed *b, rove__hq_tx *tx) {
    bed_forget(b, tx);
    ok(b->store->commit(tx, NULL));
}

/* ---- rows ----------------------------------------------------------------------------------------------- */

static inline const rove__entity *bed_entity(const bed *b, const char *name) {
    const rove__entity *entity = rove__registry_by_name(b->registry, name);

    assert_non_null(entity);
    return entity;
}

static inline size_t bed_field(const rove__entity *entity, const char *name) {
    int ordinal = rove__entity_field_named(entity, name);

    assert_true(ordinal >= 0);
    return (size_t)ordinal;
}

static inline void bed_set(rove__hq_row *row, const char *field, rove_value value) {
    rove__row_set(&row->row, bed_field(row->row.entity, field), value);
}

/* Live, empty, in scope {root, 0}, with an origin that follows from entity and id. */
static inline rove__hq_row bed_row(bed *b, const char *entity, rove_id id, rove_id root) {
    rove__hq_row row = {.scope = {root, 0}, .whole_since = 1};

    ok(rove__row_init(&row.row, bed_entity(b, entity), id, &b->arena));
    rove__origin origin = {((rove_stamp)id << 8 | row.row.entity_number) & ROVE_STAMP_MAX, 7};
    rove__clock_init(&row.clock, origin, origin, 1);
    return row;
}

/* Headquarters' form of a set of integers, ascending. */
static inline rove_value bed_set_of(bed *b, const int64_t *elements, size_t count) {
    rove__set set = {ROVE_SET_VERSIONED,
                     rove__arena_take(&b->arena, (count + 1) * sizeof(rove__element)), count};
    rove_value value = rove__value_null();

    for (size_t i = 0; i < count; i++) {
        set.elements[i] =
            (rove__element){.value = rove__value_int(elements[i]), .version = {100 + i, 7}};
    }
    ok(rove__set_value(&set, &b->arena, &value));
    return value;
}

static inline void bed_put(bed *b, rove__hq_tx *tx, const rove__hq_row *row) {
    ok(b->store->row_put(tx, row));
}

/* Puts one empty row in a transaction of its own. */
static inline void bed_put_new(bed *b, const char *entity, rove_id id, rove_id root) {
    rove__hq_row row = bed_row(b, entity, id, root);
    rove__hq_tx *tx = bed_write(b);

    bed_put(b, tx, &row);
    bed_commit(b, tx);
}

static inline int bed_rows_same(const rove__hq_row *a, const rove__hq_row *b) {
    return rows_equal(&a->row, &b->row) && rove__clock_equal(&a->clock, &b->clock) &&
           a->scope.root == b->scope.root && a->scope.part == b->scope.part &&
           a->whole_since == b->whole_since && a->dead == b->dead && a->author == b->author &&
           a->review == b->review;
}

static inline void bed_expect(bed *b, rove__hq_tx *tx, const rove__hq_row *expected) {
    rove__hq_row row;

    ok(b->store->row_get(tx, expected->row.entity_number, expected->row.id, 0, &b->arena, &row));
    assert_true(bed_rows_same(&row, expected));
}

static inline rove_status bed_get(bed *b, rove__hq_tx *tx, const char *entity, rove_id id,
                                  rove__hq_row *row) {
    return b->store->row_get(tx, bed_entity(b, entity)->number, id, 0, &b->arena, row);
}

/* ---- what a scan gave ----------------------------------------------------------------------------------- */

#define BED_SEEN_MAX 256

typedef struct bed_seen {
    size_t count;
    uint32_t entities[BED_SEEN_MAX];
    rove_id ids[BED_SEEN_MAX];
    size_t stop_after;  /* 0: never */
    rove_status answer; /* when it stops */
} bed_seen;

static inline rove_status bed_note(bed_seen *seen, uint32_t entity, rove_id id) {
    assert_true(seen->count < BED_SEEN_MAX);
    seen->entities[seen->count] = entity;
    seen->ids[seen->count++] = id;
    return seen->count == seen->stop_after ? seen->answer : ROVE_OK;
}

static inline rove_status bed_each_row(void *ctx, const rove__hq_row *row) {
    return bed_note(ctx, row->row.entity_number, row->row.id);
}

static inline rove_status bed_each_key(void *ctx, uint32_t entity, rove_id id) {
    return bed_note(ctx, entity, id);
}

static inline rove_status bed_each_id(void *ctx, rove_id id) {
    return bed_note(ctx, 0, id);
}

static inline void bed_expect_ids(const bed_seen *seen, const rove_id *ids, size_t count) {
    assert_int_equal(seen->count, count);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(seen->ids[i], ids[i]);
    }
}

static inline bed_seen bed_scan(bed *b, rove__hq_tx *tx, rove__scope scope) {
    bed_seen seen = {.count = 0};

    ok(b->store->row_scan(tx, scope, 0, 0, &b->rows, bed_each_row, &seen));
    return seen;
}

static inline rove__bytes bed_bytes(const void *data, size_t size) {
    rove__bytes bytes = {data, size};

    return bytes;
}

static inline void bed_expect_bytes(rove__bytes bytes, const void *data, size_t size) {
    assert_int_equal(bytes.size, size);
    if (size > 0) {
        assert_memory_equal(bytes.data, data, size);
    }
}

#endif
