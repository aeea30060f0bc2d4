/*
 * bench_store - the replica against plain SQLite, side by side in one run (visits.h says what "plain" is).
 *
 *   bench_store [--check] [--json] [--runs N] [--rows N] [--folder PATH]
 *
 * --check exits with 1 if a budget is missed. The folder, ./bench_store.data unless told, should lie on the kind of disk
 * that matters; it is emptied before each run.
 */
#include <sys/stat.h>

#include "measure.h"
#include "posix/posix.h"
#include "store/internal.h"
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

static void check(rove_status status, const rove_error *error) {
    if (status != ROVE_OK) {
        fprintf(stderr, "rove: %s: %s\n", rove_status_name(status), error->message);
        exit(2);
    }
}

/* ---- ours ---- */

static void ours_remove(const bench *b) {
    static const char *const files[] = {"replica.db", "replica.db-wal", "replica.db-shm", "lock"};
    char path[512];

    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        snprintf(path, sizeof path, "%s/%s", b->folder, files[i]);
        (void)remove(path);
    }
}

static void ours_open(bench *b) {
    static const char *const fields[] = {"account_id",  "visitor_id", "planned_start",
                                         "planned_end", "status",     "priority",
                                         "type",        "instruction"};
    rove__store_owner owner = {7, 42};
    rove_error error;

    ours_remove(b);
    check(rove__store_open(&b->ports, b->folder, &b->store, &error), &error);
    check(rove__store_set_owner(b->store, &owner, &error), &error);
    b->visit = rove__registry_by_name(rove__store_registry(b->store), "Visit");
    rove__arena_init(&b->arena, &b->allocator, (size_t)256 * 1024 * 1024);
    check(rove__row_init(&b->row, b->visit, 0, &b->arena), &error);
    for (size_t i = 0; i < 8; i++) {
        b->ordinal[i] = (size_t)rove__entity_field_named(b->visit, fields[i]);
    }
    b->first = rove__id_make(owner.replica, 1);
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

/* Everything unsent reaches headquarters, which accepts it as it is. */
static void ours_drain(bench *b) {
    sqlite3_exec(b->store->db,
                 "BEGIN; UPDATE visit SET _pending = NULL; DELETE FROM _outbox; COMMIT", NULL, NULL,
                 NULL);
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
    (void)mkdir(b->folder, 0700);
}

int main(int argc, char **argv) {
    static bench b;
    int check_budgets = 0;
    int json = 0;
    int runs = 3;

    b.rows = VISITS;
    b.folder = "bench_store.data";
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
