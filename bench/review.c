/*
 * bench_review - what a person has to decide about: pages of 10,000 conflicts, at headquarters and on a device.
 *
 *   bench_review [--check] [--json] [--runs N] [--folder PATH] [--hq PROGRAM]
 *
 * Headquarters holds the conflicts, a tenth of them open at the very end, and prints pages of 100 as its command does; the device has them
 * from a sync and lists the same pages. Folder and --check as in bench_sync.
 */
#include "device.h"
#include "measure.h"
#include "office.h"

#include "rove/entities.pb-c.h"

#define CONFLICTS 10000
#define SETTLED   9000
#define PAGE      100

typedef struct bench {
    measure_report report;
    const char *folder;
    office office;
    device device;
} bench;

/* How long each page of a list took. */
typedef struct pages {
    double seconds[CONFLICTS / PAGE + 1];
    size_t count;
} pages;

static void pages_add(pages *p, double seconds) {
    if (p->count == sizeof p->seconds / sizeof p->seconds[0]) {
        fprintf(stderr, "the list does not end\n");
        exit(2);
    }
    p->seconds[p->count++] = seconds;
}

static void pages_report(bench *b, pages *p, const char *name) {
    char slow[80];

    snprintf(slow, sizeof slow, "%s, p99", name);
    measure_add(&b->report, name, measure_percentile(p->seconds, p->count, 0.5) * 1e3, "ms",
                MEASURE_AT_MOST, 20);
    measure_add(&b->report, slow, measure_percentile(p->seconds, p->count, 0.99) * 1e3, "ms",
                MEASURE_REPORTED, 0);
}

/* ---- filling ---- */

static rove_value packed(office_job *job, int n, const char *what) {
    char text[64];
    rove__buf buf;

    snprintf(text, sizeof text, "+49 30 %s %d", what, n);
    rove_value value = rove__value_text(text);
    rove__buf_init(&buf, &job->office->ports.allocator, 256);
    rove__value_write(&buf, &value);
    const void *copy = rove__arena_copy(&job->arena, buf.data, buf.size);
    value = rove__value_bytes(ROVE_BLOB, copy, buf.size);
    rove__buf_free(&buf);
    return value;
}

static rove_status put_conflict(office_job *job, rove__writer *writer, int n, rove_error *error) {
    const rove__entity *account =
        rove__registry_by_name(hq_registry(job->office->headquarters), "Account");
    rove__row *row = office_row(job, "Conflict");
    rove_id about = job->office->accounts[n % VISITS_ACCOUNTS];
    int phone = rove__entity_field_named(account, "phone");
    int64_t at_ms = VISITS_START_MS + n * INT64_C(1000);

    office_set(row, "about_id", rove__value_int(about));
    office_set(row, "record_entity", rove__value_int(account->number));
    office_set(row, "record_id", rove__value_int(about));
    office_set(row, "field_number", rove__value_int(account->fields[phone].number));
    office_set(row, "kind", rove__value_int(ROVE__CONFLICT__KIND__REGISTER_WRITE));
    office_set(row, "kept_value", packed(job, n, "kept"));
    office_set(row, "kept_stamp", rove__value_int((int64_t)rove__stamp_make(at_ms, 1)));
    office_set(row, "kept_raw_at", rove__value_int(at_ms));
    office_set(row, "kept_replica", rove__value_int(1000 + n % 50));
    office_set(row, "kept_user_id", rove__value_int(job->office->user));
    office_set(row, "lost_value", packed(job, n, "lost"));
    office_set(row, "lost_stamp", rove__value_int((int64_t)rove__stamp_make(at_ms - 60000, 1)));
    office_set(row, "lost_raw_at", rove__value_int(at_ms - 60000));
    office_set(row, "lost_replica", rove__value_int(1000 + n % 49));
    office_set(row, "lost_user_id", rove__value_int(job->office->user));
    office_set(row, "status",
               rove__value_int(n < SETTLED ? ROVE__CONFLICT__STATUS__DISMISSED
                                           : ROVE__CONFLICT__STATUS__OPEN));
    return rove__writer_insert(writer, row, error);
}

/* ---- headquarters ---- */

typedef struct said {
    char tail[64]; /* of the complaints: "More follow: --after N" */
    size_t bytes;
} said;

static void hear(void *ctx, const char *bytes, size_t size) {
    said *s = ctx;

    (void)bytes;
    s->bytes += size;
}

static void hear_tail(void *ctx, const char *bytes, size_t size) {
    said *s = ctx;

    snprintf(s->tail, sizeof s->tail, "%.*s", (int)size, bytes);
}

/* One page as the command prints it; where the next one begins, or 0. */
static int64_t office_page(office *o, int64_t after, int all, int json, double *seconds) {
    char number[32];
    char words[][12] = {"conflicts", "--limit", "100", "--after", "--all"};
    char *argv[] = {words[0], words[1], words[2], words[3], number, words[4], NULL};
    said s = {{0}, 0};
    hq_io io = {.out = hear,
                .err = hear_tail,
                .ctx = &s,
                .json = json,
                .operator_name = "bench",
                .directory = "."};

    snprintf(number, sizeof number, "%lld", (long long)after);
    double start = measure_now();
    int code = hq_command_named("conflicts")->run(o->headquarters, &io, all ? 6 : 5, argv);
    *seconds = measure_now() - start;
    if (code != HQ_EXIT_DONE || s.bytes == 0) {
        fprintf(stderr, "rove-hq conflicts: exit code %d: %s\n", code, s.tail);
        exit(2);
    }
    const char *at = strstr(s.tail, "--after ");
    return at != NULL ? strtoll(at + 8, NULL, 10) : 0;
}

static void measure_office(bench *b, const char *name, int all, int json) {
    int64_t after = 0;
    pages taken = {.count = 0};

    do {
        double seconds = 0;
        after = office_page(&b->office, after, all, json, &seconds);
        pages_add(&taken, seconds);
    } while (after != 0);
    if (taken.count != (all ? CONFLICTS : CONFLICTS - SETTLED) / PAGE) {
        fprintf(stderr, "headquarters gave %zu pages\n", taken.count);
        exit(2);
    }
    pages_report(b, &taken, name);
}

/* ---- the device ---- */

typedef struct listed {
    size_t count;
    rove_id last;
} listed;

static rove_status take(void *ctx, const rove_conflict *conflict) {
    listed *l = ctx;

    l->count++;
    l->last = conflict->number;
    return conflict->lost.type == ROVE_TEXT ? ROVE_OK : ROVE_CORRUPT;
}

static void measure_device(bench *b, const char *name, int open) {
    rove_conflict_filter filter = {.size = sizeof filter, .open = open, .limit = PAGE};
    pages taken = {.count = 0};
    size_t count = 0;
    listed l = {0, 0};
    rove_error error = {0};

    do {
        l.count = 0;
        filter.after = l.last;
        double start = measure_now();
        check(rove_conflicts(b->device.replica, &filter, take, &l, &error), &error, "a page");
        pages_add(&taken, measure_now() - start);
        count += l.count;
    } while (l.count == PAGE);
    if (count != (open ? CONFLICTS - SETTLED : CONFLICTS)) {
        fprintf(stderr, "the device listed %zu conflicts\n", count);
        exit(2);
    }
    pages_report(b, &taken, name);
}

/* ---- a run ---- */

static void prepare(bench *b, const char *program, int runs) {
    office *o = &b->office;
    rove_error error = {0};

    b->folder = folder_make(b->folder, "bench_review.data");
    office_prepare(o, b->folder);
    office_fill(o, 1, 1);
    office_check(hq_open(&o->ports, o->folder, &o->headquarters, &error), &error, "opening it");
    office_put(o, CONFLICTS, put_conflict);
    for (int i = 0; i < runs; i++) {
        measure_office(b, "a page of conflicts at headquarters, as text", 1, 0);
        measure_office(b, "a page of conflicts at headquarters, as JSON", 1, 1);
        measure_office(b, "a page of open conflicts at headquarters", 0, 1);
    }
    hq_close(o->headquarters);
    office_serve(o, program);
    device_open(&b->device, o, b->folder, "device");
    check(rove_sync(b->device.replica, NULL, NULL, &error), &error, "a sync");
    for (int i = 0; i < runs; i++) {
        measure_device(b, "a page of conflicts on a device", 0);
        measure_device(b, "a page of open conflicts on a device", 1);
    }
    device_close(&b->device);
}

int main(int argc, char **argv) {
    static bench b = {.folder = "."};
    char beside[PATH_MAX];
    const char *program = office_program(argv[0], beside, sizeof beside);
    int check_budgets = 0;
    int json = 0;
    int runs = 3;

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--check") == 0) {
            check_budgets = 1;
        } else if (strcmp(argv[i], "--json") == 0) {
            json = 1;
        } else if (strcmp(argv[i], "--runs") == 0 && i + 1 < argc) {
            runs = (int)strtol(argv[++i], NULL, 10);
        } else if (strcmp(argv[i], "--folder") == 0 && i + 1 < argc) {
            b.folder = argv[++i];
        } else if (strcmp(argv[i], "--hq") == 0 && i + 1 < argc) {
            program = argv[++i];
        } else {
            runs = 0;
        }
    }
    if (runs < 1 || runs > MEASURE_RUNS_MAX) {
        fprintf(stderr, "usage: bench_review [--check] [--json] [--runs N] [--folder PATH]"
                        " [--hq PROGRAM]\n");
        return 2;
    }
    prepare(&b, program, runs);
    office_end();
    if (json) {
        measure_print_json(&b.report);
    } else {
        measure_print_text(&b.report);
    }
    return check_budgets && measure_misses(&b.report) > 0 ? 1 : 0;
}
