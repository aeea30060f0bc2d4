/*
 * bench_realign - customers change hands: what it costs headquarters, and what it moves.
 *
 *   bench_realign [--check] [--json] [--runs N] [--rows N] [--folder PATH]
 *
 * Headquarters has 1,000 accounts of one rep, half of them in each of two territories, each with a contact, and visits.
 * Everything runs in this process, without a network: replicas with the device's half of the exchange, `rove-hq`'s commands
 * and its half. The times are headquarters' own: of the command, and of the exchange that follows from its first byte to
 * its last, less what the device does in between. As many runs as --runs are taken, each there and back; figures are
 * medians. "Processor" is time of all threads of headquarters, and has the budgets; the rest is waiting, for the disk and
 * for whoever else uses the machine.
 *
 * What enters costs what it costs: the bytes of a realignment are compared with those of the same accounts when they are
 * given to somebody who has none, and the time of sending as many is taken off.
 */
#include "folder.h"
#include "measure.h"
#include "office.h"
#include "sync/device.h"
#include "sync/server.h"

#include "rove/entities.pb-c.h"

#define REPS      3
#define CHUNK     32768
#define BYTES_MAX ((size_t)256 << 20)

enum { REP, OTHER, THIRD };

typedef struct replica {
    rove__store_ports ports;
    rove_replica number;
    rove__store *store;
} replica;

typedef struct bench {
    measure_report report;
    const char *folder;
    office office;
    rove_id users[REPS];
    rove_id territories[2];
    replica replicas[REPS];
} bench;

/* What one exchange took headquarters, and brought. */
typedef struct cost {
    double seconds, processor;
    uint64_t bytes, applied, removed;
} cost;

static double processor_now(void) {
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* ---- commands ---- */

#define WORDS_MAX 10

/* Runs a command, words divided by blanks; what it said about `member`. */
static double command(bench *b, const char *text, const char *member, char *value,
                      size_t capacity) {
    char words[256];
    char *argv[WORDS_MAX + 1];
    int argc = 0;

    snprintf(words, sizeof words, "%s", text);
    for (char *word = strtok(words, " "); word != NULL && argc < WORDS_MAX;
         word = strtok(NULL, " ")) {
        argv[argc++] = word;
    }
    argv[argc] = NULL;
    double start = measure_now();
    office_run(&b->office, argc, argv, member, value, capacity);
    return measure_now() - start;
}

static rove_id made(bench *b, const char *text) {
    char id[32];

    (void)command(b, text, "id", id, sizeof id);
    return strtoll(id, NULL, 10);
}

/* A command that changes so many accounts, with its figures under this name. */
static void act(bench *b, const char *text, const char *member, int expected, const char *name) {
    char value[32];
    char figure[80];
    double processor = processor_now();
    double seconds = command(b, text, member, value, sizeof value);

    processor = processor_now() - processor;
    if (atoi(value) != expected) {
        fprintf(stderr, "%s: %s instead of %d\n", text, value, expected);
        exit(2);
    }
    if (name == NULL) {
        return;
    }
    snprintf(figure, sizeof figure, "%s: the command", name);
    measure_add(&b->report, figure, seconds * 1e3, "ms", MEASURE_REPORTED, 0);
    snprintf(figure, sizeof figure, "%s: the command, processor", name);
    measure_add(&b->report, figure, processor * 1e3, "ms", MEASURE_AT_MOST, 60);
}

/* ---- an exchange ---- */

typedef struct commit {
    bench *b;
    rove__server *server;
} commit;

static rove_status commit_one(void *ctx, rove__hq_tx *tx, rove_error *error) {
    commit *self = ctx;

    return rove__server_commit(self->server, tx, hq_now_ms(self->b->office.headquarters), error);
}

/* Headquarters' half: the request in, the answer out. */
static void serve(bench *b, const replica *r, const rove__buf *request, rove__buf *answer) {
    hq *headquarters = b->office.headquarters;
    rove__server_ports ports = hq_server_ports(headquarters);
    commit self = {.b = b};
    rove_error error = {0};
    static uint8_t bytes[CHUNK];
    size_t size = 1;

    office_check(rove__server_new(&ports, hq_policy(headquarters), r->number,
                                  hq_now_ms(headquarters), &self.server),
                 &error, "an exchange");
    office_check(rove__server_receive(self.server, request->data, request->size), &error,
                 "receiving");
    office_check(rove__server_received(self.server), &error, "receiving");
    while (rove__server_wants_commit(self.server)) {
        office_check(hq_commit(headquarters, commit_one, &self, &error), &error, "committing");
    }
    while (size > 0) {
        office_check(rove__server_answer(self.server, bytes, sizeof bytes, &size), &error,
                     "answering");
        rove__buf_append(answer, bytes, size);
    }
    rove__server_free(self.server);
}

static void ask(rove__device *device, rove__buf *request) {
    rove_error error = {0};
    static uint8_t bytes[CHUNK];
    size_t size = 1;

    while (size > 0) {
        office_check(rove__device_request(device, bytes, sizeof bytes, &size, &error), &error,
                     "asking");
        rove__buf_append(request, bytes, size);
    }
}

static int exchange(bench *b, replica *r, cost *total) {
    rove__device_options options = {.app = "bench"};
    rove__device_outcome outcome;
    rove__device *device = NULL;
    rove_error error = {0};
    rove__buf request;
    rove__buf answer;

    rove__buf_init(&request, &b->office.ports.allocator, BYTES_MAX);
    rove__buf_init(&answer, &b->office.ports.allocator, BYTES_MAX);
    office_check(rove__device_new(&r->ports, r->store, &options, &device, &error), &error,
                 "an exchange");
    ask(device, &request);
    double start = measure_now();
    double processor = processor_now();
    serve(b, r, &request, &answer);
    total->seconds += measure_now() - start;
    total->processor += processor_now() - processor;
    office_check(rove__device_answer(device, answer.data, answer.size, &error), &error,
                 "taking an answer");
    office_check(rove__device_finish(device, ROVE_OK, &outcome, &error), &error, "an exchange");
    total->bytes += answer.size;
    total->applied += outcome.stats.rows_applied;
    total->removed += outcome.stats.rows_removed;
    if (!outcome.again && !outcome.verified) {
        fprintf(stderr, "an exchange ended without the digests being equal\n");
        exit(2);
    }
    rove__device_free(device);
    rove__buf_free(&request);
    rove__buf_free(&answer);
    return outcome.again;
}

static cost sync_of(bench *b, int who) {
    cost total = {0};

    while (exchange(b, &b->replicas[who], &total)) {
    }
    return total;
}

/* ---- figures ---- */

static void add(bench *b, const char *name, const char *what, double value, const char *unit,
                measure_bound bound, double budget) {
    char figure[80];

    snprintf(figure, sizeof figure, "%s: %s", name, what);
    measure_add(&b->report, figure, value, unit, bound, budget);
}

/* Of what left. */
static void add_left(bench *b, const char *name, const cost *c) {
    add(b, name, "who loses them, exchange", c->seconds * 1e3, "ms", MEASURE_REPORTED, 0);
    add(b, name, "who loses them, processor", c->processor * 1e3, "ms", MEASURE_AT_MOST, 60);
    add(b, name, "who loses them, bytes an account", (double)c->bytes / (VISITS_ACCOUNTS / 2.0),
        "B", MEASURE_REPORTED, 0);
}

/* Of what entered, with what the same costs as a gift. */
static void add_entered(bench *b, const char *name, const cost *c, const cost *gift) {
    add(b, name, "exchange, beyond a gift of as many", (c->seconds - gift->seconds) * 1e3, "ms",
        MEASURE_REPORTED, 0);
    add(b, name, "processor, beyond a gift", (c->processor - gift->processor) * 1e3, "ms",
        MEASURE_AT_MOST, 60);
    add(b, name, "bytes, x of what is new", (double)c->bytes / (double)gift->bytes, "x",
        MEASURE_AT_MOST, 1.1);
    add(b, name, "rows, x of what is new", (double)c->applied / (double)gift->applied, "x",
        MEASURE_AT_MOST, 1.1);
}

/* ---- what is measured ---- */

/* The accounts of a territory, given to somebody who has nothing, and taken away again. */
static cost gift(bench *b, const char *territory) {
    char text[80];

    snprintf(text, sizeof text, "assign third --territory %s --entity account", territory);
    act(b, text, "assigned", VISITS_ACCOUNTS / 2, NULL);
    cost brought = sync_of(b, THIRD);
    act(b, "unassign third --all", "ended", VISITS_ACCOUNTS / 2, NULL);
    (void)sync_of(b, THIRD);
    return brought;
}

/* Both of 500 accounts; territory South is the rep's throughout. */
static void measure_move(bench *b) {
    static const char name[] = "moving 500 of 1,000";
    cost given = gift(b, "N");

    act(b, "reassign --from rep --to other --territory N", "accounts", VISITS_ACCOUNTS / 2, name);
    cost lost = sync_of(b, REP);
    cost got = sync_of(b, OTHER);
    add_left(b, name, &lost);
    add_entered(b, name, &got, &given);
    act(b, "reassign --from other --to rep --territory N", "accounts", VISITS_ACCOUNTS / 2, NULL);
    (void)sync_of(b, OTHER);
    got = sync_of(b, REP);
    add_entered(b, "500 come back to 500", &got, &given);
}

static void measure_revoke(bench *b) {
    static const char name[] = "revoking 500 of 1,000";

    act(b, "unassign rep --territory N", "ended", VISITS_ACCOUNTS / 2, name);
    cost lost = sync_of(b, REP);
    add_left(b, name, &lost);
    act(b, "assign rep --territory N --entity account", "assigned", VISITS_ACCOUNTS / 2, NULL);
    (void)sync_of(b, REP);
}

/* Each gives the other 500 on one night. */
static void measure_swap(bench *b) {
    static const char name[] = "swapping 500 for 500";
    cost given = gift(b, "S");

    act(b, "reassign --from rep --to other --territory S", "accounts", VISITS_ACCOUNTS / 2, NULL);
    (void)sync_of(b, REP);
    (void)sync_of(b, OTHER);
    act(b, "reassign --from rep --to third --territory N", "accounts", VISITS_ACCOUNTS / 2, NULL);
    act(b, "reassign --from other --to rep --territory S", "accounts", VISITS_ACCOUNTS / 2, NULL);
    act(b, "reassign --from third --to other --territory N", "accounts", VISITS_ACCOUNTS / 2, NULL);
    cost swapped = sync_of(b, REP);
    add_entered(b, name, &swapped, &given);
    (void)sync_of(b, OTHER);
    act(b, "reassign --from other --to rep --territory N", "accounts", VISITS_ACCOUNTS / 2, NULL);
    (void)sync_of(b, OTHER);
    (void)sync_of(b, REP);
}

/* To somebody else and back while the device is away. */
static void measure_return(bench *b) {
    static const char name[] = "500 there and back within one absence";

    act(b, "reassign --from rep --to other --territory N", "accounts", VISITS_ACCOUNTS / 2, NULL);
    act(b, "reassign --from other --to rep --territory N", "accounts", VISITS_ACCOUNTS / 2, NULL);
    cost c = sync_of(b, REP);
    add(b, name, "exchange", c.seconds * 1e3, "ms", MEASURE_REPORTED, 0);
    add(b, name, "processor", c.processor * 1e3, "ms", MEASURE_AT_MOST, 60);
    add(b, name, "bytes an account", (double)c.bytes / (VISITS_ACCOUNTS / 2.0), "B",
        MEASURE_REPORTED, 0);
    (void)sync_of(b, OTHER);
}

/* ---- making it ---- */

static rove_status put_contact(office_job *job, rove__writer *writer, int n, rove_error *error) {
    rove__row *contact = office_row(job, "Contact");
    rove__row *role = office_row(job, "AccountContactRole");
    char name[32];

    snprintf(name, sizeof name, "Contact %d", n);
    office_set(contact, "last_name", rove__value_text(name));
    rove_status status = rove__writer_insert(writer, contact, error);
    if (status == ROVE_OK) {
        office_set(role, "account_id", rove__value_int(job->office->accounts[n]));
        office_set(role, "contact_id", rove__value_int(contact->id));
        status = rove__writer_insert(writer, role, error);
    }
    return status;
}

static bench *placing;

/* Owner and territory of the accounts that office.h has made. */
static rove_status place(office_job *job, rove__writer *writer, int n, rove_error *error) {
    rove__row *row = office_row(job, "Account");
    size_t changed = 0;

    row->id = job->office->accounts[n];
    office_set(row, "owner_id", rove__value_int(job->office->user));
    office_set(row, "territory_id",
               rove__value_int(placing->territories[n < VISITS_ACCOUNTS / 2 ? 0 : 1]));
    office_set(row, "billing_street", rove__value_text("12, rue de la Gare"));
    office_set(row, "billing_city", rove__value_text("Lyon"));
    return rove__writer_update(writer, row, &changed, error);
}

typedef struct registering {
    bench *b;
    rove__hq_device device;
} registering;

static rove_status put_device(void *ctx, rove__hq_tx *tx, rove_error *error) {
    registering *self = ctx;

    (void)error;
    return hq_database(self->b->office.headquarters)->store.device_put(tx, &self->device);
}

static void open_replica(bench *b, int who) {
    static const char *const names[] = {"rep", "other", "third"};
    replica *r = &b->replicas[who];
    rove__store_owner owner = {(rove_replica)(1000 + who), b->users[who]};
    registering self = {
        b, {.replica = owner.replica, .user = owner.user, .status = ROVE_DEVICE_ACTIVE}};
    hq_ports *ports = &b->office.ports;
    rove_error error = {0};
    char path[500];

    r->number = owner.replica;
    r->ports = (rove__store_ports){.allocator = &ports->allocator,
                                   .clock = &ports->clock,
                                   .random = &ports->random,
                                   .files = &ports->files,
                                   .crypto = &ports->crypto,
                                   .log = &ports->log};
    snprintf(path, sizeof path, "%s/%s", b->folder, names[who]);
    office_check(hq_commit(b->office.headquarters, put_device, &self, &error), &error,
                 "registering a device");
    office_check(rove__store_open(&r->ports, path, &r->store, &error), &error, "opening a replica");
    office_check(rove__store_set_owner(r->store, &owner, &error), &error, "opening a replica");
    (void)sync_of(b, who);
}

static void prepare(bench *b, int rows) {
    office *o = &b->office;
    rove_error error = {0};

    b->folder = folder_make(b->folder, "bench_realign.data");
    office_prepare(o, b->folder);
    office_fill(o, rows, 0);
    office_check(hq_open(&o->ports, o->folder, &o->headquarters, &error), &error, "opening it");
    b->users[REP] = o->user;
    b->users[OTHER] = made(b, "users add other");
    b->users[THIRD] = made(b, "users add third");
    b->territories[0] = made(b, "add territory name=North external_id=N");
    b->territories[1] = made(b, "add territory name=South external_id=S");
    placing = b;
    office_put(o, VISITS_ACCOUNTS, place);
    office_put(o, VISITS_ACCOUNTS, put_contact);
    for (int i = 0; i < REPS; i++) {
        open_replica(b, i);
    }
}

static void close_all(bench *b) {
    for (int i = 0; i < REPS; i++) {
        rove__store_close(b->replicas[i].store);
    }
    hq_close(b->office.headquarters);
    rove_posix_crypto_free(&b->office.ports.crypto);
    free(b->office.visits);
}

int main(int argc, char **argv) {
    static bench b = {.folder = "."};
    int check_budgets = 0;
    int json = 0;
    int runs = 3;
    int rows = 20000;

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--check") == 0) {
            check_budgets = 1;
        } else if (strcmp(argv[i], "--json") == 0) {
            json = 1;
        } else if (strcmp(argv[i], "--runs") == 0 && i + 1 < argc) {
            runs = (int)strtol(argv[++i], NULL, 10);
        } else if (strcmp(argv[i], "--rows") == 0 && i + 1 < argc) {
            rows = (int)strtol(argv[++i], NULL, 10);
        } else if (strcmp(argv[i], "--folder") == 0 && i + 1 < argc) {
            b.folder = argv[++i];
        } else {
            runs = 0;
        }
    }
    if (runs < 1 || runs > MEASURE_RUNS_MAX || rows < 1 || rows > VISITS) {
        fprintf(stderr, "usage: bench_realign [--check] [--json] [--runs N] [--rows N]"
                        " [--folder PATH]\n");
        return 2;
    }
    prepare(&b, rows);
    for (int i = 0; i < runs; i++) {
        measure_move(&b);
        measure_revoke(&b);
        measure_swap(&b);
        measure_return(&b);
    }
    close_all(&b);
    if (json) {
        measure_print_json(&b.report);
    } else {
        measure_print_text(&b.report);
    }
    return check_budgets && measure_misses(&b.report) > 0 ? 1 : 0;
}
