/*
 * bench_sync - devices and headquarters over TLS on loopback: the program `rove-hq` as a child, and librove with the POSIX
 * ports here.
 *
 *   bench_sync [--check] [--json] [--runs N] [--rows N] [--folder PATH] [--hq PROGRAM]
 *
 * Headquarters holds the visits of office.h. Each run takes, in turns with a plain upsert of the same rows in the order of
 * their ids (visits.h), the first sync of a fresh device, that of another one whose rep goes on writing, and the same
 * download without applying it; then come syncs with nothing new, with offline writes, and with long notes.
 *
 * --check exits with 1 if a budget is missed. PROGRAM is $ROVE_HQ_BIN or ../bin/rove-hq beside this one unless told.
 * PATH, the current folder unless told, should lie on the kind of disk that matters; bench_sync.data in it is removed
 * before and after.
 */
#include <pthread.h>
#include <stdatomic.h>

#include "device.h"
#include "measure.h"
#include "office.h"

#define OFFLINE_WRITES        1000
#define PER_TRANSACTION       1000
#define NOTE_BYTES            16384
#define NOTES_PER_TRANSACTION 8
#define NOTES                 1024 /* 16 MiB */
#define EDITS                 10000
#define REP_WRITES_MAX        4096
#define DEVICES_PER_RUN       3
#define REP_PAUSE_NS          2000000

typedef struct bench {
    measure_report report;
    int rows;
    const char *folder;
    office office;
    const rove__registry *registry;
} bench;

/* Seconds of processor time that this process has used. */
static double processor_now(void) {
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Seconds. */
static double device_sync(device *d, rove_sync_report *report) {
    rove_error error = {0};
    double start = measure_now();

    check(rove_sync(d->replica, NULL, report, &error), &error, "a sync");
    double seconds = measure_now() - start;
    if (!report->verified) {
        fprintf(stderr, "rove: a sync ended without the digests being compared\n");
        exit(2);
    }
    return seconds;
}

static rove_id device_task(device *d, const bench *b, const char *subject, rove_id about) {
    rove_error error = {0};
    rove_id id = 0;
    rove_field fields[] = {{"about_id", rove_int(about)},
                           {"assigned_to_id", rove_int(b->office.user)},
                           {"subject", rove_text(subject)}};

    check(rove_insert(d->replica, "Task", fields, 3, &id, &error), &error, "writing");
    return id;
}

/* ---- a first sync ---- */

static double plain_seconds(bench *b) {
    char path[500];
    plain target;

    snprintf(path, sizeof path, "%s/plain.db", b->folder);
    plain_open(&target, path, rove__registry_by_name(b->registry, "Visit"), 0);
    double start = measure_now();
    for (int i = 0; i < b->rows; i++) {
        if (i % PER_TRANSACTION == 0) {
            plain_run(&target, target.begin);
        }
        visit v = office_visit(&b->office, i);
        plain_put(&target, target.upsert, &v);
        if ((i + 1) % PER_TRANSACTION == 0 || i + 1 == b->rows) {
            plain_run(&target, target.commit);
        }
    }
    double seconds = measure_now() - start;
    plain_close(&target);
    return seconds;
}

static void measure_first(bench *b) {
    device d;
    rove_sync_report report = {0};
    double upsert = plain_seconds(b);

    device_open(&d, &b->office, b->folder, "first");
    office_memory memory = office_memory_begin(&b->office);
    size_t before = counting_restart(&d.memory);
    double processor = processor_now();
    double seconds = device_sync(&d, &report);
    processor = processor_now() - processor;
    office_memory_end(&b->office, &memory);
    measure_add(&b->report, "first sync of 100k rows: processor time of the device", processor, "s",
                MEASURE_REPORTED, 0);
    measure_add(&b->report, "first sync of 100k rows", seconds, "s", MEASURE_AT_MOST, 1.0);
    measure_add(&b->report, "first sync of 100k rows, x plain upsert", seconds / upsert, "x",
                MEASURE_AT_MOST, 4.0);
    measure_add(&b->report, "rows received, x rows held",
                (double)report.rows_applied / (double)(b->rows + VISITS_ACCOUNTS), "x",
                MEASURE_REPORTED, 0);
    measure_add(&b->report, "requests of a first sync", (double)report.requests, "",
                MEASURE_REPORTED, 0);
    measure_add(&b->report, "bytes received for a row", (double)report.bytes_received / b->rows,
                "B", MEASURE_REPORTED, 0);
    measure_add(&b->report, "peak memory of the device, above SQLite's own",
                (double)(atomic_load(&d.memory.most) - before) / 1048576, "MiB", MEASURE_AT_MOST,
                16);
    measure_add(&b->report, "memory of headquarters: growth while they go out", memory.growth,
                "MiB", MEASURE_AT_MOST, 16);
    measure_add(&b->report, "memory of headquarters: its database's then", memory.database, "MiB",
                MEASURE_AT_MOST, 32);
    device_close(&d);
}

/* ---- the rep at work meanwhile ---- */

typedef struct rep {
    bench *b;
    device *d;
    atomic_int stop;
    double waits[REP_WRITES_MAX];
    size_t count;
} rep;

static void *rep_at_work(void *ctx) {
    rep *r = ctx;
    const struct timespec pause = {0, REP_PAUSE_NS};

    while (!r->stop && r->count < REP_WRITES_MAX) {
        double start = measure_now();
        (void)device_task(r->d, r->b, "Call back", r->b->office.user);
        r->waits[r->count++] = measure_now() - start;
        (void)nanosleep(&pause, NULL);
    }
    return NULL;
}

static void measure_rep(bench *b) {
    static rep r;
    device d;
    rove_sync_report report = {0};
    rove_error error = {0};
    pthread_t thread;

    memset(&r, 0, sizeof r);
    device_open(&d, &b->office, b->folder, "meanwhile");
    r.b = b;
    r.d = &d;
    if (pthread_create(&thread, NULL, rep_at_work, &r) != 0) {
        exit(2);
    }
    check(rove_sync(d.replica, NULL, &report, &error), &error, "a sync beside a rep at work");
    r.stop = 1;
    (void)pthread_join(thread, NULL);
    measure_add(&b->report, "a put during the first sync, p50",
                measure_percentile(r.waits, r.count, 0.5) * 1e3, "ms", MEASURE_REPORTED, 0);
    measure_add(&b->report, "a put during the first sync, p99",
                measure_percentile(r.waits, r.count, 0.99) * 1e3, "ms", MEASURE_AT_MOST, 20);
    device_close(&d);
}

/* ---- headquarters alone ---- */

typedef struct download {
    rove_exchange *exchange;
    size_t bytes;
} download;

static rove_status download_ask(void *ctx, void *bytes, size_t capacity, size_t *size) {
    download *self = ctx;
    rove_error error;

    return rove_exchange_request(self->exchange, bytes, capacity, size, &error);
}

static rove_status download_drop(void *ctx, const void *bytes, size_t size) {
    download *self = ctx;

    (void)bytes;
    self->bytes += size;
    return ROVE_OK;
}

/* The answer of a first sync, received and thrown away. */
static void measure_out(bench *b) {
    device d;
    download self = {0};
    rove_request request;
    rove_response response = {0};
    rove_error error = {0};
    int again = 0;

    device_open(&d, &b->office, b->folder, "out");
    check(rove_exchange_new(d.replica, 0, &self.exchange, &error), &error, "an exchange");
    check(rove_exchange_target(self.exchange, &request, &error), &error, "an exchange");
    request.read_body = download_ask;
    request.write_answer = download_drop;
    request.ctx = &self;
    double start = measure_now();
    check(d.ports.transport.perform(d.ports.transport.ctx, &request, &response, &error), &error,
          "a request");
    double seconds = measure_now() - start;
    measure_add(&b->report, "rows out of headquarters, a second", b->rows / seconds / 1e3, "k",
                MEASURE_AT_LEAST, 200);
    rove_sync_report report = {0};
    if (rove_exchange_finish(self.exchange, ROVE_CANCELLED, &again, &report, &error) !=
        ROVE_CANCELLED) {
        exit(2);
    }
    device_close(&d);
}

/* ---- afterwards ---- */

static void measure_nothing_new(bench *b, device *d) {
    rove_sync_report report = {0};
    double seconds = device_sync(d, &report);

    measure_add(&b->report, "nothing new", seconds * 1e3, "ms", MEASURE_REPORTED, 0);
    measure_add(&b->report, "nothing new: requests", (double)report.requests, "", MEASURE_AT_MOST,
                1);
    measure_add(&b->report, "nothing new: bytes sent", (double)report.bytes_sent, "B",
                MEASURE_AT_MOST, 700);
    measure_add(&b->report, "nothing new: bytes received", (double)report.bytes_received, "B",
                MEASURE_AT_MOST, 700);
}

static void measure_writes(bench *b, device *d) {
    rove_sync_report report = {0};

    for (int i = 0; i < OFFLINE_WRITES; i++) {
        (void)device_task(d, b, "Call back about the contract before noon",
                          b->office.accounts[i % VISITS_ACCOUNTS]);
    }
    double seconds = device_sync(d, &report);
    measure_add(&b->report, "1,000 offline writes to headquarters", seconds, "s", MEASURE_AT_MOST,
                0.3);
    measure_add(&b->report, "1,000 offline writes: requests", (double)report.requests, "",
                MEASURE_AT_MOST, 1);
    measure_add(&b->report, "1,000 offline writes: bytes sent for a row",
                (double)report.bytes_sent / OFFLINE_WRITES, "B", MEASURE_REPORTED, 0);
}

/* Letters that cannot be compressed much. */
static void write_notes(bench *b, device *d, int count) {
    static char text[NOTE_BYTES + 1];
    static uint64_t state = 7;
    rove_error error = {0};

    check(rove_begin(d->replica, &error), &error, "beginning");
    for (int i = 0; i < count; i++) {
        rove_id id = 0;
        for (int c = 0; c < NOTE_BYTES; c++) {
            text[c] = (char)('0' + visits_random(&state) % 75);
        }
        rove_field fields[] = {{"about_id", rove_int(b->office.accounts[i % VISITS_ACCOUNTS])},
                               {"created_at", rove_int(VISITS_START_MS)},
                               {"text", rove_text(text)}};
        check(rove_insert(d->replica, "Note", fields, 3, &id, &error), &error, "writing");
        if (i % NOTES_PER_TRANSACTION == NOTES_PER_TRANSACTION - 1) {
            check(rove_commit(d->replica, &error), &error, "committing");
            check(rove_begin(d->replica, &error), &error, "beginning");
        }
    }
    check(rove_commit(d->replica, &error), &error, "committing");
}

typedef struct pushed {
    double seconds, device_mib;
    office_memory office;
    uint64_t requests;
} pushed;

static pushed push(bench *b, device *d) {
    rove_sync_report report = {0};
    pushed found = {.office = office_memory_begin(&b->office)};

    (void)counting_restart(&d->memory);
    found.seconds = device_sync(d, &report);
    found.requests = report.requests;
    found.device_mib = (double)atomic_load(&d->memory.most) / 1048576;
    office_memory_end(&b->office, &found.office);
    return found;
}

/* Twice as much takes no more memory. */
static void measure_push(bench *b, device *d) {
    write_notes(b, d, NOTES);
    pushed once = push(b, d);
    write_notes(b, d, 2 * NOTES);
    pushed twice = push(b, d);

    measure_add(&b->report, "16 MiB of notes to headquarters", once.seconds, "s", MEASURE_REPORTED,
                0);
    measure_add(&b->report, "16 MiB of notes: requests", (double)once.requests, "",
                MEASURE_REPORTED, 0);
    measure_add(&b->report, "16 MiB of notes: memory of the device", once.device_mib, "MiB",
                MEASURE_AT_MOST, 4);
    measure_add(&b->report, "16 MiB of notes: growth of headquarters", once.office.growth, "MiB",
                MEASURE_AT_MOST, 16);
    measure_add(&b->report, "16 MiB of notes: headquarters' database's memory",
                once.office.database, "MiB", MEASURE_AT_MOST, 32);
    measure_add(&b->report, "16 MiB of notes: all memory of headquarters", once.office.most, "MiB",
                MEASURE_REPORTED, 0);
    measure_add(&b->report, "32 MiB of notes: memory of the device, x 16 MiB",
                twice.device_mib / once.device_mib, "x", MEASURE_AT_MOST, 1.25);
    measure_add(&b->report, "32 MiB of notes: all memory of headquarters, x 16 MiB",
                twice.office.most / once.office.most, "x", MEASURE_AT_MOST, 1.25);
}

/* Rows that lie all over headquarters' file are changed. */
static void measure_edits(bench *b, device *d) {
    rove_error error = {0};

    for (int i = 0; i < EDITS && i < b->rows; i++) {
        static int number;
        char text[64];
        snprintf(text, sizeof text, "Ask for the contract that ends soon, no. %d", ++number);
        rove_field fields[] = {{"instruction", rove_text(text)}};
        rove_id id = b->office.visits[(int)((int64_t)i * b->rows / EDITS) % b->rows];
        if (i % PER_TRANSACTION == 0) {
            check(rove_begin(d->replica, &error), &error, "beginning");
        }
        check(rove_update(d->replica, "Visit", id, fields, 1, &error), &error, "writing");
        if (i % PER_TRANSACTION == PER_TRANSACTION - 1 || i + 1 == b->rows) {
            check(rove_commit(d->replica, &error), &error, "committing");
        }
    }
    pushed edits = push(b, d);
    measure_add(&b->report, "10,000 edits to headquarters", edits.seconds, "s", MEASURE_REPORTED,
                0);
    measure_add(&b->report, "10,000 edits: memory of the device", edits.device_mib, "MiB",
                MEASURE_AT_MOST, 4);
    measure_add(&b->report, "10,000 edits: growth of headquarters", edits.office.growth, "MiB",
                MEASURE_AT_MOST, 16);
    measure_add(&b->report, "10,000 edits: headquarters' database's memory", edits.office.database,
                "MiB", MEASURE_AT_MOST, 32);
}

static void measure_afterwards(bench *b, int runs) {
    device d;
    rove_sync_report report = {0};

    device_open(&d, &b->office, b->folder, "afterwards");
    (void)device_sync(&d, &report);
    for (int i = 0; i < runs; i++) {
        measure_nothing_new(b, &d);
        measure_writes(b, &d);
    }
    for (int i = 0; i < runs; i++) {
        measure_push(b, &d);
        measure_edits(b, &d);
    }
    device_close(&d);
}

/* ---- a run ---- */

static void prepare(bench *b, int runs, const char *program) {
    office *o = &b->office;
    rove_error error = {0};
    rove__registry *registry = NULL;

    b->folder = folder_make(b->folder, "bench_sync.data");
    office_prepare(o, b->folder);
    check(rove__registry_new(&o->ports.allocator, &registry), &error, "the registry");
    b->registry = registry;
    office_fill(o, b->rows, runs * DEVICES_PER_RUN + 1);
    office_serve(o, program);
}

static int usage(void) {
    fprintf(stderr, "usage: bench_sync [--check] [--json] [--runs N] [--rows N] [--folder PATH]"
                    " [--hq PROGRAM]\n");
    return 2;
}

int main(int argc, char **argv) {
    static bench b;
    char beside[PATH_MAX];
    const char *program = office_program(argv[0], beside, sizeof beside);
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
            b.rows = (int)strtol(argv[++i], NULL, 10);
        } else if (strcmp(argv[i], "--folder") == 0 && i + 1 < argc) {
            b.folder = argv[++i];
        } else if (strcmp(argv[i], "--hq") == 0 && i + 1 < argc) {
            program = argv[++i];
        } else {
            return usage();
        }
    }
    if (runs < 1 || runs > MEASURE_RUNS_MAX || b.rows < 1) {
        return usage();
    }
    prepare(&b, runs, program);
    for (int i = 0; i < runs; i++) {
        measure_first(&b);
        measure_rep(&b);
        measure_out(&b);
    }
    measure_afterwards(&b, runs);
    office_end();
    if (json) {
        measure_print_json(&b.report);
    } else {
        measure_print_text(&b.report);
    }
    return check_budgets && measure_misses(&b.report) > 0 ? 1 : 0;
}
