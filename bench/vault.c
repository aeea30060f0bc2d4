/*
 * bench_vault - what sealing the replica's files costs: the replica through the sealing VFS against the same without it, in
 * turns, over OpenSSL and over mbedTLS.
 *
 *   bench_vault [--check] [--json] [--runs N] [--rows N] [--folder PATH]
 *   bench_vault --nonces N       seals so many units, and counts how many nonces there were; 8 bytes of memory for each
 *
 * --check exits with 1 if a budget is missed. PATH, the current folder unless told, should lie on the kind of disk that
 * matters; bench_vault.data in it is removed before and after.
 */
#include "folder.h"
#include "measure.h"
#include "posix/posix.h"
#include "store/internal.h"
#include "vault/key_file.h"
#include "vault/vfs.h"
#include "visits.h"

#define PER_TRANSACTION 1000
#define PAGES           4000 /* sealed and opened by themselves */
#define OPENINGS        9

enum { PLAIN, OPENSSL, MBEDTLS, CONTENDERS };

static const char *const names[CONTENDERS] = {"plain", "OpenSSL", "mbedTLS"};

/* A replica, sealed or plain. */
typedef struct contender {
    int which;
    rove_crypto crypto;
    rove_keyring keyring;
    rove__store_ports ports;
    rove__store *store;
    const rove__entity *visit;
    rove__arena arena;
    rove__row row;
    size_t ordinal[8];
    char folder[400];
    double insert;
} contender;

typedef struct bench {
    measure_report report;
    int rows;
    uint64_t seed;
    const char *folder;
    rove_allocator allocator;
    rove_clock clock;
    rove_random random;
    rove_files files;
    contender contenders[CONTENDERS];
} bench;

static void check(rove_status status, const rove_error *error) {
    if (status != ROVE_OK) {
        fprintf(stderr, "rove: %s: %s\n", rove_status_name(status), error->message);
        exit(2);
    }
}

/* ---- a contender ---------------------------------------------------------------------------------------- */

static rove_status secret(void *ctx, uint8_t bytes[ROVE_SECRET_SIZE], rove_error *error) {
    (void)ctx;
    (void)error;
    memset(bytes, 1, ROVE_SECRET_SIZE);
    return ROVE_OK;
}

/* All that is between a rep and his first query. */
static void contender_open(contender *c) {
    rove_error error = {0};

    check(rove__store_open(&c->ports, c->folder, &c->store, &error), &error);
}

static void contender_close(contender *c) {
    rove__store_close(c->store);
    c->store = NULL;
}

static void contender_make(bench *b, contender *c, int which) {
    static const rove__store_owner owner = {7, 42};
    static const char *const fields[] = {"account_id",  "visitor_id", "planned_start",
                                         "planned_end", "status",     "priority",
                                         "type",        "instruction"};
    rove_error error = {0};

    memset(c, 0, sizeof *c);
    c->which = which;
    if (which == OPENSSL) {
        rove_posix_crypto_openssl(&c->crypto);
    } else {
        check(rove_posix_crypto_new(&c->crypto), &error);
    }
    c->keyring.secret = which == PLAIN ? NULL : secret;
    c->ports = (rove__store_ports){.allocator = &b->allocator,
                                   .clock = &b->clock,
                                   .random = &b->random,
                                   .files = &b->files,
                                   .crypto = &c->crypto,
                                   .keyring = &c->keyring};
    snprintf(c->folder, sizeof c->folder, "%s/%s", b->folder, names[which]);
    folder_remove(c->folder);
    check(b->files.make_folder(b->files.ctx, c->folder, &error), &error);
    contender_open(c);
    check(rove__store_set_owner(c->store, &owner, &error), &error);
    c->visit = rove__registry_by_name(rove__store_registry(c->store), "Visit");
    rove__arena_init(&c->arena, &b->allocator, (size_t)1 << 20);
    check(rove__row_init(&c->row, c->visit, 0, &c->arena), &error);
    for (size_t i = 0; i < 8; i++) {
        c->ordinal[i] = (size_t)rove__entity_field_named(c->visit, fields[i]);
    }
}

static void contender_end(contender *c) {
    contender_close(c);
    rove__arena_free(&c->arena);
    if (c->which != OPENSSL) {
        rove_posix_crypto_free(&c->crypto);
    }
    folder_remove(c->folder);
}

/* ---- writing -------------------------------------------------------------------------------------------- */

static void insert(contender *c, const visit *v) {
    rove_error error = {0};

    memset(&c->row.present, 0, sizeof c->row.present);
    c->row.id = 0;
    rove__row_set(&c->row, c->ordinal[0], rove__value_int(v->account_id));
    rove__row_set(&c->row, c->ordinal[1], rove__value_int(v->visitor_id));
    rove__row_set(&c->row, c->ordinal[2], rove__value_int(v->planned_start));
    rove__row_set(&c->row, c->ordinal[3], rove__value_int(v->planned_end));
    rove__row_set(&c->row, c->ordinal[4], rove__value_int(v->status));
    rove__row_set(&c->row, c->ordinal[5], rove__value_int(v->priority));
    rove__row_set(&c->row, c->ordinal[6], rove__value_text(v->type));
    rove__row_set(&c->row, c->ordinal[7],
                  rove__value_bytes(ROVE_TEXT, v->instruction, VISITS_TEXT));
    check(rove__store_insert(c->store, &c->row, &error), &error);
}

static double transaction(bench *b, contender *c, int64_t first) {
    rove_error error = {0};
    double start = measure_now();

    check(rove__store_begin(c->store, &error), &error);
    for (int64_t n = first; n < first + PER_TRANSACTION; n++) {
        visit v = visits_make(b->seed, n);
        insert(c, &v);
    }
    check(rove__store_commit(c->store, &error), &error);
    return measure_now() - start;
}

static void report_of(bench *b, int which, const char *what, double value, const char *unit,
                      measure_bound bound, double budget) {
    char name[80];

    snprintf(name, sizeof name, "%s: %s", names[which], what);
    measure_add(&b->report, name, value, unit, bound, budget);
}

static void measure_inserts(bench *b) {
    static const double budgets[CONTENDERS] = {0, 0.6, 0.3};
    contender *all = b->contenders;

    for (int64_t n = 0; n < b->rows; n += PER_TRANSACTION) {
        for (int i = 0; i < CONTENDERS; i++) {
            all[i].insert += transaction(b, &all[i], n);
        }
    }
    for (int i = 0; i < CONTENDERS; i++) {
        if (i != PLAIN) {
            report_of(b, i, "insert, 1,000 a transaction, x plain",
                      all[PLAIN].insert / all[i].insert, "x", MEASURE_AT_LEAST, budgets[i]);
        }
        report_of(b, i, "insert, rows a second", b->rows / all[i].insert, "", MEASURE_REPORTED, 0);
    }
}

/* ---- opening -------------------------------------------------------------------------------------------- */

static double open_and_ask(contender *c) {
    double start = measure_now();
    sqlite3_stmt *statement = NULL;

    contender_open(c);
    if (sqlite3_prepare_v2(c->store->db, "SELECT count(*) FROM visit WHERE account_id = 4294967297",
                           -1, &statement, NULL) != SQLITE_OK ||
        sqlite3_step(statement) != SQLITE_ROW) {
        fprintf(stderr, "no answer\n");
        exit(2);
    }
    sqlite3_finalize(statement);
    return measure_now() - start;
}

static void measure_openings(bench *b) {
    double times[CONTENDERS][OPENINGS];

    for (int i = 0; i < CONTENDERS; i++) {
        contender_close(&b->contenders[i]);
    }
    for (int n = 0; n < OPENINGS; n++) {
        for (int i = 0; i < CONTENDERS; i++) {
            times[i][n] = open_and_ask(&b->contenders[i]);
            contender_close(&b->contenders[i]);
        }
    }
    for (int i = 0; i < CONTENDERS; i++) {
        contender_open(&b->contenders[i]);
        report_of(b, i, "opening, with the first query",
                  measure_percentile(times[i], OPENINGS, 0.5) * 1e3, "ms",
                  i == PLAIN ? MEASURE_REPORTED : MEASURE_AT_MOST, 50);
    }
}

/* ---- units ---------------------------------------------------------------------------------------------- */

static void measure_units(bench *b, contender *c) {
    static uint8_t page[4064], sealed[4064];
    uint8_t seal[ROVE_UNIT_SEAL_SIZE];
    rove_error error = {0};
    double start = measure_now();

    for (uint64_t i = 0; i < PAGES; i++) {
        check(
            rove__vault_seal(&c->store->vault, ROVE_UNIT_PAGE, i, page, sizeof page, sealed, seal),
            &error);
    }
    double between = measure_now();
    for (uint64_t i = 0; i < PAGES; i++) {
        check(rove__vault_unseal(&c->store->vault, ROVE_UNIT_PAGE, PAGES - 1, sealed, sizeof sealed,
                                 seal, page),
              &error);
    }
    double end = measure_now();
    report_of(b, c->which, "a page sealed", (between - start) * 1e6 / PAGES, "us", MEASURE_REPORTED,
              0);
    report_of(b, c->which, "a page opened", (end - between) * 1e6 / PAGES, "us", MEASURE_REPORTED,
              0);
    start = measure_now();
    for (uint64_t i = 0; i < PAGES; i++) {
        check(rove__vault_seal(&c->store->vault, ROVE_UNIT_FRAME_HEADER, i, page, 24, sealed, seal),
              &error);
    }
    report_of(b, c->which, "a frame's header sealed", (measure_now() - start) * 1e6 / PAGES, "us",
              MEASURE_REPORTED, 0);
}

/* ---- nonces --------------------------------------------------------------------------------------------- */

static int compare(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

/* By 8 of their 12 bytes: two of ten million are the same by chance in one of 370,000 such counts. */
static int count_nonces(bench *b, size_t wanted) {
    rove_error error = {0};
    uint64_t *halves = malloc(wanted * sizeof *halves);
    uint8_t page[24] = {0};
    uint8_t sealed[24];
    uint8_t seal[ROVE_UNIT_SEAL_SIZE];
    rove_crypto crypto;
    rove__data_key key;
    rove__vault vault;
    size_t different = wanted > 0;

    if (halves == NULL) {
        fprintf(stderr, "no memory\n");
        return 2;
    }
    rove_posix_crypto_openssl(&crypto);
    check(rove__data_key_draw(&b->random, &key), &error);
    check(rove__vault_open(&vault, &crypto, &b->random, &key), &error);
    for (size_t i = 0; i < wanted; i++) {
        check(rove__vault_seal(&vault, ROVE_UNIT_FRAME_HEADER, i, page, sizeof page, sealed, seal),
              &error);
        memcpy(&halves[i], seal, sizeof *halves);
        if ((i + 1) % 1000000 == 0) {
            printf("%zu million\n", (i + 1) / 1000000);
            (void)fflush(stdout);
        }
    }
    rove__vault_close(&vault);
    qsort(halves, wanted, sizeof *halves, compare);
    for (size_t i = 1; i < wanted; i++) {
        different += halves[i] != halves[i - 1];
    }
    printf("%zu seals, %zu different nonces\n", wanted, different);
    free(halves);
    return different == wanted ? 0 : 1;
}

/* ---- a run ---------------------------------------------------------------------------------------------- */

static void run(bench *b) {
    for (int i = 0; i < CONTENDERS; i++) {
        contender_make(b, &b->contenders[i], i);
    }
    measure_inserts(b);
    measure_openings(b);
    measure_units(b, &b->contenders[OPENSSL]);
    measure_units(b, &b->contenders[MBEDTLS]);
    for (int i = 0; i < CONTENDERS; i++) {
        contender_end(&b->contenders[i]);
    }
}

static void prepare(bench *b) {
    rove_posix_allocator(&b->allocator);
    rove_posix_clock(&b->clock);
    rove_posix_random(&b->random);
    rove_posix_files(&b->files);
}

int main(int argc, char **argv) {
    static bench b;
    int check_budgets = 0;
    int json = 0;
    int runs = 3;
    size_t nonces = 0;

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
        } else if (strcmp(argv[i], "--nonces") == 0 && i + 1 < argc) {
            nonces = (size_t)strtoull(argv[++i], NULL, 10);
        } else {
            fprintf(stderr, "usage: bench_vault [--check] [--json] [--runs N] [--rows N]"
                            " [--folder PATH] | --nonces N\n");
            return 2;
        }
    }
    if (runs < 1 || runs > MEASURE_RUNS_MAX || b.rows < PER_TRANSACTION) {
        fprintf(stderr, "1 to %d runs, and at least %d rows\n", MEASURE_RUNS_MAX, PER_TRANSACTION);
        return 2;
    }
    prepare(&b);
    if (nonces > 0) {
        return count_nonces(&b, nonces);
    }
    b.folder = folder_make(b.folder, "bench_vault.data");
    for (int i = 0; i < runs; i++) {
        b.seed = (uint64_t)i + 1;
        run(&b);
    }
    if (json) {
        measure_print_json(&b.report);
    } else {
        measure_print_text(&b.report);
    }
    return check_budgets && measure_misses(&b.report) > 0 ? 1 : 0;
}
