/*
 * bench/payload.h - rows as headquarters sends them on a first sync: pages of column batches in one zstd stream,
 * scope by scope; and the plain dump that it is measured against, the same columns and order as text.
 */
#ifndef ROVE_BENCH_PAYLOAD_H
#define ROVE_BENCH_PAYLOAD_H

#include <zstd.h>

#include "measure.h"
#include "store/internal.h"
#include "visits.h"
#include "wire/batch.h"
#include "wire/frame.h"

#define PAYLOAD_PAGE_ROWS 4096
#define PAYLOAD_MAX       ((size_t)256 * 1024 * 1024)

typedef struct payload_key {
    rove_id account;
    int32_t part;
    rove_id id;
} payload_key;

typedef struct payload {
    const rove_allocator *allocator;
    payload_key *keys; /* in the order of the transfer */
    size_t count;
    rove__scope scopes[VISITS_ACCOUNTS];     /* roots, part -1 */
    rove__portion portions[VISITS_ACCOUNTS]; /* the same, all buckets */
    size_t scope_count;
    rove__buf stream;
    rove__buf dump;
} payload;

static void payload_check(rove_status status, const char *doing) {
    if (status != ROVE_OK) {
        fprintf(stderr, "%s: %s\n", doing, rove_status_name(status));
        exit(2);
    }
}

static int payload_compare(const void *a, const void *b) {
    const payload_key *x = a;
    const payload_key *y = b;
    if (x->account != y->account) {
        return x->account < y->account ? -1 : 1;
    }
    if (x->part != y->part) {
        return x->part < y->part ? -1 : 1;
    }
    return x->id < y->id ? -1 : x->id > y->id;
}

/* Which rows there are, in the order of a transfer. */
static void payload_list(payload *p, const rove_allocator *allocator, sqlite3 *db, size_t most) {
    sqlite3_stmt *statement = NULL;

    memset(p, 0, sizeof *p);
    p->allocator = allocator;
    p->keys = rove__alloc_zeroed(allocator, most, sizeof *p->keys);
    rove__buf_init(&p->stream, allocator, PAYLOAD_MAX);
    rove__buf_init(&p->dump, allocator, PAYLOAD_MAX);
    if (p->keys == NULL || sqlite3_prepare_v2(db, "SELECT id, account_id, planned_start FROM visit",
                                              -1, &statement, NULL) != SQLITE_OK) {
        exit(2);
    }
    while (p->count < most && sqlite3_step(statement) == SQLITE_ROW) {
        payload_key *key = &p->keys[p->count++];
        key->id = sqlite3_column_int64(statement, 0);
        key->account = sqlite3_column_int64(statement, 1);
        key->part = rove__month_of(sqlite3_column_int64(statement, 2));
    }
    sqlite3_finalize(statement);
    qsort(p->keys, p->count, sizeof *p->keys, payload_compare);
    for (size_t i = 0; i < p->count; i++) {
        if (i == 0 || p->keys[i].account != p->keys[i - 1].account) {
            p->portions[p->scope_count].scope = (rove__scope){p->keys[i].account, -1};
            p->scopes[p->scope_count++] = (rove__scope){p->keys[i].account, -1};
        }
    }
}

static void payload_free(payload *p) {
    rove__free(p->allocator, p->keys);
    rove__buf_free(&p->stream);
    rove__buf_free(&p->dump);
}

/* ---- the dump ---- */

static void payload_text(rove__buf *out, const void *text, size_t size, char after) {
    rove__buf_append(out, text, size);
    rove__buf_byte(out, (uint8_t)after);
}

/* One line per row, columns between tabs. Seconds. */
static double payload_dump(payload *p, sqlite3 *db) {
    sqlite3_stmt *statement = NULL;
    double start = measure_now();

    if (sqlite3_prepare_v2(db,
                           "SELECT id, account_id, visitor_id, planned_start, planned_end, status,"
                           " priority, type, instruction FROM visit WHERE id = ?1",
                           -1, &statement, NULL) != SQLITE_OK) {
        exit(2);
    }
    for (size_t i = 0; i < p->count; i++) {
        sqlite3_bind_int64(statement, 1, p->keys[i].id);
        if (sqlite3_step(statement) != SQLITE_ROW) {
            exit(2);
        }
        for (int c = 0; c < 9; c++) {
            const unsigned char *text = sqlite3_column_text(statement, c);
            payload_text(&p->dump, text, (size_t)sqlite3_column_bytes(statement, c),
                         c < 8 ? '\t' : '\n');
        }
        sqlite3_reset(statement);
    }
    sqlite3_finalize(statement);
    payload_check(rove__buf_status(&p->dump), "dump");
    return measure_now() - start;
}

static size_t payload_zstd_bytes(const payload *p) {
    size_t most = ZSTD_compressBound(p->dump.size);
    void *bytes = malloc(most);
    size_t size = bytes != NULL ? ZSTD_compress(bytes, most, p->dump.data, p->dump.size, 3) : 0;
    free(bytes);
    return size;
}

/* ---- the payload ---- */

static void payload_page(payload *p, rove__frame_writer *frames, rove__batch_writer *batch,
                         int first, int last, rove__buf *rows, rove__buf *bytes) {
    static const uint8_t token[] = "scan";
    rove__page page;

    memset(&page, 0, sizeof page);
    rove__buf_reset(rows);
    rove__buf_reset(bytes);
    payload_check(rove__batch_finish(batch, rows), "batch");
    page.rows = (rove__bytes){rows->data, rows->size};
    page.begin = p->portions;
    page.begin_count = first ? p->scope_count : 0;
    page.done = p->scopes;
    page.done_count = last ? p->scope_count : 0;
    page.cursor = (rove__cursor){1, last ? 1000 : 0};
    page.token = last ? (rove__bytes){NULL, 0} : (rove__bytes){token, sizeof token};
    page.more = !last;
    payload_check(rove__page_write(&page, bytes), "page");
    payload_check(rove__frame_write(frames, ROVE_FRAME_PAGE, bytes->data, bytes->size, &p->stream),
                  "frame");
}

/* 0: the batch is full, and does not have it. */
static int payload_row(rove__batch_writer *batch, sqlite3_stmt *get, const rove__entity *entity,
                       rove_id id, rove__arena *arena) {
    rove__stored stored;
    rove__change change;

    sqlite3_bind_int64(get, 1, id);
    if (sqlite3_step(get) != SQLITE_ROW) {
        exit(2);
    }
    rove__arena_reset(arena);
    payload_check(rove__table_read(get, entity, id, arena, &stored, NULL), "row");
    sqlite3_reset(get);
    memset(&change, 0, sizeof change);
    change.op = ROVE_OP_WHOLE;
    change.row = stored.row;
    change.clock = stored.clock;
    memset(&change.row.present, 0, sizeof change.row.present);
    for (size_t i = 0; i < entity->field_count; i++) {
        if (stored.row.cells[i].type != ROVE_NULL) {
            rove__bits_set(&change.row.present, i);
        }
    }
    rove_status status = rove__batch_add(batch, &change);
    if (status != ROVE_LIMIT) {
        payload_check(status, "batch");
    }
    return status == ROVE_OK;
}

/* Rows from the replica's table to the compressed stream. Seconds. */
static double payload_make(payload *p, sqlite3 *db, const rove__entity *entity) {
    rove__frame_writer *frames = NULL;
    rove__batch_writer *batch = NULL;
    sqlite3_stmt *get = NULL;
    rove__arena arena;
    rove__buf rows;
    rove__buf bytes;
    double start = measure_now();

    rove__arena_init(&arena, p->allocator, (size_t)1024 * 1024);
    rove__buf_init(&rows, p->allocator, PAYLOAD_MAX);
    rove__buf_init(&bytes, p->allocator, PAYLOAD_MAX);
    payload_check(rove__frame_writer_new(p->allocator, ROVE_FRAME_WINDOW_LOG, &frames), "frames");
    payload_check(rove__batch_writer_new(p->allocator, ROVE_BATCH_MAX, &batch), "batch");
    rove__table_get_text(&bytes, entity, entity->field_count);
    rove__buf_byte(&bytes, 0);
    if (sqlite3_prepare_v2(db, (const char *)bytes.data, -1, &get, NULL) != SQLITE_OK) {
        exit(2);
    }
    int first = 1;
    for (size_t i = 0; i < p->count;) {
        int added = payload_row(batch, get, entity, p->keys[i].id, &arena);
        i += (size_t)added;
        if (!added || rove__batch_count(batch) == PAYLOAD_PAGE_ROWS || i == p->count) {
            payload_page(p, frames, batch, first, i == p->count, &rows, &bytes);
            first = 0;
        }
    }
    payload_check(rove__frame_write_end(frames, &p->stream), "end");
    double seconds = measure_now() - start;
    sqlite3_finalize(get);
    rove__batch_writer_free(batch);
    rove__frame_writer_free(frames);
    rove__buf_free(&bytes);
    rove__buf_free(&rows);
    rove__arena_free(&arena);
    return seconds;
}

/* The stream into a replica, one transaction per page, as it comes from the network. Seconds. */
static double payload_apply(const payload *p, const rove_allocator *allocator, rove__store *store) {
    rove__frame_reader *frames = NULL;
    rove__frame frame;
    rove__arena arena;
    rove__page page;
    rove_error error = {0};
    double start = measure_now();

    rove__arena_init(&arena, allocator, (size_t)8 * 1024 * 1024);
    payload_check(rove__frame_reader_new(allocator, &frames), "frames");
    for (size_t at = 0; at < p->stream.size;) {
        size_t piece = p->stream.size - at < 65536 ? p->stream.size - at : 65536;
        rove_status status = rove__frame_reader_feed(frames, p->stream.data + at, piece);
        at += piece;
        while (status == ROVE_OK && (status = rove__frame_reader_next(frames, &frame)) == ROVE_OK) {
            rove__arena_reset(&arena);
            status = rove__page_read(&page, frame.payload, frame.size, &arena);
            if (status == ROVE_OK) {
                status = rove__store_apply(store, NULL, 0, &page, &error);
            }
        }
        if (status != ROVE_OK && status != ROVE_DONE) {
            fprintf(stderr, "apply: %s: %s\n", rove_status_name(status), error.message);
            exit(2);
        }
    }
    payload_check(rove__frame_reader_finish(frames), "stream");
    rove__frame_reader_free(frames);
    rove__arena_free(&arena);
    return measure_now() - start;
}

/* The same rows, order and transactions as a plain upsert. Seconds. */
static double payload_plain_upsert(const payload *p, plain *target, uint64_t seed, rove_id first) {
    double start = measure_now();

    for (size_t i = 0; i < p->count; i++) {
        if (i % PAYLOAD_PAGE_ROWS == 0) {
            plain_run(target, target->begin);
        }
        visit v = visits_make(seed, p->keys[i].id - first);
        v.id = p->keys[i].id;
        plain_put(target, target->upsert, &v);
        if ((i + 1) % PAYLOAD_PAGE_ROWS == 0 || i + 1 == p->count) {
            plain_run(target, target->commit);
        }
    }
    return measure_now() - start;
}

#endif
