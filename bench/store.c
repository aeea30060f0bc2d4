/*
 * bench_store - the replica against plain SQLite, side by side in one run (visits.h says what "plain" is).
 *
 *   bench_store [--check] [--json] [--runs N] [--rows N] [--folder PATH]
 *
 * --check exits with 1 if a budget is missed. PATH, the current folder unless told, should lie on the kind of disk that
 * matters; bench_store.data in it is removed before and after.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "counting.h"
#include "folder.h"
#include "measure.h"
#include "payload.h"
#include "posix/posix.h"
#include "store/internal.h"
#include "sync/exchange.h"
#include "visits.h"

#define PER_TRANSACTION 1000
#define SINGLE_WRITES   300
#define READS           5000

typedef struct bench {
    measure_report report;
    int rows;
    const char *folder;
    uint64_t seed;

    rove_allocator allocator;
    rove_clock clock;
    rove_random random;
    rove_files files;
    rove_crypto crypto;
    rove__store_ports ports;
    rove__store *store;
    const rove__entity *visit;
    rove__arena arena;
    rove__row row; /* reused for every write */
    size_t ordinal[8];
    rove_id first; /* id of the first visit; the others follow */

    plain plain;
    plain uuid;
} bench;

static const rove__store_owner OWNER = {7, 42};

static void check(rove_status status, const rove_error *error) {
    if (status != ROVE_OK) {
        fprintf(stderr, "rove: %s: %s\n", rove_status_name(status), error->message);
        exit(2);
    }
}

/* ---- ours ---- */

static void ours_open(bench *b) {
    static const char *const fields[] = {"account_id",  "visitor_id", "planned_start",
                                         "planned_end", "status",     "priority",
                                         "type",        "instruction"};
    rove_error error;
    char path[512];

    snprintf(path, sizeof path, "%s/ours", b->folder);
    folder_remove(path);
    check(rove__store_open(&b->ports, path, &b->store, &error), &error);
    check(rove__store_set_owner(b->store, &OWNER, &error), &error);
    b->visit = rove__registry_by_name(rove__store_registry(b->store), "Visit");
    rove__arena_init(&b->arena, &b->allocator, (size_t)256 * 1024 * 1024);
    check(rove__row_init(&b->row, b->visit, 0, &b->arena), &error);
    for (size_t i = 0; i < 8; i++) {
        b->ordinal[i] = (size_t)rove__entity_field_named(b->visit, fields[i]);
    }
    b->first = rove__id_make(OWNER.replica, 1);
}

static void ours_close(bench *b) {
    rove__store_close(b->store);
    rove__arena_free(&b->arena);
    b->store = NULL;
}

static void ours_begin(bench *b) {
    rove_error error;
    check(rove__store_begin(b->store, &error), &error);
}

static void ours_commit(bench *b) {
    rove_error error;
    check(rove__store_commit(b->store, &error), &error);
}

static void ours_insert(bench *b, const visit *v) {
    rove_error error;

    memset(&b->row.present, 0, sizeof b->row.present);
    b->row.id = 0;
    rove__row_set(&b->row, b->ordinal[0], rove__value_int(v->account_id));
    rove__row_set(&b->row, b->ordinal[1], rove__value_int(v->visitor_id));
    rove__row_set(&b->row, b->ordinal[2], rove__value_int(v->planned_start));
    rove__row_set(&b->row, b->ordinal[3], rove__value_int(v->planned_end));
    rove__row_set(&b->row, b->ordinal[4], rove__value_int(v->status));
    rove__row_set(&b->row, b->ordinal[5], rove__value_int(v->priority));
    rove__row_set(&b->row, b->ordinal[6], rove__value_text(v->type));
    rove__row_set(&b->row, b->ordinal[7],
                  rove__value_bytes(ROVE_TEXT, v->instruction, VISITS_TEXT));
    check(rove__store_insert(b->store, &b->row, &error), &error);
}

static void ours_update(bench *b, rove_id id, int64_t priority) {
    rove_error error;

    memset(&b->row.present, 0, sizeof b->row.present);
    b->row.id = id;
    rove__row_set(&b->row, b->ordinal[5], rove__value_int(priority));
    check(rove__store_update(b->store, &b->row, &error), &error);
}

/* What headquarters says first; commits up to `safe` are backed up. */
static void welcome(rove__store *store, const rove__store_owner *owner, uint64_t safe) {
    rove_error error = {0};
    rove__welcome message;

    memset(&message, 0, sizeof message);
    message.protocol = ROVE_PROTOCOL_VERSION;
    message.schema = ROVE_SCHEMA_VERSION;
    message.server_ms = VISITS_START_MS;
    message.timeline = 1;
    message.replica = owner->replica;
    message.user = owner->user;
    message.safe = safe;
    memset(message.digest_key, 7, sizeof message.digest_key);
    check(rove__store_welcome(store, &message, &error), &error);
}

/* Headquarters' answer to one batch: accepted as it is. */
static void ours_ack(bench *b, uint64_t number, const rove__chain *previous,
                     const rove__chain *hash) {
    rove_error error = {0};
    rove__ack ack;

    memset(&ack, 0, sizeof ack);
    check(rove__exchange_chain(&b->crypto, previous, hash, &ack.chain), &error);
    ack.number = number;
    ack.seq = number;
    ack.last = 1;
    check(rove__store_apply(b->store, &ack, 1, NULL, &error), &error);
}

/* Everything unsent is frozen, sent, acknowledged, and backed up. */
static void ours_drain(bench *b) {
    rove_error error = {0};
    rove__hello hello;
    rove__push push;
    rove__chain previous;
    rove__chain hash = {{0}};
    rove__arena arena;
    uint64_t number = 0;
    uint32_t ordinal = 0;
    int sealed = 0;

    rove__arena_init(&arena, &b->allocator, (size_t)64 * 1024 * 1024);
    check(rove__store_freeze(b->store, &error), &error);
    check(rove__store_hello(b->store, &arena, &hello, &error), &error);
    while (rove__store_push_next(b->store, number == 0, number, ordinal, &arena, &push, &sealed,
                                 &error) == ROVE_OK) {
        number = push.number;
        ordinal = push.ordinal;
        previous = push.previous;
        check(rove__exchange_hash(&b->crypto, push.rows, &hash), &error);
        if (push.last) {
            ours_ack(b, number, &previous, &hash);
            hash = (rove__chain){{0}};
        }
        rove__arena_reset(&arena);
    }
    rove__arena_free(&arena);
    welcome(b->store, &OWNER, number);
    check(rove__store_settled(b->store, &error), &error);
    /* All start the next measurement with a log that begins anew in a file that is there. */
    sqlite3_wal_checkpoint_v2(b->store->db, NULL, SQLITE_CHECKPOINT_RESTART, NULL, NULL);
    sqlite3_wal_checkpoint_v2(b->plain.db, NULL, SQLITE_CHECKPOINT_RESTART, NULL, NULL);
    sqlite3_wal_checkpoint_v2(b->uuid.db, NULL, SQLITE_CHECKPOINT_RESTART, NULL, NULL);
}

/* ---- what is measured ---- */

/* Seconds of one transaction of `count` inserts from row n on. */
static double plain_insert_some(plain *p, const bench *b, int64_t n, int count) {
    double start = measure_now();

    plain_run(p, p->begin);
    for (int i = 0; i < count; i++) {
        visit v = visits_make(b->seed, n + i);
        v.id = b->first + n + i;
        plain_put(p, p->insert, &v);
    }
    plain_run(p, p->commit);
    return measure_now() - start;
}

static double ours_insert_some(bench *b, int64_t n, int count) {
    double start = measure_now();

    ours_begin(b);
    for (int i = 0; i < count; i++) {
        visit v = visits_make(b->seed, n + i);
        ours_insert(b, &v);
    }
    ours_commit(b);
    return measure_now() - start;
}

static void measure_inserts(bench *b) {
    double ours = 0;
    double integer = 0;
    double uuid = 0;

    for (int64_t n = 0; n < b->rows; n += PER_TRANSACTION) {
        integer += plain_insert_some(&b->plain, b, n, PER_TRANSACTION);
        ours += ours_insert_some(b, n, PER_TRANSACTION);
        uuid += plain_insert_some(&b->uuid, b, n, PER_TRANSACTION);
    }
    measure_add(&b->report, "insert, 1,000 a transaction, x plain", integer / ours, "x",
                MEASURE_AT_LEAST, 0.55);
    measure_add(&b->report, "insert, 1,000 a transaction, x plain-uuid", uuid / ours, "x",
                MEASURE_AT_LEAST, 1.5);
    measure_add(&b->report, "insert, rows a second", b->rows / ours, "", MEASURE_REPORTED, 0);
}

/* The k-th row of the t-th transaction of updates. */
static int64_t update_row(const bench *b, int random, int t, int k) {
    int stride = b->rows / PER_TRANSACTION;

    if (random) {
        uint64_t state = b->seed + (uint64_t)t * 1000003u + (uint64_t)k;
        return (int64_t)(visits_random(&state) % (uint64_t)b->rows);
    }
    return (int64_t)k * stride + t % stride;
}

static double plain_update_some(plain *p, const bench *b, int random, int t) {
    double start = measure_now();

    plain_run(p, p->begin);
    for (int k = 0; k < PER_TRANSACTION; k++) {
        plain_update(p, b->first + update_row(b, random, t, k), 1 + (t + k) % 3);
    }
    plain_run(p, p->commit);
    return measure_now() - start;
}

static double ours_update_some(bench *b, int random, int t) {
    double start = measure_now();

    ours_begin(b);
    for (int k = 0; k < PER_TRANSACTION; k++) {
        ours_update(b, b->first + update_row(b, random, t, k), 1 + (t + k) % 3);
    }
    ours_commit(b);
    return measure_now() - start;
}

static void measure_updates(bench *b, int random) {
    int transactions = b->rows / PER_TRANSACTION / 2;
    double ours = 0;
    double integer = 0;
    double uuid = 0;

    for (int t = 0; t < transactions; t++) {
        integer += plain_update_some(&b->plain, b, random, t);
        ours += ours_update_some(b, random, t);
        uuid += plain_update_some(&b->uuid, b, random, t);
    }
    if (random) {
        measure_add(&b->report, "update of one column, random, x plain", integer / ours, "x",
                    MEASURE_REPORTED, 0);
        measure_add(&b->report, "update of one column, random, x plain-uuid", uuid / ours, "x",
                    MEASURE_REPORTED, 0);
    } else {
        measure_add(&b->report, "update of one column, strided, x plain", integer / ours, "x",
                    MEASURE_AT_LEAST, 0.6);
        measure_add(&b->report, "update of one column, strided, x plain-uuid", uuid / ours, "x",
                    MEASURE_AT_LEAST, 0.9);
        measure_add(&b->report, "update, rows a second", transactions * PER_TRANSACTION / ours, "",
                    MEASURE_REPORTED, 0);
    }
}

/* One row per transaction: what the rep waits for. */
static void measure_single(bench *b) {
    static double ours[SINGLE_WRITES];
    static double integer[SINGLE_WRITES];

    for (int i = 0; i < SINGLE_WRITES; i++) {
        integer[i] = plain_insert_some(&b->plain, b, b->rows + i, 1);
        ours[i] = ours_insert_some(b, b->rows + i, 1);
    }
    double p50 = measure_percentile(ours, SINGLE_WRITES, 0.5);
    measure_add(&b->report, "one durable insert, p50, x plain",
                p50 / measure_percentile(integer, SINGLE_WRITES, 0.5), "x", MEASURE_AT_MOST, 1.15);
    measure_add(&b->report, "one durable insert, p50", p50 * 1e3, "ms", MEASURE_REPORTED, 0);
    for (int i = 0; i < SINGLE_WRITES; i++) {
        int64_t row = update_row(b, 1, 77, i);
        double start = measure_now();
        plain_run(&b->plain, b->plain.begin);
        plain_update(&b->plain, b->first + row, 1 + i % 3);
        plain_run(&b->plain, b->plain.commit);
        double between = measure_now();
        ours_begin(b);
        ours_update(b, b->first + row, 1 + i % 3);
        ours_commit(b);
        integer[i] = between - start;
        ours[i] = measure_now() - between;
    }
    measure_add(&b->report, "one durable update, p50, x plain",
                measure_percentile(ours, SINGLE_WRITES, 0.5) /
                    measure_percentile(integer, SINGLE_WRITES, 0.5),
                "x", MEASURE_AT_MOST, 1.15);
}

static void measure_size(bench *b) {
    rove__store_state state;
    rove_error error;

    check(rove__store_read_state(b->store, &state, &error), &error);
    measure_add(&b->report, "file size, outbox drained, x plain",
                (double)state.disk_bytes / (double)plain_bytes(&b->plain), "x", MEASURE_AT_MOST,
                1.25);
    measure_add(&b->report, "file size", (double)state.disk_bytes / 1048576, "MiB",
                MEASURE_REPORTED, 0);
}

/* ---- reading ---- */

static double plain_get(plain *p, int64_t id) {
    double start = measure_now();
    int64_t sum = 0;

    sqlite3_bind_int64(p->get, 1, id);
    if (sqlite3_step(p->get) == SQLITE_ROW) {
        for (int i = 0; i < sqlite3_column_count(p->get); i++) {
            sum += sqlite3_column_bytes(p->get, i);
        }
    }
    sqlite3_reset(p->get);
    return measure_now() - start + (sum == 0 ? 1 : 0);
}

static double ours_get(bench *b, rove__reader_connection *reader, rove__arena *arena, rove_id id) {
    rove_error error;
    rove__row row;
    double start = measure_now();

    rove__arena_reset(arena);
    check(rove__reader_get(reader, b->visit, id, arena, &row), &error);
    return measure_now() - start;
}

/* The visits of an account, as a shell lists them. */
static double ours_list(rove__reader_connection *reader, int64_t account) {
    rove_error error;
    rove__query *query = NULL;
    rove_value parameter = rove__value_int(account);
    double start = measure_now();

    check(rove__query_new(reader,
                          "SELECT id, planned_start, status, instruction FROM visit"
                          " WHERE account_id = ?1 ORDER BY planned_start",
                          &parameter, 1, &query, &error),
          &error);
    rove_status status = ROVE_OK;
    while ((status = rove__query_step(query, &error)) == ROVE_OK) {
        for (size_t i = 0; i < rove__query_columns(query); i++) {
            (void)rove__query_value(query, i);
        }
    }
    check(status == ROVE_DONE ? ROVE_OK : status, &error);
    rove__query_free(query);
    return measure_now() - start;
}

static double plain_list(plain *p, int64_t account) {
    double start = measure_now();

    sqlite3_bind_int64(p->list, 1, account);
    while (sqlite3_step(p->list) == SQLITE_ROW) {
        for (int i = 0; i < 4; i++) {
            (void)sqlite3_column_bytes(p->list, i);
        }
    }
    sqlite3_reset(p->list);
    return measure_now() - start;
}

static void measure_reads(bench *b) {
    static double ours[READS];
    static double integer[READS];
    rove__reader_connection *reader = NULL;
    rove__arena arena;
    rove_error error;
    uint64_t state = b->seed;

    rove__arena_init(&arena, &b->allocator, (size_t)4 * 1024 * 1024);
    check(rove__reader_open(b->store, &reader, &error), &error);
    for (int i = 0; i < READS; i++) {
        int64_t id = b->first + (int64_t)(visits_random(&state) % (uint64_t)b->rows);
        integer[i] = plain_get(&b->plain, id);
        ours[i] = ours_get(b, reader, &arena, id);
    }
    double p50 = measure_percentile(ours, READS, 0.5);
    measure_add(&b->report, "get by id, p50, x plain",
                p50 / measure_percentile(integer, READS, 0.5), "x", MEASURE_REPORTED, 0);
    measure_add(&b->report, "get by id, p50", p50 * 1e6, "us", MEASURE_REPORTED, 0);
    for (int i = 0; i < READS / 5; i++) {
        int64_t account =
            (INT64_C(1) << 32) + 1 + (int64_t)(visits_random(&state) % VISITS_ACCOUNTS);
        integer[i] = plain_list(&b->plain, account);
        ours[i] = ours_list(reader, account);
    }
    measure_add(&b->report, "visits of an account, p50, x plain",
                measure_percentile(ours, READS / 5, 0.5) /
                    measure_percentile(integer, READS / 5, 0.5),
                "x", MEASURE_REPORTED, 0);
    measure_add(&b->report, "visits of an account, p99",
                measure_percentile(ours, READS / 5, 0.99) * 1e3, "ms", MEASURE_AT_MOST, 2.0);
    rove__reader_close(reader);
    rove__arena_free(&arena);
}

/* ---- a first sync, without the network ---- */

static int changed_rows;

static void count_change(void *ctx, int action, const char *database, const char *table,
                         sqlite3_int64 row) {
    (void)ctx;
    (void)action;
    (void)database;
    (void)row;
    changed_rows += strcmp(table, "visit") == 0;
}

static void target_open(bench *b, const char *folder, const rove_allocator *allocator,
                        rove__store **store) {
    rove__store_ports ports = b->ports;
    rove__store_owner owner = {8, 43};
    rove_error error = {0};

    ports.allocator = allocator;
    folder_remove(folder);
    check(rove__store_open(&ports, folder, store, &error), &error);
    check(rove__store_set_owner(*store, &owner, &error), &error);
    welcome(*store, &owner, 0);
}

static void measure_apply(bench *b, const payload *p) {
    counting count = {0};
    rove_allocator allocator = {counting_resize, &count};
    rove__store *store = NULL;
    plain target;
    char path[512];
    int current = 0;
    int highest = 0;

    snprintf(path, sizeof path, "%s/plain-target.db", b->folder);
    plain_open(&target, path, b->visit, 0);
    double upsert = payload_plain_upsert(p, &target, b->seed, b->first);
    plain_close(&target);

    snprintf(path, sizeof path, "%s/target", b->folder);
    target_open(b, path, &allocator, &store);
    size_t before = counting_restart(&count);
    double first = payload_apply(p, &allocator, store);
    measure_add(&b->report, "100k rows into an empty replica, x plain upsert", first / upsert, "x",
                MEASURE_AT_MOST, 2.0);
    measure_add(&b->report, "100k rows into an empty replica", first, "s", MEASURE_REPORTED, 0);
    measure_add(&b->report, "peak memory while applying, above SQLite's own",
                (double)(atomic_load(&count.most) - before) / 1048576, "MiB", MEASURE_AT_MOST, 16);
    sqlite3_db_status(store->db, SQLITE_DBSTATUS_CACHE_USED, &current, &highest, 0);
    measure_add(&b->report, "SQLite's own cache then", (double)current / 1048576, "MiB",
                MEASURE_REPORTED, 0);

    changed_rows = 0;
    sqlite3_update_hook(store->db, count_change, NULL);
    double again = payload_apply(p, &allocator, store);
    measure_add(&b->report, "the same payload again, x the first time", again / first, "x",
                MEASURE_AT_MOST, 1.0);
    measure_add(&b->report, "rows that the second time changes", changed_rows, "", MEASURE_AT_MOST,
                0);
    rove__store_close(store);
}

/* The rep writes on while a first download runs: one row per transaction, one every few ms. */
typedef struct rep {
    rove__store *store;
    atomic_int stop;
    double waits[4096];
    size_t count;
} rep;

static void *rep_at_work(void *ctx) {
    rep *r = ctx;
    const rove__entity *task = rove__registry_by_name(rove__store_registry(r->store), "Task");
    size_t about = (size_t)rove__entity_field_named(task, "about_id");
    size_t subject = (size_t)rove__entity_field_named(task, "subject");
    const struct timespec pause = {0, 2000000};
    rove_error error = {0};
    rove_allocator allocator;
    rove__arena arena;
    rove__row row;

    rove_posix_allocator(&allocator);
    rove__arena_init(&arena, &allocator, 65536);
    while (!r->stop && r->count < sizeof r->waits / sizeof *r->waits) {
        rove__arena_reset(&arena);
        check(rove__row_init(&row, task, 0, &arena), &error);
        rove__row_set(&row, about, rove__value_int((INT64_C(1) << 32) + 1));
        rove__row_set(&row, subject, rove__value_text("Call back"));
        double start = measure_now();
        check(rove__store_begin(r->store, &error), &error);
        check(rove__store_insert(r->store, &row, &error), &error);
        check(rove__store_commit(r->store, &error), &error);
        r->waits[r->count++] = measure_now() - start;
        (void)nanosleep(&pause, NULL);
    }
    rove__arena_free(&arena);
    return NULL;
}

static void measure_writing_meanwhile(bench *b, const payload *p) {
    static rep r;
    pthread_t thread;
    char path[512];

    memset(&r, 0, sizeof r);
    snprintf(path, sizeof path, "%s/target", b->folder);
    target_open(b, path, &b->allocator, &r.store);
    if (pthread_create(&thread, NULL, rep_at_work, &r) != 0) {
        exit(2);
    }
    (void)payload_apply(p, &b->allocator, r.store);
    r.stop = 1;
    (void)pthread_join(thread, NULL);
    measure_add(&b->report, "a put while 100k rows are applied, p50",
                measure_percentile(r.waits, r.count, 0.5) * 1e3, "ms", MEASURE_REPORTED, 0);
    measure_add(&b->report, "a put while 100k rows are applied, p99",
                measure_percentile(r.waits, r.count, 0.99) * 1e3, "ms", MEASURE_REPORTED, 0);
    rove__store_close(r.store);
}

static void measure_payload(bench *b) {
    payload p;

    payload_list(&p, &b->allocator, b->store->db, (size_t)b->rows);
    double dump = payload_dump(&p, b->plain.db);
    double make = payload_make(&p, b->store->db, b->visit);
    measure_add(&b->report, "rows to a payload, x plain dump", make / dump, "x", MEASURE_AT_MOST,
                2.0);
    measure_add(&b->report, "bytes of the payload, x zstd -3 over the dump",
                (double)p.stream.size / (double)payload_zstd_bytes(&p), "x", MEASURE_AT_MOST, 0.8);
    measure_add(&b->report, "bytes of the payload, a row", (double)p.stream.size / (double)p.count,
                "B", MEASURE_REPORTED, 0);
    measure_apply(b, &p);
    measure_writing_meanwhile(b, &p);
    payload_free(&p);
}

/* ---- a run ---- */

static void run(bench *b) {
    char path[512];

    ours_open(b);
    snprintf(path, sizeof path, "%s/plain.db", b->folder);
    plain_open(&b->plain, path, b->visit, 0);
    snprintf(path, sizeof path, "%s/plain-uuid.db", b->folder);
    plain_open(&b->uuid, path, b->visit, 1);

    measure_inserts(b);
    ours_drain(b);
    measure_size(b);
    measure_payload(b);
    measure_updates(b, 0);
    ours_drain(b);
    measure_updates(b, 1);
    ours_drain(b);
    measure_single(b);
    measure_reads(b);

    plain_close(&b->uuid);
    plain_close(&b->plain);
    ours_close(b);
}

static void prepare(bench *b) {
    rove_posix_allocator(&b->allocator);
    rove_posix_clock(&b->clock);
    rove_posix_random(&b->random);
    rove_posix_files(&b->files);
    if (rove_posix_crypto_new(&b->crypto) != ROVE_OK) {
        fprintf(stderr, "no cryptography\n");
        exit(2);
    }
    b->ports.allocator = &b->allocator;
    b->ports.clock = &b->clock;
    b->ports.random = &b->random;
    b->ports.files = &b->files;
    b->ports.crypto = &b->crypto;
    b->folder = folder_make(b->folder, "bench_store.data");
}

int main(int argc, char **argv) {
    static bench b;
    int check_budgets = 0;
    int json = 0;
    int runs = 3;

    b.rows = VISITS;
    b.folder = ".";
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--check") == 0) {
            check_budgets = 1;
        } else if (strcmp(argv[i], "--json") == 0) {
            json = 1;
        } else if (strcmp(argv[i], "--runs") == 0 && i + 1 < argc) {
            runs = (int)strtol(argv[++i], NULL, 10);
        } else if (strcmp(argv[i], "--rows") == 0 && i + 1 < argc) {
            b.rows = (int)strtol(argv[++i], NULL, 10) / PER_TRANSACTION * PER_TRANSACTION;
        } else if (strcmp(argv[i], "--folder") == 0 && i + 1 < argc) {
            b.folder = argv[++i];
        } else {
            fprintf(stderr, "usage: bench_store [--check] [--json] [--runs N] [--rows N]"
                            " [--folder PATH]\n");
            return 2;
        }
    }
    if (runs < 1 || runs > MEASURE_RUNS_MAX || b.rows < 2 * PER_TRANSACTION) {
        fprintf(stderr, "1 to %d runs, and at least %d rows\n", MEASURE_RUNS_MAX,
                2 * PER_TRANSACTION);
        return 2;
    }
    prepare(&b);
    for (int i = 0; i < runs; i++) {
        b.seed = (uint64_t)i + 1;
        run(&b);
    }
    rove_posix_crypto_free(&b.crypto);
    if (json) {
        measure_print_json(&b.report);
    } else {
        measure_print_text(&b.report);
    }
    return check_budgets && measure_misses(&b.report) > 0 ? 1 : 0;
}
